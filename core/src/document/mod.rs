//! The one mapping between what a person writes and Automerge documents.
//!
//! An [`EntryDocument`] is one entry; [`PeopleDocument`] and [`LibraryDocument`] are the journal's two singletons. A
//! document is made from a snapshot and the changes after it ([`EntryDocument::load`]), takes in changes of other
//! devices ([`EntryDocument::merge`]), and gives one change for one edit ([`EntryDocument::edit`]): an uncompressed
//! change chunk, which is what logs and the wire carry. Nothing here knows of devices, logs or storage.
//!
//! The schema is in `schema.rs`; the traps of Automerge that it defeats are tests by their letters in `tests/traps.rs`.
//! Reading is total: whatever another device wrote, an entry reads; a value of the wrong type is absent.
//!
//! ```
//! use afterword_core::document::{Actor, EntryDocument, TextField};
//! use afterword_core::id::EntryId;
//! use afterword_core::journal::{Kind, NewEntry};
//! use afterword_core::time::{Entropy, Timestamp};
//!
//! # #[derive(Debug)] struct Counting(u8);
//! # impl Entropy for Counting { fn fill(&mut self, b: &mut [u8]) { for b in b { self.0 = self.0.wrapping_add(1); *b = self.0 } } }
//! # let mut entropy = Counting(0);
//! let id = EntryId::from_bytes([1; 16]);
//! let new = NewEntry { kind: Kind::Note, title: "A day".into(), body: "It rained.".into(), sections: vec![], happened: None };
//! let (mut here, first) = EntryDocument::create(id, Actor::draw(&mut entropy), Timestamp(0), &new, &mut entropy)?;
//! let mut there = EntryDocument::load(id, Actor::draw(&mut entropy), None, &[&first[0]])?.document;
//!
//! let base = there.heads();
//! let edit = |text: &'static str| move |editor: &mut afterword_core::document::Editor<'_, '_>| {
//!     editor.set_text(TextField::Body, &base, text)
//! };
//! let (_, changes) = there.edit(Timestamp(1000), &mut entropy, edit("It rained. We stayed."))?;
//! here.merge(&[&changes[0]])?;
//! assert_eq!(here.entry()?.body(), "It rained. We stayed.");
//! # Ok::<(), afterword_core::document::DocumentError>(())
//! ```

mod admit;
mod bounds;
mod change;
mod contain;
mod editor;
mod entry;
mod error;
mod history;
mod known;
mod later;
pub mod order;
mod read;
pub mod reader;
mod recreate;
mod replica;
mod schema;
mod singleton;
mod splice;
#[cfg(test)]
mod tests;

pub use admit::{readable, weight};
pub use bounds::{
    MAX_CHANGE, MAX_CHANGE_OPERATIONS, MAX_DEPENDENCIES, MAX_DOCUMENT_OPERATIONS, MAX_LINE, MAX_TEXT,
    MAX_WRITTEN_OPERATIONS,
};
pub use change::{ChangeHeader, MalformedChange, change_hash};
pub use editor::{AttachmentField, Editor, NewAttachment, ParseFieldError, TextField};
pub use entry::{EntryDocument, Loaded};
pub use error::DocumentError;
pub use history::Reading;
pub use replica::Actor;
pub use singleton::{LibraryDocument, PeopleDocument};

use crate::id::SectionId;

/// The main section, the entry's body: the same id in every entry, so that two devices never make two (trap f).
pub const MAIN_SECTION: SectionId = SectionId::from_bytes([0; 16]);
