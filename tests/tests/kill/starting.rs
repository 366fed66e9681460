//! kill -9 of the shipped program between any two operations on files of a first start, a join, and a change of the
//! passphrase: what is there afterwards is a whole journal, or none, and the next command goes on from there.

use afterword_tests::home::text;
use afterword_tests::trace::{Moment, moments, possible, through_a_count};
use afterword_tests::{Budget, Home, Output, Seeded, not_run, seed};

use super::{LEAST, PARTS, SECONDS};
use crate::e2e::support::{SOON, body, ids};

fn is_possible() -> bool {
    if let Err(reason) = possible() {
        not_run("kill at each operation", &reason);
        return false;
    }
    true
}

/// The moments of `run` in an order of the seed's, those at which names change first: there are few of them, and there is
/// not always time for all the others.
fn moments_of(home: &mut Home, stream: u64, run: impl FnOnce(&Home)) -> Vec<Moment> {
    let trace = home.scratch().join("trace");
    home.set_through(through_a_count(&trace));
    run(home);
    home.set_through(Vec::new());
    let mut found = moments(&trace, &home.path());
    assert!(found.len() > 10, "{found:?}");
    let mut rng = Seeded::stream(seed(1), stream);
    for at in (1..found.len()).rev() {
        found.swap(at, rng.below(at + 1));
    }
    let changes_names = |moment: &Moment| {
        ["rename", "mkdir", "unlink", "rmdir", "fsync"].iter().any(|name| moment.call.starts_with(name))
    };
    found.sort_by_key(|moment| !changes_names(moment));
    found
}

/// What `list` finds: a whole journal, or none that anybody could take for one.
fn is_there(home: &Home, at: &Moment) -> bool {
    let listed = home.run_json(&["list"]);
    match listed.code {
        Some(0) => true,
        _ => {
            assert_eq!(listed.json()["error"]["code"], "not_found", "killed at {at:?}: {listed:?}");
            false
        }
    }
}

fn killed(home: &mut Home, at: &Moment, arguments: &[&str]) -> Output {
    home.set_through(at.kill());
    let output = home.run_json(arguments);
    home.set_through(Vec::new());
    output
}

#[test]
fn killed_at_each_operation_of_a_first_start() {
    if !is_possible() {
        return;
    }
    let budget = Budget::part(1, PARTS, SECONDS);
    let all = moments_of(&mut Home::new(), 6, |home| drop(home.json(&["init"])));
    let (mut kills, mut begun_again) = (0, 0);
    for at in all.iter().take_while(|_| budget.is_left()) {
        let mut home = Home::new();
        let output = killed(&mut home, at, &["init"]);
        kills += 1;
        if is_there(&home, at) {
            assert_eq!(home.fails(&["init"]).code, "invalid");
            // It is in its place only once its phrase was printed.
            let words = text(&output.json(), "recovery_phrase");
            home.run_with(&["--json", "recovery", "check"], words.as_bytes()).expect_code(0);
        } else {
            begun_again += 1;
            let words = text(&home.json(&["init"]), "recovery_phrase");
            home.run_with(&["--json", "recovery", "check"], words.as_bytes()).expect_code(0);
            assert!(is_there(&home, at));
        }
    }
    println!("{kills} of {} moments of a first start, {begun_again} begun again", all.len());
    assert!(kills >= LEAST && begun_again > 0 && begun_again < kills);
}

/// A join from a folder with or without a journal, killed at moment after moment.
fn killed_at_each_operation_of_a_join(stream: u64, with_a_journal: bool) {
    if !is_possible() {
        return;
    }
    let budget = Budget::part(2, PARTS, SECONDS);
    let (host, _) = Home::init("host");
    let theirs = host.write("Theirs", "on the host");
    let before = Home::new();
    let mine = with_a_journal.then(|| {
        before.json(&["init"]);
        before.write("Mine", "from before")
    });
    let window = || {
        let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
        let event = pairing.event("code", SOON);
        (pairing, text(&event, "code"), text(&event, "address"))
    };
    let all = moments_of(&mut before.copy(), stream, |home| {
        let (pairing, code, address) = window();
        home.run_json(&["--yes", "pair", &code, "--peer", &address]).expect_code(0);
        pairing.wait(SOON).expect_code(0);
    });
    let (mut kills, mut joined) = (0, 0);
    for at in all.iter().take_while(|_| budget.is_left()) {
        let mut guest = before.copy();
        let (pairing, code, address) = window();
        killed(&mut guest, at, &["--yes", "pair", &code, "--peer", &address]);
        pairing.kill9();
        kills += 1;
        let there = is_there(&guest, at);
        assert!(there || !with_a_journal, "killed at {at:?}: the journal that was here is gone");
        let held = if there { ids(&guest) } else { Default::default() };
        if let Some(mine) = &mine {
            assert!(held.contains(mine), "killed at {at:?}");
            assert_eq!(body(&guest, mine), "from before");
        }
        if held.contains(&theirs) {
            joined += 1;
            assert_eq!(body(&guest, &theirs), "on the host");
        } else if !there {
            guest.json(&["init"]);
        }
    }
    println!("{kills} of {} moments of a join, {joined} of them after it", all.len());
    assert!(kills >= LEAST);
}

#[test]
fn killed_at_each_operation_of_a_join_into_an_empty_folder() {
    killed_at_each_operation_of_a_join(7, false);
}

#[test]
fn killed_at_each_operation_of_a_join_over_a_journal() {
    killed_at_each_operation_of_a_join(8, true);
}

#[test]
fn killed_at_each_operation_of_a_change_of_the_passphrase() {
    if !is_possible() {
        return;
    }
    let budget = Budget::part(2, PARTS, SECONDS);
    let (before, _) = Home::init("home");
    let entry = before.write("Kept", "behind either");
    let (old, new) = ("correct horse battery staple", "another one altogether");
    let file = before.scratch().join("new");
    std::fs::write(&file, new).unwrap();
    let words = ["passphrase", "--new-passphrase-file", file.to_str().unwrap()];
    let all = moments_of(&mut before.copy(), 9, |home| drop(home.json(&words)));
    let (mut kills, mut changed) = (0, 0);
    for at in all.iter().take_while(|_| budget.is_left()) {
        let mut home = before.copy();
        killed(&mut home, at, &words);
        kills += 1;
        let opens_with_the_old_one = home.run_json(&["show", &entry]).code == Some(0);
        if !opens_with_the_old_one {
            changed += 1;
            home.set_passphrase(Some(new));
            assert_eq!(body(&home, &entry), "behind either", "killed at {at:?}");
            std::fs::write(home.scratch().join("old"), old).unwrap();
            let file = home.scratch().join("old");
            home.json(&["passphrase", "--new-passphrase-file", file.to_str().unwrap()]);
            home.set_passphrase(Some(old));
        }
        // And it can be changed now.
        home.json(&words);
        home.set_passphrase(Some(new));
        assert_eq!(body(&home, &entry), "behind either", "killed at {at:?}");
    }
    println!("{kills} of {} moments of a change of the passphrase, {changed} of them after it", all.len());
    assert!(kills >= LEAST);
}
