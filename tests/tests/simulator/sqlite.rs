//! The disk of the shipped program: encrypted SQLite in a folder, copied file by file at commit points.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use afterword_core::crypto::Secret;
use afterword_core::store::sqlite::open::Vouched;
use afterword_core::store::{SqliteStore, Storage};
use tempfile::TempDir;

use super::disk::Disk;

const KEY: [u8; 32] = [7; 32];
const DATABASE: &str = "journal.db";

#[derive(Debug)]
struct SqliteDisk {
    /// Absent only while the files are exchanged.
    store: Option<Arc<SqliteStore>>,
    folder: TempDir,
}

fn folder() -> TempDir {
    // In memory where there is such a folder: what fsync promises is shown elsewhere, by a trace.
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.expect("a temporary folder")
}

/// An empty encrypted database in a folder of its own.
pub(super) fn sqlite() -> Box<dyn Disk> {
    let folder = folder();
    let store = SqliteStore::create(&folder.path().join(DATABASE), &Secret::from_bytes(KEY)).expect("a new database");
    Box::new(SqliteDisk { store: Some(Arc::new(store)), folder })
}

/// Copies the database and its log. Between transactions these two are all that a reader after a power cut would find.
fn copy_files(from: &Path, to: &Path) {
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        let file: PathBuf = from.join(&name);
        if file.exists() {
            std::fs::copy(file, to.join(name)).expect("the folder is copied");
        }
    }
}

impl SqliteDisk {
    fn copied(&self) -> TempDir {
        let copy = folder();
        copy_files(self.folder.path(), copy.path());
        copy
    }

    fn run(&mut self, folder: TempDir) {
        self.store = None;
        self.folder = folder;
        let path = self.folder.path().join(DATABASE);
        let store = SqliteStore::open(&path, &Secret::from_bytes(KEY), Vouched::ByVault).expect("the copy opens");
        self.store = Some(Arc::new(store));
    }
}

impl Disk for SqliteDisk {
    fn storage(&self) -> Arc<dyn Storage> {
        self.store.clone().expect("open outside an exchange of files")
    }

    fn copy(&self) -> Rc<dyn Any> {
        Rc::new(self.copied())
    }

    fn restore(&mut self, copy: &Rc<dyn Any>) {
        let copy = copy.downcast_ref::<TempDir>().expect("a copy of a folder");
        let fresh = folder();
        copy_files(copy.path(), fresh.path());
        self.run(fresh);
    }

    fn reopen(&mut self) {
        // Closing would tidy the log away; a killed process does not, so what it left is opened elsewhere.
        let left = self.copied();
        self.run(left);
    }
}
