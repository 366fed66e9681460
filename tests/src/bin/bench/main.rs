//! The benchmarks: what the program promises, measured, a Markdown table out. `cargo xtask bench [--quick]`.
//!
//! Times are this machine's; so beside each stands the time of a *part* that the same run measured (one flushed append,
//! one datagram there and back, the same bytes written and flushed), and the ratio of the two. Bytes, round trips,
//! documents opened and memory are counted: those promises are held, and one that is broken ends the run with 1.

mod figures;
mod fill;
mod reading;
mod syncing;

use std::process::ExitCode;

use figures::{Parts, Table};

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Journals that are opened, listed and searched.
    pub journals: Vec<usize>,
    /// Journals that are synced with nothing changed; the last one is also the first sync.
    pub synced: [usize; 2],
    /// Words of an entry in a journal of at most 10,000; larger ones have entries of a fifth of that.
    pub words: usize,
    /// Entries written one by one.
    pub writes: usize,
}

impl Plan {
    fn from_arguments() -> Result<Self, String> {
        let mut plan = Self { journals: vec![1_000, 10_000, 100_000], synced: [100, 10_000], words: 500, writes: 200 };
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
                "--words" => plan.words = number("--words")?,
                other => return Err(format!("unknown argument `{other}`; there are --quick, --most N and --words N")),
            }
        }
        Ok(plan)
    }
}

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::begin();
    let parts = Parts::measure();
    table.parts(&parts);
    let measured = reading::measure(&plan, &parts, &mut table)
        .and_then(|()| syncing::measure(&plan, &parts, &mut table))
        .map_err(|error| error.to_string());
    if let Err(error) = measured {
        eprintln!("the benchmark broke off: {error}");
        return ExitCode::FAILURE;
    }
    table.end()
}
