//! A document that is given more than it may hold: every device reads the same part of it, and goes on writing.

use std::collections::BTreeSet;

use super::reader::{chunks, history};
use super::*;
use crate::document::admit::admitted;
use crate::document::change::ChangeHeader;
use crate::document::{DocumentError, MAX_CHANGE_OPERATIONS, MAX_DOCUMENT_OPERATIONS, MAX_WRITTEN_OPERATIONS, weight};
use crate::id::ChangeHash;
use crate::journal::ItemKind;

fn shuffled<T: Clone>(all: &[T], random: &mut Seeded) -> Vec<T> {
    let mut all = all.to_vec();
    for at in (1..all.len()).rev() {
        all.swap(at, random.below(at + 1));
    }
    all
}

/// What a document says, and what it sets aside.
fn seen(loaded: &crate::document::Loaded) -> (Vec<ChangeHash>, Vec<ChangeHash>, Entry) {
    (loaded.refused.clone(), loaded.document.heads(), loaded.document.entry().unwrap())
}

#[test]
fn every_order_and_every_way_to_a_document_leaves_out_the_same() {
    let mut left_out = 0;
    for seed in 0..400 {
        let random = &mut Seeded::new(seed + 7000);
        let all = history(seed);
        let operations = weight(all.iter().map(Vec::as_slice));
        // The beginning always fits, or there is nothing to be seen.
        let most = weight([all[0].as_slice()]) + random.below(operations as usize) as u64;
        let whole = EntryDocument::load_within(ID, actor(90), None, &chunks(&all), (most, most)).unwrap();
        let right = seen(&whole);
        assert!(whole.document.operations() <= most, "seed {seed}");
        left_out += whole.refused.len();
        let other = shuffled(&all, random);
        let loaded = EntryDocument::load_within(ID, actor(91), None, &chunks(&other), (most, most)).unwrap();
        assert_eq!(seen(&loaded), right, "seed {seed}: another order");
        // A snapshot of a part, and then everything that is not in it.
        let some = &all[..1 + random.below(all.len())];
        let snapshot =
            EntryDocument::load_within(ID, actor(92), None, &chunks(some), (most, most)).unwrap().document.save();
        let loaded = EntryDocument::load_within(ID, actor(93), Some(&snapshot), &chunks(&other), (most, most)).unwrap();
        assert_eq!(seen(&loaded), right, "seed {seed}: from a snapshot");
        // What came is merged in pieces; what was set aside is given again each time.
        let mut document =
            EntryDocument::load_within(ID, actor(94), None, &chunks(some), (most, most)).unwrap().document;
        let held = other.len() / 2;
        document.merge(&chunks(&[some, &other[..held]].concat())).unwrap();
        let refused = document.merge(&chunks(&other)).unwrap();
        assert_eq!((refused, document.heads(), document.entry().unwrap()), right, "seed {seed}: in pieces");
    }
    assert!(left_out > 400, "{left_out} changes were left out");
}

#[test]
fn what_is_written_on_a_document_that_left_something_out_is_read_everywhere() {
    let mut written = 0;
    for seed in 0..200 {
        let mut all = history(seed);
        let operations = weight(all.iter().map(Vec::as_slice));
        let first = weight([all[0].as_slice()]);
        let most = first + (operations - first) / 2;
        let loaded = EntryDocument::load_within(ID, actor(90), None, &chunks(&all), (most, most)).unwrap();
        let (before, mut document) = (loaded.refused, loaded.document);
        let edited = document.edit_with(at(3000), &mut Seeded::new(seed), |editor| editor.seal());
        match edited {
            Ok((_, changes)) => all.extend(changes),
            Err(DocumentError::Full) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        }
        written += 1;
        let loaded = EntryDocument::load_within(ID, actor(91), None, &chunks(&all), (most, most)).unwrap();
        assert_eq!(loaded.refused, before, "seed {seed}: nothing else gives way for it");
        assert_eq!(loaded.document.entry().unwrap(), document.entry().unwrap(), "seed {seed}");
    }
    assert!(written > 100, "{written}");
}

fn header(n: u8, deps: &[u8], operations: u64) -> ChangeHeader {
    ChangeHeader {
        hash: ChangeHash::from_bytes([n; 32]),
        actor: vec![n; 16],
        seq: 1,
        start_op: 1,
        time: 0,
        deps: deps.iter().map(|n| ChangeHash::from_bytes([*n; 32])).collect(),
        operations,
    }
}

fn fits(headers: &[ChangeHeader], most: u64) -> (Vec<u8>, u64) {
    let (fit, sum) = admitted(headers.iter(), most);
    let fit: BTreeSet<u8> = fit.iter().map(|hash| hash.as_bytes()[0]).collect();
    (fit.into_iter().collect(), sum)
}

#[test]
fn what_few_bytes_make_large_gives_way_to_what_was_typed() {
    // An entry and a chain of small edits; five large changes beside it that depend on its beginning.
    let mut all = vec![header(1, &[], 10), header(2, &[1], 3), header(3, &[2], 3), header(4, &[3], 3)];
    all.extend((100..105).map(|n| header(n, &[1], 40)));
    assert_eq!(fits(&all, 100), (vec![1, 2, 3, 4, 100, 101], 99));
    // What depends on what is left out is too, however small; and what misses a dependency.
    all.extend([header(120, &[104, 4], 1), header(121, &[99], 1), header(122, &[3], 1)]);
    assert_eq!(fits(&all, 100), (vec![1, 2, 3, 4, 100, 101, 122], 100));
    assert_eq!(fits(&all, 9), (vec![], 0));
}

#[test]
fn the_bounds_fit_each_other() {
    const { assert!(MAX_WRITTEN_OPERATIONS * 2 <= MAX_DOCUMENT_OPERATIONS, "what two devices wrote apart is read") };
    const { assert!(crate::document::bounds::CUT_OPERATIONS * 2 <= MAX_CHANGE_OPERATIONS, "and whatever else an edit does") };
    const { assert!(MAX_CHANGE_OPERATIONS * 2 <= MAX_WRITTEN_OPERATIONS) };
    assert!(crate::document::MAX_TEXT as u64 * 4 < MAX_WRITTEN_OPERATIONS, "a text may be rewritten");
}

/// Whoever goes on writing is stopped at a number of operations, before anything is lost; and can still put it away.
#[test]
fn a_document_that_is_full_takes_small_edits_only() {
    let (_, first) = begin("");
    let (read, written) = (40_000, 20_000);
    let mut document = EntryDocument::load_within(ID, actor(3), None, &[&first], (read, written)).unwrap().document;
    let mut all = vec![first];
    let letters = |n: usize| "It rained, and we stayed. ".repeat(n / 26);
    let failed = loop {
        let before = document.heads();
        let text = letters(3_000 + all.len());
        match document.edit_with(at(3), &mut Seeded::new(9), |editor| editor.add_item(ItemKind::Lesson, &text)) {
            Ok((_, changes)) => all.extend(changes),
            Err(error) => {
                assert_eq!(document.heads(), before);
                break error;
            }
        }
    };
    assert_eq!(failed, DocumentError::Full);
    let held = weight(all.iter().map(Vec::as_slice));
    assert!(held == document.operations() && held <= written && held > written - 4_000, "{held}");
    // Whatever was written on another device meanwhile, as much again, is read beside it.
    let mut other = EntryDocument::load_within(ID, actor(4), None, &[&all[0]], (read, written)).unwrap().document;
    let text = letters(19_000);
    let (_, apart) =
        other.edit_with(at(3), &mut Seeded::new(8), |editor| editor.add_item(ItemKind::Lesson, &text)).unwrap();
    assert!(document.merge(&chunks(&apart)).unwrap().is_empty());
    all.extend(apart);
    all.push(edit(&mut document, |editor| editor.set_trashed(true)).1);
    all.push(edit(&mut document, |editor| editor.add_item(ItemKind::Lesson, "It was full.")).1);
    let loaded = EntryDocument::load_within(ID, actor(5), None, &chunks(&all), (read, written)).unwrap();
    assert!(loaded.refused.is_empty());
    let entry = same(&document, &loaded.document);
    assert!(entry.trashed && entry.items.iter().any(|item| item.text == text));
}
