//! Front matter: the YAML between two lines of dashes at the head of a Markdown file.
//!
//! What is understood becomes the entry's title, day, kind and marks. What is not, unknown keys and values of the wrong
//! kind alike, is kept as it was written, in a fenced block at the end of the entry's text, and said in the report.

use std::collections::{BTreeMap, BTreeSet};

use afterword_core::id::EntryId;
use afterword_core::journal::{Kind, MarkGroup};
use afterword_core::time::Day;
use serde_yaml_ng::{Mapping, Value};

/// Front matter longer than this is data and not a head.
const MAX: usize = 64 << 10;

/// The key under which our own Markdown export writes an entry's id.
pub(crate) const OWN_ID: &str = "afterword";

/// Keys that say when it happened, the surest first.
const DAYS: [&str; 5] = ["happened", "date", "day", "created", "created_at"];

/// Front matter as understood.
#[derive(Debug, Default)]
pub(super) struct Matter {
    pub(super) title: Option<String>,
    pub(super) day: Option<Day>,
    pub(super) kind: Option<Kind>,
    pub(super) marks: BTreeMap<MarkGroup, BTreeSet<String>>,
    pub(super) known_as: Option<EntryId>,
    /// What was not understood, as YAML.
    pub(super) kept: Option<String>,
    pub(super) problems: Vec<String>,
}

/// Parts `text` into front matter and the rest. Without front matter, or with such that is not YAML, all of it is rest.
pub(super) fn split(text: &str) -> (Matter, &str) {
    let none = |problem: Option<&str>| {
        (Matter { problems: problem.map(str::to_owned).into_iter().collect(), ..Matter::default() }, text)
    };
    let Some(after) = text.strip_prefix("---\n") else { return none(None) };
    let mut end = 0;
    let close = after.split_inclusive('\n').find_map(|line| {
        let start = end;
        end += line.len();
        matches!(line.trim_end(), "---" | "...").then_some(start)
    });
    // A lone line of dashes is a rule across the page.
    let Some(close) = close else { return none(None) };
    let (yaml, rest) = (&after[..close], &after[end..]);
    if yaml.len() > MAX {
        return none(Some("the front matter is longer than 64 KB and was kept as text"));
    }
    match serde_yaml_ng::from_str::<Value>(yaml) {
        Ok(Value::Mapping(map)) => (read(map), rest),
        Ok(Value::Null) => (Matter::default(), rest),
        // Two rules with a sentence between them are no front matter and no mistake.
        Ok(Value::String(_)) => none(None),
        Ok(_) | Err(_) => none(Some("the front matter is not YAML that could be understood; it was kept as text")),
    }
}

fn read(map: Mapping) -> Matter {
    let mut matter = Matter::default();
    let mut kept = Mapping::new();
    let value = |wanted: &str| {
        map.iter().find(|(key, _)| key.as_str().is_some_and(|key| key.trim().eq_ignore_ascii_case(wanted)))
    };
    matter.day = DAYS.iter().find_map(|key| value(key).and_then(|(_, value)| day(value)));
    for (key, value) in map {
        let name = key.as_str().unwrap_or_default().trim().to_lowercase();
        let name = name.as_str();
        let understood = match (name, &value) {
            (_, Value::Null) => true,
            ("title", value) => scalar(value).map(|text| matter.title = Some(text)).is_some(),
            ("kind", value) => {
                scalar(value).and_then(|text| text.parse().ok()).map(|kind| matter.kind = Some(kind)).is_some()
            }
            (OWN_ID, value) => {
                scalar(value).and_then(|text| text.parse().ok()).map(|id| matter.known_as = Some(id)).is_some()
            }
            // Of several days one counts; another one that says the same is no loss.
            (name, value) if DAYS.contains(&name) => day(value).is_some() && day(value) == matter.day,
            (name, value) => match (group(name), words(value)) {
                (Some(group), Some(words)) => {
                    if !words.is_empty() {
                        matter.marks.entry(group).or_default().extend(words);
                    }
                    true
                }
                _ => false,
            },
        };
        if !understood {
            let name = key.as_str().map_or_else(|| "a key that is not text".to_owned(), |key| format!("{key:?}"));
            matter.problems.push(format!("front matter not understood: {name}; it was kept at the end of the entry"));
            kept.insert(key, value);
        }
    }
    if !kept.is_empty() {
        // What was parsed from YAML can be written as YAML; were it not so, a debug print would still keep it.
        matter.kept = Some(serde_yaml_ng::to_string(&kept).unwrap_or_else(|_| format!("{kept:?}")));
    }
    matter
}

fn group(name: &str) -> Option<MarkGroup> {
    match name {
        "tag" | "keywords" => Some(MarkGroup::Tags),
        "area" => Some(MarkGroup::Areas),
        "feeling" => Some(MarkGroup::Feelings),
        "factor" => Some(MarkGroup::Factors),
        name => name.parse().ok(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Words of a list, or of one text with commas between them.
fn words(value: &Value) -> Option<Vec<String>> {
    let clean = |text: &str| text.trim().trim_start_matches('#').trim().to_owned();
    let all: Vec<String> = match value {
        Value::Sequence(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>()?,
        value => scalar(value)?.split(',').map(str::to_owned).collect(),
    };
    Some(all.iter().map(|text| clean(text)).filter(|text| !text.is_empty()).collect())
}

/// A day, or the day of a time of day.
fn day(value: &Value) -> Option<Day> {
    let text = scalar(value)?.replace(['/', '.'], "-");
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]).parse().ok();
    }
    let head = match text.get(10..11) {
        Some("T" | "t" | " ") => text.get(..10)?,
        _ => &text,
    };
    head.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_read() {
        let (matter, rest) = split(
            "---\ntitle: \"A: talk\"\ndate: 2024-05-17T10:00:00+02:00\nkind: failure\ntags: [work, '#team talk']\n\
             feelings: shame, relief\nmeasured_against:\n  - my father\ndraft:\n---\n\nBody\n---\n",
        );
        assert_eq!(matter.title.as_deref(), Some("A: talk"));
        assert_eq!(matter.day.map(|day| day.to_string()).as_deref(), Some("2024-05-17"));
        assert_eq!(matter.kind, Some(Kind::Failure));
        let group = |group| matter.marks[&group].iter().cloned().collect::<Vec<_>>();
        assert_eq!(group(MarkGroup::Tags), ["team talk", "work"]);
        assert_eq!(group(MarkGroup::Feelings), ["relief", "shame"]);
        assert_eq!(group(MarkGroup::MeasuredAgainst), ["my father"]);
        assert_eq!((rest, matter.kept, matter.problems.len()), ("\nBody\n---\n", None, 0));
    }

    #[test]
    fn what_is_not_known_is_kept_and_said() {
        let (matter, rest) = split("---\nmood: 3\nkind: sad\ntags: {a: b}\ndate: yesterday\n---\nBody");
        assert_eq!(matter.kept.as_deref(), Some("mood: 3\nkind: sad\ntags:\n  a: b\ndate: yesterday\n"));
        assert_eq!(matter.problems.len(), 4);
        assert!(matter.problems[0].starts_with("front matter not understood: \"mood\""));
        assert_eq!((rest, matter.day), ("Body", None));
    }

    #[test]
    fn the_surest_day_counts_and_another_one_is_kept() {
        let (matter, _) = split("---\ncreated: 2024-06-01\nDate: 2024-05\nday: 2024/05\n---\n");
        assert_eq!(matter.day.map(|day| day.to_string()).as_deref(), Some("2024-05"));
        assert_eq!(matter.kept.as_deref(), Some("created: 2024-06-01\n"));
        for (text, wanted) in
            [("20240517", Some("2024-05-17")), ("2024", Some("2024")), ("17 May", None), ("é-é-é-é-é", None)]
        {
            let (matter, _) = split(&format!("---\ndate: {text}\n---\n"));
            assert_eq!(matter.day.map(|day| day.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_front_matter_stays_text() {
        for (text, problems) in [
            ("no dashes\n---\n", 0),
            ("---\na rule, then text\n", 0),
            ("---\na sentence\n---\n", 0),
            ("---\n{broken\n---\nBody", 1),
            ("---\n- a\n- list\n---\nBody", 1),
        ] {
            let (matter, rest) = split(text);
            assert_eq!((rest, matter.problems.len()), (text, problems), "{text}");
        }
        let long = format!("---\na: {}\n---\n", "x".repeat(MAX));
        assert_eq!(split(&long).1, long);
    }

    #[test]
    fn yaml_that_would_grow_without_end_is_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in ('b'..='z').zip('a'..) {
            bomb += &format!("{name}: &{name} [*{of},*{of},*{of},*{of},*{of},*{of},*{of},*{of},*{of}]\n");
        }
        let text = format!("---\n{bomb}---\nBody");
        let (matter, rest) = split(&text);
        assert_eq!((rest, matter.problems.len()), (text.as_str(), 1));
    }
}
