//! Who gets in at the door: strangers cost bounded memory and keep no member out.
//!
//! A first packet without a knock is refused at once, from no state. Whoever passes that, and the TLS gate behind it, knows
//! the journal's secret; a removed device still does. So until its key is known to be a member's, a connection is
//! *unproved*: it has one of [`MAX_UNPROVED`] places, of which those of one [`Source`] are at most [`MAX_PER_SOURCE`], for
//! the time that the owner of the door allows, counted from the first packet, whatever bytes come. Whoever comes last is
//! let in, and the oldest gives way: of the same source if that one has its share, else of the source that holds the most.
//! A member needs its place for the length of a handshake and one read of the store. Above [`MANY_UNPROVED`] a dialer must
//! first show that it receives at its address (QUIC's Retry), so that a source can't be made up.
//!
//! A connection that is over goes on costing memory until QUIC has drained it, three probe timeouts later. It counts
//! against its source until then, and above [`MAX_STRANGERS_PER_SOURCE`], or [`MAX_STRANGERS`] in all, first packets are
//! dropped; a dialer's QUIC tries again by itself.
//!
//! Members' connections are counted apart, so that none of this touches them: [`MAX_PER_MEMBER`] for each device, the
//! oldest gives way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::byte_counter::{ByteCounter, Metered};
use super::connection::STOPPED;
use super::gate::Gate;
use crate::id::DeviceId;

/// Unproved connections above which a dialer must show that it receives at its address.
const MANY_UNPROVED: usize = 16;
/// Connections at one time whose key is not known to be a member's.
pub(super) const MAX_UNPROVED: usize = 64;
/// The share of one source in them.
pub(super) const MAX_PER_SOURCE: usize = 32;
/// Connections that are no member's, those included that are over and not drained.
const MAX_STRANGERS: usize = 1024;
/// The share of one source in them.
const MAX_STRANGERS_PER_SOURCE: usize = 256;
/// Connections of one member at one time.
pub(super) const MAX_PER_MEMBER: usize = 8;

/// Where packets come from, as far as one sender can't easily be many: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source([u8; 8]);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        let mut bytes = [0; 8];
        match address.to_canonical() {
            // No IPv6 network of the Internet begins with zero bytes.
            IpAddr::V4(v4) => bytes[4..].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => bytes.copy_from_slice(&v6.octets()[..8]),
        }
        Self(bytes)
    }
}

/// What a connection is, as far as anybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unproved,
    Member(DeviceId),
    /// Over; QUIC still answers for it.
    Draining,
}

#[derive(Debug)]
struct Present {
    source: Source,
    standing: Standing,
    /// Closes the connection when it is aborted.
    guard: Option<AbortHandle>,
}

/// Everyone at one door, numbered as they came.
#[derive(Debug, Default)]
struct HandshakeSlots {
    next: u64,
    present: BTreeMap<u64, Present>,
}

impl HandshakeSlots {
    fn unproved(&self) -> impl Iterator<Item = (u64, Source)> {
        let unproved = self.present.iter().filter(|(_, one)| one.standing == Standing::Unproved);
        unproved.map(|(number, one)| (*number, one.source))
    }

    /// Whether there is memory for one more from `source`.
    fn has_room(&self, source: Source) -> bool {
        let strangers = || self.present.values().filter(|one| !matches!(one.standing, Standing::Member(_)));
        strangers().count() < MAX_STRANGERS
            && strangers().filter(|one| one.source == source).count() < MAX_STRANGERS_PER_SOURCE
    }

    /// Who must give way to one more from `source`, if anybody.
    fn gives_way(&self, source: Source) -> Option<u64> {
        let mut held: BTreeMap<Source, (usize, u64)> = BTreeMap::new();
        for (number, of) in self.unproved() {
            held.entry(of).or_insert((0, number)).0 += 1;
        }
        if let Some((count, oldest)) = held.get(&source)
            && *count >= MAX_PER_SOURCE
        {
            return Some(*oldest);
        }
        let all: usize = held.values().map(|(count, _)| count).sum();
        if all < MAX_UNPROVED {
            return None;
        }
        // Of sources that hold as many, the one whose oldest came first.
        held.into_values().max_by_key(|(count, oldest)| (*count, std::cmp::Reverse(*oldest))).map(|(_, oldest)| oldest)
    }

    /// Makes `number` draining; what is answered closes it.
    fn end(&mut self, number: u64) -> Option<AbortHandle> {
        let one = self.present.get_mut(&number)?;
        one.standing = Standing::Draining;
        one.guard.take()
    }
}

type Shared = Arc<Mutex<HandshakeSlots>>;

fn lock(crowd: &Mutex<HandshakeSlots>) -> MutexGuard<'_, HandshakeSlots> {
    crowd.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection's place at the door. Given back, which closes the connection, when this is dropped.
#[derive(Debug)]
pub(super) struct HandshakeSlot {
    crowd: Shared,
    number: u64,
}

impl HandshakeSlot {
    /// The connection is `device`'s, a member: it is no stranger's any more, and nobody else's packets can end it.
    pub(super) fn admit(&self, device: DeviceId) {
        let given_way = {
            let mut crowd = lock(&self.crowd);
            let Some(one) = crowd.present.get_mut(&self.number) else { return };
            if one.standing != Standing::Unproved {
                return;
            }
            one.standing = Standing::Member(device);
            let mine = |one: &Present| one.standing == Standing::Member(device);
            let count = crowd.present.values().filter(|one| mine(one)).count();
            let oldest = crowd.present.iter().find(|(_, one)| mine(one)).map(|(number, _)| *number);
            oldest.filter(|_| count > MAX_PER_MEMBER).and_then(|oldest| crowd.end(oldest))
        };
        if let Some(guard) = given_way {
            guard.abort();
        }
    }
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        if let Some(guard) = lock(&self.crowd).end(self.number) {
            guard.abort();
        }
    }
}

/// Until QUIC has drained a connection, it is somewhere in memory.
struct Presence {
    crowd: Shared,
    number: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        lock(&self.crowd).present.remove(&self.number);
    }
}

/// What guards a listening socket.
pub(super) struct Admission {
    endpoint: quinn::Endpoint,
    runtime: Arc<Metered>,
    /// How long a connection may be unproved.
    patience: Duration,
    /// What the dialer's first connection id must open; nothing where anybody may come.
    gate: Option<Arc<Gate>>,
    crowd: Shared,
}

impl Admission {
    pub(super) fn new(
        endpoint: quinn::Endpoint,
        runtime: Arc<Metered>,
        patience: Duration,
        gate: Option<Arc<Gate>>,
    ) -> Self {
        Self { endpoint, runtime, patience, gate, crowd: Shared::default() }
    }

    /// Hands every finished handshake to `arrived`, until the endpoint is closed or its socket lost.
    pub(super) async fn run<F>(self, arrived: F)
    where
        F: Fn(quinn::Connection, Arc<ByteCounter>, HandshakeSlot) + Clone + Send + 'static,
    {
        while let Some(incoming) = self.endpoint.accept().await {
            let knock = incoming.orig_dst_cid();
            if self.gate.as_ref().is_some_and(|gate| !gate.hears(&knock)) {
                incoming.refuse();
                continue;
            }
            let source = Source::from(incoming.remote_address().ip());
            let (room, unproved) = {
                let crowd = lock(&self.crowd);
                (crowd.has_room(source), crowd.unproved().count())
            };
            if !room {
                incoming.ignore();
                continue;
            }
            if unproved >= MANY_UNPROVED && !incoming.remote_address_validated() {
                // Can't fail for an address that was not validated.
                let _ = incoming.retry();
                continue;
            }
            if let Some(gate) = &self.gate {
                gate.take_knock(&knock);
            }
            self.let_in(incoming, source, arrived.clone());
        }
    }

    fn let_in<F>(&self, incoming: quinn::Incoming, source: Source, arrived: F)
    where
        F: FnOnce(quinn::Connection, Arc<ByteCounter>, HandshakeSlot) + Send + 'static,
    {
        let (number, given_way) = {
            let mut crowd = lock(&self.crowd);
            let given_way = crowd.gives_way(source).and_then(|oldest| crowd.end(oldest));
            let number = crowd.next;
            crowd.next += 1;
            crowd.present.insert(number, Present { source, standing: Standing::Unproved, guard: None });
            (number, given_way)
        };
        if let Some(guard) = given_way {
            guard.abort();
        }
        let presence = Presence { crowd: self.crowd.clone(), number };
        let (connecting, byte_counter) = self.runtime.start(Some(Box::new(presence)), || incoming.accept());
        let Ok(connecting) = connecting else { return };
        let place = HandshakeSlot { crowd: self.crowd.clone(), number };
        let guard = tokio::spawn(watch_over(connecting, byte_counter, place, self.patience, arrived)).abort_handle();
        match lock(&self.crowd).present.get_mut(&number) {
            Some(one) if one.standing != Standing::Draining => one.guard = Some(guard),
            // It is over already.
            _ => guard.abort(),
        }
    }
}

/// The door's own handle of a connection: whoever aborts the task that holds it closes the connection.
struct Guarded(quinn::Connection, Arc<ByteCounter>);

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.close(STOPPED.into(), b"");
        self.1.forget();
    }
}

/// Lets a connection through its handshake and hands it on; ends it once it was unproved for too long.
async fn watch_over<F>(
    connecting: quinn::Connecting,
    byte_counter: Arc<ByteCounter>,
    place: HandshakeSlot,
    patience: Duration,
    arrived: F,
) where
    F: FnOnce(quinn::Connection, Arc<ByteCounter>, HandshakeSlot),
{
    let deadline = Instant::now() + patience;
    // The handle early, for the meter. Nobody gets to write on it before the handshake is over.
    let Ok((connection, over)) = connecting.into_0rtt() else { return };
    let _guarded = Guarded(connection.clone(), byte_counter.clone());
    byte_counter.watch(&connection);
    // A handshake that failed is over too.
    if tokio::time::timeout_at(deadline, over).await.is_err() || connection.close_reason().is_some() {
        return;
    }
    let (crowd, number) = (place.crowd.clone(), place.number);
    arrived(connection, byte_counter, place);
    tokio::time::sleep_until(deadline).await;
    let proved = lock(&crowd).present.get(&number).is_some_and(|one| matches!(one.standing, Standing::Member(_)));
    if proved {
        // Until its place is given back.
        std::future::pending().await
    }
}
