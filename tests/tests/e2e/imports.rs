//! Files from elsewhere: what they may bring along, and what they may cost.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use afterword_tests::{Home, Running};

use super::support::SOON;

#[test]
fn a_note_brings_along_what_it_shows_and_nothing_hidden() {
    let (home, _) = Home::init("laptop");
    let folder = home.scratch().join("notes");
    std::fs::create_dir_all(folder.join(".ssh")).unwrap();
    std::fs::write(folder.join(".ssh/id_ed25519"), "PRIVATE KEY").unwrap();
    std::fs::write(folder.join(".env"), "TOKEN").unwrap();
    std::fs::write(folder.join("seen.png"), "picture").unwrap();
    let note = "![x](.ssh/id_ed25519) [y](./a/../.env) ![[.ssh/id_ed25519]] ![s](seen.png)";
    std::fs::write(folder.join("note.md"), note).unwrap();
    let single = folder.join("note.md");
    let report = home.json(&["import", single.to_str().unwrap()]);
    assert_eq!((&report["created"], &report["attachments"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(report["taken"], serde_json::json!([{"path": "seen.png", "bytes": 7}]), "{report}");
    let reasons: Vec<_> =
        report["problems"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 3, "{report}");
    assert!(reasons.iter().all(|reason| reason.contains("is hidden")), "{report}");
    // A second time nothing is taken, and for a person the list is words.
    assert_eq!(home.json(&["import", single.to_str().unwrap()])["taken"], serde_json::json!([]));
    std::fs::write(&single, format!("{note} again")).unwrap();
    let said = home.ok(&["import", single.to_str().unwrap()]);
    assert!(said.contains("seen.png (7 B)") && said.contains("is hidden"), "{said}");
    // A folder is its owner's own choice, but what is hidden in it is not.
    let (other, _) = Home::init("other");
    let report = other.json(&["import", folder.to_str().unwrap()]);
    assert_eq!((&report["attachments"], &report["taken"]), (&1.into(), &serde_json::Value::Null), "{report}");
}

/// The peak of an import of this file, in bytes; it ends well or says that the file can't be had.
fn peak_of(home: &Home, file: &Path) -> u64 {
    let words = ["--json", "import", file.to_str().unwrap()];
    let (output, _, peak) = Running::start(home.command(&words), b"").measure(SOON);
    assert!(matches!(output.code, Some(0 | 1)), "{output:?}");
    assert!(output.stdout.len() < 1 << 20, "the report is {} bytes long", output.stdout.len());
    peak.expect("this system says how much memory a program took")
}

const BEGUN: &str = "{\"afterword_export\":1,\"people\":[],\"entries\":[";
const ID: &str = "000102030405060708090a0b0c0d0e0f";

/// Exports that are larger in memory than on the disk, if they are read as a tree: small values, many of them.
fn hostile(length: usize) -> Vec<(&'static str, String)> {
    let entry = |parts: String| {
        format!("{BEGUN}{{\"id\":\"{ID}\",\"kind\":\"note\",\"created_ms\":0,\"updated_ms\":0,{parts}}}]}}")
    };
    let many = |one: &str| one.repeat(length / one.len());
    let mut words = String::new();
    for number in 0..length / 12 {
        let _ = write!(words, "\"{number:08x}\",");
    }
    let item = "{\"id\":\"\",\"kind\":\"\",\"text\":\"\",\"order\":\"\"},";
    vec![
        ("numbers where parts should be", entry(format!("\"items\":[{}0]", many("0,")))),
        ("lists in a part that nobody knows", entry(format!("\"later\":[{}0]", many("[],")))),
        ("parts without content", entry(format!("\"items\":[{}{}]", many(item), item.trim_end_matches(',')))),
        ("words of marks", entry(format!("\"marks\":{{\"tags\":[{words}\"x\"]}}"))),
        ("entries that are none", format!("{BEGUN}{}0]}}", many("0,"))),
        ("people without content", format!("{{\"afterword_export\":1,\"people\":[{}0],\"entries\":[]}}", many("{},"))),
        ("one text", entry(format!("\"title\":\"{}\"", many("long ")))),
    ]
}

/// A bound that holds for any size: the bytes of the largest entry a few times, and a constant. As a tree they took fifteen
/// times their size.
#[test]
fn an_export_takes_a_small_multiple_of_its_largest_entry() {
    const LENGTH: usize = 16 << 20;
    const CONSTANT: u64 = 24 << 20;
    let (home, _) = Home::init("laptop");
    let file = home.scratch().join("export.json");
    std::fs::write(&file, format!("{BEGUN}]}}")).unwrap();
    let least = peak_of(&home, &file);
    for (what, text) in hostile(LENGTH) {
        std::fs::write(&file, &text).unwrap();
        let more = peak_of(&home, &file).saturating_sub(least);
        println!("{what}: {} MB for {} MB", more >> 20, text.len() >> 20);
        assert!(more <= 3 * LENGTH as u64 + CONSTANT, "{what}: {} MB for {} MB", more >> 20, text.len() >> 20);
    }
}

/// The same, with a limit that the system holds: an honest entry beside a hostile one comes in.
#[test]
fn an_honest_entry_comes_in_beside_one_that_would_fill_the_memory() {
    let (home, _) = Home::init("laptop");
    let good = "\"kind\":\"note\",\"title\":\"Honest\",\"created_ms\":0,\"updated_ms\":0,\"sections\":[]";
    let zeros = "0,".repeat(12 << 20);
    let file = home.scratch().join("export.json");
    std::fs::write(
        &file,
        format!("{BEGUN}{{\"id\":\"{ID}\",\"items\":[{zeros}0]}},{{\"id\":\"{}\",{good}}}]}}", "ab".repeat(16)),
    )
    .unwrap();
    // 24 MB of zeros as a tree take 400 MB.
    let command = home.command(&["--json", "import", file.to_str().unwrap()]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -d 262144; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let report = Running::start(limited, b"").wait(SOON).expect_code(0).json();
    assert_eq!(
        (&report["created"], &report["problems"][0]["path"]),
        (&1.into(), &format!("entry {ID}").into()),
        "{report}"
    );
    assert_eq!(home.json(&["list"])["entries"][0]["title"], "Honest");
}
