//! Clearing away what an erase, a detach or a killed import leaves outside the tables: bytes of blobs, older pages in
//! the log file.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::open_journal::OpenJournal;
use crate::blobs::{LEFTOVER_AGE_MS, file_name};
use crate::error::Result;
use crate::replication::{Setting, StorageExt, Tx};

/// Removes the bytes of blobs that no log wants any more; and after an erase, here or received, empties the database's
/// log file, in which older pages still hold the words. A reader may be in the way: then the next call tries again.
pub(super) fn sweep_unwanted(shared: &OpenJournal) -> Result<()> {
    let (unwanted, certificates) =
        shared.store.read(|tx| Ok((tx.unwanted_blobs()?, tx.certificates()?.len() as u64)))?;
    for (entry, blob) in unwanted {
        shared.blobs.remove(entry, &blob)?;
        shared.store.write(|tx| tx.forget_blob(entry, blob))?;
    }
    if certificates > shared.cleared.load(Ordering::Relaxed) {
        shared.warm.clear();
        if shared.store.connections().checkpoint()? {
            shared.cleared.store(certificates, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Removes sealed bytes that no log names, a day after they were written: their program was killed before the commit
/// that would have. Looked for once a day, so that opening a journal costs the same however many attachments it has.
pub(super) fn sweep_orphans(shared: &OpenJournal) -> Result<()> {
    let now = shared.clock.now();
    let swept = shared.store.read(|tx| tx.setting(Setting::BlobsSwept))?;
    let swept = swept.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
    if swept.is_some_and(|at| now.0.abs_diff(at) < LEFTOVER_AGE_MS.unsigned_abs()) {
        return Ok(());
    }
    let mut old = shared.blobs.sweep(now)?;
    let mut left = |tx: &mut dyn Tx| {
        let named: HashSet<_> = tx.blobs(false)?.iter().map(|held| file_name(held.entry, &held.blob.id)).collect();
        old.retain(|file| !named.contains(file));
        Ok(old.clone())
    };
    let any = !shared.store.read(&mut left)?.is_empty();
    // Inside a write: another process that is about to name one of these finds it here, or finds it gone, and says so.
    shared.store.write(|tx| {
        for file in if any { left(tx)? } else { Vec::new() } {
            shared.blobs.remove_file(&file)?;
        }
        tx.set_setting(Setting::BlobsSwept, &now.0.to_le_bytes())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
