//! One transaction over the tables, as the rules of the log see it.
//!
//! What the rules ask again and again inside one transaction (how far a log is held, a document's heads, whether a
//! change is held) is kept in memory for its duration, so that taking in a change costs two writes and about as many
//! look-ups. Documents are written back at the end; [`SqliteTx::conn`] writes them first, so whoever runs SQL of their
//! own sees what the rules did.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::codec::to_i64;
use super::rows::{DocumentRow, LogRow, OpenBlock};
use crate::error::{Error, Result};
use crate::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use crate::log::{Batch, BlobRef, Block, Certificate, Head, Operation, Placed, Position, Unpacker};
use crate::membership::Statements;
use crate::replication::ListRow;
use crate::replication::statements::{Last, StatementCache, put_together};
use crate::replication::tx::{DocumentState, Setting, StoredChange, Tx, Unpacked, WantedBlob};

/// One transaction over a journal's tables.
pub struct SqliteTx<'a> {
    pub(super) conn: &'a Transaction<'a>,
    writable: bool,
    cache: &'a StatementCache,
    /// The statements as this transaction has them, once that was asked, and whether it added any.
    set: Option<Arc<Statements>>,
    set_changed: bool,
    pub(super) logs: HashMap<LogId, LogRow>,
    pub(super) documents: HashMap<EntryId, DocumentRow>,
    pub(super) next_document: Option<i64>,
    /// The version that a new document begins with, once that was asked.
    pub(super) first_version: Option<i64>,
    /// Changes that this transaction appended and that nobody has spoken of since: not known to [`Tx::change_ready`].
    pub(super) fresh: HashSet<(i64, ChangeHash)>,
    /// Whether there is any certificate at all, once that was asked: where there is none, nothing is looked up.
    any_erased: Option<bool>,
    pub(super) unpacker: Unpacker,
    pub(super) open_block: Option<OpenBlock>,
    /// Blocks unpacked: what a cold entry costs.
    pub(super) unpacked: u64,
}

impl fmt::Debug for SqliteTx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteTx(writable: {})", self.writable)
    }
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(conn: &'a Transaction<'a>, writable: bool, cache: &'a StatementCache) -> Self {
        Self {
            conn,
            writable,
            cache,
            set: None,
            set_changed: false,
            logs: HashMap::new(),
            documents: HashMap::new(),
            next_document: None,
            first_version: None,
            fresh: HashSet::new(),
            any_erased: None,
            unpacker: Unpacker::default(),
            open_block: None,
            unpacked: 0,
        }
    }

    /// The transaction itself, for SQL over derived tables. What the rules did so far is in it.
    pub fn conn(&mut self) -> Result<&'a Transaction<'a>> {
        self.write_documents()?;
        Ok(self.conn)
    }

    /// Forgets what was read, for when SQL beside the rules changed it.
    pub(super) fn forget(&mut self) {
        let set_changed = self.set_changed;
        *self = Self { set_changed, ..Self::new(self.conn, self.writable, self.cache) };
    }

    pub(super) fn writing(&self) -> Result<()> {
        if self.writable { Ok(()) } else { Err(Error::internal("a write inside a reading transaction")) }
    }
}

impl Tx for SqliteTx<'_> {
    fn setting(&mut self, setting: Setting) -> Result<Option<Vec<u8>>> {
        Ok(self
            .conn
            .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
            .query_row([setting.as_str()], |row| row.get(0))
            .optional()?)
    }

    fn set_setting(&mut self, setting: Setting, value: &[u8]) -> Result<()> {
        self.writing()?;
        self.conn
            .prepare_cached("INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")?
            .execute(params![setting.as_str(), value])?;
        Ok(())
    }

    fn statements(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut all = self.conn.prepare_cached("SELECT bytes FROM statements ORDER BY id")?;
        Ok(all.query_map([], |row| row.get(0)).and_then(Iterator::collect)?)
    }

    fn statement_set(&mut self) -> Result<Arc<Statements>> {
        if let Some(set) = &self.set {
            return Ok(set.clone());
        }
        // What this transaction added may yet be undone: nobody else is told of it.
        let last = if self.set_changed { None } else { self.last_statement()? };
        if let Some(set) = last.as_ref().and_then(|last| self.cache.get(last)) {
            return Ok(self.set.insert(set).clone());
        }
        let set = Arc::new(put_together(self.statements()?)?);
        if let Some(last) = last {
            self.cache.put(last, set.clone());
        }
        Ok(self.set.insert(set).clone())
    }

    fn add_statement(&mut self, id: StatementId, bytes: &[u8]) -> Result<()> {
        self.writing()?;
        (self.set, self.set_changed) = (None, true);
        self.conn
            .prepare_cached("INSERT INTO statements (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![id.as_bytes(), bytes])?;
        Ok(())
    }

    fn certificates(&mut self) -> Result<Vec<Certificate>> {
        let mut all = self.conn.prepare_cached("SELECT bytes FROM certificates ORDER BY id")?;
        let mut rows = all.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Certificate::decode(row.get_ref(0)?.as_blob().unwrap_or_default())?);
        }
        Ok(found)
    }

    fn is_erased(&mut self, entry: EntryId) -> Result<bool> {
        let any = match self.any_erased {
            Some(any) => any,
            None => {
                let mut any = self.conn.prepare_cached("SELECT 1 FROM certificates LIMIT 1")?;
                *self.any_erased.insert(any.exists([])?)
            }
        };
        if !any {
            return Ok(false);
        }
        Ok(self.conn.prepare_cached("SELECT 1 FROM certificates WHERE entry = ?1")?.exists([entry.as_bytes()])?)
    }

    fn add_certificate(&mut self, certificate: &Certificate) -> Result<bool> {
        self.writing()?;
        self.any_erased = None;
        let (hash, entry, bytes) = (certificate.hash(), certificate.entry, certificate.encode());
        Ok(self
            .conn
            .prepare_cached(
                "INSERT INTO certificates (hash, entry, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (entry) DO UPDATE SET hash = excluded.hash, bytes = excluded.bytes
                 WHERE hash != excluded.hash",
            )?
            .execute(params![hash, entry.as_bytes(), bytes])
            .map(|added| added > 0)?)
    }

    fn certificate_of(&mut self, entry: EntryId) -> Result<Option<Certificate>> {
        self.certificate_where("entry", entry.as_bytes())
    }

    fn certificate_named(&mut self, name: &[u8; 32]) -> Result<Option<Certificate>> {
        self.certificate_where("hash", name)
    }

    fn certificate_names(&mut self, after: Option<[u8; 32]>, most: usize) -> Result<Vec<[u8; 32]>> {
        let after = after.map_or_else(Vec::new, |name| name.to_vec());
        let mut names =
            self.conn.prepare_cached("SELECT hash FROM certificates WHERE hash > ?1 ORDER BY hash LIMIT ?2")?;
        Ok(names.query_map(params![after, to_i64(most as u64)], |row| row.get(0)).and_then(Iterator::collect)?)
    }

    fn is_named(&mut self, entry: EntryId) -> Result<bool> {
        self.write_documents()?;
        Ok(self
            .conn
            .prepare_cached(
                "SELECT 1 FROM places WHERE document = (SELECT id FROM documents WHERE entry = ?1) LIMIT 1",
            )?
            .exists([entry.as_bytes()])?)
    }

    fn logs(&mut self) -> Result<Vec<(LogId, Position)>> {
        self.all_logs()
    }

    fn count_logs(&mut self, of: Option<DeviceId>) -> Result<usize> {
        self.logs_counted(of)
    }

    fn log(&mut self, log: LogId) -> Result<Option<Position>> {
        Ok(self.log_row(log)?.and_then(|row| row.position()))
    }

    fn position_at(&mut self, log: LogId, seq: u64) -> Result<Option<Position>> {
        self.position(log, seq)
    }

    fn head_at_or_before(&mut self, log: LogId, seq: u64) -> Result<Option<Head>> {
        self.last_head(log, seq)
    }

    fn head_after(&mut self, log: LogId, seq: u64, bytes: usize) -> Result<Option<Head>> {
        self.next_head(log, seq, bytes)
    }

    fn operations(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Operation>> {
        self.run(log, from, to)
    }

    fn append(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()> {
        self.writing()?;
        self.append_run(log, operations, head)
    }

    fn append_batch(&mut self, batch: &Batch, placed: &[Placed], packed: bool) -> Result<()> {
        self.writing()?;
        self.append_batch_run(batch, placed, packed)
    }

    fn blocks(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Block>> {
        self.blocks_of(log, from, to)
    }

    fn unpacked(&mut self, log: LogId, bytes: usize) -> Result<Option<Unpacked>> {
        self.first_unpacked(log, bytes)
    }

    fn pack(&mut self, log: LogId, from: u64, to: u64, blocks: &[Block]) -> Result<()> {
        self.writing()?;
        self.pack_run(log, from, to, blocks)
    }

    fn truncate(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>> {
        self.writing()?;
        self.cut_off(log, seq)
    }

    fn change_ready(&mut self, entry: EntryId, hash: ChangeHash) -> Result<Option<bool>> {
        self.readiness(entry, hash)
    }

    fn set_change_ready(&mut self, entry: EntryId, hash: ChangeHash, ready: bool) -> Result<()> {
        self.writing()?;
        self.set_readiness(entry, hash, ready)
    }

    fn add_wait(&mut self, entry: EntryId, dependency: ChangeHash, change: ChangeHash) -> Result<()> {
        self.writing()?;
        let document = self.document_made(entry)?;
        document.has_waits = true;
        let id = document.id;
        self.conn.prepare_cached("INSERT INTO waits VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?.execute(params![
            id,
            dependency.as_bytes(),
            change.as_bytes()
        ])?;
        Ok(())
    }

    fn take_waits(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<Vec<ChangeHash>> {
        self.writing()?;
        let Some(id) = self.waiting_document(entry)? else { return Ok(Vec::new()) };
        let mut take =
            self.conn.prepare_cached("DELETE FROM waits WHERE document = ?1 AND dependency = ?2 RETURNING change")?;
        let mut rows = take.query(params![id, dependency.as_bytes()])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            changes.push(ChangeHash::from_bytes(row.get(0)?));
        }
        changes.sort_unstable();
        Ok(changes)
    }

    fn is_waiting(&mut self, entry: EntryId, change: ChangeHash) -> Result<bool> {
        let Some(id) = self.waiting_document(entry)? else { return Ok(false) };
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM waits WHERE document = ?1 AND change = ?2")?
            .exists(params![id, change.as_bytes()])?)
    }

    fn is_waited_for(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<bool> {
        let Some(id) = self.waiting_document(entry)? else { return Ok(false) };
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM waits WHERE document = ?1 AND dependency = ?2")?
            .exists(params![id, dependency.as_bytes()])?)
    }

    fn clear_waits(&mut self, entry: EntryId) -> Result<()> {
        self.writing()?;
        let Some(document) = self.document_row(entry)? else { return Ok(()) };
        document.has_waits = false;
        let id = document.id;
        self.conn.prepare_cached("DELETE FROM waits WHERE document = ?1")?.execute([id])?;
        Ok(())
    }

    fn changes(&mut self, entry: EntryId) -> Result<Vec<StoredChange>> {
        self.all_changes(entry)
    }

    fn document(&mut self, entry: EntryId) -> Result<Option<DocumentState>> {
        Ok(self.document_row(entry)?.map(|row| row.state.clone()).filter(|state| !state.heads.is_empty()))
    }

    fn set_document(&mut self, entry: EntryId, state: &DocumentState) -> Result<()> {
        self.writing()?;
        self.set_state(entry, state)
    }

    fn documents(&mut self) -> Result<Vec<EntryId>> {
        self.all_documents()
    }

    fn drop_document(&mut self, entry: EntryId) -> Result<()> {
        self.writing()?;
        // What was damaged may hold words of this entry, and nobody can tell: erasing goes before keeping.
        self.conn.prepare_cached("DELETE FROM aside")?.execute([])?;
        self.erase_arriving(entry)?;
        self.erase_drafts(entry)?;
        self.end_opening(entry)?;
        self.destroy(entry)
    }

    fn bring_blob(&mut self, entry: EntryId, blob: &BlobRef) -> Result<()> {
        self.writing()?;
        let id = self.document_made(entry)?.id;
        self.conn
            .prepare_cached(
                "INSERT INTO blobs (document, blob, brought, ended, here, bitmap) VALUES (?1, ?2, ?3, 0, 0, x'')
                 ON CONFLICT DO UPDATE SET brought = excluded.brought, here = here AND ended,
                 bitmap = iif(ended, bitmap, x'') WHERE brought IS NULL OR excluded.brought < brought",
            )?
            .execute(params![id, blob.id.as_bytes(), crate::log::codec::encode(blob)])?;
        Ok(())
    }

    fn end_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()> {
        self.writing()?;
        let id = self.document_made(entry)?.id;
        self.conn
            .prepare_cached(
                "INSERT INTO blobs (document, blob, ended, here, bitmap) VALUES (?1, ?2, 1, 0, x'')
                 ON CONFLICT DO UPDATE SET ended = 1 WHERE NOT ended",
            )?
            .execute(params![id, blob.as_bytes()])?;
        Ok(())
    }

    fn blobs(&mut self, unfilled: bool) -> Result<Vec<WantedBlob>> {
        self.wanted(if unfilled { "NOT b.here" } else { "1" }, params![])
    }

    fn blob(&mut self, entry: EntryId, blob: BlobId) -> Result<Option<WantedBlob>> {
        let which = "d.entry = ?1 AND b.blob = ?2";
        Ok(self.wanted(which, params![entry.as_bytes(), blob.as_bytes()])?.pop())
    }

    fn set_blob(&mut self, entry: EntryId, blob: BlobId, bitmap: &[u8], here: bool) -> Result<()> {
        self.writing()?;
        self.write_documents()?;
        self.conn
            .prepare_cached(
                "UPDATE blobs SET bitmap = ?3, here = ?4
                 WHERE document = (SELECT id FROM documents WHERE entry = ?1) AND blob = ?2",
            )?
            .execute(params![entry.as_bytes(), blob.as_bytes(), bitmap, here])?;
        Ok(())
    }

    fn unwanted_blobs(&mut self) -> Result<Vec<(EntryId, BlobId)>> {
        let mut all = self.conn.prepare_cached(
            "SELECT d.entry, b.blob FROM blobs b JOIN documents d ON d.id = b.document
                 WHERE b.ended AND (b.here OR length(b.bitmap) > 0) ORDER BY d.entry, b.blob",
        )?;
        Ok(all
            .query_map([], |row| Ok((EntryId::from_bytes(row.get(0)?), BlobId::from_bytes(row.get(1)?))))
            .and_then(Iterator::collect)?)
    }

    fn forget_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()> {
        self.set_blob(entry, blob, &[], false)
    }

    fn newest(&mut self, limit: usize) -> Result<Vec<ListRow>> {
        self.newest_rows(limit)
    }

    fn set_arriving(&mut self, from: DeviceId, rows: &[ListRow]) -> Result<()> {
        self.writing()?;
        self.put_arriving(from, rows)
    }

    fn arriving(&mut self) -> Result<Vec<ListRow>> {
        self.all_arriving()
    }

    fn end_arriving(&mut self, from: DeviceId) -> Result<()> {
        self.writing()?;
        self.drop_arriving(from)
    }
}

impl SqliteTx<'_> {
    fn last_statement(&mut self) -> Result<Option<Last>> {
        Ok(self
            .conn
            .prepare_cached("SELECT id, hash FROM statements ORDER BY id DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    fn certificate_where(&mut self, column: &str, value: &[u8]) -> Result<Option<Certificate>> {
        let bytes: Option<Vec<u8>> = self
            .conn
            .prepare_cached(&format!("SELECT bytes FROM certificates WHERE {column} = ?1"))?
            .query_row([value], |row| row.get(0))
            .optional()?;
        Ok(bytes.map(|bytes| Certificate::decode(&bytes)).transpose()?)
    }

    fn wanted(&mut self, which: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<WantedBlob>> {
        self.write_documents()?;
        let mut all = self.conn.prepare_cached(&format!(
            "SELECT b.brought, d.entry, b.bitmap, b.here FROM blobs b JOIN documents d ON d.id = b.document
                 WHERE b.brought IS NOT NULL AND NOT b.ended AND {which} ORDER BY d.entry, b.blob"
        ))?;
        let mut rows = all.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let brought: Vec<u8> = row.get(0)?;
            found.push(WantedBlob {
                blob: crate::log::codec::decode("blob", 256, &brought)?,
                entry: EntryId::from_bytes(row.get(1)?),
                bitmap: row.get(2)?,
                here: row.get(3)?,
            });
        }
        Ok(found)
    }
}
