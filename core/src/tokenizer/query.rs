//! What a person asks for: words, `"a phrase"`, `prefix*`; as an expression for the index and as a look at the text.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::words::{Atom, MAX_TOKEN, Seen, atoms, cut, walk};

/// Text after this many code points of a query is left out of it.
const MAX_QUERY: usize = 1000;
/// The index is asked for at most this many tokens; the look at the text has them all.
const MAX_ASKED: usize = 32;
/// In the index, a token of a title stands a second time with its first character moved up by so much, to the private
/// planes, where no letter is: so it is as long as the token, and beginnings of one to three characters have an index too.
const TITLE: u32 = 0xF_0000;
/// Stands before the characters that can't be moved up so far. No letter either.
const MARK: char = '\u{E000}';

/// A query: every term must occur in an entry, each within one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// Atoms that follow each other; one atom for a plain word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    atoms: Vec<Atom>,
    /// Of the last word, the beginning is enough.
    prefix: bool,
}

/// What the index is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// A whole token.
    Token(String),
    /// Every token that begins so.
    Prefix(String),
}

/// What stands in a title's token in the place of its first character.
pub(super) fn title_first(first: char) -> (Option<char>, char) {
    match char::from_u32(u32::from(first) + TITLE) {
        Some(moved) => (None, moved),
        None => (Some(MARK), first),
    }
}

fn in_title(token: &str) -> String {
    let mut rest = token.chars();
    let Some((mark, first)) = rest.next().map(title_first) else { return String::new() };
    mark.into_iter().chain([first]).chain(rest).collect()
}

impl Query {
    /// Reads what a person typed. Every text is a query: what has no meaning in one separates words.
    pub fn parse(text: &str) -> Self {
        let mut terms = Vec::new();
        let mut piece = String::new();
        let mut in_phrase = false;
        let mut chars = text.chars().take(MAX_QUERY).peekable();
        let mut end = |piece: &mut String, prefix: bool| {
            let atoms = atoms(piece);
            piece.clear();
            let term = Term { atoms, prefix };
            // Once is enough, and a text is compared with every term.
            if !term.atoms.is_empty() && !terms.contains(&term) {
                terms.push(term);
            }
        };
        while let Some(c) = chars.next() {
            match c {
                // Phones type curly ones.
                '"' | '“' | '”' | '„' | '‟' => {
                    let prefix = in_phrase && chars.next_if_eq(&'*').is_some();
                    end(&mut piece, prefix);
                    in_phrase = !in_phrase;
                }
                '*' if !in_phrase && chars.peek().is_none_or(|next| next.is_whitespace()) => end(&mut piece, true),
                c if c.is_whitespace() && !in_phrase => end(&mut piece, false),
                c => piece.push(c),
            }
        }
        end(&mut piece, false);
        Self { terms }
    }

    /// Whether there is nothing to look for: no letter and no digit.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether what the index finds must still be compared with the text: phrases, runs of three and more characters,
    /// very long words.
    pub fn needs_text(&self) -> bool {
        self.asked().len() > MAX_ASKED || self.terms.iter().any(Term::needs_text)
    }

    /// What the index must hold of every match, in the whole entry or, for `title`, in its title alone. Nothing for an
    /// empty query.
    pub(crate) fn of_index(&self, title: bool) -> Vec<Asked> {
        let marked = |token: String| if title { in_title(&token) } else { token };
        self.asked()
            .into_iter()
            .take(MAX_ASKED)
            .map(|asked| match asked {
                Asked::Token(token) => Asked::Token(marked(token)),
                Asked::Prefix(token) => Asked::Prefix(marked(token)),
            })
            .collect()
    }

    fn asked(&self) -> BTreeSet<Asked> {
        self.terms.iter().flat_map(Term::asked).collect()
    }
}

impl Term {
    fn needs_text(&self) -> bool {
        match self.atoms.as_slice() {
            [one] => one.folded.chars().nth(MAX_TOKEN).is_some(),
            [_, two] => !two.glued,
            _ => true,
        }
    }

    fn asked(&self) -> Vec<Asked> {
        let glued = |at: usize| self.atoms.get(at).is_some_and(|atom| atom.glued);
        let mut asked = Vec::new();
        for (at, atom) in self.atoms.iter().enumerate() {
            let last = at + 1 == self.atoms.len();
            if !atom.unspaced {
                let token = cut(&atom.folded).to_owned();
                asked.push(if self.prefix && last { Asked::Prefix(token) } else { Asked::Token(token) });
            } else if glued(at + 1) {
                asked.push(Asked::Token(format!("{}{}", atom.folded, self.atoms[at + 1].folded)));
            } else if !glued(at) {
                // Alone in the query, it may have any successor in the text. (The last of a longer run is in the pair before.)
                asked.push(Asked::Prefix(atom.folded.clone()));
            }
        }
        asked
    }

    /// Whether an atom of a text may stand where the term has its atom `index`, after those before it.
    fn fits(&self, index: usize, found: &Seen<'_>) -> bool {
        let Some(asked) = self.atoms.get(index) else { return false };
        let prefix = self.prefix && !asked.unspaced && index + 1 == self.atoms.len();
        let same = if prefix { found.folded.starts_with(&asked.folded) } else { found.folded == asked.folded };
        same && (index == 0 || !asked.glued || found.glued)
    }
}

/// A term being looked for in a text that goes by.
#[derive(Debug)]
struct Trace<'q> {
    term: &'q Term,
    /// Where it may have begun, and how many of its atoms stood there: fewer than it has atoms.
    begun: Vec<(usize, usize)>,
}

impl<'q> Trace<'q> {
    fn new(term: &'q Term) -> Self {
        Self { term, begun: Vec::new() }
    }

    /// Takes the next atom; answers where the longest occurrence that ends with it begins.
    fn step(&mut self, found: &Seen<'_>) -> Option<usize> {
        let (term, length) = (self.term, self.term.atoms.len());
        let mut whole = None;
        self.begun.retain_mut(|(start, stood)| {
            let fits = term.fits(*stood, found);
            *stood += 1;
            if fits && *stood == length {
                whole = whole.or(Some(*start));
            }
            fits && *stood < length
        });
        if term.fits(0, found) {
            match length {
                1 => whole = whole.or(Some(found.range.start)),
                _ => self.begun.push((found.range.start, 1)),
            }
        }
        whole
    }
}

/// Compares a query with texts themselves.
#[derive(Debug, Clone)]
pub struct Matcher<'a> {
    query: &'a Query,
}

impl<'a> Matcher<'a> {
    /// A matcher for `query`.
    pub fn new(query: &'a Query) -> Self {
        Self { query }
    }

    /// Whether every term stands in one of the fields. An empty query stands nowhere.
    pub fn matches<'t>(&self, fields: impl IntoIterator<Item = &'t str>) -> bool {
        let mut open: Vec<Trace<'_>> = self.query.terms.iter().map(Trace::new).collect();
        if open.is_empty() {
            return false;
        }
        fields.into_iter().any(|field| {
            open.iter_mut().for_each(|trace| trace.begun.clear());
            let all_found = walk(field, |found| {
                open.retain_mut(|trace| trace.step(&found).is_none());
                if open.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            all_found.is_break()
        })
    }

    /// Where the terms stand in `text`: ranges of its code points, in order, none touching another. They take no more
    /// room than the text, however many terms stand in it.
    pub fn find(&self, text: &str) -> Vec<(usize, usize)> {
        let mut traces: Vec<Trace<'_>> = self.query.terms.iter().map(Trace::new).collect();
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let _ = walk(text, |found| {
            // Each occurrence ends where we are, so it can only swallow the last ranges.
            if let Some(mut start) = traces.iter_mut().filter_map(|trace| trace.step(&found)).min() {
                while let Some((from, _)) = ranges.pop_if(|(_, to)| *to >= start) {
                    start = from.min(start);
                }
                ranges.push((start, found.range.end));
            }
            ControlFlow::Continue(())
        });
        ranges
    }
}
