//! An entry, a list, a search, as plain values: the shapes of CLI.md.

use afterword_core::engine;
use afterword_core::error::Result as CoreResult;
use afterword_core::journal::{self, Boxed, view};
use afterword_core::store::read_model::{Cursor, Filter};

use crate::cross::{Cross, records};
use crate::edits::{Experiment, TextField};
use crate::error::{AfterwordError, Result, parse_some};
use crate::words::{Audience, ClosureKind, InnerState, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};

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

/// Until when an entry is out of sight.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum BoxedUntil {
    /// Until the writer opens it.
    ByHand,
    /// Until a day.
    Day {
        /// The day on which it opens.
        day: String,
    },
}

impl Cross<BoxedUntil> for Boxed {
    fn cross(self) -> BoxedUntil {
        match self {
            Self::ByHand => BoxedUntil::ByHand,
            Self::Until(day) => BoxedUntil::Day { day: day.cross() },
        }
    }
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Mark {
    /// What it is a word for.
    pub group: MarkGroup,
    /// The word.
    pub word: String,
}

records! {
    /// Prose under a prompt.
    Section of journal::Section {
        /// Its id.
        id: String,
        /// Its prompt; empty for the main section.
        prompt: String,
        /// Markdown.
        text: String,
    }

    /// A short line.
    Item of journal::Item {
        /// Its id.
        id: String,
        /// What it says.
        kind: ItemKind,
        /// Markdown.
        text: String,
        /// Where it stands; none: nobody said.
        state: Option<ItemState>,
        /// A day that belongs to it.
        day: Option<String>,
    }

    /// A dated reflection.
    Reflection of journal::Reflection {
        /// Its id.
        id: String,
        /// The day of reflecting.
        day: String,
        /// Markdown.
        text: String,
    }

    /// A dated, reversible act of closing.
    Closure of journal::Closure {
        /// Its id.
        id: String,
        /// The day of closing.
        day: String,
        /// How.
        kind: ClosureKind,
        /// The writer's note.
        note: String,
        /// The day it was reopened, if it was.
        reopened: Option<String>,
    }

    /// A file that belongs to an entry.
    Attachment of view::AttachmentView {
        /// Its id.
        id: String,
        /// Media type.
        mime: String,
        /// Length in bytes.
        bytes: u64,
        /// The writer's caption.
        caption: Option<String>,
        /// What the picture shows.
        alt: Option<String>,
        /// Whose it is.
        credit: Option<String>,
        /// Whether it may be part of what is published.
        publishable: bool,
        /// Whether its bytes are on this device.
        here: bool,
    }

    /// A tie to another entry.
    Link of journal::Link {
        /// The other entry.
        entry: String,
        /// How they belong together.
        kind: LinkKind,
    }

    /// A person's part in an entry.
    PersonPart of view::PersonView {
        /// Names the person.
        token: String,
        /// Their name, where it is known: as it stands in texts, without its `@`.
        name: Option<String>,
        /// Their role.
        role: Option<String>,
        /// Whether to reach them.
        contact: Option<String>,
    }

    /// One entry as it reads now, or read at some heads. Texts have people as `@Name`.
    Entry of view::EntryView {
        /// Its id.
        id: String,
        /// What it is about.
        kind: Kind,
        /// Its title.
        title: String,
        /// The main section's Markdown.
        body: String,
        /// How it was first told.
        first_telling: String,
        /// The day it is filed under.
        day: String,
        /// When it happened, as exactly as the writer knows.
        happened: Option<String>,
        /// Prose, in order. The main section, if there is one, comes first and has an empty prompt.
        sections: Vec<Section>,
        /// Lines, in order.
        items: Vec<Item>,
        /// Reflections, oldest first.
        reflections: Vec<Reflection>,
        /// Marks.
        marks: Vec<Mark>,
        /// People in it.
        people: Vec<PersonPart>,
        /// Ties to other entries.
        links: Vec<Link>,
        /// The experiment, if it is one.
        experiment: Option<Experiment>,
        /// Closures, oldest first.
        closures: Vec<Closure>,
        /// Files.
        attachments: Vec<Attachment>,
        /// Where the writer stands with it, today.
        states: Vec<InnerState>,
        /// Who can read it.
        audience: Audience,
        /// How many words it has.
        words: u64,
        /// How long it is out of sight.
        boxed_until: Option<BoxedUntil>,
        /// Never shown again unasked.
        muted: bool,
        /// Put away.
        trashed: bool,
        /// What comes next.
        next_move: Option<NextMove>,
        /// Never-publish seals.
        seals: Vec<String>,
        /// When it was begun.
        created_at_ms: i64 = created_at,
        /// When it was last changed.
        updated_at_ms: i64 = updated_at,
        /// Its heads: the base of the next edit.
        heads: Vec<String>,
        /// Changes that can't be read yet.
        unreadable: u64,
    }

    /// An earlier reading of an entry.
    EarlierReading of view::ReadingView {
        /// Its heads: what `show_at` and `restore` take.
        heads: Vec<String>,
        /// When it was written.
        at_ms: i64 = at,
        /// The device that wrote it.
        device: String,
        /// That device's name, where it is known.
        name: Option<String>,
        /// What changed then, by the names of an entry's parts.
        fields: Vec<String>,
    }

    /// One row of a list.
    ListRow of view::RowView {
        /// The entry.
        id: String,
        /// What it is about.
        kind: Kind,
        /// Its title, people as `@Name`.
        title: String,
        /// The day it is filed under: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
        day: String,
        /// When it was begun.
        created_at_ms: i64 = created_at,
        /// When it was last changed.
        updated_at_ms: i64 = updated_at,
        /// Where the writer stands with it, today.
        states: Vec<InnerState>,
        /// Who can read it.
        audience: Audience,
        /// How many words it has.
        words: u64,
        /// How many attachments.
        attachments: u64,
        /// Announced by another device and not here yet.
        arriving: bool,
    }

    /// One page of a list, newest first.
    ListPage of engine::ListView {
        /// The rows.
        rows: Vec<ListRow> = entries,
        /// Where the next page begins; none after the last.
        next: Option<String>,
        /// Entries that are not read yet, and may be missing or stale here.
        unread: u64,
        /// Entries that are too large to be opened on this device. A row of one is as it was read last.
        too_large: Vec<String>,
    }

    /// A stretch of text, in Unicode code points.
    #[derive(Copy)]
    TextRange of view::TextRange {
        /// Its first code point.
        start: u32,
        /// The one behind its last.
        end: u32,
    }

    /// One entry found.
    SearchHit of view::HitView {
        /// The entry.
        id: String,
        /// Its title, people as `@Name`.
        title: String,
        /// The day it is filed under.
        day: String,
        /// Where in the entry: title, body, section, item, reflection, closure.
        field: String,
        /// Text around the hit.
        excerpt: String,
        /// What matched in the excerpt.
        ranges: Vec<TextRange>,
    }

    /// What a search found: title hits first, then the rest, newest first.
    SearchPage of engine::SearchView {
        /// How many entries match, as far as was looked.
        total: u64,
        /// Whether there are, or may be, more than that.
        more: bool,
        /// Entries not yet indexed.
        unread: u64,
        /// Entries that are too large to be opened on this device.
        too_large: Vec<String>,
        /// The first of them.
        hits: Vec<SearchHit>,
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

impl TryFrom<ListFilter> for Filter {
    type Error = AfterwordError;

    fn try_from(filter: ListFilter) -> Result<Self> {
        Ok(Self {
            from: parse_some(filter.from.as_ref(), "from")?,
            to: parse_some(filter.to.as_ref(), "to")?,
            kind: filter.kind.map(Into::into),
            state: filter.state.map(Into::into),
            trashed: filter.trashed,
        })
    }
}

pub(crate) fn cursor(after: Option<&String>) -> CoreResult<Option<Cursor>> {
    after.map(|text| Cursor::parse(text)).transpose()
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
        Self { text: text.into(), cursor: cursor.cross(), changed }
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
