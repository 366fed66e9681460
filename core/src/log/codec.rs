//! Canonical postcard: what decodes is exactly what encoding it again gives.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes from outside that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than anything of its kind may be.
    #[error("{what} of {len} bytes is longer than the {max} allowed")]
    TooLong {
        /// What was decoded.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The most there may be.
        max: usize,
    },
    /// Not an encoding of its kind, or not the only one.
    #[error("malformed {what}")]
    Malformed {
        /// What was decoded.
        what: &'static str,
    },
    /// A number reserved for a later version.
    #[error("{what} was written by a newer version")]
    TooNew {
        /// What was decoded.
        what: &'static str,
    },
}

impl From<DecodeError> for crate::error::Error {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooNew { .. } => {
                Self::new(crate::error::Code::TooNew, error.to_string(), "update Afterword on this device")
            }
            _ => Self::corrupt(error),
        }
    }
}

/// The value's one encoding.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Serializing plain data into a Vec has no way to fail; an empty encoding decodes as nothing.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// The value that `bytes` are the one encoding of.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(
    what: &'static str,
    max: usize,
    bytes: &[u8],
) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong { what, len: bytes.len(), max });
    }
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| DecodeError::Malformed { what })?;
    if !rest.is_empty() || encode(&value) != bytes {
        return Err(DecodeError::Malformed { what });
    }
    Ok(value)
}

/// For a field of bytes: the same encoding as of a list of bytes, copied whole and not one by one.
pub(crate) mod bytes {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
