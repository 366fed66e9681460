//! The reader of changes says what a document says, or nothing: over thousands of histories, and over damaged ones.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding};
use sha2::{Digest, Sha256};

use super::super::reader;
use super::*;
use crate::id::{AttachmentId, BlobId};
use crate::journal::edit::{AttachmentField, NewAttachment, TextField};
use crate::journal::{Boxed, ClosureKind, ItemKind, ItemState, LinkKind, MarkGroup, NextMove};

/// What a document says of these changes, where it takes every one of them in.
fn document(chunks: &[&[u8]]) -> Option<Entry> {
    let loaded = EntryDocument::load(ID, actor(99), None, chunks).unwrap();
    loaded.refused.is_empty().then(|| loaded.document.entry().unwrap())
}

pub(super) fn chunks(changes: &[Vec<u8>]) -> Vec<&[u8]> {
    changes.iter().map(Vec::as_slice).collect()
}

const TEXTS: &[&str] =
    &["It rained. ", "We stayed", "👩‍👩‍👧", "東京は雨", "é e\u{301} ", "{{p:abcdefghij}}", "", "\n\n", "Straße", "🎉🎉"];

fn some_text(random: &mut Seeded) -> String {
    (0..random.below(4)).map(|_| TEXTS[random.below(TEXTS.len())]).collect()
}

/// A text that somebody changed here and there.
fn retyped(random: &mut Seeded, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(letters.len() + 1);
        if random.below(3) == 0 {
            letters.drain(at..(at + random.below(6)).min(letters.len()));
        } else {
            letters.splice(at..at, some_text(random).chars());
        }
    }
    letters.into_iter().collect()
}

/// One device's edit through our own editor; its chunk, if it changed anything.
fn our_edit(document: &mut EntryDocument, random: &mut Seeded) -> Vec<Vec<u8>> {
    let entry = document.entry().unwrap();
    let day = "2024-05-17".parse().unwrap();
    let mut ids = Seeded::new(random.below(1 << 40) as u64 + 7);
    let when = at(1000 + random.below(1000) as i64);
    let many = 1 + random.below(3);
    let text = some_text(random);
    let done = document.edit_with(when, &mut ids, |editor| {
        for _ in 0..many {
            match random.below(20) {
                0..6 => {
                    editor.set_text(TextField::Body, &entry.heads, &retyped(random, entry.body()))?;
                }
                6 => drop(editor.set_text(TextField::Title, &entry.heads, &retyped(random, &entry.title))?),
                7 => drop(editor.add_section("And then?", None, &text)?),
                8 => {
                    if let Some(section) =
                        entry.sections.last().filter(|section| section.id != crate::journal::MAIN_SECTION)
                    {
                        editor.retire_section(section.id)?;
                        editor.set_text(TextField::Section(section.id), &entry.heads, "meanwhile")?;
                    }
                }
                9 => {
                    let id = editor.add_item(ItemKind::Lesson, &text)?;
                    editor.set_item_state(id, Some(ItemState::Done))?;
                }
                10 => {
                    if let Some(item) = entry.items.first() {
                        editor.set_item_day(item.id, Some(day))?;
                        editor.retire_item(item.id)?;
                    }
                }
                11 => drop(editor.add_reflection(day, &text)?),
                12 => editor.mark(MarkGroup::Feelings, ["shame", "relief", "東"][random.below(3)])?,
                13 => editor.unmark(MarkGroup::Feelings, "shame")?,
                14 => editor.set_trashed(random.below(2) == 0)?,
                15 => editor.set_kind([Kind::Loss, Kind::Win, Kind::Experiment][random.below(3)])?,
                16 => drop(editor.add_closure(day, ClosureKind::LetGo, &text)?),
                17 => {
                    editor.set_box(if random.below(2) == 0 { Boxed::ByHand } else { Boxed::Until(day) })?;
                    editor.link(crate::id::EntryId::from_bytes([random.below(3) as u8; 16]), LinkKind::Repeats)?;
                }
                18 => {
                    let blob = BlobId::from_bytes([random.below(9) as u8; 32]);
                    let new = NewAttachment {
                        blob,
                        mime: "image/png".into(),
                        bytes: 1 << random.below(40),
                        caption: Some(text.clone()),
                        alt: None,
                        credit: None,
                    };
                    let id: AttachmentId = editor.add_attachment(&new)?;
                    editor.describe_attachment(id, AttachmentField::Alt, Some("rain"))?;
                    if random.below(3) == 0 {
                        editor.detach(id)?;
                    }
                }
                _ => {
                    editor.set_next_move(Some(NextMove::Around))?;
                    editor.set_person("abcdefghij", Some("friend"), None)?;
                    let seal = editor.seal()?;
                    if random.below(2) == 0 {
                        editor.unseal(&[seal])?;
                    }
                }
            }
        }
        Ok(())
    });
    done.unwrap().1
}

/// A history of up to four devices that write apart and meet, as changes in an order of causes.
pub(super) fn history(seed: u64) -> Vec<Vec<u8>> {
    let random = &mut Seeded::new(seed);
    let (first, mut all) =
        EntryDocument::create(ID, actor(random.below(250) as u8), at(1000), &note(&some_text(random)), random).unwrap();
    let mut devices = vec![first];
    // Actors in no particular order, so that of two concurrent writers either may be the greater.
    for _ in 0..random.below(4) {
        let who = Actor::from_bytes(crate::time::random(random));
        devices.push(EntryDocument::load(ID, who, None, &[&all[0]]).unwrap().document);
    }
    for _ in 0..random.below(14) {
        let who = random.below(devices.len());
        if random.below(4) == 0 {
            devices[who].merge(&chunks(&all)).unwrap();
        }
        all.extend(our_edit(&mut devices[who], random));
    }
    all
}

/// Whatever Automerge itself lets one write into an entry: some of it the reader leaves to the document.
fn wild_history(seed: u64) -> Vec<Vec<u8>> {
    let random = &mut Seeded::new(seed);
    let (document, _) = EntryDocument::create(ID, actor(1), at(1000), &note("It rained."), random).unwrap();
    let mut base = AutoCommit::load_with_options(
        &document.save(),
        automerge::LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint),
    )
    .unwrap();
    let mut devices: Vec<AutoCommit> = (0..1 + random.below(3))
        .map(|_| base.fork().with_actor(ActorId::from(crate::time::random::<16>(random))))
        .collect();
    for _ in 0..random.below(12) {
        let who = random.below(devices.len());
        if random.below(3) == 0 {
            let mut other = devices[random.below(devices.len())].clone();
            devices[who].merge(&mut other).unwrap();
        }
        let doc = &mut devices[who];
        for _ in 0..=random.below(3) {
            wild_edit(doc, random);
        }
        doc.commit_with(CommitOptions::default().with_time(1_000_000 + random.below(5000) as i64));
    }
    for device in &mut devices {
        base.merge(device).unwrap();
    }
    base.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect()
}

fn wild_edit(doc: &mut AutoCommit, random: &mut Seeded) {
    // Any map or text of the document.
    let mut objects = vec![(ObjId::Root, ObjType::Map)];
    let mut at = 0;
    while let Some((object, kind)) = objects.get(at).cloned() {
        if kind == ObjType::Map {
            for key in doc.keys(&object).collect::<Vec<_>>() {
                for (value, id) in doc.get_all(&object, key).unwrap() {
                    objects.extend(value.to_objtype().map(|kind| (id, kind)));
                }
            }
        }
        at += 1;
    }
    let (object, kind) = objects.swap_remove(random.below(objects.len()));
    match kind {
        ObjType::Text => {
            let len = doc.length(&object);
            let from = random.below(len + 1);
            let gone = random.below(4).min(len - from);
            if random.below(30) == 0 && len > 0 {
                let _ = doc.put(&object, from.min(len - 1), "put");
            } else {
                doc.splice_text(&object, from, gone as isize, &some_text(random)).unwrap();
            }
        }
        ObjType::Map => {
            let keys: Vec<String> = doc.keys(&object).collect();
            let new = ["title", "trashed", "kind", "sections", "text", "odd", "0", "order"][random.below(8)].to_owned();
            let key =
                if keys.is_empty() || random.below(3) == 0 { new } else { keys[random.below(keys.len())].clone() };
            match random.below(11) {
                0 => drop(doc.put_object(&object, &key, ObjType::Map).unwrap()),
                1 => drop(doc.put_object(&object, &key, ObjType::Text).unwrap()),
                2 => drop(doc.delete(&object, key.as_str())),
                3 => doc.put(&object, &key, true).unwrap(),
                4 => doc.put(&object, &key, ScalarValue::Null).unwrap(),
                5 => doc.put(&object, &key, -1 - (random.below(1 << 40) as i64)).unwrap(),
                6 => doc.put(&object, &key, random.below(1 << 40) as u64).unwrap(),
                7 => {
                    doc.put(&object, &key, ScalarValue::Bytes(vec![random.below(256) as u8; random.below(4)])).unwrap()
                }
                8 if random.below(6) == 0 => doc.put(&object, &key, 0.5).unwrap(),
                9 if random.below(6) == 0 => drop(doc.put_object(&object, &key, ObjType::List).unwrap()),
                _ => doc.put(&object, &key, some_text(random)).unwrap(),
            }
        }
        _ => {}
    }
}

#[test]
fn the_reader_says_what_the_document_says_of_whatever_our_editor_writes() {
    for seed in 0..1500 {
        let all = history(seed);
        let read = reader::entry(ID, &chunks(&all));
        assert!(read.is_some(), "seed {seed}: our own changes are understood");
        assert_eq!(read, document(&chunks(&all)), "seed {seed}");
    }
}

#[test]
fn the_reader_says_what_the_document_says_of_whatever_automerge_writes() {
    let (mut read, mut left) = (0, 0);
    for seed in 0..1000 {
        let all = wild_history(seed);
        match reader::entry(ID, &chunks(&all)) {
            Some(entry) => {
                assert_eq!(Some(entry), document(&chunks(&all)), "seed {seed}");
                read += 1;
            }
            None => left += 1,
        }
    }
    // It must be the histories that differ, not the reader that understands nothing.
    assert!(read > 500 && left > 20, "{read} read, {left} left to a document");
}

/// The chunk with its checksum made right again, and its length where that still fits.
fn resealed(mut chunk: Vec<u8>) -> Vec<u8> {
    let hash = Sha256::digest(&chunk[8..]);
    chunk[4..8].copy_from_slice(&hash[..4]);
    chunk
}

#[test]
fn a_history_that_no_writer_made_is_read_as_the_document_reads_it_or_not_at_all() {
    let mut read = 0;
    for seed in 0..300 {
        let random = &mut Seeded::new(seed);
        let all = history(seed);
        let which = random.below(all.len());
        for _ in 0..40 {
            let mut damaged = all.clone();
            let chunk = &mut damaged[which];
            for _ in 0..=random.below(2) {
                let at = 9 + random.below(chunk.len() - 9);
                match random.below(5) {
                    // A single value as a run of one: Automerge reads it, and writes it back in another way.
                    0 => {
                        let single: Vec<usize> = (at..chunk.len()).filter(|at| chunk[*at] == 0x7f).collect();
                        if let Some(at) = single.get(random.below(single.len().max(1))) {
                            chunk[*at] = 1;
                        }
                    }
                    1 => chunk[at] = chunk[at].wrapping_add(1),
                    2 => chunk[at] = chunk[at].wrapping_sub(1),
                    3 => chunk[at] ^= 1 << random.below(8),
                    _ => chunk[at] = random.below(256) as u8,
                }
            }
            damaged[which] = resealed(std::mem::take(chunk));
            // What was made on the change that is another now would be missing it.
            let alone = &damaged[..=which];
            if let Some(entry) = reader::entry(ID, &chunks(alone)) {
                read += 1;
                assert_eq!(Some(entry), document(&chunks(alone)), "seed {seed}");
            }
        }
    }
    assert!(read > 300, "{read}: damage that makes another sound change, a letter or a time, is among it");
}

#[test]
fn any_bytes_are_left_to_the_document() {
    let random = &mut Seeded::new(3);
    let (_, chunk) = begin("It rained.");
    assert!(reader::entry(ID, &[&chunk]).is_some());
    assert_eq!(reader::entry(ID, &[]), None);
    assert_eq!(reader::entry(ID, &[&chunk, &chunk]), None, "a change is there once");
    for len in 0..chunk.len() {
        assert_eq!(reader::entry(ID, &[&chunk[..len]]), None);
        let noise: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        assert_eq!(reader::entry(ID, &[&noise]), None);
    }
    // A change whose cause is missing, and two of one actor and number (trap j).
    let mut a = other(2, &[&chunk]);
    let mut b = other(2, &[&chunk]);
    let (_, second) = edit(&mut a, |editor| editor.set_kind(Kind::Win));
    let (_, rival) = edit(&mut b, |editor| editor.set_kind(Kind::Loss));
    assert_eq!(reader::entry(ID, &[&second]), None);
    assert_eq!(reader::entry(ID, &[&chunk, &second, &rival]), None);
    assert!(reader::entry(ID, &[&chunk, &second]).is_some());
}
