//! Clearing away what an erase or a detach leaves outside the tables: bytes of blobs, and older pages in the log file.

use std::sync::atomic::Ordering;

use super::shared::Shared;
use crate::error::Result;
use crate::store::StorageExt;

/// Removes the bytes of blobs that no log wants any more; and after an erase, here or received, empties the database's
/// log file, in which older pages still hold the words. A reader may be in the way: then the next call tries again.
pub(super) fn clear_away(shared: &Shared) -> Result<()> {
    let (unwanted, certificates) =
        shared.store.read(|tx| Ok((tx.unwanted_blobs()?, tx.certificates()?.len() as u64)))?;
    for (entry, blob) in unwanted {
        shared.blobs.remove(entry, &blob)?;
        shared.store.write(|tx| tx.forget_blob(entry, blob))?;
    }
    if certificates > shared.cleared.load(Ordering::Relaxed) && shared.store.connections().checkpoint()? {
        shared.cleared.store(certificates, Ordering::Relaxed);
    }
    Ok(())
}
