//! The decoders, one function each. A value that was accepted is put through its paces: shown, encoded, read again.

use afterword_core::crypto::RecoveryPhrase;
use afterword_core::id::{DeviceId, EntryId, Incarnation};
use afterword_core::time::{Day, Timestamp};

use crate::seeds;

pub(crate) fn phrase(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match RecoveryPhrase::parse(text) {
        Ok(phrase) => {
            let again = RecoveryPhrase::parse(&phrase.words()).map(|again| again.words().to_string());
            assert_eq!(again.as_deref(), Ok(phrase.words().as_str()));
            true
        }
        Err(error) => {
            // What was typed is a secret; the words of the message itself are ours.
            let typed = text.split_whitespace().filter(|word| word.len() > 12);
            assert!(!typed.into_iter().any(|word| error.to_string().contains(word)), "a refused phrase was repeated");
            false
        }
    }
}

pub(crate) fn sealed_key(data: &[u8]) -> bool {
    seeds::sealing_key().open(seeds::PURPOSE, data).is_ok()
}

pub(crate) fn sealed_chunk(data: &[u8]) -> bool {
    seeds::chunk_key().open(seeds::PURPOSE, data).is_ok()
}

pub(crate) fn ids(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let device = text.parse::<DeviceId>().map(|id| id.to_string());
    let entry = text.parse::<EntryId>().map(|id| id.to_string());
    let incarnation = text.parse::<Incarnation>().map(|id| id.to_string());
    let accepted: Vec<String> = [device, entry, incarnation].into_iter().flatten().collect();
    assert!(accepted.iter().all(|shown| shown == text), "an identifier is shown as it was written");
    !accepted.is_empty()
}

pub(crate) fn days(data: &[u8]) -> bool {
    let Some(day) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<Day>().ok()) else { return false };
    assert_eq!(day.to_string().parse(), Ok(day));
    assert!(day.first() <= day.last());
    true
}

pub(crate) fn times(data: &[u8]) -> bool {
    let Some(time) = std::str::from_utf8(data).ok().and_then(Timestamp::from_rfc3339) else { return false };
    assert_eq!(
        Timestamp::from_rfc3339(&time.to_rfc3339()).map(|again| again.0.div_euclid(1000)),
        Some(time.0.div_euclid(1000))
    );
    let _ = time.day();
    true
}
