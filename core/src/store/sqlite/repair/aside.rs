//! The quarantine of a repair: rows that do not hold, kept in the table `aside` under where they stood.

use rusqlite::params;

use super::super::codec::to_u64;
use super::super::tx::SqliteTx;
use crate::error::Result;
use crate::id::{DeviceId, Incarnation, LogId};

/// Puts bytes aside under the table and key that they stood at.
pub(super) fn quarantine(tx: &SqliteTx<'_>, log: Option<LogId>, source: &str, key: i64, bytes: &[u8]) -> Result<()> {
    let (device, incarnation) = log.map(|log| (log.device, log.incarnation)).unzip();
    tx.conn
        .prepare_cached("INSERT INTO aside (source, place, device, incarnation, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            source,
            key,
            device.as_ref().map(DeviceId::as_bytes),
            incarnation.as_ref().map(Incarnation::as_bytes),
            bytes
        ])?;
    Ok(())
}

/// How many pieces are kept aside.
pub(in super::super) fn pieces_aside(tx: &mut SqliteTx<'_>) -> Result<u64> {
    Ok(tx.conn()?.query_row("SELECT count(*) FROM aside", [], |row| row.get(0).map(to_u64))?)
}

/// Moves the rows with keys `first..=last` aside.
pub(super) fn move_rows(tx: &SqliteTx<'_>, log: Option<LogId>, table: &str, first: i64, last: i64) -> Result<()> {
    let column = if table == "operations" { "line" } else { "bytes" };
    let (device, incarnation) = log.map(|log| (log.device, log.incarnation)).unzip();
    let copy = format!(
        "INSERT INTO aside (source, place, device, incarnation, bytes)
         SELECT '{table}', id, ?3, ?4, {column} FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
    );
    let (device, incarnation) =
        (device.as_ref().map(DeviceId::as_bytes), incarnation.as_ref().map(Incarnation::as_bytes));
    tx.conn.execute(&copy, params![first, last, device, incarnation])?;
    tx.conn.execute(&format!("DELETE FROM {table} WHERE id BETWEEN ?1 AND ?2"), [first, last])?;
    Ok(())
}
