//! Deriving: what came is durable first; lists, texts and search catch up in slices, newest first, on every core.
//!
//! Workers read what the log has of an entry and make its rows, each in a reading transaction of its own; one writer,
//! the caller's thread, writes them in the order of the entries, in transactions of [`SLICE`]. Nothing is held but what
//! the database says is stale: a process that dies in between leaves the mark, and whoever derives next goes on there.
//! Rows are written only if the log still says what they were made from, so two processes at once break nothing; that
//! they do not do everything twice, a lock on a file lets one of them derive at a time.
//! Entries of many operations are derived after the others, one by one (`opening.rs`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, TryLockError};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Engine;
use super::arriving;
use super::document_cache;
use super::open_journal::{OpenJournal, lock};
use super::opening::{LARGE, is_too_large, left_out, opening};
use crate::error::{Code, Result};
use crate::files::Home;
use crate::id::EntryId;
use crate::journal::people::People;
use crate::store::read_model::{self, Prepared};
use crate::store::sqlite::search;

/// How long one transaction derives, its commit included; a single entry may take longer. No writer waits for more.
const SLICE: Duration = Duration::from_millis(16);
/// How long prepared entries are gathered for one transaction, if they do not fill it before.
const GATHER: Duration = Duration::from_millis(20);
/// So many entries fill a transaction.
const FULL: usize = 96;
/// Entries that are looked up at once. What comes meanwhile is newer, and is derived before the ones after them.
const BATCH: usize = 512;
/// Entries that a worker reads in one transaction: a foreground read waits for no more.
const TAKE: usize = 4;
/// Prepared entries that wait for the writer, so that memory stays bounded.
const MAX_AHEAD: usize = 32;
/// More workers than this wait for the writer.
const MAX_WORKERS: usize = 8;
/// How often somebody who waits for another process's deriving looks whether it is done.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long after a save its text is derived: a local edit is found within 200 ms, and one that follows at once is
/// derived with it.
const SOON: Duration = Duration::from_millis(60);
/// How long a program that ends derives what it wrote.
const IDLE_DELAY: Duration = Duration::from_millis(500);
/// A process that derives nothing for so long is not waited for: it may be stopped.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// The file in the home folder whose lock is the right to derive.
const LOCK: &str = "deriving";

/// What deriving did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deriving {
    /// Documents derived.
    pub documents: u64,
    /// Documents that still wait, those that can't be read among them.
    pub left: u64,
    /// Automerge documents opened for it.
    pub opened: u64,
    /// Writing transactions.
    pub transactions: u64,
    /// The longest of them, which is the longest that a writer waited for one, in microseconds.
    pub longest_us: u64,
    /// Milliseconds in all.
    pub ms: u64,
}

/// How much an engine derives at a time, and how often it has written.
#[derive(Debug)]
pub(crate) struct DeriveQueue {
    workers: AtomicUsize,
    slices: AtomicU64,
    saved: Mutex<QueueState>,
    /// Something was saved, or the engine ends.
    woken: Condvar,
}

/// What was saved here, and the thread that derives it.
#[derive(Debug, Default)]
struct QueueState {
    /// Something was saved whose text is not derived.
    waits: bool,
    /// Entries that were shown while they were stale: derived before all that waits.
    shown: Vec<EntryId>,
    /// The engine ends: no thread begins anything.
    ending: bool,
    /// Started by the first save. It holds the store, so it has ended before the engine has.
    thread: Option<JoinHandle<()>>,
}

impl Default for DeriveQueue {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            workers: AtomicUsize::new(cores.min(MAX_WORKERS)),
            slices: AtomicU64::default(),
            saved: Mutex::default(),
            woken: Condvar::new(),
        }
    }
}

impl Engine {
    /// Derives stale documents, newest first, for at most `budget`. `progress` hears (done, left) after each
    /// transaction.
    pub fn derive(&self, budget: Duration, mut progress: impl FnMut(u64, u64)) -> Result<Deriving> {
        derive(&self.shared, budget, &mut progress)
    }

    /// How many threads prepare what is derived: at first one for each core. A phone on its battery may want one.
    pub fn set_deriving_workers(&self, workers: usize) {
        self.shared.deriver.workers.store(workers.clamp(1, MAX_WORKERS), Ordering::Relaxed);
    }
}

/// Something was committed here: its text is derived a moment later, off the path of whoever waits for the save. A
/// program that ends before leaves it to [`end`], one that is killed to whoever opens the journal next.
pub(super) fn derive_soon(shared: &Arc<OpenJournal>) {
    wake(shared, |saved| saved.waits = true);
}

/// Somebody looks at `entry`, which is stale, and reads it off its changes: a moment later it is the first to be derived,
/// so that a list agrees with what was shown.
pub(super) fn derive_shown(shared: &Arc<OpenJournal>, entry: EntryId) {
    wake(shared, |saved| {
        if !saved.shown.contains(&entry) {
            saved.shown.push(entry);
        }
    });
}

fn wake(shared: &Arc<OpenJournal>, tell: impl FnOnce(&mut QueueState)) {
    let mut saved = lock(&shared.deriver.saved);
    tell(&mut saved);
    if saved.thread.is_none() && !saved.ending {
        let mine = shared.clone();
        let thread = std::thread::Builder::new().name("afterword-deriving".to_owned());
        // Without a thread it is derived by whoever lists or searches, or at the end.
        saved.thread = thread.spawn(move || derive_what_is_saved(&mine)).ok();
    }
    shared.deriver.woken.notify_all();
}

/// The thread's work: a moment after each save, until the engine ends.
fn derive_what_is_saved(shared: &OpenJournal) {
    let DeriveQueue { saved, woken, .. } = &shared.deriver;
    loop {
        let idle = |saved: &mut QueueState| !saved.waits && saved.shown.is_empty() && !saved.ending;
        let saved = woken.wait_while(lock(saved), idle).unwrap_or_else(PoisonError::into_inner);
        let (saved, _) =
            woken.wait_timeout_while(saved, SOON, |saved| !saved.ending).unwrap_or_else(PoisonError::into_inner);
        if saved.ending {
            return;
        }
        drop(saved);
        derive_rest(shared);
    }
}

/// Derives what was shown or saved here and still waits. What can't be derived now is by whoever lists or searches next.
fn derive_rest(shared: &OpenJournal) {
    let (waits, shown) = {
        let mut saved = lock(&shared.deriver.saved);
        (std::mem::take(&mut saved.waits), std::mem::take(&mut saved.shown))
    };
    for entry in shown {
        let _ = refresh_one(shared, entry);
    }
    if waits {
        let _ = derive(shared, IDLE_DELAY, &mut |_, _| {});
        // Without a snapshot the next program opens the document from more changes.
        let _ = document_cache::save(shared);
    }
}

/// The engine ends: derives what was saved here, and returns once no thread of ours holds the store. A program that
/// returned from `main` before would run its libraries' ends under a thread that is inside of them.
pub(super) fn end(shared: &OpenJournal) {
    let thread = {
        let mut saved = lock(&shared.deriver.saved);
        saved.ending = true;
        shared.deriver.woken.notify_all();
        saved.thread.take()
    };
    if let Some(thread) = thread {
        // Had it panicked, what it left undone is still marked as stale.
        let _ = thread.join();
    }
    derive_rest(shared);
}

/// Derives one entry in one transaction, whatever else waits.
pub(super) fn refresh_one(shared: &OpenJournal, id: EntryId) -> Result<()> {
    let _opening = opening(shared, id)?;
    let refreshed = shared.store.write_sql(|tx| read_model::refresh(tx, id, shared.actor()))?;
    if refreshed.opened {
        shared.count_opened();
    }
    Ok(())
}

/// Derives stale documents until none is left or `budget` is over; then puts in order what that left behind.
pub(super) fn derive(shared: &OpenJournal, budget: Duration, progress: &mut dyn FnMut(u64, u64)) -> Result<Deriving> {
    let mut work = DeriveRun::new(shared, budget, progress);
    work.all()?;
    work.tidy()?;
    work.end()
}

/// The same for somebody who waits for the answer: the index is put in order by whoever derives while nobody waits.
pub(super) fn derive_waited_for(shared: &OpenJournal, budget: Duration) -> Result<Deriving> {
    let progress = &mut |_, _| {};
    let mut work = DeriveRun { is_waited_for: true, ..DeriveRun::new(shared, budget, progress) };
    work.all()?;
    work.end()
}

/// One transaction's merging.
struct Merged {
    /// Whether there may be more to merge.
    more: bool,
    /// How long it held the writer.
    took: Duration,
}

/// An entry on its way from a worker to the writer: its place, and what became of it.
type PreparedEntry = (usize, Result<Made>);

/// What a worker made of an entry.
enum Made {
    Rows(Box<Prepared>),
    /// Nothing of it is stale any more.
    Nothing,
    /// It has so many operations that it is derived alone, after the others.
    Large,
}

impl Made {
    /// Where the search table likes its rows.
    fn order(&self) -> i64 {
        match self {
            Self::Rows(prepared) => prepared.order(),
            Self::Nothing | Self::Large => i64::MIN,
        }
    }
}

/// One call's deriving.
struct DeriveRun<'a> {
    shared: &'a OpenJournal,
    begun: Instant,
    budget: Duration,
    progress: &'a mut dyn FnMut(u64, u64),
    /// How long a transaction may go on before it commits: [`SLICE`] less what commits take.
    allowance: Duration,
    /// Somebody waits for it: what need not be done now is not.
    is_waited_for: bool,
    /// Entries whose log does not read, or that are too large here. `doctor` names them; they must not keep the others
    /// from being derived.
    unreadable: BTreeSet<EntryId>,
    /// Entries that are derived one by one, each alone.
    large: Vec<EntryId>,
    done: Deriving,
}

impl<'a> DeriveRun<'a> {
    fn new(shared: &'a OpenJournal, budget: Duration, progress: &'a mut dyn FnMut(u64, u64)) -> Self {
        Self {
            shared,
            begun: Instant::now(),
            budget,
            progress,
            allowance: SLICE,
            is_waited_for: false,
            unreadable: BTreeSet::new(),
            large: Vec::new(),
            done: Deriving::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.begun.elapsed() >= self.budget
    }

    /// Everything that is stale, as long as there is time. The right to derive is given back at the end of it.
    fn all(&mut self) -> Result<()> {
        let shared = self.shared;
        let mut turn = DeriveLock::default();
        for entry in left_out(shared)? {
            if shared.store.is_stale(entry)? {
                self.unreadable.insert(entry);
            }
        }
        loop {
            self.done.left = shared.store.stale_count()?;
            if self.done.left <= self.unreadable.len() as u64 || self.is_over() {
                return Ok(());
            }
            if !turn.is_mine(&shared.home, self.done.left) {
                std::thread::sleep(POLL_INTERVAL);
                continue;
            }
            let mut next = shared.store.stale(BATCH + self.unreadable.len())?;
            next.retain(|entry| !self.unreadable.contains(entry));
            let (singletons, entries): (Vec<_>, Vec<_>) = next.into_iter().partition(EntryId::is_singleton);
            // Names first, or every text that has one would be derived twice.
            for singleton in singletons {
                match refresh_one(shared, singleton) {
                    Ok(()) => {}
                    Err(error) if is_too_large(&error) => drop(self.unreadable.insert(singleton)),
                    Err(error) => return Err(error),
                }
                self.done.documents += 1;
                self.done.transactions += 1;
            }
            self.derive(&entries)?;
            while let Some(entry) = self.large.pop().filter(|_| !self.is_over()) {
                self.derive_large(entry)?;
            }
            self.large.clear();
        }
    }

    /// One entry of many operations: nothing else is being read meanwhile.
    fn derive_large(&mut self, entry: EntryId) -> Result<()> {
        let shared = self.shared;
        let _opening = match opening(shared, entry) {
            Err(error) if is_too_large(&error) => {
                self.unreadable.insert(entry);
                return Ok(());
            }
            opening => opening?,
        };
        let (people, held) =
            shared.store.read_sql(|tx| Ok((Arc::new(read_model::people(tx)?), read_model::held(tx, entry)?)))?;
        let made = match held {
            Some(held) => held.prepare(&people, shared.actor()).map(|prepared| Made::Rows(Box::new(prepared))),
            None => Ok(Made::Nothing),
        };
        self.write_slice(&mut VecDeque::from([(entry, made)]))
    }

    fn end(mut self) -> Result<Deriving> {
        if self.done.left == 0 {
            arriving::prune(self.shared)?;
        }
        self.done.ms = self.begun.elapsed().as_millis() as u64;
        Ok(self.done)
    }

    fn derive(&mut self, entries: &[EntryId]) -> Result<()> {
        let shared = self.shared;
        let people = Arc::new(shared.store.read_sql(read_model::people)?);
        let workers = shared.deriver.workers.load(Ordering::Relaxed).min(entries.len().div_ceil(TAKE));
        let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (send, ready) = sync_channel(MAX_AHEAD);
            for _ in 0..workers {
                let (send, people, next, over) = (send.clone(), people.clone(), &next, &over);
                scope.spawn(move || prepare(shared, entries, next, over, &people, &send));
            }
            drop(send);
            let written = self.write_all(entries, &ready);
            over.store(true, Ordering::Relaxed);
            written
        })
    }

    /// Writes what comes, in the order of the entries, until all came or the budget is over.
    fn write_all(&mut self, entries: &[EntryId], ready: &Receiver<PreparedEntry>) -> Result<()> {
        let mut early = BTreeMap::new();
        let mut queue = VecDeque::new();
        let (mut placed, mut more) = (0, true);
        while more || !queue.is_empty() {
            let until = Instant::now() + GATHER;
            while more && queue.len() < FULL {
                let patience = until.saturating_duration_since(Instant::now());
                match ready.recv_timeout(if queue.is_empty() { POLL_INTERVAL } else { patience }) {
                    Ok((at, prepared)) => drop(early.insert(at, prepared)),
                    Err(RecvTimeoutError::Timeout) if queue.is_empty() => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => more = false,
                }
                while let Some(prepared) = early.remove(&placed) {
                    queue.push_back((entries[placed], prepared));
                    placed += 1;
                }
            }
            if self.is_over() {
                return Ok(());
            }
            if !queue.is_empty() {
                self.write_slice(&mut queue)?;
            }
        }
        Ok(())
    }

    /// What slices added to the search table is merged in transactions of its own, until `enough`; where somebody waits,
    /// in one. (Once the whole index is being merged there is much of it, seconds at a hundred thousand entries.)
    fn merge(&mut self, enough: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let mut more = true;
        while more && !self.is_over() && !enough(self)? {
            let merged = merge_slice(self.shared, SLICE / 2)?;
            self.done.longest_us = self.done.longest_us.max(merged.took.as_micros() as u64);
            more = merged.more && !self.is_waited_for;
        }
        Ok(())
    }

    /// Nothing is left to derive: what was written apart becomes one piece, and the room that it took is given back. What
    /// is written meanwhile is derived first, by whoever comes for it.
    fn tidy(&mut self) -> Result<()> {
        let store = &self.shared.store;
        let interrupted = |work: &Self| Ok(store.stale_count()? > work.done.left);
        if self.done.documents == 0 || self.is_over() || interrupted(self)? {
            return Ok(());
        }
        // Looked at without the writer, which a save may be waiting for.
        if store.read_sql(|tx| Ok(search::lies_apart(tx.conn()?)?))? {
            store.write_sql(|tx| Ok(search::merge_whole(tx.conn()?)?))?;
        }
        self.merge(interrupted)?;
        vacuum_some(self.shared, || self.is_over())
    }

    /// One transaction: as many entries as fit into a slice, at least one.
    fn write_slice(&mut self, queue: &mut VecDeque<(EntryId, Result<Made>)>) -> Result<()> {
        // As the search table likes it; what lies here at once came at about the same time.
        queue.make_contiguous().sort_by_key(|(_, made)| made.as_ref().map_or(i64::MIN, Made::order));
        let mut times = None;
        let (allowance, shared, unreadable, large) =
            (self.allowance, self.shared, &mut self.unreadable, &mut self.large);
        let (documents, opened) = shared.store.write_sql(|tx| {
            let begun = Instant::now();
            let people: People = read_model::people(tx)?;
            let (mut taken, mut documents, mut opened) = (0, 0, 0);
            while taken == 0 || begun.elapsed() < allowance {
                let Some((entry, made)) = queue.pop_front() else { break };
                taken += 1;
                match made {
                    Ok(Made::Rows(prepared)) => {
                        opened += u64::from(prepared.opened);
                        // What changed meanwhile stays stale, and is looked up again.
                        documents += u64::from(prepared.put(tx, &people)?);
                    }
                    Ok(Made::Nothing) => {}
                    Ok(Made::Large) => large.push(entry),
                    Err(error) if error.code == Code::Corrupt => drop(unreadable.insert(entry)),
                    Err(error) => return Err(error),
                }
            }
            times = Some((begun, begun.elapsed()));
            Ok((documents, opened))
        })?;
        if let Some((begun, working)) = times {
            let whole = begun.elapsed();
            self.allowance = SLICE.saturating_sub(whole.saturating_sub(working)).max(SLICE / 4);
            self.done.longest_us = self.done.longest_us.max(whole.as_micros() as u64);
        }
        (0..opened).for_each(|_| shared.count_opened());
        shared.deriver.slices.fetch_add(1, Ordering::Relaxed);
        self.done.transactions += 1;
        self.done.opened += opened;
        self.done.documents += documents;
        self.done.left = self.done.left.saturating_sub(documents);
        (self.progress)(self.done.documents, self.done.left);
        shared.lists_changed();
        self.merge(|_| Ok(false))
    }
}

/// One transaction that merges what the search table wrote apart, for about as long as `allowance`.
fn merge_slice(shared: &OpenJournal, allowance: Duration) -> Result<Merged> {
    let mut begun = Instant::now();
    let more = shared.store.write_sql(|tx| {
        begun = Instant::now();
        while search::merge(tx.conn()?)? {
            if begun.elapsed() >= allowance {
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    Ok(Merged { more, took: begun.elapsed() })
}

/// Gives free pages back to the disk, a few at a time, until `is_over` or there are none to speak of.
pub(super) fn vacuum_some(shared: &OpenJournal, is_over: impl Fn() -> bool) -> Result<()> {
    while !is_over() && shared.store.vacuum_some()? {}
    Ok(())
}

/// Merges all that the search table wrote apart, slice by slice.
pub(super) fn merge_all(shared: &OpenJournal) -> Result<()> {
    while merge_slice(shared, SLICE / 2)?.more {}
    Ok(())
}

/// A worker: takes the next few entries, reads them, makes their rows, until there are no more.
fn prepare(
    shared: &OpenJournal,
    entries: &[EntryId],
    next: &AtomicUsize,
    over: &AtomicBool,
    people: &Arc<People>,
    send: &SyncSender<PreparedEntry>,
) {
    loop {
        let from = next.fetch_add(TAKE, Ordering::Relaxed);
        let Some(mine) = entries.get(from..).map(|rest| &rest[..rest.len().min(TAKE)]).filter(|mine| !mine.is_empty())
        else {
            return;
        };
        let held = shared.store.read_sql(|tx| Ok(mine.iter().map(|entry| read_model::held(tx, *entry)).collect()));
        let held: Vec<_> = match held {
            Ok(held) => held,
            // The first tells it; the writer gives up.
            Err(error) => vec![Err(error)],
        };
        for (at, held) in held.into_iter().enumerate() {
            let made = held.and_then(|held| match held {
                Some(held) if held.operations() > LARGE => Ok(Made::Large),
                Some(held) => held.prepare(people, shared.actor()).map(|prepared| Made::Rows(Box::new(prepared))),
                None => Ok(Made::Nothing),
            });
            // Nobody listens once the writer has given up or its time is over.
            if over.load(Ordering::Relaxed) || send.send((from + at, made)).is_err() {
                return;
            }
        }
    }
}

/// The right to derive, of which there is one for each journal: a lock that the system takes back from a process that
/// dies. Where there can be none (a full disk, a file system without locks), everybody derives, and some do it twice.
#[derive(Default)]
struct DeriveLock {
    /// `Some(None)`: mine without a lock.
    held: Option<Option<File>>,
    /// What was left when somebody else was last seen to derive, and when that was.
    seen: Option<(u64, Instant)>,
}

impl DeriveLock {
    fn is_mine(&mut self, home: &Home, left: u64) -> bool {
        if self.held.is_none() {
            match home.lock_file(LOCK) {
                Ok(file) => match file.try_lock() {
                    Ok(()) => self.held = Some(Some(file)),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(_)) => self.held = Some(None),
                },
                Err(_) => self.held = Some(None),
            }
        }
        if self.held.is_none() {
            match self.seen {
                Some((before, at)) if before == left => {
                    if at.elapsed() >= WAIT_TIMEOUT {
                        self.held = Some(None);
                    }
                }
                _ => self.seen = Some((left, Instant::now())),
            }
        }
        self.held.is_some()
    }
}

#[cfg(test)]
mod tests;
