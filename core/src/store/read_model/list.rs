//! List rows: what `list` shows of an entry, read without opening a document.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::error::{Advice, Code, Error, Result};
use crate::id::EntryId;
use crate::journal::{InnerState, Kind};
use crate::replication::ListRow;
use crate::store::sqlite::SqliteTx;
use crate::time::Day;

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this day on.
    pub from: Option<Day>,
    /// Up to this day, month or year.
    pub to: Option<Day>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this state, today.
    pub state: Option<InnerState>,
    /// Those put away, and no others.
    pub trashed: bool,
}

impl Filter {
    /// Whether it takes this row: what [`list_query`] asks of the table, and the state.
    fn takes(&self, row: &ListRow, today: Day) -> bool {
        let day = row.day.first();
        row.trashed == self.trashed
            && self.from.is_none_or(|from| day >= from.first())
            && self.to.is_none_or(|to| day <= to.last())
            && self.kind.is_none_or(|kind| row.kind == kind)
            && self.takes_state(row, today)
    }

    /// Whether it takes this row for its state, which has no column: a box opens on a day, and nothing is written then.
    fn takes_state(&self, row: &ListRow, today: Day) -> bool {
        self.state.is_none_or(|state| row.states_on(today).contains(&state))
    }
}

/// A place in a list: the row after which the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    day: String,
    created: i64,
    entry: EntryId,
}

impl Cursor {
    /// Returns the place behind this row.
    pub fn of(row: &ListRow) -> Self {
        Self { day: row.day.first().to_string(), created: row.created_at.0, entry: row.id }
    }

    /// One opaque word.
    pub fn to_text(&self) -> String {
        data_encoding::HEXLOWER.encode(&postcard::to_allocvec(self).unwrap_or_default())
    }

    /// The cursor that [`Cursor::to_text`] gave.
    pub fn parse(text: &str) -> Result<Self> {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| postcard::from_bytes(&bytes).ok())
            .ok_or_else(|| {
                Error::invalid("that is not a place in a list", "use the `next` of the page before").about("after")
            })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows, newest first.
    pub rows: Vec<ListRow>,
    /// Those of them that another device announced, and that are not read from their logs yet.
    pub arriving: BTreeSet<EntryId>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// The query for a page, and its values: one run of one index, in its order.
pub(crate) fn list_query(filter: &Filter, after: Option<&Cursor>) -> (String, Vec<Value>) {
    let mut query = String::from("SELECT row FROM entries WHERE trashed = ?1");
    let mut values: Vec<Value> = vec![i64::from(filter.trashed).into()];
    let mut add = |clause: &str, value: Value| {
        values.push(value);
        query.push_str(&clause.replace("??", &format!("?{}", values.len())));
    };
    if let Some(from) = filter.from {
        add(" AND day >= ??", from.first().to_string().into());
    }
    if let Some(to) = filter.to {
        add(" AND day <= ??", to.last().to_string().into());
    }
    if let Some(kind) = filter.kind {
        add(" AND kind = ??", kind.as_str().to_owned().into());
    }
    if let Some(after) = after {
        add(" AND (day, created, entry) < (??", after.day.clone().into());
        add(", ??", after.created.into());
        add(", ??)", after.entry.as_bytes().to_vec().into());
    }
    query.push_str(" ORDER BY day DESC, created DESC, entry DESC");
    (query, values)
}

/// Returns one page of entries as they are on the day `today`, newest first. Opens no document, whatever the journal's
/// size.
pub fn list(tx: &mut SqliteTx<'_>, filter: &Filter, today: Day, limit: usize, after: Option<&Cursor>) -> Result<Page> {
    let (query, values) = list_query(filter, after);
    let mut statement = tx.conn()?.prepare_cached(&query)?;
    let mut found = statement.query(params_from_iter(values))?;
    let (mut rows, mut more) = (Vec::new(), false);
    while let Some(found) = found.next()? {
        let row = decode(found.get_ref(0).and_then(|value| Ok(value.as_blob()?))?)?;
        if !filter.takes_state(&row, today) {
            continue;
        }
        if rows.len() == limit {
            more = true;
            break;
        }
        rows.push(row);
    }
    let next = if more { rows.last().map(Cursor::of) } else { None };
    Ok(Page { rows, arriving: BTreeSet::new(), next })
}

/// The same, with what is still arriving in its place among the rest. `live`: whether any of it is on its way.
pub fn list_arriving(
    tx: &mut SqliteTx<'_>,
    filter: &Filter,
    today: Day,
    limit: usize,
    after: Option<&Cursor>,
    live: bool,
) -> Result<Page> {
    let mut page = list(tx, filter, today, limit, after)?;
    let mut announced = tx.arriving_rows(live)?;
    announced.retain(|row| filter.takes(row, today) && after.is_none_or(|after| Cursor::of(row) < *after));
    if announced.is_empty() {
        return Ok(page);
    }
    page.arriving = announced.iter().map(|row| row.id).collect();
    page.rows.append(&mut announced);
    page.rows.sort_by_cached_key(|row| Reverse(Cursor::of(row)));
    if page.rows.len() > limit {
        page.rows.truncate(limit);
        page.next = page.rows.last().map(Cursor::of);
    }
    let shown: BTreeSet<EntryId> = page.rows.iter().map(|row| row.id).collect();
    page.arriving.retain(|entry| shown.contains(entry));
    Ok(page)
}

/// One entry's row.
pub fn row(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<Option<ListRow>> {
    tx.conn()?
        .prepare_cached("SELECT row FROM entries WHERE entry = ?1")?
        .query_row(params![entry.as_bytes()], |row| row.get::<_, Vec<u8>>(0))
        .optional()?
        .map(|bytes| decode(&bytes))
        .transpose()
}

fn decode(bytes: &[u8]) -> Result<ListRow> {
    postcard::from_bytes(bytes).map_err(|_| Error::new(Code::Corrupt, "a list row is damaged", Advice::Rebuild))
}

/// The entry whose id begins with `prefix`.
pub fn resolve(tx: &mut SqliteTx<'_>, prefix: &str) -> Result<EntryId> {
    let hex = !prefix.is_empty()
        && prefix.len() <= EntryId::LEN * 2
        && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !hex {
        return Err(Error::invalid(
            "an entry is named by the first characters of its id (0-9, a-f)",
            Advice::FindEntry,
        )
        .about("entry"));
    }
    let bound = |fill: &str| {
        let padded = format!("{prefix}{}", fill.repeat(EntryId::LEN * 2 - prefix.len()));
        data_encoding::HEXLOWER.decode(padded.as_bytes()).unwrap_or_default()
    };
    let mut statement = tx
        .conn()?
        .prepare_cached("SELECT entry FROM documents WHERE entry BETWEEN ?1 AND ?2 AND length(heads) > 0 LIMIT 4")?;
    let rows = statement.query_map(params![bound("0"), bound("f")], |row| row.get::<_, Vec<u8>>(0))?;
    let mut found = Vec::new();
    for row in rows {
        if let Some(entry) = EntryId::from_slice(&row?).filter(|entry| !entry.is_singleton()) {
            found.push(entry);
        }
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::new(Code::NotFound, format!("no entry's id begins with {prefix}"), Advice::FindEntry)),
        _ => Err(Error::new(
            Code::Ambiguous,
            format!("more than one entry's id begins with {prefix}"),
            "give a few more characters of it",
        )),
    }
}
