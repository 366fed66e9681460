//! Each log followed from its beginning: its chain and heads, and what was noted beside it of each operation.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::super::codec::index_key;
use super::super::tx::SqliteTx;
use super::check::Check;
use crate::error::{Error, Result};
use crate::id::{BlobId, Chain, EntryId, LogId};
use crate::log::{Operation, OperationKind, Position, codec};
use crate::replication::rules::Identity;
use crate::replication::tx::Tx;

/// Operations read at a time, so that a long log is never in memory whole.
const SLICE: u64 = 256;

/// What the logs say of the attachments: of each the lowest encoding that was brought, and whether it was ended.
type Blobs = BTreeMap<(EntryId, BlobId), (Option<Vec<u8>>, bool)>;

/// What is noted of operations outside their logs, as far as the logs say otherwise.
#[derive(Default)]
struct Noted {
    problems: Vec<String>,
    blobs: Blobs,
    /// Operations that only a later version understands.
    unknown: u64,
}

/// Each log's chain made again from its operations, every head's signature, and the places and attachments that the
/// operations give.
pub(super) fn check_logs(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<[Check; 2]> {
    let (mut problems, mut noted, mut count) = (Vec::new(), Noted::default(), 0);
    let logs = tx.logs()?;
    for (log, end) in &logs {
        match check_log(tx, identity, &mut noted, *log, *end) {
            Ok(None) => count += end.seq,
            Ok(Some(problem)) => problems.push(format!("log {log}: {problem}")),
            Err(error) => problems.push(format!("log {log}: {}", error.message)),
        }
    }
    // Logs that were not read to their end say less than there is.
    if problems.is_empty() {
        check_blobs(tx, &mut noted)?;
    }
    let attachments = noted.blobs.len();
    let newer = match noted.unknown {
        0 => String::new(),
        unknown => format!(", {unknown} of them kept for a newer version of Afterword"),
    };
    Ok([
        Check::new("logs", &problems, format!("{} logs, {count} operations{newer}", logs.len())),
        Check::new(
            "places",
            &noted.problems,
            format!("{count} operations and {attachments} attachments stand as noted"),
        ),
    ])
}

fn check_log(
    tx: &mut SqliteTx<'_>,
    identity: &Identity,
    noted: &mut Noted,
    log: LogId,
    end: Position,
) -> Result<Option<String>> {
    let row = tx.log_row(log)?.ok_or_else(|| Error::internal("a log that is not held"))?;
    let mut position = Position::start(&identity.journal, &log);
    if chain_of_first_block(tx, row.key(1)?)?.is_some_and(|chain| chain != position.chain) {
        return Ok(Some("its first block begins elsewhere".to_owned()));
    }
    while position.seq < end.seq {
        let run = tx.operations(log, position.seq + 1, position.seq + SLICE)?;
        if run.is_empty() {
            return Ok(Some(format!("operation {} is missing", position.seq + 1)));
        }
        let chains = tx.chains(log, position.seq + 1, position.seq + SLICE)?;
        for operation in run {
            position = position.after(&operation);
            if chains.get(&position.seq).is_some_and(|chain| *chain != position.chain) {
                return Ok(Some(format!("the chain breaks at operation {}", position.seq)));
            }
            if let Some(problem) = body_problem(tx, &operation)? {
                return Ok(Some(format!("operation {}: {problem}", position.seq)));
            }
            if !is_placed(tx, row.key(position.seq)?, &operation)? {
                noted.problems.push(format!("log {log}: operation {} is not noted where it stands", position.seq));
            }
            note_blobs(noted, &operation);
            noted.unknown += u64::from(matches!(operation.envelope.kind, OperationKind::Unknown(_)));
        }
    }
    if position != end {
        return Ok(Some("operations stand beyond its end".to_owned()));
    }
    let mut after = 0;
    while let Some(head) = tx.head_after(log, after, 0)? {
        after = head.position.seq;
        if !head.verifies() {
            return Ok(Some(format!("the head at {after} is not signed by its device")));
        }
        if tx.place_of(log, after)? != Some(head.position) {
            return Ok(Some(format!("the head at {after} is of another chain")));
        }
    }
    Ok((after != end.seq).then(|| format!("nothing is signed after {after}")))
}

/// The chain that the first block of a log says it begins behind, where the log begins with one.
fn chain_of_first_block(tx: &mut SqliteTx<'_>, key: i64) -> Result<Option<Chain>> {
    Ok(tx
        .conn()?
        .prepare_cached("SELECT chain FROM blocks WHERE id = ?1")?
        .query_row([key], |row| row.get(0).map(Chain::from_bytes))
        .optional()?)
}

fn body_problem(tx: &mut SqliteTx<'_>, operation: &Operation) -> Result<Option<&'static str>> {
    let Some(bytes) = operation.body.bytes() else {
        let erased = tx.is_erased(operation.envelope.entry)?;
        return Ok((!erased).then_some("its body is missing without an erase certificate"));
    };
    if operation.envelope.kind != OperationKind::Erase && tx.is_erased(operation.envelope.entry)? {
        return Ok(Some("its entry is erased and its body is still here"));
    }
    Ok(match Operation::new(operation.envelope.clone(), bytes.to_vec()) {
        Ok(again) if again.body.hash() == operation.body.hash() => None,
        _ => Some("its body is not what was hashed"),
    })
}

/// Whether the operation is found by its document and hash, and is marked as what it is. Whether a change is *ready* is
/// looked at with its document.
fn is_placed(tx: &mut SqliteTx<'_>, key: i64, operation: &Operation) -> Result<bool> {
    let held = operation.envelope.kind == OperationKind::Change && operation.body.bytes().is_some();
    let noted: Option<Option<i64>> = tx
        .conn()?
        .prepare_cached(
            "SELECT ready FROM places
             WHERE document = (SELECT id FROM documents WHERE entry = ?1) AND key = ?2 AND id = ?3",
        )?
        .query_row(params![operation.envelope.entry.as_bytes(), index_key(&operation.body.hash()), key], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(match noted {
        None => false,
        Some(None) => !held,
        Some(Some(ready)) => held && matches!(ready, 0 | 1),
    })
}

fn note_blobs(noted: &mut Noted, operation: &Operation) {
    if operation.body.bytes().is_none() {
        return;
    }
    let entry = operation.envelope.entry;
    for blob in &operation.envelope.brings {
        let encoded = codec::encode(blob);
        let (brought, _) = noted.blobs.entry((entry, blob.id)).or_default();
        if brought.as_ref().is_none_or(|before| encoded < *before) {
            *brought = Some(encoded);
        }
    }
    for blob in &operation.envelope.ends {
        noted.blobs.entry((entry, *blob)).or_default().1 = true;
    }
}

/// What the table has of each attachment. A row that no log speaks of is nothing: the end of a fork may leave one.
fn check_blobs(tx: &mut SqliteTx<'_>, noted: &mut Noted) -> Result<()> {
    let conn = tx.conn()?;
    let mut row = conn.prepare_cached(
        "SELECT brought, ended, here FROM blobs
             WHERE document = (SELECT id FROM documents WHERE entry = ?1) AND blob = ?2",
    )?;
    for ((entry, blob), (brought, ended)) in &noted.blobs {
        let found: Option<(Option<Vec<u8>>, i64, i64)> = row
            .query_row(params![entry.as_bytes(), blob.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let right =
            found.is_some_and(|found| found.0 == *brought && found.1 == i64::from(*ended) && matches!(found.2, 0 | 1));
        if !right {
            noted.problems.push(format!("entry {entry}: an attachment is not noted as its changes say"));
        }
    }
    Ok(())
}
