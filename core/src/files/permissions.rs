//! Who may enter a home and read its files: their owner only. What stands open to others is closed when it is found.
//!
//! A folder that others can write into is worse than one that they can read: what they put there is opened next. So the
//! modes are looked at by every opening, and `doctor` says what the opening found.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::home::Home;

/// What was found open to others, each as its name and mode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// What is closed to them now.
    pub closed: Vec<String>,
    /// What could not be closed, because it belongs to somebody else.
    pub open: Vec<String>,
    /// Whether others could read a file, or put one into a folder. Those who could only enter a folder learned the names
    /// in it: a copy that was put back stands open like that, and nothing was given away by it.
    pub exposed: bool,
}

impl Permissions {
    /// Whether nothing was open to others.
    pub fn are_right(&self) -> bool {
        self.closed.is_empty() && self.open.is_empty()
    }

    /// Closes one file or folder to others, if it is open to them.
    fn close(&mut self, name: &str, path: &Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // One that went away meanwhile is open to nobody.
            let Ok(meta) = fs::metadata(path) else { return };
            let mode = meta.permissions().mode() & 0o7777;
            if mode & 0o077 == 0 {
                return;
            }
            let ours = fs::Permissions::from_mode(if meta.is_dir() { 0o700 } else { 0o600 });
            self.exposed |= mode & 0o022 != 0 || !meta.is_dir();
            let list = if fs::set_permissions(path, ours).is_ok() { &mut self.closed } else { &mut self.open };
            list.push(format!("{name} ({mode:o})"));
        }
        #[cfg(not(unix))]
        let _ = (name, path);
    }

    /// Closes what is in a folder of ours, whatever its name.
    fn close_all_in(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = Path::new(folder.file_name().unwrap_or_default()).join(entry.file_name());
            self.close(&name.display().to_string(), &entry.path());
        }
    }
}

/// What is ours in a home. A person may keep other things beside it; their modes are their own.
const OURS: [&str; 8] = ["inbox", "deriving", "arriving", "lock", "new", "ready", "replaced", "joining"];
/// The same with whatever comes behind a dot or a dash: logs, locks, what is being written, what was put aside.
const WITH_KIN: [&str; 3] = ["journal.db", "vault", "blobs"];

fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let kin = |ours: &str| name.strip_prefix(ours).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']));
    OURS.contains(&&*name) || WITH_KIN.iter().any(|ours| kin(ours))
}

/// Closes a home's folder to others, and what is ours in it.
pub fn close_to_others(home: &Home) -> Permissions {
    let mut found = Permissions::default();
    found.close("the folder", home.root());
    for entry in fs::read_dir(home.root()).into_iter().flatten().flatten() {
        if is_ours(&entry.file_name()) {
            found.close(&entry.file_name().to_string_lossy(), &entry.path());
        }
    }
    found.closed.sort();
    found.open.sort();
    found
}

/// The same for every attachment, of which there may be thousands: behind a closed folder nobody reaches them.
pub fn close_attachments(home: &Home) -> Permissions {
    let mut found = Permissions::default();
    found.close_all_in(&home.blobs());
    found
}

/// Whether a folder holds anything that is not ours: files that a person, or another program, put there.
pub fn holds_others(root: &Path) -> bool {
    fs::read_dir(root).into_iter().flatten().flatten().any(|entry| !is_ours(&entry.file_name()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_ours_is_closed_and_named_once_and_what_is_not_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"));
        home.make().unwrap();
        assert!(close_to_others(&home).are_right() && !holds_others(home.root()));
        for name in ["vault", "journal.db", "journal.db-wal", "newspaper.txt", "vaulted", "blobs/ab"] {
            fs::write(home.root().join(name), "x").unwrap();
            set(&home.root().join(name), 0o644);
        }
        set(home.root(), 0o777);
        set(&home.blobs(), 0o755);
        let found = close_to_others(&home);
        let wanted = ["blobs (755)", "journal.db (644)", "journal.db-wal (644)", "the folder (777)", "vault (644)"];
        assert_eq!((found.closed, found.open, found.exposed), (wanted.map(str::to_owned).to_vec(), Vec::new(), true));
        assert_eq!((mode(home.root()), mode(&home.blobs())), (0o700, 0o700));
        assert_eq!((mode(&home.vault()), mode(&home.database())), (0o600, 0o600));
        assert_eq!(mode(&home.root().join("newspaper.txt")), 0o644);
        assert!(close_to_others(&home).are_right() && holds_others(home.root()));
        assert_eq!(close_attachments(&home).closed, ["blobs/ab (644)"]);
        assert_eq!(mode(&home.blobs().join("ab")), 0o600);
        assert!(close_attachments(&home).are_right());
        set(home.root(), 0o755);
        let entered = close_to_others(&home);
        assert!(!entered.exposed && entered.closed == ["the folder (755)"], "{entered:?}");
    }

    #[test]
    fn a_home_that_is_not_there_is_open_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("none"));
        assert!(close_to_others(&home).are_right() && close_attachments(&home).are_right());
        assert!(!holds_others(home.root()) && !holds_others(dir.path()));
    }
}
