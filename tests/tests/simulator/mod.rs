//! A deterministic simulator over the sans-I/O sessions: many devices, one seed, no sockets and no clock.
//!
//! Each run draws devices, writers, connections and mishaps from its seed, holds every commit against the invariants of
//! DESIGN.md section 11, and at the end brings everybody together. A failing seed prints what happened and one line that
//! runs it again.

/// Gives `$each` what `Tx` asks of a backend, but for what changes how far a log goes.
macro_rules! every_other_method {
    ($each:ident) => {
        $each! {
            setting(setting: Setting) -> Option<Vec<u8>>;
            set_setting(setting: Setting, value: &[u8]) -> ();
            statements() -> Vec<Vec<u8>>;
            statement_set() -> Arc<Statements>;
            add_statement(id: StatementId, bytes: &[u8]) -> ();
            certificates() -> Vec<Certificate>;
            is_erased(entry: EntryId) -> bool;
            add_certificate(certificate: &Certificate) -> bool;
            certificate_of(entry: EntryId) -> Option<Certificate>;
            certificate_named(name: &[u8; 32]) -> Option<Certificate>;
            certificate_names(after: Option<[u8; 32]>, most: usize) -> Vec<[u8; 32]>;
            is_named(entry: EntryId) -> bool;
            count_logs(of: Option<DeviceId>) -> usize;
            position_at(log: LogId, seq: u64) -> Option<Position>;
            head_at_or_before(log: LogId, seq: u64) -> Option<Head>;
            head_after(log: LogId, seq: u64, bytes: usize) -> Option<Head>;
            operations(log: LogId, from: u64, to: u64) -> Vec<Operation>;
            blocks(log: LogId, from: u64, to: u64) -> Vec<Block>;
            unpacked(log: LogId, bytes: usize) -> Option<Unpacked>;
            pack(log: LogId, from: u64, to: u64, blocks: &[Block]) -> ();
            change_ready(entry: EntryId, hash: ChangeHash) -> Option<bool>;
            set_change_ready(entry: EntryId, hash: ChangeHash, ready: bool) -> ();
            add_wait(entry: EntryId, dependency: ChangeHash, change: ChangeHash) -> ();
            take_waits(entry: EntryId, dependency: ChangeHash) -> Vec<ChangeHash>;
            is_waiting(entry: EntryId, change: ChangeHash) -> bool;
            is_waited_for(entry: EntryId, dependency: ChangeHash) -> bool;
            clear_waits(entry: EntryId) -> ();
            changes(entry: EntryId) -> Vec<StoredChange>;
            document(entry: EntryId) -> Option<DocumentState>;
            set_document(entry: EntryId, state: &DocumentState) -> ();
            documents() -> Vec<EntryId>;
            drop_document(entry: EntryId) -> ();
            bring_blob(entry: EntryId, blob: &BlobRef) -> ();
            end_blob(entry: EntryId, blob: BlobId) -> ();
            blobs(unfilled: bool) -> Vec<WantedBlob>;
            blob(entry: EntryId, blob: BlobId) -> Option<WantedBlob>;
            set_blob(entry: EntryId, blob: BlobId, bitmap: &[u8], here: bool) -> ();
            unwanted_blobs() -> Vec<(EntryId, BlobId)>;
            forget_blob(entry: EntryId, blob: BlobId) -> ();
            newest(limit: usize) -> Vec<ListRow>;
            set_arriving(from: DeviceId, rows: &[ListRow]) -> ();
            arriving() -> Vec<ListRow>;
            end_arriving(from: DeviceId) -> ();
        }
    };
}

mod check;
mod counted;
mod deriving;
mod device;
mod directed;
mod disk;
mod hostile;
mod link;
mod planted;
mod reading;
mod repair;
mod rng;
mod sqlite;
mod vector;
mod world;
mod writing;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use world::{Kind, World};

/// Steps of one run.
const STEPS: usize = 150;
/// Runs where nobody asks for more.
const SEEDS: u64 = 4000;
/// Every so many seeds, the disks are encrypted SQLite and not memory.
const SQLITE_EVERY: u64 = 50;

fn kind(seed: u64) -> Kind {
    Kind { seed, steps: STEPS, planted: None, factory: disk::memory }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// A seed as the suite runs it.
fn of_suite(seed: u64) -> Kind {
    let factory = if seed % SQLITE_EVERY == SQLITE_EVERY - 1 { sqlite::sqlite } else { disk::memory };
    Kind { factory, ..kind(seed) }
}

/// What a failing seed says, with the fewest steps that still fail.
fn report(seed: u64) -> String {
    let fails = |steps: usize| {
        let mut world = World::new(Kind { steps, ..of_suite(seed) });
        world.run().err().map(|violation| (violation, world.trace))
    };
    let shortest = (0..=STEPS).step_by(10).find_map(|steps| fails(steps).map(|failed| (steps, failed)));
    let Some((steps, (violation, trace))) = shortest else {
        return format!("seed {seed} fails only once: not determined");
    };
    format!(
        "{}\n{:?}: {}\nagain: AFTERWORD_SEED={seed} AFTERWORD_STEPS={steps} cargo test --release -p afterword-tests \
         --test all simulator::seeds -- --nocapture",
        trace.join("\n"),
        violation.rule,
        violation.detail
    )
}

#[test]
fn seeds() {
    if let Some(seed) = number("AFTERWORD_SEED") {
        let steps = number("AFTERWORD_STEPS").map_or(STEPS, |steps| steps as usize);
        let mut world = World::new(Kind { steps, ..of_suite(seed) });
        let ended = world.run();
        println!("{}", world.trace.join("\n"));
        return ended.unwrap_or_else(|violation| panic!("{:?}: {}", violation.rule, violation.detail));
    }
    // Five eighths of the suite's time; the members that turn have two, the directed tests and planted bugs the rest.
    let seconds = number("AFTERWORD_TEST_SECONDS");
    let budget = Duration::from_secs(seconds.unwrap_or(240) * 5 / 8);
    let most = if seconds.is_some_and(|seconds| seconds > 240) { u64::MAX } else { SEEDS };
    let first = number("AFTERWORD_FIRST_SEED").unwrap_or(0);
    let (next, failed, start) = (AtomicU64::new(first), AtomicBool::new(false), Instant::now());
    let (failures, totals) = (Mutex::new(Vec::new()), Mutex::new([0; 7]));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while start.elapsed() < budget && !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - first >= most {
                        break;
                    }
                    let mut world = World::new(of_suite(seed));
                    if world.run().is_err() {
                        failed.store(true, Ordering::Relaxed);
                        failures.lock().unwrap().push(seed);
                    }
                    let ledger = &world.ledger;
                    let [derived, late] = ledger.derived;
                    let done = [1, ledger.operations, ledger.settled, ledger.mended, ledger.announced, derived, late];
                    totals.lock().unwrap().iter_mut().zip(done).for_each(|(total, more)| *total += more);
                }
            });
        }
    });
    let [seeds, operations, settled, mended, announced, derived, late] = *totals.lock().unwrap();
    println!(
        "{seeds} seeds from {first} on in {:.0?} (every {SQLITE_EVERY}th on SQLite): {operations} operations written, sessions settled \
         {settled} times, rollbacks and forks mended {mended} times, {announced} entries announced, {derived} derived and {late} \
         prepared in vain",
        start.elapsed()
    );
    if let Some(seed) = failures.lock().unwrap().iter().min() {
        panic!("seed {seed} failed\n{}", report(*seed));
    }
}

/// A journal in which a member turns.
fn hostile(seed: u64, planted: Option<afterword_core::fault::Fault>) -> (World, device::Check) {
    let mut world = World::new(Kind { seed, steps: 0, planted, factory: disk::memory });
    let ended = hostile::story(&mut world);
    (world, ended)
}

/// Runs of it where nobody asks for more.
const HOSTILE_SEEDS: u64 = 2000;

#[test]
fn members_that_turn() {
    let told = |seed: u64, world: World, violation: device::Violation| {
        let again =
            format!("AFTERWORD_SEED={seed} cargo test --release -p afterword-tests --test all simulator::members");
        panic!("{}\nseed {seed}: {:?}: {}\nagain: {again}", world.trace.join("\n"), violation.rule, violation.detail)
    };
    if let Some(seed) = number("AFTERWORD_SEED") {
        let (world, ended) = hostile(seed, None);
        return ended.unwrap_or_else(|violation| told(seed, world, violation));
    }
    let seconds = number("AFTERWORD_TEST_SECONDS");
    let budget = Duration::from_secs(seconds.unwrap_or(240) / 4);
    let most = if seconds.is_some_and(|seconds| seconds > 240) { u64::MAX } else { HOSTILE_SEEDS };
    let (next, start) = (AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while start.elapsed() < budget {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= most {
                        break;
                    }
                    if let (world, Err(violation)) = hostile(seed, None) {
                        told(seed, world, violation);
                    }
                }
            });
        }
    });
    println!("{} members turned in {:.0?}", next.into_inner().min(most), start.elapsed());
}
