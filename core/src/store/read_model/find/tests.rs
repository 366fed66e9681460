//! Search against a scan of every text, on two stores that received the same entries in other orders.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::crypto::Secret;
use crate::document::{Actor, EntryDocument};
use crate::journal::{Boxed, Entry, Kind, NewEntry};
use crate::replication::tx::{DocumentState, Tx};
use crate::store::SqliteStore;
use crate::store::read_model::put_all;
use crate::testing::journal::Seeded;
use crate::time::Timestamp;

/// A store and the folder that goes away with it.
struct Made {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(&folder.path().join("journal.db"), &Secret::from_bytes([5; 32])).unwrap();
        Self { store, _folder: folder }
    }

    /// Derives entries in one transaction, in the order given.
    fn put<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) {
        self.store
            .write_sql(|tx| {
                for entry in entries {
                    tx.conn()?
                        .execute(
                            "INSERT OR IGNORE INTO documents (entry, heads, pending, stale) VALUES (?1, zeroblob(32), 0, 0)",
                            [entry.id.as_bytes()],
                        )?;
                    put_all(tx, entry, 0)?;
                }
                Ok(())
            })
            .unwrap();
    }

    fn erase(&self, entry: EntryId) {
        self.store.write_sql(|tx| tx.set_document(entry, &DocumentState::default())).unwrap();
    }

    fn find(&self, query: &str, limit: usize) -> Found {
        self.store.read_sql(|tx| find(tx, query, limit, today())).unwrap()
    }
}

fn today() -> Day {
    Day::new(2026, 11, 22)
}

/// What every made entry begins as.
fn base() -> Entry {
    let new = NewEntry { kind: Kind::Note, title: "t".into(), body: "b".into(), sections: vec![], happened: None };
    let (actor, mut entropy) = (Actor::draw(&mut Seeded::new(1)), Seeded::new(2));
    let made = EntryDocument::create(EntryId::from_bytes([9; 16]), actor, Timestamp(0), &new, &mut entropy).unwrap();
    made.0.entry().unwrap()
}

/// The entries that match, in their order, by looking at every text. Of those that `compared` leaves out nothing is known.
fn scan(entries: &BTreeMap<EntryId, Entry>, query: &str, compared: impl Fn(&Entry) -> bool) -> Vec<EntryId> {
    let query = Query::parse(query);
    let matcher = Matcher::new(&query);
    let mut found: Vec<_> = entries
        .values()
        .filter(|entry| !entry.trashed && !entry.states(today()).contains(&InnerState::Boxed) && compared(entry))
        .filter(|entry| matcher.matches(entry.texts().map(|(_, text)| text)))
        .map(|entry| {
            let in_title = matcher.matches([entry.title.as_str()]);
            (in_title, entry.day().first().to_string(), entry.created_at, entry.id)
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(.., id)| id).collect()
}

const WORDS: &[&str] = &[
    "rain",
    "café",
    "Café",
    "cafe\u{301}s",
    "Rainer",
    "Straße",
    "strasse",
    "東京",
    "京都",
    "東京都庁",
    "都",
    "한국어",
    "שָׁלוֹם",
    "walk",
    "walking",
    "walked",
    "Walker",
    "1984",
    "🎉",
    "の",
    "don't",
    "naïve",
    "Ærø",
    "it’s",
    "a",
    "the",
    "weather",
    "whether",
    "㍿",
    "ガキ",
    "ｶﾞｷ",
    "สวัสดี",
    "हिन्दी",
    "x_y",
    "mother-in-law",
];

struct Writer(ChaCha8Rng);

impl Writer {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next_u32() as usize % limit
    }

    fn id(&mut self) -> EntryId {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        EntryId::from_bytes(bytes)
    }

    fn word(&mut self) -> &'static str {
        // The first ones often.
        let most = 1 + self.below(WORDS.len());
        WORDS[self.below(most)]
    }

    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(words + 1) {
            text.push_str(self.word());
            text.push_str(["", " ", " ", ", ", "。"][self.below(5)]);
        }
        text
    }

    /// What a person may have done to an entry.
    fn change(&mut self, entry: &mut Entry) {
        match self.below(8) {
            0 => entry.trashed = !entry.trashed,
            1 => entry.boxed_until = [None, None, Some(Boxed::ByHand)][self.below(3)],
            2 => entry.boxed_until = Some(Boxed::Until(Day::new(2026, 11, 20 + self.below(5) as u8))),
            3 => entry.title = self.text(3),
            // Few days, and years and months among them: many entries have to be told apart by what comes after the day.
            4 | 5 => {
                let days = ["2024", "2024-01-01", "2024-01", "2025-03-02", "1999-12-31", "2026-11-22"];
                entry.happened.date = days.get(self.below(days.len() + 1)).and_then(|day| day.parse().ok());
            }
            _ => entry.sections[0].text = self.text(12),
        }
    }

    fn query(&mut self) -> String {
        let cut = |text: &str, from: usize, length: usize| text.chars().skip(from).take(length).collect::<String>();
        match self.below(7) {
            0 => self.word().to_owned(),
            1 => format!("{} {}", self.word(), self.word()),
            2 => {
                let length = 1 + self.below(6);
                format!("{}*", cut(self.word(), 0, length))
            }
            3 => format!("\"{}\"", self.text(3).replace('"', " ")),
            4 => {
                let (from, length) = (self.below(2), 1 + self.below(3));
                cut("東京都庁の東京", from, length)
            }
            5 => format!("{} \"{} {}\" {}*", self.word(), self.word(), self.word(), cut(self.word(), 0, 2)),
            _ => self.text(3),
        }
    }
}

#[test]
fn search_finds_what_a_scan_finds_in_its_order_on_every_device() {
    let base = base();
    let (mut hits, mut queries) = (0, 0);
    for seed in 0..6 {
        let mut writer = Writer(ChaCha8Rng::seed_from_u64(seed));
        let mut entries: BTreeMap<EntryId, Entry> = BTreeMap::new();
        // One device wrote it all, the other is sent what came of it, in any order.
        let (lived, sent) = (Made::new(), Made::new());
        for _ in 0..40 {
            let mut touched = Vec::new();
            for _ in 0..6 {
                let known = entries.keys().nth(writer.below(entries.len() + 6)).copied();
                let id = known.unwrap_or_else(|| writer.id());
                if known.is_some() && writer.below(9) == 0 {
                    lived.erase(id);
                    entries.remove(&id);
                    continue;
                }
                let entry = entries.entry(id).or_insert_with(|| {
                    let created_at = Timestamp(1_700_000_000_000 + writer.below(20) as i64);
                    let mut entry = Entry { id, created_at, title: writer.text(3), ..base.clone() };
                    entry.sections[0].text = writer.text(12);
                    entry
                });
                writer.change(entry);
                touched.push(entry.clone());
            }
            touched.retain(|entry| entries.contains_key(&entry.id));
            lived.put(&touched);
        }
        let mut shuffled: Vec<&Entry> = entries.values().collect();
        for at in 0..shuffled.len() {
            let other = at + writer.below(shuffled.len() - at);
            shuffled.swap(at, other);
        }
        for slice in shuffled.chunks(17) {
            sent.put(slice.iter().copied());
        }

        for _ in 0..250 {
            let (query, limit) = (writer.query(), [0, 1, 3, 20, 200][writer.below(5)]);
            let expected = scan(&entries, &query, |_| true);
            for device in [&lived, &sent] {
                let found = device.find(&query, limit);
                let ids: Vec<EntryId> = found.hits.iter().map(|hit| hit.entry).collect();
                let shown = &expected[..limit.min(expected.len())];
                assert_eq!(ids, shown, "seed {seed}: {query:?}, at most {limit}");
                assert_eq!((found.total, found.more), (expected.len() as u64, false), "seed {seed}: {query:?}");
                for hit in &found.hits {
                    assert!(!hit.ranges.is_empty(), "seed {seed}: {query:?} shows nothing of {hit:?}");
                }
            }
            hits += expected.len();
            queries += usize::from(!expected.is_empty());
        }
    }
    assert!(hits > 5_000 && queries > 500, "{hits} hits by {queries} queries: too few to mean anything");
}

/// Many entries that have all words of a phrase, and the phrase itself only here and there.
fn crowd(size: usize, filler: &str) -> BTreeMap<EntryId, Entry> {
    let base = base();
    (0..size)
        .map(|number| {
            let id = EntryId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes().first_chunk().unwrap());
            let mut entry = Entry { id, created_at: Timestamp(number as i64), ..base.clone() };
            entry.happened.date = Some(Day::new(2000 + (number % 7) as i16, 1 + (number % 11) as u8, 1));
            entry.title = if number % 50 == 7 { "the long way home".into() } else { String::new() };
            let said = if number % 10 == 3 { "a long way home" } else { "way, home, long" };
            entry.sections[0].text = format!("{filler}{said}");
            (id, entry)
        })
        .collect()
}

#[test]
fn a_phrase_is_looked_for_in_the_first_of_those_that_have_its_words() {
    // A bound on entries, then one on bytes, reached with far fewer of them.
    for (filler, most) in [(String::new(), COMPARED), ("other words ".repeat(4000), COMPARED_BYTES / 48_000 + 1)] {
        let entries = crowd(COMPARED + 200, &filler);
        let made = Made::new();
        made.put(entries.values());
        let order = scan(&entries, "long way home", |_| true);
        let first: std::collections::BTreeSet<_> = order.iter().take(most).collect();
        let expected = scan(&entries, "\"long way\"", |entry| first.contains(&entry.id));
        let found = made.find("\"long way\" home", 1000);
        assert_eq!(found.hits.iter().map(|hit| hit.entry).collect::<Vec<_>>(), expected);
        assert_eq!((found.total, found.more), (expected.len() as u64, true));
        assert!(expected.len() > 5 && expected.len() < scan(&entries, "\"long way\"", |_| true).len());
        // The same words without the marks need no text, and everything is found.
        let found = made.find("long way home", 1000);
        assert_eq!(found.hits.iter().map(|hit| hit.entry).collect::<Vec<_>>(), order);
        assert!(!found.more);
    }
}

#[test]
fn totals_end_where_counting_does() {
    let entries = crowd(COUNTED as usize + 3, "");
    let made = Made::new();
    let entries: Vec<&Entry> = entries.values().collect();
    made.put(entries[..COUNTED as usize].iter().copied());
    let total = |limit| {
        let found = made.find("home", limit);
        assert_eq!(found.hits.len(), limit);
        (found.total, found.more)
    };
    assert_eq!([total(0), total(9)], [(COUNTED, false); 2]);
    made.put(entries[COUNTED as usize..].iter().copied());
    assert_eq!([total(0), total(9)], [(COUNTED, true); 2]);
}
