//! The session between two members of one journal: sans-I/O and pulled.
//!
//! Bytes, store replies and the passing of time go in; store requests, bytes to send and events come out. There is no
//! socket, no clock and no task in here, so the same code runs over QUIC, in the simulator, and in a test by hand:
//!
//! ```text
//!            receive(stream, bytes)              poll_transmit(stream)
//!   peer ───────────────────────────▶ Session ───────────────────────────▶ peer
//!                                      │   ▲
//!                     poll_request()   ▼   │   reply()
//!                                     the store
//! ```
//!
//! The driver runs one store request at a time, in order ([`serve_request`] is the whole of it), and reads no further
//! from the network while [`Session::wants_input`] is false: so at most a few MiB are ever received and not yet durable.
//!
//! A round: both sides say `Hello`; unequal, both `Compare`; sets of statements and certificates first (`Sets`,
//! `Missing`), then each log in sequence (`Batch`, `Ack`), then blobs (`Want`, chunks, `Sent`), then `Settled` with the
//! new `Hello` hash. A session that stays open repeats the part that news calls for.

#[cfg(test)]
mod blob_tests;
mod blobs;
mod costs;
mod frame;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
mod message;
mod queue;
mod request;
mod request_blobs;
mod session;
mod sets;
mod steps;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unknown_tests;

pub use blobs::STORE_SLICE;
pub use costs::Costs;
pub use frame::{FRAME_VERSION, FrameReader, frame};
pub use message::{
    Chunk, MAX_BROUGHT, MAX_CHUNK_PAYLOAD, MAX_INTRODUCTION, MAX_NAMES, MAX_PAYLOAD, Message, Name, PROTOCOL, SetOf,
};
pub use request::{Answer, Arrived, Reply, Request, serve_request};
pub use request_blobs::BlobBytes;
pub use session::{Close, Config, Event, Mode, Session, Stream};

/// What makes a session end early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A frame longer than anything that may come now.
    #[error("the other device announced {len} bytes where at most {cap} may come")]
    FrameTooLong {
        /// What was announced.
        len: usize,
        /// What may come.
        cap: usize,
    },
    /// Bytes that are not of this protocol.
    #[error("the other device sent a malformed {0}")]
    Malformed(&'static str),
    /// Well formed, and not what may come now.
    #[error("the other device sent {0} out of turn")]
    OutOfTurn(&'static str),
    /// The peer speaks a newer version.
    #[error("the other device speaks a newer version of Afterword's protocol")]
    TooNew,
    /// The peer keeps sending what this journal's rules refuse.
    #[error("the other device keeps sending what cannot be taken: {0}")]
    Refused(&'static str),
}
