//! The engine of Afterword, a private journal: entries as Automerge documents in an encrypted store, synced between
//! one person's devices over QUIC.
//!
//! Floors, lower first; a module imports only from floors below its own (`tests/architecture.rs` holds this):
//!
//! 0. [`id`], [`time`], [`error`], [`fault`]: names for everything, the clock and randomness as inputs, one error, and
//!    fault injection, which nothing that ships has.
//! 1. [`crypto`]: device keys, sealing, hashing.
//! 2. [`journal`]: what a person writes, as plain types; [`tokenizer`]: words for searching; [`files`]: a journal's folder.
//! 3. [`document`]: the one mapping between journal types and Automerge documents; [`vault`]: the database's key;
//!    [`transport`]: QUIC endpoints, pairing, discovery.
//! 4. [`log`], [`membership`]: operations, chains, heads; which devices belong. Pure.
//! 5. [`replication`]: the rules of the log over any transaction, and the model of one; [`blobs`]: files beside entries.
//! 6. [`store`]: the encrypted SQLite.
//! 7. [`sync`]: the sans-I/O session between two members; it knows no database.
//! 8. [`engine`]: owns runtime, store and endpoint; what a program calls.
//!
//! The library prints nothing, reads no environment and panics on nothing that comes from outside.

#![forbid(unsafe_code)]

pub mod blobs;
pub mod crypto;
pub mod document;
pub mod engine;
pub mod error;
pub mod fault;
pub mod files;
pub mod id;
pub mod journal;
pub mod log;
pub mod membership;
pub mod replication;
pub mod store;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tokenizer;
pub mod transport;
pub mod vault;
