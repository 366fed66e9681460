//! The listing: the newest list rows for a peer that lacks much, and those that a peer announced here.
//!
//! A log is sent from its beginning, so the newest entries come last. Their list rows go before, and stand in the list of
//! the device that is still empty, marked as arriving, until the entries themselves are there.

use super::identity::Identity;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::DeviceId;
use crate::journal::Boxed;
use crate::replication::ListRow;
use crate::replication::tx::Tx;

/// Rows in one listing.
pub const MAX_ROWS: usize = 200;
/// Bytes of one title in a listing; a longer one is cut.
const MAX_TITLE: usize = 256;
/// States in one row: there are no more different ones.
const MAX_STATES: usize = 8;

/// The newest rows, as a listing says them.
pub fn listing(tx: &mut dyn Tx) -> Result<Vec<ListRow>> {
    let mut rows = tx.newest(MAX_ROWS)?;
    for row in &mut rows {
        shorten(&mut row.title);
    }
    Ok(rows)
}

/// Cuts a title to what a listing may say of it.
fn shorten(title: &mut String) {
    const CUT: &str = "…";
    if title.len() > MAX_TITLE {
        let end = (0..=MAX_TITLE - CUT.len()).rev().find(|end| title.is_char_boundary(*end));
        title.truncate(end.unwrap_or_default());
        title.push_str(CUT);
    }
}

/// Whether a row says nothing but what a listing may. Everything else of it is numbers, and words of a fixed set.
fn is_proper(row: &ListRow) -> bool {
    let until = match row.boxed {
        Some(Boxed::Until(day)) => day.is_proper(),
        Some(Boxed::ByHand) | None => true,
    };
    row.title.len() <= MAX_TITLE && row.states.len() <= MAX_STATES && row.day.is_proper() && until
}

/// Takes in what `from` announced: rows of entries that were never heard of here, and that nobody erased. Answers how
/// many those are. A row that no listing says is left out; its entry comes all the same.
pub fn announced(tx: &mut dyn Tx, identity: &Identity, from: DeviceId, rows: Vec<ListRow>) -> Result<u64> {
    let blind = identity.faults.has(Fault::AnnouncesTheErased);
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let erased = tx.is_erased(row.id)? && !blind;
        if is_proper(&row) && !row.id.is_singleton() && !erased && tx.document(row.id)?.is_none() {
            new.push(row);
        }
    }
    if !new.is_empty() {
        tx.set_arriving(from, &new)?;
    }
    Ok(new.len() as u64)
}
