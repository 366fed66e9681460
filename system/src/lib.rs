//! The clock and the randomness of the computer or phone that this runs on, and where the engine's log goes, for programs
//! that embed the engine: core takes clock and randomness as arguments and asks nobody. The laptop program and the phones' library hand over the same.

#![forbid(unsafe_code)]

mod log;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use afterword_core::engine::{Environment, SharedEntropy};
use afterword_core::time::{Clock, Day, Entropy, Timestamp};
use afterword_core::transport::DiscoverySource;

pub use log::{LogLevel, LogLine, log_to};

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn cpu_ms(&self) -> u64 {
        cpu_ms()
    }

    fn today(&self) -> Day {
        let now = jiff::Zoned::now();
        Day::new(now.year(), now.month().unsigned_abs(), now.day().unsigned_abs())
    }
}

/// CPU time of this process: user and system, in milliseconds.
#[cfg(unix)]
fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(not(unix))]
fn cpu_ms() -> u64 {
    0
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::expect_used, reason = "without randomness no key is safe, and no caller could go on")]
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives no randomness");
    }
}

/// The system's clock and randomness.
pub fn environment() -> Environment {
    Environment {
        clock: Arc::new(SystemClock),
        entropy: SharedEntropy::new(Box::new(SystemEntropy)),
        finder: DiscoverySource::default(),
    }
}

#[cfg(test)]
mod tests {
    use afterword_core::time::random;

    use super::*;

    #[test]
    fn the_clock_is_past_2020_and_today_is_near_the_utc_day() {
        let now = SystemClock.now();
        assert!(now > Timestamp(1_577_836_800_000));
        assert!((SystemClock.today().number() - now.day().number()).abs() < 9_000);
    }

    #[test]
    fn randomness_does_not_repeat() {
        assert_ne!(random::<32>(&mut SystemEntropy), random::<32>(&mut SystemEntropy));
    }
}
