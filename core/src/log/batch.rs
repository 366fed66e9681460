//! A run of one log's operations that ends at a head: the unit in which logs are sent and stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::block::{Packer, Unpacker};
use super::codec::{self, DecodeError};
use super::{BlobRef, Block, ChangeHeader, Envelope, Head, Operation, OperationKind, Position};
use crate::id::{BlobId, Chain, ChangeHash, EntryId, LogId};

/// How many bytes of operations one transaction may commit under one head, unless a single operation is longer.
pub const MAX_BATCH: usize = 1 << 20;
/// The most operations in one batch: two commits of the shortest there are.
pub const MAX_OPERATIONS: usize = 1 << 16;

/// A batch that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A batch of nothing.
    #[error("a batch without operations")]
    Empty,
    /// The head is another log's, or names another end.
    #[error("the head is not at the batch's end")]
    NotAtHead,
    /// Not signed by the log's device.
    #[error("the head's signature is not its author's")]
    Signature,
    /// What is packed in it does not read.
    #[error(transparent)]
    Unreadable(DecodeError),
}

/// A run of one log's operations, from after `previous` to the head, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The log.
    pub log: LogId,
    /// The place before the first operation.
    pub previous: Position,
    /// The operations, in sequence.
    pub blocks: Vec<Block>,
    /// The author's word for the last one.
    pub head: Head,
}

#[derive(Serialize, Deserialize)]
struct WireBatch {
    log: LogId,
    seq: u64,
    chain: Chain,
    #[serde(deserialize_with = "codec::at_most::<MAX_OPERATIONS, _, _>")]
    blocks: Vec<Block>,
    head: Head,
}

impl Batch {
    /// The longest encoding, and the most bytes of lines: those of one block of the longest kind.
    pub const MAX_LEN: usize = Block::MAX_LEN;

    /// Packs operations that come after `previous` and end at `head`.
    pub fn new(log: LogId, previous: Position, operations: &[Operation], head: Head) -> Self {
        Self { log, previous, blocks: Block::pack(operations), head }
    }

    /// How many operations it says it holds.
    pub fn count(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.operations)).sum()
    }

    /// How many bytes its lines are when unpacked.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.len as usize).sum()
    }

    /// Whether it says that it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Its bytes on the wire.
    pub fn encode(self) -> Vec<u8> {
        let Self { log, previous: Position { seq, chain }, blocks, head } = self;
        codec::encode(&WireBatch { log, seq, chain, blocks, head })
    }

    /// The batch that `bytes` are an encoding of. Nothing is unpacked yet, and nothing in it can unpack to more than
    /// [`Batch::MAX_LEN`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let what = "batch";
        if bytes.len() > Self::MAX_LEN {
            return Err(DecodeError::TooLong { what, len: bytes.len(), max: Self::MAX_LEN });
        }
        let (wire, rest) =
            postcard::take_from_bytes::<WireBatch>(bytes).map_err(|_| DecodeError::Malformed { what })?;
        let WireBatch { log, seq, chain, blocks, head } = wire;
        let batch = Self { log, previous: Position { seq, chain }, blocks, head };
        // A last sequence number that cannot be counted to is refused here, so that counting never overflows.
        let fits = batch.blocks.iter().all(Block::is_within_bounds)
            && batch.count() <= MAX_OPERATIONS as u64
            && batch.blocks.iter().map(|block| u64::from(block.len)).sum::<u64>() <= Self::MAX_LEN as u64;
        if !rest.is_empty() || seq > u64::MAX / 2 || !fits {
            return Err(DecodeError::Malformed { what });
        }
        Ok(batch)
    }

    /// Its operations; every change's checksum is checked, no signature is.
    pub fn operations(&self) -> Result<Vec<Operation>, DecodeError> {
        let blocks = self.blocks.iter().map(Block::operations).collect::<Result<Vec<_>, _>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// The entries of operations whose bodies are gone, and of those that erase.
    pub fn entries_without_bodies(&self) -> Result<BTreeSet<EntryId>, DecodeError> {
        let (mut unpacker, mut entries) = (Unpacker::default(), BTreeSet::new());
        for block in &self.blocks {
            for line in unpacker.lines(block)? {
                let line = line?;
                if line.body.is_err() || line.envelope.kind == OperationKind::Erase {
                    entries.insert(line.envelope.entry);
                }
            }
        }
        Ok(entries)
    }

    /// Unpacks every block once, checks every body's hash, and says where each operation stands. The bodies stay in
    /// their blocks.
    pub fn open(self) -> Result<OpenBatch, DecodeError> {
        let (mut placed, mut position) = (Vec::with_capacity(self.count() as usize), self.previous);
        let (mut unpacker, mut longest) = (Unpacker::default(), 0);
        for block in &self.blocks {
            for line in unpacker.lines(block)? {
                let line = line?;
                longest += line.longest();
                let (hash, dependencies) = match line.body {
                    Ok(bytes) if line.envelope.kind == OperationKind::Change => {
                        let header = ChangeHeader::parse(bytes)?;
                        (*header.hash.as_bytes(), header.dependencies)
                    }
                    Ok(bytes) => (Operation::hash_of(line.envelope.kind, bytes)?, Vec::new()),
                    Err(hash) => (hash, Vec::new()),
                };
                position = position.after_line(line.encoded, &hash);
                placed.push(Placed { position, envelope: line.envelope, hash, held: line.body.is_ok(), dependencies });
            }
        }
        // What an erase leaves of it must still be a batch: the next device may hold the certificate.
        if longest > Self::MAX_LEN {
            return Err(DecodeError::TooLong { what: "batch", len: longest, max: Self::MAX_LEN });
        }
        Ok(OpenBatch { batch: self, placed, signed: false })
    }

    /// The same of what came from outside: the author's signature over where the batch says that it ends is checked
    /// before anything is unpacked, and what was unpacked is held against it.
    pub fn open_signed(self) -> Result<OpenBatch, BatchError> {
        let (head, count) = (&self.head, self.count());
        if count == 0 {
            return Err(BatchError::Empty);
        }
        if head.log != self.log || self.previous.seq.checked_add(count) != Some(head.position.seq) {
            return Err(BatchError::NotAtHead);
        }
        if !head.verifies() {
            return Err(BatchError::Signature);
        }
        let open = OpenBatch { signed: true, ..self.open().map_err(BatchError::Unreadable)? };
        open.verify()?;
        Ok(open)
    }
}

/// An operation at its place, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its number, and the chain after it.
    pub position: Position,
    /// What stays of it.
    pub envelope: Envelope,
    /// The body's hash.
    pub hash: [u8; 32],
    /// Whether the body is held.
    pub held: bool,
    /// Of a change whose body is held: what it depends on.
    pub dependencies: Vec<ChangeHash>,
}

impl Placed {
    /// The same of an operation at hand.
    pub fn of(position: Position, operation: &Operation) -> Result<Self, DecodeError> {
        let held = operation.body.bytes();
        let dependencies = match held {
            Some(bytes) if operation.envelope.kind == OperationKind::Change => ChangeHeader::dependencies(bytes)?,
            _ => Vec::new(),
        };
        let envelope = operation.envelope.clone();
        Ok(Self { position, envelope, hash: operation.body.hash(), held: held.is_some(), dependencies })
    }
}

/// A batch that was looked through: its bytes as they came, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBatch {
    batch: Batch,
    placed: Vec<Placed>,
    /// Whether the head's signature was checked.
    signed: bool,
}

impl OpenBatch {
    /// The batch.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Its operations, in sequence.
    pub fn placed(&self) -> &[Placed] {
        &self.placed
    }

    /// How many bytes of memory it takes: its blocks as they came, and what was read of each operation.
    pub fn weight(&self) -> usize {
        let blocks = self.batch.blocks.iter().map(|block| size_of::<Block>() + block.bytes.len()).sum::<usize>();
        let of = |placed: &Placed| {
            let Envelope { brings, ends, .. } = &placed.envelope;
            size_of::<Placed>()
                + size_of::<BlobRef>() * brings.len()
                + size_of::<BlobId>() * ends.len()
                + size_of::<ChangeHash>() * placed.dependencies.len()
        };
        blocks + self.placed.iter().map(of).sum::<usize>()
    }

    /// Checks the whole up to the author's signature.
    ///
    /// Does not check whether the batch fits what is held, whether the author belongs, or whether a missing body is
    /// covered by a certificate: that takes a store.
    pub fn verify(&self) -> Result<(), BatchError> {
        let Some(last) = self.placed.last() else { return Err(BatchError::Empty) };
        let head = &self.batch.head;
        if head.log != self.batch.log || head.position != last.position {
            return Err(BatchError::NotAtHead);
        }
        if !self.signed && !head.verifies() {
            return Err(BatchError::Signature);
        }
        Ok(())
    }

    /// The same batch from operation `first` on. Packs again only the block that is cut.
    pub fn skip(mut self, first: usize) -> Result<Self, DecodeError> {
        let Some(cut) = first.checked_sub(1).map(|last| self.placed.get(last).map(|placed| placed.position)) else {
            return Ok(self);
        };
        let previous = cut.ok_or(DecodeError::Malformed { what: "batch" })?;
        let (mut packer, mut at) = (Packer::default(), 0);
        for block in std::mem::take(&mut self.batch.blocks) {
            let count = block.operations as usize;
            if at >= first {
                packer.push_block(block);
            } else if at + count > first {
                for line in Unpacker::default().lines(&block)?.skip(first - at) {
                    packer.push(line?.whole);
                }
            }
            at += count;
        }
        self.batch.blocks = packer.finish();
        self.batch.previous = previous;
        self.placed.drain(..first);
        Ok(self)
    }

    /// The same batch without the bodies of these entries. Packs again only blocks that hold one.
    pub fn without_bodies(mut self, erased: impl Fn(&EntryId) -> bool) -> Result<Self, DecodeError> {
        let mut from = 0;
        for block in &mut self.batch.blocks {
            let to = from + block.operations as usize;
            let mut placed = self.placed.get_mut(from..to).unwrap_or_default().iter_mut();
            if placed.any(|placed| placed.held && erased(&placed.envelope.entry)) {
                *block = without_bodies(block, &erased)?;
                for placed in &mut self.placed[from..to] {
                    if erased(&placed.envelope.entry) {
                        placed.held = false;
                        placed.dependencies.clear();
                    }
                }
            }
            from = to;
        }
        Ok(self)
    }

    /// The blocks, and what stands in them.
    pub fn into_parts(self) -> (Batch, Vec<Placed>) {
        (self.batch, self.placed)
    }
}

/// One block, the bodies of these entries replaced by their hashes. It may come out longer than others are filled to,
/// which a block may be, and never as two.
pub fn without_bodies(block: &Block, erased: impl Fn(&EntryId) -> bool) -> Result<Block, DecodeError> {
    let (mut unpacker, mut packer) = (Unpacker::default(), Packer::whole());
    for line in unpacker.lines(block)? {
        let line = line?;
        if line.body.is_ok() && erased(&line.envelope.entry) {
            packer.push(&super::block::line(&line.operation()?.without_body()));
        } else {
            packer.push(line.whole);
        }
    }
    packer.finish().pop().ok_or(DecodeError::Malformed { what: "block of a log" })
}
