//! A transaction that counts the rows it is asked for: what a write costs, whatever the machine.

use std::sync::Arc;

use afterword_core::error::Result;
use afterword_core::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use afterword_core::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position};
use afterword_core::membership::Statements;
use afterword_core::replication::ListRow;
use afterword_core::replication::{DocumentState, Setting, StoredChange, Tx, Unpacked, WantedBlob};

/// A transaction whose questions are counted: one each, or as many as the rows that answer it.
pub(super) struct CountedTx<'a> {
    pub(super) inner: &'a mut dyn Tx,
    pub(super) rows: u64,
}

/// How many rows an answer is.
trait Rows {
    fn rows(&self) -> u64 {
        1
    }
}

impl<T> Rows for Vec<T> {
    fn rows(&self) -> u64 {
        self.len() as u64
    }
}

impl<T> Rows for Option<T> {}
impl<T> Rows for Arc<T> {}
impl Rows for () {}
impl Rows for bool {}
impl Rows for usize {}

macro_rules! counted {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {$(
        fn $name(&mut self, $($arg: $kind),*) -> Result<$out> {
            let answer = self.inner.$name($($arg),*)?;
            self.rows += answer.rows().max(1);
            Ok(answer)
        }
    )*};
}

impl Tx for CountedTx<'_> {
    every_other_method! { counted }
    counted! {
        logs() -> Vec<(LogId, Position)>;
        log(log: LogId) -> Option<Position>;
        append(log: LogId, operations: &[(Position, Operation)], head: &Head) -> ();
        append_batch(batch: &Batch, placed: &[Placed], packed: bool) -> ();
        truncate(log: LogId, seq: u64) -> Vec<Operation>;
    }
}
