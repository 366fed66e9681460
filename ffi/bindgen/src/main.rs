//! `afterword-bindgen kotlin|swift LIBRARY FOLDER` generates the bindings from the built library; `listing LIBRARY`
//! prints the interface it exports, which `ffi/golden/interface.txt` keeps for review.
//!
//! A program of its own, on `uniffi_bindgen` alone: with UniFFI's own feature for it, command-line parsing and code
//! generation would be switched on in the library that ships, too.

mod generate;
mod listing;

use std::process::ExitCode;

use anyhow::{Result, bail};
use camino::Utf8Path;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("afterword-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match *args {
        ["kotlin", library, folder] => generate::kotlin(Utf8Path::new(library), Utf8Path::new(folder)),
        ["swift", library, folder] => generate::swift(Utf8Path::new(library), Utf8Path::new(folder)),
        ["listing", library] => {
            print!("{}", listing::of(Utf8Path::new(library))?);
            Ok(())
        }
        _ => bail!("usage: afterword-bindgen kotlin|swift LIBRARY FOLDER, or listing LIBRARY"),
    }
}
