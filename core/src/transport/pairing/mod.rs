//! Pairing: a newcomer shows that it knows a short code or a QR before anything is disclosed to it.
//!
//! The host opens a window ([`PairingHost`]) on an endpoint and port of its own, with a TLS key that is thrown away. The
//! guest dials ([`pair`]). Both prove that they know the code (`exchange.rs`), and then hold a [`PairedChannel`] on which
//! the engine says the rest. A code is `7-cabin-tiger`: a public nameplate, so that a guest of another window burns
//! nothing, and two of BIP-39's 2048 English words, 22 bits. One wrong proof burns it; after five the window shows no
//! more. A QR carries 128 random bits and the TLS key itself, so it can't be guessed and no wrong proof burns it.

mod channel;
mod code;
mod exchange;
mod guest;
mod host;

use std::time::Duration;

pub use channel::PairedChannel;
pub use code::Invitation;
#[doc(hidden)]
pub use exchange::{accepts, script};
pub use guest::pair;
pub use host::{PairingEvent, PairingHost, ShownCode};

/// How long things may take.
#[derive(Debug, Clone)]
pub struct PairingOptions {
    /// How long the window stays open.
    pub window: Duration,
    /// How many short codes a window shows, one after the other.
    pub codes: u8,
    /// How long one guest's handshake and proof may take.
    pub proof: Duration,
    /// How long one message of the paired channel may take.
    pub message: Duration,
    /// How long after the first wrong proof no other is looked at; doubled with each further one.
    pub pause: Duration,
}

impl Default for PairingOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(5 * 60),
            codes: 5,
            proof: Duration::from_secs(10),
            message: Duration::from_secs(30),
            pause: Duration::from_secs(1),
        }
    }
}

/// Why one side of a pairing ended the connection, as QUIC application error codes.
mod reason {
    /// All was said.
    pub(super) const DONE: u32 = 0;
    /// The proof does not fit the code.
    pub(super) const WRONG: u32 = 1;
    /// Another nameplate than the one shown.
    pub(super) const NAMEPLATE: u32 = 2;
    /// The window shows no more codes, or has its guest.
    pub(super) const OVER: u32 = 3;
    /// A message that makes no sense.
    pub(super) const GARBAGE: u32 = 4;
    /// A version that this side does not speak.
    pub(super) const VERSION: u32 = 5;
    // 6 is `transport::STOPPED`.
    /// Wrong proofs were made; the next is looked at later.
    pub(super) const LATER: u32 = 7;
}
