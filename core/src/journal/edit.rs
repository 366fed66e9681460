//! Edits of an entry as values: what a surface asks for, and the parts that an edit makes.
//!
//! A value crosses every boundary that a closure does not: a phone's language, a test's list, a retry. Texts come from
//! their writer with people as `@Name`; [`Edit::to_tokens`] makes of them what is stored.

use std::fmt;
use std::str::FromStr;

use super::people::People;
use super::{
    Boxed, ClosureKind, Entry, Experiment, ItemKind, ItemState, Kind, LinkKind, MAIN_SECTION, MarkGroup, NewEntry,
    NextMove,
};
use crate::id::{AttachmentId, BlobId, ChangeHash, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
use crate::time::Day;

/// A text of an entry that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextField {
    /// The title.
    Title,
    /// The main section's text.
    Body,
    /// A section's text.
    Section(SectionId),
    /// An item's text.
    Item(ItemId),
    /// A reflection's text.
    Reflection(ReflectionId),
}

impl fmt::Display for TextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => f.write_str("title"),
            Self::Body => f.write_str("body"),
            Self::Section(id) => write!(f, "section:{id}"),
            Self::Item(id) => write!(f, "item:{id}"),
            Self::Reflection(id) => write!(f, "reflection:{id}"),
        }
    }
}

/// Text that names no text of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text is title, body, section:ID, item:ID or reflection:ID")]
pub struct ParseFieldError;

impl FromStr for TextField {
    type Err = ParseFieldError;

    fn from_str(text: &str) -> Result<Self, ParseFieldError> {
        let (sort, id) = text.split_once(':').unwrap_or((text, ""));
        match sort {
            "title" if id.is_empty() => Some(Self::Title),
            "body" if id.is_empty() => Some(Self::Body),
            "section" => id.parse().ok().map(Self::Section),
            "item" => id.parse().ok().map(Self::Item),
            "reflection" => id.parse().ok().map(Self::Reflection),
            _ => None,
        }
        .ok_or(ParseFieldError)
    }
}

impl TextField {
    /// Where an entry has this text; `None` where it has no such text.
    pub fn in_entry(self, entry: &mut Entry) -> Option<&mut String> {
        match self {
            Self::Title => Some(&mut entry.title),
            Self::Body => Self::Section(MAIN_SECTION).in_entry(entry),
            Self::Section(id) => entry.sections.iter_mut().find(|part| part.id == id).map(|part| &mut part.text),
            Self::Item(id) => entry.items.iter_mut().find(|part| part.id == id).map(|part| &mut part.text),
            Self::Reflection(id) => entry.reflections.iter_mut().find(|part| part.id == id).map(|part| &mut part.text),
        }
    }

    /// Returns what an entry says there; `None` where it has no such text.
    pub fn of(self, entry: &Entry) -> Option<&str> {
        match self {
            Self::Title => Some(&entry.title),
            Self::Body => Self::Section(MAIN_SECTION).of(entry),
            Self::Section(id) => entry.sections.iter().find(|part| part.id == id).map(|part| part.text.as_str()),
            Self::Item(id) => entry.items.iter().find(|part| part.id == id).map(|part| part.text.as_str()),
            Self::Reflection(id) => entry.reflections.iter().find(|part| part.id == id).map(|part| part.text.as_str()),
        }
    }
}

/// What is known of a file when it is attached. It is never publishable until the writer says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// The bytes' name.
    pub blob: BlobId,
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
}

/// A field of an attachment that the writer may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttachmentField {
    /// The writer's caption.
    Caption,
    /// What the picture shows.
    Alt,
    /// Whose it is.
    Credit,
}

/// One thing to do to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A text says `text`, written on what it said at the heads `base`.
    SetText {
        /// Which text.
        field: TextField,
        /// The heads that the writer saw.
        base: Vec<ChangeHash>,
        /// What it is to say.
        text: String,
    },
    /// A new section under a prompt, behind the others.
    AddSection {
        /// The prompt.
        prompt: String,
        /// Its text.
        text: String,
    },
    /// Puts a section away.
    RetireSection(SectionId),
    /// A new line, behind the others.
    AddItem {
        /// What it says.
        kind: ItemKind,
        /// Its text.
        text: String,
    },
    /// Where a line stands; `None`: nobody says.
    SetItemState(ItemId, Option<ItemState>),
    /// A line's day, or none.
    SetItemDay(ItemId, Option<Day>),
    /// Puts a line away.
    RetireItem(ItemId),
    /// A reflection of this day.
    AddReflection {
        /// The day of reflecting.
        day: Day,
        /// Its text.
        text: String,
    },
    /// Adds a mark.
    Mark(MarkGroup, String),
    /// Takes a mark away.
    Unmark(MarkGroup, String),
    /// When it happened, or that nobody knows.
    SetHappened(Option<Day>),
    /// What it is about.
    SetKind(Kind),
    /// Ties it to another entry.
    Link(EntryId, LinkKind),
    /// Takes a tie away.
    Unlink(EntryId),
    /// Closes it.
    Close {
        /// The day of closing.
        day: Day,
        /// How.
        kind: ClosureKind,
        /// A note.
        note: String,
    },
    /// Opens it again.
    Reopen {
        /// Which closure.
        closure: ClosureId,
        /// The day.
        day: Day,
    },
    /// Puts it out of sight.
    Box(Boxed),
    /// Takes it out of its box.
    Unbox,
    /// Never shown again unasked, or again as others.
    SetMuted(bool),
    /// Puts it away, reversibly, or takes it back.
    SetTrashed(bool),
    /// What comes next.
    SetNextMove(Option<NextMove>),
    /// The answers of an experiment; one that is not given is taken back.
    SetExperiment(Experiment),
    /// What is said of an attachment.
    Describe(AttachmentId, AttachmentField, Option<String>),
    /// A person's part in it.
    SetPerson {
        /// The person's token.
        token: String,
        /// Their role.
        role: Option<String>,
        /// Whether to reach them.
        contact: Option<String>,
    },
    /// Never to be published.
    Seal,
    /// Lifts these seals; all that stand, where none are named.
    Unseal(Vec<SealId>),
    /// Attaches a file whose sealed bytes come with the edit.
    Attach(NewAttachment),
    /// Takes a file off the entry; its bytes go from every device.
    Detach(AttachmentId),
    /// Every text says again what it did at these heads.
    RestoreTexts(Vec<ChangeHash>),
}

impl Edit {
    /// Returns the edit as it is stored: people as tokens. `before` is the stored text that a [`SetText`](Self::SetText)
    /// replaces: what the writer left alone in it stays as it was, token by token.
    pub fn to_tokens(&self, people: &People, before: &str) -> Self {
        let mut edit = self.clone();
        match &mut edit {
            Self::SetText { text, .. } => *text = people.to_tokens(text, before),
            Self::AddSection { text, .. }
            | Self::AddItem { text, .. }
            | Self::AddReflection { text, .. }
            | Self::Close { note: text, .. } => *text = people.to_tokens(text, ""),
            _ => {}
        }
        edit
    }
}

/// A part of an entry that an edit made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Prose under a prompt.
    Section(SectionId),
    /// A short line.
    Item(ItemId),
    /// A reflection.
    Reflection(ReflectionId),
    /// A file.
    Attachment(AttachmentId),
    /// A closure.
    Closure(ClosureId),
    /// A seal.
    Seal(SealId),
}

impl Part {
    /// Returns what it is, as a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Section(_) => "section",
            Self::Item(_) => "item",
            Self::Reflection(_) => "reflection",
            Self::Attachment(_) => "attachment",
            Self::Closure(_) => "closure",
            Self::Seal(_) => "seal",
        }
    }

    /// Returns its id as text.
    pub fn id(&self) -> String {
        match self {
            Self::Section(id) => id.to_string(),
            Self::Item(id) => id.to_string(),
            Self::Reflection(id) => id.to_string(),
            Self::Attachment(id) => id.to_string(),
            Self::Closure(id) => id.to_string(),
            Self::Seal(id) => id.to_string(),
        }
    }
}

impl NewEntry {
    /// Returns the entry as it is stored: people as tokens.
    pub fn to_tokens(&self, people: &People) -> Self {
        let stored = |text: &str| people.to_tokens(text, "");
        Self {
            title: stored(&self.title),
            body: stored(&self.body),
            sections: self.sections.iter().map(|(prompt, text)| (prompt.clone(), stored(text))).collect(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::people::Person;
    use super::*;

    fn people() -> People {
        [Person { token: "aaaaaaaaaa".into(), name: "Bo".into(), aliases: std::collections::BTreeSet::new() }]
            .into_iter()
            .collect()
    }

    const STORED: &str = "Met {{p:aaaaaaaaaa}}";

    #[test]
    fn every_text_of_an_edit_is_stored_with_tokens() {
        let day: Day = "2024-05-17".parse().unwrap();
        let text = || "Met @Bo".to_owned();
        let edits = [
            Edit::SetText { field: TextField::Title, base: Vec::new(), text: text() },
            Edit::AddSection { prompt: "Who?".into(), text: text() },
            Edit::AddItem { kind: ItemKind::Lesson, text: text() },
            Edit::AddReflection { day, text: text() },
            Edit::Close { day, kind: ClosureKind::LetGo, note: text() },
        ];
        for edit in edits {
            let stored = edit.to_tokens(&people(), "");
            assert_ne!(stored, edit);
            let (Edit::SetText { text, .. }
            | Edit::AddSection { text, .. }
            | Edit::AddItem { text, .. }
            | Edit::AddReflection { text, .. }
            | Edit::Close { note: text, .. }) = stored
            else {
                panic!("{edit:?} became another edit");
            };
            assert_eq!(text, STORED, "{edit:?}");
        }
        let mark = Edit::Mark(MarkGroup::Tags, "@Bo".into());
        assert_eq!(mark.to_tokens(&people(), ""), mark, "a word is no text");
    }

    #[test]
    fn what_the_writer_left_alone_keeps_its_token() {
        let edit = |text: &str| Edit::SetText { field: TextField::Body, base: Vec::new(), text: text.into() };
        assert_eq!(edit("Saw @?").to_tokens(&people(), "Met {{p:zzzzzzzzzz}}"), edit("Saw {{p:zzzzzzzzzz}}"));
    }

    #[test]
    fn a_new_entry_is_stored_with_tokens() {
        let new = NewEntry {
            kind: Kind::Note,
            title: "Met @Bo".into(),
            body: "Met @Bo".into(),
            sections: vec![("@Bo?".into(), "Met @Bo".into())],
            happened: None,
        };
        let stored = new.to_tokens(&people());
        let sections = vec![("@Bo?".to_owned(), STORED.to_owned())];
        assert_eq!((stored.title.as_str(), stored.body.as_str(), stored.sections), (STORED, STORED, sections));
    }
}
