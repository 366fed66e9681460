//! What a session asks of the bytes of blobs, and the answers: parts read for a member, parts stored from one.

use std::collections::BTreeMap;

use super::message::Chunk;
use super::request::{Answer, Reply};
use crate::blobs::{Shape, Taken, has, set};
use crate::error::Result;
use crate::id::{BlobId, DeviceId, EntryId};
use crate::replication::rules::{self, Identity, Standing, UnfilledBlob};
use crate::replication::{Storage, StorageExt, Tx, WantedBlob};
use crate::time::Entropy;

/// Bytes of parts that are read at once.
const READ_SLICE: usize = 1 << 20;

/// Where the bytes of blobs are, cut into the parts of [`Shape`].
pub trait BlobBytes: Send + Sync + std::fmt::Debug {
    /// Parts that are said to be here, as many as there are before the first that can't be read.
    fn read(&self, blob: &WantedBlob, parts: &[u32]) -> Result<Vec<Vec<u8>>>;
    /// Stores parts durably, each only if it is what the blob has there.
    fn store(&self, blob: &WantedBlob, parts: &[(u32, &[u8])], entropy: &mut dyn Entropy) -> Result<Taken>;
    /// Every part is stored: the blob is whole from now on.
    fn finish(&self, blob: &WantedBlob) -> Result<()>;
    /// Keeps others, in this process or another, from storing parts until it is dropped: two peers that send one part at
    /// once must not write into each other's seal.
    fn alone(&self) -> Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
    /// Removes a blob's bytes.
    fn remove(&self, entry: EntryId, blob: BlobId) -> Result<()>;
}

/// What is not all here, the shortest first: a photo does not wait for a film.
pub(super) fn unfilled(storage: &dyn Storage, identity: &Identity, peer: &DeviceId) -> Result<Reply> {
    let (standing, mut wanted) = storage.read(|tx| Ok((rules::standing(tx, identity, peer)?, tx.blobs(true)?)))?;
    wanted.sort_by_key(|wanted| wanted.blob.len);
    let unfilled = wanted.into_iter().map(UnfilledBlob::from).collect();
    let answer = if standing == Standing::Member { Answer::Unfilled(unfilled) } else { Answer::Done };
    Ok(Reply { standing, answer, wrote: false })
}

/// The next parts that are here and that the peer lacks, from `position` on in the order of sending.
pub(super) fn read_parts(
    storage: &dyn Storage,
    blobs: &dyn BlobBytes,
    identity: &Identity,
    peer: &DeviceId,
    want: &UnfilledBlob,
    position: u32,
) -> Result<Reply> {
    let look = |tx: &mut dyn Tx| Ok((rules::standing_under(tx, identity, peer)?, tx.blob(want.entry, want.id)?));
    let ((standing, statements), held) = storage.read(look)?;
    let reply = |answer| Ok(Reply { standing, answer, wrote: false });
    if standing != Standing::Member {
        return reply(Answer::Done);
    }
    let nothing = Answer::Parts { parts: Vec::new(), next: None, whole: false, statements };
    let Some(held) = &held else { return reply(nothing) };
    let Some(shape) = Shape::new(held.blob.len) else { return reply(nothing) };
    let (mut chosen, mut bytes, mut at) = (Vec::new(), 0, u64::from(position));
    while let Some(part) = shape.in_order(at)
        && bytes < READ_SLICE
    {
        if (held.here || has(&held.bitmap, part)) && !has(&want.bitmap, part) {
            bytes += shape.part_len(part).unwrap_or(0);
            chosen.push(part as u32);
        }
        at += 1;
    }
    let read = blobs.read(held, &chosen)?;
    // What can't be read is damaged, which `doctor` finds: the rest of this blob is left to other devices.
    let damaged = read.len() < chosen.len();
    let next = (at < shape.parts() && !damaged).then_some(at as u32);
    let parts = chosen.into_iter().zip(read);
    let parts = parts.map(|(index, bytes)| Chunk { entry: want.entry, blob: want.id, index, bytes }).collect();
    reply(Answer::Parts { parts, next, whole: held.here || damaged, statements })
}

/// Stores what came: one `fsync` for each blob and one transaction for all, however many parts there are.
pub(super) fn store_parts(
    storage: &dyn Storage,
    blobs: &dyn BlobBytes,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    peer: &DeviceId,
    parts: &[Chunk],
) -> Result<Reply> {
    let mut groups: BTreeMap<_, Vec<(u32, &[u8])>> = BTreeMap::new();
    for part in parts {
        groups.entry((part.entry, part.blob)).or_default().push((part.index, &part.bytes));
    }
    let _alone = blobs.alone()?;
    let (standing, held) = storage.read(|tx| {
        let held: Result<Vec<_>> = groups.keys().map(|(entry, blob)| tx.blob(*entry, *blob)).collect();
        Ok((rules::standing(tx, identity, peer)?, held?))
    })?;
    if standing != Standing::Member {
        return Ok(Reply { standing, answer: Answer::Done, wrote: false });
    }
    let held: Vec<WantedBlob> = held.into_iter().flatten().filter(|held| !held.here).collect();
    if held.iter().any(|held| held.bitmap.is_empty()) {
        // Noted before the first byte is written, so that whatever ends the blob finds that there are bytes to remove.
        storage.write(|tx| {
            held.iter().filter(|held| held.bitmap.is_empty()).try_for_each(|held| {
                match tx.blob(held.entry, held.blob.id)? {
                    Some(now) if now.bitmap.is_empty() && !now.here => {
                        tx.set_blob(held.entry, held.blob.id, &[0], false)
                    }
                    _ => Ok(()),
                }
            })
        })?;
    }
    let mut stored = Vec::new();
    let mut damaged = 0;
    for held in &held {
        let came = groups.get(&(held.entry, held.blob.id)).map(Vec::as_slice).unwrap_or_default();
        let new: Vec<_> = came.iter().copied().filter(|(part, _)| !has(&held.bitmap, u64::from(*part))).collect();
        let taken = blobs.store(held, &new, entropy)?;
        damaged += taken.damaged;
        stored.push((held, taken));
    }
    // Read again inside the transaction: another process may have stored other parts meanwhile, or ended the blob. The
    // last part is not noted by itself: the blob is given its name first, so that every bit set always means whole.
    let (mut gone, mut filled) = (Vec::new(), Vec::new());
    if !stored.is_empty() {
        storage.write(|tx| {
            for (held, taken) in &stored {
                let Some(mut now) = tx.blob(held.entry, held.blob.id)? else {
                    gone.push(*held);
                    continue;
                };
                if now.here || now.blob != held.blob {
                    continue;
                }
                taken.parts.iter().for_each(|part| set(&mut now.bitmap, u64::from(*part)));
                for part in &taken.lost {
                    if let Some(byte) = now.bitmap.get_mut(*part as usize / 8) {
                        *byte &= !(1 << (part % 8));
                    }
                }
                let all =
                    Shape::new(held.blob.len).is_some_and(|shape| (0..shape.parts()).all(|p| has(&now.bitmap, p)));
                if taken.whole || all {
                    filled.push(*held);
                } else {
                    tx.set_blob(held.entry, held.blob.id, &now.bitmap, false)?;
                }
            }
            Ok(())
        })?;
    }
    for held in gone {
        // Ended meanwhile, and its bytes removed before these were written.
        blobs.remove(held.entry, held.blob.id)?;
    }
    filled.iter().try_for_each(|held| blobs.finish(held))?;
    if !filled.is_empty() {
        storage.write(|tx| filled.iter().try_for_each(|held| tx.set_blob(held.entry, held.blob.id, &[], true)))?;
    }
    let answer = Answer::StoredParts { parts: parts.len() as u64, filled: filled.len() as u64, damaged };
    Ok(Reply { standing, answer, wrote: !stored.is_empty() })
}
