//! How text becomes what search compares: folded, cut into words, and written as tokens for the index.
//!
//! Folding: compatibility decomposition (NFKD), diacritics of Latin, Greek, Cyrillic, Hebrew and Arabic dropped, lower
//! case, a few letters that Unicode does not decompose (ß, ø, ł, æ …), composed again. A *word* is a run of letters,
//! digits and the marks that stay. Scripts that put no spaces between words (Han, Kana, Hangul, Thai, Lao, Khmer,
//! Burmese) are searched by substring: in the index each character stands with its successor, and the last of a run
//! alone, so one character, two, and (with a look at the text) any number are found wherever they stand.
//!
//! Everything that is found is reported in code points of the text as it was given, not as it was folded.

mod excerpt;
mod query;
mod words;

use std::ops::{ControlFlow, Range};

pub use self::excerpt::{EXCERPT_LEN, excerpt};
pub(crate) use self::query::Asked;
pub use self::query::{Matcher, Query};
use self::words::{cut, walk};

/// The tokens of `text`, each once, sorted, separated by spaces: exactly what goes into the index.
pub fn tokens(text: &str) -> String {
    let mut found = Tokens::default();
    found.add(text);
    found.joined()
}

/// The tokens of one entry's search row: those of its title and the other texts, and the title's once more marked as
/// such. Depends on nothing but the texts, so it may be computed anywhere, by several at once.
pub fn row_tokens<'t>(title: &str, texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut found = Tokens::default();
    found.add(title);
    found.mark();
    for text in texts {
        found.add(text);
    }
    found.joined()
}

/// Tokens one after the other in one string, and where each stands in it: an entry has hundreds.
#[derive(Debug, Default)]
struct Tokens {
    all: String,
    spans: Vec<Range<usize>>,
}

impl Tokens {
    fn add(&mut self, text: &str) {
        // A character of a script without spaces waits for its successor.
        let mut waiting = false;
        let _ = walk(text, |atom| {
            if waiting {
                let start = self.spans.last().map_or(0, |span| span.end);
                if atom.glued {
                    self.all.push_str(atom.folded);
                }
                self.spans.push(start..self.all.len());
            }
            waiting = atom.unspaced;
            let start = self.all.len();
            if atom.unspaced {
                self.all.push_str(atom.folded);
            } else {
                self.all.push_str(cut(atom.folded));
                self.spans.push(start..self.all.len());
            }
            ControlFlow::Continue(())
        });
        if waiting {
            let start = self.spans.last().map_or(0, |span| span.end);
            self.spans.push(start..self.all.len());
        }
    }

    /// Adds every token found so far once more, marked as a title's.
    fn mark(&mut self) {
        for at in 0..self.spans.len() {
            let (start, token) = (self.all.len(), self.spans[at].clone());
            let Some(first) = self.all[token.clone()].chars().next() else { continue };
            let (mark, moved) = query::title_first(first);
            self.all.extend(mark);
            self.all.push(moved);
            self.all.extend_from_within(token.start + first.len_utf8()..token.end);
            self.spans.push(start..self.all.len());
        }
    }

    fn joined(mut self) -> String {
        let token = |span: &Range<usize>| &self.all[span.clone()];
        self.spans.sort_unstable_by(|a, b| token(a).cmp(token(b)));
        self.spans.dedup_by(|a, b| token(a) == token(b));
        let mut joined = String::with_capacity(self.all.len());
        for span in &self.spans {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(token(span));
        }
        joined
    }
}

#[cfg(test)]
mod tests;
