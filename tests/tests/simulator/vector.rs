//! The planted bug "vector not in the transaction": how far each log is held stands in a table of its own.
//!
//! Both backends read it from the rows of the log itself, where it cannot differ, so the bug is planted around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use afterword_core::error::Result;
use afterword_core::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use afterword_core::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position};
use afterword_core::membership::Statements;
use afterword_core::replication::ListRow;
use afterword_core::replication::{DocumentState, Setting, StoredChange, Tx, Unpacked, WantedBlob};

/// A transaction that answers "how far" from `vector`.
pub(super) struct VectorTx<'a> {
    pub(super) inner: &'a mut dyn Tx,
    pub(super) vector: BTreeMap<LogId, Position>,
}

macro_rules! passes_on {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {$(
        fn $name(&mut self, $($arg: $kind),*) -> Result<$out> {
            self.inner.$name($($arg),*)
        }
    )*};
}

impl Tx for VectorTx<'_> {
    fn logs(&mut self) -> Result<Vec<(LogId, Position)>> {
        Ok(self.vector.iter().map(|(log, position)| (*log, *position)).collect())
    }

    fn log(&mut self, log: LogId) -> Result<Option<Position>> {
        Ok(self.vector.get(&log).copied())
    }

    fn append(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()> {
        self.vector.insert(log, head.position);
        self.inner.append(log, operations, head)
    }

    fn append_batch(&mut self, batch: &Batch, placed: &[Placed], packed: bool) -> Result<()> {
        self.vector.insert(batch.log, batch.head.position);
        self.inner.append_batch(batch, placed, packed)
    }

    fn truncate(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>> {
        match self.inner.position_at(log, seq)? {
            Some(position) => self.vector.insert(log, position),
            None => self.vector.remove(&log),
        };
        self.inner.truncate(log, seq)
    }

    every_other_method! { passes_on }
}
