//! Documents of many operations, which take much memory to open: one at a time, and left out where the process died of it.
//!
//! Whatever reads or opens a document asks here first. Of a small one nothing is done. A large one waits until no other
//! is open, in any process of this journal, and is noted durably in the table `opening`; the note goes when it was
//! opened, or failed. A process that dies in between (no memory is left, the system ends it) leaves the note. After
//! [`MAX_DEATHS`] of them the entry is too large here: it is listed as that, and everything else goes on. A later
//! version of the program tries again, and so does `doctor --rebuild`, which forgets the notes.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::open_journal::{OpenJournal, lock};
use crate::error::{Advice, Code, Error, Result};
use crate::fault::Fault;
use crate::id::EntryId;
use crate::store::read_model;

/// Documents of more operations than this are large: 6 MB to read, 100 MB to open. Any device has that, so a text of some
/// pages is never left out because the program was killed twice for other reasons.
pub(super) const LARGE: u64 = 3 << 16;
/// After so many openings that never ended a document is left out.
const MAX_DEATHS: u64 = 2;
/// Whoever waits for another process longer than this goes on without: it may be stopped.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it looks.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The file in the home folder whose lock is the right to open a large document.
const LOCK: &str = "opening";
/// What a note says of who made it.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The right to have this document open. The note of it goes with it.
#[derive(Debug)]
pub(super) struct Opening<'s> {
    shared: &'s OpenJournal,
    entry: EntryId,
    _file: Option<File>,
    _alone: MutexGuard<'s, ()>,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        // A note that can't be taken away now counts as a death, and the next opening takes it away.
        let _ = self.shared.store.write_sql(|tx| tx.end_opening(self.entry));
    }
}

/// Asks for the right to open `entry`'s document; nothing has to be held for a small one. Outside any transaction, and by
/// nobody who holds another. `Refused` where it is too large for this device.
pub(super) fn opening(shared: &OpenJournal, entry: EntryId) -> Result<Option<Opening<'_>>> {
    if shared.store.read_sql(|tx| read_model::operations(tx, entry))? <= LARGE {
        return Ok(None);
    }
    let alone = lock(&shared.opening);
    let file = only_one(shared);
    let deaths = match shared.store.write_sql(|tx| tx.begin_opening(entry, PROGRAM, MAX_DEATHS)) {
        // A full disk keeps nobody from reading what is on it: nothing is noted then, and what was noted counts.
        Err(error) if error.code == Code::StorageFull => u64::from(left_out(shared)?.contains(&entry)) * MAX_DEATHS,
        deaths => deaths?,
    };
    if deaths >= MAX_DEATHS && !shared.identity.faults.has(Fault::OpensWhatEndedTheProcess) {
        return Err(too_large(entry));
    }
    Ok(Some(Opening { shared, entry, _file: file, _alone: alone }))
}

/// Entries that are left out on this device.
pub(super) fn left_out(shared: &OpenJournal) -> Result<BTreeSet<EntryId>> {
    Ok(shared.store.read_sql(|tx| tx.never_opened(PROGRAM, MAX_DEATHS))?.into_iter().collect())
}

/// What whoever asks for such an entry is told.
pub(super) fn too_large(entry: EntryId) -> Error {
    Error::new(
        Code::Refused,
        format!("entry {entry} is too large to be opened on this device, which ended twice over it"),
        Advice::ReadElsewhere,
    )
    .about("too_large")
}

/// Whether an error says that.
pub(super) fn is_too_large(error: &Error) -> bool {
    error.code == Code::Refused && error.about == "too_large"
}

/// A lock that the system takes back from a process that dies: whoever holds it knows that no note is of a living one.
/// Nothing where there can be none (a full disk, a file system without locks).
fn only_one(shared: &OpenJournal) -> Option<File> {
    let file = shared.home.lock_file(LOCK).ok()?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < WAIT_TIMEOUT => std::thread::sleep(POLL_INTERVAL),
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests;
