//! Finding members and pairing windows on a network, whatever the network's own way of announcing things is.
//!
//! A member is announced under a *tag* that changes daily: `MAC_k("afterword day tag v1\0" ‖ day ‖ device)[..8]`, k the
//! journal's discovery secret, day the days since 1970-01-01 UTC in 8 bytes, big-endian. Members know each other's tags;
//! nobody else can tell whose a tag is, or that two days' tags are one device's. Clocks differ, so the tags of yesterday
//! and tomorrow are known too. A pairing window is announced with its public nameplate: its guests share no key with it.
//!
//! Both are announced under [`SERVICE_TYPE`], which names no program: a phone's system wants the type as a constant of the
//! app, so it can't be keyed, and this one is what libp2p's programs look for each other under. Theirs are not ours, by
//! their names, and ours not theirs. Who knows this format can still tell one of ours by the shape of its name.
//!
//! An announcement proves nothing: anybody can repeat one. It only says where to dial.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::mdns::MdnsDiscovery;
use crate::crypto::{HashKey, Hasher};
use crate::error::Error;
use crate::id::DeviceId;
use crate::time::{Clock, Entropy, Timestamp};

/// What a pairing window's announcement says its nameplate under.
pub(super) const NAMEPLATE: &str = "n";
/// Sightings that wait to be looked at; a crowd or a prankster costs no more than this.
pub(super) const WAITING: usize = 64;
/// One announcement may name this many addresses.
const MAX_ADDRESSES: usize = 8;
/// The type under which services of both kinds are announced (RFC 6763).
pub(super) const SERVICE_TYPE: &str = "_p2p._udp";
const TAG_LEN: usize = 8;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often a beacon looks whether a new day began.
const BROWSE_INTERVAL: Duration = Duration::from_secs(60);

/// Under what a member is announced on one day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag([u8; TAG_LEN]);

fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_MS)
}

impl Tag {
    fn on(secret: &HashKey, day: i64, device: &DeviceId) -> Self {
        let hash = Hasher::keyed(secret)
            .update(b"afterword day tag v1\0")
            .update(&day.to_be_bytes())
            .update(device.as_bytes())
            .finish16();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&hash[..TAG_LEN]);
        Self(tag)
    }

    /// The tag of `device` at `now`.
    pub fn at(secret: &HashKey, now: Timestamp, device: &DeviceId) -> Self {
        Self::on(secret, day(now), device)
    }

    /// Every tag that one of `devices` may be announced under at `now`.
    pub fn known<'a>(
        secret: &HashKey,
        now: Timestamp,
        devices: impl IntoIterator<Item = &'a DeviceId>,
    ) -> HashMap<Self, DeviceId> {
        let today = day(now);
        devices
            .into_iter()
            .flat_map(|device| {
                [today.saturating_sub(1), today, today.saturating_add(1)]
                    .map(|day| (Self::on(secret, day, device), *device))
            })
            .collect()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

impl FromStr for Tag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// A device that answers members.
    Member(Tag),
    /// An open pairing window.
    Pairing {
        /// The public number of its code.
        nameplate: u16,
    },
}

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Devices that answer members.
    Members,
    /// Open pairing windows.
    Pairings,
}

impl ServiceKind {
    /// What an instance is, by its name and what it says under [`NAMEPLATE`], and where: nothing, if it is not ours or not
    /// this.
    pub(super) fn read(
        self,
        name: &str,
        nameplate: Option<&str>,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Vec<Sighting> {
        // A window's name has a tag's shape.
        let Ok(instance) = name.parse::<Tag>() else { return Vec::new() };
        let service = match (self, nameplate) {
            (Self::Members, None) => Service::Member(instance),
            (Self::Pairings, Some(number)) => match number.parse() {
                Ok(nameplate) => Service::Pairing { nameplate },
                Err(_) => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let seen = addresses.take(MAX_ADDRESSES);
        seen.map(|address| Sighting { service, instance: instance.0, address }).collect()
    }
}

/// Something that was announced, and where it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// What it says it is.
    pub service: Service,
    /// Which announcement said so; one may name many addresses.
    pub instance: [u8; 8],
    /// Where to dial.
    pub address: SocketAddr,
}

/// A way to announce and to look: mDNS on a laptop, the system's own service on a phone.
pub trait Discovery: Send + Sync + fmt::Debug {
    /// Announces that `service` answers at `address` until the announcement is dropped. A wildcard stands for each of this
    /// machine's addresses of that family.
    fn announce(&self, service: Service, address: SocketAddr) -> Result<Announcement, Error>;

    /// Looks for services until the watch is dropped. One service may be seen at many addresses, and more than once.
    fn watch(&self, kind: ServiceKind) -> Result<Watch, Error>;
}

/// What is looked around with: where the program gives nothing of its own, mDNS.
#[derive(Debug, Clone, Default)]
pub struct DiscoverySource(Arc<Mutex<Option<Arc<dyn Discovery>>>>);

impl DiscoverySource {
    /// From now on it is looked around with `discovery`, in every clone of this.
    pub fn look_with(&self, discovery: Arc<dyn Discovery>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(discovery);
    }

    /// What the program gave, or else mDNS. None if this machine has no way to look.
    pub fn discovery(&self, entropy: &mut dyn Entropy) -> Option<Arc<dyn Discovery>> {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        given.or_else(|| match MdnsDiscovery::start(entropy) {
            Ok(mdns) => Some(Arc::new(mdns)),
            Err(error) => {
                tracing::debug!(code = error.code.as_str(), "no discovery on this network");
                None
            }
        })
    }
}

/// Keeps a service announced.
pub struct Announcement {
    _guard: Box<dyn Send + Sync>,
}

impl Announcement {
    /// An announcement that ends when `guard` is dropped.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { _guard: Box::new(guard) }
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcement")
    }
}

/// Sightings as they come.
pub struct Watch {
    sightings: mpsc::Receiver<Sighting>,
    _guard: Box<dyn Send + Sync>,
}

impl Watch {
    /// A watch that ends when `guard` is dropped.
    pub fn new(sightings: mpsc::Receiver<Sighting>, guard: impl Send + Sync + 'static) -> Self {
        Self { sightings, _guard: Box::new(guard) }
    }

    /// Waits for the next sighting. `None` if nothing more can be seen.
    pub async fn next(&mut self) -> Option<Sighting> {
        self.sightings.recv().await
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Keeps this device announced under the day's tag. Once it is dropped, the device is announced no more.
#[derive(Debug)]
pub struct Beacon {
    task: AbortHandle,
    shown: Arc<Mutex<Shown>>,
}

/// What a beacon shows. Its task ends some time after it was told to.
#[derive(Debug)]
enum Shown {
    Now(Option<Announcement>),
    NoMore,
}

impl Beacon {
    /// Announces `device` at `address`, and again under a new tag when a new day begins. The first announcement is made
    /// before this returns. Must be called inside a tokio runtime.
    pub fn start(
        discovery: Arc<dyn Discovery>,
        secret: &HashKey,
        device: DeviceId,
        address: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Self::looking_every(BROWSE_INTERVAL, discovery, secret, device, address, clock)
    }

    pub(super) fn looking_every(
        look: Duration,
        discovery: Arc<dyn Discovery>,
        secret: &HashKey,
        device: DeviceId,
        address: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let secret = secret.clone();
        let mut tag = Tag::at(&secret, clock.now(), &device);
        let announced = Some(discovery.announce(Service::Member(tag), address)?);
        let shown = Arc::new(Mutex::new(Shown::Now(announced)));
        let shows = shown.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(look).await;
                let now = Tag::at(&secret, clock.now(), &device);
                let mut shown = shows.lock().unwrap_or_else(PoisonError::into_inner);
                match &mut *shown {
                    Shown::Now(announced) if now != tag || announced.is_none() => {
                        // First the new, then without the old: a member that looks just now finds one of them.
                        *announced = discovery.announce(Service::Member(now), address).ok();
                        tag = now;
                    }
                    Shown::Now(_) => {}
                    Shown::NoMore => return,
                }
            }
        });
        Ok(Self { task: task.abort_handle(), shown })
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        self.task.abort();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown::NoMore;
    }
}
