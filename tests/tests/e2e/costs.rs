//! What a sync costs, counted and not timed: nothing new, one edit, a few scattered edits and a first sync, at two sizes.
//!
//! Another size may cost more only where more moves. Times are the benchmark's.

use std::time::Duration;

use afterword_tests::Home;
use afterword_tests::corpus::Corpus;
use serde_json::Value;

use super::support::{SOON, ids, set_body};

const SIZES: [usize; 2] = [200, 2000];
/// An import commits each entry; the disk may be busy.
const IMPORT: Duration = Duration::from_secs(600);
/// Two, and one more where what the other side says last comes behind our acknowledgement and not before it.
const ROUND_TRIPS: u64 = 3;
/// The program that serves has heard by then of what another wrote. In the middle of a session it would say again where
/// it stands, which costs a round trip and says nothing of sizes.
const HEARD: Duration = Duration::from_secs(4);
const SCATTERED: usize = 10;
/// QUIC's own acknowledgements and probes come as the clock has it: this much more or less, and no growth with size.
const TIMING: u64 = 400;

#[derive(Debug, Clone, Copy)]
struct Cost {
    operations: u64,
    /// Of operations, as the session counts them, both ways.
    payload: u64,
    /// UDP payload after the handshake, both ways.
    wire: u64,
    datagrams: u64,
    round_trips: u64,
    transactions: u64,
    documents: u64,
}

fn sync(guest: &Home, address: &str) -> Cost {
    let report = guest.json(&["sync", "--peer", address]);
    let peer = &report["peers"][0];
    assert_eq!((&report["equal"], &peer["ok"]), (&true.into(), &true.into()), "{report}");
    let count = |value: &Value| value.as_u64().unwrap();
    let (wire, sent, received) = (&peer["wire"], &peer["sent"], &peer["received"]);
    let cost = Cost {
        operations: count(&sent["operations"]) + count(&received["operations"]),
        payload: count(&sent["bytes"]) + count(&received["bytes"]),
        wire: count(&wire["sent_bytes"]) + count(&wire["received_bytes"]) - count(&wire["handshake_bytes"]),
        datagrams: count(&wire["sent_datagrams"]) + count(&wire["received_datagrams"]),
        round_trips: count(&peer["round_trips"]),
        transactions: count(&peer["transactions"]),
        documents: count(&peer["documents_opened"]),
    };
    println!("{cost:?}");
    assert_eq!(cost.documents, 0, "a sync opens no document");
    cost
}

struct Costs {
    first: Cost,
    nothing: Cost,
    theirs: Cost,
    ours: Cost,
    scattered: Cost,
}

fn at(size: usize) -> Costs {
    let (mut host, _) = Home::init("host");
    host.set_limit(IMPORT);
    let guest = Home::join(&host);
    let folder = host.scratch().join("corpus");
    Corpus::new(5).markdown_folder(&folder, size).unwrap();
    assert_eq!(host.json(&["import", folder.to_str().unwrap()])["created"], size);
    let (serving, address) = host.serve();
    let first = sync(&guest, &address);
    assert!(first.operations >= size as u64, "{first:?}");
    let nothing = sync(&guest, &address);
    let held: Vec<String> = ids(&host).into_iter().collect();
    set_body(&host, &held[0], "rained all day long..");
    std::thread::sleep(HEARD);
    let theirs = sync(&guest, &address);
    set_body(&guest, &held[1], "rained all day long..");
    // What the host's own writing left to do may still be going on.
    std::thread::sleep(HEARD);
    let ours = sync(&guest, &address);
    for entry in held.iter().step_by(held.len() / SCATTERED).take(SCATTERED) {
        set_body(&host, entry, "the sun was out today.");
    }
    std::thread::sleep(HEARD);
    let scattered = sync(&guest, &address);
    serving.interrupt(SOON).expect_code(0);
    Costs { first, nothing, theirs, ours, scattered }
}

#[test]
fn what_does_not_move_costs_nothing() {
    let [few, many] = SIZES.map(at);
    for costs in [&few, &many] {
        assert_eq!((costs.nothing.operations, costs.nothing.transactions, costs.nothing.round_trips), (0, 0, 1));
        for edit in [&costs.theirs, &costs.ours] {
            assert_eq!(edit.operations, 1);
            assert!(edit.transactions <= 2 && edit.round_trips <= ROUND_TRIPS, "{edit:?}");
            assert!(edit.wire <= 1000 + edit.payload, "{edit:?}");
        }
        let scattered = &costs.scattered;
        assert_eq!(scattered.operations, SCATTERED as u64);
        assert!(scattered.transactions <= 2 && scattered.round_trips <= ROUND_TRIPS, "{scattered:?}");
        assert!(scattered.wire <= scattered.payload + 1500, "{scattered:?}");
        // A first sync: a transaction for about a MiB, and no round trip for each.
        let first = &costs.first;
        assert!(first.transactions <= 3 + first.payload / (512 << 10), "{first:?}");
        assert!(first.round_trips <= 4 + first.transactions, "{first:?}");
        assert!(first.wire <= first.payload, "compressed, all of QUIC included: {first:?}");
    }
    for (what, few, many) in [
        ("nothing", few.nothing, many.nothing),
        ("their edit", few.theirs, many.theirs),
        ("our edit", few.ours, many.ours),
        ("scattered edits", few.scattered, many.scattered),
    ] {
        // The bodies that the edits replace differ, and with them the changes.
        let grown = many.payload.saturating_sub(few.payload);
        assert!(many.wire <= few.wire + grown + TIMING, "{what}: {few:?} {many:?}");
        assert!(many.datagrams <= few.datagrams + grown / 1000 + 6, "{what}: {few:?} {many:?}");
        assert_eq!(many.transactions, few.transactions, "{what}");
        assert!(many.round_trips.abs_diff(few.round_trips) <= 1, "{what}: {few:?} {many:?}");
    }
    // Ten times as much to move is ten times as much, not more.
    let (few, many) = (&few.first, &many.first);
    assert!(many.wire <= 12 * few.wire, "{few:?} {many:?}");
    assert!(many.datagrams <= 12 * few.datagrams, "{few:?} {many:?}");
}
