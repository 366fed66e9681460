//! What a backend must be able to do inside one transaction, for the rules of the log to be written once.
//!
//! [`Tx`] is primitive on purpose: rows in, rows out. Everything that decides anything (what counts, what is pending,
//! which tail of a fork gives way) is in [`super::rules`] and is the same over memory and over SQLite.

use std::sync::Arc;

use super::list_row::ListRow;
use crate::error::Result;
use crate::id::{BlobId, ChangeHash, DeviceId, EntryId, JournalId, LogId, StatementId};
use crate::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position};
use crate::membership::{Statement, Statements};

/// Small settings that live in the database, so that a transaction covers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// This device's signing key seed, 32 bytes.
    DeviceSeed,
    /// This device's sealing key seed, 32 bytes.
    SealingSeed,
    /// The secret that all members share, 32 bytes.
    JournalSecret,
    /// The journal's id, 16 bytes.
    Journal,
    /// The incarnation that this device appends to now, 8 bytes.
    Incarnation,
    /// The sum over the certificates held, [`crate::log::CertificateSum`].
    CertificateSum,
    /// XOR over documents without a certificate of the keyed hash of their id and heads, 32 bytes.
    Digest,
    /// How often a fork or a rollback was mended: a count, 8 bytes LE, so that the user can be told.
    Mended,
    /// When files of blobs that no log names were last looked for: milliseconds since 1970, 8 bytes LE.
    BlobsSwept,
    /// Where the count of a new document's changes begins: above every count that was used before a repair made all
    /// documents again, 8 bytes LE.
    CountsFrom,
    /// Of each device whether it was seen as a member: device ‖ 1, or device ‖ 0, ascending.
    DevicesSeen,
}

impl Setting {
    /// The setting's row key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeviceSeed => "device_seed",
            Self::SealingSeed => "sealing_seed",
            Self::JournalSecret => "journal_secret",
            Self::Journal => "journal",
            Self::Incarnation => "incarnation",
            Self::CertificateSum => "certificate_sum",
            Self::Digest => "digest",
            Self::Mended => "mended",
            Self::BlobsSwept => "blobs_swept",
            Self::CountsFrom => "counts_from",
            Self::DevicesSeen => "devices_seen",
        }
    }
}

/// What is known of one document from the headers of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentState {
    /// The hashes that no other counting change depends on, pending ones too, sorted.
    pub heads: Vec<ChangeHash>,
    /// How many changes wait for a dependency.
    pub pending: u64,
}

/// One change of a document as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// The log it stands in (of several, any one of them).
    pub log: LogId,
    /// Its place there.
    pub seq: u64,
    /// Where it stood first, if it was written down again.
    pub first_log: Option<LogId>,
    /// Whether all its dependencies are held, so that it may be handed to Automerge.
    pub ready: bool,
    /// The uncompressed chunk.
    pub chunk: Vec<u8>,
}

/// A run of a log's operations that are not packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// How long their lines are together, in bytes.
    pub len: usize,
    /// Whether what comes next is packed: nothing will ever be appended to this run.
    pub closed: bool,
}

/// A blob as the logs speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedBlob {
    /// Name, key, length.
    pub blob: BlobRef,
    /// The entry it belongs to.
    pub entry: EntryId,
    /// Which parts are here: bit `i` (least significant first) is part `i`. Empty before the first.
    pub bitmap: Vec<u8>,
    /// Whether all of it is here, checked.
    pub here: bool,
}

/// One transaction over a journal's logs. Writing methods are called only inside a writing transaction.
pub trait Tx {
    /// A setting's bytes.
    fn setting(&mut self, setting: Setting) -> Result<Option<Vec<u8>>>;
    /// Sets or replaces a setting.
    fn set_setting(&mut self, setting: Setting, value: &[u8]) -> Result<()>;

    /// Every membership statement held, encoded, parents before children.
    fn statements(&mut self) -> Result<Vec<Vec<u8>>>;
    /// The same as one set, which is put together when it was not since the last statement was added.
    fn statement_set(&mut self) -> Result<Arc<Statements>>;
    /// Adds a statement; one that is held is left alone.
    fn add_statement(&mut self, id: StatementId, bytes: &[u8]) -> Result<()>;

    /// Every erase certificate held.
    fn certificates(&mut self) -> Result<Vec<Certificate>>;
    /// Whether any certificate names `entry`.
    fn is_erased(&mut self, entry: EntryId) -> Result<bool>;
    /// Puts a certificate in the place of the one of the same entry, if any. Answers whether it is another.
    fn add_certificate(&mut self, certificate: &Certificate) -> Result<bool>;
    /// The certificate of `entry`.
    fn certificate_of(&mut self, entry: EntryId) -> Result<Option<Certificate>>;
    /// The certificate with this name.
    fn certificate_named(&mut self, name: &[u8; 32]) -> Result<Option<Certificate>>;
    /// The names of certificates, ascending, from behind `after`, at most so many.
    fn certificate_names(&mut self, after: Option<[u8; 32]>, most: usize) -> Result<Vec<[u8; 32]>>;
    /// Whether any operation that is held names `entry`.
    fn is_named(&mut self, entry: EntryId) -> Result<bool>;

    /// How far each log is held.
    fn logs(&mut self) -> Result<Vec<(LogId, Position)>>;
    /// How many logs are held: of a device, or of all.
    fn count_logs(&mut self, of: Option<DeviceId>) -> Result<usize>;
    /// How far one log is held.
    fn log(&mut self, log: LogId) -> Result<Option<Position>>;
    /// The chain after `seq` operations, where that many are held and `seq > 0`.
    fn position_at(&mut self, log: LogId, seq: u64) -> Result<Option<Position>>;
    /// The last head at or before `seq`.
    fn head_at_or_before(&mut self, log: LogId, seq: u64) -> Result<Option<Head>>;
    /// The head to end a batch at that begins after `seq`: the last one within `bytes` of operations, else the first.
    fn head_after(&mut self, log: LogId, seq: u64, bytes: usize) -> Result<Option<Head>>;
    /// The operations `from..=to`, in sequence.
    fn operations(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Operation>>;
    /// Appends operations whose positions are given, and the head that ends them.
    fn append(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()>;
    /// Appends what a batch holds: its blocks as they came, or line by line.
    fn append_batch(&mut self, batch: &Batch, placed: &[Placed], packed: bool) -> Result<()>;
    /// The operations `from..=to` as blocks: those that are packed as they are stored, the others packed now.
    fn blocks(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Block>>;
    /// The first run of a log's operations that are not packed, at most about `bytes` long.
    fn unpacked(&mut self, log: LogId, bytes: usize) -> Result<Option<Unpacked>>;
    /// Puts `blocks` in the place of the operations `from..=to`, which are not packed. Where they end at a head, the heads
    /// before it go.
    fn pack(&mut self, log: LogId, from: u64, to: u64, blocks: &[Block]) -> Result<()>;
    /// Drops everything after `seq` and gives it back; the last head at or before `seq` stays. Whoever calls it
    /// relinks the documents of what was dropped in the same transaction.
    fn truncate(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>>;

    /// Whether a change of `entry` is held in any log, and then whether it is ready.
    fn change_ready(&mut self, entry: EntryId, hash: ChangeHash) -> Result<Option<bool>>;
    /// Marks a held change as ready or as waiting.
    fn set_change_ready(&mut self, entry: EntryId, hash: ChangeHash, ready: bool) -> Result<()>;
    /// Notes that `change` waits for `dependency`.
    fn add_wait(&mut self, entry: EntryId, dependency: ChangeHash, change: ChangeHash) -> Result<()>;
    /// Removes every note on `dependency` and names the changes that waited for it.
    fn take_waits(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<Vec<ChangeHash>>;
    /// Whether `change` still waits for anything.
    fn is_waiting(&mut self, entry: EntryId, change: ChangeHash) -> Result<bool>;
    /// Whether any change waits for `dependency`.
    fn is_waited_for(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<bool>;
    /// Forgets every note on `entry`.
    fn clear_waits(&mut self, entry: EntryId) -> Result<()>;
    /// Every change of `entry` whose body is held, each hash once, in the order in which they came.
    fn changes(&mut self, entry: EntryId) -> Result<Vec<StoredChange>>;

    /// What the headers say of a document. Absent where no change is held.
    fn document(&mut self, entry: EntryId) -> Result<Option<DocumentState>>;
    /// Sets what the headers say, and marks everything derived from the document as stale.
    fn set_document(&mut self, entry: EntryId, state: &DocumentState) -> Result<()>;
    /// Every document that has a state, or a change whose body is held.
    fn documents(&mut self) -> Result<Vec<EntryId>>;
    /// Removes a document with all that is derived from it, the bodies of all its operations, and its blobs.
    fn drop_document(&mut self, entry: EntryId) -> Result<()>;

    /// An operation brought `blob`. A blob belongs to one entry: what another entry says of the same name is another
    /// row. No effect where it was ended before; brought twice with another key or length, the lower encoding counts,
    /// in whichever order they come, and nothing of it is here.
    fn bring_blob(&mut self, entry: EntryId, blob: &BlobRef) -> Result<()>;
    /// An operation ended `blob`: for ever, also if the operation that brings it comes later.
    fn end_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()>;
    /// Blobs that are brought, not ended, not erased, by entry and name. `unfilled` leaves out those that are here.
    fn blobs(&mut self, unfilled: bool) -> Result<Vec<WantedBlob>>;
    /// One blob of an entry that is wanted, here or not.
    fn blob(&mut self, entry: EntryId, blob: BlobId) -> Result<Option<WantedBlob>>;
    /// Notes which parts of a blob are here.
    fn set_blob(&mut self, entry: EntryId, blob: BlobId, bitmap: &[u8], here: bool) -> Result<()>;
    /// Blobs that are no longer wanted and whose bytes must go.
    fn unwanted_blobs(&mut self) -> Result<Vec<(EntryId, BlobId)>>;
    /// The bytes of an unwanted blob are gone.
    fn forget_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()>;

    /// The newest list rows that are not in the trash, newest first, names in the place of people's tokens: as another
    /// device shows them that has not read the names yet. The model derives nothing; its rows say which entry, no more.
    fn newest(&mut self, limit: usize) -> Result<Vec<ListRow>>;
    /// Keeps rows that `from` announced, one for each entry, the last one told, in the place of what it announced before:
    /// so there are never more of a device's than one listing has.
    fn set_arriving(&mut self, from: DeviceId, rows: &[ListRow]) -> Result<()>;
    /// Every row that was announced and is kept, by entry.
    fn arriving(&mut self) -> Result<Vec<ListRow>>;
    /// `from` will send no more of what it announced: forgets its rows of entries that nothing is held of.
    fn end_arriving(&mut self, from: DeviceId) -> Result<()>;
}

/// A store of one journal: something that runs transactions.
pub trait Storage: Send + Sync + std::fmt::Debug {
    /// Runs `f` over one consistent view.
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()>;
    /// Runs `f` and commits durably, or changes nothing where `f` fails.
    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()>;
}

/// `read_tx` and `write_tx` with a result.
pub trait StorageExt: Storage {
    /// Reads from one consistent view.
    fn read<R>(&self, f: impl FnOnce(&mut dyn Tx) -> Result<R>) -> Result<R> {
        run(f, |body| self.read_tx(body))
    }

    /// Writes durably or not at all.
    fn write<R>(&self, f: impl FnOnce(&mut dyn Tx) -> Result<R>) -> Result<R> {
        run(f, |body| self.write_tx(body))
    }
}

impl<S: Storage + ?Sized> StorageExt for S {}

fn run<R>(
    f: impl FnOnce(&mut dyn Tx) -> Result<R>,
    transact: impl FnOnce(&mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()>,
) -> Result<R> {
    let (mut f, mut out) = (Some(f), None);
    transact(&mut |tx| {
        let f = f.take().ok_or_else(|| crate::error::Error::internal("a transaction ran twice"))?;
        out = Some(f(tx)?);
        Ok(())
    })?;
    out.ok_or_else(|| crate::error::Error::internal("a transaction did not run"))
}

/// The journal's id, from the settings.
pub fn journal_of(tx: &mut dyn Tx) -> Result<JournalId> {
    if let Some(named) = tx.setting(Setting::Journal)?.and_then(|bytes| JournalId::from_slice(&bytes)) {
        return Ok(named);
    }
    // A setting that is lost is no reason not to open: the first statement names the journal too.
    let genesis = tx.statements()?.first().and_then(|bytes| Statement::decode(bytes).ok());
    genesis.map(|genesis| genesis.journal()).ok_or_else(|| crate::error::Error::corrupt("the store names no journal"))
}
