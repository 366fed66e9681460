//! Made-up writing: words by Zipf's law, as natural text has them, and pieces of the scripts that break careless code.
//!
//! The measured workload is an entry of a title, three tags and a body of 500 words out of 20,000: about 4 kB of text.

use std::path::Path;

use crate::rng::Seeded;

/// How many words there are.
const VOCABULARY: usize = 20_000;
const SYLLABLES: &[&str] = &[
    "ba", "ce", "di", "fo", "gu", "la", "me", "ni", "ro", "su", "ta", "ve", "wi", "zo", "an", "er", "in", "on", "ul",
    "est", "bra", "cle", "dri", "flo", "gru", "pla", "ske", "tri",
];
/// Text that must come back as it went in: joined emoji, flags, combining marks, right to left, CJK, and odd white space.
pub const PIECES: &[&str] = &[
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
    "🇺🇳",
    "👍🏽",
    "e\u{301}te\u{301}",
    "Z\u{351}\u{36b}a\u{343}lgo",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u{202b}abc\u{202c}",
    "日記を書く",
    "今天失败了",
    "오늘의 실패",
    "नमस्ते",
    "ก็ได้",
    "a\u{a0}b\u{200b}c",
    "ﬁne \u{2028} line",
];

/// An entry as someone might have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    /// A few words.
    pub title: String,
    /// Paragraphs, apart by empty lines.
    pub body: String,
    /// Three tags.
    pub tags: Vec<String>,
    /// A day in 2015 to 2024.
    pub day: String,
}

/// A writer who never runs out of words. The same seed writes the same.
#[derive(Debug, Clone)]
pub struct Corpus {
    rng: Seeded,
    words: Vec<String>,
    /// The sum of the weights up to each word.
    weights: Vec<f64>,
}

impl Corpus {
    /// The writer of this seed. All writers share one vocabulary.
    pub fn new(seed: u64) -> Self {
        let mut sum = 0.0;
        let weights = (0..VOCABULARY)
            .map(|rank| {
                sum += 1.0 / (rank as f64 + 2.7);
                sum
            })
            .collect();
        Self { rng: Seeded::stream(seed, 3), words: vocabulary(), weights }
    }

    /// A word, common ones often.
    pub fn word(&mut self) -> &str {
        let last = self.weights.last().copied().unwrap_or_default();
        let point = self.rng.fraction() * last;
        let rank = self.weights.partition_point(|sum| *sum <= point);
        self.words.get(rank).map_or("", String::as_str)
    }

    /// The commonest word is the 0th. Beyond the last one there is nothing.
    pub fn nth(&self, rank: usize) -> &str {
        self.words.get(rank).map_or("", String::as_str)
    }

    /// `count` words with a capital at the beginning.
    pub fn title(&mut self, count: usize) -> String {
        let mut title = String::new();
        for _ in 0..count {
            if !title.is_empty() {
                title.push(' ');
            }
            let word = self.word();
            title.push_str(word);
        }
        capitalised(&title)
    }

    /// `count` words in sentences and paragraphs.
    pub fn body(&mut self, count: usize) -> String {
        let mut body = String::with_capacity(count * 8);
        let (mut sentence, mut paragraph) = (0, 0);
        for number in 0..count {
            let word = self.word().to_owned();
            body.push_str(&if sentence == 0 { capitalised(&word) } else { word });
            sentence += 1;
            let ends = sentence >= 6 && self.rng.chance(0.12);
            if ends || number + 1 == count {
                body.push('.');
                (sentence, paragraph) = (0, paragraph + 1);
            }
            if number + 1 < count {
                body.push_str(if sentence == 0 && paragraph % 5 == 0 { "\n\n" } else { " " });
            }
        }
        body
    }

    /// An entry of the measured workload.
    pub fn entry(&mut self) -> Writing {
        self.entry_of(500)
    }

    /// An entry whose body has `count` words.
    pub fn entry_of(&mut self, count: usize) -> Writing {
        let (title, body) = (self.title(4), self.body(count));
        let tags = (0..3).map(|_| self.word().to_owned()).collect();
        let (year, month, day) = (2015 + self.rng.below(10), 1 + self.rng.below(12), 1 + self.rng.below(28));
        Writing { title, body, tags, day: format!("{year:04}-{month:02}-{day:02}") }
    }

    /// An entry full of [`PIECES`].
    pub fn odd_entry(&mut self) -> Writing {
        let mut writing = self.entry_of(40);
        for _ in 0..12 {
            let piece = self.rng.pick(PIECES);
            // Between characters of whatever stands there by now, which may well part a cluster: people paste like that.
            let places: Vec<usize> = writing.body.char_indices().map(|(at, _)| at).collect();
            let at = *self.rng.pick(&places);
            writing.body.insert_str(at, piece);
        }
        writing.title = format!("{} {}", self.rng.pick(PIECES), writing.title);
        writing
    }

    /// Writes `count` entries as Markdown files with front matter into `folder`, some of them in folders by year.
    pub fn markdown_folder(&mut self, folder: &Path, count: usize) -> std::io::Result<()> {
        for number in 0..count {
            let writing = if number % 10 == 9 { self.odd_entry() } else { self.entry_of(120) };
            let place = if number % 3 == 0 { folder.join(&writing.day[..4]) } else { folder.to_path_buf() };
            std::fs::create_dir_all(&place)?;
            let tags = writing.tags.join(", ");
            // JSON's quoting is YAML's too.
            let title = serde_json::Value::from(writing.title);
            let text = format!("---\ntitle: {title}\ndate: {}\ntags: [{tags}]\n---\n\n{}\n", writing.day, writing.body);
            std::fs::write(place.join(format!("{}-{number}.md", writing.day)), text)?;
        }
        Ok(())
    }
}

/// Short words are common ones, as in any language.
fn vocabulary() -> Vec<String> {
    let mut rng = Seeded::new(20_000);
    let mut seen = std::collections::HashSet::new();
    let mut words = Vec::with_capacity(VOCABULARY);
    while words.len() < VOCABULARY {
        let syllables = match words.len() {
            0..20 => 1,
            20..400 => 2,
            400..4000 => 3 + rng.below(2),
            _ => 4 + rng.below(2),
        };
        let word: String = (0..syllables).map(|_| *rng.pick(SYLLABLES)).collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_measured_size_and_a_seed_writes_the_same() {
        let entry = Corpus::new(1).entry();
        assert_eq!(entry, Corpus::new(1).entry());
        assert_ne!(entry, Corpus::new(2).entry());
        let sizes: Vec<usize> = (0..50).map(|seed| Corpus::new(seed).entry().body.len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((3_500..4_400).contains(&mean), "{mean} bytes");
        assert_eq!(entry.body.split_whitespace().count(), 500);
    }

    #[test]
    fn common_words_are_common() {
        let mut corpus = Corpus::new(3);
        let first = corpus.words[0].clone();
        let count = (0..20_000).filter(|_| corpus.word() == first).count();
        assert!((500..1500).contains(&count), "{count}");
    }

    #[test]
    fn odd_entries_hold_odd_pieces_and_folders_hold_files() {
        let mut corpus = Corpus::new(4);
        assert!(!corpus.odd_entry().body.is_ascii());
        let folder = tempfile::tempdir().unwrap();
        corpus.markdown_folder(folder.path(), 12).unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()).count();
        assert_eq!(files, 8);
    }
}
