//! Automerge by itself, in memory: what opening every document costs, what reading, editing and merging one does, and how
//! long the changes are.
//!
//! This is how its authors would have it: `Automerge::load` of a compacted `save()`, a change as `save_after(heads)` (the
//! first `save_incremental` after a load would be the whole history), merged with `load_incremental`. Nothing is stored
//! or sent.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

use std::io::Write;
use std::time::Instant;

use automerge::Automerge;
use bench_automerge::{body, document, edit_for_others};
use bench_common::heap::{Counting, live};
use bench_common::{Arguments, Corpus, Run, since, timed};

#[global_allocator]
static HEAP: Counting = Counting;

/// More documents are not made: every one is like the others, and a hundred thousand take a quarter of an hour to write.
const MOST: usize = 10_000;
/// Documents that are edited and merged.
const EDITED: usize = 300;
/// Edits in one sitting without a connection.
const OFFLINE: usize = 100;

fn main() -> Result<(), String> {
    let arguments = Arguments::read(&[])?;
    let run = Run::begin("automerge", &[], &arguments);
    let corpus = Corpus::default();
    let count = arguments.entries.min(MOST);
    let times = arguments.entries as f64 / count as f64;
    let note = if times > 1.0 { format!("{count} opened, times {times}") } else { String::new() };

    run.step("writing the documents");
    let entries: Vec<_> = (0..count).map(|number| corpus.entry(number)).collect();
    let text: u64 = entries.iter().map(|entry| entry.text_bytes()).sum();
    let saved: Vec<Vec<u8>> = entries.iter().map(|entry| document(entry).save()).collect();
    drop(entries);
    let bytes: usize = saved.iter().map(Vec::len).sum();
    run.add("saved_per_text", "x", bytes as f64 / text as f64);

    run.step("opening every document");
    for _ in 0..arguments.runs {
        let (before, started) = (live(), Instant::now());
        let open: Vec<Automerge> = saved
            .iter()
            .map(|bytes| {
                let (opened, took) = timed(|| Automerge::load(bytes));
                run.add("open_one", "us", took * 1000.0);
                opened.expect("a saved document opens")
            })
            .collect();
        run.add("open_all", "ms", since(started) * times);
        run.add("heap_per_document", "KiB", (live() - before) as f64 / count as f64 / 1024.0);
        drop(open);
    }
    run.note("open_all", &note);

    run.step("opening and reading one");
    for bytes in saved.iter().cycle().take(1_000) {
        let (text, took) = timed(|| Automerge::load(bytes).map(|document| body(&document)));
        assert!(text.is_ok_and(|text| text.len() > 1_000));
        run.add("open_and_text", "us", took * 1000.0);
    }

    run.step("editing and merging");
    let mut sum = 0;
    for (edited, bytes) in saved.iter().cycle().take(EDITED).enumerate() {
        let mut here = Automerge::load(bytes).expect("a saved document opens");
        let mut there = Automerge::load(bytes).expect("a saved document opens");
        let (change, took) = timed(|| edit_for_others(&mut here, 900));
        run.add("edit", "us", took * 1000.0);
        run.add("change_bytes", "B", change.len() as f64);
        if edited < OFFLINE {
            sum += change.len();
        }
        let (merged, took) = timed(|| there.load_incremental(&change));
        merged.expect("a change merges");
        run.add("merge", "us", took * 1000.0);
        assert_eq!(body(&here), body(&there));
    }
    run.add("changes_of_100", "B", sum as f64);

    run.step("a hundred edits of one document");
    for bytes in saved.iter().take(arguments.runs) {
        let mut here = Automerge::load(bytes).expect("a saved document opens");
        let heads = here.get_heads();
        for number in 0..OFFLINE {
            bench_automerge::edit(&mut here, 10 + number * 20);
        }
        let delta = here.save_after(&heads);
        run.add("offline_delta", "B", delta.len() as f64);
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        deflated.write_all(&delta).expect("memory can be written");
        run.add("offline_delta_deflated", "B", deflated.finish().expect("memory can be written").len() as f64);
    }
    run.done();
    Ok(())
}
