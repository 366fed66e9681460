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

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $name:ident($of:literal) { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

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

vocabulary! {
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
}
