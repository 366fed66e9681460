//! Commands about entries.

use afterword_core::engine::{Shown, Written};
use afterword_core::journal::people::People;
use afterword_core::journal::{Kind, NewEntry};
use afterword_core::time::Clock;

use super::context::{Context, SystemClock};
use crate::args::Write;
use crate::human::{self, Style};
use crate::json::{Changed, Entry, Names, Part, Show};
use crate::output::Outcome;

/// Names for tokens, from the journal's people.
#[derive(Debug)]
pub(super) struct Known<'a>(pub(super) &'a People);

impl Names for Known<'_> {
    fn shown(&self, text: &str) -> String {
        self.0.shown(text)
    }

    fn name(&self, token: &str) -> Option<String> {
        self.0.get(token).map(|person| person.name.clone())
    }
}

/// Answers what a write came to.
pub(super) fn changed(context: &Context, did: &str, written: Written, part: Option<Part>) -> Outcome {
    let value = Changed::new(written.id, written.kind, written.title, &written.heads, part);
    context.out.answer(&value, |value| human::changed(did, value))
}

/// `write`.
pub(super) fn write(context: &Context, write: &Write) -> Outcome {
    let engine = context.open()?;
    let written = engine.create_entry(NewEntry {
        kind: write.kind.unwrap_or(Kind::Failure),
        title: write.title().unwrap_or_default().to_owned(),
        body: write.body.clone().unwrap_or_default(),
        sections: Vec::new(),
        happened: write.on,
    })?;
    changed(context, "Saved", written, None)
}

/// An entry in `show`'s shape.
pub(super) fn entry_json(shown: &Shown) -> Entry {
    let here = |id: &afterword_core::id::AttachmentId| {
        shown
            .entry
            .attachments
            .iter()
            .find(|attachment| attachment.id == *id)
            .is_some_and(|attachment| shown.here.iter().any(|(blob, here)| *blob == attachment.blob && *here))
    };
    Entry::new(&shown.entry, &Known(&shown.people), SystemClock.today(), &here)
}

/// `show`.
pub(super) fn show(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let shown = engine.show(engine.resolve(prefix)?)?;
    if shown.unreadable > 0 {
        context.out.note(&format!("{} changes can't be read yet; they are kept.", shown.unreadable));
    }
    context.out.answer(&Show { entry: entry_json(&shown) }, |value| human::show(value, Style::here()))
}
