//! How large the shipped library is, against `docs/library-size.tsv`: growth that nobody gave a reason for is a failure.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::elf::{self, Elf};
use crate::toolchain::failed;
use crate::workspace::{self, Result};
use crate::{bindings, shipped};

/// Date, commit, target, bytes when stripped, what changed: a line a record, between tabs.
const HISTORY: &str = "docs/library-size.tsv";

/// So many percent above the last record are a failure.
const ALLOWED: u64 = 5;

/// A line of the history.
#[derive(Debug, PartialEq, Eq)]
struct Record<'a> {
    date: &'a str,
    target: &'a str,
    bytes: u64,
}

/// How a library stands to the last record of its target.
#[derive(Debug, PartialEq, Eq)]
enum Standing<'a> {
    First,
    Within(&'a Record<'a>),
    Grown(&'a Record<'a>),
}

/// `cargo xtask size [--record WHY]`: this computer's library, its parts, and the history.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let why = reason("size", args)?;
    let library = shipped::for_host(root)?;
    shipped::check(root, &library)?;
    let stripped = library.with_file_name(format!("stripped-{}", bindings::file_name()));
    shipped::strip("strip".as_ref(), &library, &stripped)?;
    let target = host()?;
    println!("the library for {target}, profile {}:", shipped::PROFILE);
    println!("{:>12} B  whole, with the names that bindings are generated from", length(&library)?);
    println!("{:>12} B  stripped, as it is shipped", length(&stripped)?);
    print_sections(&stripped)?;
    account(root, "size", &[(target, length(&stripped)?)], why.as_deref())
}

/// The reason after `--record`, for a task that takes nothing else.
pub(crate) fn reason(task: &str, args: &[String]) -> Result<Option<String>> {
    match args {
        [] => Ok(None),
        [flag, why] if flag == "--record" && !why.trim().is_empty() && !why.contains(['\t', '\n']) => {
            Ok(Some(why.trim().to_owned()))
        }
        _ => Err(format!("`{task}` takes nothing, or `--record` and one line that says what changed")),
    }
}

/// How many bytes a file has.
pub(crate) fn length(file: &Path) -> Result<u64> {
    fs::metadata(file).map(|found| found.len()).map_err(|error| failed("read", file, &error))
}

fn print_sections(library: &Path) -> Result<()> {
    let bytes = fs::read(library).map_err(|error| failed("read", library, &error))?;
    if !elf::is_elf(&bytes) {
        return Ok(());
    }
    let elf = Elf::read(&bytes).map_err(|error| format!("cannot read {}: {error}", library.display()))?;
    for (name, what) in [
        (".text", "code"),
        (".rodata", "constants"),
        (".data.rel.ro", "tables with addresses"),
        (".data", "variables"),
        (".eh_frame", "how to unwind, so that a panic is an error and not the end"),
        (".rela.dyn", "what the loader fills in"),
    ] {
        println!("{:>12} B    {name}: {what}", elf.section(name).unwrap_or_default());
    }
    Ok(())
}

/// Compares each target's size with its last record, and writes new ones where there is a reason. Growth without one is
/// a failure of `task`.
pub(crate) fn account(root: &Path, task: &str, sizes: &[(String, u64)], why: Option<&str>) -> Result<()> {
    let path = root.join(HISTORY);
    let text = workspace::read(&path)?;
    let records = history(&text)?;
    let mut grown = Vec::new();
    for (target, bytes) in sizes {
        let sentence = match standing(&records, target, *bytes) {
            Standing::First => "nothing recorded yet".to_owned(),
            Standing::Within(last) => against(*bytes, last),
            Standing::Grown(last) => {
                grown.push(target.as_str());
                against(*bytes, last)
            }
        };
        println!("{target}: {bytes} B, {sentence}");
    }
    match why {
        Some(why) => append(root, &path, text, sizes, why),
        None if grown.is_empty() => Ok(()),
        None => Err(format!(
            "{} grew by more than {ALLOWED} % ({HISTORY}); make it smaller, or run `cargo xtask {task} --record \"WHY\"`",
            grown.join(", ")
        )),
    }
}

fn history(text: &str) -> Result<Vec<Record<'_>>> {
    let lines = text.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            let cells: Vec<&str> = line.split('\t').collect();
            match (cells.as_slice(), cells.get(3).and_then(|bytes| bytes.parse().ok())) {
                (&[date, _, target, _, _], Some(bytes)) => Ok(Record { date, target, bytes }),
                _ => Err(format!("{HISTORY}:{}: a line has date, commit, target, bytes and what changed", number + 1)),
            }
        })
        .collect()
}

fn standing<'a>(records: &'a [Record<'a>], target: &str, bytes: u64) -> Standing<'a> {
    match records.iter().rev().find(|record| record.target == target) {
        None => Standing::First,
        Some(last) if bytes * 100 > last.bytes * (100 + ALLOWED) => Standing::Grown(last),
        Some(last) => Standing::Within(last),
    }
}

fn against(bytes: u64, last: &Record<'_>) -> String {
    let change = (bytes as f64 / last.bytes.max(1) as f64 - 1.0) * 100.0;
    format!("{change:+.1} % against the {} B of {}", last.bytes, last.date)
}

fn append(root: &Path, path: &Path, mut text: String, sizes: &[(String, u64)], why: &str) -> Result<()> {
    let (date, commit) = (today()?, commit(root));
    for (target, bytes) in sizes {
        text.push_str(&format!("{date}\t{commit}\t{target}\t{bytes}\t{why}\n"));
    }
    fs::write(path, text).map_err(|error| failed("write", path, &error))?;
    println!("recorded in {HISTORY}");
    Ok(())
}

/// The commit that was built, with a `+` where the tree has more than it.
fn commit(root: &Path) -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let more = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    git(&["rev-parse", "--short", "HEAD"]).map_or_else(|| "-".to_owned(), |hash| hash + if more { "+" } else { "" })
}

/// What rustc builds for where it is told nothing.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| format!("cannot start rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "rustc does not say what it builds for".to_owned())
}

fn today() -> Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    Ok(date(since.as_secs() / 86_400))
}

/// The date so many days after 1970-01-01.
fn date(mut days: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "date\tcommit\ttarget\tbytes\twhat changed\n2026-01-01\tabc\ta\t1000\tfirst\n2026-01-02\tabd\ta\t2000\tmore\n2026-01-03\tabe\tb\t50\tfirst\n";

    #[test]
    fn growth_is_against_the_last_record_of_the_target() {
        let records = history(TEXT).unwrap();
        assert_eq!(records.len(), 3);
        assert_eq!(standing(&records, "a", 2100), Standing::Within(&records[1]));
        assert_eq!(standing(&records, "a", 2101), Standing::Grown(&records[1]));
        assert_eq!(standing(&records, "a", 10), Standing::Within(&records[1]));
        assert_eq!(standing(&records, "c", 10), Standing::First);
        assert_eq!(against(2200, &records[1]), "+10.0 % against the 2000 B of 2026-01-02");
    }

    #[test]
    fn a_broken_line_is_no_record() {
        assert!(history(TEXT.trim_end()).is_ok() && history("only the head\n").unwrap().is_empty());
        for line in ["2026-01-01\tabc\ta\tmany\twhy", "2026-01-01\tabc\ta\t12", "words"] {
            assert!(history(&format!("{TEXT}{line}\n")).unwrap_err().contains(":5:"), "{line}");
        }
        let root = workspace::root().unwrap();
        assert!(!history(&workspace::read(&root.join(HISTORY)).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn growth_needs_a_reason_and_a_reason_is_recorded() {
        let root = std::env::temp_dir().join(format!("afterword-size-{}", std::process::id()));
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::write(root.join(HISTORY), TEXT).unwrap();
        let sizes = [("b".to_owned(), 60)];
        assert!(account(&root, "size", &sizes, None).unwrap_err().contains("b grew by more than 5 %"));
        account(&root, "size", &sizes, Some("a codec")).unwrap();
        account(&root, "size", &sizes, None).unwrap();
        let text = workspace::read(&root.join(HISTORY)).unwrap();
        assert!(text.starts_with(TEXT) && text.ends_with("\tb\t60\ta codec\n"), "{text}");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_reason_is_one_line() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(reason("size", &[]), Ok(None));
        assert_eq!(reason("size", &words(&["--record", " a codec "])), Ok(Some("a codec".to_owned())));
        for bad in [&["--record"][..], &["--record", " "], &["--record", "a\nb"], &["why"]] {
            assert!(reason("size", &words(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn days_are_dates() {
        for (days, text) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (789, "1972-02-29"), (11_016, "2000-02-29"), (20_819, "2027-01-01")]
        {
            assert_eq!(date(days), text);
        }
    }
}
