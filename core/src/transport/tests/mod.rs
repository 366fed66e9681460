//! Endpoints, gate and pairing over loopback.

mod crowd;
mod discovery;
mod gate;
mod members;
mod pairing;
mod watcher;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{ConnectionError, ConnectionId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::endpoint::{SERVER_NAME, client_config};
use super::tls::{self, Expected, Identity};
use super::{ConnectError, Connection, Endpoint, Options, gate as the_gate};
use crate::crypto::{DeviceKey, Domain, HashKey, Hasher};
use crate::id::DeviceId;
use crate::time::{Clock, Entropy, Timestamp};

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
    server_with(seed, journal, Arc::new(Still(NOW)), quick())
}

pub(super) fn server_with(seed: u64, journal: u8, clock: Arc<dyn Clock>, options: Options) -> Endpoint {
    let entropy = Box::new(Seeded::new(seed + 1000));
    Endpoint::bind(ANY_PORT, &device(seed), &secret(journal), clock, entropy, options).unwrap()
}

pub(super) fn dialer(seed: u64, journal: u8) -> Endpoint {
    dialer_at(seed, journal, NOW)
}

pub(super) fn dialer_at(seed: u64, journal: u8, now: Timestamp) -> Endpoint {
    let (entropy, clock) = (Box::new(Seeded::new(seed + 1000)), Arc::new(Still(now)));
    Endpoint::dialer(&device(seed), &secret(journal), clock, entropy, quick()).unwrap()
}

/// Dials `server` as the device that it is.
pub(super) async fn dial(dialer: &Endpoint, server: &Endpoint) -> Result<Connection, ConnectError> {
    within(dialer.connect(server.local_addr().unwrap(), server.device())).await
}

pub(super) async fn meet(server: &Endpoint, dialer: &Endpoint) -> (Connection, Connection) {
    let (accepted, dialed) = within(async { tokio::join!(server.accept(), dial(dialer, server)) }).await;
    (accepted.unwrap(), dialed.unwrap())
}

/// A dialer that shows what it likes, and takes any answer.
pub(super) struct Stranger {
    pub(super) key: u64,
    pub(super) knock: Option<[u8; the_gate::KNOCK_LEN]>,
    pub(super) protocols: Vec<Vec<u8>>,
}

impl Stranger {
    /// One that knows a journal's secret, and has a key that nobody added.
    pub(super) fn with_secret(key: u64, secret: &HashKey, server: &DeviceId, entropy: &mut dyn Entropy) -> Self {
        let (pass, _) = the_gate::pass(secret, NOW, server, entropy);
        let knock = Some(the_gate::knock(secret, NOW, server, entropy));
        Self { key, knock, protocols: vec![the_gate::PROTOCOL.to_vec(), pass] }
    }

    /// Dials; says how often a certificate reached it.
    pub(super) async fn dial(self, server: SocketAddr) -> (usize, Result<quinn::Connection, ConnectionError>) {
        self.dial_from(ANY_PORT.ip(), server).await
    }

    /// The same from one of this machine's addresses.
    pub(super) async fn dial_from(
        self,
        from: IpAddr,
        server: SocketAddr,
    ) -> (usize, Result<quinn::Connection, ConnectionError>) {
        let eyes = Arc::new(Eyes::default());
        let mut tls = tls::client(Some(Identity::new(&device(self.key)).unwrap()), Expected::Any, None).unwrap();
        tls.alpn_protocols = self.protocols;
        tls.dangerous().set_certificate_verifier(eyes.clone());
        let mut config = client_config(tls, &quick()).unwrap();
        if let Some(knock) = self.knock {
            config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&knock)));
        }
        let socket = quinn::Endpoint::client(SocketAddr::new(from, 0)).unwrap();
        let outcome = within(socket.connect_with(config, server, SERVER_NAME).unwrap()).await;
        (eyes.0.load(Ordering::SeqCst), outcome)
    }
}

/// What a stranger sees of a server: whether a certificate came, and whether its verifier was asked at all.
#[derive(Debug, Default)]
pub(super) struct Eyes(pub(super) AtomicUsize);

impl ServerCertVerifier for Eyes {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// No test waits for ever.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("the test hangs")
}

pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A clock that stands still.
#[derive(Debug)]
pub(super) struct Still(pub(super) Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}
