//! Logs, derived state, projections, search and blobs; the rules over any transaction.

pub mod blobs;
pub mod error;
pub mod sqlite;
pub mod vault;
pub mod words;
