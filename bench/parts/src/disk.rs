//! What reaching the disk takes, alone and through SQLCipher.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use bench_common::corpus::Random;
use bench_common::{Corpus, Run, machine, timed};
use rusqlite::{Connection, params};

use crate::Result;

/// What one saved edit writes, about: a change, a signature, a list row.
const SAVED: usize = 512;
const TIMES: usize = 300;
/// What one page of a list shows.
const PAGE: usize = 50;

/// A database with the settings that the product has: SQLCipher with a raw key, WAL, FULL.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    afterword_sqlcipher::start().map_err(|code| format!("SQLite did not start ({code})"))?;
    let connection = Connection::open(path)?;
    connection.execute_batch(&format!("PRAGMA key = \"x'{}'\";", "2a".repeat(32)))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// Everything of this module.
pub(crate) fn measure(run: &Run, folder: &Path, corpus: &Corpus, entries: usize) -> Result<()> {
    run.step("appending and flushing");
    let mut random = Random(5);
    let mut bytes = [0; SAVED];
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("append"))?;
    for _ in 0..TIMES {
        random.fill(&mut bytes);
        let (done, took) = timed(|| file.write_all(&bytes).and_then(|()| file.sync_data()));
        done?;
        run.add("append_fdatasync", "ms", took);
    }

    run.step("a journal as two tables");
    let path = folder.join("list.db");
    list(&path, corpus, entries)?;
    for (name, cold) in [("first_page_cold", true), ("first_page_warm", false)] {
        for _ in 0..15 {
            if cold {
                machine::evict_all(folder);
            }
            let (read, took) = timed(|| first_page(&path));
            assert_eq!(read?, PAGE.min(entries));
            run.add(name, "ms", took);
        }
    }

    run.step("committing");
    let connection = open(&path)?;
    connection.execute_batch("CREATE TABLE saved(id INTEGER PRIMARY KEY, data BLOB)")?;
    let mut insert = connection.prepare("INSERT INTO saved(data) VALUES (?1)")?;
    for _ in 0..TIMES {
        random.fill(&mut bytes);
        let (done, took) = timed(|| insert.execute([&bytes[..]]));
        done?;
        run.add("sqlcipher_commit", "ms", took);
    }
    Ok(())
}

/// Rows as a straight-line program would have them: what a list shows, and beside it the document, which a list skips.
fn list(path: &Path, corpus: &Corpus, entries: usize) -> Result<()> {
    let mut connection = open(path)?;
    let version: String = connection.query_row("PRAGMA cipher_version", [], |row| row.get(0))?;
    assert!(!version.is_empty(), "this SQLite has no cipher");
    connection.execute_batch(
        "CREATE TABLE entries(id INTEGER PRIMARY KEY, created INTEGER, title TEXT, tags TEXT, excerpt TEXT);
         CREATE INDEX newest ON entries(created);
         CREATE TABLE documents(id INTEGER PRIMARY KEY, data BLOB);",
    )?;
    let mut random = Random(6);
    let mut document = vec![0; 2_400];
    let transaction = connection.transaction()?;
    for number in 0..entries {
        // One entry in a hundred is written out: the rows are as long, and a hundred thousand take no quarter of an hour.
        let entry = corpus.entry(number % 1_000);
        random.fill(&mut document);
        let created = 1_500_000_000_000 + number as i64 * 1_800_000;
        transaction.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            number as i64,
            created,
            entry.title,
            entry.tags.join(" "),
            &entry.body[..120]
        ])?;
        transaction
            .prepare_cached("INSERT INTO documents VALUES (?1, ?2)")?
            .execute(params![number as i64, document])?;
    }
    transaction.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn first_page(path: &Path) -> Result<usize> {
    let connection = open(path)?;
    let mut page =
        connection.prepare("SELECT id, created, title, tags, excerpt FROM entries ORDER BY created DESC LIMIT ?1")?;
    let rows = page.query_map([PAGE as i64], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))?;
    Ok(rows.collect::<std::result::Result<Vec<_>, _>>()?.len())
}
