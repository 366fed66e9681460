//! Making a journal, and opening one: the vault, the store, the blobs, this device's identity.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Engine;
use super::device_news::Seen;
use super::open_journal::{OpenJournal, SharedEntropy};
use super::sweep::sweep_orphans;
use crate::blobs::BlobStore;
use crate::crypto::{BlobKey, DeviceKey, Domain, HashKey, RecoveryPhrase, SealingKey, Secret};
use crate::error::{Advice, Code, Error, Result};
use crate::files::{Home, HomeLock};
use crate::files::{StoreError, StoreResult};
use crate::id::{DeviceId, JournalId};
use crate::membership::{Newcomer, Signer, Statement, Statements};
use crate::replication::rules::Identity;
use crate::replication::{Setting, StorageExt};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::Vouched;
use crate::time::{Clock, Entropy, Timestamp, random};
use crate::transport::{DiscoverySource, PlatformDiscovery, SystemDiscovery};
use crate::vault::{self, FileOperations, Founding, PlatformVault, RecoveryKeys, SystemFiles, Unlock, UnlockKind};

/// The clock and randomness that an engine runs on.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// How other devices are found on a network.
    pub finder: DiscoverySource,
}

impl Environment {
    /// From now on other devices are looked for with the system's own service, where mDNS is not allowed to an app.
    pub fn look_with(&self, platform: Arc<dyn PlatformDiscovery>) {
        self.finder.look_with(Arc::new(SystemDiscovery::new(platform, &mut self.entropy.clone())));
    }
}

/// What a device brings to a journal: its keys and its name.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) key: DeviceKey,
    pub(super) sealing: SealingKey,
}

impl Device {
    pub(super) fn generate(entropy: &mut dyn Entropy) -> Self {
        Self { key: DeviceKey::generate(entropy), sealing: SealingKey::generate(entropy) }
    }

    pub(super) fn newcomer(&self, journal: &JournalId, name: &str) -> Result<Newcomer> {
        Ok(Newcomer::new(&self.key, journal, self.sealing.public(), name)?)
    }
}

/// Whether a folder holds a journal, or part of one.
pub fn is_journal(root: &Path) -> bool {
    let home = Home::new(root);
    home.database().exists() || home.vault().exists() || vault::is_ready(&home)
}

/// Whether the making of a journal in `root` was cut off, or goes on now.
pub fn is_unfinished(root: &Path) -> bool {
    vault::is_unfinished(&Home::new(root))
}

/// Puts a damaged journal aside, all of it, under names that say when; nothing is deleted. The folder is then free for
/// joining the journal again from another device. Answers where the database is now.
pub fn put_aside(root: &Path, now: Timestamp) -> Result<PathBuf> {
    Ok(vault::put_aside(&Home::new(root), now, &SystemFiles)?)
}

/// How the journal in `root` opens, without opening it.
pub fn unlock_kind(root: &Path) -> Result<UnlockKind> {
    let (home, _lock) = enter(root)?;
    Ok(vault::kind(&home)?)
}

/// Whether the phrase opens the copy of the journal in `root`, which nothing else need open. Answers which journal it is.
pub fn check_phrase(root: &Path, phrase: &RecoveryPhrase) -> Result<JournalId> {
    let (home, _lock) = enter(root)?;
    vault::open_with_phrase(&home, phrase).map_err(not_these_words)?;
    Ok(vault::journal(&home)?)
}

/// That nothing stands where a new journal is to be made.
pub fn check_vacant(root: &Path) -> Result<()> {
    if is_journal(root) {
        return Err(
            Error::invalid("this folder already holds a journal", "open it, or choose another folder").about("home")
        );
    }
    Ok(())
}

/// The home in `root`, shared with others, and all that was begun in it finished.
fn enter(root: &Path) -> Result<(Home, HomeLock)> {
    let home = Home::new(root);
    if !is_journal(root) {
        let (root, unfinished) = (root.display(), vault::is_unfinished(&home));
        let (message, advice) = if unfinished {
            (format!("the making of a journal in {root} was cut off, or still goes on"), Advice::BeginAgain)
        } else {
            (format!("there is no journal in {root}"), Advice::MakeJournal)
        };
        return Err(Error::new(Code::NotFound, message, advice));
    }
    let lock = vault::enter(&home, &SystemFiles)?;
    Ok((home, lock))
}

fn not_these_words(error: StoreError) -> Error {
    let wrong = matches!(error, StoreError::WrongKey(_));
    let error = Error::from(error);
    if !wrong {
        return error;
    }
    Error { advice: "look at the paper again; the words of another journal do not open this one".into(), ..error }
}

/// A journal that is whole and durable in its folder, and takes its place there only with [`Begun::finish`]: after its
/// phrase was shown. Cut off before that, there is no journal, and nobody has one without its phrase.
#[derive(Debug)]
pub struct Begun {
    founding: Founding,
    home: Home,
    key: Secret,
    identity: Identity,
    phrase: RecoveryPhrase,
    environment: Environment,
}

impl Begun {
    /// The journal's id.
    pub fn journal(&self) -> JournalId {
        self.identity.journal
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.identity.device()
    }

    /// The phrase, to be shown once. It is kept nowhere.
    pub fn phrase(&self) -> &RecoveryPhrase {
        &self.phrase
    }

    /// The phrase was shown: the journal takes its place.
    pub fn finish(self) -> Result<Engine> {
        let lock = self.founding.put_in_place()?;
        Engine::open_with_key(self.home, &self.key, self.environment, Some(lock))
    }
}

impl Engine {
    /// A new journal in `root`, whose first member is this device. The phrase is shown once and kept nowhere.
    pub fn create(
        root: &Path,
        unlock: Unlock<'_>,
        name: &str,
        environment: Environment,
    ) -> Result<(Self, RecoveryPhrase)> {
        let begun = Self::begin(root, unlock, name, environment)?;
        let phrase = begun.phrase().clone();
        Ok((begun.finish()?, phrase))
    }

    /// The same up to where the phrase can be shown; [`Begun::finish`] makes it the journal in `root`.
    pub fn begin(root: &Path, unlock: Unlock<'_>, name: &str, environment: Environment) -> Result<Begun> {
        Self::begin_by(Arc::new(SystemFiles), root, unlock, name, environment)
    }

    fn begin_by(
        files: Arc<dyn FileOperations>,
        root: &Path,
        unlock: Unlock<'_>,
        name: &str,
        environment: Environment,
    ) -> Result<Begun> {
        check_vacant(root)?;
        let home = Home::new(root);
        let founding = Founding::begin(&home, platform(unlock), files)?;
        // Whoever was alone here before may have made one.
        check_vacant(root)?;
        let mut entropy = environment.entropy.clone();
        let phrase = RecoveryPhrase::generate(&mut entropy);
        let device = Device::generate(&mut entropy);
        let genesis = Statement::genesis(&phrase.signing_key(), phrase.sealing_key().public(), random(&mut entropy));
        let journal = genesis.journal();
        let newcomer = device.newcomer(&journal, name)?;
        let add = Statement::add(
            Signer::Recovery(&phrase.signing_key()),
            &journal,
            &[genesis.id()],
            newcomer,
            environment.clock.now(),
        )?;
        let secret = Secret::generate(&mut entropy);
        let new = founding.new_home();
        let Made { key, store, identity } =
            make(&new, &|| founding.keep(), unlock, &device, &secret, &[genesis, add], &mut entropy)?;
        store.pause()?;
        founding.keep()?;
        Ok(Begun { founding, home, key, identity, phrase, environment })
    }

    /// Opens the journal in `root`.
    pub fn open(root: &Path, unlock: Unlock<'_>, environment: Environment) -> Result<Self> {
        let (home, lock) = enter(root)?;
        let key = vault::open(&home, unlock)?;
        let engine = Self::open_with_key(home, &key, environment, Some(lock))?;
        // A journal opens although its disk is full or read-only; what can't be removed now is tried for again.
        let _ = sweep_orphans(&engine.shared);
        Ok(engine)
    }

    /// Opens the journal in `root` with its phrase, where what opens it every day is forgotten or gone.
    pub fn open_with_phrase(root: &Path, phrase: &RecoveryPhrase, environment: Environment) -> Result<Self> {
        let (home, lock) = enter(root)?;
        let key = vault::open_with_phrase(&home, phrase).map_err(not_these_words)?;
        Self::open_with_key(home, &key, environment, Some(lock))
    }

    pub(super) fn open_with_key(
        home: Home,
        key: &Secret,
        environment: Environment,
        lock: Option<HomeLock>,
    ) -> Result<Self> {
        if !home.database().exists() {
            return Err(StoreError::Corrupt("the journal's database is gone from its folder".to_owned()).into());
        }
        let store = SqliteStore::open(&home.database(), key, Vouched::ByVault)?;
        let identity = store.read(Identity::load)?;
        Self::assemble(home, Made { key: key.clone(), store, identity }, environment, lock)
    }

    fn assemble(home: Home, made: Made, environment: Environment, lock: Option<HomeLock>) -> Result<Self> {
        let Made { key, store, identity } = made;
        let blob_key = BlobKey::from_bytes(*HashKey::derive(Domain::BlobKey, key.expose()).as_bytes());
        let blobs = BlobStore::new(&home.blobs(), blob_key)?;
        let Environment { clock, entropy, finder } = environment;
        let shared = OpenJournal::new(home, store, blobs, identity, clock, entropy, finder);
        shared.stay(lock);
        Ok(Self::from_shared(shared, key))
    }
}

/// The platform's vault, where it is what unlocks.
pub(super) fn platform(unlock: Unlock<'_>) -> Option<&dyn PlatformVault> {
    match unlock {
        Unlock::Platform(platform) => Some(platform),
        _ => None,
    }
}

/// A store, its key, and who it is.
struct Made {
    key: Secret,
    store: SqliteStore,
    identity: Identity,
}

/// Makes vault and store in `home`, for a device that the statements make a member. `kept` is called in between.
fn make(
    home: &Home,
    kept: &dyn Fn() -> StoreResult<()>,
    unlock: Unlock<'_>,
    device: &Device,
    secret: &Secret,
    statements: &[Statement],
    entropy: &mut dyn Entropy,
) -> Result<Made> {
    let genesis = statements.first().ok_or_else(|| Error::internal("a journal without a genesis statement"))?;
    let crate::membership::Body::Genesis { recovery_sign, recovery_seal, .. } = genesis.body() else {
        return Err(Error::internal("a journal whose first statement is not its genesis"));
    };
    let recovery = RecoveryKeys { sign: *recovery_sign, seal: *recovery_seal };
    let journal = genesis.journal();
    let key = Secret::generate(entropy);
    vault::create(home, journal, &key, &recovery, unlock, entropy)?;
    kept()?;
    let store = SqliteStore::create(&home.database(), &key)?;
    let identity = Identity::new(journal, device.key.clone(), secret);
    // Whoever makes or joins a journal sees the devices it has.
    let mut set = Statements::new(genesis.clone())?;
    for statement in &statements[1..] {
        set.insert(statement.clone())?;
    }
    let seen = Seen::all(set.state()).encode();
    store.write(|tx| {
        tx.set_setting(Setting::DevicesSeen, &seen)?;
        tx.set_setting(Setting::Journal, journal.as_bytes())?;
        tx.set_setting(Setting::DeviceSeed, device.key.seed().as_slice())?;
        tx.set_setting(Setting::SealingSeed, device.sealing.seed().as_slice())?;
        tx.set_setting(Setting::JournalSecret, secret.expose())?;
        for statement in statements {
            tx.add_statement(statement.id(), statement.encode())?;
        }
        Ok(())
    })?;
    Ok(Made { key, store, identity })
}

/// Makes a journal in `home` and opens it, for a device that the statements make a member.
pub(super) fn create_store(
    home: &Home,
    unlock: Unlock<'_>,
    device: &Device,
    secret: &Secret,
    statements: &[Statement],
    environment: Environment,
) -> Result<Engine> {
    let made = make(home, &|| Ok(()), unlock, device, secret, statements, &mut environment.entropy.clone())?;
    Engine::assemble(home.clone(), made, environment, None)
}

#[cfg(test)]
mod tests;
