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
/// What the lowest may differ by: a QUIC acknowledgement rides on what is said or goes by itself, its delay and the
/// packets' numbers take one byte or two each, and the acknowledgement of HANDSHAKE_DONE goes with the dialer's hello or
/// with its close.
const ENCODING: u64 = 32;

/// The lowest, of a few syncs, of UDP payload, the handshake's included: it is the same for every journal, and where it
/// ends is seen a little early or late, as threads happen to run. After it every one keeps to [`MOST`], on a machine that
/// lets both sides run.
fn quiet_sync(guest: &Home, host: &Home) -> u64 {
    let (serving, address) = host.serve();
    let (mut bytes, mut said) = (Vec::new(), Vec::new());
    // What QUIC says for itself goes with what we say or in a datagram of its own, as threads happen to run within the first
    // millisecond, and that only adds: what is said is the lowest count. Where nine sessions of ten have such a datagram,
    // a few more show one without.
    while bytes.len() < 9 || (bytes.len() < 90 && said.iter().all(|said| *said > SAID)) {
        let report = guest.json(&["sync", "--peer", &address]);
        let peer = &report["peers"][0];
        let count = |value: &Value| value.as_u64().unwrap();
        let wire = &peer["wire"];
        let all = count(&wire["sent_bytes"]) + count(&wire["received_bytes"]);
        let after = all - count(&wire["handshake_bytes"]);
        for (key, expected) in [("round_trips", 1), ("documents_opened", 0), ("transactions", 0), ("derived", 0)] {
            assert_eq!(count(&peer[key]), expected, "{key}: {peer}");
        }
        assert_eq!(count(&peer["sent"]["operations"]) + count(&peer["received"]["operations"]), 0);
        let (late, most) = HELD_UP;
        assert!(after <= if count(&peer["ms"]) < late { MOST } else { most }, "{peer}");
        bytes.push(all);
        said.push(after);
    }
    serving.interrupt(SOON).expect_code(0);
    bytes.sort_unstable();
    said.sort_unstable();
    println!("bytes in all: {bytes:?}, after the handshake: {said:?}");
    assert!(said[said.len() / 2] <= MOST, "{said:?}");
    bytes[0]
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
