//! The file's space: free pages given back to the disk in small steps, and what each table takes.

use super::codec::to_u64;
use super::store::SqliteStore;
use crate::error::Result;

/// One page in so many may be free.
const SPARE: i64 = 32;
/// Pages given back at a time: each may be another's that moves, and a writer waits for no more than a few milliseconds.
const GIVEN: i64 = 48;

impl SqliteStore {
    /// Gives some free pages back to the disk, in one short transaction; answers whether it may be worth another. Pages
    /// become free where lines are packed, search's index is merged, or something is erased; what comes next would take
    /// them, so a few stay.
    pub fn vacuum_some(&self) -> Result<bool> {
        // Mostly there are none, which is no reason to make a writer wait.
        let spare = self.read_sql(|tx| {
            let pages = "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count";
            let (free, all): (i64, i64) =
                tx.conn()?.prepare_cached(pages)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(free * SPARE > all)
        })?;
        if !spare {
            return Ok(false);
        }
        self.write_sql(|tx| {
            // It answers a row for every page, and stops where nobody asks for the next.
            let mut given = tx.conn()?.prepare(&format!("PRAGMA incremental_vacuum({GIVEN})"))?;
            let mut given = given.raw_query();
            while given.next()?.is_some() {}
            Ok(true)
        })
    }

    /// How many bytes of the file each table and index takes, the largest first.
    pub fn sizes(&self) -> Result<Vec<(String, u64)>> {
        self.read_sql(|tx| {
            let sizes = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC";
            let mut sizes = tx.conn()?.prepare(sizes)?;
            let sizes = sizes.query_map([], |row| Ok((row.get(0)?, to_u64(row.get(1)?))));
            Ok(sizes.and_then(Iterator::collect)?)
        })
    }
}
