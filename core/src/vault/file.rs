//! The vault file's bytes: magic, version, body, checksum. See `docs/formats.md`.

use serde::{Deserialize, Serialize};

use super::costs::Costs;
use crate::crypto::{Domain, Hasher, RecoveryPublic, SealingPublic};
use crate::files::{StoreError, StoreResult};
use crate::id::JournalId;

const MAGIC: &[u8; 8] = b"AFTVAULT";
const VERSION: u8 = 1;
const CHECKSUM_LEN: usize = 32;
/// Longer files are not read.
pub(super) const MAX_LEN: usize = 16 * 1024;
const MAX_WRAPS: usize = 8;
/// A wrapped key is 32 bytes and its overhead; anything much longer is not one.
const MAX_SEALED: usize = 256;

/// One way to the database key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wrap {
    /// Sealed under a key made from a passphrase.
    Passphrase { costs: Costs, salt: [u8; 16], sealed: Vec<u8> },
    /// Sealed under a key that the platform's vault keeps under this name.
    Platform { name: [u8; 16], sealed: Vec<u8> },
    /// Sealed to the key of the recovery phrase.
    Recovery { sealed: Vec<u8> },
}

impl Wrap {
    fn sealed(&self) -> &[u8] {
        match self {
            Self::Passphrase { sealed, .. } | Self::Platform { sealed, .. } | Self::Recovery { sealed } => sealed,
        }
    }
}

/// What the vault holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) journal: JournalId,
    /// Both public keys of the recovery phrase, as genesis names them.
    pub(super) recovery_sign: RecoveryPublic,
    pub(super) recovery_seal: SealingPublic,
    /// By which the database key is known again.
    pub(super) check: [u8; 16],
    pub(super) wraps: Vec<Wrap>,
}

impl Body {
    /// The body's bytes, which the tag is over.
    pub(super) fn encode(&self) -> StoreResult<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|_| StoreError::Internal("the vault does not encode".to_owned()))
    }
}

/// A whole vault file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VaultFile {
    pub(super) body: Body,
    /// Keyed hash of the body under a key made from the database key: shows whoever has opened one wrap that the
    /// others are as they were sealed.
    pub(super) tag: [u8; 32],
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    Hasher::new(Domain::VaultFile).update(bytes).finish()
}

impl VaultFile {
    pub(super) fn encode(&self) -> StoreResult<Vec<u8>> {
        let mut bytes = [MAGIC.as_slice(), &[VERSION], &self.tag, &self.body.encode()?].concat();
        bytes.extend(checksum(&bytes));
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> StoreResult<Self> {
        let foreign = || StoreError::Corrupt("the vault file is not one of Afterword's, or was cut short".to_owned());
        let damaged = || StoreError::Corrupt("the vault file is damaged".to_owned());
        let (version, _) =
            bytes.strip_prefix(MAGIC.as_slice()).and_then(|rest| rest.split_first()).ok_or_else(foreign)?;
        // A newer version may end in another way, so it is told before the checksum is looked at.
        if *version > VERSION {
            return Err(StoreError::TooNew {
                what: "the vault",
                found: u32::from(*version),
                known: u32::from(VERSION),
            });
        }
        if *version != VERSION || bytes.len() > MAX_LEN {
            return Err(damaged());
        }
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or_else(foreign)?;
        if checksum(content) != *sum {
            return Err(damaged());
        }
        let (tag, body) =
            content.get(MAGIC.len() + 1..).and_then(|rest| rest.split_first_chunk::<32>()).ok_or_else(damaged)?;
        let (body, rest): (Body, _) = postcard::take_from_bytes(body).map_err(|_| damaged())?;
        let whole = rest.is_empty()
            && body.wraps.len() <= MAX_WRAPS
            && body.wraps.iter().all(|wrap| {
                wrap.sealed().len() <= MAX_SEALED
                    && match wrap {
                        Wrap::Passphrase { costs, .. } => costs.bearable(),
                        _ => true,
                    }
            });
        if !whole {
            return Err(damaged());
        }
        Ok(Self { body, tag: *tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> VaultFile {
        VaultFile {
            body: Body {
                journal: JournalId::from_bytes([1; 16]),
                recovery_sign: RecoveryPublic([2; 32]),
                recovery_seal: SealingPublic([3; 32]),
                check: [4; 16],
                wraps: vec![
                    Wrap::Passphrase { costs: Costs::FLOOR, salt: [5; 16], sealed: vec![6; 72] },
                    Wrap::Recovery { sealed: vec![7; 80] },
                ],
            },
            tag: [8; 32],
        }
    }

    /// `bytes` with its checksum made right again.
    fn resummed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - CHECKSUM_LEN);
        bytes.extend(checksum(&bytes));
        bytes
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let bytes = file().encode().unwrap();
        assert_eq!(bytes.len(), 9 + 32 + (16 + 32 + 32 + 16) + 1 + (1 + 5 + 16 + 1 + 72) + (1 + 1 + 80) + 32);
        assert_eq!(&bytes[..9], b"AFTVAULT\x01");
        assert_eq!(bytes[41 + 96], 2, "two wraps");
        assert_eq!(&bytes[41 + 97..41 + 97 + 6], &[0, 0x80, 0x80, 4, 3, 1], "Argon2id: 65536 KiB, 3 passes, 1 lane");
        assert_eq!(VaultFile::decode(&bytes).unwrap(), file());
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_an_error() {
        let bytes = file().encode().unwrap();
        for end in 0..bytes.len() {
            assert!(matches!(VaultFile::decode(&bytes[..end]), Err(StoreError::Corrupt(_))), "cut at {end}");
        }
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(VaultFile::decode(&flipped).is_err(), "bit {at}");
            // With a right checksum, as a hostile hand would leave it, reading still ends in a value or an error.
            let _ = VaultFile::decode(&resummed(flipped));
        }
    }

    #[test]
    fn a_newer_file_says_so_and_unbearable_costs_are_refused() {
        let mut newer = file().encode().unwrap();
        newer[8] = 9;
        assert_eq!(VaultFile::decode(&newer), Err(StoreError::TooNew { what: "the vault", found: 9, known: 1 }));
        for costs in [
            Costs { memory_kib: 100 << 20, passes: 3, lanes: 1 },
            Costs { memory_kib: 65_536, passes: u32::MAX, lanes: 1 },
            Costs { memory_kib: 65_536, passes: 3, lanes: 10_000 },
            Costs { memory_kib: 0, passes: 0, lanes: 0 },
        ] {
            let mut hostile = file();
            hostile.body.wraps[0] = Wrap::Passphrase { costs, salt: [0; 16], sealed: vec![0; 72] };
            assert!(matches!(VaultFile::decode(&hostile.encode().unwrap()), Err(StoreError::Corrupt(_))));
        }
    }
}
