//! A crowd at a serving device's door: keys that nobody knows, which know the journal's secret as a removed device does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use afterword_core::crypto::{DeviceKey, Domain, HashKey};
use afterword_core::id::DeviceId;
use afterword_core::replication::{Setting, StorageExt};
use afterword_core::store::SqliteStore;
use afterword_core::store::sqlite::open::Vouched;
use afterword_core::transport::{Connection, Endpoint, Options};
use afterword_core::vault::{self, Unlock};
use afterword_tests::clock::environment;
use afterword_tests::{Home, Seeded};

use super::support::{SOON, device};

/// As many as there once were places for members and everybody else.
const CROWD: u64 = 1024;

/// What a device takes along when it is removed.
fn discovery_secret(home: &Home) -> HashKey {
    let files = afterword_core::files::Home::new(home.path());
    let key = vault::open(&files, Unlock::Passphrase("correct horse battery staple")).unwrap();
    let store = SqliteStore::open(&files.database(), &key, Vouched::ByVault).unwrap();
    let secret = store.read(|tx| tx.setting(Setting::JournalSecret)).unwrap().unwrap();
    HashKey::derive(Domain::DiscoveryKey, &secret)
}

/// Dials with a key that nobody knows, and opens a stream, as whoever wants to stay would.
async fn come(number: u64, secret: &HashKey, at: SocketAddr, device: DeviceId) -> Option<(Endpoint, Connection)> {
    let key = DeviceKey::generate(&mut Seeded::new(number));
    let options = Options { keep_alive: Some(Duration::from_secs(5)), ..Options::default() };
    let clock = environment(number).clock;
    let endpoint = Endpoint::dialer(&key, secret, clock, Box::new(Seeded::new(number + 1)), options).unwrap();
    let connection = endpoint.connect(at, device).await.ok()?;
    let (mut send, _receive) = connection.open_control().await.ok()?;
    send.write_all(&[0]).await.ok()?;
    Some((endpoint, connection))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A member syncs while they come, and when all have, at most half as fast as alone. About ten seconds.
#[test]
fn a_thousand_unknown_keys_keep_no_member_out() {
    let (host, _) = Home::init("host");
    let guest = Home::join(&host);
    let secret = discovery_secret(&host);
    let id: DeviceId = device(&host).parse().unwrap();
    let (mut serving, address) = host.serve();
    let sync = || {
        let begun = Instant::now();
        let report = guest.json(&["sync", "--peer", &address]);
        assert_eq!((&report["equal"], &report["peers"][0]["ok"]), (&true.into(), &true.into()), "{report}");
        begun.elapsed()
    };
    let alone = median((0..5).map(|_| sync()).collect());

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let at = address.parse().unwrap();
    let crowd = runtime.spawn(async move {
        let (mut came, mut held) = (0, Vec::new());
        for number in 0..CROWD {
            let one = come(number * 2, &secret, at, id).await;
            came += usize::from(one.is_some());
            held.extend(one);
            // Whoever was closed is not there any more; its socket is of no use.
            held.retain(|(_, connection)| connection.close_reason().is_none());
        }
        (came, held)
    });
    let mut beside = Vec::new();
    while !crowd.is_finished() {
        beside.push(sync());
    }
    let (came, held) = runtime.block_on(crowd).unwrap();
    let beside = median(beside);
    let after = median((0..5).map(|_| sync()).collect());
    println!("{came} came, {} are held; a sync alone {alone:?}, beside them {beside:?}, after {after:?}", held.len());
    assert!(came > 1000, "only {came} came as far as they should: this shows nothing");
    assert!(held.len() <= 64, "{} unknown keys are held", held.len());
    assert!(beside <= alone * 2 && after <= alone * 2, "{alone:?} alone, {beside:?} beside them, {after:?} after");
    assert!(serving.is_up());
    serving.interrupt(SOON).expect_code(0);
}
