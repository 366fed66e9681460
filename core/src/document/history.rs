//! Earlier readings of an entry: which change touched what, and when.

use std::collections::HashMap;

use automerge::ExpandedChange;
use automerge::legacy::{Key, ObjectId, OpId, OpType};

use super::contain::contained;
use super::error::DocumentError;
use super::replica::{Replica, own};
use super::schema::key;
use crate::id::ChangeHash;
use crate::journal::MAIN_SECTION;
use crate::time::Timestamp;

/// One change of an entry, as `history` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The change.
    pub hash: ChangeHash,
    /// The heads to read the entry at, as its writer saw it after the change: the change alone.
    pub heads: Vec<ChangeHash>,
    /// When it was made, by its writer's clock.
    pub at: Timestamp,
    /// What it touched, sorted: `title`, `body`, `sections`, `items` and the other names of the schema.
    pub fields: Vec<String>,
}

/// Every change in causal order.
pub(super) fn readings(replica: &Replica) -> Result<Vec<Reading>, DocumentError> {
    contained(|| {
        let metas = replica.metas();
        let changes = replica.doc().get_changes(&[]);
        let mut fields = Fields::default();
        let by_hash: HashMap<ChangeHash, _> = changes.iter().map(|change| (own(&change.hash()), change)).collect();
        metas
            .iter()
            .filter_map(|meta| {
                let change = by_hash.get(&meta.hash)?.decode();
                Some(Reading { hash: meta.hash, heads: vec![meta.hash], at: meta.at, fields: fields.touched(&change) })
            })
            .collect()
    })
    .map_err(|_| DocumentError::Failed("read"))
}

/// Which field of the entry each object of the document belongs to.
#[derive(Default)]
struct Fields {
    objects: HashMap<OpId, String>,
}

impl Fields {
    fn touched(&mut self, change: &ExpandedChange) -> Vec<String> {
        let mut touched = Vec::new();
        for (at, op) in change.operations.iter().enumerate() {
            let name = match (&op.obj, &op.key) {
                (ObjectId::Root, Key::Map(name)) => name.to_string(),
                (ObjectId::Root, Key::Seq(_)) => continue,
                (ObjectId::Id(id), within) => {
                    let Some(field) = self.objects.get(id) else { continue };
                    match within {
                        // The main section is what `show` calls the body.
                        Key::Map(part) if field == key::SECTIONS && *part == MAIN_SECTION.to_string() => {
                            "body".to_owned()
                        }
                        _ => field.clone(),
                    }
                }
            };
            if let OpType::Make(_) = op.action {
                let id = OpId::new(change.start_op.get() + at as u64, &change.actor_id);
                self.objects.insert(id, name.clone());
            }
            // Making an entry makes every container; only what is put into them was touched by a writer.
            let made = matches!(op.action, OpType::Make(_));
            if !made && name != key::SCHEMA && !touched.contains(&name) {
                touched.push(name);
            }
        }
        touched.sort_unstable();
        touched
    }
}
