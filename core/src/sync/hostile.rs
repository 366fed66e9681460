//! What a member that turned can do to a session, to those that come after it, and to what a write costs.

use std::sync::Arc;

use super::*;
use crate::crypto::{DeviceKey, Domain, Hasher};
use crate::fault::{Fault, Faults};
use crate::id::{BlobId, Chain, EntryId, Incarnation, LogId};
use crate::log::{Batch, BlobRef, Certificate, Envelope, Head, Operation, OperationKind, Position};
use crate::membership::Limit;
use crate::replication::rules::{self, Claim, Identity, MAX_DEVICE_LOGS, Received};
use crate::replication::{Storage, StorageExt, Tx};
use crate::testing::journal::{Journal, Seeded, key};
use crate::testing::sessions::{Side, talk, two};

/// The device that turned; it need not be there.
const TURNED: u8 = 2;

fn bytes(n: u32) -> [u8; 32] {
    Hasher::new(Domain::Chain).update(&n.to_le_bytes()).finish()
}

fn entry_numbered(n: u32) -> EntryId {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes(n)[..16]);
    EntryId::from_bytes(id)
}

fn log_of(key: &DeviceKey, n: u32) -> LogId {
    let mut incarnation = [0; 8];
    incarnation[..4].copy_from_slice(&n.to_le_bytes());
    LogId { device: key.id(), incarnation: Incarnation::from_bytes(incarnation) }
}

fn record(entry: EntryId, brings: Vec<BlobRef>) -> Operation {
    let envelope = Envelope { entry, kind: OperationKind::Record, brings, ends: Vec::new(), first_log: None };
    Operation::new(envelope, Vec::new()).unwrap()
}

fn batch(identity: &Identity, key: &DeviceKey, n: u32, operations: &[Operation]) -> Batch {
    let log = log_of(key, n);
    let start = Position::start(&identity.journal, &log);
    let end = operations.iter().fold(start, |position, operation| position.after(operation));
    Batch::new(log, start, operations, Head::sign(key, log, end, Vec::new()))
}

fn certificate(identity: &Identity, n: u32) -> Certificate {
    let position = Position { seq: u64::from(n) + 1, chain: Chain::from_bytes(bytes(n)) };
    Certificate::sign(&key(TURNED), identity.journal, entry_numbered(n), log_of(&key(TURNED), 1), position)
}

/// A side that said its hello to a member and heard one.
fn greeted() -> Side {
    let (mut a, _) = two();
    a.work(TURNED);
    let hello = Message::Hello { version: PROTOCOL, hash: [9; 16], leaves: false };
    a.session.receive(Stream::Control, &frame(&hello.encode())).unwrap();
    a.says();
    a
}

/// Sends one message again and again while the session reads, and its store does not answer.
fn sent_while_read(a: &mut Side, message: &Message) -> (usize, usize) {
    let wire = frame(&message.encode());
    let mut sent = 0;
    while a.session.wants_input() && sent * wire.len() < 64 << 20 {
        a.session.receive(Stream::Control, &wire).unwrap();
        sent += 1;
    }
    (sent, wire.len())
}

#[test]
fn what_a_peer_sends_is_counted_until_the_store_has_it() {
    let window = Config::new(Mode::Live).window;
    let names: Vec<Name> = {
        let mut names: Vec<Name> = (0..MAX_NAMES as u32).map(bytes).collect();
        names.sort_unstable();
        names
    };
    let log = log_of(&key(TURNED), 1);
    let identity = two().0.identity;
    let messages = [
        Message::Sets { of: SetOf::Statements, after: None, names, more: false },
        Message::Missing { statements: Vec::new(), certificates: vec![certificate(&identity, 1)], more: true },
        Message::Chains { log, points: vec![rules::ChainPoint { seq: 1, chain: [0; 8] }; 64] },
        Message::Covers(vec![certificate(&identity, 1)]),
    ];
    for message in messages {
        let mut a = greeted();
        let (sent, len) = sent_while_read(&mut a, &message);
        assert!(!a.session.wants_input(), "{message:?}");
        assert!(a.session.held() >= window && sent * len <= window + len, "{sent} of {len} bytes");
        a.work(TURNED);
        assert!(a.session.close().is_none() || a.session.wants_input() || a.session.held() < window);
    }
}

#[test]
fn a_list_longer_than_may_be_is_refused_by_its_count() {
    let missing =
        Message::Missing { statements: vec![Vec::new(); MAX_BROUGHT + 1], certificates: Vec::new(), more: true };
    assert_eq!(Message::decode(&missing.encode()), Err(SessionError::Malformed("message")));
    // Nothing but the count: no room is made, and no value is looked for.
    let counted = [&[5][..], &[0xff, 0xff, 0xff, 0x7f]].concat();
    assert_eq!(Message::decode(&counted), Err(SessionError::Malformed("message")));
}

#[test]
fn a_batch_counts_as_what_it_unfolds_to() {
    let mut a = greeted();
    let brings = vec![BlobRef { id: BlobId::from_bytes([0; 32]), key: [0; 32], len: 0 }; 980];
    let unfolds = batch(&a.identity, &key(TURNED), 1, &vec![record(entry_numbered(1), brings); 320]);
    let weight = unfolds.clone().open().unwrap().weight();
    let message = Message::Batch { generation: 1, batch: unfolds.encode() };
    let (sent, len) = sent_while_read(&mut a, &message);
    assert!(sent == 1 && weight > 1000 * len, "{sent} of {len} bytes, {weight} unfolded");
    assert!(a.session.held() >= weight);
}

#[test]
fn what_nobody_signed_is_not_unpacked() {
    let a = greeted();
    let mut forged = batch(&a.identity, &key(TURNED), 1, &[record(entry_numbered(1), Vec::new())]);
    forged.blocks[0].bytes = vec![0xff; 9];
    forged.blocks[0].len = 1 << 20;
    assert!(matches!(forged.clone().open_signed(), Err(crate::log::BatchError::Unreadable(_))), "its head is signed");
    forged.head.signature.0[5] ^= 1;
    assert_eq!(forged.open_signed(), Err(crate::log::BatchError::Signature));
}

/// The two talk to their end; how many entries each holds.
fn after_talking(a: &mut Side, b: &mut Side) -> [usize; 2] {
    for side in [&mut *a, &mut *b] {
        side.session = Session::new(Config::new(Mode::Live));
    }
    talk(a, b, &mut |part| panic!("{part:?}"));
    [a, b].map(|side| side.store.read(|tx| tx.documents()).unwrap().len())
}

fn settled(a: &Side, b: &Side) -> [Option<bool>; 2] {
    [a.session.settled(), b.session.settled()]
}

#[test]
fn certificates_of_entries_that_no_log_names_are_not_held() {
    let (mut a, mut b) = two();
    a.write(3);
    let all: Vec<_> = (0..500).map(|n| certificate(&a.identity, n)).collect();
    let hold = |a: &Side| {
        let taken = |tx: &mut dyn Tx| {
            all.iter()
                .try_fold(0, |taken, one| Ok(taken + usize::from(rules::apply_certificate(tx, &a.identity, one)?)))
        };
        a.store.write(taken).unwrap()
    };
    assert_eq!(hold(&a), 0);
    assert_eq!(after_talking(&mut a, &mut b), [1, 1]);
    assert_eq!(settled(&a, &b), [Some(true); 2]);
    a.identity.faults = Faults::from(Fault::TakesEveryCertificate);
    assert_eq!(hold(&a), 500, "this test must be able to fail");
}

#[test]
fn more_certificates_than_a_message_brings_cross_in_pieces() {
    let (mut a, mut b) = two();
    let count = MAX_BROUGHT as u32 + 300;
    let named: Vec<_> = (0..count).map(|n| record(entry_numbered(n), Vec::new())).collect();
    let log = batch(&a.identity, &key(TURNED), 1, &named);
    let mut entropy = Seeded::new(1);
    for side in [&a, &b] {
        let open = log.clone().open().unwrap();
        let got = side.store.write(|tx| rules::receive(tx, &side.identity, &mut entropy, open, &[])).unwrap();
        assert!(matches!(got, Received::Stored { .. }), "{got:?}");
    }
    // The logs are equal, and only one knows that all of it was erased.
    let taken = a.store.write(|tx| {
        (0..count).try_fold(0, |taken, n| {
            let certificate = certificate(&a.identity, n);
            Ok(taken + u32::from(rules::apply_certificate(tx, &a.identity, &certificate)?))
        })
    });
    assert_eq!(taken, Ok(count));
    assert_eq!(after_talking(&mut a, &mut b), [0, 0]);
    assert_eq!(settled(&a, &b), [Some(true); 2]);
    assert_eq!(b.store.read(|tx| tx.certificates()).unwrap().len(), count as usize);
    // Who holds nothing yet gets them with the operations.
    let mut c = Side::new(&Journal::new(&[1, 2]), 2);
    assert_eq!(after_talking(&mut a, &mut c), [0, 0]);
    assert_eq!((settled(&a, &c), c.session.close()), ([Some(true); 2], None));
    assert_eq!(c.store.read(|tx| tx.certificates()).unwrap().len(), count as usize);
}

#[test]
fn of_two_certificates_for_one_entry_the_same_stays_everywhere() {
    let (mut a, mut b) = two();
    a.write(3);
    after_talking(&mut a, &mut b);
    for side in [&mut a, &mut b] {
        let entry = crate::testing::sessions::entry(3);
        side.store.write(|tx| rules::erase(tx, &side.identity, &mut side.entropy, entry)).unwrap().unwrap();
    }
    after_talking(&mut a, &mut b);
    assert_eq!(settled(&a, &b), [Some(true); 2]);
    let held = [&a, &b].map(|side| side.store.read(|tx| tx.certificates()).unwrap());
    assert!(held[0].len() == 1 && held[0] == held[1], "{held:?}");
}

/// Takes logs of one operation each, of the device that turned.
fn take_logs(side: &mut Side, key: &DeviceKey, numbers: std::ops::Range<u32>) -> [usize; 2] {
    let (mut stored, mut declined) = (0, 0);
    let Side { store, identity, entropy, .. } = side;
    store
        .write(|tx| {
            for n in numbers {
                let open = batch(identity, key, n, &[record(entry_numbered(n), Vec::new())]).open().unwrap();
                match rules::receive(tx, identity, entropy, open, &[])? {
                    Received::Stored { .. } => stored += 1,
                    Received::Declined => declined += 1,
                    other => panic!("{other:?}"),
                }
            }
            Ok(())
        })
        .unwrap();
    [stored, declined]
}

#[test]
fn logs_beyond_what_may_be_are_declined_until_their_device_is_removed() {
    let journal = Journal::new(&[1, 2, 3]);
    let (mut a, mut b) = (Side::new(&journal, 1), Side::new(&journal, 2));
    let turned = key(3);
    a.write(7);
    b.write(8);
    let most = MAX_DEVICE_LOGS as u32;
    assert_eq!(take_logs(&mut a, &turned, 0..most + 20), [MAX_DEVICE_LOGS, 20]);
    assert_eq!(take_logs(&mut b, &turned, 1000..1000 + most), [MAX_DEVICE_LOGS, 0]);
    // They were told different things, and say so; what they write crosses all the same.
    assert_eq!(after_talking(&mut a, &mut b), [2, 2]);
    assert!([&a, &b].iter().all(|side| side.session.close().is_none()));
    assert_eq!(settled(&a, &b), [Some(false); 2]);
    a.write(9);
    a.session.news();
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    assert_eq!(b.store.read(|tx| tx.documents()).unwrap().len(), 3);
    // Removed, it ends with what either held, at both.
    let before = a.store.read(|tx| tx.statements()).unwrap().len();
    a.store.write(|tx| rules::add_statements(tx, &a.identity, vec![journal.remove(3)])).unwrap();
    let statements = a.store.read(|tx| tx.statements()).unwrap().len();
    assert_eq!(statements, before + 2, "the removal, and one keep for all its logs");
    after_talking(&mut a, &mut b);
    assert_eq!(settled(&a, &b), [Some(true); 2]);
    for side in [&a, &b] {
        let count = side.store.read(|tx| tx.count_logs(Some(turned.id()))).unwrap();
        assert_eq!(count, 2 * MAX_DEVICE_LOGS);
        let set = side.store.read(|tx| rules::statements(tx)).unwrap();
        assert!(matches!(set.state().limit(&log_of(&turned, 0)), Limit::UpTo(keeps) if keeps.len() == 1));
    }
}

#[test]
fn claims_that_nobody_proves_retire_nothing() {
    let (mut a, _) = two();
    a.write(1);
    let mut drawn = std::collections::BTreeSet::new();
    let mut lie = |a: &mut Side, n: u64| {
        let entropy = &mut Seeded::new(n);
        a.store
            .write(|tx| {
                let log = rules::current_log(tx, &a.identity, entropy)?;
                drawn.insert(log.incarnation);
                rules::compare(tx, &a.identity, entropy, &[Claim { log, seq: 1 << 40, chain: [0; 8] }])
            })
            .unwrap();
        drawn.len()
    };
    assert!((0..50).all(|n| lie(&mut a, n) == 1));
    a.identity.faults = Faults::from(Fault::BelievesClaims);
    assert!((50..60).map(|n| lie(&mut a, n)).max() > Some(5), "this test must be able to fail");
}

#[test]
fn statements_are_put_together_once_and_again_when_one_is_added() {
    let journal = Journal::new(&[1, 2, 3]);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = crate::store::SqliteStore::create(
        &folder.path().join("journal.db"),
        &crate::crypto::Secret::from_bytes([5; 32]),
    )
    .unwrap();
    let stores: [Arc<dyn Storage>; 2] = [Arc::new(sqlite), Arc::new(crate::replication::MemoryStore::new())];
    for store in stores {
        let identity = journal.settle(&*store, 1);
        let read = || store.read(|tx| rules::statements(tx)).unwrap();
        let first = read();
        assert!(Arc::ptr_eq(&first, &read()));
        let remove = journal.remove(3);
        // What is undone was never told to anybody.
        let undone: crate::error::Result<()> = store.write(|tx| {
            rules::add_statements(tx, &identity, vec![remove.clone()])?;
            assert_eq!(rules::statements(tx)?.len(), first.len() + 1);
            Err(crate::error::Error::internal("undone"))
        });
        assert!(undone.is_err() && Arc::ptr_eq(&first, &read()));
        store.write(|tx| rules::add_statements(tx, &identity, vec![remove])).unwrap();
        let second = read();
        assert_eq!((second.len(), second.state().removed().count()), (first.len() + 1, 1));
        assert!(Arc::ptr_eq(&second, &read()));
    }
}
