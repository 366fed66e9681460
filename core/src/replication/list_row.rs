//! A list row: what a list shows of an entry, stored beside it, and told to a device before the entry itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::EntryId;
use crate::journal::view::{Names, RowView};
use crate::journal::{Audience, Boxed, Entry, InnerState, Kind};
use crate::time::{Day, Timestamp};

/// What a list shows of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// The entry.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as tokens.
    pub title: String,
    /// The day it is filed under.
    pub day: Day,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Where the writer stands with it, but for the box.
    pub states: Vec<InnerState>,
    /// How long it stays in its box.
    pub boxed: Option<Boxed>,
    /// How many words it has.
    pub words: u64,
    /// How many files.
    pub attachments: u64,
    /// Whether it is put away.
    pub trashed: bool,
}

impl ListRow {
    /// The row of an entry.
    pub fn of(entry: &Entry) -> Self {
        // The box opens with time, so it is kept apart from what only a change can change.
        let states = entry.states(entry.day()).into_iter().filter(|state| *state != InnerState::Boxed).collect();
        Self {
            id: entry.id,
            kind: entry.kind,
            title: entry.title.clone(),
            day: entry.day(),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            states,
            boxed: entry.boxed_until,
            words: entry.words() as u64,
            attachments: entry.attachments.len() as u64,
            trashed: entry.trashed,
        }
    }

    /// The row of an entry of which no more is known than its id: a note without a title, from when clocks begin.
    pub fn bare(id: EntryId) -> Self {
        Self {
            id,
            kind: Kind::Note,
            title: String::new(),
            day: Day::new(1970, 1, 1),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            states: Vec::new(),
            boxed: None,
            words: 0,
            attachments: 0,
            trashed: false,
        }
    }

    /// Where the writer stands with it on the day `today`.
    pub fn states_on(&self, today: Day) -> BTreeSet<InnerState> {
        let boxed = self.boxed.is_some_and(|boxed| boxed.is_closed(today));
        boxed.then_some(InnerState::Boxed).into_iter().chain(self.states.iter().copied()).collect()
    }

    /// Returns the row as it is shown on the day `today` to whom `names` is for.
    pub fn view(&self, names: &dyn Names, today: Day) -> RowView {
        RowView {
            id: self.id,
            kind: self.kind,
            title: names.text(&self.title),
            day: self.day,
            created_at: self.created_at,
            updated_at: self.updated_at,
            states: self.states_on(today),
            audience: Audience::Private,
            words: self.words,
            attachments: self.attachments,
            arriving: false,
        }
    }
}
