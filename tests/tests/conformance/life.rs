//! A journal from its making to its end, and what goes wrong on the way.

use std::sync::Barrier;

use afterword_ffi::{LockState, Trouble, recover_journal};

use super::*;

#[test]
fn s01_open() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "It rained.")).unwrap().id;
    home.engine.shutdown().unwrap();
    assert_eq!(home.again().unwrap().show(id).unwrap().body, "It rained.");
}

#[test]
fn s05_subscribe() {
    let home = Home::made();
    let (listener, hear) = hearing(false);
    let subscription = home.engine.subscribe(listener).unwrap();
    let first: Vec<_> = (0..3).map(|_| hear.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(first[0], Event::LockChanged { state: LockState::Open });
    let Event::ListChanged { revision } = first[1] else { panic!("{first:?}") };
    assert!(matches!(first[2], Event::SyncChanged { .. }), "{first:?}");
    home.engine.create_entry(note("Rain", "")).unwrap();
    until(&hear, |event| matches!(event, Event::ListChanged { revision: now } if *now > revision));
    subscription.cancel().unwrap();
    subscription.cancel().unwrap();
}

#[test]
fn s13_errors() {
    let home = Home::made();
    let engine = &home.engine;
    let said = |error: AfterwordError| error.to_string();
    let unknown = engine.show("ff".repeat(16)).unwrap_err();
    assert!(matches!(unknown, AfterwordError::NotFound { .. }), "{unknown}");
    let invalid = engine.erase("no id".into()).unwrap_err();
    assert!(matches!(&invalid, AfterwordError::Invalid { field, .. } if field == "entry"), "{invalid}");
    assert!(said(invalid).starts_with("this is no entry: "));
    engine.pause().unwrap();
    let paused = engine.create_entry(note("", "")).unwrap_err();
    assert_eq!(said(paused.clone()), "the journal is paused; resume it first");
    assert!(matches!(paused, AfterwordError::Locked { paused: true, .. }));
    engine.resume().unwrap();
    let alone = engine.sync_once(None, 500).unwrap_err();
    assert!(matches!(alone, AfterwordError::Unreachable { .. }), "{alone}");
    let twice = create_journal(text(home.folder.path()), "again".into(), home.vault.clone()).unwrap_err();
    assert!(matches!(twice, AfterwordError::Invalid { .. }), "{twice}");
    let myself = engine.remove_device(engine.device_id().unwrap(), 1000).unwrap_err();
    assert!(matches!(myself, AfterwordError::Invalid { .. }), "{myself}");
}

#[test]
fn s14_panic() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "here")).unwrap().id;
    let failed = Trouble::of(home.engine.clone()).panic().unwrap_err();
    assert!(matches!(failed, AfterwordError::Internal { .. }), "{failed}");
    assert_eq!(home.engine.create_entry(note("", "")).unwrap_err(), failed);
    assert_eq!(home.engine.lock_state().unwrap(), LockState::Broken);
    assert_eq!(home.again().unwrap().show(id).unwrap().body, "here");
}

/// In Rust whoever calls waits; that a caller elsewhere goes away is a call whose answer nobody takes.
#[test]
fn s15_cancel_mid_call() {
    let home = Home::made();
    let begun = Arc::new(Barrier::new(2));
    let (engine, mine) = (home.engine.clone(), begun.clone());
    let writer = std::thread::spawn(move || {
        mine.wait();
        (0..40).for_each(|n| drop(engine.create_entry(note(&format!("Entry {n}"), "whole"))));
    });
    begun.wait();
    home.engine.shutdown().unwrap();
    writer.join().unwrap();
    let again = home.again().unwrap();
    let rows = again.list(Default::default(), 100, None).unwrap().rows;
    assert!(rows.iter().all(|row| again.show(row.id.clone()).unwrap().body == "whole"));
    assert!(again.doctor().unwrap().ok);
}

#[test]
fn s16_listener_throws() {
    let home = Home::made();
    let ((bad, hear_bad), (good, hear_good)) = (hearing(true), hearing(false));
    let subscriptions = [home.engine.subscribe(bad).unwrap(), home.engine.subscribe(good).unwrap()];
    for n in 0..3 {
        home.engine.create_entry(note(&format!("Entry {n}"), "")).unwrap();
        for hear in [&hear_bad, &hear_good] {
            until(hear, |event| matches!(event, Event::ListChanged { revision } if *revision > n));
        }
    }
    drop(subscriptions);
}

#[test]
fn s17_pause_while_writing() {
    let home = Home::made();
    std::thread::scope(|scope| {
        let engine = &home.engine;
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || {
                    let (mut written, mut locked) = (Vec::new(), 0);
                    for n in 0..25 {
                        match engine.create_entry(note(&format!("{writer} {n}"), "whole")) {
                            Ok(entry) => written.push(entry.id),
                            Err(AfterwordError::Locked { paused: true, .. }) => locked += 1,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    (written, locked)
                })
            })
            .collect();
        for _ in 0..5 {
            engine.pause().unwrap();
            engine.resume().unwrap();
        }
        let told: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        for id in told.iter().flat_map(|(written, _)| written) {
            assert_eq!(engine.show(id.clone()).unwrap().body, "whole");
        }
        assert!(told.iter().all(|(written, locked)| written.len() + locked == 25));
        engine.create_entry(note("after", "")).unwrap();
    });
}

#[test]
fn s18_shut_down_twice() {
    let home = Home::made();
    home.engine.shutdown().unwrap();
    home.engine.shutdown().unwrap();
    let after = home.engine.create_entry(note("", "")).unwrap_err();
    assert_eq!(after.to_string(), "the journal was shut down; open it again");
    assert!(matches!(after, AfterwordError::Locked { paused: false, .. }));
    home.engine.pause().unwrap();
    assert!(home.engine.resume().is_err());
}

#[test]
fn s19_many_objects() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "It rained.")).unwrap().id;
    for _ in 0..5_000 {
        home.engine.editor(id.clone()).unwrap();
        drop(home.engine.subscribe(hearing(false).0).unwrap());
    }
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    assert!(threads < 300, "{threads} threads are left");
    assert_eq!(home.engine.show(id).unwrap().body, "It rained.");
}

#[test]
fn s20_wrong_key() {
    let home = Home::made();
    home.engine.shutdown().unwrap();
    lock(&home.vault.held).values_mut().for_each(|secret| *secret = vec![9; 32]);
    assert!(matches!(home.again().unwrap_err(), AfterwordError::WrongKey { .. }));
    lock(&home.vault.held).values_mut().for_each(|secret| secret.truncate(5));
    assert!(matches!(home.again().unwrap_err(), AfterwordError::WrongKey { .. }));
}

#[test]
fn s21_key_gone() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "here")).unwrap().id;
    home.engine.check_recovery(home.phrase.clone()).unwrap();
    home.engine.shutdown().unwrap();
    lock(&home.vault.held).clear();
    assert!(matches!(home.again().unwrap_err(), AfterwordError::KeyGone { .. }));
    let open = recover_journal(text(home.folder.path()), home.phrase.clone(), home.vault.clone()).unwrap();
    assert_eq!(open.show(id.clone()).unwrap().body, "here");
    open.shutdown().unwrap();
    assert_eq!(home.again().unwrap().show(id).unwrap().body, "here");
}

#[test]
fn s22_full_disk() {
    let home = Home::made();
    let id = home.engine.create_entry(note("Rain", "here")).unwrap().id;
    let trouble = Trouble::of(home.engine.clone());
    trouble.fill_disk(true).unwrap();
    let long = (0..40_000).map(|n| format!("word{n} ")).collect::<String>();
    let full = home.engine.create_entry(note("More", &long)).unwrap_err();
    assert!(matches!(full, AfterwordError::StorageFull { .. }), "{full}");
    assert_eq!(home.engine.show(id).unwrap().body, "here");
    trouble.fill_disk(false).unwrap();
    let more = home.engine.create_entry(note("More", &long)).unwrap().id;
    assert_eq!(home.engine.show(more).unwrap().body, long);
}

#[test]
fn s23_locked_capture() {
    let home = Home::made();
    home.engine.shutdown().unwrap();
    home.vault.shut(true);
    let locked = home.again().unwrap();
    assert_eq!(locked.lock_state().unwrap(), LockState::Locked);
    locked.capture("On the way".into(), "شوهد 失败 🌧".into(), None).unwrap();
    assert!(matches!(locked.resume().unwrap_err(), AfterwordError::Locked { paused: false, .. }));
    home.vault.shut(false);
    for _ in 0..2 {
        locked.resume().unwrap();
        let rows = locked.list(Default::default(), 9, None).unwrap().rows;
        assert_eq!(rows.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["On the way"]);
        locked.pause().unwrap();
    }
}

#[test]
fn s24_two_engines() {
    let home = Home::made();
    let other = home.again().unwrap();
    home.engine.create_entry(note("One", "")).unwrap();
    other.create_entry(note("Two", "")).unwrap();
    for engine in [&home.engine, &other] {
        let rows = engine.list(Default::default(), 9, None).unwrap().rows;
        assert_eq!(rows.len(), 2, "{rows:?}");
    }
}
