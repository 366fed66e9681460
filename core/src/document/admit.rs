//! Which of a document's changes are read: as many as a document may hold.
//!
//! A pure function of the set of changes, so that every device reads the same, whatever came first. Changes are gone
//! through after what they depend on; of those that could come next the one with the fewest operations does, and of
//! equal ones the one with the lower hash. One that does not fit any more is left out, and with it whatever depends on
//! it. So what a person types is read before what few bytes make large, and a change that was made on all that is read
//! is read too, as long as it fits: it comes last, and before it everything is as it was.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bounds::MAX_DOCUMENT_OPERATIONS;
use super::change::{ChangeHeader, operations};
use crate::id::ChangeHash;

/// The changes that are read where a document may have `most` operations, and how many they have together. One that
/// misses a dependency is not.
pub(super) fn admitted<'h>(headers: impl Iterator<Item = &'h ChangeHeader>, most: u64) -> (HashSet<ChangeHash>, u64) {
    let by_hash: HashMap<ChangeHash, &ChangeHeader> = headers.map(|header| (header.hash, header)).collect();
    let mut waiting: HashMap<ChangeHash, usize> = HashMap::new();
    let mut waited_for: HashMap<ChangeHash, Vec<&ChangeHeader>> = HashMap::new();
    let mut ready = BTreeSet::new();
    for header in by_hash.values() {
        let deps: BTreeSet<_> = header.deps.iter().copied().collect();
        if deps.is_empty() {
            ready.insert((header.operations, header.hash));
        }
        waiting.insert(header.hash, deps.len());
        deps.into_iter().for_each(|dep| waited_for.entry(dep).or_default().push(header));
    }
    let (mut fit, mut sum) = (HashSet::new(), 0);
    while let Some((operations, hash)) = ready.pop_first() {
        if sum + operations > most {
            continue;
        }
        sum += operations;
        fit.insert(hash);
        for next in waited_for.remove(&hash).unwrap_or_default() {
            let left = waiting.entry(next.hash).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.insert((next.operations, next.hash));
            }
        }
    }
    (fit, sum)
}

/// How many operations these chunks have together, as their headers say: what reading them costs. Unfolds nothing.
pub fn weight<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> u64 {
    chunks.into_iter().map(operations).sum()
}

/// The chunks that a document reads, in the order given, and how many are left out because it would hold too much.
pub fn readable<'c>(chunks: &[&'c [u8]]) -> (Vec<&'c [u8]>, usize) {
    if weight(chunks.iter().copied()) <= MAX_DOCUMENT_OPERATIONS {
        return (chunks.to_vec(), 0);
    }
    let headers: Vec<_> = chunks.iter().map(|chunk| ChangeHeader::parse(chunk).ok()).collect();
    let (fit, _) = admitted(headers.iter().flatten(), MAX_DOCUMENT_OPERATIONS);
    let is_read = |header: &Option<ChangeHeader>| header.as_ref().is_some_and(|header| fit.contains(&header.hash));
    let read: Vec<_> =
        chunks.iter().zip(&headers).filter(|(_, header)| is_read(header)).map(|(chunk, _)| *chunk).collect();
    let out = chunks.len() - read.len();
    (read, out)
}
