//! Who gets as far as a handshake: strangers cost bounded memory and cannot keep a member out.
//!
//! In this order: a first packet without a knock is refused at once, from no state. Above [`MANY_PENDING`] handshakes a
//! dialer must first show that it receives at its address (QUIC's Retry). At [`MOST_PENDING`] the oldest handshake gives
//! way: a member needs a place for one round trip only. At [`MOST_OPEN`] connections a first packet is dropped, and the
//! dialer's QUIC tries again by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::meter::{Meter, Metered};

const MANY_PENDING: usize = 16;
pub(super) const MOST_PENDING: usize = 64;
/// Closed connections count for about three round trips more.
const MOST_OPEN: usize = 1024;

/// Whether a first connection id is a knock at our gate.
type Knocks = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What guards a listening socket.
pub(super) struct Door {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) runtime: Arc<Metered>,
    pub(super) handshake: Duration,
    /// Whether the dialer's first connection id lets it in.
    pub(super) knocks: Knocks,
}

impl Door {
    /// Hands every finished handshake to `admitted`, until the endpoint is closed or its socket lost.
    pub(super) async fn run<F>(self, admitted: F)
    where
        F: Fn(quinn::Connection, Arc<Meter>) + Clone + Send + 'static,
    {
        let mut pending = Places::new(MOST_PENDING);
        while let Some(incoming) = self.endpoint.accept().await {
            if !(self.knocks)(&incoming.orig_dst_cid()) {
                incoming.refuse();
                continue;
            }
            if self.endpoint.open_connections() >= MOST_OPEN {
                incoming.ignore();
                continue;
            }
            if pending.len() >= MANY_PENDING && !incoming.remote_address_validated() {
                // Can't fail for an address that was not validated.
                let _ = incoming.retry();
                continue;
            }
            let (connecting, meter) = self.runtime.start(|| incoming.accept());
            let Ok(connecting) = connecting else { continue };
            let (limit, admitted) = (self.handshake, admitted.clone());
            let task = tokio::spawn(async move {
                if let Some(connection) = shake(connecting, &meter, limit).await {
                    admitted(connection, meter);
                }
            });
            pending.push(task.abort_handle());
        }
    }
}

/// Tasks for a limited number of dialers; the oldest gives way.
#[derive(Debug)]
pub(super) struct Places {
    taken: VecDeque<AbortHandle>,
    most: usize,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: VecDeque::new(), most }
    }

    fn len(&mut self) -> usize {
        self.taken.retain(|task| !task.is_finished());
        self.taken.len()
    }

    pub(super) fn push(&mut self, task: AbortHandle) {
        if self.len() >= self.most
            && let Some(oldest) = self.taken.pop_front()
        {
            oldest.abort();
        }
        self.taken.push_back(task);
    }
}

/// A connection whose handshake is not over. Dropped before it is, it closes.
struct Unfinished<'a> {
    connection: Option<quinn::Connection>,
    meter: &'a Meter,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.close(0u32.into(), b"");
            self.meter.forget();
        }
    }
}

async fn shake(connecting: quinn::Connecting, meter: &Meter, limit: Duration) -> Option<quinn::Connection> {
    // The handle early, for the meter. Nobody gets to write on it before the handshake is over.
    let (connection, over) = connecting.into_0rtt().ok()?;
    let mut unfinished = Unfinished { connection: Some(connection.clone()), meter };
    meter.watch(&connection);
    tokio::time::timeout(limit, over).await.ok()?;
    // A handshake that failed is over too.
    if connection.close_reason().is_some() {
        return None;
    }
    unfinished.connection = None;
    Some(connection)
}
