//! A journal's logs in memory: the plainest backend there can be, for the simulator and as the model that the SQLite
//! backend is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::list_row::ListRow;
use super::statements::put_together;
use super::tx::{DocumentState, Setting, Storage, StoredChange, Tx, Unpacked, WantedBlob};
use crate::error::{Error, Result};
use crate::id::{BlobId, ChangeHash, DeviceId, EntryId, LogId, StatementId};
use crate::log::{Batch, BlobRef, Block, Certificate, Head, Operation, OperationKind, Placed, Position, codec};
use crate::membership::Statements;

#[derive(Debug, Clone, Default)]
struct Log {
    operations: Vec<(Position, Operation)>,
    heads: BTreeMap<u64, Head>,
    /// Sequence numbers of those that are packed: here a mark and nothing more.
    packed: BTreeSet<u64>,
}

#[derive(Debug, Clone, Default)]
struct Blob {
    blob: Option<BlobRef>,
    ended: bool,
    bitmap: Vec<u8>,
    here: bool,
}

#[derive(Debug, Clone, Default)]
struct Document {
    state: DocumentState,
    ready: BTreeMap<ChangeHash, bool>,
    /// (dependency, change that waits for it)
    waits: BTreeSet<(ChangeHash, ChangeHash)>,
}

#[derive(Debug, Clone, Default)]
struct State {
    settings: BTreeMap<Setting, Vec<u8>>,
    statements: Vec<(StatementId, Vec<u8>)>,
    /// All of them as one set, once that was asked.
    set: Arc<OnceLock<Arc<Statements>>>,
    certificates: Vec<Certificate>,
    erased: BTreeSet<EntryId>,
    logs: BTreeMap<LogId, Log>,
    documents: BTreeMap<EntryId, Document>,
    blobs: BTreeMap<(EntryId, BlobId), Blob>,
    arriving: BTreeMap<EntryId, (DeviceId, ListRow)>,
}

/// A store whose commits last as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<Arc<State>>,
}

/// What a [`MemoryStore`] held at one moment: a home folder copied, for rollbacks and crashes in tests.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<State>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is committed now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.lock().clone())
    }

    /// Goes back to what was committed then.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.lock() = snapshot.0.clone();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStore {
    fn read_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let mut view = MemoryTx { state: self.lock().as_ref().clone(), writable: false };
        f(&mut view)
    }

    fn write_tx(&self, f: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let mut held = self.lock();
        let mut tx = MemoryTx { state: held.as_ref().clone(), writable: true };
        f(&mut tx)?;
        *held = Arc::new(tx.state);
        Ok(())
    }
}

struct MemoryTx {
    state: State,
    writable: bool,
}

impl MemoryTx {
    fn write(&mut self) -> Result<&mut State> {
        if self.writable { Ok(&mut self.state) } else { Err(Error::internal("a write inside a reading transaction")) }
    }
}

impl Tx for MemoryTx {
    fn setting(&mut self, setting: Setting) -> Result<Option<Vec<u8>>> {
        Ok(self.state.settings.get(&setting).cloned())
    }

    fn set_setting(&mut self, setting: Setting, value: &[u8]) -> Result<()> {
        self.write()?.settings.insert(setting, value.to_vec());
        Ok(())
    }

    fn statements(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.state.statements.iter().map(|(_, bytes)| bytes.clone()).collect())
    }

    fn statement_set(&mut self) -> Result<Arc<Statements>> {
        if let Some(set) = self.state.set.get() {
            return Ok(set.clone());
        }
        let set = Arc::new(put_together(self.statements()?)?);
        Ok(self.state.set.get_or_init(|| set).clone())
    }

    fn add_statement(&mut self, id: StatementId, bytes: &[u8]) -> Result<()> {
        let state = self.write()?;
        if state.statements.iter().all(|(held, _)| *held != id) {
            state.statements.push((id, bytes.to_vec()));
            state.set = Arc::default();
        }
        Ok(())
    }

    fn certificates(&mut self) -> Result<Vec<Certificate>> {
        Ok(self.state.certificates.clone())
    }

    fn is_erased(&mut self, entry: EntryId) -> Result<bool> {
        Ok(self.state.erased.contains(&entry))
    }

    fn add_certificate(&mut self, certificate: &Certificate) -> Result<bool> {
        let state = self.write()?;
        match state.certificates.iter_mut().find(|held| held.entry == certificate.entry) {
            Some(held) if held == certificate => return Ok(false),
            Some(held) => *held = certificate.clone(),
            None => state.certificates.push(certificate.clone()),
        }
        state.erased.insert(certificate.entry);
        Ok(true)
    }

    fn certificate_of(&mut self, entry: EntryId) -> Result<Option<Certificate>> {
        Ok(self.state.certificates.iter().find(|certificate| certificate.entry == entry).cloned())
    }

    fn certificate_named(&mut self, name: &[u8; 32]) -> Result<Option<Certificate>> {
        Ok(self.state.certificates.iter().find(|certificate| certificate.hash() == *name).cloned())
    }

    fn certificate_names(&mut self, after: Option<[u8; 32]>, most: usize) -> Result<Vec<[u8; 32]>> {
        let names: BTreeSet<_> = self.state.certificates.iter().map(Certificate::hash).collect();
        Ok(names.into_iter().filter(|name| Some(*name) > after).take(most).collect())
    }

    fn is_named(&mut self, entry: EntryId) -> Result<bool> {
        let mut operations = self.state.logs.values().flat_map(|log| &log.operations);
        Ok(operations.any(|(_, operation)| operation.envelope.entry == entry))
    }

    fn logs(&mut self) -> Result<Vec<(LogId, Position)>> {
        let last = |(id, log): (&LogId, &Log)| log.operations.last().map(|(position, _)| (*id, *position));
        Ok(self.state.logs.iter().filter_map(last).collect())
    }

    fn count_logs(&mut self, of: Option<DeviceId>) -> Result<usize> {
        let held = self.state.logs.iter().filter(|(_, log)| !log.operations.is_empty());
        Ok(held.filter(|(log, _)| of.is_none_or(|device| log.device == device)).count())
    }

    fn log(&mut self, log: LogId) -> Result<Option<Position>> {
        Ok(self.state.logs.get(&log).and_then(|log| log.operations.last()).map(|(position, _)| *position))
    }

    fn position_at(&mut self, log: LogId, seq: u64) -> Result<Option<Position>> {
        let Some(index) = (seq as usize).checked_sub(1) else { return Ok(None) };
        Ok(self.state.logs.get(&log).and_then(|log| log.operations.get(index)).map(|(position, _)| *position))
    }

    fn head_at_or_before(&mut self, log: LogId, seq: u64) -> Result<Option<Head>> {
        Ok(self.state.logs.get(&log).and_then(|log| log.heads.range(..=seq).next_back()).map(|(_, head)| head.clone()))
    }

    fn head_after(&mut self, log: LogId, seq: u64, bytes: usize) -> Result<Option<Head>> {
        let held = self.state.logs.get(&log).filter(|log| seq < log.operations.len() as u64);
        let Some(log) = held else { return Ok(None) };
        let mut best = None;
        for (end, head) in log.heads.range(seq + 1..) {
            let size: usize = log.operations[seq as usize..*end as usize].iter().map(|(_, o)| o.size()).sum();
            if best.is_some() && size > bytes {
                break;
            }
            best = Some(head.clone());
        }
        Ok(best)
    }

    fn operations(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Operation>> {
        let Some(log) = self.state.logs.get(&log) else { return Ok(Vec::new()) };
        let run = log.operations.iter().filter(|(position, _)| (from..=to).contains(&position.seq));
        Ok(run.map(|(_, operation)| operation.clone()).collect())
    }

    fn append(&mut self, log: LogId, operations: &[(Position, Operation)], head: &Head) -> Result<()> {
        let log = self.write()?.logs.entry(log).or_default();
        if operations.first().map(|(position, _)| position.seq) != Some(log.operations.len() as u64 + 1) {
            return Err(Error::internal("operations out of sequence"));
        }
        log.operations.extend_from_slice(operations);
        log.heads.insert(head.position.seq, head.clone());
        Ok(())
    }

    fn append_batch(&mut self, batch: &Batch, placed: &[Placed], packed: bool) -> Result<()> {
        let positions = placed.iter().map(|placed| placed.position);
        let operations: Vec<_> = positions.zip(batch.operations()?).collect();
        self.append(batch.log, &operations, &batch.head)?;
        if packed {
            let log = self.write()?.logs.entry(batch.log).or_default();
            log.packed.extend(placed.iter().map(|placed| placed.position.seq));
        }
        Ok(())
    }

    fn blocks(&mut self, log: LogId, from: u64, to: u64) -> Result<Vec<Block>> {
        Ok(Block::pack(&self.operations(log, from, to)?))
    }

    fn unpacked(&mut self, log: LogId, bytes: usize) -> Result<Option<Unpacked>> {
        let Some(log) = self.state.logs.get(&log) else { return Ok(None) };
        let mut run: Option<Unpacked> = None;
        for (position, operation) in &log.operations {
            let packed = log.packed.contains(&position.seq);
            match &mut run {
                None if packed => {}
                None => {
                    let seq = position.seq;
                    run = Some(Unpacked { from: seq, to: seq, len: operation.size(), closed: false });
                }
                Some(run) if packed => {
                    run.closed = true;
                    break;
                }
                Some(run) if run.len.saturating_add(operation.size()) > bytes => break,
                Some(run) => {
                    run.to = position.seq;
                    run.len += operation.size();
                }
            }
        }
        Ok(run)
    }

    fn pack(&mut self, log: LogId, from: u64, to: u64, blocks: &[Block]) -> Result<()> {
        let log = self.write()?.logs.entry(log).or_default();
        let operations = blocks.iter().map(Block::operations).collect::<std::result::Result<Vec<_>, _>>()?;
        let range = from as usize - 1..to as usize;
        let positions: Vec<_> = log.operations[range.clone()].iter().map(|(position, _)| *position).collect();
        log.operations.splice(range, positions.into_iter().zip(operations.into_iter().flatten()));
        if log.heads.contains_key(&to) {
            log.heads.retain(|end, _| !(from..to).contains(end));
        }
        log.packed.extend(from..=to);
        Ok(())
    }

    fn truncate(&mut self, log: LogId, seq: u64) -> Result<Vec<Operation>> {
        let state = self.write()?;
        let Some(held) = state.logs.get_mut(&log) else { return Ok(Vec::new()) };
        held.heads.retain(|end, _| *end <= seq);
        held.packed.retain(|packed| *packed <= seq);
        let dropped: Vec<_> =
            held.operations.split_off((seq as usize).min(held.operations.len())).into_iter().map(|(_, o)| o).collect();
        for operation in &dropped {
            let hash = ChangeHash::from_bytes(operation.body.hash());
            let elsewhere = state.logs.values().flat_map(|log| &log.operations).any(|(_, other)| {
                other.envelope.entry == operation.envelope.entry && other.body.hash() == operation.body.hash()
            });
            if let Some(document) = state.documents.get_mut(&operation.envelope.entry)
                && !elsewhere
            {
                document.ready.remove(&hash);
            }
        }
        Ok(dropped)
    }

    fn change_ready(&mut self, entry: EntryId, hash: ChangeHash) -> Result<Option<bool>> {
        Ok(self.state.documents.get(&entry).and_then(|document| document.ready.get(&hash).copied()))
    }

    fn set_change_ready(&mut self, entry: EntryId, hash: ChangeHash, ready: bool) -> Result<()> {
        self.write()?.documents.entry(entry).or_default().ready.insert(hash, ready);
        Ok(())
    }

    fn add_wait(&mut self, entry: EntryId, dependency: ChangeHash, change: ChangeHash) -> Result<()> {
        self.write()?.documents.entry(entry).or_default().waits.insert((dependency, change));
        Ok(())
    }

    fn take_waits(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<Vec<ChangeHash>> {
        let Some(document) = self.write()?.documents.get_mut(&entry) else { return Ok(Vec::new()) };
        let taken = document.waits.iter().filter(|(on, _)| *on == dependency).map(|(_, change)| *change).collect();
        document.waits.retain(|(on, _)| *on != dependency);
        Ok(taken)
    }

    fn is_waiting(&mut self, entry: EntryId, change: ChangeHash) -> Result<bool> {
        Ok(self.state.documents.get(&entry).is_some_and(|d| d.waits.iter().any(|(_, waiting)| *waiting == change)))
    }

    fn is_waited_for(&mut self, entry: EntryId, dependency: ChangeHash) -> Result<bool> {
        Ok(self.state.documents.get(&entry).is_some_and(|d| d.waits.iter().any(|(on, _)| *on == dependency)))
    }

    fn clear_waits(&mut self, entry: EntryId) -> Result<()> {
        if let Some(document) = self.write()?.documents.get_mut(&entry) {
            document.waits.clear();
        }
        Ok(())
    }

    fn changes(&mut self, entry: EntryId) -> Result<Vec<StoredChange>> {
        let mut found: Vec<StoredChange> = Vec::new();
        for (id, log) in &self.state.logs {
            for (position, operation) in &log.operations {
                let Some(chunk) = operation.body.bytes() else { continue };
                let hash = ChangeHash::from_bytes(operation.body.hash());
                if operation.envelope.entry != entry
                    || operation.envelope.kind != OperationKind::Change
                    || found.iter().any(|change| change.hash == hash)
                {
                    continue;
                }
                found.push(StoredChange {
                    hash,
                    log: *id,
                    seq: position.seq,
                    first_log: operation.envelope.first_log,
                    ready: self.state.documents.get(&entry).and_then(|d| d.ready.get(&hash)).copied().unwrap_or(false),
                    chunk: chunk.to_vec(),
                });
            }
        }
        Ok(found)
    }

    fn document(&mut self, entry: EntryId) -> Result<Option<DocumentState>> {
        let state = self.state.documents.get(&entry).map(|document| document.state.clone());
        Ok(state.filter(|state| !state.heads.is_empty()))
    }

    fn set_document(&mut self, entry: EntryId, state: &DocumentState) -> Result<()> {
        self.write()?.documents.entry(entry).or_default().state = state.clone();
        Ok(())
    }

    fn documents(&mut self) -> Result<Vec<EntryId>> {
        let stated = self.state.documents.iter().filter(|(_, document)| !document.state.heads.is_empty());
        let lines = self.state.logs.values().flat_map(|log| &log.operations).map(|(_, operation)| operation);
        let changed = lines.filter(|o| o.envelope.kind == OperationKind::Change && o.body.bytes().is_some());
        let all: BTreeSet<_> = stated.map(|(entry, _)| *entry).chain(changed.map(|o| o.envelope.entry)).collect();
        Ok(all.into_iter().collect())
    }

    fn drop_document(&mut self, entry: EntryId) -> Result<()> {
        let state = self.write()?;
        state.documents.remove(&entry);
        state.arriving.remove(&entry);
        for (_, operation) in state.logs.values_mut().flat_map(|log| &mut log.operations) {
            if operation.envelope.entry == entry {
                *operation = operation.clone().without_body();
            }
        }
        for (_, blob) in state.blobs.iter_mut().filter(|((of, _), _)| *of == entry) {
            blob.ended = true;
        }
        Ok(())
    }

    fn bring_blob(&mut self, entry: EntryId, blob: &BlobRef) -> Result<()> {
        let row = self.write()?.blobs.entry((entry, blob.id)).or_default();
        let lower = |held: &BlobRef| codec::encode(blob) < codec::encode(held);
        if row.blob.as_ref().is_none_or(lower) {
            row.blob = Some(blob.clone());
            if !row.ended {
                row.bitmap.clear();
                row.here = false;
            }
        }
        Ok(())
    }

    fn end_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()> {
        self.write()?.blobs.entry((entry, blob)).or_default().ended = true;
        Ok(())
    }

    fn blobs(&mut self, unfilled: bool) -> Result<Vec<WantedBlob>> {
        let wanted = self.state.blobs.iter().filter(|(_, row)| !row.ended && (!row.here || !unfilled));
        Ok(wanted.filter_map(as_wanted).collect())
    }

    fn blob(&mut self, entry: EntryId, blob: BlobId) -> Result<Option<WantedBlob>> {
        let found = self.state.blobs.get_key_value(&(entry, blob)).filter(|(_, row)| !row.ended);
        Ok(found.and_then(as_wanted))
    }

    fn set_blob(&mut self, entry: EntryId, blob: BlobId, bitmap: &[u8], here: bool) -> Result<()> {
        if let Some(row) = self.write()?.blobs.get_mut(&(entry, blob)) {
            row.bitmap = bitmap.to_vec();
            row.here = here;
        }
        Ok(())
    }

    fn unwanted_blobs(&mut self) -> Result<Vec<(EntryId, BlobId)>> {
        let gone = self.state.blobs.iter().filter(|(_, row)| row.ended && (row.here || !row.bitmap.is_empty()));
        Ok(gone.map(|(name, _)| *name).collect())
    }

    fn forget_blob(&mut self, entry: EntryId, blob: BlobId) -> Result<()> {
        self.set_blob(entry, blob, &[], false)
    }

    fn newest(&mut self, limit: usize) -> Result<Vec<ListRow>> {
        let held =
            self.state.documents.iter().filter(|(entry, held)| !held.state.heads.is_empty() && !entry.is_singleton());
        Ok(held.rev().take(limit).map(|(entry, _)| ListRow::bare(*entry)).collect())
    }

    fn set_arriving(&mut self, from: DeviceId, rows: &[ListRow]) -> Result<()> {
        let arriving = &mut self.write()?.arriving;
        arriving.retain(|_, (device, _)| *device != from);
        arriving.extend(rows.iter().map(|row| (row.id, (from, row.clone()))));
        Ok(())
    }

    fn arriving(&mut self) -> Result<Vec<ListRow>> {
        Ok(self.state.arriving.values().map(|(_, row)| row.clone()).collect())
    }

    fn end_arriving(&mut self, from: DeviceId) -> Result<()> {
        let State { arriving, documents, .. } = self.write()?;
        arriving.retain(|entry, (whose, _)| {
            *whose != from || documents.get(entry).is_some_and(|held| !held.state.heads.is_empty())
        });
        Ok(())
    }
}

fn as_wanted(((entry, _), row): (&(EntryId, BlobId), &Blob)) -> Option<WantedBlob> {
    let blob = row.blob.clone()?;
    Some(WantedBlob { blob, entry: *entry, bitmap: row.bitmap.clone(), here: row.here })
}
