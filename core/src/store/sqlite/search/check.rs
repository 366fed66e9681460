//! Whether the search table finds what it must: the table's own records, and every word it lists against the texts.
//!
//! FTS5's own check reads its lists one after the other. A search does not: it goes by way of the `search_idx` table,
//! and a row lost or astray there hides words that the check still sees, or is in the way of a later save. So every word,
//! and every beginning that has an index of its own, is looked up as a search looks it up.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use rusqlite::{Connection, OptionalExtension};

use super::{LEAF, PREFIX, Projection, quoted, tokens};
use crate::error::Result;
use crate::files::StoreResult;

/// Where FTS5 keeps its counts, and the list of its segments: <https://sqlite.org/src/file/ext/fts5/fts5_index.c>.
const AVERAGES: i64 = 1;
const STRUCTURE: i64 = 10;

/// Entries that have a word: how many, and the sum of their slots.
type Listed = (u64, i64);

/// What the texts give.
#[derive(Default)]
struct Expected {
    /// By the hash of a word, or of one of the beginnings that have an index. A journal has some 100,000 words.
    words: HashMap<(bool, u64), Listed>,
    hashes: RandomState,
    /// How many of them are words and not beginnings.
    distinct: usize,
    rows: i64,
    tokens: i64,
}

impl Expected {
    fn of(connection: &Connection) -> Result<Self> {
        let mut expected = Self::default();
        let sql = "SELECT slot, projection FROM slots JOIN texts ON texts.document = slots.document";
        let mut all = connection.prepare(sql)?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let slot: i64 = row.get(0)?;
            let tokens = tokens(&Projection::unpack(&row.get::<_, Vec<u8>>(1)?)?);
            expected.add(slot, &tokens);
        }
        expected.distinct = expected.words.keys().filter(|(beginning, _)| !beginning).count();
        Ok(expected)
    }

    fn add(&mut self, slot: i64, tokens: &str) {
        let mut words: Vec<&str> = tokens.split_ascii_whitespace().collect();
        self.rows += 1;
        self.tokens += words.len() as i64;
        words.sort_unstable();
        words.dedup();
        for word in &words {
            self.count(false, word, slot);
        }
        let mut beginnings: Vec<&str> = words.iter().flat_map(|word| beginnings(word)).collect();
        beginnings.sort_unstable();
        beginnings.dedup();
        for beginning in beginnings {
            self.count(true, beginning, slot);
        }
    }

    fn count(&mut self, beginning: bool, text: &str, slot: i64) {
        let (count, sum) = self.words.entry((beginning, self.hashes.hash_one(text))).or_default();
        (*count, *sum) = (*count + 1, sum.wrapping_add(slot));
    }

    fn is_listed(&self, beginning: bool, text: &str, listed: Listed) -> bool {
        self.words.get(&(beginning, self.hashes.hash_one(text))) == Some(&listed)
    }
}

/// The beginnings of a word that have an index of their own.
fn beginnings(word: &str) -> impl Iterator<Item = &str> {
    let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8()).take(PREFIX);
    ends.map(|end| &word[..end])
}

/// FTS5's own check of its lists. Needs a writing transaction; writes nothing.
pub fn check(connection: &Connection) -> StoreResult<()> {
    connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')")?;
    Ok(())
}

/// What else is wrong with the table, if anything: needs no writer, and takes a second for some thousand entries.
pub fn disagrees(connection: &Connection) -> Result<Option<&'static str>> {
    if !is_configured(connection)? {
        return Ok(Some("its settings are not ours"));
    }
    let expected = Expected::of(connection)?;
    if counted(connection)? != Some([expected.rows, expected.tokens]) {
        return Ok(Some("it has not counted what it holds"));
    }
    if !is_reachable(connection)? {
        return Ok(Some("its index leads nowhere"));
    }
    Ok((!lists(connection, &expected)?).then_some("it does not list the words of the texts"))
}

/// Among the settings is that words which are taken out leave the file.
fn is_configured(connection: &Connection) -> StoreResult<bool> {
    let mut all = connection.prepare("SELECT CAST(k AS BLOB), v FROM search_config ORDER BY 1")?;
    let all: Vec<(Vec<u8>, i64)> =
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<std::result::Result<_, _>>()?;
    let all: Vec<_> = all.iter().map(|(key, value)| (key.as_slice(), *value)).collect();
    // The format's number is the higher one from the first word on that was taken out for good.
    let ours = [(b"automerge".as_slice(), 0), (b"pgsz", LEAF), (b"secure-delete", 1)];
    Ok(matches!(all.as_slice(), [rest @ .., (b"version", 4 | 5)] if rest == ours))
}

fn record(connection: &Connection, id: i64) -> StoreResult<Option<Vec<u8>>> {
    let mut found = connection.prepare_cached("SELECT block FROM search_data WHERE id = ?1")?;
    Ok(found.query_row([id], |row| row.get(0)).optional()?)
}

/// How many rows and tokens the table thinks it has. It refuses to take out more than that.
fn counted(connection: &Connection) -> StoreResult<Option<[i64; 2]>> {
    let Some(record) = record(connection, AVERAGES)? else { return Ok(None) };
    let mut rest = record.as_slice();
    let numbers = [number(&mut rest), number(&mut rest)];
    Ok(match numbers {
        // Before the first row there is nothing to count.
        [None, None] => Some([0, 0]),
        [Some(rows), Some(tokens)] if rest.is_empty() => Some([rows, tokens]),
        _ => None,
    })
}

/// Whether every row of the index leads to a page of a segment that there is.
fn is_reachable(connection: &Connection) -> StoreResult<bool> {
    let Some(record) = record(connection, STRUCTURE)? else { return Ok(false) };
    let Some(segments) = segments(&record) else { return Ok(false) };
    let mut all = connection.prepare("SELECT segid, pgno >> 1 FROM search_idx")?;
    let mut rows = all.query([])?;
    let mut led = HashMap::<i64, u64>::new();
    while let Some(row) = rows.next()? {
        let (segment, page): (i64, i64) = (row.get(0)?, row.get(1)?);
        let leads = segments.get(&segment).is_some_and(|(first, last)| (*first..=*last).contains(&page));
        if !leads {
            return Ok(false);
        }
        *led.entry(segment).or_default() += 1;
    }
    Ok(led.len() == segments.len())
}

/// First and last page of each segment.
fn segments(record: &[u8]) -> Option<HashMap<i64, (i64, i64)>> {
    let mut rest = record.get(4..)?;
    let (levels, all, _writes) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
    let mut segments = HashMap::new();
    for _ in 0..levels {
        let (_merging, here) = (number(&mut rest)?, number(&mut rest)?);
        for _ in 0..here {
            let segment = number(&mut rest)?;
            segments.insert(segment, (number(&mut rest)?, number(&mut rest)?));
        }
    }
    (segments.len() as i64 == all).then_some(segments)
}

/// A number as SQLite writes it: seven bits a byte, the highest first. None of these needs the ninth byte.
fn number(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0;
    for _ in 0..8 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value = value << 7 | i64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Whether a search for each word, and for each beginning of one, finds the entries that have it, and there is no other.
fn lists(connection: &Connection, expected: &Expected) -> Result<bool> {
    let mut find = connection.prepare("SELECT rowid FROM search WHERE search MATCH ?1")?;
    let mut listed = |expression: String| -> StoreResult<Listed> {
        let mut rows = find.query([expression])?;
        let (mut count, mut sum) = (0, 0_i64);
        while let Some(row) = rows.next()? {
            (count, sum) = (count + 1, sum.wrapping_add(row.get(0)?));
        }
        Ok((count, sum))
    };
    let mut words = connection.prepare("SELECT term FROM vocabulary")?;
    let mut words = words.query([])?;
    let (mut distinct, mut before) = (0, String::new());
    while let Some(row) = words.next()? {
        let word: String = row.get(0)?;
        distinct += 1;
        if !expected.is_listed(false, &word, listed(quoted(&word))?) {
            return Ok(false);
        }
        // Words come in their order, so a beginning that the last one had was looked at.
        for beginning in beginnings(&word).filter(|beginning| !before.starts_with(beginning)) {
            if !expected.is_listed(true, beginning, listed(format!("{}*", quoted(beginning)))?) {
                return Ok(false);
            }
        }
        before = word;
    }
    Ok(distinct == expected.distinct)
}
