//! What both sides hold after a pairing: a stream of sealed messages, each with its length before it.
//!
//! A frame is `length (4 bytes, big-endian) ‖ bytes`. In the channel, the bytes of message n of one direction (n from 0)
//! are `Seal_k(n as 8 bytes, big-endian; message)`, k that direction's key. So whoever broke the throw-away TLS key would
//! still read nothing, and no message can be dropped, repeated or moved.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use zeroize::Zeroizing;

use super::exchange::Keys;
use super::reason;
use crate::crypto::Derived;
use crate::crypto::{ChunkKey, chunk_overhead};
use crate::error::{Code, Error};
use crate::id::DeviceId;
use crate::transport::admission::HandshakeSlot;

/// How long a channel waits, when it ends, for the peer to have all.
const LINGER: Duration = Duration::from_secs(2);

/// A frame that did not come whole.
#[derive(Debug)]
pub(super) enum FrameError {
    /// Longer than the receiver takes.
    TooLong,
    /// The stream or connection ended.
    Ended,
}

pub(super) async fn write_frame(stream: &mut SendStream, bytes: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(bytes.len()).map_err(|_| FrameError::TooLong)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(|_| FrameError::Ended)
}

pub(super) async fn read_frame(stream: &mut RecvStream, most: usize) -> Result<Vec<u8>, FrameError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(|_| FrameError::Ended)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| FrameError::TooLong)?;
    if length > most {
        return Err(FrameError::TooLong);
    }
    // Memory follows what arrives, not what is claimed.
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let chunk = stream.read_chunk(length - bytes.len(), true).await.ok().flatten().ok_or(FrameError::Ended)?;
        bytes.extend_from_slice(&chunk.bytes);
    }
    Ok(bytes)
}

/// An encrypted, authenticated stream of messages between host and guest.
pub struct PairedChannel {
    peer: DeviceId,
    connection: quinn::Connection,
    /// Of a host's channel; closes the connection when it goes.
    _place: Option<HandshakeSlot>,
    send: SendStream,
    receive: RecvStream,
    seal: ChunkKey,
    open: ChunkKey,
    sent: u64,
    received: u64,
    entropy: Derived,
    patience: Duration,
}

impl fmt::Debug for PairedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PairedChannel with {:?} at {}", self.peer, self.connection.remote_address())
    }
}

fn broken() -> Error {
    Error::new(Code::Unreachable, "the other device went away in the middle of pairing", "pair again with a new code")
        .about("pairing")
}

fn garbled() -> Error {
    Error::new(Code::Refused, "the other device sent something that is not pairing", "pair again with a new code")
}

impl PairedChannel {
    pub(super) fn new(
        connection: quinn::Connection,
        place: Option<HandshakeSlot>,
        (send, receive): (SendStream, RecvStream),
        keys: Keys,
        entropy: Derived,
        patience: Duration,
    ) -> Self {
        let guest = connection.side().is_client();
        let (peer, seal, open) =
            if guest { (keys.host, keys.to_host, keys.to_guest) } else { (keys.guest, keys.to_guest, keys.to_host) };
        Self { peer, connection, _place: place, send, receive, seal, open, sent: 0, received: 0, entropy, patience }
    }

    /// The device that proved the code, by the key it named. That it holds the key is shown by what it signs later.
    pub fn peer(&self) -> DeviceId {
        self.peer
    }

    /// Where the other side is.
    pub fn remote_address(&self) -> SocketAddr {
        let address = self.connection.remote_address();
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    /// Sends one message.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let sealed = self.seal.seal(&self.sent.to_be_bytes(), message, &mut self.entropy).map_err(|_| garbled())?;
        self.sent += 1;
        tokio::time::timeout(self.patience, write_frame(&mut self.send, &sealed))
            .await
            .map_err(|_| broken())?
            .map_err(|_| broken())
    }

    /// Waits for one message of at most `most` bytes, for as long as a message may take.
    pub async fn recv(&mut self, most: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        tokio::time::timeout(self.patience, self.recv_at_last(most)).await.map_err(|_| broken())?
    }

    /// The same without an end of its own: for whoever waits for other things as well, and decides for how long. It must
    /// not be dropped and called again: half a message may be read.
    pub async fn recv_at_last(&mut self, most: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let most = most.saturating_add(chunk_overhead());
        let sealed = read_frame(&mut self.receive, most).await.map_err(|error| match error {
            FrameError::TooLong => garbled(),
            FrameError::Ended => broken(),
        })?;
        let message = self.open.open(&self.received.to_be_bytes(), &sealed).map_err(|_| garbled())?;
        self.received += 1;
        Ok(message)
    }

    /// Ends the channel once the peer has all that was sent, or after a moment.
    pub async fn close(mut self) {
        let _ = self.send.finish();
        let _ = tokio::time::timeout(LINGER, self.send.stopped()).await;
        self.connection.close(reason::DONE.into(), b"");
    }
}
