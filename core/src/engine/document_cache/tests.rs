//! Warm documents: opened once, never believed over the log, gone with an erase.

use super::*;
use crate::engine::Engine;
use crate::engine::alone::{again, made, set_text};
use crate::id::ItemId;
use crate::journal::edit::{Edit, TextField};
use crate::journal::{Kind, NewEntry};

fn write(engine: &Engine, body: &str) -> EntryId {
    let new =
        NewEntry { kind: Kind::Note, title: String::new(), body: body.to_owned(), sections: vec![], happened: None };
    engine.create_entry(new).unwrap().id
}

fn append(engine: &Engine, id: EntryId, more: &str) {
    let text = format!("{}{more}", body(engine, id));
    set_text(engine, id, TextField::Body, &text).unwrap();
}

fn body(engine: &Engine, id: EntryId) -> String {
    engine.stored_entry(id).unwrap().entry.body().to_owned()
}

#[test]
fn who_writes_on_opens_nothing() {
    let (_folder, engine) = made();
    let id = write(&engine, "a");
    (0..30).for_each(|n| append(&engine, id, &format!(" {n}")));
    assert_eq!(engine.documents_opened(), 0, "it was made here, and stayed open");
    let next = again(&engine, 2);
    (0..30).for_each(|n| append(&next, id, &format!(" {n}")));
    assert_eq!(next.documents_opened(), 1);
    assert_eq!(body(&next, id).split(' ').count(), 61);
    // More than are kept: the one that was used longest ago is opened again.
    let others: Vec<_> = (0..MAX_OPEN).map(|_| write(&next, "b")).collect();
    append(&next, others[0], " c");
    append(&next, id, " d");
    assert_eq!(next.documents_opened(), 2);
}

#[test]
fn what_another_process_wrote_meanwhile_is_taken_in_and_not_written_over() {
    let (_folder, engine) = made();
    let other = again(&engine, 2);
    let id = write(&engine, "a");
    for n in 0..8 {
        append(&engine, id, &format!(" here{n}"));
        append(&other, id, &format!(" there{n}"));
    }
    for n in 0..8 {
        assert!(body(&engine, id).contains(&format!(" here{n} there{n}")));
    }
    assert_eq!(body(&other, id), body(&engine, id));
    assert_eq!((engine.documents_opened(), other.documents_opened()), (0, 1));
}

#[test]
fn an_edit_that_failed_leaves_nothing_behind() {
    let (_folder, engine) = made();
    let id = write(&engine, "a");
    let base = engine.heads(id).unwrap();
    let half = Edit::SetText { field: TextField::Body, base, text: "half done".into() };
    let failed = engine.edit(id, &[half, Edit::RetireItem(ItemId::from_bytes([9; 16]))]);
    assert!(failed.is_err());
    append(&engine, id, "b");
    assert_eq!(body(&engine, id), "ab");
    // The disk's failing, after the document took the edit in.
    let connections = engine.shared.store.connections();
    let limit = connections.set_max_page_count(1).unwrap();
    let long = "A word that needs another page. ".repeat(4000);
    let base = engine.heads(id).unwrap();
    let full = engine.edit(id, &[Edit::SetText { field: TextField::Body, base, text: long }]);
    assert_eq!(full.unwrap_err().code, crate::error::Code::StorageFull);
    connections.set_max_page_count(limit.max(1 << 20)).unwrap();
    append(&engine, id, "c");
    assert_eq!(body(&engine, id), "abc");
    let other = again(&engine, 2);
    append(&other, id, "d");
    assert_eq!(body(&engine, id), "abcd");
}

#[test]
fn an_erase_takes_it_out_of_memory() {
    let (_folder, engine) = made();
    let (id, other) = (write(&engine, "a"), write(&engine, "b"));
    let base = engine.heads(id).unwrap();
    engine.erase(id).unwrap();
    assert!(engine.shared.warm.take(id).is_none());
    let edited = engine.edit(id, &[Edit::SetText { field: TextField::Body, base, text: "c".into() }]);
    assert_eq!(edited.unwrap_err().code, crate::error::Code::NotFound);
    append(&engine, other, "c");
    assert_eq!(body(&engine, other), "bc");
}

#[test]
fn the_next_program_opens_what_was_edited_from_a_snapshot_and_an_erased_entry_has_none() {
    let (_folder, engine) = made();
    let (id, erased) = (write(&engine, "a"), write(&engine, "b"));
    (0..5).for_each(|_| append(&engine, id, " more"));
    (0..5).for_each(|_| append(&engine, erased, " more"));
    let snapshots = |engine: &Engine| {
        let count = |tx: &mut SqliteTx<'_>| {
            Ok(tx.conn()?.query_row("SELECT count(*) FROM snapshots", [], |row| row.get::<_, i64>(0)).unwrap())
        };
        engine.shared.store.read_sql(count).unwrap()
    };
    // An erase while the snapshots are on their way to the store.
    let late = lock(&engine.shared.warm.0)
        .iter_mut()
        .map(|kept| (kept.entry.id, kept.version, kept.document.save()))
        .collect::<Vec<_>>();
    engine.erase(erased).unwrap();
    for (id, version, bytes) in late {
        engine.shared.store.write_sql(|tx| read_model::remember(tx, id, version, &bytes, 1)).unwrap();
    }
    assert_eq!(snapshots(&engine), 1);
    save(&engine.shared).unwrap();
    assert_eq!(snapshots(&engine), 1);
    let next = again(&engine, 2);
    let opened = next.shared.store.read_sql(|tx| read_model::open(tx, id, next.shared.actor())).unwrap();
    assert_eq!(opened.replayed, 0);
}
