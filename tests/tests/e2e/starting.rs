//! The first start: two at once, a folder that others can read, an answer that nobody gets, a home that somebody is in.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use afterword_tests::Home;
use afterword_tests::home::text;

use super::support::{SOON, body, device, ids};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn of_two_inits_at_once_one_makes_a_whole_journal_and_one_is_refused() {
    for round in 0..25 {
        let home = Home::new();
        let both = ["one", "two"].map(|name| home.start(&["init", "--name", name]));
        let ended = both.map(|running| running.wait(SOON));
        let made: Vec<_> = ended.iter().filter(|output| output.code == Some(0)).collect();
        assert_eq!(made.len(), 1, "{round}: {ended:?}");
        let refused = ended.iter().find(|output| output.code != Some(0)).unwrap().clone().expect_code(1).json();
        assert_eq!(refused["error"]["code"], "invalid", "{refused}");
        assert!(text(&refused["error"], "message").contains("already holds a journal"), "{refused}");
        let made = made[0].json();
        // The phrase that was printed is the one of the journal that is there.
        let checked = home.run_with(&["--json", "recovery", "check"], text(&made, "recovery_phrase").as_bytes());
        assert_eq!(checked.expect_code(0).json()["id"], made["journal"]);
        assert_eq!(device(&home), text(&made["device"], "id"));
    }
}

#[test]
fn a_made_and_a_joined_home_are_closed_to_others() {
    let (host, _) = Home::init("host");
    host.write("Something", "for both");
    let guest = Home::new();
    // The folder was there before, as `mkdir` makes it.
    fs::create_dir(guest.path()).unwrap();
    fs::set_permissions(guest.path(), Permissions::from_mode(0o755)).unwrap();
    guest.pair_with(&host);
    for home in [&host, &guest] {
        assert_eq!(mode(&home.path()), 0o700);
        for entry in fs::read_dir(home.path()).unwrap().flatten() {
            let wanted = if entry.path().is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&entry.path()), wanted, "{}", entry.path().display());
        }
    }
}

#[test]
fn a_phrase_that_nobody_gets_makes_no_journal() {
    let home = Home::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for words in [&["init"] as &[&str], &["--json", "init"]] {
        let mut command = home.command(words);
        let ended = command.stdin(Stdio::null()).stdout(full.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(1) && said.contains("no journal was made"), "{said}");
        assert_eq!(home.fails(&["list"]).code, "not_found");
    }
    let made = home.json(&["init"]);
    assert_eq!(text(&made, "recovery_phrase").split(' ').count(), 24);
}

#[test]
fn a_journal_that_is_being_served_is_not_joined_away_under_it() {
    let (host, _) = Home::init("host");
    let (guest, _) = Home::init("guest");
    let mine = guest.write("Mine", "kept");
    let (serving, _) = guest.serve();
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let event = pairing.event("code", SOON);
    let (code, address) = (text(&event, "code"), text(&event, "address"));
    let refused = guest.fails(&["--yes", "pair", &code, "--peer", &address]);
    assert!(refused.code == "locked" && refused.message.contains("one that serves"), "{refused:?}");
    assert_eq!((ids(&guest), body(&guest, &mine)), ([mine.clone()].into(), "kept".to_owned()));
    serving.interrupt(SOON).expect_code(0);
    // The code was not used up by it.
    guest.run_json(&["--yes", "pair", &code, "--peer", &address]).expect_code(0);
    pairing.wait(SOON).expect_code(0);
    assert_eq!(body(&guest, &mine), "kept");
}

#[test]
fn a_start_that_was_cut_off_is_said_and_begun_again() {
    let home = Home::new();
    fs::create_dir_all(home.path().join("new/blobs")).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    fs::write(home.path().join("new/vault"), "half of one").unwrap();
    let failure = home.fails(&["list"]);
    assert!(failure.code == "not_found" && failure.message.contains("cut off"), "{failure:?}");
    assert!(failure.hint.contains("afterword init"), "{failure:?}");
    let output = home.run(&["init"]).expect_code(0);
    assert!(output.stderr.contains("cut off"), "{}", output.stderr);
    assert!(!home.path().join("new").exists());
    assert!(ids(&home).is_empty());
}
