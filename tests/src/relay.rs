//! A UDP relay on loopback that does to datagrams what networks do: delays, loses, doubles and reorders them, goes dead,
//! and gives the dialer another address. What happens to the n-th datagram of a direction depends on the seed and n alone.
//!
//! The kernel's own emulator (netem) is not there on every machine; this is the same for the purposes of QUIC.
//!
//! ```no_run
//! use afterword_tests::{Link, Relay};
//! use std::time::Duration;
//! let server = "127.0.0.1:4433".parse()?;
//! let relay = Relay::start(server, Link { delay: Duration::from_millis(40), loss: 0.1, ..Link::default() }, 7);
//! println!("dial {} instead", relay.address());
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::rng::Seeded;

/// What a path does to datagrams, the same both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// How long each one takes.
    pub delay: Duration,
    /// Up to how much longer.
    pub jitter: Duration,
    /// Which part is lost.
    pub loss: f64,
    /// Which part arrives twice.
    pub duplicate: f64,
    /// Which part is held back until those sent within the next 20 ms and more have overtaken it.
    pub reorder: f64,
    /// How many bytes pass in a second; none for any number. What would wait longer than [`QUEUE`] is lost, as in a router.
    pub rate: Option<u64>,
    /// Whether nothing passes at all.
    pub cut: bool,
}

impl Default for Link {
    /// A perfect path.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            rate: None,
            cut: false,
        }
    }
}

/// How long a reordered datagram is held back beyond its delay.
const HELD_BACK: Duration = Duration::from_millis(20);
/// How long a datagram waits at most for its turn on a path with a rate.
pub const QUEUE: Duration = Duration::from_millis(250);
/// How often waiting threads look whether the relay is over.
const TICK: Duration = Duration::from_millis(50);

/// What went one way. Sizes are UDP payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Datagrams that were sent into the relay.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, how many were lost or cut off.
    pub lost: u64,
    /// How many were sent twice.
    pub doubled: u64,
    /// How many were held back.
    pub held_back: u64,
}

/// What went both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// From the dialer to the server.
    pub up: Passed,
    /// From the server to the dialer.
    pub down: Passed,
}

/// A running relay; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    sender: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    over: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    link: Link,
    counters: Counters,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
enum Job {
    Up { client: SocketAddr, bytes: Vec<u8> },
    Down { client: SocketAddr, bytes: Vec<u8> },
    Readdress,
}

impl Relay {
    /// A relay before `server`, with all its chances drawn from `seed`.
    ///
    /// # Panics
    /// Where loopback has no free port.
    pub fn start(server: SocketAddr, link: Link, seed: u64) -> Self {
        let front = loopback();
        let address = front.local_addr().expect("a bound socket has an address");
        let counters = Counters::default();
        let shared = Arc::new(Shared { over: AtomicBool::new(false), state: Mutex::new(State { link, counters }) });
        let (sender, receiver) = mpsc::channel();
        let reader = {
            let (front, shared, sender) = (clone(&front), Arc::clone(&shared), sender.clone());
            std::thread::spawn(move || {
                read(&front, &shared, |client, bytes| sender.send(Job::Up { client, bytes }).is_ok());
            })
        };
        let forwarder = {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            let forwarder = Forwarder {
                server,
                front,
                shared,
                sender,
                backs: HashMap::new(),
                up: Seeded::stream(seed, 1),
                down: Seeded::stream(seed, 2),
                busy: [Instant::now(); 2],
                due: BinaryHeap::new(),
                number: 0,
            };
            std::thread::spawn(move || forwarder.run(&receiver))
        };
        Self { address, shared, sender, threads: vec![reader, forwarder] }
    }

    /// What to dial in place of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the path does from now on.
    pub fn set(&self, link: Link) {
        self.shared.state().link = link;
    }

    /// Lets nothing pass, or lets it pass again.
    pub fn cut(&self, cut: bool) {
        self.shared.state().link.cut = cut;
    }

    /// From now on the server sees every dialer at another port, as after a change of network or a NAT that forgot.
    pub fn readdress(&self) {
        let _ = self.sender.send(Job::Readdress);
    }

    /// What passed so far.
    pub fn counters(&self) -> Counters {
        self.shared.state().counters
    }

    /// Begins counting again.
    pub fn reset_counters(&self) {
        self.shared.state().counters = Counters::default();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A datagram that waits for its time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    number: u64,
    up: bool,
    client: SocketAddr,
    bytes: Vec<u8>,
}

/// The socket by which the server sees one dialer; its reader ends when this is dropped.
struct Back {
    socket: UdpSocket,
    current: Arc<AtomicBool>,
}

impl Drop for Back {
    fn drop(&mut self) {
        self.current.store(false, Ordering::Relaxed);
    }
}

struct Forwarder {
    server: SocketAddr,
    front: UdpSocket,
    shared: Arc<Shared>,
    sender: Sender<Job>,
    backs: HashMap<SocketAddr, Back>,
    up: Seeded,
    down: Seeded,
    /// Until when each direction of a path with a rate is taken.
    busy: [Instant; 2],
    due: BinaryHeap<Reverse<Due>>,
    number: u64,
}

impl Forwarder {
    fn run(mut self, jobs: &Receiver<Job>) {
        while !self.shared.is_over() {
            let wait =
                self.due.peek().map_or(TICK, |Reverse(due)| due.at.saturating_duration_since(Instant::now()).min(TICK));
            match jobs.recv_timeout(wait) {
                Ok(Job::Up { client, bytes }) => self.fate(true, client, bytes),
                Ok(Job::Down { client, bytes }) => self.fate(false, client, bytes),
                Ok(Job::Readdress) => self.backs.clear(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while self.due.peek().is_some_and(|Reverse(due)| due.at <= Instant::now()) {
                if let Some(Reverse(due)) = self.due.pop() {
                    self.forward(&due);
                }
            }
        }
    }

    /// Draws the same number of chances for every datagram, so that a change of the link moves no later chance.
    fn fate(&mut self, up: bool, client: SocketAddr, bytes: Vec<u8>) {
        let rng = if up { &mut self.up } else { &mut self.down };
        let [lost, doubled, held, late, late_too] = std::array::from_fn(|_| rng.fraction());
        let now = Instant::now();
        let (link, turn, lost, doubled, held) = {
            let mut state = self.shared.state();
            let link = state.link;
            let passed = if up { &mut state.counters.up } else { &mut state.counters.down };
            let turn = link.rate.map_or(now, |rate| {
                let takes = Duration::from_secs_f64(bytes.len() as f64 / rate as f64);
                self.busy[usize::from(up)].max(now) + takes
            });
            let lost = link.cut || lost < link.loss || turn - now > QUEUE;
            let (doubled, held) = (!lost && doubled < link.duplicate, !lost && held < link.reorder);
            passed.datagrams += 1;
            passed.bytes += bytes.len() as u64;
            passed.lost += u64::from(lost);
            passed.doubled += u64::from(doubled);
            passed.held_back += u64::from(held);
            (link, turn, lost, doubled, held)
        };
        if lost {
            return;
        }
        self.busy[usize::from(up)] = turn;
        let base = turn + link.delay + if held { HELD_BACK } else { Duration::ZERO };
        if doubled {
            self.schedule(base + link.jitter.mul_f64(late_too), up, client, bytes.clone());
        }
        self.schedule(base + link.jitter.mul_f64(late), up, client, bytes);
    }

    fn schedule(&mut self, at: Instant, up: bool, client: SocketAddr, bytes: Vec<u8>) {
        self.number += 1;
        self.due.push(Reverse(Due { at, number: self.number, up, client, bytes }));
    }

    fn forward(&mut self, due: &Due) {
        // A send that fails is a lost datagram: the other end may be gone.
        if !due.up {
            let _ = self.front.send_to(&due.bytes, due.client);
            return;
        }
        let (shared, sender) = (&self.shared, &self.sender);
        let back = self.backs.entry(due.client).or_insert_with(|| back(due.client, shared, sender));
        let _ = back.socket.send_to(&due.bytes, self.server);
    }
}

fn back(client: SocketAddr, shared: &Arc<Shared>, sender: &Sender<Job>) -> Back {
    let socket = loopback();
    let current = Arc::new(AtomicBool::new(true));
    let (reading, shared, sender, still) = (clone(&socket), Arc::clone(shared), sender.clone(), Arc::clone(&current));
    std::thread::spawn(move || {
        read(&reading, &shared, |_, bytes| {
            still.load(Ordering::Relaxed) && sender.send(Job::Down { client, bytes }).is_ok()
        });
    });
    Back { socket, current }
}

/// Hands on every datagram until the relay is over or `hand_on` says no.
fn read(socket: &UdpSocket, shared: &Shared, mut hand_on: impl FnMut(SocketAddr, Vec<u8>) -> bool) {
    let mut buffer = vec![0; 65_536];
    while !shared.is_over() {
        // An error is the tick, or the echo of a datagram that nobody took: both mean to go on.
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && !hand_on(from, buffer[..length].to_vec())
        {
            break;
        }
    }
}

fn loopback() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    socket.set_read_timeout(Some(TICK)).expect("a socket can have a timeout");
    socket
}

fn clone(socket: &UdpSocket) -> UdpSocket {
    socket.try_clone().expect("a socket can be cloned")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        server: UdpSocket,
        client: UdpSocket,
        relay: Relay,
    }

    fn pair(link: Link, seed: u64) -> Pair {
        let (server, client) = (loopback(), loopback());
        for socket in [&server, &client] {
            socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        }
        let relay = Relay::start(server.local_addr().unwrap(), link, seed);
        client.connect(relay.address()).unwrap();
        Pair { server, client, relay }
    }

    fn receive_all(socket: &UdpSocket) -> Vec<u8> {
        let mut received = Vec::new();
        let mut buffer = [0; 16];
        while let Ok((1, _)) = socket.recv_from(&mut buffer) {
            received.push(buffer[0]);
        }
        received
    }

    fn send_numbers(pair: &Pair, count: u8) {
        for number in 0..count {
            pair.client.send(&[number]).unwrap();
            // Loopback buffers are finite; the relay, not the kernel, shall lose datagrams here.
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    #[test]
    fn a_perfect_path_passes_everything_both_ways_and_counts_it() {
        let pair = pair(Link::default(), 1);
        send_numbers(&pair, 50);
        assert_eq!(receive_all(&pair.server), (0..50).collect::<Vec<u8>>());
        pair.client.send(b"abc").unwrap();
        let mut buffer = [0; 16];
        let (_, from) = pair.server.recv_from(&mut buffer).unwrap();
        pair.server.send_to(b"back", from).unwrap();
        assert_eq!(pair.client.recv(&mut buffer).unwrap(), 4);
        let counters = pair.relay.counters();
        assert_eq!((counters.up.datagrams, counters.up.bytes), (51, 53));
        assert_eq!((counters.down.datagrams, counters.down.bytes, counters.down.lost), (1, 4, 0));
    }

    #[test]
    fn the_same_seed_loses_doubles_and_reorders_alike() {
        let link = Link { loss: 0.2, duplicate: 0.1, reorder: 0.1, ..Link::default() };
        let run = |seed| {
            let pair = pair(link, seed);
            send_numbers(&pair, 200);
            let mut received = receive_all(&pair.server);
            let in_order = received.is_sorted();
            received.sort_unstable();
            (received, in_order, pair.relay.counters().up)
        };
        let (first, in_order, passed) = run(9);
        assert_eq!(run(9).0, first);
        assert_ne!(run(10).0, first);
        assert!(!in_order && passed.lost > 10 && passed.doubled > 5 && passed.held_back > 5, "{passed:?}");
        assert_eq!(first.len() as u64, passed.datagrams - passed.lost + passed.doubled);
    }

    #[test]
    fn a_slow_path_takes_its_time_and_loses_what_would_wait_too_long() {
        // A byte in ten milliseconds: of fifty at once, the queue takes those of its quarter of a second.
        let pair = pair(Link { rate: Some(100), ..Link::default() }, 1);
        let sent = Instant::now();
        send_numbers(&pair, 50);
        let received = receive_all(&pair.server);
        assert!(sent.elapsed() >= Duration::from_millis(200));
        let lost = pair.relay.counters().up.lost;
        assert!((15..=35).contains(&lost), "{lost} lost");
        assert_eq!(received.len() as u64, 50 - lost);
        assert!(received.is_sorted());
    }

    #[test]
    fn delay_cut_and_another_address_are_felt() {
        let pair = pair(Link { delay: Duration::from_millis(60), ..Link::default() }, 1);
        let sent = Instant::now();
        pair.client.send(b"1").unwrap();
        let mut buffer = [0; 16];
        let (_, before) = pair.server.recv_from(&mut buffer).unwrap();
        assert!(sent.elapsed() >= Duration::from_millis(60));

        pair.relay.cut(true);
        pair.client.send(b"2").unwrap();
        assert!(pair.server.recv_from(&mut buffer).is_err());
        assert_eq!(pair.relay.counters().up.lost, 1);

        pair.relay.cut(false);
        pair.relay.readdress();
        pair.client.send(b"3").unwrap();
        let (_, after) = pair.server.recv_from(&mut buffer).unwrap();
        assert_ne!(before, after);
        assert_eq!(buffer[0], b'3');
    }
}
