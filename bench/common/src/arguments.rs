//! The arguments that every program takes.

use std::path::PathBuf;
use std::time::Duration;

/// `--entries N --runs N --seconds N --out FILE --folder DIR`, and words of the program's own.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Entries of the journal.
    pub entries: usize,
    /// How often what can be repeated is.
    pub runs: usize,
    /// After this the program writes what it has and ends.
    pub limit: Duration,
    /// Where the figures go.
    pub out: Option<PathBuf>,
    /// Where the program may write.
    pub folder: PathBuf,
}

impl Arguments {
    /// Reads the process's arguments. `own` are words to leave out.
    pub fn read(own: &[&str]) -> Result<Self, String> {
        let mut read =
            Self { entries: 100, runs: 5, limit: Duration::from_secs(3_600), out: None, folder: std::env::temp_dir() };
        let mut words = std::env::args().skip(1).filter(|word| !own.contains(&word.as_str()));
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} takes a value"))?;
            let number = || value.parse::<usize>().ok().filter(|number| *number > 0);
            let number = || number().ok_or_else(|| format!("{name} takes a number above 0, not `{value}`"));
            match name.as_str() {
                "--entries" => read.entries = number()?,
                "--runs" => read.runs = number()?,
                "--seconds" => read.limit = Duration::from_secs(number()? as u64),
                "--out" => read.out = Some(value.into()),
                "--folder" => read.folder = value.into(),
                other => {
                    return Err(format!(
                        "unknown argument `{other}`; there are --entries N, --runs N, --seconds N, --out FILE, --folder DIR"
                    ));
                }
            }
        }
        Ok(read)
    }
}
