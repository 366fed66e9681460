//! A growable set of numbers: which adds and removes a statement's author had seen.
//!
//! A statement's view is nearly its parents'. Sets are made of pieces, and a piece that two sets have alike is one piece
//! of memory: a chain of 40,000 statements would otherwise take 40,000 times its own length.

use std::sync::Arc;

const WORDS: usize = 16;
/// Numbers in one piece.
const PIECE: usize = 64 * WORDS;

type Piece = Option<Arc<[u64; WORDS]>>;

/// A set of numbers. Equal sets may differ in empty pieces, so it has no equality of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<Piece>);

impl Bits {
    /// Every number below `len`.
    pub(super) fn below(len: usize) -> Self {
        let full = Arc::new([u64::MAX; WORDS]);
        let mut bits = Self(vec![Some(full); len / PIECE]);
        (len / PIECE * PIECE..len).for_each(|number| bits.insert(number));
        bits
    }

    pub(super) fn insert(&mut self, number: usize) {
        let at = number / PIECE;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        let words = Arc::make_mut(self.0[at].get_or_insert_default());
        words[number % PIECE / 64] |= 1 << (number % 64);
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        let piece = self.0.get(number / PIECE).and_then(Option::as_ref);
        piece.is_some_and(|words| words[number % PIECE / 64] >> (number % 64) & 1 == 1)
    }

    pub(super) fn union(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), None);
        }
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            let Some(theirs) = theirs else { continue };
            match ours {
                None => *ours = Some(theirs.clone()),
                Some(ours) if Arc::ptr_eq(ours, theirs) || holds(ours, theirs) => {}
                Some(ours) if holds(theirs, ours) => *ours = theirs.clone(),
                Some(ours) => {
                    let words = Arc::make_mut(ours);
                    words.iter_mut().zip(theirs.iter()).for_each(|(ours, theirs)| *ours |= theirs);
                }
            }
        }
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let words =
            self.0.iter().flat_map(|piece| (0..WORDS).map(move |at| piece.as_ref().map_or(0, |words| words[at])));
        words.enumerate().flat_map(|(at, word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        })
    }

    /// The pieces, for counting what memory sets take that share some.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> impl Iterator<Item = *const u64> {
        self.0.iter().flatten().map(|piece| piece.as_ptr())
    }
}

/// Whether one piece has all that another has.
fn holds(ours: &[u64; WORDS], theirs: &[u64; WORDS]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| theirs & !ours == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_across_words() {
        let mut bits = Bits::default();
        for number in [0, 63, 64, 200] {
            bits.insert(number);
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 200]);
        assert!(bits.contains(64) && !bits.contains(65) && !bits.contains(10_000));
        let mut other = Bits::below(3);
        other.union(&bits);
        assert_eq!(other.iter().collect::<Vec<_>>(), [0, 1, 2, 63, 64, 200]);
        assert_eq!(Bits::below(64).iter().count(), 64);
        assert_eq!(Bits::below(65).iter().count(), 65);
        assert_eq!(Bits::below(5000).iter().collect::<Vec<_>>(), (0..5000).collect::<Vec<_>>());
    }

    #[test]
    fn what_two_sets_have_alike_is_one_piece_of_memory() {
        let mut first = Bits::below(3000);
        let mut second = first.clone();
        second.insert(3001);
        assert_eq!(first.pieces().zip(second.pieces()).map(|(a, b)| a == b).collect::<Vec<_>>(), [true, true, false]);
        first.union(&second);
        assert!(first.pieces().eq(second.pieces()), "all that the other has is the other's");
    }
}
