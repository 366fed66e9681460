//! Documents in their table: heads, readiness, and destroying one with all that was ever derived from it.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Row, params};

use super::codec::{index_key, seq_of, split_heads, to_i64, to_u64};
use super::projection::Projection;
use super::rows::DocumentRow;
use super::schema::{SEQ_BITS, STALE_ROW, STALE_TEXT};
use super::search;
use super::tx::SqliteTx;
use crate::error::{Error, Result};
use crate::id::{ChangeHash, DeviceId, EntryId, Incarnation, LogId};
use crate::replication::tx::{DocumentState, Setting, StoredChange, Tx};

impl SqliteTx<'_> {
    /// Returns an entry that is here, or was erased here, with an id between these two, both included; `None` if there is
    /// none.
    pub fn any_entry_between(&mut self, first: EntryId, last: EntryId) -> Result<Option<EntryId>> {
        let query = "SELECT entry FROM documents WHERE entry BETWEEN ?1 AND ?2
                     UNION ALL SELECT entry FROM certificates WHERE entry BETWEEN ?1 AND ?2 LIMIT 1";
        let bounds = [first.as_bytes(), last.as_bytes()];
        let found: Option<Vec<u8>> =
            self.conn()?.prepare_cached(query)?.query_row(bounds, |row| row.get(0)).optional()?;
        Ok(found.and_then(|id| EntryId::from_slice(&id)))
    }

    /// The row key of an entry's document, under which derived tables hold what they made of it.
    pub fn row_of(&mut self, entry: EntryId) -> Result<Option<i64>> {
        Ok(self.document_row(entry)?.map(|row| row.id))
    }

    /// The entry whose document has this row key.
    pub fn entry_of(&mut self, row: i64) -> Result<Option<EntryId>> {
        self.write_documents()?;
        Ok(self
            .conn
            .prepare_cached("SELECT entry FROM documents WHERE id = ?1")?
            .query_row([row], |row| row.get(0).map(EntryId::from_bytes))
            .optional()?)
    }

    pub(super) fn document_row(&mut self, entry: EntryId) -> Result<Option<&mut DocumentRow>> {
        if !self.documents.contains_key(&entry) {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?, to_u64(row.get(2)?)));
            let found = self
                .conn
                .prepare_cached("SELECT id, heads, pending FROM documents WHERE entry = ?1")?
                .query_row([entry.as_bytes()], read)
                .optional()?;
            let Some((id, heads, pending)) = found else { return Ok(None) };
            let state = DocumentState { heads: split_heads(&heads.unwrap_or_default())?, pending };
            let has_waits = pending > 0;
            let row =
                DocumentRow { id, state, settled: true, has_waits, has_changes: true, unwritten: false, stale: 0 };
            self.documents.insert(entry, row);
        }
        Ok(self.documents.get_mut(&entry))
    }

    /// The document's row, made where there is none.
    pub(super) fn document_made(&mut self, entry: EntryId) -> Result<&mut DocumentRow> {
        if self.document_row(entry)?.is_none() {
            let id = match self.next_document {
                Some(id) => id,
                None => self
                    .conn
                    .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM documents")?
                    .query_row([], |row| row.get(0))?,
            };
            self.next_document = Some(id + 1);
            let row = DocumentRow { id, settled: true, unwritten: true, ..DocumentRow::default() };
            self.documents.insert(entry, row);
        }
        self.documents.get_mut(&entry).ok_or_else(|| Error::internal("a document was lost"))
    }

    /// The version that a new document begins with. None is used twice, also where a repair made the table again: rows
    /// that another process prepared before would be taken for those of the entry that has their number now.
    pub(super) fn first_version(&mut self) -> Result<i64> {
        if let Some(first) = self.first_version {
            return Ok(first);
        }
        let set = self.setting(Setting::CountsFrom)?.and_then(|bytes| bytes.try_into().ok());
        Ok(*self.first_version.insert(set.map_or(0, i64::from_le_bytes)))
    }

    /// Writes every document that changed.
    pub(super) fn write_documents(&mut self) -> Result<()> {
        if self.documents.values().all(|row| !row.unwritten) {
            return Ok(());
        }
        let first_version = self.first_version()?;
        let mut changed: Vec<_> = self.documents.iter_mut().filter(|(_, row)| row.unwritten).collect();
        changed.sort_unstable_by_key(|(_, row)| row.id);
        let mut write = self
            .conn
            .prepare_cached(
                "INSERT INTO documents (id, entry, heads, pending, stale, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET heads = excluded.heads, pending = excluded.pending, version = version + 1,
                     stale = CASE WHEN excluded.heads IS NULL THEN 0 ELSE stale | excluded.stale END,
                     refused = CASE WHEN excluded.heads IS NULL THEN 0 ELSE refused END,
                     operations = CASE WHEN excluded.heads IS NULL THEN 0 ELSE operations END",
            )?;
        for (entry, row) in changed {
            let heads = row.state.heads.iter().flat_map(|head| *head.as_bytes()).collect::<Vec<_>>();
            let heads = (!heads.is_empty()).then_some(heads);
            let pending = to_i64(row.state.pending);
            write.execute(params![row.id, entry.as_bytes(), heads, pending, row.stale, first_version])?;
            row.unwritten = false;
            row.stale = 0;
        }
        Ok(())
    }

    pub(super) fn set_state(&mut self, entry: EntryId, state: &DocumentState) -> Result<()> {
        let empty = state.heads.is_empty();
        let row = self.document_made(entry)?;
        row.state = state.clone();
        row.settled = true;
        row.unwritten = true;
        row.stale = if empty { 0 } else { STALE_ROW | STALE_TEXT };
        let id = row.id;
        if empty { self.forget_derived(id) } else { Ok(()) }
    }

    pub(super) fn all_documents(&mut self) -> Result<Vec<EntryId>> {
        self.write_documents()?;
        let mut all = self.conn.prepare_cached(
            "SELECT entry FROM documents WHERE heads IS NOT NULL OR EXISTS (
                     SELECT 1 FROM places WHERE document = documents.id AND ready IS NOT NULL)
                 ORDER BY entry",
        )?;
        Ok(all.query_map([], |row| row.get(0).map(EntryId::from_bytes)).and_then(Iterator::collect)?)
    }

    /// The document's row key, where anything may wait in it.
    pub(super) fn waiting_document(&mut self, entry: EntryId) -> Result<Option<i64>> {
        Ok(self.document_row(entry)?.filter(|row| row.has_waits).map(|row| row.id))
    }

    pub(super) fn readiness(&mut self, entry: EntryId, hash: ChangeHash) -> Result<Option<bool>> {
        let Some(row) = self.document_row(entry)?.filter(|row| row.has_changes) else { return Ok(None) };
        let id = row.id;
        // Most changes are made on top of the heads, and where nothing waits those are ready.
        let is_head = row.settled && row.state.pending == 0 && row.state.heads.binary_search(&hash).is_ok();
        if self.fresh.contains(&(id, hash)) {
            return Ok(None);
        }
        if is_head {
            return Ok(Some(true));
        }
        Ok(self.held_change(id, hash)?.into_iter().next().map(|(_, ready)| ready))
    }

    /// Where a change stands whose body is held, and whether it is ready: once for each log.
    fn held_change(&mut self, document: i64, hash: ChangeHash) -> Result<Vec<(i64, bool)>> {
        let mut found = self.conn.prepare_cached(
            "SELECT id, ready FROM places WHERE document = ?1 AND key = ?2 AND ready IS NOT NULL ORDER BY id",
        )?;
        let found = found.query_map([document, index_key(hash.as_bytes())], |row| Ok((row.get(0)?, row.get(1)?)));
        let mut found: Vec<(i64, bool)> = found.and_then(Iterator::collect)?;
        // The index knows eight bytes; whoever makes two changes that begin alike gains nothing by it.
        let keys: Vec<i64> = found.iter().map(|(key, _)| *key).collect();
        let mut equal = Vec::with_capacity(keys.len());
        self.lines(&keys, |_, line| {
            equal.push(line.hash()? == *hash.as_bytes());
            Ok(())
        })?;
        let mut equal = equal.into_iter();
        found.retain(|_| equal.next() == Some(true));
        Ok(found)
    }

    /// Whether a record of `entry` with this hash, or one of a kind that this version does not know, stands in any log.
    pub(super) fn holds_record(&mut self, entry: EntryId, hash: &[u8; 32]) -> Result<bool> {
        let Some(id) = self.row_of(entry)? else { return Ok(false) };
        let mut found = self
            .conn
            .prepare_cached("SELECT id FROM places WHERE document = ?1 AND key = ?2 AND ready IS NULL ORDER BY id")?;
        let found = found.query_map(params![id, index_key(hash)], |row| row.get(0));
        let found: Vec<i64> = found.and_then(Iterator::collect)?;
        let mut holds = false;
        self.lines(&found, |_, line| {
            holds |= line.hash()? == *hash;
            Ok(())
        })?;
        Ok(holds)
    }

    pub(super) fn set_readiness(&mut self, entry: EntryId, hash: ChangeHash, ready: bool) -> Result<()> {
        let Some(id) = self.row_of(entry)? else { return Ok(()) };
        if self.fresh.remove(&(id, hash)) && ready {
            return Ok(());
        }
        for (key, was) in self.held_change(id, hash)? {
            if was != ready {
                self.conn
                    .prepare_cached("UPDATE places SET ready = ?4 WHERE document = ?1 AND key = ?2 AND id = ?3")?
                    .execute(params![id, index_key(hash.as_bytes()), key, ready])?;
            }
        }
        Ok(())
    }

    pub(super) fn all_changes(&mut self, entry: EntryId) -> Result<Vec<StoredChange>> {
        let Some(id) = self.row_of(entry)? else { return Ok(Vec::new()) };
        let mut all = self
            .conn
            .prepare_cached("SELECT id, ready FROM places WHERE document = ?1 AND ready IS NOT NULL ORDER BY id")?;
        let all: Vec<(i64, bool)> =
            all.query_map([id], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?;
        let logs = self.logs_by_row()?;
        let keys: Vec<i64> = all.iter().map(|(key, _)| *key).collect();
        let (mut seen, mut changes) = (HashSet::new(), Vec::with_capacity(all.len()));
        let fresh = std::mem::take(&mut self.fresh);
        let read = self.lines(&keys, |at, line| {
            let hash = ChangeHash::from_bytes(line.hash()?);
            let (Some((key, ready)), Ok(chunk)) = (all.get(at), line.body) else {
                return Err(Error::corrupt("a change without a body"));
            };
            if seen.insert(hash) {
                let log = logs.get(&(key >> SEQ_BITS)).ok_or_else(|| Error::corrupt("an operation of no log"))?;
                changes.push(StoredChange {
                    hash,
                    log: *log,
                    seq: seq_of(*key),
                    first_log: line.envelope.first_log,
                    ready: *ready && !fresh.contains(&(id, hash)),
                    chunk: chunk.to_vec(),
                });
            }
            Ok(())
        });
        self.fresh = fresh;
        read.map(|()| changes)
    }

    fn logs_by_row(&mut self) -> Result<HashMap<i64, LogId>> {
        let mut all = self.conn.prepare_cached("SELECT id, device, incarnation FROM logs")?;
        let rows = all.query_map([], |row| {
            let device = DeviceId::from_bytes(row.get(1)?);
            Ok((row.get(0)?, LogId { device, incarnation: Incarnation::from_bytes(row.get(2)?) }))
        });
        Ok(rows.and_then(Iterator::collect)?)
    }

    pub(super) fn destroy(&mut self, entry: EntryId) -> Result<()> {
        let Some(row) = self.document_row(entry)? else { return Ok(()) };
        let id = row.id;
        row.state = DocumentState::default();
        row.has_waits = false;
        row.unwritten = true;
        row.stale = 0;
        self.fresh.retain(|(document, _)| *document != id);
        self.write_documents()?;
        self.forget_derived(id)?;
        self.drop_all_bodies(entry, id)?;
        for sql in ["DELETE FROM waits WHERE document = ?1", "UPDATE blobs SET ended = 1 WHERE document = ?1"] {
            self.conn.prepare_cached(sql)?.execute([id])?;
        }
        Ok(())
    }

    /// Envelopes and hashes stay, for the chain.
    fn drop_all_bodies(&mut self, entry: EntryId, document: i64) -> Result<()> {
        let mut all = self.conn.prepare_cached("SELECT id FROM places WHERE document = ?1 ORDER BY id")?;
        let keys: Vec<i64> = all.query_map([document], |row| row.get(0)).and_then(Iterator::collect)?;
        self.drop_bodies(entry, &keys)?;
        self.conn
            .prepare_cached("UPDATE places SET ready = NULL WHERE document = ?1 AND ready IS NOT NULL")?
            .execute([document])?;
        Ok(())
    }

    /// Takes out the search row with exactly the texts that it was made from: those in the projection, which every
    /// writer of search rows puts there in the same transaction.
    fn remove_search_row(&mut self, document: i64) -> Result<()> {
        let packed: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT projection FROM texts WHERE document = ?1")?
            .query_row([document], |row| row.get(0))
            .optional()?;
        if let Some(packed) = packed {
            let projection = Projection::unpack(&packed)?;
            search::remove(self.conn, document, &search::tokens(&projection))?;
        }
        Ok(())
    }

    /// Removes everything that was derived from a document.
    pub(in crate::store) fn forget_derived(&mut self, document: i64) -> Result<()> {
        // The search row first: it can only be taken out with the text that it was made from.
        self.remove_search_row(document)?;
        for table in ["entries", "texts", "snapshots"] {
            self.conn.prepare_cached(&format!("DELETE FROM {table} WHERE document = ?1"))?.execute([document])?;
        }
        Ok(())
    }
}
