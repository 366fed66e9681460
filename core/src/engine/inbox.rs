//! What was written while the journal was locked: sealed to this device's key in a file, taken in once it is open.
//!
//! A phone may want to write before its vault gives the key. The file `inbox/key` holds the public half of the device's
//! sealing key, so anybody on the device can put something in and nobody without the journal can read it. Each thing is
//! one file of its own, `inbox/<16 random bytes>`: version (1), then `Seal_device("afterword inbox v1\0", capture)`.
//! It is taken in under the hash of its file, so a crash between taking it in and removing it adds nothing twice.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::import::{Imported, ImportedAttachment, ImportedEntry};
use super::{Engine, Environment, NewFile};
use crate::crypto::{Domain, Hasher, SealingKey, SealingPublic};
use crate::error::{Code, Error, Result};
use crate::files::StoreError;
use crate::files::{make_folder, replace_file};
use crate::id::EntryId;
use crate::journal::{Kind, NewEntry};
use crate::replication::{Setting, StorageExt};
use crate::time::{Timestamp, random};

const VERSION: u8 = 1;
const INFO: &[u8] = b"afterword inbox v1\0";
const KEY: &str = "key";
/// Nothing larger is taken, or read back.
const MAX_CAPTURE: u64 = 64 << 20;

/// What is written while the journal is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Its title.
    pub title: String,
    /// What happened.
    pub body: String,
    /// Media type and bytes of a photo or a recording.
    pub file: Option<(String, Vec<u8>)>,
}

/// A capture in its file.
#[derive(Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    capture: Capture,
}

/// What came of the inbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Entries that were made.
    pub entries: Vec<EntryId>,
    /// Files that could not be read. They stay where they are.
    pub unreadable: u64,
    /// The key that captures were sealed to was not this device's: somebody else may read them.
    pub foreign_key: bool,
}

fn folder(root: &Path) -> PathBuf {
    root.join("inbox")
}

fn failed(error: &std::io::Error) -> Error {
    StoreError::io("what was written could not be put into the inbox", error).into()
}

/// Keeps `capture` until the journal is open. It is durable once this returns.
pub(super) fn capture(root: &Path, capture: Capture, environment: &Environment) -> Result<()> {
    let folder = folder(root);
    let public = fs::read(folder.join(KEY)).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(public) = public.map(SealingPublic) else {
        return Err(Error::new(
            Code::NotFound,
            "nothing can be kept for a journal that was never opened on this device",
            "make a journal, or join one, first",
        ));
    };
    let kept = Kept { at: environment.clock.now(), capture };
    let plain = zeroize::Zeroizing::new(postcard::to_allocvec(&kept).map_err(Error::internal)?);
    if plain.len() as u64 > MAX_CAPTURE {
        return Err(Error::invalid(
            "this is too large to be kept while the journal is locked",
            "unlock the journal and attach it there",
        )
        .about("file"));
    }
    let mut entropy = environment.entropy.clone();
    let sealed = public.seal(INFO, &plain, &mut entropy).map_err(|_| Error::corrupt("the inbox's key is no key"))?;
    let name = data_encoding::HEXLOWER.encode(&random::<16>(&mut entropy));
    let bytes = [&[VERSION], sealed.as_slice()].concat();
    replace_file(&folder.join(name), &bytes).map_err(|error| failed(&error))
}

impl Engine {
    /// Whoever writes while the journal is locked finds this device's key. Answers whether another one stood there.
    fn offer_inbox(&self, key: &SealingKey) -> Result<bool> {
        let folder = folder(self.shared.home.root());
        make_folder(&folder)?;
        let (path, mine) = (folder.join(KEY), key.public().0);
        match fs::read(&path) {
            Ok(there) if there == mine => Ok(false),
            there => {
                replace_file(&path, &mine).map_err(|error| failed(&error))?;
                Ok(there.is_ok())
            }
        }
    }

    /// Makes entries of what was written while the journal was locked, and sees to it that more can be.
    pub fn drain_inbox(&self) -> Result<TakenIn> {
        let seed = self.shared.store.read(|tx| tx.setting(Setting::SealingSeed))?;
        let seed = seed.and_then(|bytes| bytes.try_into().ok());
        let key = SealingKey::from_seed(seed.ok_or_else(|| Error::corrupt("this device's sealing key is gone"))?);
        let mut taken = TakenIn { foreign_key: self.offer_inbox(&key)?, ..TakenIn::default() };
        let listed = fs::read_dir(folder(self.shared.home.root())).map_err(|error| failed(&error))?;
        let mut files: Vec<PathBuf> = listed.filter_map(|file| Some(file.ok()?.path())).collect();
        files.sort();
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.len() != 32 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            match open(&path, &key) {
                Some((source, kept)) => {
                    taken.entries.extend(self.take_in_one(source, kept)?);
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error)),
                        // Somebody else took it in at the same time, as the same entry.
                        _ => {}
                    }
                }
                None => taken.unreadable += u64::from(path.exists()),
            }
        }
        Ok(taken)
    }

    fn take_in_one(&self, source: [u8; 32], kept: Kept) -> Result<Option<EntryId>> {
        let Kept { at, capture: Capture { title, body, file } } = kept;
        let new = NewEntry { kind: Kind::Note, title, body, sections: Vec::new(), happened: None };
        let attachments = file
            .into_iter()
            .map(|(mime, bytes)| ImportedAttachment { file: NewFile { mime, ..NewFile::default() }, bytes })
            .collect();
        let entry = ImportedEntry { key: source, new, marks: Vec::new(), attachments, written_at: at };
        Ok(match self.import_entry(entry)? {
            Imported::Created(id) => Some(id),
            Imported::Unchanged(_) => None,
        })
    }
}

/// A capture, and the hash that names its file for ever; nothing where it was not sealed to `key`, or is damaged.
fn open(path: &Path, key: &SealingKey) -> Option<([u8; 32], Kept)> {
    if fs::metadata(path).ok()?.len() > MAX_CAPTURE + 4096 {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (version, sealed) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let plain = key.open(INFO, sealed).ok()?;
    let mut source = Hasher::new(Domain::Inbox);
    source.update(&bytes);
    Some((source.finish(), postcard::from_bytes(&plain).ok()?))
}

#[cfg(test)]
mod tests;
