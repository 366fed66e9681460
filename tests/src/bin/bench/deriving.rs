//! Deriving what a sync brought, and what one entry of it is made of; saving an edit.

use std::time::{Duration, Instant};

use afterword_core::document::{Actor, EntryDocument, reader};
use afterword_core::engine::Engine;
use afterword_core::error::{Error, Result};
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::replication::{Setting, StorageExt, Tx};
use afterword_core::store::sqlite::{Projection, search};
use afterword_core::store::{SqliteStore, read_model};
use afterword_core::time::Entropy;
use afterword_core::vault::Unlock;
use afterword_tests::Seeded;
use afterword_tests::clock::environment;

use super::Plan;
use super::figures::{Parts, Table, median, ms, timed};
use super::fill::{self, Keys};
use super::waits;

/// The newest entries, which a person looks at first.
const NEWEST: u64 = 200;
/// How long until those are searchable, and all 10,000, in milliseconds.
const FIRST: u64 = 1_000;
const ALL: u64 = 20_000;
/// Entries whose parts are taken one by one.
const SAMPLE: usize = 200;

/// A journal of as many entries as the first sync brings, derived; then the parts, and an edit.
pub(crate) fn measure(plan: &Plan, parts: &Parts, table: &mut Table) -> Result<()> {
    let size = plan.synced[1];
    let (folder, keys) = (tempfile::tempdir().expect("a temporary folder can be made"), Keys::default());
    fill::create(folder.path(), &keys, 21)?.0.close()?;
    fill::fill(folder.path(), &keys, size, plan.words, false)?;
    let engine = Engine::open(folder.path(), Unlock::Platform(&keys), environment(22))?;
    let store = fill::store_of(folder.path(), &keys)?;

    let (begun, mut newest) = (Instant::now(), None);
    let (done, waits) = waits::beside(folder.path(), &store, || {
        engine.derive(Duration::MAX, |done, _| {
            if done >= NEWEST.min(size as u64) {
                newest.get_or_insert_with(|| begun.elapsed());
            }
        })
    })?;
    let newest = newest.unwrap_or_default();
    table.promise("newest 200 of it derived and searchable", size, newest.as_millis() as u64, "ms", FIRST);
    let most = ALL.max(ALL * size as u64 / 10_000);
    table.promise("all of it derived and searchable", size, done.ms, "ms", most);
    table.promise("documents opened for it", size, done.opened, "documents", 0);
    table.plain("transactions of it", size, &done.transactions.to_string());
    table.plain("longest of them", size, &ms(done.longest_us as f64 / 1000.0));
    waits::promise(table, "deriving", size, &waits);

    pieces(&engine, &store, size, table)?;
    edits(&engine, &store, size, parts, table)?;
    store.pause()?;
    engine.close()
}

/// Where one entry's time goes, in medians.
fn pieces(engine: &Engine, store: &SqliteStore, size: usize, table: &mut Table) -> Result<()> {
    let actor = Actor::draw(&mut Seeded::new(5));
    let mut all: [Vec<f64>; 8] = Default::default();
    for id in engine.entry_ids()?.into_iter().take(SAMPLE) {
        let (changes, read) = timed(|| store.read_sql(|tx| tx.changes(id)));
        let changes = changes?;
        let chunks: Vec<&[u8]> = changes.iter().map(|change| change.chunk.as_slice()).collect();
        let (entry, bare) = timed(|| reader::entry(id, &chunks));
        let entry = entry.ok_or_else(|| Error::internal("our own change was not understood"))?;
        let (loaded, load) = timed(|| EntryDocument::load(id, actor, None, &chunks));
        let document = loaded?.document;
        let (same, off) = timed(|| document.entry());
        if same? != entry {
            return Err(Error::internal("the reader and the document differ"));
        }
        let saved = document.save();
        let (text, cached) = timed(|| -> Result<_> {
            Ok(EntryDocument::load(id, actor, Some(&saved), &[])?.document.entry()?.body().len())
        });
        let Some(projection) = store.read_sql(|tx| read_model::projection(tx, id))? else { continue };
        let (packed, pack) = timed(|| projection.pack());
        let (_, unpack) = timed(|| Projection::unpack(&packed));
        let (_, tokens) = timed(|| search::tokens(&projection));
        std::hint::black_box(text?);
        for (times, took) in all.iter_mut().zip([read, bare, load, off, cached, pack, unpack, tokens]) {
            times.push(took);
        }
    }
    let [read, bare, load, off, cached, pack, unpack, tokens] = all.map(median);
    let reading = load + off;
    table.ratio("an entry's changes to its document and reading", size, reading, "read off the changes", bare);
    table.ratio("an entry's cached document, loaded and read", size, cached, "its projection unpacked (G9)", unpack);
    table.plain("an entry's changes from the store", size, &ms(read));
    table.plain("an entry's words", size, &ms(tokens));
    table.plain("an entry's projection packed", size, &ms(pack));
    Ok(())
}

/// A few words more in an entry that is there (G5).
fn edits(engine: &Engine, store: &SqliteStore, size: usize, parts: &Parts, table: &mut Table) -> Result<()> {
    let id = *engine.entry_ids()?.first().ok_or_else(|| Error::internal("there is no entry"))?;
    let (mut edits, mut commits) = (Vec::new(), Vec::new());
    let shown = engine.show(id)?;
    let (mut text, mut heads) = (shown.body, shown.heads);
    for round in 0..40 {
        text.push_str(&format!(" A sentence of {round}."));
        let edit = [Edit::SetText { field: TextField::Body, base: heads, text: text.clone() }];
        let (edited, took) = timed(|| engine.edit(id, &edit));
        heads = edited?.heads;
        edits.push(took);
    }
    // Not in between: another connection's commit makes the next one read its pages again.
    for round in 0..40 {
        let mut bytes = [0; 400];
        Seeded::new(round).fill(&mut bytes);
        let (done, took) = timed(|| store.write(|tx| tx.set_setting(Setting::Mended, &bytes)));
        done?;
        commits.push(took);
    }
    store.write(|tx| tx.set_setting(Setting::Mended, &0u64.to_le_bytes()))?;
    let (edit, commit) = (median(edits), median(commits));
    table.ratio("an edit of 20 characters, durable (G5)", size, edit, "append and fdatasync", parts.append);
    table.ratio("the same", size, edit, "one bare commit of as many bytes", commit);
    Ok(())
}
