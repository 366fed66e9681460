//! The invariants of DESIGN.md section 11, as far as they can be seen from outside: after every commit of any device.

use std::collections::{BTreeMap, BTreeSet};

use afterword_core::crypto::{Domain, Hasher};
use afterword_core::document::{Actor, EntryDocument};
use afterword_core::error::{Error, Result};
use afterword_core::fault::Fault;
use afterword_core::id::{Chain, ChangeHash, DeviceId, EntryId, LogId, PEOPLE};
use afterword_core::log::{Batch, ChangeHeader, OperationKind, Position};
use afterword_core::membership::State;
use afterword_core::replication::rules::{self, Summary};
use afterword_core::replication::{StorageExt, Tx};

use super::device::{Check, Device, Rule, Violation, broken};
use super::writing::{Said, load, said};

/// What the whole run knows, and no device does.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Whom the author of each operation knew to be removed.
    authored: BTreeMap<(LogId, u64, Chain), BTreeSet<DeviceId>>,
    /// The heads that went with everything that decides about heads.
    heads: BTreeMap<[u8; 32], [u8; 32]>,
    /// Operations seen, so that a run can say how much it did.
    pub(super) operations: u64,
    /// How often a session said that both ends hold the same, and that a rollback or fork was mended.
    pub(super) settled: u64,
    pub(super) mended: u64,
    /// Rows of entries on their way that a device kept.
    pub(super) announced: u64,
    /// Entries whose prepared rows were written, and those whose were not, since their logs had moved on.
    pub(super) derived: [u64; 2],
    /// Devices that turned: nobody knows beforehand what stands in their logs.
    pub(super) hostile: BTreeSet<DeviceId>,
    /// A rule that is not looked at, for a test that is about another one.
    pub(super) ignored: Option<Rule>,
}

pub(super) fn store<T>(result: Result<T>) -> Check<T> {
    result.map_err(|error| Violation { rule: Rule::StoreWorks, detail: error.to_string() })
}

/// What the statements held here say, read without any planted bug.
pub(super) fn truth(device: &Device) -> Check<State> {
    store(device.storage().read(|tx| Ok(rules::statements(tx)?.state().clone())))
}

/// Everything of a device that a peer compares, and the hash of it.
pub(super) fn summary(device: &Device) -> Check<(Summary, [u8; 16])> {
    let summary = store(device.storage().read(|tx| rules::summary(tx)))?;
    let hello = summary.hello(&device.identity);
    Ok((summary, hello))
}

/// Looks at one device after it committed.
pub(super) fn device(device: &mut Device, ledger: &mut Ledger) -> Check {
    let storage = device.storage();
    let found = storage.read(|tx| Ok(look(tx, device, ledger)));
    let held = store(found)??;
    if let Some((entry, _)) = device.held.difference(&held).find(|(entry, _)| {
        // What an erase took away is not lost.
        storage.read(|tx| tx.is_erased(*entry)).is_ok_and(|erased| !erased)
    }) {
        return broken(Rule::NothingIsLost, format!("{:?} no longer holds a body of {entry:?}", device.id()));
    }
    device.held = held;
    Ok(())
}

fn look(tx: &mut dyn Tx, device: &Device, ledger: &mut Ledger) -> Check<BTreeSet<(EntryId, [u8; 32])>> {
    let me = device.id();
    let set = store(rules::statements(tx))?;
    let state = set.state();
    let removed: BTreeSet<DeviceId> = state.removed().map(|member| member.id).collect();
    let mut held = BTreeSet::new();
    let mut entries = BTreeSet::new();
    for (log, end) in store(tx.logs())? {
        let operations = store(tx.operations(log, 1, end.seq))?;
        if operations.len() as u64 != end.seq {
            return broken(Rule::NothingIsLost, format!("{log:?} says {} and holds {}", end.seq, operations.len()));
        }
        let mut position = Position::start(&device.identity.journal, &log);
        for operation in &operations {
            position = position.after(operation);
            let place = (log, position.seq, position.chain);
            let entry = operation.envelope.entry;
            let erased = store(tx.is_erased(entry))?;
            if operation.body.bytes().is_none() != erased {
                return broken(Rule::ErasedIsErased, format!("{me:?}: {place:?} of {entry:?}, erased: {erased}"));
            }
            if !erased && operation.envelope.kind != OperationKind::Erase {
                held.insert((entry, operation.body.hash()));
            }
            if operation.envelope.kind == OperationKind::Change {
                entries.insert(entry);
            }
            match ledger.authored.get(&place) {
                Some(knew) if log.device != me && knew.contains(&me) => {
                    return broken(Rule::RemovedGetsNothing, format!("{me:?} holds {place:?}"));
                }
                // Put back to an earlier state, its author may write the very same line again (an erase has no body of
                // its own), and now know of fewer removals: what is sent under that head was not kept from anyone.
                Some(_) if log.device == me => {
                    if let Some(knew) = ledger.authored.get_mut(&place) {
                        knew.retain(|device| removed.contains(device));
                    }
                }
                Some(_) => {}
                None if ledger.hostile.contains(&log.device) => {}
                None if log.device == me => {
                    ledger.operations += 1;
                    ledger.authored.insert(place, removed.clone());
                }
                None => return broken(Rule::StoreWorks, format!("{me:?} holds {place:?}, which nobody wrote")),
            }
        }
        if store(tx.position_at(log, end.seq))? != Some(position) {
            return broken(Rule::StoreWorks, format!("the chain of {log:?} is not its operations'"));
        }
    }
    let mut all_heads = Hasher::new(Domain::Record);
    for entry in entries {
        let heads = document(tx, entry)?;
        all_heads.update(entry.as_bytes()).update(&(heads.len() as u64).to_le_bytes());
        heads.iter().for_each(|head| {
            all_heads.update(head.as_bytes());
        });
    }
    for entry in store(tx.documents())? {
        if store(tx.is_erased(entry))? {
            return broken(Rule::ErasedIsErased, format!("{me:?} has a document of {entry:?}, which is erased"));
        }
    }
    if let Some(row) = store(tx.arriving())?.into_iter().find(|row| tx.is_erased(row.id).is_ok_and(|erased| erased)) {
        return broken(Rule::ErasedIsErased, format!("{me:?} awaits {:?}, which is erased", row.id));
    }
    for blob in store(tx.blobs(false))? {
        if store(tx.is_erased(blob.entry))? {
            return broken(Rule::ErasedIsErased, format!("{me:?} wants a blob of {:?}, which is erased", blob.entry));
        }
        if blob.here && !device.blobs.held().contains_key(&(blob.entry, blob.blob.id)) {
            return broken(Rule::NothingIsLost, format!("{me:?} says that a blob is here whose bytes are not"));
        }
    }
    same_heads(tx, ledger, all_heads.finish())?;
    Ok(held)
}

/// Equal vectors, statements and certificates, at any time on any two devices, mean equal heads.
fn same_heads(tx: &mut dyn Tx, ledger: &mut Ledger, heads: [u8; 32]) -> Check {
    let summary = store(rules::summary(tx))?;
    let mut key = Hasher::new(Domain::Record);
    key.update(&summary.statements).update(&summary.certificates);
    for (log, position) in &summary.vector {
        key.update(log.device.as_bytes()).update(log.incarnation.as_bytes());
        key.update(&position.seq.to_le_bytes()).update(position.chain.as_bytes());
    }
    let mut value = Hasher::new(Domain::Record);
    value.update(&heads).update(&summary.digest);
    if *ledger.heads.entry(key.finish()).or_insert(value.finish()) != value.finish() {
        return broken(Rule::EqualLogsEqualHeads, "two devices with equal logs have unequal heads");
    }
    Ok(())
}

/// Readiness and heads of one document, made again here from its changes alone.
fn document(tx: &mut dyn Tx, entry: EntryId) -> Check<Vec<ChangeHash>> {
    let changes = store(tx.changes(entry))?;
    let mut headers = BTreeMap::new();
    for change in &changes {
        let header = store(ChangeHeader::parse(&change.chunk).map_err(Error::from))?;
        headers.insert(change.hash, (header.dependencies, change.ready));
    }
    let mut depended = BTreeSet::new();
    for (hash, (dependencies, ready)) in &headers {
        let complete = dependencies.iter().all(|dependency| headers.get(dependency).is_some_and(|(_, ready)| *ready));
        if complete != *ready {
            return broken(Rule::ReadyIsComplete, format!("{hash:?} of {entry:?}: ready {ready}, complete {complete}"));
        }
        depended.extend(dependencies.iter().copied());
    }
    let heads: Vec<_> = headers.keys().filter(|hash| !depended.contains(*hash)).copied().collect();
    let pending = headers.values().filter(|(_, ready)| !ready).count() as u64;
    let said = store(tx.document(entry))?.unwrap_or_default();
    if (&said.heads, said.pending) != (&heads, pending) {
        return broken(
            Rule::EqualLogsEqualHeads,
            format!(
                "{entry:?}: {} heads and {} pending, truly {} and {pending}",
                said.heads.len(),
                said.pending,
                heads.len()
            ),
        );
    }
    Ok(heads)
}

/// At the end of a run: the text of every document, read by Automerge; and making everything again changes nothing.
pub(super) fn final_state(device: &Device) -> Check<BTreeMap<EntryId, Said>> {
    let storage = device.storage();
    let read = storage.read(|tx| {
        let mut texts = BTreeMap::new();
        for entry in tx.documents()? {
            texts.insert(entry, text(tx, entry)?);
        }
        Ok(texts)
    });
    let texts = read.map_err(|error| Violation { rule: Rule::ReadyIsComplete, detail: error.to_string() })?;
    let unread = store(storage.read(|tx| {
        let entries = tx.documents()?.into_iter().filter(|entry| *entry != PEOPLE);
        entries.map(|entry| Ok((entry, unread(tx, entry)?))).collect::<Result<Vec<_>>>()
    }))?;
    if let Some((entry, unread)) = unread.into_iter().find(|(_, unread)| *unread > 0) {
        return broken(Rule::WrittenIsRead, format!("{unread} changes of {entry:?} are set aside by whoever reads it"));
    }
    let (before, _) = summary(device)?;
    let mut plain = device.identity.clone();
    plain.faults = plain.faults.planted().filter(|fault| *fault == Fault::MergeWithoutDependencies).into();
    let changed = store(storage.write(|tx| rules::recompute_all(tx, &plain)))?;
    if changed != 0 || summary(device)?.0 != before {
        return broken(Rule::EqualLogsEqualHeads, format!("making heads again changed {changed} documents"));
    }
    let wanted = store(storage.read(|tx| tx.blobs(false)))?;
    if let Some(blob) =
        device.blobs.held().keys().find(|id| wanted.iter().all(|wanted| (wanted.entry, wanted.blob.id) != **id))
    {
        return broken(Rule::ErasedIsErased, format!("bytes of {blob:?} are still here, and nothing wants them"));
    }
    Ok(texts)
}

fn text(tx: &mut dyn Tx, entry: EntryId) -> Result<Said> {
    let ready = tx.changes(entry)?.iter().filter(|change| change.ready).count();
    let mut doc = load(tx, entry)?;
    if doc.get_changes(&[]).len() != ready || !doc.get_missing_deps(&[]).is_empty() {
        return Err(Error::internal(format!("Automerge did not take every ready change of {entry:?}")));
    }
    Ok(said(&doc))
}

/// Ready changes of an entry that the reader that ships sets aside.
fn unread(tx: &mut dyn Tx, entry: EntryId) -> Result<usize> {
    let changes = tx.changes(entry)?;
    let chunks: Vec<&[u8]> =
        changes.iter().filter(|change| change.ready).map(|change| change.chunk.as_slice()).collect();
    Ok(EntryDocument::load(entry, Actor::from_bytes([0; 16]), None, &chunks)?.refused.len())
}

/// Whether all of a batch is durable at a device: held, erased, or the tail of a fork that gave way there.
pub(super) fn is_durable(device: &Device, batch: &Batch) -> Check<bool> {
    store(device.storage().read(|tx| {
        let mut gave_way = false;
        let open = batch.clone().open()?;
        for operation in open.placed() {
            let position = operation.position;
            let here = tx.position_at(batch.log, position.seq)?;
            let entry = operation.envelope.entry;
            let elsewhere = operation.envelope.kind == OperationKind::Change
                && tx.change_ready(entry, ChangeHash::from_bytes(operation.hash))?.is_some();
            gave_way |= here.is_some_and(|here| here.chain != position.chain);
            if here != Some(position) && !elsewhere && !gave_way && !tx.is_erased(entry)? {
                return Ok(false);
            }
        }
        Ok(true)
    }))
}
