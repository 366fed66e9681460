//! The search table: which entries may hold a word, newest first. Contentless FTS5; texts decide where it can't.
//!
//! `detail=none` keeps no positions and no columns, a fifth of the size: phrases are verified against the text, and the
//! words of a title stand a second time behind a mark of their own. We cut the words ourselves ([`crate::tokenizer`])
//! and the table's tokenizer only splits at spaces. A row is deleted with exactly the tokens it was made from: a
//! contentless table can't look them up, and what is left out stays in the file.
//!
//! **Order.** Entries are found newest first: by the day they are filed under, then by when they were begun, then by
//! id, each descending, as `list` shows them. A device can't number its rows so, since entries come in any order; and
//! sorting every entry that holds a common word takes longer than a frame. So a row's number, its *slot*, has the year
//! in its upper bits, later years first, and in its lower ones whatever was free: the index gives one year after the
//! other, and only within a year is sorted by what `slots` says. (By month would be finer, and a journal of one entry
//! a day would have an index larger by a quarter: each number is stored as its distance from the one before.)

mod check;

use rusqlite::{Connection, OptionalExtension, params};

pub use self::check::{check, disagrees};

use crate::files::{StoreError, StoreResult};
use crate::id::EntryId;
use crate::journal::{Boxed, Entry};
use crate::store::sqlite::Projection;
use crate::time::{Day, Timestamp};
use crate::tokenizer::{Asked, Query, row_tokens};

/// Bits of a slot that tell the entries of one year apart.
const SLOT_BITS: u32 = 22;
/// The longest beginnings of words that have an index of their own.
const PREFIX: usize = 3;
/// So few words that begin alike are looked up one by one without asking how many entries have them.
const FEW: usize = if cfg!(test) { 4 } else { 96 };
/// From so many entries on, more words that begin alike are looked up one by one: the table itself would first put
/// together what all of them list, for a common word 60 ms at 100,000 entries.
const LISTED: i64 = 4096;
/// A year with more hits than this is not sorted but walked, newest first: a page is full long before its end.
const CROWDED: usize = if cfg!(test) { 40 } else { 1024 };

/// Where an entry stands among the others, and from when on it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The day it is filed under.
    pub day: Day,
    /// When it was begun.
    pub created: Timestamp,
    /// Its id.
    pub entry: EntryId,
    /// The first day on which it is found, as [`Day::number`].
    pub hidden: i64,
}

impl Place {
    /// The place of an entry as it is now. What is in the trash or in its box until opened by hand is never found.
    pub fn of(entry: &Entry) -> Self {
        let hidden = match entry.boxed_until {
            _ if entry.trashed => i64::MAX,
            Some(Boxed::ByHand) => i64::MAX,
            Some(Boxed::Until(day)) => day.number(),
            None => i64::MIN,
        };
        Self { day: entry.day(), created: entry.created_at, entry: entry.id, hidden }
    }

    /// About the slot that [`put`] gives to it, if it stands at `slot` now: the same, or one behind all of its year.
    pub fn order(&self, slot: Option<i64>) -> i64 {
        let year = self.year();
        slot.filter(|slot| same_year(*slot, year)).unwrap_or(year + (1 << SLOT_BITS) - 1)
    }

    /// Whether a slot is of the year that this place is in.
    pub fn is_of(&self, slot: i64) -> bool {
        same_year(slot, self.year())
    }

    /// The first slot of its year. Later years have lower ones.
    fn year(&self) -> i64 {
        (i64::from(i16::MAX) - self.day.number().div_euclid(10_000)) << SLOT_BITS
    }
}

/// Bytes of a leaf of the index: one of them, with its key, fills a page. The 4,050 that the table takes by itself do not
/// fit beside the cipher's bytes, and each leaf would take a second page; the table goes beyond what it is told by a few.
const LEAF: i64 = 3_960;
/// Leaves that one step of [`merge`] writes: 2 ms.
const MERGED: i64 = 8;
/// The index is merged to one piece where the others come to this part of the largest.
const APART: i64 = 4;

/// An entry that may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The entry's row in `documents`.
    pub document: i64,
    /// Its day as [`Day::number`], when it was begun, its id.
    order: (i64, i64, EntryId),
}

/// Makes the empty tables.
pub fn create(connection: &Connection) -> StoreResult<()> {
    // The `ascii` tokenizer takes every byte above 127 for a letter, so nothing we cut is cut or folded again.
    connection.execute_batch(
        "CREATE VIRTUAL TABLE search USING fts5(
             words, content='', detail=none, columnsize=0, prefix='1 2 3', tokenize='ascii');
         INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
         INSERT INTO search (search, rank) VALUES ('automerge', 0);
         CREATE VIRTUAL TABLE vocabulary USING fts5vocab(search, row);
         CREATE VIRTUAL TABLE occurrences USING fts5vocab(search, instance);

         CREATE TABLE slots (
             slot INTEGER PRIMARY KEY, document INTEGER NOT NULL UNIQUE, day INTEGER NOT NULL,
             created INTEGER NOT NULL, hidden INTEGER NOT NULL, entry BLOB NOT NULL) STRICT;
         CREATE INDEX slots_newest ON slots (day DESC, created DESC);
         CREATE INDEX slots_hidden ON slots (hidden) WHERE hidden > -9223372036854775808;",
    )?;
    connection.execute("INSERT INTO search (search, rank) VALUES ('pgsz', ?1)", [LEAF])?;
    Ok(())
}

/// Merges some of what was written apart, so that a search looks into few places: about eight pages, and answers
/// whether there was anything to merge. By itself the table does so inside the commits that write to it, as much as 64
/// pages of each level at once, and whoever waits for the writer waits 40 ms; it is told not to.
pub fn merge(connection: &Connection) -> StoreResult<bool> {
    let before = connection.total_changes();
    connection.prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', ?1)")?.execute([MERGED])?;
    // So it says that it did something: <https://www.sqlite.org/fts5.html>, section 6.8.
    Ok(connection.total_changes() - before >= 2)
}

/// Whether it is worth merging the whole index to one piece. Every piece lists each of its words, so those that lie
/// apart take a third more room and time to look into; and since they must come to a fourth of the largest, a word is
/// written some five times until it lies still.
pub fn lies_apart(connection: &Connection) -> StoreResult<bool> {
    let pieces = "SELECT coalesce(sum(leaves) - max(leaves), 0), coalesce(max(leaves), 0)
                  FROM (SELECT count(*) AS leaves FROM search_idx GROUP BY segid)";
    let (apart, largest): (i64, i64) =
        connection.prepare_cached(pieces)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(apart * APART > largest)
}

/// Begins to merge the whole index to one piece, for [`merge`] to go on with.
pub fn merge_whole(connection: &Connection) -> StoreResult<()> {
    // Below zero it makes all pieces one level, whose merging the steps of `merge` then finish.
    connection.prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', ?1)")?.execute([-MERGED])?;
    Ok(())
}

/// The tokens of an entry's row. Depends on the texts alone.
pub fn tokens(texts: &Projection) -> String {
    row_tokens(&texts.title, texts.parts.iter().map(|(_, text)| text.as_str()))
}

/// Puts an entry's row at its place, with tokens in the place of those that its row was made from (`None`: it has no
/// row yet).
///
/// Within one transaction the table writes rows out as a batch only as long as their slots ascend. So whoever writes
/// many sorts them by [`Place::order`].
pub fn put(connection: &Connection, document: i64, place: &Place, old: Option<&str>, new: &str) -> StoreResult<()> {
    let before = slot_of(connection, document)?;
    let year = place.year();
    let stays = before.filter(|slot| same_year(*slot, year));
    let slot = stays.map_or_else(|| free_slot(connection, year), Ok)?;
    if before.is_some() && old.is_none() {
        return Err(StoreError::Internal("a search row stands without the text that it was made from".to_owned()));
    }
    let same = before == Some(slot) && old == Some(new);
    if let (Some(before), Some(old), false) = (before, old, same) {
        delete(connection, before, old)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO slots (slot, document, day, created, hidden, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (document) DO UPDATE SET slot = excluded.slot, day = excluded.day,
             created = excluded.created, hidden = excluded.hidden, entry = excluded.entry",
        )?
        .execute(params![slot, document, place.day.number(), place.created.0, place.hidden, place.entry.as_bytes()])?;
    if !same {
        connection.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?.execute(params![slot, new])?;
    }
    Ok(())
}

/// Takes an entry out. `old` are the tokens that its row was made from.
pub fn remove(connection: &Connection, document: i64, old: &str) -> StoreResult<()> {
    if let Some(slot) = slot_of(connection, document)? {
        delete(connection, slot, old)?;
        connection.prepare_cached("DELETE FROM slots WHERE slot = ?1")?.execute([slot])?;
    }
    Ok(())
}

/// Takes a row out, and writes that out at once. With `detail=none` and `secure-delete`, where one batch takes a row out
/// and puts it in again, the table (SQLite 3.53) leaves out every later row of the batch that has a word of both.
fn delete(connection: &Connection, slot: i64, tokens: &str) -> StoreResult<()> {
    connection
        .prepare_cached("INSERT INTO search (search, rowid, words) VALUES ('delete', ?1, ?2)")?
        .execute(params![slot, tokens])?;
    connection.prepare_cached("INSERT INTO search (search) VALUES ('flush')")?.execute([])?;
    Ok(())
}

fn slot_of(connection: &Connection, document: i64) -> StoreResult<Option<i64>> {
    let mut found = connection.prepare_cached("SELECT slot FROM slots WHERE document = ?1")?;
    Ok(found.query_row([document], |row| row.get(0)).optional()?)
}

fn same_year(slot: i64, other: i64) -> bool {
    slot >> SLOT_BITS == other >> SLOT_BITS
}

/// The slot behind the last of the year, or a gap where no more are behind it.
fn free_slot(connection: &Connection, year: i64) -> StoreResult<i64> {
    let end = year + (1 << SLOT_BITS);
    let mut last = connection.prepare_cached("SELECT max(slot) FROM slots WHERE slot >= ?1 AND slot < ?2")?;
    let slot = last.query_row([year, end], |row| row.get::<_, Option<i64>>(0))?.map_or(year, |slot| slot + 1);
    if slot < end {
        return Ok(slot);
    }
    let mut gap = connection.prepare_cached(
        "SELECT slot - 1 FROM slots AS here WHERE slot > ?1 AND slot < ?2
         AND NOT EXISTS (SELECT 1 FROM slots WHERE slot = here.slot - 1) LIMIT 1",
    )?;
    let gap = gap.query_row([year, end], |row| row.get(0)).optional()?;
    gap.ok_or_else(|| StoreError::Invalid("a year of the journal has more than four million entries".to_owned()))
}

/// Empty tables in the place of some that may be damaged: what the index's own tables hold is not asked.
pub fn create_again(connection: &Connection) -> StoreResult<()> {
    if connection.execute_batch("DROP TABLE search").is_err() {
        // The table does not open any more. Its own tables are plain ones under it, and a good definition opens again.
        connection.execute_batch(
            "DELETE FROM search_config; INSERT INTO search_config VALUES ('version', 4);
             DELETE FROM search_idx; DELETE FROM search_data;",
        )?;
        connection.execute_batch("DROP TABLE search")?;
    }
    connection.execute_batch("DROP TABLE vocabulary; DROP TABLE occurrences; DROP TABLE slots")?;
    create(connection)
}

/// Empties the tables, for making them again.
#[cfg(test)]
pub fn clear(connection: &Connection) -> StoreResult<()> {
    connection.execute_batch("INSERT INTO search (search) VALUES ('delete-all'); DELETE FROM slots")?;
    Ok(())
}

/// Hands those entries to `take` that hold what the index knows of `query`, in their titles for `title`, and that are
/// not `hidden`, newest first, until it answers false. Where [`Query::needs_text`] says so, each must still
/// be compared with its text. Answers how many there are; having counted to `most`, and with `take` content, it stops.
pub fn newest<E: From<StoreError>>(
    connection: &Connection,
    (query, title): (&Query, bool),
    hidden: &Hidden,
    most: u64,
    mut take: impl FnMut(Candidate) -> Result<bool, E>,
) -> Result<u64, E> {
    let Some(expression) = expression(connection, &query.of_index(title))? else { return Ok(0) };
    let mut all = prepared(connection, "SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid")?;
    let mut rows = all.query([expression]).map_err(StoreError::from)?;
    let (mut year, mut end, mut count, mut wanted) = (Vec::new(), 0, 0, true);
    loop {
        if !wanted && count >= most {
            return Ok(count);
        }
        let Some(row) = rows.next().map_err(StoreError::from)? else {
            if wanted {
                give_year(connection, &year, &mut take)?;
            }
            return Ok(count);
        };
        let slot: i64 = row.get(0).map_err(StoreError::from)?;
        if hidden.0.binary_search(&slot).is_ok() {
            continue;
        }
        count += 1;
        // What is counted only is not looked up in `slots`: that would read most of its pages.
        if wanted {
            if slot >= end {
                wanted = give_year(connection, &year, &mut take)?;
                year.clear();
                end = ((slot >> SLOT_BITS) + 1) << SLOT_BITS;
            }
            year.push(slot);
        }
    }
}

/// Gives the entries at the slots of one year, in order, newest first.
fn give_year<E: From<StoreError>>(
    connection: &Connection,
    slots: &[i64],
    take: &mut impl FnMut(Candidate) -> Result<bool, E>,
) -> Result<bool, E> {
    if slots.len() > CROWDED {
        return walk(connection, slots, take);
    }
    let mut place = prepared(connection, "SELECT slot, document, day, created, entry FROM slots WHERE slot = ?1")?;
    let mut year = Vec::with_capacity(slots.len());
    for slot in slots {
        year.extend(place.query_row([slot], candidate).optional().map_err(StoreError::from)?);
    }
    give(&mut year, take)
}

/// Gives the candidates of one year, newest first.
fn give<E>(year: &mut Vec<Candidate>, take: &mut impl FnMut(Candidate) -> Result<bool, E>) -> Result<bool, E> {
    year.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.order));
    for candidate in year.drain(..) {
        if !take(candidate)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same for a crowded year: its entries newest first, those that stand at `listed`.
fn walk<E: From<StoreError>>(
    connection: &Connection,
    listed: &[i64],
    take: &mut impl FnMut(Candidate) -> Result<bool, E>,
) -> Result<bool, E> {
    let Some(first) = listed.first() else { return Ok(true) };
    let year = i64::from(i16::MAX) - (first >> SLOT_BITS);
    let mut newest = prepared(
        connection,
        "SELECT slot, document, day, created, entry FROM slots INDEXED BY slots_newest
         WHERE day >= ?1 AND day < ?1 + 10000 ORDER BY day DESC, created DESC",
    )?;
    let mut rows = newest.query([year * 10_000]).map_err(StoreError::from)?;
    let mut at_once: Vec<Candidate> = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        if listed.binary_search(&row.get(0).map_err(StoreError::from)?).is_err() {
            continue;
        }
        let next = candidate(row).map_err(StoreError::from)?;
        // The index orders all but entries begun in the same millisecond.
        if at_once.first().is_some_and(|first| (first.order.0, first.order.1) != (next.order.0, next.order.1))
            && !give(&mut at_once, take)?
        {
            return Ok(false);
        }
        at_once.push(next);
    }
    give(&mut at_once, take)
}

fn prepared<'c>(connection: &'c Connection, sql: &str) -> StoreResult<rusqlite::CachedStatement<'c>> {
    Ok(connection.prepare_cached(sql)?)
}

/// The slots of entries that are not found on some day, in order.
#[derive(Debug)]
pub struct Hidden(Vec<i64>);

/// What is not found on the day `today`: in the trash, or in its box.
pub fn hidden(connection: &Connection, today: Day) -> StoreResult<Hidden> {
    // The first term says that the index has them all.
    let sql = "SELECT slot FROM slots WHERE hidden > -9223372036854775808 AND hidden > ?1";
    let mut found = connection.prepare_cached(sql)?;
    let mut slots: Vec<i64> = found.query_map([today.number()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    slots.sort_unstable();
    Ok(Hidden(slots))
}

fn candidate(row: &rusqlite::Row<'_>) -> rusqlite::Result<Candidate> {
    let entry = EntryId::from_bytes(row.get(4)?);
    Ok(Candidate { document: row.get(1)?, order: (row.get(2)?, row.get(3)?, entry) })
}

/// The FTS5 expression that every match fulfils; none where nothing can.
fn expression(connection: &Connection, asked: &[Asked]) -> StoreResult<Option<String>> {
    let mut parts = Vec::new();
    for asked in asked {
        match asked {
            Asked::Token(token) => parts.push(quoted(token)),
            Asked::Prefix(token) if token.chars().nth(PREFIX).is_none() => parts.push(format!("{}*", quoted(token))),
            Asked::Prefix(token) => match beginning(connection, token)? {
                Some(part) => parts.push(part),
                None => return Ok(None),
            },
        }
    }
    Ok(if parts.is_empty() { None } else { Some(parts.join(" AND ")) })
}

/// The expression for words that begin so, where there are any.
fn beginning(connection: &Connection, beginning: &str) -> StoreResult<Option<String>> {
    if let Some(words) = few(connection, beginning)? {
        return Ok(any(&words));
    }
    let mut words = connection.prepare_cached("SELECT term, doc FROM vocabulary WHERE term >= ?1 AND term <= ?2")?;
    // No token holds the last code point of all, which is not a character.
    let mut rows = words.query([beginning, &format!("{beginning}\u{10FFFF}")])?;
    let (mut all, mut listed) = (Vec::new(), 0_i64);
    while let Some(row) = rows.next()? {
        all.push(quoted(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?));
        listed = listed.saturating_add(row.get(1)?);
    }
    Ok(if listed < LISTED { Some(format!("{}*", quoted(beginning))) } else { any(&all) })
}

fn any(words: &[String]) -> Option<String> {
    match words {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(format!("({})", words.join(" OR "))),
    }
}

/// The words that begin so, quoted, where they are few. Each is found from the one before: to count the entries of a
/// common one, as `vocabulary` does for whoever reads on, takes longer than to search for it.
fn few(connection: &Connection, beginning: &str) -> StoreResult<Option<Vec<String>>> {
    let mut next = connection.prepare_cached("SELECT term FROM occurrences WHERE term >= ?1 LIMIT 1")?;
    let (mut words, mut from) = (Vec::new(), beginning.to_owned());
    loop {
        let word: Option<String> = next.query_row([&from], |row| row.get(0)).optional()?;
        let Some(word) = word.filter(|word| word.starts_with(beginning)) else { return Ok(Some(words)) };
        if words.len() == FEW {
            return Ok(None);
        }
        words.push(quoted(&word));
        // No token holds a control character.
        from = format!("{word}\u{1}");
    }
}

fn quoted(token: &str) -> String {
    format!("\"{}\"", token.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
