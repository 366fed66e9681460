//! Files of other builds of SQLCipher open here, and ours there.
//!
//! The three in `stock/` were made by others' builds over OpenSSL: `journal-4.12.db` and `defaults-4.12.db` by SQLCipher
//! 4.12.0 of the Python package `sqlcipher3-wheels` 0.5.7, `defaults-3.4.db` by Debian's `sqlcipher` 3.4.1-2+b1. The first
//! has the key and the pragmas of a journal. That ours open there follows wherever there is no such program: what decrypts
//! and authenticates their pages is the inverse of what encrypts ours, which the other tests here show.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{PROVIDER, start};

/// As a journal is opened: a raw key of 32 bytes, no stretching, SHA-256.
const JOURNAL: &str = "PRAGMA key = \"x'2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a'\";
    PRAGMA cipher_page_size = 4096;
    PRAGMA cipher_hmac_algorithm = HMAC_SHA256;";
/// What SQLCipher 4 does for who says no more: 256,000 rounds of PBKDF2 over SHA-512, tags of SHA-512.
const DEFAULTS: &str = "PRAGMA key = 'a passphrase';";
/// What SQLCipher 3 did: SHA-1, pages of 1 KiB.
const VERSION_3: &str = "PRAGMA key = 'a passphrase'; PRAGMA cipher_compatibility = 3;";

const STORY: &str = "CREATE TABLE lines (number INTEGER PRIMARY KEY, words TEXT NOT NULL);
    INSERT INTO lines VALUES (1, 'written by another');
    INSERT INTO lines VALUES (2, replace(hex(zeroblob(600)), '00', 'long long '));";

fn opened(path: &Path, pragmas: &str) -> Connection {
    start().unwrap();
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(pragmas).unwrap();
    connection
}

fn asked(connection: &Connection, sql: &str) -> rusqlite::Result<String> {
    connection.query_row(sql, [], |row| row.get(0))
}

/// A file with the story in it, in a folder of its own.
fn told(pragmas: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.db");
    opened(&path, pragmas).execute_batch(STORY).unwrap();
    (folder, path)
}

fn assert_story(connection: &Connection, what: &str) {
    assert_eq!(asked(connection, "SELECT words FROM lines WHERE number = 1").unwrap(), "written by another", "{what}");
    let long =
        asked(connection, "SELECT length(words) || ' ' || substr(words, -5) FROM lines WHERE number = 2").unwrap();
    assert_eq!(long, "6000 long ", "{what}");
    // One row for each page that fails its tag or lies wrong; none is what a sound file answers.
    assert!(asked(connection, "PRAGMA cipher_integrity_check").is_err(), "{what}");
    assert_eq!(asked(connection, "PRAGMA integrity_check").unwrap(), "ok", "{what}");
}

fn stock(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("stock").join(name)).unwrap()
}

#[test]
fn the_provider_is_ours_and_nothing_else_is_compiled_in() {
    let (_folder, path) = told(JOURNAL);
    let connection = opened(&path, JOURNAL);
    assert_eq!(asked(&connection, "PRAGMA cipher_provider").unwrap(), PROVIDER);
    assert_eq!(asked(&connection, "PRAGMA cipher").unwrap(), "aes-256-cbc");
    assert!(asked(&connection, "PRAGMA cipher_version").unwrap().starts_with("4."));
    // The functions that rusqlite names are those of this release.
    assert_eq!(rusqlite::version(), rusqlite::ffi::SQLITE_VERSION.to_str().unwrap());
    let options: Vec<String> = connection
        .prepare("SELECT compile_options FROM pragma_compile_options")
        .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
        .unwrap();
    for option in ["TEMP_STORE=3", "OMIT_LOAD_EXTENSION", "ENABLE_FTS5", "THREADSAFE=1"] {
        assert!(options.iter().any(|found| found == option), "{option}: {options:?}");
    }
}

#[test]
fn files_of_other_builds_open() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pragmas) in
        [("journal-4.12.db", JOURNAL), ("defaults-4.12.db", DEFAULTS), ("defaults-3.4.db", VERSION_3)]
    {
        let path = folder.path().join(name);
        fs::write(&path, stock(name)).unwrap();
        assert_story(&opened(&path, pragmas), name);
        // A page of it that is written here is read again.
        let connection = opened(&path, pragmas);
        connection.execute("UPDATE lines SET words = words || '.' WHERE number = 1", []).unwrap();
        drop(connection);
        let words = asked(&opened(&path, pragmas), "SELECT words FROM lines WHERE number = 1");
        assert_eq!(words.unwrap(), "written by another.", "{name}");
    }
}

#[test]
fn our_files_hide_what_they_hold_and_open_again() {
    for pragmas in [JOURNAL, DEFAULTS, VERSION_3] {
        let (_folder, path) = told(pragmas);
        assert_story(&opened(&path, pragmas), pragmas);
        let bytes = fs::read(&path).unwrap();
        for needle in [&b"SQLite format 3"[..], b"written by another", b"long long"] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{pragmas}");
        }
    }
}

#[test]
fn a_flipped_bit_and_another_key_are_refused() {
    let (_folder, path) = told(JOURNAL);
    let whole = fs::read(&path).unwrap();
    for (at, what) in [(20, "the first page"), (4096 + 9, "a page"), (8192 - 40, "a vector"), (8192 - 1, "a tag")] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let connection = opened(&path, JOURNAL);
        let found = asked(&connection, "SELECT group_concat(words) FROM lines");
        assert!(found.is_err(), "{what}: {found:?}");
    }
    fs::write(&path, whole).unwrap();
    let found = asked(&opened(&path, &JOURNAL.replacen("2a", "2b", 1)), "SELECT words FROM lines");
    assert_eq!(found.unwrap_err().sqlite_error_code(), Some(rusqlite::ErrorCode::NotADatabase));
}

#[test]
fn a_change_of_keys_rewrites_every_page() {
    let (_folder, path) = told(JOURNAL);
    let other = JOURNAL.replace("2a", "2b");
    let rekey = other.split(';').next().unwrap().replace("PRAGMA key", "PRAGMA rekey");
    opened(&path, JOURNAL).execute_batch(&rekey).unwrap();
    assert_story(&opened(&path, &other), "the new key");
    assert!(asked(&opened(&path, JOURNAL), "SELECT words FROM lines").is_err());
}

#[test]
fn any_number_of_threads_may_start_and_open_at_once() {
    let (_folder, path) = told(JOURNAL);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_story(&opened(&path, JOURNAL), "a thread"));
        }
    });
}

/// The `sqlcipher` of this computer, where there is one that answers.
fn program(database: &Path, sql: &str) -> Option<String> {
    let mut child = Command::new("sqlcipher")
        .arg("-batch")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where `sqlcipher` is installed (Debian's package of that name; 3 or 4), it reads what was written here and writes what
/// is read here. Elsewhere this says so, and the files in `stock/` are all that there is; CONTRIBUTING.md has it.
#[test]
fn this_computers_sqlcipher_and_ours_read_each_other() {
    let Some(version) = program(Path::new(":memory:"), "PRAGMA cipher_version;") else {
        println!("no `sqlcipher` on this computer: only the files in sqlcipher/stock were read");
        return;
    };
    // Version 3 knows neither a page's other hash nor the pragma that asks for its own ways.
    let three = version.starts_with("3.");
    let ways: &[(&str, &str)] = if three {
        &[(VERSION_3, DEFAULTS)]
    } else {
        &[(JOURNAL, JOURNAL), (DEFAULTS, DEFAULTS), (VERSION_3, VERSION_3)]
    };
    for (here, there) in ways {
        let (_folder, path) = told(here);
        let sql = format!("{there} SELECT number || ' ' || length(words) FROM lines; PRAGMA integrity_check;");
        let printed = program(&path, &sql).unwrap();
        assert!(printed.ends_with("1 18\n2 6000\nok"), "{version}, {there}: {printed}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.db");
        program(&path, &format!("{there} {STORY}")).unwrap();
        assert_story(&opened(&path, here), &version);
    }
    println!("SQLCipher {version} and ours read each other");
}
