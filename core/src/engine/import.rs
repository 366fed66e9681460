//! Taking in entries from elsewhere: each once, however often its source is read.
//!
//! An imported entry's id, its first change and every id in it come from the key of its source, so that reading the
//! same source twice, or on two devices, gives the same bytes and adds nothing.

use std::time::Duration;

use super::Engine;
use super::deriving::{merge_all, refresh_one};
use super::opening::opening;
use super::pack::IMPORTED;
use super::write::{Files, append_change};
use crate::crypto::{Derived, HashKey, Hasher};
use crate::document::{Actor, PeopleDocument};
use crate::error::{Error, Result};
use crate::id::{EntryId, PEOPLE};
use crate::journal::edit::Edit;
use crate::journal::people::Person;
use crate::journal::{Attachment, Entry, MarkGroup, NewEntry};
use crate::log::BlobRef;
use crate::replication::{StorageExt, Tx};
use crate::store::read_model;
use crate::time::{Timestamp, random};

/// How many bytes of an imported entry's id come from its source's key alone.
const SOURCE: usize = 8;

/// A file that comes with an imported entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAttachment {
    /// What is said of it.
    pub file: super::NewFile,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An entry from a source that is not a journal of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedEntry {
    /// Names the source's entry: the same for the same content.
    pub key: [u8; 32],
    /// What it says, people as `@Name`.
    pub new: NewEntry,
    /// Marks.
    pub marks: Vec<(MarkGroup, String)>,
    /// Files.
    pub attachments: Vec<ImportedAttachment>,
    /// When it was written, as far as the source says.
    pub written_at: Timestamp,
}

/// What became of an imported entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Created(EntryId),
    /// It was here, or was erased here.
    Unchanged(EntryId),
}

impl Engine {
    /// Takes in an entry from a foreign source.
    pub fn import_entry(&self, imported: ImportedEntry) -> Result<Imported> {
        if let Some(id) = self.imported(&imported.key)? {
            return Ok(Imported::Unchanged(id));
        }
        let new = imported.new.to_tokens(&self.people()?);
        // Everything that the first change says is in the seed: one id can only ever begin with one first change.
        let mut hasher = Hasher::keyed(&self.shared.identity.digest);
        hasher.update(b"import").update(&imported.key).update(&imported.written_at.0.to_le_bytes());
        hasher.update(&postcard::to_allocvec(&new).map_err(Error::internal)?);
        let mut seeded = Derived::from_key(HashKey::from_bytes(hasher.finish()));
        let mut id: [u8; EntryId::LEN] = random(&mut seeded);
        id[..SOURCE].copy_from_slice(&self.source_part(&imported.key));
        let id = EntryId::from_bytes(id);
        let brought =
            self.take_in_all(id, imported.attachments.iter().map(|one| Ok((one.bytes.as_slice(), one.file.clone()))))?;
        let committed = self.unit(id, |write| {
            write.set_time(imported.written_at);
            // By itself, so that two devices that read one source begin with the same bytes.
            write.begin(&new, Actor::draw(&mut seeded), &mut seeded)?;
            // Marks come from where a file lies, blobs are named by random keys: this change is this device's own.
            let marks = imported.marks.iter().map(|(group, word)| Edit::Mark(*group, word.clone()));
            let files = brought.iter().map(|(blob, file)| Edit::Attach(file.attachment(blob)));
            let edits: Vec<Edit> = marks.chain(files).collect();
            if !edits.is_empty() {
                let brings = brought.iter().map(|(blob, _)| blob.clone()).collect();
                write.edit(&edits, Files { brings, ends: Vec::new() })?;
            }
            write.derive()
        });
        if committed.is_err() {
            self.drop_sealed(id, brought.iter().map(|(blob, _)| blob));
        }
        committed?;
        self.pack_imported()?;
        Ok(Imported::Created(id))
    }

    /// Every so many imported entries, packs and merges what is there: nobody else waits meanwhile.
    fn pack_imported(&self) -> Result<()> {
        if self.shared.count_imported().is_multiple_of(IMPORTED) {
            self.pack(Duration::MAX)?;
            merge_all(&self.shared)?;
        }
        Ok(())
    }

    /// Takes in an entry that a journal of ours exported, with every id it had. `bytes` gives an attachment's bytes.
    pub fn import_own(
        &self,
        entry: &Entry,
        mut bytes: impl FnMut(&Attachment) -> Result<Option<Vec<u8>>>,
    ) -> Result<Imported> {
        if self.is_known(entry.id)? {
            return Ok(Imported::Unchanged(entry.id));
        }
        let mut copy = entry.clone();
        copy.attachments.clear();
        // Bytes that the export did not have are not wanted from anyone: the attachment stays, without them.
        let given = entry.attachments.iter().filter_map(|attachment| match bytes(attachment) {
            Ok(Some(bytes)) => Some(Ok((bytes, attachment.clone()))),
            Ok(None) => {
                copy.attachments.push(attachment.clone());
                None
            }
            Err(error) => Some(Err(error)),
        });
        let mut brought = self.take_in_all(entry.id, given)?;
        for (blob, kept) in &mut brought {
            (kept.blob, kept.bytes) = (blob.id, blob.len);
            copy.attachments.push(kept.clone());
        }
        let committed = self.unit(entry.id, |write| {
            write.begin_again(&copy, brought.iter().map(|(blob, _)| blob.clone()).collect())?;
            write.derive()
        });
        if committed.is_err() {
            self.drop_sealed(entry.id, brought.iter().map(|(blob, _)| blob));
        }
        committed?;
        self.pack_imported()?;
        Ok(Imported::Created(entry.id))
    }

    /// Seals the bytes of every file of one entry, or leaves none of them.
    fn take_in_all<B: AsRef<[u8]>, T>(
        &self,
        entry: EntryId,
        files: impl IntoIterator<Item = Result<(B, T)>>,
    ) -> Result<Vec<(BlobRef, T)>> {
        let mut brought = Vec::new();
        for file in files {
            let sealed = file.and_then(|(bytes, of)| Ok((self.take_in(entry, &mut bytes.as_ref())?, of)));
            match sealed {
                Ok(sealed) => brought.push(sealed),
                Err(error) => {
                    self.drop_sealed(entry, brought.iter().map(|(blob, _)| blob));
                    return Err(error);
                }
            }
        }
        Ok(brought)
    }

    /// Adds people that an export names; those that are known keep their names. Answers how many were new.
    pub fn import_people(&self, people: &[Person]) -> Result<u64> {
        let opened = opening(&self.shared, PEOPLE)?;
        let new = self.commit(|shared, tx| {
            let known = read_model::people(tx)?;
            let new: Vec<_> = people.iter().filter(|person| known.get(&person.token).is_none()).collect();
            if new.is_empty() {
                return Ok(0);
            }
            let mut document = read_model::open_people(tx, shared.actor())?;
            if tx.document(PEOPLE)?.is_none() {
                let first = PeopleDocument::first_change()?;
                append_change(shared, tx, PEOPLE, first, Files::default())?;
            }
            for person in &new {
                if let Some(chunk) = document.restore(shared.clock.now(), person)? {
                    append_change(shared, tx, PEOPLE, chunk, Files::default())?;
                }
            }
            Ok(new.len() as u64)
        })?;
        drop(opened);
        // Texts that held these tokens already show names from now on.
        refresh_one(&self.shared, PEOPLE)?;
        Ok(new)
    }

    /// The entry that was imported from the source's entry of this key, here or erased here.
    pub fn imported(&self, key: &[u8; 32]) -> Result<Option<EntryId>> {
        let bound = |fill: u8| {
            let mut id = [fill; EntryId::LEN];
            id[..SOURCE].copy_from_slice(&self.source_part(key));
            EntryId::from_bytes(id)
        };
        self.shared.store.read_sql(|tx| tx.any_entry_between(bound(0), bound(u8::MAX)))
    }

    /// How ids of entries from this source's entry begin in this journal: by it, the same content is known again
    /// although its file was touched meanwhile, and a first change made of other bytes.
    fn source_part(&self, key: &[u8; 32]) -> [u8; SOURCE] {
        let mut hasher = Hasher::keyed(&self.shared.identity.digest);
        hasher.update(b"imported from").update(key);
        random(&mut Derived::from_key(HashKey::from_bytes(hasher.finish())))
    }

    /// Whether an entry is here, or was and is erased.
    pub fn is_known(&self, id: EntryId) -> Result<bool> {
        self.shared.store.read(|tx| Ok(tx.document(id)?.is_some() || tx.is_erased(id)?))
    }
}
