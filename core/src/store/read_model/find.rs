//! Search: what the index lists, compared with the texts where the query needs it, with excerpts.
//!
//! **What is found.** An entry that is neither in the trash nor in its box, and each term of the query stands in one of
//! its texts. First come those with every term in the title, then the others; each newest first, as `list` shows them
//! ([`search`]'s order), which depends on the entries alone and not on the device or on what it received when.
//!
//! **Bounds.** A query that the index answers by itself (words, beginnings of words, one or two characters of a script
//! without spaces) finds all that a scan of every text would; only its total ends at [`COUNTED`]. Where texts must be
//! compared (phrases, longer runs of characters), they are so for the first [`COMPARED`] entries that have all its words,
//! in the order above, or fewer where their texts are longer than [`COMPARED_BYTES`] together. [`Found::more`] says
//! that a bound was reached. So one search takes a frame, whatever the journal's size.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, OptionalExtension};

use crate::error::Result;
use crate::id::EntryId;
use crate::journal::InnerState;
use crate::journal::view::{HitView, Names, TextRange};
use crate::replication::ListRow;
use crate::store::sqlite::search::{self, Candidate};
use crate::store::sqlite::{Projection, SqliteTx};
use crate::time::Day;
use crate::tokenizer::{Matcher, Query, excerpt};

/// The highest total that is counted.
pub const COUNTED: u64 = 4096;
/// At most so many entries are compared with the query.
pub const COMPARED: usize = 256;
/// At most so many bytes of text, but for the last entry's.
pub const COMPARED_BYTES: usize = 2 << 20;

/// One entry found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The entry.
    pub entry: EntryId,
    /// Its title, people as tokens.
    pub title: String,
    /// The day it is filed under.
    pub day: Day,
    /// The field that the excerpt is from.
    pub field: String,
    /// Some text around the first place found.
    pub excerpt: String,
    /// Where in the excerpt the words stand, in code points.
    pub ranges: Vec<(usize, usize)>,
}

impl Hit {
    /// Returns the hit as it is shown to whom `names` is for. The excerpt has names in it already.
    pub fn view(self, names: &dyn Names) -> HitView {
        HitView {
            id: self.entry,
            title: names.text(&self.title),
            day: self.day,
            field: self.field,
            excerpt: self.excerpt,
            ranges: self.ranges.into_iter().map(|(start, end)| TextRange { start, end }).collect(),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many entries match, as far as was looked.
    pub total: u64,
    /// Whether there are, or may be, more than that.
    pub more: bool,
    /// The first of them: title hits, then the rest, newest first.
    pub hits: Vec<Hit>,
}

/// Searches what is indexed, as it is on the day `today`, for at most `limit` hits.
pub fn find(tx: &mut SqliteTx<'_>, text: &str, limit: usize, today: Day) -> Result<Found> {
    let conn = tx.conn()?;
    let query = Query::parse(text);
    let prepare = |text: &str| conn.prepare_cached(text);
    let mut scan = Scan {
        matcher: Matcher::new(&query),
        rows: prepare("SELECT row FROM entries WHERE document = ?1")?,
        texts: prepare("SELECT projection FROM texts WHERE document = ?1")?,
        today,
        limit,
        page: Vec::new(),
    };
    let hidden = search::hidden(conn, today)?;
    let (total, more) = if query.needs_text() {
        let mut compared = Compared::default();
        search::newest(conn, (&query, true), &hidden, 0, |candidate| scan.compare(&mut compared, candidate, true))?;
        search::newest(conn, (&query, false), &hidden, 0, |candidate| scan.compare(&mut compared, candidate, false))?;
        for candidate in std::mem::take(&mut compared.elsewhere) {
            if compared.titles.contains_key(&candidate.document) {
                compared.total += 1;
                scan.show(candidate)?;
            }
        }
        (compared.total, compared.more)
    } else {
        let mut titles = Vec::new();
        if limit > 0 {
            search::newest(conn, (&query, true), &hidden, 0, |candidate| {
                titles.push(candidate.document);
                scan.show(candidate)
            })?;
        }
        titles.sort_unstable();
        let count = search::newest(conn, (&query, false), &hidden, COUNTED + 1, |candidate| {
            if scan.is_full() {
                return Ok(false);
            }
            if titles.binary_search(&candidate.document).is_ok() { Ok(true) } else { scan.show(candidate) }
        })?;
        (count.min(COUNTED), count > COUNTED)
    };
    Ok(Found { total, more, hits: scan.hits()? })
}

/// Which texts a search has read.
#[derive(Debug, Default)]
struct Compared {
    /// The entries with every word in their titles, and whether they match, but not in the title.
    titles: BTreeMap<i64, bool>,
    /// Those that do, newest first. They are shown among the others.
    elsewhere: Vec<Candidate>,
    entries: usize,
    bytes: usize,
    total: u64,
    more: bool,
}

struct Scan<'c, 'q> {
    matcher: Matcher<'q>,
    rows: CachedStatement<'c>,
    texts: CachedStatement<'c>,
    today: Day,
    limit: usize,
    page: Vec<(i64, ListRow)>,
}

impl Scan<'_, '_> {
    fn is_full(&self) -> bool {
        self.page.len() >= self.limit
    }

    /// Puts an entry on the page. Answers whether there is room for another.
    fn show(&mut self, candidate: Candidate) -> Result<bool> {
        if !self.is_full() {
            let row: Option<Vec<u8>> = self.rows.query_row([candidate.document], |row| row.get(0)).optional()?;
            // A list row may be newer than what search knows of the entry.
            let row = row.and_then(|bytes| postcard::from_bytes::<ListRow>(&bytes).ok());
            let shown = |row: &ListRow| !row.trashed && !row.states_on(self.today).contains(&InnerState::Boxed);
            self.page.extend(row.filter(shown).map(|row| (candidate.document, row)));
        }
        Ok(!self.is_full())
    }

    /// Reads an entry's text and shows it where it belongs: among the hits in titles, which are looked for first, or
    /// among the others. Answers whether another one may be read.
    fn compare(&mut self, compared: &mut Compared, candidate: Candidate, in_titles: bool) -> Result<bool> {
        let matches = match compared.titles.remove(&candidate.document) {
            Some(elsewhere) => elsewhere,
            None if compared.entries >= COMPARED || compared.bytes >= COMPARED_BYTES => {
                compared.more = true;
                return Ok(false);
            }
            None => {
                let Some(texts) = self.texts(candidate.document)? else { return Ok(true) };
                compared.entries += 1;
                compared.bytes += fields(&texts).map(|(_, text)| text.len()).sum::<usize>();
                let in_title = in_titles && self.matcher.matches([texts.title.as_str()]);
                let matches = in_title || self.matcher.matches(fields(&texts).map(|(_, text)| text));
                if in_titles {
                    compared.titles.insert(candidate.document, matches && !in_title);
                    if matches && !in_title {
                        compared.elsewhere.push(candidate);
                    }
                }
                if in_titles { in_title } else { matches }
            }
        };
        if matches {
            compared.total += 1;
            self.show(candidate)?;
        }
        Ok(true)
    }

    fn texts(&mut self, document: i64) -> Result<Option<Projection>> {
        let packed: Option<Vec<u8>> = self.texts.query_row([document], |row| row.get(0)).optional()?;
        packed.map(|packed| Projection::unpack(&packed)).transpose()
    }

    /// The page, with excerpts.
    fn hits(mut self) -> Result<Vec<Hit>> {
        std::mem::take(&mut self.page)
            .into_iter()
            .map(|(document, row)| {
                let texts = self.texts(document)?.unwrap_or_default();
                Ok(hit(row, &texts, &self.matcher))
            })
            .collect()
    }
}

fn fields(texts: &Projection) -> impl Iterator<Item = (&str, &str)> {
    // The body says more than the title does, so an excerpt is from the first other field that has a word.
    let parts = texts.parts.iter().map(|(field, text)| (field.as_str(), text.as_str()));
    parts.chain(std::iter::once(("title", texts.title.as_str())))
}

fn hit(row: ListRow, texts: &Projection, matcher: &Matcher<'_>) -> Hit {
    let place = fields(texts).map(|(field, text)| (field, text, matcher.find(text))).find(|(_, _, at)| !at.is_empty());
    let (field, (excerpt, ranges)) = match place {
        Some((field, text, found)) => (field.to_owned(), excerpt(text, &found)),
        None => (String::new(), (String::new(), Vec::new())),
    };
    Hit { entry: row.id, title: row.title, day: row.day, field, excerpt, ranges }
}

#[cfg(test)]
mod tests;
