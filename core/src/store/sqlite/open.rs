//! The one opener of the journal's database: key, pragmas, format version, and what a file that won't open is.
//!
//! SQLCipher 4 with the raw 32-byte key (no key stretching: the key is random), pages of 4 KiB, WAL. Every connection
//! of the program comes from [`open`], so none can forget a pragma that keeps words from the disk.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use crate::crypto::Secret;
use crate::files::{StoreError, StoreResult};

/// Bytes per page. A save writes one page of each of eight tables, and enciphers and authenticates all of them: with pages
/// of 8 KiB it takes half again as long, and a journal of 500-word entries takes as much room.
pub const PAGE_SIZE: u32 = 4096;
/// `AFTW`: marks the file as ours, to whoever holds the key.
pub const APPLICATION_ID: i32 = 0x4146_5457;
/// How long a connection waits for another process's write lock.
pub const BUSY: Duration = Duration::from_secs(10);
/// How often it looks whether the lock is free.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// How long a process that had the lock leaves it to writers of other processes before it takes it again, if it had it
/// for longer than this.
pub(super) const GAP: Duration = Duration::from_millis(3);
/// Pages in the log before SQLite moves them into the file: 4 MiB.
const AUTOCHECKPOINT: u32 = 1024;
/// KiB of pages that the writer keeps. A first sync inserts random ids; an index that does not fit here is read, and
/// decrypted, again for each of them.
const WRITER_CACHE: u32 = 8 << 10;
/// KiB of pages that each reader keeps. At a hundred thousand entries the way to a text is a few megabytes of index pages;
/// in SQLite's own two of them the texts that a search compares push each other's way out.
const READER_CACHE: u32 = 6 << 10;
const PLAIN_SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// The tables, as a numbered format and the function that brings an older database (0: an empty one) to it.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The format that this version of the program writes; in `PRAGMA user_version`.
    pub version: u32,
    /// Brings a database of the given format to [`Schema::version`], inside one transaction.
    pub migrate: fn(&Transaction<'_>, u32) -> StoreResult<()>,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes the database, in an empty file that is there already.
    Create,
    /// Writes.
    Writer,
    /// Reads only, and is held to it.
    Reader,
}

/// Whether somebody who knows the key again has already looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// The vault's check value agrees with the key, so a file that won't open is damaged.
    ByVault,
    /// Nobody has: a file that won't open may have another key.
    No,
}

/// Opens the file as it is, once SQLite and SQLCipher have started.
fn opened(path: &Path) -> rusqlite::Result<Connection> {
    afterword_sqlcipher::start()
        .map_err(|code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))?;
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Opens a connection with every pragma in place. Does not look at the format version: see [`prepare`].
pub fn open(path: &Path, key: &Secret, vouched: Vouched, role: Role) -> StoreResult<Connection> {
    if role != Role::Create {
        look_at_header(path)?;
    }
    let mut connection = opened(path)?;
    match set_up(&mut connection, key, role) {
        Ok(()) => Ok(connection),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            drop(connection);
            Err(unreadable(path, vouched))
        }
        Err(error) => Err(error.into()),
    }
    .and_then(|connection| asserted(connection, path))
}

/// Brings the database to the schema's format, or says that it is newer or not ours.
pub fn prepare(connection: &mut Connection, schema: Schema) -> StoreResult<()> {
    if format_of(connection, schema)? == schema.version {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited for the lock.
    let found = format_of(&transaction, schema)?;
    if found < schema.version {
        (schema.migrate)(&transaction, found)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", schema.version)?;
    }
    transaction.commit()?;
    Ok(())
}

fn format_of(connection: &Connection, schema: Schema) -> StoreResult<u32> {
    let (application, found): (i32, i32) = connection.query_row(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if application != APPLICATION_ID && (application, found) != (0, 0) {
        return Err(StoreError::Corrupt("the database is not an Afterword journal".to_owned()));
    }
    match u32::try_from(found) {
        Ok(found) if found <= schema.version => Ok(found),
        found => {
            Err(StoreError::TooNew { what: "the journal", found: found.unwrap_or(u32::MAX), known: schema.version })
        }
    }
}

/// SQLite's own handler sleeps up to a tenth of a second between two looks, and bulk work of another process leaves the
/// lock free for [`GAP`] only: whoever looks each millisecond gets in after one slice of it.
fn wait_for_the_other_process(looks: i32) -> bool {
    std::thread::sleep(POLL_INTERVAL);
    u128::try_from(looks).unwrap_or_default() * POLL_INTERVAL.as_millis() < BUSY.as_millis()
}

fn set_up(connection: &mut Connection, key: &Secret, role: Role) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait_for_the_other_process))?;
    connection.set_prepared_statement_cache_capacity(64);
    let hex = Zeroizing::new(data_encoding::HEXLOWER.encode(key.expose()));
    connection.execute_batch(&Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", hex.as_str())))?;
    // Processors have instructions for SHA-256, phones' too: half the time of SHA-512 for each page read or written, and
    // 32 bytes of each saved.
    connection.execute_batch(&format!(
        "PRAGMA cipher_page_size = {PAGE_SIZE}; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;"
    ))?;
    if role == Role::Create {
        // Kept in the file, and only before anything is: free pages can be given back later, see `vacuum_some`.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    connection.execute_batch(&format!(
        "PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT};"
    ))?;
    if role == Role::Reader {
        connection.execute_batch(&format!("PRAGMA query_only = ON; PRAGMA cache_size = -{READER_CACHE}"))?;
    } else {
        connection.execute_batch(&format!("PRAGMA cache_size = -{WRITER_CACHE}"))?;
    }
    Ok(())
}

/// Checks that what was asked for holds: a SQLite without a cipher would accept the key and write plain text.
fn asserted(connection: Connection, path: &Path) -> StoreResult<Connection> {
    let missing = |what: &str| StoreError::Internal(format!("the database was opened without {what}"));
    let cipher: String =
        connection.pragma_query_value(None, "cipher_version", |row| row.get(0)).map_err(|_| missing("a cipher"))?;
    if cipher.is_empty() {
        return Err(missing("a cipher"));
    }
    let provider: String = connection
        .pragma_query_value(None, "cipher_provider", |row| row.get(0))
        .map_err(|_| missing("its cryptography"))?;
    if provider != afterword_sqlcipher::PROVIDER {
        return Err(missing("its cryptography"));
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        return Err(missing("its log (is the folder on a network share?)"));
    }
    for (pragma, asked) in
        [("synchronous", 2), ("secure_delete", 1), ("temp_store", 2), ("foreign_keys", 1), ("cell_size_check", 1)]
    {
        let found: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        if found != asked {
            return Err(missing(pragma));
        }
    }
    // SQLCipher answers this one itself, in text.
    let page_size: String = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    if page_size != PAGE_SIZE.to_string() {
        return Err(missing("its page size"));
    }
    let tag: String = connection.pragma_query_value(None, "cipher_hmac_algorithm", |row| row.get(0))?;
    if tag != "HMAC_SHA256" {
        return Err(missing("its authentication"));
    }
    if header(path)? == Some(*PLAIN_SQLITE) {
        return Err(missing("encryption"));
    }
    Ok(connection)
}

/// Whether every page read so far was as it was written. To be asked before anything read is believed: SQLCipher hands
/// out a page that fails its authentication as zeros, and where a row runs over several pages SQLite takes these for
/// the row's content without an error. (The answer is fixed when the statement is prepared, so it is never cached.)
pub(super) fn healthy(connection: &Connection) -> StoreResult<()> {
    let status: String = connection.pragma_query_value(None, "cipher_status", |row| row.get(0))?;
    if status == "1" { Ok(()) } else { Err(StoreError::Corrupt("the journal's database is damaged".to_owned())) }
}

/// Makes the file first, so that it never exists with wider permissions than the owner's.
pub(super) fn create_file(path: &Path) -> StoreResult<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::Invalid("there is already a journal in this folder".to_owned()))
        }
        Err(error) => Err(StoreError::io("the journal's database could not be made", &error)),
    }
}

/// The first 16 bytes, where there are as many.
fn header(path: &Path) -> StoreResult<Option<[u8; 16]>> {
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            StoreError::NotFound("there is no journal in this folder".to_owned())
        } else {
            StoreError::io("the journal's database could not be read", &error)
        }
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut first = [0; 16];
    match file.read_exact(&mut first) {
        Ok(()) => Ok(Some(first)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn foreign(path: &Path) -> StoreError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    StoreError::Corrupt(format!("the file {name} is not an Afterword journal, or was cut short"))
}

fn look_at_header(path: &Path) -> StoreResult<()> {
    match header(path)? {
        None => Err(foreign(path)),
        Some(first) if first == *PLAIN_SQLITE => Err(foreign(path)),
        Some(_) => Ok(()),
    }
}

/// Why a file that is not a database under this key is not.
fn unreadable(path: &Path, vouched: Vouched) -> StoreError {
    let length = fs::metadata(path).map_or(0, |data| data.len());
    if length == 0 || !length.is_multiple_of(u64::from(PAGE_SIZE)) {
        return foreign(path);
    }
    match vouched {
        Vouched::ByVault => {
            StoreError::Corrupt("the journal's database is damaged, or another was put in its place".to_owned())
        }
        Vouched::No => StoreError::WrongKey("the journal's database does not open with this key".to_owned()),
    }
}
