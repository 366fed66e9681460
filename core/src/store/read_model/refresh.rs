//! Making a document's derived rows again: list row, text projection, search row.
//!
//! In three steps, so that only the last one needs the writer: [`held`] reads what the log has of an entry,
//! [`Held::prepare`] turns it into rows without any transaction, [`Prepared::put`] writes them, if the log still says
//! what it said. What is refused there stays stale, and is derived again from what the log says by then.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::documents::{is_snapshot_right, open_people, read, weight};
use super::people::{people, store_people};
use crate::document::Actor;
use crate::error::{Error, Result};
use crate::fault::{Fault, Faults};
use crate::id::{EntryId, LIBRARY, PEOPLE};
use crate::journal::Entry;
use crate::journal::people::{People, names_in, tokens_in};
use crate::replication::ListRow;
use crate::replication::tx::{StoredChange, Tx};
use crate::store::sqlite::{Draft, Projection, SqliteTx, search};

/// What the log has of one entry that is not derived yet.
#[derive(Debug)]
pub struct Held {
    entry: EntryId,
    document: i64,
    version: i64,
    changes: Vec<StoredChange>,
    drafts: Vec<Draft>,
    /// The projection that its search row was made from, and where that row stands.
    texts: Option<Vec<u8>>,
    slot: Option<i64>,
}

/// Rows that are ready to be written.
#[derive(Debug)]
pub struct Prepared {
    entry: EntryId,
    document: i64,
    version: i64,
    before: Option<(Vec<u8>, String)>,
    slot: Option<i64>,
    rows: Option<Rows>,
    drafts: Vec<Draft>,
    people: Arc<People>,
    /// Whether an Automerge document was opened for it.
    pub opened: bool,
    refused: usize,
    operations: u64,
    /// What a test planted here.
    pub faults: Faults,
}

/// What a refresh did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refreshed {
    /// Whether an Automerge document was opened.
    pub opened: bool,
}

/// Everything that is written of one entry.
#[derive(Debug)]
struct Rows {
    row: ListRow,
    /// Whether its texts name people.
    named: bool,
    projection: Vec<u8>,
    tokens: String,
    /// Where its search row stands.
    place: search::Place,
}

impl Rows {
    fn of(entry: &Entry, people: &People) -> Self {
        let projection = project(entry, people);
        Self {
            row: ListRow::of(entry),
            named: names_people(entry),
            tokens: search::tokens(&projection),
            projection: projection.pack(),
            place: search::Place::of(entry),
        }
    }
}

/// What is typed and no change yet stands in the place of what is saved: it is listed and searched like the entry.
fn with_drafts(entry: &mut Entry, drafts: &[Draft], people: &People) {
    for draft in drafts {
        if let Some(text) = draft.field.in_entry(entry) {
            *text = people.to_tokens(&draft.text, text);
        }
    }
}

/// Whether anything of an entry can be read. One whose beginning has not come is as it was announced, or not there yet: an
/// empty row would stand in the list under the first day of all.
fn is_readable(changes: &[StoredChange]) -> bool {
    changes.iter().any(|change| change.ready)
}

fn names_people(entry: &Entry) -> bool {
    entry.texts().any(|(_, text)| !tokens_in(text).is_empty())
}

/// What the log has of `entry`; nothing where nothing of it is stale. Singletons are not read like this.
pub fn held(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<Held>> {
    let read = |row: &Row<'_>| {
        let (changes, drafts) = (Vec::new(), Vec::new());
        let (document, version, texts, slot) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Held { entry, document, version, changes, drafts, texts, slot })
    };
    let found = tx
        .conn()?
        .prepare_cached(
            "SELECT id, version, projection, slot FROM documents LEFT JOIN texts ON texts.document = documents.id
             LEFT JOIN slots ON slots.document = documents.id WHERE documents.entry = ?1 AND stale != 0",
        )?
        .query_row(params![entry.as_bytes()], read)
        .optional()?;
    let Some(mut held) = found else { return Ok(None) };
    if !tx.is_erased(entry)? {
        held.changes = tx.changes(entry)?;
        held.drafts = tx.drafts(entry)?;
    }
    Ok(Some(held))
}

impl Held {
    /// How many operations its changes have: what it costs to make its rows.
    pub fn operations(&self) -> u64 {
        weight(&self.changes)
    }

    /// Its rows, with names from `people`. Takes no transaction: this is where the time goes.
    pub fn prepare(self, people: &Arc<People>, actor: Actor) -> Result<Prepared> {
        let Self { entry, document, version, changes, drafts, texts, slot } = self;
        let before = texts.map(with_tokens).transpose()?;
        let mut prepared = Prepared {
            entry,
            document,
            version,
            before,
            slot,
            rows: None,
            drafts,
            people: people.clone(),
            opened: false,
            refused: 0,
            operations: weight(&changes),
            faults: Faults::default(),
        };
        if is_readable(&changes) {
            let mut read = read(entry, changes, actor)?;
            with_drafts(&mut read.entry, &prepared.drafts, people);
            prepared.opened = read.opened;
            prepared.refused = read.refused;
            prepared.rows = Some(Rows::of(&read.entry, people));
        }
        Ok(prepared)
    }
}

impl Prepared {
    /// Whoever writes many in one transaction writes them in this order: the search table writes out a batch only as
    /// long as its rows ascend.
    pub fn order(&self) -> i64 {
        self.rows.as_ref().map_or(i64::MIN, |rows| rows.place.order(self.slot))
    }

    /// Writes the rows. Answers false, and writes nothing, where the log, the names or the rows that these would
    /// replace are not what they were made from. `now` is everybody, as this transaction has them.
    pub fn put(&self, tx: &mut SqliteTx<'_>, now: &People) -> Result<bool> {
        let found: Option<(i64, i64, Option<Vec<u8>>)> = tx
            .conn()?
            .prepare_cached(
                "SELECT version, stale, projection FROM documents LEFT JOIN texts ON texts.document = documents.id
                 WHERE documents.id = ?1",
            )?
            .query_row([self.document], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((version, stale, texts)) = found else { return Ok(false) };
        let erased = self.faults.has(Fault::DerivesTheErased) && tx.is_erased(self.entry)?;
        if version != self.version && !self.faults.has(Fault::DerivesWhatHasMovedOn) && !erased {
            return Ok(false);
        }
        if stale == 0 && !erased {
            // Another process was faster, with the same.
            return Ok(true);
        }
        if tx.drafts(self.entry)? != self.drafts && !erased {
            return Ok(false);
        }
        let renamed = self.rows.as_ref().is_some_and(|rows| rows.named) && *self.people != *now;
        if renamed || texts.as_deref() != self.before.as_ref().map(|(packed, _)| packed.as_slice()) {
            return Ok(false);
        }
        match &self.rows {
            Some(rows) => {
                put_list_row(tx, self.document, &rows.row, rows.named)?;
                put_texts(tx, self.document, self.before.as_ref(), rows)?;
            }
            None => tx.forget_derived(self.document)?,
        }
        fresh(tx, self.entry, self.refused, self.operations)?;
        Ok(true)
    }
}

/// Brings everything derived from `entry` up to date with the log, in the caller's writing transaction.
pub fn refresh(tx: &mut SqliteTx<'_>, entry: EntryId, actor: Actor) -> Result<Refreshed> {
    if entry == PEOPLE {
        let now = open_people(tx, actor)?.people()?;
        if store_people(tx, &now)? {
            let named =
                "UPDATE documents SET stale = stale | 2 WHERE id IN (SELECT document FROM entries WHERE named = 1)";
            tx.conn()?.execute(named, [])?;
        }
        fresh(tx, entry, 0, 0)?;
        return Ok(Refreshed { opened: true });
    }
    if entry == LIBRARY {
        fresh(tx, entry, 0, 0)?;
        return Ok(Refreshed { opened: false });
    }
    let Some(held) = held(tx, entry)? else { return Ok(Refreshed { opened: false }) };
    let now = Arc::new(people(tx)?);
    let prepared = held.prepare(&now, actor)?;
    if prepared.put(tx, &now)? {
        Ok(Refreshed { opened: prepared.opened })
    } else {
        Err(Error::internal("an entry changed inside the transaction that derives it"))
    }
}

/// Which of an entry's derived rows is not what its changes give, if any: for `doctor`, which believes neither.
pub fn disagrees(tx: &mut SqliteTx<'_>, entry: EntryId, actor: Actor) -> Result<Option<&'static str>> {
    let changes = if tx.is_erased(entry)? { Vec::new() } else { tx.changes(entry)? };
    if !is_snapshot_right(tx, entry, actor, &changes)? {
        return Ok(Some("snapshot"));
    }
    let operations = weight(&changes);
    let (made, refused) = match is_readable(&changes) {
        false => (None, 0),
        true => {
            let mut read = read(entry, changes, actor)?;
            let people = people(tx)?;
            with_drafts(&mut read.entry, &tx.drafts(entry)?, &people);
            (Some(Rows::of(&read.entry, &people)), read.refused)
        }
    };
    type Held =
        (Option<Vec<u8>>, Option<Vec<u8>>, Option<String>, Option<i64>, Option<String>, Option<i64>, Option<i64>);
    let (key, row, day, created, kind, trashed, named): Held = tx
        .conn()?
        .prepare_cached(
            "SELECT e.entry, e.row, CAST(e.day AS TEXT), e.created, e.kind, e.trashed, e.named
             FROM documents d LEFT JOIN entries e ON e.document = d.id WHERE d.entry = ?1",
        )?
        .query_row([entry.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        })?;
    let row_right = match &made {
        Some(made) => {
            key.as_deref() == Some(entry.as_bytes().as_slice())
                && row == postcard::to_allocvec(&made.row).ok()
                && day == Some(made.row.day.first().to_string())
                && created == Some(made.row.created_at.0)
                && kind.as_deref() == Some(made.row.kind.as_str())
                && trashed == Some(i64::from(made.row.trashed))
                && named == Some(i64::from(made.named))
        }
        None => row.is_none(),
    };
    if !row_right {
        return Ok(Some("list row"));
    }
    let text = projection(tx, entry)?;
    let right = match (&made, text) {
        (Some(made), Some(text)) => Projection::unpack(&made.projection)? == text,
        (made, text) => made.is_none() && text.is_none(),
    };
    if !right {
        return Ok(Some("text"));
    }
    let (place, counted) = placed(tx, entry)?;
    if counted != [refused as i64, operations as i64] {
        return Ok(Some("count of changes or operations"));
    }
    let right = match (&made, place) {
        (Some(Rows { place, .. }), Some((slot, numbers, id))) => {
            numbers == [place.day.number(), place.created.0, place.hidden]
                && id == *entry.as_bytes()
                && place.is_of(slot)
        }
        (made, place) => made.is_none() && place.is_none(),
    };
    Ok((!right).then_some("place in the search"))
}

/// The slot of an entry's search row, with day, beginning, first day found and id beside it; and how many of its changes
/// are noted as refused, and how many operations.
type Placed = (Option<(i64, [i64; 3], [u8; EntryId::LEN])>, [i64; 2]);

fn placed(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Placed> {
    Ok(tx
        .conn()?
        .prepare_cached(
            "SELECT d.refused, s.slot, s.day, s.created, s.hidden, s.entry, d.operations
             FROM documents d LEFT JOIN slots s ON s.document = d.id WHERE d.entry = ?1",
        )?
        .query_row([entry.as_bytes()], |row| {
            let place = match row.get(1)? {
                Some(slot) => Some((slot, [row.get(2)?, row.get(3)?, row.get(4)?], row.get(5)?)),
                None => None,
            };
            Ok((place, [row.get(0)?, row.get(6)?]))
        })?)
}

/// Writes an entry's list row; part of the transaction that commits a local edit. Text and search follow: the mark that
/// they are stale was set with the heads.
pub fn put_row(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<()> {
    let Some(document) = document_id(tx, entry.id)? else { return Ok(()) };
    let drafts = tx.drafts(entry.id)?;
    if drafts.is_empty() {
        put_list_row(tx, document, &ListRow::of(entry), names_people(entry))?;
    } else {
        let mut typed = entry.clone();
        with_drafts(&mut typed, &drafts, &people(tx)?);
        put_list_row(tx, document, &ListRow::of(&typed), names_people(&typed))?;
    }
    tx.conn()?
        .prepare_cached("UPDATE documents SET stale = stale & 2 WHERE id = ?1 AND stale != 2")?
        .execute([document])?;
    Ok(())
}

/// Everything derived of an entry whose document is at hand and whole, in the transaction that commits it. An import of
/// many entries would otherwise open and commit each a second time. `operations` are those of all its changes.
pub fn put_all(tx: &mut SqliteTx<'_>, entry: &Entry, operations: u64) -> Result<()> {
    let Some(document) = document_id(tx, entry.id)? else { return Ok(()) };
    let now = people(tx)?;
    let rows = Rows::of(entry, &now);
    let before = packed(tx, entry.id)?.map(with_tokens).transpose()?;
    put_list_row(tx, document, &rows.row, rows.named)?;
    put_texts(tx, document, before.as_ref(), &rows)?;
    fresh(tx, entry.id, 0, operations)
}

fn put_list_row(tx: &mut SqliteTx<'_>, document: i64, row: &ListRow, named: bool) -> Result<()> {
    let bytes = postcard::to_allocvec(row).map_err(|_| Error::internal("a list row could not be written"))?;
    let (day, kind) = (row.day.first().to_string(), row.kind.as_str());
    // Most edits leave an entry at its place in the list, and then its index is not written.
    let in_place = tx
        .conn()?
        .prepare_cached(
            "UPDATE entries SET row = ?1, named = ?2
             WHERE document = ?3 AND day = ?4 AND created = ?5 AND kind = ?6 AND trashed = ?7",
        )?
        .execute(params![bytes, named, document, day, row.created_at.0, kind, row.trashed])?;
    if in_place > 0 {
        return Ok(());
    }
    tx.conn()?
        .prepare_cached(
            "INSERT INTO entries(document, entry, day, created, kind, trashed, named, row)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT(document) DO UPDATE SET day = excluded.day, created = excluded.created, kind = excluded.kind,
             trashed = excluded.trashed, named = excluded.named, row = excluded.row",
        )?
        .execute(params![document, row.id.as_bytes(), day, row.created_at.0, kind, row.trashed, named, bytes])?;
    Ok(())
}

/// `before`: the projection that is there, packed, and the tokens of the search row that was made from it.
fn put_texts(tx: &mut SqliteTx<'_>, document: i64, before: Option<&(Vec<u8>, String)>, rows: &Rows) -> Result<()> {
    // A day, the trash or the box may have changed where no text did.
    search::put(tx.conn()?, document, &rows.place, before.map(|(_, tokens)| tokens.as_str()), &rows.tokens)?;
    if before.is_some_and(|(packed, _)| *packed == rows.projection) {
        return Ok(());
    }
    tx.conn()?
        .prepare_cached(
            "INSERT INTO texts(document, projection) VALUES(?1, ?2)
             ON CONFLICT(document) DO UPDATE SET projection = excluded.projection",
        )?
        .execute(params![document, rows.projection])?;
    Ok(())
}

/// An entry's texts as search sees them, if they were derived. Opens no document.
pub fn projection(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<Projection>> {
    packed(tx, entry)?.map(|packed| Projection::unpack(&packed)).transpose()
}

/// A packed projection, and the tokens of the search row that was made from it.
fn with_tokens(packed: Vec<u8>) -> Result<(Vec<u8>, String)> {
    let tokens = search::tokens(&Projection::unpack(&packed)?);
    Ok((packed, tokens))
}

fn packed(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .conn()?
        .prepare_cached("SELECT projection FROM texts WHERE document = (SELECT id FROM documents WHERE entry = ?1)")?
        .query_row(params![entry.as_bytes()], |row| row.get(0))
        .optional()?)
}

fn project(entry: &Entry, people: &People) -> Projection {
    let parts = entry.texts().filter(|(field, _)| *field != "title");
    Projection {
        title: names_in(&entry.title, people),
        parts: parts.map(|(field, text)| (field.to_owned(), names_in(text, people))).collect(),
    }
}

pub(crate) fn document_id(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<i64>> {
    Ok(tx
        .conn()?
        .prepare_cached("SELECT id FROM documents WHERE entry = ?1")?
        .query_row(params![entry.as_bytes()], |row| row.get(0))
        .optional()?)
}

fn fresh(tx: &mut SqliteTx<'_>, entry: EntryId, refused: usize, operations: u64) -> Result<()> {
    tx.conn()?
        .prepare_cached("UPDATE documents SET stale = 0, refused = ?2, operations = ?3 WHERE entry = ?1")?
        .execute(params![entry.as_bytes(), refused as i64, operations as i64])?;
    Ok(())
}
