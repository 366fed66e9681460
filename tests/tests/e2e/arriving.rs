//! The listing: while a first sync is still coming over a slow path, the newest entries already stand in the list.

use std::time::{Duration, Instant};

use afterword_tests::corpus::Corpus;
use afterword_tests::home::text;
use afterword_tests::{Home, Link, Relay, Running};
use serde_json::Value;

use super::support::{SOON, assert_same, ids};

const ENTRIES: usize = 600;
const LISTED: usize = 200;
/// Bytes a second: what there is to send takes much longer than a look at the list.
const SLOW: u64 = 48 << 10;

fn slow() -> Link {
    Link { rate: Some(SLOW), delay: Duration::from_millis(10), ..Link::default() }
}

/// A host that serves many entries behind a slow path, and a guest that has none of them.
fn apart() -> (Home, Home, Running, Relay) {
    let (host, _) = Home::init("host");
    let mut guest = Home::join(&host);
    guest.set_limit(Duration::from_secs(120));
    let folder = host.scratch().join("corpus");
    Corpus::new(7).markdown_folder(&folder, ENTRIES).unwrap();
    assert_eq!(host.json(&["import", folder.to_str().unwrap()])["created"], ENTRIES);
    let (serving, address) = host.serve();
    let relay = Relay::start(address.parse().unwrap(), slow(), 5);
    (host, guest, serving, relay)
}

fn list(home: &Home) -> Vec<Value> {
    home.json(&["list", "--limit", "200"])["entries"].as_array().unwrap().clone()
}

/// What the guest lists once anything is announced there.
fn announced(guest: &Home, syncing: &mut Running) -> Vec<Value> {
    let until = Instant::now() + SOON;
    loop {
        let rows = list(guest);
        if rows.iter().any(|row| row["arriving"] == true) {
            return rows;
        }
        assert!(Instant::now() < until && syncing.is_up(), "nothing was announced");
    }
}

#[test]
fn the_newest_entries_are_listed_while_the_first_are_still_coming() {
    let (host, guest, serving, relay) = apart();
    let newest = list(&host);
    let mut syncing = guest.start(&["sync", "--timeout", "100", "--peer", &relay.address().to_string()]);
    let early = announced(&guest, &mut syncing);
    let passed = relay.counters().down.bytes;
    // As the host lists them, in its order, but for the mark.
    let unmarked = |rows: &[Value]| -> Vec<Value> {
        let mut rows = rows.to_vec();
        rows.iter_mut().for_each(|row| row["arriving"] = false.into());
        rows
    };
    assert_eq!(early.len(), LISTED);
    assert_eq!(unmarked(&early), newest);
    assert!(early.iter().all(|row| row["arriving"] == true), "the newest come last");
    // What it stands for is not there, and the program says so.
    let id = text(&early[0], "id");
    let missing = guest.fails(&["show", &id]);
    assert_eq!(missing.code, "not_found");
    assert!(missing.message.contains("arriving"), "{missing:?}");
    assert!(guest.json(&["list", "--limit", "200"])["unread"].as_u64().unwrap() < ENTRIES as u64);
    let shown = guest.ok(&["list"]);
    assert!(shown.contains("arriving"), "{shown}");

    relay.set(Link::default());
    syncing.wait(SOON).expect_code(0);
    // Long before the rest: a list costs a small part of what it lists.
    let all = relay.counters().down.bytes;
    assert!(passed * 3 < all, "{passed} of {all} bytes had come");
    assert_eq!(list(&guest), newest);
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&host, &guest]);
}

#[test]
fn what_was_announced_ends_with_a_killed_sync() {
    let (host, guest, serving, relay) = apart();
    let mut syncing = guest.start(&["sync", "--timeout", "100", "--peer", &relay.address().to_string()]);
    announced(&guest, &mut syncing);
    syncing.kill9();
    let left = ids(&guest);
    assert!(left.len() < ENTRIES, "the sync was over before it was killed");
    assert!(list(&guest).iter().all(|row| row["arriving"] == false));
    relay.set(Link::default());
    guest.json(&["sync", "--timeout", "100", "--peer", &relay.address().to_string()]);
    assert_eq!(ids(&guest), ids(&host));
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&host, &guest]);
}
