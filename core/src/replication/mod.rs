//! How the logs of one person's devices become one journal: every rule over them, over any transaction.
//!
//! [`tx`] says what a backend must do inside one transaction; [`rules`] decides everything, once; [`memory`] is the model
//! that every other backend is held against.

pub mod list_row;
pub mod memory;
pub mod rules;
pub mod statements;
pub mod tx;

pub use list_row::ListRow;
pub use memory::MemoryStore;
pub use tx::{DocumentState, Setting, Storage, StorageExt, StoredChange, Tx, Unpacked, WantedBlob};
