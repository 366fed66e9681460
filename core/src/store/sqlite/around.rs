//! What the engine asks of the tables beside the log: what is stale, peers, making derived state again.

use std::net::SocketAddr;

use rusqlite::params;

#[cfg(test)]
use super::search;
use super::store::SqliteStore;
use super::tx::{db, uint};
use crate::error::Result;
use crate::id::{DeviceId, EntryId};
use crate::time::Timestamp;

/// One page in so many may be free.
const SPARE: i64 = 32;
/// Pages given back at a time: each may be another's that moves, and a writer waits for no more than a few milliseconds.
const GIVEN: i64 = 48;

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

/// A document of which some changes are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Whose.
    pub entry: EntryId,
    /// Changes that wait for others.
    pub waiting: u64,
    /// Changes that are set aside.
    pub aside: u64,
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

    /// Documents of which some changes are not read.
    pub fn unread_changes(&self) -> Result<Vec<Unread>> {
        self.read_sql(|tx| {
            let all = "SELECT entry, pending, refused FROM documents WHERE pending + refused > 0 ORDER BY entry";
            let mut all = tx.conn()?.prepare_cached(all).map_err(db)?;
            let unread = |row: &rusqlite::Row<'_>| {
                let entry = EntryId::from_bytes(row.get(0)?);
                Ok(Unread { entry, waiting: uint(row.get(1)?), aside: uint(row.get(2)?) })
            };
            all.query_map([], unread).and_then(Iterator::collect).map_err(db)
        })
    }

    /// Gives some free pages back to the disk, in one short transaction; answers whether it may be worth another. Pages
    /// become free where lines are packed, search's index is merged, or something is erased; what comes next would take
    /// them, so a few stay.
    pub fn give_back(&self) -> Result<bool> {
        // Mostly there are none, which is no reason to make a writer wait.
        let spare = self.read_sql(|tx| {
            let pages = "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count";
            let (free, all): (i64, i64) = tx
                .conn()?
                .prepare_cached(pages)
                .and_then(|mut pages| pages.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
                .map_err(db)?;
            Ok(free * SPARE > all)
        })?;
        if !spare {
            return Ok(false);
        }
        self.write_sql(|tx| {
            // It answers a row for every page, and stops where nobody asks for the next.
            let mut given = tx.conn()?.prepare(&format!("PRAGMA incremental_vacuum({GIVEN})")).map_err(db)?;
            let mut given = given.raw_query();
            while given.next().map_err(db)?.is_some() {}
            Ok(true)
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
