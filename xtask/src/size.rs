//! How large the phones' library is, against how large it was: `docs/library-size.tsv`, a line for each time it was noted.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bindings;
use crate::elf::Elf;
use crate::toolchain::{failed, quietly};
use crate::workspace::{self, Result};

/// The profile that phones get.
pub(crate) const PROFILE: &str = "release-mobile";
const HISTORY: &str = "docs/library-size.tsv";
const HEAD: &str = "date\tcommit\ttarget\tfile\ttext\tdata\twhy\n";
/// It may grow by so many percent without anybody saying why.
const MOST_GROWTH: u64 = 5;
/// What only tests may call: no library that is shipped has it.
const FOR_TESTS: &str = "trouble";

/// One measurement, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// What is shipped.
    pub(crate) file: u64,
    /// Code and constants.
    pub(crate) text: u64,
    /// Data that is copied for each process.
    pub(crate) data: u64,
}

/// The size of a library, which must be one that can be shipped.
pub(crate) fn measured(bytes: &[u8]) -> Result<Size> {
    let elf = Elf::read(bytes)?;
    let exports = elf.exports()?;
    if exports.iter().any(|name| name.contains(FOR_TESTS)) {
        return Err(
            "the library exports what only tests may call; build it without the feature `conformance`".to_owned()
        );
    }
    if !exports.iter().any(|name| name.starts_with("uniffi_afterword_ffi")) {
        return Err("the library does not export the phones' surface".to_owned());
    }
    Ok(Size {
        file: elf.loaded_size(),
        text: elf.size_of(&[".text", ".rodata", ".eh_frame", ".eh_frame_hdr", ".gcc_except_table"]),
        data: elf.size_of(&[".data", ".data.rel.ro", ".bss"]),
    })
}

/// The last size that was noted for a target.
fn last(history: &str, target: &str) -> Option<u64> {
    let lines = history.lines().rev().map(|line| line.split('\t').collect::<Vec<_>>());
    lines.filter(|line| line.get(2) == Some(&target)).find_map(|line| line.get(3)?.parse().ok())
}

/// Whether `file` is no more than what was noted, and a little.
fn within(history: &str, target: &str, file: u64) -> Result<()> {
    match last(history, target) {
        Some(before) if file * 100 > before * (100 + MOST_GROWTH) => Err(format!(
            "the library for {target} has {file} bytes, {before} were noted: make it smaller, or note why with `cargo xtask size --record WHY`"
        )),
        _ => Ok(()),
    }
}

/// Says how large a library is, and fails where it grew.
pub(crate) fn report(root: &Path, target: &str, bytes: &[u8]) -> Result<Size> {
    let size = measured(bytes)?;
    let history = fs::read_to_string(root.join(HISTORY)).unwrap_or_default();
    let before = last(&history, target).map_or("nothing noted before".to_owned(), |before| format!("{before} noted"));
    println!("{target}: {} bytes ({before}), {} of code and constants, {} of data", size.file, size.text, size.data);
    within(&history, target, size.file)?;
    Ok(size)
}

/// `cargo xtask size [--record WHY]`: the host's library as phones get it.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let why = match args {
        [] => None,
        [flag, why] if flag == "--record" => Some(why.as_str()),
        _ => return Err("`size` takes nothing, or `--record WHY`".to_owned()),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Alone, so that no feature of the tests is on in it.
    let words = ["rustc", "--locked", "--package", "afterword-ffi", "--profile", PROFILE, "--crate-type", "cdylib"];
    quietly(Command::new(cargo).args(words).current_dir(root))?;
    let name = format!("{}afterword_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = bindings::target(root).join(PROFILE).join(name);
    let bytes = fs::read(&library).map_err(|error| failed("read", &library, &error))?;
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    match why {
        None => report(root, &target, &bytes).map(drop),
        Some(why) => record(root, &target, measured(&bytes)?, why),
    }
}

fn record(root: &Path, target: &str, size: Size, why: &str) -> Result<()> {
    let said = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).current_dir(root).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let (date, commit) = (said("date", &["-u", "+%F"]), said("git", &["rev-parse", "--short", "HEAD"]));
    let path = root.join(HISTORY);
    let mut history = if path.is_file() { workspace::read(&path)? } else { HEAD.to_owned() };
    let why = why.replace(['\t', '\n'], " ");
    history.push_str(&format!("{date}\t{commit}\t{target}\t{}\t{}\t{}\t{why}\n", size.file, size.text, size.data));
    fs::write(&path, history).map_err(|error| failed("write", &path, &error))?;
    println!("noted: {target}, {} bytes", size.file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_beyond_a_little_is_refused_and_the_last_line_of_the_target_counts() {
        let history = format!(
            "{HEAD}2026-11-01\ta\tx\t1000\t1\t1\tfirst\n2026-11-02\tb\tx\t2000\t1\t1\tmore\n2026-11-02\tb\ty\t10\t1\t1\tother\n"
        );
        assert_eq!((last(&history, "x"), last(&history, "y"), last(&history, "z")), (Some(2000), Some(10), None));
        assert!(within(&history, "x", 2100).is_ok() && within(&history, "z", 1 << 40).is_ok());
        assert!(within(&history, "x", 2101).unwrap_err().contains("--record"));
    }

    #[test]
    fn what_is_no_library_of_ours_is_refused() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(measured(&own).is_err());
    }
}
