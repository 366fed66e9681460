//! A member that turned, and what it does before and after its removal: certificates of what never was, logs without end,
//! devices of its own, lies, messages that unfold, and everything that may be said too often.
//!
//! It follows no state machine: it says what it likes to an honest device's session. After its removal the honest devices
//! must hold the same, hold no more than the formats say, and save at the price of before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterword_core::crypto::{DeviceKey, SealingKey};
use afterword_core::error::Error;
use afterword_core::fault::Fault;
use afterword_core::id::{BlobId, Chain, DeviceId, EntryId, Incarnation, LogId};
use afterword_core::log::{Batch, BlobRef, Certificate, Envelope, Head, Operation, OperationKind, Position};
use afterword_core::membership::{Author, Body, Kept, Newcomer, Signer, Statement};
use afterword_core::replication::rules::{self, ChainPoint, Claim, UnfilledBlob};
use afterword_core::replication::{Setting, StorageExt};
use afterword_core::sync::{
    Config, FrameReader, MAX_PAYLOAD, Message, Mode, PROTOCOL, Session, SetOf, Stream, frame, serve_request,
};
use afterword_core::time::{Timestamp, random};

use super::check::{store, truth};
use super::device::{Check, Device, Rule, broken};
use super::link::after_commit;
use super::rng::Rng;
use super::world::World;
use super::writing::Writing;

/// What a session may hold of the peer's, here.
const WINDOW: usize = 16 << 10;
/// The most logs of one device, here.
const LOGS: usize = 5;

/// One thing that it does in a session.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Certificates of entries that never were.
    Certificates,
    /// A log for each operation.
    Logs,
    /// Devices of its own, and their logs.
    Adds,
    /// Keeps of logs that never were.
    Keeps,
    /// Our own log, further than we wrote it.
    Lies,
    /// A batch whose head somebody else signed.
    Forges,
    /// A short batch that unfolds to much.
    Unfolds,
    /// The same message again and again, while the store does not come after.
    Repeats,
    /// Its own entries, written and erased.
    Erases,
}

const ACTS: [Act; 9] = [
    Act::Certificates,
    Act::Logs,
    Act::Adds,
    Act::Keeps,
    Act::Lies,
    Act::Forges,
    Act::Unfolds,
    Act::Repeats,
    Act::Erases,
];

/// The member that turned, with the devices that it added.
struct Turned {
    home: Device,
    puppets: Vec<DeviceKey>,
    rng: Rng,
    /// Sessions in which it was heard.
    heard: usize,
}

impl Turned {
    fn keys(&self) -> Vec<DeviceKey> {
        self.puppets.iter().chain([&self.home.identity.key]).cloned().collect()
    }

    fn log(&mut self) -> (DeviceKey, LogId) {
        let keys = self.keys();
        let key = keys[self.rng.below(keys.len())].clone();
        let log = LogId { device: key.id(), incarnation: Incarnation::from_bytes(random(&mut self.rng)) };
        (key, log)
    }

    fn record(&self, entry: EntryId, brings: Vec<BlobRef>) -> Operation {
        let envelope = Envelope { entry, kind: OperationKind::Record, brings, ends: Vec::new(), first_log: None };
        Operation::new(envelope, Vec::new()).expect("an empty record")
    }

    fn batch(&mut self, operations: &[Operation]) -> (Batch, Vec<Certificate>) {
        let (key, log) = self.log();
        let start = Position::start(&self.home.identity.journal, &log);
        let (mut end, mut certificates) = (start, Vec::new());
        for operation in operations {
            end = end.after(operation);
            if operation.envelope.kind == OperationKind::Erase {
                let journal = self.home.identity.journal;
                certificates.push(Certificate::sign(&key, journal, operation.envelope.entry, log, end));
            }
        }
        (Batch::new(log, start, operations, Head::sign(&key, log, end, Vec::new())), certificates)
    }

    fn as_message(batch: Batch) -> Message {
        Message::Batch { generation: 1, batch: batch.encode() }
    }

    /// What it says for one act, to a device with this log, which knows these statements.
    fn says(&mut self, act: Act, seen: &rules::Identity, parents: &[afterword_core::id::StatementId]) -> Vec<Message> {
        let entry = EntryId::from_bytes(random(&mut self.rng));
        match act {
            Act::Certificates => {
                let journal = self.home.identity.journal;
                let certificates = (0..12).map(|n| {
                    let (key, log) = self.log();
                    let position = Position { seq: n + 1, chain: Chain::from_bytes(random(&mut self.rng)) };
                    Certificate::sign(&key, journal, EntryId::from_bytes(random(&mut self.rng)), log, position)
                });
                let certificates: Vec<_> = certificates.collect();
                let covers = Message::Covers(certificates.clone());
                vec![Message::Missing { statements: Vec::new(), certificates, more: false }, covers]
            }
            Act::Logs => {
                let operation = self.record(entry, Vec::new());
                (0..LOGS + 3).map(|_| Self::as_message(self.batch(std::slice::from_ref(&operation)).0)).collect()
            }
            Act::Adds if self.puppets.len() < 2 => {
                let key = DeviceKey::generate(&mut self.rng);
                let sealing = SealingKey::generate(&mut self.rng).public();
                let journal = self.home.identity.journal;
                let newcomer = Newcomer::new(&key, &journal, sealing, "one of mine").expect("a proper name");
                let signer = Signer::Device(&self.home.identity.key);
                let add = Statement::add(signer, &journal, parents, newcomer, Timestamp(0)).expect("parents");
                self.puppets.push(key);
                vec![Message::Missing {
                    statements: vec![add.encode().to_vec()],
                    certificates: Vec::new(),
                    more: false,
                }]
            }
            Act::Adds | Act::Lies => Vec::new(),
            Act::Keeps => {
                let keeps = (0..12).map(|_| {
                    let (key, log) = self.log();
                    let kept = Kept::new(&log, 1, Chain::from_bytes(random(&mut self.rng)));
                    let journal = self.home.identity.journal;
                    let keep = Statement::keep(&key, &journal, parents, log.device, vec![kept]).expect("a proper keep");
                    keep.encode().to_vec()
                });
                let statements = keeps.collect();
                vec![Message::Missing { statements, certificates: Vec::new(), more: false }]
            }
            Act::Forges => {
                let operation = self.record(entry, Vec::new());
                let (mut batch, _) = self.batch(&[operation]);
                batch.log.device = seen.device();
                batch.head.log = batch.log;
                vec![Self::as_message(batch)]
            }
            Act::Unfolds => {
                let brings = vec![BlobRef { id: BlobId::from_bytes([0; 32]), key: [0; 32], len: 0 }; 150];
                let operations = vec![self.record(entry, brings); 2];
                let (batch, _) = self.batch(&operations);
                vec![Self::as_message(batch); 20]
            }
            Act::Repeats => {
                let (_, log) = self.log();
                let names = vec![random(&mut self.rng)];
                let said = [
                    Message::Sets { of: SetOf::Statements, after: None, names: names.clone(), more: false },
                    Message::Sets { of: SetOf::Certificates, after: None, names, more: true },
                    Message::Chains { log, points: vec![ChainPoint { seq: 1, chain: [0; 8] }; 64] },
                    Message::Missing { statements: vec![Vec::new(); 64], certificates: Vec::new(), more: true },
                    Message::Want(vec![UnfilledBlob { entry, id: BlobId::from_bytes([1; 32]), bitmap: vec![1] }]),
                    Message::Declines(vec![log; 64]),
                ];
                let again = said[self.rng.below(said.len())].clone();
                vec![again; 500]
            }
            Act::Erases => {
                let operations = [self.record(entry, Vec::new()), Operation::erase(entry)];
                let (batch, certificates) = self.batch(&operations);
                vec![Message::Covers(certificates), Self::as_message(batch)]
            }
        }
    }

    /// One session with an honest device: it says hello, compares, and does as it likes.
    fn visits(&mut self, world: &mut World, at: usize, act: Act) -> Check {
        let peer = self.home.id();
        let faults = world.planted().into();
        let config = Config { faults, window: WINDOW, ..Config::new(Mode::Live) };
        let mut visit = Visit { session: Session::new(config), peer, heard: FrameReader::new(MAX_PAYLOAD) };
        let identity = world.homes[at].identity.clone();
        visit.serve(&mut world.homes[at])?;
        visit.say(&Message::Hello { version: PROTOCOL, hash: random(&mut self.rng), leaves: false });
        visit.serve(&mut world.homes[at])?;
        let Some(Message::Compare { statements, certificates, digest, mut claims, .. }) = visit.compare() else {
            // It was removed, and hears nothing.
            return Ok(());
        };
        self.heard += 1;
        let before = current(&world.homes[at])?;
        if let Act::Lies = act {
            for claim in claims.iter_mut().filter(|claim| claim.log.device == identity.device()) {
                (claim.seq, claim.chain) = (claim.seq + 1 + self.rng.below(1 << 20) as u64, random(&mut self.rng));
            }
            let log = LogId { device: identity.device(), incarnation: Incarnation::from_bytes(random(&mut self.rng)) };
            claims.push(Claim { log, seq: 1, chain: [0; 8] });
        }
        visit.say(&Message::Compare { generation: 1, statements, certificates, digest, claims });
        visit.serve(&mut world.homes[at])?;
        let parents = store(world.homes[at].storage().read(|tx| Ok(rules::statements(tx)?.seen())))?;
        let said = self.says(act, &identity, &parents);
        // What a device would read before its store has done anything: its window, and the message that crosses it.
        let weights: Vec<usize> = said.iter().map(weight).collect();
        let most = WINDOW + weights.iter().max().copied().unwrap_or_default();
        let mut read = 0;
        for (message, weight) in said.iter().zip(weights) {
            if !visit.session.wants_input() {
                read = 0;
                visit.serve(&mut world.homes[at])?;
            }
            read += weight;
            if read > most {
                return broken(Rule::MemoryIsBounded, format!("{act:?}: {read} bytes, and the store not asked"));
            }
            if !visit.say(message) {
                break;
            }
        }
        visit.serve(&mut world.homes[at])?;
        let crashed = after_commit(&mut world.homes[at], &mut world.ledger)?;
        world.committed(at, crashed)?;
        if current(&world.homes[at])? != before {
            return broken(Rule::ClaimsAreProved, format!("{act:?}: a device that was never put back began a new log"));
        }
        self.bounded(&world.homes[at])
    }

    /// What is held of its doing is what may be.
    fn bounded(&self, home: &Device) -> Check {
        let kept = truth(home)?;
        store(home.storage().read(|tx| {
            let certificates = tx.certificates()?;
            let mut unnamed = 0;
            for certificate in &certificates {
                unnamed += usize::from(!tx.is_named(certificate.entry)?);
            }
            let mut logs = 0;
            for key in self.keys() {
                let all = tx.logs()?;
                logs = logs.max(all.iter().filter(|(log, _)| log.device == key.id() && !kept.is_kept(log)).count());
            }
            Ok((unnamed, logs))
        }))
        .and_then(|(unnamed, logs)| match (unnamed, logs) {
            (0, 0..=LOGS) => Ok(()),
            _ => broken(
                Rule::HoldingsAreBounded,
                format!("{unnamed} certificates of nothing, {logs} logs of one device"),
            ),
        })
    }
}

/// How much of memory a message may come to once it is taken apart.
fn weight(message: &Message) -> usize {
    match message {
        Message::Batch { batch, .. } => {
            let open = Batch::decode(batch).ok().and_then(|batch| batch.open().ok());
            open.map_or(batch.len(), |open| open.weight())
        }
        // Only the last of these is held.
        Message::Want(_) | Message::Declines(_) => 0,
        other => other.encode().len(),
    }
}

/// The log that a device appends to now.
fn current(home: &Device) -> Check<Option<Vec<u8>>> {
    store(home.storage().read(|tx| tx.setting(Setting::Incarnation)))
}

/// An honest device's session with the member that turned.
struct Visit {
    session: Session,
    peer: DeviceId,
    heard: FrameReader,
}

impl Visit {
    /// Answers whether the session goes on.
    fn say(&mut self, message: &Message) -> bool {
        self.session.close().is_none() && self.session.receive(Stream::Control, &frame(&message.encode())).is_ok()
    }

    /// Lets the honest device's store do all that was asked of it.
    fn serve(&mut self, home: &mut Device) -> Check {
        let storage = home.storage();
        loop {
            while let Some(bytes) = self.session.poll_transmit(Stream::Control, 1 << 16) {
                self.heard.push(&bytes);
            }
            let Some(request) = self.session.poll_request() else { return Ok(()) };
            let blobs = home.blobs.clone();
            match serve_request(&storage, &*blobs, &home.identity, &mut home.rng, &self.peer, request) {
                Ok(reply) => self.session.reply(reply),
                Err(Error { message, .. }) => return broken(Rule::StoreWorks, message),
            }
        }
    }

    /// The honest device's compare, if it got so far.
    fn compare(&mut self) -> Option<Message> {
        while let Ok(Some(payload)) = self.heard.payload() {
            if let Ok(message @ Message::Compare { .. }) = Message::decode(&payload) {
                return Some(message);
            }
        }
        None
    }
}

/// Rows that a save of `home` asks for.
fn rows_of_a_save(world: &mut World, home: usize) -> Check<u64> {
    let rows = Arc::new(AtomicU64::new(0));
    world.homes[home].rows = Some(rows.clone());
    world.write(home)?;
    world.homes[home].rows = None;
    Ok(rows.load(Ordering::Relaxed))
}

/// Honest devices and one that turns: what it does, its removal, what it does then, and peace among the others.
pub(super) fn story(world: &mut World) -> Check {
    let honest = 2 + world.rng.below(2);
    while world.homes.len() <= honest {
        world.pair(0)?;
    }
    for home in 0..=honest {
        world.write(home)?;
        world.homes[home].identity.device_logs = LOGS;
    }
    for home in 1..=honest {
        world.meet(0, home)?;
    }
    let before = rows_of_a_save(world, 0)?;
    let mut turned = Turned { rng: world.rng.split(), home: world.turns(honest), puppets: Vec::new(), heard: 0 };
    for _ in 0..6 + world.rng.below(6) {
        act(world, &mut turned, honest)?;
    }
    if turned.heard == 0 {
        return broken(Rule::SessionsEndWell, "a member was not heard");
    }
    // It goes, and with it the devices that it added, as far as the one that removes them knows of them.
    let gone: BTreeSet<DeviceId> = turned.keys().iter().map(DeviceKey::id).collect();
    world.ledger.hostile.extend(&gone);
    for home in 1..honest {
        world.meet(0, home)?;
    }
    for device in gone {
        if truth(&world.homes[0])?.is_member(&device) {
            let removed = world.homes[0].remove(device);
            world.commit(0, removed)?;
        }
    }
    for _ in 0..4 {
        act(world, &mut turned, honest)?;
    }
    world.heal()?;
    few_keeps(world, honest, turned.keys().len())?;
    for home in 0..honest {
        turned.visits(world, home, Act::Logs)?;
        let after = rows_of_a_save(world, home)?;
        if after > 2 * before {
            return broken(Rule::SavesCostTheSame, format!("{after} rows for a save, {before} before"));
        }
    }
    world.heal()
}

/// The honest devices said how far they hold the logs of those that went: each once for each, or once more where it came
/// to hold more.
fn few_keeps(world: &World, honest: usize, gone: usize) -> Check {
    let ours: BTreeSet<DeviceId> = world.homes.iter().map(Device::id).collect();
    let set = store(world.homes[0].storage().read(|tx| rules::statements(tx)))?;
    let by_us = |one: &&Statement| match one.author() {
        Author::Device(device) => ours.contains(&device) && matches!(one.body(), Body::Keep { .. }),
        Author::Recovery => false,
    };
    let keeps = set.in_order().into_iter().filter(by_us).count();
    if keeps > 2 * honest * gone {
        return broken(Rule::HoldingsAreBounded, format!("{keeps} keeps of {honest} devices for {gone}"));
    }
    Ok(())
}

fn act(world: &mut World, turned: &mut Turned, honest: usize) -> Check {
    let (at, act) = (world.rng.below(honest), ACTS[turned.rng.below(ACTS.len())]);
    world.note(format!("{act:?} at {at}"));
    turned.visits(world, at, act)?;
    // The devices that it added visit too: what they write is known to be theirs.
    world.ledger.hostile.extend(turned.keys().iter().map(DeviceKey::id));
    let at_entry = world.rng.below(2);
    let entry = world.entry(at_entry);
    match world.rng.below(4) {
        0 => world.change(at, entry, Writing::Edit),
        1 => {
            let other = world.rng.below(honest);
            world.meet(at, other)
        }
        _ => Ok(()),
    }
}

/// The bugs that this must catch.
pub(super) const PLANTED: [(Fault, Rule); 6] = [
    (Fault::TakesEveryCertificate, Rule::HoldingsAreBounded),
    (Fault::TakesEveryLog, Rule::HoldingsAreBounded),
    (Fault::BelievesClaims, Rule::ClaimsAreProved),
    (Fault::WindowWithoutCount, Rule::MemoryIsBounded),
    (Fault::StatementsNotCached, Rule::SavesCostTheSame),
    (Fault::KeepForEachLog, Rule::HoldingsAreBounded),
];
