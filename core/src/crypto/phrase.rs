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

/// The words in what a person typed or pasted of a phrase: in any case, in any number of lines, with anything between them
/// that is no letter, such as the numbers that stand before them on paper.
pub fn words_in(text: &str) -> Zeroizing<Vec<String>> {
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    Zeroizing::new(words.map(str::to_lowercase).collect())
}

/// Whether a word, in lower case, can be one of a phrase.
pub fn is_word(word: &str) -> bool {
    Language::English.find_word(word).is_some()
}

/// The phrase shown once by `init`. Whoever has it can open every device's copy and lock out a thief's device.
#[derive(Clone)]
pub struct RecoveryPhrase {
    entropy: [u8; 32],
}

impl RecoveryPhrase {
    /// A new phrase.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self { entropy: random(entropy) }
    }

    /// The phrase that a person typed or pasted: see [`words_in`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let words = words_in(text);
        let hint = "type the 24 words that were shown at the beginning, in their order";
        let amount = || match words.len() {
            WORDS => format!("a recovery phrase has {WORDS} words"),
            other => format!("a recovery phrase has {WORDS} words, and this one {other}"),
        };
        let mnemonic =
            Mnemonic::parse_in_normalized(Language::English, &Zeroizing::new(words.join(" "))).map_err(|error| {
                Error::invalid(
                    match error {
                        bip39::Error::UnknownWord(at) => {
                            format!("word {} of the recovery phrase is not on the list", at + 1)
                        }
                        bip39::Error::InvalidChecksum if words.len() == WORDS => {
                            "the recovery phrase's words do not belong together: one is another, or stands elsewhere"
                                .to_owned()
                        }
                        _ => amount(),
                    },
                    hint,
                )
                .about("phrase")
            })?;
        let bytes = Zeroizing::new(mnemonic.to_entropy());
        let entropy = bytes.as_slice().try_into().map_err(|_| Error::invalid(amount(), hint).about("phrase"))?;
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
        let short = RecoveryPhrase::parse("one two").unwrap_err();
        assert!(short.message.ends_with("has 24 words, and this one 2"), "{short}");
        let twice = RecoveryPhrase::parse(&format!("{} {}", *words, *words)).unwrap_err();
        assert!(twice.message.ends_with("and this one 48"), "{twice}");
        let mut turned: Vec<&str> = words.split(' ').collect();
        turned.swap(0, 23);
        assert!(RecoveryPhrase::parse(&turned.join(" ")).unwrap_err().message.contains("belong together"));
    }

    #[test]
    fn a_phrase_is_read_as_it_stands_on_paper() {
        let phrase = RecoveryPhrase { entropy: [7; 32] };
        let words = phrase.words();
        let words: Vec<&str> = words.split(' ').collect();
        let numbered = |form: &dyn Fn(usize, &str) -> String| {
            words.iter().enumerate().map(|(at, word)| form(at + 1, word)).collect::<String>()
        };
        for pasted in [
            numbered(&|_, word| format!("{word}\n")),
            numbered(&|at, word| format!("{at}. {word}\r\n\r\n")),
            numbered(&|at, word| format!(" {at:>2} {word}\t{}", if at % 4 == 0 { "\n" } else { "" })),
            numbered(&|at, word| format!("{at}) {}, ", word.to_uppercase())),
            numbered(&|at, word| format!("{at}:{word};\u{a0}")),
        ] {
            assert_eq!(RecoveryPhrase::parse(&pasted).unwrap().entropy, phrase.entropy, "{pasted}");
            assert_eq!(words_in(&pasted).as_slice(), words);
        }
        assert!(words.iter().all(|word| is_word(word)) && !is_word("afterword") && !is_word(""));
    }
}
