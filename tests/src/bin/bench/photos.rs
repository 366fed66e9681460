//! A large attachment from one device to another: checked, sealed and durable, beside one bare stream of the same bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use afterword_core::crypto::{DeviceKey, Domain, HashKey};
use afterword_core::engine::{Engine, NewFile};
use afterword_core::error::{Error, Result};
use afterword_core::transport::{Connection, Endpoint, Options};
use afterword_core::vault::Unlock;
use afterword_tests::Seeded;
use afterword_tests::clock::environment;

use super::figures::{Table, median};
use super::fill::{self, Keys};
use super::syncing::{join, serving, sync};

/// Bytes of the attachment, and of each bare run.
const LENGTH: usize = 256 << 20;
const RUNS: u64 = 3;

/// MB/s of a large attachment, durable on the other device, and of one bare stream in the same run.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir().map_err(Error::internal)?;
    let (host_root, guest_root) = (folder.path().join("host"), folder.path().join("guest"));
    let (host_keys, guest_keys) = (Keys::default(), Keys::default());
    let host = fill::create(&host_root, &host_keys, 21)?.0;
    let guest = join(&host, &guest_root, &guest_keys)?;
    host.close()?;
    fill::fill(&host_root, &host_keys, RUNS as usize, 100, false)?;
    let host = Engine::open(&host_root, Unlock::Platform(&host_keys), environment(22))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Error::internal)?;
    let (mut ours, mut plain, mut probed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut our_work, mut plain_work) = (Vec::new(), Vec::new());
    serving(&host, |address| {
        sync(&guest, address)?;
        for (run, id) in (0..RUNS).zip(host.entry_ids()?) {
            let bytes = Seeded::stream(run, 31).bytes(LENGTH);
            host.attach(id, &mut bytes.as_slice(), NewFile::default())?;
            let before = cpu();
            ours.push(rate(sync(&guest, address)?.1.took.as_secs_f64()));
            our_work.push(cpu() - before);
            let before = cpu();
            plain.push(rate(runtime.block_on(bare(&bytes, false))?));
            plain_work.push(cpu() - before);
            probed.push(rate(runtime.block_on(bare(&bytes, true))?));
        }
        Ok(())
    })?;
    for (what, rates) in [
        ("attachment, BLAKE3, sealed, fsync", &ours),
        ("one bare stream, datagrams of 1200 bytes", &plain),
        ("one bare stream, MTU discovery on", &probed),
    ] {
        let shown: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        table.plain(&format!("{what}, 256 MiB"), 1, &format!("{} MB/s", shown.join(", ")));
    }
    let (ours, plain, probed) = (median(ours), median(plain), median(probed));
    table.plain(
        "attachment, of a bare stream",
        1,
        &format!("{:.2}; with MTU discovery {:.2}", ours / plain, ours / probed),
    );
    let (our_work, plain_work) = (median(our_work), median(plain_work));
    if plain_work > 0.0 {
        let times = our_work / plain_work;
        table.plain(
            "CPU of both ends, of a bare stream's",
            1,
            &format!("{our_work:.2} s, {times:.2} times {plain_work:.2} s"),
        );
    }
    guest.close()?;
    host.close()
}

/// CPU seconds of this process so far, in steps of 10 ms; both ends of everything here are in it. 0 where nobody says.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets, the twelfth and thirteenth words are the ticks of user and system time.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    words.filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn rate(seconds: f64) -> f64 {
    LENGTH as f64 / 1e6 / seconds
}

/// Seconds that the same bytes take on one stream of a connection of ours, with nothing done to them.
async fn bare(bytes: &[u8], mtu_discovery: bool) -> Result<f64> {
    let options = Options { mtu_discovery, ..Options::default() };
    let secret = HashKey::derive(Domain::DiscoveryKey, b"bench");
    let key = |seed| DeviceKey::generate(&mut Seeded::new(seed));
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let clock = environment(5).clock;
    let server = Endpoint::bind(loopback, &key(1), &secret, clock.clone(), Box::new(Seeded::new(3)), options.clone())?;
    let dialer = Endpoint::dialer(&key(2), &secret, clock, Box::new(Seeded::new(4)), options)?;
    let address = server.local_addr().ok_or_else(|| Error::internal("no address"))?;
    let (to, from) = tokio::join!(dialer.connect(address, server.device()), server.accept());
    let to = to.map_err(Error::internal)?;
    let from = from.ok_or_else(|| Error::internal("nobody came"))?;
    from.admit();
    let begun = Instant::now();
    let counted = tokio::spawn(count(from));
    let mut stream = to.open_blobs().await.map_err(Error::internal)?;
    for block in bytes.chunks(256 << 10) {
        stream.write_all(block).await.map_err(Error::internal)?;
    }
    let _ = stream.finish();
    let came = counted.await.map_err(Error::internal)??;
    if came != bytes.len() {
        return Err(Error::internal("the bare stream lost bytes"));
    }
    Ok(begun.elapsed().as_secs_f64())
}

async fn count(from: Connection) -> Result<usize> {
    let mut stream = from.accept_blobs().await.map_err(Error::internal)?;
    let mut came = 0;
    while let Some(chunk) = stream.read_chunk(1 << 20, true).await.map_err(Error::internal)? {
        came += chunk.bytes.len();
    }
    Ok(came)
}
