//! What rustfmt and clippy do not see: module docs, file length, skipped tests, stray words, and whether the documents
//! name what the code has.

use std::path::{Path, PathBuf};

use crate::workspace::{self, Result, toml_table};
use crate::{bounds, guarantees};

/// A file longer than this has more than one reason to change.
const MAX_LINES: usize = 800;

/// Names that things had once, and what they are called now: one thing has one name.
const RENAMED: &[(&str, &str)] = &[
    ("Keeper", "JournalHandle"),
    ("Warm", "DocumentCache"),
    ("Planted", "Fault"),
    ("Told", "SessionEvent"),
    ("Deriver", "DeriveQueue"),
    ("Squeezer", "Compressor"),
    ("Door", "Admission"),
    ("Finder", "DiscoverySource"),
    ("Misfit", "Gap"),
    ("look_again", "recompare"),
    ("give_back", "vacuum_some"),
    ("clear_away", "sweep_unwanted"),
    ("sweep_leftovers", "sweep_orphans"),
    ("take_in_inbox", "drain_inbox"),
];

/// Every finding, one sentence each, file first.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let files = workspace::files(root)?;
    let mut findings = Vec::new();
    for path in &files {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        let name = path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "rs") {
            findings.extend(source(&name, &text));
        }
        if is_ours(path) {
            findings.extend(stray_words(&name, &text));
        }
        if name.starts_with("core/") && name.ends_with(".rs") {
            findings.extend(old_names(&name, &text));
        }
    }
    findings.extend(guarantees::check(root)?);
    findings.extend(unwrapped("docs/architecture.md", &workspace::read(&root.join("docs/architecture.md"))?));
    findings.extend(bounds::check(root)?);
    findings.extend(changelog(&workspace::read(&root.join("CHANGELOG.md"))?));
    for (manifest, reasons) in
        [("Cargo.toml", "docs/decisions/dependencies.md"), ("bench/Cargo.toml", "bench/README.md")]
    {
        let found = undocumented(&workspace::read(&root.join(manifest))?, &dependency_table(root, reasons)?);
        findings.extend(found.into_iter().map(|finding| format!("{reasons}: {finding}")));
    }
    for needed in [
        "README.md",
        "CONTRIBUTING.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "docs/threat-model.md",
        "docs/formats.md",
        "docs/architecture.md",
        "docs/results/performance.md",
    ] {
        if !root.join(needed).is_file() {
            findings.push(format!("{needed}: is missing"));
        }
    }
    Ok(findings)
}

/// Kept inputs and lock files are other people's bytes.
fn is_ours(path: &Path) -> bool {
    let generated: [PathBuf; 2] = ["fuzz/crashers".into(), "fuzz/corpus-seeds".into()];
    path.extension().is_none_or(|extension| extension != "lock")
        && !generated.iter().any(|folder| path.starts_with(folder))
}

fn source(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    // Fuzz targets and build scripts may open with an attribute; the doc still comes before any item.
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(format!("{name}: does not begin with a `//!` line that says what it is for"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(format!("{name}: has {lines} lines, more than {MAX_LINES}"));
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        // Built in two pieces, so that this file does not find itself.
        for (found, why) in [
            (code.starts_with(concat!("#[", "ignore")), "a skipped test is not a test"),
            (code.contains(concat!("to", "do!(")), "unfinished code"),
            (code.contains(concat!("unimple", "mented!(")), "unfinished code"),
            (code.contains(concat!("FIX", "ME")), "an unfinished thought"),
            (
                code.contains(concat!("allow(clippy::unwrap", "_used")) && !name.starts_with("tests/"),
                "a lint that the workspace denies outside tests is switched off",
            ),
        ] {
            if found {
                findings.push(format!("{name}:{}: {why}", number + 1));
            }
        }
    }
    findings
}

/// Absolute paths of someone's machine, and hosts that only one network can reach.
fn stray_words(name: &str, text: &str) -> Vec<String> {
    let stray: [&str; 5] = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("index.", "crates.io"),
    ];
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(word) = stray.iter().find(|word| line.contains(*word)) {
            findings.push(format!("{name}:{}: names `{word}`, a place on one machine or network", number + 1));
        }
    }
    findings
}

/// Names that a thing no longer has, where they stand in code.
fn old_names(name: &str, text: &str) -> Vec<String> {
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let words = code.flat_map(|(at, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.map(move |word| (at, word))
    });
    words
        .filter_map(|(at, word)| {
            let (old, new) = RENAMED.iter().find(|(old, _)| *old == word)?;
            Some(format!("{name}:{}: `{old}` is called `{new}` now", at + 1))
        })
        .collect()
}

/// Lines of prose that are longer than 100 columns. A row of a table is one line, however long.
fn unwrapped(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('|') && line.chars().count() > 100);
    lines.map(|(at, _)| format!("{name}:{}: is longer than 100 columns", at + 1)).collect()
}

fn changelog(text: &str) -> Vec<String> {
    let entries = text
        .split_once("## [Unreleased]")
        .map(|(_, after)| after.split("\n## ").next().unwrap_or_default().lines().any(|line| line.starts_with("- ")));
    match entries {
        Some(true) => Vec::new(),
        Some(false) => vec!["CHANGELOG.md: nothing stands under [Unreleased]".to_owned()],
        None => vec!["CHANGELOG.md: has no section [Unreleased]".to_owned()],
    }
}

/// The part of a document that gives reasons for dependencies: all of it, or what stands below that heading.
fn dependency_table(root: &Path, document: &str) -> Result<String> {
    let text = workspace::read(&root.join(document))?;
    Ok(text.split_once("\n## Dependencies\n").map(|(_, below)| below.to_owned()).unwrap_or(text))
}

/// Every dependency has its reason, and no reason outlives its dependency.
fn undocumented(manifest: &str, reasons: &str) -> Vec<String> {
    let dependencies: Vec<String> = toml_table(manifest, "workspace.dependencies")
        .into_iter()
        .filter(|(_, value)| !value.contains("path ="))
        .map(|(name, _)| name)
        .collect();
    let documented: Vec<&str> =
        reasons.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name).collect();
    let mut findings = Vec::new();
    for name in &dependencies {
        if !documented.contains(&name.as_str()) {
            findings.push(format!("gives no reason for {name}"));
        }
    }
    for name in documented {
        if !dependencies.iter().any(|dependency| dependency == name) {
            findings.push(format!("{name} is no dependency any more"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_looked_over() {
        assert!(source("a.rs", "//! Fine.\n\nfn main() {}\n").is_empty());
        assert!(source("a.rs", "#![no_main]\n//! Fine.\n").is_empty());
        assert_eq!(source("a.rs", "fn main() {}\n").len(), 1);
        assert_eq!(source("a.rs", &format!("//! Long.\n{}", "\n".repeat(MAX_LINES))).len(), 1);
        assert_eq!(source("a.rs", concat!("//! Skips.\n    #[", "ignore]\nfn a() { to", "do!() }\n")).len(), 2);
    }

    #[test]
    fn machine_paths_are_found() {
        assert_eq!(stray_words("a.md", concat!("fine\nsee /wo", "rk/x\n")).len(), 1);
        assert!(stray_words("a.md", "see docs/guarantees.md").is_empty());
    }

    #[test]
    fn old_names_are_found_in_code_and_not_in_prose() {
        assert_eq!(old_names("core/a.rs", "struct Door;\n// Door\nlet door = OutDoor;\n").len(), 1);
    }

    #[test]
    fn long_prose_is_found_and_long_rows_are_not() {
        let long = "a ".repeat(60);
        assert_eq!(unwrapped("a.md", &format!("fine\n{long}\n| {long} |\n")).len(), 1);
    }

    #[test]
    fn the_changelog_says_something() {
        assert!(changelog("## [Unreleased]\n\n### Added\n- it\n\n## [0.1.0]\n").is_empty());
        assert_eq!(changelog("## [Unreleased]\n\n## [0.1.0]\n- it\n").len(), 1);
        assert_eq!(changelog("# Changes\n").len(), 1);
    }

    #[test]
    fn dependencies_and_reasons_match_both_ways() {
        let manifest = "[workspace.dependencies]\nown = { path = \"own\" }\nserde = \"1\"\nzstd = \"0.14\"\n";
        let found = undocumented(manifest, "| `serde` | records |\n| `gone` | no |\n");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
