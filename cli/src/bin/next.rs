//! `afterword-next`: the program as a version would be that knows one kind more of everything. The tests of how formats
//! grow run it beside the one that ships.

use std::process::ExitCode;

#[path = "../main.rs"]
mod program;

fn main() -> ExitCode {
    program::main()
}
