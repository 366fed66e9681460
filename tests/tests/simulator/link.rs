//! A session between two devices: two state machines, four byte streams, and everything that can be late in between.

use std::collections::{BTreeSet, VecDeque};

use afterword_core::error::Error;
use afterword_core::fault::Fault;
use afterword_core::id::{DeviceId, LogId};
use afterword_core::log::{Batch, Position, Tail};
use afterword_core::replication::StorageExt;
use afterword_core::replication::rules::{self, Received};
use afterword_core::sync::{
    Answer, Close, Config, Event, FrameReader, MAX_PAYLOAD, Message, Mode, Reply, Request, Session, SessionError,
    Stream, frame, serve_request,
};

use super::check::{self, Ledger, truth};
use super::device::{Check, Device, Rule, broken};
use super::disk::is_power_cut;
use super::rng::Rng;
use super::world::is_newer;

/// One end of a link.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) home: usize,
    pub(super) session: Session,
    request: Option<Request>,
    reply: Option<Reply>,
    /// Whether the store here has news that the session was not told of.
    pub(super) news: bool,
    /// Bytes on their way to the other side.
    wire: [VecDeque<u8>; 2],
    /// Batches that were put on the wire, with the generation they answer.
    sent: Vec<(u32, Batch)>,
    /// The last acknowledgement said here: generation and count.
    acknowledged: (u32, usize),
    /// Ends of batches that were read here, with whom this home knew to be removed when it read them.
    read: Vec<(LogId, Position, BTreeSet<DeviceId>)>,
    served_a_summary: bool,
    /// Milliseconds, as far as the session was told.
    now: u64,
    /// Compares said here, behind each of which a device of a later version says what only that version understands.
    compared: u32,
    /// The last things said, shortened, for whoever reads a failure.
    said: VecDeque<String>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Did {
    /// Anything at all.
    pub(super) moved: bool,
    /// The store of this home committed.
    pub(super) committed: bool,
    /// The power of this home went.
    pub(super) crashed: bool,
}

/// What may happen at one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Ask,
    Serve,
    Answer,
    News,
    /// Time passes without anything.
    Quiet,
    Send(Stream),
    Receive(Stream),
}

/// Much smaller than a program's, so that it fills.
const WINDOW: usize = 4096;
/// Many lack so much.
const FEW: u64 = 4;

pub(super) const ACTS: [Act; 9] = [
    Act::Ask,
    Act::Serve,
    Act::Answer,
    Act::News,
    Act::Quiet,
    Act::Send(Stream::Control),
    Act::Send(Stream::Blobs),
    Act::Receive(Stream::Control),
    Act::Receive(Stream::Blobs),
];

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) sides: [Side; 2],
}

fn lane(stream: Stream) -> usize {
    match stream {
        Stream::Control => 0,
        Stream::Blobs => 1,
    }
}

impl Link {
    pub(super) fn new(homes: [usize; 2], modes: [Mode; 2], planted: Option<Fault>) -> Self {
        let side = |at: usize| Side {
            home: homes[at],
            session: Session::new(Config {
                faults: planted.into(),
                window: WINDOW,
                listing_from: FEW,
                ..Config::new(modes[at])
            }),
            request: None,
            reply: None,
            news: false,
            wire: Default::default(),
            sent: Vec::new(),
            acknowledged: (0, 0),
            read: Vec::new(),
            served_a_summary: false,
            now: 0,
            compared: 0,
            said: VecDeque::new(),
        };
        Self { sides: [side(0), side(1)] }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_over(&self) -> bool {
        let done = |at: usize| {
            let refused = matches!(self.sides[at].session.close(), Some(Close::Refused | Close::Error(_)));
            self.sides[at].session.close().is_some()
                && (refused
                    || self.sides[at].wire.iter().all(VecDeque::is_empty)
                    || self.sides[1 - at].session.close().is_some())
        };
        done(0) || done(1)
    }

    /// How it ended, where it did not end in peace.
    pub(super) fn quarrel(&self) -> Check {
        for side in &self.sides {
            if let Some(close @ (Close::Error(_) | Close::Stalled)) = side.session.close() {
                return broken(Rule::SessionsEndWell, format!("a session ended with {close:?}"));
            }
        }
        Ok(())
    }

    /// What was said last, for whoever reads a failure.
    pub(super) fn last_words(&self) -> String {
        let said = |side: &Side| {
            let words: Vec<_> = side.said.iter().map(String::as_str).collect();
            format!("\n{} ({:?}) said\n> {}", side.home, side.session.close(), words.join("\n> "))
        };
        self.sides.iter().map(said).collect()
    }

    /// Does one thing at one end; `piece` is the most bytes to deliver.
    pub(super) fn act(
        &mut self,
        at: usize,
        act: Act,
        piece: usize,
        homes: &mut [Device],
        ledger: &mut Ledger,
        inboxes: &mut [Vec<Batch>],
    ) -> Check<Did> {
        let [first, second] = &mut self.sides;
        let (side, other) = if at == 0 { (first, second) } else { (second, first) };
        let mut did = Did::default();
        match act {
            Act::Ask => {
                if side.request.is_none() && side.reply.is_none() {
                    side.request = side.session.poll_request();
                    did.moved = side.request.is_some();
                }
            }
            Act::Serve => {
                if let Some(request) = side.request.take() {
                    did = serve(side, other, homes, request, ledger)?;
                }
            }
            Act::Answer => {
                if let Some(reply) = side.reply.take() {
                    side.session.reply(reply);
                    did.moved = true;
                }
            }
            Act::News => {
                if std::mem::take(&mut side.news) {
                    side.session.news();
                    did.moved = true;
                }
            }
            Act::Quiet => {
                if side.session.is_restless() {
                    side.now += 300;
                    side.session.tick(side.now);
                    did.moved = true;
                }
            }
            Act::Send(stream) => {
                if let Some(bytes) = side.session.poll_transmit(stream, 16 << 10) {
                    let compared = side.compared;
                    if stream == Stream::Control {
                        overhear(side, other, &bytes, &homes[side.home], &mut inboxes[other.home])?;
                    }
                    side.wire[lane(stream)].extend(bytes);
                    if is_newer(side.home) {
                        (compared..side.compared).for_each(|count| side.wire[0].extend(later(count)));
                    }
                    did.moved = true;
                }
            }
            Act::Receive(stream) => {
                let wire = &mut other.wire[lane(stream)];
                let piece = piece.min(wire.len());
                let wants = match stream {
                    Stream::Control => side.session.wants_input(),
                    Stream::Blobs => side.session.wants_chunks(),
                };
                if piece > 0 && (wants || side.session.close().is_some()) {
                    let bytes: Vec<u8> = wire.drain(..piece).collect();
                    if side.session.close().is_none() {
                        side.session.progress(side.now);
                        // An error has closed the session; how it ended is looked at when it is over.
                        side.session.receive(stream, &bytes).ok();
                    }
                    did.moved = true;
                }
            }
        }
        while let Some(event) = side.session.poll_event() {
            match event {
                Event::Mended => ledger.mended += 1,
                Event::Settled { equal } => {
                    ledger.settled += u64::from(equal);
                    // Where the power goes, the rows stay; no session brings them, so nobody shows them.
                    let _ = homes[side.home].storage().write(|tx| tx.end_arriving(homes[other.home].id()));
                }
                Event::Announced { entries } => ledger.announced += entries,
                Event::Recomputed(_) | Event::Diverged => {
                    return broken(Rule::EqualLogsEqualHeads, format!("a session said {event:?}"));
                }
                Event::DamagedBlob => return broken(Rule::StoreWorks, "a blob came damaged"),
                Event::Stored { .. } | Event::BlobFilled | Event::Newer | Event::Heard => {}
            }
        }
        Ok(did)
    }

    /// Lets everything happen, without loss, until nothing more does.
    pub(super) fn run(
        &mut self,
        rng: &mut Rng,
        homes: &mut [Device],
        ledger: &mut Ledger,
        inboxes: &mut [Vec<Batch>],
    ) -> Check {
        let mut idle = 0;
        let mut steps = 0;
        while !self.is_over() && idle < 2 {
            let mut moved = false;
            for _ in 0..2 * ACTS.len() {
                let (at, act) = (rng.below(2), ACTS[rng.below(ACTS.len())]);
                moved |= self.act(at, act, 1 << 20, homes, ledger, inboxes)?.moved;
            }
            if !moved {
                for at in 0..2 {
                    for act in ACTS {
                        moved |= self.act(at, act, 1 << 20, homes, ledger, inboxes)?.moved;
                    }
                }
            }
            idle = if moved { 0 } else { idle + 1 };
            steps += 1;
            if steps > 5_000 {
                return broken(Rule::SessionsEndWell, "a session goes on without end");
            }
        }
        self.quarrel()
    }
}

/// A message that only a later version knows: whoever says a compare has heard the other's hello.
fn later(count: u32) -> Vec<u8> {
    let number = 100 + count as u8 % 20;
    frame(&[&[number][..], &vec![0xee; 30 * count as usize % 2000]].concat())
}

/// Answers a request as the driver would, and looks at the answer.
fn serve(side: &mut Side, other: &Side, homes: &mut [Device], request: Request, ledger: &mut Ledger) -> Check<Did> {
    let peer = homes[other.home].id();
    let device = &mut homes[side.home];
    let mut identity = device.identity.clone();
    if !std::mem::replace(&mut side.served_a_summary, true) {
        // The planted bug is to believe for the whole session what was true when it began.
        let faults = identity.faults.planted().filter(|fault| *fault != Fault::StandingFromTheSessionsBeginning);
        identity.faults = faults.into();
    }
    let (storage, blobs) = (device.storage(), device.blobs.clone());
    let own: Vec<_> = match &request {
        Request::StoreBatches(batches) => {
            batches.iter().try_for_each(|arrived| heard_before(arrived.open.batch(), other, device))?;
            batches.iter().map(|arrived| arrived.open.batch().log).collect()
        }
        _ => Vec::new(),
    };
    let reads = !matches!(
        request,
        Request::StoreMissing { .. }
            | Request::StoreBatches(_)
            | Request::StoreParts(_)
            | Request::StoreListing(_)
            | Request::Introduce(_)
    );
    let reply = match serve_request(&storage, &*blobs, &identity, &mut device.rng, &peer, request) {
        Ok(reply) => reply,
        Err(error) if is_power_cut(&error) => return Ok(Did { moved: true, committed: true, crashed: true }),
        Err(Error { message, .. }) => return broken(Rule::StoreWorks, message),
    };
    let looked_at = ledger.ignored != Some(Rule::OnlyMembersAreServed);
    if reads && looked_at && !matches!(reply.answer, Answer::Done) && !truth(device)?.is_member(&peer) {
        return broken(Rule::OnlyMembersAreServed, format!("{:?} answered {peer:?}", device.id()));
    }
    match &reply.answer {
        Answer::Batch(_, Some(batch), _) | Answer::News(_, _, Some(batch)) => {
            let removed = truth(device)?.removed().map(|member| member.id).collect();
            side.read.push((batch.batch.log, batch.batch.head.position, removed));
        }
        Answer::Received(all) => {
            let stored = all.iter().map(|(_, _, received)| matches!(received, Received::Stored { .. }));
            let us = device.id();
            let stored = own.into_iter().zip(stored).filter(|(log, stored)| *stored && log.device == us);
            device.told.extend(stored.map(|(log, _)| log));
        }
        _ => {}
    }
    let committed = reply.wrote;
    let crashed = committed && after_commit(device, ledger)?;
    side.reply = Some(reply);
    Ok(Did { moved: true, committed, crashed })
}

/// Every removal that the sender knew when it read this batch is known here before the batch is stored.
fn heard_before(batch: &Batch, sender: &Side, device: &Device) -> Check {
    let here: BTreeSet<_> = truth(device)?.removed().map(|member| member.id).collect();
    let mut reads = sender.read.iter().filter(|(log, end, _)| (*log, *end) == (batch.log, batch.head.position));
    // The same batch may have been read twice, and only once been sent.
    if reads.clone().next().is_some() && !reads.any(|(_, _, removed)| removed.is_subset(&here)) {
        return broken(
            Rule::RemovalGoesFirst,
            format!("{:?} was given {:?} before a removal", device.id(), batch.head.position),
        );
    }
    Ok(())
}

fn in_short(message: &Result<Message, SessionError>) -> String {
    match message {
        Ok(Message::Compare { generation, statements, certificates, digest, claims }) => format!(
            "Compare {generation}: statements {:x?}, certificates {:x?}, digest {:x?}, claims {:?}",
            &statements[..2],
            &certificates[..2],
            &digest[..2],
            claims.iter().map(|claim| (claim.log, claim.seq)).collect::<Vec<_>>()
        ),
        Ok(Message::Sets { of, names, more, .. }) => format!("Sets: {} {of:?}, more: {more}", names.len()),
        Ok(Message::Missing { statements, certificates, more }) => {
            format!("Missing {} statements, {} certificates, more: {more}", statements.len(), certificates.len())
        }
        Ok(Message::Covers(certificates)) => format!("Covers of {} entries", certificates.len()),
        Ok(Message::Batch { generation, batch }) => {
            let run = Batch::decode(batch).ok().map(|batch| (batch.log, batch.previous.seq, batch.head.position.seq));
            format!("Batch for {generation}: {run:?}")
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

/// Reads along: what is acknowledged must be durable when the acknowledgement leaves.
fn overhear(side: &mut Side, other: &Side, bytes: &[u8], device: &Device, inbox: &mut Vec<Batch>) -> Check {
    let mut reader = FrameReader::new(MAX_PAYLOAD);
    reader.push(bytes);
    while let Ok(Some(payload)) = reader.payload() {
        let message = Message::decode(&payload);
        side.said.push_back(in_short(&message));
        if side.said.len() > 20 {
            side.said.pop_front();
        }
        side.compared += u32::from(matches!(message, Ok(Message::Compare { .. })));
        match message {
            Ok(Message::Batch { generation, batch }) => {
                let Ok(batch) = Batch::decode(&batch) else {
                    return broken(Rule::SessionsEndWell, "a device sent a batch that does not decode");
                };
                inbox.push(batch.clone());
                side.sent.push((generation, batch));
            }
            Ok(Message::Next { generation, bytes }) => {
                let whole = side.sent.last().and_then(|(_, last)| Tail::of(last)?.lengthen(&bytes).ok());
                let Some(batch) = whole else {
                    return broken(Rule::SessionsEndWell, "a device sent a continuation of no batch");
                };
                inbox.push(batch.clone());
                side.sent.push((generation, batch));
            }
            Ok(Message::Ack { generation, batches }) => {
                // What an earlier acknowledgement covered was looked at then.
                let before = if side.acknowledged.0 == generation { side.acknowledged.1 } else { 0 };
                side.acknowledged = (generation, batches as usize);
                let sent = other.sent.iter().filter(|(of, _)| *of == generation);
                let covered = sent.take(batches as usize).skip(before);
                for (_, batch) in covered {
                    if !check::is_durable(device, batch)? {
                        return broken(
                            Rule::AcknowledgedIsDurable,
                            format!("{:?} acknowledged {:?} and does not hold it", device.id(), batch.head.position),
                        );
                    }
                }
            }
            Ok(_) => {}
            Err(error) => return broken(Rule::SessionsEndWell, format!("a device sent {error}")),
        }
    }
    Ok(())
}

/// Takes a batch that came before, again or late, as a session between two others might bring it.
pub(super) fn replay(device: &mut Device, batch: Batch, ledger: &mut Ledger) -> Check<bool> {
    let storage = device.storage();
    let log = batch.log;
    let identity = device.identity.clone();
    let Ok(open) = batch.open() else {
        return broken(Rule::SessionsEndWell, "a device sent a batch that does not open");
    };
    match storage.write(|tx| rules::receive(tx, &identity, &mut device.rng, open, &[])) {
        Ok(Received::Stored { .. }) if log.device == device.id() => {
            device.told.insert(log);
        }
        Ok(_) => {}
        Err(error) if is_power_cut(&error) => return Ok(true),
        Err(Error { message, .. }) => return broken(Rule::StoreWorks, message),
    }
    after_commit(device, ledger)
}

/// What a device does after every commit, and what is looked at then. Answers whether its power went.
pub(super) fn after_commit(device: &mut Device, ledger: &mut Ledger) -> Check<bool> {
    check::device(device, ledger)?;
    match device.sweep() {
        Ok(()) => Ok(false),
        Err(error) if is_power_cut(&error) => Ok(true),
        Err(Error { message, .. }) => broken(Rule::StoreWorks, message),
    }
}
