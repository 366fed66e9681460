//! The rows of a listing: what another device told of its newest entries, kept while their operations are on the way.
//!
//! They are what that device says, and no more: nothing is derived from them, no search finds them, and a row of ours
//! takes their place as soon as the entry is read from its log.

use rusqlite::params;

use super::tx::SqliteTx;
use crate::error::{Error, Result};
use crate::id::{DeviceId, EntryId};
use crate::replication::ListRow;
use crate::store::read_model;
use crate::time::Day;

/// Held: some of the entry's changes are here, whether or not they can be read yet.
const HELD: &str = "EXISTS (SELECT 1 FROM documents d WHERE d.entry = a.entry AND length(d.heads) > 0)";
const DERIVED: &str = "EXISTS (SELECT 1 FROM entries e WHERE e.entry = a.entry)";

impl SqliteTx<'_> {
    pub(super) fn newest_rows(&mut self, limit: usize) -> Result<Vec<ListRow>> {
        // No state is asked for, so the day is of no interest.
        let page = read_model::list(self, &read_model::Filter::default(), Day::new(1970, 1, 1), limit, None)?;
        let people = read_model::people(self)?;
        Ok(page.rows.into_iter().map(|row| ListRow { title: people.shown(&row.title), ..row }).collect())
    }

    pub(super) fn put_arriving(&mut self, from: DeviceId, rows: &[ListRow]) -> Result<()> {
        self.conn()?.prepare_cached("DELETE FROM arriving WHERE device = ?1")?.execute([from.as_bytes()])?;
        let mut put =
            self.conn()?.prepare_cached("INSERT OR REPLACE INTO arriving (entry, device, row) VALUES (?1, ?2, ?3)")?;
        for row in rows {
            let bytes = postcard::to_allocvec(row).map_err(|_| Error::internal("a list row could not be written"))?;
            put.execute(params![row.id.as_bytes(), from.as_bytes(), bytes])?;
        }
        Ok(())
    }

    pub(super) fn all_arriving(&mut self) -> Result<Vec<ListRow>> {
        self.arriving_where("1")
    }

    /// Rows of entries that are not read from their logs yet. Of an entry that nothing is held of only as long as what
    /// was announced is on its way: `live`.
    pub fn arriving_rows(&mut self, live: bool) -> Result<Vec<ListRow>> {
        self.arriving_where(&format!("NOT {DERIVED} AND ({live} OR {HELD})"))
    }

    fn arriving_where(&mut self, which: &str) -> Result<Vec<ListRow>> {
        let sql = format!("SELECT row FROM arriving a WHERE {which} ORDER BY entry");
        let mut all = self.conn()?.prepare_cached(&sql)?;
        let rows = all.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        // A damaged one is left out: it is nobody's only copy.
        Ok(rows.iter().filter_map(|bytes| postcard::from_bytes(bytes).ok()).collect())
    }

    /// Whether anything is announced at all: one look at an empty table.
    pub fn has_arriving(&mut self) -> Result<bool> {
        let mut any = self.conn()?.prepare_cached("SELECT 1 FROM arriving")?;
        Ok(any.exists([])?)
    }

    pub(super) fn drop_arriving(&mut self, from: DeviceId) -> Result<()> {
        self.conn()?
            .prepare_cached(&format!(
                "DELETE FROM arriving WHERE entry IN
                 (SELECT entry FROM arriving a WHERE a.device = ?1 AND ({DERIVED} OR NOT {HELD}))"
            ))?
            .execute([from.as_bytes()])?;
        Ok(())
    }

    /// Forgets rows whose entries are read from their logs now; where nothing is on its way (not `live`), the others too.
    pub fn prune_arriving(&mut self, live: bool) -> Result<()> {
        let sql = format!(
            "DELETE FROM arriving WHERE entry IN
             (SELECT entry FROM arriving a WHERE {DERIVED} OR NOT ({live} OR {HELD}))"
        );
        self.conn()?.execute(&sql, [])?;
        Ok(())
    }

    /// Nothing that was ever told of an entry that is erased stays.
    pub(super) fn erase_arriving(&mut self, entry: EntryId) -> Result<()> {
        self.conn()?.prepare_cached("DELETE FROM arriving WHERE entry = ?1")?.execute([entry.as_bytes()])?;
        Ok(())
    }
}
