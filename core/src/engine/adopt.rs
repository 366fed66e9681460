//! Bringing a journal's entries along when its device joins another journal.

use crate::blobs::{CHUNK, Shape};
use crate::error::Result;
use crate::log::{Envelope, MAX_BATCH, Operation, OperationKind};
use crate::replication::StorageExt;
use crate::replication::rules;
use crate::sync::{BlobBytes, STORE_SLICE};

use super::open_journal::OpenJournal;

/// Operations of one log that are looked at in one transaction.
const SLICE: u64 = 64;

/// Writes down in `new` every change of `old` that it does not hold, and all that is no change: records, and what only a
/// later version understands. Erase certificates of the new journal are obeyed; `old` is only read.
pub(super) fn adopt(old: &OpenJournal, new: &OpenJournal) -> Result<()> {
    for entry in old.store.read(|tx| tx.documents())? {
        let operations = old.store.read(|tx| {
            let mut operations = Vec::new();
            for change in tx.changes(entry)? {
                let Some(operation) = tx.operations(change.log, change.seq, change.seq)?.into_iter().next() else {
                    continue;
                };
                let first_log = Some(operation.envelope.first_log.unwrap_or(change.log));
                let envelope = Envelope { first_log, ..operation.envelope };
                operations.push((change.hash, Operation { envelope, body: operation.body }));
            }
            Ok(operations)
        })?;
        new.store.write(|tx| {
            if tx.is_erased(entry)? {
                return Ok(());
            }
            let (mut slice, mut size) = (Vec::new(), 0);
            for (hash, operation) in operations {
                if tx.change_ready(entry, hash)?.is_some() {
                    continue;
                }
                if size + operation.size() > MAX_BATCH && !slice.is_empty() {
                    rules::append(tx, &new.identity, &mut new.entropy.clone(), std::mem::take(&mut slice))?;
                    size = 0;
                }
                size += operation.size();
                slice.push(operation);
            }
            if !slice.is_empty() {
                rules::append(tx, &new.identity, &mut new.entropy.clone(), slice)?;
            }
            Ok(())
        })?;
    }
    for (log, end) in old.store.read(|tx| tx.logs())? {
        for first in (1..=end.seq).step_by(SLICE as usize) {
            let mut operations = old.store.read(|tx| tx.operations(log, first, end.seq.min(first + SLICE - 1)))?;
            operations.retain(|operation| {
                matches!(operation.envelope.kind, OperationKind::Record | OperationKind::Unknown(_))
            });
            if !operations.is_empty() {
                let entropy = &mut new.entropy.clone();
                new.store.write(|tx| rules::log_again(tx, &new.identity, entropy, log, operations))?;
            }
        }
    }
    copy_blobs(old, new)
}

fn copy_blobs(old: &OpenJournal, new: &OpenJournal) -> Result<()> {
    for held in old.store.read(|tx| tx.blobs(false))?.into_iter().filter(|blob| blob.here) {
        let wanted = new.store.read(|tx| tx.blob(held.entry, held.blob.id))?;
        let (Some(wanted), Some(shape)) = (wanted.filter(|wanted| !wanted.here), Shape::new(held.blob.len)) else {
            continue;
        };
        let order: Vec<u32> = (0..shape.parts()).filter_map(|at| Some(shape.in_order(at)? as u32)).collect();
        let mut taken = 0;
        for slice in order.chunks(STORE_SLICE / CHUNK as usize) {
            let bytes = BlobBytes::read(&old.blobs, &held, slice)?;
            let parts: Vec<_> = slice.iter().copied().zip(bytes.iter().map(Vec::as_slice)).collect();
            taken += BlobBytes::store(&new.blobs, &wanted, &parts, &mut new.entropy.clone())?.parts.len();
        }
        if taken == order.len() {
            BlobBytes::finish(&new.blobs, &wanted)?;
            new.store.write(|tx| tx.set_blob(wanted.entry, wanted.blob.id, &[], true))?;
        }
    }
    Ok(())
}
