//! Members meet; strangers learn nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, ConnectionId};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::super::endpoint::{SERVER_NAME, client_config, dialing, listening, server_config};
use super::super::gate;
use super::super::tls::{self, Answer, Expected, Identity};
use super::super::{ConnectError, Endpoint};
use super::*;
use crate::crypto::Derived;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_meet_and_know_each_other_by_key() {
    let (server, dialer) = (server(1, 1), dialer(2, 1));
    let (accepted, dialed) = meet(&server, &dialer).await;
    assert_eq!(accepted.peer(), device(2).id());
    assert_eq!(dialed.peer(), device(1).id());
    assert_eq!(accepted.exporter(b"x", b"y"), dialed.exporter(b"x", b"y"));
    assert!(dialed.is_dialer() && !accepted.is_dialer());
    assert_eq!(dialed.remote_address(), server.local_addr().unwrap());

    let (mut send, _receive) = dialed.open_control().await.unwrap();
    send.write_all(b"hello").await.unwrap();
    let (_answer, mut receive) = within(accepted.accept_control()).await.unwrap();
    let mut bytes = [0; 5];
    within(receive.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"hello");

    let mut blobs = accepted.open_blobs().await.unwrap();
    blobs.write_all(b"bytes").await.unwrap();
    blobs.finish().unwrap();
    assert_eq!(within(within(dialed.accept_blobs()).await.unwrap().read_to_end(9)).await.unwrap(), b"bytes");

    dialed.close(7, b"done");
    match within(accepted.closed()).await {
        ConnectionError::ApplicationClosed(close) => assert_eq!(u64::from(close.error_code), 7),
        other => panic!("{other:?}"),
    }
    server.close();
    assert!(within(server.accept()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_nothing_to_say_costs_at_most_256_bytes() {
    let (server, dialer) = (server(3, 1), dialer(4, 1));
    let (accepted, dialed) = meet(&server, &dialer).await;
    let hello = [7; 20];
    let serving = async {
        let (mut send, mut receive) = accepted.accept_control().await.unwrap();
        send.write_all(&hello).await.unwrap();
        receive.read_exact(&mut [0; 20]).await.unwrap();
        accepted.closed().await;
        accepted.wire()
    };
    let dialing = async {
        let (mut send, mut receive) = dialed.open_control().await.unwrap();
        send.write_all(&hello).await.unwrap();
        receive.read_exact(&mut [0; 20]).await.unwrap();
        dialed.finish(0, b"").await
    };
    let (theirs, ours) = within(async { tokio::join!(serving, dialing) }).await;
    for (name, wire) in [("dialer", ours), ("server", theirs)] {
        let after = wire.sent_bytes + wire.received_bytes - wire.handshake_bytes;
        println!("{name}: {wire:?}, {after} bytes after the handshake");
        assert!(wire.handshake_bytes > 2400, "{wire:?}");
        assert!(after <= 256, "{name}: {after}");
    }
    // What one side counts as sent, the other counts as received.
    assert_eq!((ours.sent_bytes, ours.sent_datagrams), (theirs.received_bytes, theirs.received_datagrams));
    assert_eq!((ours.received_bytes, ours.received_datagrams), (theirs.sent_bytes, theirs.sent_datagrams));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_learns_nothing() {
    let server = server(5, 1);
    let (id, at) = (server.device(), server.local_addr().unwrap());
    let mut entropy = Seeded::new(6);
    let (other_pass, _) = gate::pass(&secret(2), NOW, &id, &mut entropy);
    let other_knock = gate::knock(&secret(2), NOW, &id, &mut entropy);
    let mut bent = gate::pass(&secret(1), NOW, &id, &mut entropy).0;
    bent[30] ^= 1;
    let mut knock = || Some(gate::knock(&secret(1), NOW, &id, &mut entropy));
    let protocol = gate::PROTOCOL.to_vec();
    for (protocols, knock) in [
        // Nothing known; a pass of another journal; with a knock that was overheard: no pass, garbage, nearly right.
        (vec![protocol.clone()], None),
        (vec![protocol.clone(), other_pass.clone()], Some(other_knock)),
        (vec![protocol.clone()], knock()),
        (vec![protocol.clone(), b"aw1".to_vec()], knock()),
        (vec![protocol.clone(), other_pass], knock()),
        (vec![protocol.clone(), bent], knock()),
        (vec![], knock()),
    ] {
        let (certificates, outcome) = Stranger { key: 99, knock, protocols: protocols.clone() }.dial(at).await;
        assert!(outcome.is_err(), "{protocols:?}");
        assert_eq!(certificates, 0, "{protocols:?}");
    }
    // And our own dialer from another journal gets a clear word.
    let refused = dial(&dialer(7, 2), &server).await.unwrap_err();
    assert_eq!(refused, ConnectError::NotAdmitted(at));

    // The members' way in was open all along.
    meet(&server, &dialer(8, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dialer_shows_its_key_to_no_server_without_proof() {
    // One that has a key, and one that even has another journal's secret, answer whoever comes. So does one that knows this
    // journal's, and is not who was dialed.
    let stale = gate::proof(&secret(2), &[0; gate::NONCE_LEN], &tls::spki(&device(11).id())).to_vec();
    for (key, secret, proof) in [(11, None, vec![]), (11, None, stale), (12, Some(secret(1)), vec![])] {
        let eyes = Arc::new(Greedy { identity: Identity::new(&device(key)).unwrap(), secret, proof });
        let mut tls = tls::server(Answer::Anyone(eyes.identity.clone())).unwrap();
        tls.cert_resolver = eyes;
        let config = server_config(tls, &quick()).unwrap();
        let (endpoint, _) = listening(ANY_PORT, Derived::new(&mut Seeded::new(45)), config).unwrap();
        let address = endpoint.local_addr().unwrap();
        let answering = tokio::spawn(async move { endpoint.accept().await.unwrap().await });
        let error = within(dialer(46, 1).connect(address, device(11).id())).await.unwrap_err();
        assert_eq!(error, ConnectError::Refused(address));
        assert!(within(answering).await.unwrap().is_err());
    }
}

/// Answers any hello with a key and whatever proof it has, or makes one.
#[derive(Debug)]
struct Greedy {
    identity: Identity,
    secret: Option<HashKey>,
    proof: Vec<u8>,
}

impl ResolvesServerCert for Greedy {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let spki = tls::spki(&self.identity.id);
        let nonce = hello.alpn()?.nth(1)?.first_chunk()?;
        let made = self.secret.as_ref().map(|secret| gate::proof(secret, nonce, &spki).to_vec());
        let entry = [&spki[..], made.as_ref().unwrap_or(&self.proof)].concat();
        Some(Arc::new(CertifiedKey::new(vec![entry.into()], self.identity.key.clone())))
    }
    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

#[test]
fn a_proof_is_for_one_key_and_one_pass() {
    let nonce = [3; gate::NONCE_LEN];
    let (id, right) = (device(9).id(), secret(1));
    let proof = gate::proof(&right, &nonce, &tls::spki(&id));
    assert!(gate::proves(&right, &nonce, &tls::spki(&id), &proof));
    assert!(!gate::proves(&right, &nonce, &tls::spki(&device(11).id()), &proof));
    assert!(!gate::proves(&secret(2), &nonce, &tls::spki(&id), &proof));
    assert!(!gate::proves(&right, &[4; gate::NONCE_LEN], &tls::spki(&id), &proof));
    assert!(!gate::proves(&right, &nonce, &tls::spki(&id), &[]));
}

/// A session store that hopes for tickets.
#[derive(Debug, Default)]
struct Hoping(AtomicUsize);

impl ClientSessionStore for Hoping {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_ever_resumed() {
    let server = server(12, 1);
    let (id, address) = (server.device(), server.local_addr().unwrap());
    let eyes = Arc::new(Eyes::default());
    let mut entropy = Seeded::new(13);
    // A dialer that would love to resume: the server must give it nothing to do so with.
    let hoping = Arc::new(Hoping::default());
    for round in 1..=3 {
        let (pass, _) = gate::pass(&secret(1), NOW, &id, &mut entropy);
        let identity = Identity::new(&device(14)).unwrap();
        let mut tls = tls::client(Some(identity), Expected::Any, Some(pass)).unwrap();
        tls.dangerous().set_certificate_verifier(eyes.clone());
        tls.resumption = Resumption::store(hoping.clone());
        tls.enable_early_data = true;
        let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let knock = gate::knock(&secret(1), NOW, &id, &mut entropy);
        config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&knock)));
        let (socket, _) = dialing(address).unwrap();
        let connecting = match socket.connect_with(config, address, SERVER_NAME).unwrap().into_0rtt() {
            Ok(_) => panic!("early data was possible"),
            Err(connecting) => connecting,
        };
        let connection = within(connecting).await.unwrap();
        let accepted = within(server.accept()).await.unwrap();
        assert_eq!(eyes.0.load(Ordering::SeqCst), round, "the verifier was not asked");
        assert_eq!(accepted.peer(), device(14).id());
        // Time for a ticket to come, if one did.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!((connection.stats().frame_rx.new_token, hoping.0.load(Ordering::SeqCst)), (0, 0));
        drop((connection, accepted));
    }
}

/// Planted: resumption on. A server that gives tickets is seen by what the test above looks at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_resumption_is_caught() {
    let mut tls = tls::server(Answer::Anyone(Identity::new(&device(60)).unwrap())).unwrap();
    tls.send_tls13_tickets = 2;
    tls.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let config = server_config(tls, &super::super::Options::default()).unwrap();
    let (careless, _) = listening(ANY_PORT, Derived::new(&mut Seeded::new(61)), config).unwrap();
    let address = careless.local_addr().unwrap();
    let serving = tokio::spawn(async move { careless.accept().await.unwrap().await.unwrap().closed().await });

    let hoping = Arc::new(Hoping::default());
    let mut tls = tls::client(None, Expected::Any, None).unwrap();
    tls.resumption = Resumption::store(hoping.clone());
    let (socket, _) = dialing(address).unwrap();
    let config = client_config(tls, &super::super::Options::default()).unwrap();
    let connection = within(socket.connect_with(config, address, SERVER_NAME).unwrap()).await.unwrap();
    within(async {
        while hoping.0.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(connection);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lives_on_after_its_socket_changed() {
    let (server, dialer) = (server(15, 1), dialer(16, 1));
    let (accepted, dialed) = meet(&server, &dialer).await;
    let (mut send, _r) = dialed.open_control().await.unwrap();
    send.write_all(&[1]).await.unwrap();
    let (mut answer, mut receive) = within(accepted.accept_control()).await.unwrap();
    within(receive.read_exact(&mut [0; 1])).await.unwrap();
    let before = accepted.remote_address();

    within(dialer.rebind()).await.unwrap();
    send.write_all(&[2; 1000]).await.unwrap();
    within(receive.read_exact(&mut [0; 1000])).await.unwrap();
    assert_ne!(accepted.remote_address(), before);
    answer.write_all(&[3; 1000]).await.unwrap();
    let mut back = _r;
    within(back.read_exact(&mut [0; 1000])).await.unwrap();

    dialer.close();
    assert!(dialer.rebind().await.is_err());
    assert_eq!(dial(&dialer, &server).await.unwrap_err(), ConnectError::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_listening_socket_comes_back_at_its_address() {
    let server = server(40, 1);
    let address = server.local_addr().unwrap();
    meet(&server, &dialer(41, 1)).await;
    server.lose_listener();
    tokio::time::sleep(Duration::from_millis(50)).await;
    within(server.rebind()).await.unwrap();
    assert_eq!(server.local_addr(), Some(address));
    meet(&server, &dialer(42, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_meet_over_ipv6() {
    let any: SocketAddr = "[::1]:0".parse().unwrap();
    if std::net::UdpSocket::bind(any).is_err() {
        println!("not run: no IPv6 here");
        return;
    }
    let clock = Arc::new(Still(NOW));
    let server = Endpoint::bind(any, &device(43), &secret(1), clock, Box::new(Seeded::new(43)), quick()).unwrap();
    let (accepted, dialed) = meet(&server, &dialer(44, 1)).await;
    assert_eq!((dialed.peer(), accepted.peer()), (device(43).id(), device(44).id()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_unreachable_in_time() {
    let silent = std::net::UdpSocket::bind(ANY_PORT).unwrap();
    let address = silent.local_addr().unwrap();
    let options = Options { handshake: Duration::from_millis(300), ..Options::default() };
    let clock = Arc::new(Still(NOW));
    let dialer = Endpoint::dialer(&device(17), &secret(1), clock, Box::new(Seeded::new(18)), options).unwrap();
    let error = within(dialer.connect(address, device(18).id())).await.unwrap_err();
    assert_eq!(error, ConnectError::Unreachable(address));
    assert_eq!(crate::error::Error::from(error).code, crate::error::Code::Unreachable);
}
