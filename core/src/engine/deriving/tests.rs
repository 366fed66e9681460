//! Deriving: in slices, newest first, each entry once, whatever dies or writes in between. Held by counts.

use std::sync::mpsc;

use super::*;
use crate::document::EntryDocument;
use crate::engine::alone::{again, environment, made};
use crate::id::PEOPLE;
use crate::journal::edit::{Edit, TextField};
use crate::journal::people::in_text;
use crate::journal::{Kind, NewEntry};
use crate::log::Operation;
use crate::replication::{StorageExt, rules};
use crate::store::sqlite::open::BUSY;
use crate::time::Timestamp;

const LONG: Duration = Duration::from_secs(600);

fn id(n: usize) -> EntryId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    EntryId::from_bytes(bytes)
}

fn body(n: usize) -> String {
    format!("It rained on day{n} of the journey. ").repeat(12)
}

/// Entries as a sync brings them: in the log, and nothing derived.
fn bring(engine: &Engine, numbers: std::ops::Range<usize>) {
    let shared = &engine.shared;
    let operations = numbers
        .map(|n| {
            let new = NewEntry {
                kind: Kind::Note,
                title: format!("Day {n}"),
                body: body(n),
                sections: vec![],
                happened: None,
            };
            let at = Timestamp(1_600_000_000_000 + n as i64);
            let (_, chunks) =
                EntryDocument::create(id(n), shared.actor(), at, &new, &mut shared.entropy.clone()).unwrap();
            Operation::change(id(n), chunks.concat(), Vec::new(), Vec::new()).unwrap()
        })
        .collect();
    let append = |tx: &mut dyn crate::replication::Tx| {
        rules::append(tx, &shared.identity, &mut shared.entropy.clone(), operations).map(drop)
    };
    shared.store.write(append).unwrap();
}

fn derived_ones(engine: &Engine, all: usize) -> Vec<usize> {
    (0..all).filter(|n| engine.row(id(*n)).unwrap().is_some()).collect()
}

fn found(engine: &Engine, n: usize) -> Vec<EntryId> {
    engine.search(&format!("day{n}"), 9).unwrap().hits.into_iter().map(|hit| hit.id).collect()
}

fn until_derived(engine: &Engine, entry: EntryId) {
    let begun = Instant::now();
    while engine.shared.store.is_stale(entry).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing derives it");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_looks_at_an_entry_waits_for_no_writer() {
    let (_folder, engine) = made();
    bring(&engine, 0..2);
    let other = again(&engine, 2);
    // As long as another process writes.
    let shown = other.shared.store.write_sql(|_| {
        let begun = Instant::now();
        Ok((engine.stored_entry(id(1)).unwrap().entry.body().to_owned(), begun.elapsed()))
    });
    let (shown, took) = shown.unwrap();
    assert_eq!(shown, body(1));
    assert!(took < BUSY / 2, "it waited for the writer: {took:?}");
    until_derived(&engine, id(1));
    assert_eq!(derived_ones(&engine, 2), [1]);
    // A program that ends derives what it showed.
    engine.stored_entry(id(0)).unwrap();
    engine.close().unwrap();
    assert_eq!(derived_ones(&other, 2), [0, 1]);
}

#[test]
fn no_budget_leaves_everything_and_whoever_opens_next_finishes_it() {
    let (_folder, engine) = made();
    bring(&engine, 0..60);
    let none = engine.derive(Duration::ZERO, |_, _| panic!("nothing was derived")).unwrap();
    assert_eq!((none.documents, none.left, none.transactions), (0, 60, 0));
    assert_eq!(derived_ones(&engine, 60), [0usize; 0]);
    // Dropped as a process is that was killed: nothing is closed.
    let next = again(&engine, 2);
    drop(engine);
    let mut told = Vec::new();
    let rest = next.derive(LONG, |done, left| told.push((done, left))).unwrap();
    assert_eq!((rest.documents, rest.left), (60, 0));
    assert!(told.iter().all(|(done, left)| done + left == 60) && told.last() == Some(&(60, 0)), "{told:?}");
    assert_eq!(derived_ones(&next, 60).len(), 60);
    assert_eq!(found(&next, 17), [id(17)]);
    let nothing = next.derive(LONG, |_, _| {}).unwrap();
    assert_eq!((nothing.documents, nothing.transactions), (0, 0), "what is derived is not derived again");
}

#[test]
fn nothing_of_what_a_sync_brings_is_opened_as_a_document() {
    let (_folder, engine) = made();
    bring(&engine, 0..30);
    let before = engine.documents_opened();
    // Shown before anything is derived: it is the first to be, and nothing else is because of it.
    assert_eq!(engine.stored_entry(id(3)).unwrap().entry.body(), body(3));
    until_derived(&engine, id(3));
    assert_eq!(derived_ones(&engine, 30), [3]);
    let done = engine.derive(LONG, |_, _| {}).unwrap();
    assert_eq!((done.documents, done.opened, done.left), (29, 0, 0));
    assert_eq!(found(&engine, 29), [id(29)]);
    assert_eq!(engine.documents_opened(), before);
    // The counter counts: an edit opens one.
    bring_edit(&engine, "Counted");
    engine.edit(id(0), &[Edit::SetTrashed(true)]).unwrap();
    assert_eq!(engine.documents_opened(), before + 1);
}

#[test]
fn what_was_saved_is_found_at_once_and_derived_by_itself_a_moment_later() {
    let (_folder, engine) = made();
    let write = |body: &str| {
        let new = NewEntry {
            kind: Kind::Note,
            title: "Saved".to_owned(),
            body: body.to_owned(),
            sections: vec![],
            happened: None,
        };
        engine.create_entry(new).unwrap().id
    };
    let first = write("heron");
    assert_eq!(engine.row(first).unwrap().unwrap().title, "Saved", "its list row is part of the save");
    assert_eq!(engine.search("heron", 9).unwrap().hits[0].id, first);
    // Nobody asks for it: it is derived all the same.
    let second = write("kestrel");
    until_derived(&engine, second);
    // A program that ends derives what it wrote.
    let third = write("egret");
    let home = engine.shared.home.clone();
    let key = engine.key.clone();
    engine.close().unwrap();
    let next = Engine::open_with_key(home, &key, environment(5), None).unwrap();
    assert_eq!(next.shared.store.stale_count().unwrap(), 0);
    assert_eq!(next.search("egret", 9).unwrap().hits[0].id, third);
}

/// A thread that outlived the engine read the store while the program's libraries ended: now and then a write that was
/// saved and acknowledged ended in a segmentation fault.
#[test]
fn no_thread_holds_the_store_once_the_engine_has_ended() {
    for (n, wait) in [0, 30, 59, 60, 61, 62, 65, 70, 90].into_iter().enumerate() {
        let (_folder, engine) = made();
        bring(&engine, 0..20);
        let new =
            NewEntry { kind: Kind::Note, title: "Saved".to_owned(), body: body(n), sections: vec![], happened: None };
        engine.create_entry(new).unwrap();
        assert!(lock(&engine.shared.deriver.saved).thread.is_some(), "nothing would be shown");
        std::thread::sleep(Duration::from_millis(wait));
        let shared = Arc::downgrade(&engine.shared);
        if n % 2 == 0 {
            drop(engine)
        } else {
            engine.close().unwrap()
        }
        assert!(shared.upgrade().is_none(), "after {wait} ms");
    }
}

#[test]
fn a_commit_that_fails_loses_nothing_and_what_was_committed_is_the_newest() {
    let (_folder, engine) = made();
    let all = 4 * FULL;
    bring(&engine, 0..all);
    let store = &engine.shared.store;
    let mut before = 0;
    let unlimited = store.connections().set_max_page_count(1 << 30).unwrap();
    let failed = engine.derive(LONG, |done, _| {
        before = done as usize;
        // No smaller than what is there: no more than this fits on the disk.
        store.connections().set_max_page_count(1).unwrap();
    });
    assert_eq!(failed.map_err(|error| error.code), Err(Code::StorageFull));
    assert!(before > 0 && before < all, "{before} of {all}");
    assert_eq!(derived_ones(&engine, all), (all - before..all).collect::<Vec<_>>());
    store.connections().set_max_page_count(unlimited).unwrap();
    let rest = engine.derive(LONG, |_, _| {}).unwrap();
    assert_eq!((rest.documents as usize, rest.left), (all - before, 0), "each entry was derived once");
    for n in [0, 1, all / 2, all - 1] {
        assert_eq!(found(&engine, n), [id(n)]);
    }
}

#[test]
fn an_entry_that_was_edited_meanwhile_is_not_overwritten_with_what_it_was() {
    let (_folder, engine) = made();
    bring(&engine, 0..1);
    let store = &engine.shared.store;
    let people = Arc::new(engine.people().unwrap());
    let prepare = || {
        let held = store.read_sql(|tx| read_model::held(tx, id(0))).unwrap().unwrap();
        held.prepare(&people, engine.shared.actor()).unwrap()
    };
    let put = |prepared: &Prepared| store.write_sql(|tx| prepared.put(tx, &people)).unwrap();
    let old = prepare();
    let edit = |title: &str| {
        let edit =
            Edit::SetText { field: TextField::Title, base: engine.heads(id(0)).unwrap(), text: title.to_owned() };
        engine.edit(id(0), &[edit]).unwrap();
    };
    edit("Sunshine");
    assert!(!put(&old) || engine.row(id(0)).unwrap().unwrap().title == "Sunshine");
    assert_eq!(engine.row(id(0)).unwrap().unwrap().title, "Sunshine");
    assert_eq!(engine.search("sunshine", 9).unwrap().total, 1);

    // The same where the edit came with a sync, and is itself still to be derived.
    store.drop_derived().unwrap();
    let old = prepare();
    bring_edit(&engine, "Moonshine");
    assert!(!put(&old), "its log has moved on");
    assert_eq!(engine.row(id(0)).unwrap(), None);
    assert!(put(&prepare()));
    assert_eq!(engine.row(id(0)).unwrap().unwrap().title, "Moonshine");
    assert_eq!(engine.search("sunshine", 9).unwrap().total, 0);
    assert_eq!(engine.search("moonshine", 9).unwrap().total, 1);
}

/// Another title for entry 0, from another device.
fn bring_edit(engine: &Engine, title: &str) {
    let shared = &engine.shared;
    let chunk = shared
        .store
        .read_sql(|tx| {
            let mut document = read_model::open(tx, id(0), shared.actor())?.document;
            let edit = Edit::SetText { field: TextField::Title, base: document.heads(), text: title.to_owned() };
            Ok(document.edit(shared.clock.now(), &mut shared.entropy.clone(), &[edit])?.changes)
        })
        .unwrap();
    let operation = Operation::change(id(0), chunk.concat(), Vec::new(), Vec::new()).unwrap();
    let append = |tx: &mut dyn crate::replication::Tx| {
        rules::append(tx, &shared.identity, &mut shared.entropy.clone(), vec![operation]).map(drop)
    };
    shared.store.write(append).unwrap();
}

#[test]
fn a_name_that_changed_meanwhile_is_not_indexed_as_it_was() {
    let (_folder, engine) = made();
    let store = &engine.shared.store;
    let token = "abcdefghij";
    let person = |name: &str| crate::journal::people::Person {
        token: token.to_owned(),
        name: name.to_owned(),
        aliases: BTreeSet::new(),
    };
    engine.import_people(&[person("Rosa")]).unwrap();
    let new = NewEntry {
        kind: Kind::Note,
        title: format!("Lunch with {}", in_text(token)),
        body: String::new(),
        sections: vec![],
        happened: None,
    };
    let written = engine.create_entry(new).unwrap();
    // What was saved is derived by itself a moment later: not in the middle of what follows.
    until_derived(&engine, written.id);
    store.drop_derived().unwrap();
    refresh_one(&engine.shared, PEOPLE).unwrap();
    let people = Arc::new(engine.people().unwrap());
    let held = store.read_sql(|tx| read_model::held(tx, written.id)).unwrap().unwrap();
    let old = held.prepare(&people, engine.shared.actor()).unwrap();
    let renamed: People = [person("Tamar")].into_iter().collect();
    let put = store.write_sql(|tx| {
        read_model::store_people(tx, &renamed)?;
        let now = read_model::people(tx)?;
        old.put(tx, &now)
    });
    assert!(!put.unwrap(), "it would hold a name that nobody has");
    engine.derive(LONG, |_, _| {}).unwrap();
    assert_eq!(engine.search("tamar", 9).unwrap().total, 1);
    assert_eq!(engine.search("rosa", 9).unwrap().total, 0);
}

#[test]
fn a_writer_waits_for_one_slice_and_no_longer() {
    let (_folder, engine) = made();
    let all = 8 * FULL;
    bring(&engine, 0..all);
    let slices = || engine.shared.deriver.slices.load(Ordering::Relaxed);
    let (mut waited, mut beside) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let (begun, begins) = mpsc::channel();
        let deriving = scope.spawn(|| {
            let begun = begun;
            engine.derive(LONG, |_, _| begun.send(()).unwrap_or_default()).unwrap()
        });
        // One write after each slice that ends, until there are no more.
        while begins.recv().is_ok() {
            let asked = slices();
            let began = engine.shared.store.write(|_| Ok(slices())).unwrap();
            waited.push(began - asked);
            beside += usize::from(!deriving.is_finished());
        }
        assert_eq!(deriving.join().unwrap().documents as usize, all);
    });
    assert!(beside >= 2, "{beside} of {} writes were beside deriving", waited.len());
    // One that was about to be counted when the writer asked, and the one that it stood behind.
    assert!(waited.iter().all(|slices| *slices <= 2), "{waited:?}");
}

#[test]
fn two_that_derive_at_once_do_everything_once() {
    let (_folder, engine) = made();
    let all = 5 * FULL;
    bring(&engine, 0..all);
    let other = again(&engine, 3);
    let (mine, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| other.derive(LONG, |_, _| {}).unwrap());
        (engine.derive(LONG, |_, _| {}).unwrap(), others.join().unwrap())
    });
    assert_eq!((mine.left, others.left), (0, 0));
    assert_eq!((mine.documents + others.documents) as usize, all);
    assert_eq!(derived_ones(&other, all).len(), all);
}

#[test]
fn two_that_derive_at_once_without_a_lock_break_nothing() {
    let (folder, engine) = made();
    let all = 3 * FULL;
    bring(&engine, 0..all);
    // A folder where the lock's file should be: nobody can have it.
    std::fs::create_dir(folder.path().join("deriving")).unwrap();
    let other = again(&engine, 3);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| other.derive(LONG, |_, _| {}).unwrap());
        engine.derive(LONG, |_, _| {}).unwrap();
        others.join().unwrap();
    });
    assert_eq!(derived_ones(&other, all).len(), all);
    for n in 0..all {
        assert_eq!(found(&engine, n), [id(n)]);
    }
    assert!(engine.shared.store.doctor().unwrap().iter().all(|check| check.ok));
}

#[test]
fn one_entry_that_does_not_read_keeps_no_other_from_being_derived() {
    let (_folder, engine) = made();
    bring(&engine, 0..40);
    engine
        .shared
        .store
        .write_sql(|tx| {
            let row = tx.row_of(id(30))?;
            let damage = "INSERT INTO texts(document, projection) VALUES(?1, x'09')";
            tx.conn()?.execute(damage, [row]).map_err(crate::files::StoreError::from)?;
            Ok(())
        })
        .unwrap();
    let done = engine.derive(LONG, |_, _| {}).unwrap();
    assert_eq!((done.documents, done.left), (39, 1));
    assert_eq!(engine.search("journey", 50).unwrap().unread, 1, "search says what it has not read");
    engine.rebuild(|_, _| {}).unwrap();
    assert_eq!(derived_ones(&engine, 40).len(), 40);
}

/// In how many places a search looks.
fn segments(engine: &Engine) -> i64 {
    let count = |tx: &mut crate::store::sqlite::SqliteTx<'_>| {
        let sql = "SELECT count(DISTINCT segid) FROM search_idx";
        Ok(tx.conn()?.query_row(sql, [], |row| row.get(0)).unwrap())
    };
    engine.shared.store.read_sql(count).unwrap()
}

#[test]
fn what_slices_write_apart_is_merged_and_not_inside_of_them() {
    let (_folder, engine) = made();
    let mut slices = 0;
    for n in 0..40 {
        bring(&engine, n..n + 1);
        let before = segments(&engine);
        // The slice itself adds to the table and takes nothing of it together.
        let done = engine.derive(LONG, |_, _| slices += u64::from(segments(&engine) == before + 1)).unwrap();
        assert_eq!((done.documents, done.left), (1, 0));
        assert!(segments(&engine) <= 8, "{} after {n}", segments(&engine));
    }
    assert_eq!(slices, 40);
    assert!((0..40).all(|n| found(&engine, n) == [id(n)]));
}

/// The whole index may take seconds to merge: who searches does not wait for it, and what is written meanwhile neither.
#[test]
fn the_index_is_put_in_order_while_nobody_waits() {
    let (_folder, engine) = made();
    let apart = || engine.shared.store.read_sql(|tx| Ok(search::lies_apart(tx.conn()?)?)).unwrap();
    // A fourth piece would be merged with the three before it.
    for n in 0..5 {
        bring(&engine, n..n + 1);
        assert_eq!(found(&engine, n), [id(n)]);
    }
    assert!(apart());
    bring(&engine, 5..6);
    let none = &mut |_, _| {};
    let mut work = DeriveRun { is_waited_for: true, ..DeriveRun::new(&engine.shared, LONG, none) };
    work.all().unwrap();
    work.is_waited_for = false;
    bring(&engine, 6..7);
    work.tidy().unwrap();
    assert!(segments(&engine) > 1);
    assert_eq!(engine.derive(LONG, |_, _| {}).unwrap().left, 0);
    assert!(!apart());
    assert_eq!(segments(&engine), 1);
}

/// Lines that were packed leave room behind; what is derived takes some of it, and the rest goes back to the disk.
#[test]
fn room_that_nothing_needs_is_given_back() {
    let (_folder, engine) = made();
    let pages = || {
        let sql = "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count";
        let read = |tx: &mut crate::store::sqlite::SqliteTx<'_>| {
            Ok(tx.conn()?.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap())
        };
        engine.shared.store.read_sql(read).unwrap()
    };
    for part in 0..8 {
        bring(&engine, part * 100..(part + 1) * 100);
    }
    let (_, before) = pages();
    assert!(engine.pack(LONG).unwrap() > 0);
    let (free, all) = pages();
    assert!(free * 8 > all && all >= before, "while something waits to be derived, the room is left: {free} of {all}");
    assert_eq!(engine.derive(LONG, |_, _| {}).unwrap().left, 0);
    let (free, all) = pages();
    assert!(free * 32 <= all, "{free} of {all}");
    assert!((0..800).step_by(90).all(|n| found(&engine, n) == [id(n)]));
    assert_eq!(engine.shared.store.connections().problems().unwrap(), Vec::<String>::new());
}
