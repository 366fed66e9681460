//! The journal that every program writes: 20,000 made-up words drawn by Zipf's law, as natural text has them; an entry is
//! a title, three tags, two times and a body of 500 words, written in ten sittings.
//!
//! An entry depends on its number and nothing else, so that two programs, two runs and two machines write the same.

use std::collections::HashSet;

/// Words of a body where nothing else is said.
pub const WORDS: usize = 500;
/// Sittings in which a body is written: each becomes one change.
pub const SITTINGS: usize = 10;
/// What every small edit inserts: 22 characters.
pub const EDIT: &str = "hello brave new words ";
/// Every so many entries one ends with a sentence in Chinese characters, so that there is something to search for.
const CJK_EVERY: usize = 50;
const VOCABULARY: usize = 20_000;
const HEADS: [&str; 22] =
    ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "th", "st", "ch", "tr", "br"];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "ou", "ai"];
const TAILS: [&str; 7] = ["n", "s", "t", "r", "ng", "ly", "ed"];
const CJK: &str = "今天失败了日记写作心情好坏工作学习朋友家人时间明昨早晚春夏秋冬山水火木金土";

/// SplitMix64: small, fast, the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Bytes that don't compress.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let number = self.number().to_le_bytes();
            part.copy_from_slice(&number[..part.len()]);
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Five words.
    pub title: String,
    /// Three.
    pub tags: Vec<String>,
    /// Milliseconds since 1970: a higher number was written later.
    pub created: i64,
    /// The last sitting.
    pub updated: i64,
    /// Paragraphs.
    pub body: String,
}

impl Entry {
    /// Bytes of text a person wrote: title, tags and body.
    pub fn text_bytes(&self) -> u64 {
        (self.title.len() + self.body.len() + self.tags.iter().map(String::len).sum::<usize>()) as u64
    }

    /// The body in [`SITTINGS`] pieces: the character at which each begins, and the piece.
    pub fn sittings(&self) -> Vec<(usize, String)> {
        let letters: Vec<char> = self.body.chars().collect();
        let at = |number: usize| letters.len() * number / SITTINGS;
        (0..SITTINGS).map(|number| (at(number), letters[at(number)..at(number + 1)].iter().collect())).collect()
    }

    /// The body as it reads after each sitting.
    pub fn drafts(&self) -> Vec<String> {
        let mut draft = String::with_capacity(self.body.len());
        let mut drafts = Vec::with_capacity(SITTINGS);
        for (_, piece) in self.sittings() {
            draft.push_str(&piece);
            drafts.push(draft.clone());
        }
        drafts
    }

    /// The entry as a text file, the way a folder of notes has it.
    pub fn file(&self) -> String {
        format!(
            "---\ntitle: {}\ntags: [{}]\ncreated: {}\nupdated: {}\n---\n\n{}\n",
            self.title,
            self.tags.join(", "),
            self.created,
            self.updated,
            self.body
        )
    }
}

/// A kind of question, and one of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The kind, as figures are named by it.
    pub kind: &'static str,
    /// As Afterword takes it; FTS5 reads the same syntax.
    pub text: String,
}

/// The writer.
#[derive(Debug, Clone)]
pub struct Corpus {
    words: Vec<String>,
    /// The share of all text up to each word.
    shares: Vec<f64>,
    body_words: usize,
}

impl Default for Corpus {
    fn default() -> Self {
        Self::new(WORDS)
    }
}

impl Corpus {
    /// A writer of entries with so many words.
    pub fn new(body_words: usize) -> Self {
        let words = vocabulary();
        let mut sum = 0.0;
        let sums = words.iter().enumerate().map(|(rank, _)| {
            sum += 1.0 / (rank as f64 + 2.7);
            sum
        });
        let mut shares: Vec<f64> = sums.collect();
        let all = shares.last().copied().unwrap_or(1.0);
        shares.iter_mut().for_each(|share| *share /= all);
        Self { words, shares, body_words }
    }

    /// The entry of this number.
    pub fn entry(&self, number: usize) -> Entry {
        let mut random = Random(1_000_003 * (number as u64 + 1));
        let title = self.text(&mut random, 5);
        let mut body = self.text(&mut random, self.body_words);
        let tags = (0..3).map(|_| self.words[100 + random.below(60)].clone()).collect();
        if number.is_multiple_of(CJK_EVERY) {
            body.push_str("\n\n");
            body.push_str(&cjk(&mut random, 12));
        }
        let created = 1_500_000_000_000 + number as i64 * 1_800_000;
        Entry { title, tags, created, updated: created + 600_000, body }
    }

    /// The word of this rank; 0 is the commonest.
    pub fn word(&self, rank: usize) -> &str {
        &self.words[rank.min(self.words.len() - 1)]
    }

    /// `each` questions of every kind, about a journal of `entries` entries.
    pub fn queries(&self, entries: usize, each: usize) -> Vec<Query> {
        let mut random = Random(77);
        let mut out = Vec::new();
        let mut ask = |kind: &'static str, text: &mut dyn FnMut(&mut Random) -> String| {
            for _ in 0..each {
                let text = text(&mut random);
                out.push(Query { kind, text });
            }
        };
        ask("common_word", &mut |random| self.word(random.below(50)).to_owned());
        ask("middle_word", &mut |random| self.word(500 + random.below(1_500)).to_owned());
        ask("rare_word", &mut |random| self.word(12_000 + random.below(8_000)).to_owned());
        ask("two_words", &mut |random| format!("{} {}", self.word(random.below(100)), self.word(random.below(600))));
        ask("prefix_2", &mut |random| format!("{}*", first(self.word(random.below(2_000)), 2)));
        ask("prefix_3", &mut |random| format!("{}*", first(self.word(random.below(2_000)), 3)));
        ask("phrase", &mut |random| {
            // Two words that some entry has side by side, not parted by the end of a sentence.
            let body = self.entry(random.below(entries)).body;
            let words: Vec<&str> = body.split(' ').collect();
            let plain = |word: &&str| word.chars().all(char::is_alphabetic);
            let pairs: Vec<_> = words.windows(2).filter(|pair| pair.iter().all(plain)).collect();
            format!("\"{}\"", pairs[random.below(pairs.len())].join(" "))
        });
        ask("phrase_common", &mut |random| {
            format!("\"{} {}\"", self.word(random.below(20)), self.word(random.below(20)))
        });
        ask("cjk", &mut |random| {
            let number = random.below(entries.div_ceil(CJK_EVERY)) * CJK_EVERY;
            let body = self.entry(number).body;
            let sentence: Vec<char> = body.chars().skip_while(|letter| letter.is_ascii()).collect();
            let at = random.below(sentence.len().saturating_sub(3).max(1));
            sentence[at..(at + 3).min(sentence.len())].iter().collect()
        });
        out
    }

    fn text(&self, random: &mut Random, count: usize) -> String {
        let mut text = String::with_capacity(count * 8);
        for number in 0..count {
            if number > 0 {
                text.push_str(match number {
                    _ if number % 90 == 0 => ".\n\n",
                    _ if number % 14 == 0 => ". ",
                    _ => " ",
                });
            }
            let point = random.fraction();
            text.push_str(self.word(self.shares.partition_point(|share| *share < point)));
        }
        text
    }
}

fn first(word: &str, letters: usize) -> &str {
    &word[..letters.min(word.len())]
}

fn cjk(random: &mut Random, count: usize) -> String {
    let letters: Vec<char> = CJK.chars().collect();
    (0..count).map(|_| letters[random.below(letters.len())]).collect()
}

/// Common words are short ones, as in any language.
fn vocabulary() -> Vec<String> {
    let mut random = Random(7);
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(VOCABULARY);
    while words.len() < VOCABULARY {
        let rank = words.len();
        let syllables = 1 + usize::from(rank > 60) + usize::from(rank > 1_500) + usize::from(random.below(3) == 0);
        let mut word = String::new();
        for _ in 0..syllables {
            word.push_str(HEADS[random.below(HEADS.len())]);
            word.push_str(VOWELS[random.below(VOWELS.len())]);
        }
        if random.below(2) == 0 {
            word.push_str(TAILS[random.below(TAILS.len())]);
        }
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_the_same_each_time_and_has_the_measured_size() {
        let corpus = Corpus::default();
        assert_eq!(corpus.entry(3), Corpus::default().entry(3));
        assert_ne!(corpus.entry(3), corpus.entry(4));
        let mean = (0..200).map(|number| corpus.entry(number).text_bytes()).sum::<u64>() / 200;
        assert!((2_500..4_500).contains(&mean), "{mean} bytes");
        assert_eq!(EDIT.chars().count(), 22);
    }

    #[test]
    fn sittings_make_the_body() {
        let entry = Corpus::default().entry(0);
        let whole: String = entry.sittings().into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(whole, entry.body);
        assert_eq!(entry.drafts().last(), Some(&entry.body));
        assert_eq!(entry.drafts().len(), SITTINGS);
    }

    #[test]
    fn questions_are_about_what_is_there() {
        let corpus = Corpus::default();
        let bodies: Vec<String> = (0..60).map(|number| corpus.entry(number).body).collect();
        let queries = corpus.queries(60, 10);
        for query in queries.iter().filter(|query| matches!(query.kind, "phrase" | "cjk")) {
            let wanted = query.text.trim_matches('"');
            assert!(bodies.iter().any(|body| body.contains(wanted)), "{}", query.text);
        }
        assert_eq!(queries.len(), 90);
    }
}
