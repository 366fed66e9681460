//! Rows as a transaction keeps them in memory: how far a log is held, a document's state, the block unpacked last.

use super::schema::SEQ_BITS;
use crate::error::{Error, Result};
use crate::log::Position;
use crate::replication::tx::DocumentState;

/// How far a log is held; `seq` is 0 where all of it was dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogRow {
    pub(super) id: i64,
    pub(super) held: Position,
}

impl LogRow {
    pub(super) fn position(&self) -> Option<Position> {
        (self.held.seq > 0).then_some(self.held)
    }

    /// The key of the operation numbered `seq`, which is held or the next to be.
    pub(super) fn key(&self, seq: u64) -> Result<i64> {
        let seq = i64::try_from(seq).ok().filter(|seq| *seq < 1 << SEQ_BITS);
        let log = (self.id < 1 << (62 - SEQ_BITS)).then_some(self.id);
        log.zip(seq).map(|(log, seq)| log << SEQ_BITS | seq).ok_or_else(|| Error::internal("a log grew too long"))
    }
}

/// A document as this transaction has it.
#[derive(Debug, Clone, Default)]
pub(super) struct DocumentRow {
    pub(super) id: i64,
    pub(super) state: DocumentState,
    /// Whether `state` may be believed about which changes are held.
    pub(super) settled: bool,
    /// Whether there may be notes on who waits for whom.
    pub(super) has_waits: bool,
    /// Whether there may be changes in the log: false for a document made just now.
    pub(super) has_changes: bool,
    /// To be written at the end.
    pub(super) unwritten: bool,
    /// Which flags to set when it is.
    pub(super) stale: i64,
}

/// The block that was unpacked last.
pub(super) struct OpenBlock {
    pub(super) key: i64,
    pub(super) end: i64,
    pub(super) lines: Vec<u8>,
}
