//! What is shown of an entry, as values: CLI.md's JSON is their serialisation, and other surfaces convert them field by
//! field.
//!
//! A view has everything decided: names stand for tokens, states are today's, and what is not on this device says so.
//! How people appear is up to whoever it is made for, through [`Names`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::people::People;
use super::{
    Attachment, Audience, Boxed, Closure, Entry, Experiment, Happened, InnerState, Item, Kind, Link, MarkGroup,
    NextMove, PersonInText, Reflection, Section,
};
use crate::id::{AttachmentId, BlobId, ChangeHash, DeviceId, EntryId, SealId};
use crate::time::{Day, Timestamp};

/// How people appear in what is shown.
pub trait Names {
    /// A stored text as its reader gets it.
    fn text(&self, stored: &str) -> String;
    /// What the reader may know of a person in the entry; `None` leaves them out.
    fn person(&self, part: &PersonInText) -> Option<PersonView>;
}

/// The writer's view: `@Name` in texts, and the same name beside the token.
impl Names for People {
    fn text(&self, stored: &str) -> String {
        self.shown(stored)
    }

    fn person(&self, part: &PersonInText) -> Option<PersonView> {
        Some(PersonView::new(part, self.shown_name(&part.token)))
    }
}

/// The lossless view: texts as they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(pub &'a People);

impl Names for Tokens<'_> {
    fn text(&self, stored: &str) -> String {
        stored.to_owned()
    }

    fn person(&self, part: &PersonInText) -> Option<PersonView> {
        Some(PersonView::new(part, self.0.get(&part.token).map(|person| person.name.as_str())))
    }
}

/// A person in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonView {
    /// The token that stands in the stored text.
    pub token: String,
    /// The name, where it is known: as it stands in texts, without its `@`.
    pub name: Option<String>,
    /// Their part in it.
    pub role: Option<String>,
    /// Whether to reach them.
    pub contact: Option<String>,
}

impl PersonView {
    fn new(part: &PersonInText, name: Option<&str>) -> Self {
        Self {
            token: part.token.clone(),
            name: name.map(str::to_owned),
            role: part.role.clone(),
            contact: part.contact.clone(),
        }
    }
}

/// A file of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachmentView {
    /// Its id.
    pub id: AttachmentId,
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
    /// Whether it may be part of a cut.
    pub publishable: bool,
    /// Whether its bytes are on this device.
    pub here: bool,
}

impl AttachmentView {
    fn new(file: &Attachment, here: bool) -> Self {
        Self {
            id: file.id,
            mime: file.mime.clone(),
            bytes: file.bytes,
            caption: file.caption.clone(),
            alt: file.alt.clone(),
            credit: file.credit.clone(),
            publishable: file.publishable,
            here,
        }
    }
}

/// A published post of an entry. There are none until there is publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostView {
    /// The post.
    pub post: String,
    /// Its address.
    pub url: Option<String>,
    /// Where it stands.
    pub state: String,
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowView {
    /// The entry.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// The day it is filed under.
    pub day: Day,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Where the writer stands with it, today.
    pub states: BTreeSet<InnerState>,
    /// Who can read it.
    pub audience: Audience,
    /// How many words it has.
    pub words: u64,
    /// How many attachments.
    pub attachments: u64,
    /// Announced by another device and not here yet.
    pub arriving: bool,
}

/// An entry in full: what a row says of it, and everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// Its id.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title; may be empty.
    pub title: String,
    /// The day it is filed under.
    pub day: Day,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Where the writer stands with it, today.
    pub states: BTreeSet<InnerState>,
    /// Who can read it.
    pub audience: Audience,
    /// How many words it has.
    pub words: u64,
    /// Announced by another device and not here yet: never, of an entry that can be shown.
    pub arriving: bool,
    /// The main section's text.
    pub body: String,
    /// How it was first told.
    pub first_telling: String,
    /// When it happened, as exactly as the writer knows.
    pub happened: Happened,
    /// Prose, in order. The main section, if there is one, comes first and has an empty prompt.
    pub sections: Vec<Section>,
    /// List lines, in order.
    pub items: Vec<Item>,
    /// Reflections, oldest first.
    pub reflections: Vec<Reflection>,
    /// Every group with its words, the empty ones too.
    pub marks: BTreeMap<MarkGroup, BTreeSet<String>>,
    /// People in it.
    pub people: Vec<PersonView>,
    /// Ties to other entries.
    pub links: Vec<Link>,
    /// The experiment, where the entry is one or answers were given.
    pub experiment: Option<Experiment>,
    /// Closures, oldest first.
    pub closures: Vec<Closure>,
    /// Files.
    pub attachments: Vec<AttachmentView>,
    /// How long it stays in its box.
    pub boxed_until: Option<Boxed>,
    /// Never shown again unasked.
    pub muted: bool,
    /// Put away, reversibly.
    pub trashed: bool,
    /// What comes next.
    pub next_move: Option<NextMove>,
    /// Whether it may never be published.
    pub sealed: bool,
    /// The seals that say so.
    pub seals: BTreeSet<SealId>,
    /// Its posts.
    pub posts: Vec<PostView>,
    /// Its heads: the base of the next edit.
    pub heads: Vec<ChangeHash>,
    /// Changes that can't be read yet: they wait for others, or Automerge refuses them.
    pub unreadable: u64,
}

impl EntryView {
    /// Returns an entry as it is shown on the day `today` to whom `names` is for. `here` are the attachments' blobs whose
    /// bytes are on this device.
    pub fn new(entry: &Entry, names: &dyn Names, today: Day, here: &[BlobId]) -> Self {
        let text = |stored: &String| names.text(stored);
        let group = |group: &MarkGroup| (*group, entry.marks.get(group).cloned().unwrap_or_default());
        Self {
            id: entry.id,
            kind: entry.kind,
            title: text(&entry.title),
            day: entry.day(),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            states: entry.states(today),
            audience: Audience::Private,
            words: entry.words() as u64,
            arriving: false,
            body: names.text(entry.body()),
            first_telling: text(&entry.first_telling),
            happened: entry.happened,
            sections: entry.sections.iter().cloned().map(|one| Section { text: text(&one.text), ..one }).collect(),
            items: entry.items.iter().cloned().map(|one| Item { text: text(&one.text), ..one }).collect(),
            reflections: entry.reflections.iter().map(|one| Reflection { text: text(&one.text), ..*one }).collect(),
            marks: MarkGroup::ALL.iter().map(group).collect(),
            people: entry.people.iter().filter_map(|part| names.person(part)).collect(),
            links: entry.links.clone(),
            experiment: entry.experiment.clone().map(|answers| Experiment {
                prediction: answers.prediction.as_ref().map(text),
                happened: answers.happened.as_ref().map(text),
                ..answers
            }),
            closures: entry.closures.iter().map(|one| Closure { note: text(&one.note), ..*one }).collect(),
            attachments: entry
                .attachments
                .iter()
                .map(|one| AttachmentView::new(one, here.contains(&one.blob)))
                .collect(),
            boxed_until: entry.boxed_until,
            muted: entry.muted,
            trashed: entry.trashed,
            next_move: entry.next_move,
            sealed: !entry.seals.is_empty(),
            seals: entry.seals.clone(),
            posts: Vec::new(),
            heads: entry.heads.clone(),
            unreadable: 0,
        }
    }
}

/// A stretch of text in Unicode code points. In JSON a pair of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "(usize, usize)")]
pub struct TextRange {
    /// Its first code point.
    pub start: usize,
    /// The one behind its last.
    pub end: usize,
}

impl From<TextRange> for (usize, usize) {
    fn from(TextRange { start, end }: TextRange) -> Self {
        (start, end)
    }
}

/// One entry found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HitView {
    /// The entry.
    pub id: EntryId,
    /// Its title.
    pub title: String,
    /// The day it is filed under.
    pub day: Day,
    /// Where in the entry: title, body, section, item, reflection, closure.
    pub field: String,
    /// Some text around the first place found.
    pub excerpt: String,
    /// What matched in the excerpt.
    pub ranges: Vec<TextRange>,
}

/// One earlier reading of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadingView {
    /// The heads to read the entry at: the one change that its writer had made.
    pub heads: Vec<ChangeHash>,
    /// When it was written, by its writer's clock.
    pub at: Timestamp,
    /// The device that wrote it.
    pub device: DeviceId,
    /// That device's name, where it is known.
    pub name: Option<String>,
    /// What changed then, sorted: `title`, `body`, `sections`, `items` and the other names of an entry's parts.
    pub fields: Vec<String>,
}

/// The earlier readings of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// Newest first.
    pub readings: Vec<ReadingView>,
}
