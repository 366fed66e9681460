//! The shape that a write answers: the entry as it is now, and the ids of the parts that the write made.

use afterword_core::engine::Edited;
use afterword_core::journal::edit;
use serde::Serialize;

/// `write`, `edit`, `mark`, `box` and their like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The entry.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its title as it reads now.
    pub title: String,
    /// Its heads now: the base of the next edit.
    pub heads: Vec<String>,
    /// Every part that the write made.
    pub parts: Vec<Part>,
    /// The one part that the command is about, under a key of its own.
    #[serde(flatten)]
    pub part: Option<NamedPart>,
}

/// A part of an entry that a write made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is: `section`, `item`, `reflection`, `attachment`, `closure` or `seal`.
    pub part: &'static str,
    /// Its id.
    pub id: String,
}

impl From<edit::Part> for Part {
    fn from(part: edit::Part) -> Self {
        Self { part: part.as_str(), id: part.id() }
    }
}

/// The part of an entry that a command made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedPart {
    /// `item`.
    Item(String),
    /// `reflect`.
    Reflection(String),
    /// `attach`.
    Attachment(String),
    /// `close`, `reopen`.
    Closure(String),
}

impl NamedPart {
    /// Returns the part under its key; `None` for one that no command is about.
    fn of(part: edit::Part) -> Option<Self> {
        let key = match part {
            edit::Part::Item(_) => Self::Item,
            edit::Part::Reflection(_) => Self::Reflection,
            edit::Part::Attachment(_) => Self::Attachment,
            edit::Part::Closure(_) => Self::Closure,
            edit::Part::Section(_) | edit::Part::Seal(_) => return None,
        };
        Some(key(part.id()))
    }
}

impl Changed {
    /// What a write returned, and the part that the command is about.
    pub fn new(edited: Edited, part: Option<edit::Part>) -> Self {
        Self {
            id: edited.id.to_string(),
            kind: edited.kind.as_str(),
            title: edited.title,
            heads: edited.heads.iter().map(ToString::to_string).collect(),
            parts: edited.parts.into_iter().map(Into::into).collect(),
            part: part.and_then(NamedPart::of),
        }
    }
}

#[cfg(test)]
mod tests {
    use afterword_core::id::{AttachmentId, ChangeHash, ClosureId, EntryId, ItemId, ReflectionId, SectionId};
    use afterword_core::journal::Kind;
    use serde_json::{json, to_value};

    use super::super::tests::assert_shape;
    use super::*;

    #[test]
    fn changes_carry_what_they_made() {
        let edited = Edited {
            id: EntryId::from_bytes([1; 16]),
            kind: Kind::Note,
            title: "T".into(),
            heads: vec![ChangeHash::from_bytes([2; 32])],
            parts: vec![
                edit::Part::Section(SectionId::from_bytes([3; 16])),
                edit::Part::Item(ItemId::from_bytes([1; 16])),
            ],
        };
        let plain = Changed::new(edited.clone(), None);
        assert_shape(r#"{"id","kind","title","heads":["…"],"parts":[{"part","id"}]}"#, &plain);
        assert_eq!(
            to_value(&plain).unwrap()["parts"],
            json!([{"part": "section", "id": "03".repeat(16)}, {"part": "item", "id": "01".repeat(16)}])
        );
        for (part, key) in [
            (edit::Part::Item(ItemId::from_bytes([1; 16])), "item"),
            (edit::Part::Reflection(ReflectionId::from_bytes([1; 16])), "reflection"),
            (edit::Part::Attachment(AttachmentId::from_bytes([1; 16])), "attachment"),
            (edit::Part::Closure(ClosureId::from_bytes([1; 16])), "closure"),
        ] {
            let changed = Changed::new(edited.clone(), Some(part));
            assert_eq!(to_value(changed).unwrap()[key], "01".repeat(16), "{key}");
        }
    }
}
