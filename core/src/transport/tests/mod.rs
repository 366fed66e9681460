//! Endpoints, gate and pairing over loopback.

mod discovery;
mod members;
mod pairing;

use std::net::SocketAddr;
use std::time::Duration;

use super::{Endpoint, Options};
use crate::crypto::{DeviceKey, Domain, HashKey, Hasher};
use crate::time::Entropy;

pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Seeded randomness: BLAKE3 of seed and counter.
#[derive(Debug, Clone)]
pub(super) struct Seeded(pub(super) u64, u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed, 0)
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.1 += 1;
            let block = Hasher::new(Domain::Chain).update(&self.0.to_be_bytes()).update(&self.1.to_be_bytes()).finish();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

pub(super) fn secret(journal: u8) -> HashKey {
    HashKey::derive(Domain::DiscoveryKey, &[journal; 32])
}

pub(super) fn device(seed: u64) -> DeviceKey {
    DeviceKey::generate(&mut Seeded::new(seed))
}

pub(super) fn quick() -> Options {
    Options { handshake: Duration::from_secs(8), ..Options::default() }
}

pub(super) fn server(seed: u64, journal: u8) -> Endpoint {
    Endpoint::bind(ANY_PORT, &device(seed), &secret(journal), Box::new(Seeded::new(seed + 1000)), quick()).unwrap()
}

pub(super) fn dialer(seed: u64, journal: u8) -> Endpoint {
    Endpoint::dialer(&device(seed), &secret(journal), Box::new(Seeded::new(seed + 1000)), quick()).unwrap()
}

/// No test waits for ever.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("the test hangs")
}

/// A clock that stands still.
#[derive(Debug)]
pub(super) struct Still;

impl crate::time::Clock for Still {
    fn now(&self) -> crate::time::Timestamp {
        crate::time::Timestamp(1_700_000_000_000)
    }
}
