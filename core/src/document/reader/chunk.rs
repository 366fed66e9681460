//! A change chunk cut into its front and its columns, in the one form in which Automerge writes it.

use super::super::change::change_hash;
use super::columns::{Bytes, Read, Unusual};
use crate::id::ChangeHash;

/// The front of a change chunk, and its columns.
pub(super) struct Chunk<'a> {
    pub(super) hash: ChangeHash,
    pub(super) deps: Vec<ChangeHash>,
    /// Its own, then the others that it names.
    pub(super) actors: Vec<&'a [u8]>,
    pub(super) seq: u64,
    pub(super) start: u64,
    pub(super) time: i64,
    pub(super) columns: [Option<&'a [u8]>; COLUMNS.len()],
}

/// Object, key, insert, action, value, predecessors: the columns that our changes have, in their order.
pub(super) const COLUMNS: [u64; 12] = [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73];

impl<'a> Chunk<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Read<Self> {
        let hash = change_hash(bytes);
        let mut chunk = Bytes(bytes);
        let (magic, checksum) = (chunk.take(4)?, chunk.take(4)?);
        if magic != [0x85, 0x6f, 0x4a, 0x83] || checksum != &hash.as_bytes()[..4] || chunk.take(1)? != [1] {
            return Err(Unusual);
        }
        if chunk.length()? != chunk.0.len() {
            return Err(Unusual);
        }
        let count = chunk.length()?;
        let deps = chunk.take(count.checked_mul(ChangeHash::LEN).ok_or(Unusual)?)?;
        let deps: Vec<_> = deps.chunks_exact(ChangeHash::LEN).filter_map(ChangeHash::from_slice).collect();
        let mut actors = vec![chunk.prefixed()?];
        let (seq, start, time) = (chunk.unsigned()?, chunk.unsigned()?, chunk.signed()?);
        if !chunk.prefixed()?.is_empty() || seq == 0 || start == 0 {
            return Err(Unusual);
        }
        for _ in 0..chunk.length()? {
            actors.push(chunk.prefixed()?);
        }
        // In order, each once, none of them its own: so they are written.
        if !actors[1..].is_sorted_by(|a, b| a < b) || actors[1..].contains(&actors[0]) || actors[0].len() != 16 {
            return Err(Unusual);
        }
        let mut lengths = Vec::new();
        let mut at = 0;
        for _ in 0..chunk.length()? {
            let (spec, len) = (chunk.unsigned()?, chunk.unsigned()?);
            let place = COLUMNS[at..].iter().position(|known| *known == spec).ok_or(Unusual)? + at;
            lengths.push((place, usize::try_from(len).ok().filter(|len| *len > 0).ok_or(Unusual)?));
            at = place + 1;
        }
        let mut columns = [None; COLUMNS.len()];
        for (place, len) in lengths {
            columns[place] = Some(chunk.take(len)?);
        }
        if chunk.is_empty() { Ok(Self { hash, deps, actors, seq, start, time, columns }) } else { Err(Unusual) }
    }
}
