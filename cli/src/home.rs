//! Which folder the journal lives in, and a private place for what must not outlive the program.

use std::fs;
use std::path::{Path, PathBuf};

use afterword_core::error::{Code, Error};

use crate::output::io_error;

/// The journal's folder: what was asked for, else the platform's data folder.
pub fn folder(asked: Option<&Path>) -> Result<PathBuf, Error> {
    match asked {
        Some(path) if !path.as_os_str().is_empty() => {
            std::path::absolute(path).map_err(|error| io_error("the journal's folder has no place", &error))
        }
        _ => default(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)).ok_or_else(
            || {
                Error::new(
                    Code::NotFound,
                    "the journal's folder is unknown: this computer names no home folder",
                    "say where with --home DIR",
                )
            },
        ),
    }
}

fn default(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Application Support/Afterword"))
    } else if cfg!(windows) {
        var("APPDATA").map(|data| data.join("Afterword"))
    } else {
        // The rule of the XDG base directories: a relative path there is to be ignored.
        var("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| var("HOME").map(|home| home.join(".local/share")))
            .map(|data| data.join("afterword"))
    }
}

/// Folders in which the editor's files of the journal in `home` may stand, best first: memory that the system clears
/// when the person logs out, else the journal's own folder. Stale files are looked for in both.
pub fn run_folders(home: &Path) -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    run_folders_in(home, runtime.as_deref())
}

/// [`run_folders`], with the runtime directory as an argument.
pub fn run_folders_in(home: &Path, runtime: Option<&Path>) -> Vec<PathBuf> {
    // Several journals of one person share the runtime directory.
    let real = fs::canonicalize(home).unwrap_or_else(|_| home.to_owned());
    let name = blake3::derive_key("afterword editor folder of a journal v1", real.as_os_str().as_encoded_bytes());
    let name = format!("afterword-{}", data_encoding::HEXLOWER.encode(&name[..8]));
    runtime.filter(|path| path.is_dir()).map(|path| path.join(name)).into_iter().chain([home.join("run")]).collect()
}

/// Makes a folder that only its owner can enter. One that exists must be a folder of that kind already.
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        result => return result,
    }
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, "something else has the folder's name"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_default_follows_xdg() {
        let vars = |pairs: &'static [(&str, &str)]| {
            default(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
        };
        assert_eq!(vars(&[("HOME", "/h")]), Some("/h/.local/share/afterword".into()));
        assert_eq!(vars(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]), Some("/d/afterword".into()));
        assert_eq!(vars(&[("HOME", "/h"), ("XDG_DATA_HOME", "d")]), Some("/h/.local/share/afterword".into()));
        assert_eq!(vars(&[]), None);
    }

    #[test]
    fn two_journals_never_share_a_run_folder() {
        let (a, b, runtime) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = run_folders_in(a.path(), Some(runtime.path()));
        assert_eq!(first.len(), 2);
        assert_ne!(first[0], run_folders_in(b.path(), Some(runtime.path()))[0]);
        assert_eq!(first[0], run_folders_in(a.path(), Some(runtime.path()))[0]);
        assert_eq!(run_folders_in(a.path(), Some(Path::new("/no/such/folder"))), [a.path().join("run")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_folder_is_private_and_never_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        private_folder(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(private_folder(&link).is_err());
    }
}
