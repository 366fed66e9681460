//! Bringing in what was written elsewhere: a folder of Markdown, one text file, or an export of ours.
//!
//! Reading is one pass with bounded memory: [`Source::open`] lists paths only, [`Source::each`] reads one file at a time
//! and hands over what it found. Nothing is dropped in silence: every file of the folder becomes an entry, an
//! attachment of one, or a [`Problem`] that names it and says why. Nothing is written here, and nothing outside the
//! folder is ever read: links in the file system are not followed, and a path that leaves the folder is refused.
//!
//! **Twice adds nothing.** A text file's entry has a key, [`Foreign::key`]: a hash of its kind, title, day and text as
//! parsed. A file that moved or was touched has the same key and is known again; one whose words changed is a new entry,
//! since what was imported may have been edited meanwhile and neither may overwrite the other. An export of ours names
//! its entries by id.

mod folder;
mod links;
mod markdown;
mod matter;
mod names;
mod own;
mod slices;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use afterword_core::error::Error;
use afterword_core::id::{AttachmentId, EntryId};
use afterword_core::journal::{Entry, Kind, MarkGroup};
use afterword_core::time::Day;

use crate::output::io_error;

pub(crate) use matter::OWN_ID;
pub use own::{ExportedPerson, VERSION};

/// A text file larger than this is not something a person wrote in one sitting.
pub const MAX_TEXT: u64 = 8 << 20;
/// An attachment that an import brings may not be larger than this: it is held in memory. `attach` takes larger ones.
pub const MAX_ATTACHMENT: u64 = 512 << 20;

/// Something that was not understood or not taken, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to what is imported; empty for the whole of it.
    pub path: String,
    /// Why. Names files and keys, never what is written in them.
    pub reason: String,
}

impl Problem {
    fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// Where an attachment's bytes are.
#[derive(Clone, PartialEq, Eq)]
pub enum Bytes {
    /// In a file inside the source.
    File(PathBuf),
    /// Here.
    Here(Vec<u8>),
    /// Nowhere: the device that exported did not have them.
    Missing,
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Here(bytes) => write!(f, "Here({} bytes)", bytes.len()),
            Self::Missing => f.write_str("Missing"),
        }
    }
}

impl Bytes {
    /// Reads them, at most [`MAX_ATTACHMENT`]; the error is the reason for a [`Problem`].
    pub fn read(self) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Here(bytes) => Ok(Some(bytes)),
            Self::Missing => Ok(None),
            Self::File(path) => read_at_most(&path, MAX_ATTACHMENT).map(Some),
        }
    }
}

/// A file that an entry shows or links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignAttachment {
    /// The file, relative to the source.
    pub path: String,
    /// Where its bytes are.
    pub bytes: Bytes,
    /// Media type, by the file's name.
    pub mime: String,
    /// The link's title, else the path as the text has it, by which a reader finds the picture again.
    pub caption: String,
    /// The picture's alternative text.
    pub alt: Option<String>,
}

/// An entry from somebody else's file. Texts have `@Name` where people are named, as an editor would show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The file, relative to the source.
    pub path: String,
    /// By which the same content is known again.
    pub key: [u8; 32],
    /// The id that our own Markdown export wrote into the file. An entry of that id here is the same one.
    pub known_as: Option<EntryId>,
    /// What it is about; a note where the file does not say.
    pub kind: Kind,
    /// Its title; may be empty.
    pub title: String,
    /// Its text.
    pub body: String,
    /// When it happened, where the file or its name says.
    pub happened: Option<Day>,
    /// Marks.
    pub marks: BTreeMap<MarkGroup, BTreeSet<String>>,
    /// Files it shows.
    pub attachments: Vec<ForeignAttachment>,
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").field("path", &self.path).field("words", &self.body.len()).finish_non_exhaustive()
    }
}

impl Foreign {
    /// The key of this content.
    fn key_of(kind: Kind, title: &str, happened: Option<Day>, body: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("afterword imported content v1");
        let day = happened.map(|day| day.to_string()).unwrap_or_default();
        for part in [kind.as_str(), title, &day, body] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// An entry from an export of ours, to be made again with the ids it has.
#[derive(Clone, PartialEq, Eq)]
pub struct Own {
    /// The entry; people as tokens, no heads.
    pub entry: Entry,
    /// Every attachment's bytes.
    pub bytes: BTreeMap<AttachmentId, Bytes>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("id", &self.entry.id).finish_non_exhaustive()
    }
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An entry from somebody else's file.
    Foreign(Box<Foreign>),
    /// A person of an export of ours; comes before every entry.
    Person(ExportedPerson),
    /// An entry of an export of ours.
    Own(Box<Own>),
    /// Something not understood or not taken.
    Problem(Problem),
}

/// What takes the things found, in order. Its error ends the reading.
pub type Sink<'a> = &'a mut dyn FnMut(Found) -> Result<(), Error>;

/// Something that can be imported.
#[derive(Debug)]
pub struct Source {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Folder(folder::Listing),
    Own(PathBuf),
}

impl Source {
    /// Finds out what `path` is and lists what is in it. Reads no text yet.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let what = || format!("{} could not be imported", path.display());
        let root = std::fs::canonicalize(path).map_err(|error| io_error(what(), &error))?;
        let meta = std::fs::metadata(&root).map_err(|error| io_error(what(), &error))?;
        let form = if meta.is_dir() {
            Form::Folder(folder::list(&root).map_err(|error| io_error(what(), &error))?)
        } else if !meta.is_file() {
            return Err(Error::invalid(
                format!("{}: it is neither a file nor a folder", what()),
                "name a folder of Markdown, a text file, or an export of ours",
            ));
        } else if folder::extension(&root) == "json" {
            Form::Own(root)
        } else if folder::is_text(&root) {
            Form::Folder(folder::single(&root))
        } else {
            return Err(Error::invalid(
                format!("{}: its kind of file is not known", what()),
                "name a folder of Markdown, a .md or .txt file, or a .json export of ours",
            ));
        };
        Ok(Self { form })
    }

    /// Whether it is one text file, which by itself says what comes along.
    pub fn is_single(&self) -> bool {
        matches!(&self.form, Form::Folder(listing) if listing.single)
    }

    /// How many files there are to read, where that is known before reading.
    pub fn files(&self) -> Option<u64> {
        match &self.form {
            Form::Folder(listing) => Some(listing.texts.len() as u64),
            Form::Own(_) => None,
        }
    }

    /// Reads everything, one file at a time, in the order of paths.
    pub fn each(self, sink: Sink<'_>) -> Result<(), Error> {
        match self.form {
            Form::Folder(listing) => folder::each(listing, sink),
            Form::Own(path) => own::each(&path, sink),
        }
    }
}

/// A file's bytes if there are at most `most`, else the reason. Whatever else a name turns out to be is never waited on.
fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let refused = |error: io::Error| format!("could not be read ({})", error.kind());
    let too_large = || format!("larger than {} MB", most >> 20);
    let meta = std::fs::symlink_metadata(path).map_err(refused)?;
    if !meta.is_file() {
        return Err("not a regular file".into());
    }
    if meta.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // It may grow while it is read.
    File::open(path).map_err(refused)?.take(most + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests;
