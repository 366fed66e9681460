//! The connections of one process: one that writes, two that read, and a gate that closes while the program sleeps.
//!
//! A write is one `BEGIN IMMEDIATE … COMMIT`: it waits for the other process first and then reads what it builds on,
//! where a deferred one would fail half way. Readers see one unchanging state for as long as their closure runs.
//! Writers of one process stand in line. Those of another look each millisecond whether the lock is free, so a process
//! that held it for longer than three milliseconds leaves it free for as long before it takes it again.
//! A closure must not call back into the same `Connections`: the lock it holds is the one it would wait for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::open::{GAP, Role, Schema, Vouched, create_file, healthy, open, prepare};
use crate::crypto::Secret;
use crate::files::{StoreError, StoreResult};

/// How many connections read at a time.
const READERS: usize = 2;

/// Every connection of this process to one journal.
pub struct Connections {
    path: PathBuf,
    key: Secret,
    vouched: Vouched,
    schema: Schema,
    gate: Mutex<Gate>,
    changed: Condvar,
    writer: Mutex<Option<Connection>>,
    /// When a transaction ended that others may have waited for. Looked at by whoever has the writer.
    held: Mutex<Option<Instant>>,
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug, Default)]
struct Gate {
    paused: bool,
    writing: usize,
    reading: usize,
    /// Writers go in the order in which they came: bulk work that commits slice after slice would otherwise take a
    /// plain lock again before whoever waits for it has woken up.
    next: u64,
    turn: u64,
}

/// One piece of work that the gate let in.
struct Pass<'a> {
    of: &'a Connections,
    reading: bool,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut gate = lock(&self.of.gate);
        if self.reading {
            gate.reading -= 1
        } else {
            gate.writing -= 1;
            gate.turn += 1;
        }
        self.of.changed.notify_all();
    }
}

/// A closure that panicked left no transaction behind (dropping it rolls back), so its lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// Makes the database of a new journal. If that fails, there is none afterwards.
    pub fn create(path: &Path, key: &Secret, schema: Schema) -> StoreResult<Self> {
        create_file(path)?;
        Self::with(path, key, Vouched::ByVault, schema, Role::Create).inspect_err(|_| {
            for suffix in ["-wal", "-shm", ""] {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                // What can't be removed is an empty file, and the next attempt says that it is there.
                let _ = std::fs::remove_file(name);
            }
        })
    }

    /// Opens a journal's database. Only the writing connection is made now; readers come with the first read.
    pub fn open(path: &Path, key: &Secret, vouched: Vouched, schema: Schema) -> StoreResult<Self> {
        Self::with(path, key, vouched, schema, Role::Writer)
    }

    fn with(path: &Path, key: &Secret, vouched: Vouched, schema: Schema, role: Role) -> StoreResult<Self> {
        let mut writer = open(path, key, vouched, role)?;
        prepare(&mut writer, schema)?;
        Ok(Self {
            path: path.to_owned(),
            key: key.clone(),
            vouched,
            schema,
            gate: Mutex::default(),
            changed: Condvar::new(),
            writer: Mutex::new(Some(writer)),
            held: Mutex::default(),
            idle: Mutex::default(),
        })
    }

    /// Runs `work` in one writing transaction. Writers of one process go in the order in which they ask. If it fails, or
    /// the commit does, nothing is changed.
    pub fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let _pass = self.enter(false)?;
        let mut writer = lock(&self.writer);
        let connection = match writer.as_mut() {
            Some(connection) => connection,
            None => writer.insert(self.open_writer()?),
        };
        self.leave_to_others();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let begun = Instant::now();
        let done = work(&transaction);
        if let Err(damaged) = healthy(&transaction) {
            // The connection answers nothing any more; another may, where the damage is elsewhere.
            drop(transaction);
            *writer = None;
            return Err(damaged.into());
        }
        let done = done?;
        transaction.commit().map_err(StoreError::from)?;
        if begun.elapsed() >= GAP {
            *lock(&self.held) = Some(Instant::now());
        }
        Ok(done)
    }

    fn leave_to_others(&self) {
        let held = lock(&self.held).take();
        if let Some(rest) = held.and_then(|held| GAP.checked_sub(held.elapsed())) {
            std::thread::sleep(rest);
        }
    }

    /// Runs `work` on one unchanging state of the journal.
    pub fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let _pass = self.enter(true)?;
        let waiting = lock(&self.idle).pop();
        let mut connection = match waiting {
            Some(connection) => connection,
            None => open(&self.path, &self.key, self.vouched, Role::Reader)?,
        };
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(StoreError::from)?;
        let done = work(&transaction);
        healthy(&transaction)?;
        drop(transaction);
        lock(&self.idle).push(connection);
        done
    }

    /// A number that changes when another process (never this one) has committed.
    pub fn data_version(&self) -> StoreResult<i64> {
        self.on_writer(|connection| Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?))
    }

    /// Moves the log into the database and empties it, so that what was erased is in neither. False if a reader is
    /// still on an older state, which another try will outlive.
    pub fn checkpoint(&self) -> StoreResult<bool> {
        self.on_writer(truncate_log)
    }

    /// Limits the database to `pages` pages: a full disk on demand, for tests. Returns the limit now in force.
    pub fn set_max_page_count(&self, pages: u32) -> StoreResult<u32> {
        self.on_writer(|connection| {
            Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0))?)
        })
    }

    /// Refuses new work, waits for what is running, empties the log and closes every connection. A phone kills a
    /// suspended program that holds a lock on a file.
    pub fn pause(&self) -> StoreResult<()> {
        let mut gate = lock(&self.gate);
        gate.paused = true;
        while gate.writing + gate.reading > 0 {
            gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        drop(gate);
        lock(&self.idle).clear();
        // A log that can't be emptied is no reason to stay open: the next opening reads it.
        lock(&self.writer).take().map_or(Ok(false), |connection| truncate_log(&connection)).map(drop)
    }

    /// Opens the journal again after [`Connections::pause`].
    pub fn resume(&self) -> StoreResult<()> {
        let mut writer = lock(&self.writer);
        if writer.is_none() {
            *writer = Some(self.open_writer()?);
        }
        drop(writer);
        lock(&self.gate).paused = false;
        Ok(())
    }

    /// What is wrong with the database as a file, one line each: pages that fail their authentication, then SQLite's
    /// own check of the tables. Reads everything; for `doctor`.
    pub fn problems(&self) -> StoreResult<Vec<String>> {
        let collect = |connection: &Connection, pragma: &str| -> StoreResult<Vec<String>> {
            let mut statement = connection.prepare(pragma)?;
            let lines = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(lines)
        };
        let mut found = self.on_writer(|connection| collect(connection, "PRAGMA cipher_integrity_check"))?;
        if found.is_empty() {
            found = self.read(|transaction| collect(transaction, "PRAGMA quick_check(100)"))?;
            found.retain(|line| line != "ok");
        }
        Ok(found)
    }

    fn on_writer<T>(&self, work: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        let _pass = self.enter(false)?;
        let mut writer = lock(&self.writer);
        let connection = match writer.as_mut() {
            Some(connection) => connection,
            None => writer.insert(self.open_writer()?),
        };
        work(connection)
    }

    fn open_writer(&self) -> StoreResult<Connection> {
        let mut connection = open(&self.path, &self.key, self.vouched, Role::Writer)?;
        prepare(&mut connection, self.schema)?;
        Ok(connection)
    }

    fn enter(&self, reading: bool) -> StoreResult<Pass<'_>> {
        let mut gate = lock(&self.gate);
        loop {
            if gate.paused {
                return Err(StoreError::Locked);
            }
            if !reading {
                let ticket = gate.next;
                gate.next += 1;
                gate.writing += 1;
                while gate.turn != ticket {
                    gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
                }
                break;
            }
            if gate.reading < READERS {
                gate.reading += 1;
                break;
            }
            gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(Pass { of: self, reading })
    }
}

fn truncate_log(connection: &Connection) -> StoreResult<bool> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("gate", &self.gate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
