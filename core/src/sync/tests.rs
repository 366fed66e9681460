//! What two sessions do when equal logs give unequal digests.

use std::sync::Arc;

use super::*;
use crate::crypto::HashKey;
use crate::error::Result;
use crate::id::{BlobId, EntryId};
use crate::log::Operation;
use crate::store::blobs::Taken;
use crate::store::conformance::world::{Doc, Journal, Seeded, key};
use crate::store::rules::{self, Identity};
use crate::store::{MemoryStore, Setting, StorageExt, WantedBlob};
use crate::time::Entropy;

/// There are no attachments in these stories.
#[derive(Debug)]
struct NoBlobs;

impl BlobBytes for NoBlobs {
    fn read(&self, _: &WantedBlob, _: &[u32]) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
    fn store(&self, _: &WantedBlob, _: &[(u32, &[u8])], _: &mut dyn Entropy) -> Result<Taken> {
        Ok(Taken::default())
    }
    fn finish(&self, _: &WantedBlob) -> Result<()> {
        Ok(())
    }
    fn remove(&self, _: EntryId, _: BlobId) -> Result<()> {
        Ok(())
    }
}

struct Side {
    store: Arc<MemoryStore>,
    identity: Identity,
    entropy: Seeded,
    session: Session,
    events: Vec<Event>,
}

impl Side {
    fn new(journal: &Journal, seed: u8) -> Self {
        let store = Arc::new(MemoryStore::new());
        let identity = journal.settle(&*store, seed);
        let session = Session::new(Config::new(Mode::Live));
        Self { store, identity, entropy: Seeded::new(seed.into()), session, events: Vec::new() }
    }

    fn write(&mut self, entry: u8, text: &str) {
        let chunk = Doc::new(entry.into()).write(text);
        let change = Operation::change(EntryId::from_bytes([entry; 16]), chunk, Vec::new(), Vec::new()).unwrap();
        self.store.write(|tx| rules::append(tx, &self.identity, &mut self.entropy, vec![change])).unwrap();
    }

    fn held(&self) -> usize {
        self.store.read(|tx| tx.documents()).unwrap().len()
    }

    /// Every step that is possible; the bytes for the other side.
    fn step(&mut self, peer: u8) -> Vec<u8> {
        while let Some(request) = self.session.poll_request() {
            let peer = key(peer).id();
            let reply = serve_request(&*self.store, &NoBlobs, &self.identity, &mut self.entropy, &peer, request);
            self.session.reply(reply.unwrap());
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
        std::iter::from_fn(|| self.session.poll_transmit(Stream::Control, 1 << 16)).flatten().collect()
    }
}

/// Passes bytes on until neither side has any more to say.
fn talk(a: &mut Side, b: &mut Side) {
    for _ in 0..200 {
        let (to_b, to_a) = (a.step(2), b.step(1));
        if to_a.is_empty() && to_b.is_empty() {
            return;
        }
        b.session.receive(Stream::Control, &to_b).unwrap();
        a.session.receive(Stream::Control, &to_a).unwrap();
    }
    panic!("the two never come to rest");
}

fn two() -> (Side, Side) {
    let journal = Journal::new(&[1, 2]);
    (Side::new(&journal, 1), Side::new(&journal, 2))
}

#[test]
fn a_wrong_digest_is_made_again_from_the_headers_and_both_are_equal() {
    let (mut a, mut b) = two();
    a.write(3, "rain");
    talk(&mut a, &mut b);
    assert_eq!(b.session.settled(), Some(true));
    let (a, mut b) = (a.store, b);
    b.store.write(|tx| tx.set_setting(Setting::Digest, &[7; 32])).unwrap();
    let journal = Journal::new(&[1, 2]);
    let mut again = Side { store: a, ..Side::new(&journal, 1) };
    b.session = Session::new(Config::new(Mode::Live));
    b.events.clear();
    talk(&mut again, &mut b);
    assert!(b.events.contains(&Event::Recomputed(1)), "{:?}", b.events);
    assert_eq!((again.session.settled(), b.session.settled()), (Some(true), Some(true)));
    assert!(!b.session.diverged());
}

#[test]
fn what_still_differs_is_an_alarm_and_the_session_goes_on() {
    let (mut a, mut b) = two();
    // Two devices that count alike and can never agree: the digest's key is another on one side.
    b.identity.digest = HashKey::from_bytes([5; 32]);
    a.write(3, "rain");
    talk(&mut a, &mut b);
    for side in [&a, &b] {
        assert!(side.session.diverged() && side.events.contains(&Event::Diverged), "{:?}", side.events);
        assert_eq!(side.session.settled(), Some(false));
        assert!(side.session.close().is_none());
    }
    a.write(4, "sun");
    a.session.news();
    talk(&mut a, &mut b);
    assert_eq!((a.held(), b.held()), (2, 2), "what is written later still crosses");
}
