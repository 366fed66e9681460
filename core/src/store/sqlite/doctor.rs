//! Whether a journal holds together: its file, its logs, what is derived from them, and no row that belongs to nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

use super::schema::SEQ_BITS;
use super::store::SqliteStore;
use super::tx::{SqliteTx, db};
use crate::crypto::Hasher;
use crate::error::Result;
use crate::id::{ChangeHash, EntryId, LogId};
use crate::log::{ChangeHeader, Operation, OperationKind, Position};
use crate::store::rules::Identity;
use crate::store::tx::{DocumentState, Setting, Tx};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What, in a word or two.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, for a person. Never holds entry text.
    pub detail: String,
}

impl Check {
    fn new(name: &'static str, problems: &[String], fine: String) -> Self {
        let detail = match problems {
            [] => fine,
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        };
        Self { name, ok: problems.is_empty(), detail }
    }
}

/// Operations read at a time, so that a long log is never in memory whole.
const SLICE: u64 = 256;

pub(super) fn examine(store: &SqliteStore) -> Result<Vec<Check>> {
    let pages = store.connections().problems()?;
    let mut checks = vec![Check::new("database", &pages, "every page reads, every table is in order".to_owned())];
    if !pages.is_empty() {
        // What lies in damaged pages can't be told from what is wrong in itself.
        return Ok(checks);
    }
    checks.extend(store.read_sql(|tx| {
        let identity = Identity::load(tx)?;
        let (documents, digest) = check_documents(tx, &identity)?;
        Ok([check_logs(tx, &identity)?, documents, digest, check_rows(tx)?])
    })?);
    Ok(checks)
}

/// Each log's chain made again from its operations, and every head's signature.
fn check_logs(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<Check> {
    let (mut problems, mut count) = (Vec::new(), 0);
    let logs = tx.logs()?;
    for (log, end) in &logs {
        match check_log(tx, identity, *log, *end) {
            Ok(None) => count += end.seq,
            Ok(Some(problem)) => problems.push(format!("log {log}: {problem}")),
            Err(error) => problems.push(format!("log {log}: {}", error.message)),
        }
    }
    Ok(Check::new("logs", &problems, format!("{} logs, {count} operations", logs.len())))
}

fn check_log(tx: &mut SqliteTx<'_>, identity: &Identity, log: LogId, end: Position) -> Result<Option<String>> {
    let mut position = Position::start(&identity.journal, &log);
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

/// Heads and waiting changes made again from the headers, and the digest over them.
fn check_documents(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<(Check, Check)> {
    let (mut problems, mut count, mut sum) = (Vec::new(), 0, [0; 32]);
    let mut entries = tx.conn()?.prepare_cached("SELECT entry FROM documents ORDER BY entry").map_err(db)?;
    let entries: Vec<EntryId> =
        entries.query_map([], |row| row.get(0).map(EntryId::from_bytes)).and_then(Iterator::collect).map_err(db)?;
    for entry in entries {
        let (derived, ready) = match derive(tx, entry) {
            Ok(derived) => derived,
            Err(error) => {
                problems.push(format!("entry {entry}: {}", error.message));
                continue;
            }
        };
        let held = tx.document(entry)?.unwrap_or_default();
        if derived != held {
            problems.push(format!("entry {entry}: its heads are not those of its changes"));
        } else if !ready {
            problems.push(format!("entry {entry}: which of its changes can be read is wrong"));
        }
        if !derived.heads.is_empty() {
            count += 1;
            let mut hasher = Hasher::keyed(&identity.digest);
            hasher.update(entry.as_bytes());
            derived.heads.iter().for_each(|head| {
                hasher.update(head.as_bytes());
            });
            sum.iter_mut().zip(hasher.finish()).for_each(|(a, b)| *a ^= b);
        }
    }
    let held: [u8; 32] = tx.setting(Setting::Digest)?.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    let wrong = if held == sum { Vec::new() } else { vec!["the digest is not that of the documents".to_owned()] };
    Ok((
        Check::new("documents", &problems, format!("{count} documents")),
        Check::new("digest", &wrong, "the digest is that of the documents".to_owned()),
    ))
}

/// What the headers say of a document, and whether the log's marks agree on which changes are ready.
fn derive(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<(DocumentState, bool)> {
    let (mut headers, mut marked) = (BTreeMap::new(), BTreeSet::new());
    for change in tx.changes(entry)? {
        let header = ChangeHeader::parse(&change.chunk)?;
        if change.ready {
            marked.insert(header.hash);
        }
        headers.insert(header.hash, header.dependencies);
    }
    let depended: BTreeSet<ChangeHash> = headers.values().flatten().copied().collect();
    let mut dependents: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
    let mut missing = BTreeMap::new();
    let mut queue = Vec::new();
    for (hash, dependencies) in &headers {
        let distinct: BTreeSet<_> = dependencies.iter().collect();
        missing.insert(*hash, distinct.len());
        if distinct.is_empty() {
            queue.push(*hash);
        }
        distinct.into_iter().for_each(|dependency| dependents.entry(*dependency).or_default().push(*hash));
    }
    let mut ready = BTreeSet::new();
    while let Some(hash) = queue.pop() {
        ready.insert(hash);
        for dependent in dependents.get(&hash).into_iter().flatten() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    queue.push(*dependent);
                }
            }
        }
    }
    let heads = headers.keys().filter(|hash| !depended.contains(*hash)).copied().collect();
    let pending = (headers.len() - ready.len()) as u64;
    Ok((DocumentState { heads, pending }, marked == ready))
}

/// Rows that belong to nothing, and rows of what was destroyed.
fn check_rows(tx: &mut SqliteTx<'_>) -> Result<Check> {
    let conn = tx.conn()?;
    let mut problems = Vec::new();
    let mut look = |what: String, sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<()> {
        let count: i64 = conn.prepare(sql).and_then(|mut s| s.query_row(values, |row| row.get(0))).map_err(db)?;
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
        Ok(())
    };
    for table in ["places", "waits", "blobs", "entries", "texts", "slots", "snapshots"] {
        look(
            format!("rows in {table} of no document"),
            &format!("SELECT count(*) FROM {table} WHERE document NOT IN (SELECT id FROM documents)"),
            params![],
        )?;
    }
    for table in ["waits", "entries", "texts", "slots", "snapshots"] {
        look(
            format!("rows in {table} of an erased entry"),
            &format!(
                "SELECT count(*) FROM {table} t JOIN documents d ON d.id = t.document
                 WHERE d.entry IN (SELECT entry FROM certificates)"
            ),
            params![],
        )?;
    }
    for table in ["operations", "blocks", "heads", "places"] {
        look(
            format!("rows in {table} of no log"),
            &format!(
                "SELECT count(*) FROM {table} t LEFT JOIN logs l ON l.id = t.id >> ?1
                 WHERE l.id IS NULL OR t.id & ((1 << ?1) - 1) NOT BETWEEN 1 AND l.seq"
            ),
            params![SEQ_BITS],
        )?;
    }
    look(
        "operations whose place under their document is missing, or places too many".to_owned(),
        "SELECT abs((SELECT count(*) FROM places) - (SELECT coalesce(sum(seq), 0) FROM logs))",
        params![],
    )?;
    look(
        "documents with heads and a certificate".to_owned(),
        "SELECT count(*) FROM documents WHERE heads IS NOT NULL AND entry IN (SELECT entry FROM certificates)",
        params![],
    )?;
    look(
        "places of changes of an erased entry".to_owned(),
        "SELECT count(*) FROM places p JOIN documents d ON d.id = p.document
         WHERE p.ready IS NOT NULL AND d.entry IN (SELECT entry FROM certificates)",
        params![],
    )?;
    Ok(Check::new("rows", &problems, "every row belongs to something".to_owned()))
}
