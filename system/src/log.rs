//! What the engine says of itself, line by line, to whoever asked for it: an app's log.
//!
//! Lines hold words and codes of our own, never what was written. They are handed over by a thread of their own, so a
//! slow log slows nothing; where one can't keep up, lines are left out and counted.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, Once, PoisonError};

use afterword_core::error::Error;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines that wait to be taken.
const WAITING: usize = 1024;

/// How much a line matters, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something did not work.
    Warn,
    /// Something happened.
    Info,
    /// For who looks for a fault.
    Debug,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the program that says it.
    pub target: &'static str,
    /// What it says.
    pub text: String,
}

/// Where lines go now.
static LINES: Mutex<Option<SyncSender<LogLine>>> = Mutex::new(None);
/// Levels that are said: none, up to all of them.
static MOST: AtomicU8 = AtomicU8::new(0);
static MISSED: AtomicU64 = AtomicU64::new(0);
static INSTALLED: Once = Once::new();

/// From now on `sink` takes every line of the engine up to `most`, in the place of who took them before. One for the
/// whole process. Lines come one after the other, on a thread of their own.
pub fn log_to(most: LogLevel, sink: impl FnMut(LogLine) + Send + 'static) -> Result<(), Error> {
    // Where a program has a log of its own for all its libraries, it has ours too, and this gets nothing.
    INSTALLED.call_once(|| drop(tracing::subscriber::set_global_default(Lines)));
    let (sender, lines) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("afterword-log".to_owned());
    thread
        .spawn(move || hand_over(&lines, sink))
        .map_err(|error| Error::internal(format!("no thread could be started: {error}")))?;
    *LINES.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    MOST.store(most as u8 + 1, Ordering::Relaxed);
    Ok(())
}

fn hand_over(lines: &Receiver<LogLine>, mut sink: impl FnMut(LogLine)) {
    while let Ok(line) = lines.recv() {
        sink(line);
        match MISSED.swap(0, Ordering::Relaxed) {
            0 => {}
            missed => sink(LogLine {
                level: LogLevel::Warn,
                target: "afterword_system::log",
                text: format!("{missed} lines were left out"),
            }),
        }
    }
}

/// Only what Afterword says: a library's lines may quote what it works on.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target().starts_with("afterword")
}

fn level(level: Level) -> Option<LogLevel> {
    match level {
        Level::ERROR => Some(LogLevel::Error),
        Level::WARN => Some(LogLevel::Warn),
        Level::INFO => Some(LogLevel::Info),
        Level::DEBUG => Some(LogLevel::Debug),
        _ => None,
    }
}

struct Lines;

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // How much is said may change, whose it is does not.
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let said = level(*metadata.level()).is_some_and(|level| (level as u8) < MOST.load(Ordering::Relaxed));
        said && is_ours(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(level) = level(*event.metadata().level()) else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let line = LogLine { level, target: event.metadata().target(), text: text.message + &text.fields };
        let sender = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if sender.is_some_and(|sender| sender.try_send(line).is_err()) {
            MISSED.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A line's message, and its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into memory does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_come_in_order_up_to_the_level_and_only_ours() {
        let (sender, lines) = channel();
        log_to(LogLevel::Info, move |line| drop(sender.send(line))).unwrap();
        tracing::info!(code = "unreachable", operations = 3, "a device was met");
        tracing::debug!("not said");
        tracing::error!(target: "somebody_else", "not ours");
        tracing::warn!("the last");
        let next = || lines.recv_timeout(Duration::from_secs(20)).unwrap();
        let first = next();
        assert_eq!(first.text, "a device was met code=unreachable operations=3");
        assert_eq!((first.level, first.target), (LogLevel::Info, "afterword_system::log::tests"));
        assert_eq!(next().text, "the last");
        // Another takes its place, and wants more.
        let (sender, others) = channel();
        log_to(LogLevel::Debug, move |line| drop(sender.send(line))).unwrap();
        tracing::debug!("said now");
        assert_eq!(others.recv_timeout(Duration::from_secs(20)).unwrap().text, "said now");
        assert!(lines.recv_timeout(Duration::from_secs(20)).is_err(), "who was replaced is let go of");
    }
}
