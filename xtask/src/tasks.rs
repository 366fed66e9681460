//! The tasks that run suites: `test`, `fuzz`, `bench`, `soak`. The list of suites is here.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::suite::{Outcome, Suite, Work};
use crate::workspace::{self, Result};
use crate::{kotlin, policy, swift, tidy, tools};

/// What `test` runs, quick checks first. One profile, release: every suite and `cargo run --release` share one build.
const SUITES: &[Suite] = &[
    suite("format", "rustfmt has nothing to change", Work::Cargo(&["fmt", "--all", "--check"]), &["rustfmt"]),
    suite(
        "bench-format",
        "rustfmt has nothing to change in the peers' workspace",
        Work::Cargo(&["fmt", "--all", "--check", "--manifest-path", "bench/Cargo.toml"]),
        &["rustfmt"],
    ),
    suite("tidy", "module docs, file length, skipped tests, stray words, documents", Work::Check(tidy::check), &[]),
    suite("policy", "licences, bans and sources of deny.toml", Work::Check(policy::check), &[]),
    suite(
        "clippy",
        "no lint, warnings denied",
        Work::Cargo(&["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        &["clippy", "cc"],
    ),
    suite(
        "build",
        "the program that the suites below run",
        Work::Cargo(&["build", "--release", "--locked", "--workspace"]),
        &["cc"],
    ),
    suite(
        "next",
        "a program that knows one kind more of everything, which e2e pairs with the one that ships",
        // Of the whole workspace, so that what both depend on is built once.
        Work::Cargo(&[
            "build",
            "--release",
            "--locked",
            "--workspace",
            "--features",
            "afterword/next-format",
            "--bin",
            "afterword-next",
        ]),
        &["cc"],
    ),
    suite(
        "unit",
        "the tests beside the code, golden vectors and store conformance among them",
        Work::Tests(&["test", "--release", "--locked", "--workspace", "--lib", "--bins", "--no-fail-fast"]),
        &[],
    ),
    suite(
        "bench",
        "the entries that peers share, and the page of their figures; no peer is built",
        Work::Tests(&[
            "test",
            "--release",
            "--locked",
            "--manifest-path",
            "bench/Cargo.toml",
            "--package",
            "bench-common",
            "--package",
            "bench-report",
        ]),
        &[],
    ),
    suite(
        "doctests",
        "the examples in the docs",
        Work::Cargo(&["test", "--release", "--locked", "--workspace", "--doc"]),
        &[],
    ),
    suite("architecture", "a floor imports only floors below it", Work::Module("architecture"), &[]),
    suite("e2e", "the shipped program on the contract of its commands", Work::Module("e2e"), &[]),
    suite(
        "conformance",
        "the scenarios of tests/conformance in Rust, through the surface of the phones",
        Work::Module("conformance"),
        &[],
    ),
    suite("mdns", "two devices find each other over a veth pair", Work::Module("mdns"), &["ip", "unshare"]),
    suite("durability", "fdatasync returns before the acknowledgement leaves", Work::Module("durability"), &["strace"]),
    timed("simulator", "any order, loss, crash, rollback and removal ends in one state", "simulator", 240),
    timed("kill", "kill -9 of either side, in a loop, loses nothing", "kill", 180),
    timed("fuzz", "every decoder answers any bytes", "fuzz", 60),
    suite("kotlin", "the Kotlin kit on the JVM, against the host's library", Work::Kit(kotlin::attempt), &["cc"]),
    suite("swift", "the Swift kit on Linux, against the host's library", Work::Kit(swift::attempt), &["cc"]),
    suite(
        "docs",
        "the documentation builds without a warning",
        Work::Cargo(&["doc", "--release", "--locked", "--workspace", "--no-deps"]),
        &[],
    ),
];

const fn suite(name: &'static str, shows: &'static str, work: Work, needs: &'static [&'static str]) -> Suite {
    Suite { name, shows, work, budget: None, needs }
}

const fn timed(name: &'static str, shows: &'static str, module: &'static str, seconds: u64) -> Suite {
    Suite { name, shows, work: Work::Module(module), budget: Some(seconds), needs: &[] }
}

/// Prints the suites of `test`, one a line.
pub(crate) fn list_suites() -> Result<()> {
    for suite in SUITES {
        let budget = suite.budget.map(|seconds| format!(" ({seconds} s)")).unwrap_or_default();
        println!("{:13} {}{budget}", suite.name, suite.shows);
    }
    Ok(())
}

/// Runs every suite, or those named.
pub(crate) fn test(root: &Path, names: &[String]) -> Result<()> {
    let chosen: Vec<&Suite> =
        SUITES.iter().filter(|suite| names.is_empty() || names.iter().any(|name| name == suite.name)).collect();
    if let Some(unknown) = names.iter().find(|name| SUITES.iter().all(|suite| suite.name != name.as_str())) {
        return Err(format!("there is no suite `{unknown}`; `cargo xtask suites` lists them"));
    }
    let strict = workspace::is_ci();
    let mut missing = tools::missing();
    if strict && !missing.is_empty() {
        tools::install_missing(root, &missing)?;
        missing = tools::missing();
    } else {
        tools::print_missing(&missing);
    }
    run(root, &chosen, &missing, None, strict)
}

fn run(root: &Path, suites: &[&Suite], missing: &[tools::Tool], seconds: Option<u64>, strict: bool) -> Result<()> {
    let missing: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut not_run) = (0, 0, 0);
    for suite in suites {
        println!("== {}: {}", suite.name, suite.shows);
        let (outcome, took) = suite.run(root, &missing, seconds);
        let took = format!("{:.1} s", took.as_secs_f64());
        let line = match outcome {
            Outcome::Passed(count) => {
                passed += 1;
                let count = count.map(|n| format!(", {n} test(s)")).unwrap_or_default();
                format!("{:13} ran: passed{count} ({took})", suite.name)
            }
            Outcome::Failed(why) => {
                failed += 1;
                format!("{:13} ran: FAILED: {why} ({took})", suite.name)
            }
            Outcome::NotRun(reason) => {
                not_run += 1;
                // A suite that nobody saw fail or pass proves nothing; where it matters, that is a failure.
                failed += usize::from(strict);
                format!("{:13} not run: {reason} ({took})", suite.name)
            }
        };
        println!("== {line}\n");
        lines.push(line);
    }
    println!("{}", lines.join("\n"));
    if not_run > 0 && !strict {
        println!("{not_run} not run; with CI=true that is a failure");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err("not every suite passed".to_owned()) }
}

fn named(name: &str) -> Result<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name).ok_or_else(|| format!("there is no suite `{name}`"))
}

/// The value of `--seconds N`, the only argument.
fn seconds(args: &[String], default: u64) -> Result<u64> {
    match args {
        [] => Ok(default),
        [flag, value] if flag == "--seconds" => {
            value.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("`{value}` is not a number of seconds"))
        }
        _ => Err("the only argument is `--seconds N`".to_owned()),
    }
}

/// Every decoder for `N` seconds in all; then libFuzzer for as long, shared among the targets, where it can be built.
pub(crate) fn fuzz(root: &Path, args: &[String]) -> Result<()> {
    let seconds = seconds(args, 60)?;
    run(root, &[named("fuzz")?], &tools::missing(), Some(seconds), true)?;
    if !process::answers("cargo", &["+nightly", "fuzz", "--version"]) {
        println!("not run: libFuzzer; it needs `rustup toolchain install nightly` and `cargo install cargo-fuzz`");
        return Ok(());
    }
    let targets = fuzz_targets(root)?;
    let each = (seconds / targets.len().max(1) as u64).max(1);
    for target in &targets {
        println!("== libFuzzer: {target} for {each} s");
        // Seeds are written into fuzz/corpus by the target itself; what is found goes there too and is not kept, a crash
        // goes to fuzz/artifacts.
        let corpus = root.join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| error.to_string())?;
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", "--features", "libfuzzer", "any"]).arg(&corpus);
        for kept in ["corpus-seeds", "crashers"] {
            let folder = root.join("fuzz").join(kept).join(target);
            if folder.is_dir() {
                command.arg(folder);
            }
        }
        command.args(["--", &format!("-max_total_time={each}"), "-rss_limit_mb=1024", "-timeout=5"]);
        command.current_dir(root).env("AFTERWORD_FUZZ_TARGET", target).env("AFTERWORD_FUZZ_CORPUS", &corpus);
        if !process::run(command, Duration::from_secs(each + 40 * 60), true)?.ok {
            return Err(format!("libFuzzer found something in {target}; keep the input in fuzz/crashers/{target}/"));
        }
    }
    Ok(())
}

/// The names in the table of `fuzz/src/lib.rs`.
fn fuzz_targets(root: &Path) -> Result<Vec<String>> {
    let table = workspace::read(&root.join("fuzz/src/lib.rs"))?;
    let names = table.lines().filter_map(|line| line.trim().strip_prefix("Target { name: \"")?.split('"').next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() { Err("fuzz/src/lib.rs lists no targets".to_owned()) } else { Ok(names) }
}

/// Builds the program and the benchmark, then runs the benchmark with `args`.
pub(crate) fn bench(root: &Path, args: &[String]) -> Result<()> {
    cargo(root, &["build", "--release", "--locked", "--workspace"])?;
    let mut command = vec!["run", "--release", "--quiet", "-p", "afterword-tests", "--bin", "bench", "--"];
    command.extend(args.iter().map(String::as_str));
    cargo(root, &command)
}

/// Simulator, kill loops and fuzz for a long time each.
pub(crate) fn soak(root: &Path, args: &[String]) -> Result<()> {
    let seconds = seconds(args, 3600)?;
    cargo(root, &["build", "--release", "--locked", "--workspace"])?;
    run(root, &[named("simulator")?, named("kill")?, named("fuzz")?], &tools::missing(), Some(seconds), true)
}

/// Runs cargo with its outputs untouched.
fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    let status = process::cargo()
        .args(args)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed", args.join(" "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_names_of_their_own_and_needs_that_are_known() {
        for (at, suite) in SUITES.iter().enumerate() {
            assert!(SUITES[..at].iter().all(|other| other.name != suite.name), "{} twice", suite.name);
            assert!(suite.needs.iter().all(|need| tools::is_known(need)), "{} needs something unknown", suite.name);
        }
    }

    #[test]
    fn budgets_are_those_of_the_plan() {
        let budget = |name| named(name).unwrap().budget;
        assert_eq!(
            (budget("simulator"), budget("kill"), budget("fuzz"), budget("e2e")),
            (Some(240), Some(180), Some(60), None)
        );
    }

    #[test]
    fn every_fuzz_target_is_found() {
        let root = workspace::root().unwrap();
        assert!(fuzz_targets(&root).unwrap().contains(&"sealed_key".to_owned()));
    }

    #[test]
    fn seconds_are_a_number_or_refused() {
        let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(seconds(&[], 7), Ok(7));
        assert_eq!(seconds(&args(&["--seconds", "9"]), 7), Ok(9));
        assert!(seconds(&args(&["--seconds", "soon"]), 7).is_err());
        assert!(seconds(&args(&["--seconds", "0"]), 7).is_err());
        assert!(seconds(&args(&["9"]), 7).is_err());
    }
}
