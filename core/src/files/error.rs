//! What can go wrong with files at rest, told apart where a caller acts differently, and how each reads to a person.
//!
//! The file system's errors become ours here, SQLite's in `store/sqlite/failure.rs`. No variant holds what a person wrote.

use std::io;

use crate::error::{Advice, Code, Error};

/// An operation on the vault, the database or the blobs that did not succeed. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is there and what would open it is not.
    #[error("{0}")]
    KeyGone(String),
    /// The passphrase, phrase or key is not this journal's.
    #[error("{0}")]
    WrongKey(String),
    /// A file is damaged, truncated, or not one of ours.
    #[error("{0}")]
    Corrupt(String),
    /// A file was written by a newer version of Afterword.
    #[error("{what} has format {found}, and this version of Afterword knows formats up to {known}")]
    TooNew {
        /// Which file.
        what: &'static str,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The disk, a quota or a set limit is full.
    #[error("the disk is full; nothing was changed")]
    StorageFull,
    /// The store is paused.
    #[error("the journal is paused")]
    Locked,
    /// The platform's vault did not answer, so nobody can tell now whether it holds the key.
    #[error("{0}")]
    VaultShut(String),
    /// Another process kept its write lock for longer than we wait.
    #[error("another Afterword kept the journal busy for too long")]
    Busy,
    /// Another process is in the home, and would have its files changed under it.
    #[error("{0}")]
    InUse(String),
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The operating system refused or failed.
    #[error("{attempt}: {reason}")]
    Io {
        /// What was attempted, as the start of a sentence.
        attempt: String,
        /// The operating system's words.
        reason: String,
        /// Its kind.
        kind: io::ErrorKind,
    },
    /// A bug in Afterword.
    #[error("{0}")]
    Internal(String),
}

/// The result of an operation at rest.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// A failure of the file system during `attempt` ("the vault could not be written").
    pub fn io(attempt: impl Into<String>, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::StorageFull
            }
            kind => Self::Io { attempt: attempt.into(), reason: error.to_string(), kind },
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let about = match error {
            StoreError::Locked => "paused",
            StoreError::Busy | StoreError::InUse(_) => "busy",
            StoreError::Io { .. } => "io",
            _ => "",
        };
        let (code, advice): (_, Advice) = match error {
            StoreError::KeyGone(_) => (Code::KeyGone, Advice::OpenWithPhrase),
            StoreError::WrongKey(_) => (Code::WrongKey, Advice::TryPassphrase),
            StoreError::Corrupt(_) => (Code::Corrupt, Advice::CheckHealth),
            StoreError::TooNew { .. } => (Code::TooNew, "install the newest Afterword on this device".into()),
            StoreError::StorageFull => (Code::StorageFull, "free some space and try again".into()),
            StoreError::Locked => (Code::Locked, "resume it first".into()),
            StoreError::VaultShut(_) => (Code::Locked, "unlock this device and try again".into()),
            StoreError::Busy => (Code::Locked, "wait until the other one is done and try again".into()),
            StoreError::InUse(_) => {
                (Code::Locked, "nothing was changed; wait until the other one is done, or end it, and try again".into())
            }
            StoreError::NotFound(_) => (Code::NotFound, Advice::CheckFolder),
            StoreError::Invalid(_) => (Code::Invalid, "change it and try again".into()),
            StoreError::Io { kind: io::ErrorKind::NotFound, .. } => (Code::NotFound, Advice::CheckFolder),
            StoreError::Io { kind: io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem, .. } => {
                (Code::Refused, "make the folder readable and writable for yourself".into())
            }
            StoreError::Io { .. } => (Code::Refused, "nothing was changed; check the disk and try again".into()),
            StoreError::Internal(message) => return Self::internal(message),
        };
        Self::new(code, message, advice).about(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures_of_files() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(StoreError::io("the vault could not be written", &full), StoreError::StorageFull);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::from(StoreError::io("the vault could not be read", &denied)).code, Code::Refused);
    }

    /// Whoever takes a vault that is shut for a key that is gone starts to make the device anew.
    #[test]
    fn a_vault_that_does_not_answer_is_locked_and_no_key_is_gone() {
        let shut = Error::from(StoreError::VaultShut("the key store is locked".to_owned()));
        assert_eq!((shut.code, shut.message.as_str()), (Code::Locked, "the key store is locked"));
    }
}
