//! Progress on long work: a bar on a terminal, gone when it ends, and plain lines where nobody watches.

use std::path::PathBuf;

use afterword_tests::terminal::on_terminal;
use afterword_tests::{Home, Running};

use super::support::SOON;

/// Enough to take longer than the program's patience on any disk.
const ENTRIES: usize = 1500;
/// What clears a terminal's line.
const CLEAR: &str = "\x1b[2K";

fn writing(home: &Home) -> PathBuf {
    let folder = home.scratch().join("writing");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..ENTRIES {
        std::fs::write(folder.join(format!("entry{n}.md")), format!("# Entry {n}\n\nWhat happened, number {n}.\n"))
            .unwrap();
    }
    folder
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_cleared_and_the_answer_is_whole() {
    let (home, _) = Home::init("laptop");
    let folder = writing(&home);
    let answer = home.scratch().join("answer");
    let command = home.command(&["import", folder.to_str().unwrap()]);
    let redirected = format!(" >'{}'", answer.display());
    let output = Running::start(on_terminal(&command, &redirected), b"").wait(SOON).expect_code(0);
    let screen = output.stdout;
    // The bar, its count, and more of it with time.
    let counts: Vec<&str> = screen.split(&format!(" of {ENTRIES}")).collect();
    assert!(counts.len() > 2 && screen.contains("importing  ") && screen.contains('━'), "{screen:?}");
    assert!(!screen.contains("importing: "), "no plain lines on a terminal: {screen:?}");
    let last = screen.rfind(CLEAR).expect("the bar is cleared");
    let left = &screen[last + CLEAR.len()..];
    assert!(!left.contains("importing") && !left.contains("indexing"), "{left:?}");

    let answer = std::fs::read_to_string(answer).unwrap();
    assert!(answer.contains(&ENTRIES.to_string()) && !answer.contains('\x1b') && !answer.contains('━'), "{answer:?}");
}

#[test]
fn without_a_terminal_plain_lines_come_and_the_answer_is_whole() {
    let (home, _) = Home::init("laptop");
    let folder = writing(&home);
    let output = home.run(&["import", folder.to_str().unwrap()]).expect_code(0);
    assert!(output.stderr.lines().any(|line| line.starts_with("importing: ")), "{:?}", output.stderr);
    assert!(output.stderr.contains(&format!("importing: {ENTRIES} of {ENTRIES}")), "{:?}", output.stderr);
    for text in [&output.stderr, &output.stdout] {
        assert!(!text.contains('\x1b') && !text.contains('━'), "{text:?}");
    }
    assert!(
        output.stdout.contains(&ENTRIES.to_string()) && !output.stdout.contains("importing"),
        "{:?}",
        output.stdout
    );
}
