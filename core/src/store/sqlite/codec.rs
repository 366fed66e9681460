//! Codecs between our numbers and keys and what SQLite's columns hold.

use super::schema::SEQ_BITS;
use crate::error::{Error, Result};
use crate::id::ChangeHash;

/// A count as SQLite holds it. None of ours comes near the end of either.
pub(super) fn to_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count that SQLite held.
pub(super) fn to_u64(n: i64) -> u64 {
    n.max(0).unsigned_abs()
}

/// The sequence number in an operation's key.
pub(super) fn seq_of(key: i64) -> u64 {
    (key & ((1 << SEQ_BITS) - 1)).unsigned_abs()
}

/// The first eight bytes of a hash, for the index.
pub(super) fn index_key(hash: &[u8; 32]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_le_bytes(first)
}

/// The hashes in a column of heads, one behind the other.
pub(super) fn split_heads(heads: &[u8]) -> Result<Vec<ChangeHash>> {
    let (hashes, []) = heads.as_chunks::<32>() else {
        return Err(Error::corrupt("a document's heads do not read"));
    };
    Ok(hashes.iter().map(|hash| ChangeHash::from_bytes(*hash)).collect())
}
