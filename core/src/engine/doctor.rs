//! Looking at everything that must hold on this device, and making derived state again.

use std::time::Duration;

use super::Engine;
use super::opening::{is_too_large, left_out, opening, too_large};
use crate::crypto::{RecoveryPhrase, SealingKey};
use crate::error::{Advice, Result};
use crate::id::{LIBRARY, PEOPLE};
use crate::log::Vector;
use crate::membership::Body;
use crate::replication::rules;
use crate::replication::{Setting, StorageExt};
use crate::store::read_model;
use crate::store::sqlite::{Repaired, Unread, search};
use crate::vault::{self, Costs, RecoveryKeys, Unlock};

/// So many entries are named of which something is not read.
const NAMED: usize = 20;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What: `store`, `chains`, `heads`, `digest`, `vault`, …
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// What to do about it, where there is something to do.
    pub advice: Option<Advice>,
}

/// What `doctor` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Everything that was looked at.
    pub checks: Vec<Check>,
    /// Entries held.
    pub entries: u64,
    /// Operations held.
    pub operations: u64,
    /// The digest over documents and heads.
    pub digest: [u8; 32],
    /// How far each log is held.
    pub vector: Vector,
    /// Blobs that are wanted and not all here.
    pub wanted_blobs: u64,
}

impl Engine {
    /// Looks at store, chains, heads, digest, keys and wraps. `unlock` is how the vault's everyday wrap opens.
    pub fn doctor(&self, unlock: Unlock<'_>) -> Result<Health> {
        let mut checks = self.look()?;
        checks.push(self.check_vault(unlock)?);
        checks.push(self.check_permissions());
        let (summary, entries) = self.shared.store.read(|tx| {
            let entries = tx.documents()?.into_iter().filter(|entry| !entry.is_singleton()).count() as u64;
            Ok((rules::summary(tx)?, entries))
        })?;
        checks.extend(self.check_changes()?);
        Ok(Health {
            checks,
            entries,
            operations: summary.vector.values().map(|position| position.seq).sum(),
            digest: summary.digest,
            vector: summary.vector,
            wanted_blobs: summary.unfilled.len() as u64,
        })
    }

    /// Everything that is looked at without the vault.
    fn look(&self) -> Result<Vec<Check>> {
        let store = self.shared.store.doctor()?.into_iter();
        let mut checks: Vec<_> = store
            .map(|check| Check { name: check.name.to_owned(), ok: check.ok, detail: check.detail, advice: None })
            .collect();
        checks.push(self.check_device()?);
        checks.push(self.check_derived()?);
        checks.push(self.check_blobs()?);
        Ok(checks)
    }

    /// Entries of which something is not read: changes that wait for others, that were set aside, or that are more than an
    /// entry can hold; and entries that are too large for this device. Kept and sent on like everything, so no damage.
    pub(super) fn check_changes(&self) -> Result<Option<Check>> {
        let mut said: Vec<String> = left_out(&self.shared)?.into_iter().map(|entry| too_large(entry).message).collect();
        for Unread { entry, waiting, aside } in self.shared.store.unread_changes()? {
            let whose = match entry {
                PEOPLE => "the names of people".to_owned(),
                LIBRARY => "the journal's library".to_owned(),
                entry => format!("entry {entry}"),
            };
            if waiting > 0 {
                said.push(format!("{whose}: changes that wait for others they were made on: {waiting}"));
            }
            if aside > 0 {
                said.push(format!(
                    "{whose}: changes that can't be read here, because they are not sound or more than an entry can \
                     hold: {aside}; the rest of it reads"
                ));
            }
        }
        if said.is_empty() {
            return Ok(None);
        }
        let rest = said.len().saturating_sub(NAMED);
        said.truncate(NAMED);
        let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        let detail = format!("{}{more}. All are kept, and sent on", said.join("; "));
        Ok(Some(Check { name: "changes".to_owned(), ok: true, detail, advice: None }))
    }

    /// Whether the keys here are those that a statement added to the journal.
    fn check_device(&self) -> Result<Check> {
        let device = self.device();
        let (set, seed) =
            self.shared.store.read(|tx| Ok((rules::statements(tx)?, tx.setting(Setting::SealingSeed)?)))?;
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
        let ours = seed.map(|seed| SealingKey::from_seed(seed).public());
        let adds = set.adds(&device);
        let sealed_to = adds.iter().filter_map(|add| match add.body() {
            Body::Add { sealing, .. } => Some(sealing),
            _ => None,
        });
        let problem = if adds.is_empty() {
            Some("this device's key was never added to the journal")
        } else if !sealed_to.into_iter().any(|sealing| Some(sealing) == ours.as_ref()) {
            Some("what is sealed to this device can't be opened with the key that is here")
        } else {
            None
        };
        let detail = problem.unwrap_or("this device's keys are those that were added to the journal").to_owned();
        let advice = problem.map(|_| Advice::JoinAgain);
        Ok(Check { name: "device".to_owned(), ok: problem.is_none(), detail, advice })
    }

    /// Whether the phrase opens this device's copy.
    pub fn check_recovery(&self, phrase: &RecoveryPhrase) -> Result<()> {
        Ok(vault::check_recovery(&self.shared.home, phrase)?)
    }

    /// Replaces what opens the journal every day: another passphrase, or the platform's vault.
    pub fn change_unlock(&self, unlock: Unlock<'_>) -> Result<()> {
        Ok(vault::rewrap(&self.shared.home, &self.key, unlock, &mut self.shared.entropy.clone())?)
    }

    fn check_vault(&self, unlock: Unlock<'_>) -> Result<Check> {
        let set = self.shared.store.read(|tx| rules::statements(tx))?;
        let Body::Genesis { recovery_sign, recovery_seal, .. } = set.genesis().body() else {
            let detail = "no genesis statement".to_owned();
            return Ok(Check { name: "vault".to_owned(), ok: false, detail, advice: None });
        };
        let genesis = RecoveryKeys { sign: *recovery_sign, seal: *recovery_seal };
        let (ok, detail, advice) = match vault::inspect(&self.shared.home, unlock, &genesis) {
            Ok(seen) => {
                let right =
                    seen.whole && seen.recovery_wrap && seen.recovery_is_genesis && seen.journal == self.journal();
                if right {
                    let opens = "opens, and the recovery wrap is whole and for this journal's phrase";
                    let detail = seen.costs.map_or(opens.to_owned(), |costs| format!("{opens}; {}", guessing(&costs)));
                    let cheap = seen.costs.is_some_and(|costs| costs.is_below_floor());
                    (true, detail, cheap.then_some(Advice::SetPassphrase))
                } else {
                    (false, "opens, but its recovery wrap is damaged or for another phrase".to_owned(), None)
                }
            }
            Err(error) => (false, crate::error::Error::from(error).message, None),
        };
        Ok(Check { name: "vault".to_owned(), ok, detail, advice })
    }

    /// What stood open to others when the journal was opened, and the attachments, which only this looks at one by one. Where
    /// they could read a file or put one there it is trouble, although it is mended: they may have.
    fn check_permissions(&self) -> Check {
        let (folder, attachments) = (&self.permissions, crate::files::close_attachments(&self.shared.home));
        let names = |a: &[String], b: &[String]| [a, b].concat().join(", ");
        let closed = names(&folder.closed, &attachments.closed);
        let open = names(&folder.open, &attachments.open);
        let exposed = folder.exposed || attachments.exposed;
        let detail = match (closed.as_str(), open.as_str()) {
            ("", "") => "only its owner can enter the folder and read what is in it".to_owned(),
            (closed, "") if exposed => {
                format!("others could read this, or put something there; it is closed to them now: {closed}")
            }
            (closed, "") => format!("others could see the names of files; it is closed to them now: {closed}"),
            (_, open) => format!("others can enter or read this, and only its owner can close it: {open}"),
        };
        Check { name: "permissions".to_owned(), ok: !exposed && open.is_empty(), detail, advice: None }
    }

    /// Every list row and text compared with what the log gives, an entry at a time. What is stale is not judged.
    fn check_derived(&self) -> Result<Check> {
        let shared = &self.shared;
        let (mut problems, mut count) = (Vec::new(), 0);
        for entry in shared.store.read(|tx| tx.documents())? {
            if entry.is_singleton() || shared.store.is_stale(entry)? {
                continue;
            }
            let opening = match opening(shared, entry) {
                // It is named among those of which something is not read.
                Err(error) if is_too_large(&error) => continue,
                opening => opening?,
            };
            count += 1;
            let seen = shared.store.read_sql(|tx| read_model::disagrees(tx, entry, shared.actor()));
            drop(opening);
            match seen {
                Ok(None) => {}
                Ok(Some(what)) => problems.push(format!("entry {entry}: its {what} is not that of its changes")),
                Err(error) => problems.push(format!("entry {entry}: {}", error.message)),
            }
        }
        if !shared.store.is_stale(PEOPLE)? {
            let opening = opening(shared, PEOPLE);
            let same = opening.and_then(|_opening| {
                shared.store.read_sql(|tx| {
                    let now = read_model::open_people(tx, shared.actor())?.people()?;
                    Ok(read_model::people(tx)?.iter().eq(now.iter()))
                })
            });
            match same {
                Err(error) if is_too_large(&error) => {}
                Ok(true) => {}
                Ok(false) => problems.push("the names of people are not those of their document".to_owned()),
                Err(error) => problems.push(format!("people: {}", error.message)),
            }
        }
        let read = shared.store.write_sql(|tx| Ok(search::check(tx.conn()?)?));
        match read.and_then(|()| shared.store.read_sql(|tx| search::disagrees(tx.conn()?))) {
            Ok(None) => {}
            Ok(Some(what)) => problems.push(format!("search: {what}")),
            Err(error) => problems.push(format!("search: {}", error.message)),
        }
        let detail = match problems.as_slice() {
            [] => format!("{count} entries read as their changes say"),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        };
        let advice = (!problems.is_empty()).then_some(Advice::Rebuild);
        Ok(Check { name: "derived".to_owned(), ok: problems.is_empty(), detail, advice })
    }

    fn check_blobs(&self) -> Result<Check> {
        let (mut whole, mut damaged) = (0, 0);
        for wanted in self.shared.store.read(|tx| tx.blobs(false))? {
            if !wanted.here {
                continue;
            }
            if self.shared.blobs.verify(wanted.entry, &wanted.blob)? {
                whole += 1;
            } else {
                // Asked for again at the next sync.
                self.shared.store.write(|tx| tx.set_blob(wanted.entry, wanted.blob.id, &[], false))?;
                self.shared.blobs.remove(wanted.entry, &wanted.blob.id)?;
                damaged += 1;
            }
        }
        Ok(Check {
            name: "attachments".to_owned(),
            ok: damaged == 0,
            detail: if damaged == 0 {
                format!("{whole} whole")
            } else {
                format!("{whole} whole, {damaged} damaged and asked for again at the next sync")
            },
            advice: None,
        })
    }

    /// Makes damaged logs right, and drops everything derived and makes it again from them. What was cut off a log comes
    /// again at the next sync with a device that holds it.
    pub fn rebuild(&self, mut progress: impl FnMut(u64, u64)) -> Result<Repaired> {
        let shared = &self.shared;
        let repaired = shared.store.repair(&shared.identity, &mut shared.entropy.clone())?;
        for wanted in shared.store.read(|tx| tx.blobs(true))? {
            // Bytes that are whole are not asked for again because a row forgot them.
            if shared.blobs.has(wanted.entry, &wanted.blob.id) && shared.blobs.verify(wanted.entry, &wanted.blob)? {
                shared.store.write(|tx| tx.set_blob(wanted.entry, wanted.blob.id, &[], true))?;
            }
        }
        self.derive(Duration::MAX, &mut progress)?;
        self.shared.changed();
        Ok(repaired)
    }
}

/// What a guess at the passphrase costs, in words.
fn guessing(costs: &Costs) -> String {
    let costing = format!("a guess at the passphrase costs {costs}");
    if *costs == Costs::LEAST {
        format!("{costing}: the least, which is for tests")
    } else if costs.is_below_floor() {
        format!("{costing}, less than it should")
    } else {
        costing
    }
}

#[cfg(test)]
mod tests;
