//! DESIGN's floors, held: a module of core imports only from floors below its own, prints nothing and reads no
//! environment; the phones' surface only converts, and nothing but it knows UniFFI.

use std::fs;
use std::path::{Path, PathBuf};

/// Every module of core and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("id", 0),
    ("time", 0),
    ("error", 0),
    ("fault", 0),
    ("crypto", 1),
    ("journal", 2),
    ("tokenizer", 2),
    ("files", 2),
    ("document", 3),
    ("vault", 3),
    ("transport", 3),
    ("log", 4),
    ("membership", 4),
    ("replication", 5),
    ("blobs", 5),
    ("publish", 6),
    ("store", 6),
    ("sync", 7),
    ("mailbox", 7),
    ("engine", 8),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The sources of core, with the module each belongs to. Unit tests may reach anywhere and print what they measured, so
/// they are left out: modules that are declared for tests only, and what is inline.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core/src");
    let mut folders = vec![root.clone()];
    let (mut found, mut for_tests) = (Vec::new(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let home = if ["mod", "lib"].contains(&stem.as_str()) { folder.clone() } else { folder.join(&stem) };
            for_tests.extend(test_modules(&text).map(|name| home.join(name)));
            found.push((path, text));
        }
    }
    found.retain(|(path, _)| {
        let module = path.with_extension("");
        for_tests.iter().all(|tests| !module.starts_with(tests))
    });
    let mut sources = Vec::new();
    for (path, text) in found {
        let relative = path.strip_prefix(&root).unwrap().to_path_buf();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        if !["lib", "testing"].contains(&module.as_str()) {
            sources.push((module, relative, without_tests(&text)));
        }
    }
    sources
}

/// The names of modules in files of their own that are only there for tests.
fn test_modules(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| {
        let line = rest.lines().next()?;
        let (_, name) = line.split_once("mod ")?;
        name.strip_suffix(';')
    })
}

fn without_tests(text: &str) -> String {
    let inline = text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at).find(|at| {
        let line = text[*at..].lines().nth(1).unwrap_or_default();
        line.contains('{')
    });
    let code = &text[..inline.unwrap_or(text.len())];
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

/// The libraries that only one module of core may name, so that another one could take their place.
const OWNED: &[(&str, &str)] = &[("quinn", "transport"), ("rusqlite", "store"), ("automerge", "document")];

#[test]
fn a_library_is_named_by_the_module_that_owns_it() {
    for (module, path, text) in sources() {
        for (library, owner) in OWNED {
            assert!(
                module == *owner || !names_library(&text, library),
                "{}: `{module}` names {library}, which is {owner}'s",
                path.display()
            );
        }
    }
    assert!(names_library("use quinn::Endpoint;", "quinn") && names_library("f(rusqlite::params![])", "rusqlite"));
    assert!(!names_library("use crate::automerge_like::X;\nlet automerge = 1;", "automerge"));
}

fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + library.len()..].starts_with("::") && before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
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

/// Core speaks to nobody in particular: what a command or a flag is called is the laptop program's alone.
#[test]
fn core_names_no_command_and_no_flag() {
    for (_, path, text) in sources() {
        if let Some(said) = names_a_command(&text) {
            panic!("{}: a text names a command or a flag: {said}", path.display());
        }
    }
    assert!(names_a_command("f(\"run `afterword doctor`\")").is_some());
    assert!(names_a_command("f(\"sync with a longer --timeout\")").is_some());
    assert!(names_a_command("f(b\"afterword head v1\", 1--1)").is_none());
}

fn names_a_command(code: &str) -> Option<&str> {
    let texts = code.split('"').skip(1).step_by(2);
    texts.into_iter().find(|text| {
        let flag = text
            .split_whitespace()
            .any(|word| word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase())));
        flag || text.contains("`afterword")
    })
}

#[test]
fn core_forbids_unsafe_code() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core/src/lib.rs");
    assert!(fs::read_to_string(lib).unwrap().contains("#![forbid(unsafe_code)]"));
}

/// The sources below these folders, inline tests left out.
fn below(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = without_tests(&fs::read_to_string(&path).unwrap());
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    found
}

#[test]
fn what_ships_is_unsafe_in_one_file() {
    let sources = below(&["core/src", "sqlcipher/src", "system/src", "cli/src", "ffi/src"]);
    assert!(sources.len() > 100, "{}", sources.len());
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe("];
    let places = sources.iter().filter(|(_, text)| words.iter().any(|word| text.contains(word)));
    let places: Vec<_> = places.map(|(path, _)| path.as_path()).collect();
    assert_eq!(places, [Path::new("sqlcipher/src/provider.rs")]);
}

/// What every program that is started from here must not be given is taken away in one place.
#[test]
fn the_laptop_program_starts_others_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("cli/src");
    let mut folders = vec![root];
    let mut places = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs")
                && without_tests(&fs::read_to_string(&path).unwrap()).contains("Command::new(")
            {
                places.push(path.file_name().unwrap().to_owned());
            }
        }
    }
    assert_eq!(places, ["process.rs"]);
}

/// The sources of the phones' surface, without what is inline for tests.
fn ffi() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("ffi/src");
    let files = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
    files.map(|path| (path.clone(), without_tests(&fs::read_to_string(path).unwrap()))).collect()
}

#[test]
fn the_phones_surface_imports_core_and_converts() {
    let sources = ffi();
    assert!(sources.len() >= 5, "{sources:?}");
    // What says what a record is for is not counted.
    let code =
        |text: &str| text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//")).count();
    let total: usize = sources.iter().map(|(_, text)| code(text)).sum();
    assert!(total < 1700, "{total} lines: a surface that only converts is shorter");
    for (path, text) in sources {
        for line in text.lines().filter_map(|line| line.strip_prefix("use ")) {
            let from = word(line);
            let known = ["afterword_core", "afterword_system", "crate", "std", "uniffi", "zeroize"];
            assert!(known.contains(&from.as_str()), "{} imports {from}", path.display());
        }
        for word in ["unsafe {", "unsafe fn", "unwrap()", "expect(", "println!", "print!(", "eprint!(", "env::"] {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

/// The lines between a function's braces, for each function in a formatted source.
fn bodies(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((lead, name)) = line.trim_start().split_once("fn ") else { continue };
        if !lead.is_empty() && !lead.starts_with("pub") {
            continue;
        }
        // A trait's method without a body ends where it is declared.
        let head = lines[at..].iter().find(|line| line.ends_with('{') || line.ends_with(';'));
        if head.is_none_or(|line| line.ends_with(';')) {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let Some(end) = lines[at..].iter().position(|line| *line == close) else { continue };
        let open = lines[at..].iter().position(|line| line.ends_with('{')).unwrap_or(0);
        found.push((word(name), end.saturating_sub(open + 1)));
    }
    found
}

#[test]
fn no_function_of_the_phones_surface_is_longer_than_15_lines() {
    assert_eq!(
        bodies("impl A {\n    pub fn a(\n        b: u8,\n    ) -> u8 {\n        1;\n        2\n    }\n}\n"),
        [("a".to_owned(), 2)]
    );
    let all: Vec<_> = ffi().iter().flat_map(|(_, text)| bodies(text)).collect();
    assert!(all.len() > 20, "functions are found: {all:?}");
    for (name, lines) in all {
        assert!(lines <= 15, "`{name}` has {lines} lines; logic belongs in core");
    }
}

#[test]
fn only_the_phones_surface_knows_uniffi_and_only_the_kits_know_what_it_generates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for member in ["core", "system", "cli", "tests", "xtask"] {
        let manifest = fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("uniffi"), "{member} depends on uniffi");
    }
    let surface = fs::read_to_string(root.join("ffi/Cargo.toml")).unwrap();
    for other in ["uniffi_bindgen", "tokio", "automerge", "rusqlite", "quinn"] {
        assert!(!surface.contains(other), "the surface depends on {other}");
    }
    let shared = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    // 0.32.0 kills every arm64 Android app (uniffi-rs#2939); library and generator are one version.
    for line in ["uniffi = { version = \"=0.32.2\"", "uniffi_bindgen = { version = \"=0.32.2\""] {
        assert!(shared.contains(line), "`{line}` is gone from Cargo.toml");
    }
}

/// What core's engine can do and the phones' surface does not have, each with the reason.
const NOT_EXPORTED: &[(&str, &str)] = &[
    ("resolve_attachment", "apps hold whole ids; a beginning of one is what a person types"),
    ("resolve_device", "the same"),
    ("resolve_item", "the same"),
    ("derive", "the engine derives by itself; benchmarks and tests ask for it"),
    ("set_deriving_workers", "for benchmarks and tests"),
    ("change_unlock", "a passphrase is the laptop's; the keeper gives a recovered key to the vault"),
    ("begin", "`create_journal` does both steps; the phone's app shows what it answers"),
    ("finish", "the same"),
    ("phrase", "`create_journal` answers it"),
    ("is_unfinished", "a start that was cut off is no journal; the next one begins again by itself"),
    ("check_vacant", "making and joining look by themselves"),
    ("unlock_kind", "a phone's journal opens with its platform's vault"),
    ("open_with_phrase", "`recover_journal`, through the keeper"),
    ("check_phrase", "a phone's journal is open when its phrase is tried: `check_recovery`"),
    ("save_drafts", "pausing, syncing and shutting down do it"),
    ("keep", "an editor keeps drafts by itself"),
    ("entry_ids", "lists are asked for by page"),
    ("stored_entry", "what an edit reads; whoever looks gets a view: `show`"),
    ("stored_entry_at", "the same"),
    ("show_with_tokens", "lossless exports are the laptop's"),
    ("heads", "an entry that is shown has them, and a write answers them"),
    ("row", "lists are asked for by page"),
    ("import_entry", "importing folders is the laptop's"),
    ("import_own", "the same"),
    ("import_people", "the same"),
    ("imported", "the same"),
    ("is_known", "the same"),
    ("edit_shown", "for an editor that is another program, which only the laptop has"),
    ("fits_a_text", "for what such an editor left behind"),
    ("drain_inbox", "opening and resuming do it"),
    ("engine", "the keeper's own, behind every call"),
    ("permissions", "an app's folder is the system's to close; `doctor` says what was found"),
    ("documents_opened", "for tests and benchmarks"),
    ("limit_room", "a full disk on demand, for tests"),
    ("pack", "closing does it"),
    ("sync", "a phone's is bounded: `sync_once`"),
    ("ok", "a report's sum, which `SyncedOnce` has"),
    ("is_cancelled", "whoever cancels knows"),
    ("say_next", "of the version that only the tests build"),
    ("hear_next", "the same"),
    ("alarms", "an app hears the code by event, and words `device_news` itself"),
    ("code", "the same"),
    ("is_empty", "an app sees whether a list of news is"),
];

/// The public functions of `text` that take a closure.
fn closure_taking(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in text.match_indices("pub fn ") {
        let rest = &text[at + start.len()..];
        let head = &rest[..rest.find(['{', ';']).unwrap_or(rest.len())];
        if ["Fn(", "FnMut(", "FnOnce(", "dyn Fn"].iter().any(|kind| head.contains(kind)) {
            found.push(word(rest));
        }
    }
    found
}

/// What core takes a closure for, each with the reason that nothing of an entry is written in it.
const CLOSURES: &[(&str, &str)] = &[
    ("derive", "hears how far it is"),
    ("rebuild", "the same"),
    ("sync", "hears what becomes of each device"),
    ("serve", "the same"),
    ("pair_host", "hears of each step"),
    ("join", "the same"),
    ("import_own", "gives the bytes of a file, before anything is written"),
    ("with", "uses the journal while it is open, and catches what panics"),
];

/// A closure that runs inside a transaction holds the database while it does what it likes, and its errors have no way
/// out but a false one.
#[test]
fn edits_are_values_and_no_surface_runs_inside_a_transaction() {
    assert_eq!(
        closure_taking("pub fn a<R>(\n    f: impl FnOnce(u8) -> R,\n) -> R {\n}\npub fn b() { c(|x: Fn(u8)| x) }"),
        ["a"]
    );
    let mut found = std::collections::BTreeSet::new();
    for (module, path, text) in sources() {
        if ["engine", "document", "journal"].contains(&module.as_str()) {
            for name in closure_taking(&text) {
                let named = CLOSURES.iter().any(|(other, _)| *other == name);
                assert!(
                    named,
                    "{}: `{name}` takes a closure; take values, or name it here with a reason",
                    path.display()
                );
                found.insert(name);
            }
        }
    }
    for (name, reason) in CLOSURES {
        assert!(found.contains(*name) && !reason.is_empty(), "core has no such `{name}` any more");
    }
}

/// Every source of a member, without what is there for tests.
fn member(name: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                found.push((path.clone(), without_tests(&fs::read_to_string(path).unwrap())));
            }
        }
    }
    found
}

/// Documents, and tokens for the names of people, are core's own: a surface passes what its writer typed.
#[test]
fn a_surface_touches_no_document_and_makes_no_tokens() {
    for name in ["cli", "ffi"] {
        let sources = member(name);
        assert!(sources.len() > 10, "{name} has more sources");
        for (path, text) in sources {
            for word in ["document::", "document::{", "Automerge", ".to_tokens("] {
                assert!(!text.contains(word), "{} has `{word}`", path.display());
            }
        }
    }
}

/// Every public function and method of `text`, outside of tests.
fn public_functions(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("pub fn "));
    lines.map(word).collect()
}

#[test]
fn every_capability_of_core_is_exported_or_named_with_a_reason() {
    assert_eq!(public_functions("impl A {\n    pub fn a<T>(b: u8) {}\n}\npub fn c() {}\n"), ["a", "c"]);
    let surface: String =
        ffi().into_iter().filter(|(path, _)| !path.ends_with("trouble.rs")).map(|(_, text)| text).collect();
    let calls = |name: &str| {
        [format!(".{name}("), format!("::{name}("), format!("::{name})")].iter().any(|call| surface.contains(call))
    };
    let engine = sources().into_iter().filter(|(module, _, _)| module == "engine");
    let capabilities: std::collections::BTreeSet<String> =
        engine.flat_map(|(_, _, text)| public_functions(&text)).collect();
    assert!(capabilities.len() > 60, "{} capabilities were found", capabilities.len());
    for name in &capabilities {
        let named = NOT_EXPORTED.iter().any(|(other, _)| other == name);
        assert!(calls(name) || named, "core's `{name}` has no export; export it in ffi, or name it here with a reason");
    }
    for (name, reason) in NOT_EXPORTED {
        assert!(capabilities.contains(*name) && !reason.is_empty(), "core has no `{name}` any more");
        assert!(!calls(name), "`{name}` is exported");
    }
}
