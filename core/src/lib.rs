//! The engine of Afterword, a private journal: entries as Automerge documents in an encrypted store, synced between
//! one person's devices over QUIC.
//!
//! Floors, lower first; a module imports only from floors below its own (`tests/architecture.rs` holds this):
//!
//! 0. [`id`], [`time`], [`error`], [`fault`]: names for everything, the clock and randomness as inputs, one error, and
//!    fault injection, which nothing that ships has.
//! 1. [`crypto`]: device keys, sealing, hashing.
//! 2. [`journal`]: what a person writes, as plain types.
//! 3. [`document`]: the one mapping between journal types and Automerge documents.
//! 4. [`log`], [`membership`]: operations, chains, heads; which devices belong. Pure.
//! 5. [`store`]: the rules of the log over any transaction, in memory and in encrypted SQLite.
//! 6. [`sync`]: the sans-I/O session between two members.
//! 7. [`transport`]: QUIC endpoints, pairing, discovery.
//! 8. [`engine`]: owns runtime, store and endpoint; what a program calls.
//!
//! The library prints nothing, reads no environment and panics on nothing that comes from outside.

#![forbid(unsafe_code)]

pub mod crypto;
pub mod document;
pub mod engine;
pub mod error;
pub mod fault;
pub mod id;
pub mod journal;
pub mod log;
pub mod membership;
pub mod store;
pub mod sync;
pub mod time;
pub mod transport;
