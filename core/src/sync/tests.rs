//! What two sessions do when equal logs give unequal digests.

use super::*;
use crate::crypto::HashKey;
use crate::replication::{Setting, StorageExt};
use crate::testing::journal::Journal;
use crate::testing::sessions::{self, Side, two};

/// No part of a blob is in these stories.
fn talk(a: &mut Side, b: &mut Side) {
    sessions::talk(a, b, &mut |part| panic!("{part:?}"));
}

fn held(side: &Side) -> usize {
    side.store.read(|tx| tx.documents()).unwrap().len()
}

#[test]
fn a_wrong_digest_is_made_again_from_the_headers_and_both_are_equal() {
    let (mut a, mut b) = two();
    a.write(3);
    talk(&mut a, &mut b);
    assert_eq!(b.session.settled(), Some(true));
    let (a, mut b) = (a.store, b);
    b.store.write(|tx| tx.set_setting(Setting::Digest, &[7; 32])).unwrap();
    let journal = Journal::new(&[1, 2]);
    let mut again = Side { store: a, ..Side::new(&journal, 1) };
    b.session = Session::new(Config::new(Mode::Live));
    b.events.clear();
    talk(&mut again, &mut b);
    assert!(b.events.contains(&Event::Recomputed(1)), "{:?}", b.events);
    assert_eq!((again.session.settled(), b.session.settled()), (Some(true), Some(true)));
    assert!(!b.session.diverged());
}

#[test]
fn what_still_differs_is_an_alarm_and_the_session_goes_on() {
    let (mut a, mut b) = two();
    // Two devices that count alike and can never agree: the digest's key is another on one side.
    b.identity.digest = HashKey::from_bytes([5; 32]);
    a.write(3);
    talk(&mut a, &mut b);
    for side in [&a, &b] {
        assert!(side.session.diverged() && side.events.contains(&Event::Diverged), "{:?}", side.events);
        assert_eq!(side.session.settled(), Some(false));
        assert!(side.session.close().is_none());
    }
    a.write(4);
    a.session.news();
    talk(&mut a, &mut b);
    assert_eq!((held(&a), held(&b)), (2, 2), "what is written later still crosses");
}

fn listing(mut side: Side) -> Side {
    side.session = Session::new(Config { listing_from: 2, ..Config::new(Mode::Live) });
    side
}

#[test]
fn who_lacks_much_is_told_the_newest_entries_before_any_of_them() {
    let (a, b) = two();
    let (mut a, mut b) = (listing(a), listing(b));
    (1..=3).for_each(|n| a.write(n));
    b.write(9);
    talk(&mut a, &mut b);
    let told = |side: &Side, fits: fn(&Event) -> bool| side.events.iter().position(fits);
    let announced = told(&b, |event| *event == Event::Announced { entries: 3 });
    let stored = told(&b, |event| matches!(event, Event::Stored { .. }));
    assert!(announced.is_some() && announced < stored, "{:?}", b.events);
    assert!(told(&a, |event| matches!(event, Event::Announced { .. })).is_none(), "one operation is there at once");
    assert_eq!((held(&a), held(&b)), (4, 4));
    // Once in a session, however much comes later.
    (10..=13).for_each(|n| a.write(n));
    a.session.news();
    talk(&mut a, &mut b);
    assert_eq!(b.events.iter().filter(|event| matches!(event, Event::Announced { .. })).count(), 1);
}

#[test]
fn a_second_listing_is_out_of_turn() {
    let (mut a, mut b) = two();
    a.write(1);
    a.work(2);
    b.work(1);
    let again = Message::Listing(Vec::new());
    assert!(a.session.receive(Stream::Control, &frame(&again.encode())).is_ok());
    let second = a.session.receive(Stream::Control, &frame(&again.encode()));
    assert_eq!(second, Err(SessionError::OutOfTurn("a second listing")));
    let row = a.store.read(|tx| tx.newest(1)).unwrap().remove(0);
    let too_many = Message::Listing(vec![row; 201]);
    assert_eq!(Message::decode(&too_many.encode()), Err(SessionError::Malformed("message")));
}
