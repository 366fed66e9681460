//! The host's side: a window with a code in it, and who comes to it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::channel::{PairedChannel, read_frame, write_frame};
use super::code::{ShortCode, Ticket};
use super::exchange::{EXPORTER_LABEL, Hello, Host, Keys, MAX_MESSAGE, MODE_QR, MODE_SHORT, ProofError, VERSION};
use super::{PairingOptions, reason};
use crate::crypto::Derived;
use crate::crypto::DeviceKey;
use crate::error::Error;
use crate::id::DeviceId;
use crate::time::{Clock, Entropy, Timestamp, random};
use crate::transport::admission::{Admission, HandshakeSlot};
use crate::transport::connection::exporter;
use crate::transport::endpoint::{Options, dialable, listening, server_config};
use crate::transport::tls::{self, Answer, Identity};

const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A code to show.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownCode {
    /// What to type: `7-cabin-tiger`.
    pub code: String,
    /// What to scan. The same for the whole window.
    pub qr: String,
    /// The public number in the code, to advertise.
    pub nameplate: u16,
    /// Where to dial.
    pub address: SocketAddr,
    /// When the window ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for ShownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShownCode({}-… at {})", self.nameplate, self.address)
    }
}

/// What happens at a window.
#[derive(Debug)]
pub enum PairingEvent {
    /// The code before this one is burned; this is the new one.
    Code(ShownCode),
    /// Someone proved with wrong words. With none left, only the QR still works.
    WrongGuess {
        /// How many more codes will be shown.
        left: u8,
    },
    /// A guest knows the code. The window takes no other.
    Joined(PairedChannel),
    /// Nobody came in time. The window is closed.
    Expired,
}

/// What the guests' tasks share.
#[derive(Debug)]
struct Window {
    /// `None` once the last code is burned.
    code: Option<ShortCode>,
    /// Counts codes, so that of all who dialed for one code only the first proof is looked at.
    generation: u64,
    left: u8,
    pauses: Pauses,
    open: bool,
    /// A guest has proved; nobody else is looked at unless it fails.
    taken: bool,
    entropy: Derived,
    ticket: Ticket,
    expires_at: Timestamp,
    device: DeviceId,
    options: PairingOptions,
    events: mpsc::UnboundedSender<PairingEvent>,
}

impl Window {
    fn shown(&self) -> Option<ShownCode> {
        self.code.as_ref().map(|code| ShownCode {
            code: code.text(),
            qr: self.ticket.text(),
            nameplate: code.nameplate(),
            address: self.ticket.address,
            expires_at: self.expires_at,
        })
    }

    /// Puts another code in the place of this one, if there is one left.
    fn next_code(&mut self) {
        let last = self.code.take().map_or(0, |code| code.nameplate());
        self.generation += 1;
        if self.left > 0 {
            self.code = Some(ShortCode::generate(&mut self.entropy, last));
        }
        if let Some(shown) = self.shown() {
            self.say(PairingEvent::Code(shown));
        }
    }

    fn wrong(&mut self, from: IpAddr) {
        self.left = self.left.saturating_sub(1);
        self.pauses.wrong(from, Instant::now());
        self.say(PairingEvent::WrongGuess { left: self.left });
        self.next_code();
    }

    fn say(&self, event: PairingEvent) {
        // Nobody listens once the host is dropped.
        let _ = self.events.send(event);
    }
}

/// How long after wrong proofs no other is looked at.
#[derive(Debug)]
struct Pauses {
    first: Duration,
    /// After the last wrong one: how many there were, and until when everybody waits.
    all: (u32, Option<Instant>),
    /// The same for each address that one came from; there are no more than codes.
    by_address: BTreeMap<IpAddr, (u32, Instant)>,
}

impl Pauses {
    fn new(first: Duration) -> Self {
        Self { first, all: (0, None), by_address: BTreeMap::new() }
    }

    fn wrong(&mut self, from: IpAddr, now: Instant) {
        let pause = |count: u32| self.first.saturating_mul(2u32.saturating_pow(count));
        let (own, _) = self.by_address.get(&from).copied().unwrap_or((0, now));
        self.by_address.insert(from, (own + 1, now + pause(own + 1)));
        let (count, _) = self.all;
        self.all = (count + 1, Some(now + pause(count)));
    }

    /// When the next proof that comes `from` there is looked at, if not now.
    fn until(&self, from: IpAddr, now: Instant) -> Option<Instant> {
        let own = self.by_address.get(&from).map(|(_, until)| *until);
        own.into_iter().chain(self.all.1).max().filter(|until| *until > now)
    }
}

type Shared = Arc<Mutex<Window>>;

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open pairing window. Dropping it closes it; a [`PairedChannel`] that came of it lives on.
#[derive(Debug)]
pub struct PairingHost {
    window: Shared,
    events: mpsc::UnboundedReceiver<PairingEvent>,
    endpoint: quinn::Endpoint,
    admission: AbortHandle,
    deadline: Instant,
    over: bool,
}

impl PairingHost {
    /// Opens a window at `address` for the device `device`, and says what to show. Port 0 picks one.
    ///
    /// Must be called inside a tokio runtime.
    pub fn open(
        address: SocketAddr,
        device: DeviceId,
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
        options: PairingOptions,
    ) -> Result<(Self, ShownCode), Error> {
        let mut entropy = Derived::new(entropy);
        let key = DeviceKey::generate(&mut entropy);
        let tls = tls::server(Answer::Anyone(Identity::new(&key)?))?;
        // The host's owner may have to think between two messages.
        let quic = Options { handshake: options.proof, keep_alive: Some(KEEP_ALIVE), ..Options::default() };
        let ids = Derived::new(&mut entropy);
        let (endpoint, runtime) = listening(address, ids, server_config(tls, &quic)?)?;
        let address = endpoint.local_addr().map_err(|_| Error::internal("a bound socket has no address"))?;

        let (sender, events) = mpsc::unbounded_channel();
        let lifetime = i64::try_from(options.window.as_millis()).unwrap_or(i64::MAX);
        let window = Window {
            code: Some(ShortCode::generate(&mut entropy, 0)),
            generation: 0,
            left: options.codes.max(1),
            pauses: Pauses::new(options.pause),
            open: true,
            taken: false,
            ticket: Ticket { address: dialable(address), secret: random(&mut entropy), key: key.id() },
            entropy,
            expires_at: Timestamp(clock.now().0.saturating_add(lifetime)),
            device,
            options: options.clone(),
            events: sender,
        };
        let shown = window.shown().ok_or_else(|| Error::internal("a pairing window without a code"))?;
        let window = Arc::new(Mutex::new(window));

        let admission = Admission::new(endpoint.clone(), runtime, options.proof, None);
        let shared = window.clone();
        let admission = tokio::spawn(admission.run(move |connection, _, place| {
            // Ends when the guest gives way: its connection is closed.
            tokio::spawn(receive(connection, place, shared.clone()));
        }));
        let deadline = Instant::now() + options.window;
        let host = Self { window, events, endpoint, admission: admission.abort_handle(), deadline, over: false };
        Ok((host, shown))
    }

    /// Waits for the next thing to happen. `None` after [`PairingEvent::Joined`] or [`PairingEvent::Expired`].
    pub async fn next_event(&mut self) -> Option<PairingEvent> {
        if self.over {
            return None;
        }
        let event = loop {
            match tokio::time::timeout_at(self.deadline, self.events.recv()).await {
                Ok(event) => break event.unwrap_or(PairingEvent::Expired),
                // A guest that proved in time may end what it began.
                Err(_) if lock(&self.window).taken => self.deadline += self.patience(),
                Err(_) => break PairingEvent::Expired,
            }
        };
        if matches!(event, PairingEvent::Joined(_) | PairingEvent::Expired) {
            self.shut();
        }
        Some(event)
    }

    fn patience(&self) -> Duration {
        // Never zero, so that waiting for it ends.
        lock(&self.window).options.proof.max(Duration::from_millis(10))
    }

    fn shut(&mut self) {
        self.over = true;
        self.admission.abort();
        self.endpoint.set_server_config(None);
        // Whoever is in the middle of a proof is turned away by what it finds here.
        let mut window = lock(&self.window);
        window.open = false;
        window.taken = true;
        window.code = None;
    }
}

impl Drop for PairingHost {
    fn drop(&mut self) {
        self.shut();
    }
}

/// One guest's connection, from its first stream to the channel or the end.
async fn receive(connection: quinn::Connection, place: HandshakeSlot, window: Shared) {
    let limit = lock(&window).options.proof;
    match tokio::time::timeout(limit, prove(&connection, &place, &window)).await {
        Ok(Ok((streams, keys, entropy))) => {
            let window = lock(&window);
            let patience = window.options.message;
            let channel = PairedChannel::new(connection, Some(place), streams, keys, entropy, patience);
            window.say(PairingEvent::Joined(channel));
        }
        Ok(Err(reason)) => connection.close(reason.into(), b""),
        Err(_) => connection.close(reason::GARBAGE.into(), b""),
    }
}

/// The window's one place, held by a guest that knew the code. If it goes away before the channel is open, the code is
/// spent and the window free again.
struct Guest<'a>(Option<&'a Shared>);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        if let Some(window) = self.0 {
            let mut window = lock(window);
            // Not after the window was shut.
            if window.open {
                window.taken = false;
                window.next_code();
            }
        }
    }
}

/// A guest's streams, what both sides hold now, and randomness for what follows.
type Proved = ((SendStream, RecvStream), Keys, Derived);

async fn prove(connection: &quinn::Connection, place: &HandshakeSlot, window: &Shared) -> Result<Proved, u32> {
    let garbage = |_| reason::GARBAGE;
    let session = exporter(connection, EXPORTER_LABEL, b"").ok_or(reason::GARBAGE)?;
    let (mut send, mut receive) = connection.accept_bi().await.map_err(|_| reason::GARBAGE)?;
    let m1 = read_frame(&mut receive, MAX_MESSAGE).await.map_err(garbage)?;
    let hello = Hello::of(&m1).ok_or(reason::GARBAGE)?;
    if hello.version != VERSION {
        return Err(reason::VERSION);
    }
    let from = connection.remote_address().ip().to_canonical();
    let (host, m2, generation, mut entropy) = loop {
        let until = {
            let mut window = lock(window);
            let password = password(&window, hello)?;
            let pause = window.pauses.until(from, Instant::now()).filter(|_| hello.mode == MODE_SHORT);
            match pause {
                None => {
                    let mut entropy = Derived::new(&mut window.entropy);
                    let started = Host::start(&password, &m1, session, &mut entropy);
                    let (host, m2) = started.map_err(|_| reason::GARBAGE)?;
                    break (host, m2, window.generation, entropy);
                }
                Some(until) if until - Instant::now() < window.options.proof / 2 => until,
                Some(_) => return Err(reason::LATER),
            }
        };
        tokio::time::sleep_until(until).await;
    };
    write_frame(&mut send, &m2).await.map_err(garbage)?;
    let m3 = read_frame(&mut receive, MAX_MESSAGE).await.map_err(garbage)?;
    let (host, m4, mut guest) = {
        let shared = window;
        let mut window = lock(window);
        if window.taken {
            return Err(reason::OVER);
        }
        if hello.mode == MODE_SHORT && window.generation != generation {
            // Another guess burned this code; this one is not even looked at.
            return Err(reason::WRONG);
        }
        match host.prove(&m3, window.device, &mut entropy) {
            Ok((host, m4)) => {
                window.taken = true;
                (host, m4, Guest(Some(shared)))
            }
            // Anything but the right proof is a guess, nonsense too.
            Err(ProofError::Wrong | ProofError::Garbage) => {
                if hello.mode == MODE_SHORT {
                    window.wrong(from);
                }
                return Err(reason::WRONG);
            }
        }
    };
    // Nobody who knows less takes its place from now on.
    place.admit(host.guest());
    write_frame(&mut send, &m4).await.map_err(garbage)?;
    let m5 = read_frame(&mut receive, MAX_MESSAGE).await.map_err(garbage)?;
    let keys = host.finish(&m5).map_err(|_| reason::WRONG)?;
    guest.0 = None;
    Ok(((send, receive), keys, entropy))
}

/// What a guest that says `hello` must know.
fn password(window: &Window, hello: Hello) -> Result<Zeroizing<Vec<u8>>, u32> {
    if window.taken {
        return Err(reason::OVER);
    }
    match hello.mode {
        MODE_SHORT => {
            let code = window.code.as_ref().ok_or(reason::OVER)?;
            if code.nameplate() != hello.nameplate {
                return Err(reason::NAMEPLATE);
            }
            Ok(Zeroizing::new(code.text().into_bytes()))
        }
        MODE_QR => Ok(Zeroizing::new(window.ticket.secret.to_vec())),
        _ => Err(reason::GARBAGE),
    }
}
