//! Search by each kind of query: each query's best of some rounds, which a busy machine disturbs least, beside FTS5's default ranking over the same texts in the same database.

use std::time::Instant;

use afterword_core::crypto::Secret;
use afterword_core::document::{Actor, EntryDocument};
use afterword_core::error::{Error, Result};
use afterword_core::id::EntryId;
use afterword_core::journal::{Entry, Kind, NewEntry};
use afterword_core::store::{SqliteStore, read_model};
use afterword_core::time::{Day, Timestamp, random};
use afterword_tests::Seeded;
use afterword_tests::corpus::Corpus;

use super::figures::{Table, ms, timed};

/// What a page shows.
const PAGE: usize = 20;
/// One frame of a screen, in milliseconds.
const FRAME: u64 = 16;
/// Entries written in one transaction, as deriving does.
const SLICE: usize = 200;
/// Queries of each kind, and how often each is asked.
const QUERIES: usize = 20;
const ROUNDS: usize = 5;
/// FTS5's ranking takes so long that it is asked less often.
const PEER_QUERIES: usize = 5;
/// Characters that the Chinese of every tenth entry is made of.
const CHARACTERS: u32 = 600;

/// A store of `size` entries of `words` words, filled past the log, then searched.
pub(crate) fn measure(size: usize, words: usize, table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir().map_err(Error::internal)?;
    let path = folder.path().join("journal.db");
    let store = SqliteStore::create(&path, &Secret::from_bytes([7; 32]))?;
    store.write_sql(|tx| {
        let peer = "CREATE VIRTUAL TABLE peer USING fts5(title, body, content='', prefix='2 3')";
        tx.conn()?.execute_batch(peer).map_err(Error::internal)
    })?;
    let texts = fill(&store, size, words)?;
    for (what, table_name) in
        [("search rows, of the text", "search"), ("FTS5's with its defaults and prefixes", "peer")]
    {
        let bytes: i64 = store.read_sql(|tx| {
            let sum = format!("SELECT sum(length(block)) FROM {table_name}_data");
            tx.conn()?.query_row(&sum, [], |row| row.get(0)).map_err(Error::internal)
        })?;
        table.plain(what, size, &format!("{:.3}", bytes as f64 / texts as f64));
    }

    let (mut rng, today) = (Seeded::new(99), Day::new(2030, 1, 1));
    let corpus = Corpus::new(99);
    for (what, make) in KINDS {
        let queries: Vec<String> = (0..QUERIES).map(|_| make(&corpus, &mut rng)).collect();
        let (mut all, mut best, mut peer) = (Vec::new(), Vec::new(), Vec::new());
        for (number, query) in queries.iter().enumerate() {
            let ours = (0..ROUNDS)
                .map(|_| {
                    let (found, took) = timed(|| store.read_sql(|tx| read_model::find(tx, query, PAGE, today)));
                    found.map(|_| took)
                })
                .collect::<Result<Vec<_>>>()?;
            best.push(ours.iter().copied().fold(f64::INFINITY, f64::min));
            all.extend(ours);
            if number < PEER_QUERIES {
                let ranked = (0..2).map(|_| by_rank(&store, query)).collect::<Result<Vec<_>>>()?;
                peer.push(ranked.into_iter().fold(f64::INFINITY, f64::min));
            }
        }
        let slowest = queries.iter().zip(&best).max_by(|one, other| one.1.total_cmp(other.1));
        if let Some((query, took)) = slowest {
            eprintln!("{what}: the slowest was `{query}`, {}", ms(*took));
        }
        let (p50, p99) = (ms(percentile(&mut all, 50)), ms(percentile(&mut all, 99)));
        let row = format!("search {what} (all rounds: p50 {p50}, p99 {p99})");
        table.ratio(&row, size, percentile(&mut best, 50), "FTS5 by rank", percentile(&mut peer, 50));
        let worst = percentile(&mut best, 100).ceil() as u64;
        table.promise(&format!("search {what}, the slowest query"), size, worst, "ms", FRAME);
    }

    Ok(store.pause()?)
}

type Make = fn(&Corpus, &mut Seeded) -> String;

/// A word among the `below` commonest, from the `from`th on.
fn word(corpus: &Corpus, rng: &mut Seeded, from: usize, below: usize) -> String {
    corpus.nth(from + rng.below(below - from)).to_owned()
}

fn beginning(corpus: &Corpus, rng: &mut Seeded, letters: usize, below: usize) -> String {
    loop {
        let word = word(corpus, rng, 0, below);
        if word.len() > letters {
            return format!("{}*", &word[..letters]);
        }
    }
}

fn han(rng: &mut Seeded, count: usize) -> String {
    // Small numbers often, as characters are.
    (0..count)
        .filter_map(|_| char::from_u32(0x4E00 + rng.below(1 + rng.clone().below(CHARACTERS as usize)) as u32))
        .collect()
}

const KINDS: &[(&str, Make)] = &[
    ("a rare word", |corpus, rng| word(corpus, rng, 8_000, 20_000)),
    ("a common word", |corpus, rng| word(corpus, rng, 0, 20)),
    ("two common words", |corpus, rng| format!("{} {}", word(corpus, rng, 0, 20), word(corpus, rng, 20, 60))),
    ("a common and a rare word", |corpus, rng| {
        format!("{} {}", word(corpus, rng, 0, 20), word(corpus, rng, 8_000, 20_000))
    }),
    ("five words", |corpus, rng| (0..5).map(|_| word(corpus, rng, 20, 400)).collect::<Vec<_>>().join(" ")),
    ("one letter*", |corpus, rng| beginning(corpus, rng, 1, 400)),
    ("two letters*", |corpus, rng| beginning(corpus, rng, 2, 400)),
    ("three letters*", |corpus, rng| beginning(corpus, rng, 3, 400)),
    ("four letters*", |corpus, rng| beginning(corpus, rng, 4, 400)),
    ("five letters*", |corpus, rng| beginning(corpus, rng, 5, 2_000)),
    ("a common word and letters*", |corpus, rng| {
        format!("{} {}", word(corpus, rng, 0, 20), beginning(corpus, rng, 2, 400))
    }),
    ("a phrase of two common words", |corpus, rng| {
        format!("\"{} {}\"", word(corpus, rng, 0, 20), word(corpus, rng, 0, 20))
    }),
    ("a phrase of four common words", |corpus, rng| {
        format!("\"{}\"", (0..4).map(|_| word(corpus, rng, 0, 30)).collect::<Vec<_>>().join(" "))
    }),
    ("a phrase of rare words", |corpus, rng| {
        format!("\"{} {}\"", word(corpus, rng, 400, 4_000), word(corpus, rng, 400, 4_000))
    }),
    ("one character", |_, rng| han(rng, 1)),
    ("two characters", |_, rng| han(rng, 2)),
    ("four characters", |_, rng| han(rng, 4)),
    ("a word that is nowhere", |corpus, rng| format!("x{}", word(corpus, rng, 0, 20_000))),
];

fn fill(store: &SqliteStore, size: usize, words: usize) -> Result<usize> {
    let mut entropy = Seeded::stream(size as u64, 12);
    let mut rng = Seeded::stream(size as u64, 13);
    let actor = Actor::draw(&mut entropy);
    let new = NewEntry { kind: Kind::Note, title: "t".into(), body: "b".into(), sections: Vec::new(), happened: None };
    let base =
        EntryDocument::create(EntryId::from_bytes([9; 16]), actor, Timestamp(0), &new, &mut entropy)?.0.entry()?;
    let mut corpus = Corpus::new(size as u64);
    let mut bytes = 0;
    let began = Instant::now();
    for first in (0..size).step_by(SLICE) {
        let mut slice: Vec<Entry> = (first..size.min(first + SLICE))
            .map(|number| {
                let mut entry = base.clone();
                let writing = corpus.entry_of(words);
                entry.id = EntryId::from_bytes(random(&mut entropy));
                (entry.title, entry.happened.date) = (writing.title, writing.day.parse().ok());
                entry.created_at = Timestamp(1_600_000_000_000 + number as i64 * 60_000);
                if let Some(section) = entry.sections.first_mut() {
                    section.text = writing.body;
                    if number % 10 == 0 {
                        section.text.push_str(&format!("\n\n{}。", han(&mut rng, 80)));
                    }
                    bytes += section.text.len() + entry.title.len();
                }
                entry
            })
            .collect();
        slice.sort_by_key(|entry| std::cmp::Reverse(entry.day()));
        store.write_sql(|tx| {
            for entry in &slice {
                let conn = tx.conn()?;
                conn.execute(
                    "INSERT INTO documents (entry, heads, pending, stale) VALUES (?1, x'00', 0, 0)",
                    [entry.id.as_bytes().as_slice()],
                )
                .and_then(|_| {
                    let row = conn.last_insert_rowid();
                    conn.execute(
                        "INSERT INTO peer (rowid, title, body) VALUES (?1, ?2, ?3)",
                        (row, &entry.title, entry.body()),
                    )
                })
                .map_err(Error::internal)?;
                read_model::put_all(tx, entry, 0)?;
            }
            Ok(())
        })?;
    }
    eprintln!("{size} entries of {words} words made searchable twice in {:.1} s", began.elapsed().as_secs_f64());
    Ok(bytes)
}

/// What FTS5 takes to rank the same page, without excerpts.
fn by_rank(store: &SqliteStore, query: &str) -> Result<f64> {
    store.read_sql(|tx| {
        let ranked = "SELECT rowid FROM peer WHERE peer MATCH ?1 ORDER BY rank LIMIT ?2";
        let mut ranked = tx.conn()?.prepare_cached(ranked).map_err(Error::internal)?;
        let (found, took) = timed(|| {
            let rows = ranked.query_map((query, PAGE as i64), |row| row.get::<_, i64>(0));
            rows.and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        });
        found.map(|_| took).map_err(Error::internal)
    })
}

fn percentile(timings: &mut [f64], percent: usize) -> f64 {
    timings.sort_by(f64::total_cmp);
    timings.get((timings.len() * percent / 100).min(timings.len().saturating_sub(1))).copied().unwrap_or_default()
}
