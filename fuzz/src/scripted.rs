//! A session whose peer says anything, to a device with a journal in memory.
//!
//! An input is a run of pieces: two bytes LE, of which the upper two bits say how and the rest how long, then so many
//! bytes. `0` a payload on the control stream, framed here so that mutations get past the frame; `1` the same on the
//! blob stream; `2` and `3` raw bytes on either.

use std::cell::OnceCell;

use afterword_core::blobs::Taken;
use afterword_core::crypto::Secret;
use afterword_core::error::Result;
use afterword_core::id::{BlobId, EntryId, Incarnation};
use afterword_core::journal::{Boxed, InnerState, Kind};
use afterword_core::log::{Operation, Tail};
use afterword_core::replication::ListRow;
use afterword_core::replication::memory::Snapshot;
use afterword_core::replication::rules::{self, ChainPoint, Claim, Identity, UnfilledBlob};
use afterword_core::replication::{MemoryStore, Setting, StorageExt, WantedBlob};
use afterword_core::sync::{BlobBytes, Config, Message, Mode, PROTOCOL, Session, SetOf, Stream, frame, serve_request};
use afterword_core::time::{Day, Entropy, Timestamp};

use crate::formats::{
    changes, entry, founding, journal, key, log, next_batch, signed_batch, signed_certificate, statements,
};
use crate::seeds::Fixed;

/// More requests than one input can ask for in good faith: a session that goes on by itself is a fault.
const MOST_REQUESTS: usize = 20_000;
const HERE: u8 = 0x11;
const PEER: u8 = 0x12;

/// Blobs that are nowhere.
#[derive(Debug)]
struct NoBlobs;

impl BlobBytes for NoBlobs {
    fn read(&self, _: &WantedBlob, _: &[u32]) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
    fn store(&self, _: &WantedBlob, _: &[(u32, &[u8])], _: &mut dyn Entropy) -> Result<Taken> {
        Ok(Taken::default())
    }
    fn finish(&self, _: &WantedBlob) -> Result<()> {
        Ok(())
    }
    fn remove(&self, _: EntryId, _: BlobId) -> Result<()> {
        Ok(())
    }
}

fn identity() -> Identity {
    Identity::new(journal(), key(HERE), &Secret::from_bytes([0x5e; 32]))
}

/// A journal of two devices in which this one has written an entry.
fn founded() -> Result<Snapshot> {
    let (store, identity) = (MemoryStore::new(), identity());
    store.write(|tx| {
        tx.set_setting(Setting::Journal, journal().as_bytes())?;
        tx.set_setting(Setting::Incarnation, Incarnation::from_bytes([9; 8]).as_bytes())?;
        for statement in founding() {
            tx.add_statement(statement.id(), statement.encode())?;
        }
        for chunk in changes() {
            let operation = Operation::change(entry(), chunk, Vec::new(), Vec::new())?;
            rules::append(tx, &identity, &mut Fixed::new(1), vec![operation])?;
        }
        Ok(())
    })?;
    Ok(store.snapshot())
}

fn pieces(mut data: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while let Some((head, rest)) = data.split_first_chunk::<2>() {
        let head = u16::from_le_bytes(*head);
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(head & 0x3fff)));
        all.push(((head >> 14) as u8, piece));
        data = rest;
    }
    all
}

/// Whether the session was still open at the input's end.
pub(crate) fn session(data: &[u8]) -> bool {
    thread_local! {
        static FOUNDED: OnceCell<Option<Snapshot>> = const { OnceCell::new() };
    }
    let Some(snapshot) = FOUNDED.with(|founded_once| founded_once.get_or_init(|| founded().ok()).clone()) else {
        return false;
    };
    let store = MemoryStore::new();
    store.restore(&snapshot);
    let identity = identity();
    let mut entropy = Fixed::new(9);
    let mut session = Session::new(Config::new(Mode::Live));
    let mut requests = 0;
    let mut settle = |session: &mut Session| {
        while let Some(request) = session.poll_request() {
            requests += 1;
            assert!(requests < MOST_REQUESTS, "the session keeps asking the store");
            match serve_request(&store, &NoBlobs, &identity, &mut entropy, &key(PEER).id(), request) {
                Ok(reply) => session.reply(reply),
                // The program around a session ends it where the store fails; an input must not be able to make it.
                Err(error) => {
                    assert!(error.code != afterword_core::error::Code::Internal, "{error}");
                    return false;
                }
            }
            while session.poll_transmit(Stream::Control, 1 << 16).is_some() {}
            while session.poll_transmit(Stream::Blobs, 1 << 16).is_some() {}
            while session.poll_event().is_some() {}
        }
        true
    };
    let mut open = settle(&mut session);
    for (how, piece) in pieces(data) {
        let (stream, bytes) = match how {
            0 => (Stream::Control, frame(piece)),
            1 => (Stream::Blobs, frame(piece)),
            2 => (Stream::Control, piece.to_vec()),
            _ => (Stream::Blobs, piece.to_vec()),
        };
        open = open && session.receive(stream, &bytes).is_ok() && settle(&mut session);
        if !open {
            break;
        }
    }
    let held = store.read(|tx| rules::summary(tx)).is_ok_and(|summary| summary.vector.contains_key(&log(HERE)));
    assert!(held, "a peer took this device's own log away");
    open && session.close().is_none_or(|close| close.code() <= 1)
}

fn messages() -> Vec<Message> {
    let mut names: Vec<_> = founding().iter().map(|statement| *statement.id().as_bytes()).collect();
    names.sort_unstable();
    let batch = signed_batch(PEER).encode();
    let claim = |seed, seq| Claim { log: log(seed), seq, chain: [0xcc; 8] };
    vec![
        Message::Hello { version: PROTOCOL, hash: [5; 16], leaves: false },
        Message::Compare {
            generation: 1,
            statements: [1; 16],
            certificates: [2; 16],
            digest: [3; 16],
            claims: vec![claim(HERE, 2), claim(PEER, 3)],
        },
        Message::Sets { of: SetOf::Statements, after: None, names, more: false },
        Message::Missing { statements: statements(), certificates: vec![signed_certificate()], more: false },
        Message::Chains { log: log(HERE), points: vec![ChainPoint { seq: 2, chain: [0xcc; 8] }] },
        Message::Common { log: log(HERE), seq: 1 },
        Message::Batch { generation: 1, batch },
        Message::Ack { generation: 1, batches: 1 },
        Message::Want(vec![UnfilledBlob {
            entry: EntryId::from_bytes([14; 16]),
            id: BlobId::from_bytes([0xb1; 32]),
            bitmap: vec![1],
        }]),
        Message::Sent { chunks: 0 },
        Message::Settled { answered: 1, batches: 1, hash: [5; 16] },
        Message::WhoAreYou,
        Message::Next { generation: 1, bytes: vec![0; 9] },
        Message::Listing(vec![row(7), row(14)]),
        Message::NotUnderstood(300),
        Message::Covers(vec![signed_certificate()]),
        Message::Declines(vec![log(HERE), log(PEER)]),
        Message::Sets { of: SetOf::Certificates, after: None, names: vec![signed_certificate().hash()], more: true },
    ]
}

fn row(seed: u8) -> ListRow {
    ListRow {
        kind: Kind::Loss,
        title: "The letter".to_owned(),
        day: Day::new(2026, 11, 22),
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
        states: vec![InnerState::Raw],
        boxed: Some(Boxed::ByHand),
        words: 3,
        ..ListRow::bare(EntryId::from_bytes([seed; 16]))
    }
}

/// A batch, and one that goes on from it.
fn continued() -> Vec<Message> {
    let batch = signed_batch(PEER);
    let bytes = Tail::of(&batch).zip(next_batch(PEER)).and_then(|(tail, next)| tail.shorten(&next));
    let next = bytes.map(|bytes| Message::Next { generation: 1, bytes });
    [Message::Batch { generation: 1, batch: batch.encode() }].into_iter().chain(next).collect()
}

/// Every message's payload, and a hello with something behind it.
pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let adds = founding().iter().map(|statement| statement.encode().to_vec()).collect();
    let mut all: Vec<_> = messages().iter().chain([&Message::Adds(adds)]).map(Message::encode).collect();
    all.push([all[0].clone(), vec![1, 0xac, 0x02, 5], b"later".to_vec()].concat());
    all
}

fn script(messages: &[Message]) -> Vec<u8> {
    let piece = |payload: Vec<u8>| [&(payload.len() as u16 & 0x3fff).to_le_bytes()[..], &payload].concat();
    messages.iter().flat_map(|message| piece(message.encode())).collect()
}

/// A hello, a compare, and each message after them.
pub(crate) fn scripts() -> Vec<Vec<u8>> {
    let all = messages();
    let (opening, rest) = all.split_at(2);
    let wanted = |message: &&Message| !matches!(message, Message::Ack { .. });
    let mut scripts: Vec<Vec<u8>> =
        rest.iter().filter(wanted).map(|message| script(&[opening, &[message.clone()]].concat())).collect();
    scripts.push([script(&[opening, &rest[4..6]].concat()), script(&rest[9..12])].concat());
    scripts.push(script(&[opening, &continued()].concat()));
    // What a later version says: a message, and something behind a hello.
    let later = [&[9, 0, 0xac, 0x02][..], b"a later"].concat();
    scripts.push([script(opening), later.clone(), script(&rest[..1]), later].concat());
    let greeting = [messages().swap_remove(0).encode(), vec![1, 0xac, 0x02, 5], b"later".to_vec()].concat();
    scripts.push([vec![greeting.len() as u8, 0], greeting, script(&opening[1..])].concat());
    scripts.retain(|script| session(script));
    scripts.push(script(opening));
    scripts
}
