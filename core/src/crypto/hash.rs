//! BLAKE3 in its three modes, each use under a name of its own.
//!
//! `H_d(x)` below is BLAKE3's `derive_key` mode with context string `d`; `MAC_k(x)` is its keyed mode
//! (<https://github.com/BLAKE3-team/BLAKE3-specs>, section 2). Two uses never share a context.

use std::fmt;

use zeroize::ZeroizeOnDrop;

/// What a hash or derived key is for. The strings are part of the formats and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The hash over a log's operations.
    Chain,
    /// The hash of a record operation's body.
    Record,
    /// A membership statement's identifier.
    Statement,
    /// The hash over a set of statement identifiers.
    StatementSet,
    /// The hash over a set of erase certificates.
    CertificateSet,
    /// One erase certificate, for set comparison.
    Certificate,
    /// The key of the digest over documents and heads, from the journal secret.
    DigestKey,
    /// The key of the hash in `Hello`, from the journal secret.
    HelloKey,
    /// The discovery secret, from the journal secret.
    DiscoveryKey,
    /// The recovery phrase's Ed25519 seed.
    RecoverySign,
    /// The recovery phrase's X25519 seed.
    RecoverySeal,
    /// The key that seals a device's blobs at rest, from the database key.
    BlobKey,
    /// The key that seals one blob's file, from the former and the file's name.
    BlobFileKey,
    /// The name of a blob's file, from its entry and its own name.
    BlobFile,
    /// The value by which a vault knows the database key again.
    VaultCheck,
    /// The key under which a vault's contents are authenticated, from the database key.
    VaultTag,
    /// The checksum of a vault file: damage, told from a wrong passphrase.
    VaultFile,
    /// The key derived from pairing's short code.
    Pairing,
    /// The name under which a file of the inbox is taken in.
    Inbox,
}

impl Domain {
    fn context(self) -> &'static str {
        match self {
            Self::Chain => "afterword 2026 log chain v1",
            Self::Record => "afterword 2026 record body v1",
            Self::Statement => "afterword 2026 statement id v1",
            Self::StatementSet => "afterword 2026 statement set v1",
            Self::CertificateSet => "afterword 2026 certificate set v1",
            Self::Certificate => "afterword 2026 certificate v1",
            Self::DigestKey => "afterword 2026 digest key v1",
            Self::HelloKey => "afterword 2026 hello key v1",
            Self::DiscoveryKey => "afterword 2026 discovery key v1",
            Self::RecoverySign => "afterword 2026 recovery ed25519 v1",
            Self::RecoverySeal => "afterword 2026 recovery x25519 v1",
            Self::BlobKey => "afterword 2026 blob key v1",
            Self::BlobFileKey => "afterword 2026 blob file key v1",
            Self::BlobFile => "afterword 2026 blob file v1",
            Self::VaultCheck => "afterword 2026 vault check v1",
            Self::VaultTag => "afterword 2026 vault tag key v1",
            Self::VaultFile => "afterword 2026 vault file v1",
            Self::Pairing => "afterword 2026 pairing v1",
            Self::Inbox => "afterword 2026 inbox v1",
        }
    }
}

/// An incremental hash.
pub struct Hasher(blake3::Hasher);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(…)")
    }
}

impl Hasher {
    /// `H_domain(…)`.
    pub fn new(domain: Domain) -> Self {
        Self(blake3::Hasher::new_derive_key(domain.context()))
    }

    /// `MAC_key(…)`.
    pub fn keyed(key: &HashKey) -> Self {
        Self(blake3::Hasher::new_keyed(&key.0))
    }

    /// Appends bytes whose length is fixed or written before them.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The 32-byte result.
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    /// The result drawn out to as many bytes as `out` has.
    pub fn finish_into(&self, out: &mut [u8]) {
        self.0.finalize_xof().fill(out);
    }

    /// The result's first 16 bytes.
    pub fn finish16(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out.copy_from_slice(&self.finish()[..16]);
        out
    }
}

/// A secret key of one keyed-hash use. Never printed.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// The key that `domain` gives to `secret`: `H_domain(secret)`.
    pub fn derive(domain: Domain, secret: &[u8]) -> Self {
        Self(blake3::derive_key(domain.context(), secret))
    }

    /// A key from bytes that are already one (a blob's random key).
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for storing.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}
