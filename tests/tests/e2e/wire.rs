//! What a sync with nothing to say costs: the same few bytes and one round trip, however much is held.

use afterword_tests::Home;
use afterword_tests::corpus::Corpus;
use serde_json::Value;

use super::support::SOON;

/// Three datagrams: hello, answer, close.
const SAID: u64 = 125;
/// UDP payload of the whole exchange after the handshake, both ways.
const MOST: u64 = 256;
/// The same where a side was held up for longer than QUIC waits before it acknowledges and probes by itself: both sides
/// say what they said again, once.
const HELD_UP: (u64, u64) = (20, 384);
/// What the lowest may differ by: a QUIC acknowledgement's delay and packet numbers take one byte or two each, and the
/// acknowledgement of HANDSHAKE_DONE rides on the dialer's hello or on its close.
const ENCODING: u64 = 12;

/// The lowest, of a few syncs, of UDP payload after the handshake. Every one of them keeps to [`MOST`], on a machine
/// that lets both sides run.
fn quiet_sync(guest: &Home, host: &Home) -> u64 {
    let (serving, address) = host.serve();
    let (mut bytes, mut handshake) = (Vec::new(), u64::MAX);
    // What each session took in all, less the shortest handshake. Where a side is held up as its handshake ends, what the
    // other says right behind it is counted with it, and seems to be missing afterwards.
    let after = |bytes: &[u64], handshake: u64| bytes.iter().min().map_or(u64::MAX, |all| all - handshake);
    // What QUIC says for itself goes with what we say or in a datagram of its own, as threads happen to run within the first
    // millisecond, and that only adds: what is said is the lowest count. Where nine sessions of ten have such a datagram,
    // a few more show one without.
    while bytes.len() < 9 || (bytes.len() < 90 && after(&bytes, handshake) > SAID) {
        let report = guest.json(&["sync", "--peer", &address]);
        let peer = &report["peers"][0];
        let count = |value: &Value| value.as_u64().unwrap();
        let wire = &peer["wire"];
        let all = count(&wire["sent_bytes"]) + count(&wire["received_bytes"]);
        handshake = handshake.min(count(&wire["handshake_bytes"]));
        for (key, expected) in [("round_trips", 1), ("documents_opened", 0), ("transactions", 0), ("derived", 0)] {
            assert_eq!(count(&peer[key]), expected, "{key}: {peer}");
        }
        assert_eq!(count(&peer["sent"]["operations"]) + count(&peer["received"]["operations"]), 0);
        let (late, most) = HELD_UP;
        let said = all - count(&wire["handshake_bytes"]);
        assert!(said <= if count(&peer["ms"]) < late { MOST } else { most }, "{peer}");
        bytes.push(all);
    }
    serving.interrupt(SOON).expect_code(0);
    bytes.sort_unstable();
    println!("bytes in all: {bytes:?}, {handshake} of them the handshake's");
    assert!(bytes[bytes.len() / 2] - handshake <= MOST, "{bytes:?}");
    after(&bytes, handshake)
}

fn with_entries(count: usize) -> (Home, Home) {
    let (host, _) = Home::init("host");
    let folder = host.scratch().join("corpus");
    Corpus::new(5).markdown_folder(&folder, count).unwrap();
    let report = host.json(&["import", folder.to_str().unwrap()]);
    assert_eq!(report["created"], count, "{report}");
    let guest = Home::join(&host);
    (host, guest)
}

#[test]
fn a_sync_without_news_costs_the_same_at_a_hundred_and_at_a_thousand_entries() {
    let (host, guest) = with_entries(100);
    let few = quiet_sync(&guest, &host);
    let (host, guest) = with_entries(1000);
    let many = quiet_sync(&guest, &host);
    assert!(few.abs_diff(many) <= ENCODING, "{few} and {many} bytes");
    // And with another device known.
    let _third = Home::join(&host);
    let (serving, address) = host.serve();
    guest.json(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    let third = quiet_sync(&guest, &host);
    assert!(few.abs_diff(third) <= ENCODING, "{few} and {third} bytes");
}
