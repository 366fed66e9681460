//! One Automerge document: how changes get in, what is set aside, how an edit becomes one change.
//!
//! What a document holds is a function of the set of changes it was given, never of their order. A change is set
//! aside where it is malformed, where a document that takes it in would hold too much (`admit.rs`), where another of the
//! same actor and number has the higher hash (trap j), where its numbers contradict what it was made on, where Automerge
//! refuses it, or where something that it depends on is set aside. The usual batch goes to Automerge as it is; only when
//! something is wrong is the document made anew, bit by bit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, Change, ChangeHash as AmHash, LoadOptions, OnPartialLoad, ReadDoc, TextEncoding};

use super::admit::admitted;
use super::bounds::{CUT_OPERATIONS, MAX_DOCUMENT_OPERATIONS, MAX_WRITTEN_OPERATIONS, SMALL_EDIT};
use super::change::{ChangeHeader, Opened, change_hash, open};
use super::contain::contained;
use super::error::DocumentError;
use super::known::Known;
use super::later::{Later, Pen};
use crate::id::ChangeHash;
use crate::time::{Entropy, Timestamp, random};

/// Who makes changes: 16 random bytes, drawn at each opening of the store and again after a failed commit or a fork,
/// so that an actor and its numbers never repeat (trap j). It says nothing about whose device it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor([u8; 16]);

impl Actor {
    /// A fresh actor.
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// The actor with these bytes. Only for singletons' first changes and tests.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actor({})", data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

/// The latest time that a change's is believed to be, in milliseconds: the end of the year 9999.
pub(super) const LAST: i64 = 253_402_300_799_000;

/// What a document knows of one of its changes.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    pub(super) hash: ChangeHash,
    pub(super) deps: Vec<AmHash>,
    pub(super) at: Timestamp,
}

/// An Automerge document with the rules above.
pub(super) struct Replica {
    doc: Automerge,
    actor: Actor,
    /// Operations of all its changes, and of those that took room and were set aside for another reason.
    operations: u64,
    most: Most,
}

/// How many operations a document may have: those of `bounds.rs`, but in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Default for Most {
    fn default() -> Self {
        Self { read: MAX_DOCUMENT_OPERATIONS, written: MAX_WRITTEN_OPERATIONS }
    }
}

impl Replica {
    pub(super) fn empty(actor: Actor) -> Self {
        Self { doc: fresh(actor), actor, operations: 0, most: Most::default() }
    }

    /// A document from a snapshot of our own and what came after it; says what was set aside.
    pub(super) fn load(
        actor: Actor,
        snapshot: Option<&[u8]>,
        changes: &[&[u8]],
    ) -> Result<(Self, Vec<ChangeHash>), DocumentError> {
        Self::load_within(actor, snapshot, changes, Most::default())
    }

    /// The same where a document may have so many operations.
    pub(super) fn load_within(
        actor: Actor,
        snapshot: Option<&[u8]>,
        changes: &[&[u8]],
        most: Most,
    ) -> Result<(Self, Vec<ChangeHash>), DocumentError> {
        let doc = match snapshot {
            None => fresh(actor),
            Some(bytes) => {
                let options = LoadOptions::new()
                    .text_encoding(TextEncoding::UnicodeCodePoint)
                    .on_partial_load(OnPartialLoad::Error);
                contained(|| Automerge::load_with_options(bytes, options))
                    .map_err(|_| DocumentError::Snapshot)?
                    .map_err(|_| DocumentError::Snapshot)?
                    .with_actor(ActorId::from(actor.0))
            }
        };
        let operations = operations_of(&doc);
        let mut replica = Self { doc, actor, operations, most };
        let refused = replica.merge(changes)?;
        Ok((replica, refused))
    }

    /// Operations of all that was taken in.
    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    /// From now on changes are made by `actor`.
    pub(super) fn set_actor(&mut self, actor: Actor) {
        self.actor = actor;
        self.doc.set_actor(ActorId::from(actor.0));
    }

    pub(super) fn doc(&self) -> &Automerge {
        &self.doc
    }

    /// The heads, sorted.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.doc.get_heads().iter().map(own).collect();
        heads.sort_unstable();
        heads
    }

    pub(super) fn holds(&self, heads: &[ChangeHash]) -> bool {
        heads.iter().all(|head| self.doc.get_change_meta_by_hash(&theirs(head)).is_some())
    }

    /// Takes changes in; gives back the hashes of those that are set aside, sorted. They need not be in causal order.
    /// What a document holds is a function of all its changes only where those that were set aside before are given
    /// again: what is beyond its bounds may fit where a change that came meanwhile takes another's place.
    pub(super) fn merge(&mut self, changes: &[&[u8]]) -> Result<Vec<ChangeHash>, DocumentError> {
        let mut refused = BTreeSet::new();
        let mut sound: BTreeMap<ChangeHash, (Cow<'_, [u8]>, ChangeHeader)> = BTreeMap::new();
        for bytes in changes {
            let hash = change_hash(bytes);
            if sound.contains_key(&hash) || self.holds(&[hash]) {
                continue;
            }
            match ChangeHeader::parse(bytes) {
                Ok(header) => drop(sound.insert(hash, (Cow::Borrowed(*bytes), header))),
                Err(_) => drop(refused.insert(hash)),
            }
        }
        let more: u64 = sound.values().map(|(_, header)| header.operations).sum();
        if more > 0 {
            self.operations = operations_of(&self.doc) + more;
        }
        if self.operations > self.most.read {
            self.admit(&mut sound, &mut refused)?;
        }
        let mut new: BTreeMap<ChangeHash, Opened> = BTreeMap::new();
        for (hash, (bytes, _)) in sound {
            match open(&bytes) {
                Ok(opened) => drop(new.insert(hash, opened)),
                Err(_) => drop(refused.insert(hash)),
            }
        }
        let (ready, waiting) = if new.is_empty() { Default::default() } else { Known::of(&self.doc).order(new) };
        if !ready.is_empty() {
            match applied(&self.doc, &ready) {
                Some(doc) => self.doc = doc,
                None => self.remake(ready, &mut refused)?,
            }
        }
        refused.extend(waiting);
        Ok(refused.into_iter().collect())
    }

    /// Leaves out what is beyond the bounds of a document. Where that is something held, the document is begun anew and
    /// what it held is among what is to be taken in.
    fn admit(
        &mut self,
        new: &mut BTreeMap<ChangeHash, (Cow<'_, [u8]>, ChangeHeader)>,
        refused: &mut BTreeSet<ChangeHash>,
    ) -> Result<(), DocumentError> {
        let held = contained(|| self.doc.get_changes(&[])).map_err(|_| DocumentError::Failed("made again"))?;
        let header =
            |change: &Change| ChangeHeader::parse(change.raw_bytes()).map_err(|_| DocumentError::Failed("made again"));
        let held: Vec<(Change, ChangeHeader)> =
            held.into_iter().map(|change| header(&change).map(|header| (change, header))).collect::<Result<_, _>>()?;
        let all = held.iter().map(|(_, header)| header).chain(new.values().map(|(_, header)| header));
        let (fit, operations) = admitted(all, self.most.read);
        new.retain(|hash, _| fit.contains(hash) || !refused.insert(*hash));
        if held.iter().any(|(_, header)| !fit.contains(&header.hash)) {
            for (change, header) in held {
                if fit.contains(&header.hash) {
                    new.insert(header.hash, (Cow::Owned(change.raw_bytes().to_vec()), header));
                } else {
                    refused.insert(header.hash);
                }
            }
            self.doc = fresh(self.actor);
        }
        self.operations = operations;
        Ok(())
    }

    /// Makes the document anew from all its changes and `new`, and leaves out what does not go in.
    fn remake(&mut self, new: Vec<Change>, refused: &mut BTreeSet<ChangeHash>) -> Result<(), DocumentError> {
        let held = contained(|| self.doc.get_changes(&[])).map_err(|_| DocumentError::Failed("made again"))?;
        let mut all: Vec<Change> = held;
        all.extend(new);
        // A change that Automerge refuses does not compete for its number, or a device that saw the other one first
        // would end elsewhere. So each round that finds one begins again without it.
        loop {
            let mut out = BTreeSet::new();
            let (queue, rivals) = without_rivals(&all, &mut out);
            let (doc, bad) = build(fresh(self.actor), queue, &mut out);
            if bad.is_disjoint(&rivals) {
                refused.extend(out.iter().chain(&bad).map(own));
                self.doc = doc;
                return Ok(());
            }
            let bad: BTreeSet<_> = bad.intersection(&rivals).copied().collect();
            all.retain(|change| !bad.contains(&change.hash()));
            refused.extend(bad.iter().map(own));
        }
    }

    /// One edit: what `work` writes becomes one change, or several where texts are long, timed on purpose (trap h) and
    /// never before the latest change held. On an error nothing is written.
    ///
    /// Every change of ours is made in here, so this is where each is held against the bounds of whoever reads it:
    /// nothing leaves that would be set aside elsewhere.
    pub(super) fn edit<R>(
        &mut self,
        at: Timestamp,
        work: impl FnOnce(&mut Pen<'_>) -> Result<R, DocumentError>,
    ) -> Result<(R, Vec<Vec<u8>>), DocumentError> {
        // Milliseconds, so that a list knows which of two entries of one second came first.
        let time = self.head_times().fold(at.0, i64::max).min(LAST);
        // A panic in here leaves a document half changed: the attempt is made on a copy.
        let mut doc = self.doc.clone();
        let (result, hashes) = contained(|| {
            let options = || CommitOptions::default().with_time(time);
            let (result, mut later, first) = {
                let mut pen = Pen { tx: doc.transaction(), later: Later::default() };
                let result = work(&mut pen)?;
                let Pen { tx, later } = pen;
                (result, later, tx.commit_with(options()).0)
            };
            let mut hashes = Vec::from_iter(first);
            while !later.is_empty() {
                let mut tx = doc.transaction();
                later.write_next(&mut tx)?;
                hashes.extend(tx.commit_with(options()).0);
            }
            Ok((result, hashes))
        })
        .map_err(|_| DocumentError::Failed("changed"))??;
        let mut chunks = Vec::with_capacity(hashes.len());
        let mut operations = 0;
        for hash in hashes {
            let change = doc.get_change_by_hash(&hash).ok_or(DocumentError::Failed("changed"))?;
            // `raw_bytes` is the uncompressed chunk, whatever its size; `bytes` would be the compressed one (trap l).
            let bytes = change.raw_bytes().to_vec();
            operations += open(&bytes).map_err(|_| DocumentError::TooLarge)?.header.operations;
            chunks.push(bytes);
        }
        let all = self.operations + operations;
        if all > self.most.written && (operations > SMALL_EDIT || all > self.most.read) {
            return Err(DocumentError::Full);
        }
        self.doc = doc;
        self.operations = all;
        Ok((result, chunks))
    }

    /// Every change of ours is at least as late as what it was made on, so the latest are among the heads.
    fn head_times(&self) -> impl Iterator<Item = i64> {
        let heads = self.doc.get_heads();
        heads.into_iter().filter_map(|head| Some(self.doc.get_change_meta_by_hash(&head)?.timestamp))
    }

    /// When the latest change was made, where it is one of ours.
    pub(super) fn latest(&self) -> Timestamp {
        Timestamp(self.head_times().fold(0, i64::max).clamp(0, LAST))
    }

    /// What is known of every change, each after what it depends on.
    pub(super) fn metas(&self) -> Vec<Meta> {
        self.doc
            .get_changes_meta(&[])
            .iter()
            .map(|meta| Meta {
                hash: own(&meta.hash),
                deps: meta.deps.clone(),
                at: Timestamp(meta.timestamp.clamp(0, LAST)),
            })
            .collect()
    }

    pub(super) fn save(&self) -> Vec<u8> {
        // Nothing is ever queued, so there are no orphans to leave out; saving them would wedge whoever loads (trap k).
        let options = automerge::SaveOptions { retain_orphans: false, ..Default::default() };
        self.doc.save_with_options(options)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("actor", &self.actor).field("heads", &self.heads()).finish_non_exhaustive()
    }
}

/// The changes less those whose actor and number another change has with a higher hash; and the hashes that won so.
fn without_rivals(all: &[Change], out: &mut BTreeSet<AmHash>) -> (Vec<Change>, BTreeSet<AmHash>) {
    let mut highest: HashMap<(&ActorId, u64), AmHash> = HashMap::new();
    let mut rivals = BTreeSet::new();
    for change in all {
        let kept = highest.entry((change.actor_id(), change.seq())).or_insert(change.hash());
        if *kept != change.hash() {
            *kept = (*kept).max(change.hash());
            rivals.insert(*kept);
        }
    }
    let (queue, lower): (Vec<&Change>, Vec<&Change>) =
        all.iter().partition(|change| highest.get(&(change.actor_id(), change.seq())) == Some(&change.hash()));
    out.extend(lower.iter().map(|change| change.hash()));
    (queue.into_iter().cloned().collect(), rivals)
}

/// Applies what goes in. `out` gets what misses a dependency; the result's set what Automerge itself refuses.
///
/// Halves of halves: a batch that goes in whole is one step, so few bad changes among many cost few steps.
fn build(mut doc: Automerge, queue: Vec<Change>, out: &mut BTreeSet<AmHash>) -> (Automerge, BTreeSet<AmHash>) {
    let mut bad = BTreeSet::new();
    let mut stack = vec![queue];
    while let Some(mut batch) = stack.pop() {
        let mut held: HashSet<AmHash> = HashSet::new();
        batch.retain(|change| {
            let has = |dep: &AmHash| held.contains(dep) || doc.get_change_meta_by_hash(dep).is_some();
            let sound = change.deps().iter().all(has);
            if sound {
                held.insert(change.hash());
            } else {
                out.insert(change.hash());
            }
            sound
        });
        match applied(&doc, &batch) {
            Some(attempt) => doc = attempt,
            None if batch.len() == 1 => bad.extend(batch.iter().map(Change::hash)),
            None => {
                let later = batch.split_off(batch.len() / 2);
                stack.push(later);
                stack.push(batch);
            }
        }
    }
    (doc, bad)
}

/// A copy of the document with these changes in it, where Automerge takes every one of them and gives each back as it
/// was. A panic leaves a document half changed, hence the copy. Automerge stores operations, not changes: one that no
/// writer made (a predecessor that was never at that key, say) comes back with another hash, and a document would
/// have other heads after it was saved and loaded.
fn applied(doc: &Automerge, changes: &[Change]) -> Option<Automerge> {
    contained(|| {
        let mut attempt = doc.clone();
        for some in runs(changes) {
            attempt.apply_changes(some.iter().cloned()).ok()?;
        }
        let back: HashSet<AmHash> = attempt.get_changes(&doc.get_heads()).iter().map(Change::hash).collect();
        changes.iter().all(|change| back.contains(&change.hash())).then_some(attempt)
    })
    .ok()
    .flatten()
}

/// The changes in runs of few enough operations: Automerge takes 500 bytes for each of those that it is given at once.
fn runs(changes: &[Change]) -> impl Iterator<Item = &[Change]> {
    let mut rest = changes;
    std::iter::from_fn(move || {
        let mut operations = 0;
        let fits = |change: &&Change| {
            operations += change.len() as u64;
            operations <= CUT_OPERATIONS
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (run, later) = rest.split_at(count);
        rest = later;
        (!run.is_empty()).then_some(run)
    })
}

fn operations_of(doc: &Automerge) -> u64 {
    doc.get_changes_meta(&[]).iter().map(|meta| (meta.max_op + 1).saturating_sub(meta.start_op)).sum()
}

fn fresh(actor: Actor) -> Automerge {
    // Code points, whatever features another crate switches on in Automerge.
    Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint).with_actor(ActorId::from(actor.0))
}

pub(super) fn own(hash: &AmHash) -> ChangeHash {
    ChangeHash::from_bytes(hash.0)
}

pub(super) fn theirs(hash: &ChangeHash) -> AmHash {
    AmHash(*hash.as_bytes())
}
