//! The part of a text that shows why it was found.

use unicode_normalization::char::is_combining_mark;

/// About how many code points an excerpt has.
pub const EXCERPT_LEN: usize = 160;
/// How many of them stand before the first hit.
const BEFORE: usize = 40;
/// How far an edge is moved to stand at a space.
const REACH: usize = 20;

/// About [`EXCERPT_LEN`] code points around the first of `ranges` (the beginning where there is none), on one line, with
/// an ellipsis where text was left out; and the ranges that lie in it, moved to where they are now.
pub fn excerpt(text: &str, ranges: &[(usize, usize)]) -> (String, Vec<(usize, usize)>) {
    // Only as much of the text is looked at as the excerpt may need.
    let hit = ranges.first().map_or(0, |range| range.0);
    let skip = hit.saturating_sub(BEFORE + REACH);
    let near: Vec<char> = text.chars().skip(skip).take(BEFORE + REACH + EXCERPT_LEN + REACH + 1).collect();
    let hit = hit - skip;

    let mut start = hit.saturating_sub(BEFORE);
    if skip + start > 0 {
        let space = (start.saturating_sub(REACH)..start).rev().find(|at| near[*at].is_whitespace());
        start = space.map_or_else(|| whole(&near, start), |at| at + 1);
    } else {
        start = 0;
    }
    let full = start + EXCERPT_LEN;
    let mut end = near.len();
    if near.len() > full {
        let floor = hit.max(full - REACH);
        end = (floor..=full).rev().find(|at| near[*at].is_whitespace()).unwrap_or_else(|| whole(&near, full));
    }
    // Both edges at white space leave none of it.
    while start < end && near[start].is_whitespace() {
        start += 1;
    }
    while end > start && near[end - 1].is_whitespace() {
        end -= 1;
    }

    let (cut_before, cut_after) = (skip + start > 0, text.chars().nth(skip + end).is_some());
    let mut out = String::new();
    if cut_before {
        out.push('…');
    }
    // One for one, so that the ranges stay right.
    out.extend(near[start..end].iter().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { *c }));
    if cut_after {
        out.push('…');
    }
    let moved = |at: usize| at.clamp(skip + start, skip + end) - skip - start + usize::from(cut_before);
    let ranges = ranges.iter().map(|(from, to)| (moved(*from), moved(*to))).filter(|(from, to)| from < to).collect();
    (out, ranges)
}

/// The nearest place at or before `at` that does not part a mark or a joined emoji from what it belongs to.
fn whole(text: &[char], at: usize) -> usize {
    let joined = |at: usize| {
        let follows = |c: char| {
            is_combining_mark(c)
                || matches!(c, '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}')
        };
        let flag = |c: char| matches!(c, '\u{1F1E6}'..='\u{1F1FF}');
        text.get(at).is_some_and(|c| follows(*c))
            || (at > 0 && text[at - 1] == '\u{200D}')
            || (at > 0 && flag(text[at - 1]) && text.get(at).is_some_and(|c| flag(*c)))
    };
    let mut place = at;
    while place > 0 && joined(place) {
        place -= 1;
    }
    // A heap of marks longer than we look back belongs to no letter one could keep whole.
    if at - place > REACH { at } else { place }
}
