//! One goal's table: ours, the peer's and the floor's figure, their ratio, the goal, and whether it is reached.

use std::fmt::Write;

use bench_common::Figure;

use crate::measured::Found;

/// One value with its spread, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// The value that ratios are of.
    pub(crate) value: Result<f64, String>,
    text: String,
}

impl Cell {
    /// Nothing belongs here.
    pub(crate) fn none() -> Self {
        Self { value: Err("not run".to_owned()), text: String::new() }
    }

    /// The median, with its spread.
    pub(crate) fn of(found: Found<'_>) -> Self {
        Self::with(found, Figure::median)
    }

    /// The sample that 99 of 100 are not above.
    pub(crate) fn p99(found: Found<'_>) -> Self {
        Self::with(found, |figure| figure.quantile(0.99))
    }

    /// The highest sample.
    pub(crate) fn most(found: Found<'_>) -> Self {
        Self::with(found, |figure| figure.quantile(1.0))
    }

    fn with(found: Found<'_>, part: impl Fn(&Figure) -> f64) -> Self {
        match found {
            Ok(figure) => {
                let (value, unit) = (part(figure), figure.unit.as_str());
                let (low, high) = (figure.quantile(0.0), figure.quantile(1.0));
                let mut text = match figure.samples.len() {
                    1 => format!("{} (1)", amount(value, unit)),
                    count => format!("{} ({} to {}, {count})", amount(value, unit), bare(low), bare(high)),
                };
                if !figure.note.is_empty() {
                    let _ = write!(text, " [{}]", figure.note);
                }
                Self { value: Ok(value), text }
            }
            Err(reason) => Self { value: Err(reason.clone()), text: reason },
        }
    }

    /// A value worked out of others.
    pub(crate) fn worked_out(value: Result<f64, String>, unit: &str) -> Self {
        let text = match &value {
            Ok(value) => amount(*value, unit),
            Err(reason) => reason.clone(),
        };
        Self { value, text }
    }

    /// This one, and another for the reader in the same cell.
    pub(crate) fn beside(mut self, other: Self) -> Self {
        self.text = format!("{}; {}", self.text, other.text);
        self
    }

    /// The same with a name before it.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.text = format!("{name}: {}", self.text);
        self
    }
}

/// One cell's value through another's.
pub(crate) fn ratio(above: &Cell, below: &Cell) -> Result<f64, String> {
    match (&above.value, &below.value) {
        (Ok(above), Ok(below)) if *below > 0.0 => Ok(above / below),
        (Ok(_), Ok(_)) => Err("nothing to compare with".to_owned()),
        (Err(reason), _) | (_, Err(reason)) => Err(reason.clone()),
    }
}

/// What a row must show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At most so much; and what this milestone asks at the most.
    AtMost(f64, f64),
    /// At least so much; and what this milestone asks at the least.
    AtLeast(f64, f64),
    /// For the reader only.
    None,
}

/// How a row stands to its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reached,
    Nearly,
    Missed,
    NotRun,
    NoGoal,
}

/// A goal and its rows.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<(String, State)>,
}

/// A row before it is judged.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// What is measured.
    pub(crate) what: &'a str,
    /// On how many entries; 0 where that does not matter.
    pub(crate) entries: u64,
    pub(crate) ours: Cell,
    pub(crate) peer: Cell,
    pub(crate) floor: Cell,
    /// What the goal speaks of, and its unit: `x` where it is a ratio.
    pub(crate) judged: (Result<f64, String>, &'a str),
    pub(crate) goal: Goal,
}

impl Table {
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), rows: Vec::new() }
    }

    /// Adds a row and judges it.
    pub(crate) fn row(&mut self, row: Row<'_>) {
        let (value, unit) = row.judged;
        let state = match (&value, row.goal) {
            (_, Goal::None) => State::NoGoal,
            (Err(_), _) => State::NotRun,
            (Ok(value), Goal::AtMost(goal, _)) if *value <= goal => State::Reached,
            (Ok(value), Goal::AtMost(_, least)) if *value <= least => State::Nearly,
            (Ok(value), Goal::AtLeast(goal, _)) if *value >= goal => State::Reached,
            (Ok(value), Goal::AtLeast(_, least)) if *value >= least => State::Nearly,
            _ => State::Missed,
        };
        let goal = match row.goal {
            Goal::AtMost(goal, least) => limit("at most", goal, least, unit),
            Goal::AtLeast(goal, least) => limit("at least", goal, least, unit),
            Goal::None => String::new(),
        };
        let judged = match &value {
            Ok(value) if unit == "x" => amount(*value, unit),
            _ => String::new(),
        };
        let reached = match (state, &value) {
            (State::Reached, _) => "yes".to_owned(),
            (State::Nearly, _) => "this milestone's".to_owned(),
            (State::Missed, _) => "**no**".to_owned(),
            (State::NotRun, Err(reason)) => format!("**{reason}**"),
            _ => String::new(),
        };
        let entries = if row.entries == 0 { String::new() } else { thousands(row.entries) };
        let cells = [row.what, &entries, &row.ours.text, &row.peer.text, &row.floor.text, &judged, &goal, &reached];
        // A reason may hold anything.
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "/").replace('\n', " ")).collect();
        self.rows.push((format!("| {} |", cells.join(" | ")), state));
    }

    /// Rows that reach their goal, that reach what this milestone asks, that do not, that were not run.
    pub(crate) fn counts(&self) -> [usize; 4] {
        [State::Reached, State::Nearly, State::Missed, State::NotRun]
            .map(|state| self.rows.iter().filter(|(_, have)| *have == state).count())
    }

    /// The table as Markdown.
    pub(crate) fn text(&self) -> String {
        let rows: Vec<&str> = self.rows.iter().map(|(row, _)| row.as_str()).collect();
        format!(
            "## {}\n\n| what | entries | ours | peer | floor | ratio | goal | reached |\n|---|---|---|---|---|---|---|---|\n{}\n\n",
            self.title,
            rows.join("\n")
        )
    }
}

fn limit(word: &str, goal: f64, least: f64, unit: &str) -> String {
    let mut text = format!("{word} {}", amount(goal, unit));
    if (goal - least).abs() > 1e-9 {
        let _ = write!(text, "; this milestone {}", amount(least, unit));
    }
    text
}

/// A value with its unit, as short as it can be read.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{}x", bare(value)),
        "ms" if value >= 10_000.0 => format!("{} s", bare(value / 1_000.0)),
        "B" if value >= 1e6 => format!("{} MB", bare(value / 1e6)),
        "B" if value >= 10_000.0 => format!("{} kB", bare(value / 1e3)),
        _ => format!("{} {unit}", bare(value)),
    }
}

fn bare(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<String> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(value: Result<f64, String>, goal: Goal) -> (String, [usize; 4]) {
        let mut table = Table::new("G0");
        let cell = Cell::worked_out(value.clone(), "ms");
        let row = Row {
            what: "a",
            entries: 10_000,
            ours: cell,
            peer: Cell::none(),
            floor: Cell::none(),
            judged: (value, "ms"),
            goal,
        };
        table.row(row);
        (table.text(), table.counts())
    }

    #[test]
    fn a_row_is_judged_by_its_goal() {
        let counts = |value: f64, goal| judge(Ok(value), goal).1;
        assert_eq!(counts(5.0, Goal::AtMost(5.0, 8.0)), [1, 0, 0, 0]);
        assert_eq!(counts(7.0, Goal::AtMost(5.0, 8.0)), [0, 1, 0, 0]);
        assert_eq!(counts(9.0, Goal::AtMost(5.0, 8.0)), [0, 0, 1, 0]);
        assert_eq!(counts(9.0, Goal::AtLeast(10.0, 9.0)), [0, 1, 0, 0]);
        assert_eq!(counts(9.0, Goal::None), [0; 4]);
    }

    #[test]
    fn what_was_not_run_is_in_the_open() {
        let (text, counts) = judge(Err("not finished after 60 s".to_owned()), Goal::AtMost(1.0, 1.0));
        assert_eq!(counts, [0, 0, 0, 1]);
        assert!(text.contains("| 10,000 |") && text.contains("**not finished after 60 s**"), "{text}");
    }

    #[test]
    fn amounts_are_short() {
        let have = [(0.1234, "ms"), (12_345.0, "ms"), (256.0, "B"), (23_400_000.0, "B"), (1.5, "x")]
            .map(|(value, unit)| amount(value, unit));
        assert_eq!(have, ["0.123 ms", "12.3 s", "256 B", "23.4 MB", "1.50x"]);
    }
}
