//! G5: an edit of 22 characters, until it is durable: in an entry just edited, and in entries that nobody has opened.

use std::time::{Duration, Instant};

use afterword_core::engine::Engine;
use afterword_core::error::{Error, Result};
use afterword_core::id::{ChangeHash, EntryId};
use afterword_core::journal::edit::{Edit, TextField};
use bench_common::corpus::EDIT;
use bench_common::{Run, since, timed};

use super::device::{Device, Filled};

const WARM: usize = 200;
const COLD: usize = 100;
const LIMIT: Duration = Duration::from_secs(10);

/// Saves of both kinds, and how long until the last is found by a search.
pub(crate) fn measure(run: &Run, host: &Device, filled: &Filled) -> Result<()> {
    run.step("saving edits");
    let engine = host.open()?;
    let last = *filled.ids.last().ok_or_else(|| Error::internal("there is no entry to edit"))?;
    insert(&engine, last, 10)?;
    for number in 0..WARM {
        let edit = inserting(&engine, last, 10 + number, EDIT)?;
        let (saved, took) = timed(|| engine.edit(last, &[edit]));
        saved?;
        run.add("save_warm", "ms", took);
    }
    let step = filled.ids.len().div_ceil(COLD).max(1);
    for id in filled.ids.iter().step_by(step) {
        let edit = inserting(&engine, *id, 30, EDIT)?;
        let (saved, took) = timed(|| engine.edit(*id, &[edit]));
        saved?;
        run.add("save_cold", "ms", took);
    }
    for number in 0..20_u32 {
        let word = format!("unheardof{}", char::from(b'a' + (number % 26) as u8));
        let started = Instant::now();
        engine.edit(last, &[inserting(&engine, last, 0, &format!("{word} "))?])?;
        while engine.search(&word, 5)?.hits.iter().all(|hit| hit.id != last) {
            if started.elapsed() > LIMIT {
                run.missing("edit_found", "a saved edit was not found within 10 s");
                return engine.close();
            }
        }
        run.add("edit_found", "ms", since(started));
    }
    engine.close()
}

/// The edit that all programs make, at the character `at` of the body. Answers the entry's heads.
pub(crate) fn insert(engine: &Engine, id: EntryId, at: usize) -> Result<Vec<ChangeHash>> {
    Ok(engine.edit(id, &[inserting(engine, id, at, EDIT)?])?.heads)
}

/// An edit that puts `text` at the character `at` of the body as it reads now.
fn inserting(engine: &Engine, id: EntryId, at: usize, text: &str) -> Result<Edit> {
    let entry = engine.show(id)?;
    let mut body = entry.body;
    let at = body.char_indices().nth(at).map_or(body.len(), |(at, _)| at);
    body.insert_str(at, text);
    Ok(Edit::SetText { field: TextField::Body, base: entry.heads, text: body })
}
