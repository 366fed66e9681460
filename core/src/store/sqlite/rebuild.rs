//! Everything that the logs give, made from nothing but them: places, documents, waits, blobs, the digest.

use std::collections::HashMap;

use super::search;
use super::tx::SqliteTx;
use crate::error::Result;
use crate::id::{BlobId, EntryId};
use crate::log::{Placed, Position};
use crate::replication::rules::{self, Identity};
use crate::replication::tx::{Setting, Tx};

/// Operations read and linked at a time, so that a long log is never in memory whole.
const SLICE: u64 = 256;

impl SqliteTx<'_> {
    /// Drops every derived row and makes again those that the headers of the log give; list rows, texts and search are
    /// left stale. Answers how many documents had other heads, or none, or are no more.
    pub(super) fn derive_from_logs(&mut self, identity: &Identity) -> Result<u64> {
        let before = self.raw_heads()?;
        let digest = self.setting(Setting::Digest)?;
        // Whoever read a document before, outside this transaction, must see that it is another now, and so must whoever
        // finds another under its number later.
        let conn = self.conn()?;
        let version: i64 = conn.query_row("SELECT coalesce(max(version), 0) FROM documents", [], |row| row.get(0))?;
        let version = self.first_version()?.max(version).clamp(0, i64::MAX / 2) + 1;
        self.set_setting(Setting::CountsFrom, &version.to_le_bytes())?;
        let here: Vec<(Vec<u8>, Vec<u8>)> = {
            let here = "SELECT entry, blob FROM blobs JOIN documents ON documents.id = document WHERE here";
            let mut here = conn.prepare(here)?;
            here.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?
        };
        search::create_again(conn)?;
        conn.execute_batch(
            "DELETE FROM places; DELETE FROM documents; DELETE FROM waits; DELETE FROM blobs; DELETE FROM entries;
             DELETE FROM texts; DELETE FROM snapshots; DELETE FROM people; DELETE FROM opening;",
        )?;
        self.forget();
        self.set_setting(Setting::Digest, &[0; 32])?;
        for (log, end) in self.logs()? {
            let mut position = Position::start(&identity.journal, &log);
            while position.seq < end.seq {
                let mut placed = Vec::with_capacity(SLICE as usize);
                for operation in self.operations(log, position.seq + 1, position.seq + SLICE)? {
                    position = position.after(&operation);
                    placed.push(Placed::of(position, &operation)?);
                }
                self.enter_run(log, &placed)?;
                rules::link_all(self, identity, &placed)?;
                self.write_documents()?;
                self.forget();
            }
        }
        for certificate in self.certificates()? {
            if let Some(state) = self.document(certificate.entry)? {
                rules::leave_digest(self, identity, certificate.entry, &state.heads)?;
            }
            self.destroy(certificate.entry)?;
        }
        for (entry, blob) in here {
            // What no log brings has no row any more.
            if let (Some(entry), Some(blob)) = (EntryId::from_slice(&entry), BlobId::from_slice(&blob)) {
                self.set_blob(entry, blob, &[], true)?;
            }
        }
        let after = self.raw_heads()?;
        let changed = after.iter().filter(|(entry, heads)| before.get(*entry) != Some(heads)).count();
        let gone = before.keys().filter(|entry| !after.contains_key(*entry)).count();
        let sum = self.setting(Setting::Digest)? != digest && !after.is_empty();
        // Heads may be right and only their sum not.
        Ok(((changed + gone) as u64).max(u64::from(sum)))
    }

    fn raw_heads(&mut self) -> Result<HashMap<Vec<u8>, Vec<u8>>> {
        let mut all = self.conn()?.prepare("SELECT entry, heads FROM documents WHERE heads IS NOT NULL")?;
        Ok(all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?)
    }
}

#[cfg(test)]
impl super::store::SqliteStore {
    /// Drops everything that is made from the logs, so that it is made again. The logs are not touched.
    pub(crate) fn drop_derived(&self) -> Result<()> {
        self.write_sql(|tx| {
            let conn = tx.conn()?;
            search::clear(conn)?;
            Ok(conn.execute_batch(
                "DELETE FROM entries; DELETE FROM texts; DELETE FROM snapshots; DELETE FROM people;
                 UPDATE documents SET stale = 3 WHERE length(heads) > 0;",
            )?)
        })
    }
}
