//! The vocabularies of a journal: core's words as enums of Kotlin and Swift, generated from where core defines them.

use crate::cross::Cross;

/// An enum of core with the same words.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident of $core:path { $($(#[$vdoc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum $name {$($(#[$vdoc])* $variant,)*}

        impl From<$core> for $name {
            fn from(word: $core) -> Self {
                match word { $(<$core>::$variant => Self::$variant,)* }
            }
        }

        impl From<$name> for $core {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)* }
            }
        }

        impl Cross<$name> for $core {
            fn cross(self) -> $name {
                self.into()
            }
        }
    };
}

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident($of:literal) {
        $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)*
    })*) => {$(
        word! {
            $(#[doc = $doc])*
            $name of afterword_core::journal::$name { $($(#[doc = $vdoc])* $variant,)* }
        }
    )*};
}

afterword_core::vocabularies!(words);

word! {
    /// Whether a journal is open, and why not.
    LockState of afterword_core::engine::LockState {
        /// Its key is not at hand yet.
        Locked,
        /// It is open.
        Open,
        /// The app sleeps.
        Paused,
        /// It was shut down.
        Ended,
        /// A bug in Afterword stopped it; what was saved is saved.
        Broken,
    }
}

word! {
    /// What of an attachment is said in words.
    AttachmentField of afterword_core::journal::edit::AttachmentField {
        /// The writer's caption.
        Caption,
        /// What the picture shows.
        Alt,
        /// Whose it is.
        Credit,
    }
}
