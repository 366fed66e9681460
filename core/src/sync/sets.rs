//! How two sides make their sets of statements and of certificates equal: names piece by piece, then what is lacking.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::message::{Message, Name, SetOf};
use super::request::Request;
use super::session::Session;
use crate::log::Certificate;

/// What a set of the peer's lacks of ours.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    pub(super) names: Arc<BTreeSet<Name>>,
    /// The peer has said all its names, and what it lacks is being said.
    pub(super) telling: bool,
    /// The next piece is being read.
    pub(super) reading: bool,
}

impl Session {
    /// The next names of one of our sets are said, and those behind them once these have left.
    pub(super) fn named(&mut self, of: SetOf, after: Option<Name>, names: Vec<Name>, more: bool) {
        if let Some(last) = names.last().filter(|_| more) {
            self.requests.push(Request::Sets(of, Some(*last)));
        }
        self.send(&Message::Sets { of, after, names, more });
    }

    /// A piece of what the peer's set lacks is said.
    pub(super) fn told(&mut self, names: Vec<Name>, statements: Vec<Vec<u8>>, certificates: Vec<Certificate>) {
        let Some(lacking) = self.lacking.iter_mut().find(|lacking| lacking.reading) else { return };
        let left = Arc::make_mut(&mut lacking.names);
        names.iter().for_each(|name| {
            left.remove(name);
        });
        let more = !left.is_empty() && !names.is_empty();
        (lacking.reading, lacking.telling) = (false, more);
        self.answer(&Message::Missing { statements, certificates, more });
    }

    /// Reads the next piece of what the peer's sets lack, once the last one has left.
    pub(super) fn tell_step(&mut self) {
        if self.answers_wait() || self.close.is_some() || self.lacking.iter().any(|lacking| lacking.reading) {
            return;
        }
        for (of, lacking) in [SetOf::Statements, SetOf::Certificates].into_iter().zip(&mut self.lacking) {
            if lacking.telling {
                lacking.reading = true;
                self.requests.push(Request::Missing(of, lacking.names.clone()));
                return;
            }
        }
    }
}
