//! What a call costs that crosses into another language, and the same call in Rust: `cargo xtask bench --boundary`.
//!
//! Makes one journal of [`ENTRIES`] entries in a folder, measures core and `ffi` on copies of it, and leaves the journal
//! there for the programs of the kits. Each prints a line for each call: who, what, median, lowest, highest, samples; times
//! in microseconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use afterword_core::crypto::Secret;
use afterword_core::engine::{Event as CoreEvent, JournalHandle, Listener, NotHeard};
use afterword_core::error::Error;
use afterword_core::files::StoreResult;
use afterword_core::journal::edit::{Edit as CoreEdit, TextField as CoreField};
use afterword_core::store::read_model::Filter;
use afterword_core::vault::PlatformVault;
use afterword_ffi::{
    AfterwordError, Edit, Engine, Event, EventListener, KeyVault, KeyVaultError, Kind, ListFilter, ListenerError,
    NewEntry, TextField, create_journal,
};
use afterword_tests::clock::environment;
use afterword_tests::corpus::Corpus;

/// By which the benchmark is asked for this.
pub(crate) const BOUNDARY: &str = "--boundary";
const ENTRIES: u32 = 1_000;
const WORDS: usize = 100;
/// Calls that are not counted, and calls that are. The programs of the kits make as many.
const WARM: usize = 200;
const SAMPLES: usize = 200;
const LIMIT: Duration = Duration::from_secs(20);

/// A vault in a folder, a file for each secret: what the kits' programs read as well.
#[derive(Debug)]
struct Files(PathBuf);

impl Files {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(name)).ok()
    }
}

impl KeyVault for Files {
    fn store(&self, name: String, secret: Vec<u8>) -> Result<(), KeyVaultError> {
        let kept = fs::create_dir_all(&self.0).and_then(|()| fs::write(self.0.join(name), secret));
        kept.map_err(|error| KeyVaultError::Failed { reason: error.to_string() })
    }

    fn load(&self, name: String) -> Result<Option<Vec<u8>>, KeyVaultError> {
        Ok(Self::load(self, &name))
    }

    fn delete(&self, name: String) -> Result<(), KeyVaultError> {
        let _ = fs::remove_file(self.0.join(name));
        Ok(())
    }
}

impl PlatformVault for Files {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        KeyVault::store(self, name.to_owned(), secret.expose().to_vec()).map_err(Into::into)
    }

    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        let bytes = self.load(name).and_then(|bytes| bytes.try_into().ok());
        Ok(bytes.map(Secret::from_bytes))
    }

    fn delete(&self, name: &str) -> StoreResult<()> {
        KeyVault::delete(self, name.to_owned()).map_err(Into::into)
    }
}

struct Hears(Mutex<Sender<()>>);

impl Listener for Hears {
    fn on_event(&self, _: CoreEvent) -> Result<(), NotHeard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(()).map_err(|_| NotHeard)
    }
}

impl EventListener for Hears {
    fn on_event(&self, _: Event) -> Result<(), ListenerError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(()).map_err(|_| ListenerError::Failed)
    }
}

/// Times `call` and prints its line.
fn measure<E>(who: &str, what: &str, mut call: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
    let mut samples = Vec::with_capacity(SAMPLES);
    for at in 0..WARM + SAMPLES {
        let begun = Instant::now();
        call(at)?;
        if at >= WARM {
            samples.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    samples.sort_by(f64::total_cmp);
    let (lowest, highest) = (samples[0], samples[SAMPLES - 1]);
    println!("{who}\t{what}\t{:.1}\t{lowest:.1}\t{highest:.1}\t{SAMPLES}", samples[SAMPLES / 2]);
    Ok(())
}

/// Makes the journal in `folder` and measures what is Rust.
pub(crate) fn main(folder: &Path) -> Result<(), String> {
    let vault = folder.join("vault");
    let said = |error: AfterwordError| error.to_string();
    made(&folder.join("journal"), &vault).map_err(said)?;
    for who in ["core", "ffi", "kotlin", "swift"] {
        copied(&folder.join("journal"), &folder.join(who)).map_err(|error| error.to_string())?;
    }
    core(&folder.join("core"), &vault).map_err(|error| error.to_string())?;
    ffi(&folder.join("ffi"), &vault).map_err(said)
}

fn made(home: &Path, vault: &Path) -> Result<(), AfterwordError> {
    let made = create_journal(home.to_string_lossy().into(), "bench".into(), Arc::new(Files(vault.to_owned())))?;
    let mut corpus = Corpus::new(5);
    for _ in 0..ENTRIES {
        let writing = corpus.entry_of(WORDS);
        let (title, body) = (writing.title, writing.body);
        made.engine.create_entry(NewEntry { kind: Kind::Note, title, body, sections: Vec::new(), happened: None })?;
    }
    made.engine.list(ListFilter::default(), 1, None)?;
    made.engine.shutdown()
}

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copied(&entry.path(), &to)? } else { fs::copy(entry.path(), to).map(drop)? }
    }
    Ok(())
}

fn core(home: &Path, vault: &Path) -> Result<(), Error> {
    let keeper = JournalHandle::open(home, Arc::new(Files(vault.to_owned())), environment(3))?;
    let list = |limit| keeper.with(|engine| engine.list(&Filter::default(), limit, None));
    measure("core", "list", |_| {
        list(ENTRIES as usize).map(|listed| assert_eq!(listed.entries.len(), ENTRIES as usize))
    })?;
    let id = list(1)?.entries[0].id;
    let mut base = keeper.with(|engine| engine.heads(id))?;
    measure("core", "edit", |at| {
        let text = format!("title {at}");
        let edit = CoreEdit::SetText { field: CoreField::Title, base: base.clone(), text };
        base = keeper.with(|engine| engine.edit(id, &[edit]))?.heads;
        Ok::<_, Error>(())
    })?;
    measure("core", "event", |_| {
        let (tell, hear) = channel();
        let subscription = keeper.subscribe(Arc::new(Hears(Mutex::new(tell))))?;
        hear.recv_timeout(LIMIT).map_err(Error::internal)?;
        subscription.cancel();
        Ok::<_, Error>(())
    })?;
    keeper.shutdown()
}

fn ffi(home: &Path, vault: &Path) -> Result<(), AfterwordError> {
    let engine = Engine::open(home.to_string_lossy().into(), Arc::new(Files(vault.to_owned())))?;
    let list = |limit| engine.list(ListFilter::default(), limit, None);
    measure("ffi", "list", |_| list(ENTRIES).map(|page| assert_eq!(page.rows.len(), ENTRIES as usize)))?;
    let id = list(1)?.rows[0].id.clone();
    let mut base = engine.show(id.clone())?.heads;
    measure("ffi", "edit", |at| {
        let text = format!("title {at}");
        let edit = Edit::SetText { field: TextField::Title, base: base.clone(), text };
        base = engine.edit(id.clone(), vec![edit])?.heads;
        Ok::<_, AfterwordError>(())
    })?;
    measure("ffi", "event", |_| {
        let (tell, hear) = channel();
        let subscription = engine.subscribe(Arc::new(Hears(Mutex::new(tell))))?;
        hear.recv_timeout(LIMIT).map_err(Error::internal)?;
        subscription.cancel()
    })?;
    engine.shutdown()
}
