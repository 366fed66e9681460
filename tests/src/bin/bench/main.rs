//! The benchmarks: what the program promises, measured, a Markdown table out. `cargo xtask bench [--quick]`.
//!
//! Times are this machine's; so beside each stands the time of a *part* that the same run measured (one flushed append,
//! one datagram there and back, the same bytes written and flushed), and the ratio of the two. Bytes, round trips,
//! documents opened and memory are counted: those promises are held, and one that is broken ends the run with 1.
//!
//! With `--goals` it measures G1 to G12 instead and writes a file of samples: one half of `cargo xtask bench --peers`.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

mod boundary;
mod deriving;
mod figures;
mod fill;
mod goals;
mod photos;
mod reading;
mod searching;
mod sizes;
mod syncing;
mod waits;

use std::process::ExitCode;

use figures::{Parts, Table};

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Journals that are opened, listed and searched.
    pub(crate) journals: Vec<usize>,
    /// Journals that are synced with nothing changed; the last one is also the first sync.
    pub(crate) synced: [usize; 2],
    /// Words of an entry in a journal of at most 10,000; larger ones have shorter entries.
    pub(crate) words: usize,
    /// Entries written one by one.
    pub(crate) writes: usize,
    /// Search at this size, and nothing else.
    searched: Option<usize>,
    /// One part alone.
    only: Option<Half>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Reading,
    Syncing,
    Deriving,
    Photos,
    Sizes,
}

impl Plan {
    fn from_arguments() -> Result<Self, String> {
        let mut plan = Self {
            journals: vec![1_000, 10_000, 100_000],
            synced: [100, 10_000],
            words: 500,
            writes: 200,
            searched: None,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = |name: &str| -> Result<usize, String> {
                arguments
                    .next()
                    .and_then(|text| text.parse().ok())
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("{name} takes a number"))
            };
            match argument.as_str() {
                "--quick" => (plan.journals, plan.synced, plan.writes) = (vec![200, 2_000], [100, 1_000], 50),
                "--most" => {
                    let most = number("--most")?;
                    plan.journals.retain(|size| *size <= most);
                    plan.synced = plan.synced.map(|size| size.min(most));
                }
                "--search" => plan.searched = Some(number("--search")?),
                "--only-reading" => plan.only = Some(Half::Reading),
                "--only-sizes" => plan.only = Some(Half::Sizes),
                "--only-syncing" => plan.only = Some(Half::Syncing),
                "--only-deriving" => plan.only = Some(Half::Deriving),
                "--only-photos" => plan.only = Some(Half::Photos),
                "--words" => plan.words = number("--words")?,
                other => {
                    return Err(format!(
                        "unknown argument `{other}`; there are --quick, --most N, --words N, --search N, --only-reading, --only-syncing, --only-deriving, --only-photos, --only-sizes"
                    ));
                }
            }
        }
        Ok(plan)
    }
}

fn main() -> ExitCode {
    if let Some(ended) = goals::child() {
        return ended;
    }
    if std::env::args().any(|word| word == goals::GOALS) {
        return goals::main();
    }
    if let Some(root) = std::env::args().skip_while(|word| word != reading::LIST_ONLY).nth(1) {
        return reading::list_only(std::path::Path::new(&root));
    }
    if let Some(folder) = std::env::args().skip_while(|word| word != boundary::BOUNDARY).nth(1) {
        return match boundary::main(std::path::Path::new(&folder)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the benchmark broke off: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::begin();
    if let Some(size) = plan.searched {
        if let Err(error) = searching::measure(size, plan.words, &mut table) {
            eprintln!("the benchmark broke off: {error}");
            return ExitCode::FAILURE;
        }
        return table.end();
    }
    let parts = Parts::measure();
    table.parts(&parts);
    let mut measured = Ok(());
    if plan.only.is_none_or(|only| only == Half::Reading) {
        measured = reading::measure(&plan, &parts, &mut table);
    }
    if measured.is_ok() && plan.only.is_none_or(|only| only == Half::Deriving) {
        measured = deriving::measure(&plan, &parts, &mut table);
    }
    if measured.is_ok() && plan.only.is_none_or(|only| only == Half::Sizes) {
        measured = sizes::measure(&plan, &mut table);
    }
    if measured.is_ok() && plan.only.is_none_or(|only| only == Half::Syncing) {
        measured = syncing::measure(&plan, &parts, &mut table);
    }
    if measured.is_ok() && plan.only.is_none_or(|only| only == Half::Photos) {
        measured = photos::measure(&mut table);
    }
    if let Err(error) = measured {
        eprintln!("the benchmark broke off: {error}");
        return ExitCode::FAILURE;
    }
    table.end()
}
