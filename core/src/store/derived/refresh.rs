//! Making a document's derived rows again: list row, text projection, search row.

use rusqlite::{OptionalExtension, params};

use super::documents::{open, open_people, remember, sql};
use super::list::ListRow;
use super::people::{people, store_people};
use crate::document::Actor;
use crate::error::{Code, Result};
use crate::id::{EntryId, LIBRARY, PEOPLE};
use crate::journal::Entry;
use crate::journal::people::{People, names_in, tokens_in};
use crate::store::sqlite::{Projection, SqliteTx, search};

/// What a refresh did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refreshed {
    /// Whether an Automerge document was opened.
    pub opened: bool,
}

/// Brings everything derived from `entry` up to date with the log, in the caller's writing transaction.
pub fn refresh(tx: &mut SqliteTx<'_>, entry: EntryId, actor: Actor, now: i64) -> Result<Refreshed> {
    if entry == PEOPLE {
        let now = open_people(tx, actor)?.people()?;
        if store_people(tx, &now)? {
            let named =
                "UPDATE documents SET stale = stale | 2 WHERE id IN (SELECT document FROM entries WHERE named = 1)";
            tx.conn()?.execute(named, []).map_err(sql)?;
        }
        fresh(tx, entry, 0)?;
        return Ok(Refreshed { opened: true });
    }
    if entry == LIBRARY {
        fresh(tx, entry, 0)?;
        return Ok(Refreshed { opened: false });
    }
    let opened = match open(tx, entry, actor) {
        Ok(opened) => opened,
        Err(error) if error.code == Code::NotFound => {
            fresh(tx, entry, 0)?;
            return Ok(Refreshed { opened: false });
        }
        Err(error) => return Err(error),
    };
    let reading = opened.document.entry()?;
    put_row(tx, &reading)?;
    put_texts(tx, &reading)?;
    if opened.replayed > 0 {
        remember(tx, &opened.document, opened.replayed, now)?;
    }
    fresh(tx, entry, opened.refused)?;
    Ok(Refreshed { opened: true })
}

/// Writes an entry's list row; part of the transaction that commits a local edit.
pub(crate) fn put_row(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<()> {
    let row = ListRow::of(entry);
    let named = entry.texts().any(|(_, text)| !tokens_in(text).is_empty());
    let bytes = postcard::to_allocvec(&row).unwrap_or_default();
    tx.conn()?
        .prepare_cached(
            "INSERT INTO entries(document, entry, day, created, kind, trashed, named, row)
             SELECT id, entry, ?2, ?3, ?4, ?5, ?6, ?7 FROM documents WHERE entry = ?1
             ON CONFLICT(document) DO UPDATE SET day = excluded.day, created = excluded.created, kind = excluded.kind,
             trashed = excluded.trashed, named = excluded.named, row = excluded.row",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                entry.id.as_bytes(),
                row.day.first().to_string(),
                row.created_at.0,
                row.kind.as_str(),
                row.trashed,
                named,
                bytes
            ])
        })
        .map_err(sql)?;
    // The list row is fresh; text and search follow.
    tx.conn()?
        .prepare_cached("UPDATE documents SET stale = 2 WHERE entry = ?1")
        .and_then(|mut statement| statement.execute(params![entry.id.as_bytes()]))
        .map_err(sql)?;
    Ok(())
}

/// Everything derived of an entry whose document is at hand and whole, in the transaction that commits it. An import of
/// many entries would otherwise open and commit each a second time.
pub(crate) fn put_all(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<()> {
    put_row(tx, entry)?;
    put_texts(tx, entry)?;
    fresh(tx, entry.id, 0)
}

fn put_texts(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<()> {
    let known = people(tx)?;
    let old = projection(tx, entry.id)?;
    let new = project(entry, &known);
    let Some(document) = document_id(tx, entry.id)? else { return Ok(()) };
    if old.as_ref() == Some(&new) {
        return Ok(());
    }
    let before = old.as_ref().map(|old| (old.title.as_str(), old.rest()));
    let before = before.as_ref().map(|(title, rest)| (*title, rest.as_str()));
    search::replace(tx.conn()?, document, before, (&new.title, &new.rest()))?;
    tx.conn()?
        .prepare_cached(
            "INSERT INTO texts(document, projection) VALUES(?1, ?2)
             ON CONFLICT(document) DO UPDATE SET projection = excluded.projection",
        )
        .and_then(|mut statement| statement.execute(params![document, new.pack()]))
        .map_err(sql)?;
    Ok(())
}

/// An entry's texts as search sees them, if they were derived. Opens no document.
pub fn projection(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<Projection>> {
    tx.conn()?
        .prepare_cached("SELECT projection FROM texts WHERE document = (SELECT id FROM documents WHERE entry = ?1)")
        .and_then(|mut statement| {
            statement.query_row(params![entry.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).optional()
        })
        .map_err(sql)?
        .map(|packed| Projection::unpack(&packed))
        .transpose()
}

fn project(entry: &Entry, people: &People) -> Projection {
    let parts = entry.texts().filter(|(field, _)| *field != "title");
    Projection {
        title: names_in(&entry.title, people),
        parts: parts.map(|(field, text)| (field.to_owned(), names_in(text, people))).collect(),
    }
}

pub(crate) fn document_id(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<i64>> {
    tx.conn()?
        .prepare_cached("SELECT id FROM documents WHERE entry = ?1")
        .and_then(|mut statement| statement.query_row(params![entry.as_bytes()], |row| row.get(0)).optional())
        .map_err(sql)
}

fn fresh(tx: &mut SqliteTx<'_>, entry: EntryId, refused: usize) -> Result<()> {
    tx.conn()?
        .prepare_cached("UPDATE documents SET stale = 0, refused = ?2 WHERE entry = ?1")
        .and_then(|mut statement| statement.execute(params![entry.as_bytes(), refused as i64]))
        .map_err(sql)?;
    Ok(())
}
