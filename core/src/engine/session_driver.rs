//! Runs one session over one connection: moves bytes, runs store requests on blocking threads, watches for news.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::arriving;
use super::open_journal::OpenJournal;
use crate::error::{Advice, Code, Error, Result};
use crate::id::DeviceId;
use crate::replication::rules::Standing;
use crate::sync::{Close, Config, Costs, Event, Mode, Reply, Request, Session, SessionError, Stream, serve_request};
use crate::transport::{Connection, ConnectionError, ConnectionStats, ReadError, RecvStream, STOPPED, SendStream};

/// Bytes read from a stream at once.
const READ: usize = 256 << 10;
/// Bytes handed to a stream at once.
const ROOM: usize = 64 << 10;
/// Pieces that wait for a stream's flow control.
const WRITE_AHEAD: usize = 4;
const TICK: Duration = Duration::from_millis(500);
/// How long the dialer may take to open its stream.
const OPENED: Duration = Duration::from_secs(10);
/// How long the end of a session waits for bytes of blobs that have come already.
const SALVAGE: Duration = Duration::from_millis(20);
/// While a live session waits for quiet.
const SHORT_TICK: Duration = Duration::from_millis(50);

/// How a session ended, and what it cost.
#[derive(Debug, Clone)]
pub struct SessionReport {
    /// The other device.
    pub peer: DeviceId,
    /// Whether both sides last said that they hold the same; nothing where it did not come to that.
    pub equal: Option<bool>,
    /// What the session counted.
    pub costs: Costs,
    /// What the connection cost.
    pub wire: ConnectionStats,
    /// From the first byte to the end.
    pub took: Duration,
    /// CPU time of the whole process meanwhile, in milliseconds.
    pub cpu_ms: u64,
    /// Whether a rollback or fork was mended.
    pub mended: bool,
    /// Whether equal logs gave unequal heads.
    pub diverged: bool,
    /// Why it failed.
    pub error: Option<Error>,
}

/// Something a running session tells.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// An event of the session.
    Event(Event),
    /// Where the session stands, for progress.
    Progress(Costs),
    /// A session that stays has settled: what it came to until now.
    Settled(Box<SessionReport>),
    /// What came is being derived.
    Deriving {
        /// Documents derived.
        done: u64,
        /// Documents that wait.
        left: u64,
    },
}

/// Runs a session until it ends, the connection does, or `stop` turns true.
pub(super) async fn run(
    shared: Arc<OpenJournal>,
    connection: Connection,
    mode: Mode,
    mut news: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
    tell: mpsc::UnboundedSender<SessionEvent>,
) -> SessionReport {
    let begun = Instant::now();
    let cpu = shared.clock.cpu_ms();
    let mut session = Session::new(Config::new(mode));
    let mut chunks_in = None;
    let ended =
        drive(&shared, &connection, &mut session, mode, (begun, cpu), &mut news, &mut stop, &tell, &mut chunks_in)
            .await;
    // A session that came to its end has nothing left to come.
    let cut = !matches!(ended, Ok(Ended::Here(_) | Ended::There(0 | 1)));
    salvage(&shared, connection.peer(), &mut session, chunks_in.filter(|_| cut)).await;
    let (code, equal, error) = match ended {
        Ok(Ended::Here(close)) => {
            let error = sentence(&close, session.settled());
            (close.code(), session.settled(), error)
        }
        Ok(Ended::There(code)) => match code {
            0 => {
                session.concluded();
                (0, Some(true), None)
            }
            1 => (1, Some(session.settled().unwrap_or(false)), None),
            2 => (2, session.settled(), Some(refused())),
            4 => (4, session.settled(), Some(too_old_there())),
            STOPPED if session.settled().is_some() => (STOPPED, session.settled(), None),
            STOPPED => (
                STOPPED,
                None,
                Some(Error::new(
                    Code::Cancelled,
                    "the other device stopped before both held the same",
                    "nothing is lost; sync again",
                )),
            ),
            // A later version may have reasons of its own.
            LATER.. => (code, session.settled(), session.settled().is_none().then(ended_by_a_later_version)),
            _ => (
                code,
                session.settled(),
                Some(
                    Error::new(
                        Code::Refused,
                        "the other device ended the sync because of something it could not take",
                        Advice::CheckBoth,
                    )
                    .about("protocol"),
                ),
            ),
        },
        Ok(Ended::Stopped) => (STOPPED, session.settled(), None),
        Err(error) => (STOPPED, session.settled(), Some(error)),
    };
    let mut outcome = outcome(&shared, &connection, &session, begun, cpu, equal, connection.wire());
    outcome.error = error;
    outcome.wire = connection.finish(code, b"").await;
    end_arriving(&shared, connection.peer()).await;
    outcome
}

/// What the peer announced is here, or will not come any more.
async fn end_arriving(shared: &Arc<OpenJournal>, peer: DeviceId) {
    let shared = shared.clone();
    // Rows that can't be forgotten now are no longer shown; whoever derives next forgets them.
    let _ = tokio::task::spawn_blocking(move || arriving::end(&shared, peer)).await;
}

/// Stores what came of blobs before the end, so that no more of them is sent again than was on its way.
async fn salvage(
    shared: &Arc<OpenJournal>,
    peer: DeviceId,
    session: &mut Session,
    chunks_in: Option<mpsc::Receiver<Vec<u8>>>,
) {
    if let Some(mut pieces) = chunks_in {
        while let Ok(Some(bytes)) = tokio::time::timeout(SALVAGE, pieces.recv()).await {
            if session.receive(Stream::Blobs, &bytes).is_err() {
                break;
            }
        }
    }
    let Some(request) = session.salvage() else { return };
    let shared = shared.clone();
    let store = move || {
        serve_request(&shared.store, &shared.blobs, &shared.identity, &mut shared.entropy.clone(), &peer, request)
    };
    // What can't be stored now comes again at the next sync.
    let _ = tokio::task::spawn_blocking(store).await;
}

/// What the session came to until now.
fn outcome(
    shared: &OpenJournal,
    connection: &Connection,
    session: &Session,
    begun: Instant,
    cpu: u64,
    equal: Option<bool>,
    wire: ConnectionStats,
) -> SessionReport {
    SessionReport {
        peer: connection.peer(),
        equal: equal.or(session.settled()),
        costs: *session.costs(),
        wire,
        took: begun.elapsed(),
        cpu_ms: shared.clock.cpu_ms().saturating_sub(cpu),
        mended: session.mended(),
        diverged: session.diverged(),
        error: None,
    }
}

/// The first close code that no version has a meaning for yet.
const LATER: u32 = STOPPED + 1;

enum Ended {
    Here(Close),
    There(u32),
    Stopped,
}

/// The bytes of one direction of one stream, written by a task so that a full stream never stops the session.
struct Outlet {
    queue: mpsc::Sender<Vec<u8>>,
    held: Option<Vec<u8>>,
}

fn outlet(mut stream: SendStream) -> Outlet {
    let (queue, mut pieces) = mpsc::channel::<Vec<u8>>(WRITE_AHEAD);
    tokio::spawn(async move {
        while let Some(piece) = pieces.recv().await {
            if stream.write_chunk(piece.into()).await.is_err() {
                return;
            }
        }
    });
    Outlet { queue, held: None }
}

/// The bytes of blobs that a stream brings, put together by a task: a stream gives one datagram's worth at a time, and
/// the session's loop would turn once for each. Ends with the stream; an error is the connection's, which says so itself.
fn inlet(mut stream: RecvStream) -> mpsc::Receiver<Vec<u8>> {
    let (queue, pieces) = mpsc::channel::<Vec<u8>>(WRITE_AHEAD);
    tokio::spawn(async move {
        let mut buffer = vec![0; READ];
        while let Ok(Some(read)) = stream.read(&mut buffer).await {
            if queue.send(buffer[..read].to_vec()).await.is_err() {
                return;
            }
        }
    });
    pieces
}

/// Puts the session's next request to the store, on a thread that may block.
fn ask(
    shared: &Arc<OpenJournal>,
    session: &mut Session,
    connection: &Connection,
    answer: &mpsc::Sender<Result<Reply>>,
) {
    let Some(request) = session.poll_request() else { return };
    let (shared, answer, peer) = (shared.clone(), answer.clone(), connection.peer());
    tokio::task::spawn_blocking(move || {
        if matches!(request, Request::StoreListing(_)) {
            arriving::begin(&shared, peer);
        }
        let entropy = &mut shared.entropy.clone();
        let reply = serve_request(&shared.store, &shared.blobs, &shared.identity, entropy, &peer, request);
        // The session may have ended meanwhile; what was stored stays stored.
        let _ = answer.blocking_send(reply);
    });
}

#[allow(clippy::too_many_arguments, reason = "the one loop that everything meets in")]
async fn drive(
    shared: &Arc<OpenJournal>,
    connection: &Connection,
    session: &mut Session,
    mode: Mode,
    (begun, cpu): (Instant, u64),
    news: &mut watch::Receiver<u64>,
    stop: &mut watch::Receiver<bool>,
    tell: &mpsc::UnboundedSender<SessionEvent>,
    chunks_in: &mut Option<mpsc::Receiver<Vec<u8>>>,
) -> Result<Ended> {
    let (answer, mut answers) = mpsc::channel::<Result<Reply>>(1);
    news.mark_unchanged();
    // Where we stand is read while the dialer's first bytes are on their way: what answers them leaves at once, with
    // their acknowledgement in it, and not in a datagram of its own when the clock says so.
    ask(shared, session, connection, &answer);
    let streams = async {
        if connection.is_dialer() { connection.open_control().await } else { connection.accept_control().await }
    };
    let opened = tokio::time::timeout(OPENED, streams);
    tokio::pin!(opened);
    // Who the peer is to this journal is known before it says anything: a member's connection is kept from then on, and
    // one of a removed device ends.
    let mut standing = None;
    let opened = loop {
        tokio::select! {
            reply = answers.recv(), if standing.is_none() => {
                let Some(reply) = reply.transpose()? else { return Ok(Ended::Stopped) };
                match reply.standing {
                    Standing::Member => connection.admit(),
                    Standing::Removed => return Ok(Ended::Here(Close::Refused)),
                    // It may introduce itself.
                    Standing::Unknown => {}
                }
                standing = Some(reply);
            }
            opened = &mut opened => break opened,
            _ = stop.changed() => return Ok(Ended::Stopped),
        }
    };
    let (send, mut control) = match opened {
        Ok(Ok(streams)) => streams,
        Ok(Err(error)) => return over(error),
        Err(_) => return Err(unreachable("the other device said nothing")),
    };
    if let Some(reply) = standing {
        session.reply(reply);
    }
    let mut control_out = outlet(send);
    let mut chunks_out: Option<Outlet> = None;
    let mut tick = tokio::time::interval(TICK);
    let mut short_tick = tokio::time::interval(SHORT_TICK);
    short_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while let Some(event) = session.poll_event() {
            if matches!(event, Event::Stored { .. } | Event::BlobFilled | Event::Heard) {
                shared.changed();
                news.mark_unchanged();
            }
            if matches!(event, Event::Settled { .. }) && mode == Mode::Live {
                end_arriving(shared, connection.peer()).await;
                let outcome = outcome(shared, connection, session, begun, cpu, None, connection.wire());
                let _ = tell.send(SessionEvent::Settled(Box::new(outcome)));
            }
            // The listener may have gone; the session does not need it.
            let _ = tell.send(SessionEvent::Event(event));
        }
        ask(shared, session, connection, &answer);
        if control_out.held.is_none() {
            control_out.held = session.poll_transmit(Stream::Control, ROOM);
        }
        if let Some(close) = session.close() {
            return Ok(Ended::Here(close.clone()));
        }
        let free = chunks_out.as_ref().is_none_or(|out| out.held.is_none());
        if free && let Some(bytes) = session.poll_transmit(Stream::Blobs, ROOM) {
            let out = match &mut chunks_out {
                Some(out) => out,
                None => match connection.open_blobs().await {
                    Ok(stream) => chunks_out.insert(outlet(stream)),
                    Err(error) => return over(error),
                },
            };
            out.held = Some(bytes);
        }
        let reading = session.wants_input();
        tokio::select! {
            biased;
            _ = stop.changed() => return Ok(Ended::Stopped),
            reply = answers.recv() => {
                if let Some(reply) = reply {
                    if matches!(&reply, Ok(reply) if reply.standing == Standing::Member) {
                        connection.admit();
                    }
                    session.progress(begun.elapsed().as_millis() as u64);
                    session.reply(reply?);
                    let _ = tell.send(SessionEvent::Progress(*session.costs()));
                }
            }
            permit = control_out.queue.reserve(), if control_out.held.is_some() => {
                match (permit, control_out.held.take()) {
                    (Ok(permit), Some(bytes)) => permit.send(bytes),
                    _ => return over(connection.closed().await),
                }
            }
            chunk = control.read_chunk(READ, true), if reading => match chunk {
                Ok(Some(chunk)) => {
                    session.progress(begun.elapsed().as_millis() as u64);
                    // The error is in the session, which closes with it.
                    let _ = session.receive(Stream::Control, &chunk.bytes);
                }
                Ok(None) | Err(ReadError::ConnectionLost(_)) => return over(connection.closed().await),
                Err(_) => return Err(unreachable("the other device broke off")),
            },
            stream = connection.accept_blobs(), if chunks_in.is_none() => match stream {
                Ok(stream) => *chunks_in = Some(inlet(stream)),
                Err(error) => return over(error),
            },
            permit = async { match &chunks_out { Some(out) => out.queue.clone().reserve_owned().await, None => std::future::pending().await } },
                if chunks_out.as_ref().is_some_and(|out| out.held.is_some()) => {
                if let (Ok(permit), Some(bytes)) = (permit, chunks_out.as_mut().and_then(|out| out.held.take())) {
                    permit.send(bytes);
                }
            }
            piece = async { match chunks_in.as_mut() { Some(pieces) => pieces.recv().await, None => std::future::pending().await } },
                if chunks_in.is_some() && session.wants_chunks() => match piece {
                Some(bytes) => {
                    session.progress(begun.elapsed().as_millis() as u64);
                    let _ = session.receive(Stream::Blobs, &bytes);
                }
                None => *chunks_in = None,
            },
            changed = news.changed() => {
                if changed.is_ok() {
                    session.news();
                }
            }
            _ = short_tick.tick(), if session.is_restless() => session.tick(begun.elapsed().as_millis() as u64),
            _ = tick.tick() => session.tick(begun.elapsed().as_millis() as u64),
        }
    }
}

/// The connection is over: by a code of the peer's, or by the network.
fn over(error: ConnectionError) -> Result<Ended> {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            Ok(Ended::There(u32::try_from(u64::from(close.error_code)).unwrap_or(u32::MAX)))
        }
        ConnectionError::LocallyClosed => Ok(Ended::Stopped),
        _ => Err(unreachable("the connection was lost")),
    }
}

fn unreachable(what: &str) -> Error {
    Error::new(
        Code::Unreachable,
        format!("{what} before the sync was done"),
        "nothing is lost; what was not acknowledged is sent again at the next sync",
    )
}

fn refused() -> Error {
    Error::new(
        Code::Refused,
        "the other device does not count this one as a member of its journal",
        "if this device was not removed on purpose, pair the two again",
    )
    .about("not_a_member")
}

fn too_old_there() -> Error {
    Error::new(
        Code::TooNew,
        "the other device's Afterword is too old to understand this one",
        "nothing is lost; update Afterword on the other device, and sync again",
    )
}

fn ended_by_a_later_version() -> Error {
    Error::new(
        Code::TooNew,
        "the other device runs a newer version of Afterword, and ended the sync for a reason that this one does not know",
        "nothing is lost; update Afterword on this device, and sync again",
    )
}

fn not_a_member() -> Error {
    Error::new(
        Code::Refused,
        "the other device does not belong to this journal",
        "if it was not removed on purpose, pair the two again",
    )
    .about("not_a_member")
}

/// Turns a device away that was removed: no session begins with it.
pub(super) async fn turn_away(connection: Connection) -> Error {
    connection.finish(Close::Refused.code(), b"").await;
    not_a_member()
}

fn sentence(close: &Close, settled: Option<bool>) -> Option<Error> {
    Some(match close {
        Close::Equal | Close::Done => return None,
        Close::Refused => not_a_member(),
        Close::Stalled if settled.is_some() => return None,
        Close::Stalled => unreachable("nothing moved for a minute"),
        Close::Error(SessionError::TooNew) => Error::new(
            Code::TooNew,
            "the other device speaks a newer version of Afterword's protocol",
            "update Afterword on this device",
        ),
        Close::Error(error) => Error::new(Code::Refused, error.to_string(), Advice::CheckBoth).about("protocol"),
    })
}
