//! Taking in entries from elsewhere: each once, however often its source is read.
//!
//! An imported entry's id, its first change and every id in it come from the key of its source, so that reading the
//! same source twice, or on two devices, gives the same bytes and adds nothing.

use super::Engine;
use super::entries::{append_change, finish};
use crate::crypto::{Derived, HashKey, Hasher};
use crate::document::{Actor, EntryDocument, NewAttachment};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::journal::{MarkGroup, NewEntry};
use crate::log::BlobRef;
use crate::store::StorageExt;
use crate::time::{Timestamp, random};

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
    /// What it says.
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
        // Everything that the first change says is in the seed: one id can only ever begin with one first change.
        let mut hasher = Hasher::keyed(&self.shared.identity.digest);
        hasher.update(b"import").update(&imported.key).update(&imported.written_at.0.to_le_bytes());
        hasher.update(&postcard::to_allocvec(&imported.new).map_err(Error::internal)?);
        let mut seeded = Derived::from_key(HashKey::from_bytes(hasher.finish()));
        let id = EntryId::from_bytes(random(&mut seeded));
        if self.is_known(id)? {
            return Ok(Imported::Unchanged(id));
        }
        let mut brought = Vec::new();
        for attachment in &imported.attachments {
            brought.push((self.take_in(&mut attachment.bytes.as_slice())?, attachment.file.clone()));
        }
        self.commit(|shared, tx| {
            // By itself, so that two devices that read one source begin with the same bytes.
            let actor = Actor::draw(&mut seeded);
            let (document, chunk) = EntryDocument::create(id, actor, imported.written_at, &imported.new, &mut seeded)?;
            append_change(shared, tx, id, chunk, Vec::new(), Vec::new())?;
            // Marks come from where a file lies, blobs are named by random keys: this change is this device's own.
            let mut own = EntryDocument::load(id, shared.actor(), Some(&document.save()), &[])?.document;
            let ((), chunk) = own.edit(imported.written_at, &mut shared.entropy.clone(), |editor| {
                imported.marks.iter().try_for_each(|(group, word)| editor.mark(*group, word))?;
                brought.iter().try_for_each(|(blob, file)| editor.add_attachment(&attachment(blob, file)).map(drop))
            })?;
            if let Some(chunk) = chunk {
                let brings = brought.iter().map(|(blob, _)| blob.clone()).collect();
                append_change(shared, tx, id, chunk, brings, Vec::new())?;
            }
            finish(tx, &own)
        })?;
        for (blob, _) in &brought {
            self.mark_here(blob)?;
        }
        Ok(Imported::Created(id))
    }

    /// Whether an entry is here, or was and is erased.
    fn is_known(&self, id: EntryId) -> Result<bool> {
        self.shared.store.read(|tx| Ok(tx.document(id)?.is_some() || tx.is_erased(id)?))
    }
}

fn attachment(blob: &BlobRef, file: &super::NewFile) -> NewAttachment {
    NewAttachment {
        blob: blob.id,
        mime: file.mime.clone(),
        bytes: blob.len,
        caption: file.caption.clone(),
        alt: file.alt.clone(),
        credit: file.credit.clone(),
    }
}
