//! `$EDITOR` on a private temporary file that leaves nothing behind and loses nothing.
//!
//! Each opening is a folder of its own, `edit-<random>`, mode 0700, in the journal's run folder:
//!
//! - `entry.md` (0600) is what the editor sees; swap, backup and autosave files of most editors fall beside it;
//! - `session.json` says which entry and heads it was opened at, and is locked for as long as the program lives. A lock
//!   ends with its process, however that ends, so a folder whose lock can be had belongs to nobody any more.
//!
//! [`collect`] finds such folders at the next start and hands back what was typed. Only [`Session::wipe`] and
//! [`Recovered::wipe`] remove anything, and a caller wipes after the words are durable elsewhere: a crash between the
//! two brings the same words back a second time, never none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use afterword_core::error::{Code, Error};
use afterword_core::id::{ChangeHash, EntryId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::home::private_folder;
use crate::output::io_error;

const TEXT: &str = "entry.md";
const SESSION: &str = "session.json";
/// More than this was not typed by a person.
const MOST: u64 = 16 << 20;

/// What an editor was opened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The entry, or none for one that does not exist yet.
    pub entry: Option<EntryId>,
    /// The heads its text was read at.
    pub heads: Vec<ChangeHash>,
}

/// What is written down of a [`Base`]; and a hash of the first text, to see later whether anything was typed.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    entry: Option<String>,
    heads: Vec<String>,
    text: String,
}

/// An open file. Dropping it without [`Session::wipe`] leaves its words for [`collect`].
#[derive(Debug)]
pub struct Session {
    folder: PathBuf,
    /// Held open for its lock.
    _note: File,
}

/// Words that an earlier run of the program did not get to save.
#[derive(Debug)]
pub struct Recovered {
    /// What they belong to.
    pub base: Base,
    /// The words.
    pub text: Zeroizing<String>,
    session: Session,
}

impl Recovered {
    /// Destroys the files, once the words are durable elsewhere.
    pub fn wipe(self) -> Result<(), Error> {
        self.session.wipe()
    }
}

impl Session {
    /// Puts `text` into a private file in the first of `folders` that takes it.
    pub fn begin(folders: &[PathBuf], base: &Base, text: &str) -> Result<Self, Error> {
        let mut last = None;
        for folder in folders {
            match Self::begin_in(folder, base, text) {
                Ok(session) => return Ok(session),
                Err(error) => last = Some(error),
            }
        }
        let error = last.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        Err(io_error("no private file could be made for the editor", &error))
    }

    fn begin_in(folder: &Path, base: &Base, text: &str) -> io::Result<Self> {
        private_folder(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix("new-").rand_bytes(12);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let made = builder.tempdir_in(folder)?;
        let mut note = private_file(&made.path().join(SESSION))?;
        note.try_lock().map_err(io::Error::from)?;
        let content = Note {
            entry: base.entry.map(|id| id.to_string()),
            heads: base.heads.iter().map(ToString::to_string).collect(),
            text: fingerprint(text),
        };
        note.write_all(&serde_json::to_vec(&content)?)?;
        private_file(&made.path().join(TEXT))?.write_all(text.as_bytes())?;
        // Locked and whole before it has a name that is collected.
        let made = made.keep();
        let name = made.file_name().unwrap_or_default().to_string_lossy().replacen("new-", "edit-", 1);
        let at = folder.join(name);
        fs::rename(&made, &at)?;
        Ok(Self { folder: at, _note: note })
    }

    /// The file for the editor.
    pub fn file(&self) -> PathBuf {
        self.folder.join(TEXT)
    }

    /// Runs the editor and returns what it left. Signals from the keyboard reach the editor and leave this program
    /// waiting: Ctrl-C in an editor is the editor's business, and a closed terminal must still be read from.
    pub fn edit(&self, editor: &str) -> Result<Zeroizing<String>, Error> {
        let _deaf = Deaf::new().map_err(|error| io_error("signals could not be held back", &error))?;
        let failed = |why: String| {
            Error::new(
                Code::Invalid,
                format!("the editor `{editor}` {why}"),
                format!("what was typed is kept in {} and is taken up at the next start", self.file().display()),
            )
        };
        let mut words = split_words(editor).into_iter();
        let program = words.next().unwrap_or_default();
        let status = Command::new(program).args(words).arg(self.file()).status().map_err(|_| {
            Error::new(
                Code::NotFound,
                format!("the editor `{editor}` could not be started"),
                "set EDITOR to an editor that is installed, or give the text with --body, --file or -",
            )
        })?;
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        self.read().map_err(|why| failed(format!("left a file that could not be read: {why}")))
    }

    /// The text as it stands. Where an editor was cut off it may have left newer words beside the file (nano's
    /// `.save`, emacs' `#…#`); the latest counts.
    fn read(&self) -> Result<Zeroizing<String>, String> {
        let newest = [TEXT.to_owned(), format!("{TEXT}.save"), format!("#{TEXT}#")]
            .into_iter()
            .filter_map(|name| {
                let path = self.folder.join(name);
                let meta = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
                Some((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
            })
            .max_by_key(|(at, _)| *at);
        let Some((_, path)) = newest else { return Err("it is gone".into()) };
        let mut bytes = Zeroizing::new(Vec::new());
        File::open(path)
            .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
            .map_err(|error| error.kind().to_string())?;
        if bytes.len() as u64 > MOST {
            return Err("it is larger than 16 MiB".into());
        }
        // An editor set to another encoding must not cost the words.
        Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Overwrites and removes every file of the session, and its folder.
    pub fn wipe(self) -> Result<(), Error> {
        wipe_folder(&self.folder)
            .map_err(|error| io_error(format!("the private file {} could not be wiped", self.folder.display()), &error))
    }
}

/// The editor that the person chose: `$VISUAL`, else `$EDITOR`, else the first of the usual ones that there is.
pub fn chosen() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).or_else(|| {
        let path = std::env::var_os("PATH")?;
        ["editor", "nano", "vim", "vi"]
            .into_iter()
            .find(|name| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
            .map(str::to_owned)
    })
}

/// Everything that runs which are over left behind, oldest first. What nobody typed in is wiped at once.
pub fn collect(folders: &[PathBuf]) -> Result<Vec<Recovered>, Error> {
    let mut found = Vec::new();
    for folder in folders {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error("the editor's private folder could not be read", &error)),
        };
        let mut names: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        names.sort_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
        for path in names {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("edit-") {
                found.extend(take(path));
            } else if name.starts_with("new-") && older_than(&path, Duration::from_secs(60)) {
                // A run that was killed while it made the folder: nobody has typed yet, and leftovers go.
                let _ = wipe_folder(&path);
            }
        }
    }
    Ok(found)
}

/// The words in a session's folder, if its program is gone and something was typed.
fn take(folder: PathBuf) -> Option<Recovered> {
    let mut note = match OpenOptions::new().read(true).write(true).open(folder.join(SESSION)) {
        Ok(note) => note,
        // An editor that outlived the program wrote its file into a folder that had been wiped.
        Err(error) if error.kind() == io::ErrorKind::NotFound => private_file(&folder.join(SESSION)).ok()?,
        Err(_) => return None,
    };
    note.try_lock().ok()?;
    let mut text = String::new();
    note.rewind().and_then(|()| (&note).take(1 << 20).read_to_string(&mut text)).ok()?;
    let read: Option<Note> = serde_json::from_str(&text).ok();
    let base = Base {
        entry: read.as_ref().and_then(|note| note.entry.as_ref()?.parse().ok()),
        heads: read.iter().flat_map(|note| &note.heads).filter_map(|head| head.parse().ok()).collect(),
    };
    let session = Session { folder, _note: note };
    // A file that cannot be read now may be readable later: leave it.
    let text = session.read().ok()?;
    let untouched = read.is_some_and(|note| note.text == fingerprint(&text));
    if untouched || text.trim().is_empty() {
        let _ = session.wipe();
        return None;
    }
    Some(Recovered { base, text, session })
}

fn fingerprint(text: &str) -> String {
    blake3::derive_key("afterword editor text v1", text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn older_than(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|elapsed| elapsed > age))
}

/// Overwrites, then unlinks. The note goes last, so that an interrupted wipe is still a session.
fn wipe_folder(folder: &Path) -> io::Result<()> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort_by_key(|path| path.ends_with(SESSION));
    for path in paths {
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            wipe_folder(&path)?;
            continue;
        }
        if meta.is_file() {
            overwrite(&path, meta.len())?;
        }
        fs::remove_file(&path)?;
    }
    fs::remove_dir(folder)
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let zeros = [0; 8192];
    let mut left = length;
    while left > 0 {
        let now = left.min(zeros.len() as u64) as usize;
        file.write_all(&zeros[..now])?;
        left -= now as u64;
    }
    file.sync_data()
}

/// An editor's command as words: spaces part them, quotes keep them together. No shell, so no surprise.
fn split_words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// While one of these lives, the signals of a terminal do not end the program; afterwards they do again.
#[derive(Debug)]
struct Deaf;

/// How many of them live, and the flag by which a signal ends the program. The handler stays registered: taking it away
/// would not bring the default back.
static DEAF: Mutex<(usize, Option<Arc<AtomicBool>>)> = Mutex::new((0, None));

impl Deaf {
    fn new() -> io::Result<Self> {
        let mut state = DEAF.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(unix)]
        if state.1.is_none() {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
            let mortal = Arc::new(AtomicBool::new(true));
            for signal in [SIGINT, SIGQUIT, SIGHUP] {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&mortal))?;
            }
            state.1 = Some(mortal);
        }
        state.0 += 1;
        if let Some(mortal) = &state.1 {
            mortal.store(false, Ordering::SeqCst);
        }
        Ok(Self)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let mut state = DEAF.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 -= 1;
        if let (0, Some(mortal)) = (state.0, &state.1) {
            mortal.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// One test at a time: a child that another test is just starting holds every open file, locks included, from its
    /// fork to its exec, and a lock that was let go would still seem held.
    fn alone() -> std::sync::MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn base() -> Base {
        Base { entry: Some(EntryId::from_bytes([1; 16])), heads: vec![ChangeHash::from_bytes([2; 32])] }
    }

    /// An editor that is a shell script; `$1` is the file.
    fn script(dir: &Path, body: &str) -> String {
        let path = dir.join("fake editor.sh");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        format!("sh '{}'", path.display())
    }

    fn begin(run: &Path, text: &str) -> Session {
        Session::begin(&[run.to_owned()], &base(), text).unwrap()
    }

    /// What a killed process leaves: the files, and no lock.
    fn crash(session: Session) -> PathBuf {
        let folder = session.folder.clone();
        drop(session);
        folder
    }

    #[test]
    fn an_edit_is_read_and_leaves_nothing() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        let session = begin(&run, "before\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&session.file()), 0o600);
        assert_eq!(mode(&session.folder), 0o700);
        assert_eq!(mode(&run), 0o700);
        // It sees the old text, writes beside and renames, as vim does, and leaves a backup.
        let editor =
            script(dir.path(), "cp \"$1\" \"$1~\"; { cat \"$1~\"; echo after; } > \"$1.new\"; mv \"$1.new\" \"$1\"");
        assert_eq!(*session.edit(&editor).unwrap(), "before\nafter\n");
        session.wipe().unwrap();
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
        assert!(collect(&[run]).unwrap().is_empty());
    }

    #[test]
    fn words_typed_before_a_crash_come_back_once_and_only_when_wiped() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let session = begin(&run[0], "before");
        fs::write(session.file(), "before, and what was typed").unwrap();
        crash(session);
        for _ in 0..2 {
            // Not wiped: a crash before the words are durable brings them back again.
            let found = collect(&run).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!((&found[0].base, found[0].text.as_str()), (&base(), "before, and what was typed"));
        }
        collect(&run).unwrap().pop().unwrap().wipe().unwrap();
        assert!(collect(&run).unwrap().is_empty());
        assert_eq!(fs::read_dir(&run[0]).unwrap().count(), 0);
    }

    #[test]
    fn a_live_session_is_left_alone() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let session = begin(&run[0], "");
        fs::write(session.file(), "still typing").unwrap();
        assert!(collect(&run).unwrap().is_empty());
        assert!(session.file().exists());
        drop(session);
        assert_eq!(collect(&run).unwrap().len(), 1);
    }

    /// A real second process holds the session and is killed with -9 in the middle of its edit.
    #[test]
    fn kill_9_of_the_program_and_its_editor_loses_nothing() {
        const ROLE: &str = "AFTERWORD_TEST_EDITOR_RUN";
        if let Some(run) = std::env::var_os(ROLE) {
            let session = begin(Path::new(&run), "before");
            let editor = std::env::var("AFTERWORD_TEST_EDITOR").unwrap();
            let _ = session.edit(&editor);
            return;
        }
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let ready = dir.path().join("ready");
        let body = format!("printf 'typed' > \"$1\"; echo $$ > '{}'; exec sleep 60", ready.display());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "editor::tests::kill_9_of_the_program_and_its_editor_loses_nothing"])
            .env(ROLE, &run[0])
            .env("AFTERWORD_TEST_EDITOR", script(dir.path(), &body))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let editor = loop {
            match fs::read_to_string(&ready) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        assert!(collect(&run).unwrap().is_empty(), "it is alive");
        child.kill().unwrap();
        child.wait().unwrap();
        let found = collect(&run).unwrap();
        assert_eq!(found.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), ["typed"]);
        assert!(Command::new("kill").args(["-9", &editor]).status().unwrap().success());
    }

    #[test]
    fn ctrl_c_during_an_edit_loses_nothing() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let session = begin(&dir.path().join("run"), "");
        let editor = script(dir.path(), "trap '' INT HUP; kill -INT $PPID; kill -HUP $PPID; echo typed > \"$1\"");
        assert_eq!(*session.edit(&editor).unwrap(), "typed\n");
    }

    #[test]
    fn a_failed_editor_keeps_the_words_for_the_next_start() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let session = begin(&run[0], "");
        let error = session.edit(&script(dir.path(), "echo xyzzy > \"$1\"; exit 3")).unwrap_err();
        assert!(error.hint.contains("kept") && !error.to_string().contains("xyzzy"), "{error}");
        drop(session);
        assert_eq!(*collect(&run).unwrap()[0].text, "xyzzy\n");
        let session = begin(&run[0], "");
        assert_eq!(session.edit("no-such-editor-at-all").unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn untouched_and_empty_files_are_wiped_and_not_handed_back() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        crash(begin(&run[0], "a template's prompts"));
        let session = begin(&run[0], "");
        fs::write(session.file(), " \n").unwrap();
        crash(session);
        assert!(collect(&run).unwrap().is_empty());
        assert_eq!(fs::read_dir(&run[0]).unwrap().count(), 0);
    }

    #[test]
    fn what_an_editor_saved_in_an_emergency_is_taken() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let session = begin(&run[0], "before");
        let save = session.folder.join("entry.md.save");
        fs::write(&save, "before and more").unwrap();
        let later = SystemTime::now() + Duration::from_secs(5);
        File::options().write(true).open(&save).unwrap().set_modified(later).unwrap();
        crash(session);
        assert_eq!(*collect(&run).unwrap()[0].text, "before and more");
    }

    #[test]
    fn a_file_written_into_a_wiped_folder_is_found_without_its_note() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let run = [dir.path().join("run")];
        let session = begin(&run[0], "before");
        fs::write(session.file(), "typed on").unwrap();
        fs::remove_file(crash(session).join(SESSION)).unwrap();
        let found = collect(&run).unwrap();
        assert_eq!((found[0].base.entry, found[0].text.as_str()), (None, "typed on"));
    }

    #[test]
    fn the_next_folder_serves_where_the_first_cannot() {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::write(&taken, "").unwrap();
        let session = Session::begin(&[taken, dir.path().join("run")], &base(), "").unwrap();
        assert!(session.file().starts_with(dir.path().join("run")));
    }

    #[test]
    fn commands_split_as_people_mean_them() {
        assert_eq!(split_words("code --wait"), ["code", "--wait"]);
        assert_eq!(split_words(" '/a b/vim' -c \"set tw=0\" ''"), ["/a b/vim", "-c", "set tw=0", ""]);
    }
}
