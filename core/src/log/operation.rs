//! One numbered line of a log: an envelope, which stays for ever, and a body, which an erase takes away.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::change::ChangeHeader;
use super::codec::{self, DecodeError};
use crate::crypto::{Domain, HashKey, Hasher};
use crate::id::{BlobId, EntryId, LogId};

/// The longest blob that an envelope may name, in bytes.
pub const MAX_BLOB: u64 = 16 << 30;
const MAX_ENVELOPE: usize = 64 << 10;
/// The longest body of a record, and of every kind that this version does not know.
const MAX_RECORD: usize = 1 << 20;

/// What an operation is. On the wire a number, of which those without a meaning here are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum OperationKind {
    /// Number 0: the body is one uncompressed Automerge change chunk of the entry.
    Change,
    /// Number 1: the entry is destroyed; no body. The certificate that goes with it is what other devices obey.
    Erase,
    /// Number 2: the body is bytes of the ledger, hashed but not interpreted here.
    Record,
    /// Any other number: a kind of a later version. Its body is limited, hashed, kept and erased as a record's, and
    /// counts for nothing.
    Unknown(u32),
}

impl From<u32> for OperationKind {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::Change,
            1 => Self::Erase,
            2 => Self::Record,
            number => Self::Unknown(number),
        }
    }
}

impl From<OperationKind> for u32 {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Change => 0,
            OperationKind::Erase => 1,
            OperationKind::Record => 2,
            OperationKind::Unknown(number) => number,
        }
    }
}

/// A blob that an operation brings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// BLAKE3 of the bytes, keyed with `key`.
    pub id: BlobId,
    /// The random key of the attachment, so that equal photos have unequal names.
    pub key: [u8; 32],
    /// Length in bytes.
    pub len: u64,
}

impl fmt::Debug for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobRef").field("id", &self.id).field("len", &self.len).finish_non_exhaustive()
    }
}

impl BlobRef {
    /// The key as the hash function takes it.
    pub fn hash_key(&self) -> HashKey {
        HashKey::from_bytes(self.key)
    }
}

/// What stays of an operation whatever becomes of its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The document concerned.
    pub entry: EntryId,
    /// What the body is.
    pub kind: OperationKind,
    /// Blobs that are wanted from now on.
    pub brings: Vec<BlobRef>,
    /// Blobs that are not.
    pub ends: Vec<BlobId>,
    /// Of a change written down again in another log: where it stood first, which says who wrote it.
    pub first_log: Option<LogId>,
}

impl Envelope {
    /// The bytes that the chain runs over.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The envelope that `bytes` are the one encoding of.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match Self::take(bytes)? {
            (envelope, []) => Ok(envelope),
            _ => Err(DecodeError::Malformed { what: "envelope" }),
        }
    }

    /// The envelope whose one encoding `bytes` begin with, and what comes after it.
    pub(super) fn take(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let what = "envelope";
        // Nearly all of them: no blobs, never written down elsewhere. Read without going by every byte.
        if let Some((entry, [kind @ 0..=2, 0, 0, 0, rest @ ..])) = bytes.split_first_chunk() {
            let kind = OperationKind::from(u32::from(*kind));
            let entry = EntryId::from_bytes(*entry);
            return Ok((Self { entry, kind, brings: Vec::new(), ends: Vec::new(), first_log: None }, rest));
        }
        let window = &bytes[..bytes.len().min(MAX_ENVELOPE)];
        let (envelope, rest) =
            postcard::take_from_bytes::<Self>(window).map_err(|_| DecodeError::Malformed { what })?;
        let len = window.len() - rest.len();
        if envelope.encode() != bytes[..len] || envelope.brings.iter().any(|blob| blob.len > MAX_BLOB) {
            return Err(DecodeError::Malformed { what });
        }
        Ok((envelope, &bytes[len..]))
    }
}

/// The body of an operation, or its hash where the body is gone under an erase certificate.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// The bytes, with their hash.
    Held {
        /// What they are.
        bytes: Vec<u8>,
        /// What the chain runs over.
        hash: [u8; 32],
    },
    /// Erased: only the hash is left.
    Dropped {
        /// What the chain runs over.
        hash: [u8; 32],
    },
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { bytes, .. } => write!(f, "Held({} bytes)", bytes.len()),
            Self::Dropped { .. } => f.write_str("Dropped"),
        }
    }
}

impl Body {
    /// What the chain runs over.
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::Held { hash, .. } | Self::Dropped { hash } => *hash,
        }
    }

    /// The bytes, where they are still held.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Held { bytes, .. } => Some(bytes),
            Self::Dropped { .. } => None,
        }
    }
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What stays.
    pub envelope: Envelope,
    /// What an erase takes away.
    pub body: Body,
}

impl Operation {
    /// A change of `entry`. `chunk` is one uncompressed change chunk.
    pub fn change(
        entry: EntryId,
        chunk: Vec<u8>,
        brings: Vec<BlobRef>,
        ends: Vec<BlobId>,
    ) -> Result<Self, DecodeError> {
        let envelope = Envelope { entry, kind: OperationKind::Change, brings, ends, first_log: None };
        Self::new(envelope, chunk)
    }

    /// The erasing of `entry`.
    pub fn erase(entry: EntryId) -> Self {
        let envelope =
            Envelope { entry, kind: OperationKind::Erase, brings: Vec::new(), ends: Vec::new(), first_log: None };
        Self { envelope, body: Body::Held { bytes: Vec::new(), hash: [0; 32] } }
    }

    /// An operation from its parts, the body checked against its kind.
    pub fn new(envelope: Envelope, bytes: Vec<u8>) -> Result<Self, DecodeError> {
        let hash = Self::hash_of(envelope.kind, &bytes)?;
        Ok(Self { envelope, body: Body::Held { bytes, hash } })
    }

    /// The hash of a body of this kind, which must be one.
    pub(super) fn hash_of(kind: OperationKind, bytes: &[u8]) -> Result<[u8; 32], DecodeError> {
        Ok(match kind {
            OperationKind::Change => *ChangeHeader::parse(bytes)?.hash.as_bytes(),
            OperationKind::Erase if bytes.is_empty() => [0; 32],
            OperationKind::Erase => return Err(DecodeError::Malformed { what: "erase operation" }),
            OperationKind::Record | OperationKind::Unknown(_) if bytes.len() > MAX_RECORD => {
                return Err(DecodeError::TooLong { what: "record", len: bytes.len(), max: MAX_RECORD });
            }
            // One rule for every kind to come: who does not know a kind follows the chain all the same.
            OperationKind::Record | OperationKind::Unknown(_) => Hasher::new(Domain::Record).update(bytes).finish(),
        })
    }

    /// An operation whose body is gone.
    pub fn dropped(envelope: Envelope, hash: [u8; 32]) -> Self {
        Self { envelope, body: Body::Dropped { hash } }
    }

    /// The same operation without its body.
    pub fn without_body(self) -> Self {
        let hash = self.body.hash();
        Self { envelope: self.envelope, body: Body::Dropped { hash } }
    }

    /// How many bytes its line is, before compression.
    pub fn size(&self) -> usize {
        let body = match self.body.bytes().map(<[u8]>::len) {
            None => 32,
            Some(len) => len + (1..5).find(|bytes| len >> (7 * bytes) == 0).unwrap_or(5),
        };
        self.envelope.encode().len() + 1 + body
    }
}
