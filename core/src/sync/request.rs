//! What a session asks of the store, and the one function that answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::message::{Chunk, MAX_BROUGHT, MAX_NAMES, Name, SetOf};
use super::request_blobs::{BlobBytes, read_parts, store_parts, unfilled};
use crate::error::Result;
use crate::fault::Fault;
use crate::id::{DeviceId, LogId};
use crate::log::{Certificate, MAX_BATCH, OpenBatch};
use crate::membership::Statement;
use crate::replication::ListRow;
use crate::replication::rules::{
    self, ChainPoint, Claim, Comparison, Covered, Identity, Received, Standing, Summary, UnfilledBlob,
};
use crate::replication::{Storage, StorageExt, Tx};
use crate::time::Entropy;

/// What a session asks of the store. One at a time, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Everything that `Hello` and `Compare` say.
    Summary,
    /// The same when something new is held, with the first of it: the peer has this much of each log.
    News(BTreeMap<LogId, u64>),
    /// Genesis and adds, to show to a peer that does not know this device.
    Introduction,
    /// Whether these adds make the peer a member; if so they are stored.
    Introduce(Vec<Vec<u8>>),
    /// The next names in one of our sets, from behind this one.
    Sets(SetOf, Option<Name>),
    /// What we hold of a set between two names and the peer does not.
    Lacks {
        /// Which set.
        of: SetOf,
        /// From behind this name.
        after: Option<Name>,
        /// The peer's names, ascending.
        names: Vec<Name>,
        /// Whether it has others behind the last.
        more: bool,
    },
    /// The next of these that the peer lacks, as they are.
    Missing(SetOf, Arc<BTreeSet<Name>>),
    /// Stores what our sets lacked.
    StoreMissing {
        /// Statements, parents first.
        statements: Vec<Vec<u8>>,
        /// Certificates.
        certificates: Vec<Certificate>,
    },
    /// What a peer's claims mean.
    Plan(Arc<Vec<Claim>>),
    /// Places along a log.
    Chains(LogId),
    /// The last of these places that we hold too.
    Common(LogId, Vec<ChainPoint>),
    /// The batch of a log after a sequence number.
    ReadBatch(LogId, u64),
    /// Stores batches, in this order, in one transaction.
    StoreBatches(Vec<Arrived>),
    /// Makes heads and digest again from the headers.
    Recompute,
    /// Blobs that are not all here.
    Unfilled,
    /// The next parts that we have and the peer does not, of this blob from this place in the order of sending on.
    ReadParts(UnfilledBlob, u32),
    /// Stores parts of blobs.
    StoreParts(Vec<Chunk>),
    /// Our newest list rows.
    Listing,
    /// Keeps the peer's, of entries that were never heard of here.
    StoreListing(Vec<ListRow>),
}

/// A batch that came, and the certificates that came for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The batch.
    pub open: OpenBatch,
    /// The certificates.
    pub certificates: Vec<Certificate>,
}

/// The store's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::Summary`]: the summary and its `Hello` hash.
    Summary(Box<Summary>, [u8; 16]),
    /// To [`Request::News`]: besides, the first batch that the peer lacks.
    News(Box<Summary>, [u8; 16], Option<Box<Covered>>),
    /// To [`Request::Introduction`].
    Introduction(Vec<Vec<u8>>),
    /// To requests whose standing is the answer.
    Done,
    /// To [`Request::Sets`]: what it asked for, and whether there are more.
    Sets {
        /// Which set.
        of: SetOf,
        /// From behind this name.
        after: Option<Name>,
        /// The names.
        names: Vec<Name>,
        /// Whether there are others behind the last.
        more: bool,
    },
    /// To [`Request::Lacks`]: the names, and whether the peer has said its last.
    Lacks(SetOf, Vec<Name>, bool),
    /// To [`Request::Missing`].
    Missing {
        /// Their names, those that are not held any more included.
        names: Vec<Name>,
        /// Statements.
        statements: Vec<Vec<u8>>,
        /// Certificates.
        certificates: Vec<Certificate>,
    },
    /// To [`Request::StoreMissing`]: how many were taken; a sentence, where something in it was refused.
    StoredMissing(std::result::Result<usize, &'static str>),
    /// To [`Request::Plan`].
    Plan(Comparison),
    /// To [`Request::Chains`].
    Chains(LogId, Vec<ChainPoint>),
    /// To [`Request::Common`]: the common point, and whether we hold more after it.
    Common(LogId, u64, bool),
    /// To [`Request::ReadBatch`]: the batch, and the hash of the statements held when it was read.
    Batch(LogId, Option<Box<Covered>>, [u8; 16]),
    /// To [`Request::StoreBatches`]: of each the log and its end, and what became of it.
    Received(Vec<(LogId, u64, Received)>),
    /// To [`Request::Recompute`]: how many documents were different.
    Recomputed(u64),
    /// To [`Request::Unfilled`].
    Unfilled(Vec<UnfilledBlob>),
    /// To [`Request::ReadParts`].
    Parts {
        /// The parts.
        parts: Vec<Chunk>,
        /// Where to go on.
        next: Option<u32>,
        /// There will be no more of this blob here than there is now.
        whole: bool,
        /// The hash of the statements held when they were read.
        statements: [u8; 16],
    },
    /// To [`Request::StoreParts`].
    StoredParts {
        /// How many were dealt with.
        parts: u64,
        /// How many blobs that made whole.
        filled: u64,
        /// How many parts were not what their blob has there, and were not taken.
        damaged: u64,
    },
    /// To [`Request::Listing`].
    Listing(Vec<ListRow>),
    /// To [`Request::StoreListing`]: how many were kept.
    StoredListing(u64),
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
        Request::News(peer_has) => read(&mut |tx| {
            let summary = rules::summary(tx)?;
            let hello = summary.hello(identity);
            let after = |log: &LogId| peer_has.get(log).copied().unwrap_or(0);
            let batch = match summary.vector.iter().find(|(log, position)| position.seq > after(log)) {
                Some((log, _)) => rules::next_batch(tx, identity, *log, after(log))?.map(Box::new),
                None => None,
            };
            Ok(Answer::News(Box::new(summary), hello, batch))
        }),
        Request::Introduction => read(&mut |tx| {
            let set = rules::statements(tx)?;
            let adds = set.adds(&identity.device()).iter().map(|add| add.encode().to_vec()).collect();
            Ok(Answer::Introduction(adds))
        }),
        Request::Introduce(adds) => introduce(storage, identity, peer, &adds),
        Request::Sets(of, after) => read(&mut |tx| {
            let mut names = names_of(tx, of, after, MAX_NAMES + 1)?;
            let more = names.len() > MAX_NAMES;
            names.truncate(MAX_NAMES);
            Ok(Answer::Sets { of, after, names, more })
        }),
        Request::Lacks { of, after, names, more } => read(&mut |tx| {
            let theirs: BTreeSet<&Name> = names.iter().collect();
            let upto = names.last().filter(|_| more);
            let mut ours = names_of(tx, of, after, usize::MAX)?;
            ours.retain(|name| upto.is_none_or(|upto| name <= upto) && !theirs.contains(name));
            Ok(Answer::Lacks(of, ours, !more))
        }),
        Request::Missing(of, lacking) => read(&mut |tx| missing(tx, of, &lacking)),
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
        Request::ReadBatch(log, after) => storage.read(|tx| {
            let (standing, statements) = rules::standing_under(tx, identity, peer)?;
            let answer = match standing {
                Standing::Member => {
                    Answer::Batch(log, rules::next_batch(tx, identity, log, after)?.map(Box::new), statements)
                }
                _ => Answer::Done,
            };
            Ok(Reply { standing, answer, wrote: false })
        }),
        Request::StoreBatches(batches) => write(storage, identity, peer, |tx| {
            let mut received = Vec::with_capacity(batches.len());
            for Arrived { open, certificates } in batches {
                let (log, end) = (open.batch().log, open.batch().head.position.seq);
                received.push((log, end, rules::receive(tx, identity, entropy, open, &certificates)?));
            }
            Ok(Answer::Received(received))
        }),
        Request::Recompute => {
            write(storage, identity, peer, |tx| Ok(Answer::Recomputed(rules::recompute_all(tx, identity)?)))
        }
        Request::Unfilled => unfilled(storage, identity, peer),
        Request::ReadParts(want, position) => read_parts(storage, blobs, identity, peer, &want, position),
        Request::Listing => read(&mut |tx| Ok(Answer::Listing(rules::listing(tx)?))),
        Request::StoreListing(rows) => {
            write(storage, identity, peer, |tx| Ok(Answer::StoredListing(rules::announced(tx, identity, *peer, rows)?)))
        }
        Request::StoreParts(parts) => store_parts(storage, blobs, identity, entropy, peer, &parts),
    }
}

/// The names in one of our sets, ascending, from behind one, at most so many.
fn names_of(tx: &mut dyn Tx, of: SetOf, after: Option<Name>, most: usize) -> Result<Vec<Name>> {
    match of {
        SetOf::Statements => Ok(rules::statements(tx)?.ids_after(after).take(most).collect()),
        SetOf::Certificates => tx.certificate_names(after, most),
    }
}

/// The next piece of what a peer lacks: statements parents first, over all pieces.
fn missing(tx: &mut dyn Tx, of: SetOf, lacking: &BTreeSet<Name>) -> Result<Answer> {
    let (mut names, mut statements, mut certificates, mut size) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut fits = |len: usize| {
        let first = size == 0;
        size += len;
        first || size <= MAX_BATCH
    };
    match of {
        SetOf::Statements => {
            let set = rules::statements(tx)?;
            for statement in set.in_order().into_iter().filter(|one| lacking.contains(one.id().as_bytes())) {
                if names.len() == MAX_BROUGHT || !fits(statement.encode().len()) {
                    break;
                }
                names.push(*statement.id().as_bytes());
                statements.push(statement.encode().to_vec());
            }
        }
        SetOf::Certificates => {
            for name in lacking.iter().take(MAX_BROUGHT) {
                names.push(*name);
                certificates.extend(tx.certificate_named(name)?);
            }
        }
    }
    Ok(Answer::Missing { names, statements, certificates })
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
            answer: Answer::StoredMissing(Err("a malformed statement")),
            wrote: false,
        });
    };
    let stored = write(storage, identity, peer, |tx| {
        let mut taken = rules::add_statements(tx, identity, decoded)?;
        for certificate in &certificates {
            taken += usize::from(rules::apply_certificate(tx, identity, certificate)?);
        }
        Ok(Answer::StoredMissing(Ok(taken)))
    });
    let reply = match stored {
        Ok(reply) => reply,
        // What the rules refuse changed nothing; what the disk refuses is the caller's.
        Err(error) if matches!(error.code, crate::error::Code::Refused | crate::error::Code::Invalid) => {
            return Ok(Reply {
                standing: Standing::Member,
                answer: Answer::StoredMissing(Err("a statement or certificate that does not verify")),
                wrote: false,
            });
        }
        Err(error) => return Err(error),
    };
    if identity.faults.has(Fault::KeepNotInTheStatementsTransaction) {
        storage.write(|tx| rules::sign_keeps(tx, identity))?;
    }
    // The statements may have been the peer's own removal: its standing is read again.
    let standing = storage.read(|tx| rules::standing(tx, identity, peer))?;
    Ok(Reply { standing, ..reply })
}
