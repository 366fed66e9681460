//! What comes out of core, as what a phone's language takes: a conversion of each type, and records that name core's
//! fields one by one.

use std::collections::{BTreeMap, BTreeSet};

use afterword_core::id::{
    AttachmentId, ChangeHash, ClosureId, DeviceId, EntryId, ItemId, ReflectionId, SealId, SectionId,
};
use afterword_core::journal::{self, Happened};
use afterword_core::store::read_model::Cursor;
use afterword_core::time::{Day, Timestamp};

use crate::edits::Experiment;
use crate::entries::Mark;

/// Crosses into a phone's language as a `To`.
pub(crate) trait Cross<To> {
    /// Returns it as it is there.
    fn cross(self) -> To;
}

macro_rules! as_they_are {
    ($($name:ty),*) => {$(
        impl Cross<$name> for $name {
            fn cross(self) -> $name {
                self
            }
        }
    )*};
}

as_they_are!(bool, u64, String);

macro_rules! as_texts {
    ($($name:ty),*) => {$(
        impl Cross<String> for $name {
            fn cross(self) -> String {
                self.to_string()
            }
        }
    )*};
}

as_texts!(AttachmentId, ChangeHash, ClosureId, DeviceId, EntryId, ItemId, ReflectionId, SealId, SectionId, Day);

impl Cross<String> for Cursor {
    fn cross(self) -> String {
        self.to_text()
    }
}

impl Cross<i64> for Timestamp {
    fn cross(self) -> i64 {
        self.0
    }
}

/// A place in a text that fits a phone.
impl Cross<u32> for usize {
    fn cross(self) -> u32 {
        u32::try_from(self).unwrap_or(u32::MAX)
    }
}

impl<To, From: Cross<To>> Cross<Option<To>> for Option<From> {
    fn cross(self) -> Option<To> {
        self.map(From::cross)
    }
}

impl<To, From: Cross<To>> Cross<Vec<To>> for Vec<From> {
    fn cross(self) -> Vec<To> {
        self.into_iter().map(From::cross).collect()
    }
}

impl<To, From: Cross<To>> Cross<Vec<To>> for BTreeSet<From> {
    fn cross(self) -> Vec<To> {
        self.into_iter().map(From::cross).collect()
    }
}

impl Cross<Vec<Mark>> for BTreeMap<journal::MarkGroup, BTreeSet<String>> {
    fn cross(self) -> Vec<Mark> {
        let marks = |(group, words): (journal::MarkGroup, BTreeSet<String>)| {
            words.into_iter().map(move |word| Mark { group: group.into(), word })
        };
        self.into_iter().flat_map(marks).collect()
    }
}

/// How exactly it is known is seen from the day.
impl Cross<Option<String>> for Happened {
    fn cross(self) -> Option<String> {
        self.date.cross()
    }
}

impl Cross<Experiment> for journal::Experiment {
    fn cross(self) -> Experiment {
        self.into()
    }
}

/// Records that have fields of a view, each under its name or as `theirs = ours`.
macro_rules! records {
    ($($(#[doc = $doc:literal])* $(#[derive($extra:ident)])? $name:ident of $view:path {
        $($(#[doc = $fdoc:literal])* $field:ident: $type:ty $(= $from:ident)?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, $($extra,)? uniffi::Record)]
        pub struct $name {$($(#[doc = $fdoc])* pub $field: $type,)*}

        impl $crate::cross::Cross<$name> for $view {
            fn cross(self) -> $name {
                let view = self;
                $name { $($field: $crate::cross::Cross::cross($crate::cross::field!(view, $field $(, $from)?)),)* }
            }
        }
    )*};
}

/// A view's field: of the same name, or of another.
macro_rules! field {
    ($view:ident, $same:ident) => {
        $view.$same
    };
    ($view:ident, $same:ident, $other:ident) => {
        $view.$other
    };
}

pub(crate) use {field, records};
