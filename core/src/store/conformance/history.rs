//! The rules of the log between devices: what is taken, what waits, what gives way, what is kept.

use super::cases;
use crate::id::ChangeHash;
use crate::log::{Batch, BlobRef, Block, Head, Operation};
use crate::replication::rules::{self, Claim, Received, Standing};
use crate::replication::tx::{DocumentState, Setting, StorageExt};
use crate::testing::journal::{Device, Doc, Journal, Make, change, entry, key, sync};

cases![
    what_one_writes_the_other_holds,
    a_gap_is_a_misfit_and_a_repeat_is_known,
    a_batch_that_begins_in_the_middle_brings_only_what_is_new,
    a_change_waits_for_what_it_depends_on,
    a_whole_chain_that_waits_is_released_at_once,
    concurrent_changes_are_two_heads_until_merged,
    the_tail_with_the_lower_chain_gives_way_and_is_logged_again,
    a_device_that_was_rolled_back_begins_anew,
    what_is_erased_stays_erased,
    a_body_missing_without_a_certificate_is_refused,
    a_certificate_of_a_removed_device_counts,
    a_strangers_certificate_is_refused,
    names_are_not_erased,
    what_is_held_of_a_removed_device_is_kept_and_no_more,
    a_statement_that_is_not_held_comes_first,
    a_forged_or_foreign_batch_is_refused,
    blobs_come_and_go_with_their_operations,
    wrong_heads_are_made_again,
    a_change_in_two_logs_is_one_change;
    packed too
];

fn pair(make: &Make) -> [Device; 2] {
    Journal::new(&[10, 11]).devices(make, [10, 11])
}

fn stored(operations: u64) -> Received {
    Received::Stored { operations, mended: false }
}

fn what_one_writes_the_other_holds(make: &Make) {
    let [mut a, mut b] = pair(make);
    let (mut one, mut two) = (Doc::new(1), Doc::new(2));
    for n in 0..5 {
        a.change(entry(1), one.write(&n.to_string()));
    }
    a.append((0..3).map(|n| change(entry(2), two.write(&n.to_string()))).collect());
    b.pull(&a);
    assert_eq!(a.holds(), b.holds());
    assert_eq!((b.heads(entry(1)), b.heads(entry(2))), (one.heads(), two.heads()));
    b.change(entry(1), one.write("from b"));
    a.pull(&b);
    assert_eq!(a.holds(), b.holds());
    assert_eq!(a.heads(entry(1)), one.heads());
    a.assert_derived();
    b.assert_derived();
}

fn a_gap_is_a_misfit_and_a_repeat_is_known(make: &Make) {
    let [mut a, mut b] = pair(make);
    let mut doc = Doc::new(1);
    a.change(entry(1), doc.write("one"));
    let log = a.log();
    let first = a.batches(log, 0).remove(0);
    a.change(entry(1), doc.write("two"));
    let second = a.batches(log, 1).remove(0);
    assert_eq!(b.receive(second.clone()), Received::Gap);
    assert_eq!(b.read(|tx| tx.logs()), []);
    assert_eq!(b.receive(first.clone()), stored(1));
    assert_eq!(b.receive(second.clone()), stored(1));
    let holds = b.holds();
    for again in [first, second, a.batches(log, 0).remove(0)] {
        assert_eq!(b.receive(again), Received::Known);
    }
    assert_eq!(b.holds(), holds);
}

fn a_batch_that_begins_in_the_middle_brings_only_what_is_new(make: &Make) {
    let [mut a, mut b] = pair(make);
    let mut doc = Doc::new(1);
    for n in 0..3 {
        a.change(entry(1), doc.write(&n.to_string()));
    }
    b.pull(&a);
    for n in 3..6 {
        a.change(entry(1), doc.write(&n.to_string()));
    }
    let log = a.log();
    let whole = a.batches(log, 1).remove(0);
    assert_eq!(whole.count(), 5);
    assert_eq!(b.receive(whole), stored(3));
    assert_eq!(a.holds(), b.holds());
    assert_eq!(b.setting(Setting::Mended), None);
}

fn a_change_waits_for_what_it_depends_on(make: &Make) {
    let [mut a, mut b, mut c] = Journal::new(&[10, 11, 12]).devices(make, [10, 11, 12]);
    let mut doc = Doc::new(1);
    a.change(entry(1), doc.write("one"));
    let one = doc.heads()[0];
    b.pull(&a);
    b.change(entry(1), doc.write("two"));
    let (log, two) = (b.log(), doc.heads()[0]);
    // The third device hears of the second change first.
    for batch in b.batches(log, 0) {
        assert_eq!(c.receive(batch), stored(1));
    }
    assert_eq!(c.document(entry(1)), Some(DocumentState { heads: vec![two], pending: 1 }));
    assert_eq!(c.read(|tx| tx.change_ready(entry(1), two)), Some(false));
    c.pull(&a);
    assert_eq!(c.document(entry(1)), Some(DocumentState { heads: vec![two], pending: 0 }));
    assert_eq!(c.read(|tx| tx.change_ready(entry(1), two)), Some(true));
    assert_eq!(c.read(|tx| tx.change_ready(entry(1), one)), Some(true));
    assert_eq!(c.holds(), b.holds());
    c.assert_derived();
}

fn a_whole_chain_that_waits_is_released_at_once(make: &Make) {
    let [mut a, mut b, mut c] = Journal::new(&[10, 11, 12]).devices(make, [10, 11, 12]);
    let mut doc = Doc::new(1);
    let chunks: Vec<_> = (0..6).map(|n| doc.write(&n.to_string())).collect();
    // Odd changes in one log, even ones but the first in another, the first in the third.
    for (n, chunk) in chunks.iter().enumerate().skip(1) {
        if n % 2 == 1 {
            a.change(entry(1), chunk.clone())
        } else {
            b.change(entry(1), chunk.clone())
        };
    }
    a.pull(&b);
    assert_eq!(a.document(entry(1)), Some(DocumentState { heads: doc.heads(), pending: 5 }));
    assert!(a.read(|tx| tx.changes(entry(1))).iter().all(|change| !change.ready));
    a.assert_derived();
    c.change(entry(1), chunks[0].clone());
    a.pull(&c);
    assert_eq!(a.document(entry(1)), Some(DocumentState { heads: doc.heads(), pending: 0 }));
    assert!(a.read(|tx| tx.changes(entry(1))).iter().all(|change| change.ready));
    sync(&mut b, &mut c);
    sync(&mut a, &mut b);
    sync(&mut a, &mut c);
    a.assert_derived();
}

fn concurrent_changes_are_two_heads_until_merged(make: &Make) {
    let [mut a, mut b] = pair(make);
    let mut ours = Doc::new(1);
    a.change(entry(1), ours.write("base"));
    b.pull(&a);
    let mut theirs = ours.fork(2);
    a.change(entry(1), ours.write("ours"));
    b.change(entry(1), theirs.write("theirs"));
    sync(&mut a, &mut b);
    assert_eq!(a.heads(entry(1)).len(), 2);
    ours.merge(&mut theirs);
    assert_eq!(a.heads(entry(1)), ours.heads());
    a.change(entry(1), ours.write("merged"));
    sync(&mut a, &mut b);
    assert_eq!(b.heads(entry(1)), ours.heads());
}

/// The same installation twice, as after a copied folder: key, incarnation and log, and a device that has none of it.
fn twins(make: &Make, shared: u8) -> (Device, Device, Device, Doc) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, b] = journal.devices(make, [10, 11]);
    let mut doc = Doc::new(1);
    for n in 0..shared {
        a.change(entry(1), doc.write(&n.to_string()));
    }
    let mut twin = journal.device(make, 10);
    twin.entropy = crate::testing::journal::Seeded::new(99);
    twin.pull(&a);
    let incarnation = a.log().incarnation;
    twin.store.write(|tx| tx.set_setting(Setting::Incarnation, incarnation.as_bytes())).unwrap();
    assert_eq!(a.log(), twin.log());
    (a, twin, b, doc)
}

fn the_tail_with_the_lower_chain_gives_way_and_is_logged_again(make: &Make) {
    let mut ways = std::collections::BTreeSet::new();
    for n in 0..12u8 {
        let (mut a, mut twin, mut b, mut doc) = twins(make, 2);
        let log = a.log();
        let mut other = doc.fork(2);
        a.change(entry(1), doc.write(&format!("a{n}")));
        a.change(entry(2), Doc::new(3).write("only at a"));
        twin.change(entry(1), other.write(&format!("twin{n}")));
        let place = |device: &Device| device.read(|tx| tx.position_at(log, 3)).unwrap().chain;
        let (winner, a_wins) = (place(&a).max(place(&twin)), place(&a) > place(&twin));
        ways.insert(a_wins);
        // A third device hears of both, in an order that differs from round to round.
        let order = if n % 2 == 0 { [&a, &twin] } else { [&twin, &a] };
        let mended: usize = order.into_iter().map(|from| b.pull(from)).sum();
        assert_eq!(mended, usize::from(a_wins == (n % 2 == 1)));
        assert_eq!(place(&b), winner);
        sync(&mut a, &mut b);
        sync(&mut twin, &mut b);
        sync(&mut a, &mut b);
        assert_eq!((place(&a), place(&twin)), (winner, winner));
        assert_eq!(a.holds(), twin.holds());
        // Nothing that anybody wrote is gone, and nobody goes on where the fork was.
        doc.merge(&mut other);
        assert_eq!(a.heads(entry(1)), doc.heads());
        assert_eq!(a.heads(entry(2)).len(), 1);
        assert!(a.read(|tx| tx.changes(entry(1))).iter().all(|change| change.ready));
        let losers = a.read(|tx| {
            let changes = tx.changes(entry(1))?.into_iter().chain(tx.changes(entry(2))?);
            Ok(changes.filter(|change| change.first_log == Some(log)).count())
        });
        assert_eq!(losers, if a_wins { 1 } else { 2 });
        assert!(a.log() != log || twin.log() != log);
        for device in [&mut a, &mut twin, &mut b] {
            device.assert_derived();
        }
    }
    assert_eq!(ways.len(), 2, "both ways were tried");
}

fn a_device_that_was_rolled_back_begins_anew(make: &Make) {
    // The twin stands where the device stood before: the folder was restored.
    let (mut a, mut restored, mut b, mut doc) = twins(make, 2);
    let log = a.log();
    a.change(entry(1), doc.write("lost here, held there"));
    b.pull(&a);
    let claims: Vec<_> = b.read(|tx| {
        let claim = |(log, at): (crate::id::LogId, crate::log::Position)| {
            let mut chain = [0; 8];
            chain.copy_from_slice(&at.chain.as_bytes()[..8]);
            Claim { log, seq: at.seq, chain }
        };
        Ok(tx.logs()?.into_iter().map(claim).collect())
    });
    let compared = restored.write(|tx, identity, entropy| rules::compare(tx, identity, entropy, &claims)).unwrap();
    assert!(compared.send.is_empty() && compared.forks.is_empty());
    assert_eq!(restored.log(), log, "what anybody can say is not believed");
    restored.pull(&b);
    let fresh = restored.log();
    assert!(fresh != log && fresh.device == log.device);
    assert_eq!(restored.setting(Setting::Mended), Some(1u64.to_le_bytes().to_vec()));
    restored.change(entry(2), Doc::new(7).write("after the restore"));
    sync(&mut restored, &mut b);
    assert_eq!(restored.heads(entry(1)), doc.heads());
    assert_eq!(restored.read(|tx| tx.log(log)).unwrap().seq, 3);
    assert_eq!(restored.read(|tx| tx.log(fresh)).unwrap().seq, 1);
    // A device that is only behind in another's log is not rolled back.
    assert_eq!(b.setting(Setting::Mended), None);
}

fn what_is_erased_stays_erased(make: &Make) {
    let [mut a, mut b, mut c] = Journal::new(&[10, 11, 12]).devices(make, [10, 11, 12]);
    let mut doc = Doc::new(1);
    a.change(entry(1), doc.write("secret"));
    a.change(entry(2), Doc::new(2).write("other"));
    b.pull(&a);
    c.pull(&a);
    let digest_of_other = {
        let [mut d, _] = pair(make);
        d.change(entry(2), Doc::new(2).write("other"));
        d.setting(Setting::Digest)
    };
    // One device goes on writing, not knowing that another erases.
    b.change(entry(1), doc.write("late"));
    let certificate = a.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))).unwrap().unwrap();
    assert!(certificate.verifies());
    assert_eq!(a.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))), Ok(None));
    assert_eq!(a.setting(Setting::Digest), digest_of_other);
    sync(&mut a, &mut b);
    sync(&mut b, &mut c);
    sync(&mut a, &mut c);
    for device in [&mut a, &mut b, &mut c] {
        assert_eq!(device.document(entry(1)), None);
        assert_eq!(device.setting(Setting::Digest), digest_of_other);
        for (log, end) in device.read(|tx| tx.logs()) {
            for operation in device.read(|tx| tx.operations(log, 1, end.seq)) {
                let held = operation.body.bytes().is_some_and(|bytes| !bytes.is_empty());
                assert_eq!(held, operation.envelope.entry == entry(2));
            }
        }
        // Writing on is numbered and leaves nothing.
        device.change(entry(1), doc.write("later still"));
        assert_eq!(device.document(entry(1)), None);
        device.assert_derived();
    }
}

fn a_body_missing_without_a_certificate_is_refused(make: &Make) {
    let [mut a, mut b] = pair(make);
    a.change(entry(1), Doc::new(1).write("one"));
    let log = a.log();
    let mut batch = a.batches(log, 0).remove(0);
    let bodiless: Vec<_> = batch.operations().unwrap().into_iter().map(Operation::without_body).collect();
    batch.blocks = Block::pack(&bodiless);
    assert!(batch.clone().open().unwrap().verify().is_ok(), "the chain can't tell");
    assert!(matches!(b.receive(batch), Received::Refused(_)));
    assert_eq!(b.read(|tx| tx.logs()), []);
}

fn a_certificate_of_a_removed_device_counts(make: &Make) {
    let journal = Journal::new(&[10, 11, 12]);
    let [mut a, mut b, mut thief] = journal.devices(make, [10, 11, 12]);
    a.change(entry(1), Doc::new(1).write("one"));
    thief.pull(&a);
    b.pull(&a);
    let certificate =
        thief.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))).unwrap().unwrap();
    b.add_statements(vec![journal.remove(12)]);
    let standing = b.write(|tx, identity, _| rules::standing(tx, identity, &key(12).id())).unwrap();
    assert_eq!(standing, Standing::Removed);
    assert_eq!(b.write(|tx, identity, _| rules::apply_certificate(tx, identity, &certificate)), Ok(true));
    assert_eq!(b.write(|tx, identity, _| rules::apply_certificate(tx, identity, &certificate)), Ok(false));
    assert_eq!(b.document(entry(1)), None);
    b.assert_derived();
}

fn a_strangers_certificate_is_refused(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let mut a = journal.device(make, 10);
    let mut stranger = journal.device(make, 66);
    a.change(entry(1), Doc::new(1).write("one"));
    let certificate =
        stranger.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))).unwrap().unwrap();
    let before = a.holds();
    assert!(a.write(|tx, identity, _| rules::apply_certificate(tx, identity, &certificate)).is_err());
    let mut forged = certificate;
    forged.log.device = key(11).id();
    assert!(a.write(|tx, identity, _| rules::apply_certificate(tx, identity, &forged)).is_err());
    assert_eq!(a.holds(), before);
}

/// Every entry needs the names: they are erased by nobody, here or by another member.
fn names_are_not_erased(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, mut other] = journal.devices(make, [10, 11]);
    let before = a.holds();
    for singleton in [crate::id::PEOPLE, crate::id::LIBRARY] {
        assert!(a.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, singleton)).is_err());
        let (log, position) =
            (other.log(), crate::log::Position { seq: 1, chain: crate::id::Chain::from_bytes([1; 32]) });
        let forged = crate::log::Certificate::sign(&key(11), journal.set.journal(), singleton, log, position);
        assert!(a.write(|tx, identity, _| rules::apply_certificate(tx, identity, &forged)).is_err());
    }
    assert_eq!(a.holds(), before);
}

fn what_is_held_of_a_removed_device_is_kept_and_no_more(make: &Make) {
    let journal = Journal::new(&[10, 11, 12]);
    let [mut a, mut b, mut gone] = journal.devices(make, [10, 11, 12]);
    let mut doc = Doc::new(1);
    let log = gone.log();
    for n in 0..3 {
        gone.change(entry(1), doc.write(&n.to_string()));
    }
    a.pull(&gone);
    let before = a.statements().len();
    assert_eq!(a.add_statements(vec![journal.remove(12)]), 1);
    // The keep is there as soon as the remove is.
    assert_eq!(a.statements().len(), before + 2);
    assert_eq!(a.add_statements(vec![journal.remove(12)]), 0);
    assert_eq!(a.statements().len(), before + 2);
    // What the removed device wrote later comes through nobody.
    for n in 3..5 {
        gone.change(entry(1), doc.write(&n.to_string()));
    }
    for batch in gone.batches(log, 3) {
        assert!(matches!(a.receive(batch), Received::Refused(_)));
    }
    // Another device learns of the removal and gets what was kept.
    b.pull(&a);
    assert_eq!(b.read(|tx| tx.log(log)).unwrap().seq, 3);
    for batch in gone.batches(log, 0) {
        assert!(matches!(b.receive(batch), Received::Refused(_)));
    }
    sync(&mut a, &mut b);
    assert_eq!(b.read(|tx| tx.log(log)).unwrap().seq, 3);
    b.assert_derived();
}

fn a_statement_that_is_not_held_comes_first(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, mut b] = journal.devices(make, [10, 11]);
    a.add_statements(vec![journal.add(12)]);
    a.change(entry(1), Doc::new(1).write("one"));
    let log = a.log();
    let batch = a.batches(log, 0).remove(0);
    assert_eq!(b.receive(batch.clone()), Received::NeedStatements);
    b.add_statements(vec![journal.add(12)]);
    // A statement signed a second time is another statement: the bytes themselves must be handed on.
    let theirs: Vec<_> = a.statements().in_order().into_iter().cloned().collect();
    b.add_statements(theirs);
    assert_eq!(b.receive(batch), stored(1));
}

fn a_forged_or_foreign_batch_is_refused(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, mut b] = journal.devices(make, [10, 11]);
    let mut stranger = journal.device(make, 66);
    a.change(entry(1), Doc::new(1).write("one"));
    a.change(entry(1), Doc::new(2).write("two"));
    stranger.change(entry(1), Doc::new(1).write("one"));
    let (log, theirs) = (a.log(), stranger.log());
    let batch = a.batches(log, 0).remove(0);
    let mut shorter = batch.clone();
    let mut operations = batch.operations().unwrap();
    shorter.blocks = Block::pack(&operations[..1]);
    let mut swapped = batch.clone();
    operations.swap(0, 1);
    swapped.blocks = Block::pack(&operations);
    let resigned = Head::sign(&stranger.identity.key, log, batch.head.position, batch.head.knew.clone());
    let resigned = Batch { head: resigned, ..batch.clone() };
    let mut empty = batch.clone();
    empty.blocks.clear();
    for bad in [shorter, swapped, resigned, empty, stranger.batches(theirs, 0).remove(0)] {
        assert!(matches!(b.receive(bad), Received::Refused(_)));
    }
    assert_eq!(b.read(|tx| tx.logs()), []);
    assert_eq!(b.receive(batch), stored(2));
}

fn blobs_come_and_go_with_their_operations(make: &Make) {
    let [mut a, mut b] = pair(make);
    let blob = |n: u8| BlobRef { id: crate::id::BlobId::from_bytes([n; 32]), key: [n; 32], len: 9 };
    let mut doc = Doc::new(1);
    let brings = Operation::change(entry(1), doc.write("with"), vec![blob(1), blob(2)], Vec::new()).unwrap();
    a.append(vec![brings]);
    let ends = Operation::change(entry(1), doc.write("without"), Vec::new(), vec![blob(1).id]).unwrap();
    b.pull(&a);
    assert_eq!(b.read(|tx| tx.blobs(true)).len(), 2);
    b.append(vec![ends]);
    let other = Operation::change(entry(2), Doc::new(2).write("x"), vec![blob(3)], Vec::new()).unwrap();
    b.append(vec![other]);
    a.pull(&b);
    let names = |device: &Device| device.read(|tx| tx.blobs(false)).iter().map(|w| w.blob.id).collect::<Vec<_>>();
    assert_eq!(names(&a), [blob(2).id, blob(3).id]);
    assert_eq!(a.holds(), b.holds());
    a.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(1))).unwrap();
    b.pull(&a);
    assert_eq!((names(&a), names(&b)), (vec![blob(3).id], vec![blob(3).id]));
}

fn wrong_heads_are_made_again(make: &Make) {
    let [mut a, _] = pair(make);
    let mut doc = Doc::new(1);
    for n in 0..3 {
        a.change(entry(1), doc.write(&n.to_string()));
    }
    a.change(entry(2), Doc::new(2).write("two"));
    let right = a.holds();
    let wrong = DocumentState { heads: vec![ChangeHash::from_bytes([7; 32])], pending: 2 };
    a.store
        .write(|tx| {
            tx.set_document(entry(1), &wrong)?;
            tx.set_setting(Setting::Digest, &[1; 32])
        })
        .unwrap();
    assert_ne!(a.holds(), right);
    assert_eq!(a.write(|tx, identity, _| rules::recompute_all(tx, identity)), Ok(1));
    assert_eq!(a.holds(), right);
    // A document whose state was lost is found by its changes.
    a.store.write(|tx| tx.set_document(entry(1), &DocumentState::default())).unwrap();
    assert_eq!(a.write(|tx, identity, _| rules::recompute_all(tx, identity)), Ok(1));
    assert_eq!(a.holds(), right);
    a.store.write(|tx| tx.set_setting(Setting::Digest, &[1; 32])).unwrap();
    assert_eq!(a.write(|tx, identity, _| rules::recompute_all(tx, identity)), Ok(1));
    assert_eq!(a.holds(), right);
}

fn a_change_in_two_logs_is_one_change(make: &Make) {
    let [mut a, mut b] = pair(make);
    let mut doc = Doc::new(1);
    let (first, second) = (doc.write("one"), doc.write("two"));
    for device in [&mut a, &mut b] {
        device.change(entry(1), first.clone());
        device.append(vec![change(entry(1), second.clone()), change(entry(1), second.clone())]);
    }
    sync(&mut a, &mut b);
    assert_eq!(a.read(|tx| tx.changes(entry(1))).len(), 2);
    assert_eq!(a.heads(entry(1)), doc.heads());
    a.assert_derived();
}
