//! A journal as an app holds it: locked until its vault gives the key, paused while the app sleeps, ended once.
//!
//! Everything may be called in any order, from any thread, any number of times. What needs the journal answers `locked`
//! while it is not open; the vault being shut at the start is a state and no failure. A panic inside a call is told as
//! one error and leaves the keeper broken: every later call says so, and what was saved is saved.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::alarms::{Alarm, AlarmCode};
use super::events::{Bus, Event, Listener, LockState, PairingStep, Subscription, SyncState};
use super::inbox::{self, Capture};
use super::open_journal::lock;
use super::{
    Engine, Environment, Health, HostEvent, JoinOptions, Joined, Seen, ServeEvent, ServeOptions, SessionEvent,
    SessionReport, SyncOptions, SyncReport,
};
use crate::crypto::RecoveryPhrase;
use crate::error::{Code, Error, Result};
use crate::id::DeviceId;
use crate::transport::PlatformDiscovery;
use crate::vault::{PlatformVault, Unlock};

/// Of a deadline, what is kept for putting things away.
const MARGIN: Duration = Duration::from_millis(300);
/// How long devices are looked for on the network.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A journal that an app holds.
#[derive(Debug)]
pub struct JournalHandle {
    root: PathBuf,
    vault: Arc<dyn PlatformVault>,
    environment: Environment,
    bus: Arc<Bus>,
    held: Mutex<Held>,
    serving: Mutex<Serving>,
    /// One pause, resumption or end at a time.
    turning: Mutex<()>,
}

#[derive(Debug, Clone)]
enum Held {
    Locked,
    Open(Arc<Engine>),
    Paused(Arc<Engine>),
    Ended,
    Broken,
}

impl Held {
    fn state(&self) -> LockState {
        match self {
            Self::Locked => LockState::Locked,
            Self::Open(_) => LockState::Open,
            Self::Paused(_) => LockState::Paused,
            Self::Ended => LockState::Ended,
            Self::Broken => LockState::Broken,
        }
    }
}

/// What serves, and what is to serve again after a pause.
#[derive(Debug, Default)]
struct Serving {
    wanted: Option<ServeOptions>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
    /// Where it listens, once it does.
    at: Arc<Mutex<Option<SocketAddr>>>,
}

/// Ends, from elsewhere, a call that waits for another device.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::channel(false).0)
    }
}

impl Stop {
    /// Ends it: it answers `cancelled`. So does each that begins later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// For whoever waits.
    pub fn heard(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

/// What one bounded sync came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncedOnce {
    /// Devices that were met.
    pub met: u64,
    /// Devices that were not found.
    pub missed: u64,
    /// Whether all that were met held the same at the end.
    pub equal: bool,
    /// Operations that came and went.
    pub operations: u64,
    /// Bytes of datagrams, both ways.
    pub bytes: u64,
}

fn not_open(state: LockState) -> Error {
    let (about, message, hint) = match state {
        LockState::Paused => ("paused", "the journal is paused", "resume it first"),
        LockState::Ended => ("ended", "the journal was shut down", "open it again"),
        LockState::Broken => {
            ("broken", "a bug in Afterword stopped this journal", "start the app anew; what was saved is saved")
        }
        LockState::Locked | LockState::Open => ("key", "the journal is locked", "unlock the device and try again"),
    };
    let code = if state == LockState::Broken { Code::Internal } else { Code::Locked };
    Error::new(code, message, hint).about(about)
}

impl JournalHandle {
    fn locked(root: &Path, vault: Arc<dyn PlatformVault>, environment: Environment) -> Self {
        Self {
            root: root.to_owned(),
            vault,
            environment,
            bus: Arc::default(),
            held: Mutex::new(Held::Locked),
            serving: Mutex::default(),
            turning: Mutex::default(),
        }
    }

    fn holding(root: &Path, vault: Arc<dyn PlatformVault>, environment: Environment, engine: Engine) -> Arc<Self> {
        let keeper = Self::locked(root, vault, environment);
        keeper.begin(engine);
        Arc::new(keeper)
    }

    /// Makes a journal whose first member is this device. The phrase is shown once and kept nowhere.
    pub fn create(
        root: &Path,
        name: &str,
        vault: Arc<dyn PlatformVault>,
        environment: Environment,
    ) -> Result<(Arc<Self>, RecoveryPhrase)> {
        let unlock = Unlock::Platform(vault.as_ref());
        let (engine, phrase) = Engine::create(root, unlock, name, environment.clone())?;
        Ok((Self::holding(root, vault, environment, engine), phrase))
    }

    /// Holds the journal in `root`. If its vault can't say the key now, it is locked until [`Self::resume`].
    pub fn open(root: &Path, vault: Arc<dyn PlatformVault>, environment: Environment) -> Result<Arc<Self>> {
        let keeper = Self::locked(root, vault, environment);
        match keeper.unlock() {
            Err(error) if error.code != Code::Locked => Err(error),
            _ => Ok(Arc::new(keeper)),
        }
    }

    /// Opens a journal whose vault lost the key, and gives the key to the vault again.
    pub fn recover(
        root: &Path,
        phrase: &RecoveryPhrase,
        vault: Arc<dyn PlatformVault>,
        environment: Environment,
    ) -> Result<Arc<Self>> {
        let engine = Engine::open_with_phrase(root, phrase, environment.clone())?;
        engine.change_unlock(Unlock::Platform(vault.as_ref()))?;
        Ok(Self::holding(root, vault, environment, engine))
    }

    /// Joins the journal whose code is shown, as a new device. Blocks until both hold the same.
    pub fn join(
        root: &Path,
        code: &str,
        options: &JoinOptions,
        vault: Arc<dyn PlatformVault>,
        environment: Environment,
        mut told: impl FnMut(PairingStep) + Send,
    ) -> Result<(Arc<Self>, Joined)> {
        let unlock = Unlock::Platform(vault.as_ref());
        let progress = |news: SessionEvent| step_of(&news).map(&mut told).unwrap_or_default();
        let (engine, joined) = Engine::join(root, code, options, unlock, environment.clone(), None, progress)?;
        Ok((Self::holding(root, vault, environment, engine), joined))
    }

    /// Whether the journal is open.
    pub fn state(&self) -> LockState {
        lock(&self.held).state()
    }

    /// From now on other devices are looked for with the system's own service, where mDNS is not allowed to an app.
    pub fn look_with(&self, platform: Arc<dyn PlatformDiscovery>) {
        self.environment.look_with(platform);
    }

    fn hold(&self, held: Held) {
        let state = held.state();
        *lock(&self.held) = held;
        self.turned(state);
    }

    fn turned(&self, state: LockState) {
        tracing::info!(?state, "the journal turned");
        self.bus.tell(Event::LockChanged(state));
    }

    /// Takes an opened engine: who listens hears of it, and what waits in the inbox is taken in.
    fn begin(&self, engine: Engine) {
        let engine = Arc::new(engine);
        engine.shared.tell_to(self.bus.clone());
        let asked = Arc::downgrade(&engine);
        self.bus.ask_heads(Some(Arc::new(move |id| asked.upgrade()?.heads(id).ok())));
        self.hold(Held::Open(engine.clone()));
        self.take_in(&engine);
        tell_device_news(&self.bus, &engine);
    }

    /// A full disk keeps what was captured where it is; the journal opens all the same.
    fn take_in(&self, engine: &Engine) {
        match engine.drain_inbox() {
            Ok(taken) => {
                let foreign = taken.foreign_key.then_some(AlarmCode::InboxKey);
                let unreadable = (taken.unreadable > 0).then_some(AlarmCode::InboxUnreadable);
                for code in foreign.into_iter().chain(unreadable) {
                    self.bus.tell(Event::Alarm(code));
                }
            }
            Err(_) => self.bus.tell(Event::Alarm(AlarmCode::InboxWaits)),
        }
    }

    fn unlock(&self) -> Result<()> {
        if !matches!(*lock(&self.held), Held::Locked) {
            return Ok(());
        }
        let engine = Engine::open(&self.root, Unlock::Platform(self.vault.as_ref()), self.environment.clone())?;
        self.begin(engine);
        Ok(())
    }

    /// The journal, while it is open.
    pub fn engine(&self) -> Result<Arc<Engine>> {
        match &*lock(&self.held) {
            Held::Open(engine) => Ok(engine.clone()),
            other => Err(not_open(other.state())),
        }
    }

    /// Does something with the open journal. A panic in it is told as an error, and is the last thing that it did.
    pub fn with<R>(&self, work: impl FnOnce(&Arc<Engine>) -> Result<R>) -> Result<R> {
        let engine = self.engine()?;
        // What the panic left half done is in memory only, and nobody looks at it again.
        catch_unwind(AssertUnwindSafe(|| work(&engine))).unwrap_or_else(|_| {
            tracing::error!("a bug in Afterword stopped the journal");
            self.hold(Held::Broken);
            self.bus.tell(Event::Alarm(AlarmCode::Broken));
            let _ = engine.shared.pause();
            Err(not_open(LockState::Broken))
        })
    }

    /// `listener` hears how things are, and what changes from then on.
    pub fn subscribe(&self, listener: Arc<dyn Listener>) -> Result<Subscription> {
        self.bus.subscribe(listener).map_err(|error| Error::internal(format!("no thread could be started: {error}")))
    }

    /// Writes without opening the journal: sealed into its inbox, which is taken in at once where it is open.
    pub fn capture(&self, capture: Capture) -> Result<()> {
        inbox::capture(&self.root, capture, &self.environment)?;
        // It is durable: if it can't be taken in now, that is no failure of the capture, which would be made again.
        match self.engine() {
            Ok(_) => self.with(|engine| {
                self.take_in(engine);
                Ok(())
            }),
            Err(_) => Ok(()),
        }
    }

    /// The app goes to sleep: what was typed is saved, syncing stops, every file is closed and no lock held.
    pub fn pause(&self) -> Result<()> {
        let _turning = lock(&self.turning);
        let engine = match &*lock(&self.held) {
            Held::Open(engine) => engine.clone(),
            _ => return Ok(()),
        };
        self.stop_running();
        // What can't be saved stays a draft, or in memory; a phone that wants to sleep does not wait for a full disk.
        let _ = engine.save_drafts();
        self.hold(Held::Paused(engine.clone()));
        engine.shared.pause()
    }

    /// The app wakes: the journal is open again, or opened if its vault gives the key now.
    pub fn resume(&self) -> Result<()> {
        let _turning = lock(&self.turning);
        let held = lock(&self.held).clone();
        match held {
            Held::Locked => self.unlock()?,
            Held::Paused(engine) => {
                engine.shared.resume()?;
                self.hold(Held::Open(engine.clone()));
                self.take_in(&engine);
                tell_device_news(&self.bus, &engine);
            }
            Held::Open(_) => {}
            Held::Ended | Held::Broken => return Err(not_open(held.state())),
        }
        let wanted = lock(&self.serving).wanted.clone();
        wanted.map_or(Ok(()), |options| self.serve(options))
    }

    /// Saves what was typed and closes everything, for good. A second time does nothing.
    pub fn shutdown(&self) -> Result<()> {
        let _turning = lock(&self.turning);
        let held = std::mem::replace(&mut *lock(&self.held), Held::Ended);
        self.stop_running();
        self.bus.ask_heads(None);
        self.turned(LockState::Ended);
        match held {
            Held::Open(engine) => {
                let saved = engine.save_drafts();
                engine.end()?;
                saved
            }
            Held::Paused(engine) => engine.end(),
            Held::Locked | Held::Ended | Held::Broken => Ok(()),
        }
    }

    /// Sockets of the old network are dead: they are bound anew, and every device may be dialed at once.
    pub fn network_changed(&self) {
        if let Held::Open(engine) | Held::Paused(engine) = &*lock(&self.held) {
            engine.shared.network_changed();
        }
    }

    /// Stays up for other devices, until [`Self::stop_serving`]; a pause interrupts it.
    pub fn serve(&self, options: ServeOptions) -> Result<()> {
        let engine = self.engine()?;
        let mut serving = lock(&self.serving);
        serving.wanted = Some(options.clone());
        if serving.running.as_ref().is_some_and(|running| !running.thread.is_finished()) {
            return Ok(());
        }
        let (stop, stopped) = watch::channel(false);
        let (bus, at) = (self.bus.clone(), Arc::<Mutex<Option<SocketAddr>>>::default());
        let listens = at.clone();
        let thread = std::thread::Builder::new().name("afterword-serving".to_owned());
        let run = move || {
            bus.tell(Event::SyncChanged(SyncState::Running));
            let ended = engine.serve(&options, stopped, |event| match event {
                ServeEvent::Listening(address) => *lock(&listens) = Some(address),
                other => served(&bus, &engine, other),
            });
            let last = ended.err().map_or(SyncState::Idle, |error| SyncState::Failed { code: error.code });
            bus.tell(Event::SyncChanged(last));
        };
        let thread = thread.spawn(run).map_err(|error| Error::internal(format!("no thread: {error}")))?;
        serving.running = Some(Running { stop, thread, at });
        Ok(())
    }

    /// No device is answered any more.
    pub fn stop_serving(&self) {
        lock(&self.serving).wanted = None;
        self.stop_running();
    }

    fn stop_running(&self) {
        let running = lock(&self.serving).running.take();
        if let Some(Running { stop, thread, .. }) = running {
            let _ = stop.send(true);
            let _ = thread.join();
        }
    }

    /// Where other devices find this one, once it serves.
    pub fn serving_at(&self) -> Option<SocketAddr> {
        let serving = lock(&self.serving);
        serving.running.as_ref().and_then(|running| *lock(&running.at))
    }

    /// Looks whether everything is in order, the vault's wrap too.
    pub fn doctor(&self) -> Result<Health> {
        self.with(|engine| engine.doctor(Unlock::Platform(self.vault.as_ref())))
    }

    /// Meets every device that can be reached, and returns before `deadline` is over. Being killed in it loses nothing.
    pub fn sync_once(&self, peer: Option<SocketAddr>, deadline: Duration) -> Result<SyncedOnce> {
        let begun = Instant::now();
        self.with(|engine| {
            let _ = engine.save_drafts();
            self.bus.tell(Event::SyncChanged(SyncState::Running));
            let left = deadline.saturating_sub(MARGIN).saturating_sub(begun.elapsed());
            let synced = engine.sync(&bounded(peer, left), |_, _| {});
            let last = match &synced {
                Ok(_) => SyncState::Idle,
                Err(error) => {
                    tracing::warn!(code = error.code.as_str(), "a sync came to nothing");
                    SyncState::Failed { code: error.code }
                }
            };
            if let Ok(report) = &synced {
                for peer in &report.peers {
                    if let (Some(device), Some(outcome)) = (peer.device, &peer.outcome) {
                        met(&self.bus, device, outcome);
                    }
                }
                self.bus.tell(Event::DevicesChanged);
                tell_device_news(&self.bus, engine);
            }
            self.bus.tell(Event::SyncChanged(last));
            synced.map(|report| counted(&report))
        })
    }

    /// Removes a device for ever and tells every other that can be reached before `deadline` is over.
    pub fn remove_device(&self, device: DeviceId, deadline: Duration) -> Result<SyncedOnce> {
        let begun = Instant::now();
        self.with(|engine| {
            let left = deadline.saturating_sub(MARGIN).saturating_sub(begun.elapsed());
            let removed = engine.remove_device(device, &bounded(None, left))?;
            Ok(removed.told.and_then(Result::ok).map(|report| counted(&report)).unwrap_or_default())
        })
    }

    /// Shows a code and adds the device that comes with it. Blocks until both hold the same, or `stop` turns true.
    pub fn pair_host(
        &self,
        listen: SocketAddr,
        discover: bool,
        stop: watch::Receiver<bool>,
        mut told: impl FnMut(PairingStep) + Send,
    ) -> Result<Joined> {
        // Whoever listens to the journal hears it too: a list of devices need not be the screen that shows the code.
        let bus = self.bus.clone();
        let mut told = move |step: PairingStep| {
            bus.tell(Event::PairingStep(step.clone()));
            told(step);
        };
        self.with(|engine| {
            let joined = engine.pair_host(listen, discover, stop, |event| match event {
                HostEvent::Code(code) => {
                    told(PairingStep::Code { code: code.code, qr: code.qr, expires_at: code.expires_at.0 })
                }
                HostEvent::WrongGuess { left } => told(PairingStep::WrongCode { left }),
                HostEvent::Added { device, name } => told(PairingStep::Added { device, name }),
                HostEvent::Progress(news) => step_of(&news).map(&mut told).unwrap_or_default(),
            });
            match &joined {
                Ok(_) => told(PairingStep::Done),
                Err(error) => told(PairingStep::Failed { code: error.code }),
            }
            self.bus.tell(Event::DevicesChanged);
            tell_device_news(&self.bus, engine);
            joined
        })
    }

    /// Somebody has seen these news of devices: nobody is told of them any more.
    pub fn device_news_seen(&self, seen: &Seen) -> Result<()> {
        self.with(|engine| {
            engine.device_news_seen(seen)?;
            tell_device_news(&self.bus, engine);
            Ok(())
        })
    }
}

impl Drop for JournalHandle {
    fn drop(&mut self) {
        let _ = self.shutdown();
    }
}

/// What of a session's progress is a step of a pairing.
fn step_of(news: &SessionEvent) -> Option<PairingStep> {
    match news {
        SessionEvent::Progress(costs) => Some(PairingStep::Syncing { operations: costs.operations() }),
        _ => None,
    }
}

fn served(bus: &Bus, engine: &Engine, event: ServeEvent) {
    match event {
        ServeEvent::Listening(_) => {}
        ServeEvent::Synced { device, outcome, .. } => {
            met(bus, device, &outcome);
            bus.tell(Event::DevicesChanged);
        }
        ServeEvent::Deriving { done, left } => bus.tell(Event::SyncChanged(SyncState::Deriving { done, left })),
        // Told until they are seen, to those who listen later too.
        ServeEvent::Alarm(Alarm::Device(_) | Alarm::MoreDevices { .. }) => tell_device_news(bus, engine),
        ServeEvent::Alarm(alarm) => bus.tell(Event::Alarm(alarm.code())),
    }
}

/// Says that devices were added or removed elsewhere, where nobody has seen it yet.
fn tell_device_news(bus: &Bus, engine: &Engine) {
    // What can't be read now is told when the journal is opened next.
    let alarms = engine.device_news().map(|news| news.alarms()).unwrap_or_default();
    bus.unseen(alarms.iter().map(Alarm::code).collect());
}

fn met(bus: &Bus, device: DeviceId, outcome: &SessionReport) {
    tracing::info!(equal = ?outcome.equal, operations = outcome.costs.operations(), "a device was met");
    bus.tell(Event::SyncChanged(SyncState::Met { device, equal: outcome.equal == Some(true) }));
}

/// A sync that is over when `left` is.
fn bounded(peer: Option<SocketAddr>, left: Duration) -> SyncOptions {
    SyncOptions {
        peer,
        timeout: left,
        discover: peer.is_none().then_some(left.min(DISCOVERY_TIMEOUT)),
        within: Some(left),
    }
}

fn counted(report: &SyncReport) -> SyncedOnce {
    let outcomes = || report.peers.iter().filter_map(|peer| peer.outcome.as_ref());
    let met = outcomes().filter(|outcome| outcome.equal.is_some()).count() as u64;
    SyncedOnce {
        met,
        missed: report.peers.len() as u64 - met,
        equal: report.equal,
        operations: outcomes().map(|one| one.costs.operations()).sum(),
        bytes: outcomes().map(|one| one.wire.sent_bytes + one.wire.received_bytes).sum(),
    }
}

#[cfg(test)]
mod tests;
