//! SQLCipher over AWS-LC: the SQLite that rusqlite links, with the cryptography that TLS and attachments use too.
//!
//! SQLCipher leaves its primitives to a provider: HMAC, PBKDF2, AES-256-CBC and randomness. The one it brings for OpenSSL
//! would be a second library of several megabytes, and the longest part of a build from nothing. `build.rs` compiles the
//! amalgamation with ours named in its place. [`start`] is what links it, so whoever opens a database calls that first.
//! Files are those of any SQLCipher 4, which `tests.rs` shows. Decision 0017 has the reasons.

#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod primitives;
#[expect(unsafe_code, reason = "C calls and is called here, and nowhere else")]
mod provider;
#[cfg(test)]
mod tests;

pub use provider::{PROVIDER, start};
