//! The store's encrypted SQLite: one opener, one writer, a few readers, the tables, and the search table.

mod arriving;
mod codec;
mod compress;
pub mod connections;
mod doctor;
mod documents;
mod drafts;
mod failure;
mod logs;
pub mod open;
mod opening;
mod packs;
#[doc(hidden)]
pub mod pages;
mod peers;
mod projection;
mod rebuild;
mod repair;
mod rows;
pub mod schema;
pub mod search;
mod space;
mod store;
mod tx;
mod unread;

pub use doctor::Check;
pub use drafts::Draft;
pub use peers::Peer;
pub use projection::Projection;
pub use repair::Repaired;
pub use schema::SCHEMA;
pub use store::SqliteStore;
pub use tx::SqliteTx;
pub use unread::Unread;

#[cfg(test)]
mod tests;
