//! What only this backend has: derived tables, SQL beside the rules, the doctor, and nothing left of what was erased.

use super::pages::decrypted_pages;
use super::*;
use crate::crypto::Secret;
use crate::error::Error;
use crate::id::EntryId;
use crate::journal::Kind;
use crate::log::{Block, Envelope, MAX_BATCH, Operation, OperationKind, Unpacker, line};
use crate::replication::rules::{self, Identity, Packing};
use crate::replication::tx::{DocumentState, Setting, StorageExt, Tx};
use crate::store::read_model::{Filter, list_query};
use crate::testing::journal::{Doc, Journal, Seeded};
use crate::time::{Day, Timestamp};
use crate::tokenizer::Query;

const KEY: Secret = Secret::from_bytes([5; 32]);

struct Made {
    store: SqliteStore,
    identity: Identity,
    entropy: Seeded,
    folder: tempfile::TempDir,
}

fn entry(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

fn made() -> Made {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&folder.path().join("journal.db"), &KEY).unwrap();
    let identity = Journal::new(&[10]).settle(&store, 10);
    Made { store, identity, entropy: Seeded::new(1), folder }
}

impl Made {
    fn append(&mut self, operations: Vec<Operation>) {
        self.store.write(|tx| rules::append(tx, &self.identity, &mut self.entropy, operations)).unwrap();
    }

    fn change(&mut self, entry: EntryId, chunk: Vec<u8>) {
        self.append(vec![Operation::change(entry, chunk, Vec::new(), Vec::new()).unwrap()]);
    }

    /// Fills every derived table for an entry, as deriving does.
    fn derive(&self, entry: EntryId, projection: &Projection) {
        self.store
            .write_sql(|tx| {
                let row = tx.row_of(entry)?.unwrap();
                let conn = tx.conn()?;
                conn.execute(
                    "INSERT INTO entries VALUES (?1, randomblob(16), 0, '2026-11-22', 5, 'note', 0, ?2)",
                    rusqlite::params![row, projection.title.as_bytes()],
                )
                .unwrap();
                conn.execute("INSERT INTO texts VALUES (?1, ?2)", rusqlite::params![row, projection.pack()]).unwrap();
                conn.execute(
                    "INSERT INTO snapshots VALUES (?1, x'', 1, ?2)",
                    rusqlite::params![row, projection.parts[0].1.as_bytes()],
                )
                .unwrap();
                let day = Day::new(2026, 11, 22);
                let place = search::Place { day, created: Timestamp(5), entry, hidden: i64::MIN };
                search::put(conn, row, &place, None, &search::tokens(projection))?;
                conn.execute("UPDATE documents SET stale = 0 WHERE id = ?1", [row]).unwrap();
                Ok(())
            })
            .unwrap();
    }

    fn found(&self, word: &str) -> usize {
        let (query, day) = (Query::parse(word), Day::new(2026, 11, 22));
        let count = |tx: &mut SqliteTx<'_>| {
            let hidden = search::hidden(tx.conn()?, day)?;
            search::newest(tx.conn()?, (&query, false), &hidden, 9, |_| Ok::<_, Error>(true))
        };
        self.store.read_sql(count).unwrap() as usize
    }

    /// How many rows each table with a document column has for an entry.
    fn rows_of(&self, entry: EntryId) -> Vec<(String, i64)> {
        self.store
            .read_sql(|tx| {
                let row = tx.row_of(entry)?.unwrap();
                let conn = tx.conn()?;
                let mut tables = conn
                    .prepare(
                        "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'document'
                         WHERE m.type = 'table' ORDER BY m.name",
                    )
                    .unwrap();
                let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
                let count = |table: &str| {
                    let sql = format!("SELECT count(*) FROM {table} WHERE document = ?1");
                    conn.query_row(&sql, [row], |row| row.get(0)).unwrap()
                };
                Ok(tables.into_iter().map(|table| (table.clone(), count(&table))).collect())
            })
            .unwrap()
    }

    /// Packs all but the newest operations. Answers how many.
    fn pack(&self, keep: u64) -> u64 {
        let packing = Packing { keep, at_least: 0, ..Packing::default() };
        let pack = || self.store.write(|tx| rules::pack(tx, &self.identity, &packing)).unwrap();
        std::iter::from_fn(|| Some(pack()).filter(|packed| *packed > 0)).sum()
    }

    fn stale(&self) -> Vec<EntryId> {
        self.store.stale(9).unwrap()
    }

    fn problems(&self) -> Vec<&'static str> {
        self.store.doctor().unwrap().iter().filter(|check| !check.ok).map(|check| check.name).collect()
    }

    fn sql(&self, sql: &str) {
        self.store.write_sql(|tx| Ok(tx.conn()?.execute_batch(sql)?)).unwrap();
    }
}

fn story() -> Projection {
    let body = "Everybody saw the zanzibarite. ".repeat(60);
    Projection { title: "Quokkalike evening".to_owned(), parts: vec![("body".to_owned(), body)] }
}

#[test]
fn an_erased_entry_leaves_no_row_and_no_word_in_any_page() {
    let mut made = made();
    made.change(entry(1), Doc::new(1).write(&story().parts[0].1));
    made.derive(entry(1), &story());
    made.change(entry(2), Doc::new(2).write("kept"));
    assert_eq!(made.found("zanzibarite"), 1);
    let path = made.folder.path().join("journal.db");
    let scratch = tempfile::tempdir().unwrap();
    let holds = |word: &[u8]| {
        let pages = decrypted_pages(&path, &KEY, scratch.path()).unwrap();
        pages.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
    };
    made.store.connections().checkpoint().unwrap();
    // The body lies squeezed, so look for the list row's and the search table's words too.
    assert!(holds(b"zanzibarite") && holds(b"quokkalike"));

    made.sql("UPDATE documents SET refused = 1 WHERE id = 1");
    made.store.write(|tx| rules::erase(tx, &made.identity, &mut made.entropy, entry(1))).unwrap();
    assert_eq!(made.store.unread_changes().unwrap(), [], "changes of an erased entry");
    assert!(made.store.connections().checkpoint().unwrap());
    assert!(!holds(b"zanzibarite") && !holds(b"quokkalike"));
    assert_eq!(made.found("zanzibarite"), 0);
    for (table, count) in made.rows_of(entry(1)) {
        assert_eq!(count > 0, table == "places", "{table}");
    }
    assert_eq!(made.stale(), [entry(2)]);
    assert_eq!(made.problems(), [""; 0]);
}

#[test]
fn an_erased_entry_leaves_no_word_in_any_block() {
    let mut made = made();
    // Short and in a block that is not compressed, so that its words would be seen in the page.
    let (mut gone, mut kept) = (Doc::new(1), Doc::new(2));
    for n in 0..3 {
        made.change(entry(1), gone.write(&format!("xylofuge {n}")));
        made.change(entry(2), kept.write(&format!("quagmire {n}")));
        assert_eq!(made.pack(0), 2);
    }
    made.change(entry(1), gone.write("xylofuge unpacked"));
    let path = made.folder.path().join("journal.db");
    let scratch = tempfile::tempdir().unwrap();
    let words = || {
        let blocks: Vec<Vec<u8>> = made
            .store
            .read_sql(|tx| {
                let mut all = tx.conn()?.prepare("SELECT id, count, len, bytes FROM blocks").unwrap();
                let block = |row: &rusqlite::Row<'_>| {
                    Ok(Block { operations: row.get(1)?, len: row.get(2)?, bytes: row.get(3)? })
                };
                let blocks: Vec<Block> = all.query_map([], block).unwrap().map(Result::unwrap).collect();
                let mut unpacker = Unpacker::default();
                let lines = |block: &Block| {
                    unpacker.lines(block).unwrap().map(|line| line.unwrap().whole.to_vec()).collect::<Vec<_>>().concat()
                };
                Ok(blocks.iter().map(lines).collect())
            })
            .unwrap();
        assert!(made.store.connections().checkpoint().unwrap());
        let pages = decrypted_pages(&path, &KEY, scratch.path()).unwrap();
        let holds =
            |word: &[u8]| [&pages, &blocks.concat()].map(|place| place.windows(word.len()).any(|at| at == word));
        [holds(b"xylofuge"), holds(b"quagmire")]
    };
    assert_eq!(words(), [[true, true], [true, true]]);
    let erased = made.store.write(|tx| rules::erase(tx, &made.identity, &mut Seeded::new(3), entry(1))).unwrap();
    assert!(erased.is_some());
    assert_eq!(words(), [[false, false], [true, true]]);
    assert_eq!(made.problems(), [""; 0]);
    assert_eq!(made.store.read(|tx| tx.changes(entry(2))).unwrap().len(), 3);
}

/// What a cold entry costs: never more blocks than it has changes, and each once.
#[test]
fn an_entry_is_read_out_of_as_few_blocks_as_it_stands_in() {
    let mut made = made();
    let mut docs: Vec<Doc> = (1..=40).map(Doc::new).collect();
    let noise = |n: usize| {
        let mut bytes = [0; 1_400];
        crate::time::Entropy::fill(&mut Seeded::new(n as u64), &mut bytes);
        data_encoding::BASE64.encode(&bytes)
    };
    for round in 0..6 {
        let commit = docs.iter_mut().enumerate().map(|(n, doc)| {
            let chunk = doc.write(&noise(round * 100 + n));
            Operation::change(entry(n as u8), chunk, Vec::new(), Vec::new()).unwrap()
        });
        let commit = commit.collect();
        made.append(commit);
    }
    assert_eq!(made.pack(0), 240);
    let read = |made: &Made, n: u8| {
        made.store.read_sql(|tx| {
            let changes = tx.changes(entry(n))?;
            Ok((changes.len(), tx.blocks_unpacked()))
        })
    };
    let blocks: i64 = made
        .store
        .read_sql(|tx| Ok(tx.conn()?.query_row("SELECT count(*) FROM blocks", [], |row| row.get(0)).unwrap()))
        .unwrap();
    assert!((7..=12).contains(&blocks), "{blocks}");
    for n in 0..40 {
        let (changes, unpacked) = read(&made, n).unwrap();
        assert_eq!(changes, 6);
        assert!(unpacked <= 6 && unpacked <= blocks as u64, "{unpacked}");
    }
    // Not packed, nothing is unpacked.
    made.change(entry(77), Doc::new(77).write("new"));
    assert_eq!(read(&made, 77).unwrap(), (1, 0));
}

#[test]
fn a_document_without_heads_has_no_derived_rows_and_keeps_its_log() {
    let mut made = made();
    made.change(entry(1), Doc::new(1).write(&story().parts[0].1));
    made.derive(entry(1), &story());
    made.store.write(|tx| tx.set_document(entry(1), &DocumentState::default())).unwrap();
    for (table, count) in made.rows_of(entry(1)) {
        assert_eq!(count > 0, table == "places", "{table}");
    }
    assert_eq!((made.found("zanzibarite"), made.stale()), (0, Vec::new()));
    assert_eq!(made.store.read(|tx| tx.changes(entry(1))).unwrap().len(), 1);
}

#[test]
fn a_commit_marks_its_entries_stale_the_last_to_come_first() {
    let mut made = made();
    let mut doc = Doc::new(1);
    made.change(entry(1), doc.write("one"));
    made.change(entry(2), Doc::new(2).write("two"));
    assert_eq!(made.stale(), [entry(2), entry(1)]);
    made.derive(entry(1), &story());
    assert_eq!((made.stale(), made.store.stale_count()), (vec![entry(2)], Ok(1)));
    made.change(entry(1), doc.write("again"));
    assert_eq!(made.stale(), [entry(2), entry(1)]);
    assert_eq!(made.store.stale(1).unwrap(), [entry(2)]);
}

#[test]
fn sql_beside_the_rules_sees_what_they_did() {
    let mut made = made();
    let operation = Operation::change(entry(1), Doc::new(1).write("one"), Vec::new(), Vec::new()).unwrap();
    let Made { store, identity, entropy, .. } = &mut made;
    store
        .write_sql(|tx| {
            rules::append(tx, identity, entropy, vec![operation])?;
            let row = tx.row_of(entry(1))?.unwrap();
            let count = "SELECT count(*) FROM documents WHERE id = ?1 AND heads IS NOT NULL AND stale = 3";
            let count: i64 = tx.conn()?.query_row(count, [row], |row| row.get(0)).unwrap();
            assert_eq!(count, 1);
            assert_eq!(tx.entry_of(row)?, Some(entry(1)));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_list_is_read_from_its_index_in_order() {
    let made = made();
    let plan = |sql: &str| -> String {
        made.store
            .read_sql(|tx| {
                let mut plan = tx.conn()?.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let blanks = vec![rusqlite::types::Null; plan.parameter_count()];
                let blanks = rusqlite::params_from_iter(blanks);
                let lines: Vec<String> =
                    plan.query_map(blanks, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
                Ok(lines.join("; "))
            })
            .unwrap()
    };
    let filtered = Filter { from: Some(Day::new(2020, 1, 1)), kind: Some(Kind::Vent), ..Filter::default() };
    for filter in [Filter::default(), filtered] {
        let (list, _) = list_query(&filter, None);
        let plan = plan(&list);
        assert!(plan.starts_with("SEARCH entries USING INDEX entries_newest (trashed=?"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
    let stale = plan("SELECT entry FROM documents WHERE stale != 0 ORDER BY id DESC LIMIT 9");
    assert_eq!(stale, "SCAN documents USING INDEX documents_stale");
    let unfilled = plan("SELECT blob FROM blobs WHERE brought IS NOT NULL AND NOT ended AND NOT here");
    assert_eq!(unfilled, "SCAN blobs USING INDEX blobs_unfilled");
}

#[test]
fn the_doctor_finds_each_kind_of_damage() {
    const EVERYWHERE: &[&str] = &["logs", "documents", "digest"];
    let either: [(&str, &[&str]); 9] = [
        ("UPDATE heads SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE id & 0xff = 3", &["logs"]),
        ("DELETE FROM heads WHERE id & 0xff = 3", &["logs"]),
        ("UPDATE documents SET pending = 1", &["documents"]),
        ("UPDATE places SET ready = 0 WHERE id & 0xff = 2", &["documents"]),
        ("UPDATE settings SET value = zeroblob(32) WHERE key = 'digest'", &["digest"]),
        ("INSERT INTO texts VALUES (99, x'00')", &["rows"]),
        ("UPDATE places SET key = key + 1 WHERE id & 0xff = 2", &["places"]),
        ("INSERT INTO waits VALUES (1, zeroblob(32), zeroblob(32))", &["documents"]),
        ("UPDATE statements SET hash = zeroblob(32) WHERE id = 1", &["statements"]),
    ];
    let lines: [(&str, &[&str]); 5] = [
        ("UPDATE operations SET chain = zeroblob(32) WHERE id & 0xff = 2", &["logs"]),
        (
            "UPDATE operations SET line = (SELECT line FROM operations WHERE id & 0xff = 1) WHERE id & 0xff = 3",
            EVERYWHERE,
        ),
        ("UPDATE heads SET bytes = (SELECT bytes FROM heads WHERE id & 0xff = 1)", &["logs"]),
        ("DELETE FROM operations WHERE id & 0xff = 2", EVERYWHERE),
        ("DELETE FROM places WHERE id & 0xff = 3", &["places", "documents", "digest", "rows"]),
    ];
    let blocks: [(&str, &[&str]); 5] = [
        ("UPDATE blocks SET chain = zeroblob(32)", &["logs"]),
        ("UPDATE blocks SET count = count - 1", EVERYWHERE),
        ("UPDATE blocks SET len = len + 1", EVERYWHERE),
        ("UPDATE blocks SET bytes = substr(bytes, 1, length(bytes) - 1)", EVERYWHERE),
        ("DELETE FROM blocks", EVERYWHERE),
    ];
    let all = either.iter().map(|case| (false, case)).chain(either.iter().map(|case| (true, case)));
    let all = all.chain(lines.iter().map(|case| (false, case))).chain(blocks.iter().map(|case| (true, case)));
    for (packed, (damage, expected)) in all {
        let mut made = made();
        let mut doc = Doc::new(1);
        for n in 0..3 {
            made.change(entry(1), doc.write(&n.to_string()));
        }
        if packed {
            assert_eq!(made.pack(0), 3);
        }
        assert_eq!(made.problems(), [""; 0]);
        made.sql(damage);
        assert_eq!(made.problems(), *expected, "{damage}, packed: {packed}");
    }
}

#[test]
fn a_store_opens_again_as_it_was() {
    let mut made = made();
    made.change(entry(1), Doc::new(1).write("one"));
    let summary = made.store.read(rules::summary).unwrap();
    made.store.pause().unwrap();
    assert!(made.store.read(rules::summary).is_err());
    made.store.resume().unwrap();
    assert_eq!(made.store.read(rules::summary).unwrap(), summary);
    drop(made.store);
    let again = SqliteStore::open(&made.folder.path().join("journal.db"), &KEY, open::Vouched::ByVault).unwrap();
    assert_eq!(again.read(rules::summary).unwrap(), summary);
    assert!(again.read(|tx| Ok(tx.setting(Setting::Incarnation)?.is_some())).unwrap());
}

/// A commit of nearly as much as may be, so that rows run over many pages.
#[test]
fn long_bodies_come_back() {
    let mut made = made();
    let mut text = vec![0u8; MAX_BATCH - 4096];
    crate::time::Entropy::fill(&mut Seeded::new(4), &mut text);
    let noise = data_encoding::BASE64.encode(&text[..MAX_BATCH / 2]);
    let chunk = Doc::new(1).write(&noise);
    made.change(entry(1), chunk.clone());
    assert_eq!(made.store.read(|tx| tx.changes(entry(1))).unwrap()[0].chunk, chunk);
    assert_eq!(made.problems(), [""; 0]);
}

/// A damaged block stays aside, with what can be read of it. Each repair looks at it, and wrote its records down once more.
#[test]
fn a_record_that_stays_aside_is_logged_again_once() {
    let mut made = made();
    let envelope =
        Envelope { entry: entry(1), kind: OperationKind::Record, brings: vec![], ends: vec![], first_log: None };
    let record = Operation::new(envelope, b"a line of the ledger".to_vec()).unwrap();
    let damaged = [line(&record), vec![0xff; 9]].concat();
    let aside = "INSERT INTO aside (source, place, bytes) VALUES ('blocks', 1, ?1)";
    made.store.write_sql(|tx| Ok(tx.conn()?.execute(aside, [damaged]).unwrap())).unwrap();
    let mut repair = || made.store.repair(&made.identity, &mut made.entropy).unwrap().logged_again;
    assert_eq!([repair(), repair()], [1, 0]);
}

/// Rows that were read from a journal before it was repaired are of nobody then: numbers of documents are given again.
#[test]
fn a_repair_uses_no_version_of_a_document_again() {
    let mut made = made();
    let versions = |made: &Made| -> Vec<i64> {
        let all = "SELECT version FROM documents ORDER BY id";
        let read = |tx: &mut SqliteTx<'_>| {
            Ok(tx.conn()?.prepare(all).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect())
        };
        made.store.read_sql(read).unwrap()
    };
    let mut doc = Doc::new(1);
    for word in ["rain", "snow"] {
        made.change(entry(1), doc.write(word));
    }
    let before = versions(&made);
    // Nothing is left in the log, but what can be read behind the damage.
    let damage = "UPDATE operations SET line = zeroblob(9) WHERE id = (SELECT min(id) FROM operations)";
    made.store.write_sql(|tx| Ok(tx.conn()?.execute(damage, []).unwrap())).unwrap();
    made.store.repair(&made.identity, &mut made.entropy).unwrap();
    made.change(entry(2), Doc::new(2).write("hail"));
    let after = versions(&made);
    assert!(
        after.len() == 2 && after.iter().all(|version| before.iter().all(|old| old < version)),
        "{before:?} {after:?}"
    );
}
