//! What can be done to an entry, as one enum that crosses.

use afterword_core::error::Error;
use afterword_core::journal::edit::{self, Edit as Core};
use afterword_core::journal::{Boxed, Experiment as CoreExperiment};

use crate::error::{AfterwordError, Result, parse, parse_all, parse_some};
use crate::words::{AttachmentField, ClosureKind, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};

/// A text of an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum TextField {
    /// The title.
    Title,
    /// The main section's text.
    Body,
    /// A section's text.
    Section {
        /// The section.
        id: String,
    },
    /// A line's text.
    Item {
        /// The item.
        id: String,
    },
    /// A reflection's text.
    Reflection {
        /// The reflection.
        id: String,
    },
}

impl From<edit::TextField> for TextField {
    fn from(field: edit::TextField) -> Self {
        match field {
            edit::TextField::Title => Self::Title,
            edit::TextField::Body => Self::Body,
            edit::TextField::Section(id) => Self::Section { id: id.to_string() },
            edit::TextField::Item(id) => Self::Item { id: id.to_string() },
            edit::TextField::Reflection(id) => Self::Reflection { id: id.to_string() },
        }
    }
}

impl TryFrom<TextField> for edit::TextField {
    type Error = AfterwordError;

    fn try_from(field: TextField) -> Result<Self> {
        Ok(match field {
            TextField::Title => Self::Title,
            TextField::Body => Self::Body,
            TextField::Section { id } => Self::Section(parse(&id, "section")?),
            TextField::Item { id } => Self::Item(parse(&id, "item")?),
            TextField::Reflection { id } => Self::Reflection(parse(&id, "reflection")?),
        })
    }
}

/// A small failure on purpose. A missing answer was not given.
#[derive(Debug, Clone, PartialEq, Eq, Default, uniffi::Record)]
pub struct Experiment {
    /// What I fear will happen.
    #[uniffi(default)]
    pub prediction: Option<String>,
    /// Fear before, in the writer's own scale.
    #[uniffi(default)]
    pub fear_before: Option<i64>,
    /// Whether it was tried.
    #[uniffi(default)]
    pub attempted: Option<bool>,
    /// What happened.
    #[uniffi(default)]
    pub happened: Option<String>,
    /// Fear after.
    #[uniffi(default)]
    pub fear_after: Option<i64>,
    /// Again?
    #[uniffi(default)]
    pub again: Option<bool>,
}

impl From<Experiment> for CoreExperiment {
    fn from(answers: Experiment) -> Self {
        let Experiment { prediction, fear_before, attempted, happened, fear_after, again } = answers;
        Self { prediction, fear_before, attempted, happened, fear_after, again }
    }
}

impl From<CoreExperiment> for Experiment {
    fn from(answers: CoreExperiment) -> Self {
        let CoreExperiment { prediction, fear_before, attempted, happened, fear_after, again } = answers;
        Self { prediction, fear_before, attempted, happened, fear_after, again }
    }
}

/// One thing to do to an entry. Texts have people as `@Name`; days are `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Edit {
    /// A text says `text`, written on what it said at the heads `base`.
    SetText {
        /// Which text.
        field: TextField,
        /// The heads that came with it.
        base: Vec<String>,
        /// What it is to say.
        text: String,
    },
    /// A new section under a prompt.
    AddSection {
        /// The prompt.
        prompt: String,
        /// Its text.
        text: String,
    },
    /// Puts a section away.
    RetireSection {
        /// The section.
        id: String,
    },
    /// A new line.
    AddItem {
        /// What it says.
        kind: ItemKind,
        /// Its text.
        text: String,
    },
    /// Where a line stands; none: nobody says.
    SetItemState {
        /// The item.
        id: String,
        /// Where it stands.
        state: Option<ItemState>,
    },
    /// A line's day, or none.
    SetItemDay {
        /// The item.
        id: String,
        /// The day.
        day: Option<String>,
    },
    /// Puts a line away.
    RetireItem {
        /// The item.
        id: String,
    },
    /// A reflection of a day.
    AddReflection {
        /// The day of reflecting.
        day: String,
        /// Its text.
        text: String,
    },
    /// Adds a mark.
    Mark {
        /// What it is a word for.
        group: MarkGroup,
        /// The word.
        word: String,
    },
    /// Takes a mark away.
    Unmark {
        /// What it is a word for.
        group: MarkGroup,
        /// The word.
        word: String,
    },
    /// When it happened, or that nobody knows.
    SetHappened {
        /// The day, month or year.
        day: Option<String>,
    },
    /// What it is about.
    SetKind {
        /// The kind.
        kind: Kind,
    },
    /// Ties it to another entry.
    Link {
        /// The other entry.
        entry: String,
        /// How they belong together.
        kind: LinkKind,
    },
    /// Takes a tie away.
    Unlink {
        /// The other entry.
        entry: String,
    },
    /// Closes it.
    Close {
        /// The day of closing.
        day: String,
        /// How.
        kind: ClosureKind,
        /// A note.
        note: String,
    },
    /// Opens it again.
    Reopen {
        /// Which closure.
        closure: String,
        /// The day.
        day: String,
    },
    /// Puts it out of sight until a day, or, without one, until it is opened by hand.
    Box {
        /// The day.
        until: Option<String>,
    },
    /// Takes it out of its box.
    Unbox,
    /// Never shown again unasked, or again as others.
    SetMuted {
        /// Whether it is muted.
        muted: bool,
    },
    /// Puts it away, reversibly, or takes it back.
    SetTrashed {
        /// Whether it is put away.
        trashed: bool,
    },
    /// What comes next.
    SetNextMove {
        /// The next move, or none said.
        next: Option<NextMove>,
    },
    /// The answers of an experiment; one that is not given is taken back.
    SetExperiment {
        /// The answers.
        answers: Experiment,
    },
    /// What is said of an attachment.
    Describe {
        /// The attachment.
        attachment: String,
        /// What of it.
        field: AttachmentField,
        /// The words, or none.
        text: Option<String>,
    },
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
    /// Lifts these seals; all, where none are named.
    Unseal {
        /// The seals.
        seals: Vec<String>,
    },
}

impl TryFrom<Edit> for Core {
    type Error = AfterwordError;

    fn try_from(edit: Edit) -> Result<Self> {
        match edit {
            Edit::SetText { field, base, text } => {
                Ok(Self::SetText { field: field.try_into()?, base: parse_all(&base, "base")?, text })
            }
            Edit::Mark { group, word } => Ok(Self::Mark(group.into(), word)),
            Edit::Unmark { group, word } => Ok(Self::Unmark(group.into(), word)),
            Edit::SetKind { kind } => Ok(Self::SetKind(kind.into())),
            Edit::Unbox => Ok(Self::Unbox),
            Edit::SetMuted { muted } => Ok(Self::SetMuted(muted)),
            Edit::SetTrashed { trashed } => Ok(Self::SetTrashed(trashed)),
            Edit::Seal => Ok(Self::Seal),
            other => part(other),
        }
    }
}

/// Edits of a part of an entry, or of something else that is named.
fn part(edit: Edit) -> Result<Core> {
    match edit {
        Edit::AddSection { prompt, text } => Ok(Core::AddSection { prompt, text }),
        Edit::RetireSection { id } => Ok(Core::RetireSection(parse(&id, "section")?)),
        Edit::AddItem { kind, text } => Ok(Core::AddItem { kind: kind.into(), text }),
        Edit::SetItemState { id, state } => Ok(Core::SetItemState(parse(&id, "item")?, state.map(Into::into))),
        Edit::RetireItem { id } => Ok(Core::RetireItem(parse(&id, "item")?)),
        Edit::Link { entry, kind } => Ok(Core::Link(parse(&entry, "entry")?, kind.into())),
        Edit::Unlink { entry } => Ok(Core::Unlink(parse(&entry, "entry")?)),
        Edit::SetNextMove { next } => Ok(Core::SetNextMove(next.map(Into::into))),
        Edit::SetExperiment { answers } => Ok(Core::SetExperiment(answers.into())),
        Edit::SetPerson { token, role, contact } => Ok(Core::SetPerson { token, role, contact }),
        Edit::Unseal { seals } => Ok(Core::Unseal(parse_all(&seals, "seal")?)),
        other => dated(other),
    }
}

/// Edits that name a day, and what is said of a file.
fn dated(edit: Edit) -> Result<Core> {
    Ok(match edit {
        Edit::SetItemDay { id, day } => Core::SetItemDay(parse(&id, "item")?, parse_some(day.as_ref(), "day")?),
        Edit::AddReflection { day, text } => Core::AddReflection { day: parse(&day, "day")?, text },
        Edit::SetHappened { day } => Core::SetHappened(parse_some(day.as_ref(), "day")?),
        Edit::Close { day, kind, note } => Core::Close { day: parse(&day, "day")?, kind: kind.into(), note },
        Edit::Reopen { closure: id, day } => Core::Reopen { closure: parse(&id, "closure")?, day: parse(&day, "day")? },
        Edit::Box { until } => Core::Box(parse_some(until.as_ref(), "day")?.map_or(Boxed::ByHand, Boxed::Until)),
        Edit::Describe { attachment: id, field, text } => Core::Describe(parse(&id, "attachment")?, field.into(), text),
        other => return Err(Error::internal(format!("no edit is made of {:?}", std::mem::discriminant(&other))).into()),
    })
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A part of an entry that a write made.
        #[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
        pub enum Part {$($(#[$doc])* $name { #[doc = "Its id."] id: String },)*}

        impl From<edit::Part> for Part {
            fn from(part: edit::Part) -> Self {
                match part { $(edit::Part::$name(id) => Self::$name { id: id.to_string() },)* }
            }
        }
    };
}

parts! {
    /// Prose under a prompt.
    Section,
    /// A line.
    Item,
    /// A reflection.
    Reflection,
    /// A file.
    Attachment,
    /// A closure.
    Closure,
    /// A seal.
    Seal,
}

/// What a write returns: the entry as it is now, and what came to be.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Edited {
    /// The entry.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Its title as it reads now.
    pub title: String,
    /// Its heads now: the base of the next edit.
    pub heads: Vec<String>,
    /// The parts that the write made, in the order of its edits.
    pub parts: Vec<Part>,
}

impl From<afterword_core::engine::Edited> for Edited {
    fn from(edited: afterword_core::engine::Edited) -> Self {
        let heads = edited.heads.iter().map(ToString::to_string).collect();
        let parts = edited.parts.into_iter().map(Into::into).collect();
        Self { id: edited.id.to_string(), kind: edited.kind.into(), title: edited.title, heads, parts }
    }
}
