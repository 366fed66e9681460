//! What all benchmark programs share, so that they do the same work and say alike what it took: the entries, the
//! questions, the edits, the arguments, the figures.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

pub mod arguments;
pub mod corpus;
pub mod figures;
#[cfg(feature = "heap")]
pub mod heap;
pub mod machine;
pub mod run;

pub use arguments::Arguments;
pub use corpus::{Corpus, Entry, Query};
pub use figures::{Figure, Results};
pub use machine::Machine;
pub use run::Run;

use std::time::Instant;

/// Calls `work` and answers what it gave and how many milliseconds it took.
pub fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let started = Instant::now();
    let out = work();
    (out, since(started))
}

/// Milliseconds since `started`.
pub fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}
