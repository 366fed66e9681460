//! Everything that can be done to an entry, as values: what a program that is not written in Rust asks for.
//!
//! Texts come with people as `@Name`, and each names the heads that its writer saw; everything given at once is one
//! change, or, where one of it makes no sense, nothing.

use std::collections::BTreeMap;

use super::Engine;
use super::entries::{Written, no_such};
use crate::document::{AttachmentField, Editor, TextField};
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ChangeHash, ClosureId, EntryId, ItemId, SealId, SectionId};
use crate::journal::people::People;
use crate::journal::{Boxed, ClosureKind, Entry, Experiment, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove};
use crate::time::Day;

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
    /// Lifts these seals.
    Unseal(Vec<SealId>),
}

impl Engine {
    /// Does all of `edits` to an entry, as one change.
    pub fn apply(&self, id: EntryId, edits: &[Edit]) -> Result<Written> {
        let bases: Vec<_> = edits
            .iter()
            .filter_map(|edit| match edit {
                Edit::SetText { base, .. } => Some(base),
                _ => None,
            })
            .collect();
        bases.iter().try_for_each(|base| is_base(base, "written"))?;
        let seen = self.seen(id, bases)?;
        let ((), written) = self.edit_entry(id, |editor, entry, people| {
            edits.iter().try_for_each(|edit| one(editor, entry, people, &seen, edit))
        })?;
        Ok(written)
    }

    /// How an entry read at each of `bases`.
    pub(super) fn seen<'b>(&self, id: EntryId, bases: impl IntoIterator<Item = &'b Vec<ChangeHash>>) -> Result<Seen> {
        let mut seen = Seen::default();
        for base in bases {
            if !seen.0.contains_key(base) {
                seen.0.insert(base.clone(), self.show_at(id, base)?.entry);
            }
        }
        Ok(seen)
    }
}

/// How an entry read at the heads that its texts were written on.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<Vec<ChangeHash>, Entry>);

impl Seen {
    /// What a text said there, if it stood there.
    pub(super) fn text(&self, base: &[ChangeHash], field: TextField) -> Option<&str> {
        self.0.get(base).and_then(|entry| field.of(entry))
    }
}

/// There is no write without the heads that its writer saw. `done` is what was done with the text.
pub(super) fn is_base(base: &[ChangeHash], done: &str) -> Result<()> {
    if base.is_empty() {
        return Err(Error::invalid(
            format!("a text was {done} on no heads"),
            "give the heads that came with the text, so that what a sync brings stays",
        )
        .about("base"));
    }
    Ok(())
}

fn one(editor: &mut Editor<'_, '_>, entry: &Entry, people: &People, seen: &Seen, edit: &Edit) -> Result<()> {
    let stored = |text: &str| people.stored(text, "");
    match edit {
        Edit::SetText { field, base, text } => {
            let before = seen.text(base, *field).ok_or_else(|| no_such("text"))?;
            editor.set_text(*field, base, &people.stored(text, before)).map(drop)
        }
        Edit::AddSection { prompt, text } => {
            editor.add_section(prompt, entry.sections.last().map(|section| section.id), &stored(text)).map(drop)
        }
        Edit::RetireSection(id) => editor.retire_section(*id),
        Edit::AddItem { kind, text } => editor.add_item(*kind, &stored(text)).map(drop),
        Edit::SetItemState(id, state) => editor.set_item_state(*id, *state),
        Edit::SetItemDay(id, day) => editor.set_item_day(*id, *day),
        Edit::RetireItem(id) => editor.retire_item(*id),
        Edit::AddReflection { day, text } => editor.add_reflection(*day, &stored(text)).map(drop),
        Edit::Mark(group, word) => editor.mark(*group, word),
        Edit::Unmark(group, word) => editor.unmark(*group, word),
        Edit::SetHappened(day) => editor.set_happened(*day),
        Edit::SetKind(kind) => editor.set_kind(*kind),
        Edit::Link(other, kind) => editor.link(*other, *kind),
        Edit::Unlink(other) => editor.unlink(*other),
        Edit::Close { day, kind, note } => editor.add_closure(*day, *kind, &stored(note)).map(drop),
        Edit::Reopen { closure, day } => editor.reopen(*closure, *day),
        Edit::Box(until) => editor.set_box(*until),
        Edit::Unbox => editor.unbox(),
        Edit::SetMuted(muted) => editor.set_muted(*muted),
        Edit::SetTrashed(trashed) => editor.set_trashed(*trashed),
        Edit::SetNextMove(next) => editor.set_next_move(*next),
        Edit::SetExperiment(answers) => editor.set_experiment(answers),
        Edit::Describe(id, field, text) => editor.describe_attachment(*id, *field, text.as_deref()),
        Edit::SetPerson { token, role, contact } => editor.set_person(token, role.as_deref(), contact.as_deref()),
        Edit::Seal => editor.seal().map(drop),
        Edit::Unseal(seals) if seals.is_empty() => editor.unseal(&entry.seals.iter().copied().collect::<Vec<_>>()),
        Edit::Unseal(seals) => editor.unseal(seals),
    }?;
    Ok(())
}
