//! The life of a journal in an app: in any order, from any thread, any number of times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use super::*;
use crate::crypto::Secret;
use crate::engine::alone::environment;
use crate::engine::alone::set_text;
use crate::engine::events::NotHeard;
use crate::files::{StoreError, StoreResult};
use crate::journal::edit::TextField;
use crate::journal::{Kind, NewEntry};
use crate::store::read_model::Filter;

/// A phone's vault: shut while the device is locked.
#[derive(Debug, Default)]
struct Vault {
    held: Mutex<BTreeMap<String, Secret>>,
    is_shut: AtomicBool,
}

impl PlatformVault for Vault {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        lock(&self.held).insert(name.to_owned(), secret.clone());
        Ok(())
    }

    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        if self.is_shut.load(Ordering::Relaxed) {
            return Err(StoreError::Locked);
        }
        Ok(lock(&self.held).get(name).cloned())
    }

    fn delete(&self, name: &str) -> StoreResult<()> {
        lock(&self.held).remove(name);
        Ok(())
    }
}

fn note(body: &str) -> NewEntry {
    NewEntry { kind: Kind::Note, title: "Rain".into(), body: body.into(), sections: Vec::new(), happened: None }
}

fn made() -> (tempfile::TempDir, Arc<Vault>, Arc<JournalHandle>) {
    let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
    let (keeper, _) = JournalHandle::create(folder.path(), "a phone", vault.clone(), environment(1)).unwrap();
    (folder, vault, keeper)
}

fn listed(keeper: &JournalHandle) -> usize {
    keeper.with(|engine| engine.list(&Filter::default(), 50, None)).unwrap().entries.len()
}

#[test]
fn a_vault_that_is_shut_is_a_state_and_what_is_written_meanwhile_is_there_later() {
    let (folder, vault, keeper) = made();
    keeper.shutdown().unwrap();
    vault.is_shut.store(true, Ordering::Relaxed);
    let keeper = JournalHandle::open(folder.path(), vault.clone(), environment(2)).unwrap();
    assert_eq!(keeper.state(), LockState::Locked);
    assert_eq!(keeper.engine().unwrap_err().code, Code::Locked);
    assert_eq!(keeper.resume().unwrap_err().code, Code::Locked);
    keeper.pause().unwrap();
    keeper.capture(Capture { title: String::new(), body: "on the way".into(), file: None }).unwrap();
    vault.is_shut.store(false, Ordering::Relaxed);
    keeper.resume().unwrap();
    assert_eq!((keeper.state(), listed(&keeper)), (LockState::Open, 1));
    keeper.capture(Capture { title: String::new(), body: "while open".into(), file: None }).unwrap();
    assert_eq!(listed(&keeper), 2);
}

#[test]
fn a_lost_key_and_a_wrong_one_say_so_and_the_phrase_mends_it() {
    let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
    let (keeper, phrase) = JournalHandle::create(folder.path(), "a phone", vault.clone(), environment(1)).unwrap();
    keeper.with(|engine| engine.create_entry(note("here"))).unwrap();
    drop(keeper);
    for held in lock(&vault.held).values_mut() {
        *held = Secret::from_bytes([9; 32]);
    }
    let code = |opened: Result<Arc<JournalHandle>>| opened.map(drop).unwrap_err().code;
    assert_eq!(code(JournalHandle::open(folder.path(), vault.clone(), environment(2))), Code::WrongKey);
    lock(&vault.held).clear();
    assert_eq!(code(JournalHandle::open(folder.path(), vault.clone(), environment(3))), Code::KeyGone);
    let keeper = JournalHandle::recover(folder.path(), &phrase, vault.clone(), environment(4)).unwrap();
    assert_eq!(listed(&keeper), 1);
    drop(keeper);
    assert_eq!(listed(&JournalHandle::open(folder.path(), vault, environment(5)).unwrap()), 1);
}

#[test]
fn pausing_keeps_what_was_typed_and_closes_every_file() {
    let (folder, _vault, keeper) = made();
    let id = keeper.with(|engine| engine.create_entry(note("It"))).unwrap().id;
    let editor = keeper.with(|engine| engine.editor(id)).unwrap();
    let heads = keeper.with(|engine| engine.heads(id)).unwrap();
    editor.type_text(TextField::Body, &heads, "It rained").unwrap();
    for _ in 0..2 {
        keeper.pause().unwrap();
    }
    assert_eq!(keeper.state(), LockState::Paused);
    if cfg!(target_os = "linux") {
        let open =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        assert_eq!(
            open.filter(|path| path.starts_with(folder.path()) && path.to_string_lossy().contains("journal.db"))
                .count(),
            0
        );
    }
    assert_eq!(keeper.with(|engine| engine.create_entry(note("no"))).unwrap_err().code, Code::Locked);
    // Typed into a window that is still there: in memory until the journal is.
    editor.type_text(TextField::Body, &heads, "It rained all day").unwrap();
    for _ in 0..2 {
        keeper.resume().unwrap();
    }
    editor.close().unwrap();
    assert_eq!(keeper.with(|engine| engine.stored_entry(id)).unwrap().entry.body(), "It rained all day");
    for _ in 0..2 {
        keeper.shutdown().unwrap();
    }
    assert_eq!((keeper.state(), keeper.resume().unwrap_err().code), (LockState::Ended, Code::Locked));
    keeper.pause().unwrap();
}

#[test]
fn after_a_panic_every_call_says_so_and_nothing_saved_is_gone() {
    let (folder, vault, keeper) = made();
    keeper.with(|engine| engine.create_entry(note("here"))).unwrap();
    let failed = keeper.with(|_| -> Result<()> { panic!("planted") }).unwrap_err();
    assert_eq!((failed.code, keeper.state()), (Code::Internal, LockState::Broken));
    assert_eq!(keeper.with(|engine| engine.create_entry(note("no"))).unwrap_err(), failed);
    assert_eq!(keeper.resume().unwrap_err(), failed);
    keeper.shutdown().unwrap();
    assert_eq!(listed(&JournalHandle::open(folder.path(), vault, environment(2)).unwrap()), 1);
}

#[test]
fn everything_from_every_thread_in_any_order() {
    let (folder, vault, keeper) = made();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let keeper = &keeper;
            scope.spawn(move || {
                for round in 0..20 {
                    let done = match (thread + round) % 6 {
                        0 => keeper.pause(),
                        1 => keeper.resume(),
                        2 => keeper.sync_once(None, Duration::from_millis(400)).map(drop),
                        3 => keeper.capture(Capture {
                            title: String::new(),
                            body: format!("{thread} {round}"),
                            file: None,
                        }),
                        4 => keeper.with(|engine| engine.create_entry(note("here")).map(drop)),
                        _ => {
                            keeper.network_changed();
                            Ok(())
                        }
                    };
                    let code = done.err().map(|error| error.code);
                    assert!(matches!(code, None | Some(Code::Locked | Code::Unreachable)), "{code:?}");
                }
            });
        }
    });
    keeper.resume().unwrap();
    let all = keeper.with(|engine| engine.entry_ids()).unwrap().len();
    assert!(all >= 20, "every capture is here: {all}");
    keeper.shutdown().unwrap();
    let keeper = JournalHandle::open(folder.path(), vault, environment(2)).unwrap();
    assert_eq!(keeper.with(|engine| engine.entry_ids()).unwrap().len(), all);
}

#[test]
fn who_listens_hears_of_a_write_of_this_engine_and_of_locking() {
    struct Heard(Mutex<std::sync::mpsc::Sender<Event>>);
    impl Listener for Heard {
        fn on_event(&self, event: Event) -> Result<(), NotHeard> {
            lock(&self.0).send(event).map_err(|_| NotHeard)
        }
    }
    let (_folder, _vault, keeper) = made();
    let (tell, hear) = channel();
    let _subscription = keeper.subscribe(Arc::new(Heard(Mutex::new(tell)))).unwrap();
    let wait = |what: &Event| while hear.recv_timeout(Duration::from_secs(20)).unwrap() != *what {};
    wait(&Event::LockChanged(LockState::Open));
    let id = keeper.with(|engine| engine.create_entry(note("It"))).unwrap().id;
    let editor = keeper.with(|engine| engine.editor(id)).unwrap();
    let written = keeper.with(|engine| set_text(engine, id, TextField::Body, "It rained"));
    wait(&Event::EntryChanged { id, heads: written.unwrap().heads });
    editor.close().unwrap();
    keeper.pause().unwrap();
    wait(&Event::LockChanged(LockState::Paused));
    keeper.shutdown().unwrap();
    wait(&Event::LockChanged(LockState::Ended));
}

/// A background task that outlives what its system grants is killed, and the app is granted less.
#[test]
fn a_sync_keeps_its_deadline_where_nobody_answers() {
    let (_folder, _vault, keeper) = made();
    // Takes every datagram and answers none.
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = mute.local_addr().unwrap();
    for deadline in [Duration::from_millis(1200), Duration::ZERO] {
        let begun = Instant::now();
        let synced = keeper.sync_once(Some(peer), deadline);
        assert!(begun.elapsed() < deadline + MARGIN, "{deadline:?} became {:?}", begun.elapsed());
        match synced {
            Ok(synced) => assert_eq!((synced.met, synced.missed), (0, 1)),
            Err(error) => assert_eq!(error.code, Code::Unreachable),
        }
    }
    keeper.with(|engine| engine.create_entry(note("after"))).unwrap();
}

#[test]
fn what_is_captured_while_the_disk_is_full_waits_and_is_no_error() {
    let (folder, _vault, keeper) = made();
    let sink = keeper.with(|engine| engine.limit_room(0)).unwrap();
    assert!(sink > 0);
    keeper.capture(Capture { title: String::new(), body: "late ".repeat(20_000), file: None }).unwrap();
    assert_eq!(listed(&keeper), 0);
    keeper.with(|engine| engine.limit_room(u32::MAX - 1)).unwrap();
    keeper.pause().unwrap();
    keeper.resume().unwrap();
    assert_eq!(listed(&keeper), 1);
    drop(folder);
}
