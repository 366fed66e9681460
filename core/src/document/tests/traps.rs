//! The measured traps of Automerge, DESIGN.md section 3, one test for each letter.
//!
//! Each shows the trap itself, so that an Automerge which no longer has it is noticed, and then that the schema or the
//! API defeats it. Where the defence lies on a higher floor, the test's doc says so.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, Change, ObjType, ROOT, ReadDoc};

use super::hostile::foreign;
use super::*;
use crate::document::{ChangeHeader, DocumentError, LibraryDocument, PeopleDocument, change_hash};
use crate::journal::MAIN_SECTION;
use crate::journal::edit::TextField;
use crate::journal::people::{in_text, names_in};
use crate::journal::{ItemKind, MarkGroup};

fn contains(bytes: &[u8], phrase: &str) -> bool {
    bytes.windows(phrase.len()).any(|window| window == phrase.as_bytes())
}

/// An entry out of which a phrase was deleted again.
fn with_deleted(phrase: &str) -> (EntryDocument, Vec<Vec<u8>>) {
    let filler = "It rained all day, and we stayed inside and read. ".repeat(20);
    let (mut document, first) = begin(&filler);
    let base = document.heads();
    let (_, second) = edit(&mut document, |e| e.set_text(TextField::Body, &base, &format!("{filler}{phrase}")));
    let base = document.heads();
    let (_, third) = edit(&mut document, |e| e.set_text(TextField::Body, &base, &filler));
    (document, vec![first, second, third])
}

const PHRASE: &str = "zanzibar quokka";

/// History keeps what was deleted, and so does a copy of the document. Erasing is a new document, or none.
#[test]
fn trap_a_deleted_text_is_readable_from_history_and_never_in_a_fresh_document() {
    let (document, _) = with_deleted(PHRASE);
    assert!(!document.entry().unwrap().body().contains(PHRASE));
    let readings = document.readings().unwrap();
    assert!(document.entry_at(&readings[1].heads).unwrap().body().ends_with(PHRASE));
    let copy = Automerge::load(&document.save()).unwrap().fork();
    let copy = EntryDocument::load(ID, actor(8), Some(&copy.save()), &[]).unwrap().document;
    assert!(copy.entry_at(&readings[1].heads).unwrap().body().ends_with(PHRASE));
    let (fresh, _) =
        EntryDocument::create(ID, actor(9), at(1), &note(document.entry().unwrap().body()), &mut Seeded::new(2))
            .unwrap();
    assert_eq!(fresh.readings().unwrap().len(), 1);
    assert_eq!(fresh.entry_at(&readings[1].heads), Err(DocumentError::UnknownBase));
}

/// The defence, never to trust such a search, is the store's and its canary sweep's: sweeps look at change chunks,
/// which are plain, and at decrypted pages after decompression.
#[test]
fn trap_b_a_byte_search_of_a_snapshot_misses_what_history_holds() {
    let (document, changes) = with_deleted(PHRASE);
    assert!(!contains(&document.save(), PHRASE), "compressed away");
    assert!(contains(&changes[1], PHRASE), "a chunk of ours is plain");
    assert!(document.entry_at(&document.readings().unwrap()[1].heads).unwrap().body().contains(PHRASE));
}

#[test]
fn trap_c_a_document_made_from_current_text_is_clean() {
    let (document, _) = with_deleted(PHRASE);
    let body = document.entry().unwrap().body().to_owned();
    let (fresh, chunks) = EntryDocument::create(ID, actor(9), at(1), &note(&body), &mut Seeded::new(2)).unwrap();
    assert!(!contains(&chunks[0], PHRASE));
    assert!(!contains(&Automerge::load(&fresh.save()).unwrap().save_nocompress(), PHRASE));
    assert_eq!(fresh.entry().unwrap().body(), body);
}

/// Visibility is a set of events on the floor of publishing. What this floor offers: a seal is a key of its own, so
/// its presence wins whoever's actor is higher.
#[test]
fn trap_d_one_register_lets_public_beat_a_withdrawal_and_a_seal_does_not() {
    let (_, first) = begin("Body.");
    let mut outcomes = Vec::new();
    for (publisher, withdrawer) in [(20, 30), (30, 20)] {
        let shown = foreign(&[&first], publisher, |tx| tx.put(ROOT, "visibility", "public").unwrap());
        let hidden = foreign(&[&first], withdrawer, |tx| tx.put(ROOT, "visibility", "withdrawn").unwrap());
        let mut doc = Automerge::load(&first).unwrap();
        doc.load_incremental(&[shown, hidden].concat()).unwrap();
        outcomes.push(doc.get(ROOT, "visibility").unwrap().unwrap().0.into_string().unwrap());
    }
    outcomes.sort();
    assert_eq!(outcomes, ["public", "withdrawn"], "the actor decides, not the writer");

    for (lifter, sealer) in [(20, 30), (30, 20)] {
        let (mut document, first) = begin("Body.");
        let (seen, sealed) = edit(&mut document, |e| e.seal());
        let mut lifting = other(lifter, &[&first, &sealed]);
        let mut sealing = other(sealer, &[&first, &sealed]);
        let (_, lifted) = edit(&mut lifting, |e| e.unseal(&[seen]));
        let (again, sealed_again) = edit(&mut sealing, |e| e.seal());
        lifting.merge(&[&sealed_again]).unwrap();
        sealing.merge(&[&lifted]).unwrap();
        assert!(same(&lifting, &sealing).seals.iter().eq([&again]));
    }
}

/// A cut is checked again after every merge on the floor of publishing. What this floor offers: a text holds a token
/// and never the name, so there is no name to bring back.
#[test]
fn trap_e_a_redaction_merged_with_a_concurrent_edit_brings_the_name_back_and_a_token_never_does() {
    let meet = |base: &str, redacted: &str, edited: &str| {
        let (mut a, first) = begin(base);
        let mut b = other(2, &[&first]);
        let heads = a.heads();
        edit(&mut a, |e| e.set_text(TextField::Body, &heads, redacted));
        let (_, change) = edit(&mut b, |e| e.set_text(TextField::Body, &heads, edited));
        a.merge(&[&change]).unwrap();
        a.entry().unwrap().body().to_owned()
    };
    let merged = meet("Mary left early.", "M. left early.", "Mary left early. I saw Mary run.");
    assert!(merged.contains("Mary"));
    let (mut people, _) = PeopleDocument::load(actor(1), None, &[]).unwrap();
    let (token, _) = people.add(at(1), &mut Seeded::new(1), "Mary").unwrap();
    let mary = in_text(&token);
    let merged = meet(&format!("{mary} left."), "M. left.", &format!("{mary} left. I saw {mary} run."));
    assert!(!merged.contains("Mary"));
    people.rename(at(2), &token, "M.").unwrap();
    assert!(!names_in(&merged, &people.people().unwrap()).contains("Mary"));
}

#[test]
fn trap_f_two_devices_that_make_the_same_container_hide_one_text_and_ours_make_none() {
    let (_, first) = begin("");
    let make = |n: u8, words: &'static str| {
        foreign(&[&first], n, |tx| {
            let id = tx.put_object(ROOT, "more", ObjType::Text).unwrap();
            tx.splice_text(&id, 0, 0, words).unwrap();
        })
    };
    let mut doc = Automerge::load(&first).unwrap();
    doc.load_incremental(&[make(20, "left"), make(30, "right")].concat()).unwrap();
    let (_, winner) = doc.get(ROOT, "more").unwrap().unwrap();
    assert_eq!(doc.text(&winner).unwrap(), "right", "one text is hidden");

    let (mut a, first) = begin("");
    let mut b = other(2, &[&first]);
    let base = a.heads();
    let (_, from_a) = edit(&mut a, |e| {
        e.set_text(TextField::Body, &base, "Left.")?;
        e.mark(MarkGroup::Feelings, "left")
    });
    let (_, from_b) = edit(&mut b, |e| {
        e.set_text(TextField::Body, &base, "Right.")?;
        e.mark(MarkGroup::Feelings, "right")
    });
    a.merge(&[&from_b]).unwrap();
    b.merge(&[&from_a]).unwrap();
    let entry = same(&a, &b);
    assert!(entry.body().contains("Left.") && entry.body().contains("Right."), "{}", entry.body());
    assert_eq!((entry.sections.len(), entry.sections[0].id), (1, MAIN_SECTION));
    assert!(entry.marks[&MarkGroup::Feelings].iter().eq(["left", "right"]));
}

#[test]
fn trap_g_deleting_a_section_hides_a_concurrent_edit_and_retiring_keeps_it() {
    let (mut a, first) = begin("");
    let (section, second) = edit(&mut a, |e| e.add_section("Q", None, "Answer."));
    let mut b = other(2, &[&first, &second]);
    let base = a.heads();
    let (_, retired) = edit(&mut a, |e| e.retire_section(section));
    let (_, edited) = edit(&mut b, |e| e.set_text(TextField::Section(section), &base, "Answer, at length."));
    let edited_at = b.heads();
    a.merge(&[&edited]).unwrap();
    b.merge(&[&retired]).unwrap();
    assert_eq!(same(&a, &b).sections.len(), 1);
    // Nothing is lost: what was written into it meanwhile comes back with it.
    edit(&mut a, |e| e.restore_texts(&edited_at));
    assert_eq!(a.entry().unwrap().sections[1].text, "Answer, at length.");
    // A deleted key would have taken the edit with it.
    let deleted = foreign(&[&first, &second], 66, |tx| {
        let sections = tx.get(ROOT, "sections").unwrap().unwrap().1;
        tx.delete(&sections, section.to_string()).unwrap();
    });
    let mut c = other(3, &[&first, &second, &edited]);
    c.merge(&[&deleted]).unwrap();
    let error = c.edit_with(at(9), &mut Seeded::new(1), |e| e.set_text(TextField::Section(section), &base, "x"));
    assert_eq!(error.unwrap_err(), DocumentError::NoSuch("section"));
}

#[test]
fn trap_h_a_commit_has_time_zero_unless_it_is_set_and_ours_is_never_before_the_latest() {
    let mut doc = Automerge::new();
    let mut transaction = doc.transaction();
    transaction.put(ROOT, "x", 1).unwrap();
    transaction.commit();
    assert_eq!(doc.get_last_local_change().unwrap().timestamp(), 0);

    let (mut document, first) = begin("Body.");
    assert_eq!(ChangeHeader::parse(&first).unwrap().time, 1_000_000);
    for (now, time) in [(5000, 5000), (4000, 5000), (-3, 5000), (6000, 6000), (i64::MAX / 2000, 253_402_300_799)] {
        let trashed = document.entry().unwrap().trashed;
        let (_, changes) = document.edit_with(at(now), &mut Seeded::new(1), |e| e.set_trashed(!trashed)).unwrap();
        assert_eq!(ChangeHeader::parse(&changes[0]).unwrap().time, time * 1000);
    }
}

#[test]
fn trap_i_a_text_written_on_an_old_base_deletes_nothing_that_a_sync_brought_in() {
    let (mut document, first) = begin("I failed the exam.");
    let opened = document.heads();
    let mut phone = other(2, &[&first]);
    let (_, meanwhile) =
        edit(&mut phone, |e| e.set_text(TextField::Body, &opened, "I failed the exam. Mother called."));
    document.merge(&[&meanwhile]).unwrap();
    let (now, _) = edit(&mut document, |e| e.set_text(TextField::Body, &opened, "I failed the hard exam."));
    assert_eq!(now, "I failed the hard exam. Mother called.");
    // Against the current text, the same words would have deleted the sentence.
    let current = document.heads();
    let (now, _) = edit(&mut document, |e| e.set_text(TextField::Body, &current, "I failed the hard exam."));
    assert_eq!(now, "I failed the hard exam.");
}

#[test]
fn trap_j_of_two_changes_with_one_actor_and_number_every_device_sets_aside_the_lower() {
    let (mut base, first) = begin("Body.");
    // A restored backup that kept its actor.
    let mut once = other(5, &[&first]);
    let mut twice = other(5, &[&first]);
    let (_, x) = edit(&mut once, |e| e.add_item(ItemKind::Lesson, "x"));
    let (_, y) = edit(&mut twice, |e| e.add_item(ItemKind::Lesson, "y"));
    let (_, after_x) = edit(&mut once, |e| e.set_muted(true));
    let (_, after_y) = edit(&mut twice, |e| e.set_muted(true));
    let (_, beside) = edit(&mut base, |e| e.set_trashed(true));
    let mut plain = Automerge::load(&first).unwrap();
    plain.load_incremental(&x).unwrap();
    assert!(matches!(
        plain.load_incremental(&[y.clone(), beside.clone()].concat()),
        Err(AutomergeError::DuplicateSeqNumber(..))
    ));
    assert!(plain.get_change_by_hash(&automerge::ChangeHash(*change_hash(&beside).as_bytes())).is_none(), "all of it");

    let (lower, kept) = if change_hash(&x) < change_hash(&y) { ("x", "y") } else { ("y", "x") };
    let mut expected = if lower == "x" { vec![&x, &after_x] } else { vec![&y, &after_y] };
    expected.sort_by_key(|change| change_hash(change));
    let all = [&first, &x, &y, &after_x, &after_y, &beside];
    let mut rng = Seeded::new(3);
    let mut seen = None;
    for _ in 0..60 {
        let mut order = all;
        for at in (1..order.len()).rev() {
            order.swap(at, rng.below(at + 1));
        }
        // In two parts, across a snapshot: the second part may bring what unseats a change of the first.
        let part = rng.below(order.len());
        let before: Vec<&[u8]> = order[..part].iter().map(|change| change.as_slice()).collect();
        let all: Vec<&[u8]> = order.iter().map(|change| change.as_slice()).collect();
        let half = EntryDocument::load(ID, actor(6), None, &before).unwrap().document;
        let loaded = EntryDocument::load(ID, actor(7), Some(&half.save()), &all).unwrap();
        let hashes: Vec<_> = expected.iter().map(|change| change_hash(change)).collect();
        assert_eq!(loaded.refused, hashes);
        let entry = loaded.document.entry().unwrap();
        assert_eq!(entry.items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), [kept]);
        assert!(entry.trashed && entry.muted);
        assert_eq!(*seen.get_or_insert(entry.clone()), entry);
    }
    // Fresh actors never collide.
    assert_ne!(Actor::draw(&mut Seeded::new(1)), Actor::draw(&mut Seeded::new(2)));
}

/// The store holds such changes back as pending; this floor refuses one that comes all the same.
#[test]
fn trap_k_a_change_with_missing_dependencies_is_never_queued_nor_saved() {
    let (mut document, first) = begin("Body.");
    let (_, second) = edit(&mut document, |e| e.set_muted(true));
    let (_, third) = edit(&mut document, |e| e.set_trashed(true));
    let mut plain = Automerge::load(&first).unwrap();
    plain.load_incremental(&third).unwrap();
    assert!(plain.save().len() > Automerge::load(&first).unwrap().save().len(), "saved with the document");
    assert!(!plain.get_missing_deps(&[]).is_empty(), "taken silently");

    let mut device = other(2, &[&first]);
    let saved = device.save();
    assert_eq!(device.merge(&[&third]).unwrap(), [change_hash(&third)]);
    assert_eq!((device.save(), device.heads()), (saved, vec![change_hash(&first)]));
    assert!(device.merge(&[&third, &second]).unwrap().is_empty());
    assert!(same(&document, &device).trashed);
}

#[test]
fn trap_l_a_compressed_change_is_refused_before_it_is_opened_and_ours_are_never_compressed() {
    let (mut document, first) = begin("Body.");
    let base = document.heads();
    let long = "All work and no play. ".repeat(9_000);
    let (_, change) = edit(&mut document, |e| e.set_text(TextField::Body, &base, &long));
    assert!(change.len() > 180_000 && change[8] == 1, "type 1, whatever its size");
    let compressed = Change::try_from(&change[..]).unwrap().bytes().into_owned();
    assert_eq!(compressed[8], 2);
    assert!(compressed.len() * 10 < change.len(), "it inflates");
    assert!(ChangeHeader::parse(&compressed).is_err());
    let loaded = EntryDocument::load(ID, actor(2), None, &[&first, &compressed]).unwrap();
    assert_eq!(loaded.refused, [change_hash(&compressed)]);
    assert_eq!(loaded.document.entry().unwrap().body(), "Body.");
    same(&document, &other(2, &[&first, &change]));
    // A document or a bundle is no change either.
    assert!(ChangeHeader::parse(&document.save()).is_err());
}

const PEOPLE_FIRST: &str = "856f4a8344d18f16013d00106166746572776f72642f70656f706c65010100000006150f34014203560357017002\
7e06736368656d610670656f706c65027e01007e1400010200";
const LIBRARY_FIRST: &str = "856f4a8354b507de015800106166746572776f72642f6c696272617201010000000615283401420456045701700\
27b06736368656d610974656d706c617465730770726f6d70747304746167730873657474696e6773057f0104007f140400010500";

#[test]
fn trap_m_singletons_begin_with_the_same_bytes_on_every_device() {
    // Two devices that each make their own hide each other's keys.
    let make = |n: u8, word: &'static str| {
        let mut doc = Automerge::new().with_actor(ActorId::from([n; 16]));
        let mut transaction = doc.transaction();
        let people = transaction.put_object(ROOT, "people", ObjType::Map).unwrap();
        transaction.put(&people, word, true).unwrap();
        transaction.commit_with(CommitOptions::default());
        doc
    };
    let (mut one, mut two) = (make(1, "one"), make(2, "two"));
    one.merge(&mut two).unwrap();
    let (_, people) = one.get(ROOT, "people").unwrap().unwrap();
    assert_eq!(one.keys(&people).collect::<Vec<_>>(), ["two"]);

    // Ours begin with a golden vector: these bytes never change.
    let hex = |bytes: Vec<u8>| data_encoding::HEXLOWER.encode(&bytes);
    assert_eq!(hex(PeopleDocument::first_change().unwrap()), PEOPLE_FIRST);
    assert_eq!(hex(LibraryDocument::first_change().unwrap()), LIBRARY_FIRST);
    let (people, _) = PeopleDocument::load(actor(1), None, &[]).unwrap();
    let (again, _) = PeopleDocument::load(actor(2), Some(&people.save()), &[]).unwrap();
    assert_eq!(people.heads(), again.heads());
    assert_eq!(people.heads(), [change_hash(&PeopleDocument::first_change().unwrap())]);
}
