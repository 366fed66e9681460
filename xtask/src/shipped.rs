//! The library as it is shipped: built in the profile `release-mobile`, for this computer too, and looked over for what
//! only tests call.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elf::Elf;
use crate::toolchain::{failed, quietly};
use crate::workspace::{self, Result};
use crate::{bindings, process};

/// The profile of the root's `Cargo.toml`.
pub(crate) const PROFILE: &str = "release-mobile";

/// Linked with this, a library's parts lie on pages of 16 KB. It is given to rustc behind cargo's `--`, which adds to
/// whatever flags there are. `RUSTFLAGS` in the environment replaces those of a configuration file, and would have
/// replaced this one with them, in silence.
pub(crate) const LARGE_PAGES: [&str; 2] = ["-C", "link-arg=-Wl,-z,max-page-size=16384"];

/// `cargo LEAD… rustc` for the library of the phones alone, so that no feature of the tests is on, and as one kind of
/// file alone: each kind would be optimised as a whole again.
pub(crate) fn cargo(root: &Path, lead: &[&str], kind: &str) -> Command {
    let mut command = process::cargo();
    command.args(lead).args(["rustc", "--locked", "--package", "afterword-ffi", "--lib"]);
    command.args(["--profile", PROFILE, "--crate-type", kind]).current_dir(root);
    // rustc refuses to optimise a whole of which it keeps parts for the next time.
    command.env("CARGO_INCREMENTAL", "0");
    command
}

/// Where cargo puts the library for a target, or for this computer.
pub(crate) fn place(root: &Path, target: Option<&str>, name: &str) -> PathBuf {
    bindings::target(root).join(target.unwrap_or_default()).join(PROFILE).join(name)
}

/// Builds the library for this computer: its size is watched, and the bindings of what is shipped are made from it.
pub(crate) fn for_host(root: &Path) -> Result<PathBuf> {
    quietly(&mut cargo(root, &[], "cdylib"))?;
    Ok(place(root, None, &bindings::file_name()))
}

/// Generates the bindings of what is shipped, from this computer's library: it still has the symbols they are read from,
/// and nothing of the tests.
pub(crate) fn generate(root: &Path, language: &str, folder: &Path) -> Result<()> {
    let library = for_host(root)?;
    check(root, &library)?;
    let words = ["build", "--release", "--locked", "--package", "afterword-bindgen"];
    quietly(process::cargo().args(words).current_dir(root))?;
    bindings::generate(root, &library, language, folder)
}

/// Whether a library, of whatever format, exports our objects, none that only tests call, and no fault that a test plants.
/// The names of what is exported stand in it as plain text.
pub(crate) fn check(root: &Path, library: &Path) -> Result<()> {
    let bytes = fs::read(library).map_err(|error| failed("read", library, &error))?;
    let faults = faults(&workspace::read(&root.join("core/src/fault.rs"))?);
    if let Some(fault) = faults.iter().find(|fault| names(&bytes, fault)) {
        return Err(format!("{} knows the fault {fault}: the feature `faults` is on", library.display()));
    }
    let tests = of_tests(&workspace::read(&root.join("ffi/src/lib.rs"))?);
    match exports_of_tests(&bytes, &tests)?.as_slice() {
        [] => Ok(()),
        found => Err(format!(
            "{} exports {}, which only tests call: the feature `conformance` is on",
            library.display(),
            found.join(", ")
        )),
    }
}

/// The objects that `ffi/src/lib.rs` exports under the feature `conformance`.
fn of_tests(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(feature = \"conformance\")]");
    let exported = pairs.filter_map(|pair| pair[1].trim().strip_prefix("pub use ")?.split_once("::"));
    let words = exported.flat_map(|(_, names)| names.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Those of `tests` that a library exports. An object that is shipped must be found the same way, or UniFFI names things
/// otherwise now and nothing was looked for.
fn exports_of_tests(library: &[u8], tests: &[String]) -> Result<Vec<String>> {
    let exports = |object: &str| names(library, &format!("_afterword_ffi_fn_free_{}", object.to_lowercase()));
    if tests.is_empty() || !exports("Engine") {
        return Err("it can't be told whether the library exports what only tests call".to_owned());
    }
    Ok(tests.iter().filter(|object| exports(object)).cloned().collect())
}

/// Whether a text stands in a library.
fn names(library: &[u8], text: &str) -> bool {
    library.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The defects that `core/src/fault.rs` can plant where the feature `faults` is on.
pub(crate) fn faults(source: &str) -> Vec<String> {
    let body = source.split_once("pub enum Fault {").and_then(|(_, rest)| rest.split_once("\n}"));
    let lines = body.map_or("", |(body, _)| body).lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

/// `cargo xtask pages FILE…`: whether devices with pages of 16 KB load these libraries.
pub(crate) fn pages(files: &[String]) -> Result<()> {
    if files.is_empty() {
        return Err("`pages` takes the libraries to look at".to_owned());
    }
    let mut found = 0;
    for file in files {
        let (elf, why) = misplaced(Path::new(file))?;
        let word = if elf.is_wide { "64 bits" } else { "32 bits" };
        match why.first() {
            None => println!("{file}: {word}, {} parts on pages of 16 KB", elf.segments.len()),
            Some(first) => println!("{file}: {word}, {first}"),
        }
        found += usize::from(elf.is_wide && !why.is_empty());
    }
    if found == 0 { Ok(()) } else { Err(format!("{found} of these are not loaded where pages have 16 KB")) }
}

/// A library, and what is wrong with it for large pages.
fn misplaced(file: &Path) -> Result<(Elf, Vec<String>)> {
    let bytes = fs::read(file).map_err(|error| failed("read", file, &error))?;
    let elf = Elf::read(&bytes).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let why = elf.misplaced();
    Ok((elf, why))
}

/// Fails for a library of 64 bits that lies wrong for large pages. No device of 32 bits has them: said, and no failure.
pub(crate) fn check_pages(file: &Path) -> Result<()> {
    let (elf, why) = misplaced(file)?;
    let Some(first) = why.first() else { return Ok(()) };
    let sentence = format!("{} is not loaded where pages have 16 KB: {first}", file.display());
    if elf.is_wide {
        return Err(sentence);
    }
    println!("{sentence}; no device of 32 bits has such pages");
    Ok(())
}

/// Copies a library without what only debuggers and the generator of the bindings read.
pub(crate) fn strip(program: &OsStr, library: &Path, to: &Path) -> Result<()> {
    // Apple's takes away what is exported, too, unless it is told not to.
    let mode = if cfg!(target_os = "macos") && program == "strip" { "-x" } else { "--strip-all" };
    quietly(Command::new(program).arg(mode).arg("-o").arg(to).arg(library))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_call_is_read_from_the_source() {
        let source = "#[cfg(feature = \"conformance\")]\nmod trouble;\npub use a::B;\n#[cfg(feature = \"conformance\")]\npub use trouble::{More, Trouble};\n";
        assert_eq!(of_tests(source), ["More", "Trouble"]);
        let root = workspace::root().unwrap();
        assert_eq!(of_tests(&workspace::read(&root.join("ffi/src/lib.rs")).unwrap()), ["Trouble"]);
    }

    #[test]
    fn the_faults_are_read_from_the_source_and_found_in_a_library() {
        let root = workspace::root().unwrap();
        let faults = faults(&workspace::read(&root.join("core/src/fault.rs")).unwrap());
        assert!(faults.len() > 20 && faults.iter().all(|fault| fault.chars().all(char::is_alphanumeric)));
        assert!(names(b"\0RollbackIgnored\0", "RollbackIgnored") && !names(b"", &faults[0]));
    }

    #[test]
    fn an_export_of_tests_is_found_and_a_library_of_another_kind_is_no_pass() {
        let tests = ["Trouble".to_owned()];
        let (ours, theirs) = ("\0uniffi_afterword_ffi_fn_free_engine\0", "_uniffi_afterword_ffi_fn_free_trouble\0");
        assert_eq!(exports_of_tests(ours.as_bytes(), &tests), Ok(Vec::new()));
        assert_eq!(exports_of_tests(format!("{ours}{theirs}").as_bytes(), &tests), Ok(tests.to_vec()));
        assert!(exports_of_tests(theirs.as_bytes(), &tests).is_err());
        assert!(exports_of_tests(ours.as_bytes(), &[]).is_err());
    }

    #[test]
    fn the_pages_flag_goes_to_rustc_itself() {
        let mut command = cargo(Path::new("."), &["ndk"], "cdylib");
        command.arg("--").args(LARGE_PAGES);
        let words: Vec<_> = command.get_args().filter_map(OsStr::to_str).collect();
        assert!(words.starts_with(&["ndk", "rustc"]) && words.ends_with(&["--", LARGE_PAGES[0], LARGE_PAGES[1]]));
        assert!(!words.contains(&"--features"));
    }
}
