//! The session's state machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::SessionError;
use super::blobs::Blobs;
use super::costs::Costs;
use super::frame::{FrameReader, frame};
use super::message::{Chunk, MAX_CHUNK_PAYLOAD, MAX_INTRODUCTION, MAX_PAYLOAD, Message, PROTOCOL};
use super::queue::Requests;
use super::request::{Arrived, Reply, Request};
use super::sets::Lacking;
use crate::fault::{Fault, Faults};
use crate::id::LogId;
use crate::log::{Batch, BatchError, Certificate, MAX_OPERATIONS, OperationKind, Placed, Tail};
use crate::membership::Statement;
use crate::replication::rules::{Claim, Outgoing, Summary};

/// Bytes of a peer's that may wait for the store, and bytes sent that may not be acknowledged.
const WINDOW: usize = 4 << 20;
/// Kinds of messages without a meaning here that are answered in one session; others are passed over.
const MAX_NOT_UNDERSTOOD: usize = 16;
/// Milliseconds without any progress after which a session that is not settled ends.
const STALLED_AFTER: u64 = 60_000;
/// Milliseconds of quiet after which a live session that was settled once says again where it stands. An edit is answered
/// by its acknowledgement alone.
const QUIET_AFTER: u64 = 200;

const BEFORE_HELLO: SessionError = SessionError::OutOfTurn("a message before this side's hello");

/// Whether a session ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Ends once both sides hold the same: `sync`, `pair`.
    Once,
    /// Stays, and sends news as it comes: `serve`.
    Live,
}

/// How a session is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether it ends by itself.
    pub mode: Mode,
    /// Bytes of batches that may be sent and not acknowledged, and bytes received that may wait for the store: what a
    /// session takes of memory, whatever the journal's size. A single batch may be longer.
    pub window: usize,
    /// A peer that lacks at least so many operations is told the newest entries before any: what is less is there at once.
    pub listing_from: u64,
    /// What a test planted here.
    pub faults: Faults,
}

impl Config {
    /// A session of this mode with a window of 4 MiB, that tells the newest entries to whoever lacks 256 operations.
    pub fn new(mode: Mode) -> Self {
        Self { mode, window: WINDOW, listing_from: 256, faults: Faults::default() }
    }
}

/// The session's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Control, live operations and logs: the highest priority.
    Control,
    /// Chunks of blobs, below it.
    Blobs,
}

/// Something that the program around the session may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// New operations are durable here; readers have something to derive.
    Stored {
        /// How many.
        operations: u64,
    },
    /// Statements or certificates came: who belongs, or what is erased, may be otherwise.
    Heard,
    /// The newest entries that are on their way stand in the list.
    Announced {
        /// How many.
        entries: u64,
    },
    /// A blob is whole.
    BlobFilled,
    /// Both sides have sent what they had and stored what came. `equal`: and now hold the same.
    Settled {
        /// Whether the last `Hello` hashes were the same.
        equal: bool,
    },
    /// Our own log stood further at the peer, or a fork's tail gave way: this device, or the other, was rolled back.
    Mended,
    /// Equal logs and unequal heads, also after making the heads again.
    Diverged,
    /// Heads were made again from the headers, and this many documents were different.
    Recomputed(u64),
    /// A part of a blob was not what the blob has there; it was not taken, and is asked for again.
    DamagedBlob,
    /// What came is kept and is, in part, of a kind that only a later version understands: said once in a session.
    Newer,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// Both hold the same.
    Equal,
    /// Everything that could be exchanged was.
    Done,
    /// The peer does not belong (any more).
    Refused,
    /// The peer broke the protocol, or speaks another.
    Error(SessionError),
    /// Nothing happened for too long.
    Stalled,
}

impl Close {
    /// The code on the wire.
    pub fn code(&self) -> u32 {
        match self {
            Self::Equal => 0,
            Self::Done => 1,
            Self::Refused => 2,
            Self::Error(SessionError::TooNew) => 4,
            Self::Error(_) => 3,
            Self::Stalled => 5,
        }
    }
}

/// What one side said in a `Compare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompareState {
    pub(super) generation: u32,
    pub(super) statements: [u8; 16],
    pub(super) certificates: [u8; 16],
    pub(super) digest: [u8; 16],
    pub(super) claims: Arc<Vec<Claim>>,
}

/// Batches on their way to the peer.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) outgoing: VecDeque<Outgoing>,
    /// The logs in it.
    pub(super) queued: BTreeSet<LogId>,
    pub(super) reading: bool,
    pub(super) in_flight: VecDeque<usize>,
    pub(super) sent: u64,
    pub(super) acked: u64,
    /// After the last batch said, whatever it answered: what the next one goes on from.
    pub(super) tail: Option<Tail>,
}

/// What the session needs to know of a batch once it is stored.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) generation: u32,
    /// Whether it brings blobs, which are asked for then.
    pub(super) brings: bool,
}

/// One session, from the first frame to the last.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Config,
    control: FrameReader,
    chunks: FrameReader,
    /// Requests not yet handed out, and whether one is out.
    pub(super) requests: Requests,
    pub(super) outstanding: bool,
    /// Of the batches that wait for the store, in order.
    pub(super) inputs: VecDeque<Input>,
    /// Whether statements came since the last of a set, and of each message with some whether it was the last.
    brought: bool,
    /// How many of them were taken.
    pub(super) taken: usize,
    pub(super) endings: VecDeque<Option<bool>>,
    /// Certificates that came for the next batch.
    covers: Vec<Certificate>,
    /// Frames to send, and whether each answers something that the peer asked: how many bytes those are.
    pub(super) out: VecDeque<(Vec<u8>, bool)>,
    answers: usize,
    pub(super) events: VecDeque<Event>,
    pub(super) close: Option<Close>,
    pub(super) costs: Costs,
    waiting_for_answer: bool,
    last_progress: u64,
    /// A first compare waits for what goes with it, so that all of it leaves at once.
    pub(super) held_back: bool,
    /// After the last batch heard.
    their_tail: Option<Tail>,
    /// Whether both once held the same and only batches were said since, and whether it has been quiet since the last.
    pub(super) settled_before: bool,
    pub(super) quiet_elapsed: bool,

    /// Whether this side asked the peer who it is, and whether the peer then showed its adds.
    pub(super) asked_who: bool,
    shown_adds: bool,
    /// Whether the peer asked us.
    introduced: bool,
    /// Whether news came before our hello.
    pub(super) early_news: bool,
    pub(super) hello: Option<[u8; 16]>,
    pub(super) their_hello: Option<[u8; 16]>,
    /// Whether the peer goes once both hold the same.
    pub(super) they_leave: bool,
    pub(super) summary: Option<Box<Summary>>,

    pub(super) ours: Option<CompareState>,
    pub(super) theirs: Option<CompareState>,
    /// Pairs of generations (ours, theirs) that were acted on.
    pub(super) sets_for: Option<(u32, u32)>,
    pub(super) certificates_for: Option<(u32, u32)>,
    /// What the peer's statements, and its certificates, lack of ours, and whether it has said all its names.
    pub(super) lacking: [Lacking; 2],
    /// Whether our names of certificates were said, and what they lack has not all come.
    pub(super) awaiting_certificates: bool,
    pub(super) plan_for: Option<(u32, u32)>,
    pub(super) planned: Option<(u32, u32)>,
    pub(super) recompare: bool,
    pub(super) rounds: u32,
    pub(super) trouble: Option<&'static str>,

    /// What the peer holds of each log, as far as we know.
    pub(super) peer_has: BTreeMap<LogId, u64>,
    pub(super) sending: Sending,
    /// Logs of ours that the peer said it does not take.
    pub(super) declined: BTreeSet<LogId>,
    /// How often we asked where a log's chains part, and were not told yet.
    pub(super) asked_common: BTreeMap<LogId, u32>,
    /// Batches of our current generation that are durable here, and how many of them were acknowledged.
    pub(super) stored_batches: u64,
    acknowledged: u64,
    /// Whether a batch of our current generation was not taken. An acknowledgement is a count from the first on, so
    /// none that came after it is counted; the next compare begins anew.
    pub(super) untaken: bool,
    pub(super) blobs: Blobs,
    /// Whether our newest rows were said, and the peer's heard.
    pub(super) said_listing: bool,
    heard_listing: bool,
    /// The kinds of messages that this version does not know and the peer was told so of.
    not_understood: BTreeSet<u32>,
    /// Whether a statement or operation came of a kind that this version does not know.
    newer: bool,

    pub(super) recomputed: bool,
    pub(super) diverged: bool,
    pub(super) mended: bool,
    pub(super) settling: bool,
    /// What we last said in `Settled`: the peer's generation, batches stored, our hash.
    pub(super) our_settled: Option<(u32, u64, [u8; 16])>,
    pub(super) their_settled: Option<(u32, u64, [u8; 16])>,
    pub(super) disagreements: u32,
    pub(super) reported: Option<bool>,
}

impl Session {
    /// A session on a connection whose peer is who it says. Asks for a summary at once.
    pub fn new(config: Config) -> Self {
        let mut requests = Requests::default();
        requests.push(Request::Summary);
        Self {
            config,
            control: FrameReader::new(MAX_INTRODUCTION),
            chunks: FrameReader::new(MAX_CHUNK_PAYLOAD),
            requests,
            outstanding: false,
            inputs: VecDeque::new(),
            brought: false,
            taken: 0,
            endings: VecDeque::new(),
            covers: Vec::new(),
            out: VecDeque::new(),
            answers: 0,
            events: VecDeque::new(),
            close: None,
            costs: Costs::default(),
            waiting_for_answer: false,
            last_progress: 0,
            held_back: false,
            their_tail: None,
            settled_before: false,
            quiet_elapsed: false,
            asked_who: false,
            shown_adds: false,
            introduced: false,
            early_news: false,
            hello: None,
            their_hello: None,
            they_leave: false,
            summary: None,
            ours: None,
            theirs: None,
            sets_for: None,
            certificates_for: None,
            lacking: Default::default(),
            awaiting_certificates: false,
            plan_for: None,
            planned: None,
            recompare: false,
            rounds: 0,
            trouble: None,
            peer_has: BTreeMap::new(),
            sending: Sending::default(),
            declined: BTreeSet::new(),
            asked_common: BTreeMap::new(),
            stored_batches: 0,
            acknowledged: 0,
            untaken: false,
            blobs: Blobs::default(),
            said_listing: false,
            heard_listing: false,
            not_understood: BTreeSet::new(),
            newer: false,
            recomputed: false,
            diverged: false,
            mended: false,
            settling: false,
            our_settled: None,
            their_settled: None,
            disagreements: 0,
            reported: None,
        }
    }

    // ---- what goes in -------------------------------------------------------------------------------------------

    /// Bytes from the peer. An error has closed the session.
    pub fn receive(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), SessionError> {
        let result = self.take(stream, bytes);
        if let Err(error) = &result {
            self.close.get_or_insert(Close::Error(error.clone()));
        }
        result
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), SessionError> {
        match stream {
            Stream::Control => {
                self.control.push(bytes);
                while self.close.is_none() {
                    let Some(payload) = self.control.payload()? else { break };
                    if std::mem::take(&mut self.waiting_for_answer) {
                        self.costs.round_trips += 1;
                    }
                    match Message::unknown(&payload) {
                        #[cfg(feature = "next-format")]
                        Some(crate::log::NEXT_KIND) => self.costs.next[0] += 1,
                        Some(number) => self.unknown(number)?,
                        None => self.message(Message::decode(&payload)?, payload.len())?,
                    }
                }
            }
            Stream::Blobs => {
                self.chunks.push(bytes);
                while self.close.is_none() {
                    let Some(payload) = self.chunks.payload()? else { break };
                    self.chunk(Chunk::decode(payload)?)?;
                }
            }
        }
        Ok(())
    }

    /// The store's answer to the request that is out.
    pub fn reply(&mut self, reply: Reply) {
        self.outstanding = false;
        self.requests.release();
        self.costs.transactions += u64::from(reply.wrote);
        if self.close.is_some() {
            return;
        }
        if let Err(error) = self.answered(reply) {
            self.close.get_or_insert(Close::Error(error));
        }
        self.advance();
    }

    /// The store has news that did not come through this session.
    pub fn news(&mut self) {
        if self.close.is_some() {
            return;
        }
        if self.hello.is_none() {
            // The summary may have been read already: it is read again once it has been said.
            self.early_news = true;
            return;
        }
        if !self.requests.has_news() {
            self.requests.push(Request::News(self.peer_has.clone()));
        }
        self.answer_again();
        self.advance();
    }

    /// It is `now`, in milliseconds of the caller's monotonic time.
    pub fn tick(&mut self, now: u64) {
        self.flush_parts();
        if self.is_restless() && now.saturating_sub(self.last_progress) >= QUIET_AFTER {
            self.quiet_elapsed = true;
            self.advance();
        }
        if self.close.is_some() || (self.reported.is_some() && self.config.mode == Mode::Live) {
            self.last_progress = now;
        } else if now.saturating_sub(self.last_progress) >= STALLED_AFTER && !self.outstanding {
            self.close.get_or_insert(Close::Stalled);
        }
    }

    /// Whether a live session waits for quiet before it says where it stands: then [`Session::tick`] is wanted often.
    pub fn is_restless(&self) -> bool {
        self.settled_before && !self.quiet_elapsed && self.reported.is_none() && self.close.is_none()
    }

    /// The peer closed because both hold the same.
    pub fn concluded(&mut self) {
        if std::mem::take(&mut self.waiting_for_answer) {
            self.costs.round_trips += 1;
        }
        self.reported = Some(true);
    }

    /// Bytes moved or the store answered at `now`: the session is not stalled.
    pub fn progress(&mut self, now: u64) {
        self.last_progress = now;
    }

    // ---- what comes out -----------------------------------------------------------------------------------------

    /// Whether more bytes should be read from the network now.
    pub fn wants_input(&self) -> bool {
        self.held() < self.config.window && self.close.is_none()
    }

    /// Bytes of the peer's that are held here and not durable, and of answers to it that it has not read: what a session
    /// takes of memory beside one frame that is being read, one that is being taken apart, and the parts of blobs.
    pub fn held(&self) -> usize {
        if self.config.faults.has(Fault::WindowWithoutCount) {
            return 0;
        }
        self.requests.charged() + self.covers.len() * size_of::<Certificate>() + self.answers
    }

    /// The next request for the store, if none is out.
    pub fn poll_request(&mut self) -> Option<Request> {
        if self.outstanding || self.close.is_some() {
            return None;
        }
        let request = self.requests.pop().or_else(|| self.store_step())?;
        self.outstanding = true;
        Some(request)
    }

    /// The next bytes to send on a stream, at most about `room` of them where frames allow it.
    pub fn poll_transmit(&mut self, stream: Stream, room: usize) -> Option<Vec<u8>> {
        match stream {
            Stream::Control => {
                if self.held_back {
                    return None;
                }
                if self.stored_batches > self.acknowledged
                    && self.close.is_none()
                    && let Some(ours) = &self.ours
                {
                    let ack = Message::Ack { generation: ours.generation, batches: self.stored_batches };
                    self.acknowledged = self.stored_batches;
                    self.out.push_front((frame(&ack.encode()), false));
                }
                let (mut bytes, answers) = self.out.pop_front()?;
                self.answers -= if answers { bytes.len() } else { 0 };
                while self.out.front().is_some_and(|(next, _)| bytes.len() + next.len() <= room) {
                    let Some((next, answers)) = self.out.pop_front() else { break };
                    bytes.extend_from_slice(&next);
                    self.answers -= if answers { next.len() } else { 0 };
                }
                self.waiting_for_answer = true;
                // There may be more to tell once this has left.
                self.tell_step();
                Some(bytes)
            }
            Stream::Blobs => self.next_part(),
        }
    }

    pub(super) fn answers_wait(&self) -> bool {
        self.answers > 0
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the session is over, and why. What is still to transmit should be, unless the peer is refused.
    pub fn close(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// What it has cost so far.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Whether both sides last said that they hold the same; nothing until both said where they stand.
    pub fn settled(&self) -> Option<bool> {
        self.reported
    }

    /// Whether a rollback or a fork was mended in this session.
    pub fn mended(&self) -> bool {
        self.mended
    }

    /// Whether equal logs gave unequal heads, also after making the heads again.
    pub fn diverged(&self) -> bool {
        self.diverged
    }

    // ---- messages -----------------------------------------------------------------------------------------------

    pub(super) fn send(&mut self, message: &Message) {
        let payload = message.encode();
        #[cfg(feature = "next-format")]
        let payload = match message {
            Message::Hello { .. } => [payload, crate::log::codec::next_extension()].concat(),
            _ => payload,
        };
        self.out.push_back((frame(&payload), false));
        // By now the peer's hello was heard, so it belongs and may be told what only the next version knows.
        #[cfg(feature = "next-format")]
        if matches!(message, Message::Compare { .. }) {
            let number = crate::log::codec::encode(&crate::log::NEXT_KIND);
            self.out.push_back((frame(&[&number[..], b"understood by the next version"].concat()), false));
        }
    }

    /// Says what the peer asked for: until it reads it, that counts as its own.
    pub(super) fn answer(&mut self, message: &Message) {
        let bytes = frame(&message.encode());
        self.answers += bytes.len();
        self.out.push_back((bytes, true));
    }

    /// The peer belongs: it may send whole batches.
    pub(super) fn admit(&mut self) {
        self.control.set_cap(MAX_PAYLOAD);
    }

    /// A new compare of ours begins a new count.
    pub(super) fn restart_count(&mut self) {
        self.stored_batches = 0;
        self.acknowledged = 0;
        self.untaken = false;
    }

    /// A later version says something. Nothing is kept of it; each kind is answered once, and the session goes on.
    fn unknown(&mut self, number: u32) -> Result<(), SessionError> {
        if self.hello.is_none() {
            return Err(BEFORE_HELLO);
        }
        if self.not_understood.len() < MAX_NOT_UNDERSTOOD && self.not_understood.insert(number) {
            self.send(&Message::NotUnderstood(number));
        }
        Ok(())
    }

    /// Something came that is kept for a version that understands it.
    fn keeps_newer(&mut self, newer: bool) {
        if newer && !std::mem::replace(&mut self.newer, true) {
            self.events.push_back(Event::Newer);
        }
    }

    fn message(&mut self, message: Message, len: usize) -> Result<(), SessionError> {
        let early = matches!(message, Message::Hello { .. } | Message::WhoAreYou | Message::Adds(_));
        if !early && self.hello.is_none() {
            return Err(BEFORE_HELLO);
        }
        match message {
            Message::Hello { version, hash, leaves } => {
                if version > PROTOCOL {
                    return Err(SessionError::TooNew);
                }
                if self.their_hello.replace(hash).is_some() {
                    return Err(SessionError::OutOfTurn("a second hello"));
                }
                self.they_leave = leaves;
                self.on_hellos();
            }
            Message::WhoAreYou => {
                if std::mem::replace(&mut self.introduced, true) {
                    return Err(SessionError::OutOfTurn("a second question who this is"));
                }
                self.requests.push(Request::Introduction);
            }
            Message::Adds(adds) => {
                if !self.asked_who || std::mem::replace(&mut self.shown_adds, true) {
                    return Err(SessionError::OutOfTurn("adds that nobody asked for"));
                }
                self.requests.push_for_peer(Request::Introduce(adds), 2 * len);
            }
            Message::Compare { generation, statements, certificates, digest, claims } => {
                if self.theirs.as_ref().is_some_and(|theirs| generation <= theirs.generation) {
                    return Err(SessionError::OutOfTurn("an old compare"));
                }
                let claims = Arc::new(claims);
                // What it did not take it may take once it knows more of who belongs.
                if self.theirs.as_ref().is_some_and(|before| before.statements != statements) {
                    self.declined.clear();
                }
                self.theirs = Some(CompareState { generation, statements, certificates, digest, claims });
                self.their_settled = None;
                self.our_settled = None;
                self.reported = None;
                self.settling = false;
                self.settled_before = false;
                self.sending = Sending { tail: self.sending.tail.take(), ..Sending::default() };
                // Our own first one, where it has not left yet, leaves with the batch that answers this.
                self.held_back |= !self.out.is_empty() && self.ours.as_ref().is_some_and(|ours| ours.generation == 1);
                if self.ours.is_none() || self.ours.as_ref().is_some_and(|ours| ours.generation == 0) {
                    // The peer has news since our equal hellos, or we have not compared yet.
                    self.recompare();
                }
            }
            Message::Sets { of, after, names, more } => {
                if after.is_none() {
                    self.lacking[of as usize] = Lacking::default();
                }
                if !names.is_sorted_by(|a, b| a < b) || (more && names.is_empty()) {
                    return Err(SessionError::Malformed("list of names"));
                }
                self.requests.push_for_peer(Request::Lacks { of, after, names, more }, 2 * len);
            }
            Message::Missing { statements, certificates, more } => {
                let newer = |bytes: &Vec<u8>| Statement::decode(bytes).is_ok_and(|statement| statement.is_unknown());
                self.keeps_newer(statements.iter().any(newer));
                self.brought |= !statements.is_empty();
                let last = (!more).then(|| std::mem::take(&mut self.brought));
                // Behind the last statement we look again; behind the last certificate we are done with them.
                self.endings.push_back(last);
                self.requests.push_for_peer(Request::StoreMissing { statements, certificates }, 2 * len);
            }
            Message::Chains { log, points } => self.requests.push_for_peer(Request::Common(log, points), 2 * len),
            Message::Common { log, seq } => {
                match self.asked_common.get_mut(&log) {
                    Some(asked @ 2..) => *asked -= 1,
                    Some(_) => drop(self.asked_common.remove(&log)),
                    None => return Err(SessionError::OutOfTurn("a common place that nobody asked for")),
                }
                self.peer_has.insert(log, seq);
                self.send_log(Outgoing { log, after: seq });
            }
            Message::Covers(certificates) => {
                if self.covers.len() + certificates.len() > MAX_OPERATIONS {
                    return Err(SessionError::OutOfTurn("more certificates than a batch has operations"));
                }
                self.covers.extend(certificates);
            }
            Message::Declines(logs) => {
                let ours = self.summary.as_ref().map(|summary| &summary.vector);
                let logs = logs.into_iter().filter(|log| ours.is_some_and(|ours| ours.contains_key(log)));
                self.declined.extend(logs);
                self.sending.outgoing.retain(|queued| !self.declined.contains(&queued.log));
            }
            Message::Batch { generation, batch: bytes } => {
                let batch = Batch::decode(&bytes).map_err(|_| SessionError::Malformed("batch"))?;
                self.batch(generation, batch)?;
            }
            Message::Next { generation, bytes } => {
                let tail = self.their_tail.as_ref().ok_or(SessionError::OutOfTurn("the rest of no batch"))?;
                let batch = tail.lengthen(&bytes).map_err(|_| SessionError::Malformed("continued batch"))?;
                self.batch(generation, batch)?;
            }
            Message::Listing(rows) => {
                if std::mem::replace(&mut self.heard_listing, true) {
                    return Err(SessionError::OutOfTurn("a second listing"));
                }
                self.requests.push_for_peer(Request::StoreListing(rows), 2 * len);
            }
            #[cfg(feature = "next-format")]
            Message::NotUnderstood(crate::log::NEXT_KIND) => self.costs.next[1] += 1,
            // Nothing is said here that every version does not know; one that says more hears of it here.
            Message::NotUnderstood(_) => {}
            Message::Ack { generation, batches } => self.acknowledge(generation, batches)?,
            Message::Want(blobs) => self.wanted(blobs),
            Message::Sent { chunks } => self.sent(chunks),
            Message::Settled { answered, batches, hash } => {
                self.their_settled = Some((answered, batches, hash));
                self.reported = None;
            }
        }
        self.advance();
        Ok(())
    }

    fn acknowledge(&mut self, generation: u32, batches: u64) -> Result<(), SessionError> {
        if self.theirs.as_ref().is_none_or(|theirs| theirs.generation != generation) {
            return Ok(());
        }
        if batches > self.sending.sent || batches < self.sending.acked {
            return Err(SessionError::OutOfTurn("an acknowledgement of what was not sent"));
        }
        for _ in self.sending.acked..batches {
            self.sending.in_flight.pop_front();
        }
        self.sending.acked = batches;
        Ok(())
    }

    fn batch(&mut self, generation: u32, batch: Batch) -> Result<(), SessionError> {
        self.costs.received_bytes += batch.len() as u64;
        // Looked through here, while the store is busy with the one before: and not at all where nobody signed it.
        let open = batch.open_signed().map_err(|error| match error {
            BatchError::Signature => SessionError::Refused("a batch that its author did not sign"),
            _ => SessionError::Malformed("batch"),
        })?;
        self.their_tail = Tail::of(open.batch());
        let unknown = |placed: &Placed| matches!(placed.envelope.kind, OperationKind::Unknown(_));
        self.keeps_newer(open.placed().iter().any(unknown));
        let brings = open.placed().iter().any(|placed| !placed.envelope.brings.is_empty());
        self.inputs.push_back(Input { generation, brings });
        // Whoever sends has not settled, or not for long: it says so again.
        self.their_settled = None;
        self.reported = None;
        self.quiet_elapsed = false;
        if self.config.faults.has(Fault::AcknowledgeBeforeDurable) {
            self.count_stored(generation);
        }
        let certificates = std::mem::take(&mut self.covers);
        let weight = open.weight() + certificates.len() * size_of::<Certificate>();
        self.requests.push_batch(Arrived { open, certificates }, weight);
        Ok(())
    }
}
