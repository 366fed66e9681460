//! The closed vocabularies of a journal: kinds, groups and states, each with its one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A word that is not in its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of: {allowed}")]
pub struct WordError {
    /// The words that there are, separated by commas.
    pub allowed: String,
    /// What the vocabulary is of.
    pub of: &'static str,
}

impl From<WordError> for Error {
    fn from(error: WordError) -> Self {
        Error::invalid(format!("that is not a {}", error.of), format!("use one of: {}", error.allowed)).about(error.of)
    }
}

/// A vocabulary as what writes it down elsewhere needs it: the kits' Kotlin and Swift are made of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vocabulary {
    /// What it is called in every language.
    pub name: &'static str,
    /// What it is of, in a sentence.
    pub doc: &'static str,
    /// Its words in order: each one's name, and what it means.
    pub words: &'static [(&'static str, &'static str)],
}

macro_rules! vocabulary {
    ($(#[doc = $doc:literal] $name:ident($of:literal) {
        $(#[doc = $vdoc:literal] $variant:ident = $word:literal,)*
    })*) => {
        /// Every vocabulary.
        pub const VOCABULARIES: &[Vocabulary] = &[$(Vocabulary {
            name: stringify!($name),
            doc: $doc,
            words: &[$((stringify!($variant), $vdoc),)*],
        },)*];
    $(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $(#[doc = $vdoc] $variant,)* }

        impl $name {
            /// Every word, in the order people see them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word's one spelling, in documents, JSON and flags.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| WordError {
                    allowed: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                    of: $of,
                })
            }
        }
    )*};
}

/// Hands every vocabulary to a macro: here they are defined once, and whoever needs them in another form asks for them.
#[macro_export]
#[doc(hidden)]
macro_rules! vocabularies {
    ($then:ident) => {
        $then! {
            /// What an entry is about.
            Kind("kind") {
                /// Something went wrong.
                Failure = "failure",
                /// Something or someone is gone. No causes are asked for.
                Loss = "loss",
                /// One empty page, no prompts.
                Vent = "vent",
                /// A small failure on purpose.
                Experiment = "experiment",
                /// Something went right; evidence for a bad hour.
                Win = "win",
                /// Anything else.
                Note = "note",
            }
            /// What a list item says.
            ItemKind("item kind") {
                /// Mine to own.
                Mine = "mine",
                /// Not mine to own.
                NotMine = "not_mine",
                /// Learned.
                Lesson = "lesson",
                /// To carry forward.
                CarryForward = "carry_forward",
                /// To do.
                Action = "action",
                /// To put right, for someone.
                Repair = "repair",
                /// The mess: money, messages, apologies.
                Aftermath = "aftermath",
                /// Proof of the opposite.
                Evidence = "evidence",
                /// Not understood yet; may stay so.
                OpenQuestion = "open_question",
                /// Wanted.
                Want = "want",
            }
            /// Where an item stands. Absent means that nobody said.
            ItemState("item state") {
                /// Not done.
                Open = "open",
                /// Done.
                Done = "done",
                /// Decided against.
                Dropped = "dropped",
            }
            /// A group of marks.
            MarkGroup("group of marks") {
                /// Areas of life.
                Areas = "areas",
                /// What it was by nature.
                Nature = "nature",
                /// Feelings, in the writer's own words.
                Feelings = "feelings",
                /// Factors at work.
                Factors = "factors",
                /// What one measured oneself against.
                MeasuredAgainst = "measured_against",
                /// Anything else.
                Tags = "tags",
            }
            /// How an entry was closed.
            ClosureKind("closure kind") {
                /// By writing.
                Wrote = "wrote",
                /// By talking.
                Talked = "talked",
                /// By putting it right.
                Repaired = "repaired",
                /// By letting go.
                LetGo = "let_go",
                /// None was needed.
                NoneNeeded = "none_needed",
                /// Not closed: lived with.
                LivingWithIt = "living_with_it",
            }
            /// How two entries belong together.
            LinkKind("link kind") {
                /// The same thing again.
                Repeats = "repeats",
                /// Picks up where the other ended.
                Continues = "continues",
                /// Sparked by the other.
                Inspired = "inspired",
                /// Evidence for or against the other.
                Evidence = "evidence",
            }
            /// What comes next.
            NextMove("next move") {
                /// Over it.
                Climb = "climb",
                /// Past it.
                Around = "around",
                /// Not now.
                Rest = "rest",
                /// Nothing.
                None = "none",
            }
            /// Where the writer stands with an entry. Derived, reversible, several at once.
            InnerState("state") {
                /// Put away until a day or by hand.
                Boxed = "boxed",
                /// Nothing was added to the telling yet.
                Raw = "raw",
                /// Has a reflection.
                Reflected = "reflected",
                /// Closed as something one lives with.
                LivingWithIt = "living_with_it",
                /// Closed.
                Closed = "closed",
                /// Was closed, and is open again.
                Reopened = "reopened",
            }
            /// Who can read an entry. Widening is always its own act; until there is publishing, everything is private.
            Audience("audience") {
                /// Only the writer.
                Private = "private",
                /// Named persons.
                Persons = "persons",
                /// Anyone.
                Public = "public",
                /// No longer anyone.
                Withdrawn = "withdrawn",
            }
        }
    };
}

vocabularies!(vocabulary);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_spelt_in_one_way() {
        assert_eq!(
            serde_json::to_value(Kind::ALL).unwrap(),
            serde_json::json!(Kind::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>())
        );
        for state in InnerState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
