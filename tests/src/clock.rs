//! What an engine inside of a test program runs on: the computer's clock, and randomness from a seed.

use std::sync::Arc;

use afterword_core::engine::{Environment, SharedEntropy};
use afterword_core::time::{Clock, Timestamp};
use afterword_core::transport::DiscoverySource;

use crate::Seeded;

#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(since.as_millis() as i64)
    }

    fn cpu_ms(&self) -> u64 {
        // The 14th and 15th word; the second may hold spaces and ends with a bracket. In hundredths of a second on Linux.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        words.filter_map(|word| word.parse::<u64>().ok()).sum::<u64>() * 10
    }
}

/// What an engine runs on, from a seed.
pub fn environment(seed: u64) -> Environment {
    Environment {
        clock: Arc::new(WallClock),
        entropy: SharedEntropy::new(Box::new(Seeded::new(seed))),
        finder: DiscoverySource::default(),
    }
}
