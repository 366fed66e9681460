//! The transaction in which an entry is edited: typed writes into its Automerge document. All that one
//! [`EntryTransaction`] does becomes one change; of long texts, several (`later.rs`).

use automerge::transaction::{Transactable, Transaction};
use automerge::{ChangeHash as AmHash, ObjId, ObjType, ReadDoc, ScalarValue};

use super::bounds::{MAX_LINE, MAX_TEXT};
use super::error::DocumentError;
use super::later::{Later, Pen};
use super::read::boxed_word;
use super::replica::theirs;
use super::schema::{CONTAINERS, Maps, NEVER_PUBLISH, SCHEMA, View, key};
use super::{order, splice};
use crate::id::{AttachmentId, ChangeHash, ClosureId, EntryId, ItemId, ReflectionId, SealId, SectionId};
use crate::journal::edit::{AttachmentField, NewAttachment, TextField};
use crate::journal::{
    Boxed, ClosureKind, Entry, Experiment, ItemKind, ItemState, Kind, LinkKind, MAIN_SECTION, MarkGroup, NewEntry,
    NextMove,
};
use crate::time::{Day, Entropy, random};

/// Writes into one entry's document; [`EntryDocument::edit`](super::EntryDocument::edit) makes changes of them.
pub(super) struct EntryTransaction<'e, 't> {
    tx: &'e mut Transaction<'t>,
    later: &'e mut Later,
    entropy: &'e mut dyn Entropy,
    /// How the document reads without this edit, if somebody knows.
    known: Option<&'e Entry>,
    /// Texts that were written whole as they read since, and how many of the edit's operations that took.
    texts: Vec<(TextField, String)>,
    text_operations: usize,
}

const FAILED: DocumentError = DocumentError::Failed("written");

impl<'e, 't> EntryTransaction<'e, 't> {
    pub(super) fn new(pen: &'e mut Pen<'t>, entropy: &'e mut dyn Entropy) -> Self {
        let Pen { tx, later } = pen;
        Self { tx, later, entropy, known: None, texts: Vec::new(), text_operations: 0 }
    }

    /// An edit of a document that reads as `known`, where that is known.
    pub(super) fn of_known(pen: &'e mut Pen<'t>, entropy: &'e mut dyn Entropy, known: Option<&'e Entry>) -> Self {
        Self { known, ..Self::new(pen, entropy) }
    }

    /// Returns the texts that were written whole as they read now, and whether nothing else was written.
    pub(super) fn texts(self) -> (Vec<(TextField, String)>, bool) {
        let alone = self.tx.pending_ops() == self.text_operations && self.later.is_empty();
        (self.texts, alone)
    }

    /// The first commit: every container that the schema fixes, so that no two devices ever make one each (trap f).
    pub(super) fn create(&mut self, new: &NewEntry) -> Result<(), DocumentError> {
        self.begin(new.kind, &new.title, &new.body, &new.body)?;
        let mut place = None;
        for (prompt, text) in &new.sections {
            let next = order::between(place.as_deref(), None);
            let id = SectionId::from_bytes(random(self.entropy));
            self.new_section(id, prompt, &next, text)?;
            place = Some(next);
        }
        match new.happened {
            Some(day) => self.set_happened(Some(day)),
            None => Ok(()),
        }
    }

    /// What every entry begins with.
    pub(super) fn begin(
        &mut self,
        kind: Kind,
        title: &str,
        first_telling: &str,
        body: &str,
    ) -> Result<(), DocumentError> {
        let root = vec![ObjId::Root];
        self.put(&root, key::SCHEMA, SCHEMA)?;
        self.put(&root, key::KIND, kind.as_str())?;
        self.new_text(&ObjId::Root, key::TITLE, "title", title)?;
        // Never edited, so one value and not a character each: half the cost of opening an entry.
        within(first_telling, "first telling", MAX_TEXT)?;
        self.put(&root, key::FIRST_TELLING, first_telling)?;
        for container in CONTAINERS {
            self.make(&ObjId::Root, container, ObjType::Map)?;
        }
        let marks = self.container(key::MARKS)?;
        for group in MarkGroup::ALL {
            self.child(&marks, group.as_str())?;
        }
        self.new_section(MAIN_SECTION, "", "", body)
    }

    // Texts.

    /// Makes a text say `text`, which was written on the text as it was at `base`. What came in since stays. Gives
    /// back what the text says now.
    pub(super) fn set_text(
        &mut self,
        field: TextField,
        base: &[ChangeHash],
        text: &str,
    ) -> Result<String, DocumentError> {
        within(text, "text", MAX_TEXT)?;
        let base = self.base(base)?;
        let before = self.tx.pending_ops();
        let id = self.text_id(field)?;
        let known = self.known.and_then(|entry| field.of(entry));
        let now = splice::write(self.tx, self.later, &id, &base, known, text)?;
        self.text_operations += self.tx.pending_ops() - before;
        self.texts.push((field, now.clone()));
        Ok(now)
    }

    /// Writes every text as it was at `at`, as a new edit; what was put away since comes back. Parts that are newer
    /// stay as they are, and the first telling is what it always was.
    pub(super) fn restore_texts(&mut self, at: &[ChangeHash]) -> Result<(), DocumentError> {
        let heads = self.base(at)?;
        let old = super::read::texts(View { doc: &*self.tx, at: Some(&heads) });
        // What the texts say now is what the writer sees and replaces, so now is the base.
        let now = self.tx.get_heads();
        let write = |editor: &mut Self, field, text: &str| {
            let id = editor.text_id(field)?;
            splice::write(editor.tx, editor.later, &id, &now, None, text).map(drop)
        };
        write(self, TextField::Title, &old.title)?;
        for section in &old.sections {
            let maps = self.part(key::SECTIONS, &section.id.to_string(), "section")?;
            self.delete(&maps, key::RETIRED)?;
            write(self, TextField::Section(section.id), &section.text)?;
        }
        for item in &old.items {
            let maps = self.part(key::ITEMS, &item.id.to_string(), "item")?;
            self.delete(&maps, key::RETIRED)?;
            write(self, TextField::Item(item.id), &item.text)?;
        }
        for reflection in &old.reflections {
            write(self, TextField::Reflection(reflection.id), &reflection.text)?;
        }
        Ok(())
    }

    // Sections, items, reflections.

    /// Adds a section under a prompt: after the section `after`, or at the end.
    pub(super) fn add_section(
        &mut self,
        prompt: &str,
        after: Option<SectionId>,
        text: &str,
    ) -> Result<SectionId, DocumentError> {
        let place = self.place(key::SECTIONS, after.map(|id| id.to_string()).as_deref());
        let id = SectionId::from_bytes(random(self.entropy));
        self.new_section(id, prompt, &place, text)?;
        Ok(id)
    }

    /// Puts a section away. What someone writes into it meanwhile is kept with it (trap g). The main section stays.
    pub(super) fn retire_section(&mut self, id: SectionId) -> Result<(), DocumentError> {
        if id == MAIN_SECTION {
            return Err(DocumentError::Invalid("main section, which an entry always has,"));
        }
        let maps = self.part(key::SECTIONS, &id.to_string(), "section")?;
        self.put(&maps, key::RETIRED, true)
    }

    /// Adds an item at the end.
    pub(super) fn add_item(&mut self, kind: ItemKind, text: &str) -> Result<ItemId, DocumentError> {
        let place = self.place(key::ITEMS, None);
        let id = ItemId::from_bytes(random(self.entropy));
        let maps = self.new_part(key::ITEMS, &id.to_string())?;
        self.put(&maps, key::KIND, kind.as_str())?;
        self.put(&maps, key::ORDER, place)?;
        self.new_text(&maps[0], key::TEXT, "item", text)?;
        Ok(id)
    }

    /// Says where an item stands; nothing takes the word back.
    pub(super) fn set_item_state(&mut self, id: ItemId, state: Option<ItemState>) -> Result<(), DocumentError> {
        let maps = self.part(key::ITEMS, &id.to_string(), "item")?;
        self.set(&maps, key::STATE, state.map(|state| state.as_str().into()))
    }

    /// Gives an item a day, or takes it away.
    pub(super) fn set_item_day(&mut self, id: ItemId, day: Option<Day>) -> Result<(), DocumentError> {
        let maps = self.part(key::ITEMS, &id.to_string(), "item")?;
        self.set(&maps, key::DAY, day.map(|day| day.to_string().into()))
    }

    /// Puts an item away; what someone writes into it meanwhile is kept with it.
    pub(super) fn retire_item(&mut self, id: ItemId) -> Result<(), DocumentError> {
        let maps = self.part(key::ITEMS, &id.to_string(), "item")?;
        self.put(&maps, key::RETIRED, true)
    }

    /// Appends a reflection.
    pub(super) fn add_reflection(&mut self, day: Day, text: &str) -> Result<ReflectionId, DocumentError> {
        let place = self.place(key::REFLECTIONS, None);
        let id = ReflectionId::from_bytes(random(self.entropy));
        let maps = self.new_part(key::REFLECTIONS, &id.to_string())?;
        self.put(&maps, key::DAY, day.to_string())?;
        self.put(&maps, key::ORDER, place)?;
        self.new_text(&maps[0], key::TEXT, "reflection", text)?;
        Ok(id)
    }

    // Words and facts about the whole entry.

    /// Adds a word to a group. Adding wins over a removal that had not seen it.
    pub(super) fn mark(&mut self, group: MarkGroup, word: &str) -> Result<(), DocumentError> {
        let word = word_of(word)?;
        let marks = self.container(key::MARKS)?;
        let maps = self.child(&marks, group.as_str())?;
        if View::now(&*self.tx).any_true(&maps, word) { Ok(()) } else { self.put(&maps, word, true) }
    }

    /// Takes a word out of a group.
    pub(super) fn unmark(&mut self, group: MarkGroup, word: &str) -> Result<(), DocumentError> {
        let word = word_of(word)?;
        let marks = self.container(key::MARKS)?;
        let maps = self.child(&marks, group.as_str())?;
        self.delete(&maps, word)
    }

    /// Says when it happened, as exactly as the day is given; nothing means unknown.
    pub(super) fn set_happened(&mut self, day: Option<Day>) -> Result<(), DocumentError> {
        let maps = self.container(key::HAPPENED)?;
        self.set(&maps, key::DATE, day.map(|day| day.to_string().into()))?;
        let precision = match day.map(|day| day.precision()) {
            Some(crate::time::Precision::Day) => "day",
            Some(crate::time::Precision::Month) => "month",
            Some(crate::time::Precision::Year) => "year",
            _ => "unknown",
        };
        self.put(&maps, key::PRECISION, precision)
    }

    /// Says what the entry is about.
    pub(super) fn set_kind(&mut self, kind: Kind) -> Result<(), DocumentError> {
        self.put(&vec![ObjId::Root], key::KIND, kind.as_str())
    }

    /// Ties the entry to another one.
    pub(super) fn link(&mut self, other: EntryId, kind: LinkKind) -> Result<(), DocumentError> {
        let maps = self.container(key::LINKS)?;
        self.put(&maps, &other.to_string(), kind.as_str())
    }

    /// Unties it.
    pub(super) fn unlink(&mut self, other: EntryId) -> Result<(), DocumentError> {
        let maps = self.container(key::LINKS)?;
        self.delete(&maps, &other.to_string())
    }

    /// Closes the entry on a day.
    pub(super) fn add_closure(&mut self, day: Day, kind: ClosureKind, note: &str) -> Result<ClosureId, DocumentError> {
        within(note, "note", MAX_LINE)?;
        let place = self.place(key::CLOSURES, None);
        let id = ClosureId::from_bytes(random(self.entropy));
        let maps = self.new_part(key::CLOSURES, &id.to_string())?;
        self.put(&maps, key::DAY, day.to_string())?;
        self.put(&maps, key::KIND, kind.as_str())?;
        self.put(&maps, key::ORDER, place)?;
        self.put(&maps, key::NOTE, note)?;
        Ok(id)
    }

    /// Takes a closure back; it stays to be seen.
    pub(super) fn reopen(&mut self, id: ClosureId, day: Day) -> Result<(), DocumentError> {
        let maps = self.part(key::CLOSURES, &id.to_string(), "closure")?;
        self.put(&maps, key::REOPENED, day.to_string())
    }

    /// Puts the entry out of sight.
    pub(super) fn set_box(&mut self, until: Boxed) -> Result<(), DocumentError> {
        self.put(&vec![ObjId::Root], key::BOXED_UNTIL, boxed_word(until))
    }

    /// Takes it out of its box.
    pub(super) fn unbox(&mut self) -> Result<(), DocumentError> {
        self.delete(&vec![ObjId::Root], key::BOXED_UNTIL)
    }

    /// Never shows it again unasked, or does.
    pub(super) fn set_muted(&mut self, muted: bool) -> Result<(), DocumentError> {
        self.set_flag(key::MUTED, muted)
    }

    /// Puts the entry away, or takes it back. A trash that a concurrent untrash had not seen stays: it is reversible,
    /// and the entry was put away by someone who looked at it.
    pub(super) fn set_trashed(&mut self, trashed: bool) -> Result<(), DocumentError> {
        self.set_flag(key::TRASHED, trashed)
    }

    /// Says what comes next; nothing takes the word back.
    pub(super) fn set_next_move(&mut self, next: Option<NextMove>) -> Result<(), DocumentError> {
        self.set(&vec![ObjId::Root], key::NEXT_MOVE, next.map(|next| next.as_str().into()))
    }

    /// Answers the experiment's questions; a missing answer was not given.
    pub(super) fn set_experiment(&mut self, answers: &Experiment) -> Result<(), DocumentError> {
        let maps = self.container(key::EXPERIMENT)?;
        self.set_words(&maps, key::PREDICTION, answers.prediction.as_deref())?;
        self.set(&maps, key::FEAR_BEFORE, answers.fear_before.map(ScalarValue::from))?;
        self.set(&maps, key::ATTEMPTED, answers.attempted.map(ScalarValue::from))?;
        self.set_words(&maps, key::HAPPENED, answers.happened.as_deref())?;
        self.set(&maps, key::FEAR_AFTER, answers.fear_after.map(ScalarValue::from))?;
        self.set(&maps, key::AGAIN, answers.again.map(ScalarValue::from))
    }

    // Attachments, people, seals.

    /// Attaches a file.
    pub(super) fn add_attachment(&mut self, new: &NewAttachment) -> Result<AttachmentId, DocumentError> {
        let bytes = i64::try_from(new.bytes).map_err(|_| DocumentError::Invalid("length"))?;
        within(&new.mime, "media type", MAX_LINE)?;
        let place = self.place(key::ATTACHMENTS, None);
        let id = AttachmentId::from_bytes(random(self.entropy));
        let maps = self.new_part(key::ATTACHMENTS, &id.to_string())?;
        self.put(&maps, key::BLOB, ScalarValue::Bytes(new.blob.as_bytes().to_vec()))?;
        self.put(&maps, key::MIME, new.mime.as_str())?;
        self.put(&maps, key::BYTES, bytes)?;
        self.put(&maps, key::ORDER, place)?;
        self.put(&maps, key::PUBLISHABLE, false)?;
        self.set_words(&maps, key::CAPTION, new.caption.as_deref())?;
        self.set_words(&maps, key::ALT, new.alt.as_deref())?;
        self.set_words(&maps, key::CREDIT, new.credit.as_deref())?;
        Ok(id)
    }

    /// Takes a file off the entry.
    pub(super) fn detach(&mut self, id: AttachmentId) -> Result<(), DocumentError> {
        self.part(key::ATTACHMENTS, &id.to_string(), "attachment")?;
        let parents = self.container(key::ATTACHMENTS)?;
        self.delete(&parents, &id.to_string())
    }

    /// Changes what is said of a file.
    pub(super) fn describe_attachment(
        &mut self,
        id: AttachmentId,
        field: AttachmentField,
        text: Option<&str>,
    ) -> Result<(), DocumentError> {
        let maps = self.part(key::ATTACHMENTS, &id.to_string(), "attachment")?;
        let name = match field {
            AttachmentField::Caption => key::CAPTION,
            AttachmentField::Alt => key::ALT,
            AttachmentField::Credit => key::CREDIT,
        };
        self.set_words(&maps, name, text)
    }

    /// Says what part a person has in the entry. Two devices that name the same person at once name one.
    pub(super) fn set_person(
        &mut self,
        token: &str,
        role: Option<&str>,
        contact: Option<&str>,
    ) -> Result<(), DocumentError> {
        if !crate::journal::people::is_token(token) {
            return Err(DocumentError::Invalid("person"));
        }
        let parents = self.container(key::PEOPLE)?;
        let maps = self.child(&parents, token)?;
        self.set_words(&maps, key::ROLE, role)?;
        self.set_words(&maps, key::CONTACT, contact)
    }

    /// Seals the entry: nothing of it is ever published while one seal stands.
    pub(super) fn seal(&mut self) -> Result<SealId, DocumentError> {
        let id = SealId::from_bytes(random(self.entropy));
        let maps = self.container(key::SEALS)?;
        self.put(&maps, &id.to_string(), NEVER_PUBLISH)?;
        Ok(id)
    }

    /// Lifts the seals that the writer saw. One set meanwhile stands.
    pub(super) fn unseal(&mut self, seen: &[SealId]) -> Result<(), DocumentError> {
        let maps = self.container(key::SEALS)?;
        seen.iter().try_for_each(|id| self.delete(&maps, &id.to_string()))
    }

    /// Lifts every seal that stands.
    pub(super) fn unseal_all(&mut self) -> Result<(), DocumentError> {
        let maps = self.container(key::SEALS)?;
        let seals = View::now(&*self.tx).keys(&maps);
        seals.into_iter().try_for_each(|id| self.delete(&maps, &id))
    }

    // What the edits above are made of.

    fn base(&self, base: &[ChangeHash]) -> Result<Vec<AmHash>, DocumentError> {
        let base: Vec<AmHash> = base.iter().map(theirs).collect();
        // Automerge passes over heads that it does not know: the base would silently be an older one. Those of now, which
        // is what most edits are made on, are known without making their changes again.
        let now = self.tx.get_heads();
        let held =
            base.iter().filter(|head| !now.contains(head)).all(|head| self.tx.get_change_by_hash(head).is_some());
        if base.is_empty() || !held { Err(DocumentError::UnknownBase) } else { Ok(base) }
    }

    fn text_id(&mut self, field: TextField) -> Result<ObjId, DocumentError> {
        let (maps, name) = match field {
            TextField::Title => (vec![ObjId::Root], key::TITLE),
            TextField::Body => {
                let parents = self.container(key::SECTIONS)?;
                (self.child(&parents, &MAIN_SECTION.to_string())?, key::TEXT)
            }
            TextField::Section(id) => (self.part(key::SECTIONS, &id.to_string(), "section")?, key::TEXT),
            TextField::Item(id) => (self.part(key::ITEMS, &id.to_string(), "item")?, key::TEXT),
            TextField::Reflection(id) => (self.part(key::REFLECTIONS, &id.to_string(), "reflection")?, key::TEXT),
        };
        match View::now(&*self.tx).text_id(&maps, name) {
            Some(id) => Ok(id),
            // Only where a stranger put something else in its place.
            None => self.make(maps.last().unwrap_or(&ObjId::Root), name, ObjType::Text),
        }
    }

    pub(super) fn new_section(
        &mut self,
        id: SectionId,
        prompt: &str,
        place: &str,
        text: &str,
    ) -> Result<(), DocumentError> {
        within(prompt, "prompt", MAX_LINE)?;
        let maps = self.new_part(key::SECTIONS, &id.to_string())?;
        self.put(&maps, key::PROMPT, prompt)?;
        self.put(&maps, key::ORDER, place)?;
        self.new_text(&maps[0], key::TEXT, "section", text)
    }

    pub(super) fn new_text(
        &mut self,
        map: &ObjId,
        name: &str,
        what: &'static str,
        text: &str,
    ) -> Result<(), DocumentError> {
        within(text, what, MAX_TEXT)?;
        let id = self.make(map, name, ObjType::Text)?;
        if text.is_empty() { Ok(()) } else { self.later.write(self.tx, &id, 0, 0, text) }
    }

    /// A place after the sibling `after`, or after them all.
    fn place(&self, container: &str, after: Option<&str>) -> String {
        let view = View::now(&*self.tx);
        let parents = view.maps(&view.root(), container);
        let mut places: Vec<(String, String)> = view
            .keys(&parents)
            .into_iter()
            .map(|name| (view.string(&view.maps(&parents, &name), key::ORDER).unwrap_or_default(), name))
            .collect();
        places.sort_unstable();
        let at = after.and_then(|after| places.iter().position(|(_, name)| name == after));
        match at {
            Some(at) => {
                let low = &places[at].0;
                let high = places[at..].iter().map(|(place, _)| place).find(|place| *place > low);
                order::between(Some(low), high.map(String::as_str))
            }
            None => order::between(places.last().map(|(place, _)| place.as_str()), None),
        }
    }

    pub(super) fn container(&mut self, name: &str) -> Result<Maps, DocumentError> {
        self.child(&vec![ObjId::Root], name)
    }

    /// The maps at a key, made where there is none.
    pub(super) fn child(&mut self, parents: &Maps, name: &str) -> Result<Maps, DocumentError> {
        let maps = View::now(&*self.tx).maps(parents, name);
        if !maps.is_empty() {
            return Ok(maps);
        }
        Ok(vec![self.make(parents.last().unwrap_or(&ObjId::Root), name, ObjType::Map)?])
    }

    /// The maps of a part that must be there.
    fn part(&mut self, container: &str, id: &str, what: &'static str) -> Result<Maps, DocumentError> {
        let view = View::now(&*self.tx);
        let maps = view.maps(&view.maps(&view.root(), container), id);
        if maps.is_empty() { Err(DocumentError::NoSuch(what)) } else { Ok(maps) }
    }

    pub(super) fn new_part(&mut self, container: &str, id: &str) -> Result<Maps, DocumentError> {
        let parents = self.container(container)?;
        self.child(&parents, id)
    }

    fn make(&mut self, map: &ObjId, name: &str, kind: ObjType) -> Result<ObjId, DocumentError> {
        self.tx.put_object(map, name, kind).map_err(|_| FAILED)
    }

    pub(super) fn set_flag(&mut self, name: &str, on: bool) -> Result<(), DocumentError> {
        let root = vec![ObjId::Root];
        match (on, View::now(&*self.tx).any_true(&root, name)) {
            (true, false) => self.put(&root, name, true),
            (true, true) => Ok(()),
            (false, _) => self.delete(&root, name),
        }
    }

    pub(super) fn set_words(&mut self, maps: &Maps, name: &str, words: Option<&str>) -> Result<(), DocumentError> {
        within(words.unwrap_or_default(), "text", MAX_LINE)?;
        self.set(maps, name, words.map(ScalarValue::from))
    }

    pub(super) fn set(&mut self, maps: &Maps, name: &str, value: Option<ScalarValue>) -> Result<(), DocumentError> {
        match value {
            Some(value) => self.put(maps, name, value),
            None => self.delete(maps, name),
        }
    }

    /// Puts a value into every map of a key, where it is not the only value already.
    pub(super) fn put(&mut self, maps: &Maps, name: &str, value: impl Into<ScalarValue>) -> Result<(), DocumentError> {
        let value = value.into();
        for map in maps {
            let same = match self.tx.get_all(map, name).unwrap_or_default().as_slice() {
                [(only, _)] => only.as_scalar() == Some(&value),
                _ => false,
            };
            if !same {
                self.tx.put(map, name, value.clone()).map_err(|_| FAILED)?;
            }
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, maps: &Maps, name: &str) -> Result<(), DocumentError> {
        for map in maps {
            if !self.tx.get_all(map, name).unwrap_or_default().is_empty() {
                self.tx.delete(map, name).map_err(|_| FAILED)?;
            }
        }
        Ok(())
    }
}

pub(super) fn within(text: &str, what: &'static str, limit: usize) -> Result<(), DocumentError> {
    if text.len() > limit { Err(DocumentError::TooLong { what, limit }) } else { Ok(()) }
}

pub(super) fn word_of(word: &str) -> Result<&str, DocumentError> {
    let word = word.trim();
    if word.is_empty() || word.len() > 1024 { Err(DocumentError::Invalid("word")) } else { Ok(word) }
}
