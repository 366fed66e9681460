//! What a person asks for: words, `"a phrase"`, `prefix*`; as an expression for the index and as a look at the text.

use std::collections::BTreeSet;

use super::{Atom, MAX_TOKEN, atoms, cut};

/// Text after this many code points of a query is left out of it.
const MAX_QUERY: usize = 1000;
/// The index is asked for at most this many tokens; the look at the text has them all.
const MAX_ASKED: usize = 32;
/// In the index, a token of a title stands a second time behind this character, which is in no token.
pub(in crate::store) const TITLE: char = '\u{E000}';

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
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Token(String),
    Prefix(String),
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

    /// The FTS5 expression that every match fulfils; `title` asks for it in titles alone. Empty for an empty query.
    pub(in crate::store) fn expression(&self, title: bool) -> String {
        let mark = if title { TITLE.to_string() } else { String::new() };
        let quoted = |token: &str| format!("\"{mark}{}\"", token.replace('"', "\"\""));
        self.asked()
            .iter()
            .take(MAX_ASKED)
            .map(|asked| match asked {
                Asked::Token(token) => quoted(token),
                Asked::Prefix(token) => format!("{}*", quoted(token)),
            })
            .collect::<Vec<_>>()
            .join(" AND ")
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

    /// Whether the term stands in `text` at `at`.
    fn stands(&self, text: &[Atom], at: usize) -> bool {
        let Some(place) = text.get(at..at + self.atoms.len()) else { return false };
        self.atoms.iter().zip(place).enumerate().all(|(index, (asked, found))| {
            let prefix = self.prefix && !asked.unspaced && index + 1 == self.atoms.len();
            let same = if prefix { found.folded.starts_with(&asked.folded) } else { found.folded == asked.folded };
            same && (index == 0 || !asked.glued || found.glued)
        })
    }

    fn occurs(&self, text: &[Atom]) -> bool {
        (0..text.len()).any(|at| self.stands(text, at))
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
        let mut open: Vec<&Term> = self.query.terms.iter().collect();
        if open.is_empty() {
            return false;
        }
        for field in fields {
            let text = atoms(field);
            open.retain(|term| !term.occurs(&text));
            if open.is_empty() {
                return true;
            }
        }
        false
    }

    /// Where the terms stand in `text`: ranges of its code points, in order, none touching another.
    pub fn find(&self, text: &str) -> Vec<(usize, usize)> {
        let text = atoms(text);
        // How far the longest match from each atom reaches: no more than the text itself, however many terms match it.
        let mut reach = vec![0; text.len()];
        for term in &self.query.terms {
            for at in (0..text.len()).filter(|at| term.stands(&text, *at)) {
                reach[at] = term.atoms.len().max(reach[at]);
            }
        }
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for (at, length) in reach.into_iter().enumerate().filter(|(_, length)| *length > 0) {
            let found = text[at].range.start..text[at + length - 1].range.end;
            match ranges.last_mut() {
                Some((_, end)) if found.start <= *end => *end = found.end.max(*end),
                _ => ranges.push((found.start, found.end)),
            }
        }
        ranges
    }
}
