//! The recovery phrase: 24 BIP-39 words, from which both recovery key pairs are made.
//!
//! `seed = H_recovery…(entropy)` where `entropy` is the phrase's 32 bytes
//! (<https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki>, English list, checksum required). BIP-39's own
//! PBKDF2 step is left out: 256 random bits need no stretching.

use std::fmt;

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, Zeroizing};

use super::hash::{Domain, HashKey};
use super::keys::RecoverySigningKey;
use super::seal::SealingKey;
use crate::error::Error;
use crate::time::{Entropy, random};

/// How many words a phrase has.
pub const WORDS: usize = 24;

/// The phrase shown once by `init`. Whoever has it can open every backup and lock out a thief's device.
#[derive(Clone)]
pub struct RecoveryPhrase {
    entropy: [u8; 32],
}

impl RecoveryPhrase {
    /// A new phrase.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self { entropy: random(entropy) }
    }

    /// The phrase that a person typed: any case, any white space between the words.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let words = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
        let hint = "type the 24 words that were shown at the beginning, in their order, separated by spaces";
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words).map_err(|error| {
            Error::invalid(
                match error {
                    bip39::Error::UnknownWord(at) => {
                        format!("word {} of the recovery phrase is not on the list", at + 1)
                    }
                    bip39::Error::InvalidChecksum => "the recovery phrase's words do not belong together".to_owned(),
                    _ => format!("a recovery phrase has {WORDS} words"),
                },
                hint,
            )
            .about("phrase")
        })?;
        let bytes = Zeroizing::new(mnemonic.to_entropy());
        let entropy = bytes
            .as_slice()
            .try_into()
            .map_err(|_| Error::invalid(format!("a recovery phrase has {WORDS} words"), hint).about("phrase"))?;
        Ok(Self { entropy })
    }

    /// The words, separated by single spaces.
    pub fn words(&self) -> Zeroizing<String> {
        let words = Mnemonic::from_entropy_in(Language::English, &self.entropy).map(|m| m.to_string());
        Zeroizing::new(words.unwrap_or_default())
    }

    /// The key for statements.
    pub fn signing_key(&self) -> RecoverySigningKey {
        RecoverySigningKey::from_seed(HashKey::derive(Domain::RecoverySign, &self.entropy).as_bytes())
    }

    /// The key for wraps.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey::from_seed(*HashKey::derive(Domain::RecoverySeal, &self.entropy).as_bytes())
    }
}

impl Drop for RecoveryPhrase {
    fn drop(&mut self) {
        self.entropy.zeroize();
    }
}

impl fmt::Debug for RecoveryPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPhrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_slips_are_named() {
        let phrase = RecoveryPhrase { entropy: [9; 32] };
        let words = phrase.words();
        assert_eq!(words.split(' ').count(), WORDS);
        let shouted = format!("  {}\n", words.to_uppercase());
        assert_eq!(RecoveryPhrase::parse(&shouted).unwrap().entropy, phrase.entropy);
        let slip = words.replacen(words.split(' ').next().unwrap(), "afterword", 1);
        assert!(RecoveryPhrase::parse(&slip).unwrap_err().message.starts_with("word 1 "));
        assert!(RecoveryPhrase::parse("one two").is_err());
    }
}
