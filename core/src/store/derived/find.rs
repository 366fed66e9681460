//! Search: candidates from the index, compared with the texts where the query needs it, with excerpts.

use rusqlite::{OptionalExtension, params};

use super::documents::sql;
use super::list::ListRow;
use crate::error::Result;
use crate::id::EntryId;
use crate::journal::InnerState;
use crate::store::sqlite::{Projection, SqliteTx, search};
use crate::store::words::{Matcher, Query, excerpt};
use crate::time::Day;

/// At most this many candidates are compared with their texts; more than that is a question for a longer query.
const COMPARED: usize = 4096;

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

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many entries match, of those compared.
    pub total: u64,
    /// The first of them: title hits, then the rest, newest first.
    pub hits: Vec<Hit>,
}

/// Searches what is indexed. Entries that are put away or in their box on the day `today` are not found.
pub fn find(tx: &mut SqliteTx<'_>, text: &str, limit: usize, today: Day) -> Result<Found> {
    let query = Query::parse(text);
    let matcher = Matcher::new(&query);
    let mut found = Found { total: 0, hits: Vec::new() };
    for candidate in search::candidates(tx.conn()?, &query, COMPARED)? {
        let stored: Option<(Vec<u8>, Vec<u8>)> = tx
            .conn()?
            .prepare_cached(
                "SELECT entries.row, texts.projection FROM entries JOIN texts USING (document) WHERE document = ?1",
            )
            .and_then(|mut statement| {
                statement.query_row(params![candidate.row], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(sql)?;
        let Some((row, projection)) = stored else { continue };
        let Ok(row) = postcard::from_bytes::<ListRow>(&row) else { continue };
        if row.trashed || row.states_on(today).contains(&InnerState::Boxed) {
            continue;
        }
        let wanted = found.hits.len() < limit;
        if !wanted && !query.needs_text() {
            found.total += 1;
            continue;
        }
        let texts = Projection::unpack(&projection)?;
        if query.needs_text() && !matcher.matches(fields(&texts).map(|(_, text)| text)) {
            continue;
        }
        found.total += 1;
        if wanted {
            found.hits.push(hit(row, &texts, &matcher));
        }
    }
    Ok(found)
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
