//! Entries of millions of letters: what is saved reads back on every device, and what is too large for one is named there
//! while everything else goes on.

use std::time::Duration;

use afterword_tests::home::text;
use afterword_tests::terminal::on_terminal;
use afterword_tests::{Home, Output, Running};
use serde_json::{Value, json};

use super::support::{SOON, assert_same, ids, meet};

/// A machine that is busy takes its time over millions of letters.
const LONG: Duration = Duration::from_secs(600);
const MAIN: &str = "00000000000000000000000000000000";

/// So many letters in lines, of which no two are alike.
fn letters(seed: u32, len: usize) -> String {
    let mut state = seed;
    let letter = |at: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if at % 80 == 79 { '\n' } else { char::from(b'a' + (state >> 24) as u8 % 26) }
    };
    (0..len).map(letter).collect()
}

/// Brings an entry of these texts into a journal as an import: the body, and sections under prompts.
fn import(home: &Home, title: &str, texts: &[String]) -> String {
    let before = ids(home);
    let small = home.write(title, "x");
    let file = home.scratch().join(format!("{small}.json"));
    home.json(&["export", file.to_str().unwrap()]);
    let mut export: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut entry =
        export["entries"].as_array().unwrap().iter().find(|entry| entry["id"] == small.as_str()).unwrap().clone();
    let last = if small.ends_with('0') { '1' } else { '0' };
    let id = format!("{}{last}", &small[..31]);
    entry["id"] = json!(id);
    entry["body"] = json!(texts[0]);
    let sections = texts.iter().enumerate().map(|(n, text)| match n {
        0 => json!({"id": MAIN, "prompt": "", "order": "", "text": text}),
        n => json!({"id": format!("{n:032x}"), "prompt": format!("Part {n}"), "order": format!("b{n}"), "text": text}),
    });
    entry["sections"] = sections.collect();
    export["entries"] = json!([entry]);
    let file = home.scratch().join(format!("{id}.json"));
    std::fs::write(&file, serde_json::to_vec(&export).unwrap()).unwrap();
    assert_eq!(home.json(&["import", file.to_str().unwrap()])["created"], 1);
    assert_eq!(ids(home).len(), before.len() + 2);
    id
}

/// The texts of an entry as a device shows them: the body, and the sections in their order.
fn texts(home: &Home, id: &str) -> Vec<String> {
    let shown = home.show(id);
    let sections = shown["sections"].as_array().unwrap().iter().filter(|section| section["id"] != MAIN);
    std::iter::once(text(&shown, "body")).chain(sections.map(|section| text(section, "text"))).collect()
}

fn two() -> (Home, Home) {
    let (mut host, _) = Home::init("laptop");
    host.set_limit(LONG);
    let mut guest = Home::join(&host);
    guest.set_limit(LONG);
    (host, guest)
}

#[test]
fn an_import_of_four_long_texts_reads_back_on_two_devices() {
    let (host, guest) = two();
    let long: Vec<_> = (1..5).map(|seed| letters(seed, 1_000_000)).collect();
    let id = import(&host, "Four", &long);
    meet(&guest, &host);
    assert_eq!(texts(&host, &id), long);
    assert_eq!(texts(&guest, &id), long);
    assert_same(&[&host, &guest]);
}

#[test]
fn two_long_texts_written_over_in_the_editor_read_back_on_two_devices() {
    let (mut host, guest) = two();
    let id = import(&host, "Two", &[letters(1, 800_000), letters(2, 800_000)]);
    let (body, part) = (letters(3, 800_000), letters(4, 800_000));
    let page = host.scratch().join("page.md");
    std::fs::write(&page, format!("# Two\n\n{body}\n\n## Part 1\n\n{part}\n")).unwrap();
    host.set_env("EDITOR", format!("cp '{}'", page.display()));
    let said = Running::start(on_terminal(&host.command(&["edit", &id]), ""), b"").wait(LONG);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    meet(&guest, &host);
    let trimmed = |home| -> Vec<String> { texts(home, &id).iter().map(|text| text.trim().to_owned()).collect() };
    assert_eq!(trimmed(&host), [body.trim(), part.trim()]);
    assert_eq!(trimmed(&guest), [body.trim(), part.trim()]);
    assert_same(&[&host, &guest]);
    // As much again is more than an entry can hold: that is said, and nothing of it is lost.
    std::fs::write(&page, format!("# Two\n\n{part}\n\n## Part 1\n\n{body}\n")).unwrap();
    let refused = Running::start(on_terminal(&host.command(&["edit", &id]), ""), b"").wait(LONG);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    assert!(!refused.stdout.contains("Saved"), "{}", refused.stdout);
    assert!(refused.stdout.contains("as one entry can hold"), "{}{}", refused.stdout, refused.stderr);
    assert_eq!(trimmed(&host), [body.trim(), part.trim()]);
    // The words are not gone with the editor: the next command kept them.
    let listed = host.json(&["list"]);
    let recovered = listed["entries"].as_array().unwrap().iter().find(|row| row["title"] == "Recovered text").unwrap();
    let shown = host.show(&text(recovered, "id"));
    let out = host.scratch().join("recovered.md");
    host.json(&["extract", &text(&shown, "id"), &text(&shown["attachments"][0], "id"), out.to_str().unwrap()]);
    assert_eq!(std::fs::read(out).unwrap(), std::fs::read(&page).unwrap());
}

/// Runs every command from now on with so many KiB of address space.
fn limit_memory(home: &mut Home, kib: u64) {
    // With one arena: each further one reserves 64 MiB of addresses, if the thread that wants it comes in time.
    let words = ["sh", "-c", &format!("ulimit -v {kib}; MALLOC_ARENA_MAX=1 exec \"$@\""), "sh"];
    home.set_through(words.iter().map(Into::into).collect());
}

/// The least address space in which a device that holds little does all of these.
fn least_memory(home: &mut Home, commands: &[&[&str]]) -> u64 {
    let mut kib = 48 << 10;
    loop {
        limit_memory(home, kib);
        if commands.iter().all(|command| home.run(command).code == Some(0)) {
            return kib;
        }
        kib += 16 << 10;
        assert!(kib < 4 << 20, "a small journal needs gigabytes");
    }
}

#[test]
fn three_long_texts_are_read_where_memory_is_short() {
    let (host, mut guest) = two();
    let long: Vec<_> = (1..4).map(|seed| letters(seed, 1_000_000)).collect();
    let id = import(&host, "Three", &long);
    limit_memory(&mut guest, 1_100_000);
    meet(&guest, &host);
    let listed = guest.json(&["list"]);
    assert_eq!((listed["entries"].as_array().unwrap().len(), &listed["too_large"]), (2, &json!([])));
    // The entry, and the small one that it was made from.
    assert_eq!(guest.json(&["search", "three"])["total"], 2);
    guest.write("Beside it", "It rained.");
    assert_eq!(texts(&guest, &id), long);
}

#[test]
fn what_is_too_large_for_a_device_is_named_and_everything_else_goes_on() {
    let (host, mut guest) = two();
    guest.write("Weather", "It rained.");
    let (serving, address) = host.serve();
    let commands: [&[&str]; 4] =
        [&["list"], &["search", "rained"], &["write", "Another", "--body", "b"], &["sync", "--peer", &address]];
    let least = least_memory(&mut guest, &commands);
    serving.interrupt(SOON).expect_code(0);
    // Some more than it needs, and less than half of what the entry takes.
    limit_memory(&mut guest, least + (48 << 10));
    let id = import(&host, "Large", &(1..5).map(|seed| letters(seed, 1_048_576)).collect::<Vec<_>>());
    let (serving, address) = host.serve();
    let Output { code, stdout, stderr, .. } = guest.run(&["sync", "--peer", &address]);
    assert_eq!(code, None, "{stdout}{stderr}");
    // A process that ends while it opens the entry is counted, twice at most. The sync may have ended before that, over
    // what it received.
    let deaths = (0..3).take_while(|_| guest.run(&["list"]).code.is_none()).count();
    assert!((1..3).contains(&deaths), "a list ended {deaths} times");
    let held = ids(&guest).len();
    let listed = guest.json(&["list"]);
    assert_eq!((&listed["too_large"], &listed["unread"]), (&json!([id]), &0.into()), "{listed}");
    let said = guest.ok(&["list"]);
    assert!(said.contains(&id[..8]) && said.contains("too large to be opened on this device"), "{said}");
    let found = guest.json(&["search", "rained"]);
    assert_eq!((&found["total"], &found["too_large"]), (&1.into(), &json!([id])), "{found}");
    assert!(guest.ok(&["search", "rained"]).contains("too large to be opened"));
    guest.write("Beside it", "It stopped.");
    assert_eq!(ids(&guest).len(), held + 1);
    let refused = guest.fails(&["show", &id]);
    assert!(refused.code == "refused" && refused.message.contains(&id), "{refused:?}");
    guest.ok(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    let health = guest.run_json(&["doctor"]).json();
    let named = |check: &&Value| check["name"] == "changes" && text(check, "detail").contains(&id);
    assert!(health["checks"].as_array().unwrap().iter().any(|check| named(&check)), "{health}");
    // Elsewhere it reads; and here too, once there is memory and somebody asks for it.
    guest.set_through(Vec::new());
    guest.ok(&["doctor", "--rebuild"]);
    assert_eq!(guest.json(&["list"])["too_large"], json!([]));
    assert_eq!(texts(&guest, &id), texts(&host, &id));
    assert_same(&[&host, &guest]);
}
