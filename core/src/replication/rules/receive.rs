//! Taking a batch from a peer: verified, fitted to what is held, stored, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::append::{append, retire_incarnation};
use super::documents::{Digest, link, relink_into};
use super::erase::{apply, erase_again, is_sound};
use super::identity::Identity;
use super::limits::MAX_LOGS;
use super::members;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::{ChangeHash, Incarnation, LogId};
use crate::log::{Certificate, Envelope, MAX_BATCH, OpenBatch, Operation, OperationKind, Placed, Position};
use crate::membership::{Limit, State};
use crate::replication::tx::{Setting, Tx};
use crate::time::Entropy;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Durable once the transaction commits. `operations` were new; `mended` says that a fork's tail gave way here.
    Stored {
        /// How many operations were new.
        operations: u64,
        /// Whether a tail held here gave way.
        mended: bool,
    },
    /// All of it was held, or it is the tail of a fork that gives way: nothing to do.
    Known,
    /// The head names a statement that is not held, or one that is held waits for another and may yet let it count.
    NeedStatements,
    /// Does not fit onto what is held: operations are missing in between, or the chains part further back.
    Gap,
    /// Not taken: as many logs of its device are held as may be.
    Declined,
    /// Not taken, and never will be.
    Refused(&'static str),
}

/// Takes one batch, and the certificates that came for it. Errors are the store's; everything wrong with the batch is an
/// answer.
pub fn receive(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    open: OpenBatch,
    certificates: &[Certificate],
) -> Result<Received> {
    if open.verify().is_err() {
        return Ok(Received::Refused("a batch that its author did not sign"));
    }
    let (batch, placed) = (open.batch(), open.placed());
    let set = members::statements(tx)?;
    let state = members::state(identity, &set);
    if batch.head.knew.iter().any(|tip| !set.contains(tip)) {
        return Ok(Received::NeedStatements);
    }
    let log = batch.log;
    let start = Position::start(&identity.journal, &log);
    let held = tx.log(log)?.unwrap_or(start);

    // Where does it begin, and do we agree on what came before?
    if batch.previous.seq > held.seq {
        return Ok(Received::Gap);
    }
    if position_of(tx, log, start, batch.previous.seq)? != Some(batch.previous) {
        return Ok(Received::Gap);
    }
    // The first operation that is not held, or not held alike.
    let mut first_new = placed.len();
    for (index, Placed { position, .. }) in placed.iter().enumerate() {
        if position_of(tx, log, start, position.seq)? != Some(*position) {
            first_new = index;
            break;
        }
    }
    let Some(first) = placed.get(first_new).map(|placed| placed.position) else { return Ok(Received::Known) };
    let forked = first.seq <= held.seq;
    if forked {
        let ours = position_of(tx, log, start, first.seq)?.map(|position| position.chain);
        // Of two tails the one with the lower chain value at the first difference gives way, on every device.
        if ours > Some(first.chain) {
            let retired = retire_if_own(tx, identity, entropy, &log)?;
            return Ok(if retired { Received::Stored { operations: 0, mended: true } } else { Received::Known });
        }
    }
    if !within_limit(&state, &log, placed) {
        // A newcomer whose first sync was cut may not hold all that its own add names; its keeps count once that comes.
        if !set.all_complete() {
            return Ok(Received::NeedStatements);
        }
        return Ok(Received::Refused("operations of a device that does not belong"));
    }
    if !forked && held.seq == 0 && !state.ever_added(&log.device) {
        return Ok(Received::Refused("operations of a device that was never added"));
    }
    if held.seq == 0 && !has_room(tx, identity, &state, &log)? {
        return Ok(Received::Declined);
    }
    let mut covers = BTreeMap::new();
    for certificate in certificates {
        let known = tx.certificate_of(certificate.entry)?.is_some_and(|held| held == *certificate);
        if !known && !is_sound(identity, &state, certificate) {
            return Ok(Received::Refused("an erase certificate that no device of this journal signed"));
        }
        covers.insert(certificate.entry, certificate);
    }
    let mut erased = BTreeSet::new();
    for operation in &placed[first_new..] {
        let entry = operation.envelope.entry;
        if covers.contains_key(&entry) || tx.is_erased(entry)? {
            erased.insert(entry);
        } else if !operation.held && !identity.faults.has(Fault::HoleWithoutCertificate) {
            return Ok(Received::Refused("a body missing without an erase certificate"));
        }
    }
    let retired = retire_if_own(tx, identity, entropy, &log)?;
    covers.retain(|entry, _| erased.contains(entry));
    for certificate in covers.into_values() {
        apply(tx, identity, certificate)?;
    }
    let dropped = if forked { tx.truncate(log, first.seq - 1)? } else { Vec::new() };
    // What is packed again here is only the block that is cut, and those that hold a body which must not be kept.
    let (batch, placed) = open.skip(first_new)?.without_bodies(|entry| erased.contains(entry))?.into_parts();
    tx.append_batch(&batch, &placed, batch.len() >= identity.pack_from)?;
    let mut digest = Digest::default();
    if forked {
        relink_all(tx, identity, &mut digest, &dropped)?;
    }
    for operation in &placed {
        link(tx, identity, &mut digest, operation)?;
    }
    digest.commit(tx)?;
    let gone = dropped.iter().map(|operation| operation.envelope.entry).collect();
    log_again(tx, identity, entropy, log, dropped)?;
    erase_again(tx, identity, entropy, gone)?;
    Ok(Received::Stored { operations: placed.len() as u64, mended: forked || retired })
}

/// Whether another log of this device may be held: those that a member's keep names always, else as many as [`Identity::device_logs`].
pub(super) fn has_room(tx: &mut dyn Tx, identity: &Identity, state: &State, log: &LogId) -> Result<bool> {
    if state.is_kept(log) || identity.faults.has(Fault::TakesEveryLog) {
        return Ok(true);
    }
    Ok(tx.count_logs(Some(log.device))? < identity.device_logs && tx.count_logs(None)? < MAX_LOGS)
}

/// The place after `seq` operations, the log's beginning included.
fn position_of(tx: &mut dyn Tx, log: LogId, start: Position, seq: u64) -> Result<Option<Position>> {
    if seq == 0 { Ok(Some(start)) } else { tx.position_at(log, seq) }
}

/// A member's log counts whole; any other up to a keep.
fn within_limit(state: &State, log: &LogId, placed: &[Placed]) -> bool {
    let Some(end) = placed.last().map(|placed| placed.position) else { return false };
    match state.limit(log) {
        Limit::Whole => true,
        Limit::UpTo(keeps) => keeps.iter().any(|(seq, chain)| {
            *seq >= end.seq
                && placed.iter().find(|at| at.position.seq == *seq).is_none_or(|at| at.position.chain == *chain)
        }),
    }
}

/// A peer showed under our own signature that it holds our log further, or otherwise, than we do: we were rolled back,
/// and never append to it again. Answers whether that was news.
fn retire_if_own(tx: &mut dyn Tx, identity: &Identity, entropy: &mut dyn Entropy, log: &LogId) -> Result<bool> {
    let current = tx.setting(Setting::Incarnation)?.and_then(|bytes| Incarnation::from_slice(&bytes));
    let own = log.device == identity.device()
        && current == Some(log.incarnation)
        && !identity.faults.has(Fault::RollbackIgnored);
    if own {
        retire_incarnation(tx, entropy)?;
    }
    Ok(own)
}

/// Documents that lost changes are read again from what is left.
fn relink_all(tx: &mut dyn Tx, identity: &Identity, digest: &mut Digest, dropped: &[Operation]) -> Result<()> {
    let entries: BTreeSet<_> = dropped.iter().map(|operation| operation.envelope.entry).collect();
    for entry in entries {
        if !tx.is_erased(entry)? {
            relink_into(tx, identity, entry, digest)?;
        }
    }
    Ok(())
}

/// Writes down again, in our own log, what a dropped tail said and no other log holds: changes, records, and what is of a
/// kind that this version does not know.
pub fn log_again(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    from: LogId,
    dropped: Vec<Operation>,
) -> Result<()> {
    let mut slice = Vec::new();
    let mut size = 0;
    for operation in dropped {
        let entry = operation.envelope.entry;
        let wanted = match operation.envelope.kind {
            OperationKind::Change => {
                let hash = ChangeHash::from_bytes(operation.body.hash());
                operation.body.bytes().is_some() && tx.change_ready(entry, hash)?.is_none() && !tx.is_erased(entry)?
            }
            OperationKind::Record | OperationKind::Unknown(_) => {
                operation.body.bytes().is_some() && !tx.is_erased(entry)?
            }
            OperationKind::Erase => false,
        };
        if !wanted {
            continue;
        }
        let first_log = Some(operation.envelope.first_log.unwrap_or(from));
        let operation = Operation { envelope: Envelope { first_log, ..operation.envelope }, body: operation.body };
        if size + operation.size() > MAX_BATCH && !slice.is_empty() {
            append(tx, identity, entropy, std::mem::take(&mut slice))?;
            size = 0;
        }
        size += operation.size();
        slice.push(operation);
    }
    if !slice.is_empty() {
        append(tx, identity, entropy, slice)?;
    }
    Ok(())
}
