//! Toolchains that a machine seldom has: kept in a folder of the project that git ignores, of one pinned version each,
//! and ready only once they were seen working.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::suite::Outcome;
use crate::workspace::Result;

/// A toolchain and how it comes to be here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toolchain {
    /// By which `cargo xtask setup` knows it, and its folder's name.
    pub(crate) name: &'static str,
    /// Says everything that its making depends on: where it differs from the stamp, the toolchain is made again.
    pub(crate) key: &'static str,
    /// Makes it in a fresh folder, saying what it brings from where, and tries it out.
    pub(crate) make: fn(root: &Path, folder: &Path) -> Result<()>,
}

impl Toolchain {
    /// Where it is, or would be: below `.tools`, or below `AFTERWORD_TOOLS` where checkouts share one.
    pub(crate) fn folder(&self, root: &Path) -> PathBuf {
        std::env::var_os("AFTERWORD_TOOLS").map_or_else(|| root.join(".tools"), PathBuf::from).join(self.name)
    }

    /// Whether it was made and tried out.
    pub(crate) fn is_ready(&self, root: &Path) -> bool {
        fs::read_to_string(self.folder(root).join(STAMP)).is_ok_and(|stamp| stamp == self.key)
    }

    /// Makes it, unless it is there. Two at once wait for each other.
    pub(crate) fn set_up(&self, root: &Path) -> Result<()> {
        let folder = self.folder(root);
        let above = folder.parent().ok_or("the toolchain's folder has no parent")?;
        fs::create_dir_all(above).map_err(|error| failed("make", above, &error))?;
        let lock = above.join(format!("{}.lock", self.name));
        let held = File::create(&lock).map_err(|error| failed("make", &lock, &error))?;
        held.lock().map_err(|error| failed("lock", &lock, &error))?;
        if self.is_ready(root) {
            println!("{} is set up in {}", self.name, folder.display());
            return Ok(());
        }
        let partial = above.join(format!("{}.partial", self.name));
        remove(&folder)?;
        fresh(&partial)?;
        (self.make)(root, &partial)?;
        fs::write(partial.join(STAMP), self.key).map_err(|error| failed("stamp", &partial, &error))?;
        put_in_place(&partial, &folder)?;
        println!("{} is set up in {}", self.name, folder.display());
        Ok(())
    }

    /// For a suite: made where that is wanted, or why the suite can't run.
    pub(crate) fn for_suite(&self, root: &Path, strict: bool) -> Option<Outcome> {
        if self.is_ready(root) {
            return None;
        }
        let why = match strict {
            true => self.set_up(root).err()?,
            false => format!("`cargo xtask setup {}` was not run", self.name),
        };
        Some(Outcome::NotRun(why))
    }
}

const STAMP: &str = ".ready";

/// An empty folder.
pub(crate) fn fresh(folder: &Path) -> Result<PathBuf> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
    Ok(folder.to_owned())
}

/// Puts a folder that is whole in the place of the one before.
pub(crate) fn put_in_place(partial: &Path, done: &Path) -> Result<()> {
    remove(done)?;
    fs::rename(partial, done).map_err(|error| failed("put in place", done, &error))
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, &error)),
        _ => Ok(()),
    }
}

/// A sentence about a file or folder.
pub(crate) fn failed(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

/// Runs a command, its outputs untouched, after saying it.
pub(crate) fn announce(command: &mut Command) -> Result<()> {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let line = words.join(std::ffi::OsStr::new(" ")).to_string_lossy().into_owned();
    println!("$ {line}");
    quietly(command)
}

/// Runs a command, its outputs untouched.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot start {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}

/// Whether a file that was fetched is the one that was pinned.
pub(crate) fn check_sha256(path: &Path, expected: &str) -> Result<()> {
    let output =
        Command::new("sha256sum").arg(path).output().map_err(|error| format!("cannot start sha256sum: {error}"))?;
    let found = String::from_utf8_lossy(&output.stdout);
    let found = found.split_whitespace().next().unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(format!("{} is not the file that was pinned: its SHA-256 is {found}, not {expected}", path.display()))
}

/// A number that changes with the words or with the bytes of any of the files; files below a folder count in order.
pub(crate) fn digest(words: &[&str], paths: &[&Path]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    for path in paths {
        for file in files_below(path)? {
            file.hash(&mut hasher);
            fs::read(&file).map_err(|error| failed("read", &file, &error))?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Every file of that extension below a folder, sorted.
pub(crate) fn sources(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = files_below(folder)?;
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    Ok(files)
}

/// Every file below a folder, sorted; a file is itself.
pub(crate) fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| failed("list", path, &error))?.flatten() {
        found.extend(files_below(&entry.path())?);
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(make: fn(&Path, &Path) -> Result<()>) -> (PathBuf, Toolchain) {
        let root = std::env::temp_dir().join(format!("afterword-toolchain-{}-{:p}", std::process::id(), make));
        let _ = fs::remove_dir_all(&root);
        (root, Toolchain { name: "example", key: "1", make })
    }

    #[test]
    fn it_is_made_once_and_again_for_another_key() {
        let (root, one) = toolchain(|root, folder| {
            fs::write(root.join(".tools/made"), "once").map_err(|error| error.to_string())?;
            fs::write(folder.join("tool"), "works").map_err(|error| error.to_string())
        });
        assert_eq!(
            one.for_suite(&root, false),
            Some(Outcome::NotRun("`cargo xtask setup example` was not run".to_owned()))
        );
        assert_eq!(one.for_suite(&root, true), None);
        assert!(one.is_ready(&root) && one.folder(&root).join("tool").is_file());
        fs::remove_file(root.join(".tools/made")).unwrap();
        one.set_up(&root).unwrap();
        assert!(!root.join(".tools/made").exists(), "a second time does nothing");
        let other = Toolchain { key: "2", ..one };
        assert!(!other.is_ready(&root));
        other.set_up(&root).unwrap();
        assert!(other.is_ready(&root) && root.join(".tools/made").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn one_that_fails_is_not_ready_and_says_why() {
        let (root, one) = toolchain(|_, _| Err("the mirror does not answer".to_owned()));
        assert_eq!(one.for_suite(&root, true), Some(Outcome::NotRun("the mirror does not answer".to_owned())));
        assert!(!one.is_ready(&root));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_file_that_is_not_the_pinned_one_is_refused() {
        let path = std::env::temp_dir().join(format!("afterword-sha-{}", std::process::id()));
        fs::write(&path, "abc").unwrap();
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(check_sha256(&path, right), Ok(()));
        fs::write(&path, "abd").unwrap();
        assert!(check_sha256(&path, right).unwrap_err().contains("not the file that was pinned"));
        fs::remove_file(path).unwrap();
    }
}
