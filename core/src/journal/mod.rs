//! What a person writes, as plain types and rules: entries, their parts, and what is derived from them.
//!
//! Nothing here knows of Automerge, storage or devices. [`Entry`] is one reading of a document; [`NewEntry`] what a
//! writer begins with.

pub mod diff;
pub mod edit;
mod entry;
pub mod people;
pub mod templates;
pub mod view;
mod words;

pub use entry::{
    Attachment, Boxed, Closure, Entry, Experiment, Happened, Item, Link, MAIN_SECTION, NewEntry, PersonInText,
    Reflection, Section,
};
pub use words::{
    Audience, ClosureKind, InnerState, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove, VOCABULARIES,
    Vocabulary, WordError,
};
