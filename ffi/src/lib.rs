//! The engine for Kotlin and Swift, through UniFFI: objects, records, one error. No logic lives here.
//!
//! A capability of core has one export, which converts what it is given, calls core, and converts what comes back; a
//! function here has at most 15 lines (`tests/tests/architecture.rs` holds that and who may import what). What an app
//! developer sees is not this but the kits in `android/kit` and `ios/AfterwordKit`; they alone import the generated code.
//!
//! - Every export blocks, answers a `Result`, and may be called from any thread.
//! - Foreign traits are synchronous, and each method answers a `Result`: what an app's code throws comes back as an error.
//! - Ids, hashes and cursors are texts; times are milliseconds since 1970; text ranges count Unicode code points.
//! - The exported interface is listed in `ffi/golden/interface.txt`, so that a change of it is seen in review.

#![deny(unsafe_code)]

mod cross;
mod discovery;
mod editor;
mod edits;
mod engine;
mod entries;
mod error;
mod events;
mod log;
mod pairing;
mod status;
mod transfer;
#[cfg(feature = "conformance")]
mod trouble;
mod vault;
mod words;

pub use discovery::{AnnouncedService, Discovery, DiscoveryError, Sightings};
pub use editor::EntryEditor;
pub use edits::{Edit, Edited, Experiment, Part, TextField};
pub use engine::{CapturedFile, Created, Engine, create_journal, is_journal, put_journal_aside, recover_journal};
pub use entries::{
    Attachment, BoxedUntil, Closure, EarlierReading, EditorText, Entry, Item, Link, ListFilter, ListPage, ListRow,
    Mark, MergedText, NewEntry, NewSection, Person, PersonPart, Reflection, SearchHit, SearchPage, Section, TextRange,
};
pub use error::AfterwordError;
pub use events::{Event, EventListener, ListenerError, PairingStep, Subscription, SyncState};
pub use log::{LogLevel, LogLine, LogSink, set_log_sink};
pub use pairing::{JoinedJournal, Newcomer, Paired, Pairing, PairingListener};
pub use status::{Device, Health, HealthCheck, Repaired, SyncedOnce};
pub use transfer::{Attached, ByteSink, ByteSource, NewFile, StreamError, Transfer};
#[cfg(feature = "conformance")]
pub use trouble::Trouble;
pub use vault::{KeyVault, KeyVaultError};
pub use words::{
    AttachmentField, Audience, ClosureKind, InnerState, ItemKind, ItemState, Kind, LinkKind, LockState, MarkGroup,
    NextMove,
};

uniffi::setup_scaffolding!("afterword");
