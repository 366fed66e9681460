//! The planted bug "vector not in the transaction": how far each log is held stands in a table of its own.
//!
//! Both backends read it from the rows of the log itself, where it cannot differ, so the bug is planted around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use afterword_core::error::Result;
use afterword_core::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use afterword_core::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position};
use afterword_core::membership::Statements;
use afterword_core::store::derived::ListRow;
use afterword_core::store::{DocumentState, Setting, StoredChange, Tx, Unpacked, WantedBlob};

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

    passes_on! {
        setting(setting: Setting) -> Option<Vec<u8>>;
        set_setting(setting: Setting, value: &[u8]) -> ();
        statements() -> Vec<Vec<u8>>;
        statement_set() -> Arc<Statements>;
        add_statement(id: StatementId, bytes: &[u8]) -> ();
        certificates() -> Vec<Certificate>;
        is_erased(entry: EntryId) -> bool;
        add_certificate(certificate: &Certificate) -> bool;
        certificate_of(entry: EntryId) -> Option<Certificate>;
        certificate_named(name: &[u8; 32]) -> Option<Certificate>;
        certificate_names(after: Option<[u8; 32]>, most: usize) -> Vec<[u8; 32]>;
        is_named(entry: EntryId) -> bool;
        count_logs(of: Option<DeviceId>) -> usize;
        position_at(log: LogId, seq: u64) -> Option<Position>;
        head_at_or_before(log: LogId, seq: u64) -> Option<Head>;
        head_after(log: LogId, seq: u64, bytes: usize) -> Option<Head>;
        operations(log: LogId, from: u64, to: u64) -> Vec<Operation>;
        blocks(log: LogId, from: u64, to: u64) -> Vec<Block>;
        unpacked(log: LogId, bytes: usize) -> Option<Unpacked>;
        pack(log: LogId, from: u64, to: u64, blocks: &[Block]) -> ();
        change_ready(entry: EntryId, hash: ChangeHash) -> Option<bool>;
        set_change_ready(entry: EntryId, hash: ChangeHash, ready: bool) -> ();
        add_wait(entry: EntryId, dependency: ChangeHash, change: ChangeHash) -> ();
        take_waits(entry: EntryId, dependency: ChangeHash) -> Vec<ChangeHash>;
        is_waiting(entry: EntryId, change: ChangeHash) -> bool;
        is_waited_for(entry: EntryId, dependency: ChangeHash) -> bool;
        clear_waits(entry: EntryId) -> ();
        changes(entry: EntryId) -> Vec<StoredChange>;
        document(entry: EntryId) -> Option<DocumentState>;
        set_document(entry: EntryId, state: &DocumentState) -> ();
        documents() -> Vec<EntryId>;
        drop_document(entry: EntryId) -> ();
        bring_blob(entry: EntryId, blob: &BlobRef) -> ();
        end_blob(entry: EntryId, blob: BlobId) -> ();
        blobs(unfilled: bool) -> Vec<WantedBlob>;
        blob(entry: EntryId, blob: BlobId) -> Option<WantedBlob>;
        set_blob(entry: EntryId, blob: BlobId, bitmap: &[u8], here: bool) -> ();
        unwanted_blobs() -> Vec<(EntryId, BlobId)>;
        forget_blob(entry: EntryId, blob: BlobId) -> ();
        newest(limit: usize) -> Vec<ListRow>;
        set_arriving(from: DeviceId, rows: &[ListRow]) -> ();
        arriving() -> Vec<ListRow>;
        end_arriving(from: DeviceId) -> ();
    }
}
