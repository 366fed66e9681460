//! Progress of long work: a bar on a terminal, a plain line now and then elsewhere, nothing with `--json`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long work must last before it is worth a word.
const DELAY: Duration = Duration::from_millis(400);
/// How often a plain line may come.
const EVERY: Duration = Duration::from_secs(2);

/// Progress of one piece of work, on standard error.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    how: How,
    begun: Instant,
}

#[derive(Debug)]
enum How {
    Silent,
    Bar(ProgressBar),
    Plain { said: Option<(Instant, u64)>, done: u64, total: Option<u64> },
}

impl Progress {
    /// Begins to tell of `what` ("importing"), silently where answers are JSON.
    pub fn new(what: &'static str, json: bool) -> Self {
        let how = if json {
            How::Silent
        } else if std::io::stderr().is_terminal() {
            How::Bar(ProgressBar::hidden())
        } else {
            How::Plain { said: None, done: 0, total: None }
        };
        Self { what, how, begun: Instant::now() }
    }

    /// So much is done, of so much where that is known.
    pub fn at(&mut self, done: u64, total: Option<u64>) {
        if let Some(line) = self.tick(done, total, Instant::now()) {
            eprintln!("{line}");
        }
    }

    /// The plain line that is due at `now`, if one is.
    fn tick(&mut self, now_done: u64, now_total: Option<u64>, now: Instant) -> Option<String> {
        let waited = now.saturating_duration_since(self.begun);
        match &mut self.how {
            How::Silent => None,
            How::Bar(bar) => {
                if bar.is_hidden() && waited >= DELAY {
                    *bar = visible(self.what, now_total);
                }
                if let Some(total) = now_total {
                    bar.set_length(total);
                }
                bar.set_position(now_done);
                None
            }
            How::Plain { said, done, total } => {
                (*done, *total) = (now_done, now_total);
                let due = said.map_or(waited >= DELAY, |(at, _)| now.saturating_duration_since(at) >= EVERY);
                due.then(|| {
                    *said = Some((now, now_done));
                    line(self.what, now_done, now_total)
                })
            }
        }
    }

    /// Ends it. What the terminal shows next is the answer.
    pub fn finish(self) {
        match self.how {
            How::Bar(bar) => bar.finish_and_clear(),
            // Whoever was shown a beginning is shown the end, once.
            How::Plain { said: Some((_, last)), done, total } if last != done => {
                eprintln!("{}", line(self.what, done, total));
            }
            How::Plain { .. } | How::Silent => {}
        }
    }
}

fn visible(what: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg}  {bar:24}  {pos} of {len}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {pos}"),
    };
    bar.set_message(what);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    if total.is_none() {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar
}

fn line(what: &str, done: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{what}: {done} of {total}"),
        None => format!("{what}: {done}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Progress {
        Progress { what: "importing", how: How::Plain { said: None, done: 0, total: None }, begun: Instant::now() }
    }

    #[test]
    fn quick_work_says_nothing_and_long_work_a_line_now_and_then() {
        let mut progress = plain();
        let at = |ms| progress.begun + Duration::from_millis(ms);
        let times = [10, 399, 400, 1000, 2399, 2400].map(at);
        let said: Vec<_> = (0u64..).zip(times).filter_map(|(i, now)| progress.tick(i, Some(9), now)).collect();
        assert_eq!(said, ["importing: 2 of 9", "importing: 5 of 9"]);
    }

    #[test]
    fn json_is_silent() {
        let mut progress = Progress::new("importing", true);
        let later = progress.begun + Duration::from_secs(60);
        assert_eq!(progress.tick(1, None, later), None);
    }
}
