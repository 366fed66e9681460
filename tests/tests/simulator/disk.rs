//! What a device's home folder is to the simulator: something that runs transactions, can be copied at a commit point,
//! put back, and lose its power before or after any commit.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use afterword_core::blobs::{Shape, Taken, parts_of};
use afterword_core::error::{Code, Error, Result};
use afterword_core::id::{BlobId, EntryId, LogId};
use afterword_core::log::{BlobRef, Position};
use afterword_core::replication::memory::Snapshot;
use afterword_core::replication::rules::{self, Identity};
use afterword_core::replication::{MemoryStore, Setting, Storage, StorageExt, Tx, WantedBlob};
use afterword_core::store::SqliteStore;
use afterword_core::store::sqlite::SqliteTx;
use afterword_core::sync::BlobBytes;
use afterword_core::time::Entropy;

use super::counted::CountedTx;
use super::rng::Rng;
use super::vector::VectorTx;

/// A store on some medium.
pub(super) trait Disk: Debug {
    /// The store, open.
    fn storage(&self) -> Arc<dyn Storage>;
    /// The store that derives lists and search. The model derives nothing.
    fn derives(&self) -> Option<Arc<SqliteStore>> {
        None
    }
    /// All that is committed now.
    fn copy(&self) -> Rc<dyn Any>;
    /// Puts a copy in place of what is there.
    fn restore(&mut self, copy: &Rc<dyn Any>);
    /// The process died: what is durable is opened anew.
    fn reopen(&mut self);
    /// Damages something that is stored, where there is anything. Answers what.
    fn damage(&self, rng: &mut Rng) -> Result<Option<Damage>>;
    /// What `doctor --rebuild` does about it: the same again where it was done before and the power went.
    fn repair(&self, store: &dyn Storage, identity: &Identity, damage: &Damage, rng: &mut Rng) -> Result<()>;
}

/// What was damaged, and what may be gone with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage {
    /// For whoever reads a failure.
    pub(super) what: String,
    /// The log, and the number of the first operation that may be gone.
    pub(super) log: Option<(LogId, u64)>,
    /// How far the log's sound heads before the damage vouch for it: so much of it stays.
    pub(super) sound: u64,
    /// What stood in the damaged row, and nothing else.
    pub(super) lost: BTreeSet<(EntryId, [u8; 32])>,
}

impl Damage {
    /// The damage of a row that holds the operations `from..=to`, which are still there.
    pub(super) fn of(tx: &mut dyn Tx, what: &str, log: LogId, from: u64, to: u64) -> Result<Self> {
        let lost = tx.operations(log, from, to)?.into_iter().filter(|operation| operation.body.bytes().is_some());
        let lost = lost.map(|operation| (operation.envelope.entry, operation.body.hash())).collect();
        let sound = tx.head_at_or_before(log, from - 1)?.map_or(0, |head| head.position.seq);
        Ok(Self { what: format!("{what} of {log:?} {from}..={to}"), log: Some((log, from)), sound, lost })
    }
}

/// Makes an empty disk.
pub(super) type Factory = fn() -> Box<dyn Disk>;

/// The model.
#[derive(Debug, Default)]
struct MemoryDisk(Arc<MemoryStore>);

/// A disk in memory: its commits are durable at once.
pub(super) fn memory() -> Box<dyn Disk> {
    Box::new(MemoryDisk::default())
}

impl Disk for MemoryDisk {
    fn storage(&self) -> Arc<dyn Storage> {
        self.0.clone()
    }

    fn copy(&self) -> Rc<dyn Any> {
        Rc::new(self.0.snapshot())
    }

    fn restore(&mut self, copy: &Rc<dyn Any>) {
        let snapshot = copy.downcast_ref::<Snapshot>().expect("a copy of a memory disk");
        self.0.restore(snapshot);
    }

    fn reopen(&mut self) {}

    /// There are no bytes here to be wrong: one operation counts as lost. None that speaks of blobs, whose rows only the
    /// other backend makes anew.
    fn damage(&self, rng: &mut Rng) -> Result<Option<Damage>> {
        self.0.read(|tx| {
            let Some((log, end)) = rng.pick(&tx.logs()?).copied() else { return Ok(None) };
            let at = 1 + rng.below(end.seq as usize) as u64;
            let blobs = tx
                .operations(log, at, at)?
                .iter()
                .any(|operation| !operation.envelope.brings.is_empty() || !operation.envelope.ends.is_empty());
            if blobs { Ok(None) } else { Damage::of(tx, "an operation", log, at, at).map(Some) }
        })
    }

    /// The model of a repair: cut back to a head, and what was behind it and is not lost written down again.
    fn repair(&self, store: &dyn Storage, identity: &Identity, damage: &Damage, rng: &mut Rng) -> Result<()> {
        let Some((log, at)) = damage.log else { return Ok(()) };
        store.write(|tx| {
            if tx.log(log)?.is_none_or(|end| end.seq < at) {
                return Ok(());
            }
            let mut dropped = tx.truncate(log, damage.sound)?;
            let entries: BTreeSet<EntryId> = dropped.iter().map(|operation| operation.envelope.entry).collect();
            dropped.remove((at - damage.sound) as usize - 1);
            for entry in entries {
                rules::relink(tx, identity, entry)?;
            }
            let current = tx.setting(Setting::Incarnation)?;
            if log.device == identity.device() && current.as_deref() == Some(log.incarnation.as_bytes()) {
                rules::retire_incarnation(tx, rng)?;
            }
            rules::log_again(tx, identity, rng, log, dropped)?;
            rules::recount_certificates(tx, identity, rng)
        })
    }
}

/// When the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// Just before a commit: nothing of the transaction is left.
    Before,
    /// Just after: the transaction is durable and its caller never hears of it.
    After,
}

/// What a device's power and its planted vector table are.
#[derive(Debug, Clone, Default)]
pub(super) struct Power {
    /// At how many more commits the power goes.
    pub(super) fuse: Option<(u32, Blow)>,
    /// With [`Fault::VectorNotInTheTransaction`](afterword_core::store::fault::Fault): how far each log is held, in
    /// a table that is written in a transaction of its own.
    pub(super) vector: Option<BTreeMap<LogId, Position>>,
}

impl Power {
    /// Whether the power goes at this commit, and when.
    fn burn(&mut self) -> Option<Blow> {
        match self.fuse.take() {
            Some((0, blow)) => Some(blow),
            Some((left, blow)) => {
                self.fuse = Some((left - 1, blow));
                None
            }
            None => None,
        }
    }
}

/// A store whose power may go.
#[derive(Debug)]
pub(super) struct Powered {
    pub(super) inner: Arc<dyn Storage>,
    pub(super) derives: Option<Arc<SqliteStore>>,
    pub(super) power: Arc<Mutex<Power>>,
    /// Rows that writes asked for, where somebody counts them.
    pub(super) rows: Option<Arc<AtomicU64>>,
}

const POWER_CUT: &str = "the simulated power went";

/// Whether this error is a power cut, and not something that must not happen.
pub(super) fn is_power_cut(error: &Error) -> bool {
    error.message == POWER_CUT
}

fn cut() -> Error {
    Error::new(Code::Cancelled, POWER_CUT, "")
}

impl Powered {
    /// Writes with SQL beside the rules, as the engine does.
    pub(super) fn write_sql<R>(&self, f: impl FnOnce(&mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        let store = self.derives.as_ref().ok_or_else(|| Error::internal("a model has no SQL"))?;
        let blow = self.power.lock().unwrap_or_else(PoisonError::into_inner).burn();
        let done = store.write_sql(|tx| {
            let done = f(tx)?;
            if blow == Some(Blow::Before) { Err(cut()) } else { Ok(done) }
        })?;
        if blow == Some(Blow::After) { Err(cut()) } else { Ok(done) }
    }
}

impl Storage for Powered {
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let vector = self.power.lock().unwrap_or_else(PoisonError::into_inner).vector.clone();
        match vector {
            None => self.inner.read_tx(f),
            Some(vector) => self.inner.read_tx(&mut |tx| f(&mut VectorTx { inner: tx, vector: vector.clone() })),
        }
    }

    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let mut power = self.power.lock().unwrap_or_else(PoisonError::into_inner);
        let blow = power.burn();
        match &mut power.vector {
            None => self.inner.write_tx(&mut |tx| {
                match &self.rows {
                    None => f(tx)?,
                    Some(rows) => {
                        let mut counted = CountedTx { inner: tx, rows: 0 };
                        f(&mut counted)?;
                        rows.fetch_add(counted.rows, Ordering::Relaxed);
                    }
                }
                if blow == Some(Blow::Before) { Err(cut()) } else { Ok(()) }
            })?,
            Some(durable) => {
                let mut after = durable.clone();
                let done = self.inner.write_tx(&mut |tx| {
                    let mut planted = VectorTx { inner: tx, vector: durable.clone() };
                    f(&mut planted)?;
                    after = planted.vector;
                    if blow.is_some() { Err(cut()) } else { Ok(()) }
                });
                // The planted bug: the table was written first, by itself, and the power went before the rest.
                if done.is_ok() || blow.is_some() {
                    *durable = after;
                }
                done?;
            }
        }
        if blow == Some(Blow::After) { Err(cut()) } else { Ok(()) }
    }
}

/// Parts of blobs by entry, name and number.
pub(super) type Held = BTreeMap<(EntryId, BlobId), BTreeMap<u32, Vec<u8>>>;

/// Bytes of blobs, in memory.
#[derive(Debug, Default)]
pub(super) struct Blobs(pub(super) Mutex<Held>);

impl Blobs {
    /// Stores a whole blob, as attaching does before it commits.
    pub(super) fn put(&self, entry: EntryId, blob: &BlobRef, bytes: &[u8]) {
        self.held().insert((entry, blob.id), (0..).zip(parts_of(&blob.hash_key(), bytes)).collect());
    }

    pub(super) fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of these bytes under this key.
pub(super) fn blob_ref(key: [u8; 32], bytes: &[u8]) -> BlobRef {
    let key_of = afterword_core::crypto::HashKey::from_bytes(key);
    let id = afterword_core::crypto::Hasher::keyed(&key_of).update(bytes).finish();
    BlobRef { id: BlobId::from_bytes(id), key, len: bytes.len() as u64 }
}

impl BlobBytes for Blobs {
    fn read(&self, blob: &WantedBlob, parts: &[u32]) -> Result<Vec<Vec<u8>>> {
        let held = self.held();
        let held = held.get(&(blob.entry, blob.blob.id));
        let part = |part: &u32| held.and_then(|parts| parts.get(part)).cloned();
        let read: Option<Vec<_>> = parts.iter().map(part).collect();
        read.ok_or_else(|| Error::internal("a part that the store calls held is not there"))
    }

    fn store(&self, blob: &WantedBlob, parts: &[(u32, &[u8])], _: &mut dyn Entropy) -> Result<Taken> {
        let mut held = self.held();
        let held = held.entry((blob.entry, blob.blob.id)).or_default();
        let shape = Shape::new(blob.blob.len).ok_or_else(|| Error::internal("too long for a simulation"))?;
        let mut taken = Taken::default();
        for (part, bytes) in parts {
            let above = |parent: u64| held.get(&(parent as u32)).map(Vec::as_slice);
            match shape.is_part(&blob.blob.id, &blob.blob.hash_key(), u64::from(*part), bytes, above) {
                Some(true) => {
                    held.insert(*part, bytes.to_vec());
                    taken.parts.push(*part);
                }
                Some(false) => taken.damaged += 1,
                None => {}
            }
        }
        Ok(taken)
    }

    fn finish(&self, blob: &WantedBlob) -> Result<()> {
        let held = self.held();
        let parts = held.get(&(blob.entry, blob.blob.id)).map_or(0, BTreeMap::len) as u64;
        if Shape::new(blob.blob.len).is_none_or(|shape| shape.parts() != parts) {
            return Err(Error::internal("a blob was called whole that is not"));
        }
        Ok(())
    }

    fn remove(&self, entry: EntryId, blob: BlobId) -> Result<()> {
        self.held().remove(&(entry, blob));
        Ok(())
    }
}
