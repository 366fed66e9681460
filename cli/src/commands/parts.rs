//! Changing an entry's parts and where it stands: reflections, items, marks, closing, the box, the trash, erasing.

use afterword_core::engine::Edited;
use afterword_core::error::{Code, Error};
use afterword_core::journal::edit::{Edit, Part, TextField};
use afterword_core::journal::{Boxed, ClosureKind, MarkGroup};
use afterword_core::time::{Clock, Day};

use super::context::{Context, SystemClock};
use super::entries::changed;
use super::text::{self, terminal, type_text};
use crate::args::{ItemAction, TextSource};
use crate::ask;
use crate::editor::Base;
use crate::json::Done;
use crate::output::{Failure, Outcome};

/// `reflect`.
pub(super) fn reflect(context: &Context, prefix: &str, text: Option<&str>) -> Outcome {
    let given = match text {
        Some("-") => Some(text::read(TextSource::Stdin)?),
        Some(text) => Some(text.to_owned()),
        None if terminal() => None,
        None => {
            return Err(Failure::usage(
                "no reflection was given, and there is no terminal for an editor",
                "give it as an argument, or as - on standard input",
            ));
        }
    };
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let (text, typed) = match given {
        Some(text) => (text, None),
        None => {
            let base = Base { entry: Some(id), heads: engine.show(id)?.heads };
            let typed = type_text(context, &base, "")?;
            (typed.text.trim_matches('\n').to_owned(), Some(typed))
        }
    };
    if text.trim().is_empty() {
        if let Some(typed) = typed {
            typed.saved()?;
        }
        return Err(empty("reflection").into());
    }
    let edited = engine.edit(id, &[Edit::AddReflection { day: SystemClock.today(), text }])?;
    if let Some(typed) = typed {
        typed.saved()?;
    }
    made(context, "Reflected on", edited)
}

fn empty(what: &str) -> Error {
    Error::invalid(format!("nothing was saved: the {what} is empty"), "write something, however short")
}

/// `item`.
pub(super) fn item(context: &Context, prefix: &str, action: &ItemAction) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let is_empty = |text: &str| text.trim().is_empty();
    let (did, item, edits) = match action {
        ItemAction::Add { text, .. } if is_empty(text) => return Err(empty("item").into()),
        ItemAction::Set { text: Some(text), .. } if is_empty(text) => {
            return Err(Error::invalid("an item can't be empty", "take it off the list with `item ID retire`").into());
        }
        ItemAction::Add { kind, text } => {
            let add = Edit::AddItem { kind: *kind, text: text.clone() };
            return made(context, "Added to", engine.edit(id, &[add])?);
        }
        ItemAction::Set { item, text, state, day } => {
            // Read before the item is looked up: a text is written on what its writer can have seen.
            let base = engine.show(id)?.heads;
            let item = engine.resolve_item(id, item)?;
            let text = text.clone().map(|text| Edit::SetText { field: TextField::Item(item), base, text });
            let state = state.map(|state| Edit::SetItemState(item, Some(state)));
            let day = day.map(|day| Edit::SetItemDay(item, Some(day)));
            ("Changed in", item, [text, state, day].into_iter().flatten().collect())
        }
        ItemAction::Retire { item } => {
            let item = engine.resolve_item(id, item)?;
            ("Retired from", item, vec![Edit::RetireItem(item)])
        }
    };
    changed(context, did, engine.edit(id, &edits)?, Some(Part::Item(item)))
}

/// Does one thing to an entry and answers what came of it.
fn one(context: &Context, prefix: &str, did: &str, edit: Edit) -> Outcome {
    let engine = context.open()?;
    let edited = engine.edit(engine.resolve(prefix)?, &[edit])?;
    made(context, did, edited)
}

/// Prints the entry as a write left it, and the id of the part that it made.
fn made(context: &Context, did: &str, edited: Edited) -> Outcome {
    let part = edited.parts.first().copied();
    changed(context, did, edited, part)
}

/// `mark`.
pub(super) fn mark(context: &Context, prefix: &str, group: MarkGroup, word: &str, remove: bool) -> Outcome {
    let word = word.to_owned();
    match remove {
        true => one(context, prefix, "Unmarked", Edit::Unmark(group, word)),
        false => one(context, prefix, "Marked", Edit::Mark(group, word)),
    }
}

/// `close`.
pub(super) fn close(context: &Context, prefix: &str, kind: ClosureKind, note: &str) -> Outcome {
    one(context, prefix, "Closed", Edit::Close { day: SystemClock.today(), kind, note: note.to_owned() })
}

/// `reopen`.
pub(super) fn reopen(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    // Where an entry stands is what its last closure says.
    let closures = engine.show(id)?.closures;
    let last = closures.last().filter(|closure| closure.reopened.is_none()).ok_or_else(|| {
        Error::new(Code::Invalid, "this entry is not closed", "see where it stands with `afterword show`")
    })?;
    let edited = engine.edit(id, &[Edit::Reopen { closure: last.id, day: SystemClock.today() }])?;
    changed(context, "Reopened", edited, Some(Part::Closure(last.id)))
}

/// `box`.
pub(super) fn put_in_box(context: &Context, prefix: &str, until: Option<Day>) -> Outcome {
    one(context, prefix, "Boxed", Edit::Box(until.map_or(Boxed::ByHand, Boxed::Until)))
}

/// `unbox`.
pub(super) fn unbox(context: &Context, prefix: &str) -> Outcome {
    one(context, prefix, "Out of its box", Edit::Unbox)
}

/// `trash` and `untrash`.
pub(super) fn trash(context: &Context, prefix: &str, away: bool) -> Outcome {
    one(context, prefix, if away { "Put away" } else { "Brought back" }, Edit::SetTrashed(away))
}

/// `erase`.
pub(super) fn erase(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let title = engine.row(id)?.map(|row| row.title).unwrap_or_default();
    let title = engine.people()?.shown(&title);
    // Said to who is there to read it, and never part of an error.
    if !context.yes && ask::somebody() && !title.is_empty() {
        context.out.note(&title);
    }
    ask::confirm("Destroy this entry on every device, for ever?", context.yes)?;
    engine.erase(id)?;
    context.out.note("Your other devices destroy it when they next sync.");
    context.out.answer(&Done::to(id), |_| format!("Erased  {:.8}\n", id.to_string()))
}
