//! What a later version says and writes: held whole, sent on, written down again and erased as what is known here.

use super::cases;
use crate::id::LogId;
use crate::log::{BlobRef, Body, Envelope, Operation, OperationKind};
use crate::membership::{FIRST_UNKNOWN, Signer, Statement};
use crate::replication::rules;
use crate::replication::tx::{Setting, StorageExt};
use crate::testing::journal::{Device, Doc, Journal, Make, Seeded, change, entry, sync};

cases![
    what_a_later_version_writes_is_kept_whole_and_counts_for_nothing,
    it_gives_way_with_a_tail_and_is_logged_again,
    it_is_erased_with_its_entry,
    what_a_later_version_says_is_stored_and_sent_on;
    packed too
];

/// An operation of a kind without a meaning here, that brings an attachment.
fn later(n: u8, kind: u32, body: &[u8]) -> Operation {
    let brings = vec![BlobRef { id: crate::id::BlobId::from_bytes([n; 32]), key: [7; 32], len: 9 }];
    let kind = OperationKind::from(kind);
    assert!(matches!(kind, OperationKind::Unknown(_)));
    let envelope = Envelope { entry: entry(n), kind, brings, ends: Vec::new(), first_log: None };
    Operation::new(envelope, body.to_vec()).unwrap()
}

fn unknown(device: &Device) -> Vec<Operation> {
    let mut found = Vec::new();
    for (log, end) in device.read(|tx| tx.logs()) {
        let operations = device.read(|tx| tx.operations(log, 1, end.seq));
        found.extend(operations.into_iter().filter(|o| matches!(o.envelope.kind, OperationKind::Unknown(_))));
    }
    found
}

fn what_a_later_version_writes_is_kept_whole_and_counts_for_nothing(make: &Make) {
    let [mut a, mut b, mut c] = Journal::new(&[10, 11, 12]).devices(make, [10, 11, 12]);
    let mut doc = Doc::new(1);
    a.change(entry(1), doc.write("known"));
    let written = vec![later(1, 3, b"of an entry"), later(2, 300, b""), later(2, u32::MAX, &[0xee; 70_000])];
    a.append(written.clone());
    a.change(entry(1), doc.write("known again"));
    // Through a device in the middle.
    b.pull(&a);
    c.pull(&b);
    sync(&mut a, &mut c);
    for device in [&mut a, &mut b, &mut c] {
        assert_eq!(unknown(device), written);
        assert_eq!(device.heads(entry(1)), doc.heads());
        assert_eq!(device.read(|tx| tx.documents()), [entry(1)]);
        // What an envelope brings is wanted whatever its kind.
        assert_eq!(device.read(|tx| tx.blobs(false)).len(), 2);
        device.assert_derived();
    }
    let long =
        Envelope { entry: entry(1), kind: OperationKind::from(3), brings: vec![], ends: vec![], first_log: None };
    assert!(Operation::new(long.clone(), vec![0; 1 << 20]).is_ok());
    assert!(Operation::new(long, vec![0; (1 << 20) + 1]).is_err(), "its bound is a record's");
}

fn it_gives_way_with_a_tail_and_is_logged_again(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, mut b] = journal.devices(make, [10, 11]);
    a.change(entry(1), Doc::new(1).write("shared"));
    let mut twin = journal.device(make, 10);
    twin.entropy = Seeded::new(99);
    twin.pull(&a);
    let incarnation = a.log().incarnation;
    twin.store.write(|tx| tx.set_setting(Setting::Incarnation, incarnation.as_bytes())).unwrap();
    a.append(vec![later(2, 3, b"written by one")]);
    twin.append(vec![later(2, 9, b"written by the other")]);
    for device in [&a, &twin] {
        b.pull(device);
    }
    sync(&mut a, &mut b);
    sync(&mut twin, &mut b);
    sync(&mut a, &mut b);
    for device in [&mut a, &mut twin, &mut b] {
        let mut bodies: Vec<_> = unknown(device).iter().filter_map(|o| o.body.bytes().map(<[u8]>::to_vec)).collect();
        bodies.sort();
        // Whoever held the tail that gave way wrote it down again, as with records.
        bodies.dedup();
        assert_eq!(bodies, [&b"written by one"[..], b"written by the other"]);
        let elsewhere: Vec<Option<LogId>> = unknown(device).iter().map(|o| o.envelope.first_log).collect();
        assert!(elsewhere.iter().any(Option::is_none) && elsewhere.iter().any(Option::is_some), "{elsewhere:?}");
        device.assert_derived();
    }
}

fn it_is_erased_with_its_entry(make: &Make) {
    let [mut a, mut b] = Journal::new(&[10, 11]).devices(make, [10, 11]);
    a.append(vec![change(entry(1), Doc::new(1).write("gone soon")), later(1, 3, b"gone too"), later(2, 3, b"stays")]);
    b.pull(&a);
    b.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))).unwrap();
    sync(&mut a, &mut b);
    for device in [&mut a, &mut b] {
        let bodies: Vec<Body> = unknown(device).into_iter().map(|operation| operation.body).collect();
        assert!(matches!(bodies[..], [Body::Dropped { .. }, Body::Held { .. }]), "{bodies:?}");
        device.assert_derived();
    }
}

fn what_a_later_version_says_is_stored_and_sent_on(make: &Make) {
    let journal = Journal::new(&[10, 11, 12]);
    let [mut a, mut b, mut c] = journal.devices(make, [10, 11, 12]);
    let mut said = Vec::new();
    for number in [FIRST_UNKNOWN, 300] {
        let (key, of) = (a.identity.key.clone(), a.identity.journal);
        let seen = a.statements().seen();
        let statement = Statement::unknown(Signer::Device(&key), &of, &seen, number, vec![number as u8; 40]).unwrap();
        assert_eq!(a.add_statements(vec![statement.clone()]), 1);
        said.push(statement);
    }
    let before = c.statements().state().clone();
    // What is written under a head that names it comes to whoever does not understand it.
    a.change(entry(1), Doc::new(1).write("by who said it"));
    b.pull(&a);
    c.pull(&b);
    sync(&mut a, &mut c);
    // And a removal that builds on it is obeyed, keep and all.
    let seen = c.statements().seen();
    let removed = crate::testing::journal::key(10).id();
    let remove = Statement::remove(
        Signer::Recovery(&journal.recovery),
        &c.identity.journal,
        &seen,
        removed,
        crate::time::Timestamp(3),
    )
    .unwrap();
    assert_eq!(*c.statements().state(), before);
    assert_eq!(c.add_statements(vec![remove]), 1);
    sync(&mut b, &mut c);
    for device in [&mut b, &mut c] {
        let set = device.statements();
        assert!(said.iter().all(|statement| set.get(&statement.id()).is_some_and(|held| held == statement)));
        assert!(!set.state().is_member(&removed));
        assert_eq!(device.heads(entry(1)).len(), 1, "what was held of the removed device stays");
        device.assert_derived();
    }
}
