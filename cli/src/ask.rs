//! Questions to the person at the terminal. Where nobody is there, a question is bad usage (exit 2), never a hang.

use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

use crate::human;
use crate::output::{Failure, Outcome, io_error};

/// Whether somebody can be asked: both the keyboard and the screen are a terminal.
pub fn somebody() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A sentence broken where this terminal's lines end.
pub fn wrapped(text: &str) -> String {
    human::wrapped(text).trim_end().to_owned()
}

/// Asks for a yes. `--yes` answers at once; an answer that is not a yes is an error with `refused`.
pub fn confirm(question: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !somebody() {
        return Err(Failure::nobody(question, "add --yes if you are sure"));
    }
    if agrees(question)? {
        return Ok(());
    }
    Err(Failure::Failed(afterword_core::error::Error::new(
        afterword_core::error::Code::Cancelled,
        "nothing was changed: the answer was not yes",
        "answer y when you are sure",
    )))
}

/// Asks the person who is there; anything but a yes is a no.
pub fn agrees(question: &str) -> Outcome<bool> {
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a line that may be seen.
pub fn line(prompt: &str) -> Outcome<Zeroizing<String>> {
    let mut err = io::stderr().lock();
    let mut line = Zeroizing::new(String::new());
    write!(err, "{prompt}")
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut line))
        .map_err(|error| io_error("the question could not be asked", &error))?;
    Ok(line)
}

/// Asks for something that must not be seen on the screen.
pub fn secret(prompt: &str, hint: &str) -> Outcome<Zeroizing<String>> {
    if !somebody() {
        return Err(Failure::nobody(prompt.trim_end_matches([':', ' ']), hint.to_owned()));
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Failure::Failed(io_error("the answer could not be read", &error)))
}

/// The first line of a secret's file or pipe without its line end; nothing where it is empty.
pub fn first_line(reader: &mut dyn io::Read) -> Outcome<Option<Zeroizing<String>>> {
    const MAX_ANSWER: u64 = 4096;
    // Room for all of it from the beginning: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ANSWER as usize + 1));
    io::Read::read_to_end(&mut io::Read::take(reader, MAX_ANSWER + 1), &mut bytes)
        .map_err(|error| io_error("the secret could not be read", &error))?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() as u64 > MAX_ANSWER {
        return Err(Failure::usage("the first line is too long to be a secret", "check that it is the right file"));
    }
    match std::str::from_utf8(line) {
        Ok("") => Ok(None),
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(Failure::usage("the secret is not UTF-8 text", "check that it is the right file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Option<String> {
        first_line(&mut &bytes[..]).unwrap().map(|text| text.to_string())
    }

    #[test]
    fn a_secret_is_the_first_line_as_it_stands() {
        assert_eq!(line(b"one two\n"), Some("one two".into()));
        assert_eq!(line(b" spaces stay \r\nmore"), Some(" spaces stay ".into()));
        assert_eq!(line(b""), None);
        assert_eq!(line(b"\nlater"), None);
        assert!(first_line(&mut &[0xff, 0xfe][..]).is_err());
        assert!(first_line(&mut &[b'x'; 5000][..]).is_err());
    }

    #[test]
    fn yes_asks_nobody() {
        assert!(confirm("Really?", true).is_ok());
    }
}
