//! Every developer task of Afterword, run as `cargo xtask <task>`. Depends on nothing but the standard library, so that
//! it builds in seconds on a machine that has only Rust.

mod aar;
mod bindings;
mod boundary;
mod bounds;
mod elf;
mod guarantees;
mod kotlin;
mod machine;
mod peers;
mod policy;
mod process;
mod shipped;
mod size;
mod suite;
mod swift;
mod tasks;
mod tidy;
mod toolchain;
mod tools;
mod workspace;
mod xcframework;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <task>

  setup              install what the suites need (prints each command first), but for the toolchains of the phones
  setup kotlin       bring the Kotlin compiler and its jars into .tools, pinned and checked
  setup swift        make a root with Debian's Swift in .tools, unless a Swift 6 is on the path
  test [SUITE…]      run every suite, or the named ones; CI=true installs missing tools and fails on any suite not run
  suites             list the suites of `test`
  tidy               only the repository checks
  policy             only the licence, ban and source checks of deny.toml
  kotlin             only the tests of the Kotlin kit
  swift              only the tests of the Swift kit
  aar                the Kotlin kit for Android, with its library for each processor, into target/aar; needs an NDK
  xcframework        the Swift kit for Apple's systems, with its library, into target/xcframework; needs a Mac with Xcode
  size               how large the shipped library is, built for this computer, against docs/library-size.tsv
  … --record WHY     for these three: write the sizes down, with what changed; growth above 5 % fails without
  pages FILE…        whether devices with pages of 16 KB load these libraries
  fuzz [--seconds N] mutate kept inputs against every decoder (60 s); with nightly and cargo-fuzz also libFuzzer
  bench [ARGS…]      the benchmarks, a Markdown table out; arguments go to the benchmark program
  bench --boundary   what a call into the library costs from Kotlin and from Swift, beside the same call in Rust
  bench --peers [--quick] [--sizes N,N] [--only PROGRAM] [--runs N] [--seconds N] [--resume] [--page]
                     G1 to G12 beside the peers and the bare parts, into docs/results/performance.md; hours, on a quiet machine
  soak [--seconds N] simulator, kill loops and fuzz, each for N seconds (3600)
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = workspace::root().and_then(|root| match task.as_str() {
        "setup" => set_up(&root, &rest),
        "kotlin" => kotlin::run(&root),
        "swift" => swift::run(&root),
        "test" => tasks::test(&root, &rest),
        "suites" => tasks::list_suites(),
        "tidy" => report(tidy::check(&root)?),
        "policy" => report(policy::check(&root)?),
        "aar" => aar::run(&root, &rest),
        "xcframework" => xcframework::run(&root, &rest),
        "size" => size::run(&root, &rest),
        "pages" => shipped::pages(&rest),
        "fuzz" => tasks::fuzz(&root, &rest),
        "bench" if rest.iter().any(|word| word == "--peers") => peers::bench(&root, &rest),
        "bench" if rest.iter().any(|word| word == "--boundary") => boundary::bench(&root),
        "bench" if rest.is_empty() => tasks::bench(&root, &rest).and_then(|()| boundary::bench(&root)),
        "bench" => tasks::bench(&root, &rest),
        "soak" => tasks::soak(&root, &rest),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no task `{other}`\n\n{USAGE}")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What every suite needs, or one toolchain.
fn set_up(root: &Path, args: &[String]) -> Result<(), String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => tools::install_missing(root, &tools::missing()),
        ["kotlin"] => kotlin::TOOLCHAIN.set_up(root),
        ["swift"] => swift::set_up(root),
        _ => Err("`setup` takes nothing, or the name of a toolchain: kotlin, swift".to_owned()),
    }
}

/// Prints what a check found, one finding a line; any finding is a failure.
fn report(findings: Vec<String>) -> Result<(), String> {
    for finding in &findings {
        println!("  {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        n => Err(format!("{n} finding(s)")),
    }
}
