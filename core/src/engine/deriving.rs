//! Deriving: what came is durable first; lists, texts and search catch up in slices.

use std::time::{Duration, Instant};

use super::Engine;
use super::shared::Shared;
use crate::error::Result;
use crate::id::EntryId;
use crate::store::derived;

/// How long one transaction derives. With the last document in it and the commit it stays under 50 ms.
const SLICE: Duration = Duration::from_millis(20);

impl Engine {
    /// Derives stale documents, newest first, for at most `budget`. Answers how many are left; `progress` hears
    /// (done, left) after each.
    pub fn derive(&self, budget: Duration, mut progress: impl FnMut(u64, u64)) -> Result<u64> {
        derive(&self.shared, budget, &mut progress)
    }
}

pub(super) fn refresh_one(shared: &Shared, id: EntryId) -> Result<()> {
    derive_slice(shared, &[id]).map(drop)
}

/// Derives stale documents in transactions of [`SLICE`], so that no writer waits long for one.
pub(super) fn derive(shared: &Shared, budget: Duration, progress: &mut dyn FnMut(u64, u64)) -> Result<u64> {
    let started = Instant::now();
    let mut done = 0;
    loop {
        let next = shared.store.stale(64)?;
        if next.is_empty() {
            return Ok(0);
        }
        let left = shared.store.stale_count()?;
        if started.elapsed() >= budget {
            return Ok(left);
        }
        let sliced = derive_slice(shared, &next)?;
        done += sliced;
        progress(done, left.saturating_sub(sliced));
    }
}

/// Derives as many of these as fit into one slice, at least one. Answers how many.
fn derive_slice(shared: &Shared, entries: &[EntryId]) -> Result<u64> {
    let now = shared.clock.now().0;
    shared.store.write_sql(|tx| {
        let begun = Instant::now();
        let mut done = 0;
        for entry in entries {
            if done > 0 && begun.elapsed() >= SLICE {
                break;
            }
            if derived::refresh(tx, *entry, shared.actor(), now)?.opened {
                shared.count_opened();
            }
            done += 1;
        }
        Ok(done)
    })
}
