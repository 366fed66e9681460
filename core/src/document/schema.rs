//! The names that documents use, and reading them whatever stands there.
//!
//! Reading is total: a value of the wrong type reads as absent. Where two devices made the same container at once
//! (trap f; ours are all made in the first commit, a stranger's may not be), the containers read as one.

use automerge::{ChangeHash as AmHash, ObjId, ObjType, ReadDoc, ScalarValue, Value};

/// The schema that this code writes.
pub(super) const SCHEMA: i64 = 1;

pub(super) mod key {
    pub(in crate::document) const SCHEMA: &str = "schema";
    pub(in crate::document) const KIND: &str = "kind";
    pub(in crate::document) const TITLE: &str = "title";
    pub(in crate::document) const FIRST_TELLING: &str = "first_telling";
    pub(in crate::document) const HAPPENED: &str = "happened";
    pub(in crate::document) const DATE: &str = "date";
    pub(in crate::document) const PRECISION: &str = "precision";
    pub(in crate::document) const SECTIONS: &str = "sections";
    pub(in crate::document) const ITEMS: &str = "items";
    pub(in crate::document) const REFLECTIONS: &str = "reflections";
    pub(in crate::document) const MARKS: &str = "marks";
    pub(in crate::document) const PEOPLE: &str = "people";
    pub(in crate::document) const LINKS: &str = "links";
    pub(in crate::document) const EXPERIMENT: &str = "experiment";
    pub(in crate::document) const CLOSURES: &str = "closures";
    pub(in crate::document) const ATTACHMENTS: &str = "attachments";
    pub(in crate::document) const SEALS: &str = "seals";
    pub(in crate::document) const BOXED_UNTIL: &str = "boxed_until";
    pub(in crate::document) const MUTED: &str = "muted";
    pub(in crate::document) const TRASHED: &str = "trashed";
    pub(in crate::document) const NEXT_MOVE: &str = "next_move";
    pub(in crate::document) const PROMPT: &str = "prompt";
    pub(in crate::document) const ORDER: &str = "order";
    pub(in crate::document) const TEXT: &str = "text";
    pub(in crate::document) const RETIRED: &str = "retired";
    pub(in crate::document) const STATE: &str = "state";
    pub(in crate::document) const DAY: &str = "day";
    pub(in crate::document) const ROLE: &str = "role";
    pub(in crate::document) const CONTACT: &str = "contact";
    pub(in crate::document) const NOTE: &str = "note";
    pub(in crate::document) const REOPENED: &str = "reopened";
    pub(in crate::document) const BLOB: &str = "blob";
    pub(in crate::document) const MIME: &str = "mime";
    pub(in crate::document) const BYTES: &str = "bytes";
    pub(in crate::document) const CAPTION: &str = "caption";
    pub(in crate::document) const ALT: &str = "alt";
    pub(in crate::document) const CREDIT: &str = "credit";
    pub(in crate::document) const PUBLISHABLE: &str = "publishable";
    pub(in crate::document) const PREDICTION: &str = "prediction";
    pub(in crate::document) const FEAR_BEFORE: &str = "fear_before";
    pub(in crate::document) const ATTEMPTED: &str = "attempted";
    pub(in crate::document) const FEAR_AFTER: &str = "fear_after";
    pub(in crate::document) const AGAIN: &str = "again";
    pub(in crate::document) const NAME: &str = "name";
    pub(in crate::document) const ALIASES: &str = "aliases";
    pub(in crate::document) const TEMPLATES: &str = "templates";
    pub(in crate::document) const PROMPTS: &str = "prompts";
    pub(in crate::document) const TAGS: &str = "tags";
    pub(in crate::document) const SETTINGS: &str = "settings";
}

/// The maps of an entry's root, in the order in which the first commit makes them.
pub(super) const CONTAINERS: &[&str] = &[
    key::HAPPENED,
    key::SECTIONS,
    key::ITEMS,
    key::REFLECTIONS,
    key::MARKS,
    key::PEOPLE,
    key::LINKS,
    key::EXPERIMENT,
    key::CLOSURES,
    key::ATTACHMENTS,
    key::SEALS,
];

/// What a box without a day holds.
pub(super) const BY_HAND: &str = "by_hand";
/// What a seal says.
pub(super) const NEVER_PUBLISH: &str = "never_publish";

/// One map, or the several that were made for one key at once; the winner comes last.
pub(super) type Maps = Vec<ObjId>;

/// Something that an entry can be read off: a document, or its changes (`reader`).
pub(super) trait Source {
    /// Every value at a key of a map, the winner last.
    fn values(&self, map: &ObjId, key: &str, at: Option<&[AmHash]>) -> Vec<(Value<'_>, ObjId)>;
    /// The keys of a map.
    fn keys_of(&self, map: &ObjId, at: Option<&[AmHash]>) -> Vec<String>;
    /// What a text says.
    fn text_of(&self, text: &ObjId, at: Option<&[AmHash]>) -> String;
}

impl<D: ReadDoc> Source for D {
    fn values(&self, map: &ObjId, key: &str, at: Option<&[AmHash]>) -> Vec<(Value<'_>, ObjId)> {
        match at {
            None => self.get_all(map, key),
            Some(heads) => self.get_all_at(map, key, heads),
        }
        .unwrap_or_default()
    }

    fn keys_of(&self, map: &ObjId, at: Option<&[AmHash]>) -> Vec<String> {
        match at {
            None => self.keys(map).collect(),
            Some(heads) => self.keys_at(map, heads).collect(),
        }
    }

    fn text_of(&self, text: &ObjId, at: Option<&[AmHash]>) -> String {
        match at {
            None => self.text(text),
            Some(heads) => self.text_at(text, heads),
        }
        .unwrap_or_default()
    }
}

/// A document as it is now, or as it was at some heads.
#[derive(Debug)]
pub(super) struct View<'a, D> {
    pub(super) doc: &'a D,
    pub(super) at: Option<&'a [AmHash]>,
}

impl<D> Clone for View<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for View<'_, D> {}

impl<'a, D: Source> View<'a, D> {
    pub(super) fn now(doc: &'a D) -> Self {
        Self { doc, at: None }
    }

    pub(super) fn root(&self) -> Maps {
        vec![ObjId::Root]
    }

    /// Every value at a key, the winner last.
    fn all(&self, map: &ObjId, key: &str) -> Vec<(Value<'a>, ObjId)> {
        self.doc.values(map, key, self.at)
    }

    /// The maps at a key.
    pub(super) fn maps(&self, parents: &Maps, key: &str) -> Maps {
        self.objects(parents, key, ObjType::Map)
    }

    fn objects(&self, parents: &Maps, key: &str, kind: ObjType) -> Vec<ObjId> {
        parents
            .iter()
            .flat_map(|parent| self.all(parent, key))
            .filter(|(value, _)| value.to_objtype() == Some(kind))
            .map(|(_, id)| id)
            .collect()
    }

    /// The text object at a key.
    pub(super) fn text_id(&self, parents: &Maps, key: &str) -> Option<ObjId> {
        self.objects(parents, key, ObjType::Text).pop()
    }

    /// The text at a key; empty where there is none.
    pub(super) fn text(&self, parents: &Maps, key: &str) -> String {
        let Some(id) = self.text_id(parents, key) else { return String::new() };
        self.doc.text_of(&id, self.at)
    }

    /// The keys of a map, sorted, each once.
    pub(super) fn keys(&self, maps: &Maps) -> Vec<String> {
        let mut keys: Vec<String> = maps.iter().flat_map(|map| self.doc.keys_of(map, self.at)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The winning scalar at a key.
    pub(super) fn scalar(&self, maps: &Maps, key: &str) -> Option<ScalarValue> {
        maps.iter().rev().find_map(|map| self.all(map, key).pop()?.0.into_scalar().ok())
    }

    pub(super) fn string(&self, maps: &Maps, key: &str) -> Option<String> {
        self.scalar(maps, key)?.into_string().ok()
    }

    /// A word of a vocabulary, an id, a day: whatever parses.
    pub(super) fn parsed<T: std::str::FromStr>(&self, maps: &Maps, key: &str) -> Option<T> {
        self.string(maps, key)?.parse().ok()
    }

    pub(super) fn int(&self, maps: &Maps, key: &str) -> Option<i64> {
        match self.scalar(maps, key)? {
            ScalarValue::Int(n) => Some(n),
            ScalarValue::Uint(n) => i64::try_from(n).ok(),
            _ => None,
        }
    }

    pub(super) fn bool(&self, maps: &Maps, key: &str) -> Option<bool> {
        self.scalar(maps, key)?.as_bool()
    }

    pub(super) fn bytes(&self, maps: &Maps, key: &str) -> Option<Vec<u8>> {
        self.scalar(maps, key)?.into_bytes().ok()
    }

    /// Whether any of the values at a key says `true`, so that presence wins over a concurrent change.
    pub(super) fn any_true(&self, maps: &Maps, key: &str) -> bool {
        maps.iter().flat_map(|map| self.all(map, key)).any(|(value, _)| value.as_bool() == Some(true))
    }
}
