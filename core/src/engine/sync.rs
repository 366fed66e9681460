//! One sync with every device that can be reached.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::Engine;
use super::alarms::Alarm;
use super::deriving::{Deriving, derive};
use super::network::{self, Candidate};
use super::open_journal::OpenJournal;
use super::pack::pack;
use super::session_driver::{self, SessionEvent, SessionReport};
use super::sweep::sweep_unwanted;
use crate::error::{Advice, Code, Error, Result};
use crate::id::DeviceId;
use crate::replication::StorageExt;
use crate::sync::Mode;
use crate::transport::Endpoint;

/// How long a sync that is done goes on packing.
const PACK: Duration = Duration::from_secs(2);

/// How `sync` looks for devices.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Only this address.
    pub peer: Option<SocketAddr>,
    /// How long each session may take, up to its last acknowledgement.
    pub timeout: Duration,
    /// How long to look for devices on the network; `None`: not at all.
    pub discover: Option<Duration>,
    /// How long all of it may take, deriving included; `None`: as long as it takes.
    pub within: Option<Duration>,
}

/// When a sync must be over.
#[derive(Debug, Clone, Copy)]
struct Until {
    end: Option<Instant>,
    timeout: Duration,
}

impl Until {
    /// How long there is still.
    fn left(self) -> Duration {
        self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    /// How long one session may take.
    fn session(self) -> Duration {
        self.timeout.min(self.left())
    }
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self { peer: None, timeout: Duration::from_secs(30), discover: Some(Duration::from_secs(5)), within: None }
    }
}

/// What came of one device.
#[derive(Debug, Clone)]
pub struct PeerReport {
    /// The device, if it is known who was meant.
    pub device: Option<DeviceId>,
    /// Its name, or the address that was tried.
    pub name: String,
    /// The session, if there was one.
    pub outcome: Option<SessionReport>,
    /// What was derived after it.
    pub derived: Deriving,
    /// Why it did not go well.
    pub error: Option<Error>,
}

impl PeerReport {
    /// Whether both devices hold the same as far as they could.
    pub fn ok(&self) -> bool {
        self.error.is_none() && self.outcome.as_ref().is_some_and(|outcome| outcome.equal.is_some())
    }
}

/// What `sync` did.
#[derive(Debug, Clone)]
pub struct SyncReport {
    /// Every device that was tried.
    pub peers: Vec<PeerReport>,
    /// Whether the last hellos with every reached device were the same.
    pub equal: bool,
    /// Blobs that are wanted and not all here.
    pub wanted_blobs: u64,
    /// What the sessions said that a person should know.
    pub alarms: Vec<Alarm>,
}

impl Engine {
    /// Syncs once with every device that can be reached. `told` hears of progress.
    pub fn sync(&self, options: &SyncOptions, mut told: impl FnMut(&str, SessionEvent) + Send) -> Result<SyncReport> {
        let shared = self.shared.clone();
        let mut alarms = Vec::new();
        let mut hear = |name: &str, news: SessionEvent| {
            if let SessionEvent::Event(event) = &news {
                let alarm = Alarm::of(event, || name.to_owned());
                if let Some(alarm) = alarm.filter(|alarm| !alarms.contains(alarm)) {
                    alarms.push(alarm);
                }
            }
            told(name, news);
        };
        let mut report = self.runtime()?.block_on(sync(&shared, options, &mut hear))?;
        report.alarms = alarms;
        report.wanted_blobs = shared.store.read(|tx| Ok(tx.blobs(true)?.len() as u64))?;
        sweep_unwanted(&shared)?;
        Ok(report)
    }
}

async fn sync(
    shared: &Arc<OpenJournal>,
    options: &SyncOptions,
    told: &mut (dyn FnMut(&str, SessionEvent) + Send),
) -> Result<SyncReport> {
    let mut report = SyncReport { peers: Vec::new(), equal: true, wanted_blobs: 0, alarms: Vec::new() };
    let members = network::others(shared)?;
    if members.is_empty() && options.peer.is_none() {
        return Err(Error::new(
            Code::Unreachable,
            "this journal has no other device to sync with",
            "pair another device first",
        ));
    }
    let until = Until { end: options.within.map(|within| Instant::now() + within), timeout: options.timeout };
    let endpoint = network::endpoint(shared, None, None)?;
    let mut done = BTreeSet::new();
    match options.peer {
        Some(address) => {
            let candidate = Candidate { address, device: None };
            report.peers.extend(try_one(shared, &endpoint, candidate, until, &mut done, told).await);
        }
        None => {
            // mDNS looks while the addresses of last time are tried.
            let discovery = network::discovery(shared, options.discover.is_some());
            let looking = async {
                match &discovery {
                    Some(discovery) => {
                        network::look_around(shared, discovery, options.discover.unwrap_or_default()).await
                    }
                    None => Ok(Vec::new()),
                }
            };
            let mut failed = Vec::new();
            let seen = {
                let trying = async {
                    for candidate in network::remembered(shared)? {
                        match try_one(shared, &endpoint, candidate, until, &mut done, told).await {
                            Some(peer) if peer.outcome.is_some() => report.peers.push(peer),
                            Some(peer) => failed.push(peer),
                            None => {}
                        }
                    }
                    Ok::<_, Error>(members.is_subset(&done))
                };
                tokio::pin!(looking, trying);
                let (mut seen, mut tried) = (None, false);
                while seen.is_none() || !tried {
                    tokio::select! {
                        found = &mut looking, if seen.is_none() => seen = Some(found?),
                        all = &mut trying, if !tried => {
                            tried = true;
                            if all? {
                                // Everyone was met where they were last time: nobody is left to look for.
                                seen.get_or_insert_default();
                            }
                        }
                    }
                }
                seen.unwrap_or_default()
            };
            for candidate in seen {
                match try_one(shared, &endpoint, candidate, until, &mut done, told).await {
                    Some(peer) if peer.outcome.is_some() => report.peers.push(peer),
                    Some(peer) => failed.push(peer),
                    None => {}
                }
            }
            // One line for each member that none of its addresses reached.
            let told_of: BTreeSet<_> = report.peers.iter().filter_map(|peer| peer.device).collect();
            for member in members.difference(&told_of) {
                let error = failed.iter().find(|peer| peer.device == Some(*member)).and_then(|peer| peer.error.clone());
                report.peers.push(PeerReport {
                    device: Some(*member),
                    name: network::name_of(shared, member),
                    outcome: None,
                    derived: Deriving::default(),
                    error: Some(error.unwrap_or_else(not_found)),
                });
            }
        }
    }
    endpoint.close();
    let mut reached = report.peers.iter().filter_map(|peer| peer.outcome.as_ref()).peekable();
    report.equal = reached.peek().is_some() && reached.all(|outcome| outcome.equal == Some(true));
    Ok(report)
}

fn not_found() -> Error {
    Error::new(Code::Unreachable, "this device was not found on the network", Advice::OpenThere)
}

/// Dials one address and syncs with whoever is there, unless that was done already.
async fn try_one(
    shared: &Arc<OpenJournal>,
    endpoint: &Endpoint,
    candidate: Candidate,
    until: Until,
    done: &mut BTreeSet<DeviceId>,
    told: &mut (dyn FnMut(&str, SessionEvent) + Send),
) -> Option<PeerReport> {
    if candidate.device.is_some_and(|device| done.contains(&device)) {
        return None;
    }
    let timeout = until.session();
    let unreached = |error: Error| PeerReport {
        device: candidate.device,
        name: candidate.device.map_or(candidate.address.to_string(), |device| network::name_of(shared, &device)),
        outcome: None,
        derived: Deriving::default(),
        error: Some(error),
    };
    let connection = match tokio::time::timeout(timeout, network::connect(shared, endpoint, candidate)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Some(unreached(error)),
        Err(_) => return Some(unreached(not_found())),
    };
    let peer = connection.peer();
    let name = network::name_of(shared, &peer);
    if network::is_removed(shared, &peer).ok()? {
        let error = Some(session_driver::turn_away(connection).await);
        return Some(PeerReport { device: Some(peer), name, outcome: None, derived: Deriving::default(), error });
    }
    let (stop, stopped) = watch::channel(false);
    let (tell, mut hear) = mpsc::unbounded_channel();
    let session = session_driver::run(shared.clone(), connection, Mode::Once, shared.news(), stopped, tell);
    tokio::pin!(session);
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    let mut late = false;
    let mut outcome = loop {
        tokio::select! {
            outcome = &mut session => break outcome,
            Some(news) = hear.recv() => told(&name, news),
            () = &mut deadline, if !late => {
                late = true;
                // The session hears it and ends; if it has just ended by itself, all the better.
                let _ = stop.send(true);
            }
        }
    };
    if late && outcome.error.is_none() && outcome.equal.is_none() {
        outcome.error = Some(Error::new(
            Code::Unreachable,
            format!("the sync was not done within {} seconds", timeout.as_secs()),
            Advice::SyncLonger,
        ));
    }
    if outcome.error.is_none() {
        done.insert(peer);
        shared.store.remember_peer(peer, Some(candidate.address), shared.clock.now()).ok()?;
    }
    let derived = derive_after(shared, until.left(), &mut |news| told(&name, news)).await;
    let error = outcome.error.clone();
    Some(PeerReport { device: Some(peer), name, outcome: Some(outcome), derived, error })
}

/// Derives what a session brought, and tells how far it is.
pub(super) async fn derive_after(
    shared: &Arc<OpenJournal>,
    budget: Duration,
    told: &mut (dyn FnMut(SessionEvent) + Send),
) -> Deriving {
    let shared = shared.clone();
    let (tell, mut hear) = mpsc::unbounded_channel();
    let deriving = tokio::task::spawn_blocking(move || {
        // What can't be derived or packed now is by whoever lists, searches or serves next.
        let told = &mut |done, left| drop(tell.send(SessionEvent::Deriving { done, left }));
        let begun = Instant::now();
        let deriving = derive(&shared, budget, told).unwrap_or_default();
        let _ = pack(&shared, budget.saturating_sub(begun.elapsed()).min(PACK));
        deriving
    });
    // It ends when the other side is dropped with the closure.
    while let Some(news) = hear.recv().await {
        told(news);
    }
    deriving.await.unwrap_or_default()
}
