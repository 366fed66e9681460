//! What can go wrong with a document, without a word of what is in it.

use crate::error::{Advice, Code, Error};

/// Why a document could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// A text is longer than a field may be.
    #[error("the {what} is longer than {limit} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The most bytes it may have.
        limit: usize,
    },
    /// One edit writes more than the changes that it becomes may hold.
    #[error("this is more than can be saved at once")]
    TooLarge,
    /// What was ever written into the entry, deleted text included, is as much as one may hold.
    #[error("as much was written into this entry, and over, as one entry can hold")]
    Full,
    /// The entry has no such part.
    #[error("this entry has no such {0}")]
    NoSuch(&'static str),
    /// A write names a base that this device does not hold.
    #[error("the text was read at a version that this device does not hold")]
    UnknownBase,
    /// A value that makes no sense.
    #[error("the {0} makes no sense")]
    Invalid(&'static str),
    /// A cached snapshot does not load. It is derived: make it again from the log.
    #[error("a cached document is damaged")]
    Snapshot,
    /// Automerge refused or failed at something that our own code asked of it.
    #[error("the document could not be {0}")]
    Failed(&'static str),
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        let message = error.to_string();
        match error {
            DocumentError::TooLong { what, .. } => {
                Error::invalid(message, "split it over several entries, or attach it as a file").about(what)
            }
            DocumentError::TooLarge => {
                Error::invalid(message, "nothing was changed; save it in smaller parts, or attach it as a file")
                    .about("size")
            }
            DocumentError::Full => {
                Error::invalid(message, "nothing was changed; go on in a new entry, or attach the text as a file")
                    .about("size")
            }
            DocumentError::NoSuch(_) => Error::new(Code::NotFound, message, Advice::SeeEntry),
            DocumentError::UnknownBase => {
                Error::new(Code::NotFound, message, "sync first, or read the entry again and write on what you see")
            }
            DocumentError::Invalid(what) => Error::invalid(message, Advice::SeeValues).about(what),
            DocumentError::Snapshot | DocumentError::Failed(_) => Error::new(Code::Corrupt, message, Advice::Rebuild),
        }
    }
}
