//! What a writer does on a device: entries in the form that lists and search read, made by Automerge and not by our editor.

use afterword_core::document::{Actor, EntryDocument, PeopleDocument};
use afterword_core::error::{Error, Result};
use afterword_core::fault::Fault;
use afterword_core::id::{EntryId, PEOPLE};
use afterword_core::journal::MAIN_SECTION;
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::journal::people::{Person, in_text};
use afterword_core::log::{BlobRef, Envelope, Head, Operation, OperationKind};
use afterword_core::replication::rules::{self, Packing};
use afterword_core::replication::{StorageExt, Tx};
use afterword_core::store::read_model;
use afterword_core::time::{Timestamp, random};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Change, ObjId, ObjType, ROOT, ReadDoc};

use super::device::Device;
use super::disk::blob_ref;

/// What a writer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    Edit,
    /// Files it elsewhere: under another day, in the trash, in its box, or out of them.
    File,
    Mark,
    Attach,
    Detach,
    Record,
    /// Of a kind that only a later version knows.
    Later,
}

const WORDS: [&str; 12] =
    ["rain", "letter", "häuser", "失敗", "🙂", "again", "not yet", "why", "שלום", "e\u{301}", "door", "bread"];
/// Who is named in texts, and may be renamed.
const TOKENS: [&str; 2] = ["aaaaaaaaaa", "bbbbbbbbbb"];
const NAMES: [&str; 3] = ["Rosa", "Tamar", "Rosa Maria"];
const DAYS: [&str; 4] = ["2021-03-04", "2021", "2024-01-01", "1999-12"];
/// When every clock stands, but for what it is off.
const NOW: i64 = 1_700_000_000_000;

fn refused(error: impl std::fmt::Display) -> Error {
    Error::internal(error)
}

/// An entry's document, of all its ready changes.
pub(super) fn load(tx: &mut dyn Tx, entry: EntryId) -> Result<AutoCommit> {
    let mut doc = AutoCommit::new();
    let mut changes = Vec::new();
    for change in tx.changes(entry)?.into_iter().filter(|change| change.ready) {
        changes.push(Change::from_bytes(change.chunk).map_err(refused)?);
    }
    doc.apply_changes(changes).map_err(refused)?;
    Ok(doc)
}

/// What an entry says, read by Automerge alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) marks: Vec<String>,
}

/// The objects of an entry that a writer changes.
struct Parts {
    title: ObjId,
    body: ObjId,
    marks: ObjId,
    happened: ObjId,
}

impl Parts {
    fn create(doc: &mut AutoCommit) -> Result<Self> {
        let title = doc.put_object(ROOT, "title", ObjType::Text).map_err(refused)?;
        let sections = doc.put_object(ROOT, "sections", ObjType::Map).map_err(refused)?;
        let main = doc.put_object(sections, MAIN_SECTION.to_string(), ObjType::Map).map_err(refused)?;
        let body = doc.put_object(main, "text", ObjType::Text).map_err(refused)?;
        let marks = doc.put_object(ROOT, "marks", ObjType::Map).map_err(refused)?;
        let happened = doc.put_object(ROOT, "happened", ObjType::Map).map_err(refused)?;
        Ok(Self { title, body, marks, happened })
    }

    fn of(doc: &AutoCommit) -> Option<Self> {
        let get = |parent: &ObjId, key: &str| Some(doc.get(parent, key).ok()??.1);
        let main = get(&get(&ROOT, "sections")?, &MAIN_SECTION.to_string())?;
        Some(Self {
            title: get(&ROOT, "title")?,
            body: get(&main, "text")?,
            marks: get(&ROOT, "marks")?,
            happened: get(&ROOT, "happened")?,
        })
    }
}

/// Reads a document.
pub(super) fn said(doc: &AutoCommit) -> Said {
    let Some(parts) = Parts::of(doc) else { return Said::default() };
    Said {
        title: doc.text(&parts.title).unwrap_or_default(),
        body: doc.text(&parts.body).unwrap_or_default(),
        marks: doc.keys(&parts.marks).collect(),
    }
}

impl Device {
    /// Begins an entry.
    pub(super) fn write(&mut self) -> Result<(EntryId, Head)> {
        let entry = EntryId::from_bytes(random(&mut self.rng));
        let mut doc = AutoCommit::new().with_actor(ActorId::from(self.actor));
        let parts = Parts::create(&mut doc)?;
        let word = self.word();
        doc.splice_text(&parts.title, 0, 0, &word).map_err(refused)?;
        let chunk = self.commit_document(&mut doc)?;
        let head = self.save(entry, chunk, Vec::new(), Vec::new())?;
        Ok((entry, head.ok_or_else(|| Error::internal("a new entry was erased before"))?))
    }

    /// Changes an entry, where it can be read here.
    pub(super) fn change(&mut self, entry: EntryId, writing: Writing) -> Result<Option<Head>> {
        let (mut doc, blobs) = self.storage().read(|tx| {
            let blobs: Vec<_> = tx.blobs(false)?.into_iter().filter(|blob| blob.entry == entry).collect();
            Ok((load(tx, entry)?, blobs))
        })?;
        doc.set_actor(ActorId::from(self.actor));
        let Some(parts) = Parts::of(&doc) else { return Ok(None) };
        let (mut brings, mut ends) = (Vec::new(), Vec::new());
        match writing {
            Writing::Edit => {
                let text = if self.rng.chance(40) { &parts.title } else { &parts.body };
                let length = doc.length(text);
                let at = self.rng.below(length + 1);
                let gone = if self.rng.chance(30) { self.rng.below((length - at).min(4) + 1) } else { 0 };
                let word = self.word();
                doc.splice_text(text, at, gone as isize, &word).map_err(refused)?;
            }
            Writing::File => self.file(&mut doc, &parts)?,
            Writing::Mark => {
                let word = self.word();
                if self.rng.chance(70) {
                    doc.put(&parts.marks, word, true).map_err(refused)?;
                } else {
                    doc.delete(&parts.marks, word).map_err(refused)?;
                }
            }
            Writing::Attach => {
                let length = if self.rng.chance(10) { 70_000 } else { 1 + self.rng.below(200) };
                let bytes = vec![self.rng.next() as u8; length];
                let blob = blob_ref(random(&mut self.rng), &bytes);
                self.blobs.put(entry, &blob, &bytes);
                doc.put(&parts.marks, blob.id.to_string(), true).map_err(refused)?;
                brings.push(blob);
            }
            Writing::Detach => {
                let Some(blob) = self.rng.pick(&blobs) else { return Ok(None) };
                doc.delete(&parts.marks, blob.blob.id.to_string()).map_err(refused)?;
                ends.push(blob.blob.id);
            }
            Writing::Record | Writing::Later => {
                let (brings, ends) = (Vec::new(), Vec::new());
                let kind = match writing {
                    Writing::Later => OperationKind::from(3 + self.rng.below(300) as u32),
                    _ => OperationKind::Record,
                };
                let envelope = Envelope { entry, kind, brings, ends, first_log: None };
                let bytes = random::<12>(&mut self.rng).to_vec();
                return Ok(Some(self.append(vec![Operation::new(envelope, bytes)?])?));
            }
        }
        let chunk = self.commit_document(&mut doc)?;
        self.save(entry, chunk, brings, ends)
    }

    /// Writes a text of more operations than one change may hold, as the program does: by our editor.
    pub(super) fn write_over(&mut self, entry: EntryId, text: &str) -> Result<Head> {
        let changes = self.storage().read(|tx| tx.changes(entry))?;
        let chunks: Vec<&[u8]> = changes.iter().map(|change| change.chunk.as_slice()).collect();
        let chunks = if self.identity.faults.has(Fault::WritesMoreThanIsRead) {
            let mut doc = self.storage().read(|tx| load(tx, entry))?;
            doc.set_actor(ActorId::from(self.actor));
            let parts = Parts::of(&doc).ok_or_else(|| Error::internal("no entry"))?;
            let length = doc.length(&parts.body) as isize;
            doc.splice_text(&parts.body, 0, length, text).map_err(refused)?;
            vec![self.commit_document(&mut doc)?]
        } else {
            let mut document = EntryDocument::load(entry, Actor::from_bytes(self.actor), None, &chunks)?.document;
            let edit = Edit::SetText { field: TextField::Body, base: document.heads(), text: text.to_owned() };
            document.edit(Timestamp(NOW + self.clock), &mut self.rng, &[edit])?.changes
        };
        let change = |chunk| Operation::change(entry, chunk, Vec::new(), Vec::new());
        self.append(chunks.into_iter().map(change).collect::<std::result::Result<_, _>>()?)
    }

    fn file(&mut self, doc: &mut AutoCommit, parts: &Parts) -> Result<()> {
        match self.rng.below(4) {
            0 => doc.put(ROOT, "trashed", self.rng.chance(60)),
            1 => doc.put(ROOT, "boxed_until", *self.rng.pick(&["by_hand", "2020-01-01", "2030-01-01"]).unwrap_or(&"")),
            2 => doc.delete(ROOT, "boxed_until"),
            _ => doc.put(&parts.happened, "date", *self.rng.pick(&DAYS).unwrap_or(&"")),
        }
        .map_err(refused)
    }

    /// Gives one of the people of this journal a name, which every text that names them then shows.
    pub(super) fn name(&mut self) -> Result<Option<Head>> {
        let pick = |of: &[&str], at: usize| of.get(at).copied().unwrap_or_default().to_owned();
        let token = pick(&TOKENS, self.rng.below(TOKENS.len()));
        let name = pick(&NAMES, self.rng.below(NAMES.len()));
        let at = Timestamp(NOW + self.clock);
        let changes = self.storage().read(|tx| tx.changes(PEOPLE))?;
        let chunks: Vec<&[u8]> =
            changes.iter().filter(|change| change.ready).map(|change| change.chunk.as_slice()).collect();
        let (mut people, _) = PeopleDocument::load(Actor::from_bytes(self.actor), None, &chunks)?;
        // Every device begins this document with the same change.
        let first = if chunks.is_empty() { Some(PeopleDocument::first_change()?) } else { None };
        let named = people.restore(at, &Person { token, name, aliases: Default::default() })?;
        let chunks = first.into_iter().chain(named);
        let operations = chunks.map(|chunk| Operation::change(PEOPLE, chunk, Vec::new(), Vec::new()));
        let operations = operations.collect::<std::result::Result<Vec<_>, _>>()?;
        if operations.is_empty() { Ok(None) } else { self.append(operations).map(Some) }
    }

    /// Writes a long line of the ledger, of bytes that do not compress.
    pub(super) fn record_long(&mut self, entry: EntryId, length: usize) -> Result<Head> {
        let (brings, ends) = (Vec::new(), Vec::new());
        let envelope = Envelope { entry, kind: OperationKind::Record, brings, ends, first_log: None };
        let mut bytes = vec![0; length];
        afterword_core::time::Entropy::fill(&mut self.rng, &mut bytes);
        self.append(vec![Operation::new(envelope, bytes)?])
    }

    /// Packs older operations, as a program does while nobody waits.
    pub(super) fn pack(&mut self, packing: &Packing) -> Result<()> {
        self.storage().write(|tx| rules::pack(tx, &self.identity, packing)).map(drop)
    }

    /// Destroys an entry.
    pub(super) fn erase(&mut self, entry: EntryId) -> Result<()> {
        self.storage().write(|tx| rules::erase(tx, &self.identity, &mut self.rng, entry)).map(drop)
    }

    fn append(&mut self, operations: Vec<Operation>) -> Result<Head> {
        self.storage().write(|tx| rules::append(tx, &self.identity, &mut self.rng, operations))
    }

    /// Saves a change; nothing where the entry is erased. A program that has the document at hand writes the list row with
    /// it, where lists are derived.
    fn save(
        &mut self,
        entry: EntryId,
        chunk: Vec<u8>,
        brings: Vec<BlobRef>,
        ends: Vec<afterword_core::id::BlobId>,
    ) -> Result<Option<Head>> {
        let operation = Operation::change(entry, chunk, brings.clone(), ends)?;
        let (storage, actor) = (self.storage(), Actor::from_bytes(self.actor));
        let (identity, rng) = (&self.identity, &mut self.rng);
        let with_row = rng.chance(50);
        let append = |tx: &mut dyn Tx| {
            if tx.is_erased(entry)? {
                return Ok(None);
            }
            let head = rules::append(tx, identity, rng, vec![operation])?;
            // The bytes were there before the commit that speaks of them.
            brings.iter().try_for_each(|blob| tx.set_blob(entry, blob.id, &[], true))?;
            Ok(Some(head))
        };
        match &storage.derives {
            Some(_) if with_row => storage.write_sql(|tx| {
                let head = append(tx)?;
                if head.is_some() {
                    let changes = read_model::changes(tx, entry)?;
                    read_model::put_row(tx, &read_model::read(entry, changes, actor)?.entry)?;
                }
                Ok(head)
            }),
            _ => storage.write(append),
        }
    }

    fn commit_document(&mut self, doc: &mut AutoCommit) -> Result<Vec<u8>> {
        let options = || CommitOptions::default().with_time(NOW + self.clock);
        let hash = doc.commit_with(options());
        let change = match hash {
            Some(_) => doc.get_last_local_change(),
            // Deleting what is not there changes nothing: an empty change says so.
            None => {
                doc.empty_change(options());
                doc.get_last_local_change()
            }
        };
        change.map(|change| change.raw_bytes().to_vec()).ok_or_else(|| Error::internal("nothing was committed"))
    }

    /// Something to write: a word, with or without room behind it, or somebody's token.
    fn word(&mut self) -> String {
        if self.rng.chance(10) {
            return in_text(TOKENS[self.rng.below(TOKENS.len())]);
        }
        let word = WORDS[self.rng.below(WORDS.len())];
        if self.rng.chance(60) { format!("{word} ") } else { word.to_owned() }
    }
}
