//! A program on a terminal: the pseudo-terminal that `script` opens, so that bars are drawn and editors are opened.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// `command`, on a terminal of its own; what it shows there is the standard output of the command given back. `after` is
/// more of the shell's line: ` >file` takes standard output away from the terminal.
///
/// # Panics
/// Where `script` is not there: it comes with Debian and Ubuntu (bsdutils), and with util-linux elsewhere.
pub fn on_terminal(command: &Command, after: &str) -> Command {
    let there = Command::new("script").arg("--version").output();
    assert!(
        there.is_ok_and(|output| output.status.success()),
        "this test needs `script`, which opens a terminal for a program: `sudo apt-get install -y bsdutils`"
    );
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''")));
    let line = quoted.collect::<Vec<_>>().join(" ") + after;
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        terminal.current_dir(folder);
    }
    // A terminal that can be drawn on, and the shell that reads the line.
    terminal.env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
    terminal
}

/// A program on a terminal, and somebody at it who reads and types.
#[derive(Debug)]
pub struct Dialogue {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Screen>,
    /// How much of the screen was read.
    read: usize,
}

#[derive(Debug, Default)]
struct Screen {
    /// What was shown so far, and whether that was all.
    shown: Mutex<(String, bool)>,
    more: Condvar,
}

impl Dialogue {
    /// Starts `command` on a terminal of its own.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start(command: &Command) -> Self {
        let mut terminal = on_terminal(command, "");
        terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = terminal.spawn().expect("`script` was just there");
        let keyboard = child.stdin.take();
        let mut output = child.stdout.take().expect("standard output was asked for");
        let screen = Arc::<Screen>::default();
        let shows = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let count = output.read(&mut bytes).unwrap_or(0);
                let mut shown = shows.shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.0.push_str(&String::from_utf8_lossy(&bytes[..count]));
                shown.1 |= count == 0;
                shows.more.notify_all();
                if shown.1 {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, read: 0 }
    }

    /// Waits until `text` is shown behind what was read already; answers what was shown up to its end.
    ///
    /// # Panics
    /// Where it is not shown within `limit`, or the program ends before.
    pub fn read_to(&mut self, text: &str, limit: Duration) -> String {
        let shown = self.screen.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |shown: &mut (String, bool)| !shown.1 && !shown.0[self.read..].contains(text);
        let (shown, _) =
            self.screen.more.wait_timeout_while(shown, limit, missing).unwrap_or_else(PoisonError::into_inner);
        let new = &shown.0[self.read..];
        let Some(at) = new.find(text) else { panic!("`{text}` was not shown; this was: {new}") };
        let read = new[..at + text.len()].to_owned();
        self.read += read.len();
        read
    }

    /// Types `text` and Enter.
    ///
    /// # Panics
    /// Where the program reads no more.
    pub fn type_line(&mut self, text: &str) {
        let keyboard = self.keyboard.as_mut().expect("the keyboard is there until the end");
        // A question for a secret is shown just before what is typed is hidden: no fingers are as fast as this program.
        std::thread::sleep(Duration::from_millis(300));
        keyboard.write_all(format!("{text}\r").as_bytes()).and_then(|()| keyboard.flush()).expect("somebody reads");
    }

    /// Waits for the program's end: its exit code, and all that was shown.
    ///
    /// # Panics
    /// Where it does not end within `limit`.
    pub fn end(mut self, limit: Duration) -> (Option<i32>, String) {
        let shown = self.screen.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |shown: &mut (String, bool)| !shown.1;
        let (shown, _) =
            self.screen.more.wait_timeout_while(shown, limit, goes_on).unwrap_or_else(PoisonError::into_inner);
        assert!(shown.1, "it did not end; this was shown: {}", shown.0);
        let shown = shown.0.clone();
        drop(self.keyboard.take());
        (self.child.wait().ok().and_then(|status| status.code()), shown)
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_a_terminal_and_its_words_as_they_are() {
        let mut command = Command::new("sh");
        command.args(["-c", "test -t 0 && test -t 1 && test -t 2 && echo \"$0\"", "it's one"]);
        let output = on_terminal(&command, "").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "it's one");
        assert!(output.status.success());
    }

    #[test]
    fn a_dialogue_reads_types_and_ends() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf 'Name: '; read name; echo \"Hello $name\"; exit 3"]);
        let mut dialogue = Dialogue::start(&command);
        dialogue.read_to("Name: ", Duration::from_secs(20));
        dialogue.type_line("Zoë");
        let (code, shown) = dialogue.end(Duration::from_secs(20));
        assert!(code == Some(3) && shown.contains("Hello Zoë"), "{code:?}: {shown}");
    }
}
