//! One device: its key, its disk, its clock, and what happens to its home.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use afterword_core::blobs::Shape;
use afterword_core::crypto::{DeviceKey, SealingKey, Secret};
use afterword_core::error::Result;
use afterword_core::fault::Fault;
use afterword_core::id::{DeviceId, EntryId, JournalId, LogId};
use afterword_core::membership::{FIRST_UNKNOWN, Newcomer, Signer, Statement, Statements};
use afterword_core::replication::rules::{self, Identity};
use afterword_core::replication::{Setting, StorageExt};
use afterword_core::store::read_model::Prepared;
use afterword_core::time::{Timestamp, random};

use super::disk::{Blobs, Damage, Disk, Factory, Held, Power, Powered};
use super::rng::Rng;

/// What must not happen, and did: the rule that was broken, and how it showed.
#[derive(Debug, Clone)]
pub(super) struct Violation {
    pub(super) rule: Rule,
    pub(super) detail: String,
}

/// The rules that every run is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// What a commit, or an acknowledgement, said is held stays held.
    NothingIsLost,
    /// An acknowledgement leaves only once what it covers is durable.
    AcknowledgedIsDurable,
    /// A change is ready exactly when all that it depends on is; Automerge takes every ready change.
    ReadyIsComplete,
    /// Every change that a device made is one that the reader of every device takes.
    WrittenIsRead,
    /// Equal vectors, statements and certificates: equal heads and digest, and making them again changes nothing.
    EqualLogsEqualHeads,
    /// Members that reach each other end in one state.
    Convergence,
    /// A removed device gets no operation written by an author who knew of the removal.
    RemovedGetsNothing,
    /// Whoever takes an operation from a member holds every removal that the member knew when it read the operation.
    RemovalGoesFirst,
    /// Only a device that belongs, by the statements of the one that answers, is answered.
    OnlyMembersAreServed,
    /// A body is missing under a certificate and never otherwise; under one it is missing everywhere.
    ErasedIsErased,
    /// A log that a peer holds further, or otherwise, is never appended to again.
    NoAppendAfterRollback,
    /// What is derived and not marked as stale is what the log says: list row, text, and what a search finds.
    DerivedIsTheLogs,
    /// What was derived stays so, through any crash, until its log says something else.
    DerivedOnce,
    /// Whatever a member that turned does, a save asks for at most twice as many rows as before.
    SavesCostTheSame,
    /// Of what a member sends no more is held than stands in the formats: certificates, logs, statements.
    HoldingsAreBounded,
    /// A session holds no more of what a peer sends than its window and one message.
    MemoryIsBounded,
    /// What a peer only says is not believed.
    ClaimsAreProved,
    /// Honest devices end their sessions in peace, in bounded steps.
    SessionsEndWell,
    /// The store does what is asked of it.
    StoreWorks,
}

pub(super) type Check<T = ()> = std::result::Result<T, Violation>;

pub(super) fn broken<T>(rule: Rule, detail: impl Into<String>) -> Check<T> {
    Err(Violation { rule, detail: detail.into() })
}

/// A home folder copied.
#[derive(Clone)]
pub(super) struct HomeCopy {
    disk: Rc<dyn Any>,
    blobs: Held,
    vector: Option<BTreeMap<LogId, afterword_core::log::Position>>,
    pub(super) held: BTreeSet<(EntryId, [u8; 32])>,
}

/// One running installation. A home that was copied and runs twice is two of these with one key.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) identity: Identity,
    sealing: SealingKey,
    disk: Box<dyn Disk>,
    pub(super) blobs: Arc<Blobs>,
    pub(super) power: Arc<Mutex<Power>>,
    pub(super) rng: Rng,
    pub(super) actor: [u8; 16],
    /// Milliseconds that its clock is off.
    pub(super) clock: i64,
    /// Bodies that a commit here said are held.
    pub(super) held: BTreeSet<(EntryId, [u8; 32])>,
    /// Own logs that a peer was seen to hold further, or otherwise.
    pub(super) told: BTreeSet<LogId>,
    /// Whether it was ever repaired: bytes may be here that only what was lost spoke of.
    pub(super) repaired: bool,
    /// Rows that were prepared, and wait for the writer.
    pub(super) waiting: Vec<(EntryId, Prepared)>,
    /// Entries that a commit here said are derived, each with the version of its log that they were derived from.
    pub(super) derived: BTreeMap<EntryId, i64>,
    /// Rows that its writes asked for, where somebody counts them.
    pub(super) rows: Option<Arc<AtomicU64>>,
}

impl Device {
    /// The device that begins a journal.
    pub(super) fn first(
        factory: Factory,
        planted: Option<Fault>,
        rng: &mut Rng,
    ) -> (Self, afterword_core::crypto::RecoveryPhrase, Secret) {
        let phrase = afterword_core::crypto::RecoveryPhrase::generate(rng);
        let recovery = phrase.signing_key();
        let genesis = Statement::genesis(&recovery, phrase.sealing_key().public(), random(rng));
        let journal = genesis.journal();
        let (key, sealing, secret) = (DeviceKey::generate(rng), SealingKey::generate(rng), Secret::generate(rng));
        let newcomer = Newcomer::new(&key, &journal, sealing.public(), "first").unwrap();
        let add =
            Statement::add(Signer::Recovery(&recovery), &journal, &[genesis.id()], newcomer, Timestamp(0)).unwrap();
        let device = Self::new(factory, planted, rng, journal, key, sealing, &secret);
        device.begin(&[genesis, add], &secret);
        (device, phrase, secret)
    }

    fn new(
        factory: Factory,
        planted: Option<Fault>,
        rng: &mut Rng,
        journal: JournalId,
        key: DeviceKey,
        sealing: SealingKey,
        secret: &Secret,
    ) -> Self {
        let mut identity = Identity::new(journal, key, secret);
        identity.faults = planted.into();
        let mut rng = rng.split();
        // Commits are short here: so that some are stored as they came, and some line by line.
        identity.pack_from = 200 + rng.below(1500);
        let vector = (planted == Some(Fault::VectorNotInTheTransaction)).then(BTreeMap::new);
        Self {
            identity,
            sealing,
            disk: factory(),
            blobs: Arc::default(),
            power: Arc::new(Mutex::new(Power { fuse: None, vector })),
            actor: random(&mut rng),
            rng,
            clock: 0,
            held: BTreeSet::new(),
            told: BTreeSet::new(),
            repaired: false,
            waiting: Vec::new(),
            derived: BTreeMap::new(),
            rows: None,
        }
    }

    fn begin(&self, statements: &[Statement], secret: &Secret) {
        self.storage()
            .write(|tx| {
                tx.set_setting(Setting::DeviceSeed, &*self.identity.key.seed())?;
                tx.set_setting(Setting::SealingSeed, &*self.sealing.seed())?;
                tx.set_setting(Setting::JournalSecret, secret.expose())?;
                tx.set_setting(Setting::Journal, self.identity.journal.as_bytes())?;
                statements.iter().try_for_each(|statement| tx.add_statement(statement.id(), statement.encode()))
            })
            .expect("an empty store takes its first statements");
    }

    /// A newcomer that this device adds, and tells everything, as pairing does: one that lacked what its own add names
    /// could sign nothing that counts.
    pub(super) fn pair(&mut self, factory: Factory, secret: &Secret, rng: &mut Rng) -> Result<Self> {
        let journal = self.identity.journal;
        let (key, sealing) = (DeviceKey::generate(rng), SealingKey::generate(rng));
        let newcomer = Newcomer::new(&key, &journal, sealing.public(), "newcomer")?;
        let planted = self.identity.faults.planted();
        self.state_with(|set, key| {
            Ok(Statement::add(Signer::Device(key), &journal, &set.seen(), newcomer, Timestamp(0))?)
        })?;
        let told: Vec<Statement> =
            self.storage().read(|tx| Ok(rules::statements(tx)?.in_order().into_iter().cloned().collect()))?;
        let newcomer = Self::new(factory, planted, rng, journal, key, sealing, secret);
        newcomer.begin(&told, secret);
        Ok(newcomer)
    }

    /// Removes a device, as far as this one has a say.
    pub(super) fn remove(&mut self, device: DeviceId) -> Result<()> {
        let journal = self.identity.journal;
        self.state_with(|set, key| {
            Ok(Statement::remove(Signer::Device(key), &journal, &set.seen(), device, Timestamp(0))?)
        })
    }

    /// Says something that only a later version understands.
    pub(super) fn say_later(&mut self) -> Result<()> {
        let (journal, number) = (self.identity.journal, FIRST_UNKNOWN + self.rng.below(300) as u32);
        let bytes = random::<12>(&mut self.rng).to_vec();
        self.state_with(|set, key| Ok(Statement::unknown(Signer::Device(key), &journal, &set.seen(), number, bytes)?))
    }

    fn state_with(&self, make: impl FnOnce(&Statements, &DeviceKey) -> Result<Statement>) -> Result<()> {
        self.storage().write(|tx| {
            let statement = make(&*rules::statements(tx)?, &self.identity.key)?;
            rules::add_statements(tx, &self.identity, vec![statement]).map(drop)
        })
    }

    pub(super) fn id(&self) -> DeviceId {
        self.identity.device()
    }

    pub(super) fn storage(&self) -> Powered {
        let (power, rows) = (self.power.clone(), self.rows.clone());
        Powered { inner: self.disk.storage(), derives: self.disk.derives(), power, rows }
    }

    /// Bytes of blobs that nobody wants any more go.
    pub(super) fn sweep(&mut self) -> Result<()> {
        let storage = self.storage();
        for (entry, blob) in storage.read(|tx| tx.unwanted_blobs())? {
            afterword_core::sync::BlobBytes::remove(&*self.blobs, entry, blob)?;
            storage.write(|tx| tx.forget_blob(entry, blob))?;
        }
        Ok(())
    }

    // ---- what happens to a home ---------------------------------------------------------------------------------

    /// The folder as it is now.
    pub(super) fn copy(&self) -> HomeCopy {
        let vector = self.power.lock().unwrap_or_else(PoisonError::into_inner).vector.clone();
        HomeCopy { disk: self.disk.copy(), blobs: self.blobs.held().clone(), vector, held: self.held.clone() }
    }

    /// The folder of then, in place of the one of now.
    pub(super) fn restore(&mut self, copy: &HomeCopy) {
        self.disk.restore(&copy.disk);
        *self.blobs.held() = copy.blobs.clone();
        *self.power.lock().unwrap_or_else(PoisonError::into_inner) = Power { fuse: None, vector: copy.vector.clone() };
        self.held = copy.held.clone();
        self.told.clear();
        self.waiting.clear();
        self.derived.clear();
        self.open_again();
    }

    /// A second installation that runs a copy of this one's folder.
    pub(super) fn twin(&self, factory: Factory, copy: &HomeCopy, rng: &mut Rng) -> Self {
        let mut twin = Self {
            identity: self.identity.clone(),
            sealing: self.sealing.clone(),
            disk: factory(),
            blobs: Arc::default(),
            power: Arc::default(),
            actor: self.actor,
            rng: rng.split(),
            clock: self.clock,
            held: BTreeSet::new(),
            told: BTreeSet::new(),
            repaired: false,
            waiting: Vec::new(),
            derived: BTreeMap::new(),
            rows: None,
        };
        twin.restore(copy);
        twin
    }

    /// The process died and was started again.
    pub(super) fn crash(&mut self) {
        self.power.lock().unwrap_or_else(PoisonError::into_inner).fuse = None;
        self.disk.reopen();
        // Another process, which lives on, may have prepared them.
        if self.rng.chance(50) {
            self.waiting.clear();
        }
        self.sweep_strays();
        self.open_again();
    }

    /// Bytes whose commit never came go, as they do when a store is opened. Where the rows do not read, nobody knows
    /// which those are.
    pub(super) fn sweep_strays(&self) {
        let Ok(wanted) = self.storage().read(|tx| tx.blobs(false)) else { return };
        self.blobs.held().retain(|id, _| wanted.iter().any(|wanted| (wanted.entry, wanted.blob.id) == *id));
    }

    /// Something stored here is damaged. What was in it is no longer said to be held.
    pub(super) fn damage(&mut self) -> Result<Option<Damage>> {
        let damage = self.disk.damage(&mut self.rng)?;
        if let Some(damage) = &damage {
            self.held.retain(|body| !damage.lost.contains(body));
        }
        Ok(damage)
    }

    /// What `doctor --rebuild` does: logs and what is made from them, then the blobs whose bytes are all here.
    pub(super) fn repair(&mut self, damage: &Damage) -> Result<()> {
        let storage = self.storage();
        self.disk.repair(&storage, &self.identity, damage, &mut self.rng)?;
        self.repaired = true;
        self.derived.clear();
        for blob in storage.read(|tx| tx.blobs(true))? {
            let parts = self.blobs.held().get(&(blob.entry, blob.blob.id)).map(BTreeMap::len);
            if parts.is_some()
                && parts.map(|parts| parts as u64) == Shape::new(blob.blob.len).map(|shape| shape.parts())
            {
                storage.write(|tx| tx.set_blob(blob.entry, blob.blob.id, &[], true))?;
            }
        }
        Ok(())
    }

    /// An actor id of its own for every opening of the store.
    fn open_again(&mut self) {
        self.actor = random(&mut self.rng);
    }
}
