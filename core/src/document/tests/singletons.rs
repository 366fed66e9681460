//! People and the library: the same first bytes everywhere, and nothing hidden when two devices meet.

use super::*;
use crate::document::{LibraryDocument, PeopleDocument};

#[test]
fn two_devices_that_never_met_hold_the_same_people_and_settings() {
    let mut entropy = Seeded::new(5);
    let (mut a, _) = PeopleDocument::load(actor(1), None, &[]).unwrap();
    let (mut b, _) = PeopleDocument::load(actor(2), None, &[]).unwrap();
    let (mary, from_a) = a.add(at(5), &mut entropy, "Mary").unwrap();
    let (tom, from_b) = b.add(at(5), &mut entropy, "Tom").unwrap();
    assert!(a.merge(&[&from_b]).unwrap().is_empty() && b.merge(&[&from_a]).unwrap().is_empty());
    let renamed = a.rename(at(6), &tom, "Tom B.").unwrap().unwrap();
    let aliased = b.set_alias(at(6), &tom, "T.", true).unwrap().unwrap();
    a.merge(&[&aliased]).unwrap();
    b.merge(&[&renamed]).unwrap();
    assert_eq!(a.people().unwrap(), b.people().unwrap());
    let people = a.people().unwrap();
    assert_eq!((people.get(&mary).unwrap().name.as_str(), people.get(&tom).unwrap().name.as_str()), ("Mary", "Tom B."));
    assert!(people.get(&tom).unwrap().aliases.contains("T."));
    assert_eq!(a.rename(at(7), &tom, "Tom B.").unwrap(), None);
    assert!(a.rename(at(7), "abcdefghij", "Nobody").is_err() && a.add(at(7), &mut entropy, "a@b").is_err());
    let (again, refused) = PeopleDocument::load(actor(3), Some(&a.save()), &[&from_a]).unwrap();
    assert!(refused.is_empty());
    assert_eq!(again.people().unwrap(), people);

    let (mut a, _) = LibraryDocument::load(actor(1), None, &[]).unwrap();
    let (mut b, _) = LibraryDocument::load(actor(2), None, &[]).unwrap();
    let x = a.set_setting(at(5), "language", Some("de")).unwrap().unwrap();
    let y = b.set_tag(at(5), "work", true).unwrap().unwrap();
    a.merge(&[&y]).unwrap();
    b.merge(&[&x]).unwrap();
    assert_eq!((a.setting("language").as_deref(), a.tags()), (Some("de"), vec!["work".to_owned()]));
    assert_eq!((a.setting("language"), a.tags(), a.heads()), (b.setting("language"), b.tags(), b.heads()));
    a.set_setting(at(6), "language", None).unwrap().unwrap();
    a.set_tag(at(6), "work", false).unwrap().unwrap();
    assert_eq!((a.setting("language"), a.tags().len()), (None, 0));
}
