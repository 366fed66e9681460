//! From a document to an [`Entry`]: every row of the schema, whatever stands in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use automerge::ChangeHash as AmHash;

use super::replica::{LAST, Meta, Replica, theirs};
use super::schema::{BY_HAND, Maps, Source, View, key};
use super::{contain::contained, error::DocumentError};
use crate::id::{BlobId, ChangeHash, EntryId};
use crate::journal::MAIN_SECTION;
use crate::journal::{
    Attachment, Boxed, Closure, ClosureKind, Entry, Experiment, Happened, Item, ItemKind, Kind, Link, MarkGroup,
    PersonInText, Reflection, Section,
};
use crate::time::{Day, Precision, Timestamp};

/// The entry at some heads that the document holds, or as it is now.
pub(super) fn entry(id: EntryId, replica: &Replica, at: Option<&[ChangeHash]>) -> Result<Entry, DocumentError> {
    if at.is_some_and(|heads| heads.is_empty() || !replica.holds(heads)) {
        return Err(DocumentError::UnknownBase);
    }
    let theirs: Option<Vec<AmHash>> = at.map(|heads| heads.iter().map(theirs).collect());
    let mut heads = at.map_or_else(|| replica.heads(), <[_]>::to_vec);
    heads.sort_unstable();
    heads.dedup();
    contained(|| {
        let (created_at, updated_at) = times(replica.metas(), theirs.as_deref());
        let view = View { doc: replica.doc(), at: theirs.as_deref() };
        read(view, id, created_at, updated_at, heads)
    })
    .map_err(|_| DocumentError::Failed("read"))
}

/// When the first change and the latest change behind `heads` were made.
fn times(metas: Vec<Meta>, heads: Option<&[AmHash]>) -> (Timestamp, Timestamp) {
    let mut wanted: Option<HashSet<AmHash>> = heads.map(|heads| heads.iter().copied().collect());
    let (mut created, mut updated) = (Timestamp(0), Timestamp(0));
    for meta in metas.iter().rev() {
        if let Some(wanted) = &mut wanted {
            if !wanted.contains(&theirs(&meta.hash)) {
                continue;
            }
            wanted.extend(meta.deps.iter().copied());
        }
        updated = updated.max(meta.at);
        // Going backwards, the last one seen without dependencies is the first change.
        if meta.deps.is_empty() {
            created = meta.at;
        }
    }
    (created, updated)
}

/// When an entry was made and last changed.
pub(super) struct Stamps {
    created: Timestamp,
    updated: Timestamp,
}

impl Stamps {
    /// From the time of its one first change, and the times of all.
    pub(super) fn of(created: i64, all: impl Iterator<Item = i64>) -> Self {
        let at = |time: i64| Timestamp(time.clamp(0, LAST));
        Self { created: at(created), updated: all.map(at).max().unwrap_or_default() }
    }
}

/// The entry as something else than a document has it.
pub(super) fn from<S: Source>(source: &S, id: EntryId, stamps: Stamps, heads: Vec<ChangeHash>) -> Entry {
    read(View::now(source), id, stamps.created, stamps.updated, heads)
}

/// The texts that a restore brings back, with their ids.
pub(super) struct Texts {
    pub(super) title: String,
    pub(super) sections: Vec<Section>,
    pub(super) items: Vec<Item>,
    pub(super) reflections: Vec<Reflection>,
}

pub(super) fn texts<D: Source>(view: View<'_, D>) -> Texts {
    let root = view.root();
    Texts {
        title: view.text(&root, key::TITLE),
        sections: sections(view, &root),
        items: items(view, &root),
        reflections: reflections(view, &root, Timestamp::default().day()),
    }
}

fn read<D: Source>(
    view: View<'_, D>,
    id: EntryId,
    created_at: Timestamp,
    updated_at: Timestamp,
    heads: Vec<ChangeHash>,
) -> Entry {
    let root = view.root();
    let written = created_at.day();
    Entry {
        id,
        kind: view.parsed(&root, key::KIND).unwrap_or(Kind::Note),
        title: view.text(&root, key::TITLE),
        first_telling: view.string(&root, key::FIRST_TELLING).unwrap_or_else(|| view.text(&root, key::FIRST_TELLING)),
        happened: happened(view, &root),
        sections: sections(view, &root),
        items: items(view, &root),
        reflections: reflections(view, &root, written),
        marks: marks(view, &root),
        people: parts(view, &root, key::PEOPLE)
            .filter(|(token, _): &(String, _)| crate::journal::people::is_token(token))
            .map(|(token, maps)| PersonInText {
                token,
                role: view.string(&maps, key::ROLE),
                contact: view.string(&maps, key::CONTACT),
            })
            .collect(),
        links: {
            let links = view.maps(&root, key::LINKS);
            let tie = |other: String| Some(Link { entry: other.parse().ok()?, kind: view.parsed(&links, &other)? });
            view.keys(&links).into_iter().filter_map(tie).collect()
        },
        experiment: experiment(view, &root),
        closures: closures(view, &root, written),
        attachments: attachments(view, &root),
        boxed_until: view.string(&root, key::BOXED_UNTIL).map(|until| match until.parse() {
            // A box of a kind not known here still keeps the entry out of sight.
            Err(_) => Boxed::ByHand,
            Ok(day) => Boxed::Until(day),
        }),
        muted: view.any_true(&root, key::MUTED),
        trashed: view.any_true(&root, key::TRASHED),
        next_move: view.parsed(&root, key::NEXT_MOVE),
        seals: {
            // Any value seals: what a newer version writes there must not open what it closed.
            let seals = view.maps(&root, key::SEALS);
            view.keys(&seals).iter().filter_map(|seal| seal.parse().ok()).collect()
        },
        created_at,
        updated_at,
        heads,
    }
}

/// The children of a container whose keys are ids, with their maps. Other keys belong to a newer version.
fn parts<'a, D: Source, Id: std::str::FromStr>(
    view: View<'a, D>,
    root: &Maps,
    container: &str,
) -> impl Iterator<Item = (Id, Maps)> + use<'a, D, Id> {
    let parents = view.maps(root, container);
    view.keys(&parents).into_iter().filter_map(move |name| {
        let maps = view.maps(&parents, &name);
        if maps.is_empty() { None } else { Some((name.parse().ok()?, maps)) }
    })
}

fn happened<D: Source>(view: View<'_, D>, root: &Maps) -> Happened {
    // The precision follows from the day, or one device's day could meet another's precision.
    let date: Option<Day> = view.parsed(&view.maps(root, key::HAPPENED), key::DATE);
    Happened { date, precision: date.map_or(Precision::Unknown, |day| day.precision()) }
}

fn sections<D: Source>(view: View<'_, D>, root: &Maps) -> Vec<Section> {
    let mut sections: Vec<Section> = parts(view, root, key::SECTIONS)
        .filter(|(id, maps)| *id == MAIN_SECTION || !view.any_true(maps, key::RETIRED))
        .map(|(id, maps)| Section {
            id,
            prompt: if id == MAIN_SECTION {
                String::new()
            } else {
                view.string(&maps, key::PROMPT).unwrap_or_default()
            },
            order: view.string(&maps, key::ORDER).unwrap_or_default(),
            text: view.text(&maps, key::TEXT),
        })
        .collect();
    sections.sort_by(|a, b| {
        let place = |section: &Section| (section.id != MAIN_SECTION, section.order.clone(), section.id);
        place(a).cmp(&place(b))
    });
    sections
}

fn items<D: Source>(view: View<'_, D>, root: &Maps) -> Vec<Item> {
    let mut items: Vec<Item> = parts(view, root, key::ITEMS)
        .filter(|(_, maps)| !view.any_true(maps, key::RETIRED))
        .map(|(id, maps)| Item {
            id,
            // A kind that this version does not know must not hide the line.
            kind: view.parsed(&maps, key::KIND).unwrap_or(ItemKind::OpenQuestion),
            text: view.text(&maps, key::TEXT),
            state: view.parsed(&maps, key::STATE),
            day: view.parsed(&maps, key::DAY),
            order: view.string(&maps, key::ORDER).unwrap_or_default(),
        })
        .collect();
    items.sort_by(|a, b| (&a.order, a.id).cmp(&(&b.order, b.id)));
    items
}

fn reflections<D: Source>(view: View<'_, D>, root: &Maps, written: Day) -> Vec<Reflection> {
    let mut reflections: Vec<Reflection> = parts(view, root, key::REFLECTIONS)
        .map(|(id, maps)| Reflection {
            id,
            day: view.parsed(&maps, key::DAY).unwrap_or(written),
            text: view.text(&maps, key::TEXT),
        })
        .collect();
    // Of one day, in the order in which they were written: their place says it.
    let order = |id: &crate::id::ReflectionId| {
        let maps = view.maps(&view.maps(root, key::REFLECTIONS), &id.to_string());
        view.string(&maps, key::ORDER).unwrap_or_default()
    };
    reflections.sort_by_cached_key(|reflection| (reflection.day.first(), order(&reflection.id), reflection.id));
    reflections
}

fn marks<D: Source>(view: View<'_, D>, root: &Maps) -> BTreeMap<MarkGroup, BTreeSet<String>> {
    let groups = view.maps(root, key::MARKS);
    let words = |group: &MarkGroup| -> BTreeSet<String> {
        let maps = view.maps(&groups, group.as_str());
        view.keys(&maps).into_iter().filter(|word| view.any_true(&maps, word)).collect()
    };
    MarkGroup::ALL.iter().map(|group| (*group, words(group))).filter(|(_, words)| !words.is_empty()).collect()
}

fn experiment<D: Source>(view: View<'_, D>, root: &Maps) -> Option<Experiment> {
    let maps = view.maps(root, key::EXPERIMENT);
    let experiment = Experiment {
        prediction: view.string(&maps, key::PREDICTION),
        fear_before: view.int(&maps, key::FEAR_BEFORE),
        attempted: view.bool(&maps, key::ATTEMPTED),
        happened: view.string(&maps, key::HAPPENED),
        fear_after: view.int(&maps, key::FEAR_AFTER),
        again: view.bool(&maps, key::AGAIN),
    };
    let is_one = view.parsed(root, key::KIND) == Some(Kind::Experiment);
    (is_one || experiment != Experiment::default()).then_some(experiment)
}

fn closures<D: Source>(view: View<'_, D>, root: &Maps, written: Day) -> Vec<Closure> {
    let mut closures: Vec<(String, Closure)> = parts(view, root, key::CLOSURES)
        .map(|(id, maps)| {
            let closure = Closure {
                id,
                day: view.parsed(&maps, key::DAY).unwrap_or(written),
                kind: view.parsed(&maps, key::KIND).unwrap_or(ClosureKind::Wrote),
                note: view.string(&maps, key::NOTE).unwrap_or_default(),
                reopened: view.parsed(&maps, key::REOPENED),
            };
            (view.string(&maps, key::ORDER).unwrap_or_default(), closure)
        })
        .collect();
    closures.sort_by(|(a_order, a), (b_order, b)| (a.day.first(), a_order, a.id).cmp(&(b.day.first(), b_order, b.id)));
    closures.into_iter().map(|(_, closure)| closure).collect()
}

fn attachments<D: Source>(view: View<'_, D>, root: &Maps) -> Vec<Attachment> {
    let mut attachments: Vec<(String, Attachment)> = parts(view, root, key::ATTACHMENTS)
        .filter_map(|(id, maps)| {
            let blob = BlobId::from_slice(&view.bytes(&maps, key::BLOB)?)?;
            let attachment = Attachment {
                id,
                blob,
                mime: view.string(&maps, key::MIME).unwrap_or_else(|| "application/octet-stream".to_owned()),
                bytes: view.int(&maps, key::BYTES).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
                caption: view.string(&maps, key::CAPTION),
                alt: view.string(&maps, key::ALT),
                credit: view.string(&maps, key::CREDIT),
                publishable: view.bool(&maps, key::PUBLISHABLE).unwrap_or(false),
            };
            Some((view.string(&maps, key::ORDER).unwrap_or_default(), attachment))
        })
        .collect();
    attachments.sort_by(|(a_order, a), (b_order, b)| (a_order, a.id).cmp(&(b_order, b.id)));
    attachments.into_iter().map(|(_, attachment)| attachment).collect()
}

/// Whether a box says to wait for the writer.
pub(super) fn boxed_word(until: Boxed) -> String {
    match until {
        Boxed::ByHand => BY_HAND.to_owned(),
        Boxed::Until(day) => day.to_string(),
    }
}
