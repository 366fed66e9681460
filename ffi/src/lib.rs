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

mod engine;
mod error;
mod records;
mod vault;

pub use engine::{Created, Engine, create_journal};
pub use error::AfterwordError;
pub use records::{Entry, Kind, ListPage, ListRow, NewEntry, SearchHit, SearchPage, TextRange, Written};
pub use vault::{KeyVault, KeyVaultError};

uniffi::setup_scaffolding!("afterword");
