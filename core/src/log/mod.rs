//! Operations, chains, signed heads, erase certificates and version vectors: pure, no storage.
//!
//! A *log* is one device's operations during one incarnation, numbered from 1. The *chain* after operation `n` is
//!
//! ```text
//! chain(0) = H_chain(0x00 ‖ journal ‖ device ‖ incarnation)
//! chain(n) = H_chain(0x01 ‖ chain(n-1) ‖ n as u64 LE ‖ len(envelope) as u32 LE ‖ envelope ‖ body hash)
//! ```
//!
//! It runs over the envelope and the body's *hash* (Automerge's own change hash where the body is a change), never over
//! stored bytes, so that packs and compression can change freely and a body erased under a certificate still verifies.
//! Only heads are signed: one for every transaction that commits.

mod batch;
mod block;
mod certificate;
mod change;
pub(crate) mod codec;
mod continuation;
#[cfg(test)]
mod golden;
mod head;
mod operation;

use std::collections::BTreeMap;

pub use crate::document::MAX_CHANGE;
pub use batch::{Batch, BatchError, MAX_BATCH, MAX_OPERATIONS, OpenBatch, Placed, without_bodies};
pub use block::{BLOCK, Block, Line, Lines, Packer, Unpacker, line};
pub use certificate::{Certificate, CertificateSum};
pub use change::ChangeHeader;
pub use codec::DecodeError;
#[cfg(feature = "next-format")]
pub(crate) use codec::NEXT_KIND;
pub use continuation::Tail;
pub use head::Head;
pub use operation::{BlobRef, Body, Envelope, MAX_BLOB, Operation, OperationKind};

use crate::crypto::{Domain, Hasher};
use crate::id::{Chain, JournalId, LogId};

/// How far each log is held: its last sequence number and the chain there.
pub type Vector = BTreeMap<LogId, Position>;

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Sequence number of the last operation; 0 before the first.
    pub seq: u64,
    /// The chain after it.
    pub chain: Chain,
}

impl Position {
    /// Where every log of `journal` begins.
    pub fn start(journal: &JournalId, log: &LogId) -> Self {
        let mut hasher = Hasher::new(Domain::Chain);
        hasher.update(&[0]).update(journal.as_bytes());
        hasher.update(log.device.as_bytes()).update(log.incarnation.as_bytes());
        Self { seq: 0, chain: Chain::from_bytes(hasher.finish()) }
    }

    /// The place after `operation`.
    pub fn after(&self, operation: &Operation) -> Self {
        self.after_line(&operation.envelope.encode(), &operation.body.hash())
    }

    /// The place after an operation with this envelope, encoded, and this body's hash.
    pub(crate) fn after_line(&self, envelope: &[u8], hash: &[u8; 32]) -> Self {
        let seq = self.seq + 1;
        let mut hasher = Hasher::new(Domain::Chain);
        hasher.update(&[1]).update(self.chain.as_bytes()).update(&seq.to_le_bytes());
        hasher.update(&(envelope.len() as u32).to_le_bytes()).update(envelope).update(hash);
        Self { seq, chain: Chain::from_bytes(hasher.finish()) }
    }
}
