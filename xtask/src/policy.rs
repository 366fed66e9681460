//! The licences, bans and sources of `deny.toml`, checked offline against `Cargo.lock` and `cargo tree`.
//!
//! `deny.toml` is cargo-deny's own format and cargo-deny can be run on it; building cargo-deny takes longer than building
//! Afterword, so the suite reads the file itself. What is checked here: `licenses.allow`, `licenses.exceptions`,
//! `bans.deny` (with `wrappers`), `bans.wildcards`, and `sources`. What is not: advisories, which need the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::process;
use crate::workspace::{self, Result, quoted, toml_table};

const NOT_CHECKED: &str = "policy: known holes in dependencies (advisories) were NOT checked, their database is not here; \
     `cargo deny check advisories` does it, and CONTRIBUTING.md says when";

/// Every breach of the policy, one sentence each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let policy = workspace::read(&root.join("deny.toml"))?;
    let lock = workspace::read(&root.join("Cargo.lock"))?;
    let mut findings = sources(&policy, &lock);
    findings.extend(bans(&policy, &lock));
    findings.extend(wildcards(&workspace::read(&root.join("Cargo.toml"))?));
    findings.extend(licences(&policy, &tree(root)?));
    // The peers' workspace has a policy of its own, without licences: nothing of it is given away.
    let bench = root.join("bench");
    let policy = workspace::read(&bench.join("deny.toml"))?;
    let lock = workspace::read(&bench.join("Cargo.lock"))?;
    let mut peers = sources(&policy, &lock);
    peers.extend(bans(&policy, &lock));
    peers.extend(wildcards(&workspace::read(&bench.join("Cargo.toml"))?));
    findings.extend(peers.into_iter().map(|finding| format!("bench: {finding}")));
    // A check that says nothing of this would be taken for one that found nothing.
    println!("{NOT_CHECKED}");
    Ok(findings)
}

/// `name version|licence` for everything in the graph, on every platform.
fn tree(root: &Path) -> Result<String> {
    let run = |args: &[&str]| process::cargo().args(args).current_dir(root).output().map_err(|error| error.to_string());
    let args = [
        "tree",
        "--locked",
        "--offline",
        "--workspace",
        "--target",
        "all",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ];
    let mut output = run(&args)?;
    if !output.status.success() {
        // Crates for other platforms are not fetched by a build; their licences count all the same.
        run(&["fetch", "--locked", "--quiet"])?;
        output = run(&args)?;
    }
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn licences(policy: &str, tree: &str) -> Vec<String> {
    let table = toml_table(policy, "licenses");
    let allowed: BTreeSet<String> = value(&table, "allow").map(quoted).unwrap_or_default().into_iter().collect();
    let exceptions: BTreeMap<String, BTreeSet<String>> = inline_tables(&table, "exceptions")
        .filter_map(|fields| {
            Some((quoted(fields.get("crate")?).pop()?, quoted(fields.get("allow")?).into_iter().collect()))
        })
        .collect();
    let packages: BTreeSet<&str> =
        tree.lines().map(|line| line.trim_end_matches(" (*)").trim()).filter(|line| !line.is_empty()).collect();
    packages
        .into_iter()
        .filter_map(|line| {
            let (package, licence) = line.split_once('|')?;
            let name = package.split(' ').next()?;
            let extra = exceptions.get(name);
            let fine = satisfied(licence, &|id| allowed.contains(id) || extra.is_some_and(|extra| extra.contains(id)));
            (!fine).then(|| format!("licence of {package} is `{licence}`, which deny.toml does not allow"))
        })
        .collect()
}

/// Whether the allowed identifiers satisfy an SPDX expression. An empty or broken one is never satisfied.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    // `/` is how crates wrote OR before SPDX; an exception (`X WITH Y`) is an identifier of its own.
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "\u{1}");
    let tokens: Vec<String> = text.split_whitespace().map(|token| token.replace('\u{1}', " WITH ")).collect();
    let mut at = 0;
    let value = any(&tokens, &mut at, allowed);
    value == Some(true) && at == tokens.len()
}

fn any(tokens: &[String], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut value = all(tokens, at, allowed)?;
    while tokens.get(*at).is_some_and(|token| token == "OR") {
        *at += 1;
        value |= all(tokens, at, allowed)?;
    }
    Some(value)
}

fn all(tokens: &[String], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut value = one(tokens, at, allowed)?;
    while tokens.get(*at).is_some_and(|token| token == "AND") {
        *at += 1;
        value &= one(tokens, at, allowed)?;
    }
    Some(value)
}

fn one(tokens: &[String], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let token = tokens.get(*at)?;
    *at += 1;
    match token.as_str() {
        "(" => {
            let value = any(tokens, at, allowed)?;
            (tokens.get(*at)? == ")").then_some(())?;
            *at += 1;
            Some(value)
        }
        ")" | "OR" | "AND" => None,
        id => Some(allowed(id)),
    }
}

/// A package of the lock file: its name, version, source and what it depends on.
#[derive(Debug, Default)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    dependencies: Vec<String>,
}

fn packages(lock: &str) -> Vec<Locked> {
    lock.split("[[package]]")
        .skip(1)
        .map(|block| {
            let table = toml_table(&format!("[p]\n{}", block.trim_start()), "p");
            let text = |key: &str| value(&table, key).and_then(|value| quoted(value).pop());
            Locked {
                name: text("name").unwrap_or_default(),
                version: text("version").unwrap_or_default(),
                source: text("source"),
                // `name version` where two versions are locked; the name is what a ban speaks of.
                dependencies: value(&table, "dependencies")
                    .map(quoted)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|dependency| dependency.split(' ').next().unwrap_or_default().to_owned())
                    .collect(),
            }
        })
        .collect()
}

fn sources(policy: &str, lock: &str) -> Vec<String> {
    let table = toml_table(policy, "sources");
    let registries = value(&table, "allow-registry").map(quoted).unwrap_or_default();
    packages(lock)
        .into_iter()
        .filter_map(|package| {
            let source = package.source?;
            let known =
                source.strip_prefix("registry+").is_some_and(|url| registries.iter().any(|allowed| allowed == url));
            (!known).then(|| {
                format!("{} {} comes from {source}, which deny.toml does not allow", package.name, package.version)
            })
        })
        .collect()
}

fn bans(policy: &str, lock: &str) -> Vec<String> {
    let table = toml_table(policy, "bans");
    let packages = packages(lock);
    let mut findings = Vec::new();
    for fields in inline_tables(&table, "deny") {
        let Some(banned) = fields.get("crate").and_then(|value| quoted(value).pop()) else { continue };
        let wrappers = fields.get("wrappers").map(|value| quoted(value)).unwrap_or_default();
        for package in packages.iter().filter(|package| package.dependencies.contains(&banned)) {
            if !wrappers.contains(&package.name) {
                findings.push(format!("{} depends on {banned}, which deny.toml bans", package.name));
            }
        }
    }
    findings
}

/// A dependency that accepts any version is not a decision.
fn wildcards(manifest: &str) -> Vec<String> {
    toml_table(manifest, "workspace.dependencies")
        .into_iter()
        .filter(|(_, value)| quoted(value).first().is_some_and(|version| version.contains('*')))
        .map(|(name, _)| format!("the version of {name} in Cargo.toml is a wildcard"))
        .collect()
}

fn value<'a>(table: &'a [(String, String)], key: &str) -> Option<&'a str> {
    table.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// The `{ a = "…", b = […] }` members of a list, each as its fields.
fn inline_tables<'a>(table: &'a [(String, String)], key: &str) -> impl Iterator<Item = BTreeMap<String, &'a str>> {
    value(table, key).unwrap_or_default().split('{').skip(1).map(|member| {
        let member = member.split('}').next().unwrap_or_default();
        let mut fields = BTreeMap::new();
        let mut rest = member;
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_start();
            // A list ends at its bracket, a text at its second quote.
            let end = if after.starts_with('[') {
                after.find(']').map(|at| at + 1)
            } else {
                after.match_indices('"').nth(1).map(|(at, _)| at + 1)
            };
            let end = end.unwrap_or(after.len());
            fields.insert(name.trim().to_owned(), &after[..end]);
            rest = after[end..].trim_start_matches([',', ' ']);
        }
        fields
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
exceptions = [{ crate = "odd", allow = ["WTFPL", "ISC"] }]
[bans]
deny = [
    { crate = "native-tls" },
    { crate = "openssl-sys", wrappers = ["libsqlite3-sys"] },
]
[sources]
allow-registry = ["https://example.org/index"]
"#;

    #[test]
    fn licence_expressions_are_read_as_spdx() {
        let allowed = |id: &str| matches!(id, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception");
        for (text, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND (GPL-3.0 OR ISC)", true),
            ("(MIT OR GPL-3.0) AND GPL-2.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("Apache-2.0", false),
            ("", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("MIT )", false),
        ] {
            assert_eq!(satisfied(text, &allowed), expected, "{text}");
        }
    }

    #[test]
    fn a_foreign_licence_is_found_and_an_exception_is_only_its_crates() {
        let tree = "good v1|MIT\nodd v2|WTFPL AND ISC\nbad v3 (proc-macro)|WTFPL\ngood v1|MIT (*)\nnone v4|\n";
        let found = licences(POLICY, tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("bad v3") && found[1].contains("none v4"));
    }

    #[test]
    fn bans_wrappers_and_sources_are_held() {
        let lock = r#"
[[package]]
name = "libsqlite3-sys"
version = "1.0.0"
source = "registry+https://example.org/index"
dependencies = [
 "openssl-sys",
]

[[package]]
name = "thief"
version = "1.0.0"
source = "git+https://example.org/thief"
dependencies = [
 "native-tls 0.2.0",
 "openssl-sys",
]
"#;
        assert_eq!(bans(POLICY, lock).len(), 2);
        assert!(bans(POLICY, lock).iter().all(|finding| finding.starts_with("thief")));
        assert_eq!(sources(POLICY, lock).len(), 1);
    }

    #[test]
    fn wildcard_versions_are_found() {
        let manifest = "[workspace.dependencies]\na = \"1\"\nb = \"*\"\nc = { version = \"1.*\" }\n";
        assert_eq!(wildcards(manifest).len(), 2);
    }
}
