//! Shapes about entries. `list`, `show`, `search` and `history` are core's views; here stands what wraps them, and what
//! other commands print: `import`, `export`.

use afterword_core::engine::SearchView;
use afterword_core::journal::view::EntryView;
use serde::Serialize;

/// `show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Show {
    /// The entry.
    pub entry: EntryView,
}

/// `search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search {
    /// What was asked.
    pub query: String,
    /// What was found.
    #[serde(flatten)]
    pub found: SearchView,
}

/// Something an import did not understand or could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportProblem {
    /// The file, inside what was imported.
    pub path: String,
    /// Why, and what became of it.
    pub reason: String,
}

/// `import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Entries that are new.
    pub created: u64,
    /// Entries that the journal already had.
    pub unchanged: u64,
    /// Attachments that came along.
    pub attachments: u64,
    /// What was not understood.
    pub problems: Vec<ImportProblem>,
    /// The files beside it that came along, where one file was imported: it alone said which. Null for a folder or an export,
    /// which its owner chose whole.
    pub taken: Option<Vec<ImportedFile>>,
}

/// A file that an imported one brought along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedFile {
    /// The file, relative to the folder of the one that was imported.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
}

/// `export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Where it went.
    pub path: String,
    /// How many entries.
    pub entries: u64,
    /// How many attachments.
    pub attachments: u64,
    /// How many bytes were written.
    pub bytes: u64,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use afterword_core::engine::ListView;
    use afterword_core::id::{
        AttachmentId, BlobId, ChangeHash, ClosureId, DeviceId, EntryId, ItemId, ReflectionId, SealId, SectionId,
    };
    use afterword_core::journal;
    use afterword_core::journal::people::{People, Person};
    use afterword_core::journal::view::{HistoryView, HitView, ReadingView, RowView, TextRange};
    use afterword_core::journal::{
        Boxed, ClosureKind, Experiment, ItemKind, ItemState, Kind, LinkKind, MarkGroup, NextMove,
    };
    use afterword_core::time::{Precision, Timestamp};
    use serde_json::{Value, json, to_value};

    use super::super::tests::assert_shape;
    use super::*;

    const ROW: &str = r#"{"id","kind","title","day","created_at","updated_at","states":["raw"],
        "audience":"private|persons|public|withdrawn","words","attachments","arriving":false}"#;
    // CLI.md's `show`, with `list`'s keys where it says that they are.
    const SHOW: &str = r#"{"entry":{"id","kind","title","day","created_at","updated_at","states","audience","words",
        "arriving","body","first_telling","happened":{"date","precision"},"sections":[{"id","prompt","text","order"}],
        "items":[{"id","kind","text","state","day","order"}],"reflections":[{"id","day","text"}],
        "marks":{"areas":[],"nature":[],"feelings":[],"factors":[],"measured_against":[],"tags":[]},
        "people":[{"token","name","role","contact"}],"links":[{"entry","kind"}],"experiment":null,
        "closures":[{"id","day","kind","note","reopened"}],
        "attachments":[{"id","mime","bytes","caption","alt","credit","publishable","here":true}],
        "boxed_until","muted","trashed","next_move","sealed":false,"seals":["…"],"posts","heads":["…"],"unreadable"}}"#;

    /// People as tests know them: one.
    pub(crate) fn bo() -> People {
        let aliases = BTreeSet::from(["Robert".to_owned()]);
        [Person { token: "aaaaaaaaaa".into(), name: "Bo".into(), aliases }].into_iter().collect()
    }

    /// An entry with something in every field.
    pub(crate) fn full_entry() -> journal::Entry {
        journal::Entry {
            id: EntryId::from_bytes([1; 16]),
            kind: Kind::Failure,
            title: "Lunch with {{p:aaaaaaaaaa}}".into(),
            first_telling: "It went wrong.".into(),
            happened: journal::Happened { date: "2024-05".parse().ok(), precision: Precision::Month },
            sections: vec![
                journal::Section {
                    id: SectionId::from_bytes([2; 16]),
                    prompt: String::new(),
                    order: "a".into(),
                    text: "It went wrong.\n\nThen better.".into(),
                },
                journal::Section {
                    id: SectionId::from_bytes([3; 16]),
                    prompt: "What did I hope?".into(),
                    order: "b".into(),
                    text: "A quiet hour.".into(),
                },
            ],
            items: vec![journal::Item {
                id: ItemId::from_bytes([4; 16]),
                kind: ItemKind::Repair,
                text: "Call {{p:aaaaaaaaaa}}".into(),
                state: Some(ItemState::Done),
                day: "2024-06-01".parse().ok(),
                order: "a".into(),
            }],
            reflections: vec![journal::Reflection {
                id: ReflectionId::from_bytes([5; 16]),
                day: "2024-07-01".parse().unwrap(),
                text: "It was smaller than it looked.".into(),
            }],
            marks: [(MarkGroup::Feelings, BTreeSet::from(["shame".to_owned(), "relief".to_owned()]))].into(),
            people: vec![journal::PersonInText {
                token: "aaaaaaaaaa".into(),
                role: Some("friend".into()),
                contact: None,
            }],
            links: vec![journal::Link { entry: EntryId::from_bytes([6; 16]), kind: LinkKind::Repeats }],
            experiment: Some(Experiment { prediction: Some("worst".into()), ..Experiment::default() }),
            closures: vec![journal::Closure {
                id: ClosureId::from_bytes([7; 16]),
                day: "2024-08-01".parse().unwrap(),
                kind: ClosureKind::LetGo,
                note: "enough".into(),
                reopened: "2024-09-01".parse().ok(),
            }],
            attachments: vec![journal::Attachment {
                id: AttachmentId::from_bytes([8; 16]),
                blob: BlobId::from_bytes([9; 32]),
                mime: "image/png".into(),
                bytes: 3,
                caption: Some("c".into()),
                alt: None,
                credit: None,
                publishable: false,
            }],
            boxed_until: Some(Boxed::ByHand),
            muted: true,
            trashed: false,
            next_move: Some(NextMove::Rest),
            seals: BTreeSet::from([SealId::from_bytes([10; 16])]),
            created_at: Timestamp(1_700_000_000_000),
            updated_at: Timestamp(1_700_000_100_000),
            heads: vec![ChangeHash::from_bytes([11; 32])],
        }
    }

    /// What `show` says of an entry on a day in 2024.
    pub(crate) fn view(entry: &journal::Entry, here: bool) -> EntryView {
        let here: Vec<_> = entry.attachments.iter().map(|file| file.blob).filter(|_| here).collect();
        EntryView::new(entry, &bo(), "2024-10-01".parse().unwrap(), &here)
    }

    /// What `list` says of the same.
    pub(crate) fn row(entry: &journal::Entry) -> RowView {
        RowView {
            attachments: entry.attachments.len() as u64,
            ..afterword_core::replication::ListRow::of(entry).view(&bo(), "2024-10-01".parse().unwrap())
        }
    }

    fn show(entry: &journal::Entry) -> Show {
        Show { entry: view(entry, true) }
    }

    #[test]
    fn show_has_the_contracts_keys_and_list_is_part_of_it() {
        let mut entry = show(&full_entry());
        let row = row(&full_entry());
        assert_shape(ROW, &row);
        let (row_json, entry_json) = (to_value(&row).unwrap(), to_value(&entry.entry).unwrap());
        for (key, value) in row_json.as_object().unwrap().iter().filter(|(key, _)| *key != "attachments") {
            assert_eq!(&entry_json[key], value, "{key}");
        }
        let list = ListView { entries: vec![row], next: None, unread: 0, too_large: vec![] };
        assert_shape(&format!(r#"{{"entries":[{ROW}],"next":null,"unread":0,"too_large":[]}}"#), &list);
        entry.entry.experiment = None;
        assert_shape(SHOW, &entry);
    }

    #[test]
    fn an_empty_entry_has_the_same_keys() {
        let full = full_entry();
        let empty = journal::Entry {
            title: String::new(),
            happened: journal::Happened { date: None, precision: Precision::Unknown },
            sections: vec![],
            items: vec![],
            reflections: vec![],
            marks: BTreeMap::new(),
            people: vec![],
            links: vec![],
            experiment: None,
            closures: vec![],
            attachments: vec![],
            boxed_until: None,
            muted: false,
            next_move: None,
            seals: BTreeSet::new(),
            ..full.clone()
        };
        let (empty, full) = (to_value(show(&empty)).unwrap(), to_value(show(&full)).unwrap());
        let top = |value: &Value| value["entry"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(top(&empty), top(&full));
        let entry = &empty["entry"];
        for key in ["boxed_until", "next_move", "experiment"] {
            assert_eq!(entry[key], Value::Null, "{key}");
        }
        assert_eq!(entry["happened"], json!({"date": null, "precision": "unknown"}));
        assert_eq!(entry["marks"]["feelings"], json!([]));
        assert_eq!(entry["day"], "2023-11-14");
        assert_eq!(entry["states"], json!(["raw"]));
    }

    #[test]
    fn show_reads_as_a_person_reads() {
        let entry = &to_value(show(&full_entry())).unwrap()["entry"];
        assert_eq!(entry["title"], "Lunch with @Bo");
        assert_eq!(entry["items"][0]["text"], "Call @Bo");
        assert_eq!(entry["people"][0], json!({"token":"aaaaaaaaaa","name":"Bo","role":"friend","contact":null}));
        assert_eq!(entry["body"], "It went wrong.\n\nThen better.");
        assert_eq!(entry["states"], json!(["boxed", "reflected", "reopened"]));
        assert_eq!(entry["boxed_until"], "by_hand");
        assert_eq!(entry["sealed"], true);
        assert_eq!(entry["attachments"][0]["here"], true);
        // `attachments` is in `list` a number and in `show` the attachments themselves; JSON objects hold it once.
        let text = serde_json::to_string(&show(&full_entry())).unwrap();
        assert_eq!(text.matches("\"attachments\":").count(), 1, "{text}");
        assert!(entry["attachments"].is_array());
    }

    #[test]
    fn the_rest_of_the_entry_shapes() {
        let hit = HitView {
            id: EntryId::from_bytes([1; 16]),
            title: String::new(),
            day: "2024".parse().unwrap(),
            field: "body".into(),
            excerpt: String::new(),
            ranges: vec![TextRange { start: 0, end: 4 }],
        };
        let found = SearchView { total: 1, more: false, unread: 0, too_large: vec![], hits: vec![hit] };
        let search = Search { query: "q".into(), found };
        assert_shape(
            r#"{"query","total","more":false,"unread":0,"too_large":[],"hits":[{"id","title","day","field","excerpt","ranges":[[0,4]]}]}"#,
            &search,
        );
        assert_eq!(to_value(&search).unwrap()["hits"][0]["ranges"], json!([[0, 4]]));
        let reading = ReadingView {
            heads: vec![ChangeHash::from_bytes([1; 32])],
            at: Timestamp(0),
            device: DeviceId::from_bytes([2; 32]),
            name: None,
            fields: vec!["body".into()],
        };
        assert_shape(
            r#"{"readings":[{"heads":["…"],"at","device","name","fields":["…"]}]}"#,
            &HistoryView { readings: vec![reading] },
        );
        assert_shape(
            r#"{"created","unchanged","attachments","problems":[{"path","reason"}],"taken":[{"path","bytes"}]}"#,
            &Imported {
                created: 0,
                unchanged: 0,
                attachments: 0,
                problems: vec![ImportProblem { path: "a".into(), reason: "b".into() }],
                taken: Some(vec![ImportedFile { path: String::new(), bytes: 0 }]),
            },
        );
        assert_shape(
            r#"{"path","entries","attachments","bytes"}"#,
            &Exported { path: "p".into(), entries: 0, attachments: 0, bytes: 0 },
        );
    }
}
