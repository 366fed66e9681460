//! G2, G3 and the batch of G7: two devices that know each other meet again, with nothing changed, with a hundred entries
//! changed, with a hundred changes of one entry.

use std::net::SocketAddr;
use std::time::Duration;

use afterword_core::engine::{Engine, PeerReport, SessionReport, SyncOptions};
use afterword_core::error::{Error, Result};
use bench_common::{Run, timed};

use super::device::{Device, Filled};
use super::live::serving;
use super::saving::insert;

const NOTHING: usize = 30;
const CHANGED: usize = 100;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// Everything of this module.
pub(crate) fn measure(run: &Run, host: &Device, guest: &Device, filled: &Filled) -> Result<()> {
    let (a, b) = (host.open()?, guest.open()?);
    serving(&a, |address| {
        // What came with the guest's first sync, and in sessions of others since, is behind.
        sync_once(&b, address)?;

        run.step("meeting again, nothing changed");
        for _ in 0..NOTHING {
            let (report, took) = timed(|| sync_once(&b, address));
            let outcome = session(&report?)?;
            run.add("resync_nothing_whole", "ms", took);
            run.add("resync_nothing", "ms", outcome.took.as_secs_f64() * 1e3);
            run.add("resync_nothing_bytes", "B", bytes(&outcome));
            run.add("resync_nothing_round_trips", "round trips", outcome.costs.round_trips as f64);
            run.add("resync_nothing_transactions", "transactions", outcome.costs.transactions as f64);
        }

        run.step("meeting again, a hundred entries changed");
        for round in 0..ROUNDS {
            let step = (filled.ids.len() / CHANGED).max(1);
            let changed = filled.ids.iter().skip(round % step).step_by(step).take(CHANGED);
            for id in changed.cycle().take(CHANGED) {
                insert(&a, *id, 200)?;
            }
            // They were made apart, some time ago: their search rows are not made while the two meet.
            a.derive(Duration::MAX, |_, _| {})?;
            let outcome = session(&sync_once(&b, address)?)?;
            run.add("resync_changed", "ms", outcome.took.as_secs_f64() * 1e3);
            run.add("resync_changed_bytes", "B", bytes(&outcome));
            run.add("resync_changed_round_trips", "round trips", outcome.costs.round_trips as f64);
            run.add("resync_changed_transactions", "transactions", outcome.costs.transactions as f64);
            run.add("resync_changed_opened", "documents", outcome.costs.documents_opened as f64);
        }

        run.step("meeting again, a hundred changes of one entry");
        for round in 0..ROUNDS {
            let back = filled.ids.len().saturating_sub(round + 2);
            let id = *filled.ids.get(back).ok_or_else(|| Error::internal("there is no entry to edit"))?;
            for number in 0..CHANGED {
                insert(&a, id, 10 + number * 20)?;
            }
            let outcome = session(&sync_once(&b, address)?)?;
            run.add("offline_batch_bytes", "B", bytes(&outcome));
            run.add("offline_batch", "ms", outcome.took.as_secs_f64() * 1e3);
        }
        Ok(())
    })?;
    a.close()?;
    b.close()
}

/// UDP payload of both directions after the handshake.
pub(crate) fn bytes(outcome: &SessionReport) -> f64 {
    let wire = outcome.wire;
    (wire.sent_bytes + wire.received_bytes).saturating_sub(wire.handshake_bytes) as f64
}

/// One sync with the device that serves at `address`, until both hold the same.
pub(crate) fn sync_once(engine: &Engine, address: SocketAddr) -> Result<PeerReport> {
    let options = SyncOptions { peer: Some(address), timeout: LIMIT, discover: None, within: None };
    let report = engine.sync(&options, |_, _| {})?;
    let peer = report.peers.into_iter().next().ok_or_else(|| Error::internal("nobody was synced with"))?;
    match (&peer.error, &peer.outcome) {
        (Some(error), _) => Err(error.clone()),
        (None, Some(outcome)) if outcome.equal == Some(true) => Ok(peer),
        _ => Err(Error::internal("the two devices did not come to hold the same")),
    }
}

/// The session of a sync.
pub(crate) fn session(report: &PeerReport) -> Result<SessionReport> {
    report.outcome.clone().ok_or_else(|| Error::internal("there was no session"))
}
