//! Reading entries: one in full, a page of a list, a search, a history, as views with names and today's states in them.
//! Nothing here waits for a write or for the network.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Engine;
use super::arriving;
use super::deriving::{derive_shown, derive_waited_for};
use super::entries::{by_prefix, open};
use super::opening::{left_out, opening};
use crate::error::{Code, Error, Result};
use crate::id::{BlobId, ChangeHash, EntryId, ItemId};
use crate::journal::Entry;
use crate::journal::people::People;
use crate::journal::view::{EntryView, HistoryView, HitView, Names, ReadingView, RowView, Tokens};
use crate::replication::ListRow;
use crate::replication::{StorageExt, Tx, WantedBlob};
use crate::store::read_model::{self, Cursor, Filter, Opened, Read};
use crate::store::sqlite::SqliteTx;
use crate::time::Day;

/// How long a list or search derives what waits before it shows what there is.
const DERIVE_FIRST: Duration = Duration::from_secs(2);

/// One entry as it is stored, and what it takes to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry, people as tokens.
    pub entry: Entry,
    /// Names for the tokens.
    pub people: People,
    /// For each attachment's blob, whether its bytes are here.
    pub here: Vec<(BlobId, bool)>,
    /// Changes that can't be read yet: they wait for others, or Automerge refuses them.
    pub unreadable: u64,
}

impl StoredEntry {
    fn view(&self, names: &dyn Names, today: Day) -> EntryView {
        let here: Vec<_> = self.here.iter().filter(|(_, here)| *here).map(|(blob, _)| *blob).collect();
        EntryView { unreadable: self.unreadable, ..EntryView::new(&self.entry, names, today, &here) }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListView {
    /// The rows, newest first.
    pub entries: Vec<RowView>,
    /// Where the next page begins; `None` after the last.
    #[serde(serialize_with = "as_text")]
    pub next: Option<Cursor>,
    /// Entries that are not derived yet, and may be missing or stale here.
    pub unread: u64,
    /// Entries that are too large to be opened on this device. A row of one is as it was read last.
    pub too_large: Vec<EntryId>,
}

fn as_text<S: Serializer>(next: &Option<Cursor>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    next.as_ref().map(Cursor::to_text).serialize(serializer)
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchView {
    /// How many entries match, as far as was looked.
    pub total: u64,
    /// Whether there are, or may be, more than that.
    pub more: bool,
    /// Entries that are not indexed yet.
    pub unread: u64,
    /// Entries that are too large to be opened on this device: they are found as they were read last, or not at all.
    pub too_large: Vec<EntryId>,
    /// The first of them: title hits, then the rest, newest first.
    pub hits: Vec<HitView>,
}

impl Engine {
    /// Returns the entry as it reads now, people as `@Name`. If it is stale, it is the next to be derived.
    pub fn show(&self, id: EntryId) -> Result<EntryView> {
        let stored = self.stored_entry(id)?;
        Ok(stored.view(&stored.people, self.today()))
    }

    /// Returns the entry as it read at `heads`.
    pub fn show_at(&self, id: EntryId, heads: &[ChangeHash]) -> Result<EntryView> {
        let stored = self.stored_entry_at(id, heads)?;
        Ok(stored.view(&stored.people, self.today()))
    }

    /// Returns the entry as it is stored, people as tokens: what a lossless export writes.
    pub fn show_with_tokens(&self, id: EntryId) -> Result<EntryView> {
        let stored = self.stored_entry(id)?;
        Ok(stored.view(&Tokens(&stored.people), self.today()))
    }

    fn today(&self) -> Day {
        self.shared.clock.today()
    }

    /// Reads the whole entry off its changes: whoever looks waits for no write. If it is stale, it is the next to be
    /// derived.
    pub fn stored_entry(&self, id: EntryId) -> Result<StoredEntry> {
        if self.shared.store.is_stale(id)? {
            derive_shown(&self.shared, id);
        }
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let changes = read_model::changes(tx, id)?;
            let Read { entry, refused, pending, opened } = read_model::read(id, changes, self.shared.actor())?;
            if opened {
                self.shared.count_opened();
            }
            let people = read_model::people(tx)?;
            let here = here(tx, &entry)?;
            Ok(StoredEntry { entry, people, here, unreadable: (refused + pending) as u64 })
        })
    }

    /// Reads the entry as it was at `heads`.
    pub fn stored_entry_at(&self, id: EntryId, heads: &[ChangeHash]) -> Result<StoredEntry> {
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let Opened { document, .. } = open(&self.shared, tx, id)?;
            let entry = document.entry_at(heads)?;
            let (people, here) = (read_model::people(tx)?, here(tx, &entry)?);
            Ok(StoredEntry { entry, people, here, unreadable: 0 })
        })
    }

    /// Returns every earlier reading of an entry.
    pub fn history(&self, id: EntryId) -> Result<HistoryView> {
        let devices = self.devices()?;
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let authors: Vec<_> = tx
                .changes(id)?
                .into_iter()
                .map(|change| (change.hash, change.first_log.unwrap_or(change.log).device))
                .collect();
            let Opened { document, .. } = open(&self.shared, tx, id)?;
            let readings = document.readings()?.into_iter().rev().map(|reading| {
                let author = authors.iter().find(|(held, _)| *held == reading.hash);
                let device = author.map_or_else(|| self.device(), |(_, device)| *device);
                let name = devices.iter().find(|row| row.id == device).map(|row| row.name.clone());
                ReadingView { heads: reading.heads, at: reading.at, device, name, fields: reading.fields }
            });
            Ok(HistoryView { readings: readings.collect() })
        })
    }

    /// Returns the item of an entry whose id begins with `prefix`.
    pub fn resolve_item(&self, id: EntryId, prefix: &str) -> Result<ItemId> {
        let stored = self.stored_entry(id)?;
        by_prefix(stored.entry.items.iter().map(|item| item.id), ToString::to_string, prefix, "item")
    }

    /// Returns every entry that is here, what is in the trash included.
    pub fn entry_ids(&self) -> Result<Vec<EntryId>> {
        let all = self.shared.store.read(|tx| tx.documents())?;
        Ok(all.into_iter().filter(|entry| !entry.is_singleton()).collect())
    }

    /// Returns the newest entry that is filed under `day`.
    pub fn entry_on(&self, day: Day) -> Result<Option<EntryId>> {
        let filter = Filter { from: Some(day), to: Some(day), ..Filter::default() };
        Ok(self.list(&filter, 1, None)?.entries.first().map(|row| row.id))
    }

    /// Returns the entry whose id begins with `prefix`.
    pub fn resolve(&self, prefix: &str) -> Result<EntryId> {
        self.shared.store.read_sql(|tx| {
            read_model::resolve(tx, prefix).or_else(|error| match error.code {
                Code::NotFound if is_on_its_way(tx, prefix)? => Err(Error::new(
                    Code::NotFound,
                    "that entry is still arriving from another device",
                    "its text can be read once that sync has brought it",
                )),
                _ => Err(error),
            })
        })
    }

    /// Returns one page of entries, newest first. Derives what waits, for at most two seconds; while a first sync brings
    /// what another device announced, those rows stand in for it and the list is there at once.
    pub fn list(&self, filter: &Filter, limit: usize, after: Option<&Cursor>) -> Result<ListView> {
        let announced = self.shared.store.read_sql(|tx| tx.has_arriving())?;
        let live = announced && arriving::is_live(&self.shared.home);
        let (unread, too_large) = if live { self.waiting()? } else { self.derive_first()? };
        let today = self.today();
        self.shared.store.read_sql(|tx| {
            let page = match announced {
                true => read_model::list_arriving(tx, filter, today, limit, after, live)?,
                false => read_model::list(tx, filter, today, limit, after)?,
            };
            let people = read_model::people(tx)?;
            let view =
                |row: &ListRow| RowView { arriving: page.arriving.contains(&row.id), ..row.view(&people, today) };
            Ok(ListView { entries: page.rows.iter().map(view).collect(), next: page.next, unread, too_large })
        })
    }

    /// Returns the heads of an entry now; none of one that is not here.
    pub fn heads(&self, id: EntryId) -> Result<Vec<ChangeHash>> {
        let state = self.shared.store.read(|tx| tx.document(id))?;
        Ok(state.map(|state| state.heads).unwrap_or_default())
    }

    /// Returns one entry's list row, if it is derived.
    pub fn row(&self, id: EntryId) -> Result<Option<ListRow>> {
        self.shared.store.read_sql(|tx| read_model::row(tx, id))
    }

    /// Searches words, `"phrases"` and `prefix*`. First derives what waits, for at most two seconds.
    pub fn search(&self, query: &str, limit: usize) -> Result<SearchView> {
        let (unread, too_large) = self.derive_first()?;
        let today = self.today();
        self.shared.store.read_sql(|tx| {
            let found = read_model::find(tx, query, limit, today)?;
            let people = read_model::people(tx)?;
            let hits = found.hits.into_iter().map(|hit| hit.view(&people)).collect();
            Ok(SearchView { total: found.total, more: found.more, unread, too_large, hits })
        })
    }

    /// Derives what waits, and says how much still does. Where the disk is full nothing can be derived, which is no reason
    /// not to show what is there: a list row is part of the save.
    fn derive_first(&self) -> Result<(u64, Vec<EntryId>)> {
        match derive_waited_for(&self.shared, DERIVE_FIRST) {
            Ok(_) => self.waiting(),
            Err(error) if error.code == Code::StorageFull => self.waiting(),
            Err(error) => Err(error),
        }
    }

    /// How many entries wait to be derived, and those that do not because they are too large here.
    fn waiting(&self) -> Result<(u64, Vec<EntryId>)> {
        let mut waiting = self.shared.store.stale_count()?;
        let mut too_large = Vec::new();
        for entry in left_out(&self.shared)? {
            waiting -= u64::from(waiting > 0 && self.shared.store.is_stale(entry)?);
            if !entry.is_singleton() {
                too_large.push(entry);
            }
        }
        Ok((waiting, too_large))
    }

    /// Returns everybody in the journal.
    pub fn people(&self) -> Result<People> {
        self.shared.store.read_sql(read_model::people)
    }
}

/// For each attachment's blob, whether its bytes are on this device.
fn here(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<Vec<(BlobId, bool)>> {
    let blobs = entry.attachments.iter().map(|attachment| attachment.blob);
    blobs
        .map(|blob| {
            let held: Option<WantedBlob> = tx.blob(entry.id, blob)?;
            Ok((blob, held.is_some_and(|held| held.here)))
        })
        .collect()
}

/// Whether a device announced an entry whose id begins with `prefix`.
fn is_on_its_way(tx: &mut SqliteTx<'_>, prefix: &str) -> Result<bool> {
    Ok(tx.arriving()?.iter().any(|row| row.id.to_string().starts_with(prefix)))
}
