//! One device: its key, its disk, its clock, and what a writer does on it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use afterword_core::crypto::{DeviceKey, SealingKey, Secret};
use afterword_core::error::{Error, Result};
use afterword_core::id::{DeviceId, EntryId, JournalId, LogId};
use afterword_core::log::{Envelope, Head, Operation, OperationKind};
use afterword_core::membership::{Newcomer, Signer, Statement, Statements};
use afterword_core::store::blobs::Shape;
use afterword_core::store::rules::{self, Identity, Packing, Planted};
use afterword_core::store::{Setting, StorageExt, Tx};
use afterword_core::time::{Timestamp, random};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Change, ObjType, ROOT, ReadDoc};

use super::disk::{Blobs, Damage, Disk, Factory, Held, Power, Powered, blob_ref};
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
    /// Equal vectors, statements and certificates: equal heads and digest, and making them again changes nothing.
    EqualLogsEqualHeads,
    /// Members that reach each other end in one state.
    Convergence,
    /// A removed device gets no operation written by an author who knew of the removal.
    RemovedGetsNothing,
    /// Only a device that belongs, by the statements of the one that answers, is answered.
    OnlyMembersAreServed,
    /// A body is missing under a certificate and never otherwise; under one it is missing everywhere.
    ErasedIsErased,
    /// A log that a peer holds further, or otherwise, is never appended to again.
    NoAppendAfterRollback,
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
    actor: ActorId,
    /// Milliseconds that its clock is off.
    pub(super) clock: i64,
    /// Bodies that a commit here said are held.
    pub(super) held: BTreeSet<(EntryId, [u8; 32])>,
    /// Own logs that a peer was seen to hold further, or otherwise.
    pub(super) told: BTreeSet<LogId>,
    /// Whether it was ever repaired: bytes may be here that only what was lost spoke of.
    pub(super) repaired: bool,
}

/// What a writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    Edit,
    Mark,
    Attach,
    Detach,
    Record,
}

const WORDS: [&str; 12] =
    ["rain", "letter", "häuser", "失敗", "🙂", "again", "not yet", "why", "שלום", "e\u{301}", "door", "bread"];

impl Device {
    /// The device that begins a journal.
    pub(super) fn first(
        factory: Factory,
        planted: Option<Planted>,
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
        planted: Option<Planted>,
        rng: &mut Rng,
        journal: JournalId,
        key: DeviceKey,
        sealing: SealingKey,
        secret: &Secret,
    ) -> Self {
        let mut identity = Identity::new(journal, key, secret);
        identity.planted = planted;
        let mut rng = rng.split();
        // Commits are short here: so that some are stored as they came, and some line by line.
        identity.pack_from = 200 + rng.below(1500);
        let vector = (planted == Some(Planted::VectorNotInTheTransaction)).then(BTreeMap::new);
        Self {
            identity,
            sealing,
            disk: factory(),
            blobs: Arc::default(),
            power: Arc::new(Mutex::new(Power { fuse: None, vector })),
            actor: ActorId::from(random::<16>(&mut rng)),
            rng,
            clock: 0,
            held: BTreeSet::new(),
            told: BTreeSet::new(),
            repaired: false,
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
        let planted = self.identity.planted;
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
        self.state_with(|set, key| Ok(Statement::remove(Signer::Device(key), &journal, &set.seen(), device)?))
    }

    fn state_with(&self, make: impl FnOnce(&Statements, &DeviceKey) -> Result<Statement>) -> Result<()> {
        self.storage().write(|tx| {
            let statement = make(&rules::statements(tx)?, &self.identity.key)?;
            rules::add_statements(tx, &self.identity, vec![statement]).map(drop)
        })
    }

    pub(super) fn id(&self) -> DeviceId {
        self.identity.device()
    }

    pub(super) fn storage(&self) -> Powered {
        Powered { inner: self.disk.storage(), power: self.power.clone() }
    }

    // ---- what a writer does -------------------------------------------------------------------------------------

    /// Begins an entry.
    pub(super) fn write(&mut self) -> Result<(EntryId, Head)> {
        let entry = EntryId::from_bytes(random(&mut self.rng));
        let mut doc = AutoCommit::new().with_actor(self.actor.clone());
        let text = doc.put_object(ROOT, "text", ObjType::Text).map_err(refused)?;
        doc.put_object(ROOT, "marks", ObjType::Map).map_err(refused)?;
        doc.splice_text(&text, 0, 0, self.word()).map_err(refused)?;
        let chunk = self.commit_document(&mut doc)?;
        let operation = Operation::change(entry, chunk, Vec::new(), Vec::new())?;
        let head = self.append(vec![operation])?;
        Ok((entry, head))
    }

    /// Changes an entry, where it can be read here.
    pub(super) fn change(&mut self, entry: EntryId, writing: Writing) -> Result<Option<Head>> {
        let storage = self.storage();
        let (mut doc, blobs) = storage.read(|tx| {
            let blobs: Vec<_> = tx.blobs(false)?.into_iter().filter(|blob| blob.entry == entry).collect();
            Ok((load(tx, entry)?, blobs))
        })?;
        doc.set_actor(self.actor.clone());
        let Some((_, text)) = doc.get(ROOT, "text").map_err(refused)? else { return Ok(None) };
        let Some((_, marks)) = doc.get(ROOT, "marks").map_err(refused)? else { return Ok(None) };
        let (mut brings, mut ends) = (Vec::new(), Vec::new());
        match writing {
            Writing::Edit => {
                let length = doc.length(&text);
                let at = self.rng.below(length + 1);
                let gone = if self.rng.chance(30) { self.rng.below((length - at).min(4) + 1) } else { 0 };
                let word = self.word();
                doc.splice_text(&text, at, gone as isize, word).map_err(refused)?;
            }
            Writing::Mark => {
                let word = self.word();
                if self.rng.chance(70) {
                    doc.put(&marks, word, true).map_err(refused)?;
                } else {
                    doc.delete(&marks, word).map_err(refused)?;
                }
            }
            Writing::Attach => {
                let length = if self.rng.chance(10) { 70_000 } else { 1 + self.rng.below(200) };
                let bytes = vec![self.rng.next() as u8; length];
                let blob = blob_ref(random(&mut self.rng), &bytes);
                self.blobs.put(entry, &blob, &bytes);
                doc.put(&marks, blob.id.to_string(), true).map_err(refused)?;
                brings.push(blob);
            }
            Writing::Detach => {
                let Some(blob) = self.rng.pick(&blobs) else { return Ok(None) };
                doc.delete(&marks, blob.blob.id.to_string()).map_err(refused)?;
                ends.push(blob.blob.id);
            }
            Writing::Record => {
                let envelope = Envelope {
                    entry,
                    kind: OperationKind::Record,
                    brings: Vec::new(),
                    ends: Vec::new(),
                    first_log: None,
                };
                let bytes = random::<12>(&mut self.rng).to_vec();
                return Ok(Some(self.append(vec![Operation::new(envelope, bytes)?])?));
            }
        }
        let chunk = self.commit_document(&mut doc)?;
        let operation = Operation::change(entry, chunk, brings.clone(), ends)?;
        let head = storage.write(|tx| {
            if tx.is_erased(entry)? {
                return Ok(None);
            }
            let head = rules::append(tx, &self.identity, &mut self.rng, vec![operation])?;
            // The bytes were there before the commit that speaks of them.
            brings.iter().try_for_each(|blob| tx.set_blob(entry, blob.id, &[], true))?;
            Ok(Some(head))
        })?;
        Ok(head)
    }

    /// Writes a long line of the ledger, of bytes that do not compress.
    pub(super) fn record_long(&mut self, entry: EntryId, length: usize) -> Result<Head> {
        let (brings, ends) = (Vec::new(), Vec::new());
        let envelope = Envelope { entry, kind: OperationKind::Record, brings, ends, first_log: None };
        let mut bytes = vec![0; length];
        afterword_core::time::Entropy::fill(&mut self.rng, &mut bytes);
        self.append(vec![Operation::new(envelope, bytes)?])
    }

    /// Packs older operations, as a program does while nobody waits.
    pub(super) fn pack(&mut self, packing: &Packing) -> Result<()> {
        self.storage().write(|tx| rules::pack(tx, &self.identity, packing)).map(drop)
    }

    /// Destroys an entry.
    pub(super) fn erase(&mut self, entry: EntryId) -> Result<()> {
        let storage = self.storage();
        storage.write(|tx| rules::erase(tx, &self.identity, &mut self.rng, entry)).map(drop)
    }

    fn append(&mut self, operations: Vec<Operation>) -> Result<Head> {
        let storage = self.storage();
        storage.write(|tx| rules::append(tx, &self.identity, &mut self.rng, operations))
    }

    fn commit_document(&mut self, doc: &mut AutoCommit) -> Result<Vec<u8>> {
        let options = || CommitOptions::default().with_time(1_700_000_000 + self.clock);
        let hash = doc.commit_with(options());
        let change = match hash {
            Some(_) => doc.get_last_local_change(),
            // Deleting what is not there changes nothing: an empty change says so.
            None => {
                doc.empty_change(options());
                doc.get_last_local_change()
            }
        };
        change.map(|change| change.raw_bytes().to_vec()).ok_or_else(|| Error::internal("nothing was committed"))
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.rng.below(WORDS.len())]
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
            actor: self.actor.clone(),
            rng: rng.split(),
            clock: self.clock,
            held: BTreeSet::new(),
            told: BTreeSet::new(),
            repaired: false,
        };
        twin.restore(copy);
        twin
    }

    /// The process died and was started again.
    pub(super) fn crash(&mut self) {
        self.power.lock().unwrap_or_else(PoisonError::into_inner).fuse = None;
        self.disk.reopen();
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
        self.actor = ActorId::from(random::<16>(&mut self.rng));
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::internal(error)
}

/// An entry's document, of all its ready changes.
pub(super) fn load(tx: &mut dyn Tx, entry: EntryId) -> Result<AutoCommit> {
    let mut doc = AutoCommit::new();
    let mut changes = Vec::new();
    for change in tx.changes(entry)?.into_iter().filter(|change| change.ready) {
        changes.push(Change::from_bytes(change.chunk).map_err(refused)?);
    }
    doc.apply_changes(changes).map_err(refused)?;
    Ok(doc)
}
