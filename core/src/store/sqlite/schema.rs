//! The tables of one journal, and how an older database becomes one with these tables.
//!
//! Every row has an integer key. A random id of 16 or 32 bytes stands once, in a unique index beside its integer, and
//! everything else refers to the integer. An operation's key *is* its place: the log's row number in the upper 23 bits,
//! its sequence number in the lower 40, so that a log is one run of a table and needs no index of its own. An operation
//! stands once: in a row of `operations` while it is new, later in one of the `blocks`, whose key is its first one's.
//!
//! | table | a row is | truth or derived |
//! |---|---|---|
//! | `settings` | a small value that a transaction covers | truth (the digest: derived) |
//! | `statements`, `certificates` | one of them, as it came | truth |
//! | `logs` | a log, and how far it is held | truth |
//! | `operations` | a line of a log that is not packed yet | truth |
//! | `blocks` | a run of lines, packed, as it is sent; `chain` is the one before its first | truth |
//! | `heads` | what an author signed at a place: the chain there, tips and signature | truth |
//! | `places` | where a document's operation stands; `key` is its hash's first eight bytes | derived |
//! | `documents` | an entry, its heads, how many changes wait, what of it is stale, how often it changed | derived |
//! | `waits` | a change that waits for another | derived |
//! | `blobs` | bytes that an operation brought or ended, and which parts are here | truth |
//! | `entries`, `texts`, `snapshots`, `people` | list row, projection, opened document, names | derived |
//! | `search`, `slots` | words, and where the entry that has them stands among the others (made in [`super::search`]) | derived |
//! | `arriving` | the list row of an entry that is on its way, as another device told it | neither |
//! | `aside` | what was damaged, and is kept | neither |
//! | `drafts` | what was typed into a text and is no change yet | this device's own |
//! | `opening` | a large document that is being opened, and how often that did not end | this device's own |
//! | `peers` | where a device was reached last | this device's own |

use rusqlite::Transaction;

use super::open::Schema;
use super::search;
use crate::files::StoreResult;

/// Set in `documents.stale`: the list row is older than the heads.
pub const STALE_ROW: i64 = 1;
/// Set in `documents.stale`: the text projection and the search row are older than the heads.
pub const STALE_TEXT: i64 = 2;

/// The format that this version writes.
pub const SCHEMA: Schema = Schema { version: 1, migrate };

/// Bits of an operation's key that hold its sequence number.
pub(super) const SEQ_BITS: u32 = 40;

const TABLES: &str = "
    CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE statements (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;

    CREATE TABLE certificates (
        id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, entry BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;

    CREATE TABLE logs (
        id INTEGER PRIMARY KEY, device BLOB NOT NULL, incarnation BLOB NOT NULL,
        seq INTEGER NOT NULL, chain BLOB NOT NULL, UNIQUE (device, incarnation)) STRICT;

    -- The line comes last: everything before it is read without following a long row to its other pages.
    CREATE TABLE operations (id INTEGER PRIMARY KEY, chain BLOB NOT NULL, line BLOB NOT NULL) STRICT;
    CREATE TABLE blocks (
        id INTEGER PRIMARY KEY, count INTEGER NOT NULL, len INTEGER NOT NULL, chain BLOB NOT NULL,
        bytes BLOB NOT NULL) STRICT;
    -- Finds a change by its hash, and all of a document's operations. Eight bytes tell any two honest changes apart;
    -- the whole hash is compared all the same. `ready` is NULL of what is no change, or has no body any more.
    CREATE TABLE places (
        document INTEGER NOT NULL, key INTEGER NOT NULL, id INTEGER NOT NULL, ready INTEGER,
        PRIMARY KEY (document, key, id)) STRICT, WITHOUT ROWID;

    CREATE TABLE heads (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

    CREATE TABLE documents (
        id INTEGER PRIMARY KEY, entry BLOB NOT NULL UNIQUE, heads BLOB, pending INTEGER NOT NULL,
        stale INTEGER NOT NULL, refused INTEGER NOT NULL DEFAULT 0,
        -- How many operations its changes have, of what is not stale: what it costs to open it.
        operations INTEGER NOT NULL DEFAULT 0,
        -- Counts every time that what the log says of the document changed: who read it outside a transaction knows
        -- by it whether what was read still holds. Heads would not do: a change that others wait for moves none.
        version INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX documents_stale ON documents (id) WHERE stale != 0;

    CREATE TABLE waits (
        document INTEGER NOT NULL, dependency BLOB NOT NULL, change BLOB NOT NULL,
        PRIMARY KEY (document, dependency, change)) STRICT, WITHOUT ROWID;
    CREATE INDEX waits_change ON waits (document, change);

    CREATE TABLE blobs (
        id INTEGER PRIMARY KEY, document INTEGER NOT NULL, blob BLOB NOT NULL, brought BLOB,
        ended INTEGER NOT NULL, here INTEGER NOT NULL, bitmap BLOB NOT NULL, UNIQUE (document, blob)) STRICT;
    CREATE INDEX blobs_unfilled ON blobs (id) WHERE brought IS NOT NULL AND NOT ended AND NOT here;
    CREATE INDEX blobs_unwanted ON blobs (id) WHERE ended AND (here OR length(bitmap) > 0);

    CREATE TABLE entries (
        document INTEGER PRIMARY KEY, entry BLOB NOT NULL UNIQUE, trashed INTEGER NOT NULL, day TEXT NOT NULL,
        created INTEGER NOT NULL, kind TEXT NOT NULL, named INTEGER NOT NULL, row BLOB NOT NULL) STRICT;
    -- The list, newest first, with or without what is in the trash, and by kind without looking at the rows.
    CREATE INDEX entries_newest ON entries (trashed, day DESC, created DESC, entry DESC, kind);

    CREATE TABLE people (token TEXT PRIMARY KEY, name TEXT NOT NULL, aliases BLOB NOT NULL) STRICT, WITHOUT ROWID;

    -- Where a device was reached, and when it last held the same as this one. Known to this device only.
    CREATE TABLE peers (device BLOB PRIMARY KEY, address TEXT, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;

    -- What another device announced of entries whose operations are on their way: see `arriving`.
    CREATE TABLE arriving (entry BLOB PRIMARY KEY, device BLOB NOT NULL, row BLOB NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE drafts (
        entry BLOB NOT NULL, field TEXT NOT NULL, base BLOB NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (entry, field)) STRICT, WITHOUT ROWID;

    -- Documents of many operations that are being opened, and how many times that began and did not end: the process
    -- died of it. `program` is the version that tried.
    CREATE TABLE opening (entry BLOB PRIMARY KEY, begun INTEGER NOT NULL, program TEXT NOT NULL) STRICT, WITHOUT ROWID;

    -- What was damaged, as it stood, and where. The first thing that an erase takes away: nobody knows what is in it.
    CREATE TABLE aside (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, place INTEGER NOT NULL, device BLOB, incarnation BLOB,
        bytes BLOB NOT NULL) STRICT;

    -- No key of their own but the order in which they come: a sync's are derived newest first, and rows that come
    -- between others leave a third of their pages empty.
    CREATE TABLE texts (document INTEGER NOT NULL UNIQUE, projection BLOB NOT NULL) STRICT;

    CREATE TABLE snapshots (
        document INTEGER PRIMARY KEY, heads BLOB NOT NULL, used INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
    CREATE INDEX snapshots_used ON snapshots (used);
";

fn migrate(transaction: &Transaction<'_>, from: u32) -> StoreResult<()> {
    if from == 0 {
        transaction.execute_batch(TABLES)?;
        search::create(transaction)?;
    }
    Ok(())
}
