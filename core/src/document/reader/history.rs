//! An entry's changes applied one after the other: maps with every value that stands, texts as trees of characters.
//!
//! A map's key holds the values that no later operation names as its predecessor; of several, the one with the greatest
//! operation id wins. A text is a tree: a character hangs at the one that it was typed behind, of several at one place
//! the greatest id comes first, and what is deleted keeps its place. These are Automerge's rules; what is not one of the
//! few kinds of operation that our editor writes, exactly as it writes them, is [`Unusual`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use automerge::{ObjId, ScalarValue};

use super::super::bounds::MAX_DOCUMENT_OPERATIONS;
use super::chunk::Chunk;
use super::columns::{Booleans, Bytes, Deltas, Read, Runs, Unusual};
use crate::id::ChangeHash;

/// Most operations of all changes together: as many as a document may have; 28 bytes of memory each.
const MAX_OPERATIONS: usize = MAX_DOCUMENT_OPERATIONS as usize;
/// Most changes; what several devices wrote at once takes memory as their square.
const MAX_CHANGES: usize = 8192;
/// Most steps past what others wrote at one place of a text.
const MAX_STEPS: usize = 8 << 20;
/// Nothing: no character, no object.
pub(super) const NONE: u32 = u32::MAX;

/// An operation's id: its counter, and the rank of its actor among all of them.
pub(super) type Id = (u32, u32);

/// One change, once it is applied.
struct Applied {
    deps: Vec<usize>,
    seq: u64,
    /// Its operations' counters, and the index of the first.
    counters: Range<u64>,
    first: usize,
    time: i64,
    hash: ChangeHash,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// A character, what hangs at it first, and what hangs beside it next.
    Char {
        text: u32,
        id: Id,
        char: char,
        gone: bool,
        first: u32,
        next: u32,
    },
    /// A value at a key: its place among those.
    Put(u32),
    Delete,
}

/// What a document of the most operations takes is bounded by this.
const _: () = assert!(size_of::<Operation>() <= 28);

pub(super) enum Held<'a> {
    Scalar(Scalar<'a>),
    Map,
    /// A text, and the operation of the first character that hangs at its beginning.
    Text(u32),
}

pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Str(&'a str),
    Bytes(&'a [u8]),
}

impl Scalar<'_> {
    pub(super) fn value(&self) -> ScalarValue {
        match self {
            Self::Null => ScalarValue::Null,
            Self::Bool(value) => ScalarValue::Boolean(*value),
            Self::Uint(value) => ScalarValue::Uint(*value),
            Self::Int(value) => ScalarValue::Int(*value),
            Self::Str(value) => ScalarValue::Str((*value).into()),
            Self::Bytes(value) => ScalarValue::Bytes(value.to_vec()),
        }
    }
}

/// A value at a key.
pub(super) struct Put<'a> {
    object: u32,
    key: &'a str,
    pub(super) id: Id,
    pub(super) held: Held<'a>,
    pub(super) gone: bool,
}

/// The changes of one entry as they read together.
pub(super) struct History<'a> {
    ranks: BTreeMap<&'a [u8], u32>,
    changes: Vec<Applied>,
    by_hash: HashMap<ChangeHash, usize>,
    /// Each actor's changes in order.
    by_rank: Vec<Vec<usize>>,
    heads: BTreeSet<usize>,
    pub(super) operations: Vec<Operation>,
    pub(super) puts: Vec<Put<'a>>,
    /// Object ([`NONE`]: the root) and key → values in order of application.
    pub(super) maps: BTreeMap<(u32, &'a str), Vec<u32>>,
    steps: usize,
}

impl<'a> History<'a> {
    /// The history that these chunks are, each after what it depends on.
    pub(super) fn of(chunks: &[&'a [u8]]) -> Read<Self> {
        if chunks.len() > MAX_CHANGES {
            return Err(Unusual);
        }
        let parsed = chunks.iter().map(|chunk| Chunk::parse(chunk)).collect::<Read<Vec<_>>>()?;
        let actors: BTreeSet<&[u8]> = parsed.iter().map(|chunk| chunk.actors[0]).collect();
        let ranks: BTreeMap<_, _> = actors.into_iter().zip(0..).collect();
        let mut history = Self {
            by_rank: vec![Vec::new(); ranks.len()],
            ranks,
            changes: Vec::with_capacity(parsed.len()),
            by_hash: HashMap::new(),
            heads: BTreeSet::new(),
            operations: Vec::new(),
            puts: Vec::new(),
            maps: BTreeMap::new(),
            steps: 0,
        };
        parsed.iter().try_for_each(|chunk| history.apply(chunk))?;
        Ok(history)
    }

    /// The changes that no other was made on, sorted.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.heads.iter().map(|at| self.changes[*at].hash).collect();
        heads.sort_unstable();
        heads
    }

    /// The time of the one change that depends on nothing, and the times of all.
    pub(super) fn times(&self) -> Read<(i64, impl Iterator<Item = i64>)> {
        let mut first = self.changes.iter().filter(|change| change.deps.is_empty());
        match (first.next(), first.next()) {
            (Some(only), None) => Ok((only.time, self.changes.iter().map(|change| change.time))),
            _ => Err(Unusual),
        }
    }

    fn apply(&mut self, chunk: &Chunk<'a>) -> Read<()> {
        let ranks = chunk
            .actors
            .iter()
            .map(|actor| self.ranks.get(actor).copied())
            .collect::<Option<Vec<_>>>()
            .ok_or(Unusual)?;
        let deps =
            chunk.deps.iter().map(|dep| self.by_hash.get(dep).copied()).collect::<Option<Vec<_>>>().ok_or(Unusual)?;
        let at = self.changes.len();
        let counts_on = chunk.start == deps.iter().map(|dep| self.changes[*dep].counters.end).max().unwrap_or(1);
        let follows = match self.by_rank[ranks[0] as usize].last() {
            None => chunk.seq == 1,
            // Automerge wants an actor's changes one after another, and ours always depend on the one before.
            Some(last) => chunk.seq == self.changes[*last].seq + 1 && deps.contains(last),
        };
        if !counts_on || !follows || !chunk.deps.is_sorted_by(|a, b| a < b) || self.by_hash.contains_key(&chunk.hash) {
            return Err(Unusual);
        }
        let before = if self.heads.iter().all(|head| deps.contains(head)) { None } else { Some(self.ancestors(&deps)) };
        let rows = self.rows(chunk, &ranks, before.as_ref())?;
        let end = chunk.start.checked_add(rows as u64).filter(|end| *end <= u64::from(u32::MAX)).ok_or(Unusual)?;
        for dep in &deps {
            self.heads.remove(dep);
        }
        self.heads.insert(at);
        self.by_hash.insert(chunk.hash, at);
        self.by_rank[ranks[0] as usize].push(at);
        self.changes.push(Applied {
            deps,
            seq: chunk.seq,
            counters: chunk.start..end,
            first: self.operations.len() - rows,
            time: chunk.time,
            hash: chunk.hash,
        });
        Ok(())
    }

    fn ancestors(&self, deps: &[usize]) -> HashSet<usize> {
        let mut seen: HashSet<usize> = deps.iter().copied().collect();
        let mut next = deps.to_vec();
        while let Some(at) = next.pop() {
            next.extend(self.changes[at].deps.iter().copied().filter(|dep| seen.insert(*dep)));
        }
        seen
    }

    /// Applies a change's operations; answers how many there were.
    fn rows(&mut self, chunk: &Chunk<'a>, ranks: &[u32], before: Option<&HashSet<usize>>) -> Read<usize> {
        let column = |at: usize| chunk.columns[at];
        let (mut object_actor, mut object_counter) = (Runs::<u64>::new(column(0)), Runs::<u64>::new(column(1)));
        let (mut key_actor, mut key_counter) = (Runs::<u64>::new(column(2)), Deltas::new(column(3)));
        let mut key_name = Runs::<&str>::new(column(4));
        let mut inserts = Booleans::new(column(5).ok_or(Unusual)?);
        let mut actions = Runs::<u64>::new(Some(column(6).ok_or(Unusual)?));
        let (mut metas, mut raw) = (Runs::<u64>::new(column(7)), Bytes(column(8).unwrap_or_default()));
        let mut counts = Runs::<u64>::new(column(9));
        let (mut pred_actor, mut pred_counter) = (Runs::<u64>::new(column(10)), Deltas::new(column(11)));
        let mut named = vec![false; ranks.len()];
        let (start, first) = (chunk.start, self.operations.len());
        let mut place = Place { ranks, before, own: start, first, run: None };
        let mut preds: Vec<usize> = Vec::new();
        while !actions.is_done() {
            let counter = start + (self.operations.len() - first) as u64;
            let id = (u32::try_from(counter).map_err(|_| Unusual)?, ranks[0]);
            if self.operations.len() >= MAX_OPERATIONS {
                return Err(Unusual);
            }
            let object = match (object_actor.next()?, object_counter.next()?) {
                (None, None) => NONE,
                (Some(actor), Some(counter)) => {
                    let operation = place.find(self, actor, counter, &mut named)?;
                    let Operation::Put(put) = self.operations[operation] else { return Err(Unusual) };
                    put
                }
                _ => return Err(Unusual),
            };
            let key = (key_actor.next()?, key_counter.next()?, key_name.next()?);
            let (insert, action) = (inserts.next()?, actions.next()?.ok_or(Unusual)?);
            let meta = metas.next()?.ok_or(Unusual)?;
            let len = usize::try_from(meta >> 4).map_err(|_| Unusual)?;
            let value = scalar(meta & 15, raw.take(len)?)?;
            preds.clear();
            let mut last = None;
            for _ in 0..counts.next()?.ok_or(Unusual)? {
                let (actor, counter) = (pred_actor.next()?.ok_or(Unusual)?, pred_counter.next()?.ok_or(Unusual)?);
                preds.push(place.find(self, actor, counter, &mut named)?);
                let id = (counter, ranks[usize::try_from(actor).map_err(|_| Unusual)?]);
                if last.is_some_and(|last| last >= id) {
                    return Err(Unusual);
                }
                last = Some(id);
            }
            let operation = match key {
                (None, None, Some(name)) if !insert => self.in_map(object, name, id, action, value, &preds)?,
                (actor, Some(counter), None) => {
                    let element = match (actor, counter) {
                        (None, 0) => None,
                        (Some(actor), counter) if counter > 0 => Some(place.find(self, actor, counter, &mut named)?),
                        _ => return Err(Unusual),
                    };
                    self.in_text(object, element, id, (insert, action), value, &preds)?
                }
                _ => return Err(Unusual),
            };
            self.operations.push(operation);
        }
        object_actor.end()?;
        object_counter.end()?;
        key_actor.end()?;
        key_counter.end()?;
        key_name.end()?;
        inserts.end()?;
        metas.end()?;
        counts.end()?;
        pred_actor.end()?;
        pred_counter.end()?;
        let rows = self.operations.len() - first;
        // Its own actor is the first whether or not it is named; another stands there because it is.
        if rows > 0 && raw.is_empty() && named[1..].iter().all(|named| *named) { Ok(rows) } else { Err(Unusual) }
    }

    fn in_map(
        &mut self,
        object: u32,
        key: &'a str,
        id: Id,
        action: u64,
        value: Scalar<'a>,
        preds: &[usize],
    ) -> Read<Operation> {
        if object != NONE && !matches!(self.puts[object as usize].held, Held::Map) || key.is_empty() {
            return Err(Unusual);
        }
        for pred in preds {
            let Operation::Put(put) = self.operations[*pred] else { return Err(Unusual) };
            let put = &mut self.puts[put as usize];
            if put.object != object || put.key != key {
                return Err(Unusual);
            }
            put.gone = true;
        }
        let held = match (action, value) {
            (0, Scalar::Null) => Held::Map,
            (4, Scalar::Null) => Held::Text(NONE),
            (1, value) => Held::Scalar(value),
            (3, Scalar::Null) if !preds.is_empty() => return Ok(Operation::Delete),
            _ => return Err(Unusual),
        };
        let put = self.puts.len() as u32;
        self.puts.push(Put { object, key, id, held, gone: false });
        self.maps.entry((object, key)).or_default().push(put);
        Ok(Operation::Put(put))
    }

    fn in_text(
        &mut self,
        text: u32,
        element: Option<usize>,
        id: Id,
        action: (bool, u64),
        value: Scalar<'a>,
        preds: &[usize],
    ) -> Read<Operation> {
        let Some(Held::Text(beginning)) = self.puts.get(text as usize).map(|put| &put.held) else {
            return Err(Unusual);
        };
        let beginning = *beginning;
        let of_this = |operation: usize| match self.operations[operation] {
            Operation::Char { text: of, first, .. } if of == text => Ok(first),
            _ => Err(Unusual),
        };
        match (action, value, element) {
            ((true, 1), Scalar::Str(value), element) if preds.is_empty() => {
                let mut chars = value.chars();
                let (Some(char), None) = (chars.next(), chars.next()) else { return Err(Unusual) };
                let new = self.operations.len() as u32;
                // Where it hangs: behind every greater id at the same place.
                let mut next = element.map_or(Ok(beginning), of_this)?;
                let mut previous = NONE;
                while let Some(Operation::Char { id: other, next: after, .. }) = self.operations.get(next as usize)
                    && *other > id
                {
                    (previous, next) = (next, *after);
                    self.steps += 1;
                    if self.steps > MAX_STEPS {
                        return Err(Unusual);
                    }
                }
                match (self.operations.get_mut(previous as usize), element) {
                    (Some(Operation::Char { next, .. }), _) => *next = new,
                    (Some(_), _) => return Err(Unusual),
                    (None, Some(element)) => {
                        let Operation::Char { first, .. } = &mut self.operations[element] else { return Err(Unusual) };
                        *first = new;
                    }
                    (None, None) => self.puts[text as usize].held = Held::Text(new),
                }
                Ok(Operation::Char { text, id, char, gone: false, first: NONE, next })
            }
            ((false, 3), Scalar::Null, Some(element)) if preds == [element] => {
                of_this(element)?;
                let Operation::Char { gone, .. } = &mut self.operations[element] else { return Err(Unusual) };
                *gone = true;
                Ok(Operation::Delete)
            }
            _ => Err(Unusual),
        }
    }

    pub(super) fn put(&self, id: &ObjId) -> Option<u32> {
        match id {
            ObjId::Root => Some(NONE),
            ObjId::Id(put, ..) => u32::try_from(*put).ok(),
        }
    }
}

/// Where the operations are that a change names.
struct Place<'c> {
    ranks: &'c [u32],
    /// The changes that it was made on; nothing: all that were applied.
    before: Option<&'c HashSet<usize>>,
    /// The counter of its own first operation, and its index.
    own: u64,
    first: usize,
    /// The run found last: actor, counters, index of the first.
    run: Option<(u64, Range<u64>, usize)>,
}

impl Place<'_> {
    /// The index of an operation, if it stands before this one in the change or in an ancestor.
    #[inline]
    fn find(&mut self, history: &History<'_>, actor: u64, counter: u64, named: &mut [bool]) -> Read<usize> {
        if let Some((last, counters, first)) = &self.run
            && *last == actor
            && counters.contains(&counter)
        {
            return Ok(first + (counter - counters.start) as usize);
        }
        let at = usize::try_from(actor).map_err(|_| Unusual)?;
        let rank = *self.ranks.get(at).ok_or(Unusual)?;
        named[at] = true;
        if at == 0 && counter >= self.own {
            let index = usize::try_from(counter - self.own).ok().and_then(|n| n.checked_add(self.first));
            return index.filter(|index| *index < history.operations.len()).ok_or(Unusual);
        }
        let changes = &history.by_rank[rank as usize];
        let place = changes.partition_point(|change| history.changes[*change].counters.end <= counter);
        let change = *changes.get(place).ok_or(Unusual)?;
        let Applied { counters, first, .. } = &history.changes[change];
        if !counters.contains(&counter) || self.before.is_some_and(|before| !before.contains(&change)) {
            return Err(Unusual);
        }
        self.run = Some((actor, counters.clone(), *first));
        Ok(first + (counter - counters.start) as usize)
    }
}

fn scalar<'a>(kind: u64, bytes: &'a [u8]) -> Read<Scalar<'a>> {
    let mut rest = Bytes(bytes);
    let value = match kind {
        0 => Scalar::Null,
        1 => Scalar::Bool(false),
        2 => Scalar::Bool(true),
        3 => Scalar::Uint(rest.unsigned()?),
        4 => Scalar::Int(rest.signed()?),
        6 => return std::str::from_utf8(bytes).map(Scalar::Str).map_err(|_| Unusual),
        7 => return Ok(Scalar::Bytes(bytes)),
        // Fractions, counters, times, and whatever is not known yet.
        _ => return Err(Unusual),
    };
    if rest.is_empty() { Ok(value) } else { Err(Unusual) }
}
