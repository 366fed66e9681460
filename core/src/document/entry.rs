//! One entry's document.

use super::error::DocumentError;
use super::history::{self, Reading};
use super::replica::{Actor, Replica};
use super::transaction::EntryTransaction;
use super::{read, recreate};
use crate::id::{ChangeHash, EntryId};
use crate::journal::edit::{Edit, Part, TextField};
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

/// What edits did to an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The parts that they made, in their order.
    pub parts: Vec<Part>,
    /// The texts that they wrote whole, as each reads now, in their order.
    pub texts: Vec<(TextField, String)>,
    /// The changes, as chunks; none where nothing changed.
    pub changes: Vec<Vec<u8>>,
}

/// What one edit wrote.
pub(super) struct Wrote {
    /// The texts that were written whole.
    texts: Vec<(TextField, String)>,
    /// Whether the edits changed texts only, so that nothing else of the entry has to be read again.
    only_texts: bool,
    pub(super) changes: Vec<Vec<u8>>,
}

fn apply(transaction: &mut EntryTransaction<'_, '_>, edits: &[Edit]) -> Result<Vec<Part>, DocumentError> {
    let made = edits.iter().map(|edit| transaction.apply(edit)).collect::<Result<Vec<_>, _>>()?;
    Ok(made.into_iter().flatten().collect())
}

/// Writes texts into an entry. Returns false where it has no such text, and is to be read anew.
fn put_texts(entry: &mut Entry, texts: &[(TextField, String)]) -> bool {
    texts.iter().all(|(field, text)| field.in_entry(entry).map(|old| old.clone_from(text)).is_some())
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
        let ((), changes) = replica.edit(at, |pen| EntryTransaction::new(pen, entropy).create(new))?;
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
                let mut editor = EntryTransaction::new(pen, entropy);
                recreate::beginning(&mut editor, entry)?;
                recreate::everything_else(&mut editor, entry)
            })?;
            all
        } else {
            let ((), first) = replica
                .edit(entry.created_at, |pen| recreate::beginning(&mut EntryTransaction::new(pen, entropy), entry))?;
            let ((), latest) = replica.edit(entry.updated_at, |pen| {
                recreate::everything_else(&mut EntryTransaction::new(pen, entropy), entry)
            })?;
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

    /// Carries out edits, whose texts have people as tokens, as one change, or several where texts are long; none where
    /// nothing changed. Each is one that whoever reads it takes in. On an error, or a panic inside, nothing is written.
    pub fn edit(&mut self, at: Timestamp, entropy: &mut dyn Entropy, edits: &[Edit]) -> Result<Applied, DocumentError> {
        let (parts, wrote) = self.run(None, at, entropy, |transaction| apply(transaction, edits))?;
        Ok(Applied { parts, texts: wrote.texts, changes: wrote.changes })
    }

    /// Carries out `edits` like [`edit`](Self::edit), and brings `entry`, which is how the document reads now, up to date.
    /// Where the edits changed texts only, these are put into it and the document is not read again.
    pub fn edit_read(
        &mut self,
        entry: &mut Entry,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        edits: &[Edit],
    ) -> Result<Applied, DocumentError> {
        let (parts, wrote) = self.run(Some(entry), at, entropy, |transaction| apply(transaction, edits))?;
        self.bring_up(entry, &wrote)?;
        Ok(Applied { parts, texts: wrote.texts, changes: wrote.changes })
    }

    /// Makes one edit of what `work` writes into a document that reads as `known`, where that is known.
    pub(super) fn run<R>(
        &mut self,
        known: Option<&Entry>,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        work: impl FnOnce(&mut EntryTransaction<'_, '_>) -> Result<R, DocumentError>,
    ) -> Result<(R, Wrote), DocumentError> {
        let ((out, (texts, only_texts)), changes) = self.replica.edit(at, |pen| {
            let mut transaction = EntryTransaction::of_known(pen, entropy, known);
            Ok((work(&mut transaction)?, transaction.texts()))
        })?;
        Ok((out, Wrote { texts, only_texts, changes }))
    }

    /// Brings an entry up to date with an edit of its document.
    pub(super) fn bring_up(&self, entry: &mut Entry, wrote: &Wrote) -> Result<(), DocumentError> {
        if wrote.changes.is_empty() {
            return Ok(());
        }
        if wrote.only_texts && put_texts(entry, &wrote.texts) {
            entry.heads = self.replica.heads();
            entry.updated_at = entry.updated_at.max(self.replica.latest());
        } else {
            *entry = self.entry()?;
        }
        Ok(())
    }

    /// Returns this document with `actor` as the author of its next changes.
    pub fn by(mut self, actor: Actor) -> Self {
        self.replica.set_actor(actor);
        self
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
