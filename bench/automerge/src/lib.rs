//! An entry as an Automerge document, as anyone would make it who knows the library: a map with a text in it, one change
//! for each sitting. samod and iroh-docs carry these very documents.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use bench_common::Entry;
use bench_common::corpus::EDIT;

const BODY: &str = "body";

/// The document of an entry: its fields in the first change, its body over ten.
pub fn document(entry: &Entry) -> Automerge {
    let mut document = Automerge::new();
    for (number, (at, piece)) in entry.sittings().into_iter().enumerate() {
        let time = entry.created / 1000 + number as i64 * 60;
        let written = document.transact_with::<_, _, AutomergeError, _>(
            |_| CommitOptions::default().with_time(time),
            |tx| {
                if number == 0 {
                    tx.put(ROOT, "title", entry.title.as_str())?;
                    tx.put(ROOT, "created", ScalarValue::Timestamp(entry.created))?;
                    let tags = tx.put_object(ROOT, "tags", ObjType::List)?;
                    for (place, tag) in entry.tags.iter().enumerate() {
                        tx.insert(&tags, place, tag.as_str())?;
                    }
                    tx.put_object(ROOT, BODY, ObjType::Text)?;
                }
                tx.put(ROOT, "updated", ScalarValue::Timestamp(entry.created + number as i64 * 60_000))?;
                let body = text_of(tx)?;
                tx.splice_text(&body, at, 0, &piece)
            },
        );
        written.expect("a sitting can be written");
    }
    document
}

/// Inserts 22 characters at `at`, as one change.
pub fn edit(document: &mut Automerge, at: usize) {
    let edited = document.transact::<_, _, AutomergeError>(|tx| {
        let body = text_of(tx)?;
        tx.splice_text(&body, at, 0, EDIT)
    });
    edited.expect("an edit can be made");
}

/// The same, and the change as bytes.
pub fn edit_for_others(document: &mut Automerge, at: usize) -> Vec<u8> {
    let heads: Vec<ChangeHash> = document.get_heads();
    edit(document, at);
    // The first `save_incremental` after a load would write the whole history.
    document.save_after(&heads)
}

/// The body as it reads.
pub fn body(document: &Automerge) -> String {
    text_of(document).and_then(|body| document.text(&body)).expect("a document has a body")
}

fn text_of(document: &impl ReadDoc) -> Result<ObjId, AutomergeError> {
    document.get(ROOT, BODY)?.map(|(_, id)| id).ok_or(AutomergeError::Fail)
}
