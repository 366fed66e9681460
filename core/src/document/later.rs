//! What of one edit does not fit into one change: texts so long that they are written in further changes.
//!
//! An edit is one change, as long as that has few enough operations for whoever takes it in. Texts are what can be
//! long. Where one would make the change too large, its writes are put off: the change is committed without them, and
//! they follow, in order, in as many changes as they need.

use automerge::ObjId;
use automerge::transaction::{Transactable, Transaction};

use super::bounds::CUT_OPERATIONS;
use super::error::DocumentError;

const FAILED: DocumentError = DocumentError::Failed("written");

/// An edit that is being made: its first change, and what comes after it.
pub(super) struct Pen<'t> {
    pub(super) tx: Transaction<'t>,
    pub(super) later: Later,
}

/// Writes that are put off, in order.
#[derive(Debug, Default)]
pub(super) struct Later(Vec<PutOff>);

/// At a code point of a text, so many go, these come.
#[derive(Debug)]
struct PutOff {
    text: ObjId,
    at: usize,
    gone: usize,
    comes: Vec<char>,
}

impl Later {
    /// Writes into a text now, or puts it off where the change would have too many operations. What is written into a
    /// text of which something is put off is so too: each is written on what the one before left.
    pub(super) fn write(
        &mut self,
        tx: &mut Transaction<'_>,
        text: &ObjId,
        at: usize,
        gone: usize,
        comes: &str,
    ) -> Result<(), DocumentError> {
        let operations = gone + comes.chars().count();
        if self.has(text) || (tx.pending_ops() + operations) as u64 > CUT_OPERATIONS {
            self.0.push(PutOff { text: text.clone(), at, gone, comes: comes.chars().collect() });
            return Ok(());
        }
        let gone = isize::try_from(gone).map_err(|_| FAILED)?;
        tx.splice_text(text, at, gone, comes).map_err(|_| FAILED)
    }

    /// Whether something of this text is put off.
    pub(super) fn has(&self, text: &ObjId) -> bool {
        self.0.iter().any(|put_off| put_off.text == *text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the next change's worth of what was put off.
    pub(super) fn write_next(&mut self, tx: &mut Transaction<'_>) -> Result<(), DocumentError> {
        let mut room = CUT_OPERATIONS as usize;
        let mut done = 0;
        for PutOff { text, at, gone, comes } in &mut self.0 {
            let goes = room.min(*gone);
            tx.splice_text(&*text, *at, goes as isize, "").map_err(|_| FAILED)?;
            (*gone, room) = (*gone - goes, room - goes);
            let piece = comes.len().min(room);
            let written: String = comes.drain(..piece).collect();
            tx.splice_text(&*text, *at, 0, &written).map_err(|_| FAILED)?;
            (*at, room) = (*at + piece, room - piece);
            if *gone > 0 || !comes.is_empty() {
                break;
            }
            done += 1;
        }
        self.0.drain(..done);
        Ok(())
    }
}
