//! Reading an export of ours: one JSON file, an entry in memory at a time.
//!
//! The bytes of one entry are cut out of the file ([`super::slices`]) and read as what an entry is; what else stands in
//! them is passed over. So reading takes the entry's bytes, what it says, and a bounded number of parts, and never a tree
//! of everything in the file, which takes fifteen times the bytes.
//!
//! The format is `export::json`'s. An entry that cannot be understood is a problem and the next one goes on; a file that
//! is no JSON any more from some point on is an error, after what stood before it was handed over.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::marker::PhantomData;
use std::path::Path;

use afterword_core::error::{Code, Error};
use afterword_core::id::{AttachmentId, BlobId, EntryId, SealId};
use afterword_core::journal::people::is_token;
use afterword_core::journal::{
    Attachment, Boxed, Closure, Entry, Experiment, Happened, Item, Kind, Link, MarkGroup, NextMove, PersonInText,
    Reflection, Section,
};
use afterword_core::time::{Precision, Timestamp};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::slices::{Broken, Place, Slices};
use super::{Bytes, Found, MAX_ATTACHMENT, Own, Problem, Sink};
use crate::output::io_error;

/// The version of the export format that this program writes, and the newest that it reads.
pub const VERSION: u64 = 1;

/// An entry with all its attachments may take so many bytes of JSON: they are in memory while it is read.
const MAX_ELEMENT: usize = 1 << 30;
/// A name of the file's own.
const MAX_KEY: usize = 1 << 10;
/// Parts of one kind that an entry may have. A person writes a few dozen in years.
const MAX_PARTS: usize = 1 << 16;
/// Groups of marks. The vocabulary has six.
const MAX_GROUPS: usize = 64;
/// People and entries that could not be understood and are named one by one; what lies beyond is counted.
const MAX_LISTED: usize = 1000;
const TOO_MANY: &str = "it has too many parts of one kind";
const WORD: &str = "a word in it is not in its vocabulary";
const OTHER: &str = "a part of it is missing or of another kind";

/// A person of the people document, as an export lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedPerson {
    /// The token that stands in texts.
    pub token: String,
    /// The name.
    pub name: String,
    /// Other names.
    #[serde(default, deserialize_with = "parts")]
    pub aliases: Vec<String>,
}

/// The parts of an exported entry that are not derived from other parts.
#[derive(Deserialize)]
struct FileEntry<'b> {
    id: EntryId,
    kind: Kind,
    #[serde(default)]
    title: String,
    #[serde(default)]
    first_telling: String,
    happened: Option<Happened>,
    #[serde(default)]
    sections: Parts<Section>,
    #[serde(default)]
    items: Parts<Item>,
    #[serde(default)]
    reflections: Parts<Reflection>,
    #[serde(default, deserialize_with = "groups")]
    marks: BTreeMap<String, Parts<String>>,
    #[serde(default)]
    people: Parts<PersonInText>,
    #[serde(default)]
    links: Parts<Link>,
    experiment: Option<Experiment>,
    #[serde(default)]
    closures: Parts<Closure>,
    #[serde(default, borrow)]
    attachments: Parts<FileAttachment<'b>>,
    boxed_until: Option<Boxed>,
    #[serde(default)]
    muted: bool,
    #[serde(default)]
    trashed: bool,
    next_move: Option<NextMove>,
    #[serde(default)]
    seals: Parts<SealId>,
    created_ms: i64,
    updated_ms: i64,
}

/// A file with its bytes, which are borrowed: they are most of what is read.
#[derive(Deserialize)]
struct FileAttachment<'b> {
    id: AttachmentId,
    mime: String,
    bytes: u64,
    caption: Option<String>,
    alt: Option<String>,
    credit: Option<String>,
    #[serde(default)]
    publishable: bool,
    #[serde(borrow)]
    data: Option<Cow<'b, str>>,
}

/// Reads the export at `path`.
pub(super) fn each(path: &Path, sink: Sink<'_>) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| io_error(not_imported(path), &error))?;
    let mut reading = Reading { json: Slices::new(file), sink, version: false, unlisted: 0, listed: 0 };
    let result = reading.file();
    let place = reading.json.place();
    // serde's own words may quote the file; only the place is said.
    match result {
        Ok(()) => reading.rest(),
        Err(Ended::Stopped(error)) => Err(error),
        Err(_) if !reading.version => Err(Error::invalid(
            format!("{}: it is not an export of Afterword", not_imported(path)),
            "name a file that `afterword export --format json` wrote, or a folder of Markdown",
        )),
        Err(Ended::Broken(Broken::Io(error))) => {
            Err(io_error(format!("{}: reading stopped at line {}", not_imported(path), place.line), &error))
        }
        Err(Ended::Broken(Broken::Syntax)) => Err(damaged(path, place)),
        Err(Ended::Damaged(place)) => Err(damaged(path, place)),
    }
}

fn not_imported(path: &Path) -> String {
    format!("{} could not be imported", path.display())
}

fn damaged(path: &Path, place: Place) -> Error {
    let Place { line, column } = place;
    Error::new(
        Code::Corrupt,
        format!("{}: the file is damaged at line {line}, column {column}", not_imported(path)),
        "what stood before it was imported; import an undamaged copy, and nothing comes twice",
    )
}

/// Why reading ended early.
enum Ended {
    /// Whoever takes what is found wants no more, or the file is of a newer format.
    Stopped(Error),
    /// There is nothing to be read on.
    Broken(Broken),
    /// A value in it is no JSON.
    Damaged(Place),
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// An export that is being read.
struct Reading<'s> {
    json: Slices<File>,
    sink: Sink<'s>,
    /// Whether it has said its version, and a known one.
    version: bool,
    /// Elements that were not understood and are listed, and those that are only counted.
    listed: usize,
    unlisted: u64,
}

impl Reading<'_> {
    fn file(&mut self) -> Result<(), Ended> {
        self.json.expect(b'{')?;
        let mut first = true;
        while self.json.one_more(b'}', first)? {
            first = false;
            let key = self.json.value(MAX_KEY)?;
            self.json.expect(b':')?;
            match (key.as_deref(), self.version) {
                (Some(br#""afterword_export""#), _) => self.version()?,
                // The version stands first, so that nothing of a newer format is taken for something else.
                (_, false) => return Err(Broken::Syntax.into()),
                (Some(br#""people""#), _) => self.list(List::People)?,
                (Some(br#""entries""#), _) => self.list(List::Entries)?,
                _ => self.json.skip()?,
            }
        }
        match self.json.peek()? {
            None if self.version => Ok(()),
            _ => Err(Broken::Syntax.into()),
        }
    }

    fn version(&mut self) -> Result<(), Ended> {
        let bytes = self.json.value(MAX_KEY)?.unwrap_or_default();
        match serde_json::from_slice::<u64>(&bytes) {
            Ok(VERSION) => {
                self.version = true;
                Ok(())
            }
            Ok(newer) if newer > VERSION => Err(Ended::Stopped(Error::new(
                Code::TooNew,
                format!("the export is of format {newer}, and this program reads up to {VERSION}"),
                "update Afterword and import again",
            ))),
            _ => Err(Broken::Syntax.into()),
        }
    }

    /// A list whose elements are taken one at a time. One that can't be understood is a problem, and the next comes.
    fn list(&mut self, kind: List) -> Result<(), Ended> {
        self.json.expect(b'[')?;
        let mut number = 0;
        while self.json.one_more(b']', number == 0)? {
            number += 1;
            self.json.peek()?;
            let begun = self.json.place();
            let bytes = self.json.value(MAX_ELEMENT)?;
            let found = match &bytes {
                None => Ok(Err("larger than 1 GiB")),
                Some(bytes) => kind.read(bytes),
            };
            match found {
                Ok(Ok(found)) => {
                    drop(bytes);
                    (self.sink)(found).map_err(Ended::Stopped)?;
                }
                // A file of nothing but mistakes must not become a report that fills the memory.
                Ok(Err(_)) if self.listed == MAX_LISTED => self.unlisted += 1,
                Ok(Err(reason)) => {
                    self.listed += 1;
                    let path = kind.name(number, bytes.as_deref().unwrap_or_default());
                    let problem = Problem::new(path, format!("{reason}; not imported"));
                    (self.sink)(Found::Problem(problem)).map_err(Ended::Stopped)?;
                }
                Err(Misread { line, column }) => return Err(Ended::Damaged(begun.plus(line, column))),
            }
        }
        Ok(())
    }

    fn rest(self) -> Result<(), Error> {
        match self.unlisted {
            0 => Ok(()),
            more => {
                (self.sink)(Found::Problem(Problem::new("", format!("{more} more were not understood; not imported"))))
            }
        }
    }
}

/// What a list is of.
#[derive(Clone, Copy)]
enum List {
    People,
    Entries,
}

impl List {
    fn read(self, bytes: &[u8]) -> Result<Result<Found, &'static str>, Misread> {
        Ok(match self {
            Self::People => match understood::<ExportedPerson>(bytes)? {
                Ok(person) if is_token(&person.token) => Ok(Found::Person(person)),
                _ => Err("not understood"),
            },
            Self::Entries => understood::<FileEntry<'_>>(bytes)?.and_then(convert).map(|own| Found::Own(Box::new(own))),
        })
    }

    /// What an element that was not understood is called: by its id, where it has one.
    fn name(self, number: u64, bytes: &[u8]) -> String {
        match self {
            Self::People => format!("person {number}"),
            Self::Entries => {
                let id = serde_json::from_slice::<Named<'_>>(bytes).ok().and_then(|named| named.id);
                let id = id.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
                id.map_or_else(|| format!("entry number {number}"), |id| format!("entry {id}"))
            }
        }
    }
}

/// A value that is no JSON, and where inside of it that shows.
struct Misread {
    line: usize,
    column: usize,
}

/// A value read as what it should be, or why it is not; an error where it is no JSON at all.
fn understood<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<Result<T, &'static str>, Misread> {
    if !bytes.starts_with(b"{") {
        return Ok(Err(OTHER));
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_data() => Ok(Err(reason(&error))),
        Err(error) => Err(Misread { line: error.line(), column: error.column() }),
    }
}

/// Why a value is not what it should be, without serde's words: they may quote the file.
fn reason(error: &serde_json::Error) -> &'static str {
    let said = error.to_string();
    let of = |begins: &str| said.starts_with(begins);
    match () {
        () if of(TOO_MANY) => TOO_MANY,
        () if of("expected ") && said.contains(" lower-case hexadecimal digits") => "an id in it is no id",
        () if of("a day is written ") => "a day in it is no day",
        () if of("unknown variant ") => WORD,
        () => OTHER,
    }
}

/// What every entry has that can be named.
#[derive(Deserialize)]
struct Named<'b> {
    #[serde(borrow)]
    id: Option<Cow<'b, str>>,
}

/// A list of parts, at most [`MAX_PARTS`]: a value may take many times more room than its text, and this bounds how much.
struct Parts<T>(Vec<T>);

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Parts<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parts(deserializer).map(Self)
    }
}

fn parts<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Each<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut parts = Vec::new();
            while let Some(part) = list.next_element()? {
                if parts.len() == MAX_PARTS {
                    return Err(A::Error::custom(TOO_MANY));
                }
                parts.push(part);
            }
            Ok(parts)
        }
    }
    deserializer.deserialize_seq(Each(PhantomData))
}

/// The groups of marks: each once, and no more than a vocabulary may ever have.
fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Parts<String>>, D::Error> {
    struct Groups;
    impl<'de> Visitor<'de> for Groups {
        type Value = BTreeMap<String, Parts<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("groups of marks")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut groups = BTreeMap::new();
            while let Some((group, words)) = map.next_entry()? {
                if groups.len() == MAX_GROUPS {
                    return Err(A::Error::custom(TOO_MANY));
                }
                groups.insert(group, words);
            }
            Ok(groups)
        }
    }
    deserializer.deserialize_map(Groups)
}

fn convert(file: FileEntry<'_>) -> Result<Own, &'static str> {
    if file.id.is_singleton() {
        return Err("its id is kept for the journal itself");
    }
    if !file.people.0.iter().all(|part| is_token(&part.token)) {
        return Err("a person's token in it is no token");
    }
    let mut bytes = BTreeMap::new();
    let mut attachments = Vec::new();
    for file in file.attachments.0 {
        let (attachment, data) = attachment(file)?;
        bytes.insert(attachment.id, data);
        attachments.push(attachment);
    }
    let mut marks = BTreeMap::new();
    for (group, words) in file.marks.into_iter().filter(|(_, words)| !words.0.is_empty()) {
        let group: MarkGroup = group.parse().map_err(|_| WORD)?;
        marks.insert(group, words.0.into_iter().collect());
    }
    let entry = Entry {
        id: file.id,
        kind: file.kind,
        title: file.title,
        first_telling: file.first_telling,
        happened: file.happened.unwrap_or(Happened { date: None, precision: Precision::Unknown }),
        sections: file.sections.0,
        items: file.items.0,
        reflections: file.reflections.0,
        marks,
        people: file.people.0,
        links: file.links.0,
        experiment: file.experiment,
        closures: file.closures.0,
        attachments,
        boxed_until: file.boxed_until,
        muted: file.muted,
        trashed: file.trashed,
        next_move: file.next_move,
        seals: file.seals.0.into_iter().collect(),
        created_at: Timestamp(file.created_ms),
        updated_at: Timestamp(file.updated_ms),
        heads: Vec::new(),
    };
    Ok(Own { entry, bytes })
}

fn attachment(file: FileAttachment<'_>) -> Result<(Attachment, Bytes), &'static str> {
    let data = match file.data {
        None => Bytes::Missing,
        Some(text) if text.len() as u64 > MAX_ATTACHMENT.div_ceil(3) * 4 => {
            return Err("an attachment in it is larger than 512 MB");
        }
        Some(text) => {
            let data = data_encoding::BASE64.decode(text.as_bytes());
            let data = data.map_err(|_| "an attachment's bytes in it are damaged")?;
            if data.len() as u64 != file.bytes {
                return Err("an attachment in it is not as long as it says");
            }
            Bytes::Here(data)
        }
    };
    let attachment = Attachment {
        id: file.id,
        // The journal that imports it gives the bytes a name of its own.
        blob: BlobId::from_bytes([0; 32]),
        mime: file.mime,
        bytes: file.bytes,
        caption: file.caption,
        alt: file.alt,
        credit: file.credit,
        publishable: file.publishable,
    };
    Ok((attachment, data))
}
