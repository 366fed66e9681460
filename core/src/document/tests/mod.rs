//! Tests of the document floor: edits, merges, hostile changes, and every trap of DESIGN.md section 3 by its letter.

mod admit;
mod bounds;
mod edits;
mod hostile;
mod merges;
mod reader;
mod singletons;
mod traps;

use super::transaction::EntryTransaction;
use super::{Actor, DocumentError, EntryDocument};
use crate::id::EntryId;
use crate::journal::{Entry, Kind, NewEntry};
use crate::time::{Entropy, Timestamp};

/// Repeatable randomness.
#[derive(Debug)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.below(256) as u8;
        }
    }
}

pub(super) const ID: EntryId = EntryId::from_bytes([7; 16]);

pub(super) fn actor(n: u8) -> Actor {
    Actor::from_bytes([n; 16])
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1000)
}

pub(super) fn note(body: &str) -> NewEntry {
    NewEntry { kind: Kind::Note, title: "A title".into(), body: body.into(), sections: vec![], happened: None }
}

/// An entry by actor 1 and its first change.
pub(super) fn begin(body: &str) -> (EntryDocument, Vec<u8>) {
    let (document, mut changes) =
        EntryDocument::create(ID, actor(1), at(1000), &note(body), &mut Seeded::new(1)).unwrap();
    assert_eq!(changes.len(), 1, "a text that is not long is one change");
    (document, changes.remove(0))
}

/// The same entry on another device.
pub(super) fn other(n: u8, changes: &[&[u8]]) -> EntryDocument {
    let loaded = EntryDocument::load(ID, actor(n), None, changes).unwrap();
    assert!(loaded.refused.is_empty());
    loaded.document
}

impl EntryDocument {
    /// One edit as a closure, for the tests of single writes.
    pub(super) fn edit_with<R>(
        &mut self,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        edits: impl FnOnce(&mut EntryTransaction<'_, '_>) -> Result<R, DocumentError>,
    ) -> Result<(R, Vec<Vec<u8>>), DocumentError> {
        self.run(None, at, entropy, edits).map(|(out, wrote)| (out, wrote.changes))
    }
}

/// An edit that changes something.
pub(super) fn edit<R>(
    document: &mut EntryDocument,
    edits: impl FnOnce(&mut EntryTransaction<'_, '_>) -> Result<R, DocumentError>,
) -> (R, Vec<u8>) {
    // No two edits draw the same ids, as no two devices do.
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(100);
    let mut entropy = Seeded::new(SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let mut entry = document.entry().unwrap();
    let (result, wrote) = document.run(Some(&entry), at(2000), &mut entropy, edits).unwrap();
    document.bring_up(&mut entry, &wrote).unwrap();
    let mut changes = wrote.changes;
    assert_eq!(entry, document.entry().unwrap(), "an edit that knows the entry leaves it as the document reads");
    assert_eq!(changes.len(), 1, "an edit that changes something");
    (result, changes.remove(0))
}

/// What two devices must agree on: everything.
pub(super) fn same(a: &EntryDocument, b: &EntryDocument) -> Entry {
    let (a, b) = (a.entry().unwrap(), b.entry().unwrap());
    assert_eq!(a, b);
    a
}
