//! The app's log, for what the engine says of itself.

use std::sync::Arc;

use afterword_system::{LogLevel as CoreLevel, LogLine as CoreLine};

use crate::error::Result;
use crate::events::ListenerError;

/// How much a line of the log matters, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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

impl From<CoreLevel> for LogLevel {
    fn from(level: CoreLevel) -> Self {
        match level {
            CoreLevel::Error => Self::Error,
            CoreLevel::Warn => Self::Warn,
            CoreLevel::Info => Self::Info,
            CoreLevel::Debug => Self::Debug,
        }
    }
}

impl From<LogLevel> for CoreLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// One line of the log. It holds words and codes of Afterword's own, never what was written.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the program that says it.
    pub target: String,
    /// What it says.
    pub text: String,
}

/// Takes the lines of the log, one after the other, on a thread of their own. Implemented by the app.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Takes one line. One that fails is left out, and the next one is told all the same.
    fn log(&self, line: LogLine) -> std::result::Result<(), ListenerError>;
}

/// From now on `sink` takes every line up to `most`, in the place of who took them before: one for the whole process.
#[uniffi::export]
pub fn set_log_sink(most: LogLevel, sink: Arc<dyn LogSink>) -> Result<()> {
    let take = move |CoreLine { level, target, text }: CoreLine| {
        drop(sink.log(LogLine { level: level.into(), target: target.to_owned(), text }));
    };
    Ok(afterword_system::log_to(most.into(), take)?)
}
