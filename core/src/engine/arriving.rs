//! Which announced rows are still on their way: a list shows them only while a session brings them.
//!
//! Another process may list while this one syncs, and this one may be killed: so a session that was told a listing holds
//! a lock on a file, which the system takes back from a process that dies.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::sync::Mutex;

use super::open_journal::{OpenJournal, lock};
use crate::error::Result;
use crate::files::Home;
use crate::id::DeviceId;
use crate::replication::StorageExt;

/// The file's name in the home folder.
const FILE: &str = "arriving";

/// Devices that announced entries in a session that goes on, and the lock that says so.
#[derive(Debug, Default)]
pub(crate) struct Arriving(Mutex<BTreeMap<DeviceId, Option<File>>>);

/// A session with `peer` stores a listing. Where there can be no lock, its rows are shown once their entries are held.
pub(super) fn begin(shared: &OpenJournal, peer: DeviceId) {
    let file = shared.home.lock_file(FILE).ok().filter(|file| file.lock_shared().is_ok());
    lock(&shared.arriving.0).insert(peer, file);
}

/// All that `peer` announced is here, or will not come any more.
pub(super) fn end(shared: &OpenJournal, peer: DeviceId) -> Result<()> {
    let held = lock(&shared.arriving.0).remove(&peer);
    if held.is_some() {
        shared.store.write(|tx| tx.end_arriving(peer))?;
    }
    Ok(())
}

/// Whether any process's session still brings what it announced.
pub(super) fn is_live(home: &Home) -> bool {
    // A file that was never made was never locked.
    let Ok(file) = File::open(home.root().join(FILE)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Everything that waited is derived: announced rows have made way for it.
pub(super) fn prune(shared: &OpenJournal) -> Result<()> {
    if shared.store.read_sql(|tx| tx.has_arriving())? {
        let live = is_live(&shared.home);
        shared.store.write_sql(|tx| tx.prune_arriving(live))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::alone::{again, made};
    use super::*;
    use crate::document::EntryDocument;
    use crate::engine::Engine;
    use crate::id::EntryId;
    use crate::journal::edit::{Edit, TextField};
    use crate::journal::people::Person;
    use crate::journal::view::RowView;
    use crate::journal::{Kind, NewEntry};
    use crate::log::Operation;
    use crate::replication::ListRow;
    use crate::replication::rules;
    use crate::store::read_model::{self, Cursor, Filter};
    use crate::time::{Day, Timestamp};

    fn peer() -> DeviceId {
        DeviceId::from_bytes([9; 32])
    }

    /// As another device tells it: the `n`th of a month.
    fn row(n: u8) -> ListRow {
        ListRow {
            kind: Kind::Loss,
            title: format!("Letter {n}"),
            day: Day::new(2023, 11, n),
            created_at: Timestamp(n.into()),
            updated_at: Timestamp(n.into()),
            words: 3,
            ..ListRow::bare(EntryId::from_bytes([n; 16]))
        }
    }

    fn mine(engine: &Engine) -> EntryId {
        let new =
            NewEntry { kind: Kind::Note, title: "Mine".into(), body: "b".into(), sections: vec![], happened: None };
        engine.create_entry(new).unwrap().id
    }

    fn announce(engine: &Engine, rows: &[ListRow]) {
        begin(&engine.shared, peer());
        engine.shared.store.write(|tx| tx.set_arriving(peer(), rows)).unwrap();
    }

    /// Titles in the order of the list; `>` before those that are arriving.
    fn titles(engine: &Engine, filter: &Filter, limit: usize, after: Option<&Cursor>) -> (Vec<String>, Option<Cursor>) {
        let page = engine.list(filter, limit, after).unwrap();
        let mark = |row: &RowView| if row.arriving { ">" } else { "" };
        (page.entries.iter().map(|row| format!("{}{}", mark(row), row.title)).collect(), page.next)
    }

    fn all(engine: &Engine) -> Vec<String> {
        titles(engine, &Filter::default(), 50, None).0
    }

    #[test]
    fn what_arrives_stands_in_its_place_and_pages_go_on_after_it() {
        let (_folder, engine) = made();
        // The clock of these tests stands on 2023-11-14.
        mine(&engine);
        announce(&engine, &[row(3), row(20), row(12), row(25)]);
        assert_eq!(all(&engine), [">Letter 25", ">Letter 20", "Mine", ">Letter 12", ">Letter 3"]);
        let (first, next) = titles(&engine, &Filter::default(), 2, None);
        assert_eq!(first, [">Letter 25", ">Letter 20"]);
        let (second, next) = titles(&engine, &Filter::default(), 2, next.as_ref());
        assert_eq!(second, ["Mine", ">Letter 12"]);
        let (third, next) = titles(&engine, &Filter::default(), 2, next.as_ref());
        assert_eq!((third, next), (vec![">Letter 3".to_owned()], None));
        let late = Filter { from: Some(Day::new(2023, 11, 13)), kind: Some(Kind::Loss), ..Filter::default() };
        assert_eq!(titles(&engine, &late, 50, None).0, [">Letter 25", ">Letter 20"]);
        assert_eq!(titles(&engine, &Filter { trashed: true, ..Filter::default() }, 50, None).0, [""; 0]);
    }

    #[test]
    fn another_process_shows_it_as_long_as_a_session_brings_it() {
        let (_folder, engine) = made();
        announce(&engine, &[row(3)]);
        let other = again(&engine, 2);
        assert_eq!(all(&other), [">Letter 3"]);
        end(&engine.shared, peer()).unwrap();
        assert_eq!(all(&other), [""; 0]);
        assert!(!engine.shared.store.read_sql(|tx| tx.has_arriving()).unwrap());
    }

    #[test]
    fn a_killed_process_s_rows_are_shown_by_nobody_and_forgotten() {
        let (_folder, engine) = made();
        announce(&engine, &[row(3)]);
        // The system gives the lock back; nobody ends the session.
        lock(&engine.shared.arriving.0).clear();
        let other = again(&engine, 2);
        assert_eq!(all(&other), [""; 0]);
        assert!(!other.shared.store.read_sql(|tx| tx.has_arriving()).unwrap());
    }

    #[test]
    fn a_damaged_row_is_left_out_and_the_list_stays_whole() {
        let (_folder, engine) = made();
        mine(&engine);
        announce(&engine, &[row(3), row(4)]);
        let damage = "UPDATE arriving SET row = x'ff' WHERE entry = x'03030303030303030303030303030303'";
        engine.shared.store.write_sql(|tx| Ok(tx.conn()?.execute(damage, []).unwrap())).unwrap();
        assert_eq!(all(&engine), ["Mine", ">Letter 4"]);
    }

    #[test]
    fn a_long_title_is_cut_and_names_stand_in_the_place_of_tokens() {
        let (_folder, engine) = made();
        let ana = Person { token: "abcdefghij".to_owned(), name: "Ana".to_owned(), aliases: Default::default() };
        engine.shared.store.write_sql(|tx| read_model::store_people(tx, &[ana].into_iter().collect())).unwrap();
        let title = format!("@Ana and {}", "ä".repeat(200));
        let new = NewEntry { kind: Kind::Note, title, body: "b".into(), sections: vec![], happened: None };
        engine.create_entry(new).unwrap();
        let told = engine.shared.store.read(crate::replication::rules::listing).unwrap();
        assert!(told[0].title.starts_with("@Ana and ä") && told[0].title.ends_with("ä…"), "{}", told[0].title);
        assert!((254..=256).contains(&told[0].title.len()), "{}", told[0].title.len());
    }

    #[test]
    fn an_entry_takes_the_place_of_what_was_told_of_it() {
        let (_folder, engine) = made();
        let id = mine(&engine);
        announce(&engine, &[ListRow { id, ..row(3) }]);
        assert_eq!(all(&engine), ["Mine"]);
    }

    #[test]
    fn an_entry_whose_beginning_has_not_come_stands_as_it_was_told() {
        let (_folder, engine) = made();
        let (shared, id) = (&engine.shared, row(3).id);
        let mut entropy = shared.entropy.clone();
        let now = shared.clock.now();
        let new =
            NewEntry { kind: Kind::Loss, title: "Here".into(), body: "b".into(), sections: vec![], happened: None };
        let (mut document, mut first) = EntryDocument::create(id, shared.actor(), now, &new, &mut entropy).unwrap();
        let edit = Edit::SetText { field: TextField::Body, base: document.heads(), text: "c".into() };
        let edit = document.edit(now, &mut entropy, &[edit]).unwrap();
        let bring = |chunk: Vec<u8>| {
            let operation = Operation::change(id, chunk, Vec::new(), Vec::new()).unwrap();
            let mut entropy = shared.entropy.clone();
            shared.store.write(|tx| rules::append(tx, &shared.identity, &mut entropy, vec![operation])).unwrap();
        };
        // Another device's edit comes before what it was made on.
        announce(&engine, &[row(3)]);
        bring(edit.changes.concat());
        end(shared, peer()).unwrap();
        engine.derive(Duration::from_secs(60), |_, _| {}).unwrap();
        assert_eq!(all(&engine), [">Letter 3"]);
        assert_eq!(engine.row(id).unwrap(), None, "nothing of it can be read");
        bring(first.remove(0));
        assert_eq!(all(&engine), ["Here"]);
    }
}
