//! Sealed bytes without an entry: gone a day later, or at once where the failure is known; never those that a log names.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use data_encoding::HEXLOWER;

use crate::blobs::file_name;
use crate::engine::write::Files;
use crate::engine::{Engine, Environment, ImportedAttachment, ImportedEntry, NewFile, SharedEntropy};
use crate::error::Error;
use crate::id::{AttachmentId, BlobId, EntryId};
use crate::journal::edit::Edit;
use crate::journal::{Kind, MarkGroup, NewEntry};
use crate::log::BlobRef;
use crate::testing::journal::Seeded;
use crate::time::{Clock, Timestamp};
use crate::transport::DiscoverySource;
use crate::vault::Unlock;
use crate::vault::tests::Keyring;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The computer's clock, and so much later: files carry the computer's time.
#[derive(Debug, Default)]
struct Later(AtomicI64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(now.as_millis() as i64 + self.0.load(Ordering::Relaxed))
    }
}

/// A journal that can be opened again at a later time.
#[derive(Debug)]
struct Journal {
    folder: tempfile::TempDir,
    keys: Keyring,
    clock: Arc<Later>,
}

impl Journal {
    fn made() -> (Self, Engine) {
        let new =
            Self { folder: tempfile::tempdir().unwrap(), keys: Keyring::default(), clock: Arc::new(Later::default()) };
        let unlock = Unlock::Platform(&new.keys);
        let (engine, _) = Engine::create(&new.root(), unlock, "one", new.environment()).unwrap();
        (new, engine)
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    fn environment(&self) -> Environment {
        let seed = self.clock.0.load(Ordering::Relaxed) as u64;
        let entropy = SharedEntropy::new(Box::new(Seeded::new(seed)));
        Environment { clock: self.clock.clone(), entropy, finder: DiscoverySource::default() }
    }

    /// Opens it as much later than now.
    fn opened(&self, later: i64) -> Engine {
        self.clock.0.store(later, Ordering::Relaxed);
        Engine::open(&self.root(), Unlock::Platform(&self.keys), self.environment()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        files(&self.root().join("blobs"))
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn new_entry() -> NewEntry {
    NewEntry { kind: Kind::Note, title: "T".into(), body: "b".into(), sections: Vec::new(), happened: None }
}

fn file() -> NewFile {
    NewFile { mime: "text/plain".into(), ..NewFile::default() }
}

/// An entry, its attachment, its bytes' name, and their file's.
fn attached(engine: &Engine) -> (EntryId, AttachmentId, BlobId, String) {
    let id = engine.create_entry(new_entry()).unwrap().id;
    let (attachment, _) = engine.attach(id, &mut b"named".as_slice(), file()).unwrap();
    let blob = engine.stored_entry(id).unwrap().entry.attachments[0].blob;
    (id, attachment, blob, HEXLOWER.encode(&file_name(id, &blob)))
}

#[test]
fn what_no_log_names_goes_a_day_later_and_what_one_names_stays() {
    let (journal, engine) = Journal::made();
    let (id, attachment, blob, named) = attached(&engine);
    // Sealed, and the program was killed before the commit; one of them while it arrived.
    engine.take_in(id, &mut b"unnamed".as_slice()).unwrap();
    let part = journal.root().join("blobs").join(format!("{}.part", "ab".repeat(32)));
    std::fs::write(&part, b"x").unwrap();
    engine.close().unwrap();
    let engine = journal.opened(DAY / 2);
    assert_eq!(journal.files().len(), 3, "another process may be importing");
    engine.close().unwrap();

    let engine = journal.opened(2 * DAY);
    assert_eq!(journal.files(), std::slice::from_ref(&named));
    // Its age alone would have taken it: the log is what keeps it.
    assert_eq!(engine.shared.blobs.sweep(journal.clock.now()).unwrap(), [file_name(id, &blob)]);
    let mut bytes = Vec::new();
    engine.extract(id, attachment, &mut bytes).unwrap();
    assert_eq!(bytes, b"named");
}

#[test]
fn it_is_looked_for_once_a_day() {
    let (journal, engine) = Journal::made();
    let id = engine.create_entry(new_entry()).unwrap().id;
    engine.take_in(id, &mut b"unnamed".as_slice()).unwrap();
    engine.close().unwrap();
    journal.opened(DAY / 2).close().unwrap();
    journal.opened(DAY + DAY / 4).close().unwrap();
    assert_eq!(journal.files().len(), 1, "half a day after the last look there is none");
    journal.opened(2 * DAY).close().unwrap();
    assert!(journal.files().is_empty());
}

#[test]
fn bytes_that_were_swept_before_their_commit_are_not_named() {
    let (_journal, engine) = Journal::made();
    let (id, ..) = attached(&engine);
    let blob = engine.take_in(id, &mut b"too slow".as_slice()).unwrap();
    engine.shared.blobs.remove(id, &blob.id).unwrap();
    let edits = [Edit::Attach(file().attachment(&blob))];
    let named = engine.write(id, |write| write.edit(&edits, Files { brings: vec![blob.clone()], ends: Vec::new() }));
    assert!(named.is_err());
    let shown = engine.stored_entry(id).unwrap();
    assert_eq!((shown.entry.attachments.len(), shown.here[0].1), (1, true));
}

#[test]
fn an_import_that_fails_leaves_no_bytes() {
    let (journal, engine) = Journal::made();
    let (id, .., named) = attached(&engine);
    let own = engine.stored_entry(id).unwrap().entry;
    let attachment = |length: usize| ImportedAttachment { file: file(), bytes: vec![7; length] };
    let imported = |word: &str, second: usize| ImportedEntry {
        key: [1; 32],
        new: new_entry(),
        marks: vec![(MarkGroup::Tags, word.to_owned())],
        attachments: vec![attachment(100), attachment(second)],
        written_at: Timestamp(0),
    };
    let too_long = "x".repeat(1 << 20);
    for refused in [imported(&too_long, 100), imported("tag", 0)] {
        assert!(engine.import_entry(refused).is_err());
        assert_eq!(journal.files(), std::slice::from_ref(&named));
    }

    let mut copy = own;
    copy.id = EntryId::from_bytes([9; 16]);
    let mut second = copy.attachments[0].clone();
    second.id = AttachmentId::from_bytes([9; 16]);
    copy.attachments.push(second);
    let mut given = 0;
    let unreadable = engine.import_own(&copy, |_| {
        given += 1;
        if given == 2 { Err(Error::internal("unreadable")) } else { Ok(Some(b"bytes".to_vec())) }
    });
    assert!(unreadable.is_err());
    assert_eq!((given, journal.files()), (2, vec![named.clone()]));
    copy.attachments[1].mime = too_long;
    assert!(engine.import_own(&copy, |_| Ok(Some(b"bytes".to_vec()))).is_err());
    assert_eq!(journal.files(), std::slice::from_ref(&named));

    // The same without what is wrong with them.
    copy.attachments[1].mime = "text/plain".to_owned();
    engine.import_own(&copy, |_| Ok(Some(b"bytes".to_vec()))).unwrap();
    engine.import_entry(imported("tag", 100)).unwrap();
    assert_eq!(journal.files().len(), 5);
    for id in engine.entry_ids().unwrap() {
        assert!(engine.stored_entry(id).unwrap().here.iter().all(|(_, here)| *here));
    }
}

#[test]
fn bytes_that_a_log_names_are_never_dropped() {
    let (journal, engine) = Journal::made();
    let (id, _, blob, named) = attached(&engine);
    // A commit whose end was never heard of looks like a failed one.
    engine.drop_sealed(id, [&BlobRef { id: blob, key: [0; 32], len: 5 }]);
    assert_eq!(journal.files(), std::slice::from_ref(&named));
}
