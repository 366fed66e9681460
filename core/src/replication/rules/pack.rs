//! Packing: older operations leave their rows for blocks, a little at a time and never on the way of a write.

use super::identity::Identity;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::LogId;
use crate::log::Block;
use crate::replication::tx::Tx;

/// When and how much to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// How many of a log's newest operations stay as they are, so that sending them to a device that lacks only these
    /// unpacks nothing; unless more were written at once.
    pub keep: u64,
    /// How many bytes of one log must wait before they are packed.
    pub at_least: usize,
    /// About how many bytes one transaction packs.
    pub at_most: usize,
}

impl Default for Packing {
    /// Ten blocks at a time, which zstd packs in a few milliseconds: a writer waits for no more than that.
    fn default() -> Self {
        Self { keep: 32, at_least: 128 << 10, at_most: 512 << 10 }
    }
}

/// Packs one run of one log, where there is one to pack. Answers how many operations; 0 where there is nothing to do.
///
/// Rows, blocks and the heads that go are one transaction: whatever stops it, every operation is there once.
pub fn pack(tx: &mut dyn Tx, identity: &Identity, packing: &Packing) -> Result<u64> {
    for (log, end) in tx.logs()? {
        let Some(run) = tx.unpacked(log, packing.at_most)? else { continue };
        // What lies before a pack is the tail of nothing: it is packed whatever it comes to.
        let last = if run.closed { run.to } else { run.to.min(end.seq.saturating_sub(packing.keep)) };
        if last < run.from || (!run.closed && run.len < packing.at_least) {
            continue;
        }
        // A pack ends at a head, or where another pack begins.
        let to = match tx.head_at_or_before(log, last)? {
            Some(head) if head.position.seq >= run.from => head.position.seq,
            _ if run.closed => run.to,
            _ => match first_commit(tx, log, run.from, end.seq, packing.keep)? {
                Some(to) => to,
                None => continue,
            },
        };
        let mut operations = tx.operations(log, run.from, to)?;
        if identity.faults.has(Fault::PackDropsTheLast) {
            operations.pop();
        }
        tx.pack(log, run.from, to, &Block::pack(&operations))?;
        return Ok(operations.len() as u64);
    }
    Ok(0)
}

/// The end of the first commit of a run, which no head before the newest operations ends: where it is not among those,
/// or more than they are. What was written at once, as an import is, is sent as blocks whoever lacks it.
fn first_commit(tx: &mut dyn Tx, log: LogId, from: u64, end: u64, keep: u64) -> Result<Option<u64>> {
    let Some(whole) = tx.unpacked(log, usize::MAX)? else { return Ok(None) };
    let head = tx.head_after(log, from - 1, 0)?.map(|head| head.position.seq);
    Ok(match head {
        Some(head) if head <= whole.to => {
            let many = head - (from - 1) > keep;
            (many || head <= end.saturating_sub(keep) || whole.closed).then_some(head)
        }
        _ => whole.closed.then_some(whole.to),
    })
}
