//! The goals G1 to G12 as figures: `--goals` measures each on one size of journal and writes samples, not judgements.
//! `cargo xtask bench --peers` puts them beside the figures of the peers and of the bare parts.
//!
//! Entries, edits and questions are those of `bench-common`, which every peer's program uses. What is called here is the
//! engine's public face, as a program would call it.

mod device;
mod files;
mod first;
mod live;
mod reading;
mod saving;
mod syncing;

use std::path::Path;
use std::process::ExitCode;

use afterword_core::error::{Error, Result};
use bench_common::{Arguments, Corpus, Run, machine, timed};

use self::device::Device;

/// The word that asks for all this.
pub(crate) const GOALS: &str = "--goals";

/// The children of this program, if it was started as one.
pub(crate) fn child() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().collect();
    let place = |word: &str| words.iter().position(|have| have == word);
    let after = |at: usize, by: usize| words.get(at + by).map(String::as_str).unwrap_or_default();
    let done = if let Some(at) = place(reading::IDLE) {
        reading::idle_child(Path::new(after(at, 1)))
    } else if let Some(at) = place(first::GUEST) {
        first::child(Path::new(after(at, 1)), after(at, 2), after(at, 3))
    } else {
        return None;
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Measures every goal on one size.
pub(crate) fn main() -> ExitCode {
    let measured = Arguments::read(&[GOALS]).map_err(Error::internal).and_then(|arguments| measure(&arguments));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let run = Run::begin("afterword", &[("afterword", env!("CARGO_PKG_VERSION"))], arguments);
    let folder = tempfile::tempdir_in(&arguments.folder).map_err(Error::internal)?;
    let corpus = Corpus::default();
    let count = arguments.entries;

    run.step("two devices and more, and a journal");
    let host = Device::create(&folder.path().join("host"))?;
    // One guest for each first sync, and one whose memory is looked at while nothing else is.
    let guests = host.join_guests(folder.path(), arguments.runs + 1)?;
    let (filled, took) = timed(|| host.fill(&corpus, count));
    let filled = filled?;
    run.add("fill", "ms", took);

    run.step("deriving all of it");
    let engine = host.open()?;
    let (derived, took) = timed(|| engine.derive(std::time::Duration::MAX, |_, _| {}));
    assert_eq!(derived?.left, 0, "something is left to derive");
    run.add("derive_all", "ms", took);
    let (packed, took) = timed(|| engine.pack(std::time::Duration::MAX));
    packed?;
    run.add("pack_rest", "ms", took);
    engine.close()?;
    run.add("size_per_text", "x", machine::size_of(host.root()) as f64 / filled.text_bytes as f64);

    reading::measure(&run, &host, &corpus, count)?;
    first::measure(&run, &host, &guests, &filled)?;
    let guest = guests.first().ok_or_else(|| Error::internal("there is no guest"))?;
    syncing::measure(&run, &host, guest, &filled)?;
    live::measure(&run, &host, guest, &filled)?;
    saving::measure(&run, &host, &filled)?;
    files::measure(&run, &host, guest, &filled)?;
    run.done();
    Ok(())
}
