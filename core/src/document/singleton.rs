//! The journal's two documents that are not entries: people, and the library.
//!
//! Every device begins them with the same bytes: a first change by a fixed actor at time 0, kept as a golden vector.
//! So two devices that never met hold the same containers, and neither hides what the other put in (trap m).
//! [`load`](PeopleDocument::load) brings the first change along; whoever decides which dependencies are held counts
//! it as held in every journal.

use automerge::transaction::Transactable;
use automerge::{ObjId, ObjType};

use super::bounds::MAX_LINE;
use super::error::DocumentError;
use super::replica::{Actor, Replica};
use super::schema::{SCHEMA, View, key};
use super::transaction::{EntryTransaction, within, word_of};
use crate::id::{ChangeHash, EntryId, LIBRARY, PEOPLE};
use crate::journal::people::{People, Person, is_token, new_token, sound_name};
use crate::time::{Entropy, Timestamp};

/// Entropy for edits that draw nothing.
#[derive(Debug)]
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// The first change of a singleton: the same bytes on every device.
fn first_change(id: EntryId, containers: &[&str]) -> Result<Vec<u8>, DocumentError> {
    let mut replica = Replica::empty(Actor::from_bytes(*id.as_bytes()));
    let ((), change) = replica.edit(Timestamp(0), |pen| {
        EntryTransaction::new(pen, &mut NoEntropy).put(&vec![ObjId::Root], key::SCHEMA, SCHEMA)?;
        for container in containers {
            pen.tx.put_object(ObjId::Root, *container, ObjType::Map).map_err(|_| DocumentError::Failed("created"))?;
        }
        Ok(())
    })?;
    only(change).ok_or(DocumentError::Failed("created"))
}

fn load(
    first: &[u8],
    actor: Actor,
    snapshot: Option<&[u8]>,
    changes: &[&[u8]],
) -> Result<(Replica, Vec<ChangeHash>), DocumentError> {
    let all: Vec<&[u8]> = std::iter::once(first).chain(changes.iter().copied()).collect();
    Replica::load(actor, snapshot, &all)
}

macro_rules! singleton {
    ($(#[$doc:meta])* $name:ident, $id:expr, $containers:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            replica: Replica,
        }

        impl $name {
            /// The change that this document begins with on every device, byte for byte.
            pub fn first_change() -> Result<Vec<u8>, DocumentError> {
                first_change($id, $containers)
            }

            /// The document, and which changes are set aside. It holds its first change whatever is given.
            pub fn load(
                actor: Actor,
                snapshot: Option<&[u8]>,
                changes: &[&[u8]],
            ) -> Result<(Self, Vec<ChangeHash>), DocumentError> {
                let (replica, refused) = load(&Self::first_change()?, actor, snapshot, changes)?;
                Ok((Self { replica }, refused))
            }

            /// The document's id: a constant.
            pub fn id(&self) -> EntryId {
                $id
            }

            /// The heads, sorted.
            pub fn heads(&self) -> Vec<ChangeHash> {
                self.replica.heads()
            }

            /// Takes changes in, as [`EntryDocument::merge`](super::EntryDocument::merge) does.
            pub fn merge(&mut self, changes: &[&[u8]]) -> Result<Vec<ChangeHash>, DocumentError> {
                self.replica.merge(changes)
            }

            /// A snapshot.
            pub fn save(&self) -> Vec<u8> {
                self.replica.save()
            }
        }
    };
}

singleton! {
    /// Who the journal's people are: token → name and aliases. Texts hold tokens only.
    PeopleDocument, PEOPLE, &[key::PEOPLE]
}

singleton! {
    /// Templates, prompts, tags and settings of the journal.
    LibraryDocument, LIBRARY, &[key::TEMPLATES, key::PROMPTS, key::TAGS, key::SETTINGS]
}

impl PeopleDocument {
    /// Everybody, as the names read now.
    pub fn people(&self) -> Result<People, DocumentError> {
        super::contain::contained(|| {
            let view = View::now(self.replica.doc());
            let people = view.maps(&view.root(), key::PEOPLE);
            let person = |token: String| {
                let maps = view.maps(&people, &token);
                let aliases = view.maps(&maps, key::ALIASES);
                let name = view.string(&maps, key::NAME).filter(|name| sound_name(name))?;
                let aliases = view.keys(&aliases).into_iter().filter(|alias| view.any_true(&aliases, alias)).collect();
                Some(Person { token, name, aliases })
            };
            view.keys(&people).into_iter().filter(|token| is_token(token)).filter_map(person).collect()
        })
        .map_err(|_| DocumentError::Failed("read"))
    }

    /// Adds a person; gives back the token that stands for them in texts, and the change.
    pub fn add(
        &mut self,
        at: Timestamp,
        entropy: &mut dyn Entropy,
        name: &str,
    ) -> Result<(String, Vec<u8>), DocumentError> {
        let name = checked(name)?;
        let token = new_token(entropy);
        let (token, change) = self.replica.edit(at, |pen| {
            let mut editor = EntryTransaction::new(pen, entropy);
            let people = editor.container(key::PEOPLE)?;
            let person = editor.child(&people, &token)?;
            editor.put(&person, key::NAME, name)?;
            editor.child(&person, key::ALIASES)?;
            Ok(token)
        })?;
        Ok((token, only(change).ok_or(DocumentError::Failed("written"))?))
    }

    /// Adds a person with the token that they had elsewhere. Nothing where they are known as that already.
    pub fn restore(&mut self, at: Timestamp, person: &Person) -> Result<Option<Vec<u8>>, DocumentError> {
        let name = checked(&person.name)?;
        if !is_token(&person.token) {
            return Err(DocumentError::Invalid("person"));
        }
        let edit = self.replica.edit(at, |pen| {
            let mut none = NoEntropy;
            let mut editor = EntryTransaction::new(pen, &mut none);
            let people = editor.container(key::PEOPLE)?;
            let maps = editor.child(&people, &person.token)?;
            editor.put(&maps, key::NAME, name)?;
            let aliases = editor.child(&maps, key::ALIASES)?;
            person.aliases.iter().try_for_each(|alias| editor.put(&aliases, checked(alias)?, true))
        })?;
        Ok(only(edit.1))
    }

    /// Gives a person another name, everywhere at once.
    pub fn rename(&mut self, at: Timestamp, token: &str, name: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        let name = checked(name)?;
        self.change(at, token, |editor, person| editor.put(person, key::NAME, name))
    }

    /// Adds an alias, the name that a public text would use, or takes it away.
    pub fn set_alias(
        &mut self,
        at: Timestamp,
        token: &str,
        alias: &str,
        there: bool,
    ) -> Result<Option<Vec<u8>>, DocumentError> {
        let alias = checked(alias)?;
        self.change(at, token, |editor, person| {
            let aliases = editor.child(person, key::ALIASES)?;
            if there { editor.put(&aliases, alias, true) } else { editor.delete(&aliases, alias) }
        })
    }

    fn change(
        &mut self,
        at: Timestamp,
        token: &str,
        work: impl FnOnce(&mut EntryTransaction<'_, '_>, &super::schema::Maps) -> Result<(), DocumentError>,
    ) -> Result<Option<Vec<u8>>, DocumentError> {
        let view = View::now(self.replica.doc());
        let person = view.maps(&view.maps(&view.root(), key::PEOPLE), token);
        if person.is_empty() {
            return Err(DocumentError::NoSuch("person"));
        }
        Ok(only(self.replica.edit(at, |pen| work(&mut EntryTransaction::new(pen, &mut NoEntropy), &person))?.1))
    }
}

impl LibraryDocument {
    /// A setting's value.
    pub fn setting(&self, name: &str) -> Option<String> {
        let view = View::now(self.replica.doc());
        view.string(&view.maps(&view.root(), key::SETTINGS), name)
    }

    /// Sets or forgets a setting.
    pub fn set_setting(
        &mut self,
        at: Timestamp,
        name: &str,
        value: Option<&str>,
    ) -> Result<Option<Vec<u8>>, DocumentError> {
        let name = word_of(name)?;
        within(value.unwrap_or_default(), "setting", MAX_LINE)?;
        let edit = self.replica.edit(at, |pen| {
            let mut none = NoEntropy;
            let mut editor = EntryTransaction::new(pen, &mut none);
            let settings = editor.container(key::SETTINGS)?;
            editor.set(&settings, name, value.map(Into::into))
        })?;
        Ok(only(edit.1))
    }

    /// The journal's tags, sorted.
    pub fn tags(&self) -> Vec<String> {
        let view = View::now(self.replica.doc());
        let tags = view.maps(&view.root(), key::TAGS);
        view.keys(&tags).into_iter().filter(|tag| view.any_true(&tags, tag)).collect()
    }

    /// Adds a tag or takes it away; adding wins over a removal that had not seen it.
    pub fn set_tag(&mut self, at: Timestamp, tag: &str, there: bool) -> Result<Option<Vec<u8>>, DocumentError> {
        let tag = word_of(tag)?;
        let edit = self.replica.edit(at, |pen| {
            let mut none = NoEntropy;
            let mut editor = EntryTransaction::new(pen, &mut none);
            let tags = editor.container(key::TAGS)?;
            if there { editor.put(&tags, tag, true) } else { editor.delete(&tags, tag) }
        })?;
        Ok(only(edit.1))
    }
}

/// The one change of an edit: nothing in a singleton is a text that could take several.
fn only(changes: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    changes.into_iter().next()
}

fn checked(name: &str) -> Result<&str, DocumentError> {
    let name = name.trim();
    if sound_name(name) { Ok(name) } else { Err(DocumentError::Invalid("name")) }
}
