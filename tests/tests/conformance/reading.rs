//! What is read means the same in the laptop program's JSON and on a phone, field by field.

use afterword_core::journal;
use afterword_core::time::{Day, Timestamp};
use afterword_ffi::{
    Attachment, BoxedUntil, Closure, EarlierReading, Entry, Experiment, Item, JoinedJournal, Link, ListPage, ListRow,
    Mark, Newcomer, Pairing, PersonPart, Reflection, SearchHit, SearchPage, Section,
};
use afterword_tests::home::{Home as Laptop, text as word};
use serde_json::{Map, Value, json};

use super::meeting::steps;
use super::*;

const ID: &str = "01010101010101010101010101010101";

/// An export of one entry with something in every field, and of two people of one name.
fn export() -> Value {
    let id = |byte: &str| byte.repeat(16);
    json!({
        "afterword_export": 1,
        "people": [{"token": "aaaaaaaaaa", "name": "Bo", "aliases": []}, {"token": "bbbbbbbbbb", "name": "Bo", "aliases": ["B"]}],
        "entries": [{
            "id": ID, "kind": "experiment", "title": "Lunch with {{p:bbbbbbbbbb}}", "first_telling": "It went wrong.",
            "happened": {"date": "2024-05", "precision": "month"},
            "sections": [
                {"id": id("00"), "prompt": "", "order": "a", "text": "It went wrong with {{p:aaaaaaaaaa}}."},
                {"id": id("03"), "prompt": "What did I hope?", "order": "b", "text": "A quiet hour."},
            ],
            "items": [{"id": id("04"), "kind": "not_mine", "text": "The rain on {{p:bbbbbbbbbb}}", "state": "dropped",
                "day": "2024-06-01", "order": "a"}],
            "reflections": [{"id": id("05"), "day": "2024-07", "text": "Smaller than it looked."}],
            "marks": {"areas": ["work"], "nature": ["plan"], "feelings": ["relief", "shame"], "factors": ["time"],
                "measured_against": ["others"], "tags": ["t"]},
            "people": [{"token": "bbbbbbbbbb", "role": "friend", "contact": "not yet"}],
            "links": [{"entry": id("06"), "kind": "continues"}],
            "experiment": {"prediction": "worst", "fear_before": 70, "attempted": true, "happened": "little",
                "fear_after": 20, "again": false},
            "closures": [{"id": id("07"), "day": "2024-08-01", "kind": "let_go", "note": "enough", "reopened": "2024-09-01"}],
            "attachments": [{"id": id("08"), "mime": "image/png", "bytes": 3, "caption": "c", "alt": "a", "credit": "w",
                "publishable": true, "data": "AQID"}],
            "boxed_until": "2999-01", "muted": true, "trashed": false, "next_move": "rest", "seals": [id("0a")],
            "created_ms": 1_700_000_000_123_i64, "updated_ms": 1_700_000_100_456_i64,
        }],
    })
}

/// A laptop with that entry, and a phone that has joined it and has all of it.
fn both() -> (Laptop, Arc<Engine>, tempfile::TempDir) {
    let (laptop, _) = Laptop::init("laptop");
    let file = laptop.scratch().join("export.json");
    // The version stands first, which a map of serde_json sorts there.
    std::fs::write(&file, export().to_string()).unwrap();
    let imported = laptop.json(&["import", &text(&file)]);
    assert_eq!((&imported["created"], &imported["problems"]), (&json!(1), &json!([])));
    let mut pairing = laptop.start(&["pair", "--listen", "127.0.0.1:0"]);
    let shown = pairing.event("code", SOON);
    let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
    let newcomer = Newcomer { name: "phone".into(), home: text(folder.path()) };
    let JoinedJournal { engine, .. } =
        Pairing::new().join(word(&shown, "code"), Some(word(&shown, "address")), newcomer, vault, steps().0).unwrap();
    pairing.wait(SOON).expect_code(0);
    (laptop, engine, folder)
}

/// A word of the phone's as JSON spells it.
fn said<Core: std::fmt::Display, Word: Into<Core>>(word: Word) -> Value {
    json!(word.into().to_string())
}

fn at(ms: i64) -> Value {
    json!(Timestamp(ms).to_rfc3339())
}

fn happened(day: Option<String>) -> Value {
    let precision = day.as_ref().map(|day| day.parse::<Day>().unwrap().precision());
    json!({"date": day, "precision": precision.map_or(json!("unknown"), |known| json!(known))})
}

fn states(states: Vec<afterword_ffi::InnerState>) -> Value {
    states.into_iter().map(said::<journal::InnerState, _>).collect()
}

fn marks(marks: Vec<Mark>) -> Value {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Mark { group, word } in marks {
        groups.entry(journal::MarkGroup::from(group).to_string()).or_default().push(word);
    }
    json!(groups)
}

fn experiment(answers: Experiment) -> Value {
    let Experiment { prediction, fear_before, attempted, happened, fear_after, again } = answers;
    json!({"prediction": prediction, "fear_before": fear_before, "attempted": attempted, "happened": happened,
        "fear_after": fear_after, "again": again})
}

fn boxed(until: BoxedUntil) -> String {
    match until {
        BoxedUntil::ByHand => "by_hand".to_owned(),
        BoxedUntil::Day { day } => day,
    }
}

fn attachment(file: Attachment) -> Value {
    let Attachment { id, mime, bytes, caption, alt, credit, publishable, here } = file;
    json!({"id": id, "mime": mime, "bytes": bytes, "caption": caption, "alt": alt, "credit": credit,
        "publishable": publishable, "here": here})
}

fn item(Item { id, kind, text, state, day }: Item) -> Value {
    let (kind, state) = (said::<journal::ItemKind, _>(kind), state.map(said::<journal::ItemState, _>));
    json!({"id": id, "kind": kind, "text": text, "state": state, "day": day})
}

fn closure(Closure { id, day, kind, note, reopened }: Closure) -> Value {
    json!({"id": id, "day": day, "kind": said::<journal::ClosureKind, _>(kind), "note": note, "reopened": reopened})
}

/// What a phone shows, in the words of CLI.md. A field that is new does not compile here until it says what it means.
fn of_phone(entry: Entry) -> Value {
    #[rustfmt::skip]
    let Entry {
        id, kind, title, body, first_telling, day, happened: date, sections, items, reflections, marks: words_of, people,
        links, experiment: answers, closures, attachments, states: stands, audience, words, boxed_until, muted, trashed,
        next_move, seals, created_at_ms, updated_at_ms, heads, unreadable,
    } = entry;
    let section = |Section { id, prompt, text }| json!({"id": id, "prompt": prompt, "text": text});
    let reflection = |Reflection { id, day, text }| json!({"id": id, "day": day, "text": text});
    let person = |PersonPart { token, name, role, contact }| json!({"token": token, "name": name, "role": role, "contact": contact});
    let link = |Link { entry, kind }| json!({"entry": entry, "kind": said::<journal::LinkKind, _>(kind)});
    json!({
        "id": id, "kind": said::<journal::Kind, _>(kind), "title": title, "body": body, "first_telling": first_telling,
        "day": day, "happened": happened(date), "sections": sections.into_iter().map(section).collect::<Value>(),
        "items": items.into_iter().map(item).collect::<Value>(),
        "reflections": reflections.into_iter().map(reflection).collect::<Value>(), "marks": marks(words_of),
        "people": people.into_iter().map(person).collect::<Value>(), "links": links.into_iter().map(link).collect::<Value>(),
        "experiment": answers.map(experiment), "closures": closures.into_iter().map(closure).collect::<Value>(),
        "attachments": attachments.into_iter().map(attachment).collect::<Value>(), "states": states(stands),
        "audience": said::<journal::Audience, _>(audience), "words": words, "boxed_until": boxed_until.map(boxed),
        "muted": muted, "trashed": trashed, "next_move": next_move.map(said::<journal::NextMove, _>), "seals": seals,
        "created_at": at(created_at_ms), "updated_at": at(updated_at_ms), "heads": heads, "unreadable": unreadable,
    })
}

/// What the laptop says and a phone does not, each with its reason.
fn without_what_a_phone_sees_otherwise(entry: &mut Map<String, Value>) {
    // The seals say it.
    assert_eq!(entry.remove("sealed"), Some(json!(entry["seals"] != json!([]))));
    // What arrives can't be shown.
    assert_eq!(entry.remove("arriving"), Some(json!(false)));
    // There are none until there is publishing.
    assert_eq!(entry.remove("posts"), Some(json!([])));
    // A list has its order.
    for part in ["sections", "items"] {
        for one in entry[part].as_array_mut().unwrap() {
            assert!(one.as_object_mut().unwrap().remove("order").is_some());
        }
    }
}

/// Every place in it that says nothing.
fn silent(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(at.to_owned()),
        Value::String(text) if text.is_empty() => found.push(at.to_owned()),
        Value::Array(all) if all.is_empty() => found.push(at.to_owned()),
        Value::Array(all) => all.iter().for_each(|one| silent(at, one, found)),
        Value::Object(all) => all.iter().for_each(|(key, one)| silent(&format!("{at}.{key}"), one, found)),
        _ => {}
    }
}

fn row(row: ListRow) -> Value {
    #[rustfmt::skip]
    let ListRow {
        id, kind, title, day, created_at_ms, updated_at_ms, states: stands, audience, words, attachments, arriving,
    } = row;
    json!({"id": id, "kind": said::<journal::Kind, _>(kind), "title": title, "day": day, "created_at": at(created_at_ms),
        "updated_at": at(updated_at_ms), "states": states(stands), "audience": said::<journal::Audience, _>(audience),
        "words": words, "attachments": attachments, "arriving": arriving})
}

fn hit(SearchHit { id, title, day, field, excerpt, ranges }: SearchHit) -> Value {
    let ranges: Vec<_> = ranges.into_iter().map(|range| [range.start, range.end]).collect();
    json!({"id": id, "title": title, "day": day, "field": field, "excerpt": excerpt, "ranges": ranges})
}

fn reading(EarlierReading { heads, at_ms, device, name, fields }: EarlierReading) -> Value {
    json!({"heads": heads, "at": at(at_ms), "device": device, "name": name, "fields": fields})
}

#[test]
fn what_is_read_means_the_same_in_json_and_on_a_phone() {
    let (laptop, phone, _folder) = both();
    let mut entry = laptop.show(ID);
    let mut empty = Vec::new();
    silent("", &entry, &mut empty);
    assert_eq!(empty, [".posts", ".sections.order", ".sections.prompt"], "nothing else is left to chance: {entry}");
    assert_eq!(entry["title"], "Lunch with @Bo~2");
    assert_eq!(entry["people"][0]["name"], "Bo~2", "beside the token as in the text");
    assert_eq!(entry["body"], entry["sections"][0]["text"]);
    without_what_a_phone_sees_otherwise(entry.as_object_mut().unwrap());
    assert_eq!(of_phone(phone.show(ID.into()).unwrap()), entry);

    let ListPage { rows, next, unread, too_large } = phone.list(Default::default(), 9, None).unwrap();
    let rows: Value = rows.into_iter().map(row).collect();
    let list = json!({"entries": rows, "next": next, "unread": unread, "too_large": too_large});
    assert_eq!((&list, rows[0]["states"].as_array().unwrap().len()), (&laptop.json(&["list"]), 3));

    // Search leaves out what is boxed.
    laptop.json(&["unbox", ID]);
    let (serving, address) = laptop.serve();
    assert!(phone.sync_once(Some(address), 30_000).unwrap().equal);
    drop(serving);
    let SearchPage { total, more, unread, too_large, hits } = phone.search("quiet rain".into(), 9).unwrap();
    let hits: Value = hits.into_iter().map(hit).collect();
    let found = json!({"query": "quiet rain", "total": total, "more": more, "unread": unread, "too_large": too_large, "hits": hits});
    assert_eq!((&found, total), (&laptop.json(&["search", "quiet rain"]), 1));

    let readings: Value = phone.history(ID.into()).unwrap().into_iter().map(reading).collect();
    assert_eq!(json!({ "readings": readings }), laptop.json(&["history", ID]));
    assert_eq!((&readings[0]["name"], &readings[0]["fields"]), (&json!("laptop"), &json!(["boxed_until"])));
}
