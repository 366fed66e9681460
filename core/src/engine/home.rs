//! Making a journal, and opening one: the vault, the store, the blobs, this device's identity.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Engine;
use super::clear::sweep_leftovers;
use super::device_news::Seen;
use super::shared::{Shared, SharedEntropy};
use crate::crypto::{BlobKey, DeviceKey, Domain, HashKey, RecoveryPhrase, SealingKey, Secret};
use crate::error::{Code, Error, Result};
use crate::id::JournalId;
use crate::membership::{Newcomer, Signer, Statement, Statements};
use crate::store::blobs::BlobStore;
use crate::store::rules::Identity;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::{Vouched, quarantine};
use crate::store::vault::{self, Home, RecoveryKeys, Unlock};
use crate::store::{Setting, StorageExt};
use crate::time::{Clock, Entropy, Timestamp, random};
use crate::transport::{Finder, PlatformDiscovery, SystemDiscovery};

/// The clock and randomness that an engine runs on.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// How other devices are found on a network.
    pub finder: Finder,
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
    home.database().exists() || home.vault().exists()
}

/// Puts a damaged journal aside, all of it, under names that say when; nothing is deleted. The folder is then free for
/// joining the journal again from another device. Answers where the database is now.
pub fn put_aside(root: &Path, now: Timestamp) -> Result<PathBuf> {
    let home = Home::new(root);
    let aside = quarantine(&home.database(), now)?;
    let suffix = format!(".damaged-{}", now.0);
    for part in [home.vault(), home.blobs()] {
        if part.exists() {
            let mut name = part.as_os_str().to_owned();
            name.push(&suffix);
            fs::rename(&part, PathBuf::from(name)).map_err(|error| swap_failed(&error))?;
        }
    }
    sync_folder(root)?;
    Ok(aside)
}

impl Engine {
    /// A new journal in `root`, whose first member is this device. The phrase is shown once and kept nowhere.
    pub fn create(
        root: &Path,
        unlock: Unlock<'_>,
        name: &str,
        environment: Environment,
    ) -> Result<(Self, RecoveryPhrase)> {
        finish_joining(root)?;
        if is_journal(root) {
            return Err(Error::invalid("this folder already holds a journal", "open it, or choose another folder")
                .about("home"));
        }
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
        let engine = found(root, unlock, &device, &secret, &[genesis, add], environment)?;
        Ok((engine, phrase))
    }

    /// Opens the journal in `root`.
    pub fn open(root: &Path, unlock: Unlock<'_>, environment: Environment) -> Result<Self> {
        finish_joining(root)?;
        let home = Home::new(root);
        if !home.database().exists() && !home.vault().exists() {
            return Err(Error::new(
                Code::NotFound,
                format!("there is no journal in {}", root.display()),
                "make one with `afterword init`, or name its folder with --home",
            ));
        }
        let key = vault::open(&home, unlock)?;
        let engine = Self::open_with_key(home, &key, environment)?;
        // A journal opens although its disk is full or read-only; what can't be removed now is tried for again.
        let _ = sweep_leftovers(&engine.shared);
        Ok(engine)
    }

    pub(super) fn open_with_key(home: Home, key: &Secret, environment: Environment) -> Result<Self> {
        let store = SqliteStore::open(&home.database(), key, Vouched::ByVault)?;
        let identity = store.read(Identity::load)?;
        Self::assemble(home, key, store, identity, environment)
    }

    fn assemble(
        home: Home,
        key: &Secret,
        store: SqliteStore,
        identity: Identity,
        environment: Environment,
    ) -> Result<Self> {
        let blob_key = BlobKey::from_bytes(*HashKey::derive(Domain::BlobKey, key.expose()).as_bytes());
        let blobs = BlobStore::new(&home.blobs(), blob_key)?;
        let Environment { clock, entropy, finder } = environment;
        Ok(Self::from_shared(Shared::new(home, store, blobs, identity, clock, entropy, finder), key.clone()))
    }
}

/// Founds a store in `root` for a device that the statements make a member.
pub(super) fn found(
    root: &Path,
    unlock: Unlock<'_>,
    device: &Device,
    secret: &Secret,
    statements: &[Statement],
    environment: Environment,
) -> Result<Engine> {
    let mut entropy = environment.entropy.clone();
    let home = Home::new(root);
    let genesis = statements.first().ok_or_else(|| Error::internal("a journal without a genesis statement"))?;
    let crate::membership::Body::Genesis { recovery_sign, recovery_seal, .. } = genesis.body() else {
        return Err(Error::internal("a journal whose first statement is not its genesis"));
    };
    let recovery = RecoveryKeys { sign: *recovery_sign, seal: *recovery_seal };
    let journal = genesis.journal();
    let key = Secret::generate(&mut entropy);
    home.make()?;
    vault::create(&home, journal, &key, &recovery, unlock, &mut entropy)?;
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
    Engine::assemble(home, &key, store, identity, environment)
}

/// Where a device that joins another journal makes its new store.
pub(super) fn joining(root: &Path) -> PathBuf {
    root.join("joining")
}

fn replaced(root: &Path) -> PathBuf {
    root.join("replaced")
}

fn ready(root: &Path) -> PathBuf {
    joining(root).join("ready")
}

const PARTS: [&str; 5] = ["journal.db", "journal.db-wal", "journal.db-shm", "vault", "blobs"];

/// The new store holds everything and the host has acknowledged it: it may take the old one's place.
pub(super) fn mark_ready(root: &Path) -> Result<()> {
    let path = ready(root);
    fs::write(&path, b"").and_then(|()| fs::File::open(&path)?.sync_all()).map_err(|error| swap_failed(&error))?;
    sync_folder(&joining(root))
}

/// Puts a joined store in the old one's place, or goes on where a crash stopped it. Nothing without the mark.
pub(super) fn finish_joining(root: &Path) -> Result<()> {
    let (from, aside) = (joining(root), replaced(root));
    if ready(root).exists() {
        fs::create_dir_all(&aside).map_err(|error| swap_failed(&error))?;
        for part in PARTS {
            // The old part moves aside once: while the new one still waits in `joining`.
            let (new, here, old) = (from.join(part), root.join(part), aside.join(part));
            if here.exists() && !old.exists() && (new.exists() || part.starts_with("journal.db-")) {
                fs::rename(&here, &old).map_err(|error| swap_failed(&error))?;
            }
        }
        for part in PARTS {
            let (new, here) = (from.join(part), root.join(part));
            if new.exists() {
                fs::rename(&new, &here).map_err(|error| swap_failed(&error))?;
            }
        }
        sync_folder(root)?;
        fs::remove_dir_all(&from).map_err(|error| swap_failed(&error))?;
        sync_folder(root)?;
    }
    if aside.exists() && !ready(root).exists() {
        fs::remove_dir_all(&aside).map_err(|error| swap_failed(&error))?;
        sync_folder(root)?;
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| swap_failed(&error))
}

pub(super) fn swap_failed(error: &std::io::Error) -> Error {
    Error::new(
        Code::Internal,
        format!("the joined journal could not be put in place: {error}"),
        "nothing is lost; make room or mend the folder's permissions and try again",
    )
}
