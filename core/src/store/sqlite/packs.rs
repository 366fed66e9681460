//! Packed operations: reading them out of blocks, packing a run of rows, cutting a block, taking bodies out of one.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params};

use super::codec::{seq_of, to_i64, to_u64};
use super::rows::{LogRow, OpenBlock};
use super::tx::SqliteTx;
use crate::error::{Error, Result};
use crate::id::{Chain, LogId};
use crate::log::{BLOCK, Block, Line, Lines, Operation, Packer, Position, without_bodies};
use crate::replication::tx::Unpacked;

/// A block as it lies in its row.
struct BlockRow {
    key: i64,
    chain: Chain,
    block: Block,
}

const COLUMNS: &str = "SELECT id, count, len, chain, bytes FROM blocks";

fn block_row(row: &Row<'_>) -> rusqlite::Result<BlockRow> {
    let number = |index| Ok::<_, rusqlite::Error>(u32::try_from(row.get::<_, i64>(index)?).unwrap_or(u32::MAX));
    let block = Block { operations: number(1)?, len: number(2)?, bytes: row.get(4)? };
    Ok(BlockRow { key: row.get(0)?, chain: Chain::from_bytes(row.get(3)?), block })
}

impl BlockRow {
    /// The key behind its last operation's.
    fn end(&self) -> i64 {
        self.key.saturating_add(self.block.operations.into())
    }
}

/// A piece of a log: one line, or a block.
enum Piece {
    Line(i64, Vec<u8>),
    Block(BlockRow),
}

impl Piece {
    fn key(&self) -> i64 {
        match self {
            Self::Line(key, _) => *key,
            Self::Block(row) => row.key,
        }
    }
}

impl SqliteTx<'_> {
    /// The block that holds the operation with this key.
    fn block_with(&mut self, key: i64) -> Result<Option<BlockRow>> {
        let found = self
            .conn
            .prepare_cached(&format!("{COLUMNS} WHERE id <= ?1 ORDER BY id DESC LIMIT 1"))?
            .query_row([key], block_row)
            .optional()?;
        Ok(found.filter(|row| row.end() > key))
    }

    /// Where an operation stands that has neither a row nor a head: the chain is made again from its block's.
    pub(super) fn position_in_block(&mut self, key: i64) -> Result<Option<Position>> {
        let Some(row) = self.block_with(key)? else { return Ok(None) };
        let mut position = Position { seq: seq_of(row.key) - 1, chain: row.chain };
        self.count_unpacked();
        for line in self.unpacker.lines(&row.block)?.take((key - row.key) as usize + 1) {
            let line = line?;
            position = position.after_line(line.encoded, &line.hash()?);
        }
        Ok(Some(position))
    }

    fn count_unpacked(&mut self) {
        self.unpacked += 1;
    }

    /// How many blocks this transaction has unpacked.
    pub fn blocks_unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Calls `each` with the line of every one of these keys, ascending. Unpacks each block once, and the last one not
    /// again if it is the next one too: entries that are read one after the other often stand together.
    pub(super) fn lines(&mut self, keys: &[i64], mut each: impl FnMut(usize, Line<'_>) -> Result<()>) -> Result<()> {
        let mut at = 0;
        while let Some(&key) = keys.get(at) {
            if let Some(open) = self.open_block.take_if(|open| (open.key..open.end).contains(&key)) {
                for (line, key) in Lines::of(&open.lines, (open.end - open.key) as u32).zip(open.key..) {
                    let line = line?;
                    if keys.get(at) == Some(&key) {
                        each(at, line)?;
                        at += 1;
                    } else if keys.get(at).is_none_or(|next| *next >= open.end) {
                        break;
                    }
                }
                self.open_block = Some(open);
                continue;
            }
            let row: Option<Vec<u8>> = self
                .conn
                .prepare_cached("SELECT line FROM operations WHERE id = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            if let Some(row) = row {
                each(at, Line::decode(&row)?)?;
                at += 1;
                continue;
            }
            let row = self.block_with(key)?.ok_or_else(|| Error::corrupt("an operation is missing"))?;
            self.count_unpacked();
            let lines = self.unpacker.unpack(&row.block)?.to_vec();
            self.open_block = Some(OpenBlock { key: row.key, end: row.end(), lines });
        }
        Ok(())
    }

    /// The chains that stand beside lines and blocks, each with the number of the operation it is after.
    pub(super) fn chains(&mut self, log: LogId, from: u64, to: u64) -> Result<BTreeMap<u64, Chain>> {
        let Some((from, to)) = self.keys(log, from, to)? else { return Ok(BTreeMap::new()) };
        let mut all = self.conn.prepare_cached(
            "SELECT id, chain FROM operations WHERE id BETWEEN ?1 AND ?2
                 UNION ALL SELECT id - 1, chain FROM blocks WHERE id - 1 BETWEEN ?1 AND ?2",
        )?;
        let rows = all.query_map([from, to], |row| Ok((seq_of(row.get(0)?), Chain::from_bytes(row.get(1)?))));
        Ok(rows.and_then(Iterator::collect)?)
    }

    /// The pieces that hold the operations with keys `from..=to`, in sequence and without a gap.
    fn pieces(&mut self, from: i64, to: i64) -> Result<Vec<Piece>> {
        let mut pieces: Vec<Piece> =
            self.block_with(from)?.filter(|row| row.key < from).map(Piece::Block).into_iter().collect();
        let mut blocks = self.conn.prepare_cached(&format!("{COLUMNS} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"))?;
        for row in blocks.query_map([from, to], block_row)? {
            pieces.push(Piece::Block(row?));
        }
        let mut lines =
            self.conn.prepare_cached("SELECT id, line FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        for row in lines.query_map([from, to], |row| Ok(Piece::Line(row.get(0)?, row.get(1)?)))? {
            pieces.push(row?);
        }
        pieces.sort_by_key(Piece::key);
        let mut next = pieces.first().map_or(from, |first| first.key().min(from));
        for piece in &pieces {
            if piece.key() != next {
                return Err(Error::corrupt("an operation is missing"));
            }
            next = match piece {
                Piece::Line(key, _) => key + 1,
                Piece::Block(row) => row.end(),
            };
        }
        if next <= to { Err(Error::corrupt("an operation is missing")) } else { Ok(pieces) }
    }

    /// The keys of a run of a log that is held.
    fn keys(&mut self, log: LogId, from: u64, to: u64) -> Result<Option<(i64, i64)>> {
        let Some(row) = self.log_row(log)? else { return Ok(None) };
        let (from, to) = (from.max(1), to.min(row.held.seq));
        if from > to { Ok(None) } else { Ok(Some((row.key(from)?, row.key(to)?))) }
    }

    pub(super) fn run(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Operation>> {
        let Some((from, to)) = self.keys(log, from, to)? else { return Ok(Vec::new()) };
        let mut operations = Vec::new();
        for piece in self.pieces(from, to)? {
            match piece {
                Piece::Line(_, line) => operations.push(Line::decode(&line)?.operation()?),
                Piece::Block(row) => {
                    self.count_unpacked();
                    for (line, key) in self.unpacker.lines(&row.block)?.zip(row.key..) {
                        let line = line?;
                        if (from..=to).contains(&key) {
                            operations.push(line.operation()?);
                        }
                    }
                }
            }
        }
        Ok(operations)
    }

    pub(super) fn blocks_of(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Block>> {
        let Some((from, to)) = self.keys(log, from, to)? else { return Ok(Vec::new()) };
        let mut packer = Packer::default();
        for piece in self.pieces(from, to)? {
            match piece {
                Piece::Line(_, line) => packer.push(&line),
                Piece::Block(row) if row.key >= from && row.end() <= to + 1 => packer.push_block(row.block),
                Piece::Block(row) => {
                    self.count_unpacked();
                    for (line, key) in self.unpacker.lines(&row.block)?.zip(row.key..) {
                        let line = line?;
                        if (from..=to).contains(&key) {
                            packer.push(line.whole);
                        }
                    }
                }
            }
        }
        Ok(packer.finish())
    }

    pub(super) fn insert_block(&mut self, key: i64, chain: &Chain, block: &Block) -> Result<()> {
        self.conn
            .prepare_cached("INSERT INTO blocks (id, count, len, chain, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![key, block.operations, block.len, chain.as_bytes(), block.bytes])?;
        Ok(())
    }

    pub(super) fn first_unpacked(&mut self, log: LogId, bytes: usize) -> Result<Option<Unpacked>> {
        let Some(LogRow { held, .. }) = self.log_row(log)? else { return Ok(None) };
        let Some((first, last)) = self.keys(log, 1, held.seq)? else { return Ok(None) };
        let mut rows = self
            .conn
            .prepare_cached("SELECT id, length(line) FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut rows = rows.query([first, last])?;
        let mut run: Option<(i64, i64, usize)> = None;
        let mut more = false;
        while let Some(row) = rows.next()? {
            let (key, len) = (row.get::<_, i64>(0)?, to_u64(row.get(1)?) as usize);
            match &mut run {
                None => run = Some((key, key, len)),
                Some((_, to, _)) if key != *to + 1 => break,
                Some((_, _, sum)) if sum.saturating_add(len) > bytes => {
                    more = true;
                    break;
                }
                Some((_, to, sum)) => (*to, *sum) = (key, *sum + len),
            }
        }
        Ok(run.map(|(from, to, len)| Unpacked { from: seq_of(from), to: seq_of(to), len, closed: !more && to < last }))
    }

    pub(super) fn pack_run(&mut self, log: LogId, from: u64, to: u64, blocks: &[Block]) -> Result<()> {
        self.open_block = None;
        let Some((first, last)) = self.keys(log, from, to)? else { return Ok(()) };
        let mut key = first;
        for block in blocks {
            let chain = match seq_of(key) - 1 {
                0 => Position::start(&crate::replication::tx::journal_of(self)?, &log).chain,
                before => self.position(log, before)?.ok_or_else(|| Error::corrupt("an operation is missing"))?.chain,
            };
            self.insert_block(key, &chain, block)?;
            key += i64::from(block.operations);
        }
        for sql in [
            "DELETE FROM operations WHERE id BETWEEN ?1 AND ?2",
            "DELETE FROM heads WHERE id >= ?1 AND id < ?2 AND EXISTS (SELECT 1 FROM heads WHERE id = ?2)",
        ] {
            self.conn.prepare_cached(sql)?.execute([first, last])?;
        }
        Ok(())
    }

    /// Cuts off what a block holds from this key on, where one begins before it.
    pub(super) fn cut_block(&mut self, key: i64) -> Result<()> {
        self.open_block = None;
        let Some(row) = self.block_with(key)?.filter(|row| row.key < key) else { return Ok(()) };
        let mut packer = Packer::default();
        let mut position = Position { seq: seq_of(row.key) - 1, chain: row.chain };
        // Where each block begins that comes of it: one, unless somebody else packed it longer than ours are.
        let mut starts = Vec::new();
        let (mut at, mut len) = (row.key, 0);
        for line in self.unpacker.lines(&row.block)?.take((key - row.key) as usize) {
            let line = line?;
            if len == 0 || len + line.whole.len() > BLOCK {
                starts.push((at, position.chain));
                len = 0;
            }
            len += line.whole.len();
            position = position.after_line(line.encoded, &line.hash()?);
            packer.push(line.whole);
            at += 1;
        }
        self.conn.prepare_cached("DELETE FROM blocks WHERE id = ?1")?.execute([row.key])?;
        for ((key, chain), block) in starts.iter().zip(packer.finish()) {
            self.insert_block(*key, chain, &block)?;
        }
        Ok(())
    }

    /// Replaces the bodies of these operations, all of one document, by their hashes.
    pub(super) fn drop_bodies(&mut self, entry: crate::id::EntryId, keys: &[i64]) -> Result<()> {
        self.open_block = None;
        let mut rows = BTreeMap::new();
        let mut blocks: Vec<BlockRow> = Vec::new();
        for key in keys {
            let row: Option<Vec<u8>> = self
                .conn
                .prepare_cached("SELECT line FROM operations WHERE id = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            match row {
                Some(row) => {
                    rows.insert(*key, crate::log::line(&Line::decode(&row)?.operation()?.without_body()));
                }
                None if blocks.last().is_some_and(|last| last.end() > *key) => {}
                None => blocks.extend(self.block_with(*key)?),
            }
        }
        for (key, line) in rows {
            self.conn.prepare_cached("UPDATE operations SET line = ?2 WHERE id = ?1")?.execute(params![key, line])?;
        }
        for row in blocks {
            let block = without_bodies(&row.block, |other| *other == entry)?;
            self.conn.prepare_cached("UPDATE blocks SET len = ?2, bytes = ?3 WHERE id = ?1")?.execute(params![
                row.key,
                to_i64(block.len.into()),
                block.bytes
            ])?;
        }
        Ok(())
    }
}
