//! A program on a terminal: the pseudo-terminal that `script` opens, so that bars are drawn and editors are opened.

use std::process::Command;

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
}
