//! A stream of random bytes from one random key, for what outlives the borrow of the caller's randomness.
//!
//! Block i is `MAC_k(i)`, k of 32 bytes from the caller's [`Entropy`], i of 8 bytes, big-endian, from 1.

use super::hash::{HashKey, Hasher};
use crate::time::{Entropy, random};

/// Randomness of its own, made from somebody else's.
#[derive(Debug, Clone)]
pub struct Derived {
    key: HashKey,
    count: u64,
}

impl Derived {
    /// A stream that nobody can foretell.
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        Self::from_key(HashKey::from_bytes(random(entropy)))
    }

    /// The stream of this key: the same bytes every time.
    pub fn from_key(key: HashKey) -> Self {
        Self { key, count: 0 }
    }
}

impl Entropy for Derived {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.count += 1;
            let block = Hasher::keyed(&self.key).update(&self.count.to_be_bytes()).finish();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}
