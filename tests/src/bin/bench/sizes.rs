//! What a journal takes on the disk, table by table, and what an entry costs that lies scattered over packs.

use afterword_core::document::{Actor, EntryDocument};
use afterword_core::engine::Engine;
use afterword_core::error::Result;
use afterword_core::files::Home;
use afterword_core::id::EntryId;
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::log::Operation;
use afterword_core::replication::StorageExt;
use afterword_core::replication::rules::{self, Identity, Packing};
use afterword_core::store::{SqliteStore, read_model};
use afterword_core::time::{Timestamp, random};
use afterword_core::vault::Unlock;
use afterword_tests::Seeded;
use afterword_tests::clock::environment;
use afterword_tests::corpus::Corpus;

use super::Plan;
use super::figures::{Table, median, timed};
use super::fill::{self, Keys};

/// Leaves room under the most that one head may end.
const SLICE: usize = 900 << 10;
/// Hundredths of the plain text that a whole journal may take.
const WHOLE: u64 = 200;
/// Changes of the scattered entry, its words, and how long it may take to open, in milliseconds.
const SCATTERED: usize = 100;
const WORDS: usize = 2_000;
const OPENED: u64 = 16;

/// A journal of one, and one of ten changes an entry; then the scattered one.
pub(crate) fn measure(plan: &Plan, table: &mut Table) -> Result<()> {
    for changes in [1, 10] {
        sizes(plan, changes, table)?;
    }
    scattered(table)
}

struct Writer {
    store: SqliteStore,
    identity: Identity,
    entropy: Seeded,
    waiting: Vec<Operation>,
    size: usize,
}

impl Writer {
    fn open(root: &std::path::Path, keys: &Keys) -> Result<Self> {
        let store = fill::store_of(root, keys)?;
        let identity = store.read(Identity::load)?;
        Ok(Self { store, identity, entropy: Seeded::stream(3, 9), waiting: Vec::new(), size: 0 })
    }

    fn push(&mut self, id: EntryId, chunk: Vec<u8>) -> Result<()> {
        let operation = Operation::change(id, chunk, Vec::new(), Vec::new())?;
        if self.size + operation.size() > SLICE {
            self.commit()?;
        }
        self.size += operation.size();
        self.waiting.push(operation);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.size = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let Self { store, identity, entropy, .. } = self;
        store.write(|tx| rules::append(tx, identity, entropy, waiting))?;
        while store.write(|tx| rules::pack(tx, identity, &Packing::default()))? > 0 {}
        Ok(())
    }

    /// Writes an entry of `words` words in `changes` changes. Answers the length of its text.
    fn entry(&mut self, corpus: &mut Corpus, words: usize, changes: usize, actor: Actor) -> Result<u64> {
        let id = EntryId::from_bytes(random(&mut self.entropy));
        let mut new = fill::entry(corpus, words);
        let body = std::mem::take(&mut new.body);
        let length = new.title.len() + body.len();
        // The workload's words are ASCII, so any byte is a place to stop.
        let until = |part: usize| body.len() * part / changes;
        body[..until(1)].clone_into(&mut new.body);
        let at = Timestamp(1_600_000_000_000);
        let (mut document, chunks) = EntryDocument::create(id, actor, at, &new, &mut self.entropy)?;
        chunks.into_iter().try_for_each(|chunk| self.push(id, chunk))?;
        for part in 2..=changes {
            let text = body[..until(part)].to_owned();
            let edit = Edit::SetText { field: TextField::Body, base: document.heads(), text };
            let chunks = document.edit(at, &mut self.entropy, &[edit])?.changes;
            chunks.into_iter().try_for_each(|chunk| self.push(id, chunk))?;
        }
        Ok(length as u64)
    }
}

fn sizes(plan: &Plan, changes: usize, table: &mut Table) -> Result<()> {
    let entries = plan.synced[1];
    let (folder, keys) = (tempfile::tempdir().expect("a temporary folder can be made"), Keys::default());
    fill::create(folder.path(), &keys, 31)?.0.close()?;
    let mut writer = Writer::open(folder.path(), &keys)?;
    let (mut corpus, mut text) = (Corpus::new(31), 0);
    let actor = Actor::draw(&mut writer.entropy);
    for _ in 0..entries {
        text += writer.entry(&mut corpus, plan.words, changes, actor)?;
    }
    writer.commit()?;
    writer.store.pause()?;
    let engine = Engine::open(folder.path(), Unlock::Platform(&keys), environment(32))?;
    engine.derive(std::time::Duration::MAX, |_, _| {})?;
    engine.close()?;
    let database = Home::new(folder.path()).database();
    let file = std::fs::metadata(&database).map_or(0, |data| data.len());
    let hundredths = |bytes: u64| bytes * 100 / text.max(1);
    writer.store.resume()?;
    let mut used = 0;
    for (name, bytes) in writer.store.sizes()? {
        used += bytes;
        if hundredths(bytes) > 0 {
            let what = format!("size of {name}, {changes} changes an entry");
            let figure = format!("{:.2} of the text, {:.1} MB", bytes as f64 / text as f64, bytes as f64 / 1e6);
            table.plain(&what, entries, &figure);
        }
    }
    let free = format!("{:.2} of the text", file.saturating_sub(used) as f64 / text as f64);
    table.plain(&format!("free pages, {changes} changes an entry"), entries, &free);
    let what = format!("size of the whole, {changes} changes an entry");
    table.promise(&what, entries, hundredths(file), "hundredths of the text", WHOLE);
    Ok(())
}

/// One entry whose changes each stand in a block of their own, opened from nothing.
fn scattered(table: &mut Table) -> Result<()> {
    let (folder, keys) = (tempfile::tempdir().expect("a temporary folder can be made"), Keys::default());
    fill::create(folder.path(), &keys, 41)?.0.close()?;
    let mut writer = Writer::open(folder.path(), &keys)?;
    let mut corpus = Corpus::new(41);
    let actor = Actor::draw(&mut writer.entropy);
    let id = EntryId::from_bytes(random(&mut writer.entropy));
    let mut new = fill::entry(&mut corpus, WORDS);
    let mut body = new.body.clone();
    let at = Timestamp(1_600_000_000_000);
    let (mut document, chunks) = EntryDocument::create(id, actor, at, &new, &mut writer.entropy)?;
    chunks.into_iter().try_for_each(|chunk| writer.push(id, chunk))?;
    new.body.clear();
    for _ in 1..SCATTERED {
        // More than a block of others between each two.
        for _ in 0..20 {
            writer.entry(&mut corpus, 500, 1, actor)?;
        }
        body.push_str(" and then some");
        let edit = Edit::SetText { field: TextField::Body, base: document.heads(), text: body.clone() };
        let chunks = document.edit(at, &mut writer.entropy, &[edit])?.changes;
        chunks.into_iter().try_for_each(|chunk| writer.push(id, chunk))?;
    }
    writer.commit()?;
    let (mut timings, mut reading, mut unpacked) = (Vec::new(), Vec::new(), 0);
    for _ in 0..9 {
        let (opened, took) = timed(|| {
            writer.store.read_sql(|tx| {
                let (changes, took) = timed(|| read_model::changes(tx, id));
                reading.push(took);
                unpacked = tx.blocks_unpacked();
                read_model::read(id, changes?, actor)
            })
        });
        opened?;
        timings.push(took);
    }
    let what = format!("opening one entry of {WORDS} words, {SCATTERED} changes scattered over packs");
    table.promise(&what, 2_000, median(timings).ceil() as u64, "ms", OPENED);
    table.plain("of it reading its changes out of packs", 2_000, &format!("{:.1} ms", median(reading)));
    table.promise("blocks unpacked for it", 2_000, unpacked, "blocks", SCATTERED as u64);
    Ok(())
}
