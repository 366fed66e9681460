//! The disk of the shipped program: encrypted SQLite in a folder, copied file by file at commit points.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use afterword_core::crypto::Secret;
use afterword_core::error::{Error, Result};
use afterword_core::id::{DeviceId, Incarnation, LogId};
use afterword_core::replication::Storage;
use afterword_core::replication::rules::Identity;
use afterword_core::store::SqliteStore;
use afterword_core::store::sqlite::SqliteTx;
use afterword_core::store::sqlite::open::Vouched;
use tempfile::TempDir;

use super::disk::{Damage, Disk};
use super::rng::Rng;

const KEY: [u8; 32] = [7; 32];
const DATABASE: &str = "journal.db";

#[derive(Debug)]
struct SqliteDisk {
    /// Absent only while the files are exchanged.
    store: Option<Arc<SqliteStore>>,
    folder: TempDir,
}

fn folder() -> TempDir {
    // In memory where there is such a folder: what fsync promises is shown elsewhere, by a trace.
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.expect("a temporary folder")
}

/// An empty encrypted database in a folder of its own.
pub(super) fn sqlite() -> Box<dyn Disk> {
    let folder = folder();
    let store = SqliteStore::create(&folder.path().join(DATABASE), &Secret::from_bytes(KEY)).expect("a new database");
    Box::new(SqliteDisk { store: Some(Arc::new(store)), folder })
}

/// Copies the database and its log. Between transactions these two are all that a reader after a power cut would find.
fn copy_files(from: &Path, to: &Path) {
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        let file: PathBuf = from.join(&name);
        if file.exists() {
            std::fs::copy(file, to.join(name)).expect("the folder is copied");
        }
    }
}

impl SqliteDisk {
    fn open(&self) -> Arc<SqliteStore> {
        self.store.clone().expect("open outside an exchange of files")
    }

    fn copied(&self) -> TempDir {
        let copy = folder();
        copy_files(self.folder.path(), copy.path());
        copy
    }

    fn run(&mut self, folder: TempDir) {
        self.store = None;
        self.folder = folder;
        let path = self.folder.path().join(DATABASE);
        let store = SqliteStore::open(&path, &Secret::from_bytes(KEY), Vouched::ByVault).expect("the copy opens");
        self.store = Some(Arc::new(store));
    }
}

/// Where a bit may turn: all that a log is made of, and of what is made from it.
const DAMAGED: [(&str, &str); 8] = [
    ("operations", "line"),
    ("operations", "line"),
    ("operations", "chain"),
    ("blocks", "bytes"),
    ("blocks", "chain"),
    ("heads", "bytes"),
    ("logs", "chain"),
    ("documents", "heads"),
];

fn sql_failed(error: impl std::fmt::Display) -> Error {
    Error::internal(error)
}

/// What may be gone with the row: the operations that stand in it, if any do.
fn of_row(tx: &mut SqliteTx<'_>, table: &str, column: &str, id: i64) -> Result<Damage> {
    let what = format!("{table}.{column}");
    if matches!(table, "logs" | "documents") {
        return Ok(Damage { what, ..Damage::default() });
    }
    let log: (Vec<u8>, Vec<u8>) = tx
        .conn()?
        .query_row("SELECT device, incarnation FROM logs WHERE id = ?1", [id >> 40], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(sql_failed)?;
    let log = DeviceId::from_slice(&log.0)
        .zip(Incarnation::from_slice(&log.1))
        .map(|(device, incarnation)| LogId { device, incarnation })
        .ok_or_else(|| Error::internal("a row of no log"))?;
    let from = (id & ((1 << 40) - 1)) as u64;
    let count: u64 = match table {
        "blocks" => tx
            .conn()?
            .query_row("SELECT count FROM blocks WHERE id = ?1", [id], |row| row.get::<_, i64>(0))
            .map_err(sql_failed)? as u64,
        _ => 1,
    };
    let damage = Damage::of(tx, &what, log, from, from + count - 1)?;
    // A chain or a head says nothing that its operations do not.
    Ok(if matches!(column, "line") || (table, column) == ("blocks", "bytes") {
        damage
    } else {
        Damage { lost: Default::default(), ..damage }
    })
}

/// Holds doctor to what it must say.
fn named(store: &SqliteStore, when: &str, expected: bool) -> Result<()> {
    let found: Vec<_> = store.doctor()?.into_iter().filter(|check| !check.ok).collect();
    if found.is_empty() == expected {
        return Err(Error::internal(format!("{when}: doctor says {found:?}")));
    }
    Ok(())
}

impl Disk for SqliteDisk {
    fn storage(&self) -> Arc<dyn Storage> {
        self.open()
    }

    fn derives(&self) -> Option<Arc<SqliteStore>> {
        Some(self.open())
    }

    fn copy(&self) -> Rc<dyn Any> {
        Rc::new(self.copied())
    }

    fn restore(&mut self, copy: &Rc<dyn Any>) {
        let copy = copy.downcast_ref::<TempDir>().expect("a copy of a folder");
        let fresh = folder();
        copy_files(copy.path(), fresh.path());
        self.run(fresh);
    }

    /// Turns a bit of one row. Doctor must have found nothing before, and must name it.
    fn damage(&self, rng: &mut Rng) -> Result<Option<Damage>> {
        let store = self.open();
        named(&store, "before any damage", false)?;
        let (table, column) = *rng.pick(&DAMAGED).ok_or_else(|| Error::internal("no table to damage"))?;
        let damage = store.write_sql(|tx| {
            let sql = format!("SELECT id FROM {table} WHERE length({column}) > 0 ORDER BY id");
            let mut ids = tx.conn()?.prepare(&sql).map_err(sql_failed)?;
            let ids: std::result::Result<Vec<i64>, _> =
                ids.query_map([], |row| row.get(0)).map_err(sql_failed)?.collect();
            let Some(id) = rng.pick(&ids.map_err(sql_failed)?).copied() else { return Ok(None) };
            let damage = of_row(tx, table, column, id)?;
            let read = format!("SELECT {column} FROM {table} WHERE id = ?1");
            let mut bytes: Vec<u8> = tx.conn()?.query_row(&read, [id], |row| row.get(0)).map_err(sql_failed)?;
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
            let write = format!("UPDATE {table} SET {column} = ?2 WHERE id = ?1");
            tx.conn()?.execute(&write, (id, bytes)).map_err(sql_failed)?;
            Ok(Some(damage))
        })?;
        if let Some(damage) = &damage {
            named(&store, &damage.what, true)?;
        }
        Ok(damage)
    }

    /// The repair of the shipped program. What it leaves, doctor finds in order, and another finds nothing to do.
    fn repair(&self, _: &dyn Storage, identity: &Identity, damage: &Damage, rng: &mut Rng) -> Result<()> {
        let store = self.open();
        store.repair(identity, rng)?;
        named(&store, &format!("after the repair of {}", damage.what), false)?;
        let again = store.repair(identity, rng)?;
        if again.documents > 0 || !again.cut.is_empty() || again.logged_again > 0 {
            return Err(Error::internal(format!("a second repair of {} found {again:?}", damage.what)));
        }
        Ok(())
    }

    fn reopen(&mut self) {
        // Closing would tidy the log away; a killed process does not, so what it left is opened elsewhere.
        let left = self.copied();
        self.run(left);
    }
}
