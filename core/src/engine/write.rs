//! The write path of entries: one unit of work, in one transaction, that creates an entry or edits it.
//!
//! Whatever a surface asks for comes here as values ([`Edit`], [`NewEntry`]), with people as `@Name`; here, and nowhere
//! else, they become tokens. Everything that one [`Write`] does is committed together, or none of it is: the changes, the
//! blobs that they bring and end, the drafts that they replace, the list row.

use std::collections::BTreeMap;

use super::Engine;
use super::deriving::derive_soon;
use super::document_cache::{self, OpenDocument};
use super::entries::no_such;
use super::open_journal::OpenJournal;
use super::opening::opening;
use super::sweep::sweep_unwanted;
use crate::document::{Actor, Applied, EntryDocument, MAX_TEXT};
use crate::error::{Error, Result};
use crate::id::{BlobId, ChangeHash, EntryId, Incarnation, LogId};
use crate::journal::edit::{Edit, Part, TextField};
use crate::journal::people::People;
use crate::journal::{Entry, Kind, MAIN_SECTION, NewEntry};
use crate::log::{BlobRef, Envelope, Operation};
use crate::replication::Tx;
use crate::replication::rules;
use crate::store::read_model;
use crate::store::sqlite::SqliteTx;
use crate::time::{Entropy, Timestamp, random};

/// What a write returns: the entry as it is now, and what came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The entry.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as `@Name`.
    pub title: String,
    /// Its heads now: the base of the next edit.
    pub heads: Vec<ChangeHash>,
    /// The parts that the write made, in the order of its edits.
    pub parts: Vec<Part>,
}

/// The sealed bytes that an edit's changes bring and end.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) brings: Vec<BlobRef>,
    pub(super) ends: Vec<BlobId>,
}

/// One unit of work on one entry, inside a transaction.
pub(super) struct Write<'w, 't> {
    shared: &'w OpenJournal,
    tx: &'w mut SqliteTx<'t>,
    id: EntryId,
    /// When its changes are made.
    at: Timestamp,
    people: People,
    open: Option<OpenDocument>,
    parts: Vec<Part>,
    /// Everything derived of the entry is written already.
    derived: bool,
}

impl Engine {
    /// Makes a new entry, saved at once. People in its texts are given as `@Name`.
    pub fn create_entry(&self, new: NewEntry) -> Result<Edited> {
        let id = EntryId::from_bytes(random(&mut self.shared.entropy.clone()));
        let ((), edited, kept) = self.unit(id, |write| write.create(&new))?;
        self.shared.warm.keep(Some(kept));
        Ok(edited)
    }

    /// Carries out all of `edits` on an entry, as one change. Where one of them makes no sense, none is carried out.
    pub fn edit(&self, id: EntryId, edits: &[Edit]) -> Result<Edited> {
        self.edit_named(id, edits, None)
    }

    /// The same where the writer of the texts saw these people's names: one who came, or was renamed, while they were
    /// written is not confused with one who was there.
    pub fn edit_shown(&self, id: EntryId, edits: &[Edit], names: &People) -> Result<Edited> {
        self.edit_named(id, edits, Some(names))
    }

    fn edit_named(&self, id: EntryId, edits: &[Edit], names: Option<&People>) -> Result<Edited> {
        let (_, edited) = self.write(id, |write| {
            if let Some(names) = names {
                write.people = names.clone();
            }
            write.edit(edits, Files::default())
        })?;
        if edits.iter().any(|edit| matches!(edit, Edit::Detach(_))) {
            sweep_unwanted(&self.shared)?;
        }
        Ok(edited)
    }

    /// Writes the texts that the entry had at `heads` as a new edit.
    pub fn restore(&self, id: EntryId, heads: &[ChangeHash]) -> Result<Edited> {
        self.edit(id, &[Edit::RestoreTexts(heads.to_vec())])
    }

    /// Destroys an entry on every device. Returns false where it was destroyed before.
    pub fn erase(&self, id: EntryId) -> Result<bool> {
        let erased = self
            .commit(|shared, tx| Ok(rules::erase(tx, &shared.identity, &mut shared.entropy.clone(), id)?.is_some()))?;
        sweep_unwanted(&self.shared)?;
        Ok(erased)
    }

    /// Whether a text, as it is stored, has no more bytes than one text of an entry can hold.
    pub fn fits_a_text(&self, text: &str) -> Result<bool> {
        Ok(self.people()?.to_tokens(text, "").len() <= MAX_TEXT)
    }

    /// One unit of work on an entry that is here. Its document stays open for the next one.
    pub(super) fn write<R>(
        &self,
        id: EntryId,
        work: impl FnOnce(&mut Write<'_, '_>) -> Result<R>,
    ) -> Result<(R, Edited)> {
        // Outside the transaction: what is noted of a large document must be durable before it is opened.
        let _opening = if self.shared.warm.has(&self.shared, id)? { None } else { opening(&self.shared, id)? };
        let (out, edited, kept) = self.unit(id, work)?;
        self.shared.warm.keep(Some(kept));
        Ok((out, edited))
    }

    /// One unit of work: `work`, and the list row of what came of it, in one transaction. Also returns the document.
    pub(super) fn unit<R>(
        &self,
        id: EntryId,
        work: impl FnOnce(&mut Write<'_, '_>) -> Result<R>,
    ) -> Result<(R, Edited, OpenDocument)> {
        self.commit(|shared, tx| {
            let (people, at) = (read_model::people(tx)?, shared.clock.now());
            let mut write = Write { shared, tx, id, at, people, open: None, parts: Vec::new(), derived: false };
            let out = work(&mut write)?;
            let (edited, kept) = write.end()?;
            Ok((out, edited, kept))
        })
    }

    /// One committed write. A commit that failed may have numbered a change, so the next one has a new actor.
    pub(super) fn commit<R>(&self, f: impl FnOnce(&OpenJournal, &mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        let out = self.shared.store.write_sql(|tx| f(&self.shared, tx));
        match &out {
            Ok(_) => {
                self.shared.changed();
                derive_soon(&self.shared);
            }
            Err(_) => self.shared.redraw_actor(),
        }
        out
    }
}

impl Write<'_, '_> {
    /// Makes the entry.
    pub(super) fn create(&mut self, new: &NewEntry) -> Result<()> {
        let new = new.to_tokens(&self.people);
        self.begin(&new, self.shared.actor(), &mut self.shared.entropy.clone())
    }

    /// Makes the entry, whose texts have people as tokens, as `actor`'s, with ids from `entropy`.
    pub(super) fn begin(&mut self, new: &NewEntry, actor: Actor, entropy: &mut dyn Entropy) -> Result<()> {
        let (document, chunks) = EntryDocument::create(self.id, actor, self.at, new, entropy)?;
        append_changes(self.shared, self.tx, self.id, chunks, Files::default())?;
        self.made(document)
    }

    /// Makes the entry again as `entry` reads, with every id in it; `brings` are the bytes of its files.
    pub(super) fn begin_again(&mut self, entry: &Entry, brings: Vec<BlobRef>) -> Result<()> {
        let (document, chunks) = EntryDocument::recreate(entry, self.shared.actor(), &mut self.shared.entropy.clone())?;
        append_changes(self.shared, self.tx, self.id, chunks, Files { brings, ends: Vec::new() })?;
        self.made(document)
    }

    fn made(&mut self, document: EntryDocument) -> Result<()> {
        let kept = OpenDocument::made(self.shared, self.tx, document.by(self.shared.actor()))?;
        let sections = kept.entry.sections.iter().filter(|section| section.id != MAIN_SECTION);
        self.parts.extend(sections.map(|section| Part::Section(section.id)));
        self.open = Some(kept);
        Ok(())
    }

    /// Dates what is written from now on.
    pub(super) fn set_time(&mut self, at: Timestamp) {
        self.at = at;
    }

    /// Carries out edits as one change. Returns the texts that they wrote whole, as each reads now, people as `@Name`.
    pub(super) fn edit(&mut self, edits: &[Edit], mut files: Files) -> Result<Vec<String>> {
        let mut kept = match self.open.take() {
            Some(kept) => kept,
            None => document_cache::open(self.shared, self.tx, self.id)?,
        };
        let edits = with_tokens(&kept, &self.people, edits)?;
        check_files(&kept.entry, &edits, &mut files)?;
        let OpenDocument { document, entry, .. } = &mut kept;
        let Applied { parts, texts, changes } =
            document.edit_read(entry, self.at, &mut self.shared.entropy.clone(), &edits)?;
        if !changes.is_empty() {
            kept.changes += changes.len();
            append_changes(self.shared, self.tx, self.id, changes, files)?;
            kept.edited(self.tx)?;
        }
        self.parts.extend(parts);
        self.open = Some(kept);
        Ok(texts.iter().map(|(_, text)| self.people.shown(text)).collect())
    }

    /// Drops drafts: they are changes now.
    pub(super) fn drop_drafts(&mut self, fields: impl IntoIterator<Item = TextField>) -> Result<()> {
        fields.into_iter().try_for_each(|field| self.tx.drop_draft(self.id, field))
    }

    /// Derives everything of the entry in this transaction: an import of many would otherwise commit each twice.
    pub(super) fn derive(&mut self) -> Result<()> {
        if let Some(kept) = &self.open {
            read_model::put_all(self.tx, &kept.entry, kept.document.operations())?;
            self.derived = true;
        }
        Ok(())
    }

    /// Writes the list row. The text and the search row follow soon: cutting five hundred words and putting them into
    /// the index takes longer than the rest of a save.
    fn end(self) -> Result<(Edited, OpenDocument)> {
        let Self { shared, tx, id, open, parts, derived, .. } = self;
        let kept = match open {
            Some(kept) => kept,
            None => document_cache::open(shared, tx, id)?,
        };
        let entry = &kept.entry;
        if !derived {
            read_model::put_row(tx, entry)?;
        }
        // As they are called now, whatever names the writer saw.
        let title = read_model::people(tx)?.shown(&entry.title);
        Ok((Edited { id, kind: entry.kind, title, heads: entry.heads.clone(), parts }, kept))
    }
}

/// Refuses a write of a whole text without the heads that its writer saw. `done` is what was done with the text.
pub(super) fn is_base(base: &[ChangeHash], done: &str) -> Result<()> {
    if base.is_empty() {
        return Err(Error::invalid(
            format!("a text was {done} on no heads"),
            "give the heads that came with the text, so that what a sync brings stays",
        )
        .about("base"));
    }
    Ok(())
}

/// Returns the edits as they are stored: `@Name`s of what the writer changed are tokens.
fn with_tokens(kept: &OpenDocument, people: &People, edits: &[Edit]) -> Result<Vec<Edit>> {
    let mut earlier: BTreeMap<&[ChangeHash], Entry> = BTreeMap::new();
    let mut stored = Vec::with_capacity(edits.len());
    for edit in edits {
        let Edit::SetText { field, base, .. } = edit else {
            stored.push(edit.to_tokens(people, ""));
            continue;
        };
        is_base(base, "written")?;
        if *base != kept.entry.heads && !earlier.contains_key(base.as_slice()) {
            earlier.insert(base, kept.document.entry_at(base)?);
        }
        let seen = earlier.get(base.as_slice()).unwrap_or(&kept.entry);
        let before = match field.of(seen) {
            Some(before) => before,
            // It came after what its writer names as seen.
            None if field.of(&kept.entry).is_some() && *field != TextField::Body => return Err(no_such("text")),
            // It was put away: what someone writes into it meanwhile is kept with it.
            None => "",
        };
        stored.push(edit.to_tokens(people, before));
    }
    Ok(stored)
}

/// Adds the bytes of files that are taken off, and refuses a file whose bytes do not come with the edit.
fn check_files(entry: &Entry, edits: &[Edit], files: &mut Files) -> Result<()> {
    for edit in edits {
        match edit {
            Edit::Detach(id) => {
                let attachment = entry.attachments.iter().find(|attachment| attachment.id == *id);
                files.ends.push(attachment.ok_or_else(|| no_such("attachment"))?.blob);
            }
            Edit::Attach(new) if files.brings.iter().all(|blob| blob.id != new.blob) => {
                let what = "a file was attached without its bytes";
                return Err(Error::invalid(what, "attach the file itself").about("file"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Appends the changes of one edit. The first of them brings and ends these blobs.
pub(super) fn append_changes(
    shared: &OpenJournal,
    tx: &mut SqliteTx<'_>,
    id: EntryId,
    chunks: Vec<Vec<u8>>,
    mut files: Files,
) -> Result<()> {
    chunks.into_iter().try_for_each(|chunk| append_change(shared, tx, id, chunk, std::mem::take(&mut files)))
}

pub(super) fn append_change(
    shared: &OpenJournal,
    tx: &mut SqliteTx<'_>,
    id: EntryId,
    chunk: Vec<u8>,
    Files { brings, ends }: Files,
) -> Result<()> {
    let here: Vec<_> = brings.iter().map(|blob| blob.id).collect();
    let operation = Operation::change(id, chunk, brings, ends)?;
    // Its reader's bound, also where it is written down again later, with the log it stood in first.
    let first_log = Some(LogId { device: shared.identity.device(), incarnation: Incarnation::from_bytes([0; 8]) });
    if Envelope::decode(&Envelope { first_log, ..operation.envelope.clone() }.encode()).is_err() {
        return Err(Error::invalid(
            "these are more files than can be attached, or taken away, at once",
            "nothing was changed; take several steps, with a few hundred files each",
        )
        .about("file"));
    }
    rules::append(tx, &shared.identity, &mut shared.entropy.clone(), vec![operation])?;
    for blob in here {
        // Sweeping removes bytes inside a write of its own: what is here now, and named from now on, stays.
        if !shared.blobs.has(id, &blob) {
            return Err(Error::internal("an attachment's sealed bytes are gone before its entry named them"));
        }
        // Durable before; there is no moment at which the entry names them and they count as missing.
        tx.set_blob(id, blob, &[], true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
