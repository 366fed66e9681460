//! Documents that stay open between two edits, so that whoever writes on does not wait for what has not changed.
//!
//! Derived like everything but the log: a document is used as it is only while the log still says what it was made from
//! (`documents.version`), else it takes in what came, else it is opened anew. One that an edit was made in comes back
//! only after the commit; where that fails it is dropped, and with it the numbers that it gave.

use std::sync::Mutex;

use super::entries;
use super::open_journal::{OpenJournal, lock};
use crate::document::{Actor, EntryDocument};
use crate::error::Result;
use crate::id::EntryId;
use crate::journal::Entry;
use crate::store::read_model::{self, Opened};
use crate::store::sqlite::SqliteTx;

/// How many are kept: who edits goes back and forth between a few entries.
const MAX_OPEN: usize = 4;

/// The documents that are open, the last one used last.
#[derive(Debug, Default)]
pub(crate) struct DocumentCache(Mutex<Vec<OpenDocument>>);

/// A document that is open.
#[derive(Debug)]
pub(super) struct OpenDocument {
    pub(super) document: EntryDocument,
    /// How it reads.
    pub(super) entry: Entry,
    actor: Actor,
    /// What the log was at when the document said the same.
    version: i64,
    /// How many changes were handed to it since there was a snapshot of it.
    pub(super) changes: usize,
}

impl OpenDocument {
    /// A document that was just made, whose first change is in the log.
    pub(super) fn made(shared: &OpenJournal, tx: &mut SqliteTx<'_>, document: EntryDocument) -> Result<Self> {
        let entry = document.entry()?;
        let version = read_model::version(tx, entry.id)?.unwrap_or_default();
        Ok(Self { document, entry, actor: shared.actor(), version, changes: 1 })
    }

    /// An edit of it, after which it was read, was put into the log by this transaction.
    pub(super) fn edited(&mut self, tx: &mut SqliteTx<'_>) -> Result<()> {
        self.version = read_model::version(tx, self.entry.id)?.unwrap_or(self.version);
        Ok(())
    }
}

/// `id`'s document as the log has it now, taken out of those that are kept or opened.
pub(super) fn open(shared: &OpenJournal, tx: &mut SqliteTx<'_>, id: EntryId) -> Result<OpenDocument> {
    let (version, actor) = (read_model::version(tx, id)?, shared.actor());
    let kept = shared.warm.take(id).filter(|kept| kept.actor == actor);
    let opened = match kept {
        Some(kept) if Some(kept.version) == version => return Ok(kept),
        Some(kept) => read_model::catch_up(tx, kept.document)?,
        None => None,
    };
    let Opened { document, replayed } = match opened {
        Some(opened) => opened,
        None => entries::open(shared, tx, id)?,
    };
    let entry = document.entry()?;
    Ok(OpenDocument { document, entry, actor, version: version.unwrap_or_default(), changes: replayed })
}

impl DocumentCache {
    /// Whether `id`'s document is open and says what the log does.
    pub(super) fn has(&self, shared: &OpenJournal, id: EntryId) -> Result<bool> {
        let at = lock(&self.0).iter().find(|kept| kept.entry.id == id).map(|kept| (kept.version, kept.actor));
        let Some((version, actor)) = at else { return Ok(false) };
        Ok(actor == shared.actor() && shared.store.read_sql(|tx| read_model::version(tx, id))? == Some(version))
    }

    fn take(&self, id: EntryId) -> Option<OpenDocument> {
        let mut all = lock(&self.0);
        let at = all.iter().position(|kept| kept.entry.id == id)?;
        Some(all.remove(at))
    }

    /// Keeps a document whose edit, if it was edited, is committed.
    pub(super) fn keep(&self, kept: Option<OpenDocument>) {
        let Some(kept) = kept else { return };
        let mut all = lock(&self.0);
        all.retain(|other| other.entry.id != kept.entry.id);
        all.push(kept);
        if all.len() > MAX_OPEN {
            all.remove(0);
        }
    }

    /// Lets all of them go: what is erased is not to stay in memory either.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// Writes snapshots of the documents that were edited, off the way of whoever saved: the next program opens them from
/// these.
pub(super) fn save(shared: &OpenJournal) -> Result<()> {
    // Never both the writer and the kept documents at once: an edit takes them in the other order.
    let saved: Vec<_> = lock(&shared.warm.0)
        .iter_mut()
        .filter(|kept| read_model::is_worth_a_snapshot(kept.changes, kept.document.operations()))
        .map(|kept| {
            kept.changes = 0;
            (kept.entry.id, kept.version, kept.document.save())
        })
        .collect();
    if saved.is_empty() {
        return Ok(());
    }
    let now = shared.clock.now().0;
    shared.store.write_sql(|tx| {
        saved.iter().try_for_each(|(id, version, bytes)| read_model::remember(tx, *id, *version, bytes, now))
    })
}

#[cfg(test)]
mod tests;
