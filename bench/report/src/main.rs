//! Writes docs/results/performance.md from what the programs measured: `bench-report RESULTS-FOLDER OUT-FILE`.
//!
//! Nothing is judged here but by the goals' own words, nothing is left out: what was not run is a row that says so.

mod goals;
mod measured;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use bench_common::Results;
use measured::Measured;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        eprintln!("bench-report RESULTS-FOLDER OUT-FILE");
        return ExitCode::from(2);
    };
    let measured = match Measured::read(&folder) {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("the results in {} could not be read: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    };
    match std::fs::write(&out, page(&measured)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} could not be written: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}

fn page(measured: &Measured) -> String {
    let tables = goals::all(measured);
    let mut page = String::from(HEAD);
    let counts = tables.iter().fold([0; 4], |counts, table| {
        let more = table.counts();
        [0, 1, 2, 3].map(|at| counts[at] + more[at])
    });
    let [reached, nearly, missed, not_run] = counts;
    let _ = writeln!(
        page,
        "Of {} rows with a goal, {reached} reach it, {nearly} reach at least what this milestone asks, {missed} do not, {not_run} were not run.\n",
        counts.iter().sum::<usize>()
    );
    page.push_str(&machine(measured));
    for table in &tables {
        page.push_str(&table.text());
    }
    page.push_str(&programs(measured));
    page
}

const HEAD: &str = "\
# Performance

Written by `cargo xtask bench --peers`; not by hand. What is measured, and which goal it has, stands in the rows; how each program works and why it is run so, in
[bench/README.md](../bench/README.md).

Times are of one machine. **Ratios are what carries over**: each is of two figures from the same run on this machine, and none is taken across machines. A figure is
the median, behind it the lowest, the highest and the number of samples. *Peer* is what else a person could use; *floor* is the bare part (an fdatasync, a ping, a
commit) that nobody can do without. Entries are the same everywhere: title, three tags, two times and a body of 500 words out of 20,000 by Zipf's law, written
over ten changes.

";

fn machine(measured: &Measured) -> String {
    let mut text = String::from("## The machine\n\n");
    let Some(machine) = &measured.machine else {
        text.push_str("Nothing has been measured.\n\n");
        return text;
    };
    let _ = writeln!(
        text,
        "{}, {} cores, {} MiB of memory, {}, disk: {}; {}. Both devices of every pair share it, over loopback.\n",
        machine.processor, machine.cores, machine.memory_mib, machine.kernel, machine.disk, machine.rustc
    );
    let mut versions: BTreeMap<String, String> = locked(LOCK);
    for results in &measured.all {
        versions.extend(results.versions.clone());
    }
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(text, "Versions: {}.\n", versions.join(", "));
    text.push_str(
        "To repeat: `cargo xtask bench --peers` (hours: samod alone takes ten minutes for 10,000 documents), `--quick` for 100 and 1,000 entries, \
         `--sizes 100,1000` for others, `--only samod` to run one program again; the page is then made anew of all results.\n\n",
    );
    text
}

/// What the programs are built with.
const LOCK: &str = include_str!("../../Cargo.lock");
/// The crates whose release a reader asks for.
const NAMED: [&str; 8] = ["automerge", "samod", "iroh", "iroh-docs", "iroh-blobs", "quinn", "rustls", "rusqlite"];

/// Name and release of the crates that matter, out of a lock file.
fn locked(lock: &str) -> BTreeMap<String, String> {
    let word = |line: &str, key: &str| {
        line.strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(" = \""))
            .map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").filter_map(|package| {
        let find = |key| package.lines().find_map(|line| word(line, key));
        Some((find("name")?, find("version")?))
    });
    packages.filter(|(name, _)| NAMED.contains(&name.as_str())).collect()
}

/// Every program that ran, and those whose figures are not used.
fn programs(measured: &Measured) -> String {
    let mut text = String::from(
        "## The programs\n\n| program | entries | began (UTC) | beside commit | repeated | ended |\n|---|---|---|---|---|---|\n",
    );
    for results in &measured.all {
        let Results { program, entries, commit, runs, .. } = results;
        let ended = if results.ended.is_empty() {
            format!("broke off while: {}", results.doing)
        } else if results.ended == "done" {
            "done".to_owned()
        } else {
            format!("{}, while: {}", results.ended, results.doing)
        };
        let _ = writeln!(text, "| {program} | {entries} | {} | {commit} | {runs} | {ended} |", date(results.began_at));
    }
    let missing: Vec<String> = measured
        .all
        .iter()
        .flat_map(|results| {
            results.missing.iter().map(move |missing| {
                format!("- {} {}, `{}`: {}\n", results.program, missing.entries, missing.name, missing.reason)
            })
        })
        .collect();
    if !missing.is_empty() {
        let _ = writeln!(text, "\nNot measured, and why:\n\n{}", missing.concat().trim_end());
    }
    if !measured.elsewhere.is_empty() {
        let _ = writeln!(
            text,
            "\nLeft out, because measured on another machine or before it was started anew: {}.",
            measured.elsewhere.join(", ")
        );
    }
    text
}

/// Seconds since 1970 as a day and a minute.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date by Howard Hinnant's method, for years after 1970.
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + carry;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", rest / 3_600, rest % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_700_000_000), "2023-11-14 22:13");
    }

    #[test]
    fn releases_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"samod\"\nversion = \"0.16.0\"\n\n[[package]]\nname = \"other\"\nversion = \"1.0.0\"\n";
        assert_eq!(locked(lock).into_iter().collect::<Vec<_>>(), [("samod".to_owned(), "0.16.0".to_owned())]);
        assert_eq!(locked(LOCK).len(), NAMED.len(), "{:?}", locked(LOCK));
    }

    #[test]
    fn a_page_of_nothing_says_that_nothing_was_run() {
        let page = page(&Measured::default());
        assert!(page.contains("not run") && page.contains("## G12") && page.contains("Nothing has been measured"));
        assert!(!page.contains("| yes |"), "{page}");
    }
}
