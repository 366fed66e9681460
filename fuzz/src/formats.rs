//! What comes from another device, a file or a keyboard and is ours: statements, logs, the wire, codes, the vault, queries.

use std::cell::OnceCell;

use afterword_core::crypto::{DeviceKey, Domain, Hasher, RecoveryPhrase, Secret};
use afterword_core::document::{Actor, ChangeHeader, EntryDocument, change_hash, reader};
use afterword_core::files::Home;
use afterword_core::id::{BlobId, EntryId, Incarnation, JournalId, LogId, StatementId};
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::journal::{ItemKind, Kind, NewEntry};
use afterword_core::log::{
    self, Batch, BlobRef, Block, Certificate, Envelope, Head, Operation, OperationKind, Position, Tail,
};
use afterword_core::membership::{Kept, Newcomer, Signer, Statement};
use afterword_core::sync::{Chunk, FrameReader, Message, frame};
use afterword_core::time::Timestamp;
use afterword_core::tokenizer::{Matcher, Query, excerpt, tokens};
use afterword_core::transport::{self, Invitation};
use afterword_core::vault::{self, Costs, RecoveryKeys, Unlock};

use crate::seeds::{Fixed, sealing_key};

pub(crate) fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&[seed; 32])
}

pub(crate) fn journal() -> JournalId {
    genesis().journal()
}

pub(crate) fn recovery() -> RecoveryPhrase {
    RecoveryPhrase::generate(&mut Fixed::new(7))
}

pub(crate) fn genesis() -> Statement {
    Statement::genesis(&recovery().signing_key(), recovery().sealing_key().public(), [8; 16])
}

/// Genesis, and adds of two devices by the recovery key.
pub(crate) fn founding() -> Vec<Statement> {
    let mut all = vec![genesis()];
    for seed in [0x11, 0x12] {
        let newcomer = Newcomer::new(&key(seed), &journal(), sealing_key().public(), "Zoë");
        let seen: Vec<StatementId> = all.last().map(Statement::id).into_iter().collect();
        let signing = recovery().signing_key();
        let add = newcomer.and_then(|newcomer| {
            Statement::add(Signer::Recovery(&signing), &journal(), &seen, newcomer, Timestamp(1_790_000_000_000))
        });
        all.extend(add);
    }
    all
}

pub(crate) fn log(seed: u8) -> LogId {
    LogId { device: key(seed).id(), incarnation: Incarnation::from_bytes([9; 8]) }
}

pub(crate) fn entry() -> EntryId {
    EntryId::from_bytes([3; 16])
}

// ---- statements ---------------------------------------------------------------------------------------------------

pub(crate) fn statement(data: &[u8]) -> bool {
    match Statement::decode(data) {
        Ok(statement) => {
            assert_eq!(statement.encode(), data, "a statement has one encoding");
            true
        }
        Err(_) => false,
    }
}

pub(crate) fn statements() -> Vec<Vec<u8>> {
    let mut all = founding();
    let seen: Vec<_> = all.iter().skip(1).map(Statement::id).collect();
    all.extend(Statement::remove(Signer::Device(&key(0x11)), &journal(), &seen, key(0x12).id(), Timestamp(0)));
    let chain = Position::start(&journal(), &log(0x12)).chain;
    all.extend(Statement::keep(
        &key(0x11),
        &journal(),
        &seen,
        log(0x12).device,
        vec![Kept::new(&log(0x12), 300, chain)],
    ));
    all.extend(Statement::unknown(Signer::Device(&key(0x11)), &journal(), &seen, 300, b"later".to_vec()));
    all.iter().map(|statement| statement.encode().to_vec()).collect()
}

// ---- changes and documents ----------------------------------------------------------------------------------------

/// A chunk around these contents with a length and a checksum that fit: mutations would never get past either.
fn sealed(contents: &[u8]) -> Vec<u8> {
    let mut whole = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    let mut length = contents.len();
    while length > 0x7f {
        whole.push(length as u8 | 0x80);
        length >>= 7;
    }
    whole.push(length as u8);
    whole.extend(contents);
    let hash = change_hash(&whole);
    whole[4..8].copy_from_slice(&hash.as_bytes()[..4]);
    whole
}

fn contents_of(chunk: &[u8]) -> Vec<u8> {
    let length = chunk.iter().skip(9).take_while(|byte| **byte & 0x80 != 0).count() + 1;
    chunk.get(9 + length..).unwrap_or_default().to_vec()
}

/// An entry's first change and three that follow.
pub(crate) fn changes() -> Vec<Vec<u8>> {
    let mut entropy = Fixed::new(4);
    let new = NewEntry {
        kind: Kind::Failure,
        title: "It fell".to_owned(),
        body: "Everything I said about 日記 was true.".to_owned(),
        sections: vec![("What now?".to_owned(), "Sleep.".to_owned())],
        happened: "2024-05".parse().ok(),
    };
    let actor = Actor::from_bytes([5; 16]);
    let Ok((mut document, mut all)) = EntryDocument::create(entry(), actor, Timestamp(1000), &new, &mut entropy) else {
        return Vec::new();
    };
    let mut edit = |all: &mut Vec<Vec<u8>>, text: &str| {
        let edits = [
            Edit::AddItem { kind: ItemKind::Lesson, text: text.to_owned() },
            Edit::SetTrashed(text.len() > 5),
            Edit::SetText { field: TextField::Body, base: document.heads(), text: text.to_owned() },
        ];
        let edited = document.edit(Timestamp(2000), &mut entropy, &edits);
        all.extend(edited.map(|applied| applied.changes).unwrap_or_default());
    };
    edit(&mut all, "Ask.");
    edit(&mut all, "Ask somebody else, and sooner.");
    edit(&mut all, "");
    all
}

pub(crate) fn contents() -> Vec<Vec<u8>> {
    changes().iter().map(|chunk| contents_of(chunk)).collect()
}

/// Those that need no other than the entry's first.
pub(crate) fn early_contents() -> Vec<Vec<u8>> {
    contents().into_iter().take(2).collect()
}

/// The two readers of a change's header must be of one mind: the log's takes no less than the document's.
fn headers(chunk: &[u8]) -> bool {
    let stored = log::ChangeHeader::parse(chunk);
    match ChangeHeader::parse(chunk) {
        Ok(opened) => {
            let stored = stored.as_ref().ok();
            assert_eq!(stored.map(|stored| stored.hash), Some(opened.hash), "the log refuses what a document takes");
            assert_eq!(stored.map(|stored| &stored.dependencies), Some(&opened.deps));
            true
        }
        // What only the log takes is stored and set aside on opening, on every device alike.
        Err(_) => false,
    }
}

pub(crate) fn change(data: &[u8]) -> bool {
    headers(data)
}

pub(crate) fn change_contents(data: &[u8]) -> bool {
    headers(&sealed(data))
}

/// A change from a stranger behind, and between, the changes of an entry. Whatever it is, the entry reads.
pub(crate) fn entry_document(data: &[u8]) -> bool {
    thread_local! {
        static HELD: OnceCell<Vec<Vec<u8>>> = const { OnceCell::new() };
    }
    let held = HELD.with(|held| held.get_or_init(changes).clone());
    let hostile = sealed(data);
    let Some(first) = held.first() else { return false };
    let actor = Actor::from_bytes([6; 16]);
    let Ok(mut loaded) = EntryDocument::load(entry(), actor, None, &[first, &hostile]) else { return false };
    let mut refused = loaded.refused.len();
    let _ = loaded.document.entry();
    let _ = loaded.document.readings();
    let rest: Vec<&[u8]> = held.iter().skip(1).map(Vec::as_slice).collect();
    if let Ok(set_aside) = loaded.document.merge(&rest) {
        refused = refused.max(set_aside.len());
        assert!(loaded.document.entry().is_ok(), "an entry of ours no longer reads");
    }
    refused == 0
}

/// An entry read off its changes says what a document of them says, or nothing.
pub(crate) fn read_changes(data: &[u8]) -> bool {
    thread_local! {
        static FIRST: OnceCell<Vec<u8>> = const { OnceCell::new() };
    }
    let first = FIRST.with(|first| first.get_or_init(|| changes().swap_remove(0)).clone());
    let hostile = sealed(data);
    let mut accepted = false;
    for chunks in [vec![hostile.as_slice()], vec![first.as_slice(), hostile.as_slice()]] {
        let Some(read) = reader::entry(entry(), &chunks) else { continue };
        accepted = true;
        let loaded = EntryDocument::load(entry(), Actor::from_bytes([6; 16]), None, &chunks);
        let said = loaded.ok().filter(|loaded| loaded.refused.is_empty()).map(|loaded| loaded.document.entry());
        assert_eq!(said, Some(Ok(read)), "what was read is not what the document says");
    }
    accepted
}

// ---- logs ---------------------------------------------------------------------------------------------------------

fn operations() -> Vec<Operation> {
    let envelope = |kind, entry| Envelope { entry, kind, brings: Vec::new(), ends: Vec::new(), first_log: None };
    let mut first = envelope(OperationKind::Change, entry());
    first.brings.push(BlobRef { id: BlobId::from_bytes([0xb1; 32]), key: [0x4b; 32], len: 300 });
    first.ends.push(BlobId::from_bytes([0xb2; 32]));
    first.first_log = Some(log(0x12));
    let chunk = changes().swap_remove(0);
    [
        Operation::new(first, chunk),
        Operation::new(envelope(OperationKind::Record, entry()), b"sent".to_vec()),
        Operation::new(envelope(OperationKind::from(300), entry()), b"later".to_vec()),
        Ok(Operation::erase(EntryId::from_bytes([4; 16]))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A batch of the device of this seed that verifies.
pub(crate) fn signed_batch(seed: u8) -> Batch {
    let previous = Position::start(&journal(), &log(seed));
    let operations = operations();
    let end = operations.iter().fold(previous, |position, operation| position.after(operation));
    let knew = founding().last().map(Statement::id).into_iter().collect();
    Batch::new(log(seed), previous, &operations, Head::sign(&key(seed), log(seed), end, knew))
}

pub(crate) fn envelope(data: &[u8]) -> bool {
    match Envelope::decode(data) {
        Ok(envelope) => {
            assert_eq!(envelope.encode(), data, "an envelope has one encoding");
            true
        }
        Err(_) => false,
    }
}

pub(crate) fn envelopes() -> Vec<Vec<u8>> {
    operations().iter().map(|operation| operation.envelope.encode()).collect()
}

pub(crate) fn batch(data: &[u8]) -> bool {
    let Ok(batch) = Batch::decode(data) else { return false };
    let again = Batch::decode(&batch.clone().encode());
    assert_eq!(again.as_ref(), Ok(&batch));
    let count = batch.count();
    let Ok(open) = batch.open() else { return false };
    assert_eq!(open.placed().len() as u64, count, "a batch holds as many operations as it says");
    let _ = open.verify();
    let cut = open.clone().skip(1).map(|cut| cut.batch().clone().open());
    let same = cut.is_ok_and(|cut| cut.is_ok_and(|cut| cut.placed() == open.placed().get(1..).unwrap_or_default()));
    assert!(open.placed().is_empty() || same, "a cut batch reads like the rest of the whole");
    if let Ok(bare) = open.without_bodies(|_| true) {
        let again = bare.batch().clone().open();
        assert!(again.is_ok_and(|again| again.placed() == bare.placed()), "a batch without bodies reads like one");
    }
    true
}

pub(crate) fn batches() -> Vec<Vec<u8>> {
    let whole = signed_batch(0x12);
    let mut dropped = whole.clone();
    dropped.blocks = Block::pack(&operations().into_iter().map(Operation::without_body).collect::<Vec<_>>());
    vec![whole.encode(), dropped.encode()]
}

/// The batch after [`signed_batch`], of one more operation.
pub(crate) fn next_batch(seed: u8) -> Option<Batch> {
    let before = signed_batch(seed);
    let operation = Operation::change(entry(), changes().into_iter().nth(1)?, Vec::new(), Vec::new()).ok()?;
    let head = Head::sign(&key(seed), log(seed), before.head.position.after(&operation), before.head.knew.clone());
    Some(Batch::new(log(seed), before.head.position, &[operation], head))
}

/// What goes on from a batch: as it came, and as what the frame around it gives.
pub(crate) fn continuation(data: &[u8]) -> bool {
    let Some(tail) = Tail::of(&signed_batch(0x12)) else { return false };
    let mut accepted = false;
    for bytes in [data.to_vec(), in_a_frame(data)] {
        let Ok(batch) = tail.lengthen(&bytes) else { continue };
        accepted = true;
        assert_eq!(batch.previous, signed_batch(0x12).head.position, "it goes on from another place");
        let again = tail.shorten(&batch).map(|short| tail.lengthen(&short));
        assert!(again.is_none_or(|again| again.as_ref() == Ok(&batch)), "it is shortened to something else");
        let _ = batch.open().map(|open| open.verify());
    }
    accepted
}

/// Data as a zstd frame that compresses nothing, without its magic number (RFC 8878, 3.1.1): one segment, its length in
/// two bytes or one, one raw block.
fn in_a_frame(data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(8 << 10)];
    let mut bytes = match data.len() {
        short @ 0..256 => vec![0x20, short as u8],
        long => [&[0x60][..], &((long - 256) as u16).to_le_bytes()].concat(),
    };
    bytes.extend_from_slice(&((data.len() << 3 | 1) as u32).to_le_bytes()[..3]);
    bytes.extend_from_slice(data);
    bytes
}

pub(crate) fn continuations() -> Vec<Vec<u8>> {
    let short = Tail::of(&signed_batch(0x12)).zip(next_batch(0x12)).and_then(|(tail, next)| tail.shorten(&next));
    // Of an erase, which no frame makes shorter: how many, its line, the statements as before, a signature.
    let lines = Block::pack(&[Operation::erase(EntryId::from_bytes([4; 16]))]).into_iter().next();
    let plain = lines.map(|block| [&[1, block.bytes.len() as u8][..], &block.bytes, &[0], &[0x51; 64]].concat());
    short.into_iter().chain(plain).collect()
}

pub(crate) fn certificate(data: &[u8]) -> bool {
    let Ok(certificate) = Certificate::decode(data) else { return false };
    assert_eq!(certificate.encode(), data, "a certificate has one encoding");
    let _ = (certificate.verifies(), certificate.hash());
    true
}

pub(crate) fn signed_certificate() -> Certificate {
    let position = Position::start(&journal(), &log(0x12));
    Certificate::sign(&key(0x12), journal(), entry(), log(0x12), position)
}

pub(crate) fn certificates() -> Vec<Vec<u8>> {
    vec![signed_certificate().encode()]
}

// ---- the wire -----------------------------------------------------------------------------------------------------

pub(crate) fn frames(data: &[u8]) -> bool {
    let read = |piece: usize| {
        let mut reader = FrameReader::new(4096);
        let mut payloads = Vec::new();
        for bytes in data.chunks(piece) {
            reader.push(bytes);
            loop {
                match reader.payload() {
                    Ok(Some(payload)) => payloads.push(payload),
                    Ok(None) => break,
                    Err(error) => return (payloads, Some(error)),
                }
            }
        }
        (payloads, None)
    };
    let whole = read(data.len().max(1));
    assert_eq!(read(1), whole, "frames depend on how they were cut");
    whole.1.is_none() && !whole.0.is_empty()
}

pub(crate) fn framed() -> Vec<Vec<u8>> {
    vec![frame(b""), frame(&[7; 200]), [frame(b"a"), frame(&[8; 130]), frame(b"c")].concat()]
}

pub(crate) fn message(data: &[u8]) -> bool {
    let Ok(message) = Message::decode(data) else { return false };
    let again = Message::decode(&message.encode());
    assert_eq!(again.as_ref(), Ok(&message));
    if let Message::Batch { batch, .. } = message
        && let Ok(batch) = Batch::decode(&batch)
    {
        let _ = batch.open();
    }
    true
}

/// Four bytes of how many operations, four of how long, then the lines or a zstd frame of them.
pub(crate) fn block(data: &[u8]) -> bool {
    let Some((operations, rest)) = data.split_first_chunk::<4>() else { return false };
    let Some((len, bytes)) = rest.split_first_chunk::<4>() else { return false };
    let block =
        Block { operations: u32::from_le_bytes(*operations), len: u32::from_le_bytes(*len), bytes: bytes.to_vec() };
    block.operations().is_ok_and(|operations| {
        let lines: usize = operations.iter().map(Operation::size).sum();
        assert_eq!((operations.len(), lines), (block.operations as usize, block.len as usize));
        true
    })
}

pub(crate) fn blocks() -> Vec<Vec<u8>> {
    let long = Operation::new(operations()[1].envelope.clone(), vec![b'a'; 3000]);
    let some: Vec<_> = operations().into_iter().chain(long).collect();
    let blocks = [Block::pack(&some), Block::pack(&some[..1]), Block::pack(some.iter().cycle().take(200))].concat();
    let written = blocks
        .iter()
        .map(|block| [&block.operations.to_le_bytes()[..], &block.len.to_le_bytes(), &block.bytes].concat());
    written.collect()
}

pub(crate) fn chunk(data: &[u8]) -> bool {
    let Ok(chunk) = Chunk::decode(data.to_vec()) else { return false };
    assert_eq!(chunk.encode(), data, "a chunk has one encoding");
    true
}

pub(crate) fn chunks() -> Vec<Vec<u8>> {
    let chunk = |index, bytes: &[u8]| Chunk {
        entry: EntryId::from_bytes([14; 16]),
        blob: BlobId::from_bytes([0xb1; 32]),
        index,
        bytes: bytes.to_vec(),
    };
    vec![chunk(0, b"").encode(), chunk(300, &[9; 500]).encode()]
}

// ---- codes, vault, queries ----------------------------------------------------------------------------------------

pub(crate) fn invitation(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match Invitation::parse(text) {
        Ok(invitation) => {
            assert_ne!(invitation.address().is_some(), invitation.nameplate().is_some());
            true
        }
        Err(_) => false,
    }
}

pub(crate) fn invitations() -> Vec<Vec<u8>> {
    let codes = ["7-cabin-tiger", "999 CABI tige", "1-zoo-zero"].map(|code| code.as_bytes().to_vec());
    // Version, family, address, port, secret, key.
    let ticket = |address: &[u8]| {
        let bytes = [address, &[0x1f, 0x90], &[5; 16], key(0x11).id().as_bytes()].concat();
        format!("AFTERWORD:{}", base32(&bytes)).into_bytes()
    };
    let six = [&[1, 6][..], &[0; 15], &[1]].concat();
    codes.into_iter().chain([ticket(&[1, 4, 127, 0, 0, 1]), ticket(&six)]).collect()
}

/// The first byte says which message of a fixed proof the rest is to be.
pub(crate) fn pairing(data: &[u8]) -> bool {
    let Some((step, message)) = data.split_first() else { return false };
    (1..=5).contains(step) && transport::accepts_pairing_message(*step, message)
}

pub(crate) fn pairings() -> Vec<Vec<u8>> {
    let script = transport::pairing_script();
    (1..).zip(script).map(|(step, message)| [&[step][..], &message].concat()).collect()
}

pub(crate) fn tag(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| text.parse::<transport::Tag>().is_ok())
}

pub(crate) fn tags() -> Vec<Vec<u8>> {
    vec![b"00112233445566aa".to_vec()]
}

/// RFC 4648, upper case, no padding.
fn base32(bytes: &[u8]) -> String {
    let bits = |at: usize| {
        (0..5).fold(0, |value, bit| {
            let at = at * 5 + bit;
            (value << 1) | bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
        })
    };
    (0..(bytes.len() * 8).div_ceil(5)).map(|at| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits(at)])).collect()
}

const CHECKSUM: usize = 32;

/// A vault file without its checksum, which is put behind: mutations would never get past it. No wrap is opened: what
/// a passphrase costs to try stands in the file, within bounds that are the file's reader's.
pub(crate) fn vault(data: &[u8]) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let home = Home::new(folder.path());
    let checksum = Hasher::new(Domain::VaultFile).update(data).finish();
    if std::fs::write(home.vault(), [data, &checksum].concat()).is_err() {
        return false;
    }
    let _ = vault::platform_name(&home);
    let _ = vault::check_recovery(&home, &recovery());
    vault::kind(&home).is_ok()
}

pub(crate) fn vaults() -> Vec<Vec<u8>> {
    let made = || -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().ok()?;
        let home = Home::new(folder.path());
        let secret = Secret::from_bytes([0x6b; 32]);
        let keys = RecoveryKeys::of(&recovery());
        let unlock = Unlock::NewPassphrase { passphrase: "tiger", costs: Costs::LEAST };
        vault::create(&home, journal(), &secret, &keys, unlock, &mut Fixed::new(3)).ok()?;
        let bytes = std::fs::read(home.vault()).ok()?;
        Some(bytes[..bytes.len() - CHECKSUM].to_vec())
    };
    made().into_iter().collect()
}

/// A query and the text it is looked for in: both are the input.
pub(crate) fn query(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let _ = tokens(text);
    let query = Query::parse(text);
    let matcher = Matcher::new(&query);
    let found = matcher.find(text);
    // Both are ranges of code points.
    let within = |ranges: &[(usize, usize)], text: &str| {
        let length = text.chars().count();
        ranges.iter().all(|(from, to)| from <= to && *to <= length)
    };
    assert!(within(&found, text), "a hit ends behind its text");
    let (short, marks) = excerpt(text, &found);
    assert!(within(&marks, &short), "a mark ends behind its excerpt");
    let _ = matcher.matches([text]);
    !query.is_empty()
}

pub(crate) fn queries() -> Vec<Vec<u8>> {
    ["fail*", "\"it fell down\" again", "日記を書く 今天", "e\u{301}te\u{301} ZÜRICH", "@Zoë won't"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}
