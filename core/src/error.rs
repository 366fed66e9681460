//! The one error that leaves this crate: a code from CLI.md, what was attempted, and what to do about it.
//!
//! Modules have error enums of their own where a caller must tell cases apart; each converts into this one. No error
//! text ever holds what a person wrote.

use std::fmt;

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
    /// One sentence: what to do about it.
    pub hint: String,
    /// A word for what it is about, where a program can do something with it: of `invalid` the field, of `refused` the
    /// reason, of `locked` whether it is `paused`, waits for its `key`, or is `busy` or `ended`. Mostly empty.
    pub about: &'static str,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a message and what to do about it.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), about: "" }
    }

    /// The same, with the word for what it is about.
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// The same for somebody who has an app and no command line: a hint that names a command says what to do without it.
    pub fn in_an_app(self) -> Self {
        let names_a_command = ["`afterword", "`init`", "`show`", "--"].iter().any(|word| self.hint.contains(word));
        if !names_a_command {
            return self;
        }
        let hint = match self.code {
            Code::Locked => "unlock this device and try again",
            Code::KeyGone => "open the journal with its 24 words, or pair this device anew with another one",
            Code::WrongKey => "look again at what was typed, or open the journal with its 24 words",
            Code::Corrupt => "nothing was changed; look at the journal's health, your other devices hold their copies",
            Code::TooNew => "install the newest Afterword on this device",
            Code::NotFound | Code::Ambiguous => "look again at what is there, and choose from that",
            Code::Invalid => "change it and try again",
            Code::StorageFull => "free some space and try again",
            Code::Unreachable => "check that the other device is on, has its journal open, and is on this network",
            Code::Refused => "nothing was changed; look at the journal's health on both devices, and try again",
            Code::Cancelled => "nothing is lost; begin again when the other device is at hand",
            Code::Internal => "nothing that was saved is lost; start the app anew, and report this sentence",
        };
        Self { hint: hint.to_owned(), ..self }
    }

    /// Input that makes no sense.
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message, hint)
    }

    /// Something that must not happen, happened.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(
            Code::Internal,
            format!("something went wrong inside Afterword: {message}"),
            "nothing that was saved is lost; run `afterword doctor`, and report this sentence",
        )
    }

    /// Damaged or foreign bytes.
    pub fn corrupt(message: impl fmt::Display) -> Self {
        Self::new(
            Code::Corrupt,
            message.to_string(),
            "run `afterword doctor`; your other devices still hold their copies",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_told_of_no_command() {
        let internal = Error::internal("a number ran over").in_an_app();
        assert!(!internal.hint.contains('`') && internal.message.contains("a number ran over"));
        let plain = Error::invalid("that is no day", "give it as 2026-11-23").about("day");
        assert_eq!(plain.clone().in_an_app(), plain);
    }
}
