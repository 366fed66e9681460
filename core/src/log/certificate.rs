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

/// A set of certificates as one sum, to which a certificate is added, and from which it is taken, without looking at the
/// others: each name drawn out to 1,024 numbers of 16 bits, added up number by number (LtHash16). Two different sets of
/// one sum are as hard to find as two texts of one hash.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateSum([u16; Self::NUMBERS]);

impl std::fmt::Debug for CertificateSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CertificateSum({:02x?}…)", &self.hash()[..4])
    }
}

impl Default for CertificateSum {
    fn default() -> Self {
        Self([0; Self::NUMBERS])
    }
}

impl CertificateSum {
    const NUMBERS: usize = 1024;
    /// How many bytes it is in the store.
    pub const LEN: usize = 2 * Self::NUMBERS;

    /// The sum that a store holds.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<2>() else { return None };
        let numbers: Vec<u16> = numbers.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        numbers.try_into().ok().map(Self)
    }

    /// Its bytes, for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// The certificate is in the set from now on.
    pub fn add(&mut self, certificate: &Certificate) {
        self.each(certificate, u16::wrapping_add);
    }

    /// The certificate is not in the set any more.
    pub fn take(&mut self, certificate: &Certificate) {
        self.each(certificate, u16::wrapping_sub);
    }

    fn each(&mut self, certificate: &Certificate, change: impl Fn(u16, u16) -> u16) {
        let mut wide = [0; Self::LEN];
        Hasher::new(Domain::CertificateSet).update(&certificate.hash()).finish_into(&mut wide);
        for (number, bytes) in self.0.iter_mut().zip(wide.as_chunks::<2>().0) {
            *number = change(*number, u16::from_le_bytes(*bytes));
        }
    }

    /// What two devices compare.
    pub fn hash(&self) -> [u8; 16] {
        Hasher::new(Domain::CertificateSet).update(&self.to_bytes()).finish16()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Chain, Incarnation};

    #[test]
    fn a_sum_is_of_the_set_and_not_of_the_order() {
        let key = DeviceKey::from_seed(&[7; 32]);
        let log = LogId { device: key.id(), incarnation: Incarnation::from_bytes([1; 8]) };
        let certificate = |n: u8| {
            let position = Position { seq: n.into(), chain: Chain::from_bytes([n; 32]) };
            Certificate::sign(&key, JournalId::from_bytes([2; 16]), EntryId::from_bytes([n; 16]), log, position)
        };
        let of = |numbers: &[u8]| {
            let mut sum = CertificateSum::default();
            numbers.iter().for_each(|n| sum.add(&certificate(*n)));
            sum
        };
        assert_eq!(of(&[1, 2, 3]), of(&[3, 1, 2]));
        assert_ne!(of(&[1, 2]).hash(), of(&[1, 3]).hash());
        assert_ne!(of(&[]).hash(), of(&[1]).hash());
        let mut taken = of(&[1, 2, 3]);
        taken.take(&certificate(2));
        assert_eq!(taken, of(&[1, 3]));
        assert_eq!(CertificateSum::from_slice(&taken.to_bytes()), Some(taken));
        assert_eq!(CertificateSum::from_slice(&[0; 3]), None);
    }
}
