//! Large documents that are being opened: noted before, so that one that takes the process with it is left out.

use rusqlite::{OptionalExtension, params};

use super::codec::{to_i64, to_u64};
use super::tx::SqliteTx;
use crate::error::Result;
use crate::id::EntryId;

impl SqliteTx<'_> {
    /// Notes that a document is about to be opened by this version of the program. Answers how many times that began
    /// before and did not end; where it is `most` or more, nothing is noted.
    pub fn begin_opening(&mut self, entry: EntryId, program: &str, most: u64) -> Result<u64> {
        let begun = self.openings_of(entry, program)?;
        if begun < most {
            self.conn()?
                .prepare_cached("INSERT OR REPLACE INTO opening (entry, begun, program) VALUES (?1, ?2, ?3)")?
                .execute(params![entry.as_bytes(), to_i64(begun + 1), program])?;
        }
        Ok(begun)
    }

    fn openings_of(&mut self, entry: EntryId, program: &str) -> Result<u64> {
        let begun: Option<i64> = self
            .conn()?
            .prepare_cached("SELECT begun FROM opening WHERE entry = ?1 AND program = ?2")?
            .query_row(params![entry.as_bytes(), program], |row| row.get(0))
            .optional()?;
        Ok(begun.map_or(0, to_u64))
    }

    /// The document was opened, or is known not to open; either way the process is alive.
    pub fn end_opening(&mut self, entry: EntryId) -> Result<()> {
        self.conn()?.prepare_cached("DELETE FROM opening WHERE entry = ?1")?.execute([entry.as_bytes()])?;
        Ok(())
    }

    /// Documents whose opening began `most` times or more and never ended, under this version of the program.
    pub fn never_opened(&mut self, program: &str, most: u64) -> Result<Vec<EntryId>> {
        let mut all = self
            .conn()?
            .prepare_cached("SELECT entry FROM opening WHERE program = ?1 AND begun >= ?2 ORDER BY entry")?;
        let rows = all.query_map(params![program, to_i64(most)], |row| row.get::<_, Vec<u8>>(0))?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows.iter().filter_map(|id| EntryId::from_slice(id)).collect())
    }
}
