//! Removing devices: what a removed one still gets (nothing), and what of its writing stays (what a member had merged).

use afterword_tests::Home;
use serde_json::Value;

use super::support::{SOON, assert_same, body, device, ids, is_turned_away, meet, status};

#[test]
fn a_removed_device_is_refused_and_gets_nothing() {
    let (a, _) = Home::init("a");
    let shared = a.write("Shared", "While we were together.");
    let b = Home::join(&a);
    let gone = device(&b);
    a.json(&["--yes", "devices", "remove", &gone]);
    assert_eq!(status(&a, &gone).as_deref(), Some("removed"));
    let secret = a.write("After", "Not for b.");
    let late = b.write("Late", "Not for a.");

    assert_eq!(is_turned_away(&b, &a)["code"], "refused");
    // Nor when the one who removed it dials, nor a second time.
    let (serving, address) = b.serve();
    let report = a.run_json(&["sync", "--peer", &address]).expect_code(1).json();
    assert_eq!(report["peers"][0]["sent"]["operations"], 0);
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(is_turned_away(&b, &a)["code"], "refused");

    assert_eq!(b.fails(&["show", &secret]).code, "not_found");
    assert_eq!(a.fails(&["show", &late]).code, "not_found");
    // What it had stays readable where it is.
    assert_eq!(body(&b, &shared), "While we were together.");
    assert_eq!(a.fails(&["--yes", "devices", "remove", &gone]).code, "invalid");
    assert_eq!(a.fails(&["--yes", "devices", "remove", &device(&a)]).code, "invalid");
}

/// What a removed device holds must not grow: not in what it says, and not in its logs.
fn lacks(home: &Home, entry: &str, word: &str, before: &(Value, Value)) {
    assert_eq!(&home.holds(), before, "it holds what it held");
    assert!(!ids(home).contains(entry));
    assert_eq!(home.json(&["search", word])["total"], 0);
    assert_eq!(home.fails(&["show", entry]).code, "not_found");
}

#[test]
fn what_a_removed_device_lacks_when_it_is_removed_it_never_gets() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let (mut serving, address) = b.serve();
    // From now on a knows where b is, and b is there.
    assert_eq!(a.json(&["sync", "--peer", &address])["equal"], true);
    let before = b.holds();
    let entry = a.write("Not for b", "Written just before: heliotrope.");
    a.json(&["--yes", "devices", "remove", &device(&b)]);
    lacks(&b, &entry, "heliotrope", &before);
    let report = a.run_json(&["sync", "--peer", &address]).expect_code(1).json();
    // No gate is knocked at under the name of a device that was removed: there is no connection at all.
    assert_eq!(report["peers"][0]["error"]["code"], "unreachable", "{report}");
    assert!(serving.is_up());
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(is_turned_away(&b, &a)["code"], "refused");
    lacks(&b, &entry, "heliotrope", &before);
}

#[test]
fn what_a_removed_device_lacks_does_not_reach_it_through_a_third() {
    let (a, _) = Home::init("a");
    let (b, c) = (Home::join(&a), Home::join(&a));
    let (mut live_b, at_b) = b.serve();
    // c remembers where b is, dials it as soon as it serves, and stays connected.
    assert_eq!(c.json(&["sync", "--peer", &at_b])["equal"], true);
    let (mut live_c, at_c) = c.serve();
    live_c.event("synced", SOON);
    for address in [&at_b, &at_c] {
        assert_eq!(a.json(&["sync", "--peer", address])["equal"], true);
    }
    let shared = c.write("For everybody", "c and b are connected.");
    live_b.event_where("synced", SOON, |value| value["received"]["operations"].as_u64() > Some(0));
    assert!(ids(&b).contains(&shared));

    let before = b.holds();
    let entry = a.write("Not for b", "Written just before: heliotrope.");
    a.json(&["--yes", "devices", "remove", &device(&b)]);
    // The removal's own sync told c, and brought it the entry; its session with b is over.
    assert_eq!(body(&c, &entry), "Written just before: heliotrope.");
    assert_eq!(status(&c, &device(&b)).as_deref(), Some("removed"));
    let later = c.write("Later", "c knows.");
    assert_eq!(a.json(&["sync", "--peer", &at_c])["equal"], true);
    for entry in [&entry, &later] {
        lacks(&b, entry, "heliotrope", &before);
    }
    for running in [live_b, live_c] {
        running.interrupt(SOON).expect_code(0);
    }
    assert_eq!(is_turned_away(&b, &c)["code"], "refused");
    lacks(&b, &entry, "heliotrope", &before);
}

#[test]
fn devices_that_remove_each_other_are_both_out() {
    let (a, _) = Home::init("a");
    let (b, c, d) = (Home::join(&a), Home::join(&a), Home::join(&a));
    // Everyone knows everyone before they part.
    for other in [&b, &c, &d, &b, &c] {
        meet(other, &a);
    }
    let (of_a, of_b) = (device(&a), device(&b));
    a.json(&["--yes", "devices", "remove", &of_b]);
    b.json(&["--yes", "devices", "remove", &of_a]);
    meet(&c, &a);
    meet(&d, &b);
    // c has heard of one removal, d of the other; each still counts the other's friend as a member.
    assert_eq!(status(&c, &of_b).as_deref(), Some("removed"));
    assert_eq!(status(&d, &of_a).as_deref(), Some("removed"));
    meet(&c, &d);
    for home in [&c, &d] {
        for id in [&of_a, &of_b] {
            assert_eq!(status(home, id).as_deref(), Some("removed"));
        }
    }
    assert_eq!(is_turned_away(&a, &c)["code"], "refused");
    assert_eq!(is_turned_away(&b, &d)["code"], "refused");
    let entry = c.write("The rest", "goes on");
    meet(&c, &d);
    assert_eq!(body(&d, &entry), "goes on");
    assert_same(&[&c, &d]);
}

#[test]
fn what_a_member_had_merged_of_a_removed_device_reaches_everyone_and_no_more() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let c = Home::join(&a);
    meet(&b, &a);
    let merged = c.write("Late, and merged", "b has it when a removes c.");
    meet(&c, &b);
    a.json(&["--yes", "devices", "remove", &device(&c)]);
    assert_eq!(a.fails(&["show", &merged]).code, "not_found");
    let beyond = c.write("Later still", "nobody merged this");

    meet(&b, &a);
    assert_eq!(body(&a, &merged), "b has it when a removes c.");
    assert_same(&[&a, &b]);
    assert_eq!(is_turned_away(&c, &b)["code"], "refused");
    let d = Home::join(&a);
    assert_eq!(body(&d, &merged), "b has it when a removes c.");
    for home in [&a, &b, &d] {
        assert_eq!(home.fails(&["show", &beyond]).code, "not_found");
    }
}

#[test]
fn a_removal_in_another_process_ends_the_session_that_is_open() {
    let (a, _) = Home::init("a");
    let (b, c) = (Home::join(&a), Home::join(&a));
    let (mut serving, address) = a.serve();
    let (of_b, of_c) = (device(&b), device(&c));
    // Each remembers where a is; serving, they dial it and stay.
    b.json(&["sync", "--peer", &address]);
    c.json(&["sync", "--peer", &address]);
    let (mut live_b, _) = b.serve();
    let (mut live_c, _) = c.serve();
    live_b.event("synced", SOON);
    live_c.event("synced", SOON);
    let before = a.write("Before", "Both get this.");
    let arrived = |value: &serde_json::Value| value["received"]["operations"].as_u64() > Some(0);
    live_b.event_where("synced", SOON, arrived);
    live_c.event_where("synced", SOON, arrived);

    a.json(&["--yes", "devices", "remove", &of_b]);
    let after = a.write("After", "Only c gets this.");
    live_c.event_where("synced", SOON, |value| value["received"]["operations"].as_u64() > Some(1));
    assert_eq!(body(&c, &after), "Only c gets this.");
    assert_eq!(status(&c, &of_b).as_deref(), Some("removed"));
    assert_eq!(status(&c, &of_c).as_deref(), Some("member"));
    // c was told after b was closed or not at all: with c's copy here, b's would be there too.
    assert_eq!(ids(&b), [before].into());
    // A new connection brings nothing either: there is no resumption to come back by.
    let report = b.run_json(&["sync", "--peer", &address]).expect_code(1).json();
    assert_eq!(report["peers"][0]["error"]["code"], "refused", "{report}");
    assert_eq!(b.fails(&["show", &after]).code, "not_found");
    assert!(serving.is_up());
    for running in [serving, live_b, live_c] {
        running.interrupt(SOON).expect_code(0);
    }
}
