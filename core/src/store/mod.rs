//! The encrypted store: logs and blobs' rows in SQLite ([`sqlite`]), and what is made from them for lists, search and
//! reading ([`read_model`]).

pub mod read_model;
pub mod sqlite;

#[cfg(test)]
pub(crate) mod conformance;

pub use sqlite::SqliteStore;
