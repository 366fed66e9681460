//! What the program does with the passphrase, and who can look into it while it runs.

use std::io::{Read, Seek, SeekFrom};
use std::process::Command;

use afterword_tests::terminal::on_terminal;
use afterword_tests::{Home, Running, not_run, program};

use super::support::SOON;

/// In nothing else that the program has in its memory.
const PASSPHRASE: &str = "zebra-quartz-vexillum-93";

fn locked_with_it() -> Home {
    let mut home = Home::new();
    home.set_passphrase(Some(PASSPHRASE));
    home.json(&["init", "--name", "laptop"]);
    home
}

/// Starts `home`'s commands so that the test may look into them, though they do not let their own user.
fn watched(home: &mut Home, more: &[&str]) {
    let through = program::watched().into_iter().chain(more.iter().map(|word| (*word).into()));
    home.set_through(through.collect());
}

/// The names of the writable parts of the process's memory in which `word` stands.
fn parts_with(word: &str, process: u32) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut memory = std::fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let name = words.nth(3).unwrap_or("(heap)");
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(from)).unwrap();
        // A guard page ends a stack early; what was read by then counts.
        let _ = Read::by_ref(&mut memory).take(to - from).read_to_end(&mut bytes);
        if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn the_editor_is_not_given_the_passphrase() {
    let mut home = locked_with_it();
    let seen = home.scratch().join("seen");
    let script = home.scratch().join("editor.sh");
    std::fs::write(&script, format!("env > '{}'\necho typed > \"$1\"\n", seen.display())).unwrap();
    home.set_env("EDITOR", format!("sh '{}'", script.display()));
    Running::start(on_terminal(&home.command(&["write", "--edit", "Title"]), ""), b"").wait(SOON).expect_code(0);
    let environment = std::fs::read_to_string(seen).unwrap();
    assert!(environment.contains("EDITOR=") && !environment.contains("PASSPHRASE="), "{environment}");
    assert!(!environment.contains(PASSPHRASE), "{environment}");
}

#[test]
fn a_program_that_stays_forgets_the_passphrase() {
    let mut home = locked_with_it();
    watched(&mut home, &[]);
    let (serving, _) = home.serve();
    // The sweep finds what is there: the block in which the system hands over the environment, above the stack. It can't
    // be taken back, only kept from others.
    assert_eq!(parts_with(PASSPHRASE, serving.id()), ["[stack]"]);
    assert!(!parts_with("journal.db", serving.id()).is_empty());
    serving.interrupt(SOON).expect_code(0);

    // From a file it leaves nothing at all.
    let file = home.scratch().join("passphrase");
    std::fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
    home.set_passphrase(None);
    let mut serving = home.start(&["--passphrase-file", file.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"]);
    serving.event("listening", SOON);
    assert_eq!(parts_with(PASSPHRASE, serving.id()), Vec::<String>::new());
    serving.interrupt(SOON).expect_code(0);
}

#[test]
fn a_passphrase_may_come_through_a_descriptor() {
    let mut home = locked_with_it();
    home.set_passphrase(None);
    let entries = |output: afterword_tests::Output| output.expect_code(0).json()["entries"].clone();
    let words = ["--json", "--passphrase-file", "/dev/fd/0", "list"];
    assert_eq!(entries(home.run_with(&words, format!("{PASSPHRASE}\nmore\n").as_bytes())), serde_json::json!([]));
    // Another one than standard input, which stays free: `3< <(pass show journal)` in a person's shell.
    let script = format!("printf '%s\\n' '{PASSPHRASE}' | {{ exec 3<&0 < /dev/null; exec \"$@\"; }}");
    home.set_through(["sh", "-c", &script, "sh"].map(Into::into).to_vec());
    assert_eq!(entries(home.run(&["--json", "--passphrase-file", "/dev/fd/3", "list"])), serde_json::json!([]));
    assert_eq!(home.fails(&["--passphrase-file", "/dev/fd/9", "list"]).code, "not_found");
}

#[test]
fn no_program_of_the_same_person_looks_inside_and_no_image_is_written() {
    let (home, _) = Home::init("laptop");
    let (serving, _) = home.serve();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{limits}");
    serving.interrupt(SOON).expect_code(0);

    // Two programs of one user without privileges: the administrator, as whom tests often run, may look anywhere.
    let script = r#"
        test "$(id -u)" = 1000 || exit 3
        sleep 60 & other=$!
        tr '\0' ' ' < /proc/$other/environ > /dev/null || exit 4
        kill $other
        "$@" > "$OUT" & ours=$!
        until grep -q listening "$OUT"; do kill -0 $ours || exit 5; sleep 0.05; done
        for file in environ maps mem; do
            if head -c 1 /proc/$ours/$file > /dev/null 2>&1; then echo "$file is readable"; fi
        done
        kill -INT $ours; wait $ours
    "#;
    let command = home.command(&["--json", "serve", "--listen", "127.0.0.1:0"]);
    let mut ordinary = Command::new("unshare");
    ordinary.args(["--user", "--map-user=1000", "--map-group=1000", "sh", "-c", script, "sh"]);
    ordinary.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => ordinary.env(name, value),
            None => ordinary.env_remove(name),
        };
    }
    let output = ordinary.env("OUT", home.scratch().join("out")).output();
    let output = match output {
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare") => {
            return not_run("e2e no look inside", "this kernel gives no user namespaces");
        }
        Ok(output) => output,
        Err(error) => return not_run("e2e no look inside", &format!("unshare cannot be started: {error}")),
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The only test that waits for it: what a guess costs is fitted to this computer, kept, and said.
#[test]
fn a_guess_at_a_passphrase_costs_half_a_second_or_the_floor() {
    let mut home = Home::new();
    home.set_env("AFTERWORD_PASSPHRASE_COST", "");
    home.json(&["init", "--name", "laptop"]);
    let vault = |home: &Home| {
        let report = home.json(&["doctor"]);
        let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "vault").unwrap().clone();
        check["detail"].as_str().unwrap().to_owned()
    };
    let detail = vault(&home);
    let costs = detail.rsplit_once(" costs ").unwrap().1;
    let words: Vec<&str> = costs.split(' ').collect();
    let number = |at: usize| words[at].parse::<u32>().unwrap();
    assert_eq!((words[1], words[2], &words[4..]), ("MiB", "and", &["passes", "of", "Argon2id"][..]), "{detail}");
    assert!((64..=512).contains(&number(0)) && (3..=16).contains(&number(3)), "{detail}");

    // The least is asked for by its name, and is said to be that.
    home.set_env("AFTERWORD_PASSPHRASE_COST", "least");
    let file = home.scratch().join("new");
    std::fs::write(&file, "correct horse battery staple").unwrap();
    home.json(&["passphrase", "--new-passphrase-file", file.to_str().unwrap()]);
    assert!(vault(&home).contains("the least, which is for tests"), "{}", vault(&home));
    home.set_env("AFTERWORD_PASSPHRASE_COST", "small");
    home.refuses(&["passphrase", "--new-passphrase-file", file.to_str().unwrap()]);
}
