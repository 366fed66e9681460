//! Two sessions by hand, each over a store and a blob folder of its own, for the tests beside.

use std::sync::Arc;

use crate::blobs::BlobStore;
use crate::crypto::{BlobKey, HashKey};
use crate::id::EntryId;
use crate::log::{BlobRef, Operation};
use crate::replication::rules::{self, Identity};
use crate::replication::{MemoryStore, StorageExt};
use crate::sync::*;
use crate::testing::journal::{Doc, Journal, Seeded, key};
use crate::time::Entropy;

/// One device, and what its session told.
pub(crate) struct Side {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) identity: Identity,
    pub(crate) entropy: Seeded,
    pub(crate) session: Session,
    pub(crate) events: Vec<Event>,
    pub(crate) blobs: BlobStore,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn entry(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

pub(crate) fn session() -> Session {
    Session::new(Config::new(Mode::Live))
}

impl Side {
    pub(crate) fn new(journal: &Journal, seed: u8) -> Self {
        let store = Arc::new(MemoryStore::new());
        let identity = journal.settle(&*store, seed);
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::new(&folder.path().join("blobs"), BlobKey::from_bytes([seed; 32])).unwrap();
        let entropy = Seeded::new(seed.into());
        Self { store, identity, entropy, session: session(), events: Vec::new(), blobs, folder }
    }

    pub(crate) fn write(&mut self, n: u8) {
        let change = Operation::change(entry(n), Doc::new(n.into()).write("rain"), Vec::new(), Vec::new()).unwrap();
        self.store.write(|tx| rules::append(tx, &self.identity, &mut self.entropy, vec![change])).unwrap();
    }

    /// A new entry with a file of so many bytes.
    pub(crate) fn attach(&mut self, n: u8, length: usize) -> (BlobRef, Vec<u8>) {
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

    pub(crate) fn holds(&self, n: u8, blob: &BlobRef) -> Option<Vec<u8>> {
        let wanted = self.store.read(|tx| tx.blob(entry(n), blob.id)).unwrap()?;
        let mut bytes = Vec::new();
        wanted.here.then(|| self.blobs.export(entry(n), blob, &mut bytes).unwrap())?;
        Some(bytes)
    }

    pub(crate) fn ask(&mut self, peer: u8, request: Request) -> Reply {
        let peer = key(peer).id();
        serve_request(&*self.store, &self.blobs, &self.identity, &mut self.entropy, &peer, request).unwrap()
    }

    pub(crate) fn work(&mut self, peer: u8) {
        while let Some(request) = self.session.poll_request() {
            let reply = self.ask(peer, request);
            self.session.reply(reply);
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    pub(crate) fn says(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.session.poll_transmit(Stream::Control, 1 << 16)).flatten().collect()
    }
}

/// What happens to a part on its way.
pub(crate) type Path<'a> = &'a mut dyn FnMut(Chunk) -> Option<Chunk>;

/// Passes bytes on, at most one part of a blob in a turn, until neither has any more to say. Parts go from `a` to `b`.
pub(crate) fn talk(a: &mut Side, b: &mut Side, path: Path<'_>) {
    let mut quiet = 0;
    for _ in 0..2_000 {
        if quiet == 3 {
            return;
        }
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
    panic!("the two never come to rest");
}

pub(crate) fn two() -> (Side, Side) {
    let journal = Journal::new(&[1, 2]);
    (Side::new(&journal, 1), Side::new(&journal, 2))
}
