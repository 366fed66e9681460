//! A crowd at the door: who knows the secret and is no member holds a small place for a short time, and keeps nobody out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::admission::{MAX_PER_MEMBER, MAX_PER_SOURCE, MAX_UNPROVED};
use super::super::endpoint::{SERVER_NAME, client_config, dialing};
use super::super::gate;
use super::super::tls::{self, Expected};
use super::*;

/// Accepts whoever comes and keeps it; admits `member`. Answers how many it holds, when the server is closed.
fn serve(server: &Endpoint, member: DeviceId, admitted: Arc<AtomicUsize>) -> tokio::task::JoinHandle<usize> {
    let server = server.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(connection) = server.accept().await {
            if connection.peer() == member {
                connection.admit();
                admitted.fetch_add(1, Ordering::SeqCst);
            }
            held.push(connection);
        }
        held.len()
    })
}

/// How many of them are still open.
fn open<'a>(connections: impl IntoIterator<Item = &'a quinn::Connection>) -> usize {
    connections.into_iter().filter(|connection| connection.close_reason().is_none()).count()
}

/// Knocks of a device that knows the secret, and never was a member: as many as there were places for everybody, all held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_keys_that_nobody_knows_keep_no_member_out() {
    let server =
        server_with(9, 1, Arc::new(Still(NOW)), Options { keep_alive: Some(Duration::from_secs(1)), ..quick() });
    let (id, at) = (server.device(), server.local_addr().unwrap());
    let admitted = Arc::new(AtomicUsize::new(0));
    let serving = serve(&server, device(46).id(), admitted.clone());
    // One that was there before, and stays.
    let member = dialer(46, 1);
    // All are held: what its dialer drops at once may never have been one to the server.
    let mut members = vec![dial(&member, &server).await.unwrap()];
    let mut entropy = Seeded::new(10);
    let mut held = Vec::new();
    let mut let_in = 0;
    for n in 0..1024 {
        let (_, outcome) = Stranger::with_secret(10_000 + n, &secret(1), &id, &mut entropy).dial(at).await;
        let_in += usize::from(outcome.is_ok());
        held.extend(outcome);
        if n % 256 == 255 {
            // In the middle of it.
            members.push(dial(&member, &server).await.unwrap());
        }
    }
    assert!(let_in > 1000, "only {let_in} came as far as they should: this shows nothing");
    // What has given way says so once its close has come.
    within(async {
        while open(&held) > MAX_PER_SOURCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    members.push(dial(&member, &server).await.unwrap());
    within(async {
        while admitted.load(Ordering::SeqCst) < members.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let lost = members.iter().filter(|connection| connection.close_reason().is_some()).count();
    assert_eq!(lost, 0, "a member's connection gave way to strangers");
    server.close();
    within(serving).await.unwrap();
}

/// Planted: a door that takes everybody for a member. What the test above looks at sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_a_door_that_admits_everybody_is_seen() {
    let server = server(28, 1);
    let (id, at) = (server.device(), server.local_addr().unwrap());
    let careless = tokio::spawn({
        let server = server.clone();
        async move {
            let mut held = Vec::new();
            while let Some(connection) = server.accept().await {
                connection.admit();
                held.push(connection);
            }
        }
    });
    let mut entropy = Seeded::new(29);
    let mut held = Vec::new();
    for n in 0..MAX_PER_SOURCE as u64 + 8 {
        held.extend(Stranger::with_secret(20_000 + n, &secret(1), &id, &mut entropy).dial(at).await.1);
    }
    assert!(open(&held) > MAX_PER_SOURCE, "{} are open", open(&held));
    server.close();
    within(careless).await.unwrap();
}

/// Whatever it says meanwhile: an unproved connection ends, counted from its first packet. A member's does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_known_has_a_short_time_whatever_it_sends() {
    let options = Options { handshake: Duration::from_millis(400), ..Options::default() };
    let server = server_with(19, 1, Arc::new(Still(NOW)), options);
    let member = dialer(21, 1);
    let stranger = dialer(20, 1);
    let (kept, dialed) = meet(&server, &member).await;
    kept.admit();
    let (_unproved, talking) = meet(&server, &stranger).await;
    let (mut send, _receive) = talking.open_control().await.unwrap();
    let ended = within(async {
        loop {
            if send.write_all(&[0]).await.is_err() {
                return talking.closed().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let ConnectionError::ApplicationClosed(close) = ended else { panic!("{ended:?}") };
    assert_eq!(u64::from(close.error_code), u64::from(super::super::STOPPED));
    // The member came first, and is there.
    assert!(kept.close_reason().is_none() && dialed.close_reason().is_none());
    drop(kept);
    within(dialed.closed()).await;
}

/// Handshakes that are begun and never ended are places like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_handshakes_keep_no_member_out() {
    let server = server(22, 1);
    let (id, address) = (server.device(), server.local_addr().unwrap());
    let mut entropy = Seeded::new(20);
    let mut held = Vec::new();
    for _ in 0..120 {
        // Without a key to show it never comes to an end.
        let (pass, _) = gate::pass(&secret(1), NOW, &id, &mut entropy);
        let knock = gate::knock(&secret(1), NOW, &id, &mut entropy);
        let tls = tls::client(None, Expected::Any, Some(pass)).unwrap();
        let mut config = client_config(tls, &quick()).unwrap();
        config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&knock)));
        let (socket, _) = dialing(address).unwrap();
        let connecting = socket.connect_with(config, address, SERVER_NAME).unwrap();
        held.push((socket, connecting));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for seed in 0..5 {
        let (accepted, _dialed) = meet(&server, &dialer(30 + seed, 1)).await;
        assert_eq!(accepted.peer(), device(30 + seed).id());
    }
}

/// A crowd of one address takes places from itself only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_one_address_leaves_the_others_their_places() {
    // Nobody's time is over before the test is.
    let server = server_with(23, 1, Arc::new(Still(NOW)), Options { handshake: Duration::from_secs(300), ..quick() });
    let (id, at) = (server.device(), server.local_addr().unwrap());
    let serving = serve(&server, device(46).id(), Arc::default());
    let mut entropy = Seeded::new(24);
    // The whole of 127.0.0.0/8 is this machine.
    let elsewhere = |seed: u64, entropy: &mut Seeded, host: u8| {
        let stranger = Stranger::with_secret(seed, &secret(1), &id, entropy);
        stranger.dial_from(std::net::Ipv4Addr::new(127, 0, 0, host).into(), at)
    };
    let first = elsewhere(100, &mut entropy, 2).await.1.unwrap();
    let mut crowd = Vec::new();
    for n in 0..2 * MAX_UNPROVED as u64 {
        crowd.push(elsewhere(200 + n, &mut entropy, 3).await.1.unwrap());
    }
    assert!(first.close_reason().is_none(), "the one at another address gave way");
    within(async {
        while open(&crowd) > MAX_PER_SOURCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(open(&crowd), MAX_PER_SOURCE);
    // Many addresses: all places are taken, and who holds the most gives way to who holds none.
    let mut many = Vec::new();
    for n in 0..MAX_UNPROVED as u64 {
        many.push(elsewhere(400 + n, &mut entropy, 10 + n as u8).await.1.unwrap());
    }
    within(async {
        while open(crowd.iter().chain(&many).chain([&first])) > MAX_UNPROVED {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(open(&crowd) <= 1, "{}", open(&crowd));
    server.close();
    within(serving).await.unwrap();
}

/// A member that dials again and again has its last connections, and takes nobody else's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_has_so_many_connections_and_no_more() {
    let server = server(25, 1);
    let mut kept = Vec::new();
    let (other, other_end) = meet(&server, &dialer(27, 1)).await;
    other.admit();
    let many = dialer(26, 1);
    for _ in 0..MAX_PER_MEMBER + 3 {
        let (accepted, dialed) = meet(&server, &many).await;
        accepted.admit();
        kept.push((accepted, dialed));
    }
    for (_, dialed) in &kept[..3] {
        within(dialed.closed()).await;
    }
    assert_eq!(kept.iter().filter(|(_, dialed)| dialed.close_reason().is_none()).count(), MAX_PER_MEMBER);
    assert!(other.close_reason().is_none() && other_end.close_reason().is_none());
}
