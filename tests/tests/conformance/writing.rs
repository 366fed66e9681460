//! Entries: written, typed, paged through, found, with files.

use std::collections::BTreeSet;

use afterword_ffi::{ByteSink, ByteSource, Edit, ItemKind, ItemState, NewFile, Part, StreamError, TextField, Transfer};

use super::*;

const MIXED: &str = "👩‍👩‍👧‍👦 wrote: שלום עולם, 今天失败了, e\u{301}te\u{301}.";

#[test]
fn s02_write() {
    let home = Home::made();
    let written = home.engine.create_entry(note("日記 🌧", MIXED)).unwrap();
    let shown = home.engine.show(written.id.clone()).unwrap();
    assert_eq!((shown.title.as_str(), shown.body.as_str()), ("日記 🌧", MIXED));
    assert_eq!(home.engine.list(Default::default(), 9, None).unwrap().rows[0].title, "日記 🌧");
    for query in ["失败", "שלום", "été", "日記"] {
        let found = home.engine.search(query.into(), 9).unwrap();
        assert_eq!(found.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), [written.id.as_str()], "{query}");
    }
}

#[test]
fn s04_draft_survives() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "It")).unwrap().id;
    let editor = home.engine.editor(id.clone()).unwrap();
    let body = editor.texts().unwrap().into_iter().find(|text| text.field == TextField::Body).unwrap();
    editor.type_text(TextField::Body, body.heads, "It rained".into()).unwrap();
    // As after a kill: nobody closes anything, and somebody else opens the same files.
    let again = home.again().unwrap();
    let begun = std::time::Instant::now();
    let found = loop {
        let texts = again.editor(id.clone()).unwrap().texts().unwrap();
        let body = texts.into_iter().find(|text| text.field == TextField::Body).unwrap();
        if body.text == "It rained" {
            break body;
        }
        assert!(begun.elapsed() < SOON, "the draft never became durable");
    };
    assert!(found.is_draft || again.show(id).unwrap().body == "It rained");
}

#[test]
fn s06_page() {
    let home = Home::made();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let engine = &home.engine;
            scope.spawn(move || {
                (0..2_500).for_each(|n| drop(engine.create_entry(note(&format!("{writer} {n}"), "")).unwrap()))
            });
        }
    });
    let (mut seen, mut after, mut last) = (BTreeSet::new(), None, None);
    loop {
        let page = home.engine.list(Default::default(), 500, after).unwrap();
        for row in page.rows {
            let order = (row.day.clone(), row.created_at_ms);
            assert!(last.as_ref().is_none_or(|last| *last >= order), "{last:?} before {order:?}");
            last = Some(order);
            assert!(seen.insert(row.id));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[test]
fn s07_search() {
    let home = Home::made();
    home.engine.create_entry(note("A Sunday", "The migration locked the live table for forty minutes.")).unwrap();
    for (query, word) in [("migration", "migration"), ("\"live table\"", "live table"), ("fort*", "forty")] {
        let hit = home.engine.search(query.into(), 9).unwrap().hits.remove(0);
        let range = hit.ranges[0];
        let marked: String =
            hit.excerpt.chars().skip(range.start as usize).take((range.end - range.start) as usize).collect();
        assert!(word.starts_with(&marked), "{query}: {marked}");
    }
    assert_eq!(home.engine.search("nowhere".into(), 9).unwrap().total, 0);
}

/// Bytes that nobody holds all at once.
struct Made {
    left: Mutex<u64>,
    largest: Mutex<usize>,
}

fn byte(at: u64) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

impl Made {
    fn of(length: u64) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(length), largest: Mutex::default() })
    }
}

impl ByteSource for Made {
    fn read(&self, most: u32) -> Result<Vec<u8>, StreamError> {
        let mut left = lock(&self.left);
        let piece = (*left).min(most.into());
        let bytes = (*left - piece..*left).rev().map(byte).collect();
        *left -= piece;
        let mut largest = lock(&self.largest);
        *largest = (*largest).max(most as usize);
        Ok(bytes)
    }
}

struct Compared {
    left: Mutex<u64>,
    largest: Mutex<usize>,
}

impl ByteSink for Compared {
    fn write(&self, bytes: Vec<u8>) -> Result<(), StreamError> {
        let mut left = lock(&self.left);
        let differs = bytes.iter().enumerate().any(|(at, have)| *have != byte(*left - 1 - at as u64));
        *left -= bytes.len() as u64;
        let mut largest = lock(&self.largest);
        *largest = (*largest).max(bytes.len());
        if differs { Err(StreamError::Failed { reason: "another byte".into() }) } else { Ok(()) }
    }
}

fn photo() -> NewFile {
    NewFile { mime: "image/jpeg".into(), caption: Some("The rack".into()), ..NewFile::default() }
}

#[test]
fn s08_stream() {
    const LENGTH: u64 = 50 << 20;
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "")).unwrap().id;
    let (source, transfer) = (Made::of(LENGTH), Transfer::new());
    let attached = transfer.attach(&home.engine, id.clone(), source.clone(), photo()).unwrap();
    assert_eq!(transfer.moved().unwrap(), LENGTH);
    let shown = home.engine.show(id.clone()).unwrap().attachments.remove(0);
    assert_eq!((shown.bytes, shown.here, shown.caption.as_deref()), (LENGTH, true, Some("The rack")));
    let sink = Arc::new(Compared { left: Mutex::new(LENGTH), largest: Mutex::default() });
    let out = Transfer::new();
    assert_eq!(out.extract(&home.engine, id, attached.attachment, sink.clone()).unwrap(), LENGTH);
    assert_eq!(*lock(&sink.left), 0);
    assert!(*lock(&source.largest) <= 1 << 20 && *lock(&sink.largest) <= 1 << 20);
}

/// Cancels once it was asked for the third piece.
struct Leaves {
    of: Arc<Transfer>,
    pieces: Mutex<u32>,
}

impl ByteSource for Leaves {
    fn read(&self, most: u32) -> Result<Vec<u8>, StreamError> {
        *lock(&self.pieces) += 1;
        if *lock(&self.pieces) == 3 {
            let _ = self.of.cancel();
        }
        Ok(vec![7; most as usize])
    }
}

#[test]
fn s09_cancel_a_transfer() {
    let home = Home::made();
    let written = home.engine.create_entry(note("Rain", "")).unwrap();
    let transfer = Transfer::new();
    let source = Arc::new(Leaves { of: transfer.clone(), pieces: Mutex::default() });
    let failed = transfer.attach(&home.engine, written.id.clone(), source, photo()).unwrap_err();
    assert_eq!(failed.to_string(), "the transfer was cancelled; nothing was changed");
    assert!(matches!(failed, AfterwordError::Cancelled { .. }));
    let shown = home.engine.show(written.id).unwrap();
    assert_eq!((shown.attachments.len(), shown.heads), (0, written.heads));
}

#[test]
fn s03_edit_at_an_old_base() {
    let home = Home::made();
    let written = home.engine.create_entry(note("Rain", "one two three")).unwrap();
    let other = home.again().unwrap();
    let set = |engine: &Engine, base: &[String], text: &str| {
        let edit = Edit::SetText { field: TextField::Body, base: base.to_vec(), text: text.into() };
        engine.edit(written.id.clone(), vec![edit]).unwrap()
    };
    set(&other, &written.heads, "zero one two three");
    set(&home.engine, &written.heads, "one two three four");
    for engine in [&home.engine, &other] {
        assert_eq!(engine.show(written.id.clone()).unwrap().body, "zero one two three four");
    }
    let baseless = Edit::SetText { field: TextField::Body, base: Vec::new(), text: String::new() };
    let refused = home.engine.edit(written.id, vec![baseless]).unwrap_err();
    assert!(matches!(refused, AfterwordError::Invalid { field, .. } if field == "base"));
}

#[test]
fn s30_ids_of_what_is_made() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "")).unwrap().id;
    let edits = vec![
        Edit::AddItem { kind: ItemKind::Lesson, text: "Ask".into() },
        Edit::AddSection { prompt: "And now?".into(), text: "Better".into() },
        Edit::AddReflection { day: "2024-05-17".into(), text: "It passed".into() },
    ];
    let edited = home.engine.edit(id.clone(), edits).unwrap();
    let shown = home.engine.show(id.clone()).unwrap();
    let (section, item) = (shown.sections.last().unwrap(), shown.items[0].id.clone());
    assert_eq!((section.text.as_str(), shown.reflections.len()), ("Better", 1));
    let made = [
        Part::Item { id: item.clone() },
        Part::Section { id: section.id.clone() },
        Part::Reflection { id: shown.reflections[0].id.clone() },
    ];
    assert_eq!((edited.parts.as_slice(), edited.heads), (made.as_slice(), shown.heads));
    let done = Edit::SetItemState { id: item, state: Some(ItemState::Done) };
    assert_eq!(home.engine.edit(id.clone(), vec![done]).unwrap().parts, []);
    assert_eq!(home.engine.show(id).unwrap().items[0].state, Some(ItemState::Done));
}
