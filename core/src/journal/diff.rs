//! Where one text became another: splices that never cut through what a reader sees as one character.
//!
//! Tokens are words (Unicode's rules), so that two people who change different words of a paragraph change different
//! splices. Within a changed run the common beginning and end are kept, character by character, so that `cat` and
//! `cats` differ by one letter. Work is bounded: where texts have too little in common, the run is replaced whole.

use std::collections::HashMap;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Replace the code points `range` of the old text by `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice<'a> {
    /// Code points of the old text that go.
    pub range: Range<usize>,
    /// What comes in their place, a slice of the new text.
    pub text: &'a str,
}

/// Edits beyond this many tokens in one run are not searched for their smallest form.
const MAX_EDITS: usize = 400;
/// Steps that one run may cost.
const MAX_STEPS: usize = 50_000_000;

/// The splices that turn `old` into `new`: in order, not touching each other.
pub fn splices<'a>(old: &str, new: &'a str) -> Vec<Splice<'a>> {
    let mut out = Vec::new();
    // Lines first: cheap, and a paragraph that moved away does not cost a search over its words.
    let (old_lines, new_lines): (Vec<_>, Vec<_>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let mut at = Position::default();
    for (gone, come) in changed_runs(&old_lines, &new_lines) {
        at.advance(&old_lines, gone.start);
        let (old_text, new_text) = (slice(old, &old_lines, &gone), slice(new, &new_lines, &come));
        words(old_text, new_text, at.points, &mut out);
    }
    out
}

/// How far one has come through a list of tokens, in code points.
#[derive(Default)]
struct Position {
    token: usize,
    points: usize,
}

impl Position {
    fn advance(&mut self, tokens: &[&str], to: usize) {
        self.points += tokens[self.token..to].iter().map(|token| token.chars().count()).sum::<usize>();
        self.token = to;
    }
}

/// The slice of `text` that the tokens in `range` cover. Tokens lie one after the other in `text`.
fn slice<'a>(text: &'a str, tokens: &[&str], range: &Range<usize>) -> &'a str {
    let start: usize = tokens[..range.start].iter().map(|token| token.len()).sum();
    let len: usize = tokens[range.clone()].iter().map(|token| token.len()).sum();
    &text[start..start + len]
}

fn words<'a>(old: &str, new: &'a str, base: usize, out: &mut Vec<Splice<'a>>) {
    let (left, old, new) = narrowed(old, new);
    let base = base + left;
    let (old_words, new_words) = (tokens(old), tokens(new));
    let mut at = Position::default();
    for (gone, come) in changed_runs(&old_words, &new_words) {
        at.advance(&old_words, gone.start);
        let (old_text, new_text) = (slice(old, &old_words, &gone), slice(new, &new_words, &come));
        let (prefix, old_text, new_text) = trim(old_text, new_text);
        let start = base + at.points + prefix;
        out.push(Splice { range: start..start + old_text.chars().count(), text: new_text });
    }
}

/// Equal bytes that stay behind a change: a word that only came may slide over them, see [`slide`].
const ROOM: usize = 64;

/// Drops what both texts begin and end with, as far as their words are the same with and without it: an edit of a long
/// text costs its own length and not the text's. Says how many code points the beginning had.
fn narrowed<'a, 'b>(old: &'a str, new: &'b str) -> (usize, &'a str, &'b str) {
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let begin = word_begins(old, (1..same).rev()).unwrap_or(0);
    let points = old[..begin].chars().count();
    let (old, new) = (&old[begin..], &new[begin..]);
    let same = old.bytes().rev().zip(new.bytes().rev()).take_while(|(a, b)| a == b).count();
    let end = word_begins(old, (old.len() - same + 1).saturating_add(ROOM)..old.len()).map_or(0, |at| old.len() - at);
    (points, &old[..old.len() - end], &new[..new.len() - end])
}

/// The first of these places at which a word begins whatever stands before the space in front of it. Only ASCII: there no
/// rule of Unicode's joins what is left of the place with what is right of it.
fn word_begins(text: &str, mut places: impl Iterator<Item = usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    places.find(|at| bytes[at - 1] == b' ' && bytes.get(*at).is_some_and(u8::is_ascii_alphanumeric))
}

/// Drops the characters that both begin and both end with; says how many code points the beginning had.
fn trim<'a, 'b>(mut old: &'a str, mut new: &'b str) -> (usize, &'a str, &'b str) {
    let mut prefix = 0;
    let same = |pair: &(&str, &str)| pair.0 == pair.1;
    let bytes: usize =
        old.graphemes(true).zip(new.graphemes(true)).take_while(same).map(|(character, _)| character.len()).sum();
    prefix += old[..bytes].chars().count();
    (old, new) = (&old[bytes..], &new[bytes..]);
    let bytes: usize = old
        .graphemes(true)
        .rev()
        .zip(new.graphemes(true).rev())
        .take_while(same)
        .map(|(character, _)| character.len())
        .sum();
    (old, new) = (&old[..old.len() - bytes], &new[..new.len() - bytes]);
    (prefix, old, new)
}

/// Words and what lies between them; a boundary is never inside a character.
fn tokens(text: &str) -> Vec<&str> {
    let mut characters = text.grapheme_indices(true).map(|(at, _)| at).peekable();
    let mut cuts = Vec::new();
    for (at, _) in text.split_word_bound_indices() {
        while characters.next_if(|character| *character < at).is_some() {}
        if characters.peek() == Some(&at) {
            cuts.push(at);
        }
    }
    cuts.push(text.len());
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// The runs of tokens that differ, in order, with at least one equal token between two of them.
fn changed_runs(old: &[&str], new: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let suffix = old[prefix..].iter().rev().zip(new[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - suffix, new.len() - suffix);
    if prefix == old_end && prefix == new_end {
        return Vec::new();
    }
    let mut numbers = HashMap::new();
    let mut number = |tokens: &[&str]| -> Vec<u32> {
        tokens
            .iter()
            .map(|token| {
                let next = numbers.len() as u32;
                *numbers.entry((*token).to_owned()).or_insert(next)
            })
            .collect()
    };
    let (a, b) = (number(&old[prefix..old_end]), number(&new[prefix..new_end]));
    let Some(kept) = common(&a, &b) else { return vec![(prefix..old_end, prefix..new_end)] };
    let mut runs = Vec::new();
    let (mut x, mut y) = (0, 0);
    for (i, j) in kept.into_iter().chain([(a.len(), b.len())]) {
        if i > x || j > y {
            runs.push((prefix + x..prefix + i, prefix + y..prefix + j));
        }
        (x, y) = (i + 1, j + 1);
    }
    slide(&mut runs, old, new);
    runs
}

/// Moves what only came or only went as far back as the tokens allow: a sentence added at the end is ` Four.` behind
/// the last full stop, not `. Four` before it.
fn slide(runs: &mut [(Range<usize>, Range<usize>)], old: &[&str], new: &[&str]) {
    let (mut old_end, mut new_end) = (old.len(), new.len());
    for (gone, come) in runs.iter_mut().rev() {
        // One equal token at least stays between two runs.
        let room = |gone: &Range<usize>, come: &Range<usize>| gone.end < old_end && come.end < new_end;
        while room(gone, come)
            && (gone.start == gone.end && new[come.start] == new[come.end]
                || come.start == come.end && old[gone.start] == old[gone.end])
        {
            (*gone, *come) = (gone.start + 1..gone.end + 1, come.start + 1..come.end + 1);
        }
        (old_end, new_end) = (gone.start.saturating_sub(1), come.start.saturating_sub(1));
    }
}

/// The pairs of equal positions of a shortest edit script (Myers, "An O(ND) difference algorithm", 1986), or nothing
/// where it would cost too much.
fn common(a: &[u32], b: &[u32]) -> Option<Vec<(usize, usize)>> {
    if a.is_empty() || b.is_empty() {
        return Some(Vec::new());
    }
    let limit = MAX_EDITS.min(MAX_STEPS / (a.len() + b.len())).min(a.len() + b.len());
    let offset = limit as isize + 1;
    let at = |k: isize| (k + offset) as usize;
    let mut furthest = vec![0usize; 2 * limit + 3];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    for edits in 0..=limit as isize {
        trace.push(furthest[at(-edits) - 1..=at(edits) + 1].to_vec());
        for k in (-edits..=edits).step_by(2) {
            let down = k == -edits || (k != edits && furthest[at(k - 1)] < furthest[at(k + 1)]);
            let mut x = if down { furthest[at(k + 1)] } else { furthest[at(k - 1)] + 1 };
            let mut y = (x as isize - k) as usize;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[at(k)] = x;
            if x >= a.len() && y >= b.len() {
                return Some(backtrack(a.len(), b.len(), &trace));
            }
        }
    }
    None
}

/// Walks the search back from the end and collects the diagonals.
fn backtrack(mut x: usize, mut y: usize, trace: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    for (edits, furthest) in trace.iter().enumerate().rev() {
        let edits = edits as isize;
        let k = x as isize - y as isize;
        // `furthest` holds the diagonals -edits-1 ..= edits+1.
        let get = |k: isize| furthest.get((k + edits + 1) as usize).copied().unwrap_or(0);
        let down = k == -edits || (k != edits && get(k - 1) < get(k + 1));
        let (from_x, from_y) = if edits == 0 {
            (0, 0)
        } else {
            let from_k = if down { k + 1 } else { k - 1 };
            let from_x = get(from_k);
            (from_x, (from_x as isize - from_k) as usize)
        };
        let (start_x, start_y) = match (edits, down) {
            (0, _) => (0, 0),
            (_, true) => (from_x, from_y + 1),
            (_, false) => (from_x + 1, from_y),
        };
        while x > start_x && y > start_y {
            (x, y) = (x - 1, y - 1);
            kept.push((x, y));
        }
        (x, y) = (from_x, from_y);
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(old: &str, splices: &[Splice<'_>]) -> String {
        let mut out: Vec<char> = old.chars().collect();
        for splice in splices.iter().rev() {
            out.splice(splice.range.clone(), splice.text.chars());
        }
        out.into_iter().collect()
    }

    #[test]
    fn one_changed_word_is_one_small_splice() {
        let found = splices("The cat sat on the mat.", "The cats sat on the mat.");
        assert_eq!(found, [Splice { range: 7..7, text: "s" }]);
        let found = splices("one two three four", "one 2 three 4");
        assert_eq!(found, [Splice { range: 4..7, text: "2" }, Splice { range: 14..18, text: "4" }]);
        assert!(splices("same\ntext", "same\ntext").is_empty());
    }

    #[test]
    fn a_splice_never_cuts_a_character() {
        // A family of three becomes a family of two; a letter gets an accent; a flag becomes another.
        for (old, new) in
            [("a 👩‍👩‍👧 b", "a 👩‍👩 b"), ("cafe\u{301}s", "cafes"), ("🇩🇪🇫🇷", "🇩🇰🇫🇷"), ("क्षि", "क्ष"), ("각", "가")]
        {
            for splice in splices(old, new) {
                let cuts: Vec<usize> = old
                    .grapheme_indices(true)
                    .map(|(at, _)| old[..at].chars().count())
                    .chain([old.chars().count()])
                    .collect();
                assert!(cuts.contains(&splice.range.start) && cuts.contains(&splice.range.end), "{old} {splice:?}");
            }
            assert_eq!(applied(old, &splices(old, new)), new);
        }
    }

    #[test]
    fn any_two_texts_are_joined_by_their_splices() {
        let alphabet: Vec<&str> = "a b c\n 你 好 é e\u{301} 👩‍👧 ש ر . ,  \n\n word words".split(' ').collect();
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        for _ in 0..3000 {
            let mut text = |n: usize| -> String { (0..n).map(|_| alphabet[next(alphabet.len())]).collect() };
            let (old, new) = (text(24), text(20));
            let found = splices(&old, &new);
            assert_eq!(applied(&old, &found), new);
            assert!(found.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        }
    }

    #[test]
    fn a_long_text_is_cut_where_its_words_stay_what_they_are() {
        let words = ["rain ", "e\u{301} ", "don't ", "3.14 ", "👩‍👧 ", "你好 ", "a", " ", "  ", "\n", "u.s. "];
        let mut state = 11u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        for _ in 0..3000 {
            let mut text = |n: usize| -> String { (0..n).map(|_| words[next(words.len())]).collect() };
            let (before, old, new, after) = (text(30), text(3), text(3), text(60));
            let (old, new) = (format!("{before}{old}{after}"), format!("{before}{new}{after}"));
            let (points, narrow_old, narrow_new) = narrowed(&old, &new);
            let begin: usize = old.chars().take(points).map(char::len_utf8).sum();
            let end = begin + narrow_old.len();
            for (whole, narrow) in [(&old, narrow_old), (&new, narrow_new)] {
                let cut = [tokens(&old[..begin]), tokens(narrow), tokens(&old[end..])].concat();
                assert_eq!(cut, tokens(whole), "{old:?} {new:?}");
            }
        }
        let long = "It rained all day. ".repeat(400);
        let edited = format!("{}And then. {}", &long[..1900], &long[1900..]);
        let (_, old, new) = narrowed(&long, &edited);
        assert!(old.len() < 200 && new.len() < 200, "{} {}", old.len(), new.len());
    }

    #[test]
    fn texts_with_nothing_in_common_stay_cheap() {
        let old: String = (0..200_000).map(|n| format!("{n} ")).collect();
        let new: String = (0..200_000).map(|n| format!("{} ", n * 7 + 1)).collect();
        let start = std::time::Instant::now();
        assert_eq!(applied(&old, &splices(&old, &new)), new);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
