//! A suite: what it runs, what it needs, how long it may take, and the one line it ends with.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process;
use crate::workspace::{self, Result};

/// What a suite does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// A check written in this crate.
    Check(fn(&Path) -> Result<Vec<String>>),
    /// `cargo` with these arguments.
    Cargo(&'static [&'static str]),
    /// `cargo` with these arguments; fails to have run where no test matched.
    Tests(&'static [&'static str]),
    /// The tests of a kit, which need a toolchain; told whether to set it up.
    Kit(fn(root: &Path, strict: bool) -> Result<Outcome>),
    /// The tests of one module of `tests/tests/`, alone and one after the other where they have a time budget.
    Module(&'static str),
}

/// One line of `cargo xtask test`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suite {
    /// The name by which it is asked for.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) shows: &'static str,
    pub(crate) work: Work,
    /// Seconds its tests may spend, told to them as `AFTERWORD_TEST_SECONDS`; none where they end by themselves.
    pub(crate) budget: Option<u64>,
    /// Tools without which it can't run.
    pub(crate) needs: &'static [&'static str],
}

/// How a suite ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran; how many tests, where it counts them.
    Passed(Option<usize>),
    Failed(String),
    NotRun(String),
}

impl Outcome {
    /// Of a kit's tests, of which `count` passed by their own account: none is no pass.
    pub(crate) fn of_kit(ran: &process::Ran, count: Option<usize>) -> Self {
        match count {
            _ if !ran.ok || ran.timed_out => failure(ran),
            Some(count) if count > 0 => Self::Passed(Some(count)),
            _ => Self::Failed("no test ran".to_owned()),
        }
    }

    /// For a task that is one kit's tests: says how many passed, or fails.
    pub(crate) fn told(self, name: &str) -> Result<()> {
        match self {
            Self::Passed(count) => {
                println!("{name}: {} test(s) passed", count.unwrap_or_default());
                Ok(())
            }
            Self::Failed(why) | Self::NotRun(why) => Err(why),
        }
    }
}

/// Time beyond a suite's budget before it is ended: start-up, the slowest single case, a build on two slow cores.
const GRACE: Duration = Duration::from_secs(180);
/// A build from nothing takes minutes; a suite without a budget that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(30 * 60);

impl Suite {
    /// Runs the suite, with `seconds` in place of its own budget where given.
    pub(crate) fn run(&self, root: &Path, missing: &[&str], seconds: Option<u64>) -> (Outcome, Duration) {
        let started = Instant::now();
        let absent: Vec<&str> = self.needs.iter().copied().filter(|tool| missing.contains(tool)).collect();
        let outcome = if absent.is_empty() {
            self.attempt(root, seconds).unwrap_or_else(Outcome::Failed)
        } else {
            Outcome::NotRun(format!("{} is not installed", absent.join(", ")))
        };
        (outcome, started.elapsed())
    }

    fn attempt(&self, root: &Path, seconds: Option<u64>) -> Result<Outcome> {
        match self.work {
            Work::Check(check) => {
                let findings = check(root)?;
                for finding in &findings {
                    println!("    {finding}");
                }
                Ok(if findings.is_empty() {
                    Outcome::Passed(None)
                } else {
                    Outcome::Failed(format!("{} finding(s)", findings.len()))
                })
            }
            Work::Cargo(args) => Ok(match self.cargo(root, args, None)? {
                ran if ran.ok => Outcome::Passed(None),
                ran => failure(&ran),
            }),
            Work::Kit(attempt) => attempt(root, workspace::is_ci()),
            Work::Tests(args) => self.tests(root, args, None),
            Work::Module(module) => {
                let filter = format!("{module}::");
                let mut args = vec!["test", "--release", "--locked", "--workspace", "--test", "all", "--", &filter];
                if self.budget.is_some() {
                    // Budgets and seeds are printed; two loops at once would share the cores and the budget.
                    args.extend(["--nocapture", "--test-threads=1"]);
                }
                self.tests(root, &args, seconds.or(self.budget))
            }
        }
    }

    fn tests(&self, root: &Path, args: &[&str], seconds: Option<u64>) -> Result<Outcome> {
        let notes = Notes::new(self.name);
        let ran = self.cargo(root, args, seconds.map(|seconds| (seconds, &notes)).or(Some((0, &notes))))?;
        if !ran.ok {
            return Ok(failure(&ran));
        }
        if let Some(reason) = notes.read() {
            return Ok(Outcome::NotRun(reason));
        }
        Ok(match count(&ran.lines) {
            0 => Outcome::NotRun("there is no such test yet".to_owned()),
            n => Outcome::Passed(Some(n)),
        })
    }

    fn cargo(&self, root: &Path, args: &[&str], tests: Option<(u64, &Notes)>) -> Result<process::Ran> {
        let mut command = process::cargo();
        command.args(args).current_dir(root).env("CARGO_TERM_COLOR", "never");
        let mut limit = LIMIT;
        if let Some((seconds, notes)) = tests {
            command.env("AFTERWORD_NOT_RUN", &notes.0);
            if seconds > 0 {
                command.env("AFTERWORD_TEST_SECONDS", seconds.to_string());
                limit = Duration::from_secs(seconds) + GRACE;
            }
        }
        if self.name == "docs" {
            command.env("RUSTDOCFLAGS", "-D warnings");
        }
        process::run(command, limit, true)
    }
}

/// Where tests write why they could not run: libtest knows no such outcome.
struct Notes(PathBuf);

impl Notes {
    fn new(suite: &str) -> Self {
        let path = std::env::temp_dir().join(format!("afterword-not-run-{}-{suite}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn read(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn failure(ran: &process::Ran) -> Outcome {
    if ran.timed_out {
        return Outcome::Failed("took too long and was ended".to_owned());
    }
    let failed: Vec<&str> =
        ran.lines.iter().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED")).collect();
    Outcome::Failed(if failed.is_empty() { "see above".to_owned() } else { failed.join(", ") })
}

/// How many tests ran, by libtest's own account.
fn count(lines: &[String]) -> usize {
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(work: Work, needs: &'static [&'static str]) -> Suite {
        Suite { name: "example", shows: "", work, budget: None, needs }
    }

    #[test]
    fn a_missing_tool_is_not_a_pass() {
        let (outcome, _) = suite(Work::Check(|_| Ok(Vec::new())), &["strace"]).run(Path::new("."), &["strace"], None);
        assert_eq!(outcome, Outcome::NotRun("strace is not installed".to_owned()));
    }

    #[test]
    fn findings_fail() {
        let (outcome, _) = suite(Work::Check(|_| Ok(vec!["x".to_owned()])), &[]).run(Path::new("."), &[], None);
        assert_eq!(outcome, Outcome::Failed("1 finding(s)".to_owned()));
    }

    #[test]
    fn tests_are_counted_and_the_failed_named() {
        let lines =
            ["test result: ok. 12 passed; 0 failed", "test result: ok. 3 passed; 0 failed", "test a::b ... FAILED"]
                .map(str::to_owned)
                .to_vec();
        assert_eq!(count(&lines), 15);
        assert_eq!(failure(&process::Ran { ok: false, timed_out: false, lines }), Outcome::Failed("a::b".to_owned()));
    }

    #[test]
    fn what_a_test_notes_is_read_once() {
        let notes = Notes::new("unit");
        assert_eq!(notes.read(), None);
        std::fs::write(&notes.0, "no namespaces here\n").unwrap();
        assert_eq!(notes.read().as_deref(), Some("no namespaces here"));
        let path = notes.0.clone();
        drop(notes);
        assert!(!path.exists());
    }
}
