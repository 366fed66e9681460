//! What the engine asks of the tables beside the log: what is stale, peers, making derived state again.

use std::net::SocketAddr;

use rusqlite::params;

#[cfg(test)]
use super::search;
use super::store::SqliteStore;
use super::tx::{db, uint};
use crate::error::Result;
use crate::id::DeviceId;
use crate::time::Timestamp;

/// Another device, as this one knows it from syncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The device.
    pub device: DeviceId,
    /// Where it was reached last.
    pub address: Option<SocketAddr>,
    /// When the two last synced.
    pub seen: Timestamp,
}

impl SqliteStore {
    /// Devices that this one has synced with.
    pub fn peers(&self) -> Result<Vec<Peer>> {
        self.read_sql(|tx| {
            let mut all = tx.conn()?.prepare_cached("SELECT device, address, seen FROM peers").map_err(db)?;
            let rows = all.query_map([], |row| {
                let address: Option<String> = row.get(1)?;
                Ok(Peer {
                    device: DeviceId::from_bytes(row.get(0)?),
                    address: address.and_then(|text| text.parse().ok()),
                    seen: Timestamp(row.get(2)?),
                })
            });
            rows.and_then(Iterator::collect).map_err(db)
        })
    }

    /// Notes a sync with a device, and where it was dialed; without an address the one of last time stays.
    pub fn remember_peer(&self, device: DeviceId, address: Option<SocketAddr>, now: Timestamp) -> Result<()> {
        self.write_sql(|tx| {
            tx.conn()?
                .prepare_cached(
                    "INSERT INTO peers(device, address, seen) VALUES(?1, ?2, ?3) ON CONFLICT(device) DO UPDATE
                     SET address = coalesce(excluded.address, address), seen = excluded.seen",
                )
                .and_then(|mut put| {
                    put.execute(params![device.as_bytes(), address.map(|address| address.to_string()), now.0])
                })
                .map_err(db)?;
            Ok(())
        })
    }

    /// How many changes wait for others, or are refused by Automerge.
    pub fn unreadable(&self) -> Result<u64> {
        self.read_sql(|tx| {
            let mut sum =
                tx.conn()?.prepare_cached("SELECT coalesce(sum(pending + refused), 0) FROM documents").map_err(db)?;
            sum.query_row([], |row| row.get(0).map(uint)).map_err(db)
        })
    }

    /// How many bytes of the file each table and index takes, the largest first.
    pub fn sizes(&self) -> Result<Vec<(String, u64)>> {
        self.read_sql(|tx| {
            let sizes = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC";
            let mut sizes = tx.conn()?.prepare(sizes).map_err(db)?;
            let sizes = sizes.query_map([], |row| Ok((row.get(0)?, uint(row.get(1)?))));
            sizes.and_then(Iterator::collect).map_err(db)
        })
    }

    /// Drops everything that is made from the logs, so that it is made again. The logs are not touched.
    #[cfg(test)]
    pub(crate) fn drop_derived(&self) -> Result<()> {
        self.write_sql(|tx| {
            let conn = tx.conn()?;
            search::clear(conn)?;
            conn.execute_batch(
                "DELETE FROM entries; DELETE FROM texts; DELETE FROM snapshots; DELETE FROM people;
                 UPDATE documents SET stale = 3 WHERE length(heads) > 0;",
            )
            .map_err(db)
        })
    }
}
