//! How long a suite may go on, which seed it starts from, and how it says that it could not run.

use std::io::Write;
use std::time::{Duration, Instant};

/// Time that a test may spend, out of its suite's `AFTERWORD_TEST_SECONDS`.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    until: Instant,
}

impl Budget {
    /// `part` of `of` equal parts of the suite's budget, which is `default` seconds where none is set. The tests of a
    /// suite with a budget run one after the other, so their parts add up to `of`.
    pub fn part(part: u32, of: u32, default: u64) -> Self {
        let seconds =
            std::env::var("AFTERWORD_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
        Self { until: Instant::now() + Duration::from_secs(seconds) * part / of.max(1) }
    }

    /// Whether there is time for one more round.
    pub fn is_left(&self) -> bool {
        Instant::now() < self.until
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// The seed to start from: `AFTERWORD_TEST_SEED` to repeat a failure, else `default`. A fixed default makes a failure the
/// same for everyone; the long runs of `cargo xtask soak` get further because they have the time.
pub fn seed(default: u64) -> u64 {
    std::env::var("AFTERWORD_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says that the calling test could not run and why. `cargo xtask test` reports its suite as `not run`, which fails it
/// where CI=true; libtest alone knows no such outcome. Return from the test after calling this.
pub fn not_run(what: &str, reason: &str) {
    println!("not run: {what}: {reason}");
    if let Some(path) = std::env::var_os("AFTERWORD_NOT_RUN") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| writeln!(file, "{what}: {reason}"));
        // Unreported, it would count as passed.
        written.expect("what could not run must be noted in AFTERWORD_NOT_RUN");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_budget_are_shorter_than_the_whole() {
        let (half, whole) = (Budget::part(1, 2, 1000), Budget::part(2, 2, 1000));
        assert!(half.is_left() && half.left() < whole.left());
        assert!(!Budget::part(0, 1, 1000).is_left());
    }
}
