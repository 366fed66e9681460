//! What one side says of itself in a session, and what the other makes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::append::{current_log, retire_incarnation};
use super::erase::certificate_sum;
use super::identity::Identity;
use super::members;
use super::receive::has_room;
use crate::crypto::Hasher;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::{BlobId, EntryId, LogId};
use crate::log::{Batch, Certificate, MAX_BATCH, Position, Vector};
use crate::replication::tx::{Setting, Tx, WantedBlob};
use crate::time::Entropy;

/// A blob that is wanted and not all here, with the parts that are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfilledBlob {
    /// The entry it belongs to.
    pub entry: EntryId,
    /// Its name.
    pub id: BlobId,
    /// Bit `i`, least significant first, is part `i`.
    pub bitmap: Vec<u8>,
}

impl From<WantedBlob> for UnfilledBlob {
    fn from(wanted: WantedBlob) -> Self {
        // One bitmap for one set of parts: bytes of zeros at the end say nothing.
        let len = wanted.bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Self { entry: wanted.entry, id: wanted.blob.id, bitmap: wanted.bitmap[..len].to_vec() }
    }
}

/// Everything of this store that a peer compares with its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Over the set of statements.
    pub statements: [u8; 16],
    /// Over the set of erase certificates.
    pub certificates: [u8; 16],
    /// How far each log is held.
    pub vector: Vector,
    /// Over documents and heads.
    pub digest: [u8; 32],
    /// Blobs not all here.
    pub unfilled: Vec<UnfilledBlob>,
}

impl Summary {
    /// The one hash of `Hello`: equal on both sides, and there is nothing to do.
    pub fn hello(&self, identity: &Identity) -> [u8; 16] {
        let mut hasher = Hasher::keyed(&identity.hello);
        hasher.update(&self.statements).update(&self.certificates).update(&self.digest);
        hasher.update(&(self.vector.len() as u64).to_le_bytes());
        for (log, position) in &self.vector {
            hasher.update(log.device.as_bytes()).update(log.incarnation.as_bytes());
            hasher.update(&position.seq.to_le_bytes()).update(position.chain.as_bytes());
        }
        for blob in &self.unfilled {
            hasher.update(blob.entry.as_bytes()).update(blob.id.as_bytes());
            hasher.update(&(blob.bitmap.len() as u64).to_le_bytes()).update(&blob.bitmap);
        }
        hasher.finish16()
    }
}

/// Reads the summary, in one view.
pub fn summary(tx: &mut dyn Tx) -> Result<Summary> {
    let statements = members::statements(tx)?.set_hash();
    let certificates = certificate_sum(tx)?.hash();
    let digest = tx.setting(Setting::Digest)?.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    let mut unfilled: Vec<UnfilledBlob> = tx.blobs(true)?.into_iter().map(UnfilledBlob::from).collect();
    unfilled.sort_unstable_by_key(|blob| (blob.entry, blob.id));
    Ok(Summary {
        statements,
        certificates,
        vector: tx.logs()?.into_iter().filter(|(_, position)| position.seq > 0).collect(),
        digest,
        unfilled,
    })
}

/// A peer's word for how far it holds a log: sequence, and the chain's first eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The log.
    pub log: LogId,
    /// Last sequence number held.
    pub seq: u64,
    /// First eight bytes of the chain there.
    pub chain: [u8; 8],
}

/// A place in a log by its chain's first eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPoint {
    /// Sequence number.
    pub seq: u64,
    /// First eight bytes of the chain there.
    pub chain: [u8; 8],
}

impl ChainPoint {
    fn of(position: &Position) -> Self {
        let mut chain = [0; 8];
        chain.copy_from_slice(&position.chain.as_bytes()[..8]);
        Self { seq: position.seq, chain }
    }
}

/// A log to send, from after a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// The log.
    pub log: LogId,
    /// What the peer holds of it.
    pub after: u64,
}

/// What a peer's claims mean against this store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What the peer lacks.
    pub send: Vec<Outgoing>,
    /// Logs whose chains part somewhere.
    pub forks: Vec<LogId>,
    /// Logs of the peer's that are not taken here: as many of their device are held as may be.
    pub declined: Vec<LogId>,
}

/// Compares a peer's claims with what is held now. Believes none of them: that this device was put back shows when the
/// peer sends what it has, under our own signature.
pub fn compare(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    claims: &[Claim],
) -> Result<Comparison> {
    let mut out = Comparison::default();
    let claimed: BTreeMap<LogId, &Claim> = claims.iter().map(|claim| (claim.log, claim)).collect();
    let held: BTreeMap<LogId, Position> = tx.logs()?.into_iter().collect();
    for (log, position) in &held {
        match claimed.get(log) {
            None => out.send.push(Outgoing { log: *log, after: 0 }),
            Some(claim) if claim.seq > position.seq => {}
            Some(claim) => match tx.position_at(*log, claim.seq)? {
                Some(at) if ChainPoint::of(&at).chain == claim.chain => {
                    if claim.seq < position.seq {
                        out.send.push(Outgoing { log: *log, after: claim.seq });
                    }
                }
                None if claim.seq == 0 => out.send.push(Outgoing { log: *log, after: 0 }),
                _ => out.forks.push(*log),
            },
        }
    }
    let set = members::statements(tx)?;
    let state = members::state(identity, &set);
    for log in claimed.keys().filter(|log| !held.contains_key(log)) {
        if !has_room(tx, identity, &state, log)? {
            out.declined.push(*log);
        }
    }
    let further = |log: &LogId| claimed.get(log).is_some_and(|claim| held.get(log).is_none_or(|at| claim.seq > at.seq));
    if identity.faults.has(Fault::BelievesClaims) {
        let log = current_log(tx, identity, entropy)?;
        if further(&log) || out.forks.contains(&log) {
            retire_incarnation(tx, entropy)?;
        }
    }
    Ok(out)
}

/// Places along a log, dense at its end and sparse at its beginning, for finding where two tails part.
pub fn chain_points(tx: &mut dyn Tx, log: LogId) -> Result<Vec<ChainPoint>> {
    let Some(end) = tx.log(log)? else { return Ok(Vec::new()) };
    let mut points = vec![ChainPoint::of(&end)];
    let mut step = 1;
    while step < end.seq {
        if let Some(position) = tx.position_at(log, end.seq - step)? {
            points.push(ChainPoint::of(&position));
        }
        step *= 2;
    }
    Ok(points)
}

/// The last of a peer's points that is held here too; 0 where none is.
pub fn common_point(tx: &mut dyn Tx, log: LogId, points: &[ChainPoint]) -> Result<u64> {
    let mut common = 0;
    for point in points {
        if point.seq > common && tx.position_at(log, point.seq)?.is_some_and(|at| ChainPoint::of(&at) == *point) {
            common = point.seq;
        }
    }
    Ok(common)
}

/// A batch to send, and the certificates of what is missing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The batch.
    pub batch: Batch,
    /// One for each entry that it names without a body, or erases.
    pub certificates: Vec<Certificate>,
}

/// The batch of `log` that begins after `after`, or nothing where that is all.
pub fn next_batch(tx: &mut dyn Tx, identity: &Identity, log: LogId, after: u64) -> Result<Option<Covered>> {
    let Some(head) = tx.head_after(log, after, MAX_BATCH)? else { return Ok(None) };
    let previous = match after {
        0 => Position::start(&identity.journal, &log),
        seq => match tx.position_at(log, seq)? {
            Some(position) => position,
            None => return Ok(None),
        },
    };
    let batch = Batch { log, previous, blocks: tx.blocks(log, after + 1, head.position.seq)?, head };
    let mut certificates = Vec::new();
    // Where nothing was ever erased, nothing is unpacked.
    if !tx.certificate_names(None, 1)?.is_empty() {
        for entry in batch.entries_without_bodies()? {
            certificates.extend(tx.certificate_of(entry)?);
        }
    }
    Ok(Some(Covered { batch, certificates }))
}
