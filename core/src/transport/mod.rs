//! Authenticated QUIC connections between devices, pairing of a newcomer, and finding each other on a network.
//!
//! This floor knows nothing of journals, stores or sessions. It answers two questions: "which device key is at the
//! other end?" ([`Endpoint`], [`Connection`]) and "does the other end know the code?" ([`PairingHost`], [`pair`]).
//! Whether a device key belongs to the journal is decided by the first store read above.
//!
//! - [`Endpoint`]: TLS 1.3 with raw Ed25519 keys on both sides (RFC 7250), no resumption, no 0-RTT, no tickets. Members
//!   meet behind a gate (`gate.rs`): who can't show the journal's discovery secret learns nothing and costs no state.
//! - [`PairingHost`] and [`pair`]: an endpoint of their own, open only while a window is, with a throw-away TLS key.
//! - [`Discovery`]: addresses of members and pairing windows; [`MdnsDiscovery`] on a local network,
//!   [`SystemDiscovery`] where only the system may look around.
//! - [`NetworkWatcher`]: says when the machine's addresses changed, which is when to call [`Endpoint::rebind`].
//!
//! Formats: `docs/formats/transport.md`.

mod admission;
mod byte_counter;
mod connection;
mod discovery;
mod endpoint;
mod gate;
mod mdns;
mod network;
mod pairing;
mod platform;
mod tls;

#[cfg(test)]
mod tests;

pub use connection::{Connection, ConnectionStats, STOPPED};
pub use discovery::{Announcement, Beacon, Discovery, DiscoverySource, Service, ServiceKind, Sighting, Tag, Watch};
pub use endpoint::{ConnectError, Endpoint, Options, dialable};
pub use mdns::MdnsDiscovery;
pub use network::NetworkWatcher;
pub use pairing::{Invitation, PairedChannel, PairingEvent, PairingHost, PairingOptions, ShownCode, pair};
#[doc(hidden)]
pub use pairing::{accepts as accepts_pairing_message, script as pairing_script};
pub use platform::{Announced, PlatformDiscovery, Sightings, SystemDiscovery};
#[doc(no_inline)]
pub use quinn::{ConnectionError, ReadError, RecvStream, SendStream};
