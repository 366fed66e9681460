//! An entry, a list, a search, as plain values: the shapes of CLI.md.

use afterword_core::engine;
use afterword_core::error::Result as CoreResult;
use afterword_core::journal::people::People;
use afterword_core::journal::{self, Boxed};
use afterword_core::store::derived::{self, Cursor};
use afterword_core::time::Day;

use crate::edits::{Experiment, TextField};
use crate::error::{AfterwordError, Result, parse_some};
use crate::words::{ClosureKind, InnerState, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};

pub(crate) fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
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
    /// Further sections.
    #[uniffi(default)]
    pub sections: Vec<NewSection>,
    /// When it happened: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    #[uniffi(default)]
    pub happened: Option<String>,
}

/// A section that an entry begins with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewSection {
    /// Its prompt.
    pub prompt: String,
    /// Its text.
    pub text: String,
}

impl TryFrom<NewEntry> for journal::NewEntry {
    type Error = AfterwordError;

    fn try_from(new: NewEntry) -> Result<Self> {
        Ok(Self {
            kind: new.kind.into(),
            title: new.title,
            body: new.body,
            sections: new.sections.into_iter().map(|section| (section.prompt, section.text)).collect(),
            happened: parse_some(new.happened.as_ref(), "day")?,
        })
    }
}

/// Prose under a prompt.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Section {
    /// Its id.
    pub id: String,
    /// Its prompt.
    pub prompt: String,
    /// Markdown.
    pub text: String,
}

/// A short line.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// What it says.
    pub kind: ItemKind,
    /// Markdown.
    pub text: String,
    /// Where it stands; none: nobody said.
    pub state: Option<ItemState>,
    /// A day that belongs to it.
    pub day: Option<String>,
}

/// A dated reflection.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Reflection {
    /// Its id.
    pub id: String,
    /// The day of reflecting.
    pub day: String,
    /// Markdown.
    pub text: String,
}

/// A dated, reversible act of closing.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Closure {
    /// Its id.
    pub id: String,
    /// The day of closing.
    pub day: String,
    /// How.
    pub kind: ClosureKind,
    /// The writer's note.
    pub note: String,
    /// The day it was reopened, if it was.
    pub reopened: Option<String>,
}

/// A file that belongs to an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attachment {
    /// Its id.
    pub id: String,
    /// Media type.
    pub mime: String,
    /// Length in bytes.
    pub bytes: u64,
    /// The writer's caption.
    pub caption: Option<String>,
    /// What the picture shows.
    pub alt: Option<String>,
    /// Whose it is.
    pub credit: Option<String>,
    /// Whether its bytes are on this device.
    pub here: bool,
}

/// A tie to another entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Link {
    /// The other entry.
    pub entry: String,
    /// How they belong together.
    pub kind: LinkKind,
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Mark {
    /// What it is a word for.
    pub group: MarkGroup,
    /// The word.
    pub word: String,
}

/// A person's part in an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PersonPart {
    /// Names the person.
    pub token: String,
    /// Their name, where it is known.
    pub name: Option<String>,
    /// Their role.
    pub role: Option<String>,
    /// Whether to reach them.
    pub contact: Option<String>,
}

/// One entry as it reads now, or read at some heads. Texts have people as `@Name`.
#[derive(Debug, Clone, PartialEq, Eq, Default, uniffi::Record)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// The main section's Markdown.
    pub body: String,
    /// How it was first told.
    pub first_telling: String,
    /// The day it is filed under.
    pub day: String,
    /// When it happened, as exactly as the writer knows.
    pub happened: Option<String>,
    /// The other sections, in order.
    pub sections: Vec<Section>,
    /// Lines, in order.
    pub items: Vec<Item>,
    /// Reflections, oldest first.
    pub reflections: Vec<Reflection>,
    /// Marks.
    pub marks: Vec<Mark>,
    /// People in it.
    pub people: Vec<PersonPart>,
    /// Ties to other entries.
    pub links: Vec<Link>,
    /// The experiment, if it is one.
    pub experiment: Option<Experiment>,
    /// Closures, oldest first.
    pub closures: Vec<Closure>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Where the writer stands with it, today.
    pub states: Vec<InnerState>,
    /// The day on which its box opens, or `hand`.
    pub boxed_until: Option<String>,
    /// Never shown again unasked.
    pub muted: bool,
    /// Put away.
    pub trashed: bool,
    /// What comes next.
    pub next_move: Option<NextMove>,
    /// Never-publish seals.
    pub seals: Vec<String>,
    /// When it was begun.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// Its heads: the base of the next edit.
    pub heads: Vec<String>,
    /// Changes that can't be read yet.
    pub unreadable: u64,
}

fn boxed(until: Boxed) -> String {
    match until {
        Boxed::ByHand => "hand".to_owned(),
        Boxed::Until(day) => day.to_string(),
    }
}

impl Entry {
    /// What core shows, on the day `today`.
    pub(crate) fn of(shown: engine::Shown, today: Day) -> Self {
        let engine::Shown { entry, people, here, unreadable } = shown;
        let bare = Self::bare(&entry, &people, today);
        let (sections, items, reflections) = prose(&entry, &people);
        let is_here = |one: &journal::Attachment| here.iter().any(|(blob, here)| *blob == one.blob && *here);
        let attachments = entry.attachments.iter().map(|one| attachment(one, is_here(one))).collect();
        let closures = entry.closures.iter().map(|one| closure(one, &people)).collect();
        let marks = entry.marks.iter().flat_map(|(group, words)| words.iter().map(|word| mark(*group, word))).collect();
        let parts = entry.people.iter().map(|part| person(part, &people)).collect();
        let links = entry.links.iter().map(|link| Link { entry: link.entry.to_string(), kind: link.kind.into() });
        let links = links.collect();
        Self { sections, items, reflections, attachments, closures, marks, people: parts, links, unreadable, ..bare }
    }

    /// All but its parts.
    fn bare(entry: &journal::Entry, people: &People, today: Day) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.into(),
            title: people.shown(&entry.title),
            body: people.shown(entry.body()),
            first_telling: people.shown(&entry.first_telling),
            day: entry.day().to_string(),
            happened: entry.happened.date.map(|day| day.to_string()),
            states: entry.states(today).into_iter().map(Into::into).collect(),
            experiment: entry.experiment.clone().map(Into::into),
            boxed_until: entry.boxed_until.map(boxed),
            ..Self::times(entry)
        }
    }

    /// What needs no words.
    fn times(entry: &journal::Entry) -> Self {
        Self {
            muted: entry.muted,
            trashed: entry.trashed,
            next_move: entry.next_move.map(Into::into),
            seals: texts(&entry.seals.iter().collect::<Vec<_>>()),
            created_at_ms: entry.created_at.0,
            updated_at_ms: entry.updated_at.0,
            heads: texts(&entry.heads),
            ..Self::default()
        }
    }
}

#[allow(clippy::derivable_impls, reason = "one macro writes every vocabulary, and only this one has a default")]
impl Default for Kind {
    fn default() -> Self {
        Self::Note
    }
}

fn prose(entry: &journal::Entry, people: &People) -> (Vec<Section>, Vec<Item>, Vec<Reflection>) {
    let other = entry.sections.iter().filter(|section| !section.prompt.is_empty());
    let section = |one: &journal::Section| Section {
        id: one.id.to_string(),
        prompt: one.prompt.clone(),
        text: people.shown(&one.text),
    };
    (
        other.map(section).collect(),
        entry.items.iter().map(|one| item(one, people)).collect(),
        entry.reflections.iter().map(|one| reflection(one, people)).collect(),
    )
}

fn reflection(one: &journal::Reflection, people: &People) -> Reflection {
    Reflection { id: one.id.to_string(), day: one.day.to_string(), text: people.shown(&one.text) }
}

fn item(one: &journal::Item, people: &People) -> Item {
    Item {
        id: one.id.to_string(),
        kind: one.kind.into(),
        text: people.shown(&one.text),
        state: one.state.map(Into::into),
        day: one.day.map(|day| day.to_string()),
    }
}

fn mark(group: journal::MarkGroup, word: &str) -> Mark {
    Mark { group: group.into(), word: word.to_owned() }
}

fn person(part: &journal::PersonInText, people: &People) -> PersonPart {
    PersonPart {
        token: part.token.clone(),
        name: people.shown_name(&part.token).map(str::to_owned),
        role: part.role.clone(),
        contact: part.contact.clone(),
    }
}

fn closure(one: &journal::Closure, people: &People) -> Closure {
    Closure {
        id: one.id.to_string(),
        day: one.day.to_string(),
        kind: one.kind.into(),
        note: people.shown(&one.note),
        reopened: one.reopened.map(|day| day.to_string()),
    }
}

fn attachment(one: &journal::Attachment, here: bool) -> Attachment {
    Attachment {
        id: one.id.to_string(),
        mime: one.mime.clone(),
        bytes: one.bytes,
        caption: one.caption.clone(),
        alt: one.alt.clone(),
        credit: one.credit.clone(),
        here,
    }
}

/// An earlier reading of an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EarlierReading {
    /// Its heads: what `show_at` and `restore` take.
    pub heads: Vec<String>,
    /// When it was written.
    pub at_ms: i64,
    /// The device that wrote it.
    pub device: String,
}

impl From<engine::ShownReading> for EarlierReading {
    fn from(engine::ShownReading { reading, device }: engine::ShownReading) -> Self {
        Self { heads: texts(&reading.heads), at_ms: reading.at.0, device: device.to_string() }
    }
}

/// Which entries to list. Days are `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, Default, uniffi::Record)]
pub struct ListFilter {
    /// From this day on.
    #[uniffi(default)]
    pub from: Option<String>,
    /// Up to this day, month or year.
    #[uniffi(default)]
    pub to: Option<String>,
    /// Of this kind.
    #[uniffi(default)]
    pub kind: Option<Kind>,
    /// In this state, today.
    #[uniffi(default)]
    pub state: Option<InnerState>,
    /// Those put away, and no others.
    #[uniffi(default)]
    pub trashed: bool,
}

impl ListFilter {
    /// As core takes it, on the day `today`.
    pub(crate) fn on(self, today: Day) -> Result<derived::Filter> {
        Ok(derived::Filter {
            from: parse_some(self.from.as_ref(), "from")?,
            to: parse_some(self.to.as_ref(), "to")?,
            kind: self.kind.map(Into::into),
            state: self.state.map(|state| (state.into(), today)),
            trashed: self.trashed,
        })
    }
}

pub(crate) fn cursor(after: Option<&String>) -> CoreResult<Option<Cursor>> {
    after.map(|text| Cursor::parse(text)).transpose()
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
    /// Where the writer stands with it, today.
    pub states: Vec<InnerState>,
    /// How many words it has.
    pub words: u64,
    /// How many attachments.
    pub attachments: u64,
    /// Announced by another device and not here yet.
    pub arriving: bool,
}

impl ListRow {
    fn new(row: &derived::ListRow, arriving: bool, people: &People, today: Day) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind.into(),
            title: people.shown(&row.title),
            day: row.day.to_string(),
            created_at_ms: row.created_at.0,
            updated_at_ms: row.updated_at.0,
            states: row.states_on(today).into_iter().map(Into::into).collect(),
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

impl ListPage {
    pub(crate) fn of(engine::Listed { page, people, unread, .. }: engine::Listed, today: Day) -> Self {
        let row = |row: &derived::ListRow| ListRow::new(row, page.arriving.contains(&row.id), &people, today);
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

/// A place in a text that fits a phone.
pub(crate) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl SearchHit {
    fn new(hit: derived::Hit, people: &People) -> Self {
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
    fn from(engine::Searched { found, people, unread, .. }: engine::Searched) -> Self {
        let hits = found.hits.into_iter().map(|hit| SearchHit::new(hit, &people)).collect();
        Self { total: found.total, more: found.more, unread, hits }
    }
}

/// One text as its writer sees it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EditorText {
    /// Which text.
    pub field: TextField,
    /// The heads that typing names as its base.
    pub heads: Vec<String>,
    /// What it says: what was typed, if that is no change yet.
    pub text: String,
    /// Whether it is a draft.
    pub is_draft: bool,
}

impl From<engine::EditorText> for EditorText {
    fn from(engine::EditorText { field, heads, text, is_draft }: engine::EditorText) -> Self {
        Self { field: field.into(), heads: texts(&heads), text, is_draft }
    }
}

/// What a text says once everything is merged.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MergedText {
    /// The text and its heads.
    pub text: EditorText,
    /// Where the cursor is now, in code points.
    pub cursor: u32,
    /// Whether it says anything else than what was typed.
    pub changed: bool,
}

impl From<engine::Merged> for MergedText {
    fn from(engine::Merged { text, cursor, changed }: engine::Merged) -> Self {
        Self { text: text.into(), cursor: place(cursor), changed }
    }
}

/// Somebody in the journal.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Person {
    /// Names the person for ever.
    pub token: String,
    /// How they are called.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
}

impl From<&journal::people::Person> for Person {
    fn from(person: &journal::people::Person) -> Self {
        let aliases = person.aliases.iter().cloned().collect();
        Self { token: person.token.clone(), name: person.name.clone(), aliases }
    }
}
