//! What the headers of changes say of a document: its heads, which changes are ready, and the digest over all.
//!
//! Opens no Automerge document. A change whose dependencies are not all held is stored and waits; the transaction that
//! brings the last one releases it. Heads count waiting changes too, so two devices with equal logs agree on them.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::Identity;
use crate::crypto::Hasher;
use crate::error::Result;
use crate::fault::Fault;
use crate::id::{ChangeHash, EntryId};
use crate::log::{ChangeHeader, OperationKind, Placed};
use crate::replication::tx::{DocumentState, Setting, Tx};

/// What the digest changes by in one transaction.
#[derive(Debug, Default)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    fn xor(&mut self, part: &[u8; 32]) {
        self.0.iter_mut().zip(part).for_each(|(a, b)| *a ^= b);
    }

    fn toggle(&mut self, identity: &Identity, entry: EntryId, heads: &[ChangeHash]) {
        if heads.is_empty() {
            return;
        }
        let mut hasher = Hasher::keyed(&identity.digest);
        hasher.update(entry.as_bytes());
        heads.iter().for_each(|head| {
            hasher.update(head.as_bytes());
        });
        self.xor(&hasher.finish());
    }

    pub(super) fn replace(&mut self, identity: &Identity, entry: EntryId, old: &[ChangeHash], new: &[ChangeHash]) {
        self.toggle(identity, entry, old);
        self.toggle(identity, entry, new);
    }

    pub(super) fn commit(mut self, tx: &mut dyn Tx) -> Result<()> {
        if self.0 == [0; 32] {
            return Ok(());
        }
        if let Some(held) = tx.setting(Setting::Digest)?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            self.xor(&held);
        }
        tx.set_setting(Setting::Digest, &self.0)
    }
}

/// Brings heads, readiness and blobs up to date with an operation that was just appended.
pub(super) fn link(tx: &mut dyn Tx, identity: &Identity, digest: &mut Digest, operation: &Placed) -> Result<()> {
    let entry = operation.envelope.entry;
    if !operation.held {
        return Ok(());
    }
    for blob in &operation.envelope.brings {
        tx.bring_blob(entry, blob)?;
    }
    for blob in &operation.envelope.ends {
        tx.end_blob(entry, *blob)?;
    }
    if operation.envelope.kind != OperationKind::Change {
        return Ok(());
    }
    let (hash, dependencies) = (ChangeHash::from_bytes(operation.hash), &operation.dependencies);
    if tx.change_ready(entry, hash)?.is_some() {
        // The same change in another log: numbered there, nothing new here.
        return Ok(());
    }
    let mut state = tx.document(entry)?.unwrap_or_default();
    let before = state.heads.clone();
    let mut ready = true;
    for dependency in dependencies {
        if tx.change_ready(entry, *dependency)? != Some(true) && !identity.faults.has(Fault::MergeWithoutDependencies) {
            tx.add_wait(entry, *dependency, hash)?;
            ready = false;
        }
    }
    state.heads.retain(|head| !dependencies.contains(head));
    if !tx.is_waited_for(entry, hash)? {
        state.heads.push(hash);
        state.heads.sort_unstable();
    }
    tx.set_change_ready(entry, hash, ready)?;
    if ready {
        release(tx, entry, hash, &mut state)?;
    } else {
        state.pending += 1;
    }
    digest.replace(identity, entry, &before, &state.heads);
    tx.set_document(entry, &state)
}

/// `link` for a run of operations that is stored and entered, and whose documents are being made again.
pub fn link_all(tx: &mut dyn Tx, identity: &Identity, operations: &[Placed]) -> Result<()> {
    let mut digest = Digest::default();
    for operation in operations {
        link(tx, identity, &mut digest, operation)?;
    }
    digest.commit(tx)
}

/// An entry that had these heads counts no more.
pub fn leave_digest(tx: &mut dyn Tx, identity: &Identity, entry: EntryId, heads: &[ChangeHash]) -> Result<()> {
    let mut digest = Digest::default();
    digest.replace(identity, entry, heads, &[]);
    digest.commit(tx)
}

/// `hash` is ready; so is whatever waited for nothing else.
fn release(tx: &mut dyn Tx, entry: EntryId, hash: ChangeHash, state: &mut DocumentState) -> Result<()> {
    let mut ready = vec![hash];
    while let Some(dependency) = ready.pop() {
        for change in tx.take_waits(entry, dependency)? {
            if !tx.is_waiting(entry, change)? {
                tx.set_change_ready(entry, change, true)?;
                state.pending = state.pending.saturating_sub(1);
                ready.push(change);
            }
        }
    }
    Ok(())
}

/// Makes a document's heads and readiness again from the headers of all its changes.
///
/// For when changes went away (a fork's tail) or derived state is doubted. Answers whether anything was different.
pub fn relink(tx: &mut dyn Tx, identity: &Identity, entry: EntryId) -> Result<bool> {
    let mut digest = Digest::default();
    let changed = relink_into(tx, identity, entry, &mut digest)?;
    digest.commit(tx)?;
    Ok(changed)
}

pub(super) fn relink_into(tx: &mut dyn Tx, identity: &Identity, entry: EntryId, digest: &mut Digest) -> Result<bool> {
    let before = tx.document(entry)?.unwrap_or_default();
    let mut headers = BTreeMap::new();
    for change in tx.changes(entry)? {
        let header = ChangeHeader::parse(&change.chunk)?;
        headers.insert(header.hash, header.dependencies);
    }
    let depended: BTreeSet<_> = headers.values().flatten().copied().collect();
    let mut ready = BTreeSet::new();
    // Each pass finds at least one more ready change or is the last; a queue keeps it linear in dependencies.
    let mut waiting_for: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
    let mut missing: BTreeMap<ChangeHash, usize> = BTreeMap::new();
    let mut queue = Vec::new();
    for (hash, dependencies) in &headers {
        let unique: BTreeSet<_> = dependencies.iter().copied().collect();
        missing.insert(*hash, unique.len());
        if unique.is_empty() {
            queue.push(*hash);
        }
        for dependency in unique {
            waiting_for.entry(dependency).or_default().push(*hash);
        }
    }
    while let Some(hash) = queue.pop() {
        ready.insert(hash);
        for dependent in waiting_for.get(&hash).into_iter().flatten() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    queue.push(*dependent);
                }
            }
        }
    }
    tx.clear_waits(entry)?;
    for (hash, dependencies) in &headers {
        let is_ready = ready.contains(hash);
        tx.set_change_ready(entry, *hash, is_ready)?;
        if !is_ready {
            for dependency in dependencies.iter().filter(|d| !ready.contains(*d)) {
                tx.add_wait(entry, *dependency, *hash)?;
            }
        }
    }
    let state = DocumentState {
        heads: headers.keys().filter(|hash| !depended.contains(*hash)).copied().collect(),
        pending: (headers.len() - ready.len()) as u64,
    };
    digest.replace(identity, entry, &before.heads, &state.heads);
    let changed = state != before;
    if changed {
        tx.set_document(entry, &state)?;
    }
    Ok(changed)
}

/// Makes every document's heads, and the digest, again from the headers. Answers how many documents were different.
pub fn recompute_all(tx: &mut dyn Tx, identity: &Identity) -> Result<u64> {
    let mut changed = 0;
    let held = tx.setting(Setting::Digest)?;
    tx.set_setting(Setting::Digest, &[0; 32])?;
    let mut digest = Digest::default();
    for entry in tx.documents()? {
        let mut ignored = Digest::default();
        changed += u64::from(relink_into(tx, identity, entry, &mut ignored)?);
        if let Some(state) = tx.document(entry)? {
            digest.toggle(identity, entry, &state.heads);
        }
    }
    digest.commit(tx)?;
    if tx.setting(Setting::Digest)? != held && changed == 0 && held.is_some() {
        // Heads were right and only their sum was not.
        changed = 1;
    }
    Ok(changed)
}
