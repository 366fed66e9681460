//! What a program measured, as a file: figures with every sample, what could not be measured and why, and on what machine.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// One thing measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Words with points between: `first_sync.durable`.
    pub name: String,
    /// Entries of the journal it was measured on; 0 where that does not matter.
    pub entries: u64,
    /// `ms`, `B`, `MiB`, or what is counted.
    pub unit: String,
    /// Every sample, in the order it was taken.
    pub samples: Vec<f64>,
    /// What a reader must know.
    #[serde(default)]
    pub note: String,
}

impl Figure {
    /// The middle sample.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample that a `part` of all are not above.
    pub fn quantile(&self, part: f64) -> f64 {
        quantile(&self.samples, part)
    }
}

/// The middle of some samples.
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The sample that a `part` of all are not above.
pub fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Something that was to be measured and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which figure.
    pub name: String,
    /// On which journal.
    pub entries: u64,
    /// Why.
    pub reason: String,
}

/// Everything one program has to say about one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The program.
    pub program: String,
    /// Its size argument.
    pub entries: u64,
    /// Seconds since 1970.
    pub began_at: u64,
    /// The commit of Afterword it was run beside.
    pub commit: String,
    /// How often it repeated what can be repeated.
    pub runs: usize,
    /// Where it ran.
    pub machine: Machine,
    /// Names and releases of what it measured.
    pub versions: BTreeMap<String, String>,
    /// What it measured.
    pub figures: Vec<Figure>,
    /// What it did not.
    pub missing: Vec<Missing>,
    /// The step it is at, or was at when it ended.
    pub doing: String,
    /// How it ended: `done`, or a sentence; empty where it broke off.
    pub ended: String,
}

impl Results {
    /// Writes the file whole, or leaves the old one.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(beside, path)
    }

    /// Reads a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_edge() {
        let samples = [5.0, 1.0, 3.0];
        assert_eq!((median(&samples), quantile(&samples, 1.0), quantile(&samples, 0.0)), (3.0, 5.0, 1.0));
        assert!(median(&[]).is_nan());
    }
}
