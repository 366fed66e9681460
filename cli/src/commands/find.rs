//! Finding entries and earlier readings: `list`, `search`, `history`, `restore`.

use afterword_core::engine::Engine;
use afterword_core::error::{Code, Error};
use afterword_core::id::{ChangeHash, EntryId};
use afterword_core::store::read_model::{Cursor, Filter};

use super::context::Context;
use super::entries::changed;
use crate::args;
use crate::human::{self, Style};
use crate::json::Search;
use crate::output::{Failure, Outcome};

/// `list`.
pub(super) fn list(context: &Context, list: &args::List) -> Outcome {
    let filter = Filter { from: list.from, to: list.to, kind: list.kind, state: list.state, trashed: list.trash };
    let after = list.after.as_deref().map(Cursor::parse).transpose().map_err(Failure::Usage)?;
    let engine = context.open()?;
    let value = engine.list(&filter, list.limit, after.as_ref())?;
    let all = Filter::default() == filter && after.is_none();
    context.out.answer(&value, |value| {
        // "Nothing here yet" is only true of the whole journal.
        if value.entries.is_empty() && value.unread == 0 && value.too_large.is_empty() && !all {
            return "No such entries.\n".to_owned();
        }
        human::list(value, Style::here())
    })
}

/// `search`.
pub(super) fn search(context: &Context, query: &[String], limit: usize) -> Outcome {
    let query = query.join(" ");
    let engine = context.open()?;
    let found = engine.search(&query, limit)?;
    context.out.answer(&Search { query, found }, |value| human::search(value, Style::here()))
}

/// `history`.
pub(super) fn history(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let value = engine.history(engine.resolve(prefix)?)?;
    context.out.answer(&value, |value| human::history(value, Style::here()))
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
            None => {
                let readings = engine.history(id)?.readings;
                known.insert(readings.iter().flat_map(|reading| &reading.heads).map(ToString::to_string).collect())
            }
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
