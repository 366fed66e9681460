//! Lines behind the damage that say what nobody wrote.

use super::super::codec::seq_of;
use super::super::codec::to_i64;
use super::super::schema::SEQ_BITS;
use super::super::tx::SqliteTx;
use super::aside::quarantine;
use crate::error::Result;
use crate::id::{Chain, LogId};
use crate::log::{Line, Position};

/// Moves lines behind `end` aside that do not lead from the chain before them to the one beside them, under a source of
/// their own: such a line may still read, with the name of another entry, and nothing that it says is written again.
/// Answers whether there was any.
pub(super) fn set_orphans_aside(
    tx: &mut SqliteTx<'_>,
    log: Option<LogId>,
    number: i64,
    end: Option<Position>,
) -> Result<bool> {
    let Some(mut before) = end else { return Ok(false) };
    let bounds = [number << SEQ_BITS | (to_i64(before.seq) + 1), number << SEQ_BITS | ((1 << SEQ_BITS) - 1)];
    let mut misfits = Vec::new();
    {
        let sql = "SELECT id, chain, line FROM operations WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        let mut rows = tx.conn.prepare(sql)?;
        let mut rows = rows.query(bounds)?;
        while let Some(row) = rows.next()? {
            let (key, chain, bytes): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let after = Line::decode(&bytes)
                .ok()
                .and_then(|line| line.hash().ok().map(|hash| before.after_line(line.encoded, &hash)));
            // Behind a gap or a block nobody knows the chain before.
            let known = before.seq + 1 == seq_of(key);
            if known && after.is_none_or(|after| after.chain.as_bytes().as_slice() != chain) {
                misfits.push((key, bytes));
            }
            before = match Chain::from_slice(&chain) {
                Some(chain) => Position { seq: seq_of(key), chain },
                None => Position { seq: 0, ..before },
            };
        }
    }
    for (key, bytes) in &misfits {
        quarantine(tx, log, "misfits", *key, bytes)?;
        tx.conn.execute("DELETE FROM operations WHERE id = ?1", [key])?;
    }
    Ok(!misfits.is_empty())
}
