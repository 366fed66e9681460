//! From an [`Entry`] back to a document: what an export wrote, made again with the ids it had.
//!
//! Nothing here chooses an id. Reflections, closures and attachments are given places in the order in which they stand,
//! since a reading holds their order and not their places.

use automerge::ScalarValue;

use super::bounds::MAX_LINE;
use super::error::DocumentError;
use super::order;
use super::schema::{NEVER_PUBLISH, key};
use super::transaction::{EntryTransaction, within};
use crate::journal::{Attachment, Closure, Entry, Item, MAIN_SECTION, Reflection};

/// What every entry has.
pub(super) fn beginning(editor: &mut EntryTransaction<'_, '_>, entry: &Entry) -> Result<(), DocumentError> {
    let main = entry.sections.iter().find(|section| section.id == MAIN_SECTION);
    let body = main.map_or("", |section| section.text.as_str());
    editor.begin(entry.kind, &entry.title, &entry.first_telling, body)
}

/// Everything else. Always writes something: that the day is known, or that it is not.
pub(super) fn everything_else(editor: &mut EntryTransaction<'_, '_>, entry: &Entry) -> Result<(), DocumentError> {
    editor.set_happened(entry.happened.date)?;
    for section in entry.sections.iter().filter(|section| section.id != MAIN_SECTION) {
        editor.new_section(section.id, &section.prompt, &section.order, &section.text)?;
    }
    entry.items.iter().try_for_each(|one| item(editor, one))?;
    let mut places = Places::default();
    entry.reflections.iter().try_for_each(|one| reflection(editor, one, &places.next()))?;
    for (group, words) in &entry.marks {
        words.iter().try_for_each(|word| editor.mark(*group, word))?;
    }
    for person in &entry.people {
        editor.set_person(&person.token, person.role.as_deref(), person.contact.as_deref())?;
    }
    entry.links.iter().try_for_each(|link| editor.link(link.entry, link.kind))?;
    if let Some(experiment) = &entry.experiment {
        editor.set_experiment(experiment)?;
    }
    let mut places = Places::default();
    entry.closures.iter().try_for_each(|one| closure(editor, one, &places.next()))?;
    let mut places = Places::default();
    entry.attachments.iter().try_for_each(|one| attachment(editor, one, &places.next()))?;
    if let Some(until) = entry.boxed_until {
        editor.set_box(until)?;
    }
    editor.set_flag(key::MUTED, entry.muted)?;
    editor.set_flag(key::TRASHED, entry.trashed)?;
    editor.set_next_move(entry.next_move)?;
    let seals = editor.container(key::SEALS)?;
    entry.seals.iter().try_for_each(|seal| editor.put(&seals, &seal.to_string(), NEVER_PUBLISH))
}

/// Places one after another.
#[derive(Default)]
struct Places(Option<String>);

impl Places {
    fn next(&mut self) -> String {
        let next = order::between(self.0.as_deref(), None);
        self.0 = Some(next.clone());
        next
    }
}

fn item(editor: &mut EntryTransaction<'_, '_>, item: &Item) -> Result<(), DocumentError> {
    let maps = editor.new_part(key::ITEMS, &item.id.to_string())?;
    editor.put(&maps, key::KIND, item.kind.as_str())?;
    editor.put(&maps, key::ORDER, item.order.as_str())?;
    editor.new_text(&maps[0], key::TEXT, "item", &item.text)?;
    editor.set_item_state(item.id, item.state)?;
    editor.set_item_day(item.id, item.day)
}

fn reflection(
    editor: &mut EntryTransaction<'_, '_>,
    reflection: &Reflection,
    place: &str,
) -> Result<(), DocumentError> {
    let maps = editor.new_part(key::REFLECTIONS, &reflection.id.to_string())?;
    editor.put(&maps, key::DAY, reflection.day.to_string())?;
    editor.put(&maps, key::ORDER, place)?;
    editor.new_text(&maps[0], key::TEXT, "reflection", &reflection.text)
}

fn closure(editor: &mut EntryTransaction<'_, '_>, closure: &Closure, place: &str) -> Result<(), DocumentError> {
    within(&closure.note, "note", MAX_LINE)?;
    let maps = editor.new_part(key::CLOSURES, &closure.id.to_string())?;
    editor.put(&maps, key::DAY, closure.day.to_string())?;
    editor.put(&maps, key::KIND, closure.kind.as_str())?;
    editor.put(&maps, key::ORDER, place)?;
    editor.put(&maps, key::NOTE, closure.note.as_str())?;
    closure.reopened.map_or(Ok(()), |day| editor.reopen(closure.id, day))
}

fn attachment(
    editor: &mut EntryTransaction<'_, '_>,
    attachment: &Attachment,
    place: &str,
) -> Result<(), DocumentError> {
    let bytes = i64::try_from(attachment.bytes).map_err(|_| DocumentError::Invalid("length"))?;
    within(&attachment.mime, "media type", MAX_LINE)?;
    let maps = editor.new_part(key::ATTACHMENTS, &attachment.id.to_string())?;
    editor.put(&maps, key::BLOB, ScalarValue::Bytes(attachment.blob.as_bytes().to_vec()))?;
    editor.put(&maps, key::MIME, attachment.mime.as_str())?;
    editor.put(&maps, key::BYTES, bytes)?;
    editor.put(&maps, key::ORDER, place)?;
    editor.put(&maps, key::PUBLISHABLE, attachment.publishable)?;
    editor.set_words(&maps, key::CAPTION, attachment.caption.as_deref())?;
    editor.set_words(&maps, key::ALT, attachment.alt.as_deref())?;
    editor.set_words(&maps, key::CREDIT, attachment.credit.as_deref())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::{Seeded, actor};
    use super::super::{Actor, EntryDocument};
    use crate::id::{AttachmentId, BlobId, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
    use crate::journal::{
        Attachment, Boxed, Closure, ClosureKind, Entry, Experiment, Happened, Item, ItemKind, ItemState, Kind, Link,
        LinkKind, MarkGroup, NextMove, PersonInText, Reflection, Section,
    };
    use crate::time::{Precision, Timestamp};

    fn full() -> Entry {
        let section = |id: u8, prompt: &str, order: &str, text: &str| Section {
            id: SectionId::from_bytes([id; 16]),
            prompt: prompt.into(),
            order: order.into(),
            text: text.into(),
        };
        let reflection = |id: u8, text: &str| Reflection {
            id: ReflectionId::from_bytes([id; 16]),
            day: "2024-07-01".parse().unwrap(),
            text: text.into(),
        };
        let closure = |id: u8, reopened: Option<&str>| Closure {
            id: ClosureId::from_bytes([id; 16]),
            day: "2024-08".parse().unwrap(),
            kind: ClosureKind::LetGo,
            note: "enough".into(),
            reopened: reopened.map(|day| day.parse().unwrap()),
        };
        let attachment = |id: u8, publishable| Attachment {
            id: AttachmentId::from_bytes([id; 16]),
            blob: BlobId::from_bytes([id; 32]),
            mime: "image/png".into(),
            bytes: 3,
            caption: Some("c".into()),
            alt: None,
            credit: Some("me".into()),
            publishable,
        };
        Entry {
            id: EntryId::from_bytes([1; 16]),
            kind: Kind::Failure,
            title: "Lunch with {{p:aaaaaaaaaa}} 👩‍👩‍👧".into(),
            first_telling: "It went wrong.".into(),
            happened: Happened { date: "2024-05".parse().ok(), precision: Precision::Month },
            sections: vec![
                section(0, "", "", "It went wrong.\n\nThen better."),
                section(3, "What did I hope?", "B", "A quiet hour."),
                section(2, "And now?", "C", ""),
            ],
            items: [("z", 9), ("zz", 4)]
                .map(|(order, id)| Item {
                    id: ItemId::from_bytes([id; 16]),
                    kind: ItemKind::Repair,
                    text: "Call".into(),
                    state: Some(ItemState::Done),
                    day: "2024-06-01".parse().ok(),
                    order: order.into(),
                })
                .into(),
            // Of one day, and not in the order of their ids.
            reflections: vec![reflection(9, "first"), reflection(5, "second"), reflection(7, "third")],
            marks: [
                (MarkGroup::Feelings, BTreeSet::from(["shame".to_owned(), "relief".to_owned()])),
                (MarkGroup::Tags, BTreeSet::from(["work".to_owned()])),
            ]
            .into(),
            people: vec![PersonInText { token: "aaaaaaaaaa".into(), role: Some("friend".into()), contact: None }],
            links: vec![Link { entry: EntryId::from_bytes([6; 16]), kind: LinkKind::Repeats }],
            experiment: Some(Experiment {
                prediction: Some("worst".into()),
                fear_before: Some(7),
                attempted: Some(false),
                ..Experiment::default()
            }),
            closures: vec![closure(7, Some("2024-09-01")), closure(3, None)],
            attachments: vec![attachment(8, true), attachment(2, false)],
            boxed_until: Some(Boxed::ByHand),
            muted: true,
            trashed: true,
            next_move: Some(NextMove::Around),
            seals: BTreeSet::from([SealId::from_bytes([4; 16]), SealId::from_bytes([5; 16])]),
            created_at: Timestamp(1_700_000_000_000),
            updated_at: Timestamp(1_700_000_900_000),
            heads: vec![],
        }
    }

    fn again(entry: &Entry, by: Actor) -> (Entry, usize) {
        let (document, chunks) = EntryDocument::recreate(entry, by, &mut Seeded::new(3)).unwrap();
        let chunks_read: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let loaded = EntryDocument::load(entry.id, actor(9), None, &chunks_read).unwrap();
        assert!(loaded.refused.is_empty(), "its changes are sound");
        assert_eq!(loaded.document.entry().unwrap(), document.entry().unwrap());
        let mut read = document.entry().unwrap();
        read.heads.clear();
        (read, chunks.len())
    }

    #[test]
    fn an_entry_made_again_reads_equal() {
        let entry = full();
        assert_eq!(again(&entry, actor(1)), (entry, 2));
    }

    #[test]
    fn an_entry_of_one_change_is_one_change_again() {
        let mut entry = full();
        entry.updated_at = entry.created_at;
        assert_eq!(again(&entry, actor(1)), (entry.clone(), 1));
        // Next to nothing in it, but touched later: still two times.
        let bare = EntryDocument::create(
            entry.id,
            actor(2),
            Timestamp(5000),
            &super::super::tests::note(""),
            &mut Seeded::new(1),
        );
        let mut bare = bare.unwrap().0.entry().unwrap();
        bare.heads.clear();
        bare.updated_at = Timestamp(9000);
        assert_eq!(again(&bare, actor(1)), (bare, 2));
    }

    #[test]
    fn an_edit_after_it_goes_on_as_usual() {
        let entry = full();
        let (mut document, _) = EntryDocument::recreate(&entry, actor(1), &mut Seeded::new(3)).unwrap();
        let (_, change) = document
            .edit_with(Timestamp(1_800_000_000_000), &mut Seeded::new(4), |editor| {
                editor.add_reflection("2024-07-01".parse().unwrap(), "fourth")
            })
            .unwrap();
        assert_eq!(change.len(), 1);
        let texts: Vec<_> = document.entry().unwrap().reflections.into_iter().map(|one| one.text).collect();
        assert_eq!(texts, ["first", "second", "third", "fourth"]);
    }
}
