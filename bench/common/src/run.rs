//! One run of a program: says where it is, writes its figures as they come, and ends in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::arguments::Arguments;
use crate::figures::{Figure, Missing, Results};
use crate::machine::Machine;

/// A run. What it measured is in its file after each figure, so a run that breaks off is a shorter file and not none.
#[derive(Debug, Clone)]
pub struct Run {
    results: Arc<Mutex<Results>>,
    arguments: Arguments,
}

impl Run {
    /// Begins. Ends the process when the arguments' time is over, with what was measured until then.
    pub fn begin(program: &str, versions: &[(&str, &str)], arguments: &Arguments) -> Self {
        let results = Results {
            program: program.to_owned(),
            entries: arguments.entries as u64,
            began_at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            commit: std::env::var("AFTERWORD_BENCH_COMMIT").unwrap_or_default(),
            runs: arguments.runs,
            machine: Machine::here(&arguments.folder),
            versions: versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect(),
            figures: Vec::new(),
            missing: Vec::new(),
            doing: "beginning".to_owned(),
            ended: String::new(),
        };
        let run = Self { results: Arc::new(Mutex::new(results)), arguments: arguments.clone() };
        run.write();
        let watch = run.clone();
        std::thread::spawn(move || watch.end_in_time());
        run
    }

    fn end_in_time(&self) {
        std::thread::sleep(self.arguments.limit);
        let seconds = self.arguments.limit.as_secs();
        let doing = {
            let mut results = self.results();
            results.ended = format!("not finished after {seconds} s");
            results.doing.clone()
        };
        self.write();
        eprintln!("not finished after {seconds} s, while: {doing}");
        std::process::exit(0);
    }

    /// Says what comes next.
    pub fn step(&self, doing: &str) {
        let mut results = self.results();
        eprintln!("  {} {}: {doing}", results.program, results.entries);
        doing.clone_into(&mut results.doing);
        drop(results);
        self.write();
    }

    /// One more sample of a figure.
    pub fn add(&self, name: &str, unit: &str, sample: f64) {
        self.extend(name, unit, [sample]);
    }

    /// More samples of a figure.
    pub fn extend(&self, name: &str, unit: &str, samples: impl IntoIterator<Item = f64>) {
        let mut results = self.results();
        let entries = results.entries;
        let at = results.figures.iter().position(|figure| figure.name == name).unwrap_or_else(|| {
            let (name, unit) = (name.to_owned(), unit.to_owned());
            results.figures.push(Figure { name, entries, unit, samples: Vec::new(), note: String::new() });
            results.figures.len() - 1
        });
        results.figures[at].samples.extend(samples);
    }

    /// What a reader must know of a figure that has samples.
    pub fn note(&self, name: &str, note: &str) {
        if let Some(figure) = self.results().figures.iter_mut().find(|figure| figure.name == name) {
            note.clone_into(&mut figure.note);
        }
    }

    /// Something could not be measured.
    pub fn missing(&self, name: &str, reason: impl ToString) {
        let reason = reason.to_string();
        eprintln!("    {name}: not measured: {reason}");
        let mut results = self.results();
        let entries = results.entries;
        results.missing.push(Missing { name: name.to_owned(), entries, reason });
        drop(results);
        self.write();
    }

    /// Adds a release found out later.
    pub fn version(&self, name: &str, version: &str) {
        self.results().versions.insert(name.to_owned(), version.to_owned());
    }

    /// Everything was measured.
    pub fn done(self) {
        "done".clone_into(&mut self.results().ended);
        self.write();
        for figure in &self.results().figures {
            let (middle, low, high) = (figure.median(), figure.quantile(0.0), figure.quantile(1.0));
            let Figure { name, unit, samples, .. } = figure;
            eprintln!("    {name}: {middle:.3} {unit} ({low:.3} to {high:.3}, {} samples)", samples.len());
        }
    }

    /// How long the run may go on at most.
    pub fn limit(&self) -> Duration {
        self.arguments.limit
    }

    fn write(&self) {
        if let Some(path) = &self.arguments.out {
            self.results().write(path).expect("the file of figures can be written");
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
