//! Change chunks as they come from outside: their header, and what they would cost to open.
//!
//! A chunk's columns are run-length encoded, so a few bytes can name billions of operations; the compressed form can
//! inflate without end (trap l). [`ChangeHeader::parse`] reads the header and adds the runs up, without unfolding
//! them, and refuses what no writer could have made. Layout: the Automerge binary format,
//! <https://automerge.org/automerge-binary-format-spec/>, section 6 (chunks) and 7 (columns).

use std::collections::HashMap;
use std::ops::Range;

use automerge::Change;
use sha2::{Digest, Sha256};

use super::bounds::{MAX_CHANGE, MAX_CHANGE_OPERATIONS, MAX_DEPENDENCIES};
use super::contain::contained;
use crate::id::ChangeHash;

/// Most bytes that a change's keys may unfold to, and most predecessors that its operations may name.
const MAX_WEIGHT: u64 = 32 << 20;
/// Longest actor id.
const MAX_ACTOR: usize = 64;

/// Bytes that are not an uncompressed change chunk, or one that no writer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a change that can be read")]
pub struct MalformedChange;

/// What a change says about itself before its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// Its hash: SHA-256 over type, length and contents.
    pub hash: ChangeHash,
    /// The actor that made it: 16 random bytes in every change of ours.
    pub actor: Vec<u8>,
    /// Its number among that actor's changes, from 1.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// The changes it was made on.
    pub deps: Vec<ChangeHash>,
    /// How many operations it has.
    pub operations: u64,
}

/// A change that is ready to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) header: ChangeHeader,
    pub(super) change: Change,
}

/// The hash that a chunk has, whether or not it can be read: everything after magic and checksum.
pub fn change_hash(bytes: &[u8]) -> ChangeHash {
    ChangeHash::from_bytes(Sha256::digest(bytes.get(8..).unwrap_or_default()).into())
}

impl ChangeHeader {
    /// Reads the header of one uncompressed change chunk, in time and memory bounded by its length.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedChange> {
        Ok(read_chunk(bytes, false).ok_or(MalformedChange)?.0)
    }
}

/// Opens a chunk whose header is sound and whose unfolding is bounded.
pub(super) fn open(bytes: &[u8]) -> Result<Opened, MalformedChange> {
    let header = ChangeHeader::parse(bytes)?;
    let change = contained(|| Change::try_from(bytes)).map_err(|_| MalformedChange)?.map_err(|_| MalformedChange)?;
    // Automerge numbers operations in 32 bits and overflows beyond.
    let last = header.start_op.checked_add(change.len() as u64).ok_or(MalformedChange)?;
    let same = change.hash().0 == *header.hash.as_bytes() && change.len() as u64 == header.operations;
    if same && last <= u64::from(u32::MAX) { Ok(Opened { header, change }) } else { Err(MalformedChange) }
}

/// Runs of operation counters, each with the actor whose operations they are.
pub(super) type References = Vec<(Vec<u8>, Range<u64>)>;

/// The operations of other changes that a sound chunk refers to. In memory only as long as one change is looked at: a
/// chunk of a megabyte may name a million.
pub(super) fn references(bytes: &[u8]) -> References {
    read_chunk(bytes, true).map(|(_, references)| references).unwrap_or_default()
}

/// How many operations a chunk has by its action column, read without a look at the rest; none of what is no change.
pub(super) fn operations(bytes: &[u8]) -> u64 {
    let count = || {
        let Front { columns, mut rest, .. } = Front::of(bytes)?;
        for (spec, len) in columns {
            let bytes = rest.take(len)?;
            if spec == ACTION {
                return Column::of(spec)?.rows(bytes);
            }
        }
        None
    };
    count().unwrap_or_default()
}

/// A chunk up to its columns.
struct Front<'a> {
    deps: Vec<ChangeHash>,
    /// Its own, then the others that it names.
    actors: Vec<&'a [u8]>,
    seq: u64,
    start_op: u64,
    time: i64,
    columns: Vec<(u64, usize)>,
    rest: Bytes<'a>,
}

impl<'a> Front<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut chunk = Bytes(bytes);
        // Type 1 is a change; 0 a document, 2 a compressed change, 3 a bundle: none of these travels.
        let of_a_change =
            chunk.take(4)? == [0x85, 0x6f, 0x4a, 0x83] && chunk.take(4).is_some() && chunk.take(1)? == [1];
        if bytes.len() > MAX_CHANGE || !of_a_change || chunk.length()? != chunk.0.len() {
            return None;
        }
        let count = chunk.length()?;
        if count as u64 > MAX_DEPENDENCIES {
            return None;
        }
        let deps = chunk.take(count.checked_mul(ChangeHash::LEN)?)?;
        let deps = deps.chunks_exact(ChangeHash::LEN).filter_map(ChangeHash::from_slice).collect();
        let mut actors = vec![chunk.actor()?];
        let seq = chunk.unsigned()?;
        let start_op = chunk.unsigned()?;
        let time = chunk.signed()?;
        let message = chunk.length()?;
        chunk.take(message)?;
        for _ in 0..chunk.length()? {
            actors.push(chunk.actor()?);
        }
        let mut columns = Vec::new();
        for _ in 0..chunk.length()? {
            columns.push((chunk.unsigned()?, chunk.length()?));
        }
        Some(Self { deps, actors, seq, start_op, time, columns, rest: chunk })
    }
}

fn read_chunk(bytes: &[u8], with_references: bool) -> Option<(ChangeHeader, References)> {
    let hash = change_hash(bytes);
    if bytes.get(4..8)? != &hash.as_bytes()[..4] {
        return None;
    }
    let Front { deps, actors, seq, start_op, time, columns, rest: mut chunk } = Front::of(bytes)?;
    let mut operations = 0;
    let mut contents = HashMap::new();
    for (spec, len) in columns {
        let bytes = chunk.take(len)?;
        let rows = Column::of(spec)?.rows(bytes)?;
        // One row of the action column for each operation.
        if spec == ACTION {
            operations = rows;
        }
        // A column stands there once, or two readers could read two different changes.
        if contents.insert(spec, bytes).is_some() {
            return None;
        }
    }
    let own = start_op..start_op.checked_add(operations)?;
    let references = if with_references { named(&contents, &actors, own)? } else { References::new() };
    let header = ChangeHeader { hash, seq, start_op, time, deps, operations, actor: actors[0].to_vec() };
    (seq > 0 && start_op > 0).then_some((header, references))
}

/// The operations of other changes that the columns name, in runs.
fn named(contents: &HashMap<u64, &[u8]>, actors: &[&[u8]], own: Range<u64>) -> Option<References> {
    let mut references = References::new();
    for (actor_column, counter_column, delta) in REFERENCES {
        let column = |spec| contents.get(spec).copied().unwrap_or_default();
        let counters = Rows::new(column(counter_column), *delta);
        for (actor, counter) in Rows::new(column(actor_column), false).zip(counters) {
            let (Some(actor), Some(counter)) = (actor, counter) else { continue };
            let (actor, counter) = (*actors.get(usize::try_from(actor).ok()?)?, u64::try_from(counter).ok()?);
            if actor == actors[0] && own.contains(&counter) {
                continue;
            }
            match references.last_mut() {
                // Text that was typed on runs through its own operations, text that was deleted through another's.
                Some((last, range)) if last.as_slice() == actor && range.end == counter => range.end += 1,
                Some((last, range)) if last.as_slice() == actor && range.contains(&counter) => {}
                _ => references.push((actor.to_vec(), counter..counter.checked_add(1)?)),
            }
        }
    }
    Some(references)
}

/// One row for each operation.
const ACTION: u64 = 4 << 4 | 2;
/// The columns that name operations by actor and counter: object, key element, predecessors; and whether the counters
/// are stored as differences.
const REFERENCES: &[(u64, u64, bool)] = &[(0x01, 0x02, false), (0x11, 0x13, true), (0x71, 0x73, true)];

/// The rows of a number column, one after the other. Its length was checked before.
struct Rows<'a> {
    column: Bytes<'a>,
    delta: bool,
    sum: i64,
    /// Rows left of the run at hand, and its value; a literal reads a value for each row.
    left: u64,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Same(i64),
    Literal,
    Null,
}

impl<'a> Rows<'a> {
    fn new(bytes: &'a [u8], delta: bool) -> Self {
        Self { column: Bytes(bytes), delta, sum: 0, left: 0, run: Run::Null }
    }

    fn value(&mut self) -> Option<i64> {
        if self.delta { self.column.signed() } else { self.column.unsigned().and_then(|n| i64::try_from(n).ok()) }
    }
}

impl Iterator for Rows<'_> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Option<i64>> {
        while self.left == 0 {
            (self.left, self.run) = match self.column.signed()? {
                0 => (self.column.unsigned()?, Run::Null),
                run if run > 0 => (run as u64, Run::Same(self.value()?)),
                literal => (literal.unsigned_abs(), Run::Literal),
            };
        }
        self.left -= 1;
        let value = match self.run {
            Run::Null => return Some(None),
            Run::Same(value) => value,
            Run::Literal => self.value()?,
        };
        if !self.delta {
            return Some(Some(value));
        }
        self.sum = self.sum.checked_add(value)?;
        Some(Some(self.sum))
    }
}

/// How a column's bytes unfold.
enum Column {
    Group,
    Number,
    Delta,
    Boolean,
    Text,
    Raw,
}

impl Column {
    fn of(spec: u64) -> Option<Self> {
        if spec & 8 != 0 {
            return None; // deflated
        }
        Some(match spec & 7 {
            0 => Self::Group,
            1 | 2 | 6 => Self::Number,
            3 => Self::Delta,
            4 => Self::Boolean,
            5 => Self::Text,
            _ => Self::Raw,
        })
    }

    /// How many rows the column has; nothing where that, or what they add up to, is beyond the limits.
    fn rows(&self, bytes: &[u8]) -> Option<u64> {
        let mut column = Bytes(bytes);
        let (mut rows, mut weight) = (0u64, 0u64);
        while !column.0.is_empty() {
            let run = match self {
                Self::Raw => return Some(0),
                Self::Boolean => column.unsigned()?,
                _ => match column.signed()? {
                    0 => column.unsigned()?,
                    run if run > 0 => {
                        weight = weight.checked_add(self.value(&mut column)?.checked_mul(run as u64)?)?;
                        run as u64
                    }
                    literal => {
                        for _ in 0..literal.unsigned_abs() {
                            weight = weight.checked_add(self.value(&mut column)?)?;
                        }
                        literal.unsigned_abs()
                    }
                },
            };
            rows = rows.checked_add(run)?;
            if rows > MAX_CHANGE_OPERATIONS || weight > MAX_WEIGHT {
                return None;
            }
        }
        Some(rows)
    }

    /// Reads one value and says what each of its rows weighs.
    fn value(&self, column: &mut Bytes<'_>) -> Option<u64> {
        Some(match self {
            Self::Group => column.unsigned()?,
            Self::Text => {
                let len = column.length()?;
                column.take(len)?;
                len as u64
            }
            Self::Delta => {
                column.signed()?;
                0
            }
            _ => {
                column.unsigned()?;
                0
            }
        })
    }
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let mut value = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let used = shift + 7;
                return Some(if used < 64 && byte & 0x40 != 0 { value | (-1i64 << used) } else { value });
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.unsigned()?).ok()
    }

    fn actor(&mut self) -> Option<&'a [u8]> {
        let len = self.length()?;
        if len > MAX_ACTOR { None } else { self.take(len) }
    }
}
