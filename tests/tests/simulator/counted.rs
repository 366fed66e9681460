//! A transaction that counts the rows it is asked for: what a write costs, whatever the machine.

use std::sync::Arc;

use afterword_core::error::Result;
use afterword_core::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use afterword_core::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position};
use afterword_core::membership::Statements;
use afterword_core::store::derived::ListRow;
use afterword_core::store::{DocumentState, Setting, StoredChange, Tx, Unpacked, WantedBlob};

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
    counted! {
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
        logs() -> Vec<(LogId, Position)>;
        log(log: LogId) -> Option<Position>;
        append(log: LogId, operations: &[(Position, Operation)], head: &Head) -> ();
        append_batch(batch: &Batch, placed: &[Placed], packed: bool) -> ();
        truncate(log: LogId, seq: u64) -> Vec<Operation>;
    }
}
