//! Typing: durable soon, one change after a rest, nothing lost to a sync or a kill, nothing written twice.

use super::*;
use crate::engine::alone::{PASSPHRASE, again, made, set_text};
use crate::journal::{Kind, NewEntry};
use crate::replication::StorageExt;
use crate::store::read_model::Filter;
use crate::vault::Unlock;

const LONG: Duration = Duration::from_secs(30);

fn entry(engine: &Engine, body: &str) -> EntryId {
    let new =
        NewEntry { kind: Kind::Note, title: "Rain".into(), body: body.into(), sections: Vec::new(), happened: None };
    engine.create_entry(new).unwrap().id
}

fn body(editor: &EntryEditor) -> EditorText {
    editor.texts().unwrap().into_iter().find(|text| text.field == TextField::Body).unwrap()
}

fn changes(engine: &Engine, id: EntryId) -> usize {
    engine.shared.store.read(|tx| tx.changes(id)).unwrap().len()
}

/// Another device's edit, as a sync brings it.
fn elsewhere(engine: &Engine, id: EntryId, seed: u64, edit: impl FnOnce(&str) -> String) {
    let other = again(engine, seed);
    let text = edit(other.stored_entry(id).unwrap().entry.body());
    set_text(&other, id, TextField::Body, &text).unwrap();
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn forty_letters_are_one_change() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "It");
    let editor = engine.editor(id).unwrap();
    let EditorText { heads, text, is_draft, .. } = body(&editor);
    assert_eq!((text.as_str(), is_draft), ("It", false));
    for letters in 1..=40 {
        editor.type_text(TextField::Body, &heads, &format!("It{}", " rained".repeat(6).split_at(letters).0)).unwrap();
    }
    let expected = format!("It{}", " rained".repeat(6).split_at(40).0);
    assert_eq!((body(&editor).text, body(&editor).is_draft), (expected.clone(), true));
    assert_eq!(changes(&engine, id), 1);
    // By itself, once nothing more is typed.
    until("nobody saved it", || changes(&engine, id) == 2);
    until("the draft stayed", || engine.shared.store.read_sql(|tx| tx.drafts(id)).unwrap().is_empty());
    assert_eq!((body(&editor).text, body(&editor).is_draft), (expected, false));
    assert_eq!(editor.close().unwrap(), None);
    assert_eq!(editor.type_text(TextField::Body, &heads, "more").unwrap_err().code, Code::Refused);
}

/// As a kill leaves it: nothing is closed, and the next program opens the same files.
#[test]
fn a_draft_outlives_its_program() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "It");
    let editor = engine.editor(id).unwrap();
    editor.type_text(TextField::Body, &body(&editor).heads, "It rained.").unwrap();
    until("no draft is durable", || !engine.shared.store.read_sql(|tx| tx.drafts(id)).unwrap().is_empty());
    let next = Arc::new(again(&engine, 2));
    assert_eq!(next.shared.store.read_sql(|tx| tx.drafted()).unwrap(), [id]);
    let found = next.editor(id).unwrap();
    assert_eq!((body(&found).text.as_str(), body(&found).is_draft), ("It rained.", true));
    found.close().unwrap();
    assert_eq!(next.stored_entry(id).unwrap().entry.body(), "It rained.");
}

#[test]
fn what_comes_meanwhile_is_merged_and_the_cursor_stays_behind_its_letters() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "one two three");
    let editor = engine.editor(id).unwrap();
    let heads = body(&editor).heads;
    editor.type_text(TextField::Body, &heads, "one two three four").unwrap();
    elsewhere(&engine, id, 2, |body| format!("zero {body}"));
    let Merged { text, cursor, changed } = editor.take_in(TextField::Body, 18).unwrap();
    assert_eq!((text.text.as_str(), cursor, changed), ("zero one two three four", 23, true));
    let again = editor.take_in(TextField::Body, 23).unwrap();
    assert_eq!((again.cursor, again.changed), (23, true), "the window still says what was typed");
    editor.type_text(TextField::Body, &text.heads, "zero one two three four five").unwrap();
    editor.close().unwrap();
    assert_eq!(engine.stored_entry(id).unwrap().entry.body(), "zero one two three four five");
}

/// A window that has not heard of a save types on as it stands: nothing comes twice, nothing of the sync is lost.
#[test]
fn who_types_on_an_older_base_writes_nothing_twice() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "one");
    let editor = engine.editor(id).unwrap();
    let heads = body(&editor).heads;
    for (round, typed) in ["one two", "one two three", "one two three four"].into_iter().enumerate() {
        editor.type_text(TextField::Body, &heads, typed).unwrap();
        elsewhere(&engine, id, 2 + round as u64, |body| format!("{round} {body}"));
        editor.save().unwrap().unwrap();
    }
    assert_eq!(engine.stored_entry(id).unwrap().entry.body(), "2 1 0 one two three four");
    editor.type_text(TextField::Body, &heads, "one three four!").unwrap();
    assert_eq!(body(&editor).text, "2 1 0 one three four!");
    editor.close().unwrap();
    assert_eq!(engine.stored_entry(id).unwrap().entry.body(), "2 1 0 one three four!");
}

#[test]
fn an_erase_takes_the_drafts() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "It");
    let editor = engine.editor(id).unwrap();
    editor.type_text(TextField::Body, &body(&editor).heads, "nobody may read this").unwrap();
    editor.keep().unwrap();
    engine.erase(id).unwrap();
    assert_eq!(engine.shared.store.read_sql(|tx| tx.drafts(id)).unwrap(), []);
    assert!(editor.close().is_err());
    assert_eq!(engine.shared.store.read_sql(|tx| tx.drafts(id)).unwrap(), []);
}

#[test]
fn names_are_typed_as_names() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    engine
        .import_people(&[crate::journal::people::Person {
            token: "aaaaaaaaaa".into(),
            name: "Ruth".into(),
            aliases: std::collections::BTreeSet::new(),
        }])
        .unwrap();
    let id = entry(&engine, "With @Ruth");
    let editor = engine.editor(id).unwrap();
    let text = body(&editor);
    assert_eq!(text.text, "With @Ruth");
    editor.type_text(TextField::Body, &text.heads, "With @Ruth and @Nobody").unwrap();
    editor.save().unwrap();
    assert_eq!(engine.stored_entry(id).unwrap().entry.body(), "With {{p:aaaaaaaaaa}} and @Nobody");
    assert_eq!(body(&editor).text, "With @Ruth and @Nobody");
}

#[test]
fn places_move_with_the_letters_before_them() {
    for (old, new, before, after) in [
        ("abc", "abc", 2, 2),
        ("abc", "xx abc", 3, 6),
        ("one two", "one", 7, 3),
        ("one two", "two", 0, 0),
        ("one two", "one big two", 4, 4),
        ("one two", "one big two", 5, 9),
        ("日記を", "今日 日記を", 3, 6),
    ] {
        assert_eq!(moved(old, new, before), after, "{old} to {new} at {before}");
    }
}

/// One text lies durable while another is typed: the thread sleeps until the other is due, and ends once all are saved.
#[test]
fn the_thread_waits_for_what_is_due_and_ends_with_it() {
    let (_folder, engine) = made();
    let engine = Arc::new(engine);
    let editor = engine.editor(entry(&engine, "It")).unwrap();
    let heads = body(&editor).heads;
    editor.type_text(TextField::Title, &heads, "Rainy").unwrap();
    editor.type_text(TextField::Body, &heads, "It rained").unwrap();
    {
        let mut desk = lock(&editor.desk);
        let began = Instant::now();
        for typed in desk.typed.values_mut() {
            (typed.at, typed.is_durable) = (began, true);
        }
        let title = desk.typed.get_mut(&TextField::Title).unwrap();
        title.at -= IDLE_DELAY;
        assert_eq!(desk.due(), Some(began + IDLE_DELAY), "nothing is due before the last letter is old");
        desk.typed.get_mut(&TextField::Body).unwrap().is_durable = false;
        assert_eq!(desk.due(), Some(began + DURABLE));
    }
    until("the thread stays", || !lock(&editor.desk).has_thread);
    assert_eq!(engine.stored_entry(editor.id()).unwrap().entry.body(), "It rained");
    editor.type_text(TextField::Body, &editor.texts().unwrap()[1].heads, "It rained again").unwrap();
    until("nobody saved it", || engine.stored_entry(editor.id()).unwrap().entry.body() == "It rained again");
}

/// A draft is listed and searched like the entry, by this program and the next, and `doctor` expects it so.
#[test]
fn a_draft_is_listed_and_found() {
    let (folder, engine) = made();
    let engine = Arc::new(engine);
    let id = entry(&engine, "It rained");
    let editor = engine.editor(id).unwrap();
    let heads = body(&editor).heads;
    let found = |word: &str| engine.search(word, 10).unwrap().hits.len();
    let title = || engine.list(&Filter::default(), 10, None).unwrap().entries[0].title.clone();
    editor.type_text(TextField::Title, &heads, "Thunder").unwrap();
    editor.type_text(TextField::Body, &heads, "It rained, and a window broke").unwrap();
    editor.keep().unwrap();
    assert_eq!((found("window"), found("thunder"), found("rain"), title().as_str()), (1, 1, 0, "Thunder"));
    assert_eq!(changes(&engine, id), 1, "nothing of it is a change yet");
    let health = engine.doctor(Unlock::Passphrase(PASSPHRASE)).unwrap();
    assert!(health.checks.iter().all(|check| check.ok), "{health:?}");
    // Another text is changed meanwhile, and the list is still right.
    set_text(&engine, id, TextField::Body, "It snowed").unwrap();
    assert_eq!((title().as_str(), found("snowed"), found("window")), ("Thunder", 0, 1));
    editor.save().unwrap();
    assert_eq!((found("window"), found("thunder"), title().as_str()), (1, 1, "Thunder"));
    drop(folder);
}
