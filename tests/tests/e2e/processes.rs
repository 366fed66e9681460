//! Two programs on one journal: none fails, and one hears of what the other wrote.

use std::time::{Duration, Instant};

use afterword_tests::Home;
use afterword_tests::home::text;

use super::support::{SOON, assert_same, body, ids, set_body};

#[test]
fn two_writes_at_once_fifty_times_over() {
    let (home, _) = Home::init("home");
    let mut written = std::collections::BTreeSet::new();
    for round in 0..50 {
        let titles = [format!("left {round}"), format!("right {round}")];
        let running = titles.each_ref().map(|title| home.start(&["write", title, "--body", "at once"]));
        for running in running {
            written.insert(text(&running.wait(SOON).expect_code(0).json(), "id"));
        }
    }
    assert_eq!(written.len(), 100);
    assert_eq!(ids(&home), written);
    let report = home.json(&["doctor"]);
    assert_eq!((&report["ok"], &report["entries"]), (&true.into(), &100.into()), "{report}");
}

#[test]
fn a_serving_program_sends_what_another_wrote_within_a_second() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let (serving, address) = a.serve();
    b.json(&["sync", "--peer", &address]);
    let (mut live, _) = b.serve();
    live.event("synced", SOON);
    let mut took = Vec::new();
    for number in 1..=7 {
        let entry = a.write(&format!("Entry {number}"), "from another process");
        let written = Instant::now();
        live.event_where("synced", SOON, |value| value["received"]["operations"].as_u64() >= Some(number));
        took.push(written.elapsed());
        if number == 7 {
            assert_eq!(body(&b, &entry), "from another process");
        }
    }
    // The middle one: a busy machine may hold up any single one of them.
    took.sort();
    assert!(took[3] < Duration::from_secs(1), "{took:?}");
    live.interrupt(SOON).expect_code(0);
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&a, &b]);
}

#[test]
fn edits_beside_a_serving_program_on_both_sides_of_one_entry() {
    let (a, _) = Home::init("a");
    let entry = a.write("One", "start");
    let b = Home::join(&a);
    let (serving, address) = a.serve();
    b.json(&["sync", "--peer", &address]);
    let (live, _) = b.serve();
    for number in 0..8 {
        let (left, right) = (format!("a{number} start"), format!("start b{number}"));
        let running = [(&a, &left), (&b, &right)].map(|(home, text)| home.start(&["edit", &entry, "--body", text]));
        for running in running {
            running.wait(SOON).expect_code(0);
        }
    }
    let last = set_body(&a, &entry, "the end");
    assert_eq!(last["id"], entry);
    live.interrupt(SOON).expect_code(0);
    b.json(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(body(&a, &entry), body(&b, &entry));
    assert_same(&[&a, &b]);
}
