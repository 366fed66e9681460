//! `afterword`, the laptop program.

use std::process::ExitCode;

use afterword_cli::args::{Cli, Command};
use afterword_cli::manual;
use afterword_cli::output::{Failure, Outcome, Output, usage, wants_json};
use clap::Parser;

fn main() -> ExitCode {
    let (out, result) = match Cli::try_parse() {
        Ok(cli) => {
            let out = Output::new(cli.global.json);
            (out, run(out, cli))
        }
        Err(error) => {
            let out = Output::new(wants_json(std::env::args_os()));
            (out, usage(&error).and_then(|text| out.raw(text.as_bytes())))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => out.fail(&failure),
    }
}

fn run(out: Output, cli: Cli) -> Outcome {
    match cli.command {
        Command::Completions { shell } => out.raw(&manual::completions(shell)),
        Command::Man => out.raw(&manual::man()?),
        _ => Err(Failure::usage("this build has no engine yet", "build a later one")),
    }
}
