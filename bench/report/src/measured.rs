//! What is in the folder of results, asked by program, size and name.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bench_common::{Figure, Machine, Results};

/// All results of one machine since it was started.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// In the order of their names.
    pub(crate) all: Vec<Results>,
    /// The machine.
    pub(crate) machine: Option<Machine>,
    /// Programs whose results are another machine's.
    pub(crate) elsewhere: Vec<String>,
}

/// A figure, or why there is none.
pub(crate) type Found<'a> = Result<&'a Figure, String>;

impl Measured {
    /// Reads every result in `folder`. The latest one says which machine counts.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                all.push(Results::read(&path)?);
            }
        }
        Ok(Self::of(all))
    }

    pub(crate) fn of(mut all: Vec<Results>) -> Self {
        all.sort_by(|one, other| (&one.program, one.entries).cmp(&(&other.program, other.entries)));
        let latest = all.iter().max_by_key(|results| results.began_at).map(|results| results.machine.clone());
        let boot = latest.as_ref().map(|machine| machine.boot.clone()).unwrap_or_default();
        let (all, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|results| results.machine.boot == boot);
        let elsewhere = others.iter().map(|results| format!("{} {}", results.program, results.entries)).collect();
        Self { all, machine: latest, elsewhere }
    }

    /// Every size that Afterword was run on.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let ours = self.all.iter().filter(|results| results.program == OURS);
        ours.map(|results| results.entries).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A figure of this very size.
    pub(crate) fn get(&self, program: &str, entries: u64, name: &str) -> Found<'_> {
        let ran = self.all.iter().find(|results| results.program == program && results.entries == entries);
        let results = ran.ok_or("not run")?;
        let found = results.figures.iter().find(|figure| figure.name == name && !figure.samples.is_empty());
        found.ok_or_else(|| {
            let missing = results.missing.iter().find(|missing| name.starts_with(&missing.name));
            match (missing, results.ended.as_str()) {
                (Some(missing), _) => format!("not run: {}", missing.reason),
                (None, "done") => "not run".to_owned(),
                (None, "") => "broke off".to_owned(),
                (None, ended) => ended.to_owned(),
            }
        })
    }

    /// A figure that does not depend on the size, from the run nearest to `entries`.
    pub(crate) fn near(&self, program: &str, entries: u64, name: &str) -> Found<'_> {
        let mut sizes: Vec<u64> =
            self.all.iter().filter(|results| results.program == program).map(|results| results.entries).collect();
        sizes.sort_by_key(|size| size.abs_diff(entries));
        let found = sizes.iter().find_map(|size| self.get(program, *size, name).ok());
        found.ok_or_else(|| self.get(program, entries, name).err().unwrap_or_else(|| "not run".to_owned()))
    }
}

/// Our own program.
pub(crate) const OURS: &str = "afterword";

#[cfg(test)]
mod tests {
    use super::*;

    fn results(program: &str, entries: u64, boot: &str, began_at: u64, ended: &str) -> Results {
        let machine = Machine {
            processor: String::new(),
            cores: 2,
            memory_mib: 1,
            kernel: String::new(),
            disk: String::new(),
            rustc: String::new(),
            boot: boot.to_owned(),
        };
        let figure =
            Figure { name: "a".to_owned(), entries, unit: "ms".to_owned(), samples: vec![1.0], note: String::new() };
        Results {
            program: program.to_owned(),
            entries,
            began_at,
            commit: String::new(),
            runs: 5,
            machine,
            versions: Default::default(),
            figures: vec![figure],
            missing: Vec::new(),
            doing: String::new(),
            ended: ended.to_owned(),
        }
    }

    #[test]
    fn figures_of_another_machine_are_not_used() {
        let measured = Measured::of(vec![results("x", 1, "old", 1, "done"), results("y", 1, "new", 2, "done")]);
        assert!(measured.get("y", 1, "a").is_ok() && measured.get("x", 1, "a").is_err());
        assert_eq!(measured.elsewhere, ["x 1"]);
    }

    #[test]
    fn what_is_missing_says_why() {
        let measured = Measured::of(vec![
            results("samod", 10_000, "b", 1, "not finished after 60 s"),
            results("samod", 1_000, "b", 1, "done"),
            results("iroh", 1_000, "b", 1, ""),
        ]);
        let why = |program, entries, name| measured.get(program, entries, name).unwrap_err();
        assert_eq!(why("samod", 10_000, "b"), "not finished after 60 s");
        assert_eq!(why("samod", 1_000, "b"), "not run");
        assert_eq!(why("iroh", 1_000, "b"), "broke off");
        assert_eq!(why("rsync", 1_000, "b"), "not run");
        assert_eq!(measured.near("samod", 9_000, "a").unwrap().entries, 10_000);
    }
}
