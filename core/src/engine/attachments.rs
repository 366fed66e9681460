//! Files of entries: taken in, given out, taken away; and the blobs behind them as sessions see them.

use std::io::{Read, Write};

use super::Engine;
use super::clear::clear_away;
use super::entries::{Written, by_prefix, no_such};
use crate::crypto::HashKey;
use crate::document::NewAttachment;
use crate::error::{Code, Error, Result};
use crate::id::{AttachmentId, BlobId, EntryId};
use crate::journal::Attachment;
use crate::log::BlobRef;
use crate::store::blobs::{self, BlobStore};
use crate::store::error::StoreError;
use crate::store::{StorageExt, WantedBlob};
use crate::sync::BlobBytes;
use crate::time::{Entropy, random};

/// The longest file that can be attached, in bytes.
const MAX_FILE: u64 = 10 << 20;

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
    pub fn attach(&self, id: EntryId, reader: &mut dyn Read, file: NewFile) -> Result<(AttachmentId, Written)> {
        let blob = self.take_in(reader)?;
        let attached = self.edit_with_blobs(id, |editor, _, _| {
            let attachment = editor.add_attachment(&file.attachment(&blob))?;
            Ok((attachment, vec![blob.clone()], Vec::new()))
        });
        if attached.is_err() {
            // Nothing names these bytes; what can't be removed now is found by `doctor`.
            let _ = self.shared.blobs.remove(&blob.id);
        }
        let attached = attached?;
        // From here on the entry names them: whatever fails, they stay.
        self.mark_here(&blob)?;
        Ok(attached)
    }

    /// Seals bytes under a fresh key of their own and says what to call them.
    pub(super) fn take_in(&self, reader: &mut dyn Read) -> Result<BlobRef> {
        let mut entropy = self.shared.entropy.clone();
        let key = HashKey::from_bytes(random(&mut entropy));
        let mut limited = reader.take(MAX_FILE + 1);
        let (id, len) = self.shared.blobs.import(&mut limited, &key, &mut entropy)?;
        if len > MAX_FILE || len == 0 {
            self.shared.blobs.remove(&id)?;
            let why = if len == 0 { "the file to attach is empty" } else { "the file to attach is longer than 10 MB" };
            return Err(Error::invalid(
                why,
                "nothing was changed; attach another file, or a smaller version of this one",
            ));
        }
        Ok(BlobRef { id, key: *key.as_bytes(), len })
    }

    /// The bytes of a blob that a commit has brought are all here.
    pub(super) fn mark_here(&self, blob: &BlobRef) -> Result<()> {
        self.shared.store.write(|tx| tx.set_blob(blob.id, &[], true))?;
        self.shared.changed();
        Ok(())
    }

    /// Takes an attachment off an entry; its bytes go from every device.
    pub fn detach(&self, id: EntryId, attachment: AttachmentId) -> Result<Written> {
        let (_, written) = self.edit_with_blobs(id, |editor, entry, _| {
            let blob = find(&entry.attachments, attachment)?.blob;
            editor.detach(attachment)?;
            Ok(((), Vec::new(), vec![blob]))
        })?;
        clear_away(&self.shared)?;
        Ok(written)
    }

    /// Writes an attachment's bytes, checked, to `writer`. Answers how many.
    pub fn extract(&self, id: EntryId, attachment: AttachmentId, writer: &mut dyn Write) -> Result<u64> {
        let shown = self.show(id)?;
        let attachment = find(&shown.entry.attachments, attachment)?;
        let held = self.shared.store.read(|tx| tx.blob(attachment.blob))?.filter(|blob| blob.here);
        let Some(held) = held else {
            return Err(Error::new(
                Code::NotFound,
                "the bytes of this attachment are not on this device yet",
                "sync with a device that has them",
            ));
        };
        self.shared.blobs.export(&held.blob.id, held.blob.len, writer)?;
        Ok(held.blob.len)
    }

    /// The attachment of an entry whose id begins with `prefix`.
    pub fn resolve_attachment(&self, id: EntryId, prefix: &str) -> Result<AttachmentId> {
        let shown = self.show(id)?;
        by_prefix(shown.entry.attachments.iter().map(|one| one.id), ToString::to_string, prefix, "attachment")
    }
}

fn find(attachments: &[Attachment], id: AttachmentId) -> Result<&Attachment> {
    attachments.iter().find(|attachment| attachment.id == id).ok_or_else(|| no_such("attachment"))
}

impl BlobBytes for BlobStore {
    fn read_chunk(&self, blob: &WantedBlob, index: u32) -> Result<Vec<u8>> {
        Ok(Self::read_chunk(self, &blob.blob.id, blob.blob.len, index.into())?.to_vec())
    }

    fn write_chunk(&self, blob: &WantedBlob, index: u32, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<()> {
        Self::write_chunk(self, &blob.blob.id, blob.blob.len, index.into(), bytes, entropy)?;
        Ok(self.flush(&blob.blob.id)?)
    }

    fn finish(&self, blob: &WantedBlob) -> Result<bool> {
        match Self::finish(self, &blob.blob.id, &blob.blob.hash_key(), blob.blob.len) {
            Ok(()) => Ok(true),
            Err(StoreError::Corrupt(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, blob: BlobId) -> Result<()> {
        Ok(Self::remove(self, &blob)?)
    }
}

const _: () = assert!(blobs::CHUNK == <dyn BlobBytes>::CHUNK, "sessions and files cut blobs alike");
