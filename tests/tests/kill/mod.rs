//! kill -9 of a program that writes, of one that syncs, of one that serves: whatever had been acknowledged is there
//! afterwards, on this device and, after one more sync, on the other. And of one that begins, joins or changes the
//! passphrase: the next command finishes it or begins again.

mod starting;

use std::collections::BTreeSet;
use std::time::Duration;

use afterword_tests::corpus::Corpus;
use afterword_tests::home::text;
use afterword_tests::{Budget, Home, Seeded, seed};

use crate::e2e::support::{SOON, assert_same, ids, meet};

const SECONDS: u64 = 180;
const PARTS: u32 = 12;
/// Fewer kills than this show nothing.
const LEAST: u32 = 5;

/// What was acknowledged and is not there.
fn lost(home: &Home, acknowledged: &BTreeSet<String>) -> BTreeSet<String> {
    acknowledged.difference(&ids(home)).cloned().collect()
}

fn nothing_is_lost(home: &Home, acknowledged: &BTreeSet<String>) {
    assert_eq!(lost(home, acknowledged), BTreeSet::new());
    assert_eq!(home.json(&["doctor"])["ok"], true);
}

/// A moment anywhere in the life of a program that takes about `life`.
fn a_moment(rng: &mut Seeded, life: Duration) {
    std::thread::sleep(life.mul_f64(rng.fraction()));
}

/// How long `work` takes undisturbed, with a margin: kills fall before it, in it and after it.
fn life(work: impl FnOnce()) -> Duration {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed().mul_f64(1.2)
}

/// The id that an interrupted `write` had printed, if it had come so far.
fn acknowledged(stdout: &str) -> Option<String> {
    stdout.ends_with('\n').then(|| serde_json::from_str(stdout).ok()).flatten().map(|value| text(&value, "id"))
}

#[test]
fn a_lost_entry_would_be_noticed() {
    let (home, _) = Home::init("home");
    let earlier = home.copy();
    let mut acknowledged = BTreeSet::from([home.write("Acknowledged", "and then lost")]);
    nothing_is_lost(&home, &acknowledged);
    home.roll_back_to(&earlier);
    assert_eq!(lost(&home, &acknowledged), std::mem::take(&mut acknowledged));
}

#[test]
fn killed_while_writing() {
    let budget = Budget::part(1, PARTS, SECONDS);
    let mut rng = Seeded::stream(seed(1), 1);
    let (home, _) = Home::init("home");
    let other = Home::join(&home);
    let mut kept = BTreeSet::new();
    let life = life(|| {
        kept.insert(home.write("Undisturbed", "x"));
    });
    let (mut kills, mut late) = (0u32, 0u32);
    while budget.is_left() {
        // Two at once now and then, one of them killed.
        let beside = rng.chance(0.2).then(|| home.start(&["write", "Beside", "--body", "undisturbed"]));
        let entry = kept.first().cloned().unwrap_or_default();
        let body = format!("Text {kills} ").repeat(1 + rng.below(500));
        let words: &[&str] =
            if rng.chance(0.3) { &["edit", &entry, "--body", &body] } else { &["write", "Killed", "--body", &body] };
        let running = home.start(words);
        a_moment(&mut rng, life);
        let output = running.kill9();
        if let Some(id) = acknowledged(&output.stdout) {
            kept.insert(id);
            late += 1;
        }
        kills += 1;
        if let Some(beside) = beside {
            kept.insert(text(&beside.wait(SOON).expect_code(0).json(), "id"));
        }
    }
    println!("{kills} kills while writing, {late} of them after the answer");
    assert!(kills >= LEAST);
    nothing_is_lost(&home, &kept);
    meet(&other, &home);
    nothing_is_lost(&other, &kept);
    assert_same(&[&home, &other]);
}

#[test]
fn killed_while_importing() {
    let budget = Budget::part(1, PARTS, SECONDS);
    let mut rng = Seeded::stream(seed(1), 2);
    let (home, _) = Home::init("home");
    let folder = home.scratch().join("corpus");
    Corpus::new(seed(1)).markdown_folder(&folder, 200).unwrap();
    let folder = folder.to_str().unwrap();
    let (twin, _) = Home::init("twin");
    let life = life(|| drop(twin.json(&["import", folder])));
    let all = ids(&twin).len();
    let mut held = 0;
    let mut kills = 0;
    while budget.is_left() {
        let running = home.start(&["import", folder]);
        // A part of its life only, so that it takes many lives to the end.
        a_moment(&mut rng, life / 2);
        running.kill9();
        kills += 1;
        let now = ids(&home).len();
        assert!(held <= now && now <= all, "{held} then {now} of {all}");
        held = now;
        if held == all {
            break;
        }
    }
    println!("{kills} kills while importing, {held} of {all} entries by then");
    home.json(&["import", folder]);
    // Each once, whatever was cut where.
    assert_eq!(ids(&home).len(), all);
    assert_eq!(home.json(&["doctor"])["ok"], true);
    assert_eq!(home.json(&["import", folder])["created"], 0);
}

#[test]
fn killed_while_deriving() {
    let budget = Budget::part(1, PARTS, SECONDS);
    let mut rng = Seeded::stream(seed(1), 5);
    let (home, _) = Home::init("home");
    let folder = home.scratch().join("corpus");
    Corpus::new(seed(1)).markdown_folder(&folder, 150).unwrap();
    home.json(&["import", folder.to_str().unwrap()]);
    let all = ids(&home);
    let mark = home.write("A mark", "xylophone");
    // Drops what is derived and makes it again: killed before it, in it and after it.
    let life = life(|| drop(home.json(&["doctor", "--rebuild"])));
    let (mut kills, mut left) = (0u32, 0u32);
    while budget.is_left() {
        let running = home.start(&["doctor", "--rebuild"]);
        a_moment(&mut rng, life);
        left += u32::from(!running.kill9().stdout.ends_with('\n'));
        kills += 1;
        if rng.chance(0.5) {
            // Whoever comes next finishes it, and finds all of it.
            let found = home.json(&["search", "xylophone"]);
            assert_eq!((text(&found["hits"][0], "id"), &found["unread"]), (mark.clone(), &0.into()), "{found}");
        }
    }
    println!("{kills} kills while deriving, {left} of them before its end");
    assert!(kills >= LEAST && left > 0);
    assert_eq!(ids(&home).difference(&all).collect::<Vec<_>>(), [&mark]);
    nothing_is_lost(&home, &all);
}

/// Entries on both sides, then a sync of which one side is killed, until the time is up.
fn killed_while_syncing(stream: u64, kill_the_server: bool) {
    let budget = Budget::part(1, PARTS, SECONDS);
    let mut rng = Seeded::stream(seed(1), stream);
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let mut kept = BTreeSet::new();
    let (mut serving, mut address) = a.serve();
    let life = life(|| drop(b.run_json(&["sync", "--peer", &address])));
    let mut kills = 0u32;
    while budget.is_left() {
        // Every few rounds something larger, so that there is a middle to be killed in.
        let body = "Text. ".repeat(if rng.chance(0.2) { 20_000 } else { 20 });
        // One after the other: whoever is killed must have had something to take or to give.
        kept.insert(if rng.chance(0.5) { a.write("From a", &body) } else { b.write("From b", &body) });
        let syncing = b.start(&["sync", "--timeout", "10", "--peer", &address]);
        a_moment(&mut rng, life);
        if kill_the_server {
            serving.kill9();
            // Its peer is left with a dead address; that it would wait for it is not what is tested here.
            syncing.kill9();
            (serving, address) = a.serve();
        } else {
            syncing.kill9();
        }
        kills += 1;
    }
    println!("{kills} kills of {} while syncing", if kill_the_server { "the server" } else { "the dialer" });
    assert!(kills >= LEAST);
    assert!(serving.is_up());
    serving.interrupt(SOON).expect_code(0);
    for (home, own) in [(&a, "From a"), (&b, "From b")] {
        let here = ids(home);
        let missing = lost(home, &kept);
        // Until the last sync a device owes only what it wrote itself.
        for id in &missing {
            let other = if std::ptr::eq(home, &a) { &b } else { &a };
            assert_ne!(text(&other.show(id), "title"), own, "{own} lost its own {id}; it has {}", here.len());
        }
    }
    meet(&b, &a);
    nothing_is_lost(&a, &kept);
    nothing_is_lost(&b, &kept);
    assert_same(&[&a, &b]);
}

#[test]
fn the_dialer_killed_while_syncing() {
    killed_while_syncing(3, false);
}

#[test]
fn the_server_killed_while_syncing() {
    killed_while_syncing(4, true);
}
