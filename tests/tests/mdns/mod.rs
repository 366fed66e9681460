//! Two devices on one network with nothing but multicast to find each other by: a veth pair between two namespaces.

use afterword_tests::corpus::Corpus;
use afterword_tests::home::text;
use afterword_tests::netns::{Cable, Side};
use afterword_tests::{Home, not_run};

use crate::e2e::support::{SOON, assert_same, body};

/// Two homes on the two ends of a cable, or none where that is impossible here.
fn on_a_cable() -> Option<(Cable, Home, Home)> {
    match Cable::lay() {
        Ok(cable) => {
            let (mut left, mut right) = (Home::new(), Home::new());
            left.set_through(cable.through(Side::Left));
            right.set_through(cable.through(Side::Right));
            left.json(&["init", "--name", "left"]);
            Some((cable, left, right))
        }
        Err(reason) => {
            not_run("mdns", &reason);
            None
        }
    }
}

/// Joins by the code alone.
fn pair_by_code(host: &Home, guest: &Home) {
    let mut pairing = host.start(&["pair"]);
    let code = text(&pairing.event("code", SOON), "code");
    let printed = guest.run_json(&["pair", &code]).expect_code(0).json_lines();
    assert_eq!(printed.last().unwrap()["event"], "joined");
    pairing.wait(SOON).expect_code(0);
}

#[test]
fn pairing_and_syncing_need_no_address() {
    let Some((_cable, left, right)) = on_a_cable() else { return };
    let first = left.write("First", "before pairing");
    pair_by_code(&left, &right);
    assert_eq!(body(&right, &first), "before pairing");

    let second = left.write("Second", "after pairing");
    let mut serving = left.start(&["serve"]);
    serving.event("listening", SOON);
    let report = right.json(&["sync"]);
    assert_eq!((&report["equal"], &report["peers"][0]["ok"]), (&true.into(), &true.into()), "{report}");
    assert_eq!(body(&right, &second), "after pairing");
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&left, &right]);
}

#[test]
fn two_that_serve_find_each_other_and_again_after_the_cable_was_out() {
    let Some((cable, left, right)) = on_a_cable() else { return };
    pair_by_code(&left, &right);
    let mut first = left.start(&["serve"]);
    let mut second = right.start(&["serve"]);
    for running in [&mut first, &mut second] {
        running.event("listening", SOON);
        running.event("synced", SOON);
    }
    let live = left.write("Live", "pushed");
    second.event_where("synced", SOON, |value| value["received"]["operations"].as_u64() > Some(0));
    assert_eq!(body(&right, &live), "pushed");

    cable.plug(false).unwrap();
    let apart = left.write("Apart", "while the cable was out");
    let before = right.fails(&["show", &apart]);
    assert_eq!(before.code, "not_found");
    cable.plug(true).unwrap();
    while right.run_json(&["show", &apart]).code != Some(0) {
        // One more settled session; waiting for it has an end.
        second.event("synced", SOON);
    }
    assert_eq!(body(&right, &apart), "while the cable was out");
    for running in [first, second] {
        running.interrupt(SOON).expect_code(0);
    }
    assert_same(&[&left, &right]);
}

/// A real interface with a real queue, one side ten times slower than the other: half a million bytes pass, and nobody gives up.
#[test]
fn a_slow_cable_is_filled_from_both_ends() {
    let Some((cable, left, right)) = on_a_cable() else { return };
    if let Err(reason) = [(Side::Left, 2_000_000), (Side::Right, 200_000)]
        .into_iter()
        .try_for_each(|(side, bits)| cable.shape(side, bits))
    {
        not_run("a slow cable", &reason);
        return;
    }
    pair_by_code(&left, &right);
    for (home, seed) in [(&left, 1), (&right, 2)] {
        let folder = home.scratch().join("corpus");
        Corpus::new(seed).markdown_folder(&folder, if seed == 1 { 400 } else { 40 }).unwrap();
        home.json(&["import", folder.to_str().unwrap()]);
    }
    let mut serving = left.start(&["serve"]);
    serving.event("listening", SOON);
    let report = right.json(&["sync", "--timeout", "50"]);
    assert_eq!((&report["equal"], &report["peers"][0]["ok"]), (&true.into(), &true.into()), "{report}");
    let moved = |way: &str| report["peers"][0][way]["operations"].as_u64().unwrap();
    assert!(moved("received") >= 400 && moved("sent") >= 40, "{report}");
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&left, &right]);
}
