//! Reading an export of ours: one JSON file, streamed, an entry in memory at a time.
//!
//! The format is `export::json`'s. An entry that cannot be understood is a problem and the next one goes on; a file that
//! is no JSON any more from some point on is an error, after what stood before it was handed over.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use afterword_core::error::{Code, Error};
use afterword_core::id::BlobId;
use afterword_core::journal::{
    Attachment, Boxed, Closure, Entry, Experiment, Happened, Item, Link, PersonInText, Reflection, Section,
};
use afterword_core::time::{Precision, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bytes, Found, MAX_ATTACHMENT, Own, Problem, Sink};
use crate::json::BY_HAND;
use crate::output::io_error;

/// The version of the export format that this program writes, and the newest that it reads.
pub const VERSION: u64 = 1;

/// An entry with all its attachments may take so many bytes of JSON.
const MOST_PER_ENTRY: u64 = 1 << 30;

/// A person of the people document, as an export lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedPerson {
    /// The token that stands in texts.
    pub token: String,
    /// The name.
    pub name: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// The parts of an exported entry that are not derived from other parts.
#[derive(Deserialize)]
struct FileEntry {
    id: String,
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    first_telling: String,
    happened: Option<FileHappened>,
    #[serde(default)]
    sections: Vec<FileSection>,
    #[serde(default)]
    items: Vec<FileItem>,
    #[serde(default)]
    reflections: Vec<FileReflection>,
    #[serde(default)]
    marks: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    people: Vec<FilePerson>,
    #[serde(default)]
    links: Vec<FileLink>,
    experiment: Option<Experiment>,
    #[serde(default)]
    closures: Vec<FileClosure>,
    #[serde(default)]
    attachments: Vec<FileAttachment>,
    boxed_until: Option<String>,
    #[serde(default)]
    muted: bool,
    #[serde(default)]
    trashed: bool,
    next_move: Option<String>,
    #[serde(default)]
    seals: BTreeSet<String>,
    created_ms: i64,
    updated_ms: i64,
}

#[derive(Deserialize)]
struct FileHappened {
    date: Option<String>,
    precision: Precision,
}

#[derive(Deserialize)]
struct FileSection {
    id: String,
    prompt: String,
    text: String,
    order: String,
}

#[derive(Deserialize)]
struct FileItem {
    id: String,
    kind: String,
    text: String,
    state: Option<String>,
    day: Option<String>,
    order: String,
}

#[derive(Deserialize)]
struct FileReflection {
    id: String,
    day: String,
    text: String,
}

#[derive(Deserialize)]
struct FilePerson {
    token: String,
    role: Option<String>,
    contact: Option<String>,
}

#[derive(Deserialize)]
struct FileLink {
    entry: String,
    kind: String,
}

#[derive(Deserialize)]
struct FileClosure {
    id: String,
    day: String,
    kind: String,
    #[serde(default)]
    note: String,
    reopened: Option<String>,
}

#[derive(Deserialize)]
struct FileAttachment {
    id: String,
    mime: String,
    bytes: u64,
    caption: Option<String>,
    alt: Option<String>,
    credit: Option<String>,
    #[serde(default)]
    publishable: bool,
    data: Option<String>,
}

/// Reads the export at `path`.
pub(super) fn each(path: &Path, sink: Sink<'_>) -> Result<(), Error> {
    let what = format!("{} could not be imported", path.display());
    let file = File::open(path).map_err(|error| io_error(&what, &error))?;
    let left = Rc::new(Cell::new(MOST_PER_ENTRY));
    let reader = BufReader::with_capacity(1 << 16, Budget { inner: file, left: Rc::clone(&left) });
    let context = Context { sink: RefCell::new(sink), left, stopped: RefCell::new(None), version: Cell::new(None) };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let result = (&context).deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = context.stopped.into_inner() {
        return Err(error);
    }
    // serde's own words may quote the file; only the place is said.
    result.map_err(|error| match context.version.get() {
        None => Error::invalid(
            format!("{what}: it is not an export of Afterword"),
            "name a file that `afterword export --format json` wrote, or a folder of Markdown",
        ),
        Some(_) if error.is_io() => Error::corrupt(format!("{what}: reading stopped at line {}", error.line())),
        Some(_) => Error::new(
            Code::Corrupt,
            format!("{what}: the file is damaged at line {}, column {}", error.line(), error.column()),
            "what stood before it was imported; import an undamaged copy, and nothing comes twice",
        ),
    })
}

/// A reader that refuses to feed one value without end.
struct Budget<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        }
        Ok(read)
    }
}

/// What the visitors share.
struct Context<'a> {
    sink: RefCell<Sink<'a>>,
    left: Rc<Cell<u64>>,
    stopped: RefCell<Option<Error>>,
    version: Cell<Option<u64>>,
}

impl Context<'_> {
    fn give<E: serde::de::Error>(&self, found: Found) -> Result<(), E> {
        self.left.set(MOST_PER_ENTRY);
        (self.sink.borrow_mut())(found).map_err(|error| self.stop(error))
    }

    fn stop<E: serde::de::Error>(&self, error: Error) -> E {
        *self.stopped.borrow_mut() = Some(error);
        E::custom("stopped")
    }
}

impl<'de> DeserializeSeed<'de> for &Context<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &Context<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of Afterword")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), self.version.get()) {
                ("afterword_export", _) => match map.next_value::<u64>()? {
                    VERSION => self.version.set(Some(VERSION)),
                    newer if newer > VERSION => {
                        return Err(self.stop(Error::new(
                            Code::TooNew,
                            format!("the export is of format {newer}, and this program reads up to {VERSION}"),
                            "update Afterword and import again",
                        )));
                    }
                    _ => return Err(A::Error::custom("no such version")),
                },
                // The version stands first, so that nothing of a newer format is taken for something else.
                (_, None) => return Err(A::Error::custom("no version")),
                ("people", Some(_)) => map.next_value_seed(Each { context: self, take: Context::person })?,
                ("entries", Some(_)) => map.next_value_seed(Each { context: self, take: Context::entry })?,
                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
            }
        }
        if self.version.get().is_none() {
            return Err(A::Error::custom("no version"));
        }
        Ok(())
    }
}

/// A list whose elements are taken one at a time.
struct Each<'c, 's> {
    context: &'c Context<'s>,
    take: fn(&Context<'s>, u64, Value) -> Found,
}

impl<'de> DeserializeSeed<'de> for Each<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = list.next_element::<Value>()? {
            number += 1;
            self.context.give((self.take)(self.context, number, value))?;
        }
        Ok(())
    }
}

impl Context<'_> {
    fn person(&self, number: u64, value: Value) -> Found {
        match serde_json::from_value::<ExportedPerson>(value) {
            Ok(person) if is_token(&person.token) => Found::Person(person),
            _ => Found::Problem(Problem::new(format!("person {number}"), "not understood; not imported")),
        }
    }

    fn entry(&self, number: u64, value: Value) -> Found {
        let path = match value.get("id").and_then(Value::as_str) {
            Some(id) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => format!("entry {id}"),
            _ => format!("entry number {number}"),
        };
        let own = serde_json::from_value::<FileEntry>(value).ok().ok_or("a part of it is missing or of another kind");
        match own.and_then(convert) {
            Ok(own) => Found::Own(Box::new(own)),
            Err(reason) => Found::Problem(Problem::new(path, format!("{reason}; not imported"))),
        }
    }
}

fn is_token(token: &str) -> bool {
    token.len() == 10 && token.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

fn convert(file: FileEntry) -> Result<Own, &'static str> {
    let id = parse(&file.id, "its id is no id")?;
    let entry_id: afterword_core::id::EntryId = id;
    if entry_id.is_singleton() {
        return Err("its id is kept for the journal itself");
    }
    let day = |text: &Option<String>| text.as_deref().map(|text| parse(text, "a day in it is no day")).transpose();
    let mut bytes = BTreeMap::new();
    let mut attachments = Vec::new();
    for a in file.attachments {
        let attachment_id = parse(&a.id, "an attachment's id is no id")?;
        let data = match a.data {
            None => Bytes::Missing,
            Some(text) if text.len() as u64 > MAX_ATTACHMENT.div_ceil(3) * 4 => {
                return Err("an attachment in it is larger than 512 MB");
            }
            Some(text) => {
                let data = data_encoding::BASE64.decode(text.as_bytes());
                let data = data.map_err(|_| "an attachment's bytes in it are damaged")?;
                if data.len() as u64 != a.bytes {
                    return Err("an attachment in it is not as long as it says");
                }
                Bytes::Here(data)
            }
        };
        bytes.insert(attachment_id, data);
        attachments.push(Attachment {
            id: attachment_id,
            // The journal that imports it gives the bytes a name of its own.
            blob: BlobId::from_bytes([0; 32]),
            mime: a.mime,
            bytes: a.bytes,
            caption: a.caption,
            alt: a.alt,
            credit: a.credit,
            publishable: a.publishable,
        });
    }
    let happened = match &file.happened {
        Some(happened) => Happened { date: day(&happened.date)?, precision: happened.precision },
        None => Happened { date: None, precision: Precision::Unknown },
    };
    let word = "a word in it is not in its vocabulary";
    let part = "a part's id in it is no id";
    let entry = Entry {
        id: entry_id,
        kind: parse(&file.kind, word)?,
        title: file.title,
        first_telling: file.first_telling,
        happened,
        sections: all(file.sections, |s| {
            Ok(Section { id: parse(&s.id, part)?, prompt: s.prompt, order: s.order, text: s.text })
        })?,
        items: all(file.items, |i| {
            Ok(Item {
                id: parse(&i.id, part)?,
                kind: parse(&i.kind, word)?,
                state: i.state.as_deref().map(|state| parse(state, word)).transpose()?,
                day: day(&i.day)?,
                text: i.text,
                order: i.order,
            })
        })?,
        reflections: all(file.reflections, |r| {
            Ok(Reflection { id: parse(&r.id, part)?, day: parse(&r.day, "a day in it is no day")?, text: r.text })
        })?,
        marks: all(file.marks.into_iter().filter(|(_, words)| !words.is_empty()).collect(), |(group, words)| {
            Ok((parse(&group, word)?, words))
        })?
        .into_iter()
        .collect(),
        people: all(file.people, |p| {
            if !is_token(&p.token) {
                return Err("a person's token in it is no token");
            }
            Ok(PersonInText { token: p.token, role: p.role, contact: p.contact })
        })?,
        links: all(file.links, |l| Ok(Link { entry: parse(&l.entry, part)?, kind: parse(&l.kind, word)? }))?,
        experiment: file.experiment,
        closures: all(file.closures, |c| {
            Ok(Closure {
                id: parse(&c.id, part)?,
                day: parse(&c.day, "a day in it is no day")?,
                kind: parse(&c.kind, word)?,
                reopened: day(&c.reopened)?,
                note: c.note,
            })
        })?,
        attachments,
        boxed_until: match file.boxed_until.as_deref() {
            None => None,
            Some(BY_HAND) => Some(Boxed::ByHand),
            Some(text) => Some(Boxed::Until(parse(text, "a day in it is no day")?)),
        },
        muted: file.muted,
        trashed: file.trashed,
        next_move: file.next_move.as_deref().map(|next| parse(next, word)).transpose()?,
        seals: file.seals.iter().map(|seal| parse(seal, part)).collect::<Result<_, _>>()?,
        created_at: Timestamp(file.created_ms),
        updated_at: Timestamp(file.updated_ms),
        heads: Vec::new(),
    };
    Ok(Own { entry, bytes })
}

fn parse<T: std::str::FromStr>(text: &str, reason: &'static str) -> Result<T, &'static str> {
    text.parse().map_err(|_| reason)
}

fn all<A, B>(list: Vec<A>, convert: impl FnMut(A) -> Result<B, &'static str>) -> Result<Vec<B>, &'static str> {
    list.into_iter().map(convert).collect()
}
