//! Owns runtime, store and endpoint; what a program calls.
//!
//! An [`Engine`] is one open journal. Its methods on entries block and never need the network; [`Engine::serve`],
//! [`Engine::sync`] and pairing run on a runtime of the engine's own, made when it is first needed, so that opening a
//! journal starts no thread.

mod adopt;
mod alarms;
#[cfg(test)]
mod alone;
mod arriving;
mod attachments;
mod deriving;
mod device_news;
mod devices;
mod doctor;
mod document_cache;
mod entries;
mod entry_editor;
mod events;
mod home;
mod import;
mod inbox;
mod journal_handle;
mod network;
#[cfg(feature = "next-format")]
mod next;
mod open_journal;
mod opening;
mod pack;
mod pair;
mod read;
mod serve;
mod session_driver;
mod sweep;
mod sync;
mod transfer;
mod write;

use std::sync::{Arc, Mutex, OnceLock, Weak};

pub use alarms::{Alarm, AlarmCode};
pub use attachments::NewFile;
pub use deriving::Deriving;
pub use device_news::{DeviceChange, DeviceChangeKind, DeviceNews, MAX_DEVICE_NEWS, Seen};
pub use devices::{DeviceRow, DeviceStatus, Removed};
pub use doctor::{Check, Health};
pub use entry_editor::{EditorText, EntryEditor, Merged};
pub use events::{Event, Listener, LockState, NotHeard, PairingStep, Subscription, SyncState};
pub use home::{Begun, Environment, check_phrase, check_vacant, is_journal, is_unfinished, put_aside, unlock_kind};
pub use import::{Imported, ImportedAttachment, ImportedEntry};
pub use inbox::{Capture, TakenIn};
pub use journal_handle::{JournalHandle, Stop, SyncedOnce};
#[cfg(feature = "next-format")]
pub use next::{NEXT_MARKER, NextHeard};
pub use session_driver::{SessionEvent, SessionReport};

pub use open_journal::SharedEntropy;
pub use pair::{HostEvent, JoinOptions, Joined};
pub use read::{ListView, SearchView, StoredEntry};
pub use serve::{ServeEvent, ServeOptions};
pub use sync::{PeerReport, SyncOptions, SyncReport};

pub use transfer::{Counted, Transfer};
pub use write::Edited;

use self::open_journal::OpenJournal;
use crate::crypto::Secret;
use crate::error::{Error, Result};
use crate::files::{Permissions, close_to_others};
use crate::id::{DeviceId, JournalId};

/// One open journal on one device.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<OpenJournal>,
    /// The database key, for what only its holder may do: another passphrase, another vault.
    key: Secret,
    runtime: OnceLock<tokio::runtime::Runtime>,
    /// What of the home stood open to others when it was opened.
    permissions: Permissions,
    /// Editors that are open.
    editors: Mutex<Vec<Weak<EntryEditor>>>,
}

/// How long closing may go on packing.
const PACK_BEFORE_CLOSING: std::time::Duration = std::time::Duration::from_millis(200);

impl Drop for Engine {
    fn drop(&mut self) {
        deriving::end(&self.shared);
    }
}

/// Two threads are enough for one person's devices.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("afterword")
        .enable_all()
        .build()
        .map_err(|error| Error::internal(format!("no threads could be started: {error}")))
}

impl Engine {
    fn from_shared(shared: OpenJournal, key: Secret) -> Self {
        // Only now: opening the database makes files beside it, with its own mode.
        let permissions = close_to_others(&shared.home);
        if !permissions.are_right() {
            tracing::warn!(
                closed = permissions.closed.len(),
                open = permissions.open.len(),
                "others could read the home"
            );
        }
        Self { shared: Arc::new(shared), key, runtime: OnceLock::new(), permissions, editors: Mutex::default() }
    }

    /// Closes the store: derives what was written here, waits for the write in flight, empties the log file, closes every
    /// connection.
    pub fn close(self) -> Result<()> {
        self.end()
    }

    /// The same for one that others may still hold: nothing of theirs is answered any more.
    pub(crate) fn end(&self) -> Result<()> {
        deriving::end(&self.shared);
        // What is left unpacked is packed by whoever opens the journal next.
        let _ = self.pack(PACK_BEFORE_CLOSING);
        self.shared.pause()
    }

    /// Limits the database to `pages` pages, or to as many as it has for 0: a full disk on demand, for tests.
    #[doc(hidden)]
    pub fn limit_room(&self, pages: u32) -> Result<u32> {
        Ok(self.shared.store.connections().set_max_page_count(pages.max(1))?)
    }

    /// The journal's id.
    pub fn journal(&self) -> JournalId {
        self.shared.identity.journal
    }

    /// What of the journal's folder stood open to others when it was opened. It is closed to them since, where it could be.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.shared.identity.device()
    }

    /// Automerge documents opened since the journal was: what lists and syncs keep at 0.
    pub fn documents_opened(&self) -> u64 {
        self.shared.documents_opened()
    }

    /// The engine's own runtime, made when it is first needed.
    fn runtime(&self) -> Result<&tokio::runtime::Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let fresh = runtime()?;
        Ok(self.runtime.get_or_init(|| fresh))
    }
}
