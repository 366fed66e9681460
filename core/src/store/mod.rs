//! Logs, derived state, projections, search and blobs: the rules of the log over any transaction, and the backends.
//!
//! [`tx`] says what a backend must do inside one transaction; [`rules`] decides everything, once; [`memory`] is the model
//! and [`sqlite`] the encrypted store that people's journals are in. [`vault`] keeps the database's key, [`blobs`] the
//! bytes of attachments; [`words`] cuts text for searching, and [`derived`] holds what is made from the logs.

pub mod blobs;
pub mod derived;
pub mod error;
pub mod memory;
pub mod rules;
pub mod sqlite;
mod statements;
pub mod tx;
pub mod vault;
pub mod words;

#[cfg(test)]
pub(crate) mod conformance;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use tx::{DocumentState, Setting, Storage, StorageExt, StoredChange, Tx, Unpacked, WantedBlob};
