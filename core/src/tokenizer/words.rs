//! Text folded and cut into words, or into single characters of scripts that put no spaces between words.

use std::ops::{ControlFlow, Range};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words are indexed by their beginning and compared whole against the text.
pub(super) const MAX_TOKEN: usize = 64;

/// One word, or one character of a script without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) folded: String,
    /// Belongs to a script without spaces.
    pub(super) unspaced: bool,
    /// Stands in one run with the atom before it.
    pub(super) glued: bool,
}

/// An [`Atom`] of a text that is being walked.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) folded: &'a str,
    /// Code points of the text.
    pub(super) range: Range<usize>,
    pub(super) unspaced: bool,
    pub(super) glued: bool,
}

/// As much of a word as the index holds.
pub(super) fn cut(word: &str) -> &str {
    // A word of so many bytes has no more characters, and nearly all are shorter.
    if word.len() <= MAX_TOKEN {
        return word;
    }
    word.char_indices().nth(MAX_TOKEN).map_or(word, |(end, _)| &word[..end])
}

pub(super) fn atoms(text: &str) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let _ = walk(text, |seen| {
        atoms.push(Atom { folded: seen.folded.to_owned(), unspaced: seen.unspaced, glued: seen.glued });
        ControlFlow::Continue(())
    });
    atoms
}

/// Hands the atoms of `text` to `see` in their order, until it breaks off. Keeps one word at a time: this is what
/// deriving an entry and comparing a candidate spend their time in.
pub(super) fn walk(text: &str, see: impl FnMut(Seen<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut cutter = Cutter { see, word: String::new(), place: 0..0, in_run: false };
    let bytes = text.as_bytes();
    // Where we are, in bytes and in code points.
    let (mut at, mut point) = (0, 0);
    let mut cluster = String::new();
    while at < bytes.len() {
        // ASCII that no mark follows folds to its lower case and needs no tables.
        let plain = bytes[at..].iter().position(|byte| !byte.is_ascii()).map_or(bytes.len(), |length| at + length);
        let end = if plain == bytes.len() || !text[plain..].starts_with(continues) { plain } else { plain.max(1) - 1 };
        if at < end {
            cutter.ascii(&text[at..end], point)?;
            point += end - at;
            at = end;
            continue;
        }
        let mut chars = text[at..].chars();
        cluster.clear();
        cluster.extend(chars.next());
        let mut length = 1;
        while let Some(next) = chars.clone().next().filter(|next| continues(*next)) {
            chars.next();
            cluster.push(next);
            length += 1;
        }
        at = bytes.len() - chars.as_str().len();
        for c in cluster.nfkd().filter(|c| !dropped(*c)).flat_map(char::to_lowercase).flat_map(Plain::of).nfc() {
            cutter.push(c, point..point + length)?;
        }
        point += length;
    }
    cutter.flush()
}

/// Puts folded characters together to atoms.
struct Cutter<F> {
    see: F,
    /// The word that is not at its end yet, and where it stands; empty between words.
    word: String,
    place: Range<usize>,
    /// The last atom is unspaced, and nothing stood between it and here.
    in_run: bool,
}

impl<F: FnMut(Seen<'_>) -> ControlFlow<()>> Cutter<F> {
    /// `text` is ASCII and begins at the code point `point`.
    fn ascii(&mut self, text: &str, point: usize) -> ControlFlow<()> {
        let mut at = 0;
        while let Some(first) = text.as_bytes().get(at) {
            if !first.is_ascii_alphanumeric() {
                self.flush()?;
                self.in_run = false;
                at += 1;
                continue;
            }
            let rest = &text[at..];
            let run = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())];
            let from = self.word.len();
            self.extend(run, point + at..point + at + run.len());
            self.word[from..].make_ascii_lowercase();
            at += run.len();
        }
        ControlFlow::Continue(())
    }

    fn push(&mut self, c: char, range: Range<usize>) -> ControlFlow<()> {
        let letter = c.is_alphanumeric() || is_combining_mark(c);
        let mut bytes = [0; 4];
        let folded = c.encode_utf8(&mut bytes);
        if letter && !unspaced(c) {
            self.extend(folded, range);
            return ControlFlow::Continue(());
        }
        self.flush()?;
        if letter {
            (self.see)(Seen { folded, range, unspaced: true, glued: self.in_run })?;
        }
        self.in_run = letter;
        ControlFlow::Continue(())
    }

    fn extend(&mut self, letters: &str, range: Range<usize>) {
        self.in_run = false;
        if self.word.is_empty() {
            self.place.start = range.start;
        }
        self.word.push_str(letters);
        self.place.end = range.end;
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if self.word.is_empty() {
            return ControlFlow::Continue(());
        }
        let seen = Seen { folded: &self.word, range: self.place.clone(), unspaced: false, glued: false };
        let went = (self.see)(seen);
        self.word.clear();
        went
    }
}

/// Whether a character is folded together with the one before it: marks, the vowels and finals of decomposed Hangul,
/// and the half-width voice marks of Katakana.
fn continues(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FB}' | '\u{FF9E}' | '\u{FF9F}')
}

/// Marks that people leave out when they search, and characters that show nothing. Marks that make another letter of
/// their base (Kana's voice marks, the vowel signs of Indic scripts) stay.
pub(super) fn dropped(c: char) -> bool {
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
pub(super) enum Plain {
    One(Option<char>),
    Two(std::str::Chars<'static>),
}

impl Plain {
    pub(super) fn of(c: char) -> Self {
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
pub(super) fn unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1100}'..='\u{11FF}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{3035}'
        | '\u{3038}'..='\u{303C}' | '\u{3041}'..='\u{309A}' | '\u{309D}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}'
        | '\u{30FC}'..='\u{30FF}' | '\u{3105}'..='\u{312F}' | '\u{3131}'..='\u{318E}' | '\u{31A0}'..='\u{31BF}'
        | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}'
        | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AA7F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{1AFF0}'..='\u{1B16F}' | '\u{20000}'..='\u{3FFFF}')
}
