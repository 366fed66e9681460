//! `$EDITOR` on a private temporary file that leaves nothing behind and loses nothing.
//!
//! Each opening is a folder of its own, `edit-<random>`, mode 0700, in memory ([`crate::home::run_folders`]):
//!
//! - `entry.md` (0600) is what the editor sees; swap, backup and autosave files of most editors fall beside it;
//! - `session.json` says which entry and heads it was opened at, and is locked for as long as the program lives. A lock
//!   ends with its process, however that ends, so a folder whose lock can be had belongs to nobody any more.
//!
//! [`collect`] finds such folders at the next start and hands back what was typed, with the files that the editor kept
//! beside it: words that nobody saved are in there. Only [`Session::wipe`] and
//! [`Recovered::wipe`] remove anything, and a caller wipes after the words are durable elsewhere: a crash between the
//! two brings the same words back a second time, never none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use afterword_core::error::{Code, Error};
use afterword_core::id::{ChangeHash, EntryId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::home::{is_private, trusted_folder};
use crate::output::io_error;
use crate::process;

const TEXT: &str = "entry.md";
const SESSION: &str = "session.json";
/// More than this was not typed by a person.
const MAX_FILE: u64 = 16 << 20;
/// The longest file of an editor's own that is kept: what can be attached.
const MAX_BESIDE: u64 = 10 << 20;
/// How many of them are kept.
const FILES_BESIDE: usize = 8;

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
    /// What the editor kept beside them.
    pub beside: Vec<Beside>,
    /// How many further files it kept that are too many or too large.
    pub left_out: usize,
    session: Session,
}

/// A file of an editor's own, such as vim's swap file: words that were typed and not saved are in there.
#[derive(Debug)]
pub struct Beside {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
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
        let what = "the editor was not opened: there is no private folder in memory for its file";
        let error = last.map_or_else(|| Error::new(Code::Refused, what, ""), |error| io_error(what, &error));
        let hint = "set XDG_RUNTIME_DIR to a folder in memory that only you can enter, or give the text with --body, \
                    --file or -";
        Err(Error { advice: hint.into(), ..error })
    }

    fn begin_in(folder: &Path, base: &Base, text: &str) -> io::Result<Self> {
        trusted_folder(folder)?;
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
        let status = process::command(program).args(words).arg(self.file()).status().map_err(|_| {
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

    /// The file with the text as it stands. Where an editor was cut off it may have left newer words beside the file
    /// (nano's `.save`, emacs' `#…#`); the latest counts.
    fn newest(&self) -> Option<PathBuf> {
        let all = [TEXT.to_owned(), format!("{TEXT}.save"), format!("#{TEXT}#")].into_iter().filter_map(|name| {
            let path = self.folder.join(name);
            let meta = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
            Some((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
        });
        all.max_by_key(|(at, _)| *at).map(|(_, path)| path)
    }

    fn read(&self) -> Result<Zeroizing<String>, String> {
        let bytes =
            read_at_most(&self.newest().ok_or("it is gone")?, MAX_FILE).map_err(|error| error.kind().to_string())?;
        let bytes = bytes.ok_or("it is larger than 16 MiB")?;
        // An editor set to another encoding must not cost the words.
        Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What else the editor left in the folder that is not `known`: regular files with something in them. Answers how
    /// many are not among them because they are too many or too large.
    fn beside(&self, known: &[PathBuf]) -> io::Result<(Vec<Beside>, usize)> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        let (mut found, mut left_out) = (Vec::new(), 0);
        for path in paths {
            let meta = fs::symlink_metadata(&path)?;
            if known.contains(&path) || !meta.is_file() || meta.len() == 0 {
                continue;
            }
            match read_at_most(&path, MAX_BESIDE)? {
                Some(bytes) if found.len() < FILES_BESIDE => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    found.push(Beside { name, bytes });
                }
                _ => left_out += 1,
            }
        }
        Ok((found, left_out))
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
        // Nothing was ever put into a folder that is somebody else's, whatever its name.
        if !is_private(folder).unwrap_or(false) {
            continue;
        }
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
    let untouched = |text: &str| read.as_ref().is_some_and(|note| note.text == fingerprint(text));
    // A file that cannot be read now may be readable later: leave it.
    let newest = session.newest();
    let text = if newest.is_some() { session.read().ok()? } else { Zeroizing::default() };
    let mut known = vec![session.folder.join(SESSION)];
    known.extend(newest);
    let (mut beside, left_out) = session.beside(&known).ok()?;
    beside.retain(|file| file.name != TEXT || !std::str::from_utf8(&file.bytes).is_ok_and(untouched));
    let nothing_typed = untouched(&text) || text.trim().is_empty();
    if nothing_typed && beside.is_empty() && left_out == 0 {
        let _ = session.wipe();
        return None;
    }
    Some(Recovered { base, text, beside, left_out, session })
}

/// All of a file, or none of one that is longer than `most` bytes.
fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
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
mod tests;
