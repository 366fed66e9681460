//! Whole-text writes: what a writer changed since the base, carried over to what the text is by now (trap i).
//!
//! The splices are computed between the text *at the base* and the new text, never against the current one. Each
//! element of the base text (Automerge's id of the character) is then looked for in the current text: what a sync
//! brought meanwhile is neither in the base nor in the splices, so nothing here can delete it. Automerge's own
//! transactions at older heads would do the same for one text, but one edit may write several texts from several
//! bases and set registers too, and is still one change on top of everything held.

use std::borrow::Cow;
use std::collections::HashMap;

use automerge::iter::ListRange;
use automerge::transaction::{Transactable, Transaction};
use automerge::{ChangeHash as AmHash, ObjId, ReadDoc, ScalarValueRef, ValueRef};
use unicode_segmentation::UnicodeSegmentation;

use super::error::DocumentError;
use super::later::Later;
use crate::journal::diff::{Splice, splices};

const FAILED: DocumentError = DocumentError::Failed("written");

/// One write into the current text: at a code point, so many go, this comes.
struct Write<'a> {
    at: usize,
    gone: usize,
    text: &'a str,
}

/// Makes the text say what the writer wrote on the text at `base`. Writes nothing where nothing changed. `known` is what
/// the text said before this edit, where somebody knows. Gives back what it says now.
pub(super) fn write(
    transaction: &mut Transaction<'_>,
    later: &mut Later,
    id: &ObjId,
    base: &[AmHash],
    known: Option<&str>,
    text: &str,
) -> Result<String, DocumentError> {
    if later.has(id) {
        // What it says now would be read without what is put off.
        return Err(DocumentError::TooLarge);
    }
    // Who writes on what is there now is spared the reading of an older text.
    let is_now = transaction.pending_ops() == 0 && same_heads(transaction, base);
    let now = match known.filter(|_| is_now) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(transaction.text(id).map_err(|_| FAILED)?),
    };
    if is_now {
        let changes = splices(&now, text);
        let writes = changes.iter().map(|c| Write { at: c.range.start, gone: c.range.len(), text: c.text });
        put(transaction, later, id, writes)?;
        return Ok(text.to_owned());
    }
    // A text that was not there yet at the base was empty.
    let before = transaction.text_at(id, base).unwrap_or_default();
    let changes = splices(&before, text);
    if changes.is_empty() {
        return Ok(now.into_owned());
    }
    let old = Elements::read(transaction.list_range_at(id, .., base));
    let new = Elements::read(transaction.list_range(id, ..));
    if old.text != before || new.text != now {
        return Err(FAILED);
    }
    let writes = carried(&changes, &old, &new);
    let says = written(&now, &writes);
    put(transaction, later, id, writes.into_iter())?;
    if later.has(id) { Ok(says) } else { transaction.text(id).map_err(|_| FAILED) }
}

/// What a text will say after these writes, which are in order of place.
fn written(now: &str, writes: &[Write<'_>]) -> String {
    let (mut rest, mut at) = (now.chars(), 0);
    let mut says = String::with_capacity(now.len());
    for write in writes {
        says.extend(rest.by_ref().take(write.at.saturating_sub(at)));
        says.push_str(write.text);
        rest.by_ref().take(write.gone).for_each(drop);
        at = write.at + write.gone;
    }
    says.extend(rest);
    says
}

/// Writes from the back to the front, so that none moves another.
fn put<'a>(
    transaction: &mut Transaction<'_>,
    later: &mut Later,
    id: &ObjId,
    writes: impl DoubleEndedIterator<Item = Write<'a>>,
) -> Result<(), DocumentError> {
    writes.rev().try_for_each(|write| later.write(transaction, id, write.at, write.gone, write.text))
}

fn same_heads(transaction: &Transaction<'_>, base: &[AmHash]) -> bool {
    let (mut now, mut base) = (transaction.get_heads(), base.to_vec());
    now.sort_unstable();
    base.sort_unstable();
    base.dedup();
    now == base
}

/// A text's elements in order, each with its id and the code point at which it begins.
struct Elements {
    ids: Vec<ObjId>,
    starts: Vec<usize>,
    text: String,
    len: usize,
}

impl Elements {
    fn read(range: ListRange<'_>) -> Self {
        let mut elements = Self { ids: Vec::new(), starts: Vec::new(), text: String::new(), len: 0 };
        for item in range {
            elements.ids.push(item.id());
            elements.starts.push(elements.len);
            // Ours are single characters; a stranger's may be longer, or no text at all.
            match &item.value {
                ValueRef::Scalar(ScalarValueRef::Str(text)) => {
                    elements.len += text.chars().count();
                    elements.text.push_str(text);
                }
                _ => {
                    elements.len += 1;
                    elements.text.push('\u{fffc}');
                }
            }
        }
        elements
    }

    /// The element that begins at a code point, or the first one after it.
    fn at(&self, point: usize) -> usize {
        self.starts.partition_point(|start| *start < point)
    }

    fn width(&self, element: usize) -> usize {
        self.starts.get(element + 1).copied().unwrap_or(self.len) - self.starts[element]
    }
}

/// The splices of the old text as writes into the new one, in order of place.
fn carried<'a>(changes: &[Splice<'a>], old: &Elements, new: &Elements) -> Vec<Write<'a>> {
    let places: HashMap<&ObjId, usize> = new.ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    let place = |element: usize| places.get(&old.ids[element]).copied();
    let before: Vec<char> = old.text.chars().collect();
    let mut borders: Vec<usize> = Vec::new();
    let mut point = 0;
    for character in new.text.graphemes(true) {
        borders.push(point);
        point += character.chars().count();
    }
    borders.push(point);
    let mut writes = Vec::new();
    for change in changes {
        let elements = old.at(change.range.start)..old.at(change.range.end);
        let gone: Vec<usize> = elements.clone().filter_map(place).collect();
        if !change.text.is_empty() {
            let left = (0..elements.start).rev().find_map(|element| place(element).map(|at| (element, at)));
            let right = (elements.end..old.ids.len()).find_map(place).map(|at| new.starts[at]);
            let after = left.map_or(0, |(_, at)| new.starts[at] + new.width(at));
            // The end of a word stays with its word; anything else goes behind what others wrote at the same place.
            let ends_a_word = left.is_some_and(|(element, _)| element + 1 == elements.start)
                && joins(before.get(change.range.start.wrapping_sub(1)), change.text.chars().next());
            let at = match gone.first() {
                Some(at) => new.starts[*at],
                None if ends_a_word => after,
                None => right.unwrap_or(new.len),
            };
            // Never into the middle of a character that two edits made together.
            let at = borders.get(borders.partition_point(|border| *border < at)).copied().unwrap_or(at);
            writes.push(Write { at, gone: 0, text: change.text });
        }
        writes.extend(gone.iter().map(|at| Write { at: new.starts[*at], gone: new.width(*at), text: "" }));
    }
    // From the back to the front no write moves another. Of two at one place the earlier one stays in front, and what
    // comes in stays before what goes: so only neighbours that both go may become one.
    writes.sort_by_key(|write| (write.at, write.gone > 0));
    writes.into_iter().fold(Vec::new(), |mut joined: Vec<Write<'_>>, write| {
        match joined.last_mut() {
            Some(last) if last.gone > 0 && write.gone > 0 && last.at + last.gone == write.at => last.gone += write.gone,
            _ => joined.push(write),
        }
        joined
    })
}

fn joins(before: Option<&char>, first: Option<char>) -> bool {
    before.is_some_and(|c| !c.is_whitespace()) && first.is_some_and(|c| !c.is_whitespace())
}
