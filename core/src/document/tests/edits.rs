//! Each edit reads back, and texts stay whole.

use super::*;
use crate::document::{DocumentError, MAX_TEXT};
use crate::id::{BlobId, ItemId};
use crate::journal::MAIN_SECTION;
use crate::journal::edit::{AttachmentField, NewAttachment, TextField};
use crate::journal::{Boxed, ClosureKind, Experiment, InnerState, ItemKind, ItemState, LinkKind, MarkGroup, NextMove};
use crate::time::{Day, Precision};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn a_new_entry_reads_as_it_was_written() {
    let new = NewEntry {
        kind: Kind::Failure,
        title: "The exam".into(),
        body: "I left early.".into(),
        sections: vec![("What happened?".into(), "Nothing.".into()), ("And then?".into(), String::new())],
        happened: Some(day("2026-05")),
    };
    let (document, changes) =
        EntryDocument::create(ID, actor(1), Timestamp(1_700_000_000_999), &new, &mut Seeded::new(1)).unwrap();
    let entry = same(&document, &other(2, &[&changes[0]]));
    assert_eq!((entry.kind, entry.title.as_str(), entry.body()), (Kind::Failure, "The exam", "I left early."));
    assert_eq!(entry.first_telling, "I left early.");
    assert_eq!(entry.happened.date, Some(day("2026-05")));
    assert_eq!(entry.happened.precision, Precision::Month);
    let prompts: Vec<_> = entry.sections.iter().map(|section| section.prompt.as_str()).collect();
    assert_eq!(prompts, ["", "What happened?", "And then?"]);
    assert_eq!(entry.sections[0].id, MAIN_SECTION);
    assert_eq!(entry.created_at, Timestamp(1_700_000_000_999));
    assert_eq!(entry.created_at, entry.updated_at);
    assert!(entry.experiment.is_none() && entry.seals.is_empty() && !entry.trashed && !entry.muted);
    assert_eq!(entry.heads, document.heads());
}

#[test]
fn every_edit_reads_back_on_another_device() {
    let (mut here, first) = begin("Body.");
    let mut changes = vec![first];
    let far = EntryId::from_bytes([9; 16]);
    let mut step = |here: &mut EntryDocument, change: Vec<u8>| {
        changes.push(change);
        same(here, &other(2, &changes.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    };

    let (section, c) = edit(&mut here, |e| e.add_section("Prompt", None, "One"));
    step(&mut here, c);
    let (_, c) = edit(&mut here, |e| e.add_section("Between", Some(MAIN_SECTION), "Zero"));
    let entry = step(&mut here, c);
    assert_eq!(entry.sections.iter().map(|s| s.prompt.as_str()).collect::<Vec<_>>(), ["", "Between", "Prompt"]);
    let base = here.heads();
    let (now, c) = edit(&mut here, |e| e.set_text(TextField::Section(section), &base, "One and two"));
    assert_eq!(now, "One and two");
    step(&mut here, c);
    let (_, c) = edit(&mut here, |e| e.retire_section(section));
    assert_eq!(step(&mut here, c).sections.len(), 2);

    let (item, c) = edit(&mut here, |e| e.add_item(ItemKind::Lesson, "Ask sooner"));
    step(&mut here, c);
    let (_, c) = edit(&mut here, |e| {
        e.set_item_state(item, Some(ItemState::Done))?;
        e.set_item_day(item, Some(day("2026-01-02")))
    });
    let entry = step(&mut here, c);
    assert_eq!((entry.items[0].state, entry.items[0].day), (Some(ItemState::Done), Some(day("2026-01-02"))));
    assert_eq!((entry.items[0].kind, entry.items[0].text.as_str()), (ItemKind::Lesson, "Ask sooner"));
    let (_, c) = edit(&mut here, |e| {
        e.set_item_state(item, None)?;
        e.set_item_day(item, None)
    });
    assert_eq!(step(&mut here, c).items[0].state, None);
    let (_, c) = edit(&mut here, |e| e.retire_item(item));
    assert!(step(&mut here, c).items.is_empty());

    let (_, c) = edit(&mut here, |e| {
        e.add_reflection(day("2026-03-01"), "Later")?;
        e.add_reflection(day("2026-02-01"), "Sooner")?;
        e.add_reflection(day("2026-03-01"), "Later still")
    });
    let entry = step(&mut here, c);
    assert_eq!(
        entry.reflections.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(),
        ["Sooner", "Later", "Later still"]
    );
    assert!(entry.states(day("2026-01-01")).contains(&InnerState::Reflected));

    let (_, c) = edit(&mut here, |e| {
        e.mark(MarkGroup::Feelings, " shame ")?;
        e.mark(MarkGroup::Feelings, "relief")?;
        e.mark(MarkGroup::Areas, "work")?;
        e.unmark(MarkGroup::Feelings, "relief")
    });
    let entry = step(&mut here, c);
    assert_eq!(entry.marks.len(), 2);
    assert!(entry.marks[&MarkGroup::Feelings].iter().eq(["shame"]));

    let (_, c) = edit(&mut here, |e| e.set_happened(Some(day("2024"))));
    assert_eq!(step(&mut here, c).happened.precision, Precision::Year);
    let (_, c) = edit(&mut here, |e| e.set_happened(None));
    assert_eq!(step(&mut here, c).happened.date, None);
    let (_, c) = edit(&mut here, |e| e.set_kind(Kind::Win));
    assert_eq!(step(&mut here, c).kind, Kind::Win);

    let (_, c) = edit(&mut here, |e| e.link(far, LinkKind::Repeats));
    let entry = step(&mut here, c);
    assert_eq!((entry.links[0].entry, entry.links[0].kind), (far, LinkKind::Repeats));
    let (_, c) = edit(&mut here, |e| e.unlink(far));
    assert!(step(&mut here, c).links.is_empty());

    let (closure, c) = edit(&mut here, |e| e.add_closure(day("2026-04-01"), ClosureKind::LetGo, "Enough."));
    let entry = step(&mut here, c);
    assert_eq!((entry.closures[0].kind, entry.closures[0].note.as_str()), (ClosureKind::LetGo, "Enough."));
    assert!(entry.states(day("2026-05-01")).contains(&InnerState::Closed));
    let (_, c) = edit(&mut here, |e| e.reopen(closure, day("2026-04-02")));
    assert!(step(&mut here, c).states(day("2026-05-01")).contains(&InnerState::Reopened));

    let (_, c) = edit(&mut here, |e| e.set_box(Boxed::Until(day("2027-01-01"))));
    assert_eq!(step(&mut here, c).boxed_until, Some(Boxed::Until(day("2027-01-01"))));
    let (_, c) = edit(&mut here, |e| e.set_box(Boxed::ByHand));
    assert_eq!(step(&mut here, c).boxed_until, Some(Boxed::ByHand));
    let (_, c) = edit(&mut here, |e| e.unbox());
    assert_eq!(step(&mut here, c).boxed_until, None);
    let (_, c) = edit(&mut here, |e| {
        e.set_muted(true)?;
        e.set_trashed(true)?;
        e.set_next_move(Some(NextMove::Rest))
    });
    let entry = step(&mut here, c);
    assert!(entry.muted && entry.trashed && entry.next_move == Some(NextMove::Rest));
    let (_, c) = edit(&mut here, |e| {
        e.set_muted(false)?;
        e.set_trashed(false)?;
        e.set_next_move(None)
    });
    let entry = step(&mut here, c);
    assert!(!entry.muted && !entry.trashed && entry.next_move.is_none());

    let answers = Experiment {
        prediction: Some("They laugh".into()),
        fear_before: Some(7),
        attempted: Some(true),
        ..Experiment::default()
    };
    let (_, c) = edit(&mut here, |e| e.set_experiment(&answers));
    assert_eq!(step(&mut here, c).experiment, Some(answers));

    let new = NewAttachment {
        blob: BlobId::from_bytes([5; 32]),
        mime: "image/jpeg".into(),
        bytes: 12345,
        caption: Some("The door".into()),
        alt: None,
        credit: None,
    };
    let (attachment, c) = edit(&mut here, |e| e.add_attachment(&new));
    let entry = step(&mut here, c);
    assert_eq!((entry.attachments[0].blob, entry.attachments[0].bytes), (new.blob, 12345));
    assert!(!entry.attachments[0].publishable);
    let (_, c) = edit(&mut here, |e| e.describe_attachment(attachment, AttachmentField::Alt, Some("A blue door")));
    assert_eq!(step(&mut here, c).attachments[0].alt.as_deref(), Some("A blue door"));
    let (_, c) = edit(&mut here, |e| e.detach(attachment));
    assert!(step(&mut here, c).attachments.is_empty());

    let (_, c) = edit(&mut here, |e| e.set_person("abcdefghi2", Some("boss"), None));
    let entry = step(&mut here, c);
    assert_eq!((entry.people[0].token.as_str(), entry.people[0].role.as_deref()), ("abcdefghi2", Some("boss")));

    let (seal, c) = edit(&mut here, |e| e.seal());
    assert!(step(&mut here, c).seals.iter().eq([&seal]));
    let (_, c) = edit(&mut here, |e| e.unseal(&[seal]));
    assert!(step(&mut here, c).seals.is_empty());
}

#[test]
fn an_edit_that_changes_nothing_is_no_change_and_an_error_writes_nothing() {
    let (mut document, _) = begin("Body.");
    let base = document.heads();
    let mut entropy = Seeded::new(3);
    let (_, changes) = document
        .edit_with(at(2), &mut entropy, |e| {
            e.set_text(TextField::Body, &base, "Body.")?;
            e.set_kind(Kind::Note)?;
            e.set_trashed(false)?;
            e.unmark(MarkGroup::Tags, "none")
        })
        .unwrap();
    assert!(changes.is_empty());
    assert_eq!(document.heads(), base);
    let failed = document.edit_with(at(2), &mut entropy, |e| {
        e.set_text(TextField::Body, &base, "Other.")?;
        e.retire_item(ItemId::from_bytes([1; 16]))
    });
    assert_eq!(failed.unwrap_err(), DocumentError::NoSuch("item"));
    assert_eq!((document.entry().unwrap().body(), document.heads()), ("Body.", base));
    // A document that was only looked at, or whose edit failed, still saves and loads.
    let loaded = EntryDocument::load(ID, actor(3), Some(&document.save()), &[]).unwrap();
    same(&document, &loaded.document);
}

#[test]
fn limits_and_unknown_bases_are_refused() {
    let (mut document, _) = begin("Body.");
    let base = document.heads();
    let mut entropy = Seeded::new(3);
    let long = "x".repeat(MAX_TEXT + 1);
    let error = document.edit_with(at(2), &mut entropy, |e| e.set_text(TextField::Body, &base, &long)).unwrap_err();
    assert_eq!(error, DocumentError::TooLong { what: "text", limit: MAX_TEXT });
    assert_eq!(crate::error::Error::from(error).code, crate::error::Code::Invalid);
    for base in [vec![], vec![crate::id::ChangeHash::from_bytes([1; 32])]] {
        let error = document.edit_with(at(2), &mut entropy, |e| e.set_text(TextField::Body, &base, "x")).unwrap_err();
        assert_eq!(error, DocumentError::UnknownBase);
        assert_eq!(document.entry_at(&base).unwrap_err(), DocumentError::UnknownBase);
    }
    assert!(document.edit_with(at(2), &mut entropy, |e| e.retire_section(MAIN_SECTION)).is_err());
    assert!(document.edit_with(at(2), &mut entropy, |e| e.mark(MarkGroup::Tags, "  ")).is_err());
    assert!(document.edit_with(at(2), &mut entropy, |e| e.set_person("no token", None, None)).is_err());
}

#[test]
fn texts_of_every_script_round_trip() {
    for text in [
        "👩‍👩‍👧‍👦 family",
        "e\u{301}a\u{308}",
        "שלום עולם, مرحبا",
        "你好，世界。こんにちは",
        "a\0b\u{feff}\r\n\t",
        "🇩🇪🇫🇷",
        "",
    ] {
        let (mut document, first) = begin("start");
        let base = document.heads();
        let mut changes = vec![first];
        changes.extend(
            document.edit_with(at(2), &mut Seeded::new(2), |e| e.set_text(TextField::Body, &base, text)).unwrap().1,
        );
        let changes: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
        assert_eq!(same(&document, &other(2, &changes)).body(), text);
    }
}

#[test]
fn history_names_what_each_change_touched_and_restore_is_a_new_edit() {
    let (mut document, _) = begin("First words.");
    let told = document.heads();
    let base = document.heads();
    let (section, _) = edit(&mut document, |e| {
        e.set_text(TextField::Body, &base, "Second words.")?;
        e.set_text(TextField::Title, &base, "Another title")?;
        e.add_section("Q", None, "A")
    });
    let middle = document.heads();
    edit(&mut document, |e| {
        e.retire_section(section)?;
        e.mark(MarkGroup::Tags, "x")?;
        e.add_item(ItemKind::Want, "y")
    });
    let readings = document.readings().unwrap();
    let fields: Vec<_> = readings.iter().map(|reading| reading.fields.join(" ")).collect();
    assert_eq!(fields, ["body first_telling kind title", "body sections title", "items marks sections"]);
    assert_eq!(readings[0].heads, told);
    assert_eq!(readings[0].at, at(1000));
    assert_eq!(document.entry_at(&told).unwrap().body(), "First words.");
    assert_eq!(document.entry_at(&told).unwrap().updated_at, at(1000));

    edit(&mut document, |e| e.restore_texts(&middle));
    assert_eq!(document.entry().unwrap().sections.len(), 2);
    edit(&mut document, |e| e.restore_texts(&told));
    let entry = document.entry().unwrap();
    assert_eq!((entry.body(), entry.title.as_str()), ("First words.", "A title"));
    assert_eq!((entry.items.len(), entry.first_telling.as_str()), (1, "First words."));
    assert_eq!(document.readings().unwrap().len(), 5);
}
