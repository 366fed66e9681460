//! The one error that crosses: a variant for each code of CLI.md, with the sentence and the hint of core's error.
//!
//! Kotlin gives every exception a `message` of its own making, so no field has that name: what happened is `sentence`,
//! what to do is `hint`, and the kits put them together as `Display` does here.

use afterword_core::error::{Code, Error};

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AfterwordError {
    /// The journal is closed, or its key is not at hand yet.
    #[error("{sentence}; {hint}")]
    Locked {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// The vault no longer holds the key.
    #[error("{sentence}; {hint}")]
    KeyGone {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// A key or phrase does not open this journal.
    #[error("{sentence}; {hint}")]
    WrongKey {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// A file or record is damaged or foreign.
    #[error("{sentence}; {hint}")]
    Corrupt {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// Written by a newer version.
    #[error("{sentence}; {hint}")]
    TooNew {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// Nothing by that name.
    #[error("{sentence}; {hint}")]
    NotFound {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// More than one thing by that name.
    #[error("{sentence}; {hint}")]
    Ambiguous {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// The request or its input makes no sense.
    #[error("{sentence}; {hint}")]
    Invalid {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// The disk is full; nothing was changed.
    #[error("{sentence}; {hint}")]
    StorageFull {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// No device answered.
    #[error("{sentence}; {hint}")]
    Unreachable {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// The other side, or a rule of the journal, said no.
    #[error("{sentence}; {hint}")]
    Refused {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// Stopped at the caller's wish.
    #[error("{sentence}; {hint}")]
    Cancelled {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// A bug in Afterword.
    #[error("{sentence}; {hint}")]
    Internal {
        /// What was attempted and why it failed.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
}

impl From<Error> for AfterwordError {
    fn from(Error { code, message: sentence, hint }: Error) -> Self {
        match code {
            Code::Locked => Self::Locked { sentence, hint },
            Code::KeyGone => Self::KeyGone { sentence, hint },
            Code::WrongKey => Self::WrongKey { sentence, hint },
            Code::Corrupt => Self::Corrupt { sentence, hint },
            Code::TooNew => Self::TooNew { sentence, hint },
            Code::NotFound => Self::NotFound { sentence, hint },
            Code::Ambiguous => Self::Ambiguous { sentence, hint },
            Code::Invalid => Self::Invalid { sentence, hint },
            Code::StorageFull => Self::StorageFull { sentence, hint },
            Code::Unreachable => Self::Unreachable { sentence, hint },
            Code::Refused => Self::Refused { sentence, hint },
            Code::Cancelled => Self::Cancelled { sentence, hint },
            Code::Internal => Self::Internal { sentence, hint },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_core_and_the_variant_that_of_the_code() {
        let error = Error::new(Code::KeyGone, "the key is gone", "pair this device again");
        let crossed = AfterwordError::from(error.clone());
        assert_eq!(crossed.to_string(), error.to_string());
        assert!(matches!(crossed, AfterwordError::KeyGone { sentence, .. } if sentence == "the key is gone"));
    }
}
