//! The search table against a plain scan, and nothing left of what was taken out.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::crypto::Secret;
use crate::files::StoreError;
use crate::store::sqlite::connections::Connections;
use crate::store::sqlite::open::Schema;
use crate::store::sqlite::pages::decrypted_pages;

const SCHEMA: Schema = Schema { version: 1, migrate: |transaction, _| create(transaction) };

fn made() -> (tempfile::TempDir, Secret, Connections) {
    let folder = tempfile::tempdir().unwrap();
    let key = Secret::from_bytes([5; 32]);
    let connections = Connections::create(&folder.path().join("journal.db"), &key, SCHEMA).unwrap();
    (folder, key, connections)
}

const TODAY: i16 = 2026;

/// Entry `n`, begun in its `n`th millisecond on a day of the year given.
fn place(n: i64, year: i16) -> Place {
    let entry = EntryId::from_bytes(*blake3::hash(&n.to_le_bytes()).as_bytes().first_chunk().unwrap());
    Place { day: Day::new(year, 6, 1), created: Timestamp(n), entry, hidden: i64::MIN }
}

fn words(title: &str, text: &str) -> String {
    tokens(&Projection { title: title.to_owned(), parts: vec![("body".to_owned(), text.to_owned())] })
}

fn listed(connections: &Connections, query: &str, title: bool) -> Vec<i64> {
    let mut found = Vec::new();
    let take = |candidate: Candidate| {
        found.push(candidate.document);
        Ok::<_, StoreError>(true)
    };
    let query = Query::parse(query);
    let count = connections.read(|t| newest(t, (&query, title), &hidden(t, Day::new(TODAY, 1, 1))?, 0, take)).unwrap();
    assert_eq!(count, found.len() as u64);
    found
}

fn rows(connections: &Connections, query: &str) -> Vec<i64> {
    listed(connections, query, false)
}

#[test]
fn the_newest_comes_first_whenever_it_came() {
    let (_folder, _key, connections) = made();
    connections
        .write(|t| {
            for (document, year, (title, text)) in [
                (1, 2024, ("The Café", "closed in March")),
                (2, 2020, ("Rain", "we sat in the café")),
                (3, 2022, ("東京都", "a café, again")),
                (4, 2022, ("Cafe\u{301} society", "nothing")),
            ] {
                put(t, document, &place(document, year), None, &words(title, text))?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(rows(&connections, "cafe"), [1, 4, 3, 2]);
    assert_eq!(listed(&connections, "cafe", true), [1, 4]);
    assert_eq!(rows(&connections, "cafe march"), [1], "title and text together");
    for beginning in ["c*", "ca*", "caf*", "cafe*"] {
        assert_eq!(rows(&connections, beginning), [1, 4, 3, 2]);
        assert_eq!(listed(&connections, beginning, true), [1, 4]);
    }
    for query in ["東", "京", "都", "東京", "京都", "東京都"] {
        assert_eq!(rows(&connections, query), [3], "{query}");
    }
    for query in ["caf", "大阪", "", "!", "search:cafe", "cafe OR nothing", "cafeteria*"] {
        assert_eq!(rows(&connections, query), [0; 0], "{query}");
    }
    // It stops when it is told to, and counts no further than asked.
    for most in [0, 3, 9] {
        let (mut left, query) = (2, Query::parse("cafe"));
        let take = |_| {
            left -= 1;
            Ok::<_, StoreError>(left > 0)
        };
        let count =
            connections.read(|t| newest(t, (&query, false), &hidden(t, Day::new(TODAY, 1, 1))?, most, take)).unwrap();
        assert_eq!(left, 0);
        assert!((most.min(4)..=4).contains(&count), "{count} of {most}");
    }
}

#[test]
fn a_replaced_row_is_found_by_its_new_words_only() {
    let (_folder, _key, connections) = made();
    let (old, new) = (words("Monday", "the first telling"), words("Tuesday", "the second telling"));
    let put = |year, old: Option<&str>, new: &str| connections.write(|t| put(t, 7, &place(7, year), old, new));
    put(2024, None, &old).unwrap();
    put(2024, Some(&old), &old).unwrap();
    put(2024, Some(&old), &new).unwrap();
    assert!(put(2024, None, &new).is_err(), "a row that can't be taken out again");
    assert_eq!(rows(&connections, "first"), [0; 0]);
    assert_eq!(rows(&connections, "monday"), [0; 0]);
    assert_eq!(rows(&connections, "second telling"), [7]);
    // Another year is another slot, and nothing stays behind in the first one.
    put(2011, Some(&new), &new).unwrap();
    assert_eq!(rows(&connections, "second telling"), [7]);
    connections.write(|t| remove(t, 7, &new)).unwrap();
    assert_eq!(rows(&connections, "tel*"), [0; 0]);
    put(2024, None, &new).unwrap();
    connections.write(|t| clear(t)).unwrap();
    assert_eq!(rows(&connections, "tel*"), [0; 0]);
    put(2024, None, &new).unwrap();
}

/// What many transactions wrote apart becomes one piece, whose leaves leave little of their pages empty.
#[test]
fn the_whole_index_is_merged_and_fills_its_pages() {
    let (_folder, _key, connections) = made();
    let text =
        |n: i64| words("Day", &(0..60).map(|word| format!("w{} ", (n * 31 + word * word) % 2_000)).collect::<String>());
    let apart = || connections.read(|t| lies_apart(t)).unwrap();
    let sum = |column: &str| {
        let sql = format!("SELECT sum({column}) FROM dbstat WHERE name = 'search_data'");
        connections.read(|t| Ok::<i64, StoreError>(t.query_row(&sql, [], |row| row.get(0))?)).unwrap()
    };
    let pieces = || {
        let sql = "SELECT count(DISTINCT segid) FROM search_idx";
        connections.read(|t| Ok::<i64, StoreError>(t.query_row(sql, [], |row| row.get(0))?)).unwrap()
    };
    assert!(!apart(), "there is nothing");
    for slice in 0..12 {
        let put_all = |t: &rusqlite::Transaction<'_>| {
            (slice * 100..(slice + 1) * 100).try_for_each(|n| put(t, n, &place(n, 2024), None, &text(n)))
        };
        connections.write(put_all).unwrap();
    }
    let found = rows(&connections, "w7*");
    assert!(!found.is_empty() && pieces() > 8);
    assert!(apart());
    connections.write(|t| merge_whole(t)).unwrap();
    while connections.write(|t| merge(t)).unwrap() {}
    assert_eq!(pieces(), 1);
    assert!(!apart(), "one piece is whole");
    assert_eq!(rows(&connections, "w7*"), found);
    let (unused, all) = (sum("unused"), sum("pgsize"));
    assert!(unused * 5 < all, "{unused} of {all} bytes are empty");
    // A little more is left where it is.
    connections.write(|t| put(t, 5_000, &place(5_000, 2024), None, &text(5_000))).unwrap();
    assert!(!apart());
}

/// FTS5 lost the later rows of a batch from the lists of the words that an earlier one kept.
#[test]
fn rows_that_change_in_one_transaction_keep_the_words_they_share() {
    let (_folder, _key, connections) = made();
    let text = |document: i64, changed: &str| words("Rain", &format!("the same {changed}{document} 東京"));
    let before = |document| text(document, "before");
    let put_all = |rows: &[(i64, &str)]| {
        connections.write(|t| {
            rows.iter().try_for_each(|(document, changed)| {
                let old = slot_of(t, *document)?.map(|_| before(*document));
                put(t, *document, &place(*document, 2024), old.as_deref(), &text(*document, changed))
            })
        })
    };
    put_all(&[(1, "before"), (2, "before"), (3, "before")]).unwrap();
    put_all(&[(1, "after"), (2, "after"), (4, "after"), (3, "after")]).unwrap();
    for query in ["same", "rain", "sa*", "aft*", "東京", "京", "東"] {
        assert_eq!(rows(&connections, query), [4, 3, 2, 1], "{query}");
    }
    assert_eq!(rows(&connections, "before*"), [0; 0]);
    // A slot that became free is another row's in the same transaction.
    connections
        .write(|t| {
            remove(t, 4, &text(4, "after"))?;
            put(t, 5, &place(5, 2024), None, &text(5, "after"))?;
            put(t, 6, &place(6, 2024), None, &text(6, "after"))
        })
        .unwrap();
    assert_eq!(rows(&connections, "same"), [6, 5, 3, 2, 1]);
}

#[test]
fn a_full_year_takes_what_became_free_and_no_more() {
    let (_folder, _key, connections) = made();
    let (year, row) = (place(0, 2024).year(), words("", "rain"));
    let last = year + (1 << SLOT_BITS) - 1;
    let fill = |slot: i64| {
        connections.write(|t| {
            t.execute("INSERT INTO slots VALUES (?1, -?1, 20240601, 0, 0, x'00')", [slot]).map_err(StoreError::from)
        })
    };
    fill(last).unwrap();
    fill(last - 2).unwrap();
    for slot in [last - 3, last - 1] {
        fill(slot).unwrap();
        connections
            .write(|t| t.execute("DELETE FROM slots WHERE slot = ?1", [slot]).map_err(StoreError::from))
            .unwrap();
        let free = connections.read(|t| free_slot(t, year)).unwrap();
        assert!((year..last).contains(&free), "{free}");
    }
    connections.write(|t| put(t, 1, &place(1, 2024), None, &row)).unwrap();
    connections.write(|t| put(t, 2, &place(2, 2023), None, &row)).unwrap();
    assert_eq!(rows(&connections, "rain"), [1, 2]);
}

/// Words that begin alike are listed one by one as soon as they are common; a quotation mark is no syntax there either.
#[test]
fn beginnings_of_common_words_find_what_the_table_finds() {
    let (_folder, _key, connections) = made();
    connections
        .write(|t| {
            for document in 0..LISTED {
                let text = format!("weather{} walk{}", document % 7, if document % 100 == 0 { "ing" } else { "er" });
                put(t, document + 1, &place(document, 2000 + (document % 20) as i16), None, &words("", &text))?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let said = |beginning: &str| connections.read(|t| super::beginning(t, beginning)).unwrap();
    assert_eq!(said("weather").unwrap().matches(" OR ").count(), 6);
    assert_eq!(said("walki").unwrap(), "\"walking\"");
    assert_eq!(said("walk").unwrap(), "(\"walker\" OR \"walking\")");
    assert_eq!(said("weathe9"), None);
    assert_eq!(rows(&connections, "weat*").len(), LISTED as usize);
    assert_eq!(rows(&connections, "weather3* walkin*").len(), 6);
}

/// A word whose end no other word has. FTS5 leaves out what a word shares with the one before it, so a sweep must
/// look for ends.
fn word(row: i64, n: i64) -> String {
    let hash = blake3::hash(format!("{row} {n}").as_bytes());
    hash.as_bytes().iter().take(12).map(|byte| char::from(b'a' + byte % 26)).collect()
}

#[test]
fn no_erased_word_is_left_in_any_page() {
    let (folder, key, connections) = made();
    let text = |row: i64| (0..40).map(|n| format!("{} rain walk ", word(row, n))).collect::<String>();
    for row in 0..300 {
        let tokens = words(&word(row, 99), &text(row));
        connections.write(|t| put(t, row, &place(row, 2024), None, &tokens)).unwrap();
    }
    let pages = || {
        assert!(connections.checkpoint().unwrap());
        decrypted_pages(&folder.path().join("journal.db"), &key, folder.path()).unwrap()
    };
    let ends = |rows: &[i64]| -> BTreeMap<Vec<u8>, i64> {
        let all = rows.iter().flat_map(|row| (0..40).chain([99]).map(|n| (*row, n)));
        all.map(|(row, n)| (word(row, n).into_bytes()[5..].to_vec(), row)).collect()
    };
    let (erased, kept): (Vec<i64>, Vec<i64>) = (0..300).partition(|row| row % 3 == 1 || (100..150).contains(row));
    let seen = |pages: &[u8], ends: &BTreeMap<Vec<u8>, i64>| -> BTreeSet<Vec<u8>> {
        pages.windows(7).filter(|window| ends.contains_key(*window)).map(<[u8]>::to_vec).collect()
    };
    let (erased_ends, kept_ends) = (ends(&erased), ends(&kept));
    assert_eq!(seen(&pages(), &erased_ends).len(), erased_ends.len(), "the sweep sees every word");
    for row in &erased {
        let tokens = words(&word(*row, 99), &text(*row));
        connections.write(|t| remove(t, *row, &tokens)).unwrap();
    }
    let after = pages();
    let left = seen(&after, &erased_ends);
    assert!(left.is_empty(), "{} of {} erased words are left", left.len(), erased_ends.len());
    assert_eq!(seen(&after, &kept_ends).len(), kept_ends.len());
    assert_eq!(rows(&connections, &word(0, 5)), [0]);
    assert_eq!(rows(&connections, &word(1, 5)), [0; 0]);
}
