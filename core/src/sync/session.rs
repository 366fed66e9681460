//! The session's state machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::SessionError;
use super::blobs::Blobs;
use super::costs::Costs;
use super::frame::{FrameReader, frame};
use super::message::{Chunk, MAX_CHUNK_PAYLOAD, MAX_INTRODUCTION, MAX_PAYLOAD, Message, PROTOCOL};
use super::request::{Reply, Request};
use crate::id::LogId;
use crate::log::{Batch, OperationKind, Placed, Tail};
use crate::membership::Statement;
use crate::store::rules::{Claim, Outgoing, Planted, Summary};

/// Bytes of batches that one transaction takes in, if no single one is longer.
const SLICE: usize = 512 << 10;
/// Kinds of messages without a meaning here that are answered in one session; others are passed over.
const MAX_NOT_UNDERSTOOD: usize = 16;
/// About what is kept of an operation that was looked through, beside its bytes.
const OPENED: usize = 256;
/// Milliseconds without any progress after which a session that is not settled ends.
const STALLED_AFTER: u64 = 60_000;
/// Milliseconds of quiet after which a live session that was settled once says again where it stands. An edit is answered
/// by its acknowledgement alone.
const CALM_AFTER: u64 = 200;

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
    #[doc(hidden)]
    pub planted: Option<Planted>,
}

impl Config {
    /// A session of this mode with a window of 4 MiB, that tells the newest entries to whoever lacks 256 operations.
    pub fn new(mode: Mode) -> Self {
        Self { mode, window: 4 << 20, listing_from: 256, planted: None }
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
pub(super) struct Stand {
    pub(super) generation: u32,
    pub(super) statements: [u8; 16],
    pub(super) certificates: [u8; 16],
    pub(super) digest: [u8; 16],
    pub(super) claims: Vec<Claim>,
}

/// Batches on their way to the peer.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) outgoing: VecDeque<Outgoing>,
    pub(super) reading: bool,
    pub(super) in_flight: VecDeque<usize>,
    pub(super) sent: u64,
    pub(super) acked: u64,
    /// After the last batch said, whatever it answered: what the next one goes on from.
    pub(super) tail: Option<Tail>,
}

/// Bytes of the peer's that wait for the store, and what the session needs to know of them once they are stored.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) bytes: usize,
    pub(super) generation: u32,
    /// Whether they bring blobs, which are asked for then.
    pub(super) brings: bool,
}

/// One session, from the first frame to the last.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Config,
    control: FrameReader,
    chunks: FrameReader,
    /// Requests not yet handed out, and whether one is out.
    pub(super) requests: VecDeque<Request>,
    pub(super) outstanding: bool,
    /// Of the requests that carry what the peer sent, in order.
    pub(super) inputs: VecDeque<Input>,
    /// Bytes in the last request that stores batches.
    slice: usize,
    pub(super) out: VecDeque<Vec<u8>>,
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
    pub(super) steady: bool,
    pub(super) calm: bool,

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

    pub(super) ours: Option<Stand>,
    pub(super) theirs: Option<Stand>,
    /// Pairs of generations (ours, theirs) that were acted on.
    pub(super) sets_for: Option<(u32, u32)>,
    pub(super) plan_for: Option<(u32, u32)>,
    pub(super) planned: Option<(u32, u32)>,
    pub(super) recompare: bool,
    pub(super) rounds: u32,
    pub(super) trouble: Option<&'static str>,

    /// What the peer holds of each log, as far as we know.
    pub(super) peer_has: BTreeMap<LogId, u64>,
    pub(super) sending: Sending,
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
        Self {
            config,
            control: FrameReader::new(MAX_INTRODUCTION),
            chunks: FrameReader::new(MAX_CHUNK_PAYLOAD),
            requests: VecDeque::from([Request::Summary]),
            outstanding: false,
            inputs: VecDeque::new(),
            slice: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            close: None,
            costs: Costs::default(),
            waiting_for_answer: false,
            last_progress: 0,
            held_back: false,
            their_tail: None,
            steady: false,
            calm: false,
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
            plan_for: None,
            planned: None,
            recompare: false,
            rounds: 0,
            trouble: None,
            peer_has: BTreeMap::new(),
            sending: Sending::default(),
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
        if !self.requests.iter().any(|request| matches!(request, Request::News(_))) {
            self.requests.push_back(Request::News(self.peer_has.clone()));
        }
        self.answer_again();
        self.advance();
    }

    /// It is `now`, in milliseconds of the caller's monotonic time.
    pub fn tick(&mut self, now: u64) {
        self.hurry();
        if self.is_restless() && now.saturating_sub(self.last_progress) >= CALM_AFTER {
            self.calm = true;
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
        self.steady && !self.calm && self.reported.is_none() && self.close.is_none()
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
        self.inputs.iter().map(|input| input.bytes).sum::<usize>() < self.config.window && self.close.is_none()
    }

    /// The next request for the store, if none is out.
    pub fn poll_request(&mut self) -> Option<Request> {
        if self.outstanding || self.close.is_some() {
            return None;
        }
        let request = self.requests.pop_front().or_else(|| self.store_step())?;
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
                    self.out.push_front(frame(&ack.encode()));
                }
                let mut bytes = self.out.pop_front()?;
                while let Some(next) = self.out.front() {
                    if bytes.len() + next.len() > room {
                        break;
                    }
                    bytes.extend_from_slice(next);
                    self.out.pop_front();
                }
                self.waiting_for_answer = true;
                Some(bytes)
            }
            Stream::Blobs => self.next_part(),
        }
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

    pub(super) fn say(&mut self, message: &Message) {
        let payload = message.encode();
        #[cfg(feature = "next-format")]
        let payload = match message {
            Message::Hello { .. } => [payload, crate::log::codec::next_extension()].concat(),
            _ => payload,
        };
        self.out.push_back(frame(&payload));
        // By now the peer's hello was heard, so it belongs and may be told what only the next version knows.
        #[cfg(feature = "next-format")]
        if matches!(message, Message::Compare { .. }) {
            let number = crate::log::codec::encode(&crate::log::NEXT_KIND);
            self.out.push_back(frame(&[&number[..], b"understood by the next version"].concat()));
        }
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
            self.say(&Message::NotUnderstood(number));
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
                self.greet();
            }
            Message::WhoAreYou => {
                if std::mem::replace(&mut self.introduced, true) {
                    return Err(SessionError::OutOfTurn("a second question who this is"));
                }
                self.requests.push_back(Request::Introduction);
            }
            Message::Adds(adds) => {
                if !self.asked_who || std::mem::replace(&mut self.shown_adds, true) {
                    return Err(SessionError::OutOfTurn("adds that nobody asked for"));
                }
                self.requests.push_back(Request::Introduce(adds));
            }
            Message::Compare { generation, statements, certificates, digest, claims } => {
                if self.theirs.as_ref().is_some_and(|theirs| generation <= theirs.generation) {
                    return Err(SessionError::OutOfTurn("an old compare"));
                }
                self.theirs = Some(Stand { generation, statements, certificates, digest, claims });
                self.their_settled = None;
                self.our_settled = None;
                self.reported = None;
                self.settling = false;
                self.steady = false;
                self.sending = Sending { tail: self.sending.tail.take(), ..Sending::default() };
                // Our own first one, where it has not left yet, leaves with the batch that answers this.
                self.held_back |= !self.out.is_empty() && self.ours.as_ref().is_some_and(|ours| ours.generation == 1);
                if self.ours.is_none() || self.ours.as_ref().is_some_and(|ours| ours.generation == 0) {
                    // The peer has news since our equal hellos, or we have not compared yet.
                    self.look_again();
                }
            }
            Message::Sets { statements, certificates } => {
                self.requests.push_back(Request::Missing { statements, certificates });
            }
            Message::Missing { statements, certificates } => {
                let newer = |bytes: &Vec<u8>| Statement::decode(bytes).is_ok_and(|statement| statement.is_unknown());
                self.keeps_newer(statements.iter().any(newer));
                self.inputs.push_back(Input { bytes: len, ..Input::default() });
                self.requests.push_back(Request::StoreMissing { statements, certificates });
            }
            Message::Chains { log, points } => self.requests.push_back(Request::Common(log, points)),
            Message::Common { log, seq } => {
                self.peer_has.insert(log, seq);
                self.send_log(Outgoing { log, after: seq });
            }
            Message::Batch { generation, batch: bytes } => {
                let batch = Batch::decode(&bytes).map_err(|_| SessionError::Malformed("batch"))?;
                self.batch(generation, batch, bytes.len())?;
            }
            Message::Next { generation, bytes } => {
                let tail = self.their_tail.as_ref().ok_or(SessionError::OutOfTurn("the rest of no batch"))?;
                let batch = tail.lengthen(&bytes).map_err(|_| SessionError::Malformed("continued batch"))?;
                self.batch(generation, batch, bytes.len())?;
            }
            Message::Listing(rows) => {
                if std::mem::replace(&mut self.heard_listing, true) {
                    return Err(SessionError::OutOfTurn("a second listing"));
                }
                self.inputs.push_back(Input { bytes: len, ..Input::default() });
                self.requests.push_back(Request::StoreListing(rows));
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

    fn batch(&mut self, generation: u32, batch: Batch, len: usize) -> Result<(), SessionError> {
        self.costs.received_bytes += batch.len() as u64;
        self.their_tail = Tail::of(&batch);
        // Looked through here, while the store is busy with the one before.
        let open = batch.open().map_err(|_| SessionError::Malformed("batch"))?;
        let unknown = |placed: &Placed| matches!(placed.envelope.kind, OperationKind::Unknown(_));
        self.keeps_newer(open.placed().iter().any(unknown));
        let brings = open.placed().iter().any(|placed| !placed.envelope.brings.is_empty());
        // What waits for the store is the bytes as they came, and what was read of each operation.
        let waiting = len + open.placed().len() * OPENED;
        self.inputs.push_back(Input { bytes: waiting, generation, brings });
        // Whoever sends has not settled, or not for long: it says so again.
        self.their_settled = None;
        self.reported = None;
        self.calm = false;
        if self.config.planted == Some(Planted::AcknowledgeBeforeDurable) {
            self.count_stored(generation);
        }
        match self.requests.back_mut() {
            Some(Request::StoreBatches(batches)) if self.slice + waiting <= SLICE => {
                batches.push(open);
                self.slice += waiting;
            }
            _ => {
                self.requests.push_back(Request::StoreBatches(vec![open]));
                self.slice = waiting;
            }
        }
        Ok(())
    }
}
