//! What our own writers make of the largest texts: every change is one that every reader takes.

use super::*;
use crate::document::change::{ChangeHeader, open};
use crate::document::{DocumentError, MAX_CHANGE, MAX_CHANGE_OPERATIONS, MAX_TEXT, reader};
use crate::journal::edit::{Edit, TextField};

/// A text of so many letters, of which no two runs are alike.
fn letters(seed: u64, len: usize) -> String {
    let mut random = Seeded::new(seed);
    (0..len).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

/// Each of these is one that every reader takes.
fn taken(changes: &[Vec<u8>]) {
    for chunk in changes {
        let header = ChangeHeader::parse(chunk).expect("a header that every reader takes");
        assert!(header.operations <= MAX_CHANGE_OPERATIONS && chunk.len() <= MAX_CHANGE);
        assert!(open(chunk).is_ok());
    }
}

/// What two readers make of these changes: every one of them is in.
fn read(changes: &[Vec<u8>]) -> Entry {
    taken(changes);
    let chunks: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
    let loaded = EntryDocument::load(ID, actor(90), None, &chunks).unwrap();
    assert!(loaded.refused.is_empty(), "{} changes are set aside", loaded.refused.len());
    let entry = loaded.document.entry().unwrap();
    assert_eq!(reader::entry(ID, &chunks).as_ref(), Some(&entry), "and the reader says the same");
    entry
}

fn write(
    document: &mut EntryDocument,
    all: &mut Vec<Vec<u8>>,
    texts: &[(TextField, &str)],
) -> Result<(), DocumentError> {
    let base = document.heads();
    let mut entry = document.entry().unwrap();
    let set = |(field, text): &(TextField, &str)| Edit::SetText {
        field: *field,
        base: base.clone(),
        text: (*text).to_owned(),
    };
    let edits: Vec<Edit> = texts.iter().map(set).collect();
    let applied = document.edit_read(&mut entry, at(2), &mut Seeded::new(5), &edits)?;
    assert_eq!(entry, document.entry().unwrap());
    all.extend(applied.changes);
    Ok(())
}

#[test]
fn two_long_texts_written_over_at_once_are_read_everywhere() {
    let (mut document, first) = begin("");
    let mut all = vec![first];
    let (section, change) = edit(&mut document, |editor| editor.add_section("And then?", None, ""));
    all.push(change);
    let fields = [TextField::Body, TextField::Section(section)];
    for seed in [1, 3] {
        let texts = [letters(seed, 800_000), letters(seed + 1, 800_000)];
        write(&mut document, &mut all, &[(fields[0], &texts[0]), (fields[1], &texts[1])]).unwrap();
        let entry = document.entry().unwrap();
        assert_eq!(fields.map(|field| field.of(&entry).unwrap().to_owned()), texts);
    }
    assert_eq!(read(&all), document.entry().unwrap());
}

#[test]
fn an_entry_of_the_longest_texts_is_created_and_made_again() {
    let new = NewEntry {
        kind: Kind::Note,
        title: "Long".into(),
        body: letters(1, MAX_TEXT),
        sections: vec![("And then?".into(), letters(2, MAX_TEXT))],
        happened: None,
    };
    let (document, changes) = EntryDocument::create(ID, actor(1), at(1000), &new, &mut Seeded::new(1)).unwrap();
    taken(&changes);
    let entry = document.entry().unwrap();
    assert_eq!(entry.body(), new.body);
    assert!(entry.sections[1..].iter().zip(&new.sections).all(|(made, (_, text))| made.text == *text));
    let (again, changes) = EntryDocument::recreate(&entry, actor(2), &mut Seeded::new(2)).unwrap();
    let made = read(&changes);
    assert_eq!(made, again.entry().unwrap());
    assert_eq!((made.body(), &made.sections), (entry.body(), &entry.sections));
}

/// An older text comes back whole, however many changes it takes.
#[test]
fn a_long_text_that_is_restored_is_read_everywhere() {
    let text = letters(1, MAX_TEXT);
    let (mut document, changes) =
        EntryDocument::create(ID, actor(1), at(1000), &note(&text), &mut Seeded::new(1)).unwrap();
    let mut all = changes;
    let old = document.heads();
    write(&mut document, &mut all, &[(TextField::Body, "Short."), (TextField::Title, "Another")]).unwrap();
    let (_, changes) = document.edit_with(at(3), &mut Seeded::new(6), |editor| editor.restore_texts(&old)).unwrap();
    all.extend(changes);
    let entry = read(&all);
    assert_eq!((entry.body(), entry.title.as_str()), (text.as_str(), "A title"));
}

/// What was written on an older text is carried over to what came since, also where it takes several changes.
#[test]
fn a_long_text_that_was_written_on_an_older_one_meets_what_came_since() {
    let (mut document, first) = begin("First. Last.");
    let opened = document.heads();
    let mut all = vec![first];
    write(&mut document, &mut all, &[(TextField::Body, "First. Last. And a line.")]).unwrap();
    let long = letters(4, 600_000);
    let (said, changes) = document
        .edit_with(at(9), &mut Seeded::new(4), |editor| {
            editor.set_text(TextField::Body, &opened, &format!("First. {long} Last."))
        })
        .unwrap();
    assert!(changes.len() > 1);
    all.extend(changes);
    assert_eq!(said, format!("First. {long} Last. And a line."));
    assert_eq!(read(&all).body(), said);
}

#[test]
fn who_writes_the_same_long_text_twice_in_one_edit_is_told_and_nothing_changes() {
    let (mut document, _) = begin("");
    let (base, long) = (document.heads(), letters(1, 600_000));
    let failed = document.edit_with(at(2), &mut Seeded::new(4), |editor| {
        editor.set_text(TextField::Body, &base, &long)?;
        editor.set_text(TextField::Body, &base, "Another.")
    });
    assert_eq!(failed.unwrap_err(), DocumentError::TooLarge);
    assert_eq!((document.heads(), document.entry().unwrap().body()), (base, ""));
}

/// Values that are no texts can't be put off: too many of them are refused, and nothing changes.
#[test]
fn an_edit_of_more_values_than_a_change_may_hold_is_refused_whole() {
    let (mut document, _) = begin("Body.");
    let (base, note) = (document.heads(), "n".repeat(60_000));
    let failed = document.edit_with(at(2), &mut Seeded::new(4), |editor| {
        let day = "2026-01-01".parse().unwrap();
        (0..300).try_for_each(|_| editor.add_closure(day, crate::journal::ClosureKind::LetGo, &note).map(drop))
    });
    assert_eq!(failed.unwrap_err(), DocumentError::TooLarge);
    assert_eq!(document.heads(), base);
    let error = crate::error::Error::from(DocumentError::TooLarge);
    assert_eq!((error.code, error.about), (crate::error::Code::Invalid, "size"));
}

/// What the bounds are there for: a change of few bytes and many operations, as a writer without them would make it.
#[test]
fn a_change_of_more_operations_than_ours_is_set_aside() {
    let (_, first) = begin("");
    let text = "a".repeat(MAX_CHANGE_OPERATIONS as usize + 1);
    let hostile = super::hostile::foreign(&[&first], 66, |tx| {
        let title = automerge::ReadDoc::get(tx, automerge::ROOT, "title").unwrap().unwrap().1;
        automerge::transaction::Transactable::splice_text(tx, &title, 0, 0, &text).unwrap();
    });
    assert!(zstd::bulk::compress(&hostile, 3).unwrap().len() < 400, "next to nothing, as it is sent");
    assert!(open(&hostile).is_err() && ChangeHeader::parse(&hostile).is_err());
    let loaded = EntryDocument::load(ID, actor(9), None, &[&first, &hostile]).unwrap();
    assert_eq!(loaded.refused, [crate::document::change_hash(&hostile)]);
}
