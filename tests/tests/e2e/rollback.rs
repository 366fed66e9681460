//! A home folder put back to an earlier state, as a restored backup does, and then synced: nothing is lost.

use afterword_tests::Home;

use super::support::{assert_same, body, ids, meet, set_body};

#[test]
fn a_rolled_back_device_gets_back_what_it_had_sent() {
    let (a, _) = Home::init("a");
    let first = a.write("First", "one");
    let b = Home::join(&a);
    let earlier = a.copy();
    let second = a.write("Second", "two");
    set_body(&a, &first, "one, edited");
    meet(&a, &b);
    a.roll_back_to(&earlier);
    assert_eq!(ids(&a), [first.clone()].into());

    meet(&a, &b);
    assert_eq!((body(&a, &first).as_str(), body(&a, &second).as_str()), ("one, edited", "two"));
    assert_same(&[&a, &b]);
    // It goes on writing, in a log of its own.
    let third = a.write("Third", "three");
    meet(&b, &a);
    assert_eq!(body(&b, &third), "three");
    assert_same(&[&a, &b]);
    assert_eq!(meet(&a, &b)["sent"]["operations"], 0);
}

#[test]
fn a_rolled_back_device_that_writes_before_it_syncs_keeps_both_tails() {
    let (a, _) = Home::init("a");
    let first = a.write("First", "one");
    let b = Home::join(&a);
    let earlier = a.copy();
    let seen = a.write("Seen", "sent before the restore");
    set_body(&a, &first, "one and a half");
    meet(&a, &b);
    a.roll_back_to(&earlier);
    let unseen = a.write("Unseen", "written after the restore");
    set_body(&a, &first, "one, another way");

    meet(&a, &b);
    for home in [&a, &b] {
        assert_eq!(body(home, &seen), "sent before the restore");
        assert_eq!(body(home, &unseen), "written after the restore");
    }
    let merged = body(&a, &first);
    assert!(merged.contains("and a half") && merged.contains("another way"), "{merged}");
    assert_eq!(merged, body(&b, &first));
    assert_same(&[&a, &b]);
    let c = Home::join(&b);
    assert_same(&[&a, &b, &c]);
    meet(&c, &a);
}

#[test]
fn a_rollback_seen_by_a_third_device_only() {
    let (a, _) = Home::init("a");
    let (b, c) = (Home::join(&a), Home::join(&a));
    let earlier = a.copy();
    let relayed = a.write("Relayed", "c has this from b");
    meet(&a, &b);
    meet(&c, &b);
    a.roll_back_to(&earlier);
    let fresh = a.write("Fresh", "the other tail");
    meet(&a, &c);
    meet(&b, &c);
    meet(&a, &b);
    for home in [&a, &b, &c] {
        assert_eq!(ids(home).len(), 2);
        assert_eq!(body(home, &relayed), "c has this from b");
        assert_eq!(body(home, &fresh), "the other tail");
    }
    assert_same(&[&a, &b, &c]);
}

#[test]
fn one_home_in_two_places_loses_nothing() {
    // A copied virtual machine: the same device twice, both writing, both meeting a third.
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let twin = a.copy();
    let here = a.write("Here", "in one place");
    let there = twin.write("There", "in the other");
    meet(&a, &b);
    meet(&twin, &b);
    meet(&a, &b);
    for home in [&a, &b, &twin] {
        assert_eq!(body(home, &here), "in one place");
        assert_eq!(body(home, &there), "in the other");
    }
    assert_same(&[&a, &b, &twin]);
}
