//! The one place where the files of a home are made, swapped and put aside, so that a kill between any two operations
//! leaves a home that the next command finishes or begins again.
//!
//! A journal is made whole in `new/`, durable to the last byte; then `new` is renamed to `ready`, and that is the moment
//! from which it is the journal of this home. Whoever comes next moves its parts into their places, where a crash kept
//! this process from it. Before that moment `new/` is rubbish: what it holds is nowhere but in another journal, or
//! nothing was ever written into it. Parts of a journal that was here before go to `replaced/` and are removed last.
//!
//! All of it is done by one process at a time, alone in the home ([`HomeLock`]).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PlatformVault, platform_name};
use crate::files::{Home, HomeLock, StoreError, StoreResult, make_private_folder, sync_folder};
use crate::time::Timestamp;

const NEW: &str = "new";
const READY: &str = "ready";
const REPLACED: &str = "replaced";
/// What a whole journal is made of, as its parts are put in place.
const PARTS: [&str; 3] = ["journal.db", "blobs", "vault"];
/// What SQLite keeps beside a database that is open, or was when its process died.
const BESIDE: [&str; 2] = ["journal.db-wal", "journal.db-shm"];

/// What is asked of the file system here. A test makes any of them the last one.
pub trait FileOperations: fmt::Debug + Send + Sync {
    /// Makes a folder that only its owner may enter, or closes one that exists to others.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or a folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a folder and all that is in it.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder's list of names durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

impl FileOperations for SystemFiles {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        make_private_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        sync_folder(path)
    }
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::io("the journal's files could not be put in place", error)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A journal that is being made in a home, by the only process in it.
#[derive(Debug)]
pub struct Founding {
    home: Home,
    files: Arc<dyn FileOperations>,
    lock: Option<HomeLock>,
}

impl Founding {
    /// Begins: makes the home's folder, is alone in it, finishes what was cut off after its last rename and clears away
    /// what was cut off before. `platform` forgets what it kept for the latter.
    pub fn begin(
        home: &Home,
        platform: Option<&dyn PlatformVault>,
        files: Arc<dyn FileOperations>,
    ) -> StoreResult<Self> {
        files.make_folder(home.root()).map_err(|error| folder_failed(&error))?;
        let lock = HomeLock::alone(home)?;
        finish(home, files.as_ref())?;
        let founding = Self { home: home.clone(), files, lock: Some(lock) };
        let new = founding.new_home();
        if exists(new.root()) {
            if let (Some(platform), Ok(Some(name))) = (platform, platform_name(&new)) {
                // A key that stays behind there opens nothing.
                let _ = platform.delete(&name.to_string());
            }
            founding.files.remove_folder(new.root()).map_err(|error| failed(&error))?;
        }
        for folder in [new.root(), &new.blobs()] {
            founding.files.make_folder(folder).map_err(|error| folder_failed(&error))?;
        }
        Ok(founding)
    }

    /// The home of the journal until it is whole: a folder in the other.
    pub fn new_home(&self) -> Home {
        Home::new(self.home.root().join(NEW))
    }

    /// What was made so far is durable.
    pub fn keep(&self) -> StoreResult<()> {
        let new = self.new_home();
        for folder in [&new.blobs(), new.root(), self.home.root()] {
            self.files.sync_folder(folder).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// What was made is the journal of this home, from one rename on. Its database must be closed.
    pub fn put_in_place(mut self) -> StoreResult<HomeLock> {
        let new = self.new_home();
        for name in BESIDE {
            // Moved apart from its database, a log would be lost.
            if exists(&new.root().join(name)) {
                return Err(StoreError::Internal("the new journal's database was not closed".to_owned()));
            }
        }
        self.keep()?;
        self.files.rename(new.root(), &self.home.root().join(READY)).map_err(|error| failed(&error))?;
        self.files.sync_folder(self.home.root()).map_err(|error| failed(&error))?;
        finish(&self.home, self.files.as_ref())?;
        self.lock = None;
        HomeLock::shared(&self.home)
    }
}

impl Drop for Founding {
    fn drop(&mut self) {
        let new = self.home.root().join(NEW);
        if self.lock.is_some() && exists(&new) {
            // What can't be removed now is cleared away by the next one.
            let _ = self.files.remove_folder(&new);
        }
    }
}

fn folder_failed(error: &io::Error) -> StoreError {
    StoreError::io("the journal's folder could not be made", error)
}

/// Whether a start in this home was cut off before its last rename, or goes on now.
pub fn is_unfinished(home: &Home) -> bool {
    exists(&home.root().join(NEW))
}

/// Whether the home has a journal whose parts are not all in their places yet.
pub fn is_ready(home: &Home) -> bool {
    exists(&home.root().join(READY))
}

/// Shares the home with others, once what was begun there is finished.
pub fn enter(home: &Home, files: &dyn FileOperations) -> StoreResult<HomeLock> {
    loop {
        tidy(home, files)?;
        let share = HomeLock::shared(home)?;
        // Whoever was alone a moment ago may have died between its last rename and the parts' places.
        if !is_ready(home) {
            return Ok(share);
        }
    }
}

/// Finishes what was begun, and clears away what was cut off, where nobody else is at it.
fn tidy(home: &Home, files: &dyn FileOperations) -> StoreResult<()> {
    if is_ready(home) {
        let _alone = HomeLock::alone(home)?;
        finish(home, files)?;
    } else if [NEW, REPLACED].iter().any(|name| exists(&home.root().join(name)))
        // Left by a process that died; one that lives is not alone with us.
        && let Ok(Some(_alone)) = HomeLock::alone_now(home)
    {
        // Nobody needs it gone to open the journal: it stays until the disk allows it.
        let _ = finish(home, files).and_then(|()| clear(home, NEW, files));
    }
    Ok(())
}

fn clear(home: &Home, name: &str, files: &dyn FileOperations) -> StoreResult<()> {
    let folder = home.root().join(name);
    if !exists(&folder) {
        return Ok(());
    }
    files.remove_folder(&folder).and_then(|()| files.sync_folder(home.root())).map_err(|error| failed(&error))
}

/// Moves the parts of a journal that is whole into their places, and those that were there before out of the way: from
/// the beginning, or from where a crash stopped it.
fn finish(home: &Home, files: &dyn FileOperations) -> StoreResult<()> {
    let (root, ready, replaced) = (home.root(), home.root().join(READY), home.root().join(REPLACED));
    let rename = |from: PathBuf, to: PathBuf| files.rename(&from, &to).map_err(|error| failed(&error));
    if exists(&ready) {
        // The old log belongs to the old database, and goes before it; a part that is in its place already stays there.
        let old = BESIDE.iter().map(|name| (*name, PARTS[0])).chain(PARTS.iter().map(|name| (*name, *name)));
        for (name, of) in old {
            let (here, waits) = (root.join(name), exists(&ready.join(of)));
            if waits && exists(&here) {
                files.make_folder(&replaced).map_err(|error| folder_failed(&error))?;
                rename(here, replaced.join(name))?;
            }
        }
        for name in PARTS {
            let waiting = ready.join(name);
            if exists(&waiting) {
                rename(waiting, root.join(name))?;
            }
        }
        files.sync_folder(root).map_err(|error| failed(&error))?;
        clear(home, READY, files)?;
    }
    clear(home, REPLACED, files)
}

/// Puts a journal's parts aside under names that say when; nothing is deleted, and the folder is free afterwards. The
/// vault goes last: until then the folder holds a damaged journal, which can be put aside again.
pub fn put_aside(home: &Home, now: Timestamp, files: &dyn FileOperations) -> StoreResult<PathBuf> {
    let _alone = HomeLock::alone(home)?;
    finish(home, files)?;
    let aside = |name: &str| home.root().join(name);
    let suffix = format!(".damaged-{}", now.0);
    // SQLite looks for a log under its database's name with this behind it.
    let moves = [
        ("blobs", format!("blobs{suffix}")),
        (BESIDE[0], format!("journal.db{suffix}-wal")),
        (BESIDE[1], format!("journal.db{suffix}-shm")),
        ("journal.db", format!("journal.db{suffix}")),
        ("vault", format!("vault{suffix}")),
    ];
    if moves.iter().any(|(_, to)| exists(&aside(to))) {
        return Err(StoreError::Invalid("a damaged journal was put aside under that name already".to_owned()));
    }
    for (name, to) in &moves {
        if exists(&aside(name)) {
            files.rename(&aside(name), &aside(to)).map_err(|error| failed(&error))?;
        }
    }
    files.sync_folder(home.root()).map_err(|error| failed(&error))?;
    Ok(aside(&format!("journal.db{suffix}")))
}
