//! Where a journal's files are, who may read them, and how one of them is replaced without ever being half written.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::{StoreError, StoreResult};

/// The folder of one journal on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The journal in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of this name, for a lock that the system takes back from a process that dies. It holds nothing.
    pub fn lock_file(&self, name: &str) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.root.join(name))
    }

    /// The encrypted database.
    pub fn database(&self) -> PathBuf {
        self.root.join("journal.db")
    }

    /// The wraps of the database key.
    pub fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }

    /// The folder of attachments' bytes.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Makes the folders, readable by their owner only.
    pub fn make(&self) -> StoreResult<()> {
        make_folder(&self.root)?;
        make_folder(&self.blobs())
    }
}

/// Makes a folder (and those above it), readable by its owner only; one that exists is closed to others.
pub(crate) fn make_folder(path: &Path) -> StoreResult<()> {
    make_private_folder(path).map_err(|error| StoreError::io("the journal's folder could not be made", &error))
}

/// The same with the system's own error. A folder that is made here never stands open to others, not for a moment.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // What has the name and is no folder is found by whoever wants to make something in it.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// A new file that only its owner may read; it must not exist.
pub(crate) fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder's list of names durable.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    // Windows has no handle to a folder that could be flushed; renames are journaled there.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Replaces `path` by a file with these bytes: new file, flush, rename, flush of the folder. After a power cut there is
/// the old file or the new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // Left by a killed process, if at all: nobody ever reads it.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let written = new_file(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}
