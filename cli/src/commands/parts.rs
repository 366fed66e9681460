//! Changing an entry's parts and where it stands: reflections, items, marks, closing, the box, the trash, erasing.

use afterword_core::document::TextField;
use afterword_core::error::{Code, Error};
use afterword_core::journal::{Boxed, ClosureKind, MarkGroup};
use afterword_core::time::{Clock, Day};

use super::context::{Context, SystemClock};
use super::entries::changed;
use super::text::{self, terminal, type_text};
use crate::args::{ItemAction, TextSource};
use crate::ask;
use crate::editor::Base;
use crate::json::{Done, Part};
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
            let base = Base { entry: Some(id), heads: engine.show(id)?.entry.heads };
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
    let (reflection, written) = engine.edit_entry(id, |editor, _, people| {
        Ok(editor.add_reflection(SystemClock.today(), &people.stored(&text, ""))?)
    })?;
    if let Some(typed) = typed {
        typed.saved()?;
    }
    changed(context, "Reflected on", written, Some(reflection.into()))
}

fn empty(what: &str) -> Error {
    Error::invalid(format!("nothing was saved: the {what} is empty"), "write something, however short")
}

/// `item`.
pub(super) fn item(context: &Context, prefix: &str, action: &ItemAction) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let is_empty = |text: &str| text.trim().is_empty();
    let (item, did, written) = match action {
        ItemAction::Add { text, .. } if is_empty(text) => return Err(empty("item").into()),
        ItemAction::Set { text: Some(text), .. } if is_empty(text) => {
            return Err(Error::invalid("an item can't be empty", "take it off the list with `item ID retire`").into());
        }
        ItemAction::Add { kind, text } => {
            let (item, written) =
                engine.edit_entry(id, |editor, _, people| Ok(editor.add_item(*kind, &people.stored(text, ""))?))?;
            (item, "Added to", written)
        }
        ItemAction::Set { item, text, state, day } => {
            let item = engine.resolve_item(id, item)?;
            let ((), written) = engine.edit_entry(id, |editor, entry, people| {
                if let Some(text) = text {
                    let old = entry.items.iter().find(|known| known.id == item).map_or("", |known| &known.text);
                    editor.set_text(TextField::Item(item), &entry.heads, &people.stored(text, old))?;
                }
                if state.is_some() {
                    editor.set_item_state(item, *state)?;
                }
                if day.is_some() {
                    editor.set_item_day(item, *day)?;
                }
                Ok(())
            })?;
            (item, "Changed in", written)
        }
        ItemAction::Retire { item } => {
            let item = engine.resolve_item(id, item)?;
            let ((), written) = engine.edit_entry(id, |editor, _, _| Ok(editor.retire_item(item)?))?;
            (item, "Retired from", written)
        }
    };
    changed(context, did, written, Some(item.into()))
}

/// `mark`.
pub(super) fn mark(context: &Context, prefix: &str, group: MarkGroup, word: &str, remove: bool) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let ((), written) = engine.edit_entry(id, |editor, _, _| {
        Ok(if remove { editor.unmark(group, word) } else { editor.mark(group, word) }?)
    })?;
    changed(context, if remove { "Unmarked" } else { "Marked" }, written, None)
}

/// `close`.
pub(super) fn close(context: &Context, prefix: &str, kind: ClosureKind, note: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let (closure, written) = engine.edit_entry(id, |editor, _, people| {
        Ok(editor.add_closure(SystemClock.today(), kind, &people.stored(note, ""))?)
    })?;
    changed(context, "Closed", written, Some(Part::from(closure)))
}

/// `reopen`.
pub(super) fn reopen(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let (closure, written) = engine.edit_entry(id, |editor, entry, _| {
        // Where an entry stands is what its last closure says.
        let last = entry.closures.last().filter(|closure| closure.reopened.is_none()).ok_or_else(|| {
            Error::new(Code::Invalid, "this entry is not closed", "see where it stands with `afterword show`")
        })?;
        editor.reopen(last.id, SystemClock.today())?;
        Ok(last.id)
    })?;
    changed(context, "Reopened", written, Some(Part::from(closure)))
}

/// `box`.
pub(super) fn put_in_box(context: &Context, prefix: &str, until: Option<Day>) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let until = until.map_or(Boxed::ByHand, Boxed::Until);
    let ((), written) = engine.edit_entry(id, |editor, _, _| Ok(editor.set_box(until)?))?;
    changed(context, "Boxed", written, None)
}

/// `unbox`.
pub(super) fn unbox(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let ((), written) = engine.edit_entry(id, |editor, _, _| Ok(editor.unbox()?))?;
    changed(context, "Out of its box", written, None)
}

/// `trash` and `untrash`.
pub(super) fn trash(context: &Context, prefix: &str, away: bool) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let ((), written) = engine.edit_entry(id, |editor, _, _| Ok(editor.set_trashed(away)?))?;
    changed(context, if away { "Put away" } else { "Brought back" }, written, None)
}

/// `erase`.
pub(super) fn erase(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let title = engine.row(id)?.map(|row| row.title).unwrap_or_default();
    let title = engine.people()?.shown(&title);
    let name = if title.is_empty() { format!("{:.8}", id.to_string()) } else { format!("\"{title}\"") };
    ask::confirm(&format!("Destroy {name} on every device, for ever?"), context.yes)?;
    engine.erase(id)?;
    context.out.note("Your other devices destroy it when they next sync.");
    context.out.answer(&Done::to(id), |_| format!("Erased  {:.8}\n", id.to_string()))
}
