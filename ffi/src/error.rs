//! The one error that crosses: a variant for each code of CLI.md, with the sentence and the hint of core's error.
//!
//! Kotlin gives every exception a `message` of its own making, so no field has that name: what happened is `sentence`,
//! what to do is `hint`, and the kits put them together as `Display` does here.

use std::fmt::Display;
use std::str::FromStr;

use afterword_core::error::{Code, Error};

/// What an export answers.
pub(crate) type Result<T> = std::result::Result<T, AfterwordError>;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident $({ $(#[$extra_doc:meta])* $extra:ident: $type:ty = $of:expr })?),* $(,)?) => {
        /// What went wrong, and what to do about it.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum AfterwordError {$(
            $(#[$doc])*
            #[error("{sentence}; {hint}")]
            $name {
                /// What was attempted and why it failed.
                sentence: String,
                /// What to do about it.
                hint: String,
                $($(#[$extra_doc])* $extra: $type,)?
            },
        )*}

        impl From<Error> for AfterwordError {
            fn from(error: Error) -> Self {
                let Error { code, message: sentence, advice, about } = error;
                let hint = advice.to_string();
                let _ = about;
                match code {
                    $(Code::$name => Self::$name { sentence, hint, $($extra: ($of)(about))? },)*
                }
            }
        }
    };
}

errors! {
    /// The journal is closed, or its key is not at hand yet.
    Locked {
        /// The app paused it: it opens again by itself.
        paused: bool = |about| about == "paused"
    },
    /// The vault no longer holds the key.
    KeyGone,
    /// A key or phrase does not open this journal.
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
    Invalid {
        /// What of it, where that can be said; else empty.
        field: String = str::to_owned
    },
    /// The disk is full; nothing was changed.
    StorageFull,
    /// No device answered.
    Unreachable,
    /// The other side, or a rule of the journal, said no.
    Refused {
        /// Why, as a word, where that can be said: `not_a_member`, `pairing`, `closed`; else empty.
        reason: String = str::to_owned
    },
    /// Stopped at the caller's wish.
    Cancelled,
    /// A bug in Afterword.
    Internal,
}

/// An id, a day or an address that an app gave as text.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str, field: &'static str) -> Result<T> {
    let told = |error: T::Err| Error::invalid(format!("this is no {field}: {error}"), "give it as it was given to you");
    text.parse().map_err(|error| told(error).about(field).into())
}

/// All of some texts, or the first that does not read.
pub(crate) fn parse_all<T: FromStr<Err: Display>>(texts: &[String], field: &'static str) -> Result<Vec<T>> {
    texts.iter().map(|text| parse(text, field)).collect()
}

/// The same where there may be none.
pub(crate) fn parse_some<T: FromStr<Err: Display>>(text: Option<&String>, field: &'static str) -> Result<Option<T>> {
    text.map(|text| parse(text, field)).transpose()
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
        let paused = AfterwordError::from(Error::new(Code::Locked, "", "").about("paused"));
        assert!(matches!(paused, AfterwordError::Locked { paused: true, .. }));
        let misread = parse::<afterword_core::id::EntryId>("x", "entry").unwrap_err();
        assert!(matches!(misread, AfterwordError::Invalid { field, .. } if field == "entry"));
    }
}
