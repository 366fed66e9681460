//! What a call costs that crosses into Kotlin or Swift, beside the same call in Rust, on copies of one journal in one run.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::toolchain::{fresh, remove};
use crate::workspace::Result;
use crate::{bindings, kotlin, process, swift};

/// What is called, as programs say it and as people read it.
const CALLS: [(&str, &str); 3] = [
    ("list", "a list of 1,000 entries, one page"),
    ("edit", "one edit of a title at its heads, durable"),
    ("event", "subscribing, until the first event is heard, and ending it"),
];
/// Who calls, in the order of the table; the others are told against the first.
const CALLERS: [(&str, &str); 4] =
    [("core", "Rust, core"), ("ffi", "Rust, the surface"), ("kotlin", "Kotlin, the kit"), ("swift", "Swift, the kit")];

/// A line of a program: who, what, and the median, lowest and highest of so many samples, in microseconds.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    who: String,
    what: String,
    median: f64,
    lowest: f64,
    highest: f64,
    samples: usize,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split('\t').collect();
        let [who, what, median, lowest, highest, samples] = words.as_slice() else { return None };
        let number = |text: &str| text.parse::<f64>().ok();
        Some(Self {
            who: (*who).to_owned(),
            what: (*what).to_owned(),
            median: number(median)?,
            lowest: number(lowest)?,
            highest: number(highest)?,
            samples: samples.parse().ok()?,
        })
    }
}

/// `cargo xtask bench --boundary`.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let library = bindings::library(root)?;
    let folder = fresh(&bindings::target(root).join("boundary"))?;
    let mut rust = Command::new(library.with_file_name(format!("bench{}", std::env::consts::EXE_SUFFIX)));
    rust.arg("--boundary").arg(&folder);
    let mut lines = said(&process::run(rust, Duration::from_secs(300), false)?)?;
    for (name, ran) in [("kotlin", kotlin::bench(root, &folder)?), ("swift", swift::bench(root, &folder)?)] {
        match ran {
            Some(ran) => lines.extend(said(&ran)?),
            None => println!("{name}: not run: `cargo xtask setup {name}` was not run"),
        }
    }
    remove(&folder)?;
    print!("{}", table(&lines));
    Ok(())
}

fn said(ran: &process::Ran) -> Result<Vec<Line>> {
    let lines: Vec<Line> = ran.lines.iter().filter_map(|line| Line::parse(line)).collect();
    if ran.ok && lines.len() >= CALLS.len() { Ok(lines) } else { Err(ran.lines.join("\n")) }
}

fn table(lines: &[Line]) -> String {
    let mut text =
        "| call | from | median (lowest to highest, samples) | against core |\n|---|---|---|---|\n".to_owned();
    for (what, reads) in CALLS {
        let of = |who: &str| lines.iter().find(|line| line.who == who && line.what == what);
        let floor = of(CALLERS[0].0).map(|line| line.median);
        for (who, named) in CALLERS {
            let (Some(line), Some(floor)) = (of(who), floor) else { continue };
            let Line { median, lowest, highest, samples, .. } = line;
            text.push_str(&format!(
                "| {reads} | {named} | {median:.0} µs ({lowest:.0} to {highest:.0}, {samples}) | {:.2}x |\n",
                median / floor
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_against_core() {
        let lines: Vec<Line> =
            ["core\tlist\t100.0\t90.0\t200.0\t7", "Build complete!", "swift\tlist\t250.0\t240.0\t300.0\t7"]
                .into_iter()
                .filter_map(Line::parse)
                .collect();
        assert_eq!(lines.len(), 2);
        let table = table(&lines);
        assert!(table.contains("| Swift, the kit | 250 µs (240 to 300, 7) | 2.50x |"), "{table}");
        assert_eq!(table.lines().count(), 4);
    }
}
