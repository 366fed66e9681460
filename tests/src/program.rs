//! The shipped program: where it was built, and whether it is what the sources say.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// `target/release/afterword`, built by `cargo xtask test` before the suites, or by `cargo build --release`.
///
/// # Panics
/// Where it is missing or older than a source it was built from: a test of yesterday's program shows nothing.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match find("afterword") {
        Ok(path) => path,
        Err(sentence) => panic!("{sentence}; run `cargo build --release` first, or `cargo xtask test`"),
    })
}

/// `target/release/afterword-next`, a version that knows one kind more of everything, built by `cargo xtask test next`.
///
/// # Errors
/// Where it is missing or older than a source it was built from, with the sentence for [`not_run`](crate::not_run).
pub fn next() -> Result<PathBuf, String> {
    find("afterword-next").map_err(|sentence| format!("{sentence}; run `cargo xtask test next` first"))
}

/// The words to put before the program so that a test may look into it: on Linux its memory and open files are the
/// administrator's, and who makes a user namespace is that in it.
pub fn watched() -> Vec<OsString> {
    match is_administrator() {
        true => Vec::new(),
        false => ["unshare", "--map-root-user", "--"].map(OsString::from).to_vec(),
    }
}

#[cfg(unix)]
fn is_administrator() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[cfg(not(unix))]
fn is_administrator() -> bool {
    true
}

fn find(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find the running test program: {error}"))?;
    // A test program stands in target/release/deps, the shipped one a floor above, and the benchmark beside it.
    let folder = own.ancestors().skip(1).find(|folder| folder.file_name().is_none_or(|name| name != "deps"));
    let folder = folder.ok_or_else(|| format!("{} does not stand in a target folder", own.display()))?;
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    let built = modified(&program).ok_or_else(|| format!("{} is not built", program.display()))?;
    // Cargo writes down what the program was made from.
    let sources = std::fs::read_to_string(folder.join(name).with_extension("d"))
        .map_err(|error| format!("cannot read what {} was built from: {error}", program.display()))?;
    match newer_source(&sources, built) {
        Some(source) => Err(format!("{} is older than {}", program.display(), source.display())),
        None => Ok(program),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// The first source in Cargo's list that is gone or was changed after `built`.
fn newer_source(list: &str, built: SystemTime) -> Option<PathBuf> {
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    // A space inside a path is written `\ `.
    let sources = sources.replace("\\ ", "\0");
    sources
        .split(' ')
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .find(|source| modified(source).is_none_or(|changed| changed > built))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_changed_or_missing_source_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a file.rs");
        std::fs::write(&source, "x").unwrap();
        let list = format!("target/afterword: {}\n", source.display().to_string().replace(' ', "\\ "));
        let changed = modified(&source).unwrap();
        assert_eq!(newer_source(&list, changed + Duration::from_secs(1)), None);
        assert_eq!(newer_source(&list, changed - Duration::from_secs(1)), Some(source.clone()));
        std::fs::remove_file(&source).unwrap();
        assert_eq!(newer_source(&list, changed + Duration::from_secs(1)), Some(source));
    }
}
