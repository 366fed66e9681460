//! Deriving as the engine does it, with everything in between: rows are prepared from one view of the store, wait, and
//! are written in a later transaction, or never. Only SQLite derives.

use std::collections::BTreeSet;
use std::sync::Arc;

use afterword_core::document::Actor;
use afterword_core::error::{Error, Result};
use afterword_core::id::{EntryId, PEOPLE};
use afterword_core::store::read_model::{self, Prepared};
use afterword_core::store::sqlite::{SqliteTx, search};

use super::check::store;
use super::device::{Check, Device, Rule, broken};
use super::disk::{Blow, is_power_cut};
use super::reading::{self, Derived};
use super::world::World;
use super::writing::Writing;

/// As many as there are.
const ALL: usize = 10_000;
/// Rows that wait for one writer; a program has fewer than this on their way.
const MOST_WAITING: usize = 12;

/// What a transaction found stale, and what it leaves so if it commits.
#[derive(Debug, Default)]
struct Marks {
    before: BTreeSet<EntryId>,
    after: BTreeSet<EntryId>,
}

/// Every entry that is marked.
pub(super) fn marked(tx: &mut SqliteTx<'_>) -> Result<BTreeSet<EntryId>> {
    let mut all = tx.conn()?.prepare_cached("SELECT entry FROM documents WHERE stale != 0").map_err(Error::internal)?;
    let all = all.query_map([], |row| row.get(0).map(EntryId::from_bytes)).map_err(Error::internal)?;
    all.map(|entry| entry.map_err(Error::internal)).collect()
}

impl Device {
    /// A worker: reads these entries, each in a transaction of its own, and makes the rows of those that are stale.
    fn prepare(&mut self, entries: &[EntryId]) -> Result<()> {
        let Some(store) = self.storage().derives else { return Ok(()) };
        let people = Arc::new(store.read_sql(read_model::people)?);
        for entry in entries.iter().copied().filter(|entry| !entry.is_singleton()) {
            if let Some(held) = store.read_sql(|tx| read_model::held(tx, entry))? {
                let mut prepared = held.prepare(&people, Actor::from_bytes(self.actor))?;
                prepared.faults = self.identity.faults;
                self.waiting.push((entry, prepared));
            }
        }
        let excess = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..excess);
        Ok(())
    }

    /// The writer: so many of those that wait, whenever they were prepared, in one transaction. Answers how many were
    /// written, and how many were not.
    fn put(&mut self, marks: &mut Marks, count: usize) -> Result<[u64; 2]> {
        let mut slice: Vec<(EntryId, Prepared)> = Vec::new();
        while slice.len() < count && !self.waiting.is_empty() {
            slice.push(self.waiting.swap_remove(self.rng.below(self.waiting.len())));
        }
        slice.sort_by_key(|(_, prepared)| prepared.order());
        let written = self.write_marked(marks, |tx| {
            let people = read_model::people(tx)?;
            let mut written = Vec::new();
            for (entry, prepared) in &slice {
                if prepared.put(tx, &people)? {
                    written.push((*entry, read_model::version(tx, *entry)?));
                }
            }
            Ok(written)
        })?;
        let done = [written.len() as u64, (slice.len() - written.len()) as u64];
        self.derived.extend(written.into_iter().filter_map(|(entry, version)| Some((entry, version?))));
        Ok(done)
    }

    /// One entry, read and written in one transaction: one that somebody looked at, or a document of names.
    fn refresh(&mut self, marks: &mut Marks, entry: EntryId) -> Result<()> {
        let actor = Actor::from_bytes(self.actor);
        let version = self.write_marked(marks, |tx| {
            read_model::refresh(tx, entry, actor)?;
            read_model::version(tx, entry)
        })?;
        self.derived.extend(version.map(|version| (entry, version)));
        // Another name marks the texts that show it.
        self.derived.retain(|entry, _| !marks.after.contains(entry));
        Ok(())
    }

    /// What slices wrote apart is merged in transactions of its own.
    fn merge(&mut self, marks: &mut Marks) -> Result<()> {
        let whole = self.rng.chance(30);
        self.write_marked(marks, |tx| {
            if whole {
                search::merge_whole(tx.conn()?)?;
            } else {
                search::merge(tx.conn()?)?;
            }
            Ok(())
        })
    }

    fn write_marked<R>(&self, marks: &mut Marks, f: impl FnOnce(&mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        self.storage().write_sql(|tx| {
            marks.before = marked(tx)?;
            let done = f(tx)?;
            marks.after = marked(tx)?;
            Ok(done)
        })
    }

    fn stale(&self) -> Result<Vec<EntryId>> {
        self.storage().derives.map_or(Ok(Vec::new()), |store| store.stale(ALL))
    }
}

impl World {
    /// Whether lists and search are derived here.
    pub(super) fn derives(&self) -> bool {
        self.homes.iter().any(|home| home.storage().derives.is_some())
    }

    /// Something of what the engine's threads do, and a look at what came of it.
    pub(super) fn derive(&mut self, home: usize) -> Check {
        let what = self.rng.below(10);
        let mut stale = store(self.homes[home].stale())?;
        let names = stale.first() == Some(&PEOPLE);
        stale.retain(|entry| !entry.is_singleton());
        if self.rng.chance(15) {
            let blow = if self.rng.chance(50) { Blow::Before } else { Blow::After };
            self.homes[home].power.lock().unwrap().fuse = Some((self.rng.below(2) as u32, blow));
        }
        match what {
            // Names first, as the engine does it; rows that show older ones may wait already.
            0..=5 if names && self.rng.chance(60) => self.refresh(home, PEOPLE)?,
            0..=5 => {
                let count = 1 + self.rng.below(4);
                let some: Vec<EntryId> = (0..count).filter_map(|_| self.rng.pick(&stale).copied()).collect();
                self.note(format!("prepare {home} {some:?}"));
                store(self.homes[home].prepare(&some))?;
                if let Some(entry) = some.first().filter(|_| self.rng.chance(40)) {
                    self.meanwhile(home, *entry)?;
                }
                if what > 2 {
                    self.put(home)?;
                }
            }
            6 | 7 => self.put(home)?,
            8 => match self.rng.pick(&stale).copied() {
                Some(entry) => self.refresh(home, entry)?,
                None => return Ok(()),
            },
            _ => {
                let mut marks = Marks::default();
                let merged = self.homes[home].merge(&mut marks);
                self.marked(home, &marks, merged)?;
            }
        }
        self.look_derived(home)
    }

    /// What may become of an entry while its rows wait.
    fn meanwhile(&mut self, home: usize, entry: EntryId) -> Check {
        match self.rng.below(8) {
            0 => self.erase(home, entry),
            1 => self.refresh(home, entry),
            2 => self.name(home),
            3 => self.change(home, entry, Writing::File),
            _ => self.change(home, entry, Writing::Edit),
        }
    }

    fn put(&mut self, home: usize) -> Check {
        let count = 1 + self.rng.below(self.homes[home].waiting.len());
        self.put_some(home, count)
    }

    fn put_some(&mut self, home: usize, count: usize) -> Check {
        let mut marks = Marks::default();
        let put = self.homes[home].put(&mut marks, count);
        if let Ok([written, late]) = put {
            self.note(format!("derive {home}: {written} written, {late} not"));
            self.ledger.derived[0] += written;
            self.ledger.derived[1] += late;
        }
        self.marked(home, &marks, put.map(drop))
    }

    fn refresh(&mut self, home: usize, entry: EntryId) -> Check {
        self.note(format!("refresh {home} {entry:?}"));
        let mut marks = Marks::default();
        let refreshed = self.homes[home].refresh(&mut marks, entry);
        self.marked(home, &marks, refreshed)
    }

    /// After a transaction that derived: if the power went, all of its marks are gone, or none.
    fn marked(&mut self, home: usize, marks: &Marks, result: Result<()>) -> Check {
        let cut = result.as_ref().is_err_and(is_power_cut);
        if cut {
            // Nobody heard whether it came to the commit.
            self.homes[home].derived.retain(|entry, _| !marks.after.contains(entry));
        }
        self.commit(home, result)?;
        if cut {
            let now: BTreeSet<EntryId> = store(self.homes[home].stale())?.into_iter().collect();
            if now != marks.before && now != marks.after {
                return broken(Rule::DerivedOnce, format!("home {home} derived by halves: {marks:?}, now {now:?}"));
            }
        }
        Ok(())
    }

    /// Looks at all that is derived on a device.
    pub(super) fn look_derived(&self, home: usize) -> Check {
        reading::derived(&self.homes[home]).map(drop)
    }

    /// Derives whatever is stale, and looks at the whole.
    pub(super) fn derive_all(&mut self, home: usize) -> Check<Option<Derived>> {
        self.look_derived(home)?;
        let mut left = usize::MAX;
        loop {
            let stale = store(self.homes[home].stale())?;
            match stale.first() {
                None => return reading::derived(&self.homes[home]),
                Some(singleton) if singleton.is_singleton() => self.refresh(home, *singleton)?,
                Some(entry) if stale.len() >= left => {
                    return broken(Rule::DerivedIsTheLogs, format!("home {home} can't derive {entry:?}"));
                }
                Some(_) => {
                    left = stale.len();
                    self.homes[home].waiting.clear();
                    store(self.homes[home].prepare(&stale[..left.min(MOST_WAITING)]))?;
                    self.put_some(home, MOST_WAITING)?;
                }
            }
        }
    }
}
