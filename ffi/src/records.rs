//! What crosses as plain values: the shapes of CLI.md in records, made from core's and turned into them.

use afterword_core::engine;
use afterword_core::journal;
use afterword_core::journal::people::People;
use afterword_core::store::derived::{self, Cursor};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Kind {
    /// Something went wrong.
    Failure,
    /// Something or someone is gone. No causes are asked for.
    Loss,
    /// One empty page, no prompts.
    Vent,
    /// A small failure on purpose.
    Experiment,
    /// Something went right; evidence for a bad hour.
    Win,
    /// Anything else.
    Note,
}

impl From<journal::Kind> for Kind {
    fn from(kind: journal::Kind) -> Self {
        match kind {
            journal::Kind::Failure => Self::Failure,
            journal::Kind::Loss => Self::Loss,
            journal::Kind::Vent => Self::Vent,
            journal::Kind::Experiment => Self::Experiment,
            journal::Kind::Win => Self::Win,
            journal::Kind::Note => Self::Note,
        }
    }
}

impl From<Kind> for journal::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failure => Self::Failure,
            Kind::Loss => Self::Loss,
            Kind::Vent => Self::Vent,
            Kind::Experiment => Self::Experiment,
            Kind::Win => Self::Win,
            Kind::Note => Self::Note,
        }
    }
}

/// What a writer begins an entry with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewEntry {
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as `@Name`.
    #[uniffi(default)]
    pub title: String,
    /// The main section's Markdown, people as `@Name`.
    #[uniffi(default)]
    pub body: String,
}

impl From<NewEntry> for journal::NewEntry {
    fn from(new: NewEntry) -> Self {
        Self { kind: new.kind.into(), title: new.title, body: new.body, sections: Vec::new(), happened: None }
    }
}

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Written {
    /// The entry.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Its title as it reads now.
    pub title: String,
    /// Its heads now: the base of the next edit.
    pub heads: Vec<String>,
}

impl From<engine::Written> for Written {
    fn from(written: engine::Written) -> Self {
        Self {
            id: written.id.to_string(),
            kind: written.kind.into(),
            title: written.title,
            heads: written.heads.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One entry as it reads now.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as `@Name`.
    pub title: String,
    /// The main section's Markdown, people as `@Name`.
    pub body: String,
    /// Its heads: the base of the next edit.
    pub heads: Vec<String>,
    /// When it was begun.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
}

impl From<engine::Shown> for Entry {
    fn from(engine::Shown { entry, people, .. }: engine::Shown) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.into(),
            title: people.shown(&entry.title),
            body: people.shown(entry.body()),
            heads: entry.heads.iter().map(ToString::to_string).collect(),
            created_at_ms: entry.created_at.0,
            updated_at_ms: entry.updated_at.0,
        }
    }
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ListRow {
    /// The entry.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as `@Name`.
    pub title: String,
    /// The day it is filed under: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub day: String,
    /// When it was begun.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// How many words it has.
    pub words: u64,
    /// How many attachments.
    pub attachments: u64,
    /// Announced by another device and not here yet.
    pub arriving: bool,
}

impl ListRow {
    fn new(row: &derived::ListRow, arriving: bool, people: &People) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind.into(),
            title: people.shown(&row.title),
            day: row.day.to_string(),
            created_at_ms: row.created_at.0,
            updated_at_ms: row.updated_at.0,
            words: row.words,
            attachments: row.attachments,
            arriving,
        }
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ListPage {
    /// The rows.
    pub rows: Vec<ListRow>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
    /// Entries that are not read yet, and may be missing or stale here.
    pub unread: u64,
}

impl From<engine::Listed> for ListPage {
    fn from(engine::Listed { page, people, unread }: engine::Listed) -> Self {
        let row = |row: &derived::ListRow| ListRow::new(row, page.arriving.contains(&row.id), &people);
        Self { rows: page.rows.iter().map(row).collect(), next: page.next.as_ref().map(Cursor::to_text), unread }
    }
}

/// A stretch of text, in Unicode code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct TextRange {
    /// Its first code point.
    pub start: u32,
    /// The one behind its last.
    pub end: u32,
}

/// One entry found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SearchHit {
    /// The entry.
    pub id: String,
    /// Its title, people as `@Name`.
    pub title: String,
    /// The day it is filed under.
    pub day: String,
    /// Where in the entry: title, body, section, item, reflection, closure.
    pub field: String,
    /// Text around the hit.
    pub excerpt: String,
    /// What matched in the excerpt.
    pub ranges: Vec<TextRange>,
}

impl SearchHit {
    fn new(hit: derived::Hit, people: &People) -> Self {
        // An excerpt is a few hundred code points long.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let range = |(start, end): (usize, usize)| TextRange { start: place(start), end: place(end) };
        Self {
            id: hit.entry.to_string(),
            title: people.shown(&hit.title),
            day: hit.day.to_string(),
            field: hit.field,
            excerpt: hit.excerpt,
            ranges: hit.ranges.into_iter().map(range).collect(),
        }
    }
}

/// What a search found: title hits first, then the rest, newest first.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SearchPage {
    /// How many entries match, as far as was looked.
    pub total: u64,
    /// Whether there are, or may be, more than that.
    pub more: bool,
    /// Entries not yet indexed.
    pub unread: u64,
    /// The first of them.
    pub hits: Vec<SearchHit>,
}

impl From<engine::Searched> for SearchPage {
    fn from(engine::Searched { found, people, unread }: engine::Searched) -> Self {
        let hits = found.hits.into_iter().map(|hit| SearchHit::new(hit, &people)).collect();
        Self { total: found.total, more: found.more, unread, hits }
    }
}
