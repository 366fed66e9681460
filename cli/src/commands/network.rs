//! Commands about devices: `pair`, `devices`, `serve`, `sync`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use afterword_core::engine::{
    Alarm, DeviceStatus, Engine, HostEvent, JoinOptions, PeerReport, ServeEvent, ServeOptions, SessionEvent,
    SyncOptions, SyncReport, is_journal,
};

use afterword_core::sync::Costs;

use super::context::{Context, environment, locking, stop_signal};
use crate::human::{self, Style};
use crate::json::{self, Device, DeviceName, Devices, Done, Moved, Pair, Peer, Problem, Serve, Status, Sync, Wire};
use crate::output::{Failure, Outcome};
use crate::progress::Progress;
use crate::{ask, qr};

/// How long the network is searched for other devices.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// How long a removal waits for each device that is told of it.
const TELL_OTHERS: Duration = Duration::from_secs(10);

/// An address from the command line.
pub(super) fn address(text: &str, flag: &str) -> Outcome<SocketAddr> {
    text.parse().map_err(|_| {
        Failure::usage(format!("{flag} takes an address with a port"), "write it like 192.168.1.20:4433 or [::1]:4433")
    })
}

/// Where to listen when nobody says: every address of this machine, any free port.
fn anywhere() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
}

/// mDNS has no place on loopback.
fn discovers(listen: SocketAddr) -> bool {
    !listen.ip().is_loopback()
}

/// `devices`.
pub(super) fn devices(context: &Context) -> Outcome {
    let rows = context.open()?.devices()?;
    let devices = rows
        .into_iter()
        .map(|row| Device {
            id: row.id.to_string(),
            name: row.name,
            this: row.this,
            status: match row.status {
                DeviceStatus::Member => Status::Member,
                DeviceStatus::Removed => Status::Removed,
            },
            added_at: Some(row.added_at.to_rfc3339()),
            last_seen_at: row.last_seen_at.map(|at| at.to_rfc3339()),
        })
        .collect();
    context.out.answer(&Devices { devices }, |value| human::devices(value, Style::here()))
}

/// `devices remove`.
pub(super) fn remove_device(context: &Context, prefix: &str) -> Outcome {
    let engine = context.open()?;
    let device = engine.resolve_device(prefix)?;
    let then = SyncOptions { timeout: TELL_OTHERS, ..SyncOptions::default() };
    if device.this {
        engine.remove_device(device.id, &then)?;
    }
    let question = format!(
        "Remove {} for ever? Its key never comes back, and what it wrote and has not synced yet stays there only.",
        device.name
    );
    ask::confirm(&question, context.yes)?;
    let removed = engine.remove_device(device.id, &then)?;
    // The removal stands, whoever heard of it.
    for peer in removed.told.and_then(Result::ok).map(|report| report.peers).unwrap_or_default() {
        context.out.note(&human::told(&peer.name, peer.ok(), &device.name));
    }
    context.out.answer(&Done::to(device.id), |_| format!("{} is removed.\n", device.name))
}

/// `sync`.
pub(super) fn sync(context: &Context, peer: Option<&str>, timeout: u64) -> Outcome {
    let engine = context.open()?;
    let peer = peer.map(|text| address(text, "--peer")).transpose()?;
    let timeout = Duration::from_secs(timeout);
    let options = SyncOptions { peer, timeout, discover: Some(LOOK_AROUND.min(timeout)), within: None };
    let mut progress = Progress::new("syncing", context.out.is_json());
    let report = engine.sync(&options, |_, told| moved(&mut progress, &told))?;
    progress.finish();
    #[cfg(feature = "next-format")]
    for [heard, not_understood] in report.peers.iter().filter_map(|peer| Some(peer.outcome.as_ref()?.costs.next)) {
        eprintln!("next: {heard} understood here, {not_understood} not understood there");
    }
    let reached = report.peers.iter().any(PeerReport::ok);
    let news = engine.device_news().unwrap_or_default();
    let mut answer = sync_json(&report);
    answer.alarms.extend(news.alarms().iter().map(alarm_json));
    context.out.answer(&answer, |value| human::peers(value, Style::here()))?;
    context.seen(&engine, &news);
    if reached { Ok(()) } else { Err(Failure::Trouble) }
}

fn moved(progress: &mut Progress, told: &SessionEvent) {
    match told {
        SessionEvent::Progress(Costs { sent_operations, received_operations, .. }) => {
            progress.at(sent_operations + received_operations, None);
        }
        // All is durable; what is left is to read it for lists and search.
        SessionEvent::Deriving { done, left } => progress.at(*done, Some(done + left)),
        _ => {}
    }
}

/// A sync's report in the contract's shape.
pub(super) fn sync_json(report: &SyncReport) -> Sync {
    Sync {
        peers: report.peers.iter().map(peer_json).collect(),
        equal: report.equal,
        wanted_blobs: report.wanted_blobs,
        alarms: report.alarms.iter().map(alarm_json).collect(),
    }
}

fn alarm_json(alarm: &Alarm) -> json::Alarm {
    let change = match alarm {
        Alarm::Device(change) => Some(change),
        _ => None,
    };
    json::Alarm {
        code: alarm.code().as_str(),
        detail: human::alarm(alarm),
        device: change.map(|change| change.device.to_string()),
        name: change.map(|change| change.name.clone()),
        by: change.and_then(|change| Some(change.by.as_ref()?.1.clone())),
        by_device: change.and_then(|change| Some(change.by.as_ref()?.0.to_string())),
        at: change.and_then(|change| Some(change.at?.to_rfc3339())),
    }
}

fn peer_json(report: &PeerReport) -> Peer {
    let outcome = report.outcome.as_ref();
    let costs = outcome.map(|outcome| outcome.costs).unwrap_or_default();
    let wire = outcome.map(|outcome| outcome.wire).unwrap_or_default();
    Peer {
        device: report.device.map(|device| device.to_string()),
        name: Some(report.name.clone()),
        ok: report.ok(),
        sent: Moved { operations: costs.sent_operations, bytes: costs.sent_bytes },
        received: Moved { operations: costs.received_operations, bytes: costs.received_bytes },
        wire: Wire {
            sent_bytes: wire.sent_bytes,
            received_bytes: wire.received_bytes,
            sent_datagrams: wire.sent_datagrams,
            received_datagrams: wire.received_datagrams,
            handshake_bytes: wire.handshake_bytes,
        },
        round_trips: costs.round_trips,
        ms: outcome.map_or(0, |outcome| outcome.took.as_millis() as u64),
        cpu_ms: outcome.map_or(0, |outcome| outcome.cpu_ms),
        documents_opened: costs.documents_opened,
        transactions: costs.transactions,
        derived: report.derived.documents,
        derived_ms: report.derived.ms,
        error: report.error.as_ref().map(Problem::from),
    }
}

/// `serve`.
pub(super) fn serve(context: &Context, listen: Option<&str>) -> Outcome {
    // It may run where nobody looks: what it tells of devices is told again with the next command.
    let engine = context.open_unseen()?;
    let listen = listen.map_or(Ok(anywhere()), |text| address(text, "--listen"))?;
    let options = ServeOptions { listen, discover: discovers(listen) };
    let mut failed = None;
    engine.serve(&options, stop_signal()?, |event| {
        let event = match event {
            ServeEvent::Listening(address) => Serve::Listening { address: address.to_string() },
            ServeEvent::Synced { device, name, outcome, derived } => {
                let error = outcome.error.clone();
                let report = PeerReport { device: Some(device), name, outcome: Some(*outcome), derived, error };
                Serve::Synced(Box::new(peer_json(&report)))
            }
            // A program that stays shows no progress.
            ServeEvent::Deriving { .. } => return,
            ServeEvent::Alarm(alarm) => Serve::Alarm(alarm_json(&alarm)),
        };
        if let Err(error) = context.out.event(&event, |event| human::serve(event, Style::here())) {
            failed.get_or_insert(error);
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// `pair`, the host's side.
pub(super) fn pair_host(context: &Context, listen: Option<&str>) -> Outcome {
    let engine = context.open()?;
    let listen = listen.map_or(Ok(anywhere()), |text| address(text, "--listen"))?;
    let mut progress = Progress::new("syncing", context.out.is_json());
    let joined = engine.pair_host(listen, discovers(listen), stop_signal()?, |event| {
        let said = match event {
            HostEvent::Code(code) => show_code(context, code),
            HostEvent::WrongGuess { left } => {
                let event = Pair::WrongGuess { left: left.into() };
                context.out.event(&event, |event| human::pair(event, Style::here()))
            }
            HostEvent::Added { name, .. } => {
                context.out.note(&format!("{name} knows the code. Syncing…"));
                Ok(())
            }
            HostEvent::Progress(told) => {
                moved(&mut progress, &told);
                Ok(())
            }
        };
        // A closed standard output ends the program at its next line; the pairing itself goes on.
        drop(said);
    })?;
    progress.finish();
    let event = joined_json(&joined);
    context.out.event(&event, |event| human::pair(event, Style::here()))
}

fn show_code(context: &Context, code: afterword_core::transport::ShownCode) -> Outcome {
    if !context.out.is_json()
        && let Ok(picture) = qr::render(&code.qr, Style::here().colour)
    {
        context.out.note(&picture);
    }
    let event = Pair::Code {
        code: code.code,
        qr: code.qr,
        address: code.address.to_string(),
        expires_at: code.expires_at.to_rfc3339(),
    };
    context.out.event(&event, |event| human::pair(event, Style::here()))
}

fn joined_json(joined: &afterword_core::engine::Joined) -> Pair {
    Pair::Joined {
        device: DeviceName { id: joined.device.to_string(), name: joined.device_name.clone() },
        host: DeviceName { id: joined.host.to_string(), name: joined.host_name.clone() },
    }
}

/// `pair CODE`, the newcomer's side.
pub(super) fn pair_join(context: &Context, code: &str, peer: Option<&str>, name: Option<&str>) -> Outcome {
    let peer = peer.map(|text| address(text, "--peer")).transpose()?;
    let (old, key) = if is_journal(&context.home) {
        let key = context.key()?;
        let engine = context.open_with(&key)?;
        ask_about(context, &engine)?;
        (Some(engine), key)
    } else {
        context.take_folder()?;
        (None, context.new_key()?)
    };
    let options = JoinOptions {
        name: name.map_or_else(Context::device_name, str::to_owned),
        peer,
        discover: LOOK_AROUND * 3,
        stop: Some(stop_signal()?),
    };
    let mut progress = Progress::new("syncing", context.out.is_json());
    let home = context.home.clone();
    let (_, joined) = locking(&key, |unlock| {
        Engine::join(&home, code, &options, unlock, environment(), old, |told| moved(&mut progress, &told))
    })??;
    progress.finish();
    if joined.windows > 1 {
        context.out.note(&format!(
            "{} devices on this network said that they show this code; {} is the one that knew it.",
            joined.windows, joined.host_name
        ));
    }
    let event = joined_json(&joined);
    context.out.event(&event, |event| human::pair(event, Style::here()))
}

/// A journal that is already here comes along; its owner should know what that means.
fn ask_about(context: &Context, engine: &Engine) -> Outcome {
    let entries = engine.entry_ids()?.len();
    let others = engine.devices()?.iter().filter(|row| !row.this && row.status == DeviceStatus::Member).count();
    if others > 0 {
        context.out.note(&format!(
            "This device already shares a journal with {others} other device(s). They do not come along: only this one joins."
        ));
    }
    context.out.note("The recovery phrase of the journal that was here will no longer open this device.");
    let question =
        format!("This folder holds a journal with {entries} entries. Bring them along into the other journal?");
    ask::confirm(&question, context.yes)
}
