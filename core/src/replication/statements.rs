//! The set of statements, put together once and shared by every transaction until a statement is added.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::membership::{Statement, Statements};

/// Puts the set together from its rows. Their signatures were verified before they were stored.
pub(crate) fn put_together(rows: Vec<Vec<u8>>) -> Result<Statements> {
    let mut rows = rows.into_iter();
    let genesis = rows.next().ok_or_else(|| Error::corrupt("the store holds no genesis statement"))?;
    let mut set = Statements::new_verified(Statement::decode(&genesis)?)?;
    for bytes in rows {
        set.insert_verified(Statement::decode(&bytes)?);
    }
    Ok(set)
}

/// What a table of statements is known by: the number of its last row, and that statement's name. Rows are only added,
/// so as long as this is the same, all of them are.
pub(crate) type Last = (i64, [u8; 32]);

/// The set that was put together last, of what is committed.
#[derive(Debug, Default)]
pub(crate) struct StatementCache(Mutex<Option<(Last, Arc<Statements>)>>);

impl StatementCache {
    /// The set of a table that ends so, if it is at hand.
    pub(crate) fn get(&self, last: &Last) -> Option<Arc<Statements>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(of, _)| of == last).map(|(_, set)| set.clone())
    }

    /// Keeps the set of a table that ends so.
    pub(crate) fn put(&self, last: Last, set: Arc<Statements>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((last, set));
    }
}
