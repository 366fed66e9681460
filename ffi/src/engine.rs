//! One open journal, as an object.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use afterword_core::engine as core;
use afterword_core::error::{Code, Error};
use afterword_core::store::derived::{Cursor, Filter};
use afterword_core::store::vault::Unlock;
use afterword_system::environment;

use crate::error::AfterwordError;
use crate::records::{Entry, ListPage, NewEntry, SearchPage, Written};
use crate::vault::{Adapter, KeyVault};

type Result<T> = std::result::Result<T, AfterwordError>;

/// One open journal on one device. Calls may come from any thread, at the same time.
#[derive(Debug, uniffi::Object)]
pub struct Engine {
    /// None once it was shut down. Calls hold it for reading, so that shutting down waits for them.
    open: RwLock<Option<core::Engine>>,
}

/// A new journal.
#[derive(Debug, uniffi::Record)]
pub struct Created {
    /// The journal, open.
    pub engine: Arc<Engine>,
    /// The 24 words that open it without this device. Shown once; kept nowhere.
    pub phrase: String,
}

/// A new journal in the folder `home`, whose first member is this device, called `name`. Its key is kept by `vault`.
#[uniffi::export]
pub fn create_journal(home: String, name: String, vault: Arc<dyn KeyVault>) -> Result<Created> {
    let vault = Adapter(vault);
    let (engine, phrase) = core::Engine::create(Path::new(&home), Unlock::Platform(&vault), &name, environment())?;
    Ok(Created { engine: Arc::new(Engine::of(engine)), phrase: phrase.words().to_string() })
}

#[uniffi::export]
impl Engine {
    /// Opens the journal in the folder `home` with the key that `vault` keeps.
    #[uniffi::constructor]
    pub fn open(home: String, vault: Arc<dyn KeyVault>) -> Result<Self> {
        let vault = Adapter(vault);
        Ok(Self::of(core::Engine::open(Path::new(&home), Unlock::Platform(&vault), environment())?))
    }

    /// A new entry, durable when this returns.
    pub fn create_entry(&self, entry: NewEntry) -> Result<Written> {
        self.with(|engine| Ok(engine.create_entry(entry.into())?.into()))
    }

    /// The entry whose id this is, or begins with it, as it reads now.
    pub fn show(&self, id: String) -> Result<Entry> {
        self.with(|engine| Ok(engine.show(engine.resolve(&id)?)?.into()))
    }

    /// One page of entries, newest first; `after` is the `next` of the page before.
    pub fn list(&self, limit: u32, after: Option<String>) -> Result<ListPage> {
        let after = after.as_deref().map(Cursor::parse).transpose()?;
        self.with(|engine| Ok(engine.list(&Filter::default(), limit as usize, after.as_ref())?.into()))
    }

    /// Searches words, `"phrases"` and beginnings of words with a star behind them.
    pub fn search(&self, query: String, limit: u32) -> Result<SearchPage> {
        self.with(|engine| Ok(engine.search(&query, limit as usize)?.into()))
    }

    /// Waits for the calls that are running, then closes the journal. A second call does nothing.
    pub fn shutdown(&self) -> Result<()> {
        let taken = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        taken.map_or(Ok(()), |engine| Ok(engine.close()?))
    }
}

impl Engine {
    fn of(engine: core::Engine) -> Self {
        Self { open: RwLock::new(Some(engine)) }
    }

    fn with<T>(&self, call: impl FnOnce(&core::Engine) -> Result<T>) -> Result<T> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        call(open.as_ref().ok_or_else(shut)?)
    }
}

fn shut() -> Error {
    Error::new(Code::Locked, "the journal was shut down", "open it again first")
}
