//! Files of entries: taken in, given out, taken away; and the blobs behind them as sessions see them.

use std::io::{Read, Write};

use super::Engine;
use super::entries::{by_prefix, no_such};
use super::write::{Edited, Files};
use crate::blobs::{BlobStore, Taken};
use crate::crypto::HashKey;
use crate::error::{Code, Error, Result};
use crate::id::{AttachmentId, BlobId, EntryId};
use crate::journal::Attachment;
use crate::journal::edit::{Edit, NewAttachment, Part};
use crate::log::BlobRef;
use crate::replication::{StorageExt, WantedBlob};
use crate::sync::BlobBytes;
use crate::time::{Entropy, random};

/// What is said of a file when it is attached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewFile {
    /// Media type.
    pub mime: String,
    /// The writer's caption.
    pub caption: Option<String>,
    /// What the picture shows.
    pub alt: Option<String>,
    /// Whose it is.
    pub credit: Option<String>,
}

impl NewFile {
    /// The attachment that these bytes become.
    pub(super) fn attachment(&self, blob: &BlobRef) -> NewAttachment {
        NewAttachment {
            blob: blob.id,
            mime: self.mime.clone(),
            bytes: blob.len,
            caption: self.caption.clone(),
            alt: self.alt.clone(),
            credit: self.credit.clone(),
        }
    }
}

impl Engine {
    /// Attaches what `reader` gives. The bytes are sealed and durable before the entry names them.
    pub fn attach(&self, id: EntryId, reader: &mut dyn Read, file: NewFile) -> Result<(AttachmentId, Edited)> {
        let blob = self.take_in(id, reader)?;
        let edits = [Edit::Attach(file.attachment(&blob))];
        let files = Files { brings: vec![blob.clone()], ends: Vec::new() };
        let attached = self.write(id, |write| write.edit(&edits, files).map(drop));
        if attached.is_err() {
            self.drop_sealed(id, [&blob]);
        }
        let ((), edited) = attached?;
        match edited.parts.first() {
            Some(Part::Attachment(made)) => Ok((*made, edited)),
            _ => Err(Error::internal("an attachment was made without an id")),
        }
    }

    /// Removes an entry's sealed bytes whose commit failed, but for what a log names: a commit may be durable although
    /// its end was never heard of. What can't be looked up or removed now is swept later.
    pub(super) fn drop_sealed<'a>(&self, entry: EntryId, blobs: impl IntoIterator<Item = &'a BlobRef>) {
        for blob in blobs {
            if matches!(self.shared.store.read(|tx| tx.blob(entry, blob.id)), Ok(None)) {
                let _ = self.shared.blobs.remove(entry, &blob.id);
            }
        }
    }

    /// Seals bytes for an entry under a fresh key of their own and says what to call them.
    pub(super) fn take_in(&self, entry: EntryId, reader: &mut dyn Read) -> Result<BlobRef> {
        let mut entropy = self.shared.entropy.clone();
        let key = HashKey::from_bytes(random(&mut entropy));
        let blob = self.shared.blobs.import(entry, reader, &key, &mut entropy)?;
        if blob.len == 0 {
            self.shared.blobs.remove(entry, &blob.id)?;
            return Err(
                Error::invalid("the file to attach is empty", "nothing was changed; attach another file").about("file")
            );
        }
        Ok(blob)
    }

    /// Takes an attachment off an entry; its bytes go from every device.
    pub fn detach(&self, id: EntryId, attachment: AttachmentId) -> Result<Edited> {
        self.edit(id, &[Edit::Detach(attachment)])
    }

    /// Writes an attachment's bytes, checked, to `writer`. Answers how many.
    pub fn extract(&self, id: EntryId, attachment: AttachmentId, writer: &mut dyn Write) -> Result<u64> {
        let shown = self.stored_entry(id)?;
        let attachment = find(&shown.entry.attachments, attachment)?;
        let held = self.shared.store.read(|tx| tx.blob(id, attachment.blob))?.filter(|blob| blob.here);
        let Some(held) = held else {
            return Err(Error::new(
                Code::NotFound,
                "the bytes of this attachment are not on this device yet",
                "sync with a device that has them",
            ));
        };
        self.shared.blobs.export(id, &held.blob, writer)?;
        Ok(held.blob.len)
    }

    /// The attachment of an entry whose id begins with `prefix`.
    pub fn resolve_attachment(&self, id: EntryId, prefix: &str) -> Result<AttachmentId> {
        let shown = self.stored_entry(id)?;
        by_prefix(shown.entry.attachments.iter().map(|one| one.id), ToString::to_string, prefix, "attachment")
    }
}

fn find(attachments: &[Attachment], id: AttachmentId) -> Result<&Attachment> {
    attachments.iter().find(|attachment| attachment.id == id).ok_or_else(|| no_such("attachment"))
}

impl BlobBytes for BlobStore {
    fn read(&self, blob: &WantedBlob, parts: &[u32]) -> Result<Vec<Vec<u8>>> {
        let read = Self::read(self, blob.entry, &blob.blob, parts)?;
        Ok(read.into_iter().map(|mut bytes| std::mem::take(&mut *bytes)).collect())
    }

    fn store(&self, blob: &WantedBlob, parts: &[(u32, &[u8])], entropy: &mut dyn Entropy) -> Result<Taken> {
        Ok(Self::store(self, blob.entry, &blob.blob, parts, entropy)?)
    }

    fn alone(&self) -> Result<Box<dyn Send>> {
        Ok(Box::new(Self::alone(self)?))
    }

    fn finish(&self, blob: &WantedBlob) -> Result<()> {
        Ok(Self::finish(self, blob.entry, &blob.blob.id)?)
    }

    fn remove(&self, entry: EntryId, blob: BlobId) -> Result<()> {
        Ok(Self::remove(self, entry, &blob)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::alone::made;
    use super::*;
    use crate::journal::{Kind, NewEntry};

    #[test]
    fn more_files_than_an_operation_can_name_are_refused_before_anything_is_written() {
        let (_folder, engine) = made();
        let new = NewEntry { kind: Kind::Note, title: "t".into(), body: "b".into(), sections: vec![], happened: None };
        let before = engine.create_entry(new).unwrap();
        let many = |count: u16| -> Vec<BlobId> {
            (0..count)
                .map(|n| {
                    let mut id = [7; BlobId::LEN];
                    id[..2].copy_from_slice(&n.to_le_bytes());
                    BlobId::from_bytes(id)
                })
                .collect()
        };
        let ends = |count| {
            let files = Files { brings: Vec::new(), ends: many(count) };
            engine.write(before.id, |write| write.edit(&[Edit::SetTrashed(true)], files))
        };
        let refused = ends(2_100).unwrap_err();
        assert_eq!((refused.code, refused.about), (Code::Invalid, "file"));
        assert_eq!(engine.heads(before.id).unwrap(), before.heads);
        assert!(!engine.stored_entry(before.id).unwrap().entry.trashed);
        ends(1_000).unwrap();
        assert!(engine.stored_entry(before.id).unwrap().entry.trashed);
    }
}
