//! A second process that writes now and then beside bulk work, and how long it waits for the writer.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use afterword_core::error::{Error, Result};
use afterword_core::store::SqliteStore;

use super::figures::Table;

/// How long a writer of another process may wait, in milliseconds.
const WAIT: u64 = 50;
/// How long it rests between two writes.
const REST: Duration = Duration::from_millis(7);

/// What others waited for while bulk work went on.
pub(crate) struct Waits {
    /// How long each write waited for its turn.
    writers: Vec<Duration>,
    /// The longest that the disk took to flush a few bytes of a bare file meanwhile: nobody waits for less.
    flush: Duration,
}

/// Runs `work` while `store`, which lies in `root`, writes now and then.
pub(crate) fn beside<R>(root: &Path, store: &SqliteStore, work: impl FnOnce() -> Result<R>) -> Result<(R, Waits)> {
    let over = AtomicBool::new(false);
    let mut bare = tempfile::tempfile_in(root).map_err(Error::internal)?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut waits = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                waits.push(store.write_sql(|_| Ok(asked.elapsed()))?);
                std::thread::sleep(REST);
            }
            Ok::<_, Error>(waits)
        });
        let flusher = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                bare.write_all(&[7; 512]).and_then(|()| bare.sync_data()).map_err(Error::internal)?;
                longest = longest.max(begun.elapsed());
                std::thread::sleep(REST);
            }
            Ok::<_, Error>(longest)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let writers = writer.join().map_err(|_| Error::internal("a writer panicked"))??;
        let flush = flusher.join().map_err(|_| Error::internal("a flusher panicked"))??;
        Ok((done?, Waits { writers, flush }))
    })
}

/// The longest of them is a promise, but for what the disk takes by itself.
pub(crate) fn promise(table: &mut Table, beside: &str, size: usize, waits: &Waits) {
    let longest = waits.writers.iter().max().copied().unwrap_or_default();
    let what = format!("longest wait of another process's writer beside {beside}, of {}", waits.writers.len());
    let took = |wait: Duration| wait.as_secs_f64() * 1e3;
    table.ratio(&what, size, took(longest), "the longest flush of a bare file meanwhile", took(waits.flush));
    let own = longest.saturating_sub(waits.flush);
    table.promise("that wait less that flush", size, own.as_millis() as u64, "ms", WAIT);
}
