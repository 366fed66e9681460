//! Statements in the store: adding them, and the keeps that adding them calls for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::identity::Identity;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::DeviceId;
use crate::membership::{self, Author, Inserted, Kept, Limit, MAX_KEPT, State, Statement, Statements};
use crate::replication::tx::Tx;

/// What a device is to this journal, by the statements held now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Belongs.
    Member,
    /// Belonged, or its add no longer counts.
    Removed,
    /// Never heard of.
    Unknown,
}

/// Every statement held. Read and put together once, for all transactions until one is added.
pub fn statements(tx: &mut dyn Tx) -> Result<Arc<Statements>> {
    tx.statement_set()
}

/// What the statements say.
pub fn state<'a>(identity: &Identity, set: &'a Statements) -> Cow<'a, State> {
    if identity.faults.has(Fault::AddOutsideARemoversView) {
        Cow::Owned(membership::state_with(set, identity.faults))
    } else {
        Cow::Borrowed(set.state())
    }
}

/// What `device` is to this journal.
pub fn standing(tx: &mut dyn Tx, identity: &Identity, device: &DeviceId) -> Result<Standing> {
    Ok(standing_under(tx, identity, device)?.0)
}

/// The same, and the hash of the statements that say so.
pub fn standing_under(tx: &mut dyn Tx, identity: &Identity, device: &DeviceId) -> Result<(Standing, [u8; 16])> {
    let set = statements(tx)?;
    let hash = set.set_hash();
    let state = state(identity, &set);
    let believed = identity.faults.has(Fault::StandingFromTheSessionsBeginning) && state.ever_added(device);
    let standing = if state.is_member(device) || believed {
        Standing::Member
    } else if state.ever_added(device) {
        Standing::Removed
    } else {
        Standing::Unknown
    };
    Ok((standing, hash))
}

/// Adds statements whose parents are held or among them, and signs the keeps they call for, in this transaction.
///
/// A statement that does not verify is an error and the transaction changes nothing. Answers how many were new.
pub fn add_statements(tx: &mut dyn Tx, identity: &Identity, new: Vec<Statement>) -> Result<usize> {
    let mut set = statements(tx)?.as_ref().clone();
    let mut added = 0;
    for statement in new {
        // What waits for a parent is not held: the peer sends parents first, or sends it again.
        if let Inserted::Held(held) = set.insert(statement)? {
            for id in held {
                if let Some(statement) = set.get(&id).filter(|statement| !forgets(identity, statement)) {
                    tx.add_statement(id, statement.encode())?;
                    added += 1;
                }
            }
        }
    }
    if added > 0 && !identity.faults.has(Fault::KeepNotInTheStatementsTransaction) {
        sign_keeps(tx, identity)?;
    }
    Ok(added)
}

/// Returns whether a fault keeps this statement out.
fn forgets(identity: &Identity, statement: &Statement) -> bool {
    identity.faults.has(Fault::ForgetsTheUnknown)
        && statement.is_unknown()
        && statement.author() != Author::Device(identity.device())
}

/// Signs a keep for every device of which a log is held further than the statements now allow: one for all its logs.
pub fn sign_keeps(tx: &mut dyn Tx, identity: &Identity) -> Result<()> {
    let set = statements(tx)?;
    let now = state(identity, &set);
    if !now.is_member(&identity.device()) {
        return Ok(());
    }
    let mut further: BTreeMap<DeviceId, Vec<Kept>> = BTreeMap::new();
    for (log, position) in tx.logs()? {
        let Limit::UpTo(keeps) = now.limit(&log) else { continue };
        let mut allowed = 0;
        for (seq, chain) in keeps {
            if seq <= position.seq && tx.position_at(log, seq)?.is_some_and(|held| held.chain == chain) {
                allowed = seq;
                break;
            }
        }
        if position.seq > allowed {
            further.entry(log.device).or_default().push(Kept::new(&log, position.seq, position.chain));
        }
    }
    let each = if identity.faults.has(Fault::KeepForEachLog) { 1 } else { MAX_KEPT };
    // Keeps of one moment know the same, and not each other.
    let seen = set.seen();
    for (device, logs) in further {
        for logs in logs.chunks(each) {
            let keep = Statement::keep(&identity.key, &identity.journal, &seen, device, logs.to_vec())?;
            tx.add_statement(keep.id(), keep.encode())?;
        }
    }
    Ok(())
}
