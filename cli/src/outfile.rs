//! A file in the clear on its way to where the person wants it: it has no name until all of it is written.
//!
//! Linux makes a file without a name (`O_TMPFILE`) and gives it one at the end (`linkat`): however the program ends before
//! that, nothing is left. Elsewhere it stands beside its place under a name that begins with [`UNFINISHED`]: it is removed
//! when the program is asked to stop, and what a kill leaves is found by the next run, which names it ([`left_behind`]).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use afterword_core::error::{Code, Error};
use tempfile::{NamedTempFile, TempPath};

/// How the name of an unfinished file begins, where it has to have one.
pub const UNFINISHED: &str = ".afterword-unfinished-";

/// Whether the person, or the system, asked the program to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for the signals that ask to stop. A second one ends the program at once.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        use signal_hook::consts::{SIGINT, SIGTERM};
        #[cfg(unix)]
        let signals = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
        #[cfg(not(unix))]
        let signals = [SIGINT, SIGTERM];
        for signal in signals {
            // In this order: the first signal finds the flag down, and raises it.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop.0))?;
            signal_hook::flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// `error`, or that it was stopped if that is why: `left` says what there is now, and `hint` what to do with it.
    pub fn explains(&self, error: Error, left: impl FnOnce() -> (String, String)) -> Error {
        if !self.asked() {
            return error;
        }
        let (message, hint) = left();
        Error::new(Code::Cancelled, message, hint)
    }
}

/// A file that nobody sees yet. Dropped without [`OutFile::publish`], it leaves nothing.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    file: File,
    /// Where it stands meanwhile; none where it has no name.
    beside: Option<TempPath>,
    stop: Stop,
}

impl OutFile {
    /// Begins a file for `path`, readable by its owner only from its first byte. Nothing may be at the path.
    pub fn begin(path: &Path, stop: &Stop) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let path = std::path::absolute(path)?;
        let (file, beside) = match unnamed(folder(&path)) {
            Some(file) => (file, None),
            None => named(folder(&path))?,
        };
        Ok(Self { path, file, beside, stop: stop.clone() })
    }

    /// Makes it durable and gives it its name; what has come to stand there meanwhile is not overwritten.
    pub fn publish(self) -> io::Result<()> {
        let Self { path, file, beside, .. } = self;
        file.sync_all()?;
        match beside {
            None => link(&file, &path)?,
            Some(beside) => beside.persist_noclobber(&path).map_err(|error| error.error)?,
        }
        if let Ok(folder) = File::open(folder(&path)) {
            // Not every file system can; the file itself is durable.
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for OutFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.stop.asked() {
            // Not `Interrupted`, at which writing would be tried again.
            return Err(io::Error::other("stopped"));
        }
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Unfinished files in the folder of `path` whose program is gone.
pub fn left_behind(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let entries = fs::read_dir(folder(&path)).into_iter().flatten().flatten();
    let unfinished = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()));
    let mut found: Vec<PathBuf> = unfinished
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| File::open(path).is_ok_and(|file| file.try_lock().is_ok()))
        .collect();
    found.sort();
    found
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A file that has no name, where the system and the file system of `folder` have such a thing.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn unnamed(folder: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR).ok()?);
    // It is named through this; where `/proc` is not there, that would fail at the very end.
    descriptor(&file).symlink_metadata().is_ok().then_some(file)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn descriptor(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    Ok(linkat(CWD, descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn unnamed(_: &Path) -> Option<File> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file under a name of its own, locked for as long as the program lives.
fn named(folder: &Path) -> io::Result<(File, Option<TempPath>)> {
    let made: NamedTempFile = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    let (file, beside) = made.into_parts();
    // Where a file system has no locks, the next run may name it while it is written.
    let _ = file.try_lock();
    Ok((file, Some(beside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(path: &Path, with_a_name: bool, stop: &Stop) -> OutFile {
        let mut out = OutFile::begin(path, stop).unwrap();
        if with_a_name {
            (out.file, out.beside) = named(folder(path)).unwrap();
        }
        out
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn all_of_it_or_nothing_is_at_the_path_and_nothing_beside_it() {
        for with_a_name in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out");
            let mut out = begun(&path, with_a_name, &Stop::default());
            out.write_all(b"half").unwrap();
            assert!(!path.exists());
            assert_eq!(names(dir.path()).len(), usize::from(out.beside.is_some()));
            drop(out);
            assert_eq!(names(dir.path()), Vec::<String>::new());

            let mut out = begun(&path, with_a_name, &Stop::default());
            out.write_all(b"whole").unwrap();
            out.publish().unwrap();
            assert_eq!((names(dir.path()), fs::read(&path).unwrap()), (vec!["out".to_owned()], b"whole".to_vec()));
            #[cfg(unix)]
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_that_exists_is_overwritten() {
        for with_a_name in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out");
            let late = begun(&path, with_a_name, &Stop::default());
            fs::write(&path, "came meanwhile").unwrap();
            assert_eq!(late.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(OutFile::begin(&path, &Stop::default()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!((names(dir.path()), fs::read(&path).unwrap()), (vec!["out".into()], b"came meanwhile".to_vec()));
        }
    }

    #[test]
    fn a_stop_ends_the_writing_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let mut out = begun(&dir.path().join("out"), true, &stop);
        out.write_all(b"begun").unwrap();
        stop.0.store(true, Ordering::SeqCst);
        assert!(out.write_all(b"more").is_err());
        drop(out);
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let error = stop.explains(Error::internal("x"), || ("stopped".into(), "again".into()));
        assert_eq!(error.code, Code::Cancelled);
        assert_eq!(Stop::default().explains(error, || unreachable!()).code, Code::Cancelled);
    }

    #[test]
    fn what_a_kill_left_is_found_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(format!("{UNFINISHED}abc"));
        fs::write(&left, "in the clear").unwrap();
        let writing = begun(&dir.path().join("out"), true, &Stop::default());
        assert_eq!(left_behind(&dir.path().join("out")), [left]);
        drop(writing);
    }
}
