//! DESIGN's floors, held: a module of core imports only from floors below its own, prints nothing and reads no
//! environment.

use std::fs;
use std::path::{Path, PathBuf};

/// Every module of core and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("id", 0),
    ("time", 0),
    ("error", 0),
    ("crypto", 1),
    ("journal", 2),
    ("document", 3),
    ("log", 4),
    ("membership", 4),
    ("store", 5),
    ("sync", 6),
    ("publish", 6),
    ("transport", 7),
    ("mailbox", 7),
    ("engine", 8),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The sources of core, with the module each belongs to. Unit tests may reach anywhere, so they are cut off.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core/src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            let is_tests = relative.file_stem().is_some_and(|stem| stem.to_str().unwrap().ends_with("tests"));
            if module != "lib" && !is_tests {
                found.push((module, relative.to_path_buf(), without_tests(&fs::read_to_string(&path).unwrap())));
            }
        }
    }
    found
}

fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The top modules that `text` reaches through `crate::`, grouped imports included.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        // `$crate::` is a macro's own business and the same path.
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut fresh = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => fresh = true,
                        _ if fresh && !c.is_whitespace() => {
                            found.push(word(&group[at..]));
                            fresh = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_floor_imports_only_floors_below_it() {
    let sources = sources();
    assert!(sources.len() > 10, "core has more sources than {}", sources.len());
    for (module, path, text) in sources {
        let own = floor(&module).unwrap_or_else(|| panic!("{module} has no floor; give it one in DESIGN and here"));
        for import in imports(&text) {
            let Some(other) = floor(&import) else { continue };
            assert!(
                import == module || other < own,
                "{}: `{module}` (floor {own}) imports `{import}` (floor {other})",
                path.display()
            );
        }
    }
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text = "use crate::id::EntryId;\nuse crate::{time::{Clock, Day}, error, journal::Entry};\nlet x = crate::store::open();\n";
    assert_eq!(imports(text), ["id", "time", "error", "journal", "store"]);
    assert!(!without_tests("fn a() {}\n#[cfg(test)]\nmod tests { use crate::engine; }").contains("engine"));
}

#[test]
fn core_prints_nothing_and_reads_no_environment() {
    for (_, path, text) in sources() {
        for word in ["println!", "print!(", "eprint!(", "dbg!(", "std::env", "env::var", "process::exit"] {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn core_forbids_unsafe_code() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core/src/lib.rs");
    assert!(fs::read_to_string(lib).unwrap().contains("#![forbid(unsafe_code)]"));
}
