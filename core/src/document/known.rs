//! What a document knows of its changes, and which new ones fit onto them.
//!
//! Whether a change fits is a function of the change and of what it was made on, never of what else this device holds
//! by chance: or two devices would set aside different changes. So a change may refer only to operations of its own
//! ancestors, although Automerge would find others too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use automerge::{Automerge, Change};

use super::change::{ChangeHeader, Opened, references};
use super::replica::own;
use crate::id::ChangeHash;

/// The changes of a document as a graph.
#[derive(Debug, Default)]
pub(super) struct Known {
    nodes: Vec<Node>,
    by_hash: HashMap<ChangeHash, usize>,
    by_actor: HashMap<Vec<u8>, Vec<usize>>,
    heads: BTreeSet<usize>,
}

#[derive(Debug)]
struct Node {
    seq: u64,
    operations: Range<u64>,
    actor: Vec<u8>,
    deps: Vec<usize>,
}

impl Known {
    /// The changes that a document holds.
    pub(super) fn of(doc: &Automerge) -> Self {
        let mut known = Self::default();
        for meta in doc.get_changes_meta(&[]) {
            let deps = meta.deps.iter().map(own).collect::<Vec<_>>();
            known.add(own(&meta.hash), meta.actor.to_bytes().to_vec(), meta.seq, meta.start_op..meta.max_op + 1, &deps);
        }
        known
    }

    fn add(&mut self, hash: ChangeHash, actor: Vec<u8>, seq: u64, operations: Range<u64>, deps: &[ChangeHash]) {
        let at = self.nodes.len();
        let deps: Vec<usize> = deps.iter().filter_map(|dep| self.by_hash.get(dep).copied()).collect();
        for dep in &deps {
            self.heads.remove(dep);
        }
        self.heads.insert(at);
        self.by_hash.insert(hash, at);
        self.by_actor.entry(actor.clone()).or_default().push(at);
        self.nodes.push(Node { seq, operations, actor, deps });
    }

    /// Sorts new changes so that each comes after what it depends on, and leaves out those that do not fit.
    pub(super) fn order(mut self, mut new: BTreeMap<ChangeHash, Opened>) -> (Vec<Change>, Vec<ChangeHash>) {
        let mut waiting: HashMap<ChangeHash, usize> = HashMap::new();
        let mut waited_for: HashMap<ChangeHash, Vec<ChangeHash>> = HashMap::new();
        let mut ready = BTreeSet::new();
        for (hash, opened) in &new {
            let missing: BTreeSet<_> =
                opened.header.deps.iter().filter(|dep| !self.by_hash.contains_key(dep)).copied().collect();
            for dep in &missing {
                waited_for.entry(*dep).or_default().push(*hash);
            }
            if missing.is_empty() {
                ready.insert(*hash);
            } else {
                waiting.insert(*hash, missing.len());
            }
        }
        let (mut out, mut refused) = (Vec::new(), Vec::new());
        while let Some(hash) = ready.pop_first() {
            let Some(Opened { header, change }) = new.remove(&hash) else { continue };
            if !self.fits(&header, &references(change.raw_bytes())) {
                refused.push(hash);
                continue;
            }
            let operations = header.start_op..header.start_op + header.operations;
            self.add(hash, header.actor, header.seq, operations, &header.deps);
            out.push(change);
            for next in waited_for.remove(&hash).unwrap_or_default() {
                if let Some(left) = waiting.get_mut(&next) {
                    *left -= 1;
                    if *left == 0 {
                        ready.insert(next);
                    }
                }
            }
        }
        refused.extend(new.into_keys());
        (out, refused)
    }

    /// Whether a change, all of whose dependencies are known, could have been made on them by a writer like ours.
    fn fits(&self, header: &ChangeHeader, references: &[(Vec<u8>, Range<u64>)]) -> bool {
        let deps: Vec<usize> = header.deps.iter().filter_map(|dep| self.by_hash.get(dep).copied()).collect();
        let before = |at: &usize| &self.nodes[*at];
        // Automerge counts on from all that it holds, and always names its actor's change before. Counters have 32 bits:
        // whoever could pass some over would use them up for everybody.
        let counts_on = header.start_op == deps.iter().map(|at| before(at).operations.end).max().unwrap_or(1);
        let follows = header.seq == 1
            || deps.iter().map(before).any(|node| node.actor == header.actor && node.seq + 1 == header.seq);
        counts_on && follows && self.held(&deps, references)
    }

    /// Whether every operation referred to is one of an ancestor.
    fn held(&self, deps: &[usize], references: &[(Vec<u8>, Range<u64>)]) -> bool {
        // Made on everything that is held: the usual case of one writer at a time needs no search.
        let all = self.heads.iter().all(|head| deps.contains(head));
        let ancestors = if all || references.is_empty() { HashSet::new() } else { self.ancestors(deps) };
        let mut operations: HashMap<&[u8], Vec<&Range<u64>>> = HashMap::new();
        references.iter().all(|(actor, counters)| {
            // An actor's changes follow one another, and so do their operations.
            let runs = operations.entry(actor).or_insert_with(|| {
                let changes = self.by_actor.get(actor).map(Vec::as_slice).unwrap_or_default();
                let behind = changes.iter().filter(|at| all || ancestors.contains(at));
                behind.map(|at| &self.nodes[*at].operations).collect()
            });
            let mut reached = counters.start;
            let first = runs.partition_point(|run| run.end <= reached);
            for run in &runs[first..] {
                if run.start > reached || reached >= counters.end {
                    break;
                }
                reached = reached.max(run.end);
            }
            reached >= counters.end
        })
    }

    fn ancestors(&self, deps: &[usize]) -> HashSet<usize> {
        let mut seen: HashSet<usize> = deps.iter().copied().collect();
        let mut next = deps.to_vec();
        while let Some(at) = next.pop() {
            next.extend(self.nodes[at].deps.iter().copied().filter(|dep| seen.insert(*dep)));
        }
        seen
    }
}
