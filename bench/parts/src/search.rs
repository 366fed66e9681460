//! FTS5 as it comes: default tokenizer, full detail, its own ranking, in the same encrypted database. Contentless, which
//! is its quickest and smallest form; twenty results, as a screen shows.

use std::path::Path;

use bench_common::{Corpus, Run, machine, timed};
use rusqlite::{Connection, params};

use crate::{Result, disk};

/// Questions of each kind.
const EACH: usize = 40;

/// Fills a table and asks it everything.
pub(crate) fn measure(run: &Run, folder: &Path, corpus: &Corpus, entries: usize) -> Result<()> {
    run.step("FTS5: building");
    let path = folder.join("search.db");
    let mut connection = disk::open(&path)?;
    connection.execute_batch("CREATE VIRTUAL TABLE texts USING fts5(title, body, content='', contentless_delete=1)")?;
    let version: String = connection.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
    run.version("SQLite (SQLCipher)", &version);
    let mut text = 0;
    let (built, took) = timed(|| -> Result<()> {
        let transaction = connection.transaction()?;
        for number in 0..entries {
            let entry = corpus.entry(number);
            text += entry.text_bytes();
            transaction
                .prepare_cached("INSERT INTO texts(rowid, title, body) VALUES (?1, ?2, ?3)")?
                .execute(params![number as i64 + 1, entry.title, entry.body])?;
        }
        Ok(transaction.commit()?)
    });
    built?;
    run.add("fts_build", "ms", took);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    run.add("fts_per_text", "x", machine::size_of(&path).max(std::fs::metadata(&path)?.len()) as f64 / text as f64);

    run.step("FTS5: asking");
    for query in corpus.queries(entries, EACH) {
        // Asked twice, the second time counts, as with the product's.
        ask(&connection, &query.text)?;
        let (found, took) = timed(|| ask(&connection, &query.text));
        found?;
        run.add(&format!("fts_{}", query.kind), "ms", took);
    }
    Ok(())
}

fn ask(connection: &Connection, query: &str) -> Result<usize> {
    let mut asked = connection.prepare_cached("SELECT rowid FROM texts WHERE texts MATCH ?1 ORDER BY rank LIMIT 20")?;
    let rows = asked.query_map([query], |row| row.get::<_, i64>(0))?;
    Ok(rows.collect::<std::result::Result<Vec<_>, _>>()?.len())
}
