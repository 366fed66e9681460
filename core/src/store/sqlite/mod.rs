//! The store's encrypted SQLite: one opener, one writer, a few readers, and the search table.

pub mod connections;
pub mod open;
#[doc(hidden)]
pub mod pages;
pub mod search;
