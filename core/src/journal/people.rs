//! People in text: tokens where it is stored, `@Name` where it is edited.
//!
//! A text holds `{{p:` + ten lower-case base32 characters + `}}` and never a name; the name is in the people document
//! alone. An editor shows `@Name`, or `@Name~2` and so on where several people have one name: the lowest token has the
//! bare name. A token of nobody, or one that is malformed, shows as `@?`.
//!
//! [`People::to_tokens`] turns an edited text back. It compares it with what the editor was given: whatever the writer left
//! alone is stored exactly as before, token by token. So `@?` keeps the token that it stood for, text that merely looks
//! like a name stays text, and a person who was renamed or has a namesake by now is not confused, as long as both
//! directions use the same [`People`]. Only what the writer changed is searched for names, the longest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::diff::splices;
use crate::time::{Entropy, random};

/// Characters of a token.
const TOKEN: usize = 10;
const OPEN: &str = "{{p:";
const CLOSE: &str = "}}";
/// What stands for a person nobody knows.
const NOBODY: &str = "@?";
/// A brace that is farther away does not close a token.
const MAX_TOKEN: usize = 64;

/// Someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Ten lower-case base32 characters.
    pub token: String,
    /// What the writer calls them.
    pub name: String,
    /// What public texts may call them.
    pub aliases: BTreeSet<String>,
}

/// Everybody in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    people: BTreeMap<String, Person>,
    /// Token → name as shown, without `@`.
    shown: BTreeMap<String, String>,
    /// Name as shown → token.
    tokens: BTreeMap<String, String>,
}

impl FromIterator<Person> for People {
    fn from_iter<I: IntoIterator<Item = Person>>(people: I) -> Self {
        let people: BTreeMap<_, _> = people.into_iter().map(|person| (person.token.clone(), person)).collect();
        let (mut shown, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        let mut next: BTreeMap<&str, u32> = BTreeMap::new();
        for (token, person) in &people {
            let count = next.entry(&person.name).or_insert(0);
            let name = loop {
                *count += 1;
                let name = if *count == 1 { person.name.clone() } else { format!("{}~{count}", person.name) };
                if !tokens.contains_key(&name) {
                    break name;
                }
            };
            tokens.insert(name.clone(), token.clone());
            shown.insert(token.clone(), name);
        }
        Self { people, shown, tokens }
    }
}

/// Whether this is a person's token: ten lower-case base32 characters.
pub fn is_token(text: &str) -> bool {
    text.len() == TOKEN && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// A fresh token.
pub fn new_token(entropy: &mut dyn Entropy) -> String {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
    random::<TOKEN>(entropy).iter().map(|byte| alphabet[usize::from(byte & 31)] as char).collect()
}

/// The text that stores a person.
pub fn in_text(token: &str) -> String {
    format!("{OPEN}{token}{CLOSE}")
}

/// Whether a name can stand in a text: one line, no `@`, no braces, no more than 200 bytes.
pub fn sound_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name == name.trim()
        && name != "?"
        && !name.chars().any(|c| c.is_control() || matches!(c, '@' | '{' | '}'))
}

/// A stored text in pieces.
enum Piece<'a> {
    Words(&'a str),
    /// A whole `{{p:…}}`, and the token in it if it is one.
    Person(&'a str, Option<&'a str>),
}

fn pieces(stored: &str) -> Vec<Piece<'_>> {
    let (mut out, mut rest) = (Vec::new(), stored);
    let mut from = 0;
    while let Some(at) = rest[from..].find(OPEN).map(|at| from + at) {
        let inside = &rest[at + OPEN.len()..];
        let end = inside.char_indices().take(MAX_TOKEN).find(|(_, c)| matches!(c, '}' | '{' | '\n'));
        match end {
            Some((end, _)) if inside[end..].starts_with(CLOSE) => {
                if at > 0 {
                    out.push(Piece::Words(&rest[..at]));
                }
                let whole = &rest[at..at + OPEN.len() + end + CLOSE.len()];
                out.push(Piece::Person(whole, Some(&inside[..end]).filter(|token| is_token(token))));
                rest = &rest[at + whole.len()..];
                from = 0;
            }
            _ => from = at + OPEN.len(),
        }
    }
    if !rest.is_empty() {
        out.push(Piece::Words(rest));
    }
    out
}

impl People {
    /// Everybody, by token.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// Who a token stands for.
    pub fn get(&self, token: &str) -> Option<&Person> {
        self.people.get(token)
    }

    /// The name that an editor shows for a token, without its `@`.
    pub fn shown_name(&self, token: &str) -> Option<&str> {
        self.shown.get(token).map(String::as_str)
    }

    /// What an editor shows for a stored text.
    pub fn shown(&self, stored: &str) -> String {
        self.render(stored).0
    }

    /// The shown text, and where (in bytes) each person of the stored text stands in it.
    fn render<'a>(&self, stored: &'a str) -> (String, Vec<(std::ops::Range<usize>, &'a str)>) {
        let (mut text, mut people) = (String::with_capacity(stored.len()), Vec::new());
        for piece in pieces(stored) {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Person(whole, token) => {
                    let start = text.len();
                    match token.and_then(|token| self.shown_name(token)) {
                        Some(name) => {
                            text.push('@');
                            text.push_str(name);
                        }
                        None => text.push_str(NOBODY),
                    }
                    people.push((start..text.len(), whole));
                }
            }
        }
        (text, people)
    }

    /// What to store for an edited text. `base` is the stored text that the editor was given through
    /// [`shown`](Self::shown), empty for a new text.
    pub fn to_tokens(&self, edited: &str, base: &str) -> String {
        let (given, people) = self.render(base);
        if edited == given {
            return base.to_owned();
        }
        let kept = Kept::of(&given, edited);
        let mut out = String::with_capacity(edited.len());
        // People that the writer left alone, where they stand in the edited text.
        let mut alone: Vec<(std::ops::Range<usize>, &str)> = people
            .into_iter()
            .filter_map(|(range, whole)| {
                let start = kept.place(range.start)?;
                let end = start + range.len();
                if !range.clone().all(|at| kept.place(at) == Some(start + (at - range.start))) {
                    return None;
                }
                // A letter typed right behind a name makes another word of it, and a word perhaps a longer name.
                let longer = self.longest(&edited[start + 1..], &edited[start + 1..]);
                let longer = longer.is_some_and(|(name, _)| (end..start + 1 + name.len()).any(|at| kept.is_new(at)));
                let grown = longer || kept.is_new(end) && continues(&edited[start..end], &edited[end..]);
                (!grown).then_some((start..end, whole))
            })
            .collect();
        alone.push((edited.len()..edited.len(), ""));
        let mut from = 0;
        for (range, whole) in alone {
            self.read_names(edited, from..range.start, &kept, &mut out);
            out.push_str(whole);
            from = range.end;
        }
        out
    }

    /// Appends a stretch of the edited text, with names that the writer touched turned into tokens.
    fn read_names(&self, edited: &str, stretch: std::ops::Range<usize>, kept: &Kept, out: &mut String) {
        let mut from = stretch.start;
        while let Some(at) = edited[from..stretch.end].find('@').map(|at| from + at) {
            out.push_str(&edited[from..at]);
            let end =
                (!follows_a_word(&edited[..at])).then(|| self.longest(&edited[at + 1..stretch.end], &edited[at + 1..]));
            match end.flatten() {
                Some((name, token)) if kept.touched(at..at + 1 + name.len()) => {
                    out.push_str(&in_text(token));
                    from = at + 1 + name.len();
                }
                _ => {
                    out.push('@');
                    from = at + 1;
                }
            }
        }
        out.push_str(&edited[from..stretch.end]);
    }

    /// The longest name that `text` begins with and that ends where a word does.
    fn longest<'a>(&'a self, text: &str, with_rest: &str) -> Option<(&'a str, &'a str)> {
        // Names that `text` begins with lie at or before it in order, sharing its first characters.
        let longest =
            text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 220).collect::<Vec<_>>();
        longest.iter().rev().find_map(|end| {
            let (name, token) = self.tokens.get_key_value(&text[..*end])?;
            (!continues(name, &with_rest[*end..])).then_some((name.as_str(), token.as_str()))
        })
    }
}

/// A stored text as search and export see it: names for tokens, nothing for people nobody knows.
pub fn names_in(text: &str, people: &People) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Words(words) => words,
            Piece::Person(_, token) => token.and_then(|token| people.get(token)).map_or("", |person| &person.name),
        })
        .collect()
}

/// The tokens of a stored text, each once, in order of first appearance.
pub fn tokens_in(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Person(_, Some(token)) if seen.insert(token) => Some(token.to_owned()),
            _ => None,
        })
        .collect()
}

/// Which bytes of an edited text were there before, and where.
struct Kept {
    /// For each byte of the given text, its place in the edited one.
    places: Vec<Option<usize>>,
    /// For each byte of the edited text, whether it is new; one more for its end.
    new: Vec<bool>,
    /// Places of the edited text at which something was taken out.
    cuts: BTreeSet<usize>,
}

impl Kept {
    fn of(given: &str, edited: &str) -> Self {
        let mut kept =
            Self { places: vec![None; given.len()], new: vec![false; edited.len() + 1], cuts: BTreeSet::new() };
        let (mut point, mut from, mut to) = (0, 0, 0);
        let bytes = |text: &str, points: usize| text.chars().take(points).map(char::len_utf8).sum::<usize>();
        let keep = |kept: &mut Self, from: usize, to: usize, len: usize| {
            for at in 0..len {
                kept.places[from + at] = Some(to + at);
            }
        };
        for splice in splices(given, edited) {
            let same = bytes(&given[from..], splice.range.start - point);
            keep(&mut kept, from, to, same);
            (from, to) = (from + same, to + same);
            let gone = bytes(&given[from..], splice.range.len());
            if gone > 0 {
                kept.cuts.insert(to);
            }
            kept.new[to..to + splice.text.len()].fill(true);
            (from, to, point) = (from + gone, to + splice.text.len(), splice.range.end);
        }
        keep(&mut kept, from, to, given.len() - from);
        kept
    }

    fn place(&self, given: usize) -> Option<usize> {
        self.places.get(given).copied().flatten()
    }

    fn is_new(&self, edited: usize) -> bool {
        self.new.get(edited).copied().unwrap_or(false) || self.cuts.contains(&edited)
    }

    /// Whether the writer changed anything in a range of the edited text, or right at one of its ends.
    fn touched(&self, range: std::ops::Range<usize>) -> bool {
        self.new[range.start..=range.end].iter().any(|new| *new)
            || self.cuts.range(range.start..=range.end).next().is_some()
            || range.start > 0 && self.new[range.start - 1]
    }
}

/// Whether a word that ends with `before` goes on in `after`: `Mary` in `Maryann`. Scripts that put no spaces between
/// words never go on: `王明去了` is Wang Ming, who left.
fn continues(before: &str, after: &str) -> bool {
    let (Some(last), Some(next)) = (before.chars().next_back(), after.chars().next()) else { return false };
    let letter = |c: char| (c.is_alphanumeric() || c == '_') && !unspaced(c);
    letter(last) && letter(next)
}

/// Whether an `@` behind `before` is part of an address and not the beginning of a name.
fn follows_a_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| (c.is_alphanumeric() || c == '_') && !unspaced(c))
}

/// Thai, Lao, Burmese, Khmer, kana, ideographs: no spaces between words.
fn unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        [("aaaaaaaaaa", "Mary"), ("bbbbbbbbbb", "Mary"), ("cccccccccc", "Mary Ann"), ("dddddddddd", "王明")]
            .map(|(token, name)| Person { token: token.into(), name: name.into(), aliases: BTreeSet::new() })
            .into_iter()
            .collect()
    }

    #[test]
    fn names_become_tokens_and_come_back() {
        let people = people();
        for (shown, stored) in [
            ("@Mary left.", "{{p:aaaaaaaaaa}} left."),
            ("With @Mary~2, and @Mary Ann.", "With {{p:bbbbbbbbbb}}, and {{p:cccccccccc}}."),
            ("我和@王明去了", "我和{{p:dddddddddd}}去了"),
            ("@Maryann, mail me@Mary.org, @nobody, @", "@Maryann, mail me@Mary.org, @nobody, @"),
            ("@Mary@Mary~2", "{{p:aaaaaaaaaa}}@Mary~2"),
            ("(@Mary)'s", "({{p:aaaaaaaaaa}})'s"),
        ] {
            assert_eq!(people.to_tokens(shown, ""), stored);
            assert_eq!(people.shown(stored), shown);
            assert_eq!(people.to_tokens(shown, stored), stored);
        }
    }

    #[test]
    fn nobody_keeps_the_token_it_stands_for() {
        let people = people();
        let stored = "{{p:zzzzzzzzzz}} met {{p:no token}} and {{p:yyyyyyyyyy}}; {{p: open, @? typed";
        assert_eq!(people.shown(stored), "@? met @? and @?; {{p: open, @? typed");
        assert_eq!(people.to_tokens("@? saw @? and @?; {{p: open, @? typed", stored), stored.replace("met", "saw"));
        // The second one is taken out; the others stay who they are, a new one is text.
        assert_eq!(
            people.to_tokens("@? met and @?; {{p: open, @? typed @?", stored),
            "{{p:zzzzzzzzzz}} met and {{p:yyyyyyyyyy}}; {{p: open, @? typed @?"
        );
    }

    #[test]
    fn what_the_writer_left_alone_is_stored_as_before() {
        let people = people();
        // Text that looks like a name, written before there was a Mary.
        let stored = "@Mary is text, {{p:aaaaaaaaaa}} is not.";
        assert_eq!(people.shown(stored), "@Mary is text, @Mary is not.");
        assert_eq!(people.to_tokens("@Mary is text, @Mary is not!", stored), "@Mary is text, {{p:aaaaaaaaaa}} is not!");
        // A token directly before a letter shows as another word, and is still the token.
        assert_eq!(people.to_tokens("@Maryann!", "{{p:aaaaaaaaaa}}ann"), "{{p:aaaaaaaaaa}}ann!");
        // A letter typed behind a name makes it another word.
        assert_eq!(people.to_tokens("Hi @Marya", "Hi {{p:aaaaaaaaaa}}"), "Hi @Marya");
        assert_eq!(people.to_tokens("Hi @Mary", "Hi @Mar"), "Hi {{p:aaaaaaaaaa}}");
        assert_eq!(people.to_tokens("Hi @Mary Ann", "Hi {{p:aaaaaaaaaa}}"), "Hi {{p:cccccccccc}}");
        assert_eq!(people.to_tokens("Hi @Mary~2", "Hi {{p:aaaaaaaaaa}}"), "Hi {{p:bbbbbbbbbb}}");
    }

    #[test]
    fn search_sees_names_and_lists_see_tokens() {
        let text = "{{p:bbbbbbbbbb}} and {{p:zzzzzzzzzz}} and {{p:bbbbbbbbbb}}";
        assert_eq!(names_in(text, &people()), "Mary and  and Mary");
        assert_eq!(tokens_in(text), ["bbbbbbbbbb", "zzzzzzzzzz"]);
    }

    #[test]
    fn a_namesake_that_is_called_like_a_number_takes_no_ones_place() {
        let people: People = [("aaaaaaaaaa", "Bo~2"), ("bbbbbbbbbb", "Bo"), ("cccccccccc", "Bo")]
            .map(|(token, name)| Person { token: token.into(), name: name.into(), aliases: BTreeSet::new() })
            .into_iter()
            .collect();
        let shown: Vec<_> = people.iter().filter_map(|person| people.shown_name(&person.token)).collect();
        assert_eq!(shown, ["Bo~2", "Bo", "Bo~3"]);
    }

    #[test]
    fn any_edit_of_any_text_converts_and_shows_as_written() {
        let people = people();
        let parts =
            ["@Mary", " ", "{{p:aaaaaaaaaa}}", "{{p:zzzzzzzzzz}}", "Ann", "@?", "@", "王明", "{{p:", "}}", "~2", "é\n"];
        let mut state = 5u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        for _ in 0..5000 {
            let mut text = |n: usize| -> String { (0..n).map(|_| parts[next(parts.len())]).collect() };
            let (base, other) = (text(8), people.shown(&text(6)));
            assert_eq!(people.to_tokens(&people.shown(&base), &base), base);
            // What is typed is what is shown again, unless it was a token typed by hand.
            let stored = people.to_tokens(&other, &base);
            if !other.contains("{{p:") {
                assert_eq!(people.shown(&stored), other, "{base:?}");
            }
        }
    }
}
