//! Reads an entry straight from its changes, without opening an Automerge document: for deriving thousands of them.
//!
//! A document is an index for editing; a reading needs none of it. [`entry`] walks the columns of the change chunks, puts
//! the operations where they belong and reads the entry off them with the same code that reads it off a document. It
//! answers only where it understands every byte of the history and the history is one that a document takes in whole;
//! anything else (an unknown column, a counter, a gap, another form of a number) is left to Automerge. So it may be
//! strict where Automerge is not, and never the other way round: `tests/reader.rs` holds both against each other.

mod chunk;
mod columns;
mod history;
mod source;

use self::history::History;
use super::read::{self, Stamps};
use crate::id::EntryId;
use crate::journal::Entry;

/// The entry that these chunks come to, each after what it depends on; nothing where a document must say it. Takes
/// memory and time in proportion to the chunks' operations, of which there is a limit.
pub fn entry(id: EntryId, chunks: &[&[u8]]) -> Option<Entry> {
    let history = History::of(chunks).ok()?;
    let (created, all) = history.times().ok()?;
    let stamps = Stamps::of(created, all);
    Some(read::from(&history, id, stamps, history.heads()))
}
