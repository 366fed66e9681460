//! `bench --peers`: builds the workspace of the peers, runs every program at every size, one after the other, and has the
//! page written from what they measured.
//!
//! Each run of a program is a file of results, so a run that was broken off is taken up with `--resume`, and one program
//! is run again with `--only`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::workspace::Result;

/// Time beyond a program's own limit before it is ended from outside.
const GRACE: Duration = Duration::from_secs(120);
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const QUICK: [usize; 2] = [100, 1_000];
/// Times that what can be repeated is.
const RUNS: usize = 5;

/// A program: how it is called, and where it ends.
#[derive(Debug, Clone, Copy)]
struct Program {
    name: &'static str,
    /// Larger journals are beyond it.
    most: usize,
    /// Times that it repeats with journals above 1,000 and above 10,000.
    runs: [usize; 2],
    /// Seconds that it may take up to 1,000 entries, up to 10,000, and above.
    limits: [u64; 3],
}

/// In the order they run. The parts first, samod last: it takes longer than all others together.
const PROGRAMS: &[Program] = &[
    Program { name: "parts", most: usize::MAX, runs: [RUNS, RUNS], limits: [600, 1_200, 3_600] },
    Program { name: "automerge", most: usize::MAX, runs: [RUNS, RUNS], limits: [600, 1_800, 3_600] },
    Program { name: "rsync", most: usize::MAX, runs: [RUNS, 3], limits: [600, 1_800, 3_600] },
    Program { name: "iroh", most: usize::MAX, runs: [RUNS, 3], limits: [600, 1_800, 3_600] },
    Program { name: OURS, most: usize::MAX, runs: [RUNS, 3], limits: [1_800, 5_400, 21_600] },
    Program { name: "samod", most: 10_000, runs: [1, 1], limits: [900, 5_400, 5_400] },
];
const OURS: &str = "afterword";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    sizes: Vec<usize>,
    /// Only these programs; all where empty.
    only: Vec<String>,
    /// In the place of the program's own.
    runs: Option<usize>,
    seconds: Option<u64>,
    /// Leave out what is done.
    resume: bool,
    /// Run nothing, write the page.
    page: bool,
}

impl Plan {
    fn read(args: &[String]) -> Result<Self> {
        let mut plan =
            Self { sizes: SIZES.to_vec(), only: Vec::new(), runs: None, seconds: None, resume: false, page: false };
        let mut words = args.iter().filter(|word| *word != "--peers");
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value"));
            let number = |text: &str| {
                text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| format!("`{text}` is no number above 0"))
            };
            match word.as_str() {
                "--quick" => plan.sizes = QUICK.to_vec(),
                "--sizes" => plan.sizes = value()?.split(',').map(number).collect::<Result<_>>()?,
                "--only" => plan.only.push(value()?.clone()),
                "--runs" => plan.runs = Some(number(value()?)?),
                "--seconds" => plan.seconds = Some(number(value()?)? as u64),
                "--resume" => plan.resume = true,
                "--page" => plan.page = true,
                other => {
                    return Err(format!(
                        "unknown argument `{other}`; with --peers there are --quick, --sizes N,N, --only PROGRAM, --runs N, \
                         --seconds N, --resume, --page"
                    ));
                }
            }
        }
        if let Some(unknown) =
            plan.only.iter().find(|name| PROGRAMS.iter().all(|program| program.name != name.as_str()))
        {
            let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
            return Err(format!("there is no program `{unknown}`; there are {}", names.join(", ")));
        }
        Ok(plan)
    }

    /// Every run, in order.
    fn steps(&self) -> Vec<Step> {
        let chosen =
            PROGRAMS.iter().filter(|program| self.only.is_empty() || self.only.iter().any(|name| name == program.name));
        let sizes = |program: &'static Program| {
            self.sizes.iter().filter(|size| **size <= program.most).map(move |size| (program, *size))
        };
        let step = |(program, entries): (&'static Program, usize)| {
            let (runs, limit) = match entries {
                ..=1_000 => (RUNS, program.limits[0]),
                1_001..=10_000 => (program.runs[0], program.limits[1]),
                _ => (program.runs[1], program.limits[2]),
            };
            Step {
                name: program.name,
                entries,
                runs: self.runs.unwrap_or(runs),
                seconds: self.seconds.unwrap_or(limit),
            }
        };
        chosen.flat_map(sizes).map(step).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    name: &'static str,
    entries: usize,
    runs: usize,
    seconds: u64,
}

/// `bench --peers` with its arguments.
pub(crate) fn bench(root: &Path, args: &[String]) -> Result<()> {
    let plan = Plan::read(args)?;
    let results = root.join("bench/target/results");
    let scratch = root.join("bench/target/scratch");
    let steps = if plan.page { Vec::new() } else { plan.steps() };
    let made = std::fs::create_dir_all(&results);
    made.map_err(|error| format!("cannot make {}: {error}", results.display()))?;
    let peers = root.join("bench");
    // Only what will run: a peer may take ten minutes to build.
    let mut packages = vec!["bench-report".to_owned()];
    packages.extend(
        PROGRAMS
            .iter()
            .filter(|program| program.name != OURS && steps.iter().any(|step| step.name == program.name))
            .map(|program| format!("bench-{}", program.name)),
    );
    let mut build = vec!["build", "--release", "--locked"];
    build.extend(packages.iter().flat_map(|package| ["--package", package.as_str()]));
    cargo(&peers, &build)?;
    if steps.iter().any(|step| step.name == OURS) {
        cargo(root, &["build", "--release", "--locked", "--package", "afterword-tests", "--bin", "bench"])?;
    }
    let mut failed = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let Step { name, entries, runs, seconds } = step;
        let out = results.join(format!("{name}-{entries}.json"));
        if plan.resume && std::fs::read_to_string(&out).is_ok_and(|text| text.contains("\"ended\": \"done\"")) {
            println!("== {name} {entries}: done before");
            continue;
        }
        println!("== {} of {}: {name} {entries}, {runs} time(s), at most {seconds} s", number + 1, steps.len());
        // What an earlier run left would pass for this one's.
        let _ = std::fs::remove_file(&out);
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).map_err(|error| format!("cannot make {}: {error}", scratch.display()))?;
        let mut command = process::cargo();
        if *name == OURS {
            command.current_dir(root).args(["run", "--release", "--locked", "--quiet"]);
            command.args(["--package", "afterword-tests", "--bin", "bench", "--", "--goals"]);
        } else {
            command.current_dir(&peers).args(["run", "--release", "--locked", "--quiet"]);
            command.args(["--package", &format!("bench-{name}"), "--"]);
        }
        command.args(["--entries", &entries.to_string(), "--runs", &runs.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        command.arg("--out").arg(&out).arg("--folder").arg(&scratch);
        command
            .env("AFTERWORD_BENCH_COMMIT", commit(root))
            .env("AFTERWORD_BENCH_RUSTC", said("rustc", &["--version"], root));
        let ran = process::run(command, Duration::from_secs(*seconds) + GRACE, true)?;
        if !ran.ok {
            failed.push(format!("{name} {entries}"));
        }
    }
    let _ = std::fs::remove_dir_all(&scratch);
    let page = root.join("docs/results/performance.md");
    let mut report = process::cargo();
    report.current_dir(&peers).args(["run", "--release", "--locked", "--quiet", "--package", "bench-report", "--"]);
    let ran = process::run(
        {
            report.arg(&results).arg(&page);
            report
        },
        Duration::from_secs(600),
        true,
    )?;
    if !ran.ok {
        return Err("the page was not written".to_owned());
    }
    println!("written: docs/results/performance.md");
    if failed.is_empty() { Ok(()) } else { Err(format!("broke off, and in the page as such: {}", failed.join(", "))) }
}

fn cargo(folder: &Path, args: &[&str]) -> Result<()> {
    let mut command = process::cargo();
    let status = command.args(args).current_dir(folder).status();
    let status = status.map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed", args.join(" "))) }
}

/// The commit that is measured, with a `+` where the tree is not it.
fn commit(root: &Path) -> String {
    let commit = said("git", &["rev-parse", "--short", "HEAD"], root);
    let changed = !said("git", &["status", "--porcelain"], root).is_empty();
    if changed { format!("{commit}+") } else { commit }
}

fn said(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Result<Plan> {
        Plan::read(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_program_runs_at_every_size_that_it_can() {
        let steps = plan("--peers").unwrap().steps();
        let of = |name| steps.iter().filter(|step| step.name == name).map(|step| step.entries).collect::<Vec<_>>();
        assert_eq!(of("parts"), SIZES);
        assert_eq!(of(OURS), SIZES);
        assert_eq!(of("samod"), [100, 1_000, 10_000]);
        // Fewer than five only where one takes very long.
        let few: Vec<_> = steps.iter().filter(|step| step.runs < RUNS).map(|step| (step.name, step.entries)).collect();
        assert_eq!(few, [("rsync", 100_000), ("iroh", 100_000), (OURS, 100_000), ("samod", 10_000)]);
    }

    #[test]
    fn one_program_can_be_run_again() {
        let steps = plan("--peers --only samod --sizes 50 --seconds 9 --runs 1").unwrap().steps();
        assert_eq!(steps, [Step { name: "samod", entries: 50, runs: 1, seconds: 9 }]);
        assert_eq!(plan("--peers --quick").unwrap().sizes, QUICK);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for words in ["--peers --only nobody", "--peers --sizes x", "--peers --sizes", "--peers --fast", "--runs 0"] {
            assert!(plan(words).is_err(), "{words}");
        }
    }
}
