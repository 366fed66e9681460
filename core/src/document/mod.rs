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
//! use afterword_core::document::{Actor, EntryDocument};
//! use afterword_core::id::EntryId;
//! use afterword_core::journal::edit::{Edit, TextField};
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
//! let edit = Edit::SetText { field: TextField::Body, base: there.heads(), text: "It rained. We stayed.".into() };
//! let applied = there.edit(Timestamp(1000), &mut entropy, &[edit])?;
//! here.merge(&[&applied.changes[0]])?;
//! assert_eq!(here.entry()?.body(), "It rained. We stayed.");
//! # Ok::<(), afterword_core::document::DocumentError>(())
//! ```

mod admit;
mod apply;
mod bounds;
mod change;
mod contain;
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
mod transaction;

pub use admit::{readable, weight};
pub use bounds::{
    MAX_CHANGE, MAX_CHANGE_OPERATIONS, MAX_DEPENDENCIES, MAX_DOCUMENT_OPERATIONS, MAX_LINE, MAX_TEXT,
    MAX_WRITTEN_OPERATIONS,
};
pub use change::{ChangeHeader, MalformedChange, change_hash};
pub use entry::{Applied, EntryDocument, Loaded};
pub use error::DocumentError;
pub use history::Reading;
pub use replica::Actor;
pub use singleton::{LibraryDocument, PeopleDocument};
