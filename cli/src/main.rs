//! `afterword`, the laptop program.

use std::process::ExitCode;

use afterword_cli::args::Cli;
use afterword_cli::commands::run;
use afterword_cli::output::{Output, usage, wants_json};
use afterword_cli::process::harden;
use clap::Parser;

pub(crate) fn main() -> ExitCode {
    harden();
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
