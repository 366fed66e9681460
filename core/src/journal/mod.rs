//! What a person writes, as plain types and rules: entries, their parts, and what is derived from them.
//!
//! Nothing here knows of Automerge, storage or devices. [`Entry`] is one reading of a document; [`NewEntry`] what a
//! writer begins with.

pub mod diff;
pub mod edit;
mod entry;
pub mod people;
pub mod templates;
mod words;

pub use entry::{
    Attachment, Audience, Boxed, Closure, Entry, Experiment, Happened, InnerState, Item, Link, MAIN_SECTION, NewEntry,
    PersonInText, Reflection, Section,
};
pub use words::{ClosureKind, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove, WordError};
