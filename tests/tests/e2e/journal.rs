//! Entries on one device and on two: written, read, edited apart, erased.

use afterword_tests::Home;
use afterword_tests::home::text;

use super::support::{assert_same, body, heads, ids, meet, set_body};

#[test]
fn two_devices_tell_one_story() {
    let (laptop, _) = Home::init("laptop");
    let first = laptop.write("The interview", "I was late, and I said so.");
    let phone = Home::join(&laptop);
    assert_eq!(body(&phone, &first), "I was late, and I said so.");

    let second = phone.write("After it", "They called back.");
    set_body(&phone, &first, "I was late, and I said so. It was fine.");
    phone.ok(&["reflect", &first, "Being early is a kindness to myself."]);
    phone.ok(&["mark", &first, "feelings", "relief"]);
    meet(&phone, &laptop);

    let entry = laptop.show(&first);
    assert_eq!(entry["body"], "I was late, and I said so. It was fine.");
    assert_eq!(entry["reflections"][0]["text"], "Being early is a kindness to myself.");
    assert_eq!(entry["marks"]["feelings"][0], "relief");
    assert_eq!(text(&laptop.show(&second), "title"), "After it");
    assert_eq!(ids(&laptop), ids(&phone));
    let found = laptop.json(&["search", "called"]);
    assert_eq!((&found["total"], &found["hits"][0]["id"]), (&1.into(), &second.clone().into()));
    assert_same(&[&laptop, &phone]);
}

#[test]
fn edits_apart_to_different_words_both_survive() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("A paragraph", "The quick brown fox jumps over the lazy dog.");
    let phone = Home::join(&laptop);
    set_body(&laptop, &entry, "The slow brown fox jumps over the lazy dog.");
    set_body(&phone, &entry, "The quick brown fox jumps over the lazy 猫👩‍👩‍👧‍👦.");
    meet(&phone, &laptop);
    for home in [&laptop, &phone] {
        assert_eq!(body(home, &entry), "The slow brown fox jumps over the lazy 猫👩‍👩‍👧‍👦.");
    }
    assert_same(&[&laptop, &phone]);
}

#[test]
fn a_sync_that_lands_while_an_editor_is_open_is_kept() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Open", "one two three");
    let phone = Home::join(&laptop);
    let read_at = heads(&laptop, &entry);
    set_body(&phone, &entry, "one two three four");
    meet(&phone, &laptop);
    // What the editor holds knows nothing of `four`.
    laptop.json(&["edit", &entry, "--base", &read_at, "--body", "zero one two three"]);
    assert_eq!(body(&laptop, &entry), "zero one two three four");
    meet(&phone, &laptop);
    assert_eq!(body(&phone, &entry), "zero one two three four");
}

#[test]
fn an_erase_wins_over_an_edit_made_at_the_same_time() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Regret", "What nobody should read.");
    let kept = laptop.write("Kept", "This stays.");
    let phone = Home::join(&laptop);
    laptop.json(&["--yes", "erase", &entry]);
    assert_eq!(laptop.fails(&["show", &entry]).code, "not_found");
    set_body(&phone, &entry, "What nobody should read, with more of it.");
    let before = phone.holds().1;
    meet(&phone, &laptop);

    for home in [&laptop, &phone] {
        assert_eq!(home.fails(&["show", &entry]).code, "not_found");
        assert_eq!(ids(home), [kept.clone()].into());
        assert_eq!(home.json(&["search", "nobody"])["total"], 0);
    }
    // The late edit keeps its number in the phone's log on both.
    let after = laptop.holds().1;
    for (log, position) in before.as_object().unwrap() {
        assert!(after[log]["seq"].as_u64() >= position["seq"].as_u64(), "{before} {after}");
    }
    assert_same(&[&laptop, &phone]);

    // A third device hears of neither text.
    let tablet = Home::join(&phone);
    assert_eq!(tablet.fails(&["show", &entry]).code, "not_found");
    assert_same(&[&laptop, &tablet]);
}

#[test]
fn trash_and_earlier_readings_travel() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Draft", "first words");
    let then = heads(&laptop, &entry);
    set_body(&laptop, &entry, "second words");
    let phone = Home::join(&laptop);
    phone.json(&["restore", &entry, "--at", &then]);
    assert_eq!(body(&phone, &entry), "first words");
    phone.json(&["trash", &entry]);
    meet(&phone, &laptop);
    assert!(ids(&laptop).is_empty());
    assert_eq!(laptop.json(&["list", "--trash"])["entries"][0]["id"], entry);
    laptop.json(&["untrash", &entry]);
    assert_eq!(body(&laptop, &entry), "first words");
    assert!(laptop.json(&["history", &entry])["readings"].as_array().unwrap().len() >= 3);
}

#[test]
fn an_export_imported_elsewhere_gives_equal_entries_and_a_second_import_nothing() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("À la carte", "日記を書く 👍🏽 e\u{301}te\u{301}");
    laptop.ok(&["item", &entry, "add", "lesson", "Ask first."]);
    laptop.ok(&["reflect", &entry, "Later."]);
    let file = laptop.scratch().join("out.json");
    let file = file.to_str().unwrap();
    assert_eq!(laptop.json(&["export", file])["entries"], 1);

    let (other, _) = Home::init("other");
    assert_eq!(other.json(&["import", file])["created"], 1);
    let (was, is) = (laptop.show(&entry), other.show(&ids(&other).pop_first().unwrap()));
    for key in ["title", "body", "kind", "day", "happened", "marks", "states"] {
        assert_eq!(was[key], is[key], "{key}");
    }
    assert_eq!(was["items"][0]["text"], is["items"][0]["text"]);
    assert_eq!(was["reflections"][0]["text"], is["reflections"][0]["text"]);
    let again = other.json(&["import", file]);
    assert_eq!((&again["created"], &again["unchanged"]), (&0.into(), &1.into()), "{again}");
}
