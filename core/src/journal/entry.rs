//! One entry as it reads now, and what a writer begins one with.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::words::{ClosureKind, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};
use crate::id::{AttachmentId, BlobId, ChangeHash, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
use crate::time::{Day, Precision, Timestamp};

/// The main section, the entry's body: the same id in every entry, so that two devices never make two (trap f).
pub const MAIN_SECTION: SectionId = SectionId::from_bytes([0; 16]);

/// When it happened, as exactly as the writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// The day, month or year; absent where unknown.
    pub date: Option<Day>,
    /// How exactly it is known.
    pub precision: Precision,
}

/// Prose under a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its id.
    pub id: SectionId,
    /// The prompt; empty for the main section, which is the entry's body.
    pub prompt: String,
    /// Its place among the sections: any string, compared by bytes, then by id.
    pub order: String,
    /// Markdown, people as tokens.
    pub text: String,
}

/// A short list line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// What it says.
    pub kind: ItemKind,
    /// Markdown, people as tokens.
    pub text: String,
    /// Where it stands; absent means that nobody said.
    pub state: Option<ItemState>,
    /// A day that belongs to it.
    pub day: Option<Day>,
    /// Its place among the items.
    pub order: String,
}

/// A dated reflection: appended, never overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reflection {
    /// Its id.
    pub id: ReflectionId,
    /// The day of reflecting.
    pub day: Day,
    /// Markdown, people as tokens.
    pub text: String,
}

/// A dated, reversible act of closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Its id.
    pub id: ClosureId,
    /// The day of closing.
    pub day: Day,
    /// How.
    pub kind: ClosureKind,
    /// The writer's note.
    pub note: String,
    /// The day it was reopened, if it was; the closure stays.
    pub reopened: Option<Day>,
}

/// A file that belongs to the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The bytes' name.
    pub blob: BlobId,
    /// Media type.
    pub mime: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Caption, alternative text and credit, as the writer gave them.
    pub caption: Option<String>,
    /// What the picture shows, for those who can't see it.
    pub alt: Option<String>,
    /// Whose it is.
    pub credit: Option<String>,
    /// Whether it may ever be part of a cut; false until the writer says so.
    pub publishable: bool,
}

/// A tie to another entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The other entry.
    pub entry: EntryId,
    /// How they belong together.
    pub kind: LinkKind,
}

/// A person's part in this entry. The name is in the people document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonInText {
    /// Ten lower-case base32 characters.
    pub token: String,
    /// Their part in it.
    pub role: Option<String>,
    /// Whether to reach them: the writer's own words.
    pub contact: Option<String>,
}

/// A small failure on purpose. A missing answer was not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// What I fear will happen.
    pub prediction: Option<String>,
    /// Fear before, in the writer's own scale.
    pub fear_before: Option<i64>,
    /// Whether it was tried. Trying is success.
    pub attempted: Option<bool>,
    /// What happened.
    pub happened: Option<String>,
    /// Fear after.
    pub fear_after: Option<i64>,
    /// Again?
    pub again: Option<bool>,
}

/// Where the writer stands with an entry. Derived, reversible, several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InnerState {
    /// Put away until a day or by hand.
    Boxed,
    /// Nothing was added to the telling yet.
    Raw,
    /// Has a reflection.
    Reflected,
    /// Closed as something one lives with.
    LivingWithIt,
    /// Closed.
    Closed,
    /// Was closed, and is open again.
    Reopened,
}

/// Who can read an entry. Widening is always its own act; until there is publishing, everything is private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Only the writer.
    Private,
    /// Named persons.
    Persons,
    /// Anyone.
    Public,
    /// No longer anyone.
    Withdrawn,
}

/// One entry as it reads at [`Entry::heads`]. Retired parts are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as tokens; may be empty.
    pub title: String,
    /// How it was first told; set once, at creation.
    pub first_telling: String,
    /// When it happened.
    pub happened: Happened,
    /// Prose, in order. The main section, if there is one, comes first and has an empty prompt.
    pub sections: Vec<Section>,
    /// List lines, in order.
    pub items: Vec<Item>,
    /// Reflections, oldest first.
    pub reflections: Vec<Reflection>,
    /// Marks, by group.
    pub marks: BTreeMap<MarkGroup, BTreeSet<String>>,
    /// People in this entry.
    pub people: Vec<PersonInText>,
    /// Ties to other entries.
    pub links: Vec<Link>,
    /// The experiment, where the entry is one or answers were given.
    pub experiment: Option<Experiment>,
    /// Closures, oldest first.
    pub closures: Vec<Closure>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Out of sight until this day.
    pub boxed_until: Option<Boxed>,
    /// Never shown again unasked.
    pub muted: bool,
    /// Put away, reversibly.
    pub trashed: bool,
    /// What comes next.
    pub next_move: Option<NextMove>,
    /// Never-publish seals that nobody lifted.
    pub seals: BTreeSet<SealId>,
    /// When the first change was made.
    pub created_at: Timestamp,
    /// When the latest change was made.
    pub updated_at: Timestamp,
    /// The document's heads that this reading was made at, sorted.
    pub heads: Vec<ChangeHash>,
}

/// How long an entry stays in its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boxed {
    /// Until the writer opens it.
    ByHand,
    /// Until this day.
    Until(Day),
}

/// What an entry begins with. Everything may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEntry {
    /// What it is about.
    pub kind: Kind,
    /// Its title. A writer's texts have people as `@Name`; the engine makes tokens of them.
    pub title: String,
    /// The main section's text; becomes the first telling too.
    pub body: String,
    /// Further sections: prompt, text.
    pub sections: Vec<(String, String)>,
    /// When it happened; unknown where absent.
    pub happened: Option<Day>,
}

impl Entry {
    /// The main section's text: what `show` calls the body.
    pub fn body(&self) -> &str {
        self.sections.iter().find(|section| section.prompt.is_empty()).map_or("", |section| &section.text)
    }

    /// The main section.
    pub fn main_section(&self) -> Option<&Section> {
        self.sections.iter().find(|section| section.prompt.is_empty())
    }

    /// The day the entry is filed under: when it happened, else when it was written.
    pub fn day(&self) -> Day {
        self.happened.date.unwrap_or_else(|| self.created_at.day())
    }

    /// Where the writer stands with it, on the day `today`.
    pub fn states(&self, today: Day) -> BTreeSet<InnerState> {
        let mut states = BTreeSet::new();
        match self.boxed_until {
            Some(Boxed::ByHand) => {
                states.insert(InnerState::Boxed);
            }
            Some(Boxed::Until(day)) if today < day.first() => {
                states.insert(InnerState::Boxed);
            }
            _ => {}
        }
        match self.closures.last() {
            Some(Closure { reopened: Some(_), .. }) => {
                states.insert(InnerState::Reopened);
            }
            Some(Closure { kind: ClosureKind::LivingWithIt, .. }) => {
                states.insert(InnerState::LivingWithIt);
            }
            Some(_) => {
                states.insert(InnerState::Closed);
            }
            None => {}
        }
        if self.reflections.is_empty() {
            if self.closures.is_empty() {
                states.insert(InnerState::Raw);
            }
        } else {
            states.insert(InnerState::Reflected);
        }
        states
    }

    /// How many words the writer wrote: title, sections, items and reflections.
    pub fn words(&self) -> usize {
        self.texts().map(|(_, text)| text.split_whitespace().count()).sum()
    }

    /// Every text of the entry with the name of its field, in reading order.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        std::iter::once(("title", self.title.as_str()))
            .chain(
                self.sections.iter().map(|s| (if s.prompt.is_empty() { "body" } else { "section" }, s.text.as_str())),
            )
            .chain(self.items.iter().map(|i| ("item", i.text.as_str())))
            .chain(self.reflections.iter().map(|r| ("reflection", r.text.as_str())))
            .chain(self.closures.iter().map(|c| ("closure", c.note.as_str())))
            .filter(|(_, text)| !text.is_empty())
    }
}
