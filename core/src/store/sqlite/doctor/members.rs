//! The small tables that no log gives: statements, certificates, settings, and where peers were reached.

use super::super::repair::{peers_that_do_not_read, settings_that_mean_nothing};
use super::super::tx::SqliteTx;
use super::check::Check;
use crate::error::Result;
use crate::id::JournalId;
use crate::log::{Certificate, CertificateSum};
use crate::membership::{Inserted, Statement, Statements};
use crate::replication::rules::Identity;
use crate::replication::tx::{Setting, Tx};

/// Name and bytes of every row of `statements` or `certificates`, in the order in which they are read.
fn rows(tx: &mut SqliteTx<'_>, table: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = tx.conn()?.prepare(&format!("SELECT hash, bytes FROM {table} ORDER BY id"))?;
    Ok(all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)?)
}

/// Every statement's signatures, that each stands behind what it builds on, and that the first names the journal.
pub(super) fn check_statements(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<Check> {
    let rows = rows(tx, "statements")?;
    let mut problems = Vec::new();
    let mut set: Option<Statements> = None;
    for (number, (hash, bytes)) in (1..).zip(&rows) {
        let taken = Statement::decode(bytes).and_then(|statement| {
            let named = statement.id().as_bytes().as_slice() == hash.as_slice();
            let waits = match &mut set {
                None => {
                    set = Some(Statements::new(statement)?);
                    false
                }
                Some(set) => set.insert(statement)? == Inserted::Waits,
            };
            Ok(match (waits, named) {
                (true, _) => Some("stands before what it builds on"),
                (_, false) => Some("stands under another's name"),
                _ => None,
            })
        });
        match taken {
            Ok(None) => {}
            Ok(Some(problem)) => problems.push(format!("statement {number} {problem}")),
            Err(error) => problems.push(format!("statement {number}: {error}")),
        }
    }
    let named = tx.setting(Setting::Journal)?.and_then(|bytes| JournalId::from_slice(&bytes));
    let began = set.as_ref().map(Statements::journal);
    if began.is_none() || began != named || began != Some(identity.journal) {
        problems.push("the journal's name is not that of its first statement".to_owned());
    }
    Ok(Check::new("statements", &problems, format!("{} statements", rows.len())))
}

pub(super) fn check_certificates(tx: &mut SqliteTx<'_>, identity: &Identity) -> Result<Check> {
    let mut all = tx.conn()?.prepare("SELECT hash, entry, bytes FROM certificates ORDER BY id")?;
    let mut rows = all.query([])?;
    let (mut problems, mut count, mut sum) = (Vec::new(), 0, CertificateSum::default());
    while let Some(row) = rows.next()? {
        let bytes = |index| row.get::<_, Vec<u8>>(index);
        count += 1;
        let right = match Certificate::decode(&bytes(2)?) {
            Ok(certificate) => {
                sum.add(&certificate);
                certificate.journal == identity.journal
                    && certificate.verifies()
                    && certificate.hash().as_slice() == bytes(0)?
                    && certificate.entry.as_bytes().as_slice() == bytes(1)?
            }
            Err(_) => false,
        };
        if !right {
            problems.push(format!("erase certificate {count} is damaged"));
        }
    }
    let held = tx.setting(Setting::CertificateSum)?.and_then(|bytes| CertificateSum::from_slice(&bytes));
    if held.unwrap_or_default() != sum {
        problems.push("the sum over the erase certificates is not theirs".to_owned());
    }
    Ok(Check::new("certificates", &problems, format!("{count} erase certificates")))
}

/// Rows of this device's own: settings under names that nobody asks for, peers that nobody can be.
pub(super) fn check_own(tx: &mut SqliteTx<'_>) -> Result<Check> {
    let mut problems = Vec::new();
    let settings = settings_that_mean_nothing(tx)?.len();
    if settings > 0 {
        problems.push(format!("{settings} settings stand under names that mean nothing"));
    }
    let peers = peers_that_do_not_read(tx)?.len();
    if peers > 0 {
        problems.push(format!("of {peers} peers the name or the address does not read"));
    }
    Ok(Check::new("own", &problems, "settings and peers read".to_owned()))
}
