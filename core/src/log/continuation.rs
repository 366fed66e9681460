//! A batch that goes on from the one sent before it: only what the receiver cannot fill in.
//!
//! A live edit is one short operation after another of one log. Both ends of a stream know the batch before, so the log,
//! the place it begins at, the chain it ends at and the statements its author knew need not be said again, and the rest is
//! compressed against the last operation: its envelope, its change's header, actor and columns, and its hash, which the
//! next change names as its dependency. What is read back is the whole [`Batch`], and is verified as any other.

use serde::{Deserialize, Serialize};

use super::block::{Unpacker, line};
use super::codec::{self, DecodeError};
use super::{Batch, Block, Head, Position};
use crate::crypto::Signature;
use crate::id::{LogId, StatementId};

/// The longest continuation, unpacked. Longer ones gain nothing from what is elided.
const MAX_LEN: usize = 8 << 10;
/// Bytes of an operation that serve as the dictionary for the next.
const MAX_SAMPLE: usize = 2 << 10;
/// Of zstd's levels: the shortest matches count here, and a few hundred bytes cost little at any.
const LEVEL: i32 = 19;
/// Every zstd frame begins so (RFC 8878, 3.1.1); it is not sent.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const WHAT: &str = "continued batch";

#[derive(Serialize, Deserialize)]
struct Wire {
    operations: u32,
    /// Their lines, as in a block that is not compressed.
    #[serde(with = "codec::bytes")]
    lines: Vec<u8>,
    /// Nothing: as in the batch before.
    knew: Option<Vec<StatementId>>,
    signature: Signature,
}

/// Where a stream of batches stands, known to both of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    log: LogId,
    position: Position,
    knew: Vec<StatementId>,
    sample: Vec<u8>,
}

impl Tail {
    /// The place after `batch`, which was looked through before; nothing where its last block does not read.
    pub fn of(batch: &Batch) -> Option<Self> {
        let mut unpacker = Unpacker::default();
        let last = unpacker.lines(batch.blocks.last()?).ok()?.last()?.ok()?;
        let mut sample = last.whole[..last.whole.len().min(MAX_SAMPLE)].to_vec();
        sample.extend_from_slice(&last.hash().ok()?);
        let (log, position, knew) = (batch.log, batch.head.position, batch.head.knew.clone());
        Some(Self { log, position, knew, sample })
    }

    /// What of `batch` this does not already say; nothing where it does not go on from here, or is not short.
    pub fn shorten(&self, batch: &Batch) -> Option<Vec<u8>> {
        if batch.log != self.log || batch.previous != self.position || batch.len() > MAX_LEN / 2 {
            return None;
        }
        let knew = (batch.head.knew != self.knew).then(|| batch.head.knew.clone());
        let lines = batch.operations().ok()?.iter().flat_map(line).collect();
        let operations = u32::try_from(batch.count()).ok()?;
        let plain = codec::encode(&Wire { operations, lines, knew, signature: batch.head.signature });
        if plain.len() > MAX_LEN {
            return None;
        }
        let frame = zstd::bulk::Compressor::with_dictionary(LEVEL, &self.sample).ok()?.compress(&plain).ok()?;
        frame.strip_prefix(&MAGIC).map(<[u8]>::to_vec)
    }

    /// The batch that [`Tail::shorten`] made `bytes` of. Its changes' checksums are checked, no signature is.
    pub fn lengthen(&self, bytes: &[u8]) -> Result<Batch, DecodeError> {
        let malformed = || DecodeError::Malformed { what: WHAT };
        if bytes.len() > 2 * MAX_LEN {
            return Err(DecodeError::TooLong { what: WHAT, len: bytes.len(), max: 2 * MAX_LEN });
        }
        let frame = [&MAGIC[..], bytes].concat();
        let plain = zstd::bulk::Decompressor::with_dictionary(&self.sample)
            .and_then(|mut decompressor| decompressor.decompress(&frame, MAX_LEN))
            .map_err(|_| malformed())?;
        let (wire, rest) = postcard::take_from_bytes::<Wire>(&plain).map_err(|_| malformed())?;
        if !rest.is_empty() || self.position.seq > u64::MAX / 2 {
            return Err(malformed());
        }
        let len = u32::try_from(wire.lines.len()).map_err(|_| malformed())?;
        let block = Block { operations: wire.operations, len, bytes: wire.lines };
        if !block.is_within_bounds() {
            return Err(malformed());
        }
        let operations = block.operations()?;
        let position = operations.iter().fold(self.position, |position, operation| position.after(operation));
        let knew = wire.knew.unwrap_or_else(|| self.knew.clone());
        let head = Head { log: self.log, position, knew, signature: wire.signature };
        Ok(Batch::new(self.log, self.position, &operations, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::DeviceKey;
    use crate::id::{EntryId, Incarnation, JournalId};
    use crate::log::Operation;
    use crate::testing::journal::Doc;

    /// Batches of one log as edits bring them: the first says everything.
    fn edits(count: u64) -> Vec<Batch> {
        let key = DeviceKey::from_seed(&[7; 32]);
        let log = LogId { device: key.id(), incarnation: Incarnation::from_bytes([1; 8]) };
        let mut previous = Position::start(&JournalId::from_bytes([2; 16]), &log);
        let mut doc = Doc::new(3);
        (0..count)
            .map(|number| {
                let chunk = doc.write(&format!("a sentence, number {number:02}"));
                let entry = EntryId::from_bytes([9; 16]);
                let operation = Operation::change(entry, chunk, Vec::new(), Vec::new()).unwrap();
                let position = previous.after(&operation);
                let knew = vec![StatementId::from_bytes([4; 32])];
                let head = Head::sign(&key, log, position, knew);
                let batch = Batch::new(log, previous, &[operation], head);
                previous = position;
                batch
            })
            .collect()
    }

    #[test]
    fn a_batch_comes_back_whole_and_verifies() {
        let batches = edits(6);
        for pair in batches.windows(2) {
            let tail = Tail::of(&pair[0]).unwrap();
            let short = tail.shorten(&pair[1]).unwrap();
            let long = tail.lengthen(&short).unwrap();
            assert_eq!(long, pair[1]);
            long.clone().open().unwrap().verify().unwrap();
            println!("{} bytes for {}", short.len(), pair[1].clone().encode().len());
            assert!(short.len() + 150 < pair[1].clone().encode().len());
        }
        // The statements known may have changed in between.
        let mut other = batches[1].clone();
        other.head.knew.push(StatementId::from_bytes([5; 32]));
        let tail = Tail::of(&batches[0]).unwrap();
        assert_eq!(tail.lengthen(&tail.shorten(&other).unwrap()).unwrap(), other);
    }

    #[test]
    fn what_does_not_go_on_is_not_shortened() {
        let batches = edits(3);
        assert_eq!(Tail::of(&batches[0]).unwrap().shorten(&batches[2]), None);
        let mut other = batches[1].clone();
        other.log.incarnation = Incarnation::from_bytes([8; 8]);
        assert_eq!(Tail::of(&batches[0]).unwrap().shorten(&other), None);
    }

    #[test]
    fn any_bytes_give_an_error_or_a_batch_that_no_one_signed() {
        let batches = edits(2);
        let tail = Tail::of(&batches[0]).unwrap();
        let short = tail.shorten(&batches[1]).unwrap();
        assert!(tail.lengthen(&[]).is_err());
        assert!(tail.lengthen(&vec![0; 3 * MAX_LEN]).is_err());
        for at in 0..short.len() {
            assert!(tail.lengthen(&short[..at]).is_err());
            for bit in 0..8 {
                let mut bytes = short.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(batch) = tail.lengthen(&bytes) {
                    assert!(batch == batches[1] || batch.open().is_ok_and(|open| open.verify().is_err()));
                }
            }
        }
    }

    #[test]
    fn little_that_unfolds_to_much_is_refused() {
        let tail = Tail::of(&edits(1)[0]).unwrap();
        let much = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(much.len() < 2 * MAX_LEN, "{}", much.len());
        assert!(tail.lengthen(&much[4..]).is_err());
    }
}
