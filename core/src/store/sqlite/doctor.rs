//! Whether a journal holds together: its file, its logs, what is derived from them, and no row that belongs to nothing.

mod check;
mod logs;
mod members;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

pub use self::check::Check;
use super::schema::SEQ_BITS;
use super::store::SqliteStore;
use super::tx::SqliteTx;
use crate::crypto::Hasher;
use crate::error::{Error, Result};
use crate::id::{ChangeHash, EntryId, LIBRARY, PEOPLE};
use crate::log::ChangeHeader;
use crate::replication::rules::Identity;
use crate::replication::tx::{DocumentState, Setting, Tx};

impl SqliteStore {
    /// Looks at everything and says what is right and what is not. Reads the whole journal; changes nothing.
    pub fn doctor(&self) -> Result<Vec<Check>> {
        let pages = self.connections().problems()?;
        let mut checks = vec![Check::new("database", &pages, "every page reads, every table is in order".to_owned())];
        if !pages.is_empty() {
            // What lies in damaged pages can't be told from what is wrong in itself.
            return Ok(checks);
        }
        checks.extend(self.read_sql(|tx| {
            let identity = Identity::load(tx)?;
            // One that can't be made says so in its place, and the others are made all the same.
            let failed = |name| move |error: Error| Check::new(name, &[error.message], String::new());
            let mut checks = vec![
                members::check_statements(tx, &identity).unwrap_or_else(failed("statements")),
                members::check_certificates(tx, &identity).unwrap_or_else(failed("certificates")),
                members::check_own(tx).unwrap_or_else(failed("own")),
            ];
            checks.extend(logs::check_logs(tx, &identity).map_or_else(|error| vec![failed("logs")(error)], Vec::from));
            checks.extend(check_documents(tx, &identity)?);
            checks.push(check_rows(tx)?);
            Ok(checks)
        })?);
        Ok(checks)
    }
}

/// Heads and waiting changes made again from the headers, and the digest over them.
fn check_documents(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<[Check; 2]> {
    let (mut problems, mut count, mut sum) = (Vec::new(), 0, [0; 32]);
    let mut entries = tx.conn()?.prepare_cached("SELECT entry FROM documents ORDER BY entry")?;
    let entries: Vec<EntryId> =
        entries.query_map([], |row| row.get(0).map(EntryId::from_bytes)).and_then(Iterator::collect)?;
    for entry in entries {
        let (derived, marks) = match derive(tx, entry) {
            Ok(derived) => derived,
            Err(error) => {
                problems.push(format!("entry {entry}: {}", error.message));
                continue;
            }
        };
        let held = tx.document(entry)?.unwrap_or_default();
        if derived != held {
            problems.push(format!("entry {entry}: its heads are not those of its changes"));
        } else if !marks {
            problems.push(format!("entry {entry}: which of its changes can be read, or wait for what, is wrong"));
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
    Ok([
        Check::new("documents", &problems, format!("{count} documents")),
        Check::new("digest", &wrong, "the digest is that of the documents".to_owned()),
    ])
}

/// What the headers say of a document, and whether the marks agree on which changes are ready and which wait for what.
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
    let mut waiting = BTreeSet::new();
    for (hash, dependencies) in headers.iter().filter(|(hash, _)| !ready.contains(hash)) {
        waiting.extend(dependencies.iter().filter(|dependency| !ready.contains(dependency)).map(|on| (*on, *hash)));
    }
    Ok((DocumentState { heads, pending }, marked == ready && waits(tx, entry)? == waiting))
}

/// Which change waits for which other, as noted.
fn waits(tx: &mut SqliteTx<'_>, entry: EntryId) -> Result<BTreeSet<(ChangeHash, ChangeHash)>> {
    let mut all = tx.conn()?.prepare_cached(
        "SELECT dependency, change FROM waits WHERE document = (SELECT id FROM documents WHERE entry = ?1)",
    )?;
    let hash = |row: &rusqlite::Row<'_>, index| row.get(index).map(ChangeHash::from_bytes);
    Ok(all.query_map([entry.as_bytes()], |row| Ok((hash(row, 0)?, hash(row, 1)?))).and_then(Iterator::collect)?)
}

/// Rows that belong to nothing, and rows of what was destroyed.
fn check_rows(tx: &mut SqliteTx<'_>) -> Result<Check> {
    let conn = tx.conn()?;
    let mut problems = Vec::new();
    let mut look = |what: String, sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<()> {
        let count: i64 = conn.prepare(sql)?.query_row(values, |row| row.get(0))?;
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
    for table in ["entries", "texts", "slots", "snapshots"] {
        look(
            format!("rows in {table} of what is no entry"),
            &format!("SELECT count(*) FROM {table} t JOIN documents d ON d.id = t.document WHERE d.entry IN (?1, ?2)"),
            params![PEOPLE.as_bytes(), LIBRARY.as_bytes()],
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
    look(
        "documents that count unreadable changes, or operations, and have none".to_owned(),
        "SELECT count(*) FROM documents
         WHERE (refused != 0 OR operations != 0) AND (heads IS NULL OR entry IN (?1, ?2))",
        params![PEOPLE.as_bytes(), LIBRARY.as_bytes()],
    )?;
    look(
        "attachments of an erased entry that are still wanted".to_owned(),
        "SELECT count(*) FROM blobs b JOIN documents d ON d.id = b.document
         WHERE NOT b.ended AND d.entry IN (SELECT entry FROM certificates)",
        params![],
    )?;
    Ok(Check::new("rows", &problems, "every row belongs to something".to_owned()))
}
