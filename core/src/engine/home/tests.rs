//! A home that is made, swapped and put aside by a process that dies at any operation, and by several at once.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::engine::alone::environment;
use crate::error::Advice;
use crate::journal::{Kind, NewEntry};
use crate::vault::tests::Keyring;

/// The system's files for so many operations; then nothing has an effect any more, as if the process had been killed.
#[derive(Debug)]
struct Stops {
    left: AtomicI64,
    files: SystemFiles,
}

impl Stops {
    fn after(operations: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(operations), files: SystemFiles })
    }

    /// Whether this operation is still made.
    fn goes_on(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 0 { Ok(()) } else { Err(io::Error::other("killed")) }
    }

    fn has_stopped(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }
}

impl FileOperations for Stops {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.goes_on()?;
        self.files.make_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.goes_on()?;
        self.files.rename(from, to)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let stopped = self.has_stopped();
        let goes_on = self.goes_on();
        if goes_on.is_err() && !stopped {
            // The operation in which it dies: a folder is removed piece by piece.
            if let Some(first) = std::fs::read_dir(path)?.flatten().find(|entry| entry.path().is_file()) {
                std::fs::remove_file(first.path())?;
            }
        }
        goes_on?;
        self.files.remove_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.goes_on()?;
        self.files.sync_folder(path)
    }
}

fn note(body: &str) -> NewEntry {
    NewEntry { kind: Kind::Note, title: "Kept".into(), body: body.into(), sections: Vec::new(), happened: None }
}

/// The names in a folder, but for those of locks, and of what SQLite keeps beside a database.
fn names(root: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(root).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let passing = ["-wal", "-shm", "lock", "deriving", "arriving"];
    names.filter(|name| !passing.iter().any(|end| name.ends_with(end))).collect()
}

fn only_a_journal() -> BTreeSet<String> {
    ["blobs", "journal.db", "vault"].map(str::to_owned).into()
}

/// Begins and finishes a journal until the process dies.
fn start(root: &Path, keyring: &Keyring, files: Arc<Stops>) -> Result<JournalId> {
    let begun = Engine::begin_by(files, root, Unlock::Platform(keyring), "a device", environment(1))?;
    let journal = begun.journal();
    begun.finish()?.close()?;
    Ok(journal)
}

/// What the next command finds: a whole journal, or none at all.
fn next(root: &Path, keyring: &Keyring) -> Option<Engine> {
    match Engine::open(root, Unlock::Platform(keyring), environment(2)) {
        Ok(engine) => Some(engine),
        Err(error) => {
            assert_eq!(error.code, Code::NotFound, "{error}");
            assert!(!is_journal(root));
            None
        }
    }
}

#[test]
fn a_start_that_dies_anywhere_is_finished_or_begun_again() {
    let (mut whole, mut dead) = (0, 0);
    for first in 0.. {
        // The second attempt dies as well, at each of its own operations; the third is let live.
        for second in 0.. {
            let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
            let root = folder.path().join("home");
            let files = Stops::after(first);
            let came = start(&root, &keyring, files.clone());
            if !files.has_stopped() {
                assert!(came.is_ok() && first > 15, "{first} operations");
                println!(
                    "{first} operations of a start, {whole} journals that the next command finished, {dead} begun again"
                );
                assert!(whole > 0 && dead > 0);
                return;
            }
            if let Some(engine) = next(&root, &keyring) {
                assert_eq!(names(&root), only_a_journal(), "killed at {first}");
                engine.create_entry(note("written afterwards")).unwrap();
                engine.close().unwrap();
                assert_eq!(check_vacant(&root).unwrap_err().code, Code::Invalid);
                whole += 1;
                break;
            }
            dead += 1;
            let files = Stops::after(second);
            let again = start(&root, &keyring, files.clone());
            if next(&root, &keyring).is_none() {
                start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
            }
            let engine = next(&root, &keyring).unwrap();
            assert_eq!(engine.devices().unwrap().len(), 1);
            engine.close().unwrap();
            assert_eq!(names(&root), only_a_journal(), "killed at {first}, then at {second}");
            // What the keyring kept for a start that came to nothing is forgotten with it.
            assert_eq!(keyring.count(), 1, "killed at {first}, then at {second}");
            if !files.has_stopped() {
                assert!(again.is_ok());
                break;
            }
        }
    }
}

/// A journal that is whole in `new/`, of another device than the one whose place it takes.
fn beside(root: &Path, keyring: &Keyring, files: Arc<Stops>) -> Result<()> {
    let founding = Founding::begin(&Home::new(root), Some(keyring), files)?;
    let mut entropy = environment(7).entropy;
    let phrase = RecoveryPhrase::generate(&mut entropy);
    let genesis = Statement::genesis(&phrase.signing_key(), phrase.sealing_key().public(), random(&mut entropy));
    let (device, secret) = (Device::generate(&mut entropy), Secret::generate(&mut entropy));
    let newcomer = device.newcomer(&genesis.journal(), "the new one")?;
    let signer = Signer::Recovery(&phrase.signing_key());
    let add = Statement::add(signer, &genesis.journal(), &[genesis.id()], newcomer, Timestamp(1))?;
    let engine = create_store(
        &founding.new_home(),
        Unlock::Platform(keyring),
        &device,
        &secret,
        &[genesis, add],
        environment(8),
    )?;
    engine.create_entry(note("in the new one"))?;
    engine.close()?;
    founding.put_in_place().map(drop)?;
    Ok(())
}

#[test]
fn a_swap_that_dies_anywhere_leaves_the_old_journal_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for first in 0.. {
        for second in 0.. {
            let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
            let root = folder.path().join("home");
            let unlock = Unlock::Platform(&keyring);
            let (engine, _) = Engine::create(&root, unlock, "the old one", environment(1)).unwrap();
            engine.create_entry(note("in the old one")).unwrap();
            engine.close().unwrap();
            // As a process that was killed leaves it, a log of the database beside it.
            for log in ["journal.db-wal", "journal.db-shm"] {
                std::fs::write(root.join(log), b"").unwrap();
            }
            let files = Stops::after(first);
            let came = beside(&root, &keyring, files.clone());
            if !files.has_stopped() {
                came.unwrap();
                println!("{first} operations of a swap; the old one stayed {old} times, the new one came {new} times");
                assert!(first > 15 && old > 0 && new > 0);
                return;
            }
            // The next command dies as well.
            let finishing = Stops::after(second);
            drop(vault::enter(&Home::new(&root), finishing.as_ref()));
            let engine = next(&root, &keyring).expect("a journal stays a journal");
            let name = engine.devices().unwrap()[0].name.clone();
            assert_eq!(engine.entry_ids().unwrap().len(), 1, "{name}, killed at {first}, then at {second}");
            engine.close().unwrap();
            assert_eq!(names(&root), only_a_journal(), "{name}, killed at {first}, then at {second}");
            if name == "the old one" {
                old += 1
            } else {
                new += 1
            }
            if !finishing.has_stopped() {
                break;
            }
        }
    }
}

#[test]
fn putting_aside_that_dies_anywhere_can_be_done_again_and_deletes_nothing() {
    for first in 0.. {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
        let root = folder.path().join("home");
        start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
        let parts = [vec![1; 5000], vec![2; 100]];
        std::fs::write(root.join("journal.db"), &parts[0]).unwrap();
        std::fs::write(root.join("blobs").join("one"), &parts[1]).unwrap();
        let files = Stops::after(first);
        let done = vault::put_aside(&Home::new(&root), Timestamp(5), files.as_ref());
        if is_journal(&root) {
            assert!(done.is_err());
            let error = Engine::open(&root, Unlock::Platform(&keyring), environment(2)).unwrap_err();
            assert_eq!(error.code, Code::Corrupt, "{error}");
            put_aside(&root, Timestamp(6)).unwrap();
        }
        assert!(!is_journal(&root));
        let held: Vec<_> = std::fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(held.iter().any(|path| std::fs::read(path).is_ok_and(|bytes| bytes == parts[0])));
        assert!(held.iter().any(|path| std::fs::read(path.join("one")).is_ok_and(|bytes| bytes == parts[1])));
        start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
        if !files.has_stopped() {
            done.unwrap();
            assert!(first > 2);
            return;
        }
    }
}

#[test]
fn of_two_starts_at_once_one_makes_the_journal_and_one_is_refused() {
    for _ in 0..25 {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
        let root = folder.path().join("home");
        let made: Vec<_> = std::thread::scope(|scope| {
            let one = || start(&root, &keyring, Stops::after(i64::MAX));
            let both = [scope.spawn(one), scope.spawn(one)];
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let journal = made.iter().flatten().next().copied().unwrap();
        assert_eq!(made.iter().flatten().count(), 1);
        let refused = made.into_iter().find_map(Result::err).unwrap();
        assert_eq!((refused.code, refused.message.as_str()), (Code::Invalid, "this folder already holds a journal"));
        assert_eq!(next(&root, &keyring).unwrap().journal(), journal);
    }
}

#[test]
fn nobody_swaps_the_files_of_a_journal_that_is_open_and_nobody_opens_it_meanwhile() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let root = folder.path().join("home");
    let unlock = Unlock::Platform(&keyring);
    let (engine, _) = Engine::create(&root, unlock, "a device", environment(1)).unwrap();
    let refused = Founding::begin(&Home::new(&root), None, Arc::new(SystemFiles)).map(drop).unwrap_err();
    let refused = Error::from(refused);
    assert_eq!((refused.code, refused.about), (Code::Locked, "busy"), "{refused}");
    assert_eq!(put_aside(&root, Timestamp(1)).unwrap_err().code, Code::Locked);
    // Others may open it as well; a journal that sleeps is in nobody's way.
    Engine::open(&root, unlock, environment(2)).unwrap().close().unwrap();
    engine.shared.pause().unwrap();
    let founding = Founding::begin(&Home::new(&root), None, Arc::new(SystemFiles)).unwrap();
    let refused = Engine::open(&root, unlock, environment(3)).unwrap_err();
    assert_eq!((refused.code, refused.about), (Code::Locked, "busy"), "{refused}");
    assert!(engine.shared.resume().is_err());
    drop(founding);
    engine.shared.resume().unwrap();
    assert_eq!(engine.entry_ids().unwrap().len(), 0);
}

#[test]
fn a_journal_is_never_in_its_place_before_its_phrase_could_be_shown() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let root = folder.path().join("home");
    let begun = Engine::begin(&root, Unlock::Platform(&keyring), "a device", environment(1)).unwrap();
    assert_eq!(begun.phrase().words().split(' ').count(), 24);
    assert!(!is_journal(&root));
    let error = Engine::open(&root, Unlock::Platform(&keyring), environment(2)).unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(error.message.contains("cut off") && error.advice == Advice::BeginAgain, "{error}");
    // The words could not be shown: it never was.
    drop(begun);
    assert_eq!(names(&root), BTreeSet::new());
    let begun = Engine::begin(&root, Unlock::Platform(&keyring), "a device", environment(3)).unwrap();
    let (journal, phrase) = (begun.journal(), begun.phrase().clone());
    begun.finish().unwrap().close().unwrap();
    assert_eq!(check_phrase(&root, &phrase).unwrap(), journal);
}

#[test]
fn the_phrase_opens_where_the_everyday_key_is_gone_and_only_this_phrase_does() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let root = folder.path().join("home");
    let (engine, phrase) = Engine::create(&root, Unlock::Passphrase("first"), "a device", environment(1)).unwrap();
    engine.create_entry(note("kept")).unwrap();
    engine.close().unwrap();
    let engine = Engine::open_with_phrase(&root, &phrase, environment(2)).unwrap();
    engine.change_unlock(Unlock::Platform(&keyring)).unwrap();
    engine.close().unwrap();
    assert_eq!(unlock_kind(&root).unwrap(), UnlockKind::Platform);
    assert_eq!(next(&root, &keyring).unwrap().entry_ids().unwrap().len(), 1);
    let other = RecoveryPhrase::generate(&mut environment(9).entropy);
    for error in [
        Engine::open_with_phrase(&root, &other, environment(4)).map(drop).unwrap_err(),
        check_phrase(&root, &other).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code, Code::WrongKey);
        assert!(error.advice.to_string().contains("paper"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_what_was_made_or_joined() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    for (name, joined) in [("made", false), ("joined", true)] {
        let root = folder.path().join(name);
        std::fs::create_dir(&root).unwrap();
        open(&root);
        if joined {
            beside(&root, &keyring, Stops::after(i64::MAX)).unwrap();
        } else {
            start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
        }
        assert_eq!(mode(&root), 0o700, "{name}");
        for entry in std::fs::read_dir(&root).unwrap().flatten() {
            let wanted = if entry.path().is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&entry.path()), wanted, "{name}: {}", entry.path().display());
        }
    }
}

/// Left by a process that was killed while it wrote another wrap: nobody ever reads it, and the next change takes its place.
#[test]
fn a_change_of_the_passphrase_that_dies_leaves_the_old_one_or_the_new_one() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let root = folder.path().join("home");
    start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
    let whole = std::fs::read(root.join("vault")).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len()] {
        std::fs::write(root.join("vault.new"), &whole[..length]).unwrap();
        let engine = next(&root, &keyring).unwrap();
        engine.change_unlock(Unlock::Platform(&keyring)).unwrap();
        engine.close().unwrap();
        assert!(next(&root, &keyring).is_some() && !root.join("vault.new").exists());
    }
}

#[test]
fn of_two_changes_of_the_passphrase_at_once_one_holds_and_the_vault_is_whole() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Keyring::default());
    let root = folder.path().join("home");
    start(&root, &keyring, Stops::after(i64::MAX)).unwrap();
    let engine = next(&root, &keyring).unwrap();
    for _ in 0..50 {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| engine.change_unlock(Unlock::Platform(&keyring)).unwrap());
            }
        });
        assert_eq!(
            *vault::open(&engine.shared.home, Unlock::Platform(&keyring)).unwrap().expose(),
            *engine.key.expose()
        );
    }
}
