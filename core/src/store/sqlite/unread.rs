//! Changes that are held and not read, for whoever looks at the journal's health.

use super::codec::to_u64;
use super::store::SqliteStore;
use crate::error::Result;
use crate::id::EntryId;

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
    /// Documents of which some changes are not read.
    pub fn unread_changes(&self) -> Result<Vec<Unread>> {
        self.read_sql(|tx| {
            let all = "SELECT entry, pending, refused FROM documents WHERE pending + refused > 0 ORDER BY entry";
            let mut all = tx.conn()?.prepare_cached(all)?;
            let unread = |row: &rusqlite::Row<'_>| {
                let entry = EntryId::from_bytes(row.get(0)?);
                Ok(Unread { entry, waiting: to_u64(row.get(1)?), aside: to_u64(row.get(2)?) })
            };
            Ok(all.query_map([], unread).and_then(Iterator::collect)?)
        })
    }
}
