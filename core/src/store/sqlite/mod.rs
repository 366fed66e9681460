//! The store's encrypted SQLite: one opener, one writer, a few readers, the tables, and the search table.

mod again;
mod around;
mod arriving;
mod body;
pub mod connections;
mod doctor;
mod documents;
mod drafts;
mod logs;
pub mod open;
mod opening;
mod packs;
#[doc(hidden)]
pub mod pages;
mod projection;
mod repair;
pub mod schema;
pub mod search;
mod store;
mod tx;

pub use around::{Peer, Unread};
pub use doctor::Check;
pub use drafts::Draft;
pub use projection::Projection;
pub use repair::Repaired;
pub use schema::SCHEMA;
pub use store::SqliteStore;
pub use tx::SqliteTx;

#[cfg(test)]
mod tests;
