//! A blob as parts: its bytes in chunks, and above them the hashes by which each chunk is known when it comes.
//!
//! BLAKE3 is a tree, so the name of a blob already says what each of its pieces must be, once the nodes between are
//! known. Those nodes are parts of the blob like its chunks are, numbered after them:
//!
//! ```text
//! level 2                        n+2                      the last part: its nodes join to the blob's name
//! level 1            n ───────────┴──────────── n+1        2,048 nodes of 32 bytes in a part
//! level 0   0  1  …  2047                 2048 …  n-1       chunks of 65,536 bytes
//! ```
//!
//! A part is taken only if it is what its parent says: a bad peer's chunk is found when it comes, by whichever of several
//! peers it came, and a blob whose parts are all here needs no reading again. Going on after any cut needs the bitmap
//! and nothing else: there is no state of a hasher to lose.

use crate::crypto::{HashKey, Hasher, Node, join, node};
use crate::id::BlobId;
use crate::log::MAX_BLOB;

/// Bytes of a blob in one part; the last of a level has the rest.
pub const CHUNK: u64 = 64 * 1024;
/// Nodes in one part above the chunks.
const FAN: u64 = CHUNK / 32;
/// 16 GiB are 2¹⁸ chunks, under 2⁷ parts, under one.
const LEVELS: usize = 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Level {
    /// The number of its first part.
    first: u64,
    parts: u64,
    bytes: u64,
}

/// The parts of a blob of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    length: u64,
    levels: [Level; LEVELS],
    depth: usize,
}

impl Shape {
    /// The parts of a blob of `length` bytes; `None` for one longer than there are.
    pub fn new(length: u64) -> Option<Self> {
        if length > MAX_BLOB {
            return None;
        }
        let mut shape = Self { length, levels: Default::default(), depth: 0 };
        let (mut first, mut bytes) = (0, length);
        for level in &mut shape.levels {
            *level = Level { first, parts: bytes.div_ceil(CHUNK), bytes };
            shape.depth += 1;
            if level.parts <= 1 {
                break;
            }
            first += level.parts;
            bytes = level.parts * 32;
        }
        Some(shape)
    }

    /// How many bytes the blob has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many of the parts are chunks: the numbers below this. An empty blob has none.
    pub fn chunks(&self) -> u64 {
        self.levels[0].parts
    }

    /// How many parts there are.
    pub fn parts(&self) -> u64 {
        let top = self.levels[self.depth - 1];
        top.first + top.parts
    }

    /// The number of the first part of a level; there may be none.
    pub(super) fn first_of(&self, level: usize) -> u64 {
        self.levels[..self.depth].get(level).map_or_else(|| self.parts(), |level| level.first)
    }

    fn level_of(&self, part: u64) -> Option<usize> {
        (0..self.depth).find(|level| {
            let level = self.levels[*level];
            (level.first..level.first + level.parts).contains(&part)
        })
    }

    /// How many bytes a part has; `None` where there is no such part.
    pub fn part_len(&self, part: u64) -> Option<usize> {
        let level = self.levels[self.level_of(part)?];
        Some((level.bytes - (part - level.first) * CHUNK).min(CHUNK) as usize)
    }

    /// Bytes of all parts before this one.
    pub fn offset(&self, part: u64) -> u64 {
        let Some(at) = self.level_of(part) else { return self.bytes() };
        let before: u64 = self.levels[..at].iter().map(|level| level.bytes).sum();
        before + (part - self.levels[at].first) * CHUNK
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.levels[..self.depth].iter().map(|level| level.bytes).sum()
    }

    /// The part that says what this one must be, and the place of its node there. `None` for the last part: that one the
    /// blob's name speaks of.
    pub fn parent(&self, part: u64) -> Option<(u64, usize)> {
        let level = self.level_of(part)?;
        let above = self.levels[..self.depth].get(level + 1)?;
        let at = part - self.levels[level].first;
        Some((above.first + at / FAN, (at % FAN) as usize))
    }

    /// The part that is sent at `position`: from the top down, so that none comes before its parent, then chunks.
    pub fn in_order(&self, position: u64) -> Option<u64> {
        let nodes = self.parts() - self.chunks();
        if position >= self.parts() {
            return None;
        }
        Some(if position < nodes { self.parts() - 1 - position } else { position - nodes })
    }

    /// The node of a part whose length is right and which is not the last: what its parent must say of it.
    pub fn node(&self, key: &HashKey, part: u64, bytes: &[u8]) -> Option<Node> {
        if part < self.chunks() { Some(node(key, part * CHUNK, bytes)) } else { join(key, &nodes(bytes), false) }
    }

    /// Whether `bytes` are this part of the blob of that name. `parent` gives the bytes of a part that was found right
    /// before; without it nothing can be said, which is `None`.
    pub fn is_part<'a>(
        &self,
        blob: &BlobId,
        key: &HashKey,
        part: u64,
        bytes: &[u8],
        parent: impl FnOnce(u64) -> Option<&'a [u8]>,
    ) -> Option<bool> {
        if self.part_len(part) != Some(bytes.len()) {
            return Some(false);
        }
        let Some((above, slot)) = self.parent(part) else {
            let whole = if part == 0 {
                Some(Hasher::keyed(key).update(bytes).finish())
            } else {
                join(key, &nodes(bytes), true)
            };
            return Some(whole == Some(*blob.as_bytes()));
        };
        let expected = parent(above)?.get(slot * 32..slot * 32 + 32)?;
        Some(self.node(key, part, bytes).is_some_and(|node| node == expected))
    }
}

fn nodes(bytes: &[u8]) -> Vec<Node> {
    bytes.as_chunks::<32>().0.to_vec()
}

/// Whether bit `index` is set: part `index` is here.
pub fn has(bitmap: &[u8], index: u64) -> bool {
    usize::try_from(index / 8).ok().and_then(|at| bitmap.get(at)).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}

/// Sets bit `index`, which is below [`Shape::parts`].
pub fn set(bitmap: &mut Vec<u8>, index: u64) {
    let byte = (index / 8) as usize;
    if bitmap.len() <= byte {
        bitmap.resize(byte + 1, 0);
    }
    bitmap[byte] |= 1 << (index % 8);
}

/// Every part of the blob that `bytes` are, in the order of their numbers: what a store in memory holds of it.
pub fn parts_of(key: &HashKey, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some(shape) = Shape::new(bytes.len() as u64) else { return Vec::new() };
    let mut parts: Vec<Vec<u8>> = bytes.chunks(CHUNK as usize).map(<[u8]>::to_vec).collect();
    for level in 1..shape.depth {
        let Level { first, parts: count, .. } = shape.levels[level - 1];
        let below: Vec<Node> =
            (first..first + count).filter_map(|part| shape.node(key, part, &parts[part as usize])).collect();
        parts.extend(below.concat().chunks(CHUNK as usize).map(<[u8]>::to_vec));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HashKey = HashKey::from_bytes([3; 32]);

    #[test]
    fn parts_are_numbered_sized_and_placed_without_gaps() {
        for (length, levels) in [
            (0, vec![0]),
            (1, vec![1]),
            (CHUNK, vec![1]),
            (CHUNK + 1, vec![2, 1]),
            (FAN * CHUNK, vec![2048, 1]),
            (FAN * CHUNK + 1, vec![2049, 2, 1]),
            (MAX_BLOB, vec![1 << 18, 128, 1]),
        ] {
            let shape = Shape::new(length).unwrap();
            assert_eq!(shape.levels[..shape.depth].iter().map(|level| level.parts).collect::<Vec<_>>(), levels);
            assert_eq!(shape.parts(), levels.iter().sum::<u64>(), "{length}");
            let mut end = 0;
            for part in 0..shape.parts() {
                assert_eq!(shape.offset(part), end);
                end += shape.part_len(part).unwrap() as u64;
                let parent = shape.parent(part);
                assert_eq!(parent.is_none(), part + 1 == shape.parts());
                assert!(parent.is_none_or(|(above, slot)| above > part && slot * 32 < shape.part_len(above).unwrap()));
            }
            assert_eq!((end, shape.part_len(shape.parts())), (shape.bytes(), None));
            let mut sent: Vec<u64> = (0..shape.parts()).map(|position| shape.in_order(position).unwrap()).collect();
            for (at, part) in sent.iter().enumerate() {
                let before = shape.parent(*part).is_none_or(|(above, _)| sent[..at.min(200)].contains(&above));
                assert!(before, "{part} comes before what it is known by");
            }
            sent.sort_unstable();
            assert!((0..shape.parts()).eq(sent) && shape.in_order(shape.parts()).is_none());
        }
        assert_eq!(Shape::new(MAX_BLOB + 1), None);
    }

    #[test]
    fn a_part_is_known_by_its_parent_and_the_last_by_the_name() {
        for length in [0, 1, 65_536, 65_537, 300_000, (FAN * CHUNK) as usize + 70_000] {
            let bytes: Vec<u8> = (0..length).map(|at| ((at * 7) >> 5) as u8).collect();
            let shape = Shape::new(length as u64).unwrap();
            let name = BlobId::from_bytes(Hasher::keyed(&KEY).update(&bytes).finish());
            let parts = parts_of(&KEY, &bytes);
            assert_eq!(parts.len() as u64, shape.parts());
            let of = |part: u64| parts.get(part as usize).map(Vec::as_slice);
            let step = if parts.len() > 100 { 97 } else { 1 };
            for part in (0..shape.parts()).step_by(step).chain(shape.chunks()..shape.parts()) {
                let bytes = of(part).unwrap();
                let is = |key: &HashKey, bytes: &[u8]| shape.is_part(&name, key, part, bytes, of);
                assert_eq!(is(&KEY, bytes), Some(true), "{length} {part}");
                let mut flipped = bytes.to_vec();
                flipped[bytes.len() / 2] ^= 1;
                assert_eq!(is(&KEY, &flipped), Some(false));
                assert_eq!(is(&KEY, &bytes[1..]), Some(false));
                assert_eq!(is(&HashKey::from_bytes([4; 32]), bytes), Some(false));
                let unknown = shape.is_part(&name, &KEY, part, bytes, |_| None);
                assert_eq!(unknown, if part + 1 == shape.parts() { Some(true) } else { None });
            }
        }
    }
}
