//! Ed25519 signing keys of devices and of the recovery phrase.
//!
//! `Sign_sk(domain ‖ 0x00 ‖ message)`, RFC 8032; verified strictly (no small-order keys, canonical encodings only), so
//! that every device agrees on every signature.

use std::fmt;

use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::id::DeviceId;
use crate::time::{Entropy, random};

/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// What a signature is about. The strings are part of the formats and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedDomain {
    /// A log's head.
    Head,
    /// An erase certificate.
    Certificate,
    /// A membership statement, by its author.
    Statement,
    /// A newcomer's consent to being added.
    Consent,
}

impl SignedDomain {
    fn message(self, message: &[u8]) -> Vec<u8> {
        let prefix: &[u8] = match self {
            Self::Head => b"afterword head v1\0",
            Self::Certificate => b"afterword erase certificate v1\0",
            Self::Statement => b"afterword statement v1\0",
            Self::Consent => b"afterword newcomer's consent v1\0",
        };
        [prefix, message].concat()
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature(pub [u8; SIGNATURE_LEN]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (a, b): ([u8; 32], [u8; 32]) = self.halves();
        (a, b).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (a, b) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..32].copy_from_slice(&a);
        bytes[32..].copy_from_slice(&b);
        Ok(Self(bytes))
    }
}

impl Signature {
    fn halves(&self) -> ([u8; 32], [u8; 32]) {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        a.copy_from_slice(&self.0[..32]);
        b.copy_from_slice(&self.0[32..]);
        (a, b)
    }
}

fn verify(key: &[u8; 32], domain: SignedDomain, message: &[u8], signature: &Signature) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(&domain.message(message), &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    })
}

impl DeviceId {
    /// Whether this device made `signature` over `message`.
    pub fn verifies(&self, domain: SignedDomain, message: &[u8], signature: &Signature) -> bool {
        verify(self.as_bytes(), domain, message, signature)
    }
}

/// This device's own signing key. Born with the installation, never copied; restoring a backup makes a new one.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// A new device.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(random(entropy))))
    }

    /// The key stored as `seed`.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What to store.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The device this key speaks for.
    pub fn id(&self) -> DeviceId {
        DeviceId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, domain: SignedDomain, message: &[u8]) -> Signature {
        Signature(self.0.sign(&domain.message(message)).to_bytes())
    }

    /// The key as PKCS #8 (RFC 8410), which TLS libraries take.
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.to_pkcs8_der().ok().map(|der| Zeroizing::new(der.as_bytes().to_vec()))
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey of {:?}", self.id())
    }
}

/// The public half of the phrase's signing key, named by genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPublic(pub [u8; 32]);

/// Whether the phrase behind `key` made `signature` over `message`.
pub fn verify_recovery(key: &RecoveryPublic, domain: SignedDomain, message: &[u8], signature: &Signature) -> bool {
    verify(&key.0, domain, message, signature)
}

/// The phrase's signing key: above every device, used at `init` and in recovery only.
#[derive(Clone)]
pub struct RecoverySigningKey(SigningKey);

impl RecoverySigningKey {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What genesis names.
    pub fn public(&self) -> RecoveryPublic {
        RecoveryPublic(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, domain: SignedDomain, message: &[u8]) -> Signature {
        Signature(self.0.sign(&domain.message(message)).to_bytes())
    }
}

impl fmt::Debug for RecoverySigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySigningKey(…)")
    }
}
