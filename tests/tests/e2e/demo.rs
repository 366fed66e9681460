//! The demo: the whole story in one command, and nothing left behind.

use afterword_tests::Home;

fn stage() -> Home {
    let mut home = Home::new();
    // The two journals are made in a temporary folder: here it is one that can be looked into afterwards.
    let folder = home.scratch().join("temporary");
    std::fs::create_dir(&folder).unwrap();
    home.set_env("TMPDIR", &folder).set_passphrase(None);
    home
}

fn leftovers(home: &Home) -> usize {
    std::fs::read_dir(home.scratch().join("temporary")).unwrap().count()
}

#[test]
fn the_demo_merges_what_two_devices_wrote_apart_and_cleans_up() {
    let home = stage();
    let told = home.ok(&["demo"]);
    let merged = "I ran the untested migration on the live table and it locked for forty minutes. I told nobody until the \
                  phone rang twice.";
    assert!(told.contains(&format!("both:    {merged}")), "{told}");
    assert!(told.contains("1 found"), "{told}");
    assert_eq!(leftovers(&home), 0);
    assert!(!home.path().exists(), "the demo touches no journal of the person's own");
}

#[test]
fn the_demo_takes_real_writing_and_answers_in_json() {
    let home = stage();
    let folder = home.scratch().join("writing");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("2024-05-17-rain.md"), "# Rain\n\nIt rained on the day I had planned for.\n").unwrap();
    std::fs::write(folder.join("notes.txt"), "A second text, without a title.\n").unwrap();
    let told = home.json(&["demo", "--corpus", folder.to_str().unwrap()]);
    let peer = &told["peers"][0];
    assert_eq!((&peer["ok"], &peer["documents_opened"]), (&true.into(), &0.into()), "{told}");
    assert_eq!((&peer["sent"]["operations"], &peer["received"]["operations"]), (&1.into(), &1.into()), "{told}");
    assert!(told["entry"]["body"].as_str().unwrap().contains("untested"), "{told}");
    assert_eq!(leftovers(&home), 0);
}
