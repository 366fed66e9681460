//! What a session does with blobs: asks for what is not all here, answers what the peer asks for, stores what comes.
//!
//! Parts travel one by one and are read and stored in slices, so that what each slice costs (a look at who belongs, an
//! `fsync`, a transaction) is paid once for some MiB. Everything here gives way to entries: a part is handed out only
//! when nothing else waits to be sent, and stored only when nothing else waits for the store.

use std::collections::VecDeque;

use super::SessionError;
use super::message::{Chunk, MAX_WANTED, Message};
use super::request::Request;
use super::session::{Event, Session};
use crate::blobs::set;
use crate::replication::rules::UnfilledBlob;

/// Bytes of parts that are stored at once: what a killed process may have to ask for again.
pub const STORE_SLICE: usize = 4 << 20;
/// Bytes of parts that are received and not durable beyond which no more are read.
const ARRIVING: usize = 2 * STORE_SLICE;
/// Parts that may wait to be sent while more are read.
const PARTS_AHEAD: usize = 16;
/// Blobs that are answered by turns: a long one does not keep a short one waiting.
const AT_ONCE: usize = 4;
/// The most bytes of bitmaps in one `Want`.
const MAX_BITMAPS: usize = 8 << 20;

/// Blobs in both directions.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    /// Whether our wants were looked up since anything came.
    pub(super) looked: bool,
    /// Whether we ever said `Want`: only then may parts come, at any time, since news may bring more of them.
    asked: bool,
    /// Whether a `Want` of ours is not yet answered in full.
    awaiting: bool,
    /// Whether that `Want` left some out.
    more: bool,
    /// Parts that the peer says it has sent since, and parts that were dealt with here.
    expected: Option<u64>,
    stored: u64,
    /// Parts that wait for the store, and the bytes of those that are with it.
    arriving: VecDeque<Chunk>,
    arriving_bytes: usize,
    storing: usize,
    /// Whether they shall not wait for more.
    flush_parts: bool,

    /// What the peer last wanted, with what was sent since; whether nothing of it is left to send.
    theirs: Vec<(UnfilledBlob, bool)>,
    answering: bool,
    /// Those of them whose turns go round, with the place to go on at; and the first that had no turn yet.
    turns: VecDeque<(usize, u32)>,
    next: usize,
    /// Whether parts are being read, and for which of them: nobody's any more once there was another `Want`.
    reading: bool,
    read_for: Option<usize>,
    sent: u64,
    out: VecDeque<Vec<u8>>,
}

impl Blobs {
    pub(super) fn is_answering(&self) -> bool {
        self.answering
    }
}

impl Session {
    // ---- from the peer ------------------------------------------------------------------------------------------

    /// The peer says what it has not all of.
    pub(super) fn wanted(&mut self, blobs: Vec<UnfilledBlob>) {
        self.blobs.theirs = blobs.into_iter().map(|blob| (blob, false)).collect();
        self.blobs.turns.clear();
        self.blobs.read_for = None;
        self.blobs.sent = 0;
        self.begin_answer();
    }

    /// The peer says how much it has sent in answer to our `Want`.
    pub(super) fn sent(&mut self, chunks: u64) {
        self.blobs.expected = Some(chunks);
    }

    pub(super) fn chunk(&mut self, chunk: Chunk) -> Result<(), SessionError> {
        if !self.blobs.asked {
            return Err(SessionError::OutOfTurn("a chunk that nobody asked for"));
        }
        self.costs.received_bytes += chunk.bytes.len() as u64;
        self.blobs.arriving_bytes += chunk.bytes.len();
        self.blobs.arriving.push_back(chunk);
        self.advance();
        Ok(())
    }

    // ---- answers of the store -----------------------------------------------------------------------------------

    pub(super) fn unfilled(&mut self, mut unfilled: Vec<UnfilledBlob>) {
        self.blobs.looked = true;
        if unfilled.is_empty() || self.blobs.awaiting {
            return;
        }
        let mut bitmaps = 0;
        let fit = unfilled.iter().take(MAX_WANTED).take_while(|blob| {
            bitmaps += blob.bitmap.len();
            bitmaps <= MAX_BITMAPS
        });
        let fit = fit.count();
        let blobs = &mut self.blobs;
        (blobs.asked, blobs.awaiting, blobs.more) = (true, true, fit < unfilled.len());
        (blobs.expected, blobs.stored) = (None, 0);
        unfilled.truncate(fit);
        self.send(&Message::Want(unfilled));
    }

    /// Parts that the peer wants, where to go on, and whether this device has all of the blob.
    pub(super) fn read_parts(&mut self, parts: Vec<Chunk>, next: Option<u32>, whole: bool) {
        self.blobs.reading = false;
        let Some(at) = self.blobs.read_for.take() else { return };
        let Some((blob, done)) = self.blobs.theirs.get_mut(at) else { return };
        for part in parts {
            set(&mut blob.bitmap, part.index.into());
            self.blobs.sent += 1;
            self.costs.sent_bytes += part.bytes.len() as u64;
            self.blobs.out.push_back(part.frame());
        }
        match next {
            Some(position) => self.blobs.turns.push_back((at, position)),
            None => *done = whole,
        }
    }

    pub(super) fn stored_parts(&mut self, parts: u64, filled: u64, damaged: u64) {
        self.blobs.storing = 0;
        self.blobs.stored += parts;
        self.unsettle();
        self.events.extend((0..filled).map(|_| Event::BlobFilled));
        self.events.extend((0..damaged).map(|_| Event::DamagedBlob));
    }

    // ---- what comes out -----------------------------------------------------------------------------------------

    /// Whether more bytes of blobs should be read from the network now.
    pub fn wants_chunks(&self) -> bool {
        self.blobs.arriving_bytes + self.blobs.storing < ARRIVING && self.close.is_none()
    }

    /// The connection is gone: what came of blobs and is not stored yet, to be stored, so that only what was on its way
    /// comes again.
    pub fn salvage(&mut self) -> Option<Request> {
        let parts: Vec<Chunk> = self.blobs.arriving.drain(..).collect();
        self.blobs.arriving_bytes = 0;
        (!parts.is_empty() && self.hello.is_some()).then_some(Request::StoreParts(parts))
    }

    /// The next frame of a part, if nothing of entries waits to be sent.
    pub(super) fn next_part(&mut self) -> Option<Vec<u8>> {
        if !self.out.is_empty() || self.entries_wait() {
            return None;
        }
        let part = self.blobs.out.pop_front();
        self.advance();
        part
    }

    /// The next slice for the store: when enough has come, or what has come is all there is.
    pub(super) fn store_step(&mut self) -> Option<Request> {
        let blobs = &mut self.blobs;
        let arrived = blobs.stored + blobs.arriving.len() as u64;
        let all = !blobs.awaiting || blobs.expected.is_some_and(|expected| arrived >= expected);
        if blobs.arriving.is_empty() || !(all || blobs.flush_parts || blobs.arriving_bytes >= STORE_SLICE) {
            return None;
        }
        blobs.flush_parts = false;
        let mut slice = Vec::new();
        while blobs.storing < STORE_SLICE
            && let Some(part) = blobs.arriving.pop_front()
        {
            blobs.storing += part.bytes.len();
            slice.push(part);
        }
        blobs.arriving_bytes -= blobs.storing;
        Some(Request::StoreParts(slice))
    }

    /// What has come is stored without waiting for more of it.
    pub(super) fn flush_parts(&mut self) {
        self.blobs.flush_parts = !self.blobs.arriving.is_empty();
    }

    // ---- what is next -------------------------------------------------------------------------------------------

    fn begin_answer(&mut self) {
        self.blobs.next = 0;
        self.blobs.answering = true;
    }

    /// A blob that the peer wants may have come from somewhere else.
    pub(super) fn answer_again(&mut self) {
        if !self.blobs.answering && self.blobs.theirs.iter().any(|(_, done)| !done) {
            self.begin_answer();
        }
    }

    fn entries_wait(&self) -> bool {
        self.sending.reading || !self.sending.outgoing.is_empty()
    }

    /// Reads the next parts that the peer wants, while few wait to be sent and no entry does.
    pub(super) fn answer_step(&mut self) {
        if !self.blobs.answering || self.blobs.reading || self.blobs.out.len() >= PARTS_AHEAD || self.entries_wait() {
            return;
        }
        let blobs = &mut self.blobs;
        while blobs.turns.len() < AT_ONCE
            && let Some((_, done)) = blobs.theirs.get(blobs.next)
        {
            if !done {
                blobs.turns.push_back((blobs.next, 0));
            }
            blobs.next += 1;
        }
        if let Some((at, position)) = blobs.turns.pop_front() {
            let wanted = blobs.theirs[at].0.clone();
            (blobs.reading, blobs.read_for) = (true, Some(at));
            self.requests.push(Request::ReadParts(wanted, position));
        } else {
            blobs.answering = false;
            let sent = Message::Sent { chunks: blobs.sent };
            self.send(&sent);
        }
    }

    /// Whether all that the peer has of what we want is here. Looks up and says what we want, if need be.
    pub(super) fn blobs_settled(&mut self) -> bool {
        if self.blobs.awaiting {
            if self.blobs.expected.is_none_or(|expected| self.blobs.stored < expected) {
                return false;
            }
            self.blobs.awaiting = false;
            // What was left out is asked for next, as long as asking helps.
            self.blobs.looked &= !(self.blobs.more && self.blobs.stored > 0);
        }
        if !self.blobs.arriving.is_empty() {
            return false;
        }
        if !self.blobs.looked {
            self.requests.push(Request::Unfilled);
            return false;
        }
        true
    }
}
