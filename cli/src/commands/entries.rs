//! Writing an entry's texts and reading it: `write`, `today`, `edit`, `show`.

use afterword_core::engine::{Edited, Engine, StoredEntry};
use afterword_core::error::{Code, Error};
use afterword_core::id::{ChangeHash, EntryId};
use afterword_core::journal::edit::{Edit, Part, TextField};
use afterword_core::journal::templates::Template;
use afterword_core::journal::{self, Kind, MAIN_SECTION, NewEntry};
use afterword_core::time::Clock;

use super::context::{Context, SystemClock};
use super::text::{self, terminal, type_page};
use crate::args;
use crate::editing::Page;
use crate::editor::Base;
use crate::human::{self, Style};
use crate::json::{Changed, Show};
use crate::output::{Failure, Outcome};

/// Prints the entry as a write left it.
pub(super) fn changed(context: &Context, did: &str, edited: Edited, part: Option<Part>) -> Outcome {
    let value = Changed::new(edited, part);
    context.out.answer(&value, |value| human::changed(did, value))
}

/// `write`.
pub(super) fn write(context: &Context, write: &args::Write) -> Outcome {
    let template = write.template.as_deref().map(Template::named).transpose().map_err(Failure::Usage)?;
    let mut page = Page {
        title: write.title().unwrap_or_default().to_owned(),
        body: write.source().map(text::read).transpose()?.unwrap_or_default(),
        sections: template.map(Template::sections).unwrap_or_default(),
    };
    let blank = page.is_empty() && page.sections.is_empty();
    if blank && write.source().is_some() {
        return Err(nothing().into());
    }
    let opens = write.wants_editor() && terminal();
    if blank && !opens {
        return Err(Failure::usage(
            "nothing to write: no title and no text were given, and there is no terminal for an editor",
            "give a title, or a text with --body TEXT, --file FILE or -",
        ));
    }
    let engine = context.open()?;
    let kind = write.kind.or(template.map(|template| template.kind)).unwrap_or(Kind::Failure);
    let new =
        |page: Page| NewEntry { kind, title: page.title, body: page.body, sections: page.sections, happened: write.on };
    if !opens {
        if write.edit {
            context.out.note("There is no terminal for an editor here; what was given is saved.");
        }
        return changed(context, "Saved", engine.create_entry(new(page))?, None);
    }
    // One that was asked for with a title or prompts is an entry although nothing more was typed.
    let asked = !blank;
    let (shown, typed) = type_page(context, &Base { entry: None, heads: Vec::new() }, page)?;
    page = typed.text.clone();
    // Prompts that the editor could not show are still the template's.
    if shown.sections.is_empty() && page.sections.is_empty() {
        page.sections = template.map(Template::sections).unwrap_or_default();
    }
    if page.is_empty() && !asked {
        typed.saved()?;
        return Err(nothing().into());
    }
    let written = engine.create_entry(new(page))?;
    typed.saved()?;
    changed(context, "Saved", written, None)
}

fn nothing() -> Error {
    Error::new(Code::Cancelled, "nothing was saved: there is no title and no text", "write something, however short")
}

/// `today`.
pub(super) fn today(context: &Context) -> Outcome {
    let engine = context.open()?;
    let day = SystemClock.today();
    if let Some(id) = engine.entry_on(day)? {
        if terminal() {
            return edit_on_screen(context, &engine, id, None);
        }
        let shown = engine.stored_entry(id)?;
        return changed(context, "Today", unchanged(&shown), None);
    }
    let new = |page: Page| NewEntry {
        kind: Kind::Note,
        title: page.title,
        body: page.body,
        sections: Vec::new(),
        happened: Some(day),
    };
    if !terminal() {
        return changed(context, "Begun", engine.create_entry(new(Page::default()))?, None);
    }
    let (_, typed) = type_page(context, &Base { entry: None, heads: Vec::new() }, Page::default())?;
    if typed.text.is_empty() {
        typed.saved()?;
        return Err(nothing().into());
    }
    let written = engine.create_entry(new(typed.text.clone()))?;
    typed.saved()?;
    changed(context, "Saved", written, None)
}

/// The entry as a write would return it that changed nothing.
fn unchanged(shown: &StoredEntry) -> Edited {
    let StoredEntry { entry, people, .. } = shown;
    let title = people.shown(&entry.title);
    Edited { id: entry.id, kind: entry.kind, title, heads: entry.heads.clone(), parts: Vec::new() }
}

/// `edit`.
pub(super) fn edit(context: &Context, edit: &args::Edit) -> Outcome {
    if edit.wants_editor() && !terminal() {
        return Err(Failure::usage(
            "nothing to change: no title and no text were given, and there is no terminal for an editor",
            "give --title T, or a text with --body TEXT, --file FILE or -",
        ));
    }
    let body = edit.source().map(text::read).transpose()?;
    let base = edit.base.as_deref().map(full_heads).transpose()?;
    let engine = context.open()?;
    let id = engine.resolve(&edit.id)?;
    if edit.wants_editor() {
        return edit_on_screen(context, &engine, id, base);
    }
    // Without a base the texts that stand there now are replaced, and their heads are named: what another program saves
    // between the reading and the write stays, as if it came after.
    let base = base.map_or_else(|| Ok(engine.show(id)?.heads), Ok::<_, Error>)?;
    let set = |field, text: Option<String>| text.map(|text| Edit::SetText { field, base: base.clone(), text });
    let edits: Vec<Edit> =
        set(TextField::Title, edit.title.clone()).into_iter().chain(set(TextField::Body, body)).collect();
    changed(context, "Saved", engine.edit(id, &edits)?, None)
}

/// Heads as `show` gives them, whole.
fn full_heads(text: &str) -> Outcome<Vec<ChangeHash>> {
    text.split(',').map(|head| head.trim().parse()).collect::<Result<_, _>>().map_err(|_| {
        Failure::usage(
            "--base takes full heads joined by commas",
            "copy them from the `heads` of `afterword show ID --json`",
        )
    })
}

/// Opens the editor on an entry's texts. What a sync brings in meanwhile stays: the base is what was read here.
fn edit_on_screen(context: &Context, engine: &Engine, id: EntryId, base: Option<Vec<ChangeHash>>) -> Outcome {
    let shown = match base {
        None => engine.stored_entry(id)?,
        Some(heads) => engine.stored_entry_at(id, &heads)?,
    };
    let (entry, people) = (&shown.entry, &shown.people);
    let others: Vec<_> = entry.sections.iter().filter(|section| section.id != MAIN_SECTION).collect();
    let page = Page {
        title: people.shown(&entry.title),
        body: people.shown(main_text(entry)),
        sections: others.iter().map(|s| (s.prompt.clone(), people.shown(&s.text))).collect(),
    };
    let heads = entry.heads.clone();
    let (given, typed) = type_page(context, &Base { entry: Some(id), heads: heads.clone() }, page)?;
    if typed.text == given {
        typed.saved()?;
        return changed(context, "Unchanged", unchanged(&shown), None);
    }
    let new = typed.text.clone();
    let sections = others.iter().zip(&given.sections).zip(&new.sections);
    let texts = [(TextField::Title, &given.title, &new.title), (TextField::Body, &given.body, &new.body)]
        .into_iter()
        .chain(sections.map(|((section, (_, old)), (_, text))| (TextField::Section(section.id), old, text)));
    let edits: Vec<Edit> = texts
        .filter(|(_, old, text)| old != text)
        .map(|(field, _, text)| Edit::SetText { field, base: heads.clone(), text: text.clone() })
        .collect();
    let edited = engine.edit_shown(id, &edits, people)?;
    typed.saved()?;
    changed(context, "Saved", edited, None)
}

fn main_text(entry: &journal::Entry) -> &str {
    entry.sections.iter().find(|section| section.id == MAIN_SECTION).map_or("", |section| &section.text)
}

/// `show`.
pub(super) fn show(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let entry = engine.show(engine.resolve(prefix)?)?;
    if entry.unreadable > 0 {
        context.out.note(&format!("{} changes can't be read yet; they are kept.", entry.unreadable));
    }
    context.out.answer(&Show { entry }, |value| human::show(value, Style::here()))
}
