//! The 24 words: shown and asked back at the beginning, tried at any time, and the way in when the passphrase is forgotten.

use std::fmt::Write as _;

use afterword_tests::Home;
use afterword_tests::home::text;
use afterword_tests::terminal::Dialogue;

use super::support::{SOON, body};

/// The words as they stand on paper: numbered, in capitals, two to a line, with empty lines between.
fn on_paper(phrase: &str) -> String {
    let words: Vec<String> = phrase.split(' ').map(str::to_uppercase).collect();
    let mut paper = String::new();
    for (at, pair) in words.chunks(2).enumerate() {
        writeln!(paper, " {}. {}   {}) {}\n", at * 2 + 1, pair[0], at * 2 + 2, pair[1]).unwrap();
    }
    paper
}

#[test]
fn trying_the_phrase_needs_nothing_else() {
    let (mut home, made) = Home::init("home");
    let phrase = text(&made, "recovery_phrase");
    home.set_passphrase(None);
    for words in [phrase.clone(), on_paper(&phrase)] {
        let checked = home.run_with(&["--json", "recovery", "check"], words.as_bytes()).expect_code(0).json();
        assert_eq!((&checked["ok"], &checked["id"]), (&true.into(), &made["journal"]));
    }
    let (_, other) = Home::init("other");
    let other = text(&other, "recovery_phrase");
    let short = phrase.rsplit_once(' ').unwrap().0.to_owned();
    for (words, exit, code) in [
        (other.as_str(), 1, "wrong_key"),
        (short.as_str(), 1, "invalid"),
        ("these are no such words", 1, "invalid"),
        ("", 2, "invalid"),
    ] {
        let failed = home.run_with(&["--json", "recovery", "check"], words.as_bytes()).expect_code(exit).json();
        assert_eq!(failed["error"]["code"], code, "{failed}");
        assert!(!failed.to_string().contains(&short[..20]), "a word of the phrase is printed");
    }
    assert_eq!(Home::new().fails(&["recovery", "check"]).code, "not_found");
}

#[test]
fn a_forgotten_passphrase_is_replaced_with_the_phrase() {
    let (mut home, made) = Home::init("home");
    let phrase = text(&made, "recovery_phrase");
    let entry = home.write("Kept", "behind both");
    let file = home.scratch().join("new");
    std::fs::write(&file, "from a file, and long\n").unwrap();
    home.set_passphrase(None);
    // Nobody is there to say what it is to be.
    let refused = home.run_with(&["--json", "passphrase", "--forgotten"], phrase.as_bytes()).expect_code(2).json();
    assert_eq!(refused["error"]["code"], "invalid", "{refused}");
    let (_, other) = Home::init("other");
    let words = ["--json", "passphrase", "--forgotten", "--new-passphrase-file", file.to_str().unwrap()];
    let wrong = home.run_with(&words, text(&other, "recovery_phrase").as_bytes()).expect_code(1).json();
    assert_eq!(wrong["error"]["code"], "wrong_key", "{wrong}");
    home.set_passphrase(Some("correct horse battery staple"));
    assert_eq!(body(&home, &entry), "behind both");
    home.set_passphrase(None);
    let done = home.run_with(&words, on_paper(&phrase).as_bytes()).expect_code(0).json();
    assert_eq!((&done["ok"], &done["id"]), (&true.into(), &made["journal"]));
    home.set_passphrase(Some("correct horse battery staple"));
    assert_eq!(home.fails(&["list"]).code, "wrong_key");
    home.set_passphrase(Some("from a file, and long"));
    assert_eq!(body(&home, &entry), "behind both");
    // Both from one pipe, a line each.
    let both = format!("{phrase}\nfrom the same pipe\n");
    home.run_with(&["--json", "passphrase", "--forgotten"], both.as_bytes()).expect_code(0);
    home.set_passphrase(Some("from the same pipe"));
    assert_eq!(body(&home, &entry), "behind both");
    // The phrase is what it was.
    home.run_with(&["--json", "recovery", "check"], phrase.as_bytes()).expect_code(0);
}

#[test]
fn a_forgotten_passphrase_is_replaced_at_a_terminal() {
    let (mut home, made) = Home::init("home");
    let phrase = text(&made, "recovery_phrase");
    let entry = home.write("Kept", "behind both");
    home.set_passphrase(None);
    let mut dialogue = Dialogue::start(&home.command(&["passphrase", "--forgotten"]));
    dialogue.read_to("Words: ", SOON);
    let words: Vec<&str> = phrase.split(' ').collect();
    dialogue.type_line(&format!("1. {} 2. wrod", words[0].to_uppercase()));
    dialogue.read_to("Word 2 is not one", SOON);
    dialogue.read_to("1 of 24 so far, go on: ", SOON);
    dialogue.type_line(&words[1..12].join("  "));
    dialogue.read_to("12 of 24 so far, go on: ", SOON);
    dialogue.type_line(&words[12..].join(" "));
    dialogue.read_to("New passphrase: ", SOON);
    dialogue.type_line("four or five words");
    dialogue.read_to("Once more: ", SOON);
    dialogue.type_line("four or five words");
    let (code, shown) = dialogue.end(SOON);
    assert!(code == Some(0) && shown.contains("opens with the new passphrase"), "{code:?}: {shown}");
    // Nothing that was typed stands on the screen.
    // A single word may be one that the program says itself.
    assert!(
        words.windows(2).all(|pair| !shown.contains(&pair.join("  ")) && !shown.contains(&pair.join(" "))),
        "{shown}"
    );
    assert!(!shown.contains("wrod") && !shown.contains("four or five words"), "{shown}");
    home.set_passphrase(Some("four or five words"));
    assert_eq!(body(&home, &entry), "behind both");
}

/// The word that is asked for, by its number on the screen.
fn asked(shown: &str, list: &[String]) -> String {
    let number = shown.rsplit("Word ").next().unwrap().trim_end_matches(": ");
    list[number.parse::<usize>().unwrap() - 1].clone()
}

/// The words that `init` showed, in their order.
fn listed(shown: &str) -> Vec<String> {
    let mut words = vec![String::new(); 24];
    let tokens: Vec<&str> = shown.split_whitespace().collect();
    for pair in tokens.windows(2) {
        if let Ok(number @ 1..=24) = pair[0].parse::<usize>() {
            words[number - 1] = pair[1].to_owned();
        }
    }
    words
}

#[test]
fn a_first_start_at_a_terminal_asks_two_words_back_and_clears_the_screen() {
    let mut home = Home::new();
    home.set_passphrase(None);
    let mut dialogue = Dialogue::start(&home.command(&["init", "--name", "laptop"]));
    dialogue.read_to("New passphrase: ", SOON);
    dialogue.type_line("short");
    dialogue.read_to("Once more: ", SOON);
    dialogue.type_line("short");
    dialogue.read_to("5 characters", SOON);
    dialogue.read_to("[y/N] ", SOON);
    dialogue.type_line("n");
    // About a short one it is asked once.
    dialogue.read_to("New passphrase: ", SOON);
    dialogue.type_line("brief");
    dialogue.read_to("Once more: ", SOON);
    dialogue.type_line("brief");
    let shown = dialogue.read_to("Enter alone skips this.", SOON);
    let list = listed(&shown);
    assert!(list.iter().all(|word| !word.is_empty()), "{shown}");
    assert!(shown.lines().all(|line| line.trim_end().chars().count() <= 80), "{shown}");
    let first = dialogue.read_to(": ", SOON);
    dialogue.type_line("afterword");
    dialogue.read_to("That is not word", SOON);
    dialogue.read_to("Word ", SOON);
    dialogue.read_to(": ", SOON);
    dialogue.type_line(&asked(&first, &list));
    dialogue.read_to("Word ", SOON);
    let second = dialogue.read_to(": ", SOON);
    dialogue.type_line(&asked(&format!("Word {second}"), &list));
    dialogue.read_to("Both are right.", SOON);
    dialogue.read_to("[y/N] ", SOON);
    dialogue.type_line("y");
    let (code, shown) = dialogue.end(SOON);
    let (before, after) = shown.split_once("\x1b[H\x1b[2J\x1b[3J").unwrap_or_else(|| panic!("{shown}"));
    assert!(before.contains(&list[23]) && after.contains("afterword write"), "{shown}");
    assert_eq!(code, Some(0));
    home.set_passphrase(Some("brief"));
    home.run_with(&["--json", "recovery", "check"], list.join("\n").as_bytes()).expect_code(0);
    home.json(&["list"]);
}

#[test]
fn the_questions_of_a_first_start_can_be_skipped_and_are_asked_of_nobody_who_is_not_there() {
    let home = Home::new();
    let mut dialogue = Dialogue::start(&home.command(&["init"]));
    dialogue.read_to("Enter alone skips this.", SOON);
    dialogue.read_to(": ", SOON);
    dialogue.type_line("");
    dialogue.read_to("Skipped.", SOON);
    dialogue.read_to("[y/N] ", SOON);
    dialogue.type_line("");
    let (code, shown) = dialogue.end(SOON);
    assert!(code == Some(0) && !shown.contains("\x1b[3J"), "{code:?}: {shown}");
    // What every question is answered with is no word of a phrase, and clears nothing that nobody has read.
    for words in [&["--yes", "init"] as &[&str], &["--json", "init"]] {
        let home = Home::new();
        let (code, shown) = Dialogue::start(&home.command(words)).end(SOON);
        assert!(code == Some(0) && !shown.contains("skips this") && !shown.contains("\x1b[3J"), "{code:?}: {shown}");
    }
    // A short passphrase that was given is taken as it is.
    let mut home = Home::new();
    home.set_passphrase(Some("short"));
    let output = home.run(&["init"]).expect_code(0);
    assert!(!output.stderr.contains("characters") && !output.stdout.contains("skips this"), "{output:?}");
    home.set_passphrase(None);
    assert_eq!(Home::new().set_passphrase(None).refuses(&["init"]).code, "invalid");
}
