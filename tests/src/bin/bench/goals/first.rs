//! G1 and half of G8: the first sync of an empty device, in a process of its own, and what is there when.
//!
//! Four moments, from the dialing on: everything durable; the newest fifty in a list, arriving or read; the newest two hundred found by a
//! search; everything derived. A second handle on the database looks on, so that looking makes nothing happen.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use afterword_core::error::{Error, Result};
use afterword_core::id::EntryId;
use afterword_core::store::SqliteStore;
use afterword_core::store::read_model::{self, Filter};
use afterword_core::time::Day;
use afterword_tests::Running;
use bench_common::{Corpus, Run, machine, since};
use serde_json::{Value, json};

use super::device::{Device, Filled};
use super::live::serving;
use super::syncing::sync_once;

/// The word that starts this program as a guest.
pub(crate) const GUEST: &str = "--goals-guest";
/// What the guest looks on for, or that it does not.
const LOOK: &str = "look";
const QUIET: &str = "quiet";
const PAGE: usize = 50;
const NEWEST: usize = 200;
/// Of the newest, one in so many is asked for.
const ASKED: usize = 20;
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// Every guest syncs for the first time, one after the other; the last one with nobody looking on, for its memory.
pub(crate) fn measure(run: &Run, host: &Device, guests: &[Device], filled: &Filled) -> Result<()> {
    run.step("first sync");
    let newest = host.root().with_extension("newest");
    let ids: Vec<String> = filled.ids.iter().rev().take(NEWEST).map(ToString::to_string).collect();
    std::fs::write(&newest, ids.join("\n")).map_err(Error::internal)?;
    std::fs::write(host.root().with_extension("count"), filled.ids.len().to_string()).map_err(Error::internal)?;
    let engine = host.open()?;
    serving(&engine, |address| {
        for (number, guest) in guests.iter().enumerate() {
            let quiet = number + 1 == guests.len();
            run.step(&format!("first sync, guest {} of {}", number + 1, guests.len()));
            let idle = machine::resident();
            let forgot = machine::forget_peak();
            let told = one(guest, address, if quiet { QUIET } else { LOOK })?;
            let figure = |name: &str| told.get(name).and_then(Value::as_f64);
            if quiet {
                if forgot {
                    run.add("first_sync_memory_sender", "MiB", machine::peak() - idle);
                }
                let grown = figure("peak").zip(figure("idle")).map(|(peak, idle)| peak - idle);
                run.extend("first_sync_memory", "MiB", grown);
                continue;
            }
            for (name, unit) in [
                ("durable", "ms"),
                ("listed", "ms"),
                ("searchable_200", "ms"),
                ("derived", "ms"),
                ("bytes", "B"),
                ("round_trips", "round trips"),
                ("transactions", "transactions"),
                ("documents_opened", "documents"),
                ("cpu", "ms"),
            ] {
                run.extend(&format!("first_sync_{name}"), unit, figure(name));
            }
        }
        Ok(())
    })?;
    engine.close()
}

fn one(guest: &Device, address: SocketAddr, look: &str) -> Result<Value> {
    let mut command = Command::new(std::env::current_exe().map_err(Error::internal)?);
    command.arg(GUEST).arg(guest.root()).arg(address.to_string()).arg(look);
    let output = Running::start(command, b"").wait(LIMIT);
    if output.code != Some(0) {
        return Err(Error::internal(format!("a guest ended with {:?}: {}", output.code, output.stderr.trim())));
    }
    serde_json::from_str(output.stdout.trim()).map_err(Error::internal)
}

/// The guest: syncs once and prints what it saw.
pub(crate) fn child(root: &Path, address: &str, look: &str) -> Result<()> {
    let device = Device::at(root);
    let address: SocketAddr = address.parse().map_err(Error::internal)?;
    let engine = device.open()?;
    engine.list(&Filter::default(), PAGE, None)?;
    let idle = machine::resident();
    machine::forget_peak();
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let (report, took, seen) = std::thread::scope(|scope| -> Result<_> {
        let watching = (look == LOOK).then(|| scope.spawn(|| watch(&device, started, &over)));
        let synced = sync_once(&engine, address);
        let took = since(started);
        over.store(true, Ordering::Relaxed);
        let seen = watching.map(|watching| watching.join().map_err(|_| Error::internal("the watcher panicked")));
        Ok((synced?, took, seen.transpose()?.transpose()?))
    })?;
    let peak = machine::peak();
    let outcome = report.outcome.as_ref().ok_or_else(|| Error::internal("there was no session"))?;
    let (costs, wire) = (outcome.costs, outcome.wire);
    let mut told = json!({
        "idle": idle,
        "peak": peak,
        "durable": took - report.derived.ms as f64,
        "derived": took,
        "bytes": wire.sent_bytes + wire.received_bytes - wire.handshake_bytes,
        "round_trips": costs.round_trips,
        "transactions": costs.transactions,
        "documents_opened": costs.documents_opened,
        "cpu": outcome.cpu_ms,
    });
    if let (Some(seen), Some(told)) = (seen, told.as_object_mut()) {
        told.insert("listed".to_owned(), json!(seen.listed));
        told.insert("searchable_200".to_owned(), json!(seen.searchable));
    }
    println!("{told}");
    engine.close()
}

/// When what was there, in milliseconds.
#[derive(Debug, Default)]
struct Seen {
    listed: Option<f64>,
    searchable: Option<f64>,
}

/// Looks on until both are seen, or, once the sync is over, they are not.
fn watch(device: &Device, started: Instant, over: &AtomicBool) -> Result<Seen> {
    // The host lies beside the guest.
    let host = device.root().with_file_name("host");
    let read = |extension| std::fs::read_to_string(host.with_extension(extension)).map_err(Error::internal);
    let newest: Vec<EntryId> = read("newest")?.lines().filter_map(|line| line.parse().ok()).collect();
    let count: usize = read("count")?.trim().parse().map_err(Error::internal)?;
    let corpus = Corpus::default();
    // Three words of its title find an entry; nothing but what is indexed finds it.
    let questions: Vec<(EntryId, String)> = newest
        .iter()
        .enumerate()
        .rev()
        // Newest first is how they are derived: where one is found, so are those after it. Every twentieth is enough, and
        // asking for all would take longer than what is measured.
        .step_by(ASKED)
        .map(|(back, id)| {
            let title = corpus.entry(count - 1 - back).title;
            let mut words: Vec<&str> = title.split_whitespace().collect();
            words.sort_by_key(|word| std::cmp::Reverse(word.len()));
            words.truncate(3);
            (*id, words.join(" "))
        })
        .collect();
    let store = device.look()?;
    let (mut seen, mut found) = (Seen::default(), 0);
    loop {
        let last = over.load(Ordering::Relaxed);
        if seen.listed.is_none() && listed(&store, &newest, !last)? {
            seen.listed = Some(since(started));
        }
        // The oldest of them is asked for first: while it is not found, one question is enough.
        while seen.searchable.is_none() {
            let Some((id, question)) = questions.get(found) else {
                seen.searchable = Some(since(started));
                break;
            };
            if !finds(&store, question, *id)? {
                break;
            }
            found += 1;
        }
        if last || (seen.listed.is_some() && seen.searchable.is_some()) {
            store.pause()?;
            return Ok(seen);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// As `list` answers, with what is announced while the session is `live`.
fn listed(store: &SqliteStore, newest: &[EntryId], live: bool) -> Result<bool> {
    let (all, today) = (Filter::default(), Day::new(2030, 1, 1));
    let page = store.read_sql(|tx| read_model::list_arriving(tx, &all, today, PAGE, None, live))?;
    Ok(page.rows.len() == PAGE.min(newest.len()) && page.rows.iter().zip(newest).all(|(row, id)| row.id == *id))
}

fn finds(store: &SqliteStore, question: &str, id: EntryId) -> Result<bool> {
    let today = "2030-01-01".parse::<Day>().map_err(Error::internal)?;
    let found = store.read_sql(|tx| read_model::find(tx, question, 500, today))?;
    Ok(found.hits.iter().any(|hit| hit.entry == id))
}
