//! The encrypted store of one journal: runs the rules' transactions over the tables, and those of derived state.

use std::path::Path;

use super::codec::to_u64;
use super::connections::Connections;
use super::open::Vouched;
use super::schema::SCHEMA;
use super::tx::SqliteTx;
use crate::crypto::Secret;
use crate::error::Result;
use crate::files::StoreResult;
use crate::id::{EntryId, LIBRARY, PEOPLE};
use crate::replication::statements::StatementCache;
use crate::replication::tx::{Storage, Tx};

/// A journal in encrypted SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    connections: Connections,
    statements: StatementCache,
}

impl SqliteStore {
    /// Makes the database of a new journal.
    pub fn create(path: &Path, key: &Secret) -> StoreResult<Self> {
        Ok(Self { connections: Connections::create(path, key, SCHEMA)?, statements: StatementCache::default() })
    }

    /// Opens a journal's database.
    pub fn open(path: &Path, key: &Secret, vouched: Vouched) -> StoreResult<Self> {
        Ok(Self { connections: Connections::open(path, key, vouched, SCHEMA)?, statements: StatementCache::default() })
    }

    /// Writes durably or not at all, with SQL beside the rules.
    pub fn write_sql<R>(&self, f: impl FnOnce(&mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        self.connections.write(|transaction| {
            let mut tx = SqliteTx::new(transaction, true, &self.statements);
            let done = f(&mut tx)?;
            tx.write_documents()?;
            Ok(done)
        })
    }

    /// Reads from one consistent view, with SQL beside the rules.
    pub fn read_sql<R>(&self, f: impl FnOnce(&mut SqliteTx<'_>) -> Result<R>) -> Result<R> {
        self.connections.read(|transaction| f(&mut SqliteTx::new(transaction, false, &self.statements)))
    }

    /// At most `limit` entries with derived state older than their heads: the singletons, then the last to come first.
    pub fn stale(&self, limit: usize) -> Result<Vec<EntryId>> {
        self.read_sql(|tx| {
            let mut found = Vec::new();
            for singleton in [PEOPLE, LIBRARY] {
                if is_stale(tx, singleton)? {
                    found.push(singleton);
                }
            }
            let mut others =
                tx.conn()?.prepare_cached("SELECT entry FROM documents WHERE stale != 0 ORDER BY id DESC LIMIT ?1")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let others = others.query_map([limit], |row| row.get(0).map(EntryId::from_bytes))?;
            for entry in others {
                let entry = entry?;
                if !entry.is_singleton() {
                    found.push(entry);
                }
            }
            Ok(found)
        })
    }

    /// Whether an entry's derived state is older than its heads.
    pub fn is_stale(&self, entry: EntryId) -> Result<bool> {
        self.read_sql(|tx| is_stale(tx, entry))
    }

    /// How many entries have derived state older than their heads.
    pub fn stale_count(&self) -> Result<u64> {
        self.read_sql(|tx| {
            let mut count = tx.conn()?.prepare_cached("SELECT count(*) FROM documents WHERE stale != 0")?;
            Ok(count.query_row([], |row| row.get(0).map(to_u64))?)
        })
    }

    /// The connections, for pausing, checkpoints and the file's own checks.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// A number that changes when another process (never this one) has committed.
    pub fn data_version(&self) -> StoreResult<i64> {
        self.connections.data_version()
    }

    /// Refuses new work, waits for what is running, empties the log file and closes every connection.
    pub fn pause(&self) -> StoreResult<()> {
        self.connections.pause()
    }

    /// Opens the journal again after [`SqliteStore::pause`].
    pub fn resume(&self) -> StoreResult<()> {
        self.connections.resume()
    }
}

impl Storage for SqliteStore {
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.read_sql(|tx| f(tx))
    }

    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.write_sql(|tx| f(tx))
    }
}

fn is_stale(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<bool> {
    let is = "SELECT EXISTS (SELECT 1 FROM documents WHERE entry = ?1 AND stale != 0)";
    let mut is = tx.conn()?.prepare_cached(is)?;
    Ok(is.query_row([entry.as_bytes()], |row| row.get(0))?)
}
