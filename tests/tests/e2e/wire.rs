//! What a sync with nothing to say costs: the same few bytes and one round trip, however much is held.

use afterword_tests::Home;
use afterword_tests::corpus::Corpus;
use serde_json::Value;

use super::support::SOON;

/// Two datagrams with nothing but QUIC's own acknowledgement in them: a busy machine delays one, and so sends it alone.
const ACKNOWLEDGEMENTS: u64 = 64;

/// UDP payload after the handshake, of the cheapest of a few syncs: when a delayed acknowledgement leaves is the clock's
/// doing and costs a datagram more or less.
fn quiet_sync(guest: &Home, host: &Home) -> u64 {
    let (serving, address) = host.serve();
    let mut bytes = Vec::new();
    for _ in 0..6 {
        let report = guest.json(&["sync", "--peer", &address]);
        let peer = &report["peers"][0];
        let count = |value: &Value| value.as_u64().unwrap();
        let wire = &peer["wire"];
        let after = count(&wire["sent_bytes"]) + count(&wire["received_bytes"]) - count(&wire["handshake_bytes"]);
        for (key, expected) in [("round_trips", 1), ("documents_opened", 0), ("transactions", 0), ("derived", 0)] {
            assert_eq!(count(&peer[key]), expected, "{key}: {peer}");
        }
        assert_eq!(count(&peer["sent"]["operations"]) + count(&peer["received"]["operations"]), 0);
        bytes.push(after);
    }
    serving.interrupt(SOON).expect_code(0);
    let cheapest = bytes.iter().copied().min().unwrap();
    assert!(cheapest <= 256, "{bytes:?}");
    cheapest
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
    assert!(few.abs_diff(many) <= ACKNOWLEDGEMENTS, "{few} and {many} bytes");
    // And with another device known.
    let _third = Home::join(&host);
    let (serving, address) = host.serve();
    guest.json(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    let third = quiet_sync(&guest, &host);
    assert!(few.abs_diff(third) <= ACKNOWLEDGEMENTS, "{few} and {third} bytes");
}
