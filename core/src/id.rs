//! A type for every identifier, so that one can never be passed for another.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} lower-case hexadecimal digits")]
pub struct ParseIdError {
    expected: usize,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident[$len:literal];)*) => {$(
        $(#[$doc])*
        ///
        /// Shown in full as lower-case hexadecimal, also in JSON; in `Debug` by its first eight digits.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The identifier with exactly these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The identifier's bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The identifier with these bytes, where there are exactly as many as it needs.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let short = self.0.len().min(4);
                write!(f, "{}({})", stringify!($name), data_encoding::HEXLOWER.encode(&self.0[..short]))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                data_encoding::HEXLOWER
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| Self::from_slice(&bytes))
                    .ok_or(ParseIdError { expected: $len * 2 })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    Deserialize::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}

ids! {
    /// A journal: the first 16 bytes of its genesis statement's hash.
    JournalId[16];
    /// A device: its Ed25519 public key. Born with the installation, never copied.
    DeviceId[32];
    /// One life of a device's log: drawn anew when the device finds itself rolled back.
    Incarnation[8];
    /// A document of the journal: an entry, or one of the singletons (people, library).
    EntryId[16];
    /// A section inside an entry.
    SectionId[16];
    /// A list item inside an entry.
    ItemId[16];
    /// A dated reflection inside an entry.
    ReflectionId[16];
    /// A dated closure inside an entry.
    ClosureId[16];
    /// An attachment inside an entry. Unlike [`BlobId`], it says nothing about the bytes.
    AttachmentId[16];
    /// A never-publish seal inside an entry.
    SealId[16];
    /// Stored bytes: their BLAKE3, keyed with the random key of the one attachment they belong to.
    BlobId[32];
    /// An Automerge change: SHA-256 as Automerge defines it.
    ChangeHash[32];
    /// A membership statement: BLAKE3 of its signed bytes.
    StatementId[32];
    /// The hash over a log's operations so far.
    Chain[32];
}

/// A log: one device's operations during one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// The author of every operation in the log.
    pub device: DeviceId,
    /// Which life of that device.
    pub incarnation: Incarnation,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.device, self.incarnation)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({:?}/{:?})", self.device, self.incarnation)
    }
}

/// The people document's constant id: the same in every journal, so that two devices never make two.
pub const PEOPLE: EntryId = EntryId::from_bytes(*b"afterword/people");
/// The library document's constant id (templates, prompts, tags, settings).
pub const LIBRARY: EntryId = EntryId::from_bytes(*b"afterword/librar");

impl EntryId {
    /// Whether this names a singleton (people, library) and not something a person wrote.
    pub fn is_singleton(&self) -> bool {
        *self == PEOPLE || *self == LIBRARY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_upper_case_is_refused() {
        let id = EntryId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse::<EntryId>(), Ok(id));
        assert!("AB".repeat(16).parse::<EntryId>().is_err());
        assert!("ab".repeat(15).parse::<EntryId>().is_err());
    }

    #[test]
    fn an_identifier_is_text_for_people_and_bytes_on_disk() {
        let id = EntryId::from_bytes([0xab; 16]);
        assert_eq!(serde_json::to_value(id).unwrap(), "ab".repeat(16));
        assert_eq!(serde_json::from_value::<EntryId>("ab".repeat(16).into()).unwrap(), id);
        assert!(serde_json::from_value::<EntryId>("AB".repeat(16).into()).is_err());
        assert_eq!(postcard::to_allocvec(&id).unwrap(), [0xab; 16]);
        assert_eq!(postcard::from_bytes::<EntryId>(&[0xab; 16]), Ok(id));
        let log = LogId { device: DeviceId::from_bytes([1; 32]), incarnation: Incarnation::from_bytes([2; 8]) };
        assert_eq!(postcard::to_allocvec(&log).unwrap(), [[1; 8], [1; 8], [1; 8], [1; 8], [2; 8]].concat());
    }
}
