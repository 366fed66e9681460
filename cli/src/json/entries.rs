//! Shapes about entries: `list`, `show`, `search`, `history`, `import`, `export`.

use std::collections::BTreeMap;

use afterword_core::id::{AttachmentId, ChangeHash};
use afterword_core::journal::{self, Audience, Boxed, Experiment, InnerState, MarkGroup};
use afterword_core::time::{Day, Precision, Timestamp};
use serde::Serialize;

/// Who stands behind a token, and how text reads with names in it.
pub trait Names {
    /// Text as a person reads and edits it: tokens as `@Name`.
    fn shown(&self, text: &str) -> String;
    /// The name behind a token, where it is known.
    fn name(&self, token: &str) -> Option<String>;
}

/// What `list` and `show` both say of an entry. (`attachments` is a number in one and the files in the other.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The entry.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its title.
    pub title: String,
    /// The day it is filed under.
    pub day: String,
    /// When it was begun.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Where its writer stands with it.
    pub states: Vec<&'static str>,
    /// Who can read it.
    pub audience: Audience,
    /// How many words it has.
    pub words: u64,
    /// Announced by another device and not here yet.
    pub arriving: bool,
}

/// One row of `list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What `show` says too.
    #[serde(flatten)]
    pub head: Head,
    /// How many attachments.
    pub attachments: u64,
}

/// `list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List {
    /// Newest first.
    pub entries: Vec<Row>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Entries that wait to be derived and may be missing or stale here.
    pub unread: u64,
    /// Ids of entries that are too large to be opened on this device.
    pub too_large: Vec<String>,
}

/// When it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// The day, month or year.
    pub date: Option<String>,
    /// How exactly it is known.
    pub precision: Precision,
}

/// Prose under a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its id.
    pub id: String,
    /// The prompt; empty for the main section.
    pub prompt: String,
    /// Its text.
    pub text: String,
}

/// A list line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub state: Option<&'static str>,
    /// A day that belongs to it.
    pub day: Option<String>,
}

/// A dated reflection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reflection {
    /// Its id.
    pub id: String,
    /// The day of reflecting.
    pub day: String,
    /// Its text.
    pub text: String,
}

/// A person in the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The token that stands in the text.
    pub token: String,
    /// The name, where it is known.
    pub name: Option<String>,
    /// Their part in it.
    pub role: Option<String>,
    /// Whether to reach them.
    pub contact: Option<String>,
}

/// A tie to another entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The other entry.
    pub entry: String,
    /// How they belong together.
    pub kind: &'static str,
}

/// A closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closure {
    /// Its id.
    pub id: String,
    /// The day of closing.
    pub day: String,
    /// How.
    pub kind: &'static str,
    /// The writer's note.
    pub note: String,
    /// The day it was reopened.
    pub reopened: Option<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its id.
    pub id: String,
    /// Media type.
    pub mime: String,
    /// Length.
    pub bytes: u64,
    /// Caption.
    pub caption: Option<String>,
    /// What the picture shows.
    pub alt: Option<String>,
    /// Whose it is.
    pub credit: Option<String>,
    /// Whether it may be part of a cut.
    pub publishable: bool,
    /// Whether its bytes are on this device.
    pub here: bool,
}

/// A published post of the entry. There are none until there is publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// The post.
    pub post: String,
    /// Its address.
    pub url: Option<String>,
    /// Where it stands.
    pub state: String,
}

/// An entry in full: a row's keys and everything else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What `list` says too.
    #[serde(flatten)]
    pub head: Head,
    /// The main section's text.
    pub body: String,
    /// How it was first told.
    pub first_telling: String,
    /// When it happened.
    pub happened: Happened,
    /// Prose, in order.
    pub sections: Vec<Section>,
    /// List lines, in order.
    pub items: Vec<Item>,
    /// Reflections, oldest first.
    pub reflections: Vec<Reflection>,
    /// Every group with its words, the empty ones too.
    pub marks: BTreeMap<&'static str, Vec<String>>,
    /// People.
    pub people: Vec<Person>,
    /// Ties.
    pub links: Vec<Link>,
    /// The experiment.
    pub experiment: Option<Experiment>,
    /// Closures, oldest first.
    pub closures: Vec<Closure>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// A day, or `by_hand`.
    pub boxed_until: Option<String>,
    /// Never shown unasked.
    pub muted: bool,
    /// Put away.
    pub trashed: bool,
    /// What comes next.
    pub next_move: Option<&'static str>,
    /// Whether it may never be published.
    pub sealed: bool,
    /// Its posts.
    pub posts: Vec<Post>,
    /// Its heads: the base of the next edit.
    pub heads: Vec<String>,
}

/// `show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Show {
    /// The entry.
    pub entry: Entry,
}

/// A state's one spelling.
pub fn state_word(state: InnerState) -> &'static str {
    match state {
        InnerState::Boxed => "boxed",
        InnerState::Raw => "raw",
        InnerState::Reflected => "reflected",
        InnerState::LivingWithIt => "living_with_it",
        InnerState::Closed => "closed",
        InnerState::Reopened => "reopened",
    }
}

/// The word of `boxed_until` for an entry that stays in its box until somebody takes it out.
pub const BY_HAND: &str = "by_hand";

impl Entry {
    /// An entry as `show` gives it: texts with names, states as of `today`, and which attachments `here` says are here.
    pub fn new(entry: &journal::Entry, names: &dyn Names, today: Day, here: &dyn Fn(&AttachmentId) -> bool) -> Self {
        let shown = |text: &str| names.shown(text);
        Self {
            head: Head {
                id: entry.id.to_string(),
                kind: entry.kind.as_str(),
                title: shown(&entry.title),
                day: entry.day().to_string(),
                created_at: entry.created_at.to_rfc3339(),
                updated_at: entry.updated_at.to_rfc3339(),
                states: entry.states(today).into_iter().map(state_word).collect(),
                audience: Audience::Private,
                words: entry.words() as u64,
                arriving: false,
            },
            body: shown(entry.body()),
            first_telling: shown(&entry.first_telling),
            happened: Happened { date: entry.happened.date.map(text), precision: entry.happened.precision },
            sections: entry
                .sections
                .iter()
                .map(|s| Section { id: text(s.id), prompt: s.prompt.clone(), text: shown(&s.text) })
                .collect(),
            items: entry
                .items
                .iter()
                .map(|i| Item {
                    id: text(i.id),
                    kind: i.kind.as_str(),
                    text: shown(&i.text),
                    state: i.state.map(|state| state.as_str()),
                    day: i.day.map(text),
                })
                .collect(),
            reflections: entry
                .reflections
                .iter()
                .map(|r| Reflection { id: text(r.id), day: text(r.day), text: shown(&r.text) })
                .collect(),
            marks: MarkGroup::ALL
                .iter()
                .map(|group| {
                    (group.as_str(), entry.marks.get(group).into_iter().flatten().cloned().collect::<Vec<_>>())
                })
                .collect(),
            people: entry
                .people
                .iter()
                .map(|p| Person {
                    token: p.token.clone(),
                    name: names.name(&p.token),
                    role: p.role.clone(),
                    contact: p.contact.clone(),
                })
                .collect(),
            links: entry.links.iter().map(|l| Link { entry: text(l.entry), kind: l.kind.as_str() }).collect(),
            experiment: entry.experiment.clone(),
            closures: entry
                .closures
                .iter()
                .map(|c| Closure {
                    id: text(c.id),
                    day: text(c.day),
                    kind: c.kind.as_str(),
                    note: shown(&c.note),
                    reopened: c.reopened.map(text),
                })
                .collect(),
            attachments: entry
                .attachments
                .iter()
                .map(|a| Attachment {
                    id: text(a.id),
                    mime: a.mime.clone(),
                    bytes: a.bytes,
                    caption: a.caption.clone(),
                    alt: a.alt.clone(),
                    credit: a.credit.clone(),
                    publishable: a.publishable,
                    here: here(&a.id),
                })
                .collect(),
            boxed_until: entry.boxed_until.map(|boxed| match boxed {
                Boxed::ByHand => BY_HAND.to_owned(),
                Boxed::Until(day) => day.to_string(),
            }),
            muted: entry.muted,
            trashed: entry.trashed,
            next_move: entry.next_move.map(|next| next.as_str()),
            sealed: !entry.seals.is_empty(),
            posts: Vec::new(),
            heads: strings(&entry.heads),
        }
    }
}

/// One hit of `search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The entry.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The day it is filed under.
    pub day: String,
    /// Where in the entry: title, body, section, item, reflection, closure.
    pub field: String,
    /// Text around the hit.
    pub excerpt: String,
    /// What matched in the excerpt, in Unicode code points.
    pub ranges: Vec<[usize; 2]>,
}

/// `search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search {
    /// What was asked.
    pub query: String,
    /// How many entries match, as far as was looked.
    pub total: u64,
    /// Whether there may be more than that.
    pub more: bool,
    /// Entries not yet indexed.
    pub unread: u64,
    /// Ids of entries that are too large to be opened on this device.
    pub too_large: Vec<String>,
    /// The best of them.
    pub hits: Vec<Hit>,
}

/// One earlier reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// What `restore --at` takes.
    pub heads: Vec<String>,
    /// When it was written.
    pub at: String,
    /// On which device, where that is known.
    pub device: Option<String>,
    /// What changed then.
    pub fields: Vec<String>,
}

impl Reading {
    /// A reading at these heads.
    pub fn new(heads: &[ChangeHash], at: Timestamp, device: Option<String>, fields: Vec<String>) -> Self {
        Self { heads: strings(heads), at: at.to_rfc3339(), device, fields }
    }
}

/// `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History {
    /// Newest first.
    pub readings: Vec<Reading>,
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

fn text(value: impl std::fmt::Display) -> String {
    value.to_string()
}

fn strings(ids: &[impl std::fmt::Display]) -> Vec<String> {
    ids.iter().map(text).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use afterword_core::id::{BlobId, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
    use afterword_core::journal::{ClosureKind, ItemKind, ItemState, Kind, LinkKind, NextMove};
    use serde_json::{Value, json, to_value};

    use super::super::tests::assert_shape;
    use super::*;

    const ROW: &str = r#"{"id","kind","title","day","created_at","updated_at","states":["raw"],
        "audience":"private|persons|public|withdrawn","words","attachments","arriving":false}"#;
    // CLI.md's `show`, with `list`'s keys where it says that they are.
    const SHOW: &str = r#"{"entry":{"id","kind","title","day","created_at","updated_at","states","audience","words",
        "arriving","body","first_telling","happened":{"date","precision"},"sections":[{"id","prompt","text"}],
        "items":[{"id","kind","text","state","day"}],"reflections":[{"id","day","text"}],
        "marks":{"areas":[],"nature":[],"feelings":[],"factors":[],"measured_against":[],"tags":[]},
        "people":[{"token","name","role","contact"}],"links":[{"entry","kind"}],"experiment":null,
        "closures":[{"id","day","kind","note","reopened"}],
        "attachments":[{"id","mime","bytes","caption","alt","credit","publishable","here":true}],
        "boxed_until","muted","trashed","next_move","sealed":false,"posts","heads":["…"]}}"#;

    /// Names as tests know them: one person.
    #[derive(Debug)]
    pub(crate) struct Bo;

    impl Names for Bo {
        fn shown(&self, text: &str) -> String {
            text.replace("{{p:aaaaaaaaaa}}", "@Bo")
        }

        fn name(&self, token: &str) -> Option<String> {
            (token == "aaaaaaaaaa").then(|| "Bo".to_owned())
        }
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

    fn show(entry: &journal::Entry) -> Show {
        Show { entry: Entry::new(entry, &Bo, "2024-10-01".parse().unwrap(), &|_| true) }
    }

    #[test]
    fn show_has_the_contracts_keys_and_list_is_part_of_it() {
        let mut entry = show(&full_entry());
        let row = Row { head: entry.entry.head.clone(), attachments: 1 };
        assert_shape(ROW, &row);
        let list = List { entries: vec![row], next: None, unread: 0, too_large: vec![] };
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
        let hit = Hit {
            id: String::new(),
            title: String::new(),
            day: String::new(),
            field: "body".into(),
            excerpt: String::new(),
            ranges: vec![[0, 4]],
        };
        assert_shape(
            r#"{"query","total","more":false,"unread":0,"too_large":[],"hits":[{"id","title","day","field","excerpt","ranges":[[0,4]]}]}"#,
            &Search { query: "q".into(), total: 1, more: false, unread: 0, too_large: vec![], hits: vec![hit] },
        );
        let reading = Reading::new(&[ChangeHash::from_bytes([1; 32])], Timestamp(0), None, vec!["body".into()]);
        assert_shape(
            r#"{"readings":[{"heads":["…"],"at","device","fields":["…"]}]}"#,
            &History { readings: vec![reading] },
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
