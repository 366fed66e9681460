//! Statements in the store: adding them, and the keeps that adding them calls for.

use super::identity::{Identity, Planted};
use crate::error::Result;
use crate::id::DeviceId;
use crate::membership::{Limit, Statement, Statements};
use crate::store::tx::Tx;

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

/// Every statement held.
pub fn statements(tx: &mut dyn Tx, identity: &Identity) -> Result<Statements> {
    let mut set = Statements::from_stored(tx.statements()?)?;
    if identity.planted == Some(Planted::AddOutsideARemoversView) {
        set.plant(crate::membership::Planted::AddOutsideARemoversView);
    }
    Ok(set)
}

/// What `device` is to this journal.
pub fn standing(tx: &mut dyn Tx, identity: &Identity, device: &DeviceId) -> Result<Standing> {
    let set = statements(tx, identity)?;
    let state = set.state();
    Ok(if state.is_member(device) {
        Standing::Member
    } else if state.ever_added(device) || state.was_named(device) {
        Standing::Removed
    } else {
        Standing::Unknown
    })
}

/// Adds statements whose parents are held or among them, and signs the keeps they call for, in this transaction.
///
/// A statement that does not verify is an error and the transaction changes nothing. Answers how many were new.
pub fn add_statements(tx: &mut dyn Tx, identity: &Identity, new: Vec<Statement>) -> Result<usize> {
    let mut set = statements(tx, identity)?;
    let before = set.len();
    for statement in new {
        set.insert(statement)?;
    }
    // What waits for a parent is not held: the peer sends parents first, or sends it again.
    for statement in set.since(before) {
        tx.add_statement(statement.id(), &statement.encode())?;
    }
    let added = set.len() - before;
    if added > 0 && identity.planted != Some(Planted::KeepNotInTheStatementsTransaction) {
        sign_keeps(tx, identity)?;
    }
    Ok(added)
}

/// Signs a keep for every log held further than the statements now allow.
pub fn sign_keeps(tx: &mut dyn Tx, identity: &Identity) -> Result<()> {
    let mut set = statements(tx, identity)?;
    if !set.state().is_member(&identity.device()) {
        return Ok(());
    }
    for (log, position) in tx.logs()? {
        let Limit::UpTo(keeps) = set.state().limit(&log) else { continue };
        let mut allowed = 0;
        for (seq, chain) in keeps {
            if seq <= position.seq && tx.position_at(log, seq)?.is_some_and(|held| held.chain == chain) {
                allowed = seq;
                break;
            }
        }
        if position.seq > allowed {
            let keep = Statement::keep(&identity.key, identity.journal, set.tips(), log, position.seq, position.chain);
            tx.add_statement(keep.id(), &keep.encode())?;
            set.insert(keep)?;
        }
    }
    Ok(())
}
