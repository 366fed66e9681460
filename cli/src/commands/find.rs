//! Finding entries and earlier readings: `list`, `search`, `history`, `restore`.

use std::collections::BTreeMap;

use afterword_core::engine::{Engine, Listed};
use afterword_core::error::{Code, Error};
use afterword_core::id::{ChangeHash, EntryId};
use afterword_core::journal::Audience;
use afterword_core::store::derived::{Cursor, Filter, ListRow};
use afterword_core::time::{Clock, Day};

use super::context::{Context, SystemClock};
use super::entries::changed;
use crate::args;
use crate::human::{self, Style};
use crate::json::{Head, History, Hit, List, Reading, Row, Search, state_word};
use crate::output::{Failure, Outcome};

/// `list`.
pub(super) fn list(context: &Context, list: &args::List) -> Outcome {
    let today = SystemClock.today();
    let filter = Filter {
        from: list.from,
        to: list.to,
        kind: list.kind,
        state: list.state.map(|state| (state, today)),
        trashed: list.trash,
    };
    let after = list.after.as_deref().map(Cursor::parse).transpose().map_err(Failure::Usage)?;
    let engine = context.open()?;
    let listed = engine.list(&filter, list.limit, after.as_ref())?;
    let value = List {
        entries: listed.page.rows.iter().map(|row| row_json(row, &listed, today)).collect(),
        next: listed.page.next.as_ref().map(Cursor::to_text),
        unread: listed.unread,
        too_large: listed.too_large.iter().map(ToString::to_string).collect(),
    };
    let all = Filter::default() == filter && after.is_none();
    context.out.answer(&value, |value| {
        // "Nothing here yet" is only true of the whole journal.
        if value.entries.is_empty() && value.unread == 0 && value.too_large.is_empty() && !all {
            return "No such entries.\n".to_owned();
        }
        human::list(value, Style::here())
    })
}

fn row_json(row: &ListRow, listed: &Listed, today: Day) -> Row {
    Row {
        head: Head {
            id: row.id.to_string(),
            kind: row.kind.as_str(),
            title: listed.people.shown(&row.title),
            day: row.day.to_string(),
            created_at: row.created_at.to_rfc3339(),
            updated_at: row.updated_at.to_rfc3339(),
            states: row.states_on(today).into_iter().map(state_word).collect(),
            audience: Audience::Private,
            words: row.words,
            arriving: listed.page.arriving.contains(&row.id),
        },
        attachments: row.attachments,
    }
}

/// `search`.
pub(super) fn search(context: &Context, query: &[String], limit: usize) -> Outcome {
    let query = query.join(" ");
    let engine = context.open()?;
    let searched = engine.search(&query, limit)?;
    let hits = searched.found.hits.into_iter().map(|hit| Hit {
        id: hit.entry.to_string(),
        title: searched.people.shown(&hit.title),
        day: hit.day.to_string(),
        field: hit.field,
        excerpt: hit.excerpt,
        ranges: hit.ranges.into_iter().map(|(from, to)| [from, to]).collect(),
    });
    let (total, more) = (searched.found.total, searched.found.more);
    let too_large = searched.too_large.iter().map(ToString::to_string).collect();
    let value = Search { query, total, more, unread: searched.unread, too_large, hits: hits.collect() };
    context.out.answer(&value, |value| human::search(value, Style::here()))
}

/// `history`: newest first. Programs get the device's id, people its name.
pub(super) fn history(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let readings = engine.history(engine.resolve(prefix)?)?;
    let names: BTreeMap<_, _> = engine.devices()?.into_iter().map(|row| (row.id, row.name)).collect();
    let value = |named: bool| History {
        readings: readings
            .iter()
            .rev()
            .map(|shown| {
                let name = names.get(&shown.device).filter(|_| named);
                let device = name.cloned().unwrap_or_else(|| shown.device.to_string());
                let reading = &shown.reading;
                Reading::new(&reading.heads, reading.at, Some(device), reading.fields.clone())
            })
            .collect(),
    };
    context.out.answer(&value(!context.out.is_json()), |value| human::history(value, Style::here()))
}

/// `restore`.
pub(super) fn restore(context: &Context, prefix: &str, at: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let written = engine.restore(id, &heads(&engine, id, at)?)?;
    changed(context, "Restored", written, None)
}

/// Heads joined by commas, each whole or as much of it as only one change of the entry begins with.
fn heads(engine: &Engine, id: EntryId, text: &str) -> Outcome<Vec<ChangeHash>> {
    let mut known: Option<Vec<String>> = None;
    let mut one = |word: &str| -> Outcome<ChangeHash> {
        if let Ok(whole) = word.parse() {
            return Ok(whole);
        }
        let hex = word.len() >= 4 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex {
            return Err(Failure::usage(
                "--at takes heads joined by commas",
                "copy them from `afterword history ID --json`",
            ));
        }
        let all = match &mut known {
            Some(all) => all,
            None => known.insert(engine.history(id)?.iter().map(|shown| shown.reading.hash.to_string()).collect()),
        };
        let mut found = all.iter().filter(|hash| hash.starts_with(word));
        match (found.next().and_then(|hash| hash.parse().ok()), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Error::new(
                Code::NotFound,
                format!("no reading of this entry has a head that begins with {word}"),
                "copy it from `afterword history ID`",
            )
            .into()),
            _ => Err(Error::new(
                Code::Ambiguous,
                format!("more than one head begins with {word}"),
                "give a few more characters of it",
            )
            .into()),
        }
    };
    text.split(',').map(|word| one(word.trim())).collect()
}
