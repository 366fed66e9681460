//! Blobs between two sessions by hand: in slices, by turns, behind entries, and on from where a cut left them.

use super::*;
use crate::blobs::{CHUNK, Shape};
use crate::id::BlobId;
use crate::log::BlobRef;
use crate::replication::StorageExt;
use crate::replication::rules;
use crate::testing::sessions::{Side, entry, session, talk, two};

fn parts(blob: &BlobRef) -> u64 {
    Shape::new(blob.len).unwrap().parts()
}

#[test]
fn a_long_blob_costs_a_transaction_for_each_slice_and_no_part_twice() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 13 << 20);
    let mut sent = 0;
    talk(&mut a, &mut b, &mut |part| {
        sent += 1;
        Some(part)
    });
    assert!(b.holds(3, &blob) == Some(bytes));
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
    assert_eq!(sent, parts(&blob));
    // One for the batch, one to plan, and four slices of at most 4 MiB.
    let written = b.session.costs().transactions;
    assert!(written <= 2 + 13_u64.div_ceil(4) + 1, "{written}");
    // News of something else brings nothing of it again.
    a.write(4);
    a.session.news();
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    // A session that stays says again where it stands once it is quiet.
    for side in [&mut a, &mut b] {
        side.session.tick(1000);
    }
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    assert_eq!(b.session.settled(), Some(true));
}

#[test]
fn several_blobs_take_turns_and_the_shortest_begins() {
    let (mut a, mut b) = two();
    let (long, _) = a.attach(3, 5 << 20);
    let (longer, _) = a.attach(4, 6 << 20);
    let (photo, bytes) = a.attach(5, 200_000);
    let mut order: Vec<BlobId> = Vec::new();
    talk(&mut a, &mut b, &mut |part| {
        order.push(part.blob);
        Some(part)
    });
    assert_eq!(b.holds(5, &photo), Some(bytes));
    assert_eq!(order[0], photo.id);
    let span = |blob: &BlobRef| {
        let at = |id: &BlobId| *id == blob.id;
        (order.iter().position(at).unwrap(), order.iter().rposition(at).unwrap())
    };
    let (first, second) = (span(&long), span(&longer));
    assert!(first.0 < second.1 && second.0 < first.1, "{first:?} {second:?}");
    // Neither waits for more than one slice of the other.
    assert!(first.0.abs_diff(second.0) <= (1 << 20) / CHUNK as usize + 1, "{first:?} {second:?}");
}

#[test]
fn no_part_of_a_blob_goes_ahead_of_an_entry() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 4 << 20);
    for n in 10..60 {
        a.write(n);
    }
    let (store, mut before) = (b.store.clone(), None);
    let held = move || store.read(|tx| tx.documents()).unwrap().len();
    talk(&mut a, &mut b, &mut |part| {
        before.get_or_insert(held());
        Some(part)
    });
    assert_eq!(before, Some(51), "entries that were there when the first part came");
    assert!(b.holds(3, &blob) == Some(bytes));

    // In the middle of a transfer: from the moment at which an entry is known to wait, no part leaves before it.
    let (mut a, mut b) = two();
    a.attach(3, 4 << 20);
    let mut sent = 0;
    while sent < 5 {
        a.work(2);
        b.work(1);
        let (to_b, to_a) = (a.says(), b.says());
        b.session.receive(Stream::Control, &to_b).unwrap();
        a.session.receive(Stream::Control, &to_a).unwrap();
        if let Some(part) = a.session.poll_transmit(Stream::Blobs, 1 << 16) {
            sent += 1;
            b.session.receive(Stream::Blobs, &part).unwrap();
        }
    }
    a.write(4);
    a.session.news();
    let mut ahead = 0;
    while b.store.read(|tx| tx.documents()).unwrap().len() < 2 {
        if let Some(request) = a.session.poll_request() {
            let reply = a.ask(2, request);
            a.session.reply(reply);
        }
        let control = a.says();
        b.session.receive(Stream::Control, &control).unwrap();
        if let Some(part) = a.session.poll_transmit(Stream::Blobs, 1 << 16) {
            // Read before the news was: the store was busy with it.
            ahead += usize::from(control.is_empty());
            b.session.receive(Stream::Blobs, &part).unwrap();
        }
        b.work(1);
    }
    assert!(ahead <= 1, "{ahead} parts went ahead of a waiting entry");
}

#[test]
fn after_a_cut_no_part_that_came_comes_again() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 9 << 20);
    let mut came = 0;
    for cut in [1, 3, 7, 90, u64::MAX] {
        let mut now = 0;
        talk(&mut a, &mut b, &mut |part| {
            now += 1;
            (now <= cut).then_some(part)
        });
        came += now.min(cut);
        // The path is gone; what was received is kept.
        if let Some(request) = b.session.salvage() {
            b.ask(1, request);
        }
        (a.session, b.session) = (session(), session());
    }
    assert!(b.holds(3, &blob) == Some(bytes));
    assert_eq!(came, parts(&blob));
}

#[test]
fn a_part_changed_on_its_way_is_refused_and_comes_again() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 1 << 20);
    let mut bad = 1;
    talk(&mut a, &mut b, &mut |mut part| {
        if part.index == 7 && bad > 0 {
            bad -= 1;
            part.bytes[100] ^= 1;
        }
        Some(part)
    });
    assert!(b.events.contains(&Event::DamagedBlob), "{:?}", b.events);
    // Found when it came: the others were kept, and this one was asked for again.
    assert!(b.holds(3, &blob) == Some(bytes));
}

#[test]
fn what_is_erased_while_it_comes_leaves_no_file() {
    let (mut a, mut b) = two();
    let (blob, _) = a.attach(3, 12 << 20);
    let mut sent = 0;
    talk(&mut a, &mut b, &mut |part| {
        sent += 1;
        (sent < 100).then_some(part)
    });
    assert!(b.holds(3, &blob).is_none());
    assert!(b.session.wants_chunks());
    b.store.write(|tx| rules::erase(tx, &b.identity, &mut b.entropy, entry(3))).unwrap();
    // What came and waited is stored after the erase: nothing of it stays.
    let request = b.session.salvage().unwrap();
    b.ask(1, request);
    for (entry, blob) in b.store.read(|tx| tx.unwanted_blobs()).unwrap() {
        b.blobs.remove(entry, &blob).unwrap();
    }
    let left = std::fs::read_dir(b.folder.path().join("blobs")).unwrap().count();
    assert_eq!(left, 0);
    // A peer that is no member is given nothing.
    let want = rules::UnfilledBlob { entry: entry(3), id: blob.id, bitmap: Vec::new() };
    let reply = a.ask(9, Request::ReadParts(want, 0));
    assert_eq!(reply.answer, Answer::Done);
}

/// No log moves by it: the peer hears of it because the hash of the hello no longer holds.
#[test]
fn what_another_device_fills_after_equal_hellos_is_passed_on() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 200_000);
    let here = |side: &Side, here: bool| side.store.write(|tx| tx.set_blob(entry(3), blob.id, &[], here)).unwrap();
    let mut parts_lost = 0;
    talk(&mut a, &mut b, &mut |_| {
        parts_lost += 1;
        None
    });
    assert!(parts_lost > 0 && b.holds(3, &blob).is_none());
    here(&a, false);
    (a.session, b.session) = (session(), session());
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
    here(&a, true);
    a.session.news();
    talk(&mut a, &mut b, &mut Some);
    for side in [&mut a, &mut b] {
        side.session.tick(1000);
    }
    talk(&mut a, &mut b, &mut Some);
    assert!(b.holds(3, &blob) == Some(bytes));
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
}
