//! One entry as it reads now, and what a writer begins one with.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::words::{ClosureKind, InnerState, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};
use crate::id::{AttachmentId, BlobId, ChangeHash, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
use crate::time::{Day, ParseDayError, Precision, Timestamp};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reflection {
    /// Its id.
    pub id: ReflectionId,
    /// The day of reflecting.
    pub day: Day,
    /// Markdown, people as tokens.
    pub text: String,
}

/// A dated, reversible act of closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Its id.
    pub id: ClosureId,
    /// The day of closing.
    pub day: Day,
    /// How.
    pub kind: ClosureKind,
    /// The writer's note.
    #[serde(default)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The other entry.
    pub entry: EntryId,
    /// How they belong together.
    pub kind: LinkKind,
}

/// A person's part in this entry. The name is in the people document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// How long an entry stays in its box. In JSON `by_hand` or the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boxed {
    /// Until the writer opens it.
    ByHand,
    /// Until this day.
    Until(Day),
}

impl Boxed {
    const BY_HAND: &str = "by_hand";

    /// Whether the box is still closed on the day `today`.
    pub fn is_closed(self, today: Day) -> bool {
        match self {
            Self::ByHand => true,
            Self::Until(day) => today < day.first(),
        }
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByHand => f.write_str(Self::BY_HAND),
            Self::Until(day) => day.fmt(f),
        }
    }
}

impl FromStr for Boxed {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, ParseDayError> {
        if text == Self::BY_HAND { Ok(Self::ByHand) } else { text.parse().map(Self::Until) }
    }
}

/// A box where it is not text.
#[derive(Serialize, Deserialize)]
enum BoxedBytes {
    ByHand,
    Until(Day),
}

impl Serialize for Boxed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        match *self {
            Self::ByHand => BoxedBytes::ByHand,
            Self::Until(day) => BoxedBytes::Until(day),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Boxed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            return text.parse().map_err(D::Error::custom);
        }
        Ok(match BoxedBytes::deserialize(deserializer)? {
            BoxedBytes::ByHand => Self::ByHand,
            BoxedBytes::Until(day) => Self::Until(day),
        })
    }
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
        if self.boxed_until.is_some_and(|boxed| boxed.is_closed(today)) {
            states.insert(InnerState::Boxed);
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
