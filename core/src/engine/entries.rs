//! Entries: writing, reading, changing, listing, searching. Everything here blocks and none of it needs the network.

use std::time::Duration;

use super::Engine;
use super::arriving;
use super::clear::sweep_unwanted;
use super::deriving::{derive_shown, derive_soon, derive_waited_for};
use super::opening::{left_out, opening};
use super::shared::Shared;
use super::warm::{self, Kept};
use crate::document::{Editor, EntryDocument, Reading};
use crate::error::{Code, Error, Result};
use crate::id::{ChangeHash, DeviceId, EntryId, Incarnation, ItemId, LogId};
use crate::journal::people::People;
use crate::journal::{Entry, Kind, NewEntry};
use crate::log::{BlobRef, Envelope, Operation};
use crate::store::derived::{self, Cursor, Filter, Found, ListRow, Opened, Page, Read};
use crate::store::rules;
use crate::store::sqlite::SqliteTx;
use crate::store::{StorageExt, Tx, WantedBlob};
use crate::time::{Day, random};

/// How long a list or search derives what waits before it answers with what there is.
const DERIVE_FIRST: Duration = Duration::from_secs(2);

/// What a write answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The entry.
    pub id: EntryId,
    /// What it is about.
    pub kind: Kind,
    /// Its title, people as `@Name`.
    pub title: String,
    /// Its heads now.
    pub heads: Vec<ChangeHash>,
}

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
    /// A new entry, saved at once. `@Name`s in its texts become tokens.
    pub fn create_entry(&self, new: NewEntry) -> Result<Written> {
        let id = EntryId::from_bytes(random(&mut self.shared.entropy.clone()));
        self.create_with_id(id, new)
    }

    fn create_with_id(&self, id: EntryId, mut new: NewEntry) -> Result<Written> {
        let mut made = None;
        let written = self.commit(|shared, tx| {
            let people = derived::people(tx)?;
            new.title = people.stored(&new.title, "");
            new.body = people.stored(&new.body, "");
            for (_, text) in &mut new.sections {
                *text = people.stored(text, "");
            }
            let (document, chunks) =
                EntryDocument::create(id, shared.actor(), shared.clock.now(), &new, &mut shared.entropy.clone())?;
            append_changes(shared, tx, id, chunks, Vec::new(), Vec::new())?;
            let kept = Kept::made(shared, tx, document)?;
            let written = finish(tx, &kept.entry)?;
            made = Some(kept);
            Ok(written)
        })?;
        self.shared.warm.keep(made);
        Ok(written)
    }

    /// One edit of an entry: everything `edits` does is one change. Answers what `edits` gave.
    pub fn edit_entry<R>(
        &self,
        id: EntryId,
        edits: impl FnOnce(&mut Editor<'_, '_>, &Entry, &People) -> Result<R>,
    ) -> Result<(R, Written)> {
        self.edit_with_blobs(id, |editor, entry, people| Ok((edits(editor, entry, people)?, Vec::new(), Vec::new())))
    }

    /// The same, and `and` in its transaction.
    pub(super) fn edit_entry_and<R>(
        &self,
        id: EntryId,
        edits: impl FnOnce(&mut Editor<'_, '_>, &Entry, &People) -> Result<R>,
        and: impl FnOnce(&mut SqliteTx<'_>) -> Result<()>,
    ) -> Result<(R, Written)> {
        self.edit_all(id, |editor, entry, people| Ok((edits(editor, entry, people)?, Vec::new(), Vec::new())), and)
    }

    pub(super) fn edit_with_blobs<R>(
        &self,
        id: EntryId,
        edits: impl FnOnce(&mut Editor<'_, '_>, &Entry, &People) -> Result<(R, Vec<BlobRef>, Vec<crate::id::BlobId>)>,
    ) -> Result<(R, Written)> {
        self.edit_all(id, edits, |_| Ok(()))
    }

    fn edit_all<R>(
        &self,
        id: EntryId,
        edits: impl FnOnce(&mut Editor<'_, '_>, &Entry, &People) -> Result<(R, Vec<BlobRef>, Vec<crate::id::BlobId>)>,
        and: impl FnOnce(&mut SqliteTx<'_>) -> Result<()>,
    ) -> Result<(R, Written)> {
        let mut done = None;
        // Outside the transaction: what is noted of a large document must be durable before it is opened.
        let _opening = if self.shared.warm.has(&self.shared, id)? { None } else { opening(&self.shared, id)? };
        let out = self.commit(|shared, tx| {
            let mut kept = warm::open(shared, tx, id)?;
            let people = derived::people(tx)?;
            let mut failed = None;
            let Kept { document, entry, .. } = &mut kept;
            let edited = document.edit_read(entry, shared.clock.now(), &mut shared.entropy.clone(), |editor, entry| {
                edits(editor, entry, &people).map_err(|error| {
                    failed = Some(error);
                    crate::document::DocumentError::Failed("edited")
                })
            });
            let ((out, brings, ends), chunks) = match (edited, failed) {
                (_, Some(error)) => return Err(error),
                (Ok(edited), None) => edited,
                (Err(error), None) => return Err(error.into()),
            };
            if !chunks.is_empty() {
                kept.changes += chunks.len();
                append_changes(shared, tx, id, chunks, brings, ends)?;
                kept.edited(tx)?;
            }
            and(tx)?;
            let written = finish(tx, &kept.entry)?;
            done = Some(kept);
            Ok((out, written))
        })?;
        self.shared.warm.keep(done);
        Ok(out)
    }

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

    /// Writes the texts that the entry had at `heads` as a new edit.
    pub fn restore(&self, id: EntryId, heads: &[ChangeHash]) -> Result<Written> {
        let ((), written) = self.edit_entry(id, |editor, _, _| Ok(editor.restore_texts(heads)?))?;
        Ok(written)
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

    /// Destroys an entry on every device. Answers false where it was destroyed before.
    pub fn erase(&self, id: EntryId) -> Result<bool> {
        let erased = self
            .commit(|shared, tx| Ok(rules::erase(tx, &shared.identity, &mut shared.entropy.clone(), id)?.is_some()))?;
        sweep_unwanted(&self.shared)?;
        Ok(erased)
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

    /// One committed write. A commit that failed may have numbered a change, so the next one has a new actor.
    pub(super) fn commit<R>(&self, f: impl FnOnce(&Shared, &mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        let out = self.shared.store.write_sql(|tx| f(&self.shared, tx));
        match &out {
            Ok(_) => {
                self.shared.changed();
                derive_soon(&self.shared);
            }
            Err(_) => self.shared.redraw_actor(),
        }
        out
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

/// Appends the changes of one edit, which brings and ends these blobs.
pub(super) fn append_changes(
    shared: &Shared,
    tx: &mut SqliteTx<'_>,
    id: EntryId,
    chunks: Vec<Vec<u8>>,
    mut brings: Vec<BlobRef>,
    mut ends: Vec<crate::id::BlobId>,
) -> Result<()> {
    chunks.into_iter().try_for_each(|chunk| {
        append_change(shared, tx, id, chunk, std::mem::take(&mut brings), std::mem::take(&mut ends))
    })
}

pub(super) fn append_change(
    shared: &Shared,
    tx: &mut SqliteTx<'_>,
    id: EntryId,
    chunk: Vec<u8>,
    brings: Vec<BlobRef>,
    ends: Vec<crate::id::BlobId>,
) -> Result<()> {
    let here: Vec<_> = brings.iter().map(|blob| blob.id).collect();
    let operation = Operation::change(id, chunk, brings, ends)?;
    // Its reader's bound, also where it is written down again later, with the log it stood in first.
    let first_log = Some(LogId { device: shared.identity.device(), incarnation: Incarnation::from_bytes([0; 8]) });
    if Envelope::decode(&Envelope { first_log, ..operation.envelope.clone() }.encode()).is_err() {
        return Err(Error::invalid(
            "these are more files than can be attached, or taken away, at once",
            "nothing was changed; take several steps, with a few hundred files each",
        )
        .about("file"));
    }
    rules::append(tx, &shared.identity, &mut shared.entropy.clone(), vec![operation])?;
    for blob in here {
        // Sweeping removes bytes inside a write of its own: what is here now, and named from now on, stays.
        if !shared.blobs.has(id, &blob) {
            return Err(Error::internal("an attachment's sealed bytes are gone before its entry named them"));
        }
        // Durable before; there is no moment at which the entry names them and they count as missing.
        tx.set_blob(id, blob, &[], true)?;
    }
    Ok(())
}

/// Writes the list row of what was written, and says what there is now. Its text and search row follow soon: cutting
/// five hundred words and putting them into the index takes longer than the rest of a save.
fn finish(tx: &mut SqliteTx<'_>, entry: &Entry) -> Result<Written> {
    derived::put_row(tx, entry)?;
    let people = derived::people(tx)?;
    Ok(Written { id: entry.id, kind: entry.kind, title: people.shown(&entry.title), heads: entry.heads.clone() })
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
