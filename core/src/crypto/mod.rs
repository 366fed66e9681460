//! Device keys, sealing and hashing: every primitive that the rest of the crate uses, each with its notation and source.
//!
//! The rule that must never be broken: a key has one purpose, and its type says which.

mod blob;
mod derived;
mod hash;
mod keys;
mod phrase;
mod seal;

pub use blob::{BlobKey, Node, PartKey, join, node, part_overhead};
pub use derived::Derived;
pub use hash::{Domain, HashKey, Hasher};
pub use keys::{
    DeviceKey, RecoveryPublic, RecoverySigningKey, SIGNATURE_LEN, Signature, SignedDomain, verify_recovery,
};
pub use phrase::{RecoveryPhrase, WORDS, is_word, words_in};
pub use seal::{ChunkKey, OpenError, SealingKey, SealingPublic, Secret, chunk_overhead};
