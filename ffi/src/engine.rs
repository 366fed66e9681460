//! One journal, as an object: what an app holds from its start to its end.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use afterword_core::crypto::RecoveryPhrase;
use afterword_core::engine as core;
use afterword_core::engine::JournalHandle;
use afterword_core::error::Result as CoreResult;
use afterword_core::time::Clock;
use afterword_system::{SystemClock, environment};
use zeroize::Zeroizing;

use crate::cross::Cross;
use crate::discovery::{Adapter as Looks, Discovery};
use crate::editor::EntryEditor;
use crate::edits::{Edit, Edited};
use crate::entries::{EarlierReading, Entry, ListFilter, ListPage, NewEntry, Person, SearchPage, cursor};
use crate::error::{Result, parse, parse_all, parse_some};
use crate::events::{Adapter as Hears, EventListener, Subscription};
use crate::status::{Device, DeviceNews, Health, Repaired, SyncedOnce};
use crate::vault::{Adapter, KeyVault};
use crate::words::LockState;

/// One journal on one device. Every call blocks, may come from any thread at the same time, and answers `Locked` while
/// the journal is not open. Keep one for the life of the process.
#[derive(Debug, uniffi::Object)]
pub struct Engine(pub(crate) Arc<JournalHandle>);

/// A new journal.
#[derive(uniffi::Record)]
pub struct Created {
    /// The journal, open.
    pub engine: Arc<Engine>,
    /// The 24 words that open it without this device. Shown once; kept nowhere.
    pub phrase: String,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Created(…)")
    }
}

/// A file that is captured: small, since it is kept in memory.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CapturedFile {
    /// Media type.
    pub mime: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A new journal in the folder `home`, whose first member is this device, called `name`. Its key is kept by `vault`.
#[uniffi::export]
pub fn create_journal(home: String, name: String, vault: Arc<dyn KeyVault>) -> Result<Created> {
    let (keeper, phrase) = JournalHandle::create(Path::new(&home), &name, Arc::new(Adapter(vault)), environment())?;
    Ok(Created { engine: Arc::new(Engine(keeper)), phrase: phrase.words().to_string() })
}

/// Opens a journal whose vault lost the key, with its 24 words, and gives the key to `vault` again.
#[uniffi::export]
pub fn recover_journal(home: String, phrase: String, vault: Arc<dyn KeyVault>) -> Result<Arc<Engine>> {
    let phrase = RecoveryPhrase::parse(&Zeroizing::new(phrase))?;
    let keeper = JournalHandle::recover(Path::new(&home), &phrase, Arc::new(Adapter(vault)), environment())?;
    Ok(Arc::new(Engine(keeper)))
}

/// Puts a damaged journal aside, all of it, so that its folder is free for joining the journal again from another device.
/// Nothing is deleted; answers where the database is now.
#[uniffi::export]
pub fn put_journal_aside(home: String) -> Result<String> {
    let aside = core::put_aside(Path::new(&home), SystemClock.now())?;
    Ok(aside.to_string_lossy().into_owned())
}

/// Whether the folder `home` holds a journal, or part of one.
#[uniffi::export]
pub fn is_journal(home: String) -> Result<bool> {
    Ok(core::is_journal(Path::new(&home)))
}

// The life of a journal.
#[uniffi::export]
impl Engine {
    /// Opens the journal in the folder `home` with the key that `vault` keeps. If the vault can't say it now, the journal
    /// is locked until `resume`.
    #[uniffi::constructor]
    pub fn open(home: String, vault: Arc<dyn KeyVault>) -> Result<Self> {
        Ok(Self(JournalHandle::open(Path::new(&home), Arc::new(Adapter(vault)), environment())?))
    }

    /// From now on other devices are looked for with the system's own service.
    pub fn use_discovery(&self, discovery: Arc<dyn Discovery>) -> Result<()> {
        self.0.look_with(Arc::new(Looks(discovery)));
        Ok(())
    }

    /// Whether the journal is open.
    pub fn lock_state(&self) -> Result<LockState> {
        Ok(self.0.state().into())
    }

    /// The app goes to sleep: what was typed is saved, syncing stops, every file is closed.
    pub fn pause(&self) -> Result<()> {
        Ok(self.0.pause()?)
    }

    /// The app wakes: the journal is open again, or opened if its vault gives the key now.
    pub fn resume(&self) -> Result<()> {
        Ok(self.0.resume()?)
    }

    /// The system has another network.
    pub fn network_changed(&self) -> Result<()> {
        self.0.network_changed();
        Ok(())
    }

    /// Saves what was typed and closes everything, for good. A second time does nothing.
    pub fn shutdown(&self) -> Result<()> {
        Ok(self.0.shutdown()?)
    }

    /// `listener` hears how things are, and what changes from then on.
    pub fn subscribe(&self, listener: Arc<dyn EventListener>) -> Result<Arc<Subscription>> {
        Ok(Arc::new(Subscription(self.0.subscribe(Arc::new(Hears(listener)))?)))
    }

    /// Writes even while the journal is locked: sealed, and taken in once it is open.
    pub fn capture(&self, title: String, body: String, file: Option<CapturedFile>) -> Result<()> {
        let file = file.map(|CapturedFile { mime, bytes }| (mime, bytes));
        Ok(self.0.capture(core::Capture { title, body, file })?)
    }

    /// The journal's id.
    pub fn journal_id(&self) -> Result<String> {
        Ok(self.with(|engine| Ok(engine.journal().to_string()))?)
    }

    /// This device's id.
    pub fn device_id(&self) -> Result<String> {
        Ok(self.with(|engine| Ok(engine.device().to_string()))?)
    }
}

// Entries.
#[uniffi::export]
impl Engine {
    /// A new entry, durable when this returns.
    pub fn create_entry(&self, entry: NewEntry) -> Result<Edited> {
        let entry = entry.try_into()?;
        Ok(self.with(|engine| engine.create_entry(entry))?.into())
    }

    /// Does all of `edits` to an entry, as one change.
    pub fn edit(&self, id: String, edits: Vec<Edit>) -> Result<Edited> {
        let id = parse(&id, "entry")?;
        let edits = edits.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>>>()?;
        Ok(self.with(|engine| engine.edit(id, &edits))?.into())
    }

    /// The texts of an entry, to be typed into.
    pub fn editor(&self, id: String) -> Result<Arc<EntryEditor>> {
        let id = parse(&id, "entry")?;
        Ok(Arc::new(EntryEditor(self.with(|engine| engine.editor(id))?)))
    }

    /// The entry whose id this is, or begins with it, as it reads now.
    pub fn show(&self, id: String) -> Result<Entry> {
        Ok(self.with(|engine| engine.show(engine.resolve(&id)?))?.cross())
    }

    /// The entry as it read at `heads`.
    pub fn show_at(&self, id: String, heads: Vec<String>) -> Result<Entry> {
        let (id, heads) = (parse(&id, "entry")?, parse_all(&heads, "heads")?);
        Ok(self.with(|engine| engine.show_at(id, &heads))?.cross())
    }

    /// Every earlier reading of an entry, newest first.
    pub fn history(&self, id: String) -> Result<Vec<EarlierReading>> {
        let id = parse(&id, "entry")?;
        Ok(self.with(|engine| engine.history(id))?.readings.cross())
    }

    /// Writes the texts that the entry had at `heads` as a new edit.
    pub fn restore(&self, id: String, heads: Vec<String>) -> Result<Edited> {
        let (id, heads) = (parse(&id, "entry")?, parse_all(&heads, "heads")?);
        Ok(self.with(|engine| engine.restore(id, &heads))?.into())
    }

    /// Destroys an entry on every device. Answers false where it was destroyed before.
    pub fn erase(&self, id: String) -> Result<bool> {
        let id = parse(&id, "entry")?;
        Ok(self.with(|engine| engine.erase(id))?)
    }

    /// Takes an attachment off an entry; its bytes go from every device.
    pub fn detach(&self, id: String, attachment: String) -> Result<Edited> {
        let (id, attachment) = (parse(&id, "entry")?, parse(&attachment, "attachment")?);
        Ok(self.with(|engine| engine.detach(id, attachment))?.into())
    }

    /// One page of entries, newest first; `after` is the `next` of the page before.
    pub fn list(&self, filter: ListFilter, limit: u32, after: Option<String>) -> Result<ListPage> {
        let (filter, after) = (filter.try_into()?, cursor(after.as_ref())?);
        Ok(self.with(|engine| engine.list(&filter, limit as usize, after.as_ref()))?.cross())
    }

    /// The newest entry that is filed under a day.
    pub fn entry_on(&self, day: String) -> Result<Option<String>> {
        let day = parse(&day, "day")?;
        Ok(self.with(|engine| engine.entry_on(day))?.map(|id| id.to_string()))
    }

    /// Searches words, `"phrases"` and beginnings of words with a star behind them.
    pub fn search(&self, query: String, limit: u32) -> Result<SearchPage> {
        Ok(self.with(|engine| engine.search(&query, limit as usize))?.cross())
    }

    /// Everybody in the journal.
    pub fn people(&self) -> Result<Vec<Person>> {
        Ok(self.with(|engine| engine.people())?.iter().map(Into::into).collect())
    }
}

// Other devices, and this one's health.
#[uniffi::export]
impl Engine {
    /// Meets every device that can be reached, or the one at `peer`, and returns before `deadline_ms` are over. Being
    /// killed in it loses nothing.
    pub fn sync_once(&self, peer: Option<String>, deadline_ms: u32) -> Result<SyncedOnce> {
        let peer = parse_some(peer.as_ref(), "peer")?;
        Ok(self.0.sync_once(peer, Duration::from_millis(deadline_ms.into()))?.into())
    }

    /// Stays up for other devices, at `listen` (port 0 for any), until `stop_serving`; a pause interrupts it.
    pub fn serve(&self, listen: String, discover: bool) -> Result<()> {
        let listen: SocketAddr = parse(&listen, "listen")?;
        Ok(self.0.serve(core::ServeOptions { listen, discover })?)
    }

    /// Where it serves, once it does.
    pub fn serving_at(&self) -> Result<Option<String>> {
        Ok(self.0.serving_at().map(|address| address.to_string()))
    }

    /// No device is answered any more.
    pub fn stop_serving(&self) -> Result<()> {
        self.0.stop_serving();
        Ok(())
    }

    /// The journal's devices, those that were removed too.
    pub fn devices(&self) -> Result<Vec<Device>> {
        Ok(self.with(|engine| engine.devices())?.into_iter().map(Into::into).collect())
    }

    /// Removes a device for ever, and tells every other that can be reached before `deadline_ms` are over. It is removed
    /// first: what this device has and it lacks it never gets.
    pub fn remove_device(&self, device: String, deadline_ms: u32) -> Result<SyncedOnce> {
        let device = parse(&device, "device")?;
        Ok(self.0.remove_device(device, Duration::from_millis(deadline_ms.into()))?.into())
    }

    /// Devices that were added or removed elsewhere, and that nobody has seen here yet.
    pub fn device_news(&self) -> Result<DeviceNews> {
        Ok(self.with(|engine| engine.device_news())?.into())
    }

    /// Somebody has seen news of devices: `seen` of those that were shown. Nobody is told of them again.
    pub fn device_news_seen(&self, seen: Vec<u8>) -> Result<()> {
        Ok(self.0.device_news_seen(&core::Seen::decode(&seen)?)?)
    }

    /// Looks whether everything is in order.
    pub fn doctor(&self) -> Result<Health> {
        Ok(self.0.doctor()?.into())
    }

    /// Makes again what can be made again.
    pub fn rebuild(&self) -> Result<Repaired> {
        Ok(self.with(|engine| engine.rebuild(|_, _| {}))?.into())
    }

    /// Whether these 24 words open this journal. An error says why not.
    pub fn check_recovery(&self, phrase: String) -> Result<()> {
        let phrase = RecoveryPhrase::parse(&Zeroizing::new(phrase))?;
        Ok(self.with(|engine| engine.check_recovery(&phrase))?)
    }
}

impl Engine {
    pub(crate) fn with<T>(&self, call: impl FnOnce(&Arc<core::Engine>) -> CoreResult<T>) -> CoreResult<T> {
        self.0.with(call)
    }
}
