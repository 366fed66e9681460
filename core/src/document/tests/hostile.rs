//! Changes that no device of ours would make: they are refused or read as absent, and nothing panics.

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjId, ObjType, ROOT, ReadDoc};

use super::*;
use crate::document::change::{ChangeHeader, change_hash};
use crate::id::ChangeHash;
use crate::journal::ItemKind;
use crate::journal::MAIN_SECTION;
use crate::journal::edit::TextField;

/// What a stranger makes of an entry with Automerge itself.
pub(super) fn foreign(changes: &[&[u8]], n: u8, work: impl FnOnce(&mut Transaction<'_>)) -> Vec<u8> {
    let mut doc = Automerge::new_with_encoding(automerge::TextEncoding::UnicodeCodePoint);
    doc.load_incremental(&changes.concat()).unwrap();
    doc.set_actor(ActorId::from([n; 16]));
    let mut transaction = doc.transaction();
    work(&mut transaction);
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(3000));
    doc.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec()
}

/// The chunk of a change after `edit` has bent it, with a checksum that fits.
pub(super) fn bent(change: &[u8], edit: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut expanded = Change::try_from(change).unwrap().decode();
    edit(&mut expanded);
    Change::from(expanded).raw_bytes().to_vec()
}

/// A chunk around these contents, with a checksum that fits.
fn sealed(contents: &[u8]) -> Vec<u8> {
    let mut chunk = vec![1];
    let mut len = contents.len();
    while len > 0x7f {
        chunk.push(len as u8 | 0x80);
        len >>= 7;
    }
    chunk.push(len as u8);
    chunk.extend(contents);
    let mut whole = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0];
    whole.extend(chunk);
    let hash = change_hash(&whole);
    whole[4..8].copy_from_slice(&hash.as_bytes()[..4]);
    whole
}

fn child(transaction: &Transaction<'_>, path: &[&str]) -> ObjId {
    path.iter().fold(ROOT, |at, key| transaction.get(at, *key).unwrap().unwrap().1)
}

#[test]
fn wrong_types_read_as_absent_and_can_be_written_over() {
    let (mut document, first) = begin("Body.");
    let (_, second) = edit(&mut document, |e| {
        e.add_item(ItemKind::Lesson, "Ask")?;
        e.add_section("Q", None, "A")
    });
    let held: Vec<&[u8]> = vec![&first, &second];
    let hostile = foreign(&held, 66, |tx| {
        tx.put(ROOT, "title", 5).unwrap();
        tx.put(ROOT, "kind", 7.5).unwrap();
        tx.put_object(ROOT, "sections", ObjType::List).unwrap();
        tx.put(ROOT, "marks", "tags").unwrap();
        tx.put(ROOT, "boxed_until", vec![1u8]).unwrap();
        tx.put(ROOT, "trashed", "yes").unwrap();
        tx.put_object(ROOT, "muted", ObjType::Text).unwrap();
        tx.put(ROOT, "future", "kept").unwrap();
        let items = child(tx, &["items"]);
        let key = tx.keys(&items).next().unwrap();
        let item = tx.get(&items, &key).unwrap().unwrap().1;
        tx.put(&item, "kind", "prophecy").unwrap();
        tx.put(&item, "day", "2025-02-30").unwrap();
        tx.put(&item, "state", 1).unwrap();
        tx.put(&items, "not-an-id", 1).unwrap();
        tx.put_object(&items, "00000000000000000000000000000001", ObjType::Map).unwrap();
        let closures = child(tx, &["closures"]);
        tx.put_object(&closures, "00000000000000000000000000000002", ObjType::Map).unwrap();
        let attachments = child(tx, &["attachments"]);
        tx.put_object(&attachments, "00000000000000000000000000000003", ObjType::Map).unwrap();
        let seals = child(tx, &["seals"]);
        tx.put(&seals, "00000000000000000000000000000004", false).unwrap();
        let people = child(tx, &["people"]);
        tx.put_object(&people, "<script>", ObjType::Map).unwrap();
        let happened = child(tx, &["happened"]);
        tx.put(&happened, "date", "yesterday").unwrap();
        tx.put(&happened, "precision", "day").unwrap();
    });
    assert!(document.merge(&[&hostile]).unwrap().is_empty());
    let entry = document.entry().unwrap();
    assert_eq!((entry.kind, entry.title.as_str(), entry.body()), (Kind::Note, "", ""));
    assert!(entry.sections.is_empty() && entry.marks.is_empty() && entry.boxed_until.is_none());
    assert!(!entry.trashed && !entry.muted && entry.attachments.is_empty() && entry.people.is_empty());
    assert_eq!(entry.items.len(), 2);
    assert!(entry.items.iter().any(|item| item.kind == ItemKind::OpenQuestion && item.text == "Ask"));
    assert_eq!((entry.closures.len(), entry.seals.len()), (1, 1), "a seal of any value seals");
    assert_eq!(entry.happened.precision, crate::time::Precision::Unknown);

    let base = document.heads();
    edit(&mut document, |e| {
        e.set_text(TextField::Body, &base, "Again.")?;
        e.set_text(TextField::Title, &base, "Again")?;
        e.mark(crate::journal::MarkGroup::Tags, "x")
    });
    let entry = document.entry().unwrap();
    assert_eq!((entry.body(), entry.title.as_str(), entry.marks.len()), ("Again.", "Again", 1));
    // What a newer version wrote is still in the document.
    let doc = Automerge::load(&document.save()).unwrap();
    assert_eq!(doc.get(ROOT, "future").unwrap().unwrap().0.as_str(), Some("kept"));
}

#[test]
fn deep_and_wide_documents_are_read_in_bounded_depth() {
    let (mut document, first) = begin("Body.");
    let hostile = foreign(&[&first], 66, |tx| {
        let mut at = child(tx, &["items"]);
        for _ in 0..20_000 {
            at = tx.put_object(&at, "00000000000000000000000000000001", ObjType::Map).unwrap();
        }
        let tags = child(tx, &["marks", "tags"]);
        for n in 0..5_000 {
            tx.put(&tags, n.to_string(), true).unwrap();
        }
        let body = child(tx, &["sections", &MAIN_SECTION.to_string(), "text"]);
        tx.insert(&body, 2, "several letters in one element").unwrap();
        tx.insert(&body, 0, 17).unwrap();
        tx.split_block(&body, 1).unwrap();
    });
    assert!(document.merge(&[&hostile]).unwrap().is_empty());
    let entry = document.entry().unwrap();
    assert_eq!(entry.items.len(), 1);
    document.readings().unwrap();
    let base = document.heads();
    let body = entry.body().to_owned() + " More.";
    edit(&mut document, |e| e.set_text(TextField::Body, &base, &body));
    assert!(document.entry().unwrap().body().ends_with("More."));
    let loaded = EntryDocument::load(ID, actor(4), Some(&document.save()), &[]).unwrap();
    same(&document, &loaded.document);
}

/// Every single reference of a change bent to something that never was.
#[test]
fn references_to_what_never_was_are_refused_and_the_rest_loads() {
    let (mut document, first) = begin("Some body text.");
    let base = document.heads();
    let (_, second) = edit(&mut document, |e| {
        e.set_text(TextField::Body, &base, "Some other body text here.")?;
        e.set_kind(Kind::Win)?;
        e.add_item(ItemKind::Lesson, "Ask")
    });
    let count = Change::try_from(&second[..]).unwrap().len();
    let mut refused = 0;
    for bend in 0..4 {
        for op in 0..count {
            let hostile = bent(&second, |change| {
                use automerge::legacy::{ElementId, Key, ObjectId, OpId};
                change.actor_id = ActorId::from([66; 16]);
                let nowhere = OpId::new(9999, &ActorId::from([66; 16]));
                let op = &mut change.operations[op];
                match bend {
                    0 => op.obj = ObjectId::Id(nowhere),
                    1 => op.key = Key::Seq(ElementId::Id(nowhere)),
                    2 => op.pred = std::iter::once(nowhere).collect(),
                    _ => op.insert = !op.insert,
                }
            });
            let mut device = other(3, &[&first]);
            let (_, later) = edit(&mut device, |e| e.set_trashed(true));
            let mut device = EntryDocument::load(ID, actor(4), None, &[&hostile, &later, &first]).unwrap();
            refused += device.refused.len();
            assert!(device.refused.iter().all(|hash| *hash == change_hash(&hostile)));
            let entry = device.document.entry().unwrap();
            assert!(entry.trashed, "the rest loads");
            device.document.readings().unwrap();
            EntryDocument::load(ID, actor(5), Some(&device.document.save()), &[]).unwrap();
            let base = device.document.heads();
            // Whatever was let in, the next writer can still write, or is told why not.
            let _ =
                device.document.edit_with(at(9), &mut Seeded::new(1), |e| e.set_text(TextField::Body, &base, "New"));
        }
    }
    assert!(refused > count, "{refused} of {}", 4 * count);
}

/// What a change refers to must lie behind it, although this device may hold it by chance; or a device that got the
/// two in another order would set aside another change.
#[test]
fn references_beside_the_history_are_refused_whatever_the_order() {
    let (mut document, first) = begin("Body.");
    let (_, beside) = edit(&mut document, |e| e.add_item(ItemKind::Lesson, "Ask"));
    let both = foreign(&[&first, &beside], 66, |tx| {
        let items = child(tx, &["items"]);
        let key = tx.keys(&items).next().unwrap();
        let text = child(tx, &["items", &key, "text"]);
        tx.splice_text(&text, 1, 1, "sk").unwrap();
    });
    // Honest it would name `beside`; bent it claims to be made on the first change alone.
    let hostile = bent(&both, |change| change.deps = vec![automerge::ChangeHash(*change_hash(&first).as_bytes())]);
    for order in [[&first, &beside, &hostile], [&first, &hostile, &beside], [&hostile, &beside, &first]] {
        let mut device = EntryDocument::load(ID, actor(3), None, &[]).unwrap();
        let mut refused = Vec::new();
        let mut held: Vec<&[u8]> = Vec::new();
        for change in order {
            held.push(change);
            refused = device.document.merge(&held).unwrap();
        }
        assert_eq!(refused, [change_hash(&hostile)]);
        same(&document, &device.document);
    }
    assert!(EntryDocument::load(ID, actor(3), None, &[&first, &beside, &both]).unwrap().refused.is_empty());
}

#[test]
fn bytes_that_are_no_change_are_refused_by_their_hash() {
    let (document, first) = begin("Body.");
    let mut rng = Seeded::new(11);
    let mut hostile: Vec<Vec<u8>> = vec![vec![], vec![0x85], document.save(), [first.clone(), first.clone()].concat()];
    for _ in 0..3000 {
        let mut bytes = first.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len());
            bytes[at] = rng.below(256) as u8;
        }
        bytes.truncate(bytes.len() - rng.below(2) * rng.below(bytes.len()));
        // Half of them with a checksum that fits.
        if rng.below(2) == 0 && bytes.len() > 12 {
            bytes = sealed(&bytes[11..]);
        }
        hostile.push(bytes);
    }
    for bytes in &hostile {
        if change_hash(bytes) == change_hash(&first) {
            continue;
        }
        let loaded = EntryDocument::load(ID, actor(3), None, &[bytes, &first]).unwrap();
        assert!(loaded.document.holds(&[change_hash(&first)]) || !loaded.refused.is_empty());
        loaded.document.entry().unwrap();
    }
    assert!(EntryDocument::load(ID, actor(3), Some(b"not a snapshot"), &[]).is_err());
    assert!(EntryDocument::load(ID, actor(3), Some(&[]), &[&first]).is_ok_and(|loaded| loaded.refused.is_empty()));
}

#[test]
fn a_few_bytes_that_name_billions_of_operations_are_refused_unopened() {
    // Columns: action 4 (a run of 2^40 "set"), insert, value metadata: all runs.
    let run = |n: u64, value: u8| {
        let mut out = Vec::new();
        leb(&mut out, n);
        out.push(value);
        out
    };
    let action = run(1 << 40, 1);
    let mut contents = vec![0];
    contents.push(16);
    contents.extend([66; 16]);
    contents.extend([1, 1, 0, 0, 0]);
    contents.extend([1, 4 << 4 | 2, action.len() as u8]);
    contents.extend(&action);
    let chunk = sealed(&contents);
    assert!(ChangeHeader::parse(&chunk).is_err());
    let loaded = EntryDocument::load(ID, actor(3), None, &[&chunk]).unwrap();
    assert_eq!(loaded.refused, [change_hash(&chunk)]);
    // The same with a number of operations that a text could have is a header that reads.
    let action = run(1000, 1);
    let at = contents.len() - 8;
    let mut contents = contents[..at].to_vec();
    while contents.last() != Some(&(4 << 4 | 2)) {
        contents.pop();
    }
    contents.push(action.len() as u8);
    contents.extend(&action);
    assert_eq!(ChangeHeader::parse(&sealed(&contents)).unwrap().operations, 1000);
}

fn leb(out: &mut Vec<u8>, mut n: u64) {
    // Signed: a positive run keeps the sign bit clear.
    while n > 0x3f {
        out.push(n as u8 & 0x7f | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[test]
fn numbers_that_contradict_the_history_are_refused() {
    let (mut document, first) = begin("Body.");
    let (_, second) = edit(&mut document, |e| e.set_trashed(true));
    let cases: [&dyn Fn(&mut ExpandedChange); 4] = [
        &|change| change.start_op = std::num::NonZeroU64::MIN,
        &|change| change.seq = 7,
        &|change| {
            change.actor_id = ActorId::from([66; 16]);
            change.seq = 2;
        },
        &|change| change.start_op = std::num::NonZeroU64::new(u64::from(u32::MAX)).unwrap(),
    ];
    for (n, case) in cases.iter().enumerate() {
        let hostile = bent(&second, case);
        let loaded = EntryDocument::load(ID, actor(3), None, &[&first, &hostile]).unwrap();
        assert_eq!(loaded.refused, [change_hash(&hostile)], "case {n}");
        assert!(!loaded.document.entry().unwrap().trashed);
    }
    let header = ChangeHeader::parse(&second).unwrap();
    assert_eq!((header.seq, header.time, header.actor.as_slice()), (2, 2_000_000, &[1; 16][..]));
    assert_eq!(header.deps, [change_hash(&first)]);
    let hash: ChangeHash = document.heads()[0];
    assert_eq!((header.hash, header.operations), (hash, 1));
}

/// Honest changes among bent ones, in any order and any batches: every device sets aside the same and reads the same.
#[test]
fn any_order_of_hostile_changes_sets_aside_the_same() {
    use automerge::legacy::{ElementId, Key, ObjectId, OpId};
    let mut bad = 0;
    for seed in 0..30 {
        let mut rng = Seeded::new(1000 + seed);
        let (a, first) = begin("Some body text to bend.");
        let mut devices = [a, other(2, &[&first])];
        let mut changes = vec![first.clone()];
        for step in 0..8 {
            let n = rng.below(2);
            if rng.below(3) == 0 {
                let some: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
                devices[n].merge(&some).unwrap();
            }
            let base = devices[n].heads();
            let text = format!("Some {step} text {n} to bend.");
            let (_, change) = edit(&mut devices[n], |e| match step % 3 {
                0 => e.add_item(ItemKind::Lesson, "Ask").map(|_| ()),
                _ => e.set_text(TextField::Body, &base, &text).map(|_| ()),
            });
            changes.push(change);
        }
        for _ in 0..4 {
            let which = 1 + rng.below(changes.len() - 1);
            let ids: Vec<OpId> = (0..3)
                .map(|_| OpId::new(1 + rng.below(120) as u64, &ActorId::from([1 + rng.below(2) as u8; 16])))
                .collect();
            let (bend, at, keep) = (rng.below(8), rng.below(40), rng.below(2) == 0);
            let hostile = bent(&changes[which], |change| {
                if !keep {
                    change.actor_id = ActorId::from([66; 16]);
                    change.seq = 1;
                }
                let len = change.operations.len();
                let op = &mut change.operations[at % len];
                match bend {
                    0 => op.obj = ObjectId::Id(ids[0].clone()),
                    1 => op.key = Key::Seq(ElementId::Id(ids[1].clone())),
                    2 => op.pred = ids.iter().cloned().collect(),
                    3 => op.insert = !op.insert,
                    4 => op.key = Key::Map("title".into()),
                    5 => op.obj = ObjectId::Root,
                    6 => change.deps.clear(),
                    _ => change.time += 1,
                }
            });
            changes.push(hostile);
        }
        changes.sort_by_key(|change| change_hash(change));
        changes.dedup();
        let mut expected = None;
        for _ in 0..12 {
            let mut order: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, rng.below(at + 1));
            }
            let mut device = EntryDocument::load(ID, actor(9), None, &[]).unwrap().document;
            let mut held = 0;
            while held < order.len() {
                held = (held + 1 + rng.below(5)).min(order.len());
                device.merge(&order[..held]).unwrap();
            }
            let refused = device.merge(&order).unwrap();
            let now = (refused, device.heads(), device.entry().unwrap());
            bad += now.0.len();
            assert_eq!(*expected.get_or_insert(now.clone()), now, "seed {seed}");
        }
    }
    assert!(bad > 500, "{bad}");
}
