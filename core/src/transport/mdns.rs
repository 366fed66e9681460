//! Discovery by multicast DNS (RFC 6762, RFC 6763) on the local network.
//!
//! - Members: `TAG._p2p._udp.local.`, no TXT.
//! - Pairing windows: `RANDOM._p2p._udp.local.`, TXT `n=NAMEPLATE`.
//!
//! RANDOM and every host name are 16 random hexadecimal digits, fresh for each announcement. No device name is ever said.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::{Mutex, PoisonError};

use mdns_sd::{IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::discovery::{
    Announcement, Discovery, NAMEPLATE, SERVICE_TYPE, Service, ServiceKind, Sighting, WAITING, Watch,
};
use crate::crypto::Derived;
use crate::error::{Advice, Code, Error};
use crate::time::{Entropy, random};

/// mDNS. Its thread and sockets live as long as this.
pub struct MdnsDiscovery {
    daemon: ServiceDaemon,
    entropy: Mutex<Derived>,
}

impl fmt::Debug for MdnsDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MdnsDiscovery")
    }
}

fn failed(error: &mdns_sd::Error) -> Error {
    Error::new(
        Code::Unreachable,
        format!("other devices can't be looked for on this network: {error}"),
        Advice::NameAddress,
    )
}

/// The type's name on the local network.
fn local() -> String {
    format!("{SERVICE_TYPE}.local.")
}

impl MdnsDiscovery {
    /// Starts a thread that speaks mDNS on every interface. Nothing is announced or asked before it is told to.
    pub fn start(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let daemon = ServiceDaemon::new().map_err(|error| failed(&error))?;
        Ok(Self { daemon, entropy: Mutex::new(Derived::new(entropy)) })
    }

    fn random_name(&self) -> String {
        let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        data_encoding::HEXLOWER.encode(&random::<8>(&mut *entropy))
    }
}

impl Drop for MdnsDiscovery {
    fn drop(&mut self) {
        // Says goodbye for what is still announced. Nobody waits for the thread to end.
        let _ = self.daemon.shutdown();
    }
}

struct Registered {
    daemon: ServiceDaemon,
    name: String,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = self.daemon.unregister(&self.name);
    }
}

struct Browsing {
    daemon: ServiceDaemon,
    task: AbortHandle,
}

impl Drop for Browsing {
    fn drop(&mut self) {
        self.task.abort();
        let _ = self.daemon.stop_browse(&local());
    }
}

impl Discovery for MdnsDiscovery {
    fn announce(&self, service: Service, address: SocketAddr) -> Result<Announcement, Error> {
        let (instance, text) = match service {
            Service::Member(tag) => (tag.to_string(), None),
            Service::Pairing { nameplate } => (self.random_name(), Some((NAMEPLATE, nameplate.to_string()))),
        };
        let host = format!("{}.local.", self.random_name());
        let (wildcard, ip) = match address.ip() {
            ip if ip.is_unspecified() => (true, String::new()),
            ip => (false, ip.to_string()),
        };
        let text: Vec<_> = text.into_iter().collect();
        let mut info = ServiceInfo::new(&local(), &instance, &host, ip, address.port(), &text[..])
            .map_err(|error| failed(&error))?;
        if wildcard {
            info = info.enable_addr_auto();
            info.set_interfaces(vec![if address.is_ipv4() { IfKind::IPv4 } else { IfKind::IPv6 }]);
        }
        // The name is random or keyed: nobody else has it.
        info.set_requires_probe(false);
        let name = info.get_fullname().to_owned();
        self.daemon.register(info).map_err(|error| failed(&error))?;
        Ok(Announcement::new(Registered { daemon: self.daemon.clone(), name }))
    }

    // One at a time: a daemon tells what it sees of a type to whoever asked last.
    fn watch(&self, kind: ServiceKind) -> Result<Watch, Error> {
        let events = self.daemon.browse(&local()).map_err(|error| failed(&error))?;
        let (sender, sightings) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            while let Ok(event) = events.recv_async().await {
                let ServiceEvent::ServiceResolved(service) = event else { continue };
                for sighting in read(kind, &service) {
                    // A full queue drops what comes; it will be announced again.
                    let _ = sender.try_send(sighting);
                }
            }
        });
        let guard = Browsing { daemon: self.daemon.clone(), task: task.abort_handle() };
        Ok(Watch::new(sightings, guard))
    }
}

/// What an announcement says, if it is one of ours.
fn read(kind: ServiceKind, service: &ResolvedService) -> Vec<Sighting> {
    let kind_name = format!(".{}", local());
    let name = service.fullname.strip_suffix(&kind_name).unwrap_or_default();
    let mut addresses: Vec<SocketAddr> = service.addresses.iter().map(|ip| address(ip, service.port)).collect();
    // IPv4 first: it needs no scope, and most home networks have it.
    addresses.sort();
    kind.read(name, service.get_property_val_str(NAMEPLATE), addresses.into_iter())
}

fn address(ip: &ScopedIp, port: u16) -> SocketAddr {
    match (ip, ip.to_ip_addr()) {
        // A link-local address means nothing without its interface.
        (ScopedIp::V6(scoped), IpAddr::V6(v6)) if v6.is_unicast_link_local() => {
            SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scoped.scope_id().index))
        }
        (_, ip) => SocketAddr::new(ip, port),
    }
}
