//! How an operation's body lies in its row: as it is, or squeezed where that is shorter.
//!
//! ```text
//! row = 0x00 ‖ bytes
//!     | 0x01 ‖ length as u32 LE ‖ zstd frame
//! ```

use crate::error::{Error, Result};
use crate::log::MAX_CHANGE;

/// Below this a frame's own bytes eat up what is won.
const WORTH_COMPRESSING: usize = 512;
const LEVEL: i32 = 3;
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;

/// Writes bodies; keeps zstd's working memory from one to the next.
#[derive(Default)]
pub(super) struct Compressor(Option<zstd::bulk::Compressor<'static>>);

impl Compressor {
    /// The row of a body.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() >= WORTH_COMPRESSING
            && let Some(squeezed) = self.compress(bytes)
            && squeezed.len() + 5 < bytes.len()
            && let Ok(length) = u32::try_from(bytes.len())
        {
            return [&[COMPRESSED][..], &length.to_le_bytes(), &squeezed].concat();
        }
        [&[PLAIN][..], bytes].concat()
    }

    /// None where zstd has no memory: then the body stays as it is.
    fn compress(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.0.is_none() {
            self.0 = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        self.0.as_mut()?.compress(bytes).ok()
    }
}

/// Reads bodies.
#[derive(Default)]
pub(super) struct Decompressor(Option<zstd::bulk::Decompressor<'static>>);

impl Decompressor {
    /// The body that a row holds.
    pub(super) fn unpack(&mut self, row: &[u8]) -> Result<Vec<u8>> {
        let damaged = || Error::corrupt("an operation's body does not read");
        match row.split_first() {
            Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
            Some((&COMPRESSED, rest)) => {
                let (length, squeezed) = rest.split_first_chunk().ok_or_else(damaged)?;
                let length = u32::from_le_bytes(*length) as usize;
                if length > MAX_CHANGE {
                    return Err(damaged());
                }
                let opener = match &mut self.0 {
                    Some(opener) => opener,
                    none => none.insert(zstd::bulk::Decompressor::new().map_err(|_| damaged())?),
                };
                let bytes = opener.decompress(squeezed, length).map_err(|_| damaged())?;
                if bytes.len() == length { Ok(bytes) } else { Err(damaged()) }
            }
            _ => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_and_long_ones_are_shorter() {
        let (mut squeezer, mut opener) = (Compressor::default(), Decompressor::default());
        for length in [0, 1, 511, 512, 4000, 100_000] {
            let body = b"what went wrong ".iter().copied().cycle().take(length).collect::<Vec<_>>();
            let row = squeezer.pack(&body);
            assert_eq!(opener.unpack(&row).unwrap(), body);
            assert!(length < WORTH_COMPRESSING || row.len() < length / 4, "{length}");
        }
    }

    #[test]
    fn a_row_that_is_not_one_is_an_error() {
        let row = Compressor::default().pack(&[7; 2000]);
        let mut opener = Decompressor::default();
        assert!(opener.unpack(&[]).is_err());
        assert!(opener.unpack(&[9, 1]).is_err());
        assert!(opener.unpack(&row[..row.len() - 1]).is_err());
        let mut long = row.clone();
        long[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(opener.unpack(&long).is_err());
        let mut other = row;
        other[1] ^= 1;
        assert!(opener.unpack(&other).is_err());
    }
}
