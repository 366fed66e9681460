//! A device's end of every member connection: it listens on one socket and dials each peer from a socket of its own.
//!
//! A dialer with a socket to itself can do without connection ids of its own (RFC 9000, 5.1), which spares four
//! NEW_CONNECTION_ID frames each way after every handshake; a changed address is still noticed by the server, whose ids
//! the dialer uses. Each socket is bound to the family of the address that is dialed.
//!
//! Randomness for gate and connection ids comes from the caller; TLS draws its ephemeral keys from the system itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, ClientConfig, ConnectionError, ConnectionId, ConnectionIdGenerator, EndpointConfig,
    NoneTokenStore, ServerConfig, TransportConfig, ValidationTokenConfig, VarInt,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::admission::{Admission, MAX_UNPROVED};
use super::byte_counter::Metered;
use super::connection::Connection;
use super::gate::{self, Gate};
use super::tls::{self, Answer, Expected, Identity};
use crate::crypto::Derived;
use crate::crypto::{DeviceKey, HashKey};
use crate::error::{Advice, Code, Error};
use crate::id::DeviceId;
use crate::time::{Clock, Entropy, random};

/// Never sent (SNI is off); the API asks for a name.
pub(super) const SERVER_NAME: &str = "afterword.invalid";
/// A server's connection ids: enough to tell a device's connections apart, and in every packet it receives.
const SERVER_ID_LEN: usize = 4;
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Packets that a peer may take before it must acknowledge them with a datagram of its own. QUIC's own is every other
/// one, which doubles the datagrams of a short exchange: an answer carries the acknowledgement as well. A quiet peer still
/// acknowledges after 25 ms, and one that misses a packet at once.
const UNACKNOWLEDGED: u32 = 9;
const IDLE: Duration = Duration::from_secs(30);
const REBIND_TRIES: u32 = 5;
const REBIND_PAUSE: Duration = Duration::from_millis(100);

/// How an endpoint behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sent on a quiet connection to keep it; `serve` uses 10 s, one `sync` none.
    pub keep_alive: Option<Duration>,
    /// How long a handshake may take. A dialer's key must be [known](Connection::admit) to be a member's within the same
    /// time, from its first packet on.
    pub handshake: Duration,
    /// Whether to look for larger datagrams than 1200 bytes. Costs 7 kB of probes after each handshake.
    pub mtu_discovery: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep_alive: None, handshake: Duration::from_secs(10), mtu_discovery: false }
    }
}

/// Why no connection came about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing answered in time.
    #[error("no device answers at {0}")]
    Unreachable(SocketAddr),
    /// The gate stayed shut: what answers is not the device that was dialed, or reads the time otherwise, or is no device
    /// of this journal at all. It can't be asked which.
    #[error("the device at {0} does not let this one in")]
    NotAdmitted(SocketAddr),
    /// What answers is not what we dialed.
    #[error("what answers at {0} is not a device of this journal")]
    Refused(SocketAddr),
    /// What answers speaks no version of QUIC that we do.
    #[error("the device at {0} runs another version of Afterword")]
    Version(SocketAddr),
    /// This endpoint was closed.
    #[error("the endpoint is closed")]
    Closed,
    /// The system gave no socket, or TLS could not be set up.
    #[error("no connection to {0} could be tried: {1}")]
    Local(SocketAddr, String),
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let (code, advice): (_, Advice) = match &error {
            ConnectError::Unreachable(_) => {
                (Code::Unreachable, Advice::CheckThere)
            }
            ConnectError::NotAdmitted(_) => (
                Code::Unreachable,
                "check the address, and the date and time of both devices, which may differ by an hour; if the two have not \
                 heard of each other yet, sync from the other one, or with a third first"
                    .into(),
            ),
            ConnectError::Refused(_) => (Code::Refused, "check the address, or pair the two devices again".into()),
            ConnectError::Version(_) => (Code::TooNew, "update Afterword on the older of the two devices".into()),
            ConnectError::Closed => (Code::Cancelled, "start again".into()),
            ConnectError::Local(..) => (Code::Unreachable, "check that this machine is on a network".into()),
        };
        Self::new(code, error.to_string(), advice)
    }
}

/// TLS alerts travel in QUIC as 0x100 + alert (RFC 9001, 4.8); this one is `access_denied`.
const ACCESS_DENIED: u64 = 0x100 + 49;
/// Codes of QUIC's own (RFC 9000, 20.1).
const CONNECTION_REFUSED: u64 = 0x2;
/// What an application's close is called as long as the handshake is not over.
const APPLICATION_ERROR: u64 = 0xc;

pub(super) fn failed(address: SocketAddr, error: &ConnectionError) -> ConnectError {
    let code = match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        // What it showed was not what we went on with.
        ConnectionError::TransportError(_) | ConnectionError::ApplicationClosed(_) => {
            return ConnectError::Refused(address);
        }
        ConnectionError::VersionMismatch => return ConnectError::Version(address),
        ConnectionError::LocallyClosed => return ConnectError::Closed,
        _ => return ConnectError::Unreachable(address),
    };
    match code {
        CONNECTION_REFUSED | ACCESS_DENIED => ConnectError::NotAdmitted(address),
        // It gave way to others, or was too slow.
        APPLICATION_ERROR => ConnectError::Unreachable(address),
        _ => ConnectError::Refused(address),
    }
}

/// Where a device listens and dials from.
#[derive(Debug, Clone)]
pub struct Endpoint(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    identity: Identity,
    secret: HashKey,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    entropy: Mutex<Box<dyn Entropy>>,
    options: Options,
    state: Mutex<State>,
    accepted: tokio::sync::Mutex<mpsc::Receiver<Connection>>,
}

#[derive(Debug)]
struct State {
    /// Where to listen, also while the system has taken the socket.
    address: Option<SocketAddr>,
    listener: Option<Listener>,
    dialers: Vec<Weak<quinn::Endpoint>>,
    /// Gone once the endpoint is closed.
    sender: Option<mpsc::Sender<Connection>>,
}

#[derive(Debug)]
struct Listener {
    endpoint: quinn::Endpoint,
    task: AbortHandle,
}

impl Endpoint {
    /// Listens at `address` as the device of `identity`, for who knows the journal's `discovery` secret. Port 0 picks one.
    ///
    /// Must be called inside a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        identity: &DeviceKey,
        discovery: &HashKey,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy>,
        options: Options,
    ) -> Result<Self, Error> {
        let endpoint = Self::dialer(identity, discovery, clock, entropy, options)?;
        endpoint.listen(address)?;
        Ok(endpoint)
    }

    /// An endpoint that only dials: it opens no socket until it does.
    pub fn dialer(
        identity: &DeviceKey,
        discovery: &HashKey,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy>,
        options: Options,
    ) -> Result<Self, Error> {
        // As many as there can be that nobody knows yet.
        let (sender, receiver) = mpsc::channel(MAX_UNPROVED);
        Ok(Self(Arc::new(Shared {
            identity: Identity::new(identity)?,
            secret: discovery.clone(),
            gate: Arc::new(Gate::new(discovery.clone(), identity.id(), clock.clone())),
            clock,
            entropy: Mutex::new(entropy),
            options,
            state: Mutex::new(State { address: None, listener: None, dialers: Vec::new(), sender: Some(sender) }),
            accepted: tokio::sync::Mutex::new(receiver),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, address: SocketAddr) -> Result<(), Error> {
        let answer = Answer::Members(self.0.identity.clone(), self.0.gate.clone());
        let config = server_config(tls::server(answer)?, &self.0.options)?;
        let ids = Derived::new(self.0.entropy.lock().unwrap_or_else(PoisonError::into_inner).as_mut());
        let (endpoint, runtime) = listening(address, ids, config)?;
        let address = endpoint.local_addr().map_err(|error| no_socket(address, &error))?;
        let sender = self.state().sender.clone().ok_or_else(closed)?;
        let admission = Admission::new(endpoint.clone(), runtime, self.0.options.handshake, Some(self.0.gate.clone()));
        let task = tokio::spawn(admission.run(move |connection, byte_counter, place| {
            // Where nobody asks for it any more, it closes.
            let _ = Connection::accepted(connection, byte_counter, place).map(|connection| sender.try_send(connection));
        }));
        let mut state = self.state();
        state.address = Some(address);
        state.listener = Some(Listener { endpoint, task: task.abort_handle() });
        Ok(())
    }

    /// The device this endpoint speaks for.
    pub fn device(&self) -> DeviceId {
        self.0.identity.id
    }

    /// Where this endpoint listens, if it does.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.state().address
    }

    /// Waits for the next device that dialed and passed the gate, to be [admitted](Connection::admit). `None` once the
    /// endpoint is closed.
    pub async fn accept(&self) -> Option<Connection> {
        self.0.accepted.lock().await.recv().await
    }

    /// Dials `device` at `address`; nobody else's answer will do. Answers within the time that [`Options::handshake`]
    /// allows.
    pub async fn connect(&self, address: SocketAddr, device: DeviceId) -> Result<Connection, ConnectError> {
        let local = |error: String| ConnectError::Local(address, error);
        if self.state().sender.is_none() {
            return Err(ConnectError::Closed);
        }
        let now = self.0.clock.now();
        let (pass, nonce, knock) = {
            let mut entropy = self.0.entropy.lock().unwrap_or_else(PoisonError::into_inner);
            let (pass, nonce) = gate::pass(&self.0.secret, now, &device, entropy.as_mut());
            (pass, nonce, gate::knock(&self.0.secret, now, &device, entropy.as_mut()))
        };
        let tls = tls::client(
            Some(self.0.identity.clone()),
            Expected::Member(device, self.0.secret.clone(), nonce),
            Some(pass),
        )
        .map_err(|error| local(error.message))?;
        let mut config = client_config(tls, &self.0.options).map_err(|error| local(error.message))?;
        config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&knock)));

        let (socket, runtime) = dialing(address).map_err(|error| local(error.to_string()))?;
        let socket = Arc::new(socket);
        {
            let mut state = self.state();
            state.dialers.retain(|dialer| dialer.strong_count() > 0);
            state.dialers.push(Arc::downgrade(&socket));
        }
        let (connecting, byte_counter) = runtime.start(None, || socket.connect_with(config, address, SERVER_NAME));
        let connecting = connecting.map_err(|error| local(error.to_string()))?;
        let connection = tokio::time::timeout(self.0.options.handshake, connecting)
            .await
            .map_err(|_| ConnectError::Unreachable(address))?
            .map_err(|error| failed(address, &error))?;
        byte_counter.watch(&connection);
        Connection::dialed(connection, byte_counter, socket).map_err(|error| local(error.message))
    }

    /// After a change of network: gives every dialed connection a new socket, so that it goes on from the new address, and
    /// opens the listening socket again if the system took it. Tries a few times.
    pub async fn rebind(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for attempt in 0..REBIND_TRIES {
            if attempt > 0 {
                tokio::time::sleep(REBIND_PAUSE).await;
            }
            outcome = self.try_rebind();
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn try_rebind(&self) -> Result<(), Error> {
        let (dialers, lost) = {
            let mut state = self.state();
            if state.sender.is_none() {
                return Err(closed());
            }
            // Its handle holds the socket, and with it the port.
            state.listener.take_if(|listener| listener.task.is_finished());
            let lost = state.address.filter(|_| state.listener.is_none());
            (state.dialers.clone(), lost)
        };
        for dialer in dialers.iter().filter_map(Weak::upgrade) {
            let old = dialer.local_addr().map_err(|error| no_socket(unspecified(false), &error))?;
            let fresh = unspecified(old.is_ipv6());
            UdpSocket::bind(fresh)
                .and_then(|socket| dialer.rebind(socket))
                .map_err(|error| no_socket(fresh, &error))?;
        }
        if let Some(address) = lost {
            self.listen(address)?;
        }
        Ok(())
    }

    /// Stands for the system taking the listening socket away.
    #[cfg(test)]
    pub(super) fn lose_listener(&self) {
        if let Some(listener) = &self.state().listener {
            listener.task.abort();
        }
    }

    /// Closes every connection and stops listening. The last datagrams leave in the background.
    pub fn close(&self) {
        let (listener, dialers) = {
            let mut state = self.state();
            state.sender = None;
            state.address = None;
            (state.listener.take(), std::mem::take(&mut state.dialers))
        };
        if let Some(listener) = listener {
            listener.endpoint.close(VarInt::from_u32(0), b"");
        }
        for dialer in dialers.iter().filter_map(Weak::upgrade) {
            dialer.close(VarInt::from_u32(0), b"");
        }
    }
}

fn closed() -> Error {
    ConnectError::Closed.into()
}

fn no_socket(address: SocketAddr, error: &std::io::Error) -> Error {
    Error::new(Code::Unreachable, format!("no socket could be opened at {address}: {error}"), Advice::ListenElsewhere)
}

/// An address that another device can dial to reach what listens at `address`: for a wildcard, this machine's address on
/// the way out, or loopback where there is no way out. Sends nothing.
pub fn dialable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Documentation addresses (RFC 5737, RFC 3849): routed like any other, and never reached.
    let (anywhere, loopback): (IpAddr, IpAddr) = if address.is_ipv6() {
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), Ipv6Addr::LOCALHOST.into())
    } else {
        (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into())
    };
    let outward = UdpSocket::bind(unspecified(address.is_ipv6()))
        .and_then(|socket| socket.connect((anywhere, 9)).and_then(|()| socket.local_addr()));
    SocketAddr::new(outward.map_or(loopback, |local| local.ip()), address.port())
}

fn unspecified(v6: bool) -> SocketAddr {
    let ip = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    SocketAddr::new(ip, 0)
}

/// Random connection ids of a server, or the empty one of a dialer.
#[derive(Clone)]
struct Ids(Option<Derived>);

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        match &mut self.0 {
            Some(entropy) => ConnectionId::new(&random::<SERVER_ID_LEN>(entropy)),
            None => ConnectionId::new(&[]),
        }
    }

    fn cid_len(&self) -> usize {
        if self.0.is_some() { SERVER_ID_LEN } else { 0 }
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn endpoint_config(ids: Option<Derived>) -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.cid_generator(move || Box::new(Ids(ids.clone())));
    config
}

/// A quinn endpoint that answers at `address`; its connection ids come from `ids`.
pub(super) fn listening(
    address: SocketAddr,
    ids: Derived,
    config: ServerConfig,
) -> Result<(quinn::Endpoint, Arc<Metered>), Error> {
    let runtime = Arc::new(Metered::default());
    let endpoint = UdpSocket::bind(address)
        .and_then(|socket| quinn::Endpoint::new(endpoint_config(Some(ids)), Some(config), socket, runtime.clone()))
        .map_err(|error| no_socket(address, &error))?;
    Ok((endpoint, runtime))
}

/// A quinn endpoint for one connection to `address`.
pub(super) fn dialing(address: SocketAddr) -> std::io::Result<(quinn::Endpoint, Arc<Metered>)> {
    let runtime = Arc::new(Metered::default());
    let socket = UdpSocket::bind(unspecified(address.is_ipv6()))?;
    Ok((quinn::Endpoint::new(endpoint_config(None), None, socket, runtime.clone())?, runtime))
}

fn transport(options: &Options) -> Arc<TransportConfig> {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(UNACKNOWLEDGED.into());
    let mut transport = TransportConfig::default();
    transport
        .ack_frequency_config(Some(acknowledgements))
        .max_concurrent_bidi_streams(4u32.into())
        .max_concurrent_uni_streams(16u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .send_window(u64::from(CONNECTION_WINDOW))
        .max_idle_timeout(Some(VarInt::from_u32(IDLE.as_millis() as u32).into()))
        .keep_alive_interval(options.keep_alive)
        // The spin bit shows round trips to whoever watches.
        .allow_spin(false)
        .datagram_receive_buffer_size(None);
    if !options.mtu_discovery {
        transport.mtu_discovery_config(None);
    }
    Arc::new(transport)
}

/// QUIC over `tls` for a server. Buffers are small until a dialer is let in.
pub(super) fn server_config(tls: rustls::ServerConfig, options: &Options) -> Result<ServerConfig, Error> {
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| Error::internal("TLS lacks QUIC's first cipher"))?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    let mut tokens = ValidationTokenConfig::default();
    // An address token would let a watcher link two connections of one device.
    tokens.sent(0);
    config
        .transport_config(transport(options))
        .validation_token_config(tokens)
        .max_incoming(MAX_UNPROVED)
        .incoming_buffer_size(16 << 10)
        .incoming_buffer_size_total(1 << 20);
    Ok(config)
}

/// QUIC over `tls` for a dialer. Nothing is kept for a next time.
pub(super) fn client_config(tls: rustls::ClientConfig, options: &Options) -> Result<ClientConfig, Error> {
    let crypto = QuicClientConfig::try_from(tls).map_err(|_| Error::internal("TLS lacks QUIC's first cipher"))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(options)).token_store(Arc::new(NoneTokenStore));
    Ok(config)
}
