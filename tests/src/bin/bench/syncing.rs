//! Two devices over real QUIC on loopback: the first sync, one edit, nothing changed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use afterword_core::engine::{
    Engine, HostEvent, JoinOptions, PeerReport, ServeEvent, ServeOptions, SessionReport, SyncOptions,
};
use afterword_core::error::{Error, Result};
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::vault::Unlock;
use afterword_tests::clock::environment;
use tokio::sync::watch;

use super::Plan;
use super::figures::{Parts, Table, median, ms};
use super::fill::{self, Keys};
use super::waits;

/// UDP payload after the handshake, both directions together, where nothing changed.
const QUIET: u64 = 256;
/// What the medians may differ by: a QUIC acknowledgement's delay and packet numbers take one byte or two each, and the
/// acknowledgement of HANDSHAKE_DONE rides on the dialer's hello or on its close.
const ENCODING: u64 = 12;
/// How long until 10,000 entries are durable on the other device.
const FIRST: u64 = 5_000;
const LIMIT: Duration = Duration::from_secs(600);

/// Everything that needs two.
pub(crate) fn measure(plan: &Plan, parts: &Parts, table: &mut Table) -> Result<()> {
    let [few, many] = plan.synced;
    let quiet = [pair_of(plan, few, parts, table)?, pair_of(plan, many, parts, table)?];
    table.same(&format!("bytes of a sync with nothing changed, {few} and {many} entries"), quiet, ENCODING);
    Ok(())
}

/// Pairs two devices, syncs `size` entries between them, and gives back the bytes of a sync with nothing changed.
fn pair_of(plan: &Plan, size: usize, parts: &Parts, table: &mut Table) -> Result<u64> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (host_root, guest_root) = (folder.path().join("host"), folder.path().join("guest"));
    let (host_keys, guest_keys) = (Keys::default(), Keys::default());
    let host = fill::create(&host_root, &host_keys, 11)?.0;
    let guest = join(&host, &guest_root, &guest_keys)?;
    host.close()?;
    // A sync reads logs: nothing is derived on the host before it.
    fill::fill(&host_root, &host_keys, size, plan.words, false)?;
    let host = Engine::open(&host_root, Unlock::Platform(&host_keys), environment(12))?;

    let quiet = serving(&host, |address| {
        let (first, [waits_there, waits_here]) = {
            let (there, here) = (fill::store_of(&host_root, &host_keys)?, fill::store_of(&guest_root, &guest_keys)?);
            let ((first, waits_here), waits_there) =
                waits::beside(&host_root, &there, || waits::beside(&guest_root, &here, || sync(&guest, address)))?;
            (first, [waits_there, waits_here])
        };
        first_sync(plan, size, &first, table)?;
        waits::promise(table, "receiving and deriving", size, &waits_here);
        waits::promise(table, "sending, packing and deriving", size, &waits_there);

        // Nothing changed since: everything but the handshake is what the two had to say.
        let runs: Vec<SessionReport> = (0..7).map(|_| Ok(sync(&guest, address)?.1)).collect::<Result<_>>()?;
        let bytes = |outcome: &SessionReport| {
            outcome.wire.sent_bytes + outcome.wire.received_bytes - outcome.wire.handshake_bytes
        };
        let mut all: Vec<u64> = runs.iter().map(bytes).collect();
        all.sort_unstable();
        eprintln!("bytes after the handshake: {all:?}");
        let took = median(runs.iter().map(|outcome| outcome.took.as_secs_f64() * 1e3).collect());
        table.ratio("sync, nothing changed, without connecting", size, took, "loopback round trip", parts.datagram);
        let most = all.last().copied().unwrap_or_default();
        table.promise("bytes of it after the handshake", size, most, "B", QUIET);
        let trips = runs.iter().map(|outcome| outcome.costs.round_trips).max().unwrap_or_default();
        table.promise("round trips of it", size, trips, "round trips", 1);
        let written = runs.iter().map(|outcome| outcome.costs.transactions).max().unwrap_or_default();
        table.promise("transactions of it", size, written, "transactions", 0);

        let mut edits = Vec::new();
        for number in 0..5 {
            edit(&host, number)?;
            edits.push(sync(&guest, address)?.1);
        }
        let took = median(edits.iter().map(|outcome| outcome.took.as_secs_f64() * 1e3).collect());
        table.ratio("sync, one edit, durable on both sides", size, took, "append and fdatasync", parts.append);
        let moved = median(edits.iter().map(|outcome| bytes(outcome) as f64).collect());
        table.plain("bytes of it after the handshake", size, &format!("{moved:.0} B"));
        let trips = edits.iter().map(|outcome| outcome.costs.round_trips).max().unwrap_or_default();
        table.plain("round trips of it", size, &trips.to_string());
        table.promise(
            "operations of it",
            size,
            edits.iter().map(|outcome| outcome.costs.received_operations).max().unwrap_or_default(),
            "operations",
            1,
        );
        Ok(all.get(all.len() / 2).copied().unwrap_or_default())
    })?;
    guest.close()?;
    host.close()?;
    Ok(quiet)
}

fn first_sync(plan: &Plan, size: usize, first: &(PeerReport, SessionReport), table: &mut Table) -> Result<()> {
    let (report, outcome) = first;
    let costs = &outcome.costs;
    if costs.received_operations != size as u64 {
        return Err(Error::internal(format!("{} of {size} operations came", costs.received_operations)));
    }
    let wire = outcome.wire.sent_bytes + outcome.wire.received_bytes;
    let written = Parts::written(costs.received_bytes);
    let what = format!("first sync, {} words each, durable on both sides", plan.words);
    table.ratio(&what, size, outcome.took.as_secs_f64() * 1e3, "the same bytes written, flushed each MiB", written);
    if size >= 10_000 {
        table.promise("time of it", size, outcome.took.as_millis() as u64, "ms", FIRST);
    }
    table.plain(
        "bytes of it on the wire",
        size,
        &format!("{:.1} MB for {:.1}", mega(wire), mega(costs.received_bytes)),
    );
    table.plain("transactions of it", size, &costs.transactions.to_string());
    table.plain("round trips of it", size, &costs.round_trips.to_string());
    table.promise("documents opened by it", size, costs.documents_opened, "documents", 0);
    table.plain(
        "deriving beside it",
        size,
        &format!("{} of {}", ms(report.derived.ms as f64), report.derived.documents),
    );
    Ok(())
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A guest that has joined `host`'s journal, which is still empty.
pub(crate) fn join(host: &Engine, root: &Path, keys: &Keys) -> Result<Engine> {
    let (_stop, stopped) = watch::channel(false);
    let (tell, code) = mpsc::channel();
    std::thread::scope(|scope| {
        let window = scope.spawn(move || {
            host.pair_host(loopback(), false, stopped, |event| {
                if let HostEvent::Code(code) = event {
                    let _ = tell.send(code);
                }
            })
        });
        let code = code.recv_timeout(LIMIT).map_err(Error::internal)?;
        let options =
            JoinOptions { name: "guest".to_owned(), peer: Some(code.address), discover: Duration::ZERO, stop: None };
        let unlock = Unlock::Platform(keys);
        let (guest, _) = Engine::join(root, &code.code, &options, unlock, environment(13), None, |_| {})?;
        window.join().map_err(|_| Error::internal("the pairing window panicked"))??;
        Ok(guest)
    })
}

/// Runs `work` while `host` serves.
pub(crate) fn serving<R>(host: &Engine, work: impl FnOnce(SocketAddr) -> Result<R>) -> Result<R> {
    let (stop, stopped) = watch::channel(false);
    let (tell, listening) = mpsc::channel();
    std::thread::scope(|scope| {
        let options = ServeOptions { listen: loopback(), discover: false };
        let served = scope.spawn(move || {
            host.serve(&options, stopped, |event| {
                if let ServeEvent::Listening(address) = event {
                    let _ = tell.send(address);
                }
            })
        });
        let out = listening.recv_timeout(LIMIT).map_err(Error::internal).and_then(work);
        let _ = stop.send(true);
        served.join().map_err(|_| Error::internal("serving panicked"))??;
        out
    })
}

pub(crate) fn sync(guest: &Engine, address: SocketAddr) -> Result<(PeerReport, SessionReport)> {
    let options = SyncOptions { peer: Some(address), timeout: LIMIT, discover: None, within: None };
    let report = guest.sync(&options, |_, _| {})?;
    let peer = report.peers.into_iter().next().ok_or_else(|| Error::internal("nobody was synced with"))?;
    if let Some(error) = peer.error {
        return Err(error);
    }
    match peer.outcome.clone() {
        Some(outcome) if outcome.equal == Some(true) => Ok((peer, outcome)),
        _ => Err(Error::internal("the two devices did not come to hold the same")),
    }
}

fn edit(host: &Engine, number: usize) -> Result<()> {
    let ids = host.entry_ids()?;
    let id = *ids.get(number).ok_or_else(|| Error::internal("there is no entry to edit"))?;
    let entry = host.show(id)?;
    let text = format!("{} One more sentence.", entry.body);
    host.edit(id, &[Edit::SetText { field: TextField::Body, base: entry.heads, text }])?;
    Ok(())
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
