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

/// The most that later versions may have put behind a message.
const MAX_EXTENSIONS: usize = 64;

/// Whether `rest`, what stands behind the last field of a message that may grow, is what a later version may put there:
/// nothing, or a list of numbers, ascending, each with bytes of its own. Nothing of it means anything here.
pub(crate) fn are_extensions(rest: &[u8]) -> bool {
    if rest.is_empty() {
        return true;
    }
    let Ok((list, [])) = postcard::take_from_bytes::<Vec<(u32, &[u8])>>(rest) else { return false };
    (1..=MAX_EXTENSIONS).contains(&list.len()) && list.is_sorted_by(|a, b| a.0 < b.0)
}

/// The number under which the version of the feature `next-format` says what only it knows, in every format.
#[cfg(feature = "next-format")]
pub(crate) const NEXT_KIND: u32 = 1000;

/// The list with which a version that knows one kind more shows that messages may grow.
#[cfg(feature = "next-format")]
pub(crate) fn next_extension() -> Vec<u8> {
    encode(&[(NEXT_KIND, "next")].as_slice())
}

/// For a field that is a list of at most `MAX` values: a longer one is refused by the count that stands before it, before
/// room is made for any value.
pub(crate) fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    struct AtMost<const MAX: usize, T>(std::marker::PhantomData<T>);
    impl<'de, const MAX: usize, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for AtMost<MAX, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {MAX} values")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut values: A) -> Result<Vec<T>, A::Error> {
            let too_many = || serde::de::Error::custom("too many values");
            if values.size_hint().is_some_and(|count| count > MAX) {
                return Err(too_many());
            }
            let mut list = Vec::new();
            while let Some(value) = values.next_element()? {
                if list.len() == MAX {
                    return Err(too_many());
                }
                list.push(value);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(AtMost::<MAX, T>(std::marker::PhantomData))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_a_list_of_ascending_numbers_or_nothing() {
        let list = |numbers: &[u32]| encode(&numbers.iter().map(|n| (*n, &b"later"[..])).collect::<Vec<_>>());
        assert!(are_extensions(b""));
        assert!(are_extensions(&list(&[0])) && are_extensions(&list(&[3, 300, u32::MAX])));
        assert!(are_extensions(&list(&(0..64).collect::<Vec<_>>())));
        assert!(!are_extensions(&list(&(0..65).collect::<Vec<_>>())));
        assert!(!are_extensions(&list(&[])) && !are_extensions(&list(&[3, 3])) && !are_extensions(&list(&[4, 3])));
        let whole = list(&[3]);
        assert!((1..whole.len()).all(|len| !are_extensions(&whole[..len])));
        assert!(!are_extensions(&[&whole[..], &[0]].concat()));
        assert!(!are_extensions(&[0xff; 9]), "a length far beyond the bytes that are there");
    }
}
