//! What was typed and is no change yet: kept on this device alone, until it becomes one.

use rusqlite::params;

use super::codec::split_heads;
use super::schema::{STALE_ROW, STALE_TEXT};
use super::tx::SqliteTx;
use crate::error::Result;
use crate::id::{ChangeHash, EntryId};
use crate::journal::edit::TextField;
use crate::time::Timestamp;

/// A text of an entry as it was typed, people as `@Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which text.
    pub field: TextField,
    /// The heads that the writer saw when beginning to type.
    pub base: Vec<ChangeHash>,
    /// What it is to say.
    pub text: String,
}

impl SqliteTx<'_> {
    /// Keeps a draft in the place of the one before. Lists and search show it once its entry is derived again.
    pub fn put_draft(&mut self, entry: EntryId, draft: &Draft, at: Timestamp) -> Result<()> {
        let base: Vec<u8> = draft.base.iter().flat_map(|hash| *hash.as_bytes()).collect();
        self.conn()?
            .prepare_cached("INSERT OR REPLACE INTO drafts (entry, field, base, text, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![entry.as_bytes(), draft.field.to_string(), base, draft.text, at.0])?;
        self.conn()?
            .prepare_cached("UPDATE documents SET stale = stale | ?2 WHERE entry = ?1 AND length(heads) > 0")?
            .execute(params![entry.as_bytes(), STALE_ROW | STALE_TEXT])?;
        Ok(())
    }

    /// The drafts of an entry. One that does not read any more is left out, and left where it is.
    pub fn drafts(&mut self, entry: EntryId) -> Result<Vec<Draft>> {
        let sql = "SELECT field, base, text FROM drafts WHERE entry = ?1 ORDER BY at";
        let mut all = self.conn()?.prepare_cached(sql)?;
        let rows = all.query_map([entry.as_bytes()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(2)?))
        });
        let rows = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)?;
        let read = |(field, base, text): (String, Vec<u8>, String)| {
            Some(Draft { field: field.parse().ok()?, base: split_heads(&base).ok()?, text })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// The entries that have drafts.
    pub fn drafted(&mut self) -> Result<Vec<EntryId>> {
        let mut all = self.conn()?.prepare_cached("SELECT DISTINCT entry FROM drafts")?;
        let rows = all.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows.iter().filter_map(|id| EntryId::from_slice(id)).collect())
    }

    /// Forgets a draft: it is a change now.
    pub fn drop_draft(&mut self, entry: EntryId, field: TextField) -> Result<()> {
        self.conn()?
            .prepare_cached("DELETE FROM drafts WHERE entry = ?1 AND field = ?2")?
            .execute(params![entry.as_bytes(), field.to_string()])?;
        Ok(())
    }

    /// An entry is destroyed, and what was typed into it with it.
    pub(super) fn erase_drafts(&mut self, entry: EntryId) -> Result<()> {
        self.conn()?.prepare_cached("DELETE FROM drafts WHERE entry = ?1")?.execute([entry.as_bytes()])?;
        Ok(())
    }
}
