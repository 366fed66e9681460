//! Operations, chains, heads, certificates and batches from fixed keys, byte for byte: the formats may change only with
//! their version. The vectors are `golden/log.hex`, a value a line: name, hexadecimal digits.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::*;
use crate::crypto::DeviceKey;
use crate::document::PeopleDocument;
use crate::id::{BlobId, EntryId, Incarnation, PEOPLE, StatementId};

const GOLDEN: &str = include_str!("golden/log.hex");
const CONTINUATION: &str = include_str!("golden/continuation.hex");

fn key() -> DeviceKey {
    DeviceKey::from_seed(&[0x11; 32])
}

fn journal() -> JournalId {
    JournalId::from_bytes([0x0a; 16])
}

fn log() -> LogId {
    LogId { device: key().id(), incarnation: Incarnation::from_bytes([0x09; 8]) }
}

fn erased() -> EntryId {
    EntryId::from_bytes([0x0e; 16])
}

/// A change that brings one blob, ends another and was first written elsewhere; an erase; a record.
fn operations() -> [Operation; 3] {
    let elsewhere = DeviceKey::from_seed(&[0x12; 32]).id();
    let envelope = Envelope {
        entry: PEOPLE,
        kind: OperationKind::Change,
        brings: vec![BlobRef { id: BlobId::from_bytes([0xb1; 32]), key: [0x4b; 32], len: 300 }],
        ends: vec![BlobId::from_bytes([0xb2; 32])],
        first_log: Some(LogId { device: elsewhere, incarnation: Incarnation::from_bytes([8; 8]) }),
    };
    let record =
        Envelope { entry: erased(), kind: OperationKind::Record, brings: vec![], ends: vec![], first_log: None };
    [
        Operation::new(envelope, PeopleDocument::first_change().unwrap()).unwrap(),
        Operation::erase(erased()),
        Operation::new(record, b"sent".to_vec()).unwrap(),
    ]
}

fn batch() -> Batch {
    let previous = Position::start(&journal(), &log());
    let operations = operations().to_vec();
    let end = operations.iter().fold(previous, |position, operation| position.after(operation));
    let knew = vec![StatementId::from_bytes([2; 32]), StatementId::from_bytes([1; 32])];
    Batch { log: log(), previous, blocks: vec![plain(&operations)], head: Head::sign(&key(), log(), end, knew) }
}

/// A block whose lines are not compressed: another release of zstd may compress otherwise.
fn plain(operations: &[Operation]) -> Block {
    let bytes: Vec<u8> = operations.iter().flat_map(line).collect();
    Block { operations: operations.len() as u32, len: bytes.len() as u32, bytes }
}

/// Of a kind that a later version knows.
fn unknown() -> Operation {
    let envelope = Envelope { kind: OperationKind::from(300), ..operations()[2].envelope.clone() };
    Operation::new(envelope, b"sent".to_vec()).unwrap()
}

/// A record of three hundred `a`.
fn long_record() -> Operation {
    let envelope = operations()[2].envelope.clone();
    Operation::new(envelope, vec![b'a'; 300]).unwrap()
}

/// A block with a zstd frame made by hand (RFC 8878): a raw block with what comes before the body, and a run of `a`.
fn squeezed() -> Block {
    let line = line(&long_record());
    let len = line.len() as u32;
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x60];
    bytes.extend_from_slice(&((len - 256) as u16).to_le_bytes());
    bytes.extend_from_slice(&((len - 300) << 3).to_le_bytes()[..3]);
    bytes.extend_from_slice(&line[..line.len() - 300]);
    bytes.extend_from_slice(&(300u32 << 3 | 0b011).to_le_bytes()[..3]);
    bytes.push(b'a');
    Block { operations: 1, len, bytes }
}

fn certificate() -> Certificate {
    let [change, erase, _] = operations();
    let position = Position::start(&journal(), &log()).after(&change).after(&erase);
    Certificate::sign(&key(), journal(), erased(), log(), position)
}

/// The same batch after the erased entry's record is gone.
fn dropped() -> Batch {
    let mut batch = batch();
    let [change, erase, record] = operations();
    batch.blocks = vec![plain(&[change, erase, record.without_body()])];
    batch
}

fn made() -> Vec<(&'static str, Vec<u8>)> {
    let [change, erase, record] = operations();
    let positions = positions(batch());
    vec![
        ("envelope-change", change.envelope.encode()),
        ("envelope-erase", erase.envelope.encode()),
        ("envelope-record", record.envelope.encode()),
        ("body-hash-change", change.body.hash().to_vec()),
        ("body-hash-erase", erase.body.hash().to_vec()),
        ("body-hash-record", record.body.hash().to_vec()),
        ("chain-0", Position::start(&journal(), &log()).chain.as_bytes().to_vec()),
        ("chain-1", positions[0].chain.as_bytes().to_vec()),
        ("chain-2", positions[1].chain.as_bytes().to_vec()),
        ("chain-3", positions[2].chain.as_bytes().to_vec()),
        ("head", codec::encode(&batch().head)),
        ("certificate", certificate().encode()),
        ("certificate-hash", certificate().hash().to_vec()),
        ("line-change", line(&change)),
        ("line-erase", line(&erase)),
        ("line-dropped", line(&record.clone().without_body())),
        ("block-zstd", codec::encode(&squeezed())),
        ("batch", batch().encode()),
        ("batch-dropped", dropped().encode()),
        ("envelope-unknown", unknown().envelope.encode()),
        ("body-hash-unknown", unknown().body.hash().to_vec()),
        ("chain-unknown", Position::start(&journal(), &log()).after(&unknown()).chain.as_bytes().to_vec()),
        ("line-unknown", line(&unknown())),
    ]
}

fn positions(batch: Batch) -> Vec<Position> {
    let open = batch.open().unwrap();
    open.verify().unwrap();
    open.placed().iter().map(|placed| placed.position).collect()
}

fn verifies(batch: Result<Batch, DecodeError>) -> bool {
    batch.and_then(Batch::open).is_ok_and(|open| open.verify().is_ok())
}

fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    let line = |line: &'static str| {
        let (name, hex) = line.split_once(' ').unwrap();
        (name, HEXLOWER.decode(hex.as_bytes()).unwrap())
    };
    GOLDEN.lines().map(line).collect()
}

#[test]
fn logs_are_these_bytes() {
    let lines: Vec<String> = made().iter().map(|(name, bytes)| format!("{name} {}", HEXLOWER.encode(bytes))).collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>(), "\n{}\n", lines.join("\n"));
}

#[test]
fn these_bytes_are_logs() {
    let golden = golden();
    for (name, operation) in ["envelope-change", "envelope-erase", "envelope-record"].iter().zip(operations()) {
        assert_eq!(Envelope::decode(&golden[name]).unwrap(), operation.envelope);
    }
    for (name, value) in [("batch", batch()), ("batch-dropped", dropped())] {
        let read = Batch::decode(&golden[name]).unwrap();
        assert_eq!(read, value);
        assert_eq!(positions(read)[2].chain.as_bytes()[..], golden["chain-3"]);
    }
    assert_eq!(Line::decode(&golden["line-unknown"]).unwrap().operation().unwrap(), unknown());
    // What it is hashed as is a record's, whatever the kind; the envelope is what differs.
    assert_eq!(golden["body-hash-unknown"], golden["body-hash-record"]);
    assert_ne!(golden["envelope-unknown"], golden["envelope-record"]);
    let block: Block = codec::decode("block", 1 << 10, &golden["block-zstd"]).unwrap();
    assert_eq!(block.operations().unwrap(), [long_record()]);
    let read = Certificate::decode(&golden["certificate"]).unwrap();
    assert_eq!(read, certificate());
    assert!(read.verifies());
    let head: Head = codec::decode("head", 1 << 16, &golden["head"]).unwrap();
    assert!(head.verifies());
    assert_eq!(head.knew.first(), Some(&StatementId::from_bytes([1; 32])), "tips are signed in order");
}

/// A continuation as it was once written; another release of zstd may write another, and reads this one.
#[test]
fn these_bytes_go_on_from_a_batch() {
    let before = batch();
    let tail = Tail::of(&before).unwrap();
    let operation = Operation::erase(EntryId::from_bytes([0x0f; 16]));
    let end = before.head.position.after(&operation);
    let head = Head::sign(&key(), log(), end, before.head.knew.clone());
    let next = Batch { log: log(), previous: before.head.position, blocks: vec![plain(&[operation])], head };
    let written = HEXLOWER.decode(CONTINUATION.trim().as_bytes()).unwrap();
    let made = tail.shorten(&next).unwrap();
    assert_eq!(tail.lengthen(&written).as_ref(), Ok(&next), "{}", HEXLOWER.encode(&made));
    assert_eq!(tail.lengthen(&made).unwrap(), next);
    assert!(verifies(tail.lengthen(&written)));
    assert!(!verifies(Tail::of(&next).unwrap().lengthen(&written)), "it goes on from this batch and no other");
}

/// What the vectors are worth: a bit anywhere in a signed value is noticed.
#[test]
fn every_bit_of_a_batch_and_a_certificate_counts() {
    for (name, accepts) in [
        ("batch", (|bytes| verifies(Batch::decode(bytes))) as fn(&[u8]) -> bool),
        ("certificate", |bytes| Certificate::decode(bytes).is_ok_and(|read| read.verifies())),
    ] {
        let bytes = golden()[name].clone();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            let same = Batch::decode(&bad).is_ok_and(|read| read == batch());
            assert!(!accepts(&bad) || same, "{name}, byte {at}");
        }
    }
}
