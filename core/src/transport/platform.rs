//! Discovery by the system's own service: a phone lets an app look around only through that.
//!
//! The system is told what to announce in the words of DNS-based service discovery (RFC 6763), and tells what it sees in
//! the same. What it tells is as hostile as what mDNS brings.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::discovery::{
    Announcement, Discovery, NAMEPLATE, SERVICE_TYPE, Service, ServiceKind, Sighting, WAITING, Watch,
};
use crate::crypto::Derived;
use crate::error::Error;
use crate::time::{Entropy, random};

/// What is to be announced, on every network that the system has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The service's type, like `_p2p._udp`.
    pub service_type: &'static str,
    /// The instance's name. It says nothing of the device to who does not know the journal.
    pub name: String,
    /// The UDP port.
    pub port: u16,
    /// What its TXT record says: a key and a value, or nothing.
    pub text: Option<(&'static str, String)>,
}

/// The system's service. Each call is one side of a pair, told apart by its number.
pub trait PlatformDiscovery: Send + Sync {
    /// Announces a service until [`Self::withdraw`].
    fn announce(&self, number: u64, service: Announced) -> Result<(), Error>;
    /// Announces it no more. One that was never announced is none.
    fn withdraw(&self, number: u64);
    /// Looks for services of a type until [`Self::stop_looking`], and tells `sightings`.
    fn look(&self, number: u64, service_type: &'static str, sightings: Sightings) -> Result<(), Error>;
    /// Looks no more.
    fn stop_looking(&self, number: u64);
}

/// Takes what the system sees of one type.
#[derive(Debug, Clone)]
pub struct Sightings {
    kind: ServiceKind,
    sender: mpsc::Sender<Sighting>,
}

impl Sightings {
    /// An instance, what its TXT record says under our key, and where it answers. What is not ours is nothing.
    pub fn seen(&self, name: &str, text: Option<&str>, addresses: &[SocketAddr]) {
        for sighting in self.kind.read(name, text, addresses.iter().copied()) {
            // A full queue drops what comes; it will be seen again.
            let _ = self.sender.try_send(sighting);
        }
    }

    /// The key of the TXT record that says something.
    pub const KEY: &str = NAMEPLATE;
}

/// The system's service, as the engine looks around with it.
pub struct SystemDiscovery {
    platform: Arc<dyn PlatformDiscovery>,
    entropy: Mutex<Derived>,
    next: AtomicU64,
}

impl fmt::Debug for SystemDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemDiscovery")
    }
}

impl SystemDiscovery {
    /// Looks around with `platform`. Nothing is announced or asked before it is told to.
    pub fn new(platform: Arc<dyn PlatformDiscovery>, entropy: &mut dyn Entropy) -> Self {
        Self { platform, entropy: Mutex::new(Derived::new(entropy)), next: AtomicU64::new(1) }
    }
}

/// Ends what began under a number.
struct Ending {
    platform: Arc<dyn PlatformDiscovery>,
    number: u64,
    end: fn(&dyn PlatformDiscovery, u64),
}

impl Drop for Ending {
    fn drop(&mut self) {
        (self.end)(self.platform.as_ref(), self.number);
    }
}

impl Discovery for SystemDiscovery {
    fn announce(&self, service: Service, address: SocketAddr) -> Result<Announcement, Error> {
        let (name, text) = match service {
            Service::Member(tag) => (tag.to_string(), None),
            Service::Pairing { nameplate } => {
                let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
                let name = data_encoding::HEXLOWER.encode(&random::<8>(&mut *entropy));
                (name, Some((NAMEPLATE, nameplate.to_string())))
            }
        };
        let (platform, number) = (self.platform.clone(), self.next.fetch_add(1, Ordering::Relaxed));
        platform.announce(number, Announced { service_type: SERVICE_TYPE, name, port: address.port(), text })?;
        Ok(Announcement::new(Ending { platform, number, end: |platform, number| platform.withdraw(number) }))
    }

    fn watch(&self, kind: ServiceKind) -> Result<Watch, Error> {
        let (sender, sightings) = mpsc::channel(WAITING);
        let (platform, number) = (self.platform.clone(), self.next.fetch_add(1, Ordering::Relaxed));
        platform.look(number, SERVICE_TYPE, Sightings { kind, sender })?;
        Ok(Watch::new(sightings, Ending { platform, number, end: |platform, number| platform.stop_looking(number) }))
    }
}
