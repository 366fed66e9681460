//! How a command ends: its value as JSON or as text for a person, or its failure, and the exit code for either.
//!
//! Standard output belongs to the answer, standard error to everything said on the way. A failure is one sentence on
//! standard error in both modes; with `--json` its object is on standard output too.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use afterword_core::error::{Advice, Code, Error};
use serde::Serialize;

use crate::{advice, json};

/// Why a command did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It was tried and failed: exit 1.
    Failed(Error),
    /// It was asked wrongly, or a question came up that nobody was there to answer: exit 2.
    Usage(Error),
    /// It found trouble and has already printed its own shape: exit 1, nothing more to say.
    Trouble,
}

impl Failure {
    /// Bad usage, with what to do instead.
    pub fn usage(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::Usage(Error::invalid(message, hint))
    }

    /// A question that nobody is there to answer.
    pub fn nobody(question: &str, hint: impl Into<Advice>) -> Self {
        Self::Usage(Error::invalid(
            format!("nobody is there to answer: {}", question.trim_end_matches(['?', '.'])),
            hint,
        ))
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Trouble => 1,
            Self::Usage(_) => 2,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// An error from the operating system while doing `what`, said as a person would need it.
pub fn io_error(what: impl std::fmt::Display, error: &io::Error) -> Error {
    use io::ErrorKind as K;
    let (code, hint) = match error.kind() {
        K::NotFound => (Code::NotFound, "check that the path is right"),
        K::StorageFull | K::QuotaExceeded => (Code::StorageFull, "make room on the disk and try again"),
        K::PermissionDenied => (Code::Refused, "check who owns the file and who may read or write it"),
        K::AlreadyExists => (Code::Refused, "choose another name"),
        _ => (Code::Invalid, "check the path and try again"),
    };
    Error::new(code, format!("{what}: {}", plain(error)), hint)
}

/// The operating system's words without the number it appends.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Where answers go and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Answers as JSON, or for a person.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether answers are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the one answer: `value` as JSON, or what `human` makes of it.
    pub fn answer<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Outcome {
        let text = if self.json { to_json(value)? } else { human(value) };
        print(&mut io::stdout().lock(), &text)
    }

    /// The same for what must have come where it goes: also a reader that went away is a failure.
    pub fn deliver<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> io::Result<()> {
        let text = if self.json { serde_json::to_string(value).map_err(io::Error::other)? } else { human(value) };
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.strip_suffix('\n').unwrap_or(&text)).and_then(|()| out.flush())
    }

    /// Prints one of several events, a line each with `--json`, and flushes: somebody is waiting for it.
    pub fn event<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Outcome {
        self.answer(value, human)
    }

    /// Prints raw text whatever the mode: a man page, a completion script.
    pub fn raw(&self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        gone_is_fine(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Says something on the way, on standard error; never with `--json`.
    pub fn note(&self, text: &str) {
        if !self.json {
            // Nobody can be told that telling failed.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Ends a program that failed.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if let Failure::Failed(error) | Failure::Usage(error) = failure {
            let _ = writeln!(io::stderr().lock(), "afterword: {}", sentence(error));
            if self.json
                && let Ok(text) = to_json(&json::Failed::from(error))
            {
                let _ = print(&mut io::stdout().lock(), &text);
            }
        }
        ExitCode::from(failure.exit_code())
    }
}

/// One line: what was tried, why it failed, what to do. Line breaks and control characters from outside are flattened.
pub fn sentence(error: &Error) -> String {
    let flat =
        |text: &str| text.split(|c: char| c.is_control()).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ");
    match (flat(&error.message), flat(advice::words(&error.advice))) {
        (message, hint) if hint.is_empty() => message,
        (message, hint) => format!("{message}; {hint}"),
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::Failed(Error::internal(error)))?;
    Ok(escaped(text))
}

/// JSON in which nothing steers a terminal that shows it. JSON itself escapes only what is below a space; outside its
/// texts there is nothing but ASCII, so an escape of the same character may stand wherever the character does.
fn escaped(json: String) -> String {
    if !json.contains(steers) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if steers(c) {
            // Writing to a String cannot fail, so its result is of no interest.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a terminal or a program that splits lines takes the character for more than text: DEL and C1, the line ends of
/// Unicode, and the marks and overrides that turn the direction of what follows.
fn steers(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn print(out: &mut impl Write, text: &str) -> Outcome {
    let text = text.strip_suffix('\n').unwrap_or(text);
    gone_is_fine(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// A reader that went away (`afterword list | head`) has what it wanted.
fn gone_is_fine(result: io::Result<()>) -> Outcome {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(io_error("the answer could not be printed", &error)))
        }
        _ => Ok(()),
    }
}

/// Turns clap's complaint into ours. Help and version are not complaints: they come back as text to print.
pub fn usage(error: &clap::Error) -> Result<String, Failure> {
    use clap::error::ErrorKind as K;
    match error.kind() {
        K::DisplayHelp | K::DisplayVersion => return Ok(error.render().to_string()),
        K::DisplayHelpOnMissingArgumentOrSubcommand | K::MissingSubcommand => {
            return Err(Failure::usage("no command was given", "run `afterword --help` to see what there is"));
        }
        _ => {}
    }
    let rendered = error.render().to_string();
    // clap's first paragraph says what is wrong (its tips come next, its usage last).
    let mut paragraphs = rendered.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    let tip = paragraphs.next().filter(|part| part.starts_with("tip: ")).map(|part| part[5..].to_owned());
    let usage = rendered.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).map(|u| format!("usage: {u}"));
    let hint = tip.or(usage).unwrap_or_else(|| "run `afterword --help` to see what there is".to_owned());
    Err(Failure::usage(message, hint))
}

/// Whether `--json` stands among the arguments, for complaints about arguments that could not be read.
pub fn wants_json(args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> bool {
    args.into_iter().take_while(|arg| arg.as_ref() != "--").any(|arg| arg.as_ref() == "--json")
}

/// How wide text may be: the terminal, within what reads well, or 80 columns where there is none.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).clamp(40, 100)
}

/// Whether standard output may carry colour: a terminal, and nobody asked for none.
pub fn colour() -> bool {
    io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    fn complaint(args: &[&str]) -> Error {
        let error = Cli::try_parse_from(std::iter::once(&"afterword").chain(args)).unwrap_err();
        match usage(&error).unwrap_err() {
            Failure::Usage(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bad_usage_is_one_sentence_with_what_to_do() {
        let error = complaint(&["write", "T", "--kind", "sad"]);
        assert_eq!(error.code, Code::Invalid);
        assert!(error.message.contains("'sad'") && error.message.contains("failure, loss"), "{error}");
        assert!(!error.message.contains("error:") && !sentence(&error).contains('\n'));
        let error = complaint(&["wrte"]);
        assert!(error.advice.to_string().contains("write"), "{error}");
        let error = complaint(&["show"]);
        assert!(error.advice.to_string().contains("afterword show"), "{error}");
        assert!(complaint(&[]).message.contains("no command"));
    }

    #[test]
    fn help_and_version_are_answers() {
        for flag in ["--help", "--version"] {
            let error = Cli::try_parse_from(["afterword", flag]).unwrap_err();
            assert!(usage(&error).unwrap().contains("afterword"), "{flag}");
        }
    }

    #[test]
    fn json_is_found_before_the_arguments_are_understood() {
        assert!(wants_json(["afterword", "wrte", "--json"]));
        assert!(!wants_json(["afterword", "search", "--", "--json"]));
    }

    #[test]
    fn a_sentence_stays_on_one_line() {
        let error = Error::invalid("the file \"a\nb\u{1b}[31m\" is odd", "rename it");
        assert_eq!(sentence(&error), "the file \"a b [31m\" is odd; rename it");
    }

    #[test]
    fn json_holds_no_character_that_steers_a_terminal_and_says_the_same() {
        let text: String = ('\0'..='\u{2fff}').collect();
        let json = to_json(&[&text]).unwrap();
        assert!(!json.contains(|c: char| c.is_control() || steers(c)), "{json:?}");
        assert!(json.contains("\\u009b") && json.contains("\\u202e"));
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap()[0], text);
        assert_eq!(to_json(&"é 漢 👩‍👩‍👧").unwrap(), "\"é 漢 👩‍👩‍👧\"");
    }

    #[test]
    fn the_systems_words_lose_their_number() {
        let error = io_error("the file x could not be read", &io::Error::from_raw_os_error(2));
        assert_eq!(error.code, Code::NotFound);
        assert_eq!(error.message, "the file x could not be read: no such file or directory");
    }
}
