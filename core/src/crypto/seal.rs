//! Sealing: to another's public key (HPKE), and chunk by chunk at rest (XChaCha20-Poly1305).
//!
//! - `Seal_pk(info, m)` = `enc ‖ ct`, HPKE base mode, RFC 9180, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//!   ChaCha20-Poly1305, empty associated data. `info` names the purpose.
//! - `SealChunk_k(n, ad, m)` = `nonce ‖ ct`, XChaCha20-Poly1305 with a random 24-byte nonce
//!   (draft-irtf-cfrg-xchacha-03), associated data `ad`. Moving a chunk to another place or blob makes it unreadable.

use std::convert::Infallible;
use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, X25519HkdfSha256};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::time::{Entropy, random};

/// 32 secret bytes whose purpose the holder's type or name tells: the database key, the journal secret.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A fresh secret.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// The secret with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Sealed bytes that this key does not open, or that were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open with this key")]
pub struct OpenError;

/// Adapts our injected randomness to the trait that HPKE asks for.
struct Rng<'a>(&'a mut dyn Entropy);

impl rand_core::TryRng for Rng<'_> {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(random(self.0)))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(random(self.0)))
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng<'_> {}

/// An X25519 public key that things are sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealingPublic(pub [u8; 32]);

impl SealingPublic {
    /// `Seal_self(info, message)`: 32 bytes of encapsulated key, then the ciphertext with its tag.
    pub fn seal(&self, info: &[u8], message: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, OpenError> {
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0).map_err(|_| OpenError)?;
        let (encapped, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            info,
            message,
            &[],
            &mut Rng(entropy),
        )
        .map_err(|_| OpenError)?;
        let mut out = encapped.to_bytes().to_vec();
        out.extend_from_slice(&sealed);
        Ok(out)
    }
}

/// An X25519 key pair that opens what was sealed to it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SealingKey {
    seed: [u8; 32],
}

impl SealingKey {
    /// A new key pair.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self { seed: random(entropy) }
    }

    /// The key pair stored as `seed` (HPKE's `DeriveKeyPair` input).
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed }
    }

    /// What to store.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.seed)
    }

    /// The public half.
    pub fn public(&self) -> SealingPublic {
        let (_, public) = X25519HkdfSha256::derive_keypair(&self.seed);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&public.to_bytes());
        SealingPublic(bytes)
    }

    /// Opens what [`SealingPublic::seal`] made for the same `info`.
    pub fn open(&self, info: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (encapped, ciphertext) = sealed.split_at_checked(32).ok_or(OpenError)?;
        let (private, _) = X25519HkdfSha256::derive_keypair(&self.seed);
        let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).map_err(|_| OpenError)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &encapped,
            info,
            ciphertext,
            &[],
        )
        .map(Zeroizing::new)
        .map_err(|_| OpenError)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// How many bytes longer a sealed chunk is than its plaintext.
pub const fn chunk_overhead() -> usize {
    NONCE_LEN + TAG_LEN
}

/// A key that seals chunks at rest on this device.
#[derive(Clone, ZeroizeOnDrop)]
pub struct ChunkKey([u8; 32]);

impl ChunkKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// `SealChunk_self(nonce, place, chunk)`. `place` says which chunk of what this is.
    pub fn seal(&self, place: &[u8], chunk: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, OpenError> {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let sealed = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: chunk, aad: place })
            .map_err(|_| OpenError)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`ChunkKey::seal`] made for the same place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(OpenError)?;
        let mut fixed = [0; NONCE_LEN];
        fixed.copy_from_slice(nonce);
        XChaCha20Poly1305::new(&self.0.into())
            .decrypt(&XNonce::from(fixed), Payload { msg: ciphertext, aad: place })
            .map(Zeroizing::new)
            .map_err(|_| OpenError)
    }
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Counting(u8);
    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(5).wrapping_add(17);
                *byte = self.0;
            }
        }
    }

    #[test]
    fn sealed_bytes_open_only_with_their_key_purpose_and_place() {
        let mut entropy = Counting(1);
        let (ours, theirs) = (SealingKey::generate(&mut entropy), SealingKey::generate(&mut entropy));
        let sealed = ours.public().seal(b"a", b"the key", &mut entropy).unwrap();
        assert_eq!(ours.open(b"a", &sealed).unwrap().as_slice(), b"the key");
        assert_eq!(theirs.open(b"a", &sealed), Err(OpenError));
        assert_eq!(ours.open(b"b", &sealed), Err(OpenError));
        assert_eq!(ours.open(b"a", &sealed[..40]), Err(OpenError));

        let key = ChunkKey::from_bytes([7; 32]);
        let chunk = key.seal(b"1", b"photo", &mut entropy).unwrap();
        assert_eq!(chunk.len(), 5 + chunk_overhead());
        assert_eq!(key.open(b"1", &chunk).unwrap().as_slice(), b"photo");
        assert_eq!(key.open(b"2", &chunk), Err(OpenError));
    }
}
