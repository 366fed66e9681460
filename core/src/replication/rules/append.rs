//! Appending to this device's own log.

use std::sync::Arc;

use super::documents::{Digest, link};
use super::identity::Identity;
use super::members;
use crate::error::{Code, Error, Result};
use crate::fault::Fault;
use crate::id::{Incarnation, LogId};
use crate::log::{Head, MAX_BATCH, Operation, Placed, Position};
use crate::replication::statements::put_together;
use crate::replication::tx::{Setting, Tx};
use crate::time::{Entropy, random};

/// The log that this device appends to now; a new incarnation where there is none yet.
pub fn current_log(tx: &mut dyn Tx, identity: &Identity, entropy: &mut dyn Entropy) -> Result<LogId> {
    let incarnation = match tx.setting(Setting::Incarnation)?.and_then(|bytes| Incarnation::from_slice(&bytes)) {
        Some(incarnation) => incarnation,
        None => {
            let fresh = Incarnation::from_bytes(random(entropy));
            tx.set_setting(Setting::Incarnation, fresh.as_bytes())?;
            fresh
        }
    };
    Ok(LogId { device: identity.device(), incarnation })
}

/// Never appends to the current incarnation again: a peer holds it further, or otherwise, than this store does.
pub fn retire_incarnation(tx: &mut dyn Tx, entropy: &mut dyn Entropy) -> Result<()> {
    let fresh: [u8; Incarnation::LEN] = random(entropy);
    tx.set_setting(Setting::Incarnation, &fresh)?;
    let count = tx.setting(Setting::Mended)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    tx.set_setting(Setting::Mended, &(count + 1).to_le_bytes())
}

/// Appends `operations` to this device's log under one head, and brings what they change up to date.
///
/// Sequence and chain are read from the database inside this transaction, so two processes can share a journal.
/// Answers the head, and where each operation stands.
pub fn append(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    operations: Vec<Operation>,
) -> Result<Head> {
    let size: usize = operations.iter().map(Operation::size).sum();
    if operations.is_empty() || (operations.len() > 1 && size > MAX_BATCH) {
        return Err(Error::internal("a commit of no operations, or of too many"));
    }
    let log = current_log(tx, identity, entropy)?;
    let held = tx.log(log)?;
    if held.is_none() && tx.count_logs(Some(log.device))? >= identity.device_logs {
        return Err(Error::new(
            Code::Refused,
            "this device was put back to an earlier state so often that the others take nothing more from it",
            "remove it from another device, and pair it again as a new one",
        ));
    }
    let mut position = held.unwrap_or_else(|| Position::start(&identity.journal, &log));
    let mut placed = Vec::with_capacity(operations.len());
    for operation in operations {
        let erased = tx.is_erased(operation.envelope.entry)?;
        position = position.after(&operation);
        placed.push((position, if erased { operation.without_body() } else { operation }));
    }
    let set = if identity.faults.has(Fault::StatementsNotCached) {
        Arc::new(put_together(tx.statements()?)?)
    } else {
        members::statements(tx)?
    };
    let tips = set.seen();
    let head = Head::sign(&identity.key, log, position, tips);
    tx.append(log, &placed, &head)?;
    let mut digest = Digest::default();
    for (position, operation) in &placed {
        link(tx, identity, &mut digest, &Placed::of(*position, operation)?)?;
    }
    digest.commit(tx)?;
    Ok(head)
}
