//! The table of guarantees, held against the code: every test and every fault that a row names exists.

use std::path::{Path, PathBuf};

use crate::workspace::{self, Result};

const PAGE: &str = "docs/guarantees.md";
/// The folder of each crate that a test's path may begin with; any other path is one of the whole-device tests.
const CRATES: &[(&str, &str)] = &[
    ("core", "core/src"),
    ("cli", "cli/src"),
    ("ffi", "ffi/src"),
    ("xtask", "xtask/src"),
    ("bench", "bench/common/src"),
];
const WHOLE_DEVICES: &str = "tests/tests";

/// Every finding, one sentence each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let page = workspace::read(&root.join(PAGE))?;
    let faults = crate::shipped::faults(&workspace::read(&root.join("core/src/fault.rs"))?);
    let mut findings = Vec::new();
    let rows = rows(&page);
    if rows.is_empty() {
        findings.push(format!("{PAGE}: has no rows"));
    }
    for (number, cells) in rows {
        let at = format!("{PAGE}:{number}");
        let &[promise, held, caught] = cells.as_slice() else {
            findings.push(format!("{at}: a row has three cells: promise, held by, seen catching"));
            continue;
        };
        if promise.is_empty() || quoted(held).next().is_none() || caught.is_empty() {
            findings.push(format!("{at}: an empty cell says nothing, and a promise is held by a test"));
        }
        let tests = quoted(held).filter(|name| !name.starts_with("cargo xtask "));
        let more = quoted(caught).filter(|name| name.contains("::"));
        for name in tests.chain(more) {
            if !is_test(root, name) {
                findings.push(format!("{at}: there is no test `{name}`"));
            }
        }
        for name in quoted(caught).filter(|name| !name.contains("::") && !faults.iter().any(|fault| fault == name)) {
            findings.push(format!("{at}: `{name}` is no fault of core/src/fault.rs"));
        }
    }
    Ok(findings)
}

/// The rows of all tables but their heads, each with the number of its line.
fn rows(page: &str) -> Vec<(usize, Vec<&str>)> {
    let lines = page.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
    let cells = lines.map(|(at, line)| (at + 1, line.trim().trim_matches('|').split(" | ").map(str::trim).collect()));
    cells
        .filter(|(_, cells): &(usize, Vec<&str>)| {
            cells.first() != Some(&"promise") && !cells.iter().all(|cell| cell.chars().all(|c| "-:|".contains(c)))
        })
        .collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a path like `core::vault::tests::nobody_else_may_look` names a test, or a module that has one.
fn is_test(root: &Path, path: &str) -> bool {
    let mut names = path.split("::").peekable();
    let folder = CRATES.iter().find(|(name, _)| names.peek() == Some(name));
    let mut place = root.join(folder.map_or(WHOLE_DEVICES, |(_, folder)| folder));
    if folder.is_some() {
        names.next();
    }
    let mut file = None;
    let mut last = None;
    for name in names {
        if last.is_some() {
            // Only a module that is written inside a file may follow on it.
            if last != Some("tests") && last != Some("golden") {
                return false;
            }
        }
        let candidates = [place.join(name).with_extension("rs"), place.join(name).join("mod.rs")];
        match candidates.into_iter().find(|candidate| candidate.is_file()) {
            Some(found) => {
                place.push(name);
                file = Some(found);
                last = None;
            }
            None => last = Some(name),
        }
    }
    let Some(text) = file.and_then(|file: PathBuf| std::fs::read_to_string(file).ok()) else { return false };
    match last {
        Some(name) => tests(&text).any(|test| test == name) || text.contains(&format!("mod {name} {{")),
        None => tests(&text).next().is_some(),
    }
}

/// The names of a file's tests.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let attributes = text.match_indices("test").filter(|(at, _)| {
        let before = &text[..*at];
        before.ends_with("#[") || before.ends_with("#[tokio::")
    });
    attributes.filter_map(|(at, _)| {
        let (_, rest) = text[at..].split_once("fn ")?;
        rest.split(['(', '<']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_and_fault_that_is_named_exists() {
        assert_eq!(check(&workspace::root().unwrap()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_test_that_is_gone_is_noticed() {
        let root = workspace::root().unwrap();
        assert!(is_test(&root, "xtask::guarantees::tests::a_test_that_is_gone_is_noticed"));
        assert!(is_test(&root, "e2e::faults::what_ships_knows_no_fault"));
        assert!(is_test(&root, "simulator::seeds") && is_test(&root, "core::document::tests::traps"));
        for gone in
            ["e2e::faults::what_ships_knows_nothing", "e2e::nowhere", "core::document::tests::traps::trap", "is_test"]
        {
            assert!(!is_test(&root, gone), "{gone}");
        }
    }

    #[test]
    fn rows_are_read_without_their_heads() {
        let page = "text\n| promise | held by | seen catching |\n|---|---|---|\n| a | `b::c`, `d` | e |\n";
        assert_eq!(rows(page), [(4, vec!["a", "`b::c`, `d`", "e"])]);
        assert_eq!(quoted("`b::c`, `d`").collect::<Vec<_>>(), ["b::c", "d"]);
    }
}
