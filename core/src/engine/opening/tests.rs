//! A large document ends the process twice; the third time it is left out, and all else goes on.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ROOT, ReadDoc, TextEncoding};

use super::super::Engine;
use super::super::alone::{again, made};
use super::super::deriving;
use super::super::write::{Files, append_changes};
use super::*;
use crate::fault::{Fault, Faults};
use crate::journal::edit::Edit;
use crate::journal::{Kind, NewEntry};
use crate::replication::StorageExt;
use crate::store::read_model::Filter;

fn note(title: &str, body: &str) -> NewEntry {
    NewEntry { kind: Kind::Note, title: title.into(), body: body.into(), sections: vec![], happened: None }
}

/// An entry to which a member added so many letters, all alike: some hundred bytes.
fn swollen(engine: &Engine, letters: usize) -> EntryId {
    let id = engine.create_entry(note("swollen", "b")).unwrap().id;
    let first = engine.shared.store.read(|tx| tx.changes(id)).unwrap().remove(0).chunk;
    let mut doc = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
    doc.load_incremental(&first).unwrap();
    doc.set_actor(ActorId::from([100; 16]));
    let mut tx = doc.transaction();
    let title = tx.get(ROOT, "title").unwrap().unwrap().1;
    tx.splice_text(&title, 1, 0, &"a".repeat(letters)).unwrap();
    let (hash, _) = tx.commit_with(CommitOptions::default().with_time(3000));
    let chunk = doc.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec();
    // As it is sent, that is next to nothing.
    let operation = crate::log::Operation::change(id, chunk.clone(), Vec::new(), Vec::new()).unwrap();
    assert!(crate::log::Block::pack(&[operation]).iter().map(|block| block.bytes.len()).sum::<usize>() < 400);
    let shared = &engine.shared;
    shared.store.write_sql(|tx| append_changes(shared, tx, id, vec![chunk], Files::default())).unwrap();
    id
}

/// Everything is to be derived again, and nobody does it meanwhile: the thread that derives what is saved has ended.
fn settle(engine: &Engine) {
    deriving::end(&engine.shared);
    engine.shared.store.drop_derived().unwrap();
}

/// What a process leaves behind that is killed while it opens the entry.
fn die_over(engine: &Engine, id: EntryId) -> u64 {
    engine.shared.store.write_sql(|tx| tx.begin_opening(id, PROGRAM, MAX_DEATHS)).unwrap()
}

fn listed(engine: &Engine) -> (Vec<EntryId>, Vec<EntryId>, u64) {
    let listed = engine.list(&Filter::default(), 10, None).unwrap();
    (listed.entries.iter().map(|row| row.id).collect(), listed.too_large, listed.unread)
}

#[test]
fn an_entry_over_which_the_process_ended_twice_is_left_out_and_named_and_all_else_goes_on() {
    let (_folder, engine) = made();
    let other = engine.create_entry(note("weather", "It rained.")).unwrap().id;
    let id = swollen(&engine, 2 * LARGE as usize);
    settle(&engine);
    assert_eq!(die_over(&engine, id), 0);
    assert_eq!(die_over(&engine, id), 1);
    assert_eq!(listed(&engine), (vec![other], vec![id], 0));
    let found = engine.search("rained", 10).unwrap();
    assert_eq!((found.hits.len(), found.too_large, found.unread), (1, vec![id], 0));
    let another = engine.create_entry(note("more", "It stopped.")).unwrap().id;
    assert!(listed(&engine).0.contains(&another));
    assert_eq!(engine.search("stopped", 10).unwrap().hits.len(), 1);
    for refused in [
        engine.stored_entry(id).unwrap_err(),
        engine.history(id).unwrap_err(),
        engine.edit(id, &[Edit::SetTrashed(true)]).unwrap_err(),
    ] {
        assert!(is_too_large(&refused) && refused.message.contains(&id.to_string()), "{refused}");
    }
    let said = engine.check_changes().unwrap().unwrap().detail;
    assert!(said.contains(&id.to_string()) && said.contains("too large"), "{said}");
    // Nothing of it is lost: whoever asks for it is given another try.
    engine.rebuild(|_, _| {}).unwrap();
    let (rows, too_large, unread) = listed(&engine);
    assert_eq!((rows.len(), too_large, unread), (3, vec![], 0));
    assert_eq!(engine.stored_entry(id).unwrap().entry.title.len(), 2 * LARGE as usize + "swollen".len());
    assert_eq!(engine.shared.store.read_sql(|tx| tx.never_opened(PROGRAM, 1)).unwrap(), [], "every note is gone");
}

/// Without the guard the list would open the entry a third time.
#[test]
fn planted_an_entry_that_ended_the_process_twice_is_opened_again() {
    let (_folder, mut engine) = made();
    Arc::get_mut(&mut engine.shared).unwrap().identity.faults = Faults::from(Fault::OpensWhatEndedTheProcess);
    let id = swollen(&engine, 2 * LARGE as usize);
    settle(&engine);
    die_over(&engine, id);
    die_over(&engine, id);
    assert!(opening(&engine.shared, id).unwrap().is_some(), "the fault is seen");
}

#[test]
fn another_version_of_the_program_tries_again() {
    let (_folder, engine) = made();
    let id = swollen(&engine, 2 * LARGE as usize);
    settle(&engine);
    let begin = |program| engine.shared.store.write_sql(|tx| tx.begin_opening(id, program, MAX_DEATHS)).unwrap();
    assert_eq!(["another"; 4].map(begin), [0, 1, 2, 2]);
    assert_eq!(listed(&engine), (vec![id], vec![], 0));
}

#[test]
fn one_large_document_is_open_at_a_time_and_small_ones_wait_for_nothing() {
    let (_folder, engine) = made();
    let large = [swollen(&engine, 2 * LARGE as usize), swollen(&engine, 2 * LARGE as usize)];
    let small = engine.create_entry(note("weather", "It rained.")).unwrap().id;
    let other = again(&engine, 9);
    let first = opening(&engine.shared, large[0]).unwrap();
    assert!(first.is_some() && opening(&engine.shared, small).unwrap().is_none());
    let (tell, hear) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let second = opening(&other.shared, large[1]).unwrap();
            tell.send(second.is_some()).unwrap();
        });
        // Another process as well. It can't have it as long as this one does; it has it once this one gives it back.
        assert!(hear.recv_timeout(Duration::from_millis(50)).is_err());
        drop(first);
        assert!(hear.recv().unwrap());
    });
}

/// Many small and some large: all are derived, and a death over a large one costs no other its row.
#[test]
fn what_is_large_is_derived_after_the_others() {
    let (_folder, engine) = made();
    let small: Vec<_> = (0..20).map(|n| engine.create_entry(note(&format!("{n}"), "It rained.")).unwrap().id).collect();
    let large: Vec<_> = (0..3).map(|_| swollen(&engine, LARGE as usize + 1)).collect();
    settle(&engine);
    die_over(&engine, large[1]);
    die_over(&engine, large[1]);
    let done = engine.derive(Duration::MAX, |_, _| {}).unwrap();
    assert_eq!((done.documents, done.left), (22, 1));
    let rows = |ids: &[EntryId]| ids.iter().filter(|id| engine.row(**id).unwrap().is_some()).count();
    assert_eq!((rows(&small), rows(&large)), (20, 2));
}
