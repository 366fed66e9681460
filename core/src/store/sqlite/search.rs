//! The search table: which entries may hold a word. Contentless FTS5; what it lists is compared with the text itself.
//!
//! `detail=none` keeps no positions and no columns, a fifth of the size: phrases are verified against the text, and the
//! words of a title stand a second time behind a mark of their own. We cut the words ourselves ([`crate::store::words`])
//! and the table's tokenizer only splits at spaces. A row is deleted with exactly the texts it was made from: a
//! contentless table can't look them up, and what is left out stays in the file.

use rusqlite::{Connection, OptionalExtension};

use crate::store::error::StoreResult;
use crate::store::words::{Query, row_tokens};

/// An entry's title and the rest of its text.
pub type Texts<'a> = (&'a str, &'a str);

/// An entry that may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The entry's row.
    pub row: i64,
    /// Every term is in the title.
    pub in_title: bool,
}

/// Makes the empty table.
pub fn create(connection: &Connection) -> StoreResult<()> {
    // The `ascii` tokenizer takes every byte above 127 for a letter, so nothing we cut is cut or folded again.
    connection.execute_batch(
        "CREATE VIRTUAL TABLE search USING fts5(
             words, content='', detail=none, columnsize=0, prefix='2 3', tokenize='ascii');
         INSERT INTO search (search, rank) VALUES ('secure-delete', 1);",
    )?;
    Ok(())
}

/// Puts an entry's texts in the place of those that its row was made from (`None`: it has no row yet).
pub fn replace(connection: &Connection, row: i64, old: Option<Texts<'_>>, new: Texts<'_>) -> StoreResult<()> {
    let old = old.map(|old| row_tokens(old.0, old.1));
    replace_tokens(connection, row, old.as_deref(), &row_tokens(new.0, new.1))
}

/// [`replace`] with tokens that were cut before, outside the writing transaction.
pub fn replace_tokens(connection: &Connection, row: i64, old: Option<&str>, new: &str) -> StoreResult<()> {
    if old == Some(new) {
        return Ok(());
    }
    if let Some(old) = old {
        delete(connection, row, old)?;
    }
    connection
        .prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?
        .execute(rusqlite::params![row, new])?;
    Ok(())
}

/// Takes an entry out. `old` are the texts that its row was made from.
pub fn remove(connection: &Connection, row: i64, old: Texts<'_>) -> StoreResult<()> {
    delete(connection, row, &row_tokens(old.0, old.1))
}

fn delete(connection: &Connection, row: i64, tokens: &str) -> StoreResult<()> {
    connection
        .prepare_cached("INSERT INTO search (search, rowid, words) VALUES ('delete', ?1, ?2)")?
        .execute(rusqlite::params![row, tokens])?;
    Ok(())
}

/// Empties the table, for making it again.
pub fn clear(connection: &Connection) -> StoreResult<()> {
    connection.execute_batch("INSERT INTO search (search) VALUES ('delete-all')")?;
    Ok(())
}

/// At most `limit` entries that may match: those with every term in the title first, then the others, each newest row
/// first. Where [`Query::needs_text`] says so, each must be compared with its text.
pub fn candidates(connection: &Connection, query: &Query, limit: usize) -> StoreResult<Vec<Candidate>> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement =
        connection.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?2")?;
    let mut rows = |title: bool| -> StoreResult<Vec<i64>> {
        let found = statement.query_map(rusqlite::params![query.expression(title), limit], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    };
    let titles = rows(true)?;
    let mut found: Vec<Candidate> = titles.iter().map(|row| Candidate { row: *row, in_title: true }).collect();
    // Rows come in descending order, so the title's can be left out by a search in them.
    let others = rows(false)?.into_iter().filter(|row| titles.binary_search_by(|other| row.cmp(other)).is_err());
    found.extend(others.map(|row| Candidate { row, in_title: false }));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// How many entries the index lists; exact where the query needs no look at the text.
pub fn count(connection: &Connection, query: &Query) -> StoreResult<u64> {
    if query.is_empty() {
        return Ok(0);
    }
    let found: Option<i64> = connection
        .prepare_cached("SELECT count(*) FROM search WHERE search MATCH ?1")?
        .query_row([query.expression(false)], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::crypto::Secret;
    use crate::store::error::StoreError;
    use crate::store::sqlite::connections::Connections;
    use crate::store::sqlite::open::Schema;
    use crate::store::sqlite::pages::decrypted_pages;
    use crate::store::words::Matcher;

    const SCHEMA: Schema = Schema { version: 1, migrate: |transaction, _| create(transaction) };

    fn made() -> (tempfile::TempDir, Secret, Connections) {
        let folder = tempfile::tempdir().unwrap();
        let key = Secret::from_bytes([5; 32]);
        let connections = Connections::create(&folder.path().join("journal.db"), &key, SCHEMA).unwrap();
        (folder, key, connections)
    }

    fn rows(connections: &Connections, query: &str) -> Vec<i64> {
        connections
            .read(|t| candidates(t, &Query::parse(query), 100))
            .unwrap()
            .into_iter()
            .map(|candidate| candidate.row)
            .collect()
    }

    #[test]
    fn titles_come_first_then_the_newest() {
        let (_folder, _key, connections) = made();
        connections
            .write(|t| {
                for (row, texts) in [
                    (1, ("The Café", "closed in March")),
                    (2, ("Rain", "we sat in the café")),
                    (3, ("東京都", "a café, again")),
                    (4, ("Cafe\u{301} society", "nothing")),
                ] {
                    replace(t, row, None, texts)?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(rows(&connections, "cafe"), [4, 1, 3, 2]);
        assert_eq!(rows(&connections, "cafe march"), [1], "title and text together");
        assert_eq!(rows(&connections, "ca*"), [4, 1, 3, 2]);
        for query in ["東", "京", "都", "東京", "京都", "東京都"] {
            assert_eq!(rows(&connections, query), [3], "{query}");
        }
        for query in ["caf", "大阪", "", "!", "search:cafe", "cafe OR nothing"] {
            assert_eq!(rows(&connections, query), [0; 0], "{query}");
        }
        let limited = connections.read(|t| candidates(t, &Query::parse("cafe"), 3)).unwrap();
        assert_eq!(limited.iter().map(|c| (c.row, c.in_title)).collect::<Vec<_>>(), [(4, true), (1, true), (3, false)]);
        assert_eq!(connections.read(|t| count(t, &Query::parse("cafe"))).unwrap(), 4);
    }

    #[test]
    fn a_replaced_row_is_found_by_its_new_words_only() {
        let (_folder, _key, connections) = made();
        let (old, new) = (("Monday", "the first telling"), ("Tuesday", "the second telling"));
        connections.write(|t| replace(t, 7, None, old)).unwrap();
        connections.write(|t| replace(t, 7, Some(old), old)).unwrap();
        connections.write(|t| replace(t, 7, Some(old), new)).unwrap();
        assert_eq!(rows(&connections, "first"), [0; 0]);
        assert_eq!(rows(&connections, "monday"), [0; 0]);
        assert_eq!(rows(&connections, "second telling"), [7]);
        connections.write(|t| remove(t, 7, new)).unwrap();
        assert_eq!(rows(&connections, "tel*"), [0; 0]);
        connections.write(|t| replace(t, 8, None, new)).unwrap();
        connections.write(|t| clear(t)).unwrap();
        assert_eq!(rows(&connections, "tel*"), [0; 0]);
    }

    const WORDS: &[&str] = &[
        "rain",
        "café",
        "Rainer",
        "Straße",
        "東京",
        "京都",
        "都",
        "한국어",
        "שלום",
        "walk",
        "walking",
        "1984",
        "🎉",
        "の",
        "don't",
    ];

    fn sentence(random: &mut ChaCha8Rng, words: u32) -> String {
        (0..words)
            .map(|_| {
                let word = WORDS[random.next_u32() as usize % WORDS.len()];
                if random.next_u32().is_multiple_of(4) { word.to_owned() } else { format!("{word} ") }
            })
            .collect()
    }

    #[test]
    fn what_a_scan_of_every_text_finds_is_found() {
        let (_folder, _key, connections) = made();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut held: BTreeMap<i64, (String, String)> = BTreeMap::new();
        for round in 0..300 {
            let row = i64::from(random.next_u32() % 80);
            let new = (sentence(&mut random, 3), sentence(&mut random, 12));
            let old = held.get(&row).map(|(title, text)| (title.as_str(), text.as_str()));
            if round % 5 == 4
                && let Some(old) = old
            {
                connections.write(|t| remove(t, row, old)).unwrap();
                held.remove(&row);
            } else {
                connections.write(|t| replace(t, row, old, (&new.0, &new.1))).unwrap();
                held.insert(row, new);
            }
        }
        let mut hits = 0;
        for _ in 0..300 {
            let asked = sentence(&mut random, 2);
            for query in [asked.trim().to_owned(), format!("\"{asked}\""), format!("{}*", asked.trim())] {
                let query = Query::parse(&query);
                let matcher = Matcher::new(&query);
                let expected: Vec<i64> = held
                    .iter()
                    .rev()
                    .filter(|(_, (title, text))| matcher.matches([title.as_str(), text.as_str()]))
                    .map(|(row, _)| *row)
                    .collect();
                let listed = connections.read(|t| candidates(t, &query, 1000)).unwrap();
                let mut found: Vec<i64> = listed
                    .into_iter()
                    .map(|candidate| candidate.row)
                    .filter(|row| {
                        let (title, text) = &held[row];
                        !query.needs_text() || matcher.matches([title.as_str(), text.as_str()])
                    })
                    .collect();
                found.sort_by(|a, b| b.cmp(a));
                assert_eq!(found, expected, "{query:?}");
                hits += found.len();
            }
        }
        assert!(hits > 1000, "{hits}");
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
            connections.write(|t| replace(t, row, None, (&word(row, 99), &text(row)))).unwrap();
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
            connections.write(|t| remove(t, *row, (&word(*row, 99), &text(*row)))).unwrap();
        }
        let after = pages();
        let left = seen(&after, &erased_ends);
        assert!(left.is_empty(), "{} of {} erased words are left", left.len(), erased_ends.len());
        assert_eq!(seen(&after, &kept_ends).len(), kept_ends.len());
        assert_eq!(rows(&connections, &word(0, 5)), [0]);
        assert_eq!(rows(&connections, &word(1, 5)), [0; 0]);
    }
}
