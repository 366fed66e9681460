//! G6 and G7: both devices stay connected, and what is written on one is seen on the other.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use afterword_core::engine::{Engine, ServeEvent, ServeOptions, SessionReport};
use afterword_core::error::{Error, Result};
use afterword_core::id::{ChangeHash, EntryId};
use afterword_core::replication::StorageExt;
use afterword_core::store::SqliteStore;
use bench_common::{Run, since};
use tokio::sync::watch;

use super::device::{Device, Filled};
use super::saving::insert;
use super::syncing::sync_once;

const EDITS: usize = 100;
/// Between two edits: what the last one left to do is done.
const PAUSE: Duration = Duration::from_millis(150);
/// Long enough for a live session to say again where it stands.
const QUIET: Duration = Duration::from_millis(600);
/// How often the other device is looked at.
const LOOK: Duration = Duration::from_micros(50);
const LIMIT: Duration = Duration::from_secs(60);

/// A loopback address with any port.
pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Runs `work` while `engine` serves.
pub(crate) fn serving<R>(engine: &Engine, work: impl FnOnce(SocketAddr) -> Result<R>) -> Result<R> {
    serving_and_hearing(engine, |address, _| work(address))
}

/// The same, with what is told meanwhile.
fn serving_and_hearing<R>(
    engine: &Engine,
    work: impl FnOnce(SocketAddr, &Receiver<SessionReport>) -> Result<R>,
) -> Result<R> {
    let (stop, stopped) = watch::channel(false);
    let ((tell, listening), (settle, settled)) = (mpsc::channel(), mpsc::channel());
    std::thread::scope(|scope| {
        let options = ServeOptions { listen: loopback(), discover: false };
        let served = scope.spawn(move || {
            engine.serve(&options, stopped, |event| match event {
                ServeEvent::Listening(address) => drop(tell.send(address)),
                ServeEvent::Synced { outcome, .. } => drop(settle.send(*outcome)),
                ServeEvent::Alarm(alarm) => eprintln!("    alarm {}", alarm.code().as_str()),
                ServeEvent::Deriving { .. } => {}
            })
        });
        let out = listening.recv_timeout(LIMIT).map_err(Error::internal).and_then(|at| work(at, &settled));
        let _ = stop.send(true);
        served.join().map_err(|_| Error::internal("serving panicked"))??;
        out
    })
}

/// Edits of one entry that is open on A, while B is connected.
pub(crate) fn measure(run: &Run, host: &Device, guest: &Device, filled: &Filled) -> Result<()> {
    run.step("live edits");
    let (a, b) = (host.open()?, guest.open()?);
    let id = *filled.ids.last().ok_or_else(|| Error::internal("there is no entry to edit"))?;
    serving(&a, |address| {
        // A device dials whom it met where it met them.
        sync_once(&b, address)?;
        serving_and_hearing(&b, |_, settled| {
            settled.recv_timeout(LIMIT).map_err(|_| Error::internal("the live session never came about"))?;
            edits(run, &a, &b, guest, id, settled)
        })
    })?;
    a.close()?;
    b.close()
}

fn edits(
    run: &Run,
    a: &Engine,
    b: &Engine,
    guest: &Device,
    id: EntryId,
    settled: &Receiver<SessionReport>,
) -> Result<()> {
    let store = guest.look()?;
    let mut first = None;
    let mut last: Option<SessionReport> = None;
    let mut counted = 0_u32;
    for number in 0..=EDITS {
        // A session tells what it cost when it has been quiet: once after the edit that warms up, and once at the end.
        std::thread::sleep(if number == 1 { QUIET } else { PAUSE });
        last = settled.try_iter().last().or(last);
        let bytes = |outcome: &SessionReport| outcome.wire.sent_bytes + outcome.wire.received_bytes;
        if number == 1 {
            // The first edit warms up.
            first = last.as_ref().map(bytes);
        }
        let started = Instant::now();
        let heads = insert(a, id, 20 + number * 3)?;
        let here = since(started);
        until_held(&store, id, &heads)?;
        let there = since(started);
        let shown = b.show(id)?;
        let visible = since(started);
        assert!(shown.heads == heads, "the entry is not shown as it was written");
        if number > 0 {
            run.add("live_edit_durable_here", "ms", here);
            run.add("live_edit_durable", "ms", there);
            run.add("live_edit_visible", "ms", visible);
            counted += 1;
        }
    }
    std::thread::sleep(QUIET);
    last = settled.try_iter().last().or(last);
    let end = last.as_ref().map(|outcome| outcome.wire.sent_bytes + outcome.wire.received_bytes);
    match first.zip(end) {
        Some((first, end)) if end > first => {
            run.add("live_edit_bytes", "B", (end - first) as f64 / f64::from(counted));
        }
        _ => run.missing("live_edit_bytes", "the session does not tell what each edit cost"),
    }
    store.pause()?;
    Ok(())
}

/// Waits until the log behind `store` has come to these heads.
fn until_held(store: &SqliteStore, id: EntryId, heads: &[ChangeHash]) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        let state = store.read(|tx| tx.document(id))?;
        if state.is_some_and(|state| state.heads == heads) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(Error::internal("an edit did not arrive within a minute"))
}
