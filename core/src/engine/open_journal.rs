//! What everything that runs on one open journal shares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use super::arriving::Arriving;
use super::deriving::DeriveQueue;
use super::document_cache::DocumentCache;
use super::events::Bus;
use crate::blobs::BlobStore;
use crate::document::Actor;
use crate::error::Result;
use crate::files::{Home, HomeLock};
use crate::replication::rules::Identity;
use crate::store::sqlite::SqliteStore;
use crate::time::{Clock, Entropy};
use crate::transport::DiscoverySource;
use crate::vault::{self, SystemFiles};

/// One source of randomness, handed around.
#[derive(Debug, Clone)]
pub struct SharedEntropy(Arc<Mutex<Box<dyn Entropy>>>);

impl SharedEntropy {
    /// Shares `entropy`.
    pub fn new(entropy: Box<dyn Entropy>) -> Self {
        Self(Arc::new(Mutex::new(entropy)))
    }
}

impl Entropy for SharedEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        lock(&self.0).fill(bytes);
    }
}

/// An open journal's parts.
#[derive(Debug)]
pub(crate) struct OpenJournal {
    pub(crate) home: Home,
    pub(crate) store: SqliteStore,
    pub(crate) blobs: BlobStore,
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: SharedEntropy,
    pub(crate) finder: DiscoverySource,
    /// Drawn at each opening of the store, and again after a commit that failed, so that (actor, seq) never repeats.
    actor: Mutex<Actor>,
    /// Automerge documents opened since the journal was.
    opened: AtomicU64,
    /// Entries imported since the journal was opened.
    imported: AtomicU64,
    /// Erase certificates after which the database's log file was emptied.
    pub(crate) cleared: AtomicU64,
    /// Documents that stay open between edits.
    pub(crate) warm: DocumentCache,
    /// Sessions that bring what they announced.
    pub(crate) arriving: Arriving,
    /// How much is derived at a time.
    pub(crate) deriver: DeriveQueue,
    /// Held while a large document is open: one at a time.
    pub(crate) opening: Mutex<()>,
    /// Counts what the store holds newly, for sessions that stay.
    news: watch::Sender<u64>,
    /// Counts changes of the network that the program was told of.
    network: watch::Sender<u64>,
    /// Whoever listens.
    bus: OnceLock<Arc<Bus>>,
    /// The share of the home, as long as the journal is open in it.
    lock: Mutex<Option<HomeLock>>,
}

impl OpenJournal {
    pub(crate) fn new(
        home: Home,
        store: SqliteStore,
        blobs: BlobStore,
        identity: Identity,
        clock: Arc<dyn Clock>,
        mut entropy: SharedEntropy,
        finder: DiscoverySource,
    ) -> Self {
        let actor = Mutex::new(Actor::draw(&mut entropy));
        let (news, _) = watch::channel(0);
        let (network, _) = watch::channel(0);
        Self {
            home,
            store,
            blobs,
            identity,
            clock,
            entropy,
            finder,
            actor,
            opened: AtomicU64::new(0),
            imported: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            warm: DocumentCache::default(),
            arriving: Arriving::default(),
            deriver: DeriveQueue::default(),
            opening: Mutex::default(),
            news,
            network,
            bus: OnceLock::new(),
            lock: Mutex::default(),
        }
    }

    /// Stays in the home by `share`, or leaves it: without one, somebody else may swap its files.
    pub(super) fn stay(&self, share: Option<HomeLock>) {
        *lock(&self.lock) = share;
    }

    /// Closes every file, and leaves the home.
    pub(super) fn pause(&self) -> Result<()> {
        let paused = self.store.pause();
        self.stay(None);
        Ok(paused?)
    }

    /// Opens the files again after [`OpenJournal::pause`].
    pub(super) fn resume(&self) -> Result<()> {
        let share = vault::enter(&self.home, &SystemFiles)?;
        self.store.resume()?;
        self.stay(Some(share));
        Ok(())
    }

    /// Who listens hears it from `bus`. Has an effect once, before anybody does.
    pub(super) fn tell_to(&self, bus: Arc<Bus>) {
        let _ = self.bus.set(bus);
    }

    pub(super) fn bus(&self) -> &Arc<Bus> {
        self.bus.get_or_init(Arc::default)
    }

    /// The network is another one: sockets are bound anew.
    pub(super) fn network_changed(&self) {
        self.network.send_modify(|count| *count += 1);
    }

    pub(super) fn network(&self) -> watch::Receiver<u64> {
        self.network.subscribe()
    }

    pub(crate) fn actor(&self) -> Actor {
        *lock(&self.actor)
    }

    /// A commit failed: whatever it numbered may not be numbered again.
    pub(crate) fn redraw_actor(&self) {
        *lock(&self.actor) = Actor::draw(&mut self.entropy.clone());
    }

    pub(crate) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an imported entry, and says how many there were.
    pub(crate) fn count_imported(&self) -> u64 {
        self.imported.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many Automerge documents were opened since the journal was.
    pub(crate) fn documents_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// The store holds something new: sessions that stay look at it.
    pub(crate) fn changed(&self) {
        self.news.send_modify(|count| *count += 1);
        self.lists_changed();
    }

    /// Lists may read otherwise: something was stored, or derived.
    pub(crate) fn lists_changed(&self) {
        if let Some(bus) = self.bus.get() {
            bus.changed();
        }
    }

    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

/// A lock whose holder cannot leave it half-done.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
