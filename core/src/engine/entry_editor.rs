//! Typing: what is typed is a draft, durable within a second, and becomes one change when the writer pauses.
//!
//! An editor holds what was typed into the texts of one entry, each on the heads that its writer saw. A thread of its
//! own, started by the first letter, writes drafts into the store and, after a rest, all of them as one change. What a
//! sync brought meanwhile is merged then, never overwritten; [`EntryEditor::take_in`] gives the merged text and where the
//! cursor went. A killed program's drafts are found by the next editor of the entry.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::deriving::derive_soon;
use super::open_journal::lock;
use super::write::{Edited, Files, is_base};
use super::{Engine, StoredEntry};
use crate::error::{Code, Error, Result};
use crate::id::{ChangeHash, EntryId};
use crate::journal::diff::splices;
use crate::journal::edit::{Edit, TextField};
use crate::store::sqlite::Draft;

/// How long what was typed is only in memory.
const DURABLE: Duration = Duration::from_millis(400);
/// A rest this long ends a stretch of typing.
const IDLE_DELAY: Duration = Duration::from_secs(2);

/// One text as its writer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorText {
    /// Which text.
    pub field: TextField,
    /// The heads that a change of it names as its base.
    pub heads: Vec<ChangeHash>,
    /// What it says, people as `@Name`: what was typed, if that is no change yet.
    pub text: String,
    /// Whether it is a draft.
    pub is_draft: bool,
}

/// What a text says once everything is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The text and its heads.
    pub text: EditorText,
    /// Where the cursor is now, in code points.
    pub cursor: usize,
    /// Whether it says anything else than what was typed.
    pub changed: bool,
}

/// What stands in a writer's window, and the heads it was given with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    heads: Vec<ChangeHash>,
    text: String,
}

#[derive(Debug, Clone)]
struct Typed {
    draft: Draft,
    window: Window,
    /// When the last letter came.
    at: Instant,
    is_durable: bool,
}

/// A text that was saved while its window still shows it as it was typed.
#[derive(Debug)]
struct Saved {
    window: Window,
    /// The text as it is since.
    now: Window,
}

#[derive(Debug, Default)]
struct Desk {
    typed: BTreeMap<TextField, Typed>,
    saved: BTreeMap<TextField, Saved>,
    /// A thread writes what is typed. There is none while nothing is.
    has_thread: bool,
    closed: bool,
}

/// The texts of one entry while they are written.
#[derive(Debug)]
pub struct EntryEditor {
    engine: Arc<Engine>,
    id: EntryId,
    desk: Mutex<Desk>,
    /// One of them writes at a time.
    writing: Mutex<()>,
    woken: Condvar,
}

fn closed() -> Error {
    Error::new(Code::Refused, "this editor is closed", "open the entry again").about("closed")
}

impl Engine {
    /// Begins to edit an entry: what was typed and never became a change is there again.
    pub fn editor(self: &Arc<Self>, id: EntryId) -> Result<Arc<EntryEditor>> {
        let shown = self.stored_entry(id)?;
        let drafts = self.shared.store.read_sql(|tx| tx.drafts(id))?;
        let mut desk = Desk::default();
        for draft in drafts {
            // A text that is gone can't be written to; its draft stays in the store.
            if draft.field.of(&shown.entry).is_some() {
                let window = Window { heads: draft.base.clone(), text: draft.text.clone() };
                desk.typed.insert(draft.field, Typed { draft, window, at: Instant::now(), is_durable: true });
            }
        }
        let editor = Arc::new(EntryEditor {
            engine: self.clone(),
            id,
            desk: Mutex::new(desk),
            writing: Mutex::default(),
            woken: Condvar::new(),
        });
        self.shared.bus().watch(id);
        lock(&self.editors).push(Arc::downgrade(&editor));
        Ok(editor)
    }

    /// Everything that is typed anywhere becomes changes: before a sync, and when the writer leaves. The first error is
    /// told once all were tried; what could not be saved stays a draft.
    pub fn save_drafts(&self) -> Result<()> {
        let editors: Vec<_> = {
            let mut editors = lock(&self.editors);
            editors.retain(|editor| editor.strong_count() > 0);
            editors.iter().filter_map(Weak::upgrade).collect()
        };
        let saved: Vec<_> = editors.iter().map(|editor| editor.save().map(drop)).collect();
        saved.into_iter().collect()
    }
}

impl EntryEditor {
    /// The entry.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// Every text of the entry that can be written, drafts in the place of what is saved.
    pub fn texts(&self) -> Result<Vec<EditorText>> {
        let shown = self.engine.stored_entry(self.id)?;
        let desk = lock(&self.desk);
        let fields = fields(&shown);
        Ok(fields.into_iter().map(|field| self.text_of(&desk, &shown, field)).collect())
    }

    fn text_of(&self, desk: &Desk, shown: &StoredEntry, field: TextField) -> EditorText {
        match desk.typed.get(&field) {
            Some(Typed { draft, .. }) => {
                EditorText { field, heads: draft.base.clone(), text: draft.text.clone(), is_draft: true }
            }
            None => {
                let text = shown.people.shown(field.of(&shown.entry).unwrap_or_default());
                EditorText { field, heads: shown.entry.heads.clone(), text, is_draft: false }
            }
        }
    }

    /// A text as it is now typed, on the heads that its writer saw it at. It is durable within a second, and a change
    /// once nothing more is typed for two. While the journal is paused it is kept in memory.
    pub fn type_text(self: &Arc<Self>, field: TextField, base: &[ChangeHash], text: &str) -> Result<()> {
        let mut desk = lock(&self.desk);
        if desk.closed {
            return Err(closed());
        }
        is_base(base, "typed")?;
        let window = Window { heads: base.to_vec(), text: text.to_owned() };
        let draft = match (desk.typed.remove(&field), desk.saved.get(&field)) {
            (Some(before), _) => Draft { text: rebased(&before.window.text, text, &before.draft.text), ..before.draft },
            // Saved meanwhile, and the window does not know it yet.
            (None, Some(Saved { window, now })) if window.heads == base => {
                Draft { field, base: now.heads.clone(), text: rebased(&window.text, text, &now.text) }
            }
            (None, _) => Draft { field, base: base.to_vec(), text: text.to_owned() },
        };
        desk.typed.insert(field, Typed { draft, window, at: Instant::now(), is_durable: false });
        if !desk.has_thread {
            let mine = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("afterword-typing".to_owned());
            desk.has_thread = thread.spawn(move || attend(&mine)).is_ok();
        }
        self.woken.notify_all();
        Ok(())
    }

    /// Makes what was typed durable, as drafts.
    pub fn keep(&self) -> Result<()> {
        let _writing = lock(&self.writing);
        let drafts: Vec<Draft> = {
            let desk = lock(&self.desk);
            desk.typed.values().filter(|typed| !typed.is_durable).map(|typed| typed.draft.clone()).collect()
        };
        if drafts.is_empty() {
            return Ok(());
        }
        let shared = &self.engine.shared;
        let at = shared.clock.now();
        shared.store.write_sql(|tx| drafts.iter().try_for_each(|draft| tx.put_draft(self.id, draft, at)))?;
        derive_soon(shared);
        let mut desk = lock(&self.desk);
        for draft in drafts {
            // What was typed meanwhile is not in it.
            if let Some(typed) = desk.typed.get_mut(&draft.field).filter(|typed| typed.draft == draft) {
                typed.is_durable = true;
            }
        }
        Ok(())
    }

    /// Makes one change of everything that was typed. Nothing where nothing was.
    pub fn save(&self) -> Result<Option<Edited>> {
        let _writing = lock(&self.writing);
        let typed: Vec<Typed> = lock(&self.desk).typed.values().cloned().collect();
        if typed.is_empty() {
            return Ok(None);
        }
        let edits: Vec<Edit> = typed
            .iter()
            .map(|Typed { draft: Draft { field, base, text }, .. }| Edit::SetText {
                field: *field,
                base: base.clone(),
                text: text.clone(),
            })
            .collect();
        let (now, edited) = self.engine.write(self.id, |write| {
            let now = write.edit(&edits, Files::default())?;
            write.drop_drafts(typed.iter().map(|typed| typed.draft.field))?;
            Ok(now)
        })?;
        let mut desk = lock(&self.desk);
        for (before, text) in typed.into_iter().zip(now) {
            let field = before.draft.field;
            let now = Window { heads: edited.heads.clone(), text };
            match desk.typed.remove(&field) {
                // Typed meanwhile: what was saved is not typed a second time.
                Some(later) if later.draft != before.draft => {
                    let text = rebased(&before.draft.text, &later.draft.text, &now.text);
                    let draft = Draft { field, base: now.heads.clone(), text };
                    desk.typed.insert(field, Typed { draft, is_durable: false, ..later });
                }
                _ => {}
            }
            desk.saved.insert(field, Saved { window: before.window, now });
        }
        drop(desk);
        Ok(Some(edited))
    }

    /// What a text says with everything that came meanwhile, after what was typed was saved, and where a cursor that
    /// stood at `cursor` in it is now: behind the same letters.
    pub fn take_in(&self, field: TextField, cursor: usize) -> Result<Merged> {
        let before = {
            let desk = lock(&self.desk);
            let typed = desk.typed.get(&field).map(|typed| &typed.window);
            typed.or(desk.saved.get(&field).map(|saved| &saved.window)).map(|window| window.text.clone())
        };
        self.save()?;
        let shown = self.engine.stored_entry(self.id)?;
        let text = self.text_of(&lock(&self.desk), &shown, field);
        let before = before.unwrap_or_else(|| text.text.clone());
        let cursor = moved(&before, &text.text, cursor);
        Ok(Merged { cursor, changed: before != text.text, text })
    }

    /// Saves what was typed and ends the editor. A second time does nothing.
    pub fn close(&self) -> Result<Option<Edited>> {
        if lock(&self.desk).closed {
            return Ok(None);
        }
        let saved = self.save();
        self.end();
        saved
    }

    fn end(&self) {
        let mut desk = lock(&self.desk);
        if !desk.closed {
            desk.closed = true;
            self.engine.shared.bus().unwatch(self.id);
            self.woken.notify_all();
        }
    }
}

impl Desk {
    /// When something is to be done next: a draft written, or, once nothing more is typed anywhere, a change made.
    fn due(&self) -> Option<Instant> {
        let drafts = self.typed.values().filter(|typed| !typed.is_durable).map(|typed| typed.at + DURABLE).min();
        drafts.into_iter().chain(self.rested()).min()
    }

    /// When the writer has rested from every text.
    fn rested(&self) -> Option<Instant> {
        self.typed.values().map(|typed| typed.at + IDLE_DELAY).max()
    }
}

impl Drop for EntryEditor {
    fn drop(&mut self) {
        // An app that lets go of an editor without closing it loses no letter.
        let _ = self.keep();
        self.end();
    }
}

/// An editor's thread: until nothing is typed that is no change yet, or the editor is closed or dropped.
fn attend(editor: &Weak<EntryEditor>) {
    while let Some(editor) = editor.upgrade() {
        let rests = {
            let mut desk = lock(&editor.desk);
            let Some(due) = desk.due().filter(|_| !desk.closed) else {
                desk.has_thread = false;
                return;
            };
            let now = Instant::now();
            if due > now {
                // So long at most, that an editor which is let go of meanwhile ends.
                let wait = (due - now).min(DURABLE);
                let _ = editor.woken.wait_timeout(desk, wait).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            desk.rested().is_none_or(|rested| rested <= now)
        };
        let done = editor.keep().and_then(|()| if rests { editor.save().map(drop) } else { Ok(()) });
        if let Err(error) = done {
            // Paused, or the disk is full: it is tried again until it is not, and closing tells.
            tracing::debug!(code = error.code.as_str(), "a draft could not be written");
            std::thread::sleep(DURABLE);
        }
    }
}

/// The texts that an entry has, as they are shown.
fn fields(shown: &StoredEntry) -> Vec<TextField> {
    let entry = &shown.entry;
    let sections = entry.sections.iter().filter(|section| !section.prompt.is_empty());
    let mut fields = vec![TextField::Title, TextField::Body];
    fields.extend(sections.map(|section| TextField::Section(section.id)));
    fields.extend(entry.items.iter().map(|item| TextField::Item(item.id)));
    fields.extend(entry.reflections.iter().map(|reflection| TextField::Reflection(reflection.id)));
    fields
}

/// What was typed from `from` to `to`, in a text that is `now` and once was `from`: both come together where they can.
fn rebased(from: &str, to: &str, now: &str) -> String {
    if from == now {
        return to.to_owned();
    }
    let mut chars: Vec<char> = now.chars().collect();
    // From the end on, so that places before stay what they are.
    for splice in splices(from, to).into_iter().rev() {
        let (start, end) = (moved(from, now, splice.range.start), moved(from, now, splice.range.end));
        chars.splice(start..end.max(start), splice.text.chars());
    }
    chars.into_iter().collect()
}

/// Where the place before the code point `cursor` of `old` is in `new`.
fn moved(old: &str, new: &str, cursor: usize) -> usize {
    let (mut place, mut shift) = (cursor.min(old.chars().count()), 0_isize);
    for splice in splices(old, new) {
        let came = splice.text.chars().count();
        if splice.range.end < place || (splice.range.end == place && !splice.range.is_empty()) {
            shift += came as isize - splice.range.len() as isize;
        } else if splice.range.start < place {
            // The letters around it are gone: it stands before what came in their place.
            place = splice.range.start;
            break;
        } else {
            break;
        }
    }
    place.saturating_add_signed(shift)
}

#[cfg(test)]
mod tests;
