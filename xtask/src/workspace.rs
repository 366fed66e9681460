//! Where the workspace is and what is in it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A result whose error is a sentence for the developer.
pub(crate) type Result<T, E = String> = std::result::Result<T, E>;

/// The folder that holds the workspace's `Cargo.toml`: the parent of this crate's own.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| "xtask".into()));
    let root = manifest.parent().map(Path::to_path_buf).unwrap_or_default();
    root.canonicalize().map_err(|error| format!("cannot find the workspace; run this as `cargo xtask`: {error}"))
}

/// Whether this is CI, where what is missing is installed and a suite that did not run has failed.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Reads a file as text; the error names it.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Every file that belongs to the project, relative to `root`: what git tracks or would track. Without git (an unpacked
/// archive) the tree is walked and build output left out.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    let mut files: Vec<PathBuf> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            // A file deleted but not yet committed is still listed.
            .filter(|path| root.join(path).is_file())
            .collect(),
        _ => walk(root)?,
    };
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder))
            .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            if kind.is_dir() && !matches!(entry.file_name().to_str(), Some("target" | ".git" | ".tools" | "generated"))
            {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// One table of a TOML file as `(key, rest of the line)`, comments and blank lines left out. Enough for the flat tables
/// this workspace writes; a value over several lines is joined into one.
pub(crate) fn toml_table(text: &str, table: &str) -> Vec<(String, String)> {
    let header = format!("[{table}]");
    let mut rows: Vec<(String, String)> = Vec::new();
    let (mut inside, mut open) = (false, 0_i32);
    for line in text.lines() {
        let line = strip_comment(line).trim();
        if open == 0 && line.starts_with('[') {
            inside = line == header;
            continue;
        }
        if !inside || line.is_empty() {
            continue;
        }
        let depth = |text: &str| {
            text.chars().fold(0, |n, c| match c {
                '[' | '{' => n + 1,
                ']' | '}' => n - 1,
                _ => n,
            })
        };
        if open > 0 {
            if let Some((_, value)) = rows.last_mut() {
                value.push(' ');
                value.push_str(line);
            }
            open += depth(line);
        } else if let Some((key, value)) = line.split_once('=') {
            open = depth(value);
            rows.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    rows
}

/// The quoted strings of a TOML value, in order.
pub(crate) fn quoted(value: &str) -> Vec<String> {
    value.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn strip_comment(line: &str) -> &str {
    let mut in_text = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => in_text = !in_text,
            '#' if !in_text => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// README's first command is `cargo run`, which has to know which of the programs is meant.
    #[test]
    fn cargo_run_means_the_laptop_program() {
        let mut metadata = crate::process::cargo();
        metadata.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root().unwrap());
        let said = String::from_utf8(metadata.output().unwrap().stdout).unwrap();
        assert!(said.contains(r#""default_run":"afterword""#), "{said}");
        let manifest = read(&root().unwrap().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(r#"default-members = ["cli"]"#));
    }

    #[test]
    fn tables_are_read_over_several_lines_and_without_comments() {
        let text = "[a]\nx = 1 # no\n[b.c]\n# gone\nallow = [\n  \"MIT\", # fine\n  \"ISC\",\n]\nlast = \"a # b\"\n[d]\ny = 2\n";
        let rows = toml_table(text, "b.c");
        assert_eq!(rows.len(), 2);
        assert_eq!(quoted(&rows[0].1), ["MIT", "ISC"]);
        assert_eq!(quoted(&rows[1].1), ["a # b"]);
        assert!(toml_table(text, "b").is_empty());
    }
}
