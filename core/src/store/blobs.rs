//! Attachments' bytes at rest: one file per blob, sealed chunk by chunk, never more than two chunks in memory.
//!
//! `file = SealChunk_k(place(0), c₀) ‖ SealChunk_k(place(1), c₁) ‖ …` with 64 KiB chunks, the last one shorter, and
//! `place(i) = "…" ‖ blob ‖ i ‖ length`; so a chunk moved, swapped, or kept from a blob of another length does not open.
//! A blob that is still arriving is a file of its full size with holes; which chunks it has, the database knows.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::crypto::{ChunkKey, HashKey, Hasher, chunk_overhead};
use crate::id::BlobId;
use crate::store::error::{StoreError, StoreResult};
use crate::store::vault::{make_folder, new_file, sync_folder};
use crate::time::{Entropy, Timestamp, random};

/// Bytes of a blob in one chunk; the last has the rest.
pub const CHUNK: u64 = 64 * 1024;
/// The longest blob there is: 16 GiB.
pub const MAX_BLOB: u64 = 16 << 30;
/// A file that an import left behind is swept away when it is this old.
const LEFTOVER_AGE_MS: i64 = 24 * 60 * 60 * 1000;

const OVERHEAD: u64 = chunk_overhead() as u64;

/// How many chunks a blob of `length` bytes has. An empty one has none.
pub const fn chunks(length: u64) -> u64 {
    length.div_ceil(CHUNK)
}

/// How many bytes the chunk `index` of a blob of `length` bytes has; `None` where there is no such chunk.
pub const fn chunk_len(length: u64, index: u64) -> Option<usize> {
    if index >= chunks(length) {
        return None;
    }
    let rest = length - index * CHUNK;
    Some(if rest < CHUNK { rest as usize } else { CHUNK as usize })
}

/// The folder of sealed blobs.
#[derive(Clone)]
pub struct BlobStore {
    folder: PathBuf,
    key: ChunkKey,
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobStore")
    }
}

/// A blob's place among sealed bytes: all that a chunk is bound to, besides its number.
#[derive(Clone, Copy)]
struct Of<'a> {
    name: &'a [u8; 32],
    length: u64,
}

impl Of<'_> {
    fn place(&self, index: u64) -> Vec<u8> {
        let mut place = b"afterword blob chunk v1\0".to_vec();
        place.extend(self.name);
        place.extend(index.to_le_bytes());
        place.extend(self.length.to_le_bytes());
        place
    }

    fn sealed_len(&self) -> u64 {
        self.length + chunks(self.length) * OVERHEAD
    }
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::io("an attachment's file could not be read or written", error)
}

fn damaged() -> StoreError {
    StoreError::Corrupt("an attachment's file is damaged or incomplete".to_owned())
}

fn checked(blob: &BlobId, length: u64) -> StoreResult<Of<'_>> {
    if length > MAX_BLOB {
        return Err(StoreError::Invalid("an attachment is longer than 16 GiB".to_owned()));
    }
    Ok(Of { name: blob.as_bytes(), length })
}

impl BlobStore {
    /// The blobs in `folder`, which is made if need be, sealed under `key`.
    pub fn new(folder: &Path, key: ChunkKey) -> StoreResult<Self> {
        make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// Takes in everything that `reader` gives: its name under `key`, its length. Durable when this returns.
    ///
    /// The name is known only at the end, and the seals are bound to it; so the bytes are first sealed under a random
    /// name and then once more under their own, and are never on the disk in clear.
    pub fn import(
        &self,
        reader: &mut dyn Read,
        key: &HashKey,
        entropy: &mut dyn Entropy,
    ) -> StoreResult<(BlobId, u64)> {
        let arriving: [u8; 32] = random(entropy);
        let arriving_path = self.leftover(&arriving);
        let sealed_path = self.leftover(&random(entropy));
        let done = self.import_by(reader, key, &arriving, &arriving_path, &sealed_path, entropy);
        // On success only the first is still there. What can't be removed now is swept later.
        let _ = fs::remove_file(&arriving_path);
        if done.is_err() {
            let _ = fs::remove_file(&sealed_path);
        }
        done
    }

    fn import_by(
        &self,
        reader: &mut dyn Read,
        key: &HashKey,
        arriving: &[u8; 32],
        arriving_path: &Path,
        sealed_path: &Path,
        entropy: &mut dyn Entropy,
    ) -> StoreResult<(BlobId, u64)> {
        let mut hasher = Hasher::keyed(key);
        let mut length = 0;
        // The length is not known yet, so the first seal is bound to none.
        let first = Of { name: arriving, length: 0 };
        let mut file = new_file(arriving_path).map_err(|error| failed(&error))?;
        let mut buffer = Zeroizing::new(vec![0; CHUNK as usize]);
        loop {
            let read = fill(reader, &mut buffer)
                .map_err(|error| StoreError::io("the file to attach could not be read", &error))?;
            if read == 0 {
                break;
            }
            let chunk = &buffer[..read];
            hasher.update(chunk);
            let sealed = self.seal(first, length / CHUNK, chunk, entropy)?;
            file.write_all(&sealed).map_err(|error| failed(&error))?;
            length += read as u64;
            if length > MAX_BLOB {
                return Err(StoreError::Invalid("the file to attach is longer than 16 GiB".to_owned()));
            }
        }
        let blob = BlobId::from_bytes(hasher.finish());
        let of = checked(&blob, length)?;

        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        let mut target = new_file(sealed_path).map_err(|error| failed(&error))?;
        for index in 0..chunks(length) {
            let mut sealed = vec![0; chunk_len(length, index).unwrap_or(0) + chunk_overhead()];
            file.read_exact(&mut sealed).map_err(|error| failed(&error))?;
            let chunk = self.key.open(&first.place(index), &sealed).map_err(|_| damaged())?;
            target.write_all(&self.seal(of, index, &chunk, entropy)?).map_err(|error| failed(&error))?;
        }
        target.sync_all().map_err(|error| failed(&error))?;
        self.rename(sealed_path, &self.path(&blob))?;
        Ok((blob, length))
    }

    /// Stores one chunk of a blob that is arriving. Not durable before [`BlobStore::flush`].
    pub fn write_chunk(
        &self,
        blob: &BlobId,
        length: u64,
        index: u64,
        chunk: &[u8],
        entropy: &mut dyn Entropy,
    ) -> StoreResult<()> {
        let of = checked(blob, length)?;
        if chunk_len(length, index) != Some(chunk.len()) {
            return Err(StoreError::Invalid("a chunk of an attachment has the wrong number or length".to_owned()));
        }
        let sealed = self.seal(of, index, chunk, entropy)?;
        let mut file = self.part(blob, of)?;
        file.seek(SeekFrom::Start(index * (CHUNK + OVERHEAD)))
            .and_then(|_| file.write_all(&sealed))
            .map_err(|error| failed(&error))
    }

    /// Makes the chunks written so far durable. Before the database says that they are here.
    pub fn flush(&self, blob: &BlobId) -> StoreResult<()> {
        let file = match OpenOptions::new().write(true).open(self.part_path(blob)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|error| failed(&error))?,
        };
        file.sync_all().and_then(|()| sync_folder(&self.folder)).map_err(|error| failed(&error))
    }

    /// Whether the whole blob is here: under its name, not as an arriving part.
    pub fn has(&self, blob: &BlobId) -> bool {
        self.path(blob).exists()
    }

    /// One chunk, of a whole blob or of a part that has it.
    pub fn read_chunk(&self, blob: &BlobId, length: u64, index: u64) -> StoreResult<Zeroizing<Vec<u8>>> {
        let of = checked(blob, length)?;
        self.read_from(&mut self.open(blob)?, of, index)
    }

    /// Whether the blob here (whole, or a part) has exactly the bytes it is named by. Damage and missing chunks are
    /// `false`; an error means that nobody can tell.
    pub fn verify(&self, blob: &BlobId, key: &HashKey, length: u64) -> StoreResult<bool> {
        let mut hasher = Hasher::keyed(key);
        match self.each_chunk(blob, length, |chunk| {
            hasher.update(chunk);
            Ok(())
        }) {
            Ok(()) => Ok(hasher.finish() == *blob.as_bytes()),
            Err(StoreError::Corrupt(_) | StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a blob whose last chunk has come its name. If the bytes are not those it is named by, the part is
    /// removed, and must be fetched anew.
    pub fn finish(&self, blob: &BlobId, key: &HashKey, length: u64) -> StoreResult<()> {
        let of = checked(blob, length)?;
        if self.has(blob) {
            return Ok(());
        }
        // An empty blob has no chunk that could have made its file.
        let part = self.part(blob, of)?;
        if !self.verify(blob, key, length)? {
            self.remove(blob)?;
            return Err(StoreError::Corrupt("an attachment arrived with other bytes than it is named by".to_owned()));
        }
        part.sync_all().map_err(|error| failed(&error))?;
        self.rename(&self.part_path(blob), &self.path(blob))
    }

    /// Removes a blob, whole or in part. It may be gone already.
    pub fn remove(&self, blob: &BlobId) -> StoreResult<()> {
        for path in [self.path(blob), self.part_path(blob)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
                _ => {}
            }
        }
        sync_folder(&self.folder).map_err(|error| failed(&error))
    }

    /// Writes a blob's bytes in clear to `writer`. Bytes that are not the blob's are never written; but a damaged chunk
    /// may come after whole ones, so a writer to a file should rename it only after this returned.
    pub fn export(&self, blob: &BlobId, length: u64, writer: &mut dyn Write) -> StoreResult<()> {
        self.each_chunk(blob, length, |chunk| {
            writer.write_all(chunk).map_err(|error| StoreError::io("the attachment could not be written", &error))
        })
    }

    /// Every blob that has a file here, and whether it is whole. For `doctor`, and to remove what no log names.
    pub fn list(&self) -> StoreResult<Vec<(BlobId, bool)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| failed(&error))? {
            let name = entry.map_err(|error| failed(&error))?.file_name();
            let name = name.to_string_lossy();
            let (id, whole) = name.strip_suffix(".part").map_or((&*name, true), |id| (id, false));
            if let Ok(blob) = id.parse() {
                found.push((blob, whole));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes what killed imports left behind, once it is a day old; another process may be importing now.
    pub fn sweep(&self, now: Timestamp) -> StoreResult<()> {
        for entry in fs::read_dir(&self.folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            if !entry.file_name().to_string_lossy().ends_with(".import") {
                continue;
            }
            let modified = entry.metadata().and_then(|data| data.modified()).ok();
            let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let age = modified.map_or(i64::MAX, |at| now.0.saturating_sub(at.as_millis() as i64));
            if age > LEFTOVER_AGE_MS {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn each_chunk(
        &self,
        blob: &BlobId,
        length: u64,
        mut take: impl FnMut(&[u8]) -> StoreResult<()>,
    ) -> StoreResult<()> {
        let of = checked(blob, length)?;
        let mut file = self.open(blob)?;
        if file.metadata().map_err(|error| failed(&error))?.len() != of.sealed_len() {
            return Err(damaged());
        }
        (0..chunks(length)).try_for_each(|index| take(&self.read_from(&mut file, of, index)?))
    }

    fn read_from(&self, file: &mut File, of: Of<'_>, index: u64) -> StoreResult<Zeroizing<Vec<u8>>> {
        let length = chunk_len(of.length, index)
            .ok_or_else(|| StoreError::Invalid("an attachment has no such chunk".to_owned()))?;
        let mut sealed = vec![0; length + chunk_overhead()];
        file.seek(SeekFrom::Start(index * (CHUNK + OVERHEAD))).map_err(|error| failed(&error))?;
        match file.read_exact(&mut sealed) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(damaged()),
            other => other.map_err(|error| failed(&error))?,
        }
        self.key.open(&of.place(index), &sealed).map_err(|_| damaged())
    }

    fn seal(&self, of: Of<'_>, index: u64, chunk: &[u8], entropy: &mut dyn Entropy) -> StoreResult<Vec<u8>> {
        self.key
            .seal(&of.place(index), chunk, entropy)
            .map_err(|_| StoreError::Internal("a chunk could not be sealed".to_owned()))
    }

    /// The file of an arriving blob, made at its full size: a disk that is too full for a hole is rare, one that fills
    /// up is found when a chunk is written.
    fn part(&self, blob: &BlobId, of: Of<'_>) -> StoreResult<File> {
        let path = self.part_path(blob);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => new_file(&path),
            other => other,
        }
        .map_err(|error| failed(&error))?;
        if file.metadata().map_err(|error| failed(&error))?.len() != of.sealed_len() {
            file.set_len(of.sealed_len()).map_err(|error| failed(&error))?;
        }
        Ok(file)
    }

    fn open(&self, blob: &BlobId) -> StoreResult<File> {
        for path in [self.path(blob), self.part_path(blob)] {
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

    /// The name is a keyed hash, so it says nothing about the bytes.
    fn path(&self, blob: &BlobId) -> PathBuf {
        self.folder.join(blob.to_string())
    }

    fn part_path(&self, blob: &BlobId) -> PathBuf {
        self.folder.join(format!("{blob}.part"))
    }

    fn leftover(&self, name: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.import", data_encoding::HEXLOWER.encode(&name[..8])))
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
