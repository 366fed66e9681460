//! Logs in their tables: appending a run, finding places and heads, dropping a tail. What is packed is in `packs`.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Rows, params};
use serde::{Deserialize, Serialize};

use super::codec::{index_key, seq_of, to_i64, to_u64};
use super::rows::LogRow;
use super::tx::SqliteTx;
use crate::crypto::Signature;
use crate::error::{Error, Result};
use crate::id::{Chain, ChangeHash, DeviceId, Incarnation, LogId, StatementId};
use crate::log::{Batch, Envelope, Head, Operation, OperationKind, Placed, Position, codec, line};

/// A head, beyond its log and number.
#[derive(Serialize, Deserialize)]
struct HeadRow {
    chain: Chain,
    knew: Vec<StatementId>,
    signature: Signature,
}

impl SqliteTx<'_> {
    pub(super) fn all_logs(&mut self) -> Result<Vec<(LogId, Position)>> {
        let mut all = self.conn.prepare_cached(
            "SELECT device, incarnation, seq, chain FROM logs WHERE seq > 0 ORDER BY device, incarnation",
        )?;
        let rows = all.query_map([], |row| {
            let log =
                LogId { device: DeviceId::from_bytes(row.get(0)?), incarnation: Incarnation::from_bytes(row.get(1)?) };
            Ok((log, Position { seq: to_u64(row.get(2)?), chain: Chain::from_bytes(row.get(3)?) }))
        });
        Ok(rows.and_then(Iterator::collect)?)
    }

    pub(super) fn logs_counted(&mut self, of: Option<DeviceId>) -> Result<usize> {
        let count: i64 = match of {
            Some(device) => self
                .conn
                .prepare_cached("SELECT count(*) FROM logs WHERE device = ?1 AND seq > 0")?
                .query_row([device.as_bytes()], |row| row.get(0))?,
            // Rows of logs never go but in a repair: the last one's number says enough, and is read at once.
            None => {
                self.conn.prepare_cached("SELECT coalesce(max(id), 0) FROM logs")?.query_row([], |row| row.get(0))?
            }
        };
        Ok(to_u64(count) as usize)
    }

    pub(super) fn log_row(&mut self, log: LogId) -> Result<Option<LogRow>> {
        if let Some(row) = self.logs.get(&log) {
            return Ok(Some(*row));
        }
        let found = self
            .conn
            .prepare_cached("SELECT id, seq, chain FROM logs WHERE device = ?1 AND incarnation = ?2")?
            .query_row(params![log.device.as_bytes(), log.incarnation.as_bytes()], |row| {
                let held = Position { seq: to_u64(row.get(1)?), chain: Chain::from_bytes(row.get(2)?) };
                Ok(LogRow { id: row.get(0)?, held })
            })
            .optional()?;
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
        // A block would have to be unpacked; where there is a head, it knows.
        if let Some((key, bytes)) = self.head_row("id = ?1", [row.key(seq)?])? {
            return Ok(Some(head_of(log, key, &bytes)?.position));
        }
        self.place_of(log, seq)
    }

    /// The chain after `seq` operations, as they themselves say and no head.
    pub(super) fn place_of(&mut self, log: LogId, seq: u64) -> Result<Option<Position>> {
        let Some(row) = self.log_row(log)?.filter(|row| (1..=row.held.seq).contains(&seq)) else { return Ok(None) };
        let key = row.key(seq)?;
        let chain: Option<[u8; 32]> = self
            .conn
            .prepare_cached("SELECT chain FROM operations WHERE id = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        match chain {
            Some(chain) => Ok(Some(Position { seq, chain: Chain::from_bytes(chain) })),
            None => self.position_in_block(key),
        }
    }

    fn head_row(&self, which: &str, keys: impl rusqlite::Params) -> Result<Option<(i64, Vec<u8>)>> {
        Ok(self
            .conn
            .prepare_cached(&format!("SELECT id, bytes FROM heads WHERE {which}"))?
            .query_row(keys, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    pub(super) fn last_head(&mut self, log: LogId, seq: u64) -> Result<Option<Head>> {
        let Some(row) = self.log_row(log)? else { return Ok(None) };
        let keys = [row.key(1)?, row.key(seq.min(row.held.seq))?];
        let found = self.head_row("id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1", keys)?;
        found.map(|(key, bytes)| head_of(log, key, &bytes)).transpose()
    }

    pub(super) fn next_head(&mut self, log: LogId, seq: u64, bytes: usize) -> Result<Option<Head>> {
        let Some(row) = self.log_row(log)?.filter(|row| seq < row.held.seq) else { return Ok(None) };
        let bounds = [row.key(seq + 1)?, row.key(row.held.seq)?];
        let conn = self.conn;
        let mut heads = conn.prepare_cached("SELECT id FROM heads WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut heads = heads.query(bounds)?;
        let mut pieces = Pieces::of(conn)?;
        let mut pieces = pieces.walk(bounds)?;
        let (mut best, mut size) = (None, 0usize);
        'heads: while let Some(head) = heads.next()? {
            let end: i64 = head.get(0)?;
            while let Some((last, len)) = pieces.next()? {
                size = size.saturating_add(len);
                if best.is_some() && size > bytes {
                    break 'heads;
                }
                if last >= end {
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

    pub(super) fn append_run(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()> {
        let row = self.extend(log, operations.iter().map(|(position, _)| *position), head)?;
        for (position, operation) in operations {
            let key = row.key(position.seq)?;
            self.insert(key, position, &line(operation))?;
            self.enter(key, &operation.envelope, operation.body.hash(), operation.body.bytes().is_some())?;
        }
        Ok(())
    }

    pub(super) fn append_batch_run(&mut self, batch: &Batch, placed: &[Placed], packed: bool) -> Result<()> {
        let row = self.extend(batch.log, placed.iter().map(|placed| placed.position), &batch.head)?;
        let (mut rest, mut chain) = (placed, batch.previous.chain);
        for block in &batch.blocks {
            let Some((here, later)) = rest.split_at_checked(block.operations as usize) else { break };
            let (Some(first), Some(last)) = (here.first(), here.last()) else { break };
            if packed {
                self.insert_block(row.key(first.position.seq)?, &chain, block)?;
            } else {
                let mut unpacker = std::mem::take(&mut self.unpacker);
                for (line, placed) in unpacker.lines(block)?.zip(here) {
                    self.insert(row.key(placed.position.seq)?, &placed.position, line?.whole)?;
                }
                self.unpacker = unpacker;
            }
            for placed in here {
                self.enter(row.key(placed.position.seq)?, &placed.envelope, placed.hash, placed.held)?;
            }
            (rest, chain) = (later, last.position.chain);
        }
        if rest.is_empty() { Ok(()) } else { Err(Error::internal("a batch that is not what it was")) }
    }

    /// The log further on, up to a head.
    fn extend(&mut self, log: LogId, mut run: impl Iterator<Item = Position>, head: &Head) -> Result<LogRow> {
        let held = self.log_row(log)?.map_or(0, |row| row.held.seq);
        let mut end = None;
        let in_sequence = (held + 1..).zip(&mut run).all(|(seq, position)| {
            end = Some(position);
            position.seq == seq
        });
        if !in_sequence || end != Some(head.position) {
            return Err(Error::internal("operations out of sequence"));
        }
        let row = self.set_log(log, head.position)?;
        let bytes = HeadRow { chain: head.position.chain, knew: head.knew.clone(), signature: head.signature };
        self.conn
            .prepare_cached("INSERT INTO heads (id, bytes) VALUES (?1, ?2)")?
            .execute(params![row.key(row.held.seq).unwrap_or(0), codec::encode(&bytes)])?;
        Ok(row)
    }

    fn set_log(&mut self, log: LogId, held: Position) -> Result<LogRow> {
        let id = self
            .conn
            .prepare_cached(
                "INSERT INTO logs (device, incarnation, seq, chain) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq, chain = excluded.chain RETURNING id",
            )?
            .query_row(
                params![log.device.as_bytes(), log.incarnation.as_bytes(), to_i64(held.seq), held.chain.as_bytes()],
                |row| row.get(0),
            )?;
        let row = LogRow { id, held };
        self.logs.insert(log, row);
        Ok(row)
    }

    fn insert(&mut self, key: i64, position: &Position, line: &[u8]) -> Result<()> {
        self.conn.prepare_cached("INSERT INTO operations (id, chain, line) VALUES (?1, ?2, ?3)")?.execute(params![
            key,
            position.chain.as_bytes(),
            line
        ])?;
        Ok(())
    }

    /// Notes the places of operations that are stored already.
    pub(super) fn enter_run(&mut self, log: LogId, placed: &[Placed]) -> Result<()> {
        let row = self.log_row(log)?.ok_or_else(|| Error::internal("a log that is not held"))?;
        for placed in placed {
            self.enter(row.key(placed.position.seq)?, &placed.envelope, placed.hash, placed.held)?;
        }
        Ok(())
    }

    /// Notes an operation's place under its document.
    fn enter(&mut self, key: i64, envelope: &Envelope, hash: [u8; 32], held: bool) -> Result<()> {
        // A change that no other log holds yet is entered as ready, which most are, and is not known until the rules
        // have looked at it: `set_change_ready` then has nothing to write.
        let mut ready = None;
        let document = if envelope.kind == OperationKind::Change && held {
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
        self.conn
            .prepare_cached("INSERT INTO places (document, key, id, ready) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![document, index_key(&hash), key, ready])?;
        Ok(())
    }

    pub(super) fn cut_off(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>> {
        let Some(row) = self.log_row(log)?.filter(|row| seq < row.held.seq) else { return Ok(Vec::new()) };
        let dropped = self.run(log, seq + 1, row.held.seq)?;
        let chain = match seq {
            // Nothing is left; what stands here is never read as a place.
            0 => Chain::from_bytes([0; 32]),
            seq => self.position(log, seq)?.ok_or_else(|| Error::corrupt("a log with a gap"))?.chain,
        };
        for (at, operation) in (seq + 1..).zip(&dropped) {
            let hash = operation.body.hash();
            let Some(document) = self.document_row(operation.envelope.entry)? else { continue };
            // The heads kept in memory may name a change that is gone now.
            document.settled = false;
            let id = document.id;
            self.fresh.remove(&(id, ChangeHash::from_bytes(hash)));
            self.conn
                .prepare_cached("DELETE FROM places WHERE document = ?1 AND key = ?2 AND id = ?3")?
                .execute(params![id, index_key(&hash), row.key(at).unwrap_or(0)])?;
        }
        self.cut_block(row.key(seq + 1)?)?;
        for table in ["operations", "blocks", "heads"] {
            self.conn
                .prepare_cached(&format!("DELETE FROM {table} WHERE id BETWEEN ?1 AND ?2"))?
                .execute([row.key(seq + 1).unwrap_or(i64::MAX), row.key(row.held.seq).unwrap_or(0)])?;
        }
        self.set_log(log, Position { seq, chain })?;
        Ok(dropped)
    }
}

/// The lines and blocks of a run, in sequence, looked at only as far as somebody goes on asking.
struct Pieces<'a> {
    blocks: CachedStatement<'a>,
    lines: CachedStatement<'a>,
}

struct Walk<'a> {
    blocks: Rows<'a>,
    lines: Rows<'a>,
    /// Of each its next: where it begins, where it ends, how long it is.
    next: [Option<(i64, i64, usize)>; 2],
}

impl<'a> Pieces<'a> {
    fn of(conn: &'a Connection) -> Result<Self> {
        let blocks = conn.prepare_cached(
            "SELECT id, id + count - 1, len FROM blocks
             WHERE id BETWEEN (SELECT coalesce(max(id), 0) FROM blocks WHERE id <= ?1) AND ?2 AND id + count > ?1
             ORDER BY id",
        );
        let lines =
            conn.prepare_cached("SELECT id, id, length(line) FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
        Ok(Self { blocks: blocks?, lines: lines? })
    }

    fn walk(&mut self, bounds: [i64; 2]) -> Result<Walk<'_>> {
        let mut blocks = self.blocks.query(bounds)?;
        let mut lines = self.lines.query(bounds)?;
        let next = [piece(&mut blocks)?, piece(&mut lines)?];
        Ok(Walk { blocks, lines, next })
    }
}

impl Walk<'_> {
    /// The last operation of the next piece, and its length. Of a block that begins further back all counts.
    fn next(&mut self) -> Result<Option<(i64, usize)>> {
        let block = match self.next {
            [Some((block, ..)), Some((line, ..))] => block < line,
            [block, _] => block.is_some(),
        };
        let (rows, next) =
            if block { (&mut self.blocks, &mut self.next[0]) } else { (&mut self.lines, &mut self.next[1]) };
        let found = next.take();
        if found.is_some() {
            *next = piece(rows)?;
        }
        Ok(found.map(|(_, last, len)| (last, len)))
    }
}

fn piece(rows: &mut Rows<'_>) -> Result<Option<(i64, i64, usize)>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let len = to_u64(row.get(2)?) as usize;
    Ok(Some((row.get(0)?, row.get(1)?, len)))
}

pub(super) fn head_of(log: LogId, key: i64, bytes: &[u8]) -> Result<Head> {
    let HeadRow { chain, knew, signature } = codec::decode("head", 16 << 10, bytes)?;
    Ok(Head { log, position: Position { seq: seq_of(key), chain }, knew, signature })
}
