//! Pairing: who knows the code gets a channel, and nobody else gets anything.

use std::time::Duration;

use super::super::admission::MAX_UNPROVED;
use super::super::endpoint::{SERVER_NAME, client_config, dialing, listening, server_config};
use super::super::pairing::PairingOptions;
use super::super::tls::{self, Answer, Expected, Identity};
use super::super::{Invitation, PairedChannel, PairingEvent, PairingHost, ShownCode, pair};
use super::*;
use crate::error::{Code, Error};

fn host(options: PairingOptions) -> (PairingHost, ShownCode) {
    PairingHost::open(ANY_PORT, device(1).id(), &Still(NOW), &mut Seeded::new(1), options).unwrap()
}

/// With pauses that a test can wait for.
fn hasty() -> PairingOptions {
    PairingOptions { pause: Duration::from_millis(5), ..PairingOptions::default() }
}

async fn join(text: &str, address: SocketAddr, seed: u64) -> Result<PairedChannel, Error> {
    let invitation = Invitation::parse(text)?;
    within(pair(&invitation, address, device(seed).id(), &mut Seeded::new(seed), &PairingOptions::default())).await
}

/// A code like `code`, with another first word.
fn misheard(code: &str) -> String {
    let (nameplate, words) = code.split_once('-').unwrap();
    let (first, second) = words.split_once('-').unwrap();
    format!("{nameplate}-{}-{second}", if first == "zoo" { "zone" } else { "zoo" })
}

async fn joined(host: &mut PairingHost) -> PairedChannel {
    loop {
        match within(host.next_event()).await {
            Some(PairingEvent::Joined(channel)) => return channel,
            Some(PairingEvent::Expired) | None => panic!("nobody joined"),
            Some(_) => {}
        }
    }
}

async fn talk(mut guest: PairedChannel, mut host: PairedChannel, seed: u64) {
    assert_eq!((guest.peer(), host.peer()), (device(1).id(), device(seed).id()));
    guest.send(b"consent").await.unwrap();
    host.send(b"statements").await.unwrap();
    host.send(&vec![7; 100_000]).await.unwrap();
    assert_eq!(host.recv(100).await.unwrap().as_slice(), b"consent");
    assert_eq!(guest.recv(100).await.unwrap().as_slice(), b"statements");
    assert_eq!(guest.recv(100_000).await.unwrap().len(), 100_000);
    guest.send(&[1; 101]).await.unwrap();
    assert_eq!(host.recv(100).await.unwrap_err().code, Code::Refused);
    guest.close().await;
    assert!(host.recv(100).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_code_opens_a_channel_and_closes_the_window() {
    let (mut window, shown) = host(hasty());
    assert_eq!(shown.expires_at.0, 1_700_000_000_000 + 300_000);
    let typed = shown.code.to_uppercase().replace('-', " ");
    let guest = join(&typed, shown.address, 2).await.unwrap();
    let channel = joined(&mut window).await;
    assert!(within(window.next_event()).await.is_none());
    talk(guest, channel, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_qr_pairs_and_no_wrong_proof_burns_it() {
    let (mut window, shown) = host(hasty());
    let scanned = Invitation::parse(&shown.qr).unwrap();
    assert_eq!((scanned.address(), scanned.nameplate()), (Some(shown.address), None));
    assert!(shown.qr.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b':'));

    // The right key with another secret: refused, and nothing happens at the window.
    let mut bent = shown.qr.clone().into_bytes();
    let secret_at = "AFTERWORD:".len() + 20;
    bent[secret_at] = if bent[secret_at] == b'A' { b'B' } else { b'A' };
    let error = join(std::str::from_utf8(&bent).unwrap(), shown.address, 3).await.unwrap_err();
    assert_eq!(error.code, Code::Refused);
    // Another key: the guest does not even begin.
    let (_other, elsewhere) =
        PairingHost::open(ANY_PORT, device(1).id(), &Still(NOW), &mut Seeded::new(77), PairingOptions::default())
            .unwrap();
    assert_eq!(join(&elsewhere.qr, shown.address, 3).await.unwrap_err().code, Code::Refused);

    let guest = join(&shown.qr, shown.address, 3).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 3).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_word_burns_the_code_and_shows_a_new_one() {
    let (mut window, shown) = host(hasty());
    let error = join(&misheard(&shown.code), shown.address, 4).await.unwrap_err();
    assert_eq!(error.code, Code::Refused);
    assert!(error.advice.to_string().contains("new code"), "{error}");
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::WrongGuess { left: 4 })));
    let Some(PairingEvent::Code(next)) = within(window.next_event()).await else { panic!() };
    assert_ne!((next.code.clone(), next.nameplate), (shown.code.clone(), shown.nameplate));
    assert_eq!((next.qr, next.address, next.expires_at), (shown.qr, shown.address, shown.expires_at));
    // The old code is worth nothing now, and trying it burns nothing.
    assert_eq!(join(&shown.code, shown.address, 4).await.unwrap_err().code, Code::Refused);
    let guest = join(&next.code, shown.address, 4).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 4).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_nameplate_burns_nothing() {
    let (mut window, shown) = host(hasty());
    let (_, words) = shown.code.split_once('-').unwrap();
    let other = if shown.nameplate == 1 { 2 } else { 1 };
    for _ in 0..8 {
        assert_eq!(join(&format!("{other}-{words}"), shown.address, 5).await.unwrap_err().code, Code::Refused);
    }
    let guest = join(&shown.code, shown.address, 5).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 5).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_guesses_end_the_codes_but_not_the_qr() {
    let (mut window, first) = host(hasty());
    let mut code = first.code.clone();
    for left in (0..5).rev() {
        assert_eq!(join(&misheard(&code), first.address, 6).await.unwrap_err().code, Code::Refused);
        match within(window.next_event()).await {
            Some(PairingEvent::WrongGuess { left: said }) => assert_eq!(said, left),
            other => panic!("{other:?}"),
        }
        if left > 0 {
            let Some(PairingEvent::Code(next)) = within(window.next_event()).await else { panic!() };
            code = next.code;
        }
    }
    let error = join(&code, first.address, 6).await.unwrap_err();
    assert_eq!(error.code, Code::Refused);
    let guest = join(&first.qr, first.address, 6).await.unwrap();
    talk(guest, joined(&mut window).await, 6).await;
}

/// Of many guesses at one code at one time, one is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_side_by_side_count_one_by_one() {
    let (mut window, shown) = host(hasty());
    let (nameplate, words) = shown.code.split_once('-').unwrap();
    let (_, second) = words.split_once('-').unwrap();
    let tries: Vec<_> = ["abandon", "ability", "able", "about", "above", "absent", "absorb", "abstract"]
        .map(|first| format!("{nameplate}-{first}-{second}"))
        .into_iter()
        .filter(|code| *code != shown.code)
        .map(|code| tokio::spawn(async move { join(&code, shown.address, 7).await.map(drop) }))
        .collect();
    for attempt in tries {
        assert!(within(attempt).await.unwrap().is_err());
    }
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::WrongGuess { left: 4 })));
    let Some(PairingEvent::Code(next)) = within(window.next_event()).await else { panic!() };
    let guest = join(&next.code, shown.address, 7).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 7).await,
        other => panic!("a guess too many was looked at: {other:?}"),
    }
}

/// After a wrong guess nothing from its address is looked at for a while, right or wrong. The QR does not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_wrong_word_the_next_one_waits_and_the_qr_does_not() {
    let (mut window, shown) = host(PairingOptions { pause: Duration::from_secs(3600), ..PairingOptions::default() });
    assert_eq!(join(&misheard(&shown.code), shown.address, 4).await.unwrap_err().code, Code::Refused);
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::WrongGuess { left: 4 })));
    let Some(PairingEvent::Code(next)) = within(window.next_event()).await else { panic!() };
    for code in [misheard(&next.code), misheard(&next.code), next.code.clone()] {
        let error = join(&code, next.address, 4).await.unwrap_err();
        assert_eq!((error.code, error.about), (Code::Refused, "code_later"));
    }
    let guest = join(&next.qr, next.address, 4).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 4).await,
        other => panic!("a guess was looked at too early: {other:?}"),
    }
}

/// A guest that comes a moment too early is not sent away: it waits, and hardly notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_mistyped_once_gets_in_with_the_next_code() {
    let (mut window, shown) = host(PairingOptions { pause: Duration::from_millis(200), ..PairingOptions::default() });
    assert!(join(&misheard(&shown.code), shown.address, 4).await.is_err());
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::WrongGuess { left: 4 })));
    let Some(PairingEvent::Code(next)) = within(window.next_event()).await else { panic!() };
    let guest = join(&next.code, shown.address, 4).await.unwrap();
    talk(guest, joined(&mut window).await, 4).await;
}

/// A dialer of a window that proves nothing.
async fn bystander(from: u8, window: SocketAddr) -> quinn::Connection {
    let config = client_config(tls::client(None, Expected::Any, None).unwrap(), &quick()).unwrap();
    let from = SocketAddr::from(([127, 0, 0, from], 0));
    let connecting = quinn::Endpoint::client(from).unwrap().connect_with(config, window, SERVER_NAME).unwrap();
    within(connecting).await.unwrap()
}

/// A crowd at another address takes no guest's place, and once it has proved, nobody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_puts_no_guest_out() {
    // Nobody's time is over before the test is.
    let (mut window, shown) = host(PairingOptions { proof: Duration::from_secs(300), ..hasty() });
    let slow = bystander(1, shown.address).await;
    let mut crowd = Vec::new();
    for _ in 0..2 * MAX_UNPROVED {
        crowd.push(bystander(3, shown.address).await);
    }
    assert!(slow.close_reason().is_none(), "a guest gave way to a crowd that is somewhere else");
    let guest = join(&shown.qr, shown.address, 12).await.unwrap();
    let channel = joined(&mut window).await;
    talk(guest, channel, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_ends_by_itself_and_then_answers_nobody() {
    let options = PairingOptions { window: Duration::from_millis(100), ..PairingOptions::default() };
    let (mut window, shown) = host(options);
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::Expired)));
    assert!(within(window.next_event()).await.is_none());
    let invitation = Invitation::parse(&shown.code).unwrap();
    let hasty = PairingOptions { proof: Duration::from_millis(400), ..PairingOptions::default() };
    let error =
        within(pair(&invitation, shown.address, device(8).id(), &mut Seeded::new(8), &hasty)).await.unwrap_err();
    assert_eq!(error.code, Code::Unreachable);
}

/// Passes every frame on between two TLS sessions of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_man_in_the_middle_with_his_own_tls_key_gets_nothing() {
    let (mut window, shown) = host(hasty());
    let identity = Identity::new(&device(50)).unwrap();
    let tls = tls::server(Answer::Anyone(identity)).unwrap();
    let config = server_config(tls, &quick()).unwrap();
    let (relay, _) = listening(ANY_PORT, crate::crypto::Derived::new(&mut Seeded::new(51)), config).unwrap();
    let address = relay.local_addr().unwrap();
    let relaying = tokio::spawn(async move {
        let guest = relay.accept().await.unwrap().await.unwrap();
        let tls = tls::client(None, Expected::Any, None).unwrap();
        let (socket, _) = dialing(shown.address).unwrap();
        let config = client_config(tls, &quick()).unwrap();
        let host = socket.connect_with(config, shown.address, SERVER_NAME).unwrap().await.unwrap();
        let (mut to_guest, mut from_guest) = guest.accept_bi().await.unwrap();
        let (mut to_host, mut from_host) = host.open_bi().await.unwrap();
        let mut passed = 0;
        let (mut up, mut down) = ([0; 512], [0; 512]);
        loop {
            let sent = tokio::select! {
                Ok(Some(n)) = from_guest.read(&mut up) => to_host.write_all(&up[..n]).await.map(|()| n),
                Ok(Some(n)) = from_host.read(&mut down) => to_guest.write_all(&down[..n]).await.map(|()| n),
                end = host.closed() => {
                    if let quinn::ConnectionError::ApplicationClosed(close) = end {
                        guest.close(close.error_code, b"");
                    }
                    // What was lost with it: the relay lingers so that the guest hears.
                    guest.closed().await;
                    return passed;
                }
            };
            passed += sent.unwrap();
        }
    });
    let error = join(&shown.code, address, 9).await.unwrap_err();
    assert_eq!(error.code, Code::Refused);
    assert!(matches!(within(window.next_event()).await, Some(PairingEvent::WrongGuess { left: 4 })));
    // m1, m2 and m3 went through; nothing after them.
    assert_eq!(within(relaying).await.unwrap(), 3 * 4 + 37 + 33 + 104);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_an_error_and_never_a_hang() {
    let options = PairingOptions { proof: Duration::from_millis(1500), ..PairingOptions::default() };
    let (mut window, shown) = host(options);
    let hello = |nameplate: u16| [&[1, 0][..], &nameplate.to_be_bytes()].concat();
    let point = [&[0x41][..], &[9; 32]].concat();
    let mut random = Seeded::new(60);
    let mut noise = vec![0; 100];
    crate::time::Entropy::fill(&mut random, &mut noise);
    let frame = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    for bytes in [
        vec![],
        vec![0],
        vec![0xff; 4],
        frame(&[]),
        frame(&[9, 0, 0, 1]),
        frame(&[1, 7, 0, 1]),
        frame(&hello(shown.nameplate)),
        frame(&[hello(shown.nameplate), point.clone()].concat()),
        frame(&noise),
        frame(&[0; 200]),
        [frame(&[hello(0), point].concat()), vec![1, 2]].concat(),
    ] {
        let tls = tls::client(None, Expected::Any, None).unwrap();
        let (socket, _) = dialing(shown.address).unwrap();
        let config = client_config(tls, &quick()).unwrap();
        let connection = within(socket.connect_with(config, shown.address, SERVER_NAME).unwrap()).await.unwrap();
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        let _ = send.finish();
        within(connection.closed()).await;
    }
    // None of that was a proof.
    let guest = join(&shown.code, shown.address, 10).await.unwrap();
    match within(window.next_event()).await {
        Some(PairingEvent::Joined(channel)) => talk(guest, channel, 10).await,
        other => panic!("{other:?}"),
    }
}

/// A host that answers nonsense: the guest ends with an error in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_host_is_an_error_and_never_a_hang() {
    let tls = tls::server(Answer::Anyone(Identity::new(&device(61)).unwrap())).unwrap();
    let (endpoint, _) =
        listening(ANY_PORT, crate::crypto::Derived::new(&mut Seeded::new(62)), server_config(tls, &quick()).unwrap())
            .unwrap();
    let address = endpoint.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        for answer in [&b""[..], &[0xff; 4], &[0, 0, 0, 2, 1, 2], &[0, 0, 0, 33]] {
            let connection = endpoint.accept().await.unwrap().await.unwrap();
            let (mut send, receive) = connection.accept_bi().await.unwrap();
            send.write_all(answer).await.unwrap();
            kept.push((connection, send, receive));
        }
        std::future::pending::<()>().await;
    });
    let hasty = PairingOptions { proof: Duration::from_millis(600), ..PairingOptions::default() };
    let invitation = Invitation::parse("7-cabin-tiger").unwrap();
    for _ in 0..4 {
        let outcome = within(pair(&invitation, address, device(11).id(), &mut Seeded::new(11), &hasty)).await;
        assert!(matches!(outcome.unwrap_err().code, Code::Refused | Code::Unreachable));
    }
    silent.abort();
}

#[test]
fn codes_are_read_forgivingly_and_only_if_they_are_codes() {
    for text in ["7-cabin-tiger", " 7 Cabin  TIGER ", "7-cabi-tige", "007-cabin-tiger"] {
        assert_eq!(Invitation::parse(text).unwrap().nameplate(), Some(7), "{text}");
    }
    let short = |text: &str| format!("{:?}", Invitation::parse(text).unwrap());
    assert!(!short("7-cabin-tiger").contains("cabin"));
    for text in [
        "",
        "7",
        "7-cabin",
        "7-cabin-tiger-zoo",
        "0-cabin-tiger",
        "1000-cabin-tiger",
        "x-cabin-tiger",
        "+7-cabin-tiger",
        "7-cab-tiger",
        "7-cabinx-tiger",
        "7-cabin-tigress",
        "AFTERWORD:",
        "AFTERWORD:AAAA",
        "AFTERWORD:!",
        "ÄÖÜAFTERWORD:",
        "7-日本語-tiger",
    ] {
        assert_eq!(Invitation::parse(text).unwrap_err().code, Code::Invalid, "{text}");
    }
    assert!(Invitation::parse(&"A".repeat(100_000)).is_err());
    assert!(Invitation::parse(&format!("AFTERWORD:{}", "A".repeat(100_000))).is_err());
}
