//! The bare transaction: what is written is read, in order, at once, and not at all where the transaction fails.

use super::cases;
use crate::error::{Code, Error};
use crate::id::{BlobId, ChangeHash, DeviceId, StatementId};
use crate::log::{Batch, BlobRef, Certificate, Operation, Position};
use crate::replication::rules;
use crate::replication::tx::{DocumentState, Setting, StorageExt, Tx};
use crate::testing::journal::{Device, Doc, Journal, Make, change, entry};

cases![
    settings_are_replaced,
    statements_keep_their_order_and_come_once,
    certificates_come_once,
    a_write_that_fails_changes_nothing,
    a_read_is_one_view,
    a_read_cannot_write,
    operations_come_back_as_they_were,
    operations_out_of_sequence_are_refused,
    places_in_a_log,
    a_batch_ends_at_the_last_head_that_fits,
    a_tail_is_given_back_when_it_is_dropped,
    a_whole_log_can_be_dropped,
    notes_on_who_waits,
    readiness_belongs_to_the_hash_in_every_log,
    a_document_without_heads_is_none,
    a_dropped_document_leaves_only_its_lines,
    a_blob_is_wanted_between_bringing_and_ending,
    a_blob_ended_before_it_is_brought_is_never_wanted,
    blobs_of_a_dropped_document_are_unwanted,
    a_blob_in_two_entries_is_two,
    a_blob_brought_twice_is_the_same_in_whichever_order,
];

fn hash(n: u8) -> ChangeHash {
    ChangeHash::from_bytes([n; 32])
}

fn blob(n: u8) -> BlobRef {
    BlobRef { id: BlobId::from_bytes([n; 32]), key: [n; 32], len: u64::from(n) }
}

fn one(make: &Make) -> Device {
    Journal::new(&[10]).device(make, 10)
}

/// A device with one log of `count` changes of one entry, each committed by itself.
fn written(make: &Make, count: u64) -> (Device, Vec<Vec<u8>>) {
    let (mut device, mut doc) = (one(make), Doc::new(1));
    let chunks: Vec<_> = (0..count).map(|n| doc.write(&format!("{n}").repeat(600))).collect();
    for chunk in &chunks {
        device.change(entry(1), chunk.clone());
    }
    (device, chunks)
}

fn settings_are_replaced(make: &Make) {
    let store = make();
    assert_eq!(store.read(|tx| tx.setting(Setting::Digest)), Ok(None));
    store.write(|tx| tx.set_setting(Setting::Digest, b"a")).unwrap();
    store.write(|tx| tx.set_setting(Setting::Digest, b"b")).unwrap();
    assert_eq!(store.read(|tx| tx.setting(Setting::Digest)), Ok(Some(b"b".to_vec())));
    assert_eq!(store.read(|tx| tx.setting(Setting::Mended)), Ok(None));
}

fn statements_keep_their_order_and_come_once(make: &Make) {
    let store = make();
    for n in [3, 1, 2, 3] {
        store.write(|tx| tx.add_statement(StatementId::from_bytes([n; 32]), &[n])).unwrap();
    }
    assert_eq!(store.read(|tx| tx.statements()), Ok(vec![vec![3], vec![1], vec![2]]));
}

fn certificates_come_once(make: &Make) {
    let mut device = one(make);
    let log = device.log();
    let start = Position::start(&device.identity.journal, &log);
    let sign = |n| Certificate::sign(&device.identity.key, device.identity.journal, entry(n), log, start);
    let (first, second) = (sign(1), sign(2));
    assert_eq!(device.store.write(|tx| tx.add_certificate(&first)), Ok(true));
    assert_eq!(device.store.write(|tx| tx.add_certificate(&second)), Ok(true));
    assert_eq!(device.store.write(|tx| tx.add_certificate(&first)), Ok(false));
    assert_eq!(device.read(|tx| tx.certificates()), [first, second]);
    assert!(device.read(|tx| tx.is_erased(entry(2))));
    assert!(!device.read(|tx| tx.is_erased(entry(3))));
}

fn a_write_that_fails_changes_nothing(make: &Make) {
    let (mut device, _) = written(make, 2);
    let before = device.holds();
    let chunk = Doc::new(2).write("never");
    let failed = device.write(|tx, identity, entropy| {
        rules::append(tx, identity, entropy, vec![change(entry(2), chunk.clone())])?;
        tx.add_statement(StatementId::from_bytes([1; 32]), b"no statement")?;
        tx.bring_blob(entry(1), &blob(1))?;
        tx.drop_document(entry(1))?;
        tx.set_setting(Setting::Mended, b"x")?;
        Err::<(), _>(Error::new(Code::Cancelled, "stopped", "go on"))
    });
    assert_eq!(failed.unwrap_err().code, Code::Cancelled);
    assert_eq!(device.holds(), before);
    assert_eq!(device.setting(Setting::Mended), None);
    device.change(entry(2), chunk);
    assert_eq!(device.heads(entry(2)).len(), 1);
}

fn a_read_is_one_view(make: &Make) {
    let store = make();
    let store = &*store;
    store.write(|tx| tx.set_setting(Setting::Digest, b"a")).unwrap();
    store
        .read(|tx| {
            assert_eq!(tx.setting(Setting::Digest)?, Some(b"a".to_vec()));
            std::thread::scope(|scope| {
                scope.spawn(|| store.write(|tx| tx.set_setting(Setting::Digest, b"b")).unwrap());
            });
            assert_eq!(tx.setting(Setting::Digest)?, Some(b"a".to_vec()));
            Ok(())
        })
        .unwrap();
    assert_eq!(store.read(|tx| tx.setting(Setting::Digest)), Ok(Some(b"b".to_vec())));
}

fn a_read_cannot_write(make: &Make) {
    let (device, _) = written(make, 1);
    let before = device.holds();
    let refused = |f: &dyn Fn(&mut dyn Tx) -> crate::error::Result<()>| {
        assert_eq!(device.store.read(|tx| f(tx)).unwrap_err().code, Code::Internal);
    };
    refused(&|tx| tx.set_setting(Setting::Digest, b"b"));
    refused(&|tx| tx.set_arriving(DeviceId::from_bytes([2; 32]), &[]));
    refused(&|tx| tx.end_arriving(DeviceId::from_bytes([2; 32])));
    refused(&|tx| tx.set_document(entry(1), &DocumentState::default()));
    refused(&|tx| tx.drop_document(entry(1)));
    refused(&|tx| tx.bring_blob(entry(1), &blob(1)));
    refused(&|tx| tx.add_wait(entry(1), hash(1), hash(2)));
    assert_eq!(device.holds(), before);
}

fn operations_come_back_as_they_were(make: &Make) {
    let mut device = one(make);
    let short = change(entry(1), Doc::new(1).write("short"));
    let long = change(entry(2), Doc::new(2).write(&"long ".repeat(2000)));
    let mut record = Operation::erase(entry(3)).envelope;
    record.kind = crate::log::OperationKind::Record;
    record.brings = vec![blob(1), blob(2)];
    record.ends = vec![blob(3).id];
    let record = Operation::new(record, b"a line of the ledger".to_vec()).unwrap();
    let mut later = record.envelope.clone();
    later.kind = crate::log::OperationKind::Unknown(300);
    let later = Operation::new(later, b"what a later version writes".to_vec()).unwrap();
    let written = vec![short, long, record, Operation::erase(entry(4)), later];
    device.append(written.clone());
    let log = device.log();
    assert_eq!(device.read(|tx| tx.operations(log, 1, 5)), written);
    assert_eq!(device.read(|tx| tx.operations(log, 2, 3)), written[1..3]);
    assert_eq!(device.read(|tx| tx.operations(log, 4, u64::MAX)), written[3..]);
    assert_eq!(device.read(|tx| tx.operations(log, 6, 9)), []);
    // What this version does not know makes no document of its entry.
    assert_eq!(device.read(|tx| tx.documents()), [entry(1), entry(2)]);
    assert_eq!(device.read(|tx| tx.document(entry(3))), None);
}

fn positions(batch: &Batch) -> Vec<Position> {
    let open = batch.clone().open().unwrap();
    open.verify().unwrap();
    open.placed().iter().map(|placed| placed.position).collect()
}

fn operations_out_of_sequence_are_refused(make: &Make) {
    let (mut device, _) = written(make, 2);
    let log = device.log();
    let (batch, before) = (device.batches(log, 0).remove(0), device.holds());
    let run: Vec<_> = positions(&batch).into_iter().zip(batch.operations().unwrap()).collect();
    for wrong in [&run[..], &run[1..], &[]] {
        assert!(device.store.write(|tx| tx.append(log, wrong, &batch.head)).is_err());
    }
    assert_eq!(device.holds(), before);
}

fn places_in_a_log(make: &Make) {
    let (mut device, _) = written(make, 5);
    let log = device.log();
    let batch = &device.batches(log, 0)[0];
    let positions = positions(batch);
    for position in &positions {
        assert_eq!(device.read(|tx| tx.position_at(log, position.seq)), Some(*position));
        let head = device.read(|tx| tx.head_at_or_before(log, position.seq)).unwrap();
        assert!(head.position == *position && head.verifies());
    }
    for beyond in [0, 6, 1 << 40, u64::MAX] {
        assert_eq!(device.read(|tx| tx.position_at(log, beyond)), None);
    }
    assert_eq!(device.read(|tx| tx.head_at_or_before(log, 0)), None);
    assert_eq!(device.read(|tx| tx.head_at_or_before(log, u64::MAX)).unwrap().position, positions[4]);
    assert_eq!(device.read(|tx| tx.log(log)), Some(positions[4]));
    let other = crate::id::LogId { incarnation: crate::id::Incarnation::from_bytes([0; 8]), ..log };
    assert_eq!(device.read(|tx| tx.log(other)), None);
    assert_eq!(device.read(|tx| tx.head_after(other, 0, 9)), None);
}

fn a_batch_ends_at_the_last_head_that_fits(make: &Make) {
    let (mut device, chunks) = written(make, 4);
    // Two more under one head.
    let mut doc = Doc::new(9);
    let pair: Vec<_> = ["a", "b"].map(|text| change(entry(2), doc.write(text))).into();
    device.append(pair.clone());
    let log = device.log();
    let sizes: Vec<_> = chunks.iter().map(|chunk| change(entry(1), chunk.clone()).size()).collect();
    let end = |after, bytes| device.read(|tx| tx.head_after(log, after, bytes)).map(|head| head.position.seq);
    assert_eq!(end(0, 0), Some(1));
    assert_eq!(end(0, sizes[0] + sizes[1]), Some(2));
    assert_eq!(end(0, sizes[0] + sizes[1] + sizes[2] - 1), Some(2));
    assert_eq!(end(1, sizes[1] + sizes[2] + sizes[3]), Some(4));
    assert_eq!(end(4, pair[0].size()), Some(6));
    assert_eq!(end(5, 0), Some(6));
    assert_eq!(end(0, usize::MAX), Some(6));
    assert_eq!((end(6, 9), end(7, 9), end(u64::MAX, 9)), (None, None, None));
}

fn a_tail_is_given_back_when_it_is_dropped(make: &Make) {
    let (mut device, chunks) = written(make, 5);
    let log = device.log();
    let expected: Vec<_> = chunks[2..].iter().map(|chunk| change(entry(1), chunk.clone())).collect();
    device
        .write(|tx, identity, _| {
            assert_eq!(tx.truncate(log, 2)?, expected);
            for operation in &expected {
                let gone = ChangeHash::from_bytes(operation.body.hash());
                assert_eq!(tx.change_ready(entry(1), gone)?, None);
            }
            rules::relink(tx, identity, entry(1))
        })
        .unwrap();
    assert_eq!(device.read(|tx| tx.log(log)).unwrap().seq, 2);
    assert_eq!(device.read(|tx| tx.position_at(log, 3)), None);
    assert_eq!(device.read(|tx| tx.head_at_or_before(log, 9)).unwrap().position.seq, 2);
    assert_eq!(device.read(|tx| tx.operations(log, 1, 9)).len(), 2);
    assert_eq!(device.store.write(|tx| tx.truncate(log, 2)), Ok(Vec::new()));
    // It grows again from there.
    device.change(entry(1), chunks[2].clone());
    assert_eq!(device.read(|tx| tx.log(log)).unwrap().seq, 3);
    device.assert_derived();
}

fn a_whole_log_can_be_dropped(make: &Make) {
    let (mut device, chunks) = written(make, 3);
    let log = device.log();
    let dropped = device.write(|tx, identity, _| {
        let dropped = tx.truncate(log, 0)?;
        rules::relink(tx, identity, entry(1))?;
        Ok(dropped)
    });
    assert_eq!(dropped.unwrap().len(), 3);
    assert_eq!(device.read(|tx| tx.log(log)), None);
    assert_eq!(device.read(|tx| tx.logs()), []);
    assert_eq!(device.document(entry(1)), None);
    device.change(entry(1), chunks[0].clone());
    assert_eq!(device.read(|tx| tx.log(log)).unwrap().seq, 1);
}

fn notes_on_who_waits(make: &Make) {
    let store = make();
    store
        .write(|tx| {
            for (on, change) in [(1, 5), (1, 4), (2, 5), (1, 4)] {
                tx.add_wait(entry(1), hash(on), hash(change))?;
            }
            tx.add_wait(entry(2), hash(1), hash(7))?;
            // A document with notes says so: readers look no further where nothing is pending.
            tx.set_document(entry(1), &DocumentState { heads: vec![hash(4), hash(5)], pending: 2 })?;
            tx.set_document(entry(2), &DocumentState { heads: vec![hash(7)], pending: 1 })
        })
        .unwrap();
    store
        .write(|tx| {
            assert!(tx.is_waiting(entry(1), hash(5))? && !tx.is_waiting(entry(1), hash(7))?);
            assert!(tx.is_waited_for(entry(1), hash(1))? && !tx.is_waited_for(entry(1), hash(5))?);
            let mut taken = tx.take_waits(entry(1), hash(1))?;
            taken.sort_unstable();
            assert_eq!(taken, [hash(4), hash(5)]);
            assert_eq!(tx.take_waits(entry(1), hash(1))?, []);
            assert!(tx.is_waiting(entry(1), hash(5))? && !tx.is_waiting(entry(1), hash(4))?);
            tx.clear_waits(entry(1))?;
            assert!(!tx.is_waiting(entry(1), hash(5))? && !tx.is_waited_for(entry(1), hash(2))?);
            assert!(tx.is_waiting(entry(2), hash(7))?);
            assert!(!tx.is_waiting(entry(3), hash(7))?);
            Ok(())
        })
        .unwrap();
}

fn readiness_belongs_to_the_hash_in_every_log(make: &Make) {
    let journal = Journal::new(&[10, 11]);
    let [mut a, mut b] = journal.devices(make, [10, 11]);
    let mut doc = Doc::new(1);
    let (first, second) = (doc.write("one"), doc.write("two"));
    let change_hash = ChangeHash::from_bytes(change(entry(1), second.clone()).body.hash());
    // Both devices hold the second change in their own log, and neither the first.
    a.change(entry(1), second.clone());
    b.change(entry(1), second);
    a.pull(&b);
    let (ours, theirs) = (a.log(), b.log());
    assert_eq!(a.read(|tx| tx.changes(entry(1))).len(), 1);
    assert_eq!(a.read(|tx| tx.change_ready(entry(1), change_hash)), Some(false));
    a.change(entry(1), first);
    assert_eq!(a.read(|tx| tx.change_ready(entry(1), change_hash)), Some(true));
    let changes = a.read(|tx| tx.changes(entry(1)));
    assert!(changes.len() == 2 && changes.iter().all(|change| change.ready));
    // It stays as long as one log holds it.
    for (log, left) in [(theirs, Some(true)), (ours, None)] {
        a.write(|tx, identity, _| {
            tx.truncate(log, 0)?;
            assert_eq!(tx.change_ready(entry(1), change_hash)?, left);
            rules::relink(tx, identity, entry(1))
        })
        .unwrap();
        assert_eq!(a.read(|tx| tx.change_ready(entry(1), change_hash)), left);
    }
    assert_eq!(a.read(|tx| tx.changes(entry(1))), []);
}

fn a_document_without_heads_is_none(make: &Make) {
    let store = make();
    let state = DocumentState { heads: vec![hash(1), hash(2)], pending: 3 };
    store.write(|tx| tx.set_document(entry(1), &state)).unwrap();
    store.write(|tx| tx.set_document(entry(2), &state)).unwrap();
    assert_eq!(store.read(|tx| tx.document(entry(1))), Ok(Some(state)));
    store
        .write(|tx| {
            tx.set_document(entry(1), &DocumentState::default())?;
            assert_eq!(tx.documents()?, [entry(2)]);
            Ok(())
        })
        .unwrap();
    assert_eq!(store.read(|tx| tx.document(entry(1))), Ok(None));
    assert_eq!(store.read(|tx| tx.documents()), Ok(vec![entry(2)]));
}

fn a_dropped_document_leaves_only_its_lines(make: &Make) {
    let (mut device, _) = written(make, 3);
    let log = device.log();
    let before = device.read(|tx| tx.operations(log, 1, 3));
    device.store.write(|tx| tx.drop_document(entry(1))).unwrap();
    let bodiless: Vec<_> = before.iter().cloned().map(Operation::without_body).collect();
    assert_eq!(device.read(|tx| tx.operations(log, 1, 3)), bodiless);
    assert_eq!(device.document(entry(1)), None);
    assert_eq!(device.read(|tx| tx.changes(entry(1))), []);
    for operation in before {
        let hash = ChangeHash::from_bytes(operation.body.hash());
        assert_eq!(device.read(|tx| tx.change_ready(entry(1), hash)), None);
    }
    // The chain still verifies, and the bodies' sizes count no more.
    assert!(device.batches(log, 0).remove(0).open().unwrap().verify().is_ok());
    let budget = bodiless.iter().map(Operation::size).sum();
    assert_eq!(device.read(|tx| tx.head_after(log, 0, budget)).unwrap().position.seq, 3);
    assert_eq!(device.read(|tx| tx.head_after(log, 0, budget - 1)).unwrap().position.seq, 2);
}

fn a_blob_is_wanted_between_bringing_and_ending(make: &Make) {
    let store = make();
    let id = blob(1).id;
    store.write(|tx| tx.bring_blob(entry(1), &blob(1))).unwrap();
    store.write(|tx| tx.bring_blob(entry(1), &blob(2))).unwrap();
    let wanted = store.read(|tx| tx.blob(entry(1), id)).unwrap().unwrap();
    assert_eq!((wanted.blob, wanted.entry, wanted.bitmap, wanted.here), (blob(1), entry(1), Vec::new(), false));
    store.write(|tx| tx.set_blob(entry(1), id, &[0b101], false)).unwrap();
    // Brought again, as by the same change in another log: what is here stays here.
    store.write(|tx| tx.bring_blob(entry(1), &blob(1))).unwrap();
    assert_eq!(store.read(|tx| tx.blobs(true)).unwrap().len(), 2);
    store.write(|tx| tx.set_blob(entry(1), id, &[0b111], true)).unwrap();
    assert_eq!(store.read(|tx| tx.blobs(true)).unwrap()[0].blob, blob(2));
    assert_eq!(store.read(|tx| tx.blobs(false)).unwrap().len(), 2);
    assert_eq!(store.read(|tx| tx.unwanted_blobs()), Ok(Vec::new()));
    store.write(|tx| tx.end_blob(entry(1), id)).unwrap();
    assert_eq!(store.read(|tx| tx.blob(entry(1), id)), Ok(None));
    assert_eq!(store.read(|tx| tx.blobs(false)).unwrap().len(), 1);
    assert_eq!(store.read(|tx| tx.unwanted_blobs()), Ok(vec![(entry(1), id)]));
    store.write(|tx| tx.forget_blob(entry(1), id)).unwrap();
    assert_eq!(store.read(|tx| tx.unwanted_blobs()), Ok(Vec::new()));
    store.write(|tx| tx.bring_blob(entry(1), &blob(1))).unwrap();
    assert_eq!(store.read(|tx| tx.blob(entry(1), id)), Ok(None));
}

fn a_blob_ended_before_it_is_brought_is_never_wanted(make: &Make) {
    let store = make();
    store
        .write(|tx| {
            tx.end_blob(entry(1), blob(1).id)?;
            tx.bring_blob(entry(1), &blob(1))
        })
        .unwrap();
    assert_eq!(store.read(|tx| tx.blob(entry(1), blob(1).id)), Ok(None));
    assert_eq!(store.read(|tx| tx.blobs(false)), Ok(Vec::new()));
}

/// A faulty writer brings one blob in two entries. What ends one must not touch the other, whichever came first: keyed by
/// the blob alone, two devices would differ in what they want, for ever.
fn a_blob_in_two_entries_is_two(make: &Make) {
    for [first, second] in [[1, 2], [2, 1]] {
        let store = make();
        let id = blob(1).id;
        store.write(|tx| tx.bring_blob(entry(first), &blob(1))).unwrap();
        store.write(|tx| tx.bring_blob(entry(second), &blob(1))).unwrap();
        store.write(|tx| tx.set_blob(entry(1), id, &[1], true)).unwrap();
        store.write(|tx| tx.set_blob(entry(2), id, &[1], false)).unwrap();
        let entries =
            |unfilled| store.read(|tx| tx.blobs(unfilled)).unwrap().iter().map(|w| w.entry).collect::<Vec<_>>();
        assert_eq!((entries(false), entries(true)), (vec![entry(1), entry(2)], vec![entry(2)]));
        store.write(|tx| tx.drop_document(entry(1))).unwrap();
        assert_eq!(entries(false), [entry(2)]);
        assert_eq!(store.read(|tx| tx.unwanted_blobs()), Ok(vec![(entry(1), id)]));
        store.write(|tx| tx.end_blob(entry(1), blob(2).id)).unwrap();
        store.write(|tx| tx.bring_blob(entry(2), &blob(2))).unwrap();
        assert_eq!(store.read(|tx| tx.blob(entry(2), blob(2).id)).unwrap().map(|w| w.blob), Some(blob(2)));
    }
}

/// One name with two keys or lengths can be filled by one of them at most; every device asks for the same.
fn a_blob_brought_twice_is_the_same_in_whichever_order(make: &Make) {
    let (low, high) = (blob(1), BlobRef { key: [9; 32], ..blob(1) });
    let longer = BlobRef { len: 100, ..blob(1) };
    for brought in [[&low, &high, &longer], [&longer, &high, &low], [&high, &low, &longer]] {
        let store = make();
        for blob in brought {
            store.write(|tx| tx.bring_blob(entry(1), blob)).unwrap();
            store.write(|tx| tx.set_blob(entry(1), blob.id, &[3], *blob == low)).unwrap();
        }
        // What was here under the other key is not this.
        store.write(|tx| tx.bring_blob(entry(1), &high)).unwrap();
        let held = store.read(|tx| tx.blob(entry(1), low.id)).unwrap().unwrap();
        assert_eq!(held.blob, low);
    }
    let store = make();
    store.write(|tx| tx.bring_blob(entry(1), &high)).unwrap();
    store.write(|tx| tx.set_blob(entry(1), high.id, &[3], true)).unwrap();
    store.write(|tx| tx.bring_blob(entry(1), &low)).unwrap();
    let held = store.read(|tx| tx.blob(entry(1), low.id)).unwrap().unwrap();
    assert_eq!((held.blob, held.bitmap, held.here), (low, Vec::new(), false));
    store.write(|tx| tx.set_blob(entry(1), high.id, &[3], true)).unwrap();
    store.write(|tx| tx.end_blob(entry(1), high.id)).unwrap();
    store.write(|tx| tx.bring_blob(entry(1), &BlobRef { key: [0; 32], ..blob(1) })).unwrap();
    assert_eq!(
        store.read(|tx| tx.unwanted_blobs()),
        Ok(vec![(entry(1), high.id)]),
        "bytes that must go are not forgotten"
    );
}

fn blobs_of_a_dropped_document_are_unwanted(make: &Make) {
    let store = make();
    store
        .write(|tx| {
            tx.bring_blob(entry(1), &blob(1))?;
            tx.set_blob(entry(1), blob(1).id, &[1], true)?;
            tx.bring_blob(entry(2), &blob(2))?;
            tx.drop_document(entry(1))
        })
        .unwrap();
    assert_eq!(store.read(|tx| tx.blobs(false)).unwrap()[0].blob, blob(2));
    assert_eq!(store.read(|tx| tx.unwanted_blobs()), Ok(vec![(entry(1), blob(1).id)]));
}
