//! What is derived, held against what the log says: every document read by Automerge, every text looked through.

use std::collections::{BTreeMap, BTreeSet};

use afterword_core::document::{Actor, EntryDocument, PeopleDocument};
use afterword_core::error::{Error, Result};
use afterword_core::id::{EntryId, PEOPLE};
use afterword_core::journal::people::{People, names_in};
use afterword_core::journal::{Entry, InnerState};
use afterword_core::replication::ListRow;
use afterword_core::replication::Tx;
use afterword_core::store::read_model::{self, Filter};
use afterword_core::store::sqlite::{Projection, SqliteTx, search};
use afterword_core::time::Day;
use afterword_core::tokenizer::{Matcher, Query};

use super::check::store;
use super::deriving::marked;
use super::device::{Check, Device, Rule, broken};

/// Words, beginnings, phrases, names: what the index knows, and what only the text does.
const QUERIES: [&str; 12] = [
    "rain",
    "letter",
    "hau*",
    "失",
    "失敗",
    "失敗失敗",
    "why door",
    "\"not yet\"",
    "\"rain letter\"",
    "b*",
    "Rosa",
    "Tamar",
];
/// More entries than there are.
const MOST: usize = 10_000;
/// Who reads.
const READER: Actor = Actor::from_bytes([0xee; 16]);

/// What a device lists and finds, where nothing is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Derived {
    rows: BTreeMap<EntryId, ListRow>,
    texts: BTreeMap<EntryId, Projection>,
    answers: Vec<Vec<EntryId>>,
}

fn today() -> Day {
    Day::new(2026, 11, 22)
}

/// The ready changes of a document.
fn ready(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Vec<Vec<u8>>> {
    let changes = if tx.is_erased(entry)? { Vec::new() } else { tx.changes(entry)? };
    Ok(changes.into_iter().filter(|change| change.ready).map(|change| change.chunk).collect())
}

/// An entry as its document says it; nothing where none of its changes can be read.
fn entry(tx: &mut SqliteTx<'_>, id: EntryId) -> Result<Option<Entry>> {
    let changes = ready(tx, id)?;
    let chunks: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
    if chunks.is_empty() {
        return Ok(None);
    }
    let loaded = EntryDocument::load(id, READER, None, &chunks)?;
    if !loaded.refused.is_empty() {
        return Err(Error::internal(format!("changes of {id:?} do not read")));
    }
    Ok(Some(loaded.document.entry()?))
}

fn texts(entry: &Entry, people: &People) -> Projection {
    let parts = entry.texts().filter(|(field, _)| *field != "title");
    Projection {
        title: names_in(&entry.title, people),
        parts: parts.map(|(field, text)| (field.to_owned(), names_in(text, people))).collect(),
    }
}

/// The entries that hold what is asked for, as a search shows them, by looking at every text.
fn scan(entries: &BTreeMap<EntryId, (Entry, Projection)>, query: &str) -> Vec<EntryId> {
    let query = Query::parse(query);
    let matcher = Matcher::new(&query);
    let mut found = Vec::new();
    for (entry, texts) in entries.values() {
        let hidden = entry.trashed || entry.states(today()).contains(&InnerState::Boxed);
        let all = texts.parts.iter().map(|(_, text)| text.as_str()).chain([texts.title.as_str()]);
        if !hidden && matcher.matches(all) {
            let in_title = matcher.matches([texts.title.as_str()]);
            found.push((in_title, entry.day().first().to_string(), entry.created_at, entry.id));
        }
    }
    found.sort();
    found.into_iter().rev().map(|(.., id)| id).collect()
}

/// Holds all that is derived on a device against its log. What is marked as stale is not judged.
pub(super) fn derived(device: &Device) -> Check<Option<Derived>> {
    let Some(sqlite) = device.storage().derives else { return Ok(None) };
    store(sqlite.read_sql(|tx| Ok(look(tx, device))))?.map(Some)
}

fn look(tx: &mut SqliteTx<'_>, device: &Device) -> Check<Derived> {
    let me = device.id();
    let marked = store(marked(tx))?;
    for (entry, version) in &device.derived {
        if marked.contains(entry) && store(read_model::version(tx, *entry))? == Some(*version) {
            return broken(Rule::DerivedOnce, format!("{me:?} is to derive {entry:?} again, which stands as it did"));
        }
    }
    erased(tx, device)?;
    let people = store(names(tx, device, &marked))??;
    let mut entries = BTreeMap::new();
    for id in store(tx.documents())? {
        if id.is_singleton() || marked.contains(&id) {
            continue;
        }
        let (row, text) = (store(read_model::row(tx, id))?, store(read_model::projection(tx, id))?);
        let said = store(entry(tx, id))?.map(|entry| {
            let texts = texts(&entry, &people);
            (entry, texts)
        });
        if row != said.as_ref().map(|(entry, _)| ListRow::of(entry)) {
            return broken(Rule::DerivedIsTheLogs, format!("{me:?} lists {id:?} as {row:?}, which reads {said:?}"));
        }
        if text.as_ref() != said.as_ref().map(|(_, texts)| texts) {
            return broken(Rule::DerivedIsTheLogs, format!("{me:?} has {text:?} of {id:?}, which reads {said:?}"));
        }
        if let Some(what) = store(read_model::disagrees(tx, id, READER))? {
            return broken(Rule::DerivedIsTheLogs, format!("{me:?}: the {what} of {id:?} is not its log's"));
        }
        entries.extend(said.map(|said| (id, said)));
    }
    listed(tx, device, &entries, &marked)?;
    let answers = found(tx, device, &entries, &marked)?;
    let (rows, texts) =
        entries.into_iter().map(|(id, (entry, texts))| ((id, ListRow::of(&entry)), (id, texts))).unzip();
    Ok(Derived { rows, texts, answers })
}

/// Nothing is left of what was erased, whatever was prepared before.
fn erased(tx: &mut SqliteTx<'_>, device: &Device) -> Check {
    for certificate in store(tx.certificates())? {
        let Some(document) = store(tx.row_of(certificate.entry))? else { continue };
        for table in ["entries", "texts", "slots", "snapshots"] {
            let any = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE document = ?1)");
            let any = store(tx.conn())?.query_row(&any, [document], |row| row.get(0)).map_err(Error::internal);
            if store(any)? {
                let (me, entry) = (device.id(), certificate.entry);
                return broken(
                    Rule::ErasedIsErased,
                    format!("{me:?} has a row in {table} of {entry:?}, which is erased"),
                );
            }
        }
    }
    Ok(())
}

/// The names that texts are to show; those of their document, where it is not stale.
fn names(tx: &mut SqliteTx<'_>, device: &Device, marked: &BTreeSet<EntryId>) -> Result<Check<People>> {
    let people = read_model::people(tx)?;
    let changes = ready(tx, PEOPLE)?;
    let chunks: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
    let said = PeopleDocument::load(READER, None, &chunks)?.0.people()?;
    if !marked.contains(&PEOPLE) && said != people {
        let detail = format!("{:?} knows {people:?} and not {said:?}", device.id());
        return Ok(broken(Rule::DerivedIsTheLogs, detail));
    }
    Ok(Ok(people))
}

/// The list is in its order, and has no other entries.
fn listed(
    tx: &mut SqliteTx<'_>,
    device: &Device,
    entries: &BTreeMap<EntryId, (Entry, Projection)>,
    marked: &BTreeSet<EntryId>,
) -> Check {
    for trashed in [false, true] {
        let filter = Filter { trashed, ..Filter::default() };
        let mut listed: Vec<_> = store(read_model::list(tx, &filter, Day::new(2030, 1, 1), MOST, None))?
            .rows
            .into_iter()
            .map(|row| row.id)
            .collect();
        listed.retain(|id| !marked.contains(id));
        let mut right: Vec<_> = entries.values().map(|(entry, _)| entry).filter(|e| e.trashed == trashed).collect();
        right.sort_by_key(|entry| (entry.day().first().to_string(), entry.created_at, entry.id));
        if !right.iter().rev().map(|entry| entry.id).eq(listed.iter().copied()) {
            return broken(Rule::DerivedIsTheLogs, format!("{:?} lists {listed:?} of {right:?}", device.id()));
        }
    }
    Ok(())
}

/// Each search finds what a look at every text does, in its order. Answers what was found.
fn found(
    tx: &mut SqliteTx<'_>,
    device: &Device,
    entries: &BTreeMap<EntryId, (Entry, Projection)>,
    marked: &BTreeSet<EntryId>,
) -> Check<Vec<Vec<EntryId>>> {
    let mut answers = Vec::new();
    for query in QUERIES {
        let found = store(read_model::find(tx, query, MOST, today()))?;
        let mut hits: Vec<_> = found.hits.iter().map(|hit| hit.entry).collect();
        hits.retain(|id| !marked.contains(id));
        let right = scan(entries, query);
        if hits != right || (marked.is_empty() && found.total != right.len() as u64) {
            let me = device.id();
            return broken(
                Rule::DerivedIsTheLogs,
                format!("{me:?} finds {found:?} for {query}, which is in {right:?}"),
            );
        }
        answers.push(hits);
    }
    if let Some(what) = store(search::disagrees(store(tx.conn())?))? {
        return broken(Rule::DerivedIsTheLogs, format!("{:?} searches what was not written: {what}", device.id()));
    }
    Ok(answers)
}
