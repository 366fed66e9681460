//! The build of SQLCipher: its amalgamation, with the cryptography of this crate named in place of its own.

use std::error::Error;
use std::fs;

/// The function that hands SQLCipher our provider. C declares it by this name, `src/provider.rs` defines it.
const SETUP: &str = "afterword_sqlcipher_setup";

/// The table of functions that `src/provider.rs` fills in, as SQLCipher declares it.
const TABLE: &str = include_str!("provider.h");

/// What SQLCipher asks for.
const SQLCIPHER: &[(&str, Option<&str>)] = &[
    ("SQLITE_HAS_CODEC", None),
    ("SQLITE_EXTRA_INIT", Some("sqlcipher_extra_init")),
    ("SQLITE_EXTRA_SHUTDOWN", Some("sqlcipher_extra_shutdown")),
    ("SQLITE_THREADSAFE", Some("1")),
    ("SQLCIPHER_CRYPTO_CUSTOM", Some(SETUP)),
    // Temporary tables and sorts would lie in plain files; 3 is "in memory, whatever a pragma says".
    ("SQLITE_TEMP_STORE", Some("3")),
    // It would print to standard error, or to a phone's log.
    ("SQLCIPHER_OMIT_LOG", None),
    ("SQLCIPHER_OMIT_LOG_DEVICE", None),
    ("SQLCIPHER_OMIT_DEFAULT_LOGGING", None),
];

/// What the store uses, and what nobody shall.
const SQLITE: &[(&str, Option<&str>)] = &[
    ("SQLITE_ENABLE_FTS5", None),
    ("SQLITE_ENABLE_DBSTAT_VTAB", None),
    ("SQLITE_ENABLE_API_ARMOR", None),
    ("SQLITE_DEFAULT_FOREIGN_KEYS", Some("1")),
    // Counting bytes takes a lock for all threads at each allocation.
    ("SQLITE_DEFAULT_MEMSTATUS", Some("0")),
    ("SQLITE_OMIT_LOAD_EXTENSION", None),
    ("SQLITE_OMIT_JSON", None),
    ("HAVE_ISNAN", None),
    ("HAVE_STDINT_H", Some("1")),
    ("HAVE_USLEEP", Some("1")),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = sqlcipher_src::source_dir();
    let source = folder.join(sqlcipher_src::SOURCE_FILE);
    println!("cargo:rerun-if-changed=provider.h");
    println!("cargo:rerun-if-changed={}", source.display());
    if !words(&fs::read_to_string(&source)?).contains(&words(TABLE)) {
        let release = sqlcipher_src::SQLCIPHER_VERSION;
        return Err(format!(
            "SQLCipher {release} asks a cryptographic provider for other functions than sqlcipher/provider.h has: \
             bring that file and sqlcipher/src/provider.rs up to its `struct sqlcipher_provider`"
        )
        .into());
    }
    let mut build = cc::Build::new();
    build.file(&source).warnings(false);
    for (name, value) in SQLCIPHER.iter().chain(SQLITE) {
        build.define(name, *value);
    }
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        build.define("HAVE_LOCALTIME_R", None);
    }
    build.compile("afterword_sqlcipher");
    Ok(())
}

/// The text with one space for each run of white space, so that only words count.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
