//! Two versions in one journal: the program that ships, and one that knows one kind more of everything.

use std::path::{Path, PathBuf};

use afterword_tests::home::text;
use afterword_tests::{Home, not_run, program};
use serde_json::{Value, json};

use super::support::{SOON, assert_same, body, ids, meet, set_body};

/// Stands in every program that knows the next kinds.
const MARKER: &[u8] = b"afterword-knows-the-next-format";

fn holds_marker(program: &Path) -> bool {
    std::fs::read(program).unwrap().windows(MARKER.len()).any(|window| window == MARKER)
}

/// The later version, where it was built.
fn next() -> Option<PathBuf> {
    match program::next() {
        Ok(path) => Some(path),
        Err(reason) => {
            not_run("two versions in one journal", &reason);
            None
        }
    }
}

fn newer(next: &Path) -> Home {
    let mut home = Home::new();
    home.set_program(next);
    home
}

/// The texts under `key`, sorted.
fn sorted(heard: &Value, key: &str) -> Vec<String> {
    let mut texts: Vec<_> =
        heard[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    texts.sort_unstable();
    texts
}

/// What a device of the later version has of what only that version says: statements, operations and records alike.
fn heard(home: &Home) -> Vec<String> {
    let heard = home.run(&["next-heard"]).expect_code(0).json();
    let [statements, operations, records] = ["statements", "operations", "records"].map(|key| sorted(&heard, key));
    assert!(statements == operations && operations == records, "{heard}");
    statements
}

/// `guest`, of the later version, dials `host`; how many messages of that version each side understood of the other.
fn dials(guest: &Home, host: &Home) -> (u64, u64) {
    let (serving, address) = host.serve();
    let output = guest.run_json(&["sync", "--peer", &address]).expect_code(0);
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(output.json()["equal"], true, "{}", output.stdout);
    let line = output.stderr.lines().find_map(|line| line.strip_prefix("next: ")).unwrap_or_default();
    let mut numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn the_program_that_ships_knows_no_kind_of_the_next_version() {
    let Some(next) = next() else { return };
    assert!(!holds_marker(program::path()));
    assert!(holds_marker(&next), "or this test could not fail");
}

#[test]
fn what_only_a_later_version_understands_crosses_one_that_does_not() {
    let Some(next) = next() else { return };
    // The later version hosts one that ships, which hosts another of the later version.
    let a = newer(&next);
    a.json(&["init", "--name", "later"]);
    let entry = a.write("From a later version", "Words that every version reads.");
    a.ok(&["next-say", &entry, "said before"]);
    let b = Home::join(&a);
    let c = newer(&next);
    c.pair_with(&b);
    assert_eq!([heard(&a), heard(&c)], [["said before"], ["said before"]]);
    assert_same(&[&a, &b, &c]);

    // Through the one in the middle, both ways, while it writes and is read too.
    a.ok(&["next-say", &entry, "said after"]);
    let own = b.write("From today's", "Written by the version that knows less.");
    assert_eq!(dials(&a, &b), (0, 1), "one message that is not understood, and said to be");
    meet(&b, &c);
    assert_eq!(heard(&c), ["said after", "said before"]);
    c.ok(&["next-say", &own, "said of the other's entry"]);
    set_body(&c, &entry, "Words that every version reads, and writes.");
    meet(&c, &b);
    meet(&b, &a);
    assert_eq!([heard(&a), heard(&c)], [["said after", "said before", "said of the other's entry"]; 2]);
    assert_eq!(body(&a, &entry), "Words that every version reads, and writes.");
    for home in [&a, &b, &c] {
        assert_eq!(ids(home).len(), 2);
        assert_eq!(body(home, &own), "Written by the version that knows less.");
    }
    assert_same(&[&a, &b, &c]);

    // Two of the later version understand each other.
    a.write("Newer", "x");
    let (understood, not_understood) = dials(&a, &c);
    assert!(understood > 0 && not_understood == 0);
}

#[test]
fn a_version_that_knows_less_keeps_all_of_it_through_a_rebuild_and_an_erase() {
    let Some(next) = next() else { return };
    let (b, _) = Home::init("today's");
    // The one that ships hosts the later version.
    let a = newer(&next);
    a.pair_with(&b);
    let [kept, erased] = ["Kept", "Erased"].map(|title| b.write(title, "x"));
    meet(&a, &b);
    // A person is told, calmly, by whichever program took it in: the one that serves, and the one that syncs.
    a.ok(&["next-say", &kept, "of what stays"]);
    let (mut serving, address) = b.serve();
    a.json(&["sync", "--peer", &address]);
    assert_eq!(serving.event("alarm", SOON)["code"], "newer_version");
    serving.interrupt(SOON).expect_code(0);
    a.ok(&["next-say", &erased, "of what goes"]);
    let (serving, address) = a.serve();
    let told = b.ok(&["sync", "--peer", &address]);
    assert_eq!(told.matches("runs a newer version of Afterword").count(), 1, "{told}");
    assert!(!b.ok(&["sync", "--peer", &address]).contains("newer version"), "once");
    serving.interrupt(SOON).expect_code(0);
    let before = b.holds();
    let looked = b.json(&["doctor"]);
    assert_eq!(looked["ok"], true);
    assert!(looked.to_string().contains("2 of them kept for a newer version"), "{looked}");
    b.ok(&["--yes", "doctor", "--rebuild"]);
    assert_eq!(b.holds(), before);
    b.ok(&["--yes", "erase", &erased]);
    meet(&b, &a);
    assert_same(&[&a, &b]);
    let left = a.run(&["next-heard"]).expect_code(0).json();
    assert_eq!((&left["operations"], &left["records"]), (&json!(["of what stays"]), &json!(["of what stays"])));

    // A third device has it of the one that knows less alone, and a device that joins brings its own along.
    let c = newer(&next);
    c.json(&["init", "--name", "brings"]);
    let brought = c.write("Brought", "x");
    c.ok(&["next-say", &brought, "brought along"]);
    c.pair_with(&b);
    let left = c.run(&["next-heard"]).expect_code(0).json();
    for key in ["operations", "records"] {
        assert_eq!(sorted(&left, key), ["brought along", "of what stays"]);
    }
    assert_eq!(text(&left, "marker").as_bytes(), MARKER);
    assert_same(&[&b, &c]);
}
