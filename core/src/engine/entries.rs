//! What reading and writing entries share: a document opened and counted, a part found by its id.

use super::open_journal::OpenJournal;
use crate::error::{Code, Error, Result};
use crate::id::EntryId;
use crate::store::read_model::{self, Opened};
use crate::store::sqlite::SqliteTx;

/// Opens a document, and counts it.
pub(super) fn open(shared: &OpenJournal, tx: &mut SqliteTx<'_>, id: EntryId) -> Result<Opened> {
    let opened = read_model::open(tx, id, shared.actor())?;
    shared.count_opened();
    Ok(opened)
}

/// A part of an entry, or a device, that the caller named and that is not there.
pub(super) fn no_such(what: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is no such {what}"),
        format!("copy the {what}'s id from where it is listed"),
    )
}

/// The one whose id begins with `prefix`.
pub(super) fn by_prefix<T>(
    all: impl IntoIterator<Item = T>,
    id: impl Fn(&T) -> String,
    prefix: &str,
    what: &str,
) -> Result<T> {
    let mut found = all.into_iter().filter(|one| !prefix.is_empty() && id(one).starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(no_such(what)),
        _ => Err(Error::new(
            Code::Ambiguous,
            format!("more than one {what}'s id begins with {prefix}"),
            "give a few more characters of it",
        )),
    }
}
