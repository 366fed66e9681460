//! What a session asks of the store, and the one function that answers.

use crate::error::{Error, Result};
use crate::id::{BlobId, DeviceId, LogId, StatementId};
use crate::log::{Batch, Certificate, OpenBatch};
use crate::membership::Statement;
use crate::store::rules::{self, ChainPoint, Claim, Comparison, Identity, Received, Standing, Summary, UnfilledBlob};
use crate::store::{Storage, StorageExt, Tx, WantedBlob};
use crate::time::Entropy;

/// Where the bytes of blobs are. Chunks are 64 KiB long but for the last.
pub trait BlobBytes: Send + Sync + std::fmt::Debug {
    /// One chunk of a blob that is (at least there) here.
    fn read_chunk(&self, blob: &WantedBlob, index: u32) -> Result<Vec<u8>>;
    /// Stores one chunk durably.
    fn write_chunk(&self, blob: &WantedBlob, index: u32, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<()>;
    /// Whether the whole blob hashes to its name. If not, its bytes are dropped.
    fn finish(&self, blob: &WantedBlob) -> Result<bool>;
    /// Removes a blob's bytes.
    fn remove(&self, blob: BlobId) -> Result<()>;
}

impl dyn BlobBytes {
    /// Length of a chunk in bytes.
    pub const CHUNK: u64 = 64 << 10;

    /// How many chunks a blob of `len` bytes has.
    pub fn chunks(len: u64) -> u64 {
        len.div_ceil(Self::CHUNK)
    }
}

/// Whether bit `index` is set.
pub(super) fn has(bitmap: &[u8], index: u64) -> bool {
    bitmap.get((index / 8) as usize).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}

fn set(bitmap: &mut Vec<u8>, index: u64) {
    let byte = (index / 8) as usize;
    if bitmap.len() <= byte {
        bitmap.resize(byte + 1, 0);
    }
    bitmap[byte] |= 1 << (index % 8);
}

/// What a session asks of the store. One at a time, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Everything that `Hello` and `Compare` say.
    Summary,
    /// Genesis and adds, to show to a peer that does not know this device.
    Introduction,
    /// Whether these adds make the peer a member; if so they are stored.
    Introduce(Vec<Vec<u8>>),
    /// The names in our sets.
    Sets,
    /// What is missing from these sets.
    Missing {
        /// The peer's statements.
        statements: Vec<StatementId>,
        /// The peer's certificates.
        certificates: Vec<[u8; 32]>,
    },
    /// Stores what our sets lacked.
    StoreMissing {
        /// Statements, parents first.
        statements: Vec<Vec<u8>>,
        /// Certificates.
        certificates: Vec<Certificate>,
    },
    /// What a peer's claims mean.
    Plan(Vec<Claim>),
    /// Places along a log.
    Chains(LogId),
    /// The last of these places that we hold too.
    Common(LogId, Vec<ChainPoint>),
    /// The batch of a log after a sequence number.
    ReadBatch(LogId, u64),
    /// Stores batches, in this order, in one transaction.
    StoreBatches(Vec<OpenBatch>),
    /// Makes heads and digest again from the headers.
    Recompute,
    /// Blobs that are not all here.
    Unfilled,
    /// The next chunk that we have and the peer does not: of these blobs, from this place in the list on.
    ReadChunk(Vec<UnfilledBlob>, usize, u32),
    /// Stores a chunk.
    StoreChunk(BlobId, u32, Vec<u8>),
}

/// The store's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::Summary`]: the summary and its `Hello` hash.
    Summary(Box<Summary>, [u8; 16]),
    /// To [`Request::Introduction`].
    Introduction(Vec<Vec<u8>>),
    /// To requests whose standing is the answer.
    Done,
    /// To [`Request::Sets`].
    Sets(Vec<StatementId>, Vec<[u8; 32]>),
    /// To [`Request::Missing`].
    Missing(Vec<Vec<u8>>, Vec<Certificate>),
    /// To [`Request::StoreMissing`]: a sentence, where something in it was refused.
    StoredMissing(Option<&'static str>),
    /// To [`Request::Plan`].
    Plan(Comparison),
    /// To [`Request::Chains`].
    Chains(LogId, Vec<ChainPoint>),
    /// To [`Request::Common`]: the common point, and whether we hold more after it.
    Common(LogId, u64, bool),
    /// To [`Request::ReadBatch`].
    Batch(LogId, Option<Box<Batch>>),
    /// To [`Request::StoreBatches`]: of each the log and its end, and what became of it.
    Received(Vec<(LogId, u64, Received)>),
    /// To [`Request::Recompute`]: how many documents were different.
    Recomputed(u64),
    /// To [`Request::Unfilled`].
    Unfilled(Vec<UnfilledBlob>),
    /// To [`Request::ReadChunk`]: the chunk and where to go on, or nothing more.
    Chunk(Option<(BlobId, u32, Vec<u8>, usize)>),
    /// To [`Request::StoreChunk`]: whether that filled the blob, and whether it turned out damaged.
    StoredChunk {
        /// The blob is whole.
        filled: bool,
        /// The blob's bytes were not what its name says, and were dropped.
        damaged: bool,
    },
}

/// An answer, and the peer's standing in the same view of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the peer is to this journal now. A peer that is no member gets nothing of the answer.
    pub standing: Standing,
    /// The answer.
    pub answer: Answer,
    /// Whether a transaction wrote.
    pub wrote: bool,
}

/// Answers one request. Blocking; the caller runs it where blocking is allowed.
pub fn serve_request(
    storage: &dyn Storage,
    blobs: &dyn BlobBytes,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    peer: &DeviceId,
    request: Request,
) -> Result<Reply> {
    let read = |f: &mut dyn FnMut(&mut dyn Tx) -> Result<Answer>| -> Result<Reply> {
        storage.read(|tx| {
            let standing = rules::standing(tx, identity, peer)?;
            let answer = if standing == Standing::Member { f(tx)? } else { Answer::Done };
            Ok(Reply { standing, answer, wrote: false })
        })
    };
    match request {
        Request::Summary => read(&mut |tx| {
            let summary = rules::summary(tx)?;
            let hello = summary.hello(identity);
            Ok(Answer::Summary(Box::new(summary), hello))
        }),
        Request::Introduction => read(&mut |tx| {
            let set = rules::statements(tx)?;
            let adds = set.adds(&identity.device()).iter().map(|add| add.encode().to_vec()).collect();
            Ok(Answer::Introduction(adds))
        }),
        Request::Introduce(adds) => introduce(storage, identity, peer, &adds),
        Request::Sets => read(&mut |tx| {
            let statements = rules::statements(tx)?.ids();
            Ok(Answer::Sets(
                statements.into_iter().collect(),
                tx.certificates()?.iter().map(Certificate::hash).collect(),
            ))
        }),
        Request::Missing { statements, certificates } => read(&mut |tx| {
            let set = rules::statements(tx)?;
            let theirs = statements.iter().copied().collect();
            let lacking = set.missing_from(&theirs).iter().map(|statement| statement.encode().to_vec()).collect();
            let held = tx.certificates()?;
            Ok(Answer::Missing(lacking, held.into_iter().filter(|c| !certificates.contains(&c.hash())).collect()))
        }),
        Request::StoreMissing { statements, certificates } => {
            store_missing(storage, identity, peer, statements, certificates)
        }
        Request::Plan(claims) => {
            write(storage, identity, peer, |tx| Ok(Answer::Plan(rules::compare(tx, identity, entropy, &claims)?)))
        }
        Request::Chains(log) => read(&mut |tx| Ok(Answer::Chains(log, rules::chain_points(tx, log)?))),
        Request::Common(log, points) => read(&mut |tx| {
            let common = rules::common_point(tx, log, &points)?;
            let more = tx.log(log)?.is_some_and(|position| position.seq > common);
            Ok(Answer::Common(log, common, more))
        }),
        Request::ReadBatch(log, after) => {
            read(&mut |tx| Ok(Answer::Batch(log, rules::next_batch(tx, identity, log, after)?.map(Box::new))))
        }
        Request::StoreBatches(batches) => write(storage, identity, peer, |tx| {
            let mut received = Vec::with_capacity(batches.len());
            for open in batches {
                let (log, end) = (open.batch().log, open.batch().head.position.seq);
                received.push((log, end, rules::receive(tx, identity, entropy, open)?));
            }
            Ok(Answer::Received(received))
        }),
        Request::Recompute => {
            write(storage, identity, peer, |tx| Ok(Answer::Recomputed(rules::recompute_all(tx, identity)?)))
        }
        Request::Unfilled => read(&mut |tx| Ok(Answer::Unfilled(rules::summary(tx)?.unfilled))),
        Request::ReadChunk(wanted, at, index) => read_chunk(storage, blobs, identity, peer, &wanted, at, index),
        Request::StoreChunk(blob, index, bytes) => {
            store_chunk(storage, blobs, identity, entropy, peer, blob, index, &bytes)
        }
    }
}

fn write(
    storage: &dyn Storage,
    identity: &Identity,
    peer: &DeviceId,
    f: impl FnOnce(&mut dyn Tx) -> Result<Answer>,
) -> Result<Reply> {
    storage.write(|tx| {
        let standing = rules::standing(tx, identity, peer)?;
        let answer = if standing == Standing::Member { f(tx)? } else { Answer::Done };
        Ok(Reply { standing, answer, wrote: true })
    })
}

/// Only adds count here, only under our own removes, and only if they make the peer a member.
fn introduce(storage: &dyn Storage, identity: &Identity, peer: &DeviceId, adds: &[Vec<u8>]) -> Result<Reply> {
    let refused = Reply { standing: Standing::Unknown, answer: Answer::Done, wrote: false };
    let decoded: std::result::Result<Vec<_>, _> = adds.iter().map(|bytes| Statement::decode(bytes)).collect();
    let Ok(decoded) = decoded else { return Ok(refused) };
    // Looked at first: a stranger's adds are not stored, not even for the length of a transaction.
    let Some(decoded) = storage.read(|tx| Ok(rules::statements(tx)?.admit(&decoded, peer)))? else {
        return Ok(refused);
    };
    storage.write(|tx| {
        rules::add_statements(tx, identity, decoded)?;
        Ok(Reply { standing: rules::standing(tx, identity, peer)?, answer: Answer::Done, wrote: true })
    })
}

fn store_missing(
    storage: &dyn Storage,
    identity: &Identity,
    peer: &DeviceId,
    statements: Vec<Vec<u8>>,
    certificates: Vec<Certificate>,
) -> Result<Reply> {
    let decoded: std::result::Result<Vec<_>, _> = statements.iter().map(|bytes| Statement::decode(bytes)).collect();
    let Ok(decoded) = decoded else {
        return Ok(Reply {
            standing: Standing::Member,
            answer: Answer::StoredMissing(Some("a malformed statement")),
            wrote: false,
        });
    };
    let stored = write(storage, identity, peer, |tx| {
        rules::add_statements(tx, identity, decoded)?;
        for certificate in &certificates {
            rules::apply_certificate(tx, identity, certificate)?;
        }
        Ok(Answer::StoredMissing(None))
    });
    let reply = match stored {
        Ok(reply) => reply,
        // What the rules refuse changed nothing; what the disk refuses is the caller's.
        Err(error) if matches!(error.code, crate::error::Code::Refused | crate::error::Code::Invalid) => {
            return Ok(Reply {
                standing: Standing::Member,
                answer: Answer::StoredMissing(Some("a statement or certificate that does not verify")),
                wrote: false,
            });
        }
        Err(error) => return Err(error),
    };
    if identity.planted == Some(rules::Planted::KeepNotInTheStatementsTransaction) {
        storage.write(|tx| rules::sign_keeps(tx, identity))?;
    }
    // The statements may have been the peer's own removal: its standing is read again.
    let standing = storage.read(|tx| rules::standing(tx, identity, peer))?;
    Ok(Reply { standing, ..reply })
}

fn read_chunk(
    storage: &dyn Storage,
    blobs: &dyn BlobBytes,
    identity: &Identity,
    peer: &DeviceId,
    wanted: &[UnfilledBlob],
    mut at: usize,
    mut index: u32,
) -> Result<Reply> {
    while let Some(want) = wanted.get(at) {
        let (standing, held) = storage.read(|tx| Ok((rules::standing(tx, identity, peer)?, tx.blob(want.id)?)))?;
        if standing != Standing::Member {
            return Ok(Reply { standing, answer: Answer::Done, wrote: false });
        }
        if let Some(held) = held {
            let chunks = <dyn BlobBytes>::chunks(held.blob.len);
            while u64::from(index) < chunks {
                let here = held.here || has(&held.bitmap, index.into());
                if here && !has(&want.bitmap, index.into()) {
                    let bytes = blobs.read_chunk(&held, index)?;
                    let answer = Answer::Chunk(Some((want.id, index, bytes, at)));
                    return Ok(Reply { standing, answer, wrote: false });
                }
                index += 1;
            }
        }
        at += 1;
        index = 0;
    }
    let standing = storage.read(|tx| rules::standing(tx, identity, peer))?;
    Ok(Reply { standing, answer: Answer::Chunk(None), wrote: false })
}

#[allow(clippy::too_many_arguments, reason = "one chunk's place and bytes, and the four things every request has")]
fn store_chunk(
    storage: &dyn Storage,
    blobs: &dyn BlobBytes,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    peer: &DeviceId,
    id: BlobId,
    index: u32,
    bytes: &[u8],
) -> Result<Reply> {
    let (standing, held) = storage.read(|tx| Ok((rules::standing(tx, identity, peer)?, tx.blob(id)?)))?;
    let nothing = Answer::StoredChunk { filled: false, damaged: false };
    let Some(held) = held.filter(|held| standing == Standing::Member && !held.here) else {
        return Ok(Reply { standing, answer: nothing, wrote: false });
    };
    let chunks = <dyn BlobBytes>::chunks(held.blob.len);
    let start = u64::from(index) * <dyn BlobBytes>::CHUNK;
    let expected = held.blob.len.saturating_sub(start).min(<dyn BlobBytes>::CHUNK);
    if u64::from(index) >= chunks || bytes.len() as u64 != expected {
        return Err(Error::new(
            crate::error::Code::Refused,
            "a chunk of a wrong length was refused",
            "nothing was changed; it is asked for again at the next sync",
        ));
    }
    if held.bitmap.is_empty() {
        // Noted before the first byte is written, so that whatever ends the blob finds that there are bytes to remove.
        storage.write(|tx| match tx.blob(id)? {
            Some(now) if now.bitmap.is_empty() && !now.here => tx.set_blob(id, &[0], false),
            _ => Ok(()),
        })?;
    }
    blobs.write_chunk(&held, index, bytes, entropy)?;
    // Read again inside the transaction: another process may have stored another chunk meanwhile. The last chunk is not
    // noted by itself: were the power to go before the whole is checked, every bit would be set and nobody would send
    // or check anything any more.
    let filled = storage.write(|tx| {
        let Some(mut now) = tx.blob(id)? else { return Ok(None) };
        set(&mut now.bitmap, index.into());
        let filled = !now.here && (0..chunks).all(|chunk| has(&now.bitmap, chunk));
        if !filled {
            tx.set_blob(id, &now.bitmap, now.here)?;
        }
        Ok(Some(filled))
    })?;
    let Some(filled) = filled else {
        // Ended meanwhile, and its bytes removed before this chunk was written.
        blobs.remove(id)?;
        return Ok(Reply { standing, answer: nothing, wrote: true });
    };
    let whole = filled && blobs.finish(&held)?;
    if filled {
        storage.write(|tx| tx.set_blob(id, &[], whole))?;
    }
    let answer = Answer::StoredChunk { filled: whole, damaged: filled && !whole };
    Ok(Reply { standing, answer, wrote: true })
}
