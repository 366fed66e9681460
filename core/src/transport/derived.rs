//! A stream of random bytes from one random key, for what outlives the borrow of the caller's randomness.
//!
//! Block i is `MAC_k(i)`, k of 32 bytes from the caller's [`Entropy`], i of 8 bytes, big-endian, from 1.

use crate::crypto::{HashKey, Hasher};
use crate::time::{Entropy, random};

/// Randomness of its own, made from somebody else's.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    key: HashKey,
    count: u64,
}

impl Derived {
    pub(super) fn new(entropy: &mut dyn Entropy) -> Self {
        Self { key: HashKey::from_bytes(random(entropy)), count: 0 }
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
