//! Encodings that are accepted, made by the encoders themselves: a changed format changes its seeds with it.

use afterword_core::crypto::RecoveryPhrase;
use afterword_core::crypto::{ChunkKey, SealingKey};
use afterword_core::time::Entropy;

/// What sealed seeds are sealed for.
pub(crate) const PURPOSE: &[u8] = b"fuzz";

/// The same bytes each time; nothing that is sealed with them is a secret.
#[derive(Debug)]
pub(crate) struct Fixed(u8);

impl Fixed {
    pub(crate) fn new(seed: u8) -> Self {
        Self(seed)
    }
}

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(17);
            *byte = self.0;
        }
    }
}

pub(crate) fn sealing_key() -> SealingKey {
    SealingKey::from_seed([9; 32])
}

pub(crate) fn chunk_key() -> ChunkKey {
    ChunkKey::from_bytes([7; 32])
}

pub(crate) fn phrase() -> Vec<Vec<u8>> {
    let words = RecoveryPhrase::generate(&mut Fixed(1)).words().to_string();
    vec![words.to_uppercase().into_bytes(), words.replace(' ', "\n  ").into_bytes(), words.into_bytes()]
}

pub(crate) fn sealed_key() -> Vec<Vec<u8>> {
    let public = sealing_key().public();
    [&b""[..], b"the key", &[0; 300]]
        .into_iter()
        .filter_map(|text| public.seal(PURPOSE, text, &mut Fixed(2)).ok())
        .collect()
}

pub(crate) fn sealed_chunk() -> Vec<Vec<u8>> {
    let key = chunk_key();
    [&b""[..], b"photo", &[0; 4096]]
        .into_iter()
        .filter_map(|text| key.seal(PURPOSE, text, &mut Fixed(3)).ok())
        .collect()
}

pub(crate) fn ids() -> Vec<Vec<u8>> {
    [64, 32, 16].map(|digits| b"0123456789abcdef".iter().copied().cycle().take(digits).collect()).into()
}

pub(crate) fn days() -> Vec<Vec<u8>> {
    ["2024", "2024-02", "2024-02-29"].map(|day| day.as_bytes().to_vec()).into()
}

pub(crate) fn times() -> Vec<Vec<u8>> {
    ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59.123456+05:30"].map(|time| time.as_bytes().to_vec()).into()
}
