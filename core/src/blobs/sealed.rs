//! One blob's file: where each part lies in it, and how it is sealed there.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

use super::tree::{CHUNK, Shape};
use crate::crypto::{HashKey, Node, PartKey, part_overhead};
use crate::files::{StoreError, StoreResult};
use crate::time::Entropy;

/// Sealed bytes that are put together before they are written.
const WRITE: usize = 1 << 20;
const OVERHEAD: u64 = part_overhead() as u64;

pub(super) fn failed(error: &io::Error) -> StoreError {
    StoreError::io("an attachment's file could not be read or written", error)
}

pub(super) fn damaged() -> StoreError {
    StoreError::Corrupt("an attachment's file is damaged or incomplete".to_owned())
}

/// One blob's file: what its parts are, how they are sealed, what they are bound to.
pub(super) struct Sealed {
    pub(super) shape: Shape,
    pub(super) key: PartKey,
    pub(super) attachment: HashKey,
    /// What stands for the length in a part's place; an import does not know it at first.
    pub(super) length: u64,
}

impl Sealed {
    fn place(&self, part: u64) -> Zeroizing<[u8; 48]> {
        let mut place = Zeroizing::new([0; 48]);
        place[..32].copy_from_slice(self.attachment.as_bytes());
        place[32..40].copy_from_slice(&part.to_le_bytes());
        place[40..].copy_from_slice(&self.length.to_le_bytes());
        place
    }

    pub(super) fn offset(&self, part: u64) -> u64 {
        self.shape.offset(part) + part * OVERHEAD
    }

    pub(super) fn file_len(&self) -> u64 {
        self.shape.bytes() + self.shape.parts() * OVERHEAD
    }

    pub(super) fn seal(
        &self,
        part: u64,
        bytes: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> StoreResult<()> {
        self.key
            .seal(&*self.place(part), bytes, entropy, out)
            .map_err(|_| StoreError::Internal("a part of an attachment could not be sealed".to_owned()))
    }

    /// One part, from where the file stands or from its place.
    pub(super) fn read(&self, file: &mut File, part: u64) -> StoreResult<Zeroizing<Vec<u8>>> {
        let length = self
            .shape
            .part_len(part)
            .ok_or_else(|| StoreError::Invalid("an attachment has no such part".to_owned()))?;
        file.seek(SeekFrom::Start(self.offset(part))).map_err(|error| failed(&error))?;
        self.read_next(file, part, length)
    }

    pub(super) fn read_next(&self, file: &mut File, part: u64, length: usize) -> StoreResult<Zeroizing<Vec<u8>>> {
        let mut sealed = vec![0; length + part_overhead()];
        match file.read_exact(&mut sealed) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(damaged()),
            other => other.map_err(|error| failed(&error))?,
        }
        self.key.open(&*self.place(part), sealed).map_err(|_| damaged())
    }

    /// Writes one part to its place.
    pub(super) fn write(&self, file: &mut File, part: u64, bytes: &[u8], entropy: &mut dyn Entropy) -> StoreResult<()> {
        let mut sealed = Vec::new();
        self.seal(part, bytes, entropy, &mut sealed)?;
        file.seek(SeekFrom::Start(self.offset(part)))
            .and_then(|_| file.write_all(&sealed))
            .map_err(|error| failed(&error))
    }
}

/// The nodes of an import as its chunks go by: at most one part of each level in memory.
#[derive(Default)]
pub(super) struct Nodes {
    levels: Vec<(u64, Vec<u8>)>,
}

impl Nodes {
    /// Adds the next node of a level; writes the part above when it is full.
    pub(super) fn push(
        &mut self,
        of: &Sealed,
        file: &mut File,
        level: usize,
        node: Node,
        entropy: &mut dyn Entropy,
    ) -> StoreResult<()> {
        if self.levels.len() <= level {
            self.levels.push((0, Vec::new()));
        }
        self.levels[level].1.extend_from_slice(&node);
        if self.levels[level].1.len() as u64 == CHUNK { self.write(of, file, level, entropy) } else { Ok(()) }
    }

    fn write(&mut self, of: &Sealed, file: &mut File, level: usize, entropy: &mut dyn Entropy) -> StoreResult<()> {
        let (count, nodes) = &mut self.levels[level];
        let (part, bytes) = (of.shape.first_of(level + 1) + *count, std::mem::take(nodes));
        *count += 1;
        of.write(file, part, &bytes, entropy)?;
        match of.shape.parent(part).and_then(|_| of.shape.node(&of.attachment, part, &bytes)) {
            Some(node) => self.push(of, file, level + 1, node, entropy),
            None => Ok(()),
        }
    }

    /// Writes the last part of every level.
    pub(super) fn finish(mut self, of: &Sealed, file: &mut File, entropy: &mut dyn Entropy) -> StoreResult<()> {
        let mut level = 0;
        while level < self.levels.len() {
            if !self.levels[level].1.is_empty() {
                self.write(of, file, level, entropy)?;
            }
            level += 1;
        }
        Ok(())
    }
}

/// Sealed parts that lie side by side, written at once.
#[derive(Default)]
pub(super) struct Run {
    begin: u64,
    bytes: Vec<u8>,
}

impl Run {
    /// Seals a part; what was put together before it is written first, where this one does not follow.
    pub(super) fn push(
        &mut self,
        of: &Sealed,
        file: &mut File,
        part: u64,
        bytes: &[u8],
        entropy: &mut dyn Entropy,
    ) -> StoreResult<()> {
        if self.begin + self.bytes.len() as u64 != of.offset(part) || self.bytes.len() >= WRITE {
            self.write(file)?;
            self.begin = of.offset(part);
        }
        of.seal(part, bytes, entropy, &mut self.bytes)
    }

    /// Writes what was put together.
    pub(super) fn write(&mut self, file: &mut File) -> StoreResult<()> {
        if !self.bytes.is_empty() {
            file.seek(SeekFrom::Start(self.begin))
                .and_then(|_| file.write_all(&self.bytes))
                .map_err(|error| failed(&error))?;
            self.begin += self.bytes.len() as u64;
            self.bytes.clear();
        }
        Ok(())
    }
}
