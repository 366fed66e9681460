//! Writes of entries: values in, ids out, all or nothing.

use std::collections::BTreeSet;

use super::*;
use crate::engine::alone::{again, made};
use crate::error::Code;
use crate::id::{AttachmentId, ItemId};
use crate::journal::edit::NewAttachment;
use crate::journal::people::Person;
use crate::journal::{ClosureKind, ItemKind, MarkGroup};

fn note(body: &str) -> NewEntry {
    let sections = vec![("Why?".to_owned(), "Because".to_owned())];
    NewEntry { kind: Kind::Note, title: "Rain".into(), body: body.into(), sections, happened: None }
}

fn person(token: &str, name: &str) -> Person {
    Person { token: token.into(), name: name.into(), aliases: BTreeSet::new() }
}

fn body(engine: &Engine, id: EntryId) -> String {
    engine.stored_entry(id).unwrap().entry.body().to_owned()
}

fn set_body(base: &[ChangeHash], text: &str) -> Edit {
    Edit::SetText { field: TextField::Body, base: base.to_vec(), text: text.to_owned() }
}

#[test]
fn a_write_returns_the_ids_of_what_it_made() {
    let (_folder, engine) = made();
    let created = engine.create_entry(note("b")).unwrap();
    let day = "2024-05-17".parse().unwrap();
    let item = |text: &str| Edit::AddItem { kind: ItemKind::Lesson, text: text.into() };
    let section = |text: &str| Edit::AddSection { prompt: "And?".into(), text: text.into() };
    let edits = [
        item("one"),
        Edit::Mark(MarkGroup::Tags, "rain".into()),
        item("two"),
        section("three"),
        section("four"),
        Edit::AddReflection { day, text: "five".into() },
        Edit::Close { day, kind: ClosureKind::LetGo, note: "six".into() },
        Edit::Seal,
    ];
    let edited = engine.edit(created.id, &edits).unwrap();
    let entry = engine.stored_entry(created.id).unwrap().entry;
    assert_eq!(edited.heads, entry.heads);
    let [main, why, three, four] = &entry.sections[..] else { panic!("{:?}", entry.sections) };
    assert_eq!((main.id, three.text.as_str(), four.text.as_str()), (MAIN_SECTION, "three", "four"));
    assert_eq!(created.parts, [Part::Section(why.id)]);
    assert_eq!((entry.items[0].text.as_str(), entry.items[1].text.as_str()), ("one", "two"));
    let made = [
        Part::Item(entry.items[0].id),
        Part::Item(entry.items[1].id),
        Part::Section(three.id),
        Part::Section(four.id),
        Part::Reflection(entry.reflections[0].id),
        Part::Closure(entry.closures[0].id),
        Part::Seal(*entry.seals.first().unwrap()),
    ];
    assert_eq!(edited.parts, made);
    let edited = engine.edit(created.id, &[Edit::Seal, Edit::Unseal(Vec::new())]).unwrap();
    assert_eq!((edited.parts.len(), engine.stored_entry(created.id).unwrap().entry.seals.len()), (1, 0));
}

#[test]
fn one_edit_that_makes_no_sense_undoes_all() {
    let (_folder, engine) = made();
    let created = engine.create_entry(note("b")).unwrap();
    let item = ItemId::from_bytes([9; 16]);
    let refused = engine.edit(created.id, &[set_body(&created.heads, "c"), Edit::RetireItem(item)]).unwrap_err();
    assert_eq!((refused.code, engine.heads(created.id).unwrap()), (Code::NotFound, created.heads.clone()));
    let nowhere = ChangeHash::from_bytes([9; 32]);
    assert_eq!(engine.edit(created.id, &[set_body(&[nowhere], "c")]).unwrap_err().code, Code::NotFound);
    let baseless = engine.edit(created.id, &[set_body(&[], "c")]).unwrap_err();
    assert_eq!((baseless.code, baseless.about), (Code::Invalid, "base"));
    assert_eq!(body(&engine, created.id), "b");
}

#[test]
fn a_text_is_written_on_what_its_writer_saw() {
    let (_folder, engine) = made();
    let created = engine.create_entry(note("one two")).unwrap();
    let elsewhere = again(&engine, 2);
    elsewhere.edit(created.id, &[set_body(&created.heads, "zero one two")]).unwrap();
    let item = Edit::AddItem { kind: ItemKind::Lesson, text: "later".into() };
    let made = elsewhere.edit(created.id, &[item]).unwrap().parts;
    engine.edit(created.id, &[set_body(&created.heads, "one two three")]).unwrap();
    assert_eq!(body(&engine, created.id), "zero one two three");
    // Nobody who saw those heads saw that item.
    let [Part::Item(item)] = made[..] else { panic!("{made:?}") };
    let edit = Edit::SetText { field: TextField::Item(item), base: created.heads, text: "no".into() };
    assert_eq!(engine.edit(created.id, &[edit]).unwrap_err().code, Code::NotFound);
}

#[test]
fn names_become_tokens_and_a_namesake_who_came_meanwhile_is_not_taken_for_the_first() {
    let (_folder, engine) = made();
    engine.import_people(&[person("mmmmmmmmmm", "Bo")]).unwrap();
    let created = engine.create_entry(note("Met @Bo")).unwrap();
    assert_eq!(body(&engine, created.id), "Met {{p:mmmmmmmmmm}}");
    let seen = engine.people().unwrap();
    // The lower token has the bare name from now on.
    engine.import_people(&[person("aaaaaaaaaa", "Bo")]).unwrap();
    let edited = engine.edit_shown(created.id, &[set_body(&created.heads, "Saw @Bo, and @Bo")], &seen).unwrap();
    assert_eq!(body(&engine, created.id), "Saw {{p:mmmmmmmmmm}}, and {{p:mmmmmmmmmm}}");
    engine.edit(created.id, &[set_body(&edited.heads, "Saw @Bo~2, and @Bo")]).unwrap();
    assert_eq!(body(&engine, created.id), "Saw {{p:mmmmmmmmmm}}, and {{p:aaaaaaaaaa}}");
}

#[test]
fn an_edit_names_no_file_whose_bytes_do_not_come_with_it() {
    let (_folder, engine) = made();
    let created = engine.create_entry(note("b")).unwrap();
    let new = NewAttachment {
        blob: BlobId::from_bytes([7; 32]),
        mime: "text/plain".into(),
        bytes: 1,
        caption: None,
        alt: None,
        credit: None,
    };
    let refused = engine.edit(created.id, &[Edit::Attach(new)]).unwrap_err();
    assert_eq!((refused.code, refused.about), (Code::Invalid, "file"));
    let unknown = engine.edit(created.id, &[Edit::Detach(AttachmentId::from_bytes([7; 16]))]).unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    assert_eq!(engine.heads(created.id).unwrap(), created.heads);
}
