//! Pairing: codes that are wrong or used up, and joining with a journal of one's own.

use afterword_core::crypto::DeviceKey;
use afterword_core::transport::{Invitation, PairingEvent, PairingHost, PairingOptions, pair};
use afterword_tests::clock::environment;
use afterword_tests::home::text;
use afterword_tests::{Home, Seeded};

use super::support::{SOON, assert_same, body, device, ids, meet};

#[test]
fn a_newcomers_own_entries_come_along() {
    let (host, _) = Home::init("host");
    let theirs = host.write("Host's", "was here first");
    let (newcomer, printed) = Home::init("newcomer");
    let mine = newcomer.write("Mine", "from before");
    let file = newcomer.scratch().join("note.txt");
    std::fs::write(&file, "attached before").unwrap();
    let attachment = text(&newcomer.json(&["attach", &mine, file.to_str().unwrap()]), "attachment");
    let erased = newcomer.write("Erased", "gone before joining");
    newcomer.json(&["--yes", "erase", &erased]);
    let old = device(&newcomer);

    let joined = newcomer.pair_with(&host);
    assert_eq!(joined["event"], "joined", "{joined}");
    assert_eq!(joined["host"]["id"], device(&host));
    for home in [&host, &newcomer] {
        assert_eq!(ids(home), [theirs.clone(), mine.clone()].into());
        assert_eq!(body(home, &mine), "from before");
        let out = home.scratch().join("out.txt");
        home.json(&["extract", &mine, &attachment, out.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(out).unwrap(), "attached before");
    }
    assert_same(&[&host, &newcomer]);
    // A new key, and nothing left of the old store.
    assert_eq!(joined["device"]["id"], device(&newcomer));
    assert_ne!(device(&newcomer), old);
    assert_ne!(printed["journal"], serde_json::Value::Null);
    let stores = newcomer.files().into_iter().filter(|(path, _)| path.to_string_lossy().ends_with(".db")).count();
    assert_eq!(stores, 1, "{:?}", newcomer.files().iter().map(|(path, _)| path.clone()).collect::<Vec<_>>());
    meet(&newcomer, &host);
}

#[test]
fn a_journal_is_never_joined_away_without_a_yes() {
    let (host, _) = Home::init("host");
    let (newcomer, _) = Home::init("newcomer");
    let mine = newcomer.write("Mine", "still mine");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let event = pairing.event("code", SOON);
    newcomer.refuses(&["pair", &text(&event, "code"), "--peer", &text(&event, "address")]);
    assert_eq!(ids(&newcomer), [mine].into());
    pairing.kill9();
    assert!(ids(&host).is_empty());
}

#[test]
fn a_wrong_word_burns_the_code_and_the_next_one_works() {
    let (host, _) = Home::init("host");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let event = pairing.event("code", SOON);
    let (code, address) = (text(&event, "code"), text(&event, "address"));
    let (number, words) = code.split_once('-').unwrap();
    let (first, second) = words.split_once('-').unwrap();
    let swapped = format!("{number}-{second}-{first}");
    let guest = Home::new();
    assert_eq!(guest.fails(&["pair", &swapped, "--peer", &address]).code, "refused");
    assert!(pairing.event("wrong_guess", SOON)["left"].as_u64().is_some());
    let fresh = text(&pairing.event("code", SOON), "code");
    assert_ne!(fresh, code);
    // Burnt: the right words come too late, and cost no guess, since their number is not this window's any more.
    guest.fails(&["pair", &code, "--peer", &address]);
    let printed = guest.run_json(&["pair", &fresh, "--peer", &address]).expect_code(0).json_lines();
    assert_eq!(printed.last().unwrap()["event"], "joined");
    pairing.wait(SOON).expect_code(0);
    // Used: the window is closed.
    let late = Home::new();
    let failure = late.fails(&["pair", &fresh, "--peer", &address]);
    assert!(["unreachable", "refused"].contains(&failure.code.as_str()), "{failure:?}");
    assert_same(&[&host, &guest]);
}

/// Each wrong word makes the next wait a little longer; whoever has the picture is never kept waiting.
#[test]
fn wrong_words_end_no_window() {
    let (host, _) = Home::init("host");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let guest = Home::new();
    let mut code = pairing.event("code", SOON);
    for left in [4, 3] {
        let (number, words) = text(&code, "code").split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (first, second) = words.split_once('-').unwrap();
        let swapped = format!("{number}-{second}-{first}");
        let failure = guest.fails(&["pair", &swapped, "--peer", &text(&code, "address")]);
        assert_eq!(failure.code, "refused", "{failure:?}");
        assert_eq!(pairing.event("wrong_guess", SOON)["left"], left);
        code = pairing.event("code", SOON);
    }
    // From where the wrong ones came.
    let printed = guest.run_json(&["pair", &text(&code, "qr")]).expect_code(0).json_lines();
    assert_eq!(printed.last().unwrap()["event"], "joined");
    let said = pairing.wait(SOON).expect_code(0);
    let guesses = said.json_lines().iter().filter(|event| event["event"] == "wrong_guess").count();
    assert_eq!(guesses, 2, "{said:?}");
    assert_same(&[&host, &guest]);
}

/// Whoever knows the code and then says nothing: the other side hears a signal, and has no more patience than a moment.
#[test]
fn who_says_nothing_holds_nobody() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut entropy = Seeded::new(1);
    let mut id = || DeviceKey::generate(&mut entropy).id();
    let (mute, other) = (id(), id());

    let (host, _) = Home::init("host");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let code = pairing.event("code", SOON);
    let invitation = Invitation::parse(&text(&code, "code")).unwrap();
    let address = text(&code, "address").parse().unwrap();
    let mut channel =
        runtime.block_on(pair(&invitation, address, mute, &mut Seeded::new(2), &PairingOptions::default())).unwrap();
    // It has said what it says first, and waits.
    runtime.block_on(channel.recv(1 << 10)).unwrap();
    let said = pairing.interrupt(SOON).expect_code(1);
    assert_eq!(said.json_lines().last().unwrap()["error"]["code"], "cancelled", "{said:?}");
    drop(channel);

    // And a host that says nothing.
    let environment = environment(3);
    let (mut window, shown) = runtime
        .block_on(async {
            let options = PairingOptions::default();
            let any = "127.0.0.1:0".parse().unwrap();
            PairingHost::open(any, other, environment.clock.as_ref(), &mut Seeded::new(4), options)
        })
        .unwrap();
    let guest = Home::new();
    let joining = guest.start(&["pair", &shown.code, "--peer", &shown.address.to_string()]);
    let Some(PairingEvent::Joined(_channel)) = runtime.block_on(window.next_event()) else { panic!("it did not come") };
    let said = joining.interrupt(SOON).expect_code(1);
    assert_eq!(said.json_lines().last().unwrap()["error"]["code"], "cancelled", "{said:?}");
    assert!(!guest.path().join("journal.db").exists());
}

#[test]
fn a_code_that_is_none_is_bad_input() {
    let guest = Home::new();
    let output = guest.run_json(&["pair", "hello", "--peer", "127.0.0.1:9"]);
    assert!(matches!(output.code, Some(1 | 2)), "{output:?}");
    assert_eq!(output.json()["error"]["code"], "invalid");
    assert!(!guest.path().join("journal.db").exists());
}
