//! The read path of entries: showing, listing, searching. Everything here blocks and none of it needs the network.

use std::time::Duration;

use super::Engine;
use super::arriving;
use super::deriving::{derive_shown, derive_waited_for};
use super::opening::{left_out, opening};
use super::shared::Shared;
use crate::document::Reading;
use crate::error::{Code, Error, Result};
use crate::id::{ChangeHash, DeviceId, EntryId, ItemId};
use crate::journal::Entry;
use crate::journal::people::People;
use crate::store::derived::{self, Cursor, Filter, Found, ListRow, Opened, Page, Read};
use crate::store::sqlite::SqliteTx;
use crate::store::{StorageExt, Tx, WantedBlob};
use crate::time::Day;

/// How long a list or search derives what waits before it answers with what there is.
const DERIVE_FIRST: Duration = Duration::from_secs(2);

/// One entry as `show` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The entry, people as tokens.
    pub entry: Entry,
    /// Names for the tokens.
    pub people: People,
    /// For each attachment's blob, whether its bytes are here.
    pub here: Vec<(crate::id::BlobId, bool)>,
    /// Changes that can't be read yet: they wait for others, or Automerge refuses them.
    pub unreadable: u64,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The rows and where the next page begins.
    pub page: Page,
    /// Names for the tokens in titles.
    pub people: People,
    /// Entries that are not derived yet.
    pub unread: u64,
    /// Entries that are too large to be opened on this device. A row of one is as it was read last.
    pub too_large: Vec<EntryId>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// The hits.
    pub found: Found,
    /// Names for the tokens in titles.
    pub people: People,
    /// Entries that are not indexed yet.
    pub unread: u64,
    /// Entries that are too large to be opened on this device: they are found as they were read last, or not at all.
    pub too_large: Vec<EntryId>,
}

/// An earlier reading, and whose it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownReading {
    /// The reading.
    pub reading: Reading,
    /// The device that wrote it, from the log it stands in.
    pub device: DeviceId,
}

impl Engine {
    /// The whole entry as it reads now, off its changes: whoever looks waits for no write. If it is stale, it is the next
    /// to be derived.
    pub fn show(&self, id: EntryId) -> Result<Shown> {
        if self.shared.store.is_stale(id)? {
            derive_shown(&self.shared, id);
        }
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let changes = derived::changes(tx, id)?;
            let Read { entry, refused, pending, opened } = derived::read(id, changes, self.shared.actor())?;
            if opened {
                self.shared.count_opened();
            }
            let people = derived::people(tx)?;
            let mut here = Vec::new();
            for attachment in &entry.attachments {
                let held: Option<WantedBlob> = tx.blob(id, attachment.blob)?;
                here.push((attachment.blob, held.is_some_and(|blob| blob.here)));
            }
            Ok(Shown { entry, people, here, unreadable: (refused + pending) as u64 })
        })
    }

    /// The entry as it read at `heads`.
    pub fn show_at(&self, id: EntryId, heads: &[ChangeHash]) -> Result<Shown> {
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let Opened { document, .. } = open(&self.shared, tx, id)?;
            Ok(Shown {
                entry: document.entry_at(heads)?,
                people: derived::people(tx)?,
                here: Vec::new(),
                unreadable: 0,
            })
        })
    }

    /// Every earlier reading of an entry, oldest first.
    pub fn history(&self, id: EntryId) -> Result<Vec<ShownReading>> {
        let _opening = opening(&self.shared, id)?;
        self.shared.store.read_sql(|tx| {
            let authors: Vec<_> = tx
                .changes(id)?
                .into_iter()
                .map(|change| (change.hash, change.first_log.unwrap_or(change.log).device))
                .collect();
            let Opened { document, .. } = open(&self.shared, tx, id)?;
            let readings = document.readings()?;
            let whose = |hash| authors.iter().find(|(held, _)| *held == hash).map(|(_, device)| *device);
            Ok(readings
                .into_iter()
                .map(|reading| ShownReading { device: whose(reading.hash).unwrap_or_else(|| self.device()), reading })
                .collect())
        })
    }

    /// The item of an entry whose id begins with `prefix`.
    pub fn resolve_item(&self, id: EntryId, prefix: &str) -> Result<ItemId> {
        let shown = self.show(id)?;
        by_prefix(shown.entry.items.iter().map(|item| item.id), ToString::to_string, prefix, "item")
    }

    /// Every entry that is here, what is in the trash included.
    pub fn entry_ids(&self) -> Result<Vec<EntryId>> {
        let all = self.shared.store.read(|tx| tx.documents())?;
        Ok(all.into_iter().filter(|entry| !entry.is_singleton()).collect())
    }

    /// The newest entry that is filed under `day`.
    pub fn entry_on(&self, day: Day) -> Result<Option<EntryId>> {
        let filter = Filter { from: Some(day), to: Some(day), ..Filter::default() };
        Ok(self.list(&filter, 1, None)?.page.rows.first().map(|row| row.id))
    }

    /// The entry whose id begins with `prefix`.
    pub fn resolve(&self, prefix: &str) -> Result<EntryId> {
        self.shared.store.read_sql(|tx| {
            derived::resolve(tx, prefix).or_else(|error| match error.code {
                Code::NotFound if is_on_its_way(tx, prefix)? => Err(Error::new(
                    Code::NotFound,
                    "that entry is still arriving from another device",
                    "its text can be read once that sync has brought it",
                )),
                _ => Err(error),
            })
        })
    }

    /// One page of entries, newest first. First derives what waits, for at most two seconds; while a first sync brings
    /// what another device announced, those rows stand in for it and the list is there at once.
    pub fn list(&self, filter: &Filter, limit: usize, after: Option<&Cursor>) -> Result<Listed> {
        let announced = self.shared.store.read_sql(|tx| tx.has_arriving())?;
        let live = announced && arriving::is_live(&self.shared.home);
        let (unread, too_large) = if live { self.waiting()? } else { self.derive_first()? };
        self.shared.store.read_sql(|tx| {
            let page = match announced {
                true => derived::list_arriving(tx, filter, limit, after, live)?,
                false => derived::list(tx, filter, limit, after)?,
            };
            Ok(Listed { page, people: derived::people(tx)?, unread, too_large })
        })
    }

    /// The heads of an entry now; none of one that is not here.
    pub fn heads(&self, id: EntryId) -> Result<Vec<ChangeHash>> {
        let state = self.shared.store.read(|tx| tx.document(id))?;
        Ok(state.map(|state| state.heads).unwrap_or_default())
    }

    /// One entry's list row, if it is derived.
    pub fn row(&self, id: EntryId) -> Result<Option<ListRow>> {
        self.shared.store.read_sql(|tx| derived::row(tx, id))
    }

    /// Searches words, `"phrases"` and `prefix*`. First derives what waits, for at most two seconds.
    pub fn search(&self, query: &str, limit: usize) -> Result<Searched> {
        let (unread, too_large) = self.derive_first()?;
        let today = self.shared.clock.today();
        self.shared.store.read_sql(|tx| {
            let found = derived::find(tx, query, limit, today)?;
            Ok(Searched { found, people: derived::people(tx)?, unread, too_large })
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

    /// Everybody in the journal.
    pub fn people(&self) -> Result<People> {
        self.shared.store.read_sql(derived::people)
    }
}

/// Whether a device announced an entry whose id begins with `prefix`.
fn is_on_its_way(tx: &mut SqliteTx<'_>, prefix: &str) -> Result<bool> {
    Ok(tx.arriving()?.iter().any(|row| row.id.to_string().starts_with(prefix)))
}

/// Opens a document, and counts it.
pub(super) fn open(shared: &Shared, tx: &mut SqliteTx<'_>, id: EntryId) -> Result<Opened> {
    let opened = derived::open(tx, id, shared.actor())?;
    shared.count_opened();
    Ok(opened)
}

/// A part of an entry, or a device, that the caller named and that is not there.
pub(super) fn no_such(what: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is no such {what}"),
        format!("copy the {what}'s id from where it is listed"),
    )
}

/// The one whose id begins with `prefix`.
pub(super) fn by_prefix<T>(
    all: impl IntoIterator<Item = T>,
    id: impl Fn(&T) -> String,
    prefix: &str,
    what: &str,
) -> Result<T> {
    let mut found = all.into_iter().filter(|one| !prefix.is_empty() && id(one).starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(no_such(what)),
        _ => Err(Error::new(
            Code::Ambiguous,
            format!("more than one {what}'s id begins with {prefix}"),
            "give a few more characters of it",
        )),
    }
}
