//! Two devices on networks as they are: far apart, lossy, slow, changing address in the middle, forgetting who is who.

use std::time::{Duration, Instant};

use afterword_tests::corpus::Corpus;
use afterword_tests::{Home, Link, Relay, Running};
use serde_json::Value;

use super::support::{SOON, assert_same, body, set_body};

/// Two paired devices, the first of which serves behind a relay.
struct Apart {
    host: Home,
    guest: Home,
    serving: Running,
    relay: Relay,
}

impl Apart {
    fn new(link: Link) -> Self {
        let (host, _) = Home::init("host");
        let mut guest = Home::join(&host);
        guest.set_limit(Duration::from_secs(120));
        let (serving, address) = host.serve();
        let relay = Relay::start(address.parse().unwrap(), link, 11);
        Self { host, guest, serving, relay }
    }

    /// Gives the host `count` entries that the guest has not.
    fn import(&self, count: usize) {
        let folder = self.host.scratch().join(format!("corpus-{count}"));
        Corpus::new(count as u64).markdown_folder(&folder, count).unwrap();
        assert_eq!(self.host.json(&["import", folder.to_str().unwrap()])["created"], count);
    }

    /// The guest's report of one sync through the relay.
    fn sync(&self) -> Value {
        let report = self.guest.json(&["sync", "--timeout", "100", "--peer", &self.relay.address().to_string()]);
        assert_eq!(report["equal"], true, "{report}");
        report["peers"][0].clone()
    }

    /// Both hold the same, and the one that served ends well.
    fn end(self) {
        self.serving.interrupt(SOON).expect_code(0);
        assert_same(&[&self.host, &self.guest]);
    }
}

fn number(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap()
}

/// With fifty milliseconds between them what counts is how often one waits for the other: a round trip is paid once for
/// nothing new and a few times for anything, not once for each entry.
#[test]
fn far_apart_a_sync_waits_a_few_times_whatever_it_brings() {
    let apart = Apart::new(Link { delay: Duration::from_millis(25), ..Link::default() });
    assert_eq!(number(&apart.sync(), "round_trips"), 1);
    let entry = apart.host.write("One", "A single entry.");
    let one = apart.sync();
    apart.import(400);
    let many = apart.sync();
    assert!(number(&many["received"], "operations") >= 400, "{many}");
    assert!(number(&one, "round_trips") <= 3, "{one}");
    assert!(number(&many, "round_trips") <= number(&one, "round_trips") + 2, "{many}");
    set_body(&apart.guest, &entry, "A single entry, changed.");
    assert!(number(&apart.sync(), "round_trips") <= 3);
    apart.end();
}

#[test]
fn loss_doubling_and_reordering_cost_time_and_nothing_else() {
    let link = Link {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(3),
        loss: 0.05,
        duplicate: 0.03,
        reorder: 0.05,
        ..Link::default()
    };
    let apart = Apart::new(link);
    apart.import(300);
    let entry = apart.guest.write("From the guest", "Both ways at once.");
    let report = apart.sync();
    assert!(number(&report["received"], "operations") >= 300, "{report}");
    assert_eq!(number(&report["sent"], "operations"), 1);
    let passed = apart.relay.counters();
    assert!(passed.down.lost > 0 && passed.down.held_back > 0, "{passed:?}");
    assert_eq!(body(&apart.host, &entry), "Both ways at once.");
    apart.end();
}

/// A telephone's uplink: 64 kB a second with a queue of a quarter of a second. What is sent twice stays a small part.
#[test]
fn a_slow_uplink_is_filled_and_not_flooded() {
    let apart = Apart::new(Link { rate: Some(64 << 10), delay: Duration::from_millis(20), ..Link::default() });
    apart.import(400);
    let started = Instant::now();
    let report = apart.sync();
    assert!(number(&report["received"], "operations") >= 400, "{report}");
    let passed = apart.relay.counters().down;
    assert!(passed.lost * 4 < passed.datagrams, "{passed:?}");
    // The path was used: not much longer than the bytes need.
    let needed = Duration::from_secs_f64(passed.bytes as f64 / f64::from(64 << 10));
    assert!(started.elapsed() < needed * 3 + Duration::from_secs(10), "{needed:?} of {:?}", started.elapsed());
    apart.end();
}

#[test]
fn an_address_that_changes_in_the_middle_of_a_transfer_is_not_noticed() {
    let apart = Apart::new(Link { rate: Some(256 << 10), delay: Duration::from_millis(10), ..Link::default() });
    apart.import(600);
    let mut syncing = apart.guest.start(&["sync", "--timeout", "100", "--peer", &apart.relay.address().to_string()]);
    for part in 1..=2 {
        let until = Instant::now() + SOON;
        while apart.relay.counters().down.bytes < part * (128 << 10) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(syncing.is_up(), "the transfer was over before the address changed");
        apart.relay.readdress();
    }
    let report = syncing.wait(SOON).expect_code(0).json()["peers"][0].clone();
    assert!(number(&report["received"], "operations") >= 600, "{report}");
    apart.end();
}

/// A NAT that forgets an idle mapping: the server's datagrams go nowhere until the dialer's keep-alive makes a new one. The
/// session that stays goes on; it is not dialed again.
#[test]
fn a_nat_that_forgets_delays_what_is_pushed_by_a_keep_alive_at_most() {
    let Apart { host, guest, serving, relay } = Apart::new(Link::default());
    // An address that the guest synced with is one that its `serve` dials again.
    guest.json(&["sync", "--peer", &relay.address().to_string()]);
    let mut live = guest.start(&["serve", "--listen", "127.0.0.1:0"]);
    live.event("listening", SOON);
    live.event("synced", SOON);
    let before = host.write("Before", "pushed at once");
    live.event_where("synced", SOON, |event| event["received"]["operations"].as_u64() >= Some(1));
    assert_eq!(body(&guest, &before), "pushed at once");

    relay.readdress();
    let after = host.write("After", "pushed after the NAT forgot");
    live.event_where("synced", SOON, |event| event["received"]["operations"].as_u64() >= Some(1));
    assert_eq!(body(&guest, &after), "pushed after the NAT forgot");
    live.interrupt(SOON).expect_code(0);
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&host, &guest]);
}
