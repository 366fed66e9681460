//! Two people at one entry: nothing that either wrote is lost, and every device reads the same.

use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::id::ChangeHash;
use crate::journal::edit::{Edit, TextField};
use crate::journal::{ItemKind, MarkGroup};

/// Two devices edit one text apart, from the same base, and meet.
fn apart(base_text: &str, left: &str, right: &str) -> String {
    let (mut a, first) = begin(base_text);
    let mut b = other(2, &[&first]);
    let base = a.heads();
    let (_, from_a) = edit(&mut a, |e| e.set_text(TextField::Body, &base, left));
    let (_, from_b) = edit(&mut b, |e| e.set_text(TextField::Body, &base, right));
    a.merge(&[&from_b]).unwrap();
    b.merge(&[&from_a]).unwrap();
    same(&a, &b).body().to_owned()
}

#[test]
fn edits_of_different_words_of_one_paragraph_both_survive() {
    assert_eq!(
        apart(
            "The cat sat on the mat and was very happy about it.",
            "The black cat sat on the mat and was very happy about it.",
            "The cat sat on the rug and was rather happy about it.",
        ),
        "The black cat sat on the rug and was rather happy about it."
    );
    assert_eq!(apart("one two three", "two three", "one two three four"), "two three four");
    assert_eq!(apart("今天下雨了。", "今天下大雨了。", "昨天下雨了。"), "昨天下大雨了。");
    assert_eq!(apart("שלום עולם גדול", "שלום עולם קטן", "היי עולם גדול"), "היי עולם קטן");
}

#[test]
fn characters_stay_whole_where_two_edits_meet() {
    let cases = [
        ("a 👩‍👩‍👧 b", "a 👩‍👩 b", "a 👩‍👩‍👧‍👦 b"),
        ("cafe", "cafe\u{301}", "cafes"),
        ("🇩🇪🇫🇷", "🇩🇰🇫🇷", "🇩🇪🇮🇹"),
        ("ok 👍", "ok 👍🏽", "ok 👍🏿"),
        ("각각", "가각", "각간"),
    ];
    for (base, left, right) in cases {
        let merged = apart(base, left, right);
        let known: Vec<&str> = [base, left, right].iter().flat_map(|text| text.graphemes(true)).collect();
        assert!(merged.graphemes(true).all(|character| known.contains(&character)), "{merged}");
    }
}

#[test]
fn a_writer_on_an_old_base_meets_what_came_in_meanwhile() {
    let (mut a, first) = begin("One. Two. Three.");
    let mut b = other(2, &[&first]);
    let opened = a.heads();
    let (_, from_b) = edit(&mut b, |e| e.set_text(TextField::Body, &opened, "One. Two and a half. Three. 👩‍👧"));
    a.merge(&[&from_b]).unwrap();
    let (now, from_a) = edit(&mut a, |e| e.set_text(TextField::Body, &opened, "Uno. Two. Three. Four."));
    assert_eq!(now, "Uno. Two and a half. Three. 👩‍👧 Four.");
    b.merge(&[&from_a]).unwrap();
    assert_eq!(same(&a, &b).body(), now);
    // Writing what was read, unchanged, on the old base takes nothing back.
    let (said, changes) =
        a.edit_with(at(9), &mut Seeded::new(4), |e| e.set_text(TextField::Body, &opened, "One. Two. Three.")).unwrap();
    assert_eq!((said, changes), (now, vec![]));
}

#[test]
fn several_texts_from_several_bases_are_one_change() {
    let (mut a, _) = begin("Body one.");
    let first = a.heads();
    edit(&mut a, |e| e.set_text(TextField::Body, &first, "Body one. Body two."));
    let second = a.heads();
    let (_, change) = edit(&mut a, |e| {
        e.set_text(TextField::Title, &first, "Another title")?;
        e.set_text(TextField::Body, &second, "Body one. Body 2.")?;
        // Twice in one edit, the second time still on what the writer had read.
        e.set_text(TextField::Body, &second, "Body one! Body two.")
    });
    assert_eq!(a.entry().unwrap().body(), "Body one! Body 2.");
    assert_eq!(crate::document::ChangeHeader::parse(&change).unwrap().deps, second);
}

#[test]
fn concurrent_marks_items_and_trash_end_alike() {
    let (mut a, first) = begin("Body.");
    let (_, marked) = edit(&mut a, |e| e.mark(MarkGroup::Tags, "exam"));
    let mut b = other(2, &[&first, &marked]);
    let (_, from_a) = edit(&mut a, |e| {
        e.unmark(MarkGroup::Tags, "exam")?;
        e.add_item(ItemKind::Lesson, "From a")?;
        e.mark(MarkGroup::Tags, "new")
    });
    let (_, from_b) = edit(&mut b, |e| {
        e.unmark(MarkGroup::Tags, "exam")?;
        e.mark(MarkGroup::Tags, "exam")?;
        e.add_item(ItemKind::Lesson, "From b")?;
        e.mark(MarkGroup::Tags, "new")
    });
    a.merge(&[&from_b]).unwrap();
    b.merge(&[&from_a]).unwrap();
    let entry = same(&a, &b);
    assert!(entry.marks[&MarkGroup::Tags].iter().eq(["exam", "new"]), "adding wins");
    assert_eq!(entry.items.len(), 2);

    // Untrash, and trash again by a device that had not seen it: put away.
    let (_, trashed) = edit(&mut a, |e| e.set_trashed(true));
    b.merge(&[&trashed]).unwrap();
    let (_, from_a) = edit(&mut a, |e| e.set_trashed(false));
    let (_, from_b) = edit(&mut b, |e| {
        e.set_trashed(false)?;
        e.set_trashed(true)
    });
    a.merge(&[&from_b]).unwrap();
    b.merge(&[&from_a]).unwrap();
    assert!(same(&a, &b).trashed);
}

#[test]
fn two_devices_naming_one_person_at_once_name_one() {
    let (mut a, first) = begin("Body.");
    let mut b = other(2, &[&first]);
    let (_, from_a) = edit(&mut a, |e| e.set_person("abcdefghi2", Some("boss"), None));
    let (_, from_b) = edit(&mut b, |e| e.set_person("abcdefghi2", None, Some("not now")));
    a.merge(&[&from_b]).unwrap();
    b.merge(&[&from_a]).unwrap();
    let person = same(&a, &b).people[0].clone();
    assert_eq!((person.role.as_deref(), person.contact.as_deref()), (Some("boss"), Some("not now")));
    let (_, change) = edit(&mut a, |e| e.set_person("abcdefghi2", None, Some("soon")));
    b.merge(&[&change]).unwrap();
    let person = same(&a, &b).people[0].clone();
    assert_eq!((person.role, person.contact.as_deref()), (None, Some("soon")));
}

/// Random edits on three devices, delivered in random order and more than once: every device, and every device that
/// loads all changes in any order, reads the same; and every word that was typed and never taken back is there.
#[test]
fn any_order_of_delivery_ends_in_the_same_entry() {
    let words = ["red", "blue", "雨", "👩‍👧", "e\u{301}", "שלום", "\n", "end."];
    for seed in 0..40 {
        let mut rng = Seeded::new(seed);
        let (a, first) = begin("Once upon a time there was a short text.");
        let mut devices = vec![a, other(2, &[&first]), other(3, &[&first])];
        let mut changes = vec![first];
        for step in 0..40 {
            let n = rng.below(3);
            if rng.below(3) == 0 {
                // In causal order, some of them again.
                let some: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
                assert!(devices[n].merge(&some).unwrap().is_empty(), "seed {seed}");
                continue;
            }
            let bases: Vec<_> = devices[n].readings().unwrap();
            let base = bases[rng.below(bases.len())].heads.clone();
            let text = devices[n].entry_at(&base).unwrap().body().to_owned();
            let mut tokens: Vec<&str> = text.split_inclusive(' ').collect();
            let place = rng.below(tokens.len() + 1);
            if rng.below(3) == 0 && place < tokens.len() {
                tokens.remove(place);
            } else {
                tokens.insert(place, words[rng.below(words.len())]);
            }
            let text = tokens.concat();
            let choice = rng.below(5);
            let mut entry = devices[n].entry().unwrap();
            let set = |field, base: &[ChangeHash]| Edit::SetText { field, base: base.to_vec(), text: text.clone() };
            let edits = match choice {
                0 => vec![Edit::Mark(MarkGroup::Tags, ["x", "y"][step as usize % 2].into())],
                1 => vec![Edit::Unmark(MarkGroup::Tags, "x".into())],
                2 => vec![Edit::AddItem { kind: ItemKind::Want, text: text.clone() }],
                // Two texts, the first of them on what is there now.
                3 => vec![set(TextField::Title, &entry.heads), set(TextField::Body, &base)],
                _ => vec![set(TextField::Body, &base)],
            };
            let written = devices[n].edit_read(&mut entry, at(3000 + step), &mut rng, &edits).unwrap().changes;
            assert_eq!(entry, devices[n].entry().unwrap(), "seed {seed}");
            changes.extend(written);
        }
        let all: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
        for device in &mut devices {
            device.merge(&all).unwrap();
        }
        same(&devices[0], &devices[1]);
        let entry = same(&devices[1], &devices[2]);
        let mut shuffled = all.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, rng.below(at + 1));
        }
        let loaded = EntryDocument::load(ID, actor(9), None, &shuffled).unwrap();
        assert!(loaded.refused.is_empty());
        assert_eq!(loaded.document.entry().unwrap(), entry, "seed {seed}");
        let (half, rest) = all.split_at(all.len() / 2);
        let snapshot = EntryDocument::load(ID, actor(8), None, half).unwrap().document.save();
        let loaded = EntryDocument::load(ID, actor(9), Some(&snapshot), rest).unwrap();
        assert_eq!(loaded.document.entry().unwrap(), entry, "seed {seed}");
    }
}
