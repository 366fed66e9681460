//! Every page of a database after decryption, for the tests that look for words which must be gone.
//!
//! SQLite's own reading goes by way of tables, and never shows a free page, the slack in a page, or a page of the log
//! that a newer one hides. So: the file as it stands, the file with its log moved in, and every older page of the log
//! laid over it, each read page by page with the cipher's own code.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::MAIN_DB;

use super::open::{PAGE_SIZE, Role, Vouched, healthy, open};
use crate::crypto::Secret;
use crate::files::{StoreError, StoreResult};

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The decrypted bytes of every page of the database at `path` and of its log, free and outdated ones too. Works on
/// copies in the existing folder `scratch` and leaves nothing there. Page 1 of outdated log frames is left out: it
/// holds the list of tables.
pub fn decrypted_pages(path: &Path, key: &Secret, scratch: &Path) -> StoreResult<Vec<u8>> {
    let failed = |error: std::io::Error| StoreError::io("the pages could not be read", &error);
    let log = fs::read(beside(path, "-wal")).unwrap_or_default();
    let mut pages = Vec::new();

    let copy = scratch.join("pages-of-the-file.db");
    fs::copy(path, &copy).map_err(failed)?;
    pages.extend(serialized(&copy, key)?);

    let merged = scratch.join("pages-with-the-log.db");
    fs::copy(path, &merged).map_err(failed)?;
    if !log.is_empty() {
        fs::write(beside(&merged, "-wal"), &log).map_err(failed)?;
    }
    pages.extend(serialized(&merged, key)?);

    // Each generation holds every page at most once, so that no frame hides another.
    let mut frames: Vec<(u32, &[u8])> = log
        .get(LOG_HEADER..)
        .unwrap_or_default()
        .chunks_exact(FRAME_HEADER + PAGE_SIZE as usize)
        .filter_map(|frame| {
            let number = frame.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
            (number > 1).then_some((number, &frame[FRAME_HEADER..]))
        })
        .collect();
    let overlay = scratch.join("pages-of-the-log.db");
    while !frames.is_empty() {
        fs::copy(&merged, &overlay).map_err(failed)?;
        let mut file = OpenOptions::new().read(true).write(true).open(&overlay).map_err(failed)?;
        let mut seen = std::collections::BTreeSet::new();
        let mut later = Vec::new();
        for (number, page) in frames {
            if seen.insert(number) {
                let at = u64::from(number - 1) * u64::from(PAGE_SIZE);
                file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(page)).map_err(failed)?;
            } else {
                later.push((number, page));
            }
        }
        drop(file);
        pages.extend(serialized(&overlay, key)?);
        frames = later;
    }
    for copy in [copy, merged, overlay] {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&copy, suffix));
        }
    }
    Ok(pages)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The file's pages, decrypted; its log, if it has one, is moved into it first.
fn serialized(path: &Path, key: &Secret) -> StoreResult<Vec<u8>> {
    let mut first = [0; 1];
    let empty = fs::File::open(path).and_then(|mut file| file.read(&mut first)).map_or(true, |read| read == 0);
    if empty {
        return Ok(Vec::new());
    }
    let mut connection = open(path, key, Vouched::No, Role::Writer)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let bytes = connection.serialize(MAIN_DB)?.to_vec();
    // A page that does not decrypt comes out as zeros, in which nothing is ever found.
    healthy(&connection)?;
    Ok(bytes)
}
