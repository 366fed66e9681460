//! Logs in their tables: appending a run, reading one back, finding the head to end at, dropping a tail.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::schema::SEQ_BITS;
use super::tx::{SqliteTx, db, int, uint};
use crate::crypto::Signature;
use crate::error::{Error, Result};
use crate::id::{Chain, ChangeHash, DeviceId, Incarnation, LogId, StatementId};
use crate::log::{Body, Envelope, Head, Operation, OperationKind, Position, codec};

/// How far a log is held; `seq` is 0 where all of it was dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogRow {
    pub(super) id: i64,
    pub(super) held: Position,
}

impl LogRow {
    pub(super) fn position(&self) -> Option<Position> {
        (self.held.seq > 0).then_some(self.held)
    }

    /// The key of the operation numbered `seq`, which is held or the next to be.
    pub(super) fn key(&self, seq: u64) -> Result<i64> {
        let seq = i64::try_from(seq).ok().filter(|seq| *seq < 1 << SEQ_BITS);
        let log = (self.id < 1 << (62 - SEQ_BITS)).then_some(self.id);
        log.zip(seq).map(|(log, seq)| log << SEQ_BITS | seq).ok_or_else(|| Error::internal("a log grew too long"))
    }
}

/// The sequence number in an operation's key.
pub(super) fn seq_of(key: i64) -> u64 {
    (key & ((1 << SEQ_BITS) - 1)).unsigned_abs()
}

/// The first eight bytes of a hash, for the index.
pub(super) fn index_key(hash: &[u8; 32]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_le_bytes(first)
}

pub(super) fn kind_number(kind: OperationKind) -> i64 {
    match kind {
        OperationKind::Change => 0,
        OperationKind::Erase => 1,
        OperationKind::Record => 2,
    }
}

/// What a head says beyond the place it stands at.
#[derive(Serialize, Deserialize)]
struct HeadRow {
    knew: Vec<StatementId>,
    signature: Signature,
}

impl SqliteTx<'_> {
    pub(super) fn all_logs(&mut self) -> Result<Vec<(LogId, Position)>> {
        let mut all = self
            .conn
            .prepare_cached(
                "SELECT device, incarnation, seq, chain FROM logs WHERE seq > 0 ORDER BY device, incarnation",
            )
            .map_err(db)?;
        let rows = all.query_map([], |row| {
            let log =
                LogId { device: DeviceId::from_bytes(row.get(0)?), incarnation: Incarnation::from_bytes(row.get(1)?) };
            Ok((log, Position { seq: uint(row.get(2)?), chain: Chain::from_bytes(row.get(3)?) }))
        });
        rows.and_then(Iterator::collect).map_err(db)
    }

    pub(super) fn log_row(&mut self, log: LogId) -> Result<Option<LogRow>> {
        if let Some(row) = self.logs.get(&log) {
            return Ok(Some(*row));
        }
        let found = self
            .conn
            .prepare_cached("SELECT id, seq, chain FROM logs WHERE device = ?1 AND incarnation = ?2")
            .and_then(|mut found| {
                found
                    .query_row(params![log.device.as_bytes(), log.incarnation.as_bytes()], |row| {
                        let held = Position { seq: uint(row.get(1)?), chain: Chain::from_bytes(row.get(2)?) };
                        Ok(LogRow { id: row.get(0)?, held })
                    })
                    .optional()
            })
            .map_err(db)?;
        if let Some(row) = found {
            self.logs.insert(log, row);
        }
        Ok(found)
    }

    pub(super) fn position(&mut self, log: LogId, seq: u64) -> Result<Option<Position>> {
        let Some(row) = self.log_row(log)?.filter(|row| (1..=row.held.seq).contains(&seq)) else { return Ok(None) };
        if seq == row.held.seq {
            return Ok(Some(row.held));
        }
        let chain = self
            .conn
            .prepare_cached("SELECT chain FROM operations WHERE id = ?1")
            .and_then(|mut found| found.query_row([row.key(seq).unwrap_or(0)], |row| row.get(0)).optional())
            .map_err(db)?;
        Ok(chain.map(|chain| Position { seq, chain: Chain::from_bytes(chain) }))
    }

    fn head_from(&mut self, log: LogId, key: i64, bytes: &[u8]) -> Result<Head> {
        let HeadRow { knew, signature } = codec::decode("head", 16 << 10, bytes)?;
        let position =
            self.position(log, seq_of(key))?.ok_or_else(|| Error::corrupt("a head stands beyond its log's end"))?;
        Ok(Head { log, position, knew, signature })
    }

    pub(super) fn last_head(&mut self, log: LogId, seq: u64) -> Result<Option<Head>> {
        let Some(row) = self.log_row(log)? else { return Ok(None) };
        let found: Option<(i64, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT id, bytes FROM heads WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1")
            .and_then(|mut found| {
                let to = row.key(seq.min(row.held.seq)).unwrap_or(0);
                found.query_row([row.key(1).unwrap_or(0), to], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(db)?;
        found.map(|(key, bytes)| self.head_from(log, key, &bytes)).transpose()
    }

    pub(super) fn next_head(&mut self, log: LogId, seq: u64, bytes: usize) -> Result<Option<Head>> {
        let Some(row) = self.log_row(log)?.filter(|row| seq < row.held.seq) else { return Ok(None) };
        let bounds = [row.key(seq + 1)?, row.key(row.held.seq)?];
        let conn = self.conn;
        let mut heads =
            conn.prepare_cached("SELECT id FROM heads WHERE id BETWEEN ?1 AND ?2 ORDER BY id").map_err(db)?;
        let mut sizes = conn
            .prepare_cached("SELECT id, size FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
            .map_err(db)?;
        let (mut heads, mut sizes) = (heads.query(bounds).map_err(db)?, sizes.query(bounds).map_err(db)?);
        let (mut best, mut size) = (None, 0usize);
        'heads: while let Some(head) = heads.next().map_err(db)? {
            let end: i64 = head.get(0).map_err(db)?;
            while let Some(operation) = sizes.next().map_err(db)? {
                size = size.saturating_add(uint(operation.get(1).map_err(db)?) as usize);
                if best.is_some() && size > bytes {
                    break 'heads;
                }
                if operation.get::<_, i64>(0).map_err(db)? >= end {
                    break;
                }
            }
            best = Some(end);
            if size > bytes {
                break;
            }
        }
        let Some(end) = best else { return Ok(None) };
        self.last_head(log, seq_of(end))
    }

    pub(super) fn run(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Operation>> {
        let Some(row) = self.log_row(log)? else { return Ok(Vec::new()) };
        let (from, to) = (from.max(1), to.min(row.held.seq));
        if from > to {
            return Ok(Vec::new());
        }
        let mut run = self
            .conn
            .prepare_cached("SELECT envelope, hash, body FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
            .map_err(db)?;
        let mut rows = run.query([row.key(from)?, row.key(to)?]).map_err(db)?;
        let mut operations = Vec::new();
        while let Some(row) = rows.next().map_err(db)? {
            let envelope = Envelope::decode(row.get_ref(0).map_err(db)?.as_blob().unwrap_or_default())?;
            let hash = row.get(1).map_err(db)?;
            let body = match row.get_ref(2).map_err(db)?.as_blob_or_null() {
                Ok(Some(packed)) => Body::Held { bytes: self.opener.unpack(packed)?, hash },
                Ok(None) => Body::Dropped { hash },
                Err(_) => return Err(Error::corrupt("an operation's body does not read")),
            };
            operations.push(Operation { envelope, body });
        }
        Ok(operations)
    }

    pub(super) fn append_run(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()> {
        let held = self.log_row(log)?.map_or(0, |row| row.held.seq);
        let Some((end, _)) = operations.last() else { return Err(Error::internal("a commit of no operations")) };
        let numbers = operations.iter().map(|(position, _)| position.seq);
        if !numbers.eq(held + 1..=end.seq) || head.position != *end {
            return Err(Error::internal("operations out of sequence"));
        }
        let row = self.set_log(log, *end)?;
        for (position, operation) in operations {
            self.insert(row.key(position.seq)?, position, operation)?;
        }
        let bytes = codec::encode(&HeadRow { knew: head.knew.clone(), signature: head.signature });
        self.conn
            .prepare_cached("INSERT INTO heads (id, bytes) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![row.key(end.seq).unwrap_or(0), bytes]))
            .map(drop)
            .map_err(db)
    }

    fn set_log(&mut self, log: LogId, held: Position) -> Result<LogRow> {
        let id = self
            .conn
            .prepare_cached(
                "INSERT INTO logs (device, incarnation, seq, chain) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq, chain = excluded.chain RETURNING id",
            )
            .and_then(|mut set| {
                let chain = held.chain.as_bytes();
                set.query_row(params![log.device.as_bytes(), log.incarnation.as_bytes(), int(held.seq), chain], |row| {
                    row.get(0)
                })
            })
            .map_err(db)?;
        let row = LogRow { id, held };
        self.logs.insert(log, row);
        Ok(row)
    }

    fn insert(&mut self, key: i64, position: &Position, operation: &Operation) -> Result<()> {
        let envelope = &operation.envelope;
        let hash = operation.body.hash();
        // A change that no other log holds yet is entered as ready, which most are, and is not known until the rules
        // have looked at it: `set_change_ready` then has nothing to write.
        let is_change = envelope.kind == OperationKind::Change && operation.body.bytes().is_some();
        let mut ready = None;
        let document = if is_change {
            let change = ChangeHash::from_bytes(hash);
            let known = self.readiness(envelope.entry, change)?;
            let document = self.document_made(envelope.entry)?;
            document.has_changes = true;
            let id = document.id;
            if known.is_none() {
                self.fresh.insert((id, change));
            }
            ready = Some(known.unwrap_or(true));
            id
        } else {
            self.document_made(envelope.entry)?.id
        };
        let body = operation.body.bytes().map(|bytes| self.squeezer.pack(bytes));
        self.conn
            .prepare_cached(
                "INSERT INTO operations (id, document, kind, ready, size, key, hash, chain, envelope, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    key,
                    document,
                    kind_number(envelope.kind),
                    ready,
                    int(operation.size() as u64),
                    index_key(&hash),
                    hash,
                    position.chain.as_bytes(),
                    envelope.encode(),
                    body,
                ])
            })
            .map(drop)
            .map_err(db)
    }

    pub(super) fn cut_off(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>> {
        let Some(row) = self.log_row(log)?.filter(|row| seq < row.held.seq) else { return Ok(Vec::new()) };
        let dropped = self.run(log, seq + 1, row.held.seq)?;
        let chain = match seq {
            // Nothing is left; what stands here is never read as a place.
            0 => Chain::from_bytes([0; 32]),
            seq => self.position(log, seq)?.ok_or_else(|| Error::corrupt("a log with a gap"))?.chain,
        };
        for operation in &dropped {
            let hash = ChangeHash::from_bytes(operation.body.hash());
            if let Some(document) = self.document_row(operation.envelope.entry)? {
                // The heads kept in memory may name a change that is gone now.
                document.settled = false;
                let id = document.id;
                self.fresh.remove(&(id, hash));
            }
        }
        for table in ["operations", "heads"] {
            self.conn
                .prepare_cached(&format!("DELETE FROM {table} WHERE id BETWEEN ?1 AND ?2"))
                .and_then(|mut delete| {
                    delete.execute([row.key(seq + 1).unwrap_or(i64::MAX), row.key(row.held.seq).unwrap_or(0)])
                })
                .map_err(db)?;
        }
        self.set_log(log, Position { seq, chain })?;
        Ok(dropped)
    }
}
