//! Attachments' bytes: sealed part by part at rest, and known by a BLAKE3 tree whose every node can be checked alone.
//!
//! - `SealPart_k(n, place, m)` = `nonce ‖ ct`, AES-256-GCM (NIST SP 800-38D) with a random 12-byte nonce and associated
//!   data `place`; `k` = `H_blob-file-key(s ‖ file)`, so a key seals one file's parts (at most some 2¹⁹ messages, and
//!   random nonces are good for 2³²). Never under the device's key itself.
//! - `Node_key(offset, bytes)` is the chaining value of BLAKE3's keyed mode (BLAKE3 paper, section 2.1) of a subtree that
//!   begins `offset` bytes in; `Join` is the value of the tree above such nodes. The join of all is `MAC_key` of the whole.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use blake3::hazmat::{self, HasherExt as _, Mode};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::hash::{Domain, HashKey};
use super::seal::OpenError;
use crate::time::{Entropy, random};

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// How many bytes longer a sealed part is than its plaintext.
pub const fn part_overhead() -> usize {
    NONCE_LEN + TAG_LEN
}

/// The key from which each blob's file gets its own, on this device.
#[derive(Clone, ZeroizeOnDrop)]
pub struct BlobKey([u8; 32]);

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobKey(…)")
    }
}

impl BlobKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that seals the parts of the file named `file`.
    pub fn of(&self, file: &[u8; 32]) -> Result<PartKey, OpenError> {
        let mut secret = Zeroizing::new([0; 64]);
        secret[..32].copy_from_slice(&self.0);
        secret[32..].copy_from_slice(file);
        let key = HashKey::derive(Domain::BlobFileKey, &*secret);
        UnboundKey::new(&AES_256_GCM, key.as_bytes()).map(|key| PartKey(LessSafeKey::new(key))).map_err(|_| OpenError)
    }
}

/// Seals the parts of one file.
pub struct PartKey(LessSafeKey);

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartKey(…)")
    }
}

impl PartKey {
    /// Appends `SealPart_self(nonce, place, part)` to `out`.
    pub fn seal(
        &self,
        place: &[u8],
        part: &[u8],
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        out.reserve(part.len() + part_overhead());
        out.extend_from_slice(&nonce);
        let begin = out.len();
        out.extend_from_slice(part);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut out[begin..])
            .map_err(|_| OpenError)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens what [`PartKey::seal`] made for the same place, in the memory that it is in.
    pub fn open(&self, place: &[u8], sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut sealed = Zeroizing::new(sealed);
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or(OpenError)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(place), rest).map_err(|_| OpenError)?.len();
        sealed.copy_within(NONCE_LEN..NONCE_LEN + length, 0);
        sealed.truncate(length);
        Ok(sealed)
    }
}

/// A node of a blob's tree.
pub type Node = [u8; 32];

/// `Node_key(offset, bytes)`: of a piece of a longer blob. `offset` is a multiple of the longest piece, a power of two.
pub fn node(key: &HashKey, offset: u64, bytes: &[u8]) -> Node {
    blake3::Hasher::new_keyed(key.as_bytes()).set_input_offset(offset).update(bytes).finalize_non_root()
}

/// `Join_key(nodes)`: the node above these, which lie side by side; a single one is its own. `root`: they are the whole,
/// and the result is `MAC_key` of the blob. `None` for no nodes at all, and for a root above fewer than two.
pub fn join(key: &HashKey, nodes: &[Node], root: bool) -> Option<Node> {
    let mode = Mode::KeyedHash(key.as_bytes());
    match nodes {
        [] => None,
        [one] => (!root).then_some(*one),
        _ => {
            // BLAKE3, section 2.1: the left subtree is the largest power of two that leaves something on the right.
            let middle = nodes.len().next_power_of_two() / 2;
            let (left, right) = (join(key, &nodes[..middle], false)?, join(key, &nodes[middle..], false)?);
            Some(if root {
                *hazmat::merge_subtrees_root(&left, &right, mode).as_bytes()
            } else {
                hazmat::merge_subtrees_non_root(&left, &right, mode)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Derived, Hasher};

    #[test]
    fn a_sealed_part_opens_only_under_its_file_and_place() {
        let mut entropy = Derived::from_key(HashKey::from_bytes([1; 32]));
        let key = BlobKey::from_bytes([7; 32]).of(&[1; 32]).unwrap();
        let mut sealed = b"before".to_vec();
        key.seal(b"1", b"photo", &mut entropy, &mut sealed).unwrap();
        assert_eq!(sealed.len(), 6 + 5 + part_overhead());
        let opened = |key: &PartKey, place: &[u8], bytes: &[u8]| key.open(place, bytes.to_vec()).map(|m| m.to_vec());
        assert_eq!(opened(&key, b"1", &sealed[6..]), Ok(b"photo".to_vec()));
        assert_eq!(opened(&key, b"2", &sealed[6..]), Err(OpenError));
        assert_eq!(opened(&key, b"1", &sealed[7..]), Err(OpenError));
        assert_eq!(opened(&key, b"1", &sealed[6..16]), Err(OpenError));
        for other in [BlobKey::from_bytes([7; 32]).of(&[2; 32]), BlobKey::from_bytes([8; 32]).of(&[1; 32])] {
            assert_eq!(opened(&other.unwrap(), b"1", &sealed[6..]), Err(OpenError));
        }
    }

    #[test]
    fn nodes_join_to_the_hash_of_the_whole() {
        const PIECE: usize = 4096;
        let key = HashKey::from_bytes([3; 32]);
        for length in [PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 5 * PIECE, 7 * PIECE + 9, 8 * PIECE, 13 * PIECE + 1023] {
            let bytes: Vec<u8> = (0..length).map(|at| ((at * 31) >> 3) as u8).collect();
            let nodes: Vec<Node> =
                (0..).zip(bytes.chunks(PIECE)).map(|(i, b)| node(&key, i * PIECE as u64, b)).collect();
            let whole = Hasher::keyed(&key).update(&bytes).finish();
            assert_eq!(join(&key, &nodes, true), Some(whole));
            // By way of a level in between, of four each.
            let above: Vec<Node> = nodes.chunks(4).filter_map(|four| join(&key, four, false)).collect();
            assert!(above.len() < 2 || join(&key, &above, true) == Some(whole), "{length}");
            assert_ne!(join(&HashKey::from_bytes([4; 32]), &nodes, true), Some(whole));
        }
        assert_eq!((join(&key, &[], false), join(&key, &[[1; 32]], true)), (None, None));
    }
}
