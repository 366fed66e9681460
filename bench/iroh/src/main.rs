//! iroh-docs with iroh-blobs: two nodes in one process on loopback, no relay, everything in memory.
//!
//! The strongest peer for bulk: it carries opaque values, here each entry's saved Automerge document, under keys that it
//! reconciles by ranges. Its quickest set-up: memory stores on both sides, no disk, no discovery. A sync is over when the
//! content of the last entry is ready on B.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

use std::error::Error;
use std::time::{Duration, Instant};

use bench_automerge::document;
use bench_common::{Arguments, Corpus, Run, since};
use iroh::Endpoint;
use iroh::endpoint::presets;
use iroh::protocol::Router;
use iroh_blobs::BlobsProtocol;
use iroh_blobs::store::mem::MemStore;
use iroh_docs::api::protocol::{AddrInfoOptions, ShareMode};
use iroh_docs::engine::LiveEvent;
use iroh_docs::protocol::Docs;
use iroh_gossip::net::Gossip;
use n0_future::StreamExt;

/// Nothing heard for so long: it stalled, and that is what is written down.
const STALL: Duration = Duration::from_secs(60);

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

struct Node {
    router: Router,
    docs: Docs,
    endpoint: Endpoint,
}

impl Node {
    async fn start() -> Result<Self> {
        let endpoint =
            Endpoint::builder(presets::Minimal).clear_ip_transports().bind_addr("127.0.0.1:0")?.bind().await?;
        let blobs = MemStore::default();
        let gossip = Gossip::builder().spawn(endpoint.clone());
        let docs = Docs::memory().spawn(endpoint.clone(), (*blobs).clone(), gossip.clone()).await?;
        let router = Router::builder(endpoint.clone())
            .accept(iroh_blobs::ALPN, BlobsProtocol::new(&blobs, None))
            .accept(iroh_gossip::ALPN, gossip)
            .accept(iroh_docs::ALPN, docs.clone())
            .spawn();
        Ok(Self { router, docs, endpoint })
    }

    /// Bytes of UDP payload sent so far.
    fn sent(&self) -> f64 {
        self.endpoint.metrics().socket.send_ipv4.get() as f64
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::read(&[])?;
    let run = Run::begin("iroh", &[], &arguments);
    run.step("writing the documents");
    let corpus = Corpus::default();
    let values: Vec<Vec<u8>> = (0..arguments.entries).map(|number| document(&corpus.entry(number)).save()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for round in 1..=arguments.runs {
        run.step(&format!("round {round}"));
        runtime.block_on(measure(&run, &values))?;
    }
    run.done();
    // Nodes that were shut down may still hold threads.
    std::process::exit(0)
}

async fn measure(run: &Run, values: &[Vec<u8>]) -> Result<()> {
    let (a, b) = (Node::start().await?, Node::start().await?);
    let author = a.docs.author_create().await?;
    let there = a.docs.create().await?;
    for (number, value) in values.iter().enumerate() {
        there.set_bytes(author, key(number), value.clone()).await?;
    }
    let ticket = there.share(ShareMode::Write, AddrInfoOptions::Addresses).await?;
    let peers = ticket.nodes.clone();

    let (before, started) = (a.sent() + b.sent(), Instant::now());
    let (here, events) = b.docs.import_and_subscribe(ticket).await?;
    tokio::pin!(events);
    let mut ready = 0;
    while ready < values.len() {
        match tokio::time::timeout(STALL, events.next()).await {
            Ok(Some(Ok(LiveEvent::ContentReady { .. }))) => ready += 1,
            Ok(Some(Ok(_))) => {}
            _ => break,
        }
    }
    if ready == values.len() {
        run.add("first_sync", "ms", since(started));
        run.add("first_sync_bytes", "B", a.sent() + b.sent() - before);
    } else {
        run.missing("first_sync", format!("it stalled at {ready} of {} values", values.len()));
    }

    here.leave().await?;
    there.leave().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (before, started) = (a.sent() + b.sent(), Instant::now());
    here.start_sync(peers).await?;
    let finished = loop {
        match tokio::time::timeout(STALL, events.next()).await {
            Ok(Some(Ok(LiveEvent::SyncFinished(_)))) => break true,
            Ok(Some(Ok(_))) => {}
            _ => break false,
        }
    };
    if finished {
        run.add("resync_nothing", "ms", since(started));
        run.add("resync_nothing_bytes", "B", a.sent() + b.sent() - before);
    } else {
        run.missing("resync_nothing", "no sync was reported after leaving and joining again");
    }
    a.router.shutdown().await?;
    b.router.shutdown().await?;
    Ok(())
}

fn key(number: usize) -> Vec<u8> {
    format!("e{number:08}").into_bytes()
}
