//! Staying up: answers members, finds them, keeps a live session with each, and derives what comes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::Engine;
use super::alarms::Alarm;
use super::deriving::derive;
use super::device_news;
use super::network::{self, Candidate};
use super::open_journal::{OpenJournal, lock};
use super::pack::pack_some;
use super::session_driver::{self, SessionEvent, SessionReport};
use super::sweep::sweep_unwanted;
use crate::error::{Code, Error, Result};
use crate::id::DeviceId;
use crate::sync::{Event, Mode};
use crate::transport::{Beacon, Connection, Discovery, Endpoint, NetworkWatcher, dialable};

/// How often another process's commits are looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often members that are not connected are looked for.
const SEEK: Duration = Duration::from_secs(20);
/// The first pause after a failed dial; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long deriving goes on before it lets the rest of the process in.
const SLICE: Duration = Duration::from_millis(200);
/// How often devices that were added or removed are looked for, at most.
const DEVICE_NEWS: Duration = Duration::from_millis(500);
/// How long after news deriving begins: the sync of it goes first, and does not wait for the writer.
const FIRST_THE_SYNC: Duration = Duration::from_millis(20);

/// How `serve` runs.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen. Port 0 picks one.
    pub listen: SocketAddr,
    /// Whether to announce this device and look for others with mDNS.
    pub discover: bool,
}

/// Something that happened while serving.
#[derive(Debug, Clone)]
pub enum ServeEvent {
    /// It listens here.
    Listening(SocketAddr),
    /// A session settled, again or for the first time, or ended.
    Synced {
        /// The other device.
        device: DeviceId,
        /// Its name.
        name: String,
        /// What the session came to.
        outcome: Box<SessionReport>,
        /// What is derived.
        derived: super::Deriving,
    },
    /// What came is being derived: told after each slice.
    Deriving {
        /// Documents derived since some waited.
        done: u64,
        /// Documents that wait.
        left: u64,
    },
    /// Something a person should know.
    Alarm(Alarm),
}

type Tell = mpsc::UnboundedSender<ServeEvent>;

/// Who is connected, and when whom may be dialed again.
#[derive(Debug, Default)]
struct Table {
    live: BTreeMap<DeviceId, usize>,
    pauses: BTreeMap<SocketAddr, (Instant, Duration)>,
}

struct Server {
    shared: Arc<OpenJournal>,
    endpoint: Endpoint,
    table: Mutex<Table>,
    tell: Tell,
    stop: watch::Receiver<bool>,
    /// Whether it was said that another device runs a later version.
    newer: AtomicBool,
}

impl Engine {
    /// Serves until `stop` turns true. `told` hears what happens.
    pub fn serve(
        &self,
        options: &ServeOptions,
        stop: watch::Receiver<bool>,
        mut told: impl FnMut(ServeEvent) + Send,
    ) -> Result<()> {
        let shared = self.shared.clone();
        self.runtime()?.block_on(async {
            let (tell, mut hear) = mpsc::unbounded_channel();
            let serving = serve(shared, options.clone(), tell, stop);
            tokio::pin!(serving);
            loop {
                tokio::select! {
                    done = &mut serving => {
                        while let Ok(event) = hear.try_recv() {
                            told(event);
                        }
                        return done;
                    }
                    Some(event) = hear.recv() => told(event),
                }
            }
        })
    }
}

async fn serve(shared: Arc<OpenJournal>, options: ServeOptions, tell: Tell, stop: watch::Receiver<bool>) -> Result<()> {
    let endpoint = network::endpoint(&shared, Some(options.listen), Some(KEEP_ALIVE))?;
    let address = endpoint.local_addr().ok_or_else(|| Error::internal("a bound socket has no address"))?;
    let _ = tell.send(ServeEvent::Listening(dialable(address)));
    let discovery = network::discovery(&shared, options.discover);
    let _beacon = discovery.as_ref().and_then(|discovery| {
        let identity = &shared.identity;
        Beacon::start(discovery.clone(), &identity.discovery, identity.device(), address, shared.clock.clone()).ok()
    });
    let server = Arc::new(Server {
        shared,
        endpoint,
        table: Mutex::default(),
        tell,
        stop: stop.clone(),
        newer: AtomicBool::new(false),
    });
    let tasks = [
        tokio::spawn(watch_the_store(server.clone())),
        tokio::spawn(derive_what_comes(server.clone())),
        tokio::spawn(seek(server.clone(), discovery)),
        tokio::spawn(watch_the_network(server.clone())),
        tokio::spawn(tell_device_news(server.clone())),
    ];
    let mut stopped = stop;
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            connection = server.endpoint.accept() => match connection {
                Some(connection) => {
                    sessions.spawn(stay(server.clone(), connection, None));
                }
                None => break,
            },
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
        }
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    // Sessions hear `stop` themselves and say goodbye.
    let _ = tokio::time::timeout(Duration::from_secs(2), async { while sessions.join_next().await.is_some() {} }).await;
    server.endpoint.close();
    Ok(())
}

/// Runs one live session and tells each time it settles.
async fn stay(server: Arc<Server>, connection: Connection, dialed: Option<SocketAddr>) -> SessionReport {
    let device = connection.peer();
    *lock(&server.table).live.entry(device).or_default() += 1;
    let (tell, mut hear) = mpsc::unbounded_channel();
    let shared = server.shared.clone();
    let session = session_driver::run(shared.clone(), connection, Mode::Live, shared.news(), server.stop.clone(), tell);
    tokio::pin!(session);
    // Whether the last thing told of this session is still all there is to tell.
    let mut said = false;
    let outcome = loop {
        tokio::select! {
            outcome = &mut session => break outcome,
            Some(told) = hear.recv() => heard(&server, device, told, &mut said),
        }
    };
    while let Ok(told) = hear.try_recv() {
        heard(&server, device, told, &mut said);
    }
    if let Entry::Occupied(mut live) = lock(&server.table).live.entry(device) {
        *live.get_mut() -= 1;
        if *live.get() == 0 {
            // Nobody is remembered for having come: anybody may.
            live.remove();
        }
    }
    if outcome.equal.is_some() && outcome.error.as_ref().is_none_or(|error| error.code == Code::Unreachable) {
        // A device that leaves a live session is no trouble.
        let _ = server.shared.store.remember_peer(device, dialed, server.shared.clock.now());
    }
    if !said {
        synced(&server, device, outcome.clone());
    }
    outcome
}

fn synced(server: &Server, device: DeviceId, mut outcome: SessionReport) {
    if outcome.equal.is_some() {
        outcome.error = outcome.error.filter(|error| error.code != Code::Unreachable && error.code != Code::Cancelled);
    }
    let name = network::name_of(&server.shared, &device);
    let event = ServeEvent::Synced { device, name, outcome: Box::new(outcome), derived: super::Deriving::default() };
    let _ = server.tell.send(event);
}

fn heard(server: &Server, device: DeviceId, told: SessionEvent, said: &mut bool) {
    match &told {
        SessionEvent::Settled(_) => *said = true,
        SessionEvent::Event(Event::Stored { .. }) => *said = false,
        _ => {}
    }
    match told {
        // Said once, however many things of a later version come.
        SessionEvent::Event(Event::Newer) if server.newer.swap(true, Ordering::Relaxed) => {}
        SessionEvent::Event(event) => {
            if let Some(alarm) = Alarm::of(&event, || network::name_of(&server.shared, &device)) {
                let _ = server.tell.send(ServeEvent::Alarm(alarm));
            }
        }
        SessionEvent::Settled(outcome) => synced(server, device, *outcome),
        _ => {}
    }
}

/// Tells of devices that were added or removed elsewhere: those that nobody has seen when it begins, then what comes.
async fn tell_device_news(server: Arc<Server>) {
    let mut news = server.shared.news();
    let mut told = Vec::new();
    loop {
        let engine = server.shared.clone();
        let found = tokio::task::spawn_blocking(move || device_news::unseen(&engine)).await;
        if let Ok(Ok(found)) = found {
            let alarms = found.alarms();
            for alarm in alarms.iter().filter(|alarm| !told.contains(*alarm)) {
                let _ = server.tell.send(ServeEvent::Alarm(alarm.clone()));
            }
            told = alarms;
        }
        if news.changed().await.is_err() {
            return;
        }
        // However often something is stored, they are looked for once in a while.
        tokio::time::sleep(DEVICE_NEWS).await;
        news.mark_unchanged();
    }
}

/// Another process wrote to this journal: sessions push it within the second.
async fn watch_the_store(server: Arc<Server>) {
    let mut last = None;
    let mut tick = tokio::time::interval(POLL_INTERVAL);
    loop {
        tick.tick().await;
        let shared = server.shared.clone();
        let version = tokio::task::spawn_blocking(move || shared.store.data_version()).await;
        let Ok(Ok(version)) = version else { continue };
        if last.is_some_and(|last| last != version) {
            server.shared.changed();
        }
        last = Some(version);
    }
}

/// Derives what sessions and other processes brought, in slices.
async fn derive_what_comes(server: Arc<Server>) {
    let mut news = server.shared.news();
    let mut before = 0;
    loop {
        let (shared, tell) = (server.shared.clone(), server.tell.clone());
        let done = tokio::task::spawn_blocking(move || {
            // The listener may have gone; what waits is derived all the same.
            let mut told = |done, left| drop(tell.send(ServeEvent::Deriving { done: before + done, left }));
            let done = derive(&shared, SLICE, &mut told)?;
            if done.left > 0 && done.documents > 0 {
                return Ok::<_, Error>((done, false));
            }
            sweep_unwanted(&shared)?;
            // There may be more to pack; between two slices everybody else has a turn.
            let packed = pack_some(&shared)? > 0;
            Ok((done, packed))
        })
        .await;
        match done {
            Ok(Ok((done, packed))) if packed || (done.left > 0 && done.documents > 0) => {
                before += done.documents;
                tokio::task::yield_now().await;
            }
            // Another process derives, or they do not read.
            Ok(Ok((done, _))) if done.left > 0 => {
                let _ = tokio::time::timeout(Duration::from_secs(5), news.changed()).await;
            }
            Ok(Ok(_)) => {
                before = 0;
                if news.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(FIRST_THE_SYNC).await;
            }
            // The disk may be full, or another process slow; try again in a while.
            _ => tokio::time::sleep(Duration::from_secs(5)).await,
        }
    }
}

/// Dials members that are not connected: addresses that worked before, and what mDNS sees.
async fn seek(server: Arc<Server>, discovery: Option<Arc<dyn Discovery>>) {
    loop {
        let seen = match &discovery {
            Some(discovery) => network::look_around(&server.shared, discovery, Duration::from_secs(3)).await,
            None => Ok(Vec::new()),
        };
        let known = network::remembered(&server.shared);
        for candidate in seen.into_iter().chain(known).flatten() {
            dial(&server, candidate).await;
        }
        tokio::time::sleep(if discovery.is_some() { Duration::from_secs(2) } else { SEEK }).await;
    }
}

/// Dials one address, unless its device is connected or it is too soon. Backs off politely.
async fn dial(server: &Arc<Server>, candidate: Candidate) {
    let now = Instant::now();
    {
        let table = lock(&server.table);
        let connected = candidate.device.is_some_and(|device| table.live.contains_key(&device));
        // Of two that see each other, the one with the lower id dials at once and the other a little later.
        let early = table.pauses.get(&candidate.address).is_some_and(|(until, _)| now < *until);
        if connected || early {
            return;
        }
    }
    match network::connect(&server.shared, &server.endpoint, candidate).await {
        Ok(connection) => {
            let server_for_session = server.clone();
            let address = candidate.address;
            tokio::spawn(async move {
                let outcome = stay(server_for_session.clone(), connection, Some(address)).await;
                let failed = outcome.equal.is_none();
                pause(&server_for_session, address, failed);
            });
        }
        Err(_) => pause(server, candidate.address, true),
    }
}

fn pause(server: &Server, address: SocketAddr, failed: bool) {
    let mut table = lock(&server.table);
    if failed {
        let last = table.pauses.get(&address).map_or(FIRST_PAUSE / 2, |(_, pause)| *pause);
        let next = (last * 2).min(LONGEST_PAUSE);
        table.pauses.insert(address, (Instant::now() + next, next));
    } else {
        table.pauses.remove(&address);
    }
}

/// A new network: sockets are bound again, and everyone may be dialed at once.
async fn watch_the_network(server: Arc<Server>) {
    let mut told = server.shared.network();
    let mut watcher = NetworkWatcher::start().ok();
    loop {
        let seen = async {
            match &mut watcher {
                Some(watcher) => watcher.changed().await.is_ok(),
                // Where nothing can be watched, the program is told by its system.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            is_there = seen => if !is_there { watcher = None; continue },
            heard = told.changed() => if heard.is_err() { return },
        }
        lock(&server.table).pauses.clear();
        if server.endpoint.rebind().await.is_err() {
            let _ = server.tell.send(ServeEvent::Alarm(Alarm::Network));
        }
    }
}
