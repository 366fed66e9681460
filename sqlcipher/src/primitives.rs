//! HMAC, PBKDF2, AES-256-CBC and randomness on slices, as SQLCipher asks for them. Nothing unsafe, nothing kept.
//!
//! - `HMAC(k, m)` is RFC 2104, over SHA-1, SHA-256 or SHA-512;
//! - `PBKDF2(p, s, c, n)` is RFC 8018, over the same;
//! - AES-256-CBC is NIST SP 800-38A without padding: a page is a whole number of blocks.
//!
//! Every key is expanded anew for each page, in memory that AWS-LC wipes. Kept expanded with a connection it would take
//! about a tenth off a page's time, and stand in memory, unmasked, for as long as the connection is open.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2, rand};

/// Bytes of a key of AES-256; SQLCipher makes keys of HMAC as long.
pub(crate) const KEY: usize = 32;
/// Bytes of an initialization vector, and of a block.
pub(crate) const BLOCK: usize = 16;

/// What was asked for can't be done: an argument out of range, or no randomness. SQLCipher has one code for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// The hash under HMAC and PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    /// What SQLCipher 3 and older wrote.
    Sha1,
    Sha256,
    Sha512,
}

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    /// Returns how many bytes a tag has.
    pub(crate) const fn tag_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Returns `HMAC(key, first ‖ second)`.
pub(crate) fn hmac(hash: Hash, key: &[u8], first: &[u8], second: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hash.hmac(), key));
    context.update(first);
    context.update(second);
    context.sign()
}

/// Fills `key` with `PBKDF2(password, salt, rounds)`. `Err` where no round was asked for.
pub(crate) fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) -> Result<(), Refused> {
    let rounds = NonZeroU32::new(rounds).ok_or(Refused)?;
    pbkdf2::derive(hash.pbkdf2(), rounds, salt, password, key);
    Ok(())
}

/// Encrypts or decrypts `page` where it lies. `Err` where it is no whole number of blocks.
pub(crate) fn aes_256_cbc(
    direction: Direction,
    key: &[u8; KEY],
    iv: [u8; BLOCK],
    page: &mut [u8],
) -> Result<(), Refused> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| Refused)?;
    let iv = FixedLength::from(iv);
    match direction {
        // SQLCipher draws a new vector for each page that it writes.
        Direction::Encrypt => EncryptingKey::cbc(key)
            .and_then(|key| key.less_safe_encrypt(page, EncryptionContext::Iv128(iv)))
            .map(|_| ()),
        Direction::Decrypt => {
            DecryptingKey::cbc(key).and_then(|key| key.decrypt(page, DecryptionContext::Iv128(iv)).map(|_| ()))
        }
    }
    .map_err(|_| Refused)
}

/// Fills `bytes` with randomness of the operating system's seeding.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), Refused> {
    rand::fill(bytes).map_err(|_| Refused)
}

#[cfg(test)]
#[path = "vectors.rs"]
mod vectors;
