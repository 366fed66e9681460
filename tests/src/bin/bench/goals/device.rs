//! One device of the benchmark: a folder with a journal, opened without a passphrase; filled fast, through the same rules
//! as every write.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use afterword_core::crypto::Secret;
use afterword_core::document::{Actor, EntryDocument};
use afterword_core::engine::{Engine, HostEvent, JoinOptions};
use afterword_core::error::{Error, Result};
use afterword_core::files::Home;
use afterword_core::files::{StoreError, StoreResult};
use afterword_core::id::EntryId;
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::journal::{Kind, MarkGroup, NewEntry};
use afterword_core::log::Operation;
use afterword_core::replication::StorageExt;
use afterword_core::replication::rules::{self, Identity, Packing};
use afterword_core::store::SqliteStore;
use afterword_core::store::sqlite::open::Vouched;
use afterword_core::time::{Timestamp, random};
use afterword_core::vault::{self, PlatformVault, Unlock};
use afterword_tests::Seeded;
use bench_common::{Corpus, Entry};
use tokio::sync::watch;

use afterword_tests::clock::environment;

/// Leaves room under the most that one head may end.
const SLICE: usize = 900 << 10;
/// Entries whose documents are made side by side.
const CHUNK: usize = 64;
const LIMIT: Duration = Duration::from_secs(600);

/// A vault for journals that are thrown away: the key lies in a file, so that a child process opens what its parent made.
#[derive(Debug, Clone)]
struct KeyFile(PathBuf);

impl PlatformVault for KeyFile {
    fn store(&self, _: &str, secret: &Secret) -> StoreResult<()> {
        std::fs::write(&self.0, secret.expose()).map_err(|error| StoreError::Invalid(error.to_string()))
    }

    fn load(&self, _: &str) -> StoreResult<Option<Secret>> {
        let bytes = std::fs::read(&self.0).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        Ok(bytes.map(Secret::from_bytes))
    }

    fn delete(&self, _: &str) -> StoreResult<()> {
        let _ = std::fs::remove_file(&self.0);
        Ok(())
    }
}

/// What was filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filled {
    /// Every entry, oldest first.
    pub(crate) ids: Vec<EntryId>,
    /// Bytes of text a person wrote.
    pub(crate) text_bytes: u64,
}

/// A device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    root: PathBuf,
    keys: KeyFile,
}

impl Device {
    /// The device whose journal is, or will be, in `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), keys: KeyFile(root.with_extension("key")) }
    }

    /// A device with a new journal.
    pub(crate) fn create(root: &Path) -> Result<Self> {
        let device = Self::at(root);
        Engine::create(root, device.unlock(), "host", environment(1))?.0.close()?;
        Ok(device)
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn unlock(&self) -> Unlock<'_> {
        Unlock::Platform(&self.keys)
    }

    /// Opens the journal. Each opening draws other random numbers.
    pub(crate) fn open(&self) -> Result<Engine> {
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Engine::open(&self.root, self.unlock(), environment(seed.as_nanos() as u64))
    }

    /// A second handle on the same journal, to look on without asking the engine to do anything.
    pub(crate) fn look(&self) -> Result<SqliteStore> {
        let home = Home::new(&self.root);
        let key = vault::open(&home, self.unlock())?;
        Ok(SqliteStore::open(&home.database(), &key, Vouched::ByVault)?)
    }

    /// Devices that have joined this one's journal, which is still empty.
    pub(crate) fn join_guests(&self, folder: &Path, count: usize) -> Result<Vec<Self>> {
        let host = self.open()?;
        let mut guests = Vec::new();
        for number in 0..count {
            let guest = Self::at(&folder.join(format!("guest-{number}")));
            join(&host, &guest, number)?;
            guests.push(guest);
        }
        host.close()?;
        Ok(guests)
    }

    /// Writes `count` entries, each over ten changes.
    pub(crate) fn fill(&self, corpus: &Corpus, count: usize) -> Result<Filled> {
        let store = self.look()?;
        let identity = store.read(Identity::load)?;
        let mut entropy = Seeded::stream(count as u64, 9);
        let actor = Actor::draw(&mut entropy);
        let (mut filled, mut waiting, mut size) = (Filled::default(), Vec::new(), 0);
        let numbers: Vec<usize> = (0..count).collect();
        for chunk in numbers.chunks(CHUNK) {
            for written in write_all(corpus, chunk, actor)? {
                filled.ids.push(written.id);
                filled.text_bytes += written.text_bytes;
                for operation in written.operations {
                    if size + operation.size() > SLICE {
                        let slice = std::mem::take(&mut waiting);
                        commit(&store, &identity, &mut entropy, slice)?;
                        size = 0;
                    }
                    size += operation.size();
                    waiting.push(operation);
                }
            }
        }
        if !waiting.is_empty() {
            commit(&store, &identity, &mut entropy, waiting)?;
        }
        store.pause()?;
        Ok(filled)
    }
}

/// Commits, and packs what is old by now, as a journal does that grows while nobody waits for it.
fn commit(store: &SqliteStore, identity: &Identity, entropy: &mut Seeded, slice: Vec<Operation>) -> Result<()> {
    store.write_sql(|tx| rules::append(tx, identity, entropy, slice))?;
    while store.write(|tx| rules::pack(tx, identity, &Packing::default()))? > 0 {}
    Ok(())
}

fn join(host: &Engine, guest: &Device, number: usize) -> Result<()> {
    let (_stop, stopped) = watch::channel(false);
    let (tell, code) = mpsc::channel();
    std::thread::scope(|scope| {
        let window = scope.spawn(move || {
            host.pair_host(super::live::loopback(), false, stopped, |event| {
                if let HostEvent::Code(code) = event {
                    let _ = tell.send(code);
                }
            })
        });
        let code = code.recv_timeout(LIMIT).map_err(Error::internal)?;
        let options = JoinOptions {
            name: format!("guest {number}"),
            peer: Some(code.address),
            discover: Duration::ZERO,
            stop: None,
        };
        let environment = environment(100 + number as u64);
        let (joined, _) = Engine::join(guest.root(), &code.code, &options, guest.unlock(), environment, None, |_| {})?;
        window.join().map_err(|_| Error::internal("the pairing window panicked"))??;
        joined.close()
    })
}

struct Writing {
    id: EntryId,
    text_bytes: u64,
    operations: Vec<Operation>,
}

/// Makes the documents of some entries, on two threads.
fn write_all(corpus: &Corpus, numbers: &[usize], actor: Actor) -> Result<Vec<Writing>> {
    let (left, right) = numbers.split_at(numbers.len() / 2);
    let half = |numbers: &[usize]| -> Result<Vec<Writing>> {
        numbers.iter().map(|number| write(&corpus.entry(*number), *number, actor)).collect()
    };
    std::thread::scope(|scope| {
        let right = scope.spawn(|| half(right));
        let mut all = half(left)?;
        all.extend(right.join().map_err(|_| Error::internal("a writer panicked"))??);
        Ok(all)
    })
}

/// One entry: title and the first tenth of its body, then tags and the rest, a tenth at a time.
fn write(entry: &Entry, number: usize, actor: Actor) -> Result<Writing> {
    let mut entropy = Seeded::stream(number as u64, 10);
    let id = EntryId::from_bytes(random(&mut entropy));
    let drafts = entry.drafts();
    let new = NewEntry {
        kind: Kind::Note,
        title: entry.title.clone(),
        body: drafts.first().cloned().unwrap_or_default(),
        sections: Vec::new(),
        happened: None,
    };
    let (mut document, mut chunks) = EntryDocument::create(id, actor, Timestamp(entry.created), &new, &mut entropy)?;
    for (sitting, draft) in drafts.iter().enumerate().skip(1) {
        let (heads, at) = (document.heads(), Timestamp(entry.created + sitting as i64 * 60_000));
        let mut edits = Vec::new();
        if sitting == 1 {
            edits.extend(entry.tags.iter().map(|tag| Edit::Mark(MarkGroup::Tags, tag.clone())));
        }
        edits.push(Edit::SetText { field: TextField::Body, base: heads, text: draft.clone() });
        chunks.extend(document.edit(at, &mut entropy, &edits)?.changes);
    }
    let change = |chunk| Operation::change(id, chunk, Vec::new(), Vec::new());
    let operations = chunks.into_iter().map(change).collect::<Result<Vec<_>, _>>()?;
    Ok(Writing { id, text_bytes: entry.text_bytes(), operations })
}
