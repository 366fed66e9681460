//! Attachments' bytes at rest: one file per blob, sealed part by part, never more than a few parts in memory.
//!
//! A blob is cut into the parts of `tree`: chunks, then the nodes above them. `file = SealPart_k(place(0), p₀) ‖
//! SealPart_k(place(1), p₁) ‖ …`, `k` for this file alone and `place(i) = attachment's key ‖ i ‖ length`; so a part moved,
//! swapped, or kept from another blob does not open. A blob that is still arriving is a file of its full size with holes;
//! which parts it has, the database knows, and each was checked against its parent before it was written.

mod sealed;
mod tree;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use self::sealed::{Nodes, Run, Sealed, damaged, failed};
pub use self::tree::{CHUNK, Shape, has, parts_of, set};
use crate::crypto::{BlobKey, Domain, HashKey, Hasher};
use crate::files::{StoreError, StoreResult, make_folder, new_file, sync_folder};
use crate::id::{BlobId, EntryId};
use crate::log::{BlobRef, MAX_BLOB};
use crate::time::{Entropy, Timestamp, random};

/// A file that an import left behind is swept away when it is this old; sweeping more often finds nothing.
pub const LEFTOVER_AGE_MS: i64 = 24 * 60 * 60 * 1000;

/// The name of a blob's file, whole or arriving: which blob of which entry it is, only who knows both can tell.
pub type FileName = [u8; 32];

/// What became of parts that came for a blob.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Which parts are now durable here.
    pub parts: Vec<u32>,
    /// How many were not what the blob has there.
    pub damaged: u64,
    /// Parts that were here and can't be read any more: to be fetched again.
    pub lost: Vec<u32>,
    /// The whole blob is here already, checked.
    pub whole: bool,
}

/// The folder of sealed blobs.
#[derive(Clone)]
pub struct BlobStore {
    folder: PathBuf,
    key: BlobKey,
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobStore")
    }
}

fn too_long() -> StoreError {
    StoreError::Invalid("an attachment is longer than 16 GiB".to_owned())
}

/// The name of a blob's file. A blob belongs to one entry, and its file does: were two entries to name one blob, each has
/// a file of its own, and what ends one does not touch the other.
pub fn file_name(entry: EntryId, blob: &BlobId) -> FileName {
    Hasher::new(Domain::BlobFile).update(entry.as_bytes()).update(blob.as_bytes()).finish()
}

impl BlobStore {
    /// The blobs in `folder`, which is made if need be, sealed under `key`.
    pub fn new(folder: &Path, key: BlobKey) -> StoreResult<Self> {
        // One that stands open to others is found, closed and named by whoever opens the journal.
        if !folder.is_dir() {
            make_folder(folder)?;
        }
        Ok(Self { folder: folder.to_owned(), key })
    }

    fn sealed(&self, file: &[u8; 32], attachment: &HashKey, length: u64, bound: u64) -> StoreResult<Sealed> {
        let key = self.key.of(file).map_err(|_| StoreError::Internal("a key could not be made".to_owned()))?;
        let shape = Shape::new(length).ok_or_else(too_long)?;
        Ok(Sealed { shape, key, attachment: attachment.clone(), length: bound })
    }

    fn of(&self, entry: EntryId, blob: &BlobRef) -> StoreResult<Sealed> {
        self.sealed(&file_name(entry, &blob.id), &blob.hash_key(), blob.len, blob.len)
    }

    /// Takes in everything that `reader` gives, for `entry`: its name under `key`, its length. Durable when this returns.
    ///
    /// The name is known only at the end, and the seals are bound to it; so the bytes are first sealed under a random
    /// name and then once more under their own, and are never on the disk in clear.
    pub fn import(
        &self,
        entry: EntryId,
        reader: &mut dyn Read,
        key: &HashKey,
        entropy: &mut dyn Entropy,
    ) -> StoreResult<BlobRef> {
        let arriving: [u8; 32] = random(entropy);
        let arriving_path = self.leftover(&arriving);
        let sealed_path = self.leftover(&random(entropy));
        let done = self.import_by(entry, reader, key, &arriving, &arriving_path, &sealed_path, entropy);
        // On success only the first is still there. What can't be removed now is swept later.
        let _ = fs::remove_file(&arriving_path);
        if done.is_err() {
            let _ = fs::remove_file(&sealed_path);
        }
        done
    }

    #[allow(clippy::too_many_arguments, reason = "the two files of an import, so that its caller can remove them")]
    fn import_by(
        &self,
        entry: EntryId,
        reader: &mut dyn Read,
        key: &HashKey,
        arriving: &[u8; 32],
        arriving_path: &Path,
        sealed_path: &Path,
        entropy: &mut dyn Entropy,
    ) -> StoreResult<BlobRef> {
        let mut hasher = Hasher::keyed(key);
        let mut length = 0;
        // The length is not known yet, so the first seal is bound to none.
        let first = self.sealed(arriving, key, MAX_BLOB, 0)?;
        let mut file = new_file(arriving_path).map_err(|error| failed(&error))?;
        let mut buffer = Zeroizing::new(vec![0; CHUNK as usize]);
        let mut sealed = Vec::new();
        loop {
            let read = fill(reader, &mut buffer)
                .map_err(|error| StoreError::io("the file to attach could not be read", &error))?;
            if read == 0 {
                break;
            }
            let chunk = &buffer[..read];
            hasher.update(chunk);
            sealed.clear();
            first.seal(length / CHUNK, chunk, entropy, &mut sealed)?;
            file.write_all(&sealed).map_err(|error| failed(&error))?;
            length += read as u64;
            if length > MAX_BLOB {
                return Err(StoreError::Invalid("the file to attach is longer than 16 GiB".to_owned()));
            }
        }
        let blob = BlobRef { id: BlobId::from_bytes(hasher.finish()), key: *key.as_bytes(), len: length };
        let of = self.of(entry, &blob)?;

        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        let mut target = new_file(sealed_path).map_err(|error| failed(&error))?;
        let mut nodes = Nodes::default();
        for part in 0..of.shape.chunks() {
            let chunk = first.read_next(&mut file, part, of.shape.part_len(part).unwrap_or(0))?;
            of.write(&mut target, part, &chunk, entropy)?;
            if of.shape.parent(part).is_some()
                && let Some(node) = of.shape.node(key, part, &chunk)
            {
                nodes.push(&of, &mut target, 0, node, entropy)?;
            }
        }
        nodes.finish(&of, &mut target, entropy)?;
        target.sync_all().map_err(|error| failed(&error))?;
        self.rename(sealed_path, &self.path(entry, &blob.id))?;
        Ok(blob)
    }

    /// Waits until nobody else, in this process or another, stores parts; they wait until this is dropped.
    pub fn alone(&self) -> StoreResult<File> {
        let folder = File::open(&self.folder).map_err(|error| failed(&error))?;
        folder.lock().map_err(|error| failed(&error))?;
        Ok(folder)
    }

    /// Stores parts of a blob that is arriving, each checked against the part above it. Durable when this returns.
    pub fn store(
        &self,
        entry: EntryId,
        blob: &BlobRef,
        parts: &[(u32, &[u8])],
        entropy: &mut dyn Entropy,
    ) -> StoreResult<Taken> {
        let of = self.of(entry, blob)?;
        let mut taken = Taken::default();
        if self.has(entry, &blob.id) {
            // Named before the database knew of it, or another blob's under the same name: looked at once, and settled.
            taken.whole = self.verify(entry, blob)?;
            if taken.whole {
                return Ok(taken);
            }
            self.remove(entry, &blob.id)?;
        }
        let mut file = self.part(entry, &blob.id, &of)?;
        let mut above: Option<(u64, Zeroizing<Vec<u8>>)> = None;
        let mut run = Run::default();
        for (part, bytes) in parts {
            let index = u64::from(*part);
            let parent = of.shape.parent(index).map(|(parent, _)| parent);
            if let Some(parent) = parent
                && above.as_ref().is_none_or(|(held, _)| *held != parent)
            {
                run.write(&mut file)?;
                above = match of.read(&mut file, parent) {
                    Ok(nodes) => Some((parent, nodes)),
                    Err(StoreError::Corrupt(_)) => {
                        if taken.lost.last() != Some(&(parent as u32)) {
                            taken.lost.push(parent as u32);
                        }
                        None
                    }
                    Err(error) => return Err(error),
                };
            }
            let known = |parent| above.as_ref().filter(|(held, _)| *held == parent).map(|(_, nodes)| nodes.as_slice());
            match of.shape.is_part(&blob.id, &of.attachment, index, bytes, known) {
                Some(true) => {
                    run.push(&of, &mut file, index, bytes, entropy)?;
                    taken.parts.push(*part);
                }
                Some(false) => taken.damaged += 1,
                // It came before what it is known by: a later Want asks for both.
                None => {}
            }
        }
        run.write(&mut file)?;
        file.sync_data().map_err(|error| failed(&error))?;
        Ok(taken)
    }

    /// Whether the whole blob is here: under its name, not as an arriving file.
    pub fn has(&self, entry: EntryId, blob: &BlobId) -> bool {
        self.path(entry, blob).exists()
    }

    /// Parts of a whole blob or of one that is arriving and has them, as many as can be read before the first that is
    /// missing or damaged.
    pub fn read(&self, entry: EntryId, blob: &BlobRef, parts: &[u32]) -> StoreResult<Vec<Zeroizing<Vec<u8>>>> {
        let of = self.of(entry, blob)?;
        let mut file = match self.open(entry, &blob.id) {
            Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            match of.read(&mut file, u64::from(*part)) {
                Ok(bytes) => read.push(bytes),
                Err(StoreError::Corrupt(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Whether the blob here (whole, or arriving) has exactly the bytes it is named by, and the nodes above them. Damage
    /// and missing parts are `false`; an error means that nobody can tell.
    pub fn verify(&self, entry: EntryId, blob: &BlobRef) -> StoreResult<bool> {
        match self.verify_parts(entry, blob) {
            Err(StoreError::Corrupt(_) | StoreError::NotFound(_)) => Ok(false),
            other => other,
        }
    }

    fn verify_parts(&self, entry: EntryId, blob: &BlobRef) -> StoreResult<bool> {
        let (of, mut file) = self.open_whole(entry, blob)?;
        let mut above: Option<(u64, Zeroizing<Vec<u8>>)> = None;
        for position in 0..of.shape.parts() {
            let Some(part) = of.shape.in_order(position) else { return Ok(false) };
            if let Some((parent, _)) = of.shape.parent(part)
                && above.as_ref().is_none_or(|(held, _)| *held != parent)
            {
                above = Some((parent, of.read(&mut file, parent)?));
            }
            let bytes = of.read(&mut file, part)?;
            let known = |_| above.as_ref().map(|(_, nodes)| nodes.as_slice());
            if of.shape.is_part(&blob.id, &of.attachment, part, &bytes, known) != Some(true) {
                return Ok(false);
            }
        }
        Ok(of.shape.parts() > 0 || *blob.id.as_bytes() == Hasher::keyed(&of.attachment).finish())
    }

    /// Gives a blob whose parts have all been stored its name. It may have it already.
    pub fn finish(&self, entry: EntryId, blob: &BlobId) -> StoreResult<()> {
        match fs::rename(self.part_path(entry, blob), self.path(entry, blob)) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.has(entry, blob) => Ok(()),
            other => other.and_then(|()| sync_folder(&self.folder)).map_err(|error| failed(&error)),
        }
    }

    /// Removes a blob, whole or in part. It may be gone already.
    pub fn remove(&self, entry: EntryId, blob: &BlobId) -> StoreResult<()> {
        self.remove_file(&file_name(entry, blob))
    }

    /// Removes the file of this name, whole or arriving. It may be gone already.
    pub fn remove_file(&self, file: &FileName) -> StoreResult<()> {
        let path = self.named(file);
        for path in [path.with_extension("part"), path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
                _ => {}
            }
        }
        sync_folder(&self.folder).map_err(|error| failed(&error))
    }

    /// Writes a blob's bytes in clear to `writer`. Bytes that are not the blob's are never written; but a damaged chunk
    /// may come after whole ones, so a writer to a file should rename it only after this returned.
    pub fn export(&self, entry: EntryId, blob: &BlobRef, writer: &mut dyn Write) -> StoreResult<()> {
        let (of, mut file) = self.open_whole(entry, blob)?;
        (0..of.shape.chunks()).try_for_each(|part| {
            let chunk = of.read(&mut file, part)?;
            writer.write_all(&chunk).map_err(|error| StoreError::io("the attachment could not be written", &error))
        })
    }

    /// Removes what killed imports left behind, once it is a day old; another process may be importing now. Answers the
    /// files of blobs, whole or arriving, that nobody touched for as long: whoever knows what the logs name gives those
    /// that none does to [`BlobStore::remove_file`].
    pub fn sweep(&self, now: Timestamp) -> StoreResult<Vec<FileName>> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let modified = entry.metadata().and_then(|data| data.modified()).ok();
            let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let age = modified.map_or(i64::MAX, |at| now.0.saturating_sub(at.as_millis() as i64));
            if age <= LEFTOVER_AGE_MS {
                continue;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".import") {
                let _ = fs::remove_file(entry.path());
            } else if let Ok(name) = HEXLOWER.decode(name.strip_suffix(".part").unwrap_or(&name).as_bytes()) {
                old.extend(FileName::try_from(name).ok());
            }
        }
        Ok(old)
    }

    fn open_whole(&self, entry: EntryId, blob: &BlobRef) -> StoreResult<(Sealed, File)> {
        let of = self.of(entry, blob)?;
        let file = self.open(entry, &blob.id)?;
        if file.metadata().map_err(|error| failed(&error))?.len() != of.file_len() {
            return Err(damaged());
        }
        Ok((of, file))
    }

    /// The file of an arriving blob, made at its full size: a disk that is too full for a hole is rare, one that fills
    /// up is found when a part is written.
    fn part(&self, entry: EntryId, blob: &BlobId, of: &Sealed) -> StoreResult<File> {
        let path = self.part_path(entry, blob);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                new_file(&path).and_then(|file| sync_folder(&self.folder).map(|()| file))
            }
            other => other,
        }
        .map_err(|error| failed(&error))?;
        if file.metadata().map_err(|error| failed(&error))?.len() != of.file_len() {
            file.set_len(of.file_len()).map_err(|error| failed(&error))?;
        }
        Ok(file)
    }

    fn open(&self, entry: EntryId, blob: &BlobId) -> StoreResult<File> {
        for path in [self.path(entry, blob), self.part_path(entry, blob)] {
            match File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return other.map_err(|error| failed(&error)),
            }
        }
        Err(StoreError::NotFound("the attachment's bytes are not on this device yet".to_owned()))
    }

    fn rename(&self, from: &Path, to: &Path) -> StoreResult<()> {
        fs::rename(from, to).and_then(|()| sync_folder(&self.folder)).map_err(|error| failed(&error))
    }

    /// The name is a hash over two random ones, so it says nothing about the bytes.
    fn path(&self, entry: EntryId, blob: &BlobId) -> PathBuf {
        self.named(&file_name(entry, blob))
    }

    fn named(&self, file: &FileName) -> PathBuf {
        self.folder.join(HEXLOWER.encode(file))
    }

    fn part_path(&self, entry: EntryId, blob: &BlobId) -> PathBuf {
        self.path(entry, blob).with_extension("part")
    }

    fn leftover(&self, name: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.import", HEXLOWER.encode(&name[..8])))
    }
}

/// Reads until the buffer is full or the reader has no more.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
