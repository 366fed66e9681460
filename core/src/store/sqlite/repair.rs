//! Truth that is damaged, made right: what holds stays, what does not goes aside, what can be read of it is logged again.
//!
//! A log is held as far as an author's head vouches for it. Everything behind the last head that its own chain reaches
//! leaves the log for the table `aside`, so that any peer that holds the log sends that range once more, and what can
//! still be read of it is written down again in this device's log: nobody else need have it. Why: decision 0015.

mod aside;
mod local_rows;
mod orphans;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};

pub(super) use self::aside::pieces_aside;
use self::aside::{move_rows, quarantine};
pub(super) use self::local_rows::{peers_that_do_not_read, settings_that_mean_nothing};
use self::orphans::set_orphans_aside;
use super::codec::seq_of;
use super::codec::{to_i64, to_u64};
use super::logs::head_of;
use super::schema::SEQ_BITS;
use super::store::SqliteStore;
use super::tx::SqliteTx;
use crate::error::{Advice, Code, Error, Result};
use crate::fault::Fault;
use crate::id::{ChangeHash, DeviceId, Incarnation, LogId};
use crate::log::{Block, Certificate, Head, Line, Lines, MAX_BATCH, MAX_CHANGE, OperationKind, Position, Unpacker};
use crate::membership::{Inserted, Statement, Statements};
use crate::replication::rules::{self, Identity};
use crate::replication::tx::{Setting, Tx};
use crate::time::Entropy;

/// What was found damaged and made right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Documents whose heads were not those of their changes.
    pub documents: u64,
    /// Logs that were held further than their heads vouch for, each with how far it is held now.
    pub cut: Vec<(LogId, u64)>,
    /// Rows that were put aside.
    pub aside: u64,
    /// Operations of what was cut off that are in this device's own log now.
    pub logged_again: u64,
}

impl SqliteStore {
    /// Makes statements, certificates and logs right, and everything that the logs give again, in one transaction.
    ///
    /// List rows, texts and search are left stale. Nothing damaged is deleted; where this fails, nothing is changed.
    pub fn repair(&self, identity: &Identity, entropy: &mut dyn Entropy) -> Result<Repaired> {
        self.mend_journal(identity)?;
        self.write_sql(|tx| {
            let mut repaired = Repaired::default();
            let before = pieces_aside(tx)?;
            statements(tx, identity)?;
            certificates(tx, identity)?;
            tx.forget();
            repaired.cut = logs(tx, identity, entropy)?;
            tx.forget();
            repaired.documents = tx.derive_from_logs(identity)?;
            repaired.aside = pieces_aside(tx)? - before;
            if !identity.faults.has(Fault::RepairForgetsTheRest) {
                repaired.logged_again = log_again(tx, identity, entropy)?;
            }
            rules::recount_certificates(tx, identity, entropy)?;
            local_rows::make_right(tx)?;
            Ok(repaired)
        })
    }

    /// The journal's name is the hash of its first statement. Under a wrong one no chain would hold: it is set right, and
    /// whoever asked opens the journal once more before anything else is believed.
    fn mend_journal(&self, identity: &Identity) -> Result<()> {
        let mended = self.write_sql(|tx| {
            let genesis = genesis(tx)?;
            let right = genesis.journal();
            tx.set_setting(Setting::Journal, right.as_bytes())?;
            Ok(right != identity.journal)
        })?;
        if !mended {
            return Ok(());
        }
        let message = "the journal's name was damaged, and is right again";
        Err(Error::new(Code::Corrupt, message, Advice::RebuildAgain))
    }
}

fn raw(tx: &mut SqliteTx<'_>, table: &str) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut all = tx.conn()?.prepare(&format!("SELECT id, bytes FROM {table} ORDER BY id"))?;
    Ok(all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?)
}

fn genesis(tx: &mut SqliteTx<'_>) -> Result<Statement> {
    let all = raw(tx, "statements")?;
    let decoded = all.iter().filter_map(|(_, bytes)| Statement::decode(bytes).ok());
    let mut verified = decoded.filter(|statement| Statements::new(statement.clone()).is_ok());
    verified
        .next()
        .ok_or_else(|| Error::new(Code::Corrupt, "the statement that began this journal is damaged", Advice::JoinAgain))
}

/// Keeps the statements that verify, in the order in which they build on each other.
fn statements(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<()> {
    let mut set = Statements::new(genesis(tx)?)?;
    let rows = raw(tx, "statements")?;
    let mut waiting = BTreeSet::new();
    for (key, bytes) in &rows {
        let inserted = Statement::decode(bytes)
            .ok()
            .filter(|statement| statement.journal() == identity.journal)
            .map(|statement| (statement.id(), set.insert(statement)));
        match inserted {
            Some((_, Ok(Inserted::Held(_) | Inserted::Known))) => {}
            Some((id, Ok(Inserted::Waits))) => drop(waiting.insert(id)),
            _ => quarantine(tx, None, "statements", *key, bytes)?,
        }
    }
    for (key, bytes) in &rows {
        // What builds on a statement that is lost is sent again with it.
        if Statement::decode(bytes).is_ok_and(|lone| waiting.contains(&lone.id()) && !set.contains(&lone.id())) {
            quarantine(tx, None, "statements", *key, bytes)?;
        }
    }
    tx.conn()?.execute("DELETE FROM statements", [])?;
    for statement in set.in_order() {
        tx.add_statement(statement.id(), statement.encode())?;
    }
    Ok(())
}

fn certificates(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<()> {
    let rows = raw(tx, "certificates")?;
    tx.conn()?.execute("DELETE FROM certificates", [])?;
    for (key, bytes) in rows {
        match Certificate::decode(&bytes) {
            Ok(certificate) if certificate.journal == identity.journal && certificate.verifies() => {
                tx.add_certificate(&certificate)?;
            }
            _ => quarantine(tx, None, "certificates", key, &bytes)?,
        }
    }
    Ok(())
}

/// How far a log's rows carry it, and the chains beside them that are not what the rows themselves say.
struct Sound {
    end: Position,
    wrong: Vec<(&'static str, i64, Position)>,
    /// Rows that stand where another row's operations are.
    twice: Vec<(bool, i64)>,
}

/// Cuts every log back to where a head vouches for it. Answers which, and how far they are held now.
fn logs(tx: &mut SqliteTx<'_>, identity: &Identity, entropy: &mut dyn Entropy) -> Result<Vec<(LogId, u64)>> {
    let numbers: BTreeSet<i64> = {
        let sql = format!(
            "SELECT id FROM logs UNION SELECT DISTINCT id >> {SEQ_BITS} FROM operations
             UNION SELECT DISTINCT id >> {SEQ_BITS} FROM blocks UNION SELECT DISTINCT id >> {SEQ_BITS} FROM heads"
        );
        let mut all = tx.conn()?.prepare(&sql)?;
        all.query_map([], |row| row.get(0)).and_then(Iterator::collect)?
    };
    let mut cut = Vec::new();
    for number in numbers {
        let row: Option<(Vec<u8>, Vec<u8>, i64)> = tx
            .conn
            .query_row("SELECT device, incarnation, seq FROM logs WHERE id = ?1", [number], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let held = row.as_ref().map_or(0, |row| to_u64(row.2));
        let log = row.and_then(|(device, incarnation, ..)| {
            Some(LogId { device: DeviceId::from_slice(&device)?, incarnation: Incarnation::from_slice(&incarnation)? })
        });
        let sound = match log {
            Some(log) => Some((log, sound(tx, identity, log, number)?)),
            None => None,
        };
        let end = sound.as_ref().map_or(0, |(_, sound)| sound.end.seq);
        if let Some((log, sound)) = &sound {
            for (table, key, position) in &sound.wrong {
                let sql = format!("UPDATE {table} SET chain = ?2 WHERE id = ?1");
                tx.conn.execute(&sql, params![key, position.chain.as_bytes()])?;
            }
            for (packed, key) in &sound.twice {
                move_rows(tx, Some(*log), if *packed { "blocks" } else { "operations" }, *key, *key)?;
            }
        }
        let behind = sound.as_ref().map(|(_, sound)| sound.end);
        let orphans = set_orphans_aside(tx, log, number, behind)?;
        let moved = cut_after(tx, log, number, end)? || orphans;
        match &sound {
            Some((_, sound)) if end > 0 => tx.conn.execute(
                "UPDATE logs SET seq = ?2, chain = ?3 WHERE id = ?1",
                params![number, to_i64(end), sound.end.chain.as_bytes()],
            )?,
            _ => tx.conn.execute("DELETE FROM logs WHERE id = ?1", [number])?,
        };
        let Some(log) = log.filter(|_| moved || held > end) else { continue };
        // A peer may hold what was cut off, or otherwise than it is written again: nothing is ever appended here.
        let current = tx.setting(Setting::Incarnation)?.and_then(|bytes| Incarnation::from_slice(&bytes));
        if log.device == identity.device() && current == Some(log.incarnation) {
            rules::retire_incarnation(tx, entropy)?;
        }
        cut.push((log, end));
    }
    Ok(cut)
}

/// Follows a log from its beginning to the last head that its own operations reach.
fn sound(tx: &mut SqliteTx<'_>, identity: &Identity, log: LogId, number: i64) -> Result<Sound> {
    let heads = heads(tx, log, number)?;
    let start = Position::start(&identity.journal, &log);
    let mut walk = Walk { heads, at: start, end: start, wrong: Vec::new(), pending: Vec::new() };
    let mut twice = Vec::new();
    let mut rows = tx.conn.prepare(
        "SELECT id, 0, 1, 0, chain, line FROM operations WHERE id BETWEEN ?1 AND ?2
             UNION ALL SELECT id, 1, count, len, chain, bytes FROM blocks WHERE id BETWEEN ?1 AND ?2 ORDER BY 1, 2",
    )?;
    let bounds = [number << SEQ_BITS | 1, number << SEQ_BITS | ((1 << SEQ_BITS) - 1)];
    let mut rows = rows.query(bounds)?;
    let mut unpacker = Unpacker::default();
    while let Some(row) = rows.next()? {
        let (key, packed): (i64, bool) = (row.get(0)?, row.get(1)?);
        let seq = seq_of(key);
        if seq <= walk.at.seq {
            twice.push((packed, key));
            continue;
        }
        let chain: Vec<u8> = row.get(4)?;
        let bytes: Vec<u8> = row.get(5)?;
        if seq != walk.at.seq + 1 {
            break;
        }
        let whole = if packed {
            if chain != walk.at.chain.as_bytes() {
                walk.pending.push(("blocks", key, walk.at));
            }
            let number = |index| Ok::<_, Error>(u32::try_from(row.get::<_, i64>(index)?).unwrap_or(0));
            let block = Block { operations: number(2)?, len: number(3)?, bytes };
            unpacker.lines(&block).is_ok_and(|mut lines| lines.all(|line| line.is_ok_and(|line| walk.step(&line))))
        } else {
            let stepped = Line::decode(&bytes).is_ok_and(|line| walk.step(&line));
            if stepped && chain != walk.at.chain.as_bytes() {
                // The head that vouches for it may have been reached with it.
                let wrong = ("operations", key, walk.at);
                if walk.end == walk.at { walk.wrong.push(wrong) } else { walk.pending.push(wrong) }
            }
            stepped
        };
        if !whole {
            break;
        }
    }
    // What comes twice behind the end leaves with all that is there.
    twice.retain(|(_, key)| seq_of(*key) <= walk.end.seq);
    Ok(Sound { end: walk.end, wrong: walk.wrong, twice })
}

struct Walk {
    heads: BTreeMap<u64, Head>,
    at: Position,
    end: Position,
    wrong: Vec<(&'static str, i64, Position)>,
    /// Wrong chains behind the last head that was reached: they may be right, and what they stand beside wrong.
    pending: Vec<(&'static str, i64, Position)>,
}

impl Walk {
    /// One operation further; false where it is none, or where a head says otherwise.
    fn step(&mut self, line: &Line<'_>) -> bool {
        let Ok(hash) = line.hash() else { return false };
        self.at = self.at.after_line(line.encoded, &hash);
        match self.heads.get(&self.at.seq) {
            Some(head) if head.position != self.at => false,
            Some(_) => {
                self.end = self.at;
                self.wrong.append(&mut self.pending);
                true
            }
            None => true,
        }
    }
}

/// The heads of a log that its device signed; the others go aside.
fn heads(tx: &mut SqliteTx<'_>, log: LogId, number: i64) -> Result<BTreeMap<u64, Head>> {
    let bounds = [number << SEQ_BITS, number << SEQ_BITS | ((1 << SEQ_BITS) - 1)];
    let mut all = tx.conn.prepare("SELECT id, bytes FROM heads WHERE id BETWEEN ?1 AND ?2")?;
    let rows: Vec<(i64, Vec<u8>)> =
        all.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?;
    let mut good = BTreeMap::new();
    for (key, bytes) in rows {
        match head_of(log, key, &bytes) {
            Ok(head) if head.verifies() => drop(good.insert(seq_of(key), head)),
            _ => move_rows(tx, Some(log), "heads", key, key)?,
        }
    }
    Ok(good)
}

/// Moves everything of a log behind `end` aside. Answers whether there was anything.
fn cut_after(tx: &mut SqliteTx<'_>, log: Option<LogId>, number: i64, end: u64) -> Result<bool> {
    let (first, last) = (number << SEQ_BITS | (to_i64(end) + 1), number << SEQ_BITS | ((1 << SEQ_BITS) - 1));
    // A key of no place at all, and a head of none.
    let zero = (end == 0).then_some(number << SEQ_BITS);
    // A block that begins before the end and goes on behind it is kept whole aside, and its beginning stays.
    let straddles: Option<(i64, Vec<u8>)> = tx
        .conn
        .query_row(
            "SELECT id, bytes FROM blocks WHERE id < ?1 AND id + count > ?1 AND id >> ?2 = ?3 ORDER BY id DESC LIMIT 1",
            params![first, SEQ_BITS, number],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let before = pieces_aside(tx)?;
    for table in ["operations", "blocks", "heads"] {
        move_rows(tx, log, table, zero.unwrap_or(first), last)?;
    }
    if let Some((key, bytes)) = straddles {
        // After the others are gone: a count that is too high reaches over them, and they would be taken for its own.
        quarantine(tx, log, "blocks", key, &bytes)?;
        tx.cut_block(first)?;
    }
    Ok(pieces_aside(tx)? > before)
}

/// The lines that can be read of a piece that was put aside, and whether that is all of it.
fn readable(source: &str, bytes: &[u8]) -> (Vec<crate::log::Operation>, bool) {
    if source == "operations" {
        let read = Line::decode(bytes).and_then(Line::operation);
        let whole = read.is_ok();
        return (read.into_iter().collect(), whole);
    }
    // The columns beside the bytes may be what is wrong, so they are not asked.
    let unfolded = zstd::bulk::decompress(bytes, MAX_CHANGE + MAX_BATCH).unwrap_or_else(|_| bytes.to_vec());
    let (mut operations, mut taken) = (Vec::new(), 0);
    for line in Lines::of(&unfolded, u32::MAX) {
        let Ok(line) = line else { break };
        let len = line.whole.len();
        let Ok(operation) = line.operation() else { break };
        taken += len;
        operations.push(operation);
    }
    (operations, taken == unfolded.len())
}

/// Writes down again what can be read of the operations aside and no log holds. Pieces of which nothing is missing then
/// are dropped; what is damaged stays.
fn log_again(tx: &mut SqliteTx<'_>, identity: &Identity, entropy: &mut dyn Entropy) -> Result<u64> {
    let (mut count, mut after) = (0, 0);
    let piece = "SELECT id, source, device, incarnation, bytes FROM aside
                 WHERE id > ?1 AND source IN ('operations', 'blocks') ORDER BY id LIMIT 1";
    loop {
        type Piece = (i64, String, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Piece> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let found = tx.conn()?.query_row(piece, [after], read).optional()?;
        let Some((id, source, device, incarnation, bytes)) = found else { return Ok(count) };
        after = id;
        let from = device
            .zip(incarnation)
            .and_then(|(device, incarnation)| {
                let (device, incarnation) = (DeviceId::from_slice(&device)?, Incarnation::from_slice(&incarnation)?);
                Some(LogId { device, incarnation })
            })
            .map_or_else(|| rules::current_log(tx, identity, entropy), Ok)?;
        let (operations, whole) = readable(&source, &bytes);
        let mut wanted = Vec::with_capacity(operations.len());
        for operation in operations {
            let entry = operation.envelope.entry;
            // An erase is in its certificate. A change whose body is gone says nothing any more.
            let held = match operation.envelope.kind {
                OperationKind::Change => {
                    tx.change_ready(entry, ChangeHash::from_bytes(operation.body.hash()))?.is_some()
                }
                OperationKind::Record | OperationKind::Unknown(_) => tx.holds_record(entry, &operation.body.hash())?,
                OperationKind::Erase => true,
            };
            if !held && operation.body.bytes().is_some() && !tx.is_erased(entry)? {
                wanted.push(operation);
            }
        }
        count += wanted.len() as u64;
        rules::log_again(tx, identity, entropy, from, wanted)?;
        if whole {
            tx.conn()?.execute("DELETE FROM aside WHERE id = ?1", [id])?;
        }
    }
}
