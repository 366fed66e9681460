//! The editor: words that are being typed stand in memory only, and outlive the program and the editor.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use afterword_tests::home::text;
use afterword_tests::terminal::on_terminal;
use afterword_tests::{Home, Running};

use super::support::{SOON, ids};

const TYPED: &str = "quibblewordtyped";
const UNSAVED: &str = "zanzibarunsaved";

/// An editor that does `what` with the file `$1`, says that it did, and stays open.
fn set_editor(home: &mut Home, what: &str) {
    let path = home.scratch().join("editor.sh");
    let ready = home.scratch().join("ready");
    let script = format!("{what}\necho \"$PPID $$ $1\" > '{}'\nexec sleep 60\n", ready.display());
    std::fs::write(&path, script).unwrap();
    home.set_env("EDITOR", format!("sh '{}'", path.display()));
}

/// Runs `arguments` on a terminal until its editor is open: the program, both process ids, and the editor's file.
fn open(home: &Home, arguments: &[&str]) -> (Running, [String; 2], String) {
    let ready = home.scratch().join("ready");
    let mut running = Running::start(on_terminal(&home.command(arguments), ""), b"");
    let deadline = Instant::now() + SOON;
    loop {
        if let Ok(said) = std::fs::read_to_string(&ready)
            && said.ends_with('\n')
        {
            let words: Vec<&str> = said.trim_end().splitn(3, ' ').collect();
            std::fs::remove_file(&ready).unwrap();
            return (running, [words[0].to_owned(), words[1].to_owned()], words[2].to_owned());
        }
        assert!(running.is_up() && Instant::now() < deadline, "{}", running.wait(SOON).stdout);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// kill -9 for the program and its editor, as when the battery is empty.
fn kill(running: Running, processes: &[String; 2]) {
    assert!(Command::new("kill").arg("-9").args(processes).status().unwrap().success());
    running.wait(SOON);
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn what_is_typed_stands_in_no_file_of_the_journal_without_a_runtime_directory() {
    let (mut home, _) = Home::init("laptop");
    home.set_env("XDG_RUNTIME_DIR", "");
    set_editor(&mut home, &format!("echo {TYPED} > \"$1\"; echo {TYPED} > \"$(dirname \"$1\")/.entry.md.swp\""));
    let (running, processes, file) = open(&home, &["write", "--edit", "Title"]);
    assert!(file.starts_with("/dev/shm/afterword-"), "{file}");
    assert!(holds(&std::fs::read(&file).unwrap(), TYPED));
    for (path, bytes) in home.files() {
        assert!(!holds(&bytes, TYPED), "{}", path.display());
    }
    kill(running, &processes);
    // Looked for where it was put; and gone once it is in the journal.
    home.ok(&["list"]);
    assert_eq!(home.json(&["search", TYPED])["total"], 1);
    assert!(!Path::new(&file).parent().unwrap().exists());
    let _ = std::fs::remove_dir(Path::new(&file).parent().unwrap().parent().unwrap());
}

#[test]
fn what_a_killed_editor_had_not_saved_comes_back_as_a_file_of_the_recovered_entry() {
    let (mut home, _) = Home::init("laptop");
    let entry = home.write("Title", "as it was");
    // The text is untouched, as when vim is killed before `:w`.
    set_editor(&mut home, &format!("printf 'b0VIM {UNSAVED}' > \"$(dirname \"$1\")/.entry.md.swp\""));
    let (running, processes, file) = open(&home, &["edit", &entry]);
    kill(running, &processes);
    let said = home.run(&["list"]).expect_code(0);
    assert!(said.stderr.contains(".entry.md.swp") && said.stderr.contains("vim -r"), "{}", said.stderr);
    assert!(!Path::new(&file).parent().unwrap().exists());

    let recovered = ids(&home).into_iter().find(|id| *id != entry).unwrap();
    let shown = home.show(&recovered);
    let attachment = &shown["attachments"][0];
    assert_eq!((&attachment["caption"], &attachment["here"]), (&".entry.md.swp".into(), &true.into()), "{shown}");
    let out = home.scratch().join(".entry.md.swp");
    home.json(&["extract", &recovered, &text(attachment, "id"), out.to_str().unwrap()]);
    assert_eq!(std::fs::read(out).unwrap(), format!("b0VIM {UNSAVED}").into_bytes());
    for (path, bytes) in home.files() {
        assert!(!holds(&bytes, UNSAVED), "{}", path.display());
    }
    // Once.
    home.ok(&["list"]);
    assert_eq!(ids(&home).len(), 2);
}
