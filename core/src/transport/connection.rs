//! One connection to one device: its streams, its end, and what it cost on the wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, RecvStream, SendStream, VarInt};

use super::admission::HandshakeSlot;
use super::byte_counter::ByteCounter;
use super::tls;
use crate::error::Error;
use crate::id::DeviceId;

/// Control, live operations and logs go before everything else.
const CONTROL_PRIORITY: i32 = 10;
const BLOB_PRIORITY: i32 = 0;
/// quinn does not count the datagram that a server begins a connection with. Our dialers pad it to exactly this
/// (RFC 9000, 14.1).
pub(super) const FIRST_DATAGRAM: u64 = 1200;
/// The code a connection is closed with by a side that was told to stop, or has no place for it: nothing is wrong, and
/// the other may dial again.
pub const STOPPED: u32 = 6;
/// How long [`Connection::finish`] waits for its last datagram to leave.
const LEAVE: Duration = Duration::from_millis(250);

/// UDP payload of a whole connection, as seen at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionStats {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Datagrams sent.
    pub sent_datagrams: u64,
    /// Datagrams received.
    pub received_datagrams: u64,
    /// The part of both directions until this side had (dialer) or had sent (server) HANDSHAKE_DONE. A dialer's first
    /// message counts as after, also where it left before.
    pub handshake_bytes: u64,
}

/// An authenticated connection. It closes when the last clone of it is gone, a dialed one when the last stream is as well.
///
/// One that was accepted is closed a while after its first packet, unless it was [admitted](Self::admit).
#[derive(Debug, Clone)]
pub struct Connection {
    peer: DeviceId,
    inner: quinn::Connection,
    byte_counter: Arc<ByteCounter>,
    /// Of an accepted one.
    place: Option<Arc<HandshakeSlot>>,
    /// The socket of a dialed connection lives as long as the connection.
    _dialer: Option<Arc<quinn::Endpoint>>,
}

impl Connection {
    pub(super) fn dialed(
        inner: quinn::Connection,
        byte_counter: Arc<ByteCounter>,
        dialer: Arc<quinn::Endpoint>,
    ) -> Result<Self, Error> {
        Ok(Self { peer: peer(&inner)?, inner, byte_counter, place: None, _dialer: Some(dialer) })
    }

    pub(super) fn accepted(
        inner: quinn::Connection,
        byte_counter: Arc<ByteCounter>,
        place: HandshakeSlot,
    ) -> Result<Self, Error> {
        Ok(Self { peer: peer(&inner)?, inner, byte_counter, place: Some(Arc::new(place)), _dialer: None })
    }

    /// Says that the peer's key is a member's. Until then an accepted connection gives way to others, and lives for the
    /// time of [`Options::handshake`](super::Options::handshake) at most.
    pub fn admit(&self) {
        if let Some(place) = &self.place {
            place.admit(self.peer);
        }
    }

    /// The device whose key signed the handshake. Whether it is a member is for the store to say.
    pub fn peer(&self) -> DeviceId {
        self.peer
    }

    /// Where the peer is now; changes when it moves to another network.
    pub fn remote_address(&self) -> SocketAddr {
        let address = self.inner.remote_address();
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    /// Whether this side dialed.
    pub fn is_dialer(&self) -> bool {
        self.inner.side().is_client()
    }

    /// Opens the control stream; the dialer does. The peer hears of it with the first bytes written.
    pub async fn open_control(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let (send, receive) = self.inner.open_bi().await?;
        // Fails only on a stream that is already over.
        let _ = send.set_priority(CONTROL_PRIORITY);
        Ok((send, receive))
    }

    /// Waits for the control stream that the dialer opens.
    pub async fn accept_control(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let (send, receive) = self.inner.accept_bi().await?;
        let _ = send.set_priority(CONTROL_PRIORITY);
        Ok((send, receive))
    }

    /// Opens a stream for blob bytes, which give way to control.
    pub async fn open_blobs(&self) -> Result<SendStream, ConnectionError> {
        let send = self.inner.open_uni().await?;
        let _ = send.set_priority(BLOB_PRIORITY);
        Ok(send)
    }

    /// Waits for a stream of blob bytes.
    pub async fn accept_blobs(&self) -> Result<RecvStream, ConnectionError> {
        self.inner.accept_uni().await
    }

    /// Ends the connection at once. What was written and not acknowledged may be lost.
    pub fn close(&self, code: u32, reason: &[u8]) {
        self.inner.close(VarInt::from_u32(code), reason);
    }

    /// [`close`](Self::close), waits a moment for the last datagram to leave, and says what the connection cost.
    pub async fn finish(&self, code: u32, reason: &[u8]) -> ConnectionStats {
        self.close(code, reason);
        let left = async {
            loop {
                let turned = self.byte_counter.turned();
                let frames = self.inner.stats();
                if frames.frame_tx.connection_close > 0 || frames.frame_rx.connection_close > 0 {
                    return;
                }
                // A turn between the look and the wait is not missed for long.
                let _ = tokio::time::timeout(Duration::from_millis(5), turned).await;
            }
        };
        let _ = tokio::time::timeout(LEAVE, left).await;
        self.wire()
    }

    /// Why the connection ended, once it has.
    pub fn close_reason(&self) -> Option<ConnectionError> {
        self.inner.close_reason()
    }

    /// Waits for the end.
    pub async fn closed(&self) -> ConnectionError {
        self.inner.closed().await
    }

    /// What the connection cost until now. During the handshake, all of it is handshake.
    pub fn wire(&self) -> ConnectionStats {
        let stats = self.inner.stats();
        let first = u64::from(!self.is_dialer());
        let (sent_bytes, received_bytes) = (stats.udp_tx.bytes, stats.udp_rx.bytes + first * FIRST_DATAGRAM);
        ConnectionStats {
            sent_bytes,
            received_bytes,
            sent_datagrams: stats.udp_tx.datagrams,
            received_datagrams: stats.udp_rx.datagrams + first,
            handshake_bytes: self.byte_counter.handshake_bytes().unwrap_or(sent_bytes + received_bytes),
        }
    }

    /// The last measured round trip.
    pub fn rtt(&self) -> Duration {
        self.inner.rtt()
    }

    /// 32 bytes that both ends of this TLS session know and nobody else (RFC 8446, 7.5).
    pub fn exporter(&self, label: &[u8], context: &[u8]) -> Option<[u8; 32]> {
        exporter(&self.inner, label, context)
    }
}

pub(super) fn exporter(connection: &quinn::Connection, label: &[u8], context: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    connection.export_keying_material(&mut out, label, context).ok()?;
    Some(out)
}

fn peer(connection: &quinn::Connection) -> Result<DeviceId, Error> {
    let key = || {
        let identity = connection.peer_identity()?;
        let entries = identity.downcast_ref::<Vec<rustls::pki_types::CertificateDer<'static>>>()?;
        Some(tls::split_spki(entries.first()?)?.0)
    };
    key().ok_or_else(|| Error::internal("a handshake ended without the peer's key"))
}
