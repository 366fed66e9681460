//! quinn over loopback with what the product's connections have: TLS 1.3 through AWS-LC, raw public keys on both sides,
//! the post-quantum key exchange; and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_common::{Run, since};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::Result;

/// A ping and its answer.
const PING: usize = 64;
/// The beginning of every Ed25519 private key in PKCS #8.
const ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// Files that are sent in bulk.
pub(crate) const BULK: [(&str, &str, usize); 2] =
    [("bulk_8mb", "MB/s", 8_000_000), ("bulk_100mb", "MB/s", 100_000_000)];
/// What stands behind their names where datagrams stay at the 1,200 bytes that every path carries.
const SMALL: &str = "_small";

/// Takes one key for the other side's and checks its signature.
#[derive(Debug)]
struct Pinned(Vec<u8>, Arc<CryptoProvider>);

impl Pinned {
    fn is(&self, key: &CertificateDer<'_>) -> Result<(), Error> {
        if key.as_ref() == self.0 { Ok(()) } else { Err(Error::General("another key".into())) }
    }
}

/// What rustls asks alike of whoever checks a server and whoever checks a dialer.
macro_rules! signatures_by_raw_keys {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.3 only".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            key: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let key = SubjectPublicKeyInfoDer::from(key.as_ref());
            let algorithms = &self.1.signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.is(key).map(|()| ServerCertVerified::assertion())
    }

    signatures_by_raw_keys!();
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.is(key).map(|()| ClientCertVerified::assertion())
    }

    signatures_by_raw_keys!();
}

/// Shows one raw key.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

impl rustls::server::ResolvesServerCert for Shown {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

/// A key, and its public half as it is shown.
fn key(provider: &CryptoProvider, seed: u8) -> Result<(Arc<CertifiedKey>, Vec<u8>)> {
    let pkcs8 = [&ED25519[..], &[seed; 32]].concat();
    let key = provider.key_provider.load_private_key(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8)))?;
    let public = key.public_key().ok_or("a key has a public half")?.as_ref().to_vec();
    Ok((Arc::new(CertifiedKey::new(vec![public.clone().into()], key)), public))
}

/// With quinn's own discovery of how large a datagram may be, or without.
fn configurations(discovery: bool) -> Result<(ServerConfig, ClientConfig)> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let ((server_key, server_public), (client_key, client_public)) = (key(&provider, 1)?, key(&provider, 2)?);
    let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(Pinned(client_public, provider.clone())))
        .with_cert_resolver(Arc::new(Shown(server_key)));
    server.send_tls13_tickets = 0;
    let client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(server_public, provider)))
        .with_client_cert_resolver(Arc::new(Shown(client_key)));
    // Windows that never hold up a loopback.
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window((16_u32 << 20).into())
        .receive_window((32_u32 << 20).into())
        .send_window(32 << 20)
        .max_idle_timeout(Some(Duration::from_secs(20).try_into()?));
    if !discovery {
        transport.mtu_discovery_config(None);
    }
    let transport = Arc::new(transport);
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?));
    server.transport_config(transport.clone());
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client)?));
    client.transport_config(transport);
    Ok((server, client))
}

/// Answers pings until their stream ends; counts what comes on other streams and says how much.
async fn answer(connection: Connection) {
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        tokio::spawn(async move {
            let mut kind = [0];
            if receive.read_exact(&mut kind).await.is_err() {
                return;
            }
            if kind == [1] {
                let mut ping = [0; PING];
                while receive.read_exact(&mut ping).await.is_ok() && send.write_all(&ping).await.is_ok() {}
                return;
            }
            let mut count = 0_u64;
            while let Ok(Some(chunk)) = receive.read_chunk(1 << 20, true).await {
                count += chunk.bytes.len() as u64;
            }
            let _ = send.write_all(&count.to_le_bytes()).await;
            let _ = send.finish();
        });
    }
}

fn serve(configuration: ServerConfig) -> Result<SocketAddr> {
    let endpoint = Endpoint::server(configuration, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = endpoint.local_addr()?;
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    answer(connection).await;
                }
            });
        }
    });
    Ok(address)
}

fn dialer(configuration: &ClientConfig) -> Result<Endpoint> {
    let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    endpoint.set_default_client_config(configuration.clone());
    Ok(endpoint)
}

/// One ping on a stream of its own.
async fn ping(connection: &Connection) -> Result<()> {
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut bytes = [1; PING + 1];
    send.write_all(&bytes).await?;
    receive.read_exact(&mut bytes[..PING]).await?;
    send.finish()?;
    Ok(())
}

/// Everything of this module.
pub(crate) async fn measure(run: &Run, runs: usize) -> Result<()> {
    let (server, client) = configurations(true)?;
    let address = serve(server)?;

    run.step("quinn: handshakes");
    for _ in 0..100 {
        // A socket, a handshake, an answer: what a sync from no connection cannot do without.
        let started = Instant::now();
        let endpoint = dialer(&client)?;
        let connection = endpoint.connect(address, "device")?.await?;
        run.add("quic_handshake", "ms", since(started));
        ping(&connection).await?;
        run.add("quic_connect_and_answer", "ms", since(started));
        connection.close(0_u32.into(), b"");
    }

    run.step("quinn: round trips");
    let endpoint = dialer(&client)?;
    let connection = endpoint.connect(address, "device")?.await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[1]).await?;
    let mut bytes = [0; PING];
    for _ in 0..2_000 {
        let started = Instant::now();
        send.write_all(&bytes).await?;
        receive.read_exact(&mut bytes).await?;
        run.add("quic_ping_open_stream", "ms", since(started));
    }
    for _ in 0..2_000 {
        let started = Instant::now();
        ping(&connection).await?;
        run.add("quic_ping_new_stream", "ms", since(started));
    }

    bulk(run, runs, &connection, "").await?;
    let (server, client) = configurations(false)?;
    let endpoint = dialer(&client)?;
    let connection = endpoint.connect(serve(server)?, "device")?.await?;
    bulk(run, runs, &connection, SMALL).await
}

async fn bulk(run: &Run, runs: usize, connection: &Connection, behind: &str) -> Result<()> {
    run.step("quinn: bulk");
    let block = vec![5; 1 << 18];
    for (name, unit, size) in BULK {
        for _ in 0..runs {
            let (mut send, mut receive) = connection.open_bi().await?;
            let started = Instant::now();
            send.write_all(&[2]).await?;
            let mut left = size;
            while left > 0 {
                let now = left.min(block.len());
                send.write_all(&block[..now]).await?;
                left -= now;
            }
            send.finish()?;
            let mut count = [0; 8];
            receive.read_exact(&mut count).await?;
            run.add(&format!("{name}{behind}"), unit, size as f64 / 1e3 / since(started));
            assert_eq!(u64::from_le_bytes(count), size as u64);
        }
    }
    Ok(())
}
