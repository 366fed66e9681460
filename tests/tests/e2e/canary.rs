//! What was written is readable nowhere: not in a file of the home, not in a message, and with the key not after an erase.

use std::path::{Path, PathBuf};

use afterword_core::store::sqlite::pages::decrypted_pages;
use afterword_core::vault::{self, Unlock};
use afterword_tests::Home;
use afterword_tests::home::text;

use super::support::{SOON, meet, set_body};

/// In every text of an entry; a word by itself, so that it is a search term too.
const CANARY: &str = "zyzzyvakanarienvogel";
const PASSPHRASE: &str = "correct horse battery staple";

/// Every file below `folder` that holds the canary, in any of the ways in which a program writes text down.
fn sweep(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if holds(&std::fs::read(&path).unwrap_or_default()) {
                found.push(path);
            }
        }
    }
    found
}

/// A part of it is enough: pages and compression cut words.
fn holds(bytes: &[u8]) -> bool {
    let part = &CANARY.as_bytes()[..10];
    let wide: Vec<u8> = part.iter().flat_map(|byte| [*byte, 0]).collect();
    let lower = bytes.to_ascii_lowercase();
    lower.windows(part.len()).any(|window| window == part) || lower.windows(wide.len()).any(|window| window == wide)
}

fn pages(home: &Home) -> Vec<u8> {
    let key = vault::open(&afterword_core::files::Home::new(home.path()), Unlock::Passphrase(PASSPHRASE)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    decrypted_pages(&home.path().join("journal.db"), &key, scratch.path()).unwrap()
}

/// An entry with the canary wherever text can be.
fn telling_entry(home: &Home) -> (String, String) {
    let entry = home.write(&format!("Title {CANARY}"), &format!("Body {CANARY} body"));
    home.json(&["reflect", &entry, &format!("Reflection {CANARY}")]);
    home.json(&["item", &entry, "add", "lesson", &format!("Item {CANARY}")]);
    home.json(&["mark", &entry, "tags", CANARY]);
    // Read from elsewhere: the sweep covers the whole of the home's surroundings.
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join(format!("{CANARY}.txt"));
    std::fs::write(&file, CANARY.repeat(5000)).unwrap();
    let printed = home.json(&["attach", &entry, file.to_str().unwrap(), "--caption", CANARY]);
    (entry, text(&printed, "attachment"))
}

#[test]
fn no_file_holds_a_word_of_what_was_written() {
    let (mut laptop, _) = Home::init("laptop");
    laptop.set_env("RUST_LOG", "trace");
    let (entry, _) = telling_entry(&laptop);
    let phone = Home::join(&laptop);
    // Killed in the middle of its work, with its log file and all else as it stands.
    let (serving, address) = laptop.serve();
    phone.json(&["sync", "--peer", &address]);
    set_body(&laptop, &entry, &format!("Body {CANARY} and more"));
    laptop.json(&["search", CANARY]);
    let said = serving.kill9();
    assert!(!holds(said.stderr.as_bytes()) && !holds(said.stdout.as_bytes()), "{}", said.stderr);
    for home in [&laptop, &phone] {
        assert_eq!(sweep(home.scratch()), Vec::<PathBuf>::new());
    }

    // The sweep finds what is there: a file that someone forgot, upper case, two bytes a letter.
    for (name, bytes) in [
        ("forgotten.tmp", format!("…{CANARY}…").into_bytes()),
        ("upper", CANARY.to_uppercase().into_bytes()),
        ("wide", CANARY.bytes().flat_map(|byte| [byte, 0]).collect()),
    ] {
        let planted = laptop.path().join("blobs").join(name);
        std::fs::write(&planted, bytes).unwrap();
        assert_eq!(sweep(laptop.scratch()), std::slice::from_ref(&planted));
        std::fs::remove_file(planted).unwrap();
    }
}

#[test]
fn an_erased_word_is_in_no_decrypted_page_of_any_device() {
    let (laptop, _) = Home::init("laptop");
    let (entry, _) = telling_entry(&laptop);
    let phone = Home::join(&laptop);
    for home in [&laptop, &phone] {
        home.json(&["search", CANARY]);
        // It is there before, so the sweep can see it.
        assert!(holds(&pages(home)), "the sweep of decrypted pages sees nothing");
    }
    set_body(&phone, &entry, &format!("a late edit with {CANARY}"));
    laptop.json(&["--yes", "erase", &entry]);
    assert!(!holds(&pages(&laptop)));
    meet(&phone, &laptop);
    for home in [&laptop, &phone] {
        assert!(!holds(&pages(home)));
        assert_eq!(home.json(&["search", CANARY])["total"], 0);
        // Nor is its attachment kept, sealed.
        let blobs = walk_count(&home.path().join("blobs"));
        assert_eq!(blobs, 0, "a file of an erased entry is still there");
    }
}

fn walk_count(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() { walk_count(&path) } else { 1 }
        })
        .sum()
}

#[test]
fn no_failure_repeats_what_was_written() {
    let (mut home, _) = Home::init("home");
    home.set_env("RUST_LOG", "trace").set_env("RUST_BACKTRACE", "1");
    let (entry, attachment) = telling_entry(&home);
    let text = format!("New {CANARY}");
    let unknown = "f".repeat(64);
    let failing: &[&[&str]] = &[
        &["edit", &entry, "--base", &unknown, "--body", &text],
        &["edit", &entry, "--base", "zz", "--body", &text],
        &["edit", "ffff", "--body", &text],
        &["restore", &entry, "--at", &unknown],
        &["reflect", "ffff", &text],
        &["item", &entry, "set", "ffff", "--text", &text],
        &["item", &entry, "retire", "ffff"],
        &["attach", &entry, "/nowhere", "--caption", &text],
        &["extract", &entry, &attachment, "/nowhere/at/all"],
        &["extract", &entry, "ffff", "out"],
        &["export", "/nowhere/at/all"],
        &["sync", "--timeout", "1", "--peer", "127.0.0.1:9"],
    ];
    for words in failing {
        for json in [true, false] {
            let output = if json { home.run_json(words) } else { home.run(words) };
            assert!(matches!(output.code, Some(1 | 2)), "{words:?}: {output:?}");
            assert!(!holds(output.stdout.as_bytes()) && !holds(output.stderr.as_bytes()), "{words:?}: {output:?}");
        }
    }
    // A store that broke says so without quoting from it.
    let database = home.path().join("journal.db");
    let bytes = std::fs::read(&database).unwrap();
    std::fs::write(&database, &bytes[..bytes.len() / 2]).unwrap();
    for words in [&["doctor"] as &[&str], &["show", &entry], &["write", &text, "--body", &text]] {
        let output = home.run_json(words);
        let stdout = if output.code == Some(0) { "" } else { &output.stdout };
        assert!(!holds(stdout.as_bytes()) && !holds(output.stderr.as_bytes()), "{words:?}: {output:?}");
    }
    home.start(&["doctor"]).wait(SOON);
}
