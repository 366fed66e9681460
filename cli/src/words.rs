//! The 24 words of a journal: asked for where they are needed, asked back once they were shown, and cleared from the screen.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use afterword_core::crypto::{RecoveryPhrase, WORDS, is_word, words_in};
use afterword_core::time::{Entropy, random};
use zeroize::Zeroizing;

use crate::ask;
use crate::output::{Failure, Outcome, io_error};

/// How many of the words are asked back.
const ASKED_BACK: usize = 2;
/// How often one of them is asked for.
const TRIES: usize = 3;
/// No more of a pipe or a file is read.
const MAX_PIPED: u64 = 64 << 10;
const HOW: &str = "give its 24 words on standard input";

/// A phrase that was given.
#[derive(Debug)]
pub struct Given {
    /// The phrase.
    pub phrase: RecoveryPhrase,
    /// The line behind it, where it came from a pipe or a file that went on.
    pub next_line: Option<Zeroizing<String>>,
}

/// Asks for the 24 words, in as many lines as they are typed or pasted; or takes them from standard input where that is
/// a pipe or a file.
pub fn ask() -> Outcome<Given> {
    if !io::stdin().is_terminal() {
        return piped(&mut io::stdin().lock());
    }
    if !ask::somebody() {
        return Err(Failure::nobody("the recovery phrase", HOW));
    }
    eprintln!(
        "{}",
        ask::wrapped(
            "Type the 24 words from your paper in their order, in as many lines as you like. What you type does not show."
        )
    );
    let _unseen = Unseen::begin();
    let phrase = typed(&mut io::stdin().lock(), &mut io::stderr().lock(), &Unseen::forget_the_rest)?;
    Ok(Given { phrase, next_line: None })
}

/// The phrase from a pipe or a file: lines until there are 24 words; then the next line that is not empty.
fn piped(input: &mut dyn Read) -> Outcome<Given> {
    // Room for all of it from the beginning: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PIPED as usize + 1));
    Read::read_to_end(&mut Read::take(input, MAX_PIPED + 1), &mut bytes)
        .map_err(|error| io_error("the recovery phrase could not be read", &error))?;
    let text = std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() as u64 <= MAX_PIPED);
    let text = text.ok_or_else(|| Failure::usage("this is no recovery phrase", "check what standard input is"))?;
    let mut lines = text.lines();
    let mut words = Zeroizing::new(String::with_capacity(text.len()));
    let mut count = 0;
    for line in lines.by_ref() {
        words.push_str(line);
        words.push('\n');
        count += words_in(line).len();
        if count >= WORDS {
            break;
        }
    }
    if count == 0 {
        return Err(Failure::nobody("the recovery phrase", HOW));
    }
    let next_line = lines.find(|line| !line.trim().is_empty()).map(|line| Zeroizing::new(line.to_owned()));
    Ok(Given { phrase: RecoveryPhrase::parse(&words)?, next_line })
}

/// The phrase, line after line, from a person: a word that can't be one is said at once. `forget_the_rest` drops what was
/// pasted behind such a word.
fn typed(input: &mut dyn BufRead, out: &mut dyn Write, forget_the_rest: &dyn Fn()) -> Outcome<RecoveryPhrase> {
    let failed = |error: io::Error| Failure::Failed(io_error("the words could not be asked for", &error));
    let mut words: Zeroizing<Vec<String>> = Zeroizing::new(Vec::with_capacity(2 * WORDS));
    while words.len() < WORDS {
        match words.len() {
            0 => write!(out, "Words: "),
            count => write!(out, "{count} of {WORDS} so far, go on: "),
        }
        .and_then(|()| out.flush())
        .map_err(failed)?;
        let mut line = Zeroizing::new(String::with_capacity(4096));
        if input.read_line(&mut line).map_err(failed)? == 0 {
            return Err(Failure::nobody("the recovery phrase", HOW));
        }
        for word in words_in(&line).iter() {
            if !is_word(word) {
                let at = words.len() + 1;
                writeln!(out, "Word {at} is not one that these phrases use. Go on from word {at}.").map_err(failed)?;
                forget_the_rest();
                break;
            }
            words.push(word.clone());
        }
    }
    Ok(RecoveryPhrase::parse(&Zeroizing::new(words.join(" ")))?)
}

/// A terminal that does not show what is typed, until it is dropped.
struct Unseen {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Unseen {
    #[cfg(unix)]
    fn begin() -> Option<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        // The end of a line still shows, so that what is said next begins a new one.
        unseen.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Now, &unseen).ok()?;
        Some(Self { before })
    }

    #[cfg(not(unix))]
    fn begin() -> Option<Self> {
        None
    }

    fn forget_the_rest() {
        #[cfg(unix)]
        let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.before);
    }
}

/// After `init` on a terminal: asks two of the words back, which can be skipped, and offers to clear the screen of them.
/// The journal is made by now, so nothing here can fail it.
pub fn after_init(phrase: &RecoveryPhrase, entropy: &mut dyn Entropy) {
    if !ask::somebody() || !io::stdout().is_terminal() {
        return;
    }
    let words = phrase.words();
    let words: Vec<&str> = words.split(' ').collect();
    let mut err = io::stderr();
    let _ = ask_back(&words, two(entropy), &mut ask::line, &mut err).and_then(|()| clear(&mut err));
}

/// Which words are asked back, in their order.
fn two(entropy: &mut dyn Entropy) -> [usize; ASKED_BACK] {
    let [a, b]: [u8; ASKED_BACK] = random(entropy);
    let first = usize::from(a) % WORDS;
    // One of the others.
    let second = (first + 1 + usize::from(b) % (WORDS - 1)) % WORDS;
    [first.min(second), first.max(second)]
}

fn ask_back(
    words: &[&str],
    which: [usize; ASKED_BACK],
    line: &mut dyn FnMut(&str) -> Outcome<Zeroizing<String>>,
    out: &mut dyn Write,
) -> Outcome {
    let mut say = |text: &str| drop(writeln!(out, "{text}"));
    say(&format!("\n{}", ask::wrapped("Write them down now; then copy two of them back from the paper.")));
    say("Enter alone skips this.");
    for at in which {
        let mut right = false;
        for _ in 0..TRIES {
            let typed = line(&format!("Word {}: ", at + 1))?;
            let typed = words_in(&typed);
            match typed.as_slice() {
                [] => {
                    say(&ask::wrapped("Skipped. `afterword recovery check` asks for all 24 whenever you like."));
                    return Ok(());
                }
                [word] if words.get(at) == Some(&word.as_str()) => right = true,
                _ => say(&format!("That is not word {}. Compare your paper with the list above.", at + 1)),
            }
            if right {
                break;
            }
        }
        if !right {
            say(&ask::wrapped(
                "The paper and the list differ. Go through all 24 once more; `afterword recovery check` tries them.",
            ));
            return Ok(());
        }
    }
    say("Both are right.");
    Ok(())
}

/// The cursor to the top left, everything on the screen, and what was scrolled out of it, where the terminal keeps that.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

fn clear(out: &mut dyn Write) -> Outcome {
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        let _ = writeln!(out, "Close this window once the words are on paper: they stay in it.");
        return Ok(());
    }
    if ask::agrees("Clear the words from this screen? Only once they are on paper.")? {
        let _ = write!(out, "{CLEAR}").and_then(|()| out.flush());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn phrase() -> RecoveryPhrase {
        RecoveryPhrase::generate(&mut Fixed(7))
    }

    /// Twelve lines of two words, numbered, with empty lines between.
    fn on_paper() -> String {
        let words = phrase().words().to_uppercase();
        let words: Vec<&str> = words.split(' ').collect();
        let pair =
            |(at, pair): (usize, &[&str])| format!("{}. {}   {}. {}\n\n", at * 2 + 1, pair[0], at * 2 + 2, pair[1]);
        words.chunks(2).enumerate().map(pair).collect()
    }

    #[test]
    fn a_pipe_may_hold_the_phrase_in_any_lines_and_a_passphrase_behind_it() {
        let given = piped(&mut on_paper().as_bytes()).unwrap();
        assert_eq!((*given.phrase.words()).clone(), *phrase().words());
        assert!(given.next_line.is_none());
        for text in [format!("{}\n new one \n", *phrase().words()), format!("{}\r\n new one ", on_paper())] {
            let given = piped(&mut text.as_bytes()).unwrap();
            assert_eq!((*given.phrase.words()).clone(), *phrase().words());
            assert_eq!(given.next_line.unwrap().as_str(), " new one ");
        }
        for (text, exit) in [("", 2), ("\n \n", 2), ("abandon ability", 1), ("afterword", 1)] {
            assert_eq!(piped(&mut text.as_bytes()).unwrap_err().exit_code(), exit, "{text}");
        }
        assert_eq!(piped(&mut &[0xff, 0xfe][..]).unwrap_err().exit_code(), 2);
        assert_eq!(piped(&mut io::repeat(b'a')).unwrap_err().exit_code(), 2);
    }

    fn typing(text: &str) -> (Outcome<RecoveryPhrase>, String, usize) {
        let (mut out, forgotten) = (Vec::new(), std::cell::Cell::new(0));
        let read = typed(&mut text.as_bytes(), &mut out, &|| forgotten.set(forgotten.get() + 1));
        (read, String::from_utf8(out).unwrap(), forgotten.get())
    }

    #[test]
    fn a_person_types_or_pastes_lines_and_goes_on_from_a_slip() {
        let (read, said, _) = typing(&on_paper());
        assert_eq!((*read.unwrap().words()).clone(), *phrase().words());
        assert!(said.starts_with("Words: ") && said.contains("2 of 24 so far"), "{said}");
        let words = phrase().words();
        let words: Vec<&str> = words.split(' ').collect();
        let slip = format!("{} wrod {}\n{}\n", words[..6].join(" "), words[7..].join(" "), words[6..].join(" "));
        let (read, said, forgotten) = typing(&slip);
        assert_eq!((*read.unwrap().words()).clone(), *phrase().words());
        assert!(said.contains("Word 7 is not one") && !said.contains("wrod") && forgotten == 1, "{said}");
        // More than 24, or the end before them.
        assert_eq!(typing(&format!("{0} {0}", *phrase().words())).0.unwrap_err().exit_code(), 1);
        assert_eq!(typing("abandon\n").0.unwrap_err().exit_code(), 2);
    }

    fn asked(answers: &[&str]) -> (usize, String) {
        let words = phrase().words();
        let words: Vec<&str> = words.split(' ').collect();
        let (mut left, mut out) = (answers.iter(), Vec::new());
        let mut line =
            |_: &str| Ok(Zeroizing::new(left.next().unwrap().replace("#1", words[1]).replace("#5", words[5])));
        ask_back(&words, [1, 5], &mut line, &mut out).unwrap();
        (left.len(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn two_words_are_asked_back_and_can_be_skipped() {
        assert!(asked(&["#1", " 6. #5 \n"]).1.ends_with("Both are right.\n"));
        let (left, said) = asked(&["", "#5"]);
        assert!(left == 1 && said.contains("Skipped") && said.contains("recovery check"), "{said}");
        let (_, said) = asked(&["#5", "#1", "#5"]);
        assert!(said.contains("That is not word 2.") && said.ends_with("Both are right.\n"), "{said}");
        let (left, said) = asked(&["no", "no", "no", "#5"]);
        assert!(left == 1 && said.contains("differ"), "{said}");
        for byte in 0..=255 {
            let [first, second] = two(&mut Fixed(byte));
            assert!(first < second && second < WORDS);
        }
    }
}
