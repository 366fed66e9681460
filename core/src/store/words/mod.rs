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

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use self::excerpt::{EXCERPT_LEN, excerpt};
pub use self::query::{Matcher, Query};

/// Grows whenever the same text gives other tokens: the search rows of an older number must be made again, because a
/// row is deleted with the tokens it was made from.
pub const VERSION: u32 = 1;

/// Longer words are indexed by their beginning and compared whole against the text.
pub(super) const MAX_TOKEN: usize = 64;

/// The tokens of `text`, each once, sorted, separated by spaces: exactly what goes into the index.
pub fn tokens(text: &str) -> String {
    let mut found = BTreeSet::new();
    add_tokens(&atoms(text), &mut found);
    found.into_iter().collect::<Vec<_>>().join(" ")
}

/// The tokens of one entry's search row: those of its title and text, and the title's once more behind [`query::TITLE`].
pub(super) fn row_tokens(title: &str, text: &str) -> String {
    let mut found = BTreeSet::new();
    let title = atoms(title);
    add_tokens(&title, &mut found);
    let mut found: BTreeSet<String> = found.into_iter().flat_map(|t| [format!("{}{t}", query::TITLE), t]).collect();
    add_tokens(&atoms(text), &mut found);
    found.into_iter().collect::<Vec<_>>().join(" ")
}

/// One word, or one character of a script without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Atom {
    folded: String,
    /// Code points of the original text.
    range: Range<usize>,
    /// Belongs to a script without spaces.
    unspaced: bool,
    /// Stands in one run with the atom before it.
    glued: bool,
}

fn add_tokens(atoms: &[Atom], found: &mut BTreeSet<String>) {
    for (at, atom) in atoms.iter().enumerate() {
        if atom.unspaced {
            let successor = atoms.get(at + 1).filter(|next| next.glued).map_or("", |next| &next.folded);
            found.insert(format!("{}{successor}", atom.folded));
        } else {
            found.insert(cut(&atom.folded).to_owned());
        }
    }
}

/// As much of a word as the index holds.
fn cut(word: &str) -> &str {
    word.char_indices().nth(MAX_TOKEN).map_or(word, |(end, _)| &word[..end])
}

fn atoms(text: &str) -> Vec<Atom> {
    let mut cutter = Cutter::default();
    let mut chars = text.chars().enumerate().peekable();
    let mut cluster = String::new();
    while let Some((start, first)) = chars.next() {
        let mut end = start + 1;
        let continued = chars.peek().is_some_and(|(_, next)| continues(*next));
        if first.is_ascii() && !continued {
            cutter.push(first.to_ascii_lowercase(), start..end);
            continue;
        }
        cluster.clear();
        cluster.push(first);
        while let Some((_, next)) = chars.next_if(|(_, next)| continues(*next)) {
            cluster.push(next);
            end += 1;
        }
        let folded: String =
            cluster.nfkd().filter(|c| !dropped(*c)).flat_map(char::to_lowercase).flat_map(Plain::of).nfc().collect();
        for c in folded.chars() {
            cutter.push(c, start..end);
        }
    }
    cutter.flush();
    cutter.atoms
}

/// Puts folded characters together to atoms.
#[derive(Default)]
struct Cutter {
    atoms: Vec<Atom>,
    word: Option<(String, Range<usize>)>,
    /// The last atom is unspaced, and nothing stood between it and here.
    in_run: bool,
}

impl Cutter {
    fn push(&mut self, c: char, range: Range<usize>) {
        let letter = c.is_alphanumeric() || is_combining_mark(c);
        if letter && !unspaced(c) {
            self.in_run = false;
            let (word, place) = self.word.get_or_insert_with(|| (String::new(), range.clone()));
            word.push(c);
            place.end = range.end;
            return;
        }
        self.flush();
        if letter {
            self.atoms.push(Atom { folded: c.to_string(), range, unspaced: true, glued: self.in_run });
        }
        self.in_run = letter;
    }

    fn flush(&mut self) {
        if let Some((folded, range)) = self.word.take() {
            self.atoms.push(Atom { folded, range, unspaced: false, glued: false });
        }
    }
}

/// Whether a character is folded together with the one before it: marks, the vowels and finals of decomposed Hangul,
/// and the half-width voice marks of Katakana.
fn continues(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FB}' | '\u{FF9E}' | '\u{FF9F}')
}

/// Marks that people leave out when they search, and characters that show nothing. Marks that make another letter of
/// their base (Kana's voice marks, the vowel signs of Indic scripts) stay.
fn dropped(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0487}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}'
        | '\u{05C1}' | '\u{05C2}' | '\u{05C4}' | '\u{05C5}' | '\u{05C7}' | '\u{0610}'..='\u{061A}' | '\u{0640}'
        | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06DC}' | '\u{06DF}'..='\u{06E4}' | '\u{06E7}'
        | '\u{06E8}' | '\u{06EA}'..='\u{06ED}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}'
        | '\u{00AD}' | '\u{180B}'..='\u{180F}' | '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{E0100}'..='\u{E01EF}')
}

/// Letters that readers take for others and Unicode does not decompose.
enum Plain {
    One(Option<char>),
    Two(std::str::Chars<'static>),
}

impl Plain {
    fn of(c: char) -> Self {
        Self::Two(
            match c {
                'ß' => "ss",
                'æ' => "ae",
                'œ' => "oe",
                'ø' => "o",
                'ł' => "l",
                'đ' | 'ð' => "d",
                'ħ' => "h",
                'ı' => "i",
                'þ' => "th",
                'ς' => "σ",
                _ => return Self::One(Some(c)),
            }
            .chars(),
        )
    }
}

impl Iterator for Plain {
    type Item = char;
    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(c) => c.take(),
            Self::Two(chars) => chars.next(),
        }
    }
}

/// Whether a folded character belongs to a script that is written without spaces between words. Hangul has spaces, but
/// endings grow onto its words, so it is searched by substring too.
fn unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1100}'..='\u{11FF}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{3035}'
        | '\u{3038}'..='\u{303C}' | '\u{3041}'..='\u{309A}' | '\u{309D}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}'
        | '\u{30FC}'..='\u{30FF}' | '\u{3105}'..='\u{312F}' | '\u{3131}'..='\u{318E}' | '\u{31A0}'..='\u{31BF}'
        | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}'
        | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AA7F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{1AFF0}'..='\u{1B16F}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests;
