//! Counts the bytes of a handshake at the moment it is over.
//!
//! quinn counts bytes and frames per connection but has no event for HANDSHAKE_DONE (RFC 9000, 19.20), so this runtime
//! looks at the counters after every turn of a connection's driver. A turn first takes in what arrived, then sends.
//!
//! - A server sends HANDSHAKE_DONE in the turn that takes in the dialer's last handshake packet, and our caller gets the
//!   connection after that turn: the count is exact.
//! - A dialer that gets HANDSHAKE_DONE has sent what it had sent before the turn. Turns that sent a stream's bytes do not
//!   count: its first message leaves before or after HANDSHAKE_DONE comes, as the two sides' timing falls. What arrived is
//!   counted to the end of the turn, so a datagram that came right behind HANDSHAKE_DONE and was taken in with it counts
//!   as handshake.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, ConnectionStats, Runtime, Side, TokioRuntime};
use tokio::sync::Notify;

use super::connection::FIRST_DATAGRAM;

/// What is known of one connection's handshake.
#[derive(Debug, Default)]
pub(super) struct ByteCounter {
    watched: Mutex<Watched>,
    handshake_bytes: OnceLock<u64>,
    turned: Notify,
}

#[derive(Debug, Default)]
struct Watched {
    /// Given back as soon as the handshake is counted: quinn closes a connection when its last handle goes.
    connection: Option<quinn::Connection>,
    /// Bytes sent until the last look, those of turns that sent a stream's bytes not counted.
    sent: u64,
    /// All bytes sent, and frames of streams, at the last look.
    looked: Option<(u64, u64)>,
}

impl ByteCounter {
    /// Begins to look at `connection`, whose driver this meter was given to.
    pub(super) fn watch(&self, connection: &quinn::Connection) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).connection = Some(connection.clone());
        self.look();
    }

    /// Lets go of a connection that never came about.
    pub(super) fn forget(&self) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).connection = None;
    }

    /// Bytes in both directions until the handshake was over, once it is.
    pub(super) fn handshake_bytes(&self) -> Option<u64> {
        self.handshake_bytes.get().copied()
    }

    /// Waits for the next turn of the driver.
    pub(super) async fn turned(&self) {
        self.turned.notified().await;
    }

    fn look(&self) {
        if self.handshake_bytes.get().is_none() {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(connection) = &watched.connection {
                let stats = connection.stats();
                let sent = if watched.looked.is_some() { watched.sent } else { stats.udp_tx.bytes };
                match until_done(connection.side(), &stats, sent) {
                    Some(bytes) => {
                        let _ = self.handshake_bytes.set(bytes);
                        watched.connection = None;
                    }
                    None => {
                        let (bytes, streams) = watched.looked.unwrap_or_default();
                        watched.looked = Some((stats.udp_tx.bytes, stats.frame_tx.stream));
                        if stats.frame_tx.stream == streams {
                            watched.sent += stats.udp_tx.bytes - bytes;
                        }
                    }
                }
            }
        }
        self.turned.notify_waiters();
    }
}

fn until_done(side: Side, stats: &ConnectionStats, sent_before: u64) -> Option<u64> {
    let (done, sent, first) = match side {
        Side::Client => (stats.frame_rx.handshake_done > 0, sent_before, 0),
        Side::Server => (stats.frame_tx.handshake_done > 0, stats.udp_tx.bytes, FIRST_DATAGRAM),
    };
    done.then_some(sent + stats.udp_rx.bytes + first)
}

/// tokio, with a look at the next driver that is spawned.
#[derive(Default)]
pub(super) struct Metered {
    next: Mutex<Option<(Arc<ByteCounter>, Presence)>>,
}

/// Whatever is to be dropped when QUIC has nothing more to do with a connection, which is some time after its end.
pub(super) type Presence = Option<Box<dyn Send>>;

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metered")
    }
}

impl Metered {
    /// Runs `start`, which spawns one connection's driver before it returns, with a meter on that driver, which drops
    /// `presence` when it ends.
    pub(super) fn start<T>(&self, presence: Presence, start: impl FnOnce() -> T) -> (T, Arc<ByteCounter>) {
        let byte_counter = Arc::new(ByteCounter::default());
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((byte_counter.clone(), presence));
        let started = start();
        // Nothing was spawned if the start failed.
        let unused = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(unused);
        (started, byte_counter)
    }
}

impl Runtime for Metered {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        match self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some((byte_counter, presence)) => drop(tokio::spawn(Driver { future, byte_counter, _presence: presence })),
            None => drop(tokio::spawn(future)),
        }
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

struct Driver {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    byte_counter: Arc<ByteCounter>,
    _presence: Presence,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.future.as_mut().poll(context);
        self.byte_counter.look();
        polled
    }
}
