//! The one error that leaves this crate: a code from CLI.md, what was attempted, and what to do about it.
//!
//! Modules have error enums of their own where a caller must tell cases apart; each converts into this one. No error
//! text ever holds what a person wrote.

mod advice;

use std::fmt;

pub use advice::Advice;

/// What went wrong, as a word that programs may rely on. The same words in JSON and at the FFI, which has a variant for
/// each: exhaustive, so that a new one fails to compile there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The store is paused or its key is not at hand yet.
    Locked,
    /// The vault no longer holds the key.
    KeyGone,
    /// A passphrase, phrase or key does not open this journal.
    WrongKey,
    /// A file or record is damaged or foreign.
    Corrupt,
    /// Written by a newer version.
    TooNew,
    /// Nothing by that name.
    NotFound,
    /// More than one thing by that name.
    Ambiguous,
    /// The request or its input makes no sense.
    Invalid,
    /// The disk is full; nothing was changed.
    StorageFull,
    /// No device answered.
    Unreachable,
    /// The other side, or a rule of the journal, said no.
    Refused,
    /// Stopped at the caller's wish.
    Cancelled,
    /// A bug in Afterword.
    Internal,
}

impl Code {
    /// The word for this code in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::KeyGone => "key_gone",
            Self::WrongKey => "wrong_key",
            Self::Corrupt => "corrupt",
            Self::TooNew => "too_new",
            Self::NotFound => "not_found",
            Self::Ambiguous => "ambiguous",
            Self::Invalid => "invalid",
            Self::StorageFull => "storage_full",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// What was attempted, why it failed, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The word for programs.
    pub code: Code,
    /// One sentence: what was attempted and why it failed. Never holds entry text.
    pub message: String,
    /// What to do about it.
    pub advice: Advice,
    /// A word for what it is about, where a program can do something with it: of `invalid` the field, of `refused` the
    /// reason, of `locked` whether it is `paused`, waits for its `key`, or is `busy` or `ended`. Mostly empty.
    pub about: &'static str,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a message and what to do about it.
    pub fn new(code: Code, message: impl Into<String>, advice: impl Into<Advice>) -> Self {
        Self { code, message: message.into(), advice: advice.into(), about: "" }
    }

    /// The same, with the word for what it is about.
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Input that makes no sense.
    pub fn invalid(message: impl Into<String>, advice: impl Into<Advice>) -> Self {
        Self::new(Code::Invalid, message, advice)
    }

    /// Something that must not happen, happened.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(Code::Internal, format!("something went wrong inside Afterword: {message}"), Advice::Report)
    }

    /// Damaged or foreign bytes.
    pub fn corrupt(message: impl fmt::Display) -> Self {
        Self::new(Code::Corrupt, message.to_string(), Advice::CheckHealth)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.advice)
    }
}

impl std::error::Error for Error {}
