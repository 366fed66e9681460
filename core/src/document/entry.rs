//! One entry's document.

use super::editor::Editor;
use super::error::DocumentError;
use super::history::{self, Reading};
use super::replica::{Actor, Replica};
use super::{read, recreate};
use crate::id::{ChangeHash, EntryId};
use crate::journal::{Entry, NewEntry};
use crate::time::{Entropy, Timestamp};

/// An entry as a document: what it says now, what it said, and how to change it.
#[derive(Debug)]
pub struct EntryDocument {
    id: EntryId,
    replica: Replica,
}

/// A loaded document, and the changes that it can't read.
#[derive(Debug)]
pub struct Loaded {
    /// The document without them.
    pub document: EntryDocument,
    /// Changes that are set aside, sorted: they stay in log, vector and digest, and every device sets aside the same.
    pub refused: Vec<ChangeHash>,
}

impl EntryDocument {
    /// A new entry and its changes: the first, and further ones of long texts.
    pub fn create(
        id: EntryId,
        actor: Actor,
        at: Timestamp,
        new: &NewEntry,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Vec<Vec<u8>>), DocumentError> {
        let mut replica = Replica::empty(actor);
        let ((), changes) = replica.edit(at, |pen| Editor::new(pen, entropy).create(new))?;
        Ok((Self { id, replica }, changes))
    }

    /// A document that reads as `entry` does, with every id in it, and its changes: one at the time of its first
    /// change, and one at that of its latest where that was another; and what long texts take.
    pub fn recreate(
        entry: &Entry,
        actor: Actor,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Vec<Vec<u8>>), DocumentError> {
        let mut replica = Replica::empty(actor);
        let chunks = if entry.created_at == entry.updated_at {
            let ((), all) = replica.edit(entry.created_at, |pen| {
                let mut editor = Editor::new(pen, entropy);
                recreate::beginning(&mut editor, entry)?;
                recreate::everything_else(&mut editor, entry)
            })?;
            all
        } else {
            let ((), first) =
                replica.edit(entry.created_at, |pen| recreate::beginning(&mut Editor::new(pen, entropy), entry))?;
            let ((), latest) = replica
                .edit(entry.updated_at, |pen| recreate::everything_else(&mut Editor::new(pen, entropy), entry))?;
            [first, latest].concat()
        };
        Ok((Self { id: entry.id, replica }, chunks))
    }

    /// The entry from a snapshot of [`save`](Self::save) and the changes that came after it. A change whose
    /// dependencies are neither in the snapshot nor among them is refused (trap k): keep it until they are held.
    pub fn load(
        id: EntryId,
        actor: Actor,
        snapshot: Option<&[u8]>,
        changes: &[&[u8]],
    ) -> Result<Loaded, DocumentError> {
        let (replica, refused) = Replica::load(actor, snapshot, changes)?;
        Ok(Loaded { document: Self { id, replica }, refused })
    }

    /// The same where a document may have `read` operations, and a writer stops at `written`.
    #[cfg(test)]
    pub(super) fn load_within(
        id: EntryId,
        actor: Actor,
        snapshot: Option<&[u8]>,
        changes: &[&[u8]],
        (read, written): (u64, u64),
    ) -> Result<Loaded, DocumentError> {
        let most = super::replica::Most { read, written };
        let (replica, refused) = Replica::load_within(actor, snapshot, changes, most)?;
        Ok(Loaded { document: Self { id, replica }, refused })
    }

    /// Which entry this is.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The changes that nothing held was made on, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.replica.heads()
    }

    /// How many operations its changes have: what it costs to open it.
    pub fn operations(&self) -> u64 {
        self.replica.operations()
    }

    /// Whether every one of these changes is in the document.
    pub fn holds(&self, heads: &[ChangeHash]) -> bool {
        self.replica.holds(heads)
    }

    /// Takes in changes of other devices, each an uncompressed change chunk; those already held are passed over.
    /// Gives back what is set aside, sorted, as in [`Loaded::refused`]: it may name a change held before, where one
    /// with the same actor and number and a higher hash has come (trap j), or one that goes first where not all fit.
    /// What was set aside before is given again.
    pub fn merge(&mut self, changes: &[&[u8]]) -> Result<Vec<ChangeHash>, DocumentError> {
        self.replica.merge(changes)
    }

    /// One edit: all that `edits` writes is one change, given back as its chunk, or several where texts are long; none
    /// where nothing changed. Each is one that whoever reads it takes in. On an error, or a panic inside, nothing is
    /// written. The base of a whole-text write is named in each
    /// [`Editor::set_text`].
    pub fn edit<R>(
        &mut self,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        edits: impl FnOnce(&mut Editor<'_, '_>) -> Result<R, DocumentError>,
    ) -> Result<(R, Vec<Vec<u8>>), DocumentError> {
        self.replica.edit(at, |pen| edits(&mut Editor::new(pen, entropy)))
    }

    /// The same of a document that reads as `entry`, which is brought up to date: an edit that only writes texts on what
    /// is there now reads nothing again.
    pub fn edit_read<R>(
        &mut self,
        entry: &mut Entry,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        edits: impl FnOnce(&mut Editor<'_, '_>, &Entry) -> Result<R, DocumentError>,
    ) -> Result<(R, Vec<Vec<u8>>), DocumentError> {
        let known = &*entry;
        let ((out, written), chunks) = self.replica.edit(at, |pen| {
            let mut editor = Editor::of_known(pen, entropy, known);
            let out = edits(&mut editor, known)?;
            Ok((out, editor.written()))
        })?;
        if !chunks.is_empty() {
            if written.is_some_and(|written| written.put_into(entry)) {
                entry.heads = self.replica.heads();
                entry.updated_at = entry.updated_at.max(self.replica.latest());
            } else {
                *entry = self.entry()?;
            }
        }
        Ok((out, chunks))
    }

    /// The entry as it reads now.
    pub fn entry(&self) -> Result<Entry, DocumentError> {
        read::entry(self.id, &self.replica, None)
    }

    /// The entry as it read at some heads.
    pub fn entry_at(&self, heads: &[ChangeHash]) -> Result<Entry, DocumentError> {
        read::entry(self.id, &self.replica, Some(heads))
    }

    /// Every change in causal order, with what it touched.
    pub fn readings(&self) -> Result<Vec<Reading>, DocumentError> {
        history::readings(&self.replica)
    }

    /// A snapshot for [`load`](Self::load). Its bytes are never compared: equal documents may save differently.
    pub fn save(&self) -> Vec<u8> {
        self.replica.save()
    }
}
