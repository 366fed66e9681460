//! Erase certificates: self-contained proof that an entry is destroyed, kept for ever.

use serde::{Deserialize, Serialize};

use super::Position;
use super::codec::{self, DecodeError};
use crate::crypto::{DeviceKey, Domain, Hasher, Signature, SignedDomain};
use crate::id::{EntryId, JournalId, LogId};

/// A device's word that `entry` is destroyed. Accepted from any member if its device ever had an add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The journal.
    pub journal: JournalId,
    /// The entry destroyed.
    pub entry: EntryId,
    /// Where the erase operation stands.
    pub log: LogId,
    /// Its sequence number, and the chain after it.
    pub position: Position,
    /// By the log's device.
    pub signature: Signature,
}

impl Certificate {
    const MAX: usize = 256;

    /// Certifies the erase operation that stands at `position` of `log`.
    pub fn sign(key: &DeviceKey, journal: JournalId, entry: EntryId, log: LogId, position: Position) -> Self {
        let signature = key.sign(SignedDomain::Certificate, &codec::encode(&(journal, entry, log, position)));
        Self { journal, entry, log, position, signature }
    }

    /// Whether the named log's device signed this.
    pub fn verifies(&self) -> bool {
        let message = codec::encode(&(self.journal, self.entry, self.log, self.position));
        self.log.device.verifies(SignedDomain::Certificate, &message, &self.signature)
    }

    /// Its bytes, in store and on the wire.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The certificate that `bytes` are the one encoding of. The signature is not checked yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode("erase certificate", Self::MAX, bytes)
    }

    /// Its name in set comparison.
    pub fn hash(&self) -> [u8; 32] {
        Hasher::new(Domain::Certificate).update(&self.encode()).finish()
    }
}
