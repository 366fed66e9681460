//! SQLite's errors as ours, without quoting anything.

use std::io;

use rusqlite::ErrorCode;

use crate::error::Error;
use crate::files::StoreError;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            return match error {
                rusqlite::Error::QueryReturnedNoRows => Self::NotFound("no such row".to_owned()),
                // A column of another type than ours wrote: damage, not a bug, since pages are authenticated. The
                // text of these errors may quote a value, so it is not carried on.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..) => Self::Corrupt("a row of the journal does not read".to_owned()),
                _ => Self::Internal("the database was used in a way it does not allow".to_owned()),
            };
        };
        // SQLite's own message may quote a statement; its code says enough.
        match failure.code {
            ErrorCode::DiskFull => Self::StorageFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            // Whether the key or the file is at fault, only the opener can tell; it looks before it comes here.
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => {
                Self::Corrupt("the journal's database is damaged".to_owned())
            }
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => Self::Io {
                attempt: "the journal's database could not be opened for writing".to_owned(),
                reason: ours(failure.extended_code),
                kind: io::ErrorKind::PermissionDenied,
            },
            ErrorCode::SystemIoFailure => Self::Io {
                attempt: "the journal's database could not be read or written".to_owned(),
                reason: ours(failure.extended_code),
                kind: io::ErrorKind::Other,
            },
            _ => Self::Internal(ours(failure.extended_code)),
        }
    }
}

/// SQLite's fixed words for a code.
fn ours(code: i32) -> String {
    format!("{} (SQLite {code})", rusqlite::ffi::code_to_str(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn sqlite_failures_become_their_codes_without_quoting_anything() {
        for (code, expected) in [
            (rusqlite::ffi::SQLITE_FULL, Code::StorageFull),
            (rusqlite::ffi::SQLITE_BUSY, Code::Locked),
            (rusqlite::ffi::SQLITE_NOTADB, Code::Corrupt),
            (rusqlite::ffi::SQLITE_CORRUPT, Code::Corrupt),
            (rusqlite::ffi::SQLITE_CONSTRAINT, Code::Internal),
        ] {
            let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some("the diary".to_owned()));
            let error = Error::from(failure);
            assert_eq!(error.code, expected);
            assert!(!error.to_string().contains("diary"));
        }
    }
}
