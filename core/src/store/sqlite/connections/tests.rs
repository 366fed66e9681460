//! Connections: what is durable, what is refused, two at once.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::*;
use crate::store::sqlite::open::PAGE_SIZE;
use crate::store::sqlite::pages::decrypted_pages;

const SCHEMA: Schema = Schema {
    version: 1,
    migrate: |transaction, _| {
        Ok(transaction.execute_batch("CREATE TABLE lines (number INTEGER PRIMARY KEY, words TEXT NOT NULL)")?)
    },
};

struct Made {
    folder: tempfile::TempDir,
    path: PathBuf,
    key: Secret,
}

fn made() -> (Made, Connections) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let key = Secret::from_bytes([42; 32]);
    let connections = Connections::create(&path, &key, SCHEMA).unwrap();
    (Made { folder, path, key }, connections)
}

impl Made {
    fn open(&self) -> StoreResult<Connections> {
        Connections::open(&self.path, &self.key, Vouched::ByVault, SCHEMA)
    }
}

fn add(connections: &Connections, words: &str) -> StoreResult<()> {
    connections.write(|transaction| {
        transaction.execute("INSERT INTO lines (words) VALUES (?1)", [words])?;
        Ok(())
    })
}

fn count(connections: &Connections) -> i64 {
    connections
        .read(|transaction| Ok::<_, StoreError>(transaction.query_row("SELECT count(*) FROM lines", [], |r| r.get(0))?))
        .unwrap()
}

#[test]
fn nothing_written_is_readable_in_the_files() {
    let (made, connections) = made();
    add(&connections, "the words of an evening").unwrap();
    for file in ["journal.db", "journal.db-wal"] {
        let bytes = fs::read(made.folder.path().join(file)).unwrap();
        assert!(!bytes.is_empty());
        for needle in ["evening", "CREATE TABLE", "SQLite format"] {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle.as_bytes()), "{needle} in {file}");
        }
    }
    #[cfg(unix)]
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(made.folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
}

#[test]
fn every_connection_is_enciphered_by_the_library_that_is_linked() {
    let (_made, connections) = made();
    let provider = |connection: &Connection| {
        connection.pragma_query_value(None, "cipher_provider", |row| row.get::<_, String>(0)).map_err(StoreError::from)
    };
    assert_eq!(connections.read(|transaction| provider(transaction)).unwrap(), afterword_sqlcipher::PROVIDER);
    assert_eq!(connections.write(|transaction| provider(transaction)).unwrap(), afterword_sqlcipher::PROVIDER);
}

#[test]
fn a_failed_write_changes_nothing() {
    let (_made, connections) = made();
    let refused: StoreResult<()> = connections.write(|transaction| {
        transaction.execute("INSERT INTO lines (words) VALUES ('x')", [])?;
        Err(StoreError::Invalid("no".to_owned()))
    });
    assert!(refused.is_err());
    assert_eq!(count(&connections), 0);
}

#[test]
fn readers_can_not_write() {
    let (_made, connections) = made();
    let refused: StoreResult<usize> =
        connections.read(|transaction| Ok(transaction.execute("INSERT INTO lines (words) VALUES ('x')", [])?));
    assert!(refused.is_err());
    assert_eq!(count(&connections), 0);
}

#[test]
fn a_full_disk_fails_the_commit_and_changes_nothing() {
    let (made, connections) = made();
    add(&connections, "before").unwrap();
    let pages: u32 =
        connections.read(|t| Ok::<_, StoreError>(t.query_row("PRAGMA page_count", [], |r| r.get(0))?)).unwrap();
    connections.set_max_page_count(pages + 2).unwrap();
    let big = "x".repeat(PAGE_SIZE as usize * 8);
    assert_eq!(add(&connections, &big), Err(StoreError::StorageFull));
    assert_eq!(count(&connections), 1);
    add(&connections, "still fits").unwrap();
    connections.set_max_page_count(1 << 30).unwrap();
    add(&connections, &big).unwrap();
    drop(connections);
    assert_eq!(count(&made.open().unwrap()), 3);
}

#[test]
fn two_writers_of_two_processes_both_get_through() {
    let (made, first) = made();
    let second = made.open().unwrap();
    std::thread::scope(|scope| {
        for (connections, name) in [(&first, "first"), (&second, "second")] {
            scope.spawn(move || {
                for number in 0..300 {
                    // Reads what it builds on, as a commit does.
                    connections
                        .write(|transaction| {
                            let seen: i64 = transaction.query_row("SELECT count(*) FROM lines", [], |r| r.get(0))?;
                            transaction.execute(
                                "INSERT INTO lines (number, words) VALUES (?1, ?2)",
                                rusqlite::params![seen + 1, name],
                            )?;
                            Ok::<_, StoreError>(())
                        })
                        .unwrap_or_else(|error| panic!("{name} failed at {number}: {error}"));
                }
            });
        }
    });
    assert_eq!(count(&first), 600);
}

#[test]
fn another_process_commit_is_noticed_and_our_own_is_not() {
    let (made, first) = made();
    let second = made.open().unwrap();
    let before = first.data_version().unwrap();
    add(&first, "ours").unwrap();
    assert_eq!(first.data_version().unwrap(), before);
    add(&second, "theirs").unwrap();
    assert_ne!(first.data_version().unwrap(), before);
}

#[test]
fn a_pause_waits_refuses_and_lets_go_of_every_file() {
    let (made, connections) = made();
    add(&connections, "one").unwrap();
    count(&connections);
    let (begun, wait) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            connections
                .write(|transaction| {
                    begun.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                    transaction.execute("INSERT INTO lines (words) VALUES ('two')", [])?;
                    Ok::<_, StoreError>(())
                })
                .unwrap();
        });
        wait.recv().unwrap();
        connections.pause().unwrap();
    });
    assert_eq!(add(&connections, "three"), Err(StoreError::Locked));
    assert_eq!(connections.read(|_| Ok::<_, StoreError>(())), Err(StoreError::Locked));
    assert!(!made.folder.path().join("journal.db-wal").exists(), "the last connection took the log with it");
    #[cfg(target_os = "linux")]
    for open in fs::read_dir("/proc/self/fd").unwrap() {
        let target = fs::read_link(open.unwrap().path()).unwrap_or_default();
        assert!(!target.starts_with(made.folder.path()), "still open: {}", target.display());
    }
    connections.resume().unwrap();
    assert_eq!(count(&connections), 2);
    add(&connections, "three").unwrap();
}

#[test]
fn many_readers_share_two_connections() {
    let (_made, connections) = made();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(count(&connections), 0)));
        }
    });
    assert!(lock(&connections.idle).len() <= READERS);
}

#[test]
fn what_is_wrong_with_a_file_is_told_apart() {
    let (made, connections) = made();
    add(&connections, &"words ".repeat(20_000)).unwrap();
    connections.checkpoint().unwrap();
    drop(connections);
    let whole = fs::read(&made.path).unwrap();

    let stranger = Secret::from_bytes([43; 32]);
    let wrong = Connections::open(&made.path, &stranger, Vouched::No, SCHEMA).unwrap_err();
    assert!(matches!(wrong, StoreError::WrongKey(_)), "{wrong:?}");

    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    let plain = {
        let path = made.folder.path().join("plain.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE other (x); INSERT INTO other VALUES (1)").unwrap();
        fs::read(path).unwrap()
    };
    for (name, bytes) in [
        ("damaged", damaged),
        ("plain", plain),
        ("empty", Vec::new()),
        ("short", whole[..10].to_vec()),
        ("cut in a page", whole[..5000].to_vec()),
        ("noise", (0..PAGE_SIZE * 3).map(|n| (n * 7 % 251) as u8).collect()),
    ] {
        fs::write(&made.path, &bytes).unwrap();
        let error = made.open().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{name}: {error:?}");
        assert_eq!(fs::read(&made.path).unwrap(), bytes, "{name}: the file was touched");
    }

    // Damage further back shows when it is read, not before.
    let mut later = whole.clone();
    let at = later.len() - 4000;
    later[at] ^= 1;
    fs::write(&made.path, &later).unwrap();
    let opened = made.open().unwrap();
    let read: StoreResult<String> = opened.read(|t| Ok(t.query_row("SELECT words FROM lines", [], |row| row.get(0))?));
    assert!(
        matches!(read, Err(StoreError::Corrupt(_))),
        "a damaged page was read as {:?}",
        read.map(|text| text.len())
    );
    assert_eq!(opened.problems().unwrap().len(), 1);
    let written: StoreResult<usize> = opened.write(|t| Ok(t.execute("UPDATE lines SET words = words || 'x'", [])?));
    assert!(matches!(written, Err(StoreError::Corrupt(_))));
    assert_eq!(add(&opened, "what is whole can still be used"), Ok(()));
    drop(opened);
    fs::write(&made.path, &whole).unwrap();
    assert!(made.open().unwrap().problems().unwrap().is_empty());

    fs::remove_file(&made.path).unwrap();
    assert!(matches!(made.open().unwrap_err(), StoreError::NotFound(_)));
}

#[test]
fn a_newer_journal_and_anothers_database_are_left_alone() {
    let (made, connections) = made();
    connections.write(|t| Ok::<_, StoreError>(t.pragma_update(None, "user_version", 7)?)).unwrap();
    drop(connections);
    assert_eq!(made.open().unwrap_err(), StoreError::TooNew { what: "the journal", found: 7, known: 1 });

    let connection = open(&made.path, &made.key, Vouched::ByVault, Role::Writer).unwrap();
    connection.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 5").unwrap();
    drop(connection);
    assert!(matches!(made.open().unwrap_err(), StoreError::Corrupt(_)));
}

#[test]
fn there_is_one_journal_per_folder() {
    let (made, _connections) = made();
    assert!(matches!(Connections::create(&made.path, &made.key, SCHEMA), Err(StoreError::Invalid(_))));
    assert!(made.path.exists());

    let full = Schema { version: 1, migrate: |_, _| Err(StoreError::StorageFull) };
    let other = made.folder.path().join("other.db");
    assert!(Connections::create(&other, &made.key, full).is_err());
    assert!(!other.exists(), "a failed beginning can be begun again");
    Connections::create(&other, &made.key, SCHEMA).unwrap();
}

#[test]
fn decrypted_pages_show_the_log_free_pages_and_what_newer_pages_hide() {
    let (made, connections) = made();
    let holds = |needle: &str| {
        let pages = decrypted_pages(&made.path, &made.key, made.folder.path()).unwrap();
        pages.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    add(&connections, "canary-one").unwrap();
    assert!(holds("canary-one"), "in the log");
    connections.write(|t| Ok::<_, StoreError>(t.execute("DELETE FROM lines", [])?)).unwrap();
    assert_eq!(count(&connections), 0);
    assert!(holds("canary-one"), "an older page of the log");
    assert!(connections.checkpoint().unwrap());
    assert!(!holds("canary-one"), "secure_delete and an empty log leave nothing");

    let other = made.folder.path().join("other.db");
    let careless = Connections::create(&other, &made.key, SCHEMA).unwrap();
    careless
        .write(|t| {
            t.execute_batch("CREATE TABLE more (words TEXT)")?;
            t.execute("INSERT INTO more VALUES (?1)", ["canary-two ".repeat(4000)])?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    careless.on_writer(|c| Ok(c.execute_batch("PRAGMA secure_delete = OFF; DROP TABLE more")?)).unwrap();
    careless.checkpoint().unwrap();
    let pages = decrypted_pages(&other, &made.key, made.folder.path()).unwrap();
    assert!(pages.windows(10).any(|window| window == b"canary-two"), "a free page");
}

#[test]
fn opening_is_instant() {
    let (made, connections) = made();
    (0..50).for_each(|_| add(&connections, &"a line ".repeat(300)).unwrap());
    drop(connections);
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let opened = made.open().unwrap();
            let took = start.elapsed();
            drop(opened);
            took
        })
        .collect();
    times.sort();
    // The key is raw: were it stretched as a passphrase, the quickest would take a hundred times as long. The quickest,
    // because a busy machine says nothing about us.
    assert!(times[0] < Duration::from_millis(30), "{times:?}");
    println!("opening: least {:?}, median {:?}", times[0], times[times.len() / 2]);
}
