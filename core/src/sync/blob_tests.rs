//! Blobs between two sessions by hand: in slices, by turns, behind entries, and on from where a cut left them.

use std::sync::Arc;

use super::*;
use crate::crypto::{BlobKey, HashKey};
use crate::id::{BlobId, EntryId};
use crate::log::{BlobRef, Operation};
use crate::store::blobs::{BlobStore, CHUNK, Shape};
use crate::store::conformance::world::{Doc, Journal, Seeded, key};
use crate::store::rules::{self, Identity};
use crate::store::{MemoryStore, StorageExt};
use crate::time::Entropy;

struct Side {
    store: Arc<MemoryStore>,
    identity: Identity,
    entropy: Seeded,
    session: Session,
    events: Vec<Event>,
    blobs: BlobStore,
    folder: tempfile::TempDir,
}

fn entry(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

fn session() -> Session {
    Session::new(Config::new(Mode::Live))
}

impl Side {
    fn new(journal: &Journal, seed: u8) -> Self {
        let store = Arc::new(MemoryStore::new());
        let identity = journal.settle(&*store, seed);
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::new(&folder.path().join("blobs"), BlobKey::from_bytes([seed; 32])).unwrap();
        let entropy = Seeded::new(seed.into());
        Self { store, identity, entropy, session: session(), events: Vec::new(), blobs, folder }
    }

    fn write(&mut self, n: u8) {
        let change = Operation::change(entry(n), Doc::new(n.into()).write("rain"), Vec::new(), Vec::new()).unwrap();
        self.store.write(|tx| rules::append(tx, &self.identity, &mut self.entropy, vec![change])).unwrap();
    }

    /// A new entry with a file of so many bytes.
    fn attach(&mut self, n: u8, length: usize) -> (BlobRef, Vec<u8>) {
        let mut bytes = vec![0; length];
        self.entropy.fill(&mut bytes);
        let secret = HashKey::from_bytes([n; 32]);
        let blob = self.blobs.import(entry(n), &mut bytes.as_slice(), &secret, &mut self.entropy).unwrap();
        let chunk = Doc::new(n.into()).write("see below");
        let change = Operation::change(entry(n), chunk, vec![blob.clone()], Vec::new()).unwrap();
        self.store
            .write(|tx| {
                rules::append(tx, &self.identity, &mut self.entropy, vec![change])?;
                tx.set_blob(entry(n), blob.id, &[], true)
            })
            .unwrap();
        (blob, bytes)
    }

    fn holds(&self, n: u8, blob: &BlobRef) -> Option<Vec<u8>> {
        let wanted = self.store.read(|tx| tx.blob(entry(n), blob.id)).unwrap()?;
        let mut bytes = Vec::new();
        wanted.here.then(|| self.blobs.export(entry(n), blob, &mut bytes).unwrap())?;
        Some(bytes)
    }

    fn ask(&mut self, peer: u8, request: Request) -> Reply {
        let peer = key(peer).id();
        serve_request(&*self.store, &self.blobs, &self.identity, &mut self.entropy, &peer, request).unwrap()
    }

    fn work(&mut self, peer: u8) {
        while let Some(request) = self.session.poll_request() {
            let reply = self.ask(peer, request);
            self.session.reply(reply);
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    fn says(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.session.poll_transmit(Stream::Control, 1 << 16)).flatten().collect()
    }
}

/// What happens to a part on its way.
type Path<'a> = &'a mut dyn FnMut(Chunk) -> Option<Chunk>;

/// Passes bytes on, at most one part of a blob in a turn, until neither has any more to say. Parts go from `a` to `b`.
fn talk(a: &mut Side, b: &mut Side, path: Path<'_>) {
    let mut quiet = 0;
    while quiet < 3 {
        a.work(2);
        b.work(1);
        let (to_b, to_a) = (a.says(), b.says());
        let part = a.session.poll_transmit(Stream::Blobs, 1 << 16);
        quiet = if to_a.is_empty() && to_b.is_empty() && part.is_none() { quiet + 1 } else { 0 };
        b.session.receive(Stream::Control, &to_b).unwrap();
        a.session.receive(Stream::Control, &to_a).unwrap();
        if let Some(part) = part {
            let mut reader = FrameReader::new(MAX_CHUNK_PAYLOAD);
            reader.push(&part);
            let part = Chunk::decode(reader.payload().unwrap().unwrap()).unwrap();
            if let Some(part) = path(part) {
                b.session.receive(Stream::Blobs, &part.frame()).unwrap();
            }
        }
    }
}

fn two() -> (Side, Side) {
    let journal = Journal::new(&[1, 2]);
    (Side::new(&journal, 1), Side::new(&journal, 2))
}

fn parts(blob: &BlobRef) -> u64 {
    Shape::new(blob.len).unwrap().parts()
}

#[test]
fn a_long_blob_costs_a_transaction_for_each_slice_and_no_part_twice() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 13 << 20);
    let mut sent = 0;
    talk(&mut a, &mut b, &mut |part| {
        sent += 1;
        Some(part)
    });
    assert!(b.holds(3, &blob) == Some(bytes));
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
    assert_eq!(sent, parts(&blob));
    // One for the batch, one to plan, and four slices of at most 4 MiB.
    let written = b.session.costs().transactions;
    assert!(written <= 2 + 13_u64.div_ceil(4) + 1, "{written}");
    // News of something else brings nothing of it again.
    a.write(4);
    a.session.news();
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    // A session that stays says again where it stands once it is quiet.
    for side in [&mut a, &mut b] {
        side.session.tick(1000);
    }
    talk(&mut a, &mut b, &mut |part| panic!("{part:?}"));
    assert_eq!(b.session.settled(), Some(true));
}

#[test]
fn several_blobs_take_turns_and_the_shortest_begins() {
    let (mut a, mut b) = two();
    let (long, _) = a.attach(3, 5 << 20);
    let (longer, _) = a.attach(4, 6 << 20);
    let (photo, bytes) = a.attach(5, 200_000);
    let mut order: Vec<BlobId> = Vec::new();
    talk(&mut a, &mut b, &mut |part| {
        order.push(part.blob);
        Some(part)
    });
    assert_eq!(b.holds(5, &photo), Some(bytes));
    assert_eq!(order[0], photo.id);
    let span = |blob: &BlobRef| {
        let at = |id: &BlobId| *id == blob.id;
        (order.iter().position(at).unwrap(), order.iter().rposition(at).unwrap())
    };
    let (first, second) = (span(&long), span(&longer));
    assert!(first.0 < second.1 && second.0 < first.1, "{first:?} {second:?}");
    // Neither waits for more than one slice of the other.
    assert!(first.0.abs_diff(second.0) <= (1 << 20) / CHUNK as usize + 1, "{first:?} {second:?}");
}

#[test]
fn no_part_of_a_blob_goes_ahead_of_an_entry() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 4 << 20);
    for n in 10..60 {
        a.write(n);
    }
    let (store, mut before) = (b.store.clone(), None);
    let held = move || store.read(|tx| tx.documents()).unwrap().len();
    talk(&mut a, &mut b, &mut |part| {
        before.get_or_insert(held());
        Some(part)
    });
    assert_eq!(before, Some(51), "entries that were there when the first part came");
    assert!(b.holds(3, &blob) == Some(bytes));

    // In the middle of a transfer: from the moment at which an entry is known to wait, no part leaves before it.
    let (mut a, mut b) = two();
    a.attach(3, 4 << 20);
    let mut sent = 0;
    while sent < 5 {
        a.work(2);
        b.work(1);
        let (to_b, to_a) = (a.says(), b.says());
        b.session.receive(Stream::Control, &to_b).unwrap();
        a.session.receive(Stream::Control, &to_a).unwrap();
        if let Some(part) = a.session.poll_transmit(Stream::Blobs, 1 << 16) {
            sent += 1;
            b.session.receive(Stream::Blobs, &part).unwrap();
        }
    }
    a.write(4);
    a.session.news();
    let mut ahead = 0;
    while b.store.read(|tx| tx.documents()).unwrap().len() < 2 {
        if let Some(request) = a.session.poll_request() {
            let reply = a.ask(2, request);
            a.session.reply(reply);
        }
        let control = a.says();
        b.session.receive(Stream::Control, &control).unwrap();
        if let Some(part) = a.session.poll_transmit(Stream::Blobs, 1 << 16) {
            // Read before the news was: the store was busy with it.
            ahead += usize::from(control.is_empty());
            b.session.receive(Stream::Blobs, &part).unwrap();
        }
        b.work(1);
    }
    assert!(ahead <= 1, "{ahead} parts went ahead of a waiting entry");
}

#[test]
fn after_a_cut_no_part_that_came_comes_again() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 9 << 20);
    let mut came = 0;
    for cut in [1, 3, 7, 90, u64::MAX] {
        let mut now = 0;
        talk(&mut a, &mut b, &mut |part| {
            now += 1;
            (now <= cut).then_some(part)
        });
        came += now.min(cut);
        // The path is gone; what was received is kept.
        if let Some(request) = b.session.salvage() {
            b.ask(1, request);
        }
        (a.session, b.session) = (session(), session());
    }
    assert!(b.holds(3, &blob) == Some(bytes));
    assert_eq!(came, parts(&blob));
}

#[test]
fn a_part_changed_on_its_way_is_refused_and_comes_again() {
    let (mut a, mut b) = two();
    let (blob, bytes) = a.attach(3, 1 << 20);
    let mut bad = 1;
    talk(&mut a, &mut b, &mut |mut part| {
        if part.index == 7 && bad > 0 {
            bad -= 1;
            part.bytes[100] ^= 1;
        }
        Some(part)
    });
    assert!(b.events.contains(&Event::DamagedBlob), "{:?}", b.events);
    // Found when it came: the others were kept, and this one was asked for again.
    assert!(b.holds(3, &blob) == Some(bytes));
}

#[test]
fn what_is_erased_while_it_comes_leaves_no_file() {
    let (mut a, mut b) = two();
    let (blob, _) = a.attach(3, 12 << 20);
    let mut sent = 0;
    talk(&mut a, &mut b, &mut |part| {
        sent += 1;
        (sent < 100).then_some(part)
    });
    assert!(b.holds(3, &blob).is_none());
    assert!(b.session.wants_chunks());
    b.store.write(|tx| rules::erase(tx, &b.identity, &mut b.entropy, entry(3))).unwrap();
    // What came and waited is stored after the erase: nothing of it stays.
    let request = b.session.salvage().unwrap();
    b.ask(1, request);
    for (entry, blob) in b.store.read(|tx| tx.unwanted_blobs()).unwrap() {
        b.blobs.remove(entry, &blob).unwrap();
    }
    let left = std::fs::read_dir(b.folder.path().join("blobs")).unwrap().count();
    assert_eq!(left, 0);
    // A peer that is no member is given nothing.
    let want = rules::UnfilledBlob { entry: entry(3), id: blob.id, bitmap: Vec::new() };
    let reply = a.ask(9, Request::ReadParts(want, 0));
    assert_eq!(reply.answer, Answer::Done);
}
