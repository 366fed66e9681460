//! Packing in the background: older operations move into blocks while nobody waits for the store.

use std::time::{Duration, Instant};

use super::Engine;
use super::deriving::vacuum_some;
use super::open_journal::OpenJournal;
use crate::error::Result;
use crate::replication::StorageExt;
use crate::replication::rules::{self, Packing};

/// How many imported entries may lie unpacked: what is packed while it comes leaves no room behind in the file.
pub(super) const IMPORTED: u64 = 128;

impl Engine {
    /// Packs older operations for at most `budget`, in transactions of under 20 ms. Answers how many were packed.
    pub fn pack(&self, budget: Duration) -> Result<u64> {
        pack(&self.shared, budget)
    }
}

/// See [`Engine::pack`].
pub(super) fn pack(shared: &OpenJournal, budget: Duration) -> Result<u64> {
    let (started, mut all) = (Instant::now(), 0);
    while started.elapsed() < budget {
        let packed = pack_some(shared)?;
        if packed == 0 {
            break;
        }
        all += packed;
    }
    // What waits to be derived takes the room that the lines left.
    if all > 0 && shared.store.stale_count()? == 0 {
        vacuum_some(shared, || started.elapsed() >= budget)?;
    }
    Ok(all)
}

/// One transaction of it. Answers how many operations were packed; none where there is nothing left to pack.
pub(super) fn pack_some(shared: &OpenJournal) -> Result<u64> {
    shared.store.write(|tx| rules::pack(tx, &shared.identity, &Packing::default()))
}
