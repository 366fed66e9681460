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

/// Folders in which the editor's files of the journal in `home` may stand, best first: in memory, and the person's own.
/// Never in the journal's folder: what is typed lies there sealed or not at all. Stale files are looked for in all.
pub fn run_folders(home: &Path) -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    run_folders_in(home, runtime.as_deref(), shared_folder().as_deref())
}

/// [`run_folders`], with the runtime directory, and the one that others may use too, as arguments.
pub fn run_folders_in(home: &Path, runtime: Option<&Path>, shared: Option<&Path>) -> Vec<PathBuf> {
    // Several journals of one person share these places.
    let real = fs::canonicalize(home).unwrap_or_else(|_| home.to_owned());
    let name = blake3::derive_key("afterword editor folder of a journal v1", real.as_os_str().as_encoded_bytes());
    let name = data_encoding::HEXLOWER.encode(&name[..8]);
    let own = runtime.filter(|path| path.is_dir()).map(|path| path.join(format!("afterword-{name}")));
    // Where others can make folders too, the name says whose it is, so that two people never want the same.
    let shared = shared.map(|path| path.join(format!("afterword-{}-{name}", user())));
    own.into_iter().chain(shared).collect()
}

/// Memory that every program may put folders into. Only where it is memory: a disk under that name keeps what it held.
#[cfg(target_os = "linux")]
fn shared_folder() -> Option<PathBuf> {
    const TMPFS: i64 = 0x0102_1994;
    let path = Path::new("/dev/shm");
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    #[allow(clippy::unnecessary_cast, reason = "its width differs from platform to platform")]
    let kind = kind as i64;
    (kind == TMPFS).then(|| path.to_owned())
}

/// The temporary directory, where the system made it for this person alone, as macOS does.
#[cfg(all(unix, not(target_os = "linux")))]
fn shared_folder() -> Option<PathBuf> {
    let path = std::env::temp_dir();
    is_private(&path).ok().filter(|private| *private).map(|_| path)
}

#[cfg(not(unix))]
fn shared_folder() -> Option<PathBuf> {
    None
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

/// Whether `path` is a folder, no link to one, that belongs to the person and that nobody else can enter.
pub fn is_private(path: &Path) -> std::io::Result<bool> {
    let meta = fs::symlink_metadata(path)?;
    #[cfg(unix)]
    let owned = {
        use std::os::unix::fs::MetadataExt;
        meta.uid() == user() && meta.mode() & 0o077 == 0
    };
    #[cfg(not(unix))]
    let owned = true;
    Ok(meta.is_dir() && owned)
}

/// Makes a folder that only its owner can enter. One that exists must be a folder, and is closed to others.
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    if made(path)? {
        return Ok(());
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

/// As [`private_folder`], but one that exists must have been private all along: what others could write into may hold
/// what they put there.
pub fn trusted_folder(path: &Path) -> std::io::Result<()> {
    if made(path)? || is_private(path)? {
        return Ok(());
    }
    let why = format!("{} is there and is not a private folder of yours", path.display());
    Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why))
}

/// Whether the folder was made now; false where something of that name exists.
fn made(path: &Path) -> std::io::Result<bool> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        result => result.map(|()| true),
    }
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
        let shared = tempfile::tempdir().unwrap();
        let of = |home: &Path| run_folders_in(home, Some(runtime.path()), Some(shared.path()));
        let first = of(a.path());
        assert!(first[0].starts_with(runtime.path()) && first[1].starts_with(shared.path()) && first.len() == 2);
        assert!(first.iter().zip(of(b.path())).all(|(a, b)| *a != b));
        assert_eq!(first, of(a.path()));
        assert_eq!(run_folders_in(a.path(), Some(Path::new("/no/such/folder")), Some(shared.path())), first[1..]);
        // Nothing private in memory: nowhere, and never in the journal's folder.
        assert_eq!(run_folders_in(a.path(), None, None), Vec::<PathBuf>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_folder_is_private_and_never_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        trusted_folder(&path).unwrap();
        trusted_folder(&path).unwrap();
        mode(0o755);
        // What others could enter is not trusted with the editor's file, but may be closed to them for an export.
        assert!(trusted_folder(&path).is_err() && !is_private(&path).unwrap());
        private_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(private_folder(&link).is_err() && trusted_folder(&link).is_err() && !is_private(&link).unwrap());
    }
}
