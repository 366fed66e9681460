//! Blocks: short runs of operations as they lie in the store and cross the wire, each unpacked by itself.
//!
//! ```text
//! block = operations (varint) ‖ length when unpacked (varint) ‖ bytes
//! bytes = lines as they are, where they are as long as that; else one zstd frame that gives exactly so many
//! line  = envelope ‖ 00 ‖ length (varint) ‖ body
//!       | envelope ‖ 01 ‖ body hash (32)
//! ```
//!
//! A block is short enough that reading one operation out of a long log unpacks little, and long enough that entries
//! help to compress each other. What was packed once is stored, sent and stored again as the same bytes: the chain
//! runs over envelopes and hashes, so nobody needs to agree on a compressor.

use serde::{Deserialize, Serialize};

use super::codec::{self, DecodeError};
use super::{Body, Envelope, MAX_CHANGE, Operation};

/// How many bytes of lines a block is filled to, unless a single line is longer.
///
/// Measured on made-up entries of 500 words: as this, blocks come to two or three pages nearly full. Blocks of 32 KiB
/// take a fourth more pages, of 64 KiB as many; and an entry whose changes lie scattered reads and unpacks one for each:
/// a hundred of 64 KiB took longer than a frame.
pub const BLOCK: usize = 48 << 10;
/// More than this is not kept between two blocks: a single long line is rare.
const KEEP: usize = 1 << 20;
/// Shorter blocks are left as they are: a frame's own bytes eat up what is won.
const WORTH_PACKING: usize = 256;
/// What is packed once is kept, sent and kept again: a twentieth less than at level 3 for nearly twice the time, once.
const LEVEL: i32 = 5;
/// A writer waits for an erase, which packs every block again that holds something of the entry.
const LEVEL_AGAIN: i32 = 3;
const HELD: u8 = 0;
const DROPPED: u8 = 1;

/// A run of operations, packed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// How many operations it holds.
    pub operations: u32,
    /// How many bytes their lines are when unpacked.
    pub len: u32,
    /// The lines, or a zstd frame of them: whichever is shorter.
    #[serde(with = "codec::bytes")]
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} operations, {} of {} bytes)", self.operations, self.bytes.len(), self.len)
    }
}

impl Block {
    /// The most bytes of lines of a block: one operation of the longest kind, behind what a fork may have left of
    /// another commit.
    pub const MAX_LEN: usize = MAX_CHANGE + (4 << 20);

    /// Packs operations into as many blocks as they need.
    pub fn pack<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> Vec<Self> {
        let mut packer = Packer::default();
        for operation in operations {
            packer.push(&line(operation));
        }
        packer.finish()
    }

    /// Whether its numbers are such as a block may have: looked at before anything is unpacked.
    pub(super) fn is_within_bounds(&self) -> bool {
        let len = self.len as usize;
        self.operations > 0 && self.operations <= self.len && len <= Self::MAX_LEN && self.bytes.len() <= len
    }

    /// Its operations; every change's checksum is checked.
    pub fn operations(&self) -> Result<Vec<Operation>, DecodeError> {
        let mut unpacker = Unpacker::default();
        unpacker.lines(self)?.map(|line| line?.operation()).collect()
    }
}

/// The line of an operation.
pub fn line(operation: &Operation) -> Vec<u8> {
    let mut out = operation.envelope.encode();
    match &operation.body {
        Body::Held { bytes, .. } => {
            out.reserve_exact(bytes.len() + 6);
            out.push(HELD);
            let mut len = bytes.len();
            while len >= 0x80 {
                out.push((len & 0x7f) as u8 | 0x80);
                len >>= 7;
            }
            out.push(len as u8);
            out.extend_from_slice(bytes);
        }
        Body::Dropped { hash } => {
            out.push(DROPPED);
            out.extend_from_slice(hash);
        }
    }
    out
}

/// One operation as it stands in a block. Nothing of its body is checked yet.
#[derive(Debug)]
pub struct Line<'a> {
    /// What stays.
    pub envelope: Envelope,
    /// The envelope's one encoding.
    pub encoded: &'a [u8],
    /// The body, or its hash where it is gone.
    pub body: Result<&'a [u8], [u8; 32]>,
    /// All of the line.
    pub whole: &'a [u8],
}

/// Bytes of a line whose body is gone, beside its envelope.
const DROPPED_LEN: usize = 1 + 32;

impl<'a> Line<'a> {
    /// Takes the first line off `rest`. Refuses an envelope that is not its one encoding.
    fn take(rest: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let malformed = || DecodeError::Malformed { what: "line of a log" };
        let whole = *rest;
        let (envelope, after) = Envelope::take(whole)?;
        let encoded = &whole[..whole.len() - after.len()];
        let (&tag, mut after) = after.split_first().ok_or_else(malformed)?;
        let body = match tag {
            HELD => {
                let (len, behind) = postcard::take_from_bytes::<u32>(after).map_err(|_| malformed())?;
                let (body, behind) = behind.split_at_checked(len as usize).ok_or_else(malformed)?;
                after = behind;
                Ok(body)
            }
            DROPPED => {
                let (hash, behind) = after.split_first_chunk().ok_or_else(malformed)?;
                after = behind;
                Err(*hash)
            }
            _ => return Err(malformed()),
        };
        *rest = after;
        Ok(Self { envelope, encoded, body, whole: &whole[..whole.len() - after.len()] })
    }

    /// The one line that `bytes` are.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let line = Self::take(&mut rest)?;
        if rest.is_empty() { Ok(line) } else { Err(DecodeError::Malformed { what: "line of a log" }) }
    }

    /// How long it is, or would be without its body, whichever is more: an erase makes no block longer than this says.
    pub(super) fn longest(&self) -> usize {
        self.whole.len().max(self.encoded.len() + DROPPED_LEN)
    }

    /// The body's hash; of a held body made anew, so that it is checked.
    pub fn hash(&self) -> Result<[u8; 32], DecodeError> {
        match self.body {
            Ok(bytes) => Operation::hash_of(self.envelope.kind, bytes),
            Err(hash) => Ok(hash),
        }
    }

    /// The operation, its body checked against its kind.
    pub fn operation(self) -> Result<Operation, DecodeError> {
        match self.body {
            Ok(bytes) => Operation::new(self.envelope, bytes.to_vec()),
            Err(hash) => Ok(Operation::dropped(self.envelope, hash)),
        }
    }
}

/// Fills blocks with lines; keeps zstd's working memory from one to the next.
#[derive(Default)]
pub struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    raw: Vec<u8>,
    operations: u32,
    done: Vec<Block>,
    /// Whether everything becomes one block.
    whole: bool,
}

impl Packer {
    /// For the lines of one block, which stay one.
    pub(super) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds a line.
    pub fn push(&mut self, line: &[u8]) {
        if self.operations > 0 && !self.whole && self.raw.len() + line.len() > BLOCK {
            self.close();
        }
        self.raw.extend_from_slice(line);
        self.operations += 1;
    }

    /// Adds a block as it is, behind what was pushed.
    pub fn push_block(&mut self, block: Block) {
        self.close();
        self.done.push(block);
    }

    /// Everything pushed since the last call.
    pub fn finish(&mut self) -> Vec<Block> {
        self.close();
        std::mem::take(&mut self.done)
    }

    fn close(&mut self) {
        let operations = std::mem::take(&mut self.operations);
        if operations == 0 {
            return;
        }
        let len = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        let squeezed = (self.raw.len() >= WORTH_PACKING).then(|| self.squeeze()).flatten();
        let bytes = squeezed.filter(|bytes| bytes.len() < self.raw.len()).unwrap_or_else(|| self.raw.clone());
        self.raw.clear();
        self.done.push(Block { operations, len, bytes });
    }

    /// None where zstd has no memory: then the lines stay as they are.
    fn squeeze(&mut self) -> Option<Vec<u8>> {
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::new(if self.whole { LEVEL_AGAIN } else { LEVEL }).ok();
        }
        self.compressor.as_mut()?.compress(&self.raw).ok()
    }
}

/// Reads blocks, one after the other, into the same memory.
#[derive(Default)]
pub struct Unpacker {
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    raw: Vec<u8>,
}

impl Unpacker {
    /// The lines of a block.
    pub fn lines<'a>(&'a mut self, block: &Block) -> Result<Lines<'a>, DecodeError> {
        Ok(Lines { left: block.operations, rest: self.unpack(block)? })
    }

    /// The bytes of a block's lines: as many as its length says, or an error.
    pub fn unpack(&mut self, block: &Block) -> Result<&[u8], DecodeError> {
        let malformed = DecodeError::Malformed { what: "block of a log" };
        let len = block.len as usize;
        if !block.is_within_bounds() {
            return Err(malformed);
        }
        self.raw.clear();
        if self.raw.capacity() > KEEP {
            self.raw = Vec::new();
        }
        if block.bytes.len() == len {
            self.raw.extend_from_slice(&block.bytes);
        } else {
            let decompressor = match &mut self.decompressor {
                Some(decompressor) => decompressor,
                none => none.insert(zstd::bulk::Decompressor::new().map_err(|_| malformed.clone())?),
            };
            self.raw.reserve_exact(len);
            // Never more than the capacity asked for: what would unfold further is an error.
            decompressor.decompress_to_buffer(&block.bytes, &mut self.raw).map_err(|_| malformed.clone())?;
        }
        if self.raw.len() != len {
            return Err(malformed);
        }
        Ok(&self.raw)
    }
}

/// The lines of a block.
#[derive(Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Lines<'a> {
    /// The lines that `bytes` are, as [`Unpacker::unpack`] gave them.
    pub fn of(bytes: &'a [u8], operations: u32) -> Self {
        Self { rest: bytes, left: operations }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.left, self.rest.is_empty()) {
            (0, true) => None,
            // More or fewer lines than were announced; said once.
            (0, false) | (_, true) => {
                (self.left, self.rest) = (0, &[]);
                Some(Err(DecodeError::Malformed { what: "block of a log" }))
            }
            _ => {
                self.left -= 1;
                let line = Line::take(&mut self.rest);
                if line.is_err() {
                    (self.left, self.rest) = (0, &[]);
                }
                Some(line)
            }
        }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packer({} blocks, {} operations)", self.done.len(), self.operations)
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpacker")
    }
}
