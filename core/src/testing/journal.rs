//! Devices of one journal, their stores, and documents with real changes, for the cases.

use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::crypto::{DeviceKey, RecoveryPhrase, RecoverySigningKey, SealingPublic, Secret};
use crate::error::Result;
use crate::id::{ChangeHash, EntryId, LogId};
use crate::log::{Batch, Certificate, Head, Operation, Position};
use crate::membership::{Newcomer, Signer, Statement, Statements};
use crate::replication::MemoryStore;
use crate::replication::rules::{self, Covered, Identity, Packing, Received};
use crate::replication::tx::{DocumentState, Setting, Storage, StorageExt, Tx};
use crate::store::SqliteStore;
use crate::time::{Entropy, Timestamp};

/// A backend under test.
pub(crate) type Make = dyn Fn() -> Box<dyn Storage>;

pub(crate) fn memory() -> Box<dyn Storage> {
    Box::new(MemoryStore::new())
}

/// A database in a folder that goes away with it.
#[derive(Debug)]
struct Temporary {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

impl Storage for Temporary {
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.store.read_tx(f)
    }

    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.store.write_tx(f)
    }
}

pub(crate) fn sqlite() -> Box<dyn Storage> {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&folder.path().join("journal.db"), &Secret::from_bytes([5; 32])).unwrap();
    Box::new(Temporary { store, _folder: folder })
}

/// A store that packs everything after each write, in many small packs.
#[derive(Debug)]
struct Packed(Box<dyn Storage>);

impl Storage for Packed {
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.0.read_tx(f)
    }

    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.0.write_tx(f)?;
        let packing = Packing { keep: 0, at_least: 0, at_most: 300 };
        let pack = |tx: &mut dyn Tx| match tx.setting(Setting::Journal)? {
            Some(_) => {
                let identity = Identity::load(tx)?;
                rules::pack(tx, &identity, &packing)
            }
            None => Ok(0),
        };
        while self.0.write(pack)? > 0 {}
        Ok(())
    }
}

pub(crate) fn packed_memory() -> Box<dyn Storage> {
    Box::new(Packed(memory()))
}

pub(crate) fn packed_sqlite() -> Box<dyn Storage> {
    Box::new(Packed(sqlite()))
}

#[derive(Debug)]
pub(crate) struct Seeded(ChaCha8Rng);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

pub(crate) fn entry(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

/// A journal whose recovery key is at hand.
pub(crate) struct Journal {
    pub(crate) recovery: RecoverySigningKey,
    pub(crate) set: Statements,
}

pub(crate) fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&[seed; 32])
}

impl Journal {
    /// A journal whose recovery key added the devices with these seeds.
    pub(crate) fn new(seeds: &[u8]) -> Self {
        let recovery = RecoveryPhrase::generate(&mut Seeded::new(1)).signing_key();
        let genesis = Statement::genesis(&recovery, SealingPublic([2; 32]), [3; 16]);
        let mut journal = Self { recovery, set: Statements::new(genesis).unwrap() };
        for seed in seeds {
            let add = journal.add(*seed);
            journal.set.insert(add).unwrap();
        }
        journal
    }

    pub(crate) fn add(&self, seed: u8) -> Statement {
        let newcomer =
            Newcomer::new(&key(seed), &self.set.journal(), SealingPublic([seed; 32]), &format!("device {seed}"));
        let signer = Signer::Recovery(&self.recovery);
        Statement::add(signer, &self.set.journal(), &self.set.seen(), newcomer.unwrap(), Timestamp(1)).unwrap()
    }

    /// By the recovery key, which has seen what the journal began with.
    pub(crate) fn remove(&self, seed: u8) -> Statement {
        let signer = Signer::Recovery(&self.recovery);
        Statement::remove(signer, &self.set.journal(), &self.set.seen(), key(seed).id(), Timestamp(0)).unwrap()
    }

    /// Makes an empty store this device's.
    pub(crate) fn settle(&self, store: &dyn Storage, seed: u8) -> Identity {
        let secret = Secret::from_bytes([9; 32]);
        store
            .write(|tx| {
                tx.set_setting(Setting::Journal, self.set.journal().as_bytes())?;
                tx.set_setting(Setting::DeviceSeed, key(seed).seed().as_slice())?;
                tx.set_setting(Setting::JournalSecret, secret.expose())?;
                for statement in self.set.in_order() {
                    tx.add_statement(statement.id(), statement.encode())?;
                }
                Ok(())
            })
            .unwrap();
        Identity::new(self.set.journal(), key(seed), &secret)
    }

    pub(crate) fn device(&self, make: &Make, seed: u8) -> Device {
        let store = make();
        let mut identity = self.settle(&*store, seed);
        if seed.is_multiple_of(2) {
            // Every second device stores whatever comes as it came.
            identity.pack_from = 0;
        }
        Device { store, identity, entropy: Seeded::new(u64::from(seed)) }
    }

    pub(crate) fn devices<const N: usize>(&self, make: &Make, seeds: [u8; N]) -> [Device; N] {
        seeds.map(|seed| self.device(make, seed))
    }
}

/// Everything that two devices in agreement have in common.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holds {
    hello: [u8; 16],
    logs: Vec<(LogId, Position)>,
    documents: BTreeMap<EntryId, Option<DocumentState>>,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) store: Box<dyn Storage>,
    pub(crate) identity: Identity,
    pub(crate) entropy: Seeded,
}

impl Device {
    pub(crate) fn write<R>(&mut self, f: impl FnOnce(&mut dyn Tx, &Identity, &mut Seeded) -> Result<R>) -> Result<R> {
        let Self { store, identity, entropy } = self;
        store.write(|tx| f(tx, identity, entropy))
    }

    pub(crate) fn read<R>(&self, f: impl FnOnce(&mut dyn Tx) -> Result<R>) -> R {
        self.store.read(f).unwrap()
    }

    pub(crate) fn append(&mut self, operations: Vec<Operation>) -> Head {
        self.write(|tx, identity, entropy| rules::append(tx, identity, entropy, operations)).unwrap()
    }

    pub(crate) fn change(&mut self, entry: EntryId, chunk: Vec<u8>) -> Head {
        self.append(vec![change(entry, chunk)])
    }

    pub(crate) fn receive(&mut self, batch: Batch) -> Received {
        self.receive_with(batch, &[])
    }

    /// The same with the certificates that came for it.
    pub(crate) fn receive_with(&mut self, batch: Batch, certificates: &[Certificate]) -> Received {
        let open = batch.open().unwrap();
        self.write(|tx, identity, entropy| rules::receive(tx, identity, entropy, open, certificates)).unwrap()
    }

    /// The log that this device appends to now.
    pub(crate) fn log(&mut self) -> LogId {
        self.write(rules_current_log).unwrap()
    }

    pub(crate) fn add_statements(&mut self, statements: Vec<Statement>) -> usize {
        self.write(|tx, identity, _| rules::add_statements(tx, identity, statements)).unwrap()
    }

    pub(crate) fn statements(&self) -> Statements {
        self.read(|tx| rules::statements(tx)).as_ref().clone()
    }

    pub(crate) fn batches(&self, log: LogId, after: u64) -> Vec<Batch> {
        self.covered(log, after).into_iter().map(|covered| covered.batch).collect()
    }

    /// The same, each with the certificates that it needs.
    pub(crate) fn covered(&self, log: LogId, mut after: u64) -> Vec<Covered> {
        self.read(|tx| {
            let mut batches = Vec::new();
            while let Some(covered) = rules::next_batch(tx, &self.identity, log, after)? {
                after = covered.batch.head.position.seq;
                batches.push(covered);
            }
            Ok(batches)
        })
    }

    /// Takes in all that `from` has, as a session would. Answers how many tails gave way here.
    pub(crate) fn pull(&mut self, from: &Device) -> usize {
        let theirs = from.statements();
        let new: Vec<_> = theirs.in_order().into_iter().cloned().collect();
        self.add_statements(new);
        let mut mended = 0;
        for (log, _) in from.read(|tx| tx.logs()) {
            let points = self.read(|tx| rules::chain_points(tx, log));
            let common = from.read(|tx| rules::common_point(tx, log, &points));
            for Covered { batch, certificates } in from.covered(log, common) {
                // Over the wire and back: what was stored is what is sent.
                let batch = Batch::decode(&batch.encode()).unwrap();
                if let Received::Stored { mended: true, .. } = self.receive_with(batch, &certificates) {
                    mended += 1;
                }
            }
        }
        for certificate in from.read(|tx| tx.certificates()) {
            self.write(|tx, identity, _| rules::apply_certificate(tx, identity, &certificate)).unwrap();
        }
        mended
    }

    pub(crate) fn heads(&self, entry: EntryId) -> Vec<ChangeHash> {
        self.document(entry).map(|state| state.heads).unwrap_or_default()
    }

    pub(crate) fn document(&self, entry: EntryId) -> Option<DocumentState> {
        self.read(|tx| tx.document(entry))
    }

    pub(crate) fn setting(&self, setting: Setting) -> Option<Vec<u8>> {
        self.read(|tx| tx.setting(setting))
    }

    pub(crate) fn holds(&self) -> Holds {
        self.read(|tx| {
            let mut documents = BTreeMap::new();
            for entry in tx.documents()? {
                documents.insert(entry, tx.document(entry)?);
            }
            let mut logs = tx.logs()?;
            logs.sort_unstable_by_key(|(log, _)| *log);
            Ok(Holds { hello: rules::summary(tx)?.hello(&self.identity), logs, documents })
        })
    }

    /// Heads, readiness and digest are those that the headers give. What is wrong is mended, so ask once.
    pub(crate) fn assert_derived(&mut self) {
        let before = self.holds();
        assert_eq!(self.write(|tx, identity, _| rules::recompute_all(tx, identity)).unwrap(), 0);
        assert_eq!(self.holds(), before);
    }
}

fn rules_current_log(tx: &mut dyn Tx, identity: &Identity, entropy: &mut Seeded) -> Result<LogId> {
    rules::current_log(tx, identity, entropy)
}

/// Exchanges everything both ways until nothing moves.
pub(crate) fn sync(a: &mut Device, b: &mut Device) {
    for _ in 0..4 {
        a.pull(b);
        b.pull(a);
    }
    assert_eq!(a.holds(), b.holds());
}

pub(crate) fn change(entry: EntryId, chunk: Vec<u8>) -> Operation {
    Operation::change(entry, chunk, Vec::new(), Vec::new()).unwrap()
}

/// A document that hands out each commit as a chunk.
pub(crate) struct Doc(AutoCommit);

impl Doc {
    pub(crate) fn new(actor: u64) -> Self {
        Self(AutoCommit::new().with_actor(ActorId::from(actor.to_be_bytes().to_vec())))
    }

    /// The same document on another device.
    pub(crate) fn fork(&mut self, actor: u64) -> Self {
        Self(self.0.fork().with_actor(ActorId::from(actor.to_be_bytes().to_vec())))
    }

    pub(crate) fn merge(&mut self, other: &mut Doc) {
        self.0.merge(&mut other.0).unwrap();
    }

    pub(crate) fn write(&mut self, text: &str) -> Vec<u8> {
        self.0.put(ROOT, "text", text).unwrap();
        self.0.commit();
        self.0.get_last_local_change().unwrap().raw_bytes().to_vec()
    }

    pub(crate) fn heads(&mut self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.0.get_heads().iter().map(|head| ChangeHash::from_bytes(head.0)).collect();
        heads.sort_unstable();
        heads
    }
}
