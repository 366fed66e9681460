//! The parts that Afterword is made of, each with nothing around it: the least that the machine lets them take. What
//! Afterword takes is compared with these, because a ratio to a part stays true on another machine.
//!
//! - `disk`: an append and fdatasync; a SQLCipher commit; opening SQLCipher and reading the first page of a list.
//! - `search`: FTS5 as it comes, with its own ranking.
//! - `quic`: quinn over loopback: a round trip, a handshake, bulk.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

mod disk;
mod quic;
mod search;

use std::error::Error;

use bench_common::{Arguments, Corpus, Run};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments = Arguments::read(&[])?;
    let run = Run::begin("parts", &[], &arguments);
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    let corpus = Corpus::default();
    disk::measure(&run, folder.path(), &corpus, arguments.entries)?;
    search::measure(&run, folder.path(), &corpus, arguments.entries)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(quic::measure(&run, arguments.runs))?;
    run.done();
    Ok(())
}
