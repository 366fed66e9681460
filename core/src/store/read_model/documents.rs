//! Reading an entry off its changes, and opening its Automerge document: from a cached snapshot and what came since, or
//! from its changes.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use crate::document::{self, Actor, EntryDocument, PeopleDocument, reader};
use crate::error::{Advice, Code, Error, Result};
use crate::id::{ChangeHash, EntryId, PEOPLE};
use crate::journal::Entry;
use crate::log::ChangeHeader;
use crate::replication::tx::{StoredChange, Tx};
use crate::store::sqlite::SqliteTx;

/// How many documents keep a snapshot; the least recently used goes first.
const SNAPSHOTS: i64 = 256;
/// Most operations of a document that keeps one: Automerge unfolds all of a snapshot at once, 80 bytes for each.
const MAX_SNAPSHOT: u64 = 1 << 21;
/// Shorter histories open as fast from their changes.
const WORTH_A_SNAPSHOT: usize = 3;

/// An opened document.
#[derive(Debug)]
pub struct Opened {
    /// The document.
    pub document: EntryDocument,
    /// How many changes the document was made of beside its snapshot.
    pub replayed: usize,
}

/// Opens `entry`'s document as the log holds it now. `NotFound` where no change is held; `Refused` where it is erased.
pub fn open(tx: &mut SqliteTx<'_>, entry: EntryId, actor: Actor) -> Result<Opened> {
    let ready = in_order(changes(tx, entry)?);
    if let Some(opened) = from_snapshot(tx, entry, actor, &ready)? {
        return Ok(opened);
    }
    let chunks: Vec<&[u8]> = ready.iter().map(|change| change.chunk.as_slice()).collect();
    let loaded = EntryDocument::load(entry, actor, None, &chunks)?;
    Ok(Opened { document: loaded.document, replayed: chunks.len() })
}

/// An entry as its changes say it.
#[derive(Debug)]
pub struct Read {
    /// The entry.
    pub entry: Entry,
    /// How many changes Automerge refused.
    pub refused: usize,
    /// How many changes wait for what they depend on.
    pub pending: usize,
    /// Whether an Automerge document had to be opened for it: only where the history is not one that we write.
    pub opened: bool,
}

/// Reads `entry` off its changes, without a document where that can be done.
pub fn read(entry: EntryId, changes: Vec<StoredChange>, actor: Actor) -> Result<Read> {
    let pending = changes.iter().filter(|change| !change.ready).count();
    let ready = in_order(changes);
    let chunks: Vec<&[u8]> = ready.iter().map(|change| change.chunk.as_slice()).collect();
    let (readable, beyond) = document::readable(&chunks);
    if let Some(entry) = reader::entry(entry, &readable) {
        return Ok(Read { entry, refused: beyond, pending, opened: false });
    }
    let loaded = EntryDocument::load(entry, actor, None, &chunks)?;
    Ok(Read { entry: loaded.document.entry()?, refused: loaded.refused.len(), pending, opened: true })
}

/// What the log has of `entry`. `NotFound` where no change is held, or where it is erased.
pub fn changes(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Vec<StoredChange>> {
    if tx.is_erased(entry)? {
        return Err(Error::new(
            Code::NotFound,
            format!("entry {entry} was erased"),
            "nothing of it is left on any device that has synced since",
        ));
    }
    let changes = tx.changes(entry)?;
    if changes.is_empty() {
        return Err(Error::new(Code::NotFound, format!("there is no entry {entry}"), Advice::FindEntry));
    }
    Ok(changes)
}

fn from_snapshot(
    tx: &mut SqliteTx<'_>,
    entry: EntryId,
    actor: Actor,
    ready: &[StoredChange],
) -> Result<Option<Opened>> {
    let snapshot: Option<Vec<u8>> = tx
        .conn()?
        .prepare_cached("SELECT bytes FROM snapshots WHERE document = (SELECT id FROM documents WHERE entry = ?1)")?
        .query_row(params![entry.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(snapshot) = snapshot else { return Ok(None) };
    // A snapshot is derived: one that does not load, or holds what the log does not, is passed over.
    let Ok(loaded) = EntryDocument::load(entry, actor, Some(&snapshot), &[]) else { return Ok(None) };
    caught_up(loaded.document, ready)
}

/// Whether an entry's snapshot, if there is one, loads and holds nothing but these changes. Where it does not it is
/// passed over, and the entry opens slowly.
pub(super) fn is_snapshot_right(
    tx: &mut SqliteTx<'_>,
    entry: EntryId,
    actor: Actor,
    changes: &[StoredChange],
) -> Result<bool> {
    let snapshot: Option<(Vec<u8>, Vec<u8>)> = tx
        .conn()?
        .prepare_cached(
            "SELECT heads, bytes FROM snapshots WHERE document = (SELECT id FROM documents WHERE entry = ?1)",
        )?
        .query_row(params![entry.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((heads, bytes)) = snapshot else { return Ok(true) };
    let Ok(loaded) = EntryDocument::load(entry, actor, Some(&bytes), &[]) else { return Ok(false) };
    let held: BTreeSet<[u8; 32]> = changes.iter().map(|change| *change.hash.as_bytes()).collect();
    let (noted, rest) = heads.as_chunks::<32>();
    Ok(rest.is_empty()
        && noted.iter().all(|head| held.contains(head))
        && loaded.document.heads().iter().all(|head| held.contains(head.as_bytes())))
}

/// A document that was open, with what came since; nothing where the log does not have all that the document holds.
pub fn catch_up(tx: &mut SqliteTx<'_>, document: EntryDocument) -> Result<Option<Opened>> {
    let ready = in_order(changes(tx, document.id())?);
    caught_up(document, &ready)
}

fn caught_up(mut document: EntryDocument, ready: &[StoredChange]) -> Result<Option<Opened>> {
    if document.heads().iter().any(|head| !ready.iter().any(|change| change.hash == *head)) {
        return Ok(None);
    }
    let missing: Vec<&[u8]> =
        ready.iter().filter(|change| !document.holds(&[change.hash])).map(|change| change.chunk.as_slice()).collect();
    let replayed = missing.len();
    if !missing.is_empty() {
        document.merge(&missing)?;
    }
    Ok(Some(Opened { document, replayed }))
}

/// A number that is another whenever what the log says of `entry` is. Nothing where the log says nothing of it.
pub fn version(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<i64>> {
    Ok(tx
        .conn()?
        .prepare_cached("SELECT version FROM documents WHERE entry = ?1 AND heads IS NOT NULL")?
        .query_row(params![entry.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// The changes that may be handed to Automerge, dependencies first.
fn in_order(changes: Vec<StoredChange>) -> Vec<StoredChange> {
    let mut placed: BTreeSet<ChangeHash> = BTreeSet::new();
    let mut out = Vec::with_capacity(changes.len());
    let mut rest: Vec<_> = changes
        .into_iter()
        .filter(|change| change.ready)
        .filter_map(|change| ChangeHeader::parse(&change.chunk).ok().map(|header| (header.dependencies, change)))
        .collect();
    // They come nearly in order, so this is one pass, or two.
    while !rest.is_empty() {
        let before = out.len();
        let mut later = Vec::new();
        for (dependencies, change) in rest {
            if dependencies.iter().all(|dependency| placed.contains(dependency)) {
                placed.insert(change.hash);
                out.push(change);
            } else {
                later.push((dependencies, change));
            }
        }
        rest = later;
        if out.len() == before {
            break;
        }
    }
    out
}

/// The people document; it holds its first change also where no device wrote anything in it.
pub fn open_people(tx: &mut SqliteTx<'_>, actor: Actor) -> Result<PeopleDocument> {
    let ready = in_order(tx.changes(PEOPLE)?);
    let chunks: Vec<&[u8]> = ready.iter().map(|change| change.chunk.as_slice()).collect();
    let (document, _) = PeopleDocument::load(actor, None, &chunks)?;
    Ok(document)
}

/// How many operations these changes have, counted in their headers.
pub(super) fn weight(changes: &[StoredChange]) -> u64 {
    document::weight(changes.iter().map(|change| change.chunk.as_slice()))
}

/// How many operations the changes of a document have, which is what it costs to open: as it was counted when it was
/// derived, or by their headers.
pub fn operations(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<u64> {
    let counted: Option<(i64, i64)> = tx
        .conn()?
        .prepare_cached("SELECT stale, operations FROM documents WHERE entry = ?1")?
        .query_row(params![entry.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match counted {
        Some((0, operations)) if !entry.is_singleton() => Ok(operations.max(0).unsigned_abs()),
        Some(_) => Ok(weight(&tx.changes(entry)?)),
        None => Ok(0),
    }
}

/// Whether a document of so many changes and operations opens faster from a snapshot, in memory that is not more.
pub fn is_worth_a_snapshot(changes: usize, operations: u64) -> bool {
    changes >= WORTH_A_SNAPSHOT && operations <= MAX_SNAPSHOT
}

/// Keeps a snapshot of a document that is likely to be opened again, if the log is still at `version`.
pub fn remember(tx: &mut SqliteTx<'_>, entry: EntryId, version: i64, snapshot: &[u8], now: i64) -> Result<()> {
    let conn = tx.conn()?;
    conn.prepare_cached(
        "INSERT INTO snapshots(document, heads, bytes, used)
         SELECT id, heads, ?2, ?3 FROM documents WHERE entry = ?1 AND version = ?4 AND heads IS NOT NULL
         ON CONFLICT(document) DO UPDATE SET heads = excluded.heads, bytes = excluded.bytes, used = excluded.used",
    )?
    .execute(params![entry.as_bytes(), snapshot, now, version])?;
    conn.prepare_cached(
        "DELETE FROM snapshots WHERE document IN (SELECT document FROM snapshots ORDER BY used DESC LIMIT -1 OFFSET ?1)",
    )
    ?.execute(params![SNAPSHOTS])?;
    Ok(())
}
