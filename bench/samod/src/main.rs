//! samod: two repositories in one process, one loopback TCP connection between them, storage in memory.
//!
//! This is its quickest set-up: no disk, no encryption, no authentication, both ends' default announce policy, every
//! document found by its id as an application finds those of a list, 256 at once. The documents are those of
//! `bench-automerge`, ten changes each. A sync is over when B's heads are A's; where nothing changes there is no such
//! moment, and it is over with the last byte.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_automerge::{document, edit};
use bench_common::heap::{Counting, live};
use bench_common::{Arguments, Corpus, Run, machine, since};
use futures::{StreamExt, stream};
use samod::storage::InMemoryStorage;
use samod::{BackoffConfig, DialerHandle, DocHandle, DocumentId, PeerId, Repo};
use wire::Port;

#[global_allocator]
static HEAP: Counting = Counting;

const LIVE_EDITS: usize = 50;

fn main() -> Result<(), String> {
    let arguments = Arguments::read(&[])?;
    let run = Run::begin("samod", &[], &arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    for round in 1..=arguments.runs {
        runtime.block_on(measure(&run, arguments.entries, round));
    }
    run.done();
    // Repositories that were stopped may still hold threads.
    std::process::exit(0)
}

async fn measure(run: &Run, count: usize, round: usize) {
    let corpus = Corpus::default();
    // A pause in a long sync is not its end.
    let quiet = if count > 1_000 { Duration::from_secs(10) } else { Duration::from_millis(500) };
    let (store_a, store_b) = (InMemoryStorage::new(), InMemoryStorage::new());
    run.step(&format!("round {round}: writing the documents"));
    let before = live();
    let a = repository(&store_a, "a").await;
    let b = repository(&store_b, "b").await;
    let mut here = Vec::with_capacity(count);
    for number in 0..count {
        here.push(a.create(document(&corpus.entry(number))).await.expect("a document can be created"));
    }
    run.add("heap_per_document", "KiB", (live() - before) as f64 / count as f64 / 1024.0);
    let ids: Vec<DocumentId> = here.iter().map(|handle| handle.document_id().clone()).collect();

    run.step(&format!("round {round}: first sync"));
    let port = wire::listen(&b).await;
    wire::bytes();
    let started = Instant::now();
    let dialed = dial(&a, port).await;
    let there = find_all(&b, &ids).await;
    same_heads(&here, &there, 1).await;
    let took = since(started);
    wire::settled(quiet).await;
    run.add("first_sync", "ms", took);
    run.add("first_sync_bytes", "B", wire::bytes());

    run.step(&format!("round {round}: live edits"));
    for (one, other) in here.iter().zip(&there).take(LIVE_EDITS) {
        let mut changes = Box::pin(other.changes());
        let started = Instant::now();
        one.with_document(|document| edit(document, 100));
        changes.next().await.expect("a change is told");
        run.add("live_edit", "ms", since(started));
    }
    wire::settled(quiet).await;
    run.add("live_edit_bytes", "B", wire::bytes() / LIVE_EDITS.min(count) as f64);
    hang_up(&dialed).await;

    for (name, bytes, changed) in
        [("resync_nothing", "resync_nothing_bytes", 0), ("resync_changed", "resync_changed_bytes", 100.min(count))]
    {
        run.step(&format!("round {round}: connecting again, {changed} changed"));
        let step = count / changed.max(1);
        for handle in here.iter().step_by(step).take(changed) {
            handle.with_document(|document| edit(document, 200));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        wire::bytes();
        let started = Instant::now();
        let dialed = dial(&a, port).await;
        if changed > 0 {
            same_heads(&here, &there, step).await;
            run.add(name, "ms", since(started));
            wire::settled(quiet).await;
        } else {
            let connected = since(started);
            run.add(name, "ms", connected + wire::settled(quiet).await);
        }
        run.add(bytes, "B", wire::bytes());
        hang_up(&dialed).await;
    }
    run.add("resident", "MiB", machine::resident());
    drop((here, there));
    a.stop().await;
    b.stop().await;

    run.step(&format!("round {round}: opening everything from storage"));
    let started = Instant::now();
    let a = repository(&store_a, "a").await;
    let opened = find_all(&a, &ids).await;
    run.add("open_all", "ms", since(started));
    drop(opened);
    a.stop().await;
}

async fn repository(storage: &InMemoryStorage, name: &str) -> Repo {
    Repo::build_tokio().with_storage(storage.clone()).with_peer_id(PeerId::from(name)).load().await
}

async fn dial(repo: &Repo, port: u16) -> DialerHandle {
    let dialed = repo.dial(BackoffConfig::default(), Arc::new(Port(port))).expect("a repository that runs dials");
    dialed.established().await.expect("a loopback connection is made");
    dialed
}

async fn hang_up(dialed: &DialerHandle) {
    dialed.close();
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn find_all(repo: &Repo, ids: &[DocumentId]) -> Vec<DocHandle> {
    let finding = stream::iter(ids.iter().cloned()).map(|id| async move {
        repo.find(id).await.expect("a repository that runs finds").expect("the document is there")
    });
    finding.buffered(256).collect().await
}

/// Waits until every `step`th document reads the same on both sides.
async fn same_heads(here: &[DocHandle], there: &[DocHandle], step: usize) {
    for (one, other) in here.iter().zip(there).step_by(step) {
        let heads = |handle: &DocHandle| handle.with_document(|document| document.get_heads());
        while heads(one) != heads(other) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
