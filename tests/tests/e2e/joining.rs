//! Pairing: codes that are wrong or used up, and joining with a journal of one's own.

use afterword_tests::Home;
use afterword_tests::home::text;

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

#[test]
fn five_wrong_guesses_are_all_there_are() {
    let (host, _) = Home::init("host");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let guest = Home::new();
    let (mut code, mut address) = (String::new(), String::new());
    for left in (0..5).rev() {
        let event = pairing.event("code", SOON);
        (code, address) = (text(&event, "code"), text(&event, "address"));
        let (number, words) = code.split_once('-').unwrap();
        let (first, second) = words.split_once('-').unwrap();
        let failure = guest.fails(&["pair", &format!("{number}-{second}-{first}"), "--peer", &address]);
        assert_eq!(failure.code, "refused", "{failure:?}");
        assert_eq!(pairing.event("wrong_guess", SOON)["left"], left);
    }
    // The right words of the last one are no better now; only the picture still is.
    guest.fails(&["pair", &code, "--peer", &address]);
    assert!(pairing.is_up());
    let said = pairing.kill9();
    assert!(said.json_lines().iter().all(|event| event["event"] != "joined"), "{said:?}");
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
