//! Frames, every message, chunks and the `Hello` hash, byte for byte: the protocol may change only with its version. The
//! vectors are `golden/sync.hex`, a value a line: name, hexadecimal digits. A message's line is its whole frame.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::*;
use crate::crypto::{DeviceKey, Secret};
use crate::id::{BlobId, Chain, EntryId, Incarnation, JournalId, LogId};
use crate::journal::{Boxed, InnerState, Kind};
use crate::log::{Certificate, Position};
use crate::replication::ListRow;
use crate::replication::rules::{ChainPoint, Claim, Identity, Summary, UnfilledBlob};
use crate::time::{Day, Timestamp};

const GOLDEN: &str = include_str!("golden/sync.hex");

fn key() -> DeviceKey {
    DeviceKey::from_seed(&[0x11; 32])
}

fn log() -> LogId {
    LogId { device: key().id(), incarnation: Incarnation::from_bytes([9; 8]) }
}

fn position() -> Position {
    Position { seq: 300, chain: Chain::from_bytes([0xcc; 32]) }
}

fn unfilled() -> UnfilledBlob {
    UnfilledBlob { entry: EntryId::from_bytes([14; 16]), id: BlobId::from_bytes([0xb1; 32]), bitmap: vec![0b101] }
}

fn row() -> ListRow {
    ListRow {
        id: EntryId::from_bytes([14; 16]),
        kind: Kind::Loss,
        title: "The letter".to_owned(),
        day: Day::new(2026, 11, 22),
        created_at: Timestamp(1_700_000_000_000),
        updated_at: Timestamp(1_700_000_000_300),
        states: vec![InnerState::Reflected],
        boxed: Some(Boxed::Until(Day::new(2026, 12, 1))),
        words: 300,
        attachments: 2,
        trashed: false,
    }
}

fn chunk() -> Chunk {
    Chunk {
        entry: EntryId::from_bytes([14; 16]),
        blob: BlobId::from_bytes([0xb1; 32]),
        index: 2,
        bytes: b"photo".to_vec(),
    }
}

fn messages() -> Vec<(&'static str, Message)> {
    let certificate =
        Certificate::sign(&key(), JournalId::from_bytes([10; 16]), EntryId::from_bytes([14; 16]), log(), position());
    let name = [0xce; 32];
    vec![
        ("hello", Message::Hello { version: PROTOCOL, hash: [5; 16], leaves: false }),
        ("who-are-you", Message::WhoAreYou),
        ("adds", Message::Adds(vec![b"genesis".to_vec(), b"add".to_vec()])),
        (
            "compare",
            Message::Compare {
                generation: 1,
                statements: [1; 16],
                certificates: [2; 16],
                digest: [3; 16],
                claims: vec![Claim { log: log(), seq: 300, chain: [0xcc; 8] }],
            },
        ),
        ("sets", Message::Sets { of: SetOf::Certificates, after: Some(name), names: vec![[0xcf; 32]], more: true }),
        (
            "missing",
            Message::Missing {
                statements: vec![b"add".to_vec()],
                certificates: vec![certificate.clone()],
                more: false,
            },
        ),
        ("chains", Message::Chains { log: log(), points: vec![ChainPoint { seq: 300, chain: [0xcc; 8] }] }),
        ("common", Message::Common { log: log(), seq: 299 }),
        ("batch", Message::Batch { generation: 1, batch: b"batch".to_vec() }),
        ("ack", Message::Ack { generation: 1, batches: 300 }),
        ("want", Message::Want(vec![unfilled()])),
        ("sent", Message::Sent { chunks: 2 }),
        ("settled", Message::Settled { answered: 1, batches: 300, hash: [5; 16] }),
        ("next", Message::Next { generation: 1, bytes: b"short".to_vec() }),
        ("listing", Message::Listing(vec![row()])),
        ("not-understood", Message::NotUnderstood(300)),
        ("covers", Message::Covers(vec![certificate])),
        ("declines", Message::Declines(vec![log()])),
    ]
}

fn hello() -> [u8; 16] {
    let identity = Identity::new(JournalId::from_bytes([10; 16]), key(), &Secret::from_bytes([0x5e; 32]));
    let summary = Summary {
        statements: [1; 16],
        certificates: [2; 16],
        vector: BTreeMap::from([(log(), position())]),
        digest: [3; 32],
        unfilled: vec![unfilled()],
    };
    summary.hello(&identity)
}

fn made() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<_> = messages().into_iter().map(|(name, message)| (name, frame(&message.encode()))).collect();
    assert_eq!(chunk().frame(), frame(&chunk().encode()));
    all.push(("chunk", chunk().frame()));
    all.push(("hello-hash", hello().to_vec()));
    all.push(("frame-empty", frame(&[])));
    all.push(("frame-200", frame(&[7; 200])));
    all
}

fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    let line = |line: &'static str| {
        let (name, hex) = line.split_once(' ').unwrap();
        (name, HEXLOWER.decode(hex.as_bytes()).unwrap())
    };
    GOLDEN.lines().map(line).collect()
}

fn payload(bytes: &[u8]) -> Vec<u8> {
    let mut reader = FrameReader::new(MAX_INTRODUCTION);
    reader.push(bytes);
    reader.payload().unwrap().unwrap()
}

#[test]
fn the_protocol_is_these_bytes() {
    let lines: Vec<String> = made().iter().map(|(name, bytes)| format!("{name} {}", HEXLOWER.encode(bytes))).collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>(), "\n{}\n", lines.join("\n"));
}

#[test]
fn these_bytes_are_the_protocol() {
    let golden = golden();
    for (name, message) in messages() {
        assert_eq!(Message::decode(&payload(&golden[name])).unwrap(), message, "{name}");
    }
    assert_eq!(Chunk::decode(payload(&golden["chunk"])).unwrap(), chunk());
    assert_eq!(payload(&golden["frame-empty"]), b"");
    assert_eq!(payload(&golden["frame-200"]), [7; 200]);
}

/// A message that nobody gave a vector would change unseen.
#[test]
fn every_message_has_a_vector() {
    let numbers: std::collections::BTreeSet<u8> = messages().iter().map(|(_, message)| message.encode()[0]).collect();
    assert_eq!(numbers, (0..=17).collect());
    assert_eq!([17, 18].map(|number| Message::unknown(&[number])), [None, Some(18)], "an eighteenth has a vector too");
    assert!(Message::decode(&[18]).is_err());
}
