//! The header of an uncompressed Automerge change chunk, read without opening a document.
//!
//! Layout: <https://automerge.org/automerge-binary-format-spec/>, sections "Chunk container" and "Change chunk":
//! `magic(4) checksum(4) type(1) length(uLEB) contents`, contents beginning with `count(uLEB) dependencies(32 each)
//! actor(uLEB length, bytes) sequence(uLEB) …`. The hash is SHA-256 over type, length and contents; the checksum its
//! first four bytes. A *compressed* change (type 2) is refused before anything in it is read: one of a megabyte
//! inflated to three gigabytes.

use sha2::{Digest, Sha256};

use super::codec::DecodeError;
use crate::document::{MAX_CHANGE, MAX_DEPENDENCIES};
use crate::id::ChangeHash;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE: u8 = 1;

/// What the log needs to know of a change: its hash and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// SHA-256 as Automerge defines it.
    pub hash: ChangeHash,
    /// The changes it was made on top of.
    pub dependencies: Vec<ChangeHash>,
    /// Its actor's bytes.
    pub actor: Vec<u8>,
    /// Its number among its actor's changes.
    pub seq: u64,
}

impl ChangeHeader {
    /// Reads the header and checks the checksum of exactly one uncompressed change chunk.
    pub fn parse(chunk: &[u8]) -> Result<Self, DecodeError> {
        let what = "change";
        if chunk.len() > MAX_CHANGE {
            return Err(DecodeError::TooLong { what, len: chunk.len(), max: MAX_CHANGE });
        }
        Self::read(chunk).ok_or(DecodeError::Malformed { what })
    }

    /// What a chunk depends on, without hashing it: for one whose checksum was checked before.
    pub fn dependencies(chunk: &[u8]) -> Result<Vec<ChangeHash>, DecodeError> {
        let read = || dependencies(&mut contents(chunk)?.2);
        read().ok_or(DecodeError::Malformed { what: "change" })
    }

    fn read(chunk: &[u8]) -> Option<Self> {
        let (checksum, hashed, mut rest) = contents(chunk)?;
        let hash: [u8; 32] = Sha256::digest(hashed).into();
        if hash[..4] != *checksum {
            return None;
        }
        let dependencies = dependencies(&mut rest)?;
        let length = usize::try_from(leb(&mut rest)?).ok()?;
        let actor = take(&mut rest, length)?.to_vec();
        let seq = leb(&mut rest)?;
        Some(Self { hash: ChangeHash::from_bytes(hash), dependencies, actor, seq })
    }
}

/// The checksum, what it is over, and the contents.
fn contents(chunk: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (checksum, hashed) = chunk.strip_prefix(&MAGIC)?.split_at_checked(4)?;
    let mut rest = hashed;
    if take(&mut rest, 1)? != [CHANGE] || leb(&mut rest)? != rest.len() as u64 {
        return None;
    }
    Some((checksum, hashed, rest))
}

fn dependencies(rest: &mut &[u8]) -> Option<Vec<ChangeHash>> {
    let count = leb(rest)?;
    if count > MAX_DEPENDENCIES {
        return None;
    }
    (0..count).map(|_| ChangeHash::from_slice(take(rest, 32)?)).collect()
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(n)?;
    *rest = tail;
    Some(head)
}

/// Unsigned LEB128.
fn leb(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use automerge::transaction::Transactable;
    use automerge::{AutoCommit, ROOT};

    use super::*;

    fn two_changes() -> (AutoCommit, Vec<Vec<u8>>) {
        let mut doc = AutoCommit::new();
        doc.put(ROOT, "a", 1).unwrap();
        doc.commit();
        doc.put(ROOT, "b", "x".repeat(4000)).unwrap();
        doc.commit();
        let chunks = doc.get_changes(&[]).into_iter().map(|c| c.raw_bytes().to_vec()).collect();
        (doc, chunks)
    }

    #[test]
    fn headers_agree_with_automerge() {
        let (mut doc, chunks) = two_changes();
        let changes = doc.get_changes(&[]);
        for (chunk, change) in chunks.iter().zip(&changes) {
            let header = ChangeHeader::parse(chunk).unwrap();
            assert_eq!(header.hash.as_bytes(), &change.hash().0);
            assert_eq!(
                header.dependencies.iter().map(|d| *d.as_bytes()).collect::<Vec<_>>(),
                change.deps().iter().map(|d| d.0).collect::<Vec<_>>()
            );
            assert_eq!(header.actor, change.actor_id().to_bytes());
            assert_eq!(header.seq, change.seq());
        }
    }

    /// Trap (l): a compressed change of a megabyte inflated to three gigabytes. It is refused by its type byte.
    #[test]
    fn trap_l_a_compressed_change_is_refused_before_it_is_read() {
        let (mut doc, _) = two_changes();
        let compressed = doc.get_changes(&[])[1].clone().bytes().to_vec();
        assert_eq!(compressed[8], 2, "automerge compresses a change of this size");
        assert!(ChangeHeader::parse(&compressed).is_err());
    }

    #[test]
    fn damage_is_an_error() {
        let (_, chunks) = two_changes();
        for at in 0..chunks[0].len() {
            let mut bad = chunks[0].clone();
            bad[at] ^= 0x10;
            assert!(ChangeHeader::parse(&bad).is_err(), "byte {at}");
            assert!(ChangeHeader::parse(&chunks[0][..at]).is_err(), "cut at {at}");
        }
    }
}
