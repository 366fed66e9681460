//! Files in entries: the same bytes on the other device, also when the path broke in the middle.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use afterword_tests::home::text;
use afterword_tests::{Home, Link, Relay, Seeded};

use super::support::{SOON, meet};

fn file_of(home: &Home, name: &str, bytes: &[u8]) -> PathBuf {
    let path = home.scratch().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn extracted(home: &Home, entry: &str, attachment: &str) -> Vec<u8> {
    let path = home.scratch().join("extracted.bin");
    let _ = std::fs::remove_file(&path);
    home.json(&["extract", entry, attachment, path.to_str().unwrap()]);
    std::fs::read(&path).unwrap()
}

#[test]
fn an_attachment_comes_out_as_it_went_in_on_both_devices() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("With a picture", "see below");
    let phone = Home::join(&laptop);
    let bytes = Seeded::new(1).bytes(1 << 20);
    let path = file_of(&laptop, "picture.png", &bytes);
    let printed = laptop.json(&["attach", &entry, path.to_str().unwrap(), "--caption", "c", "--alt", "a"]);
    let attachment = text(&printed, "attachment");
    meet(&phone, &laptop);
    for home in [&laptop, &phone] {
        let shown = home.show(&entry)["attachments"][0].clone();
        assert_eq!((&shown["here"], &shown["bytes"]), (&true.into(), &(1 << 20).into()), "{shown}");
        assert_eq!((&shown["mime"], &shown["caption"], &shown["alt"]), (&"image/png".into(), &"c".into(), &"a".into()));
        assert_eq!(extracted(home, &entry, &attachment), bytes);
    }
    phone.json(&["detach", &entry, &attachment]);
    meet(&phone, &laptop);
    assert_eq!(laptop.show(&entry)["attachments"].as_array().unwrap().len(), 0);
    assert_eq!(laptop.fails(&["extract", &entry, &attachment, "nowhere.bin"]).code, "not_found");
}

/// A path with some length, so that there is a middle to cut it in.
fn long_path(server: &str, seed: u64) -> Relay {
    let link = Link { delay: Duration::from_millis(10), ..Link::default() };
    Relay::start(server.parse().unwrap(), link, seed)
}

fn wait_for(relay: &Relay, bytes: u64) {
    let deadline = Instant::now() + SOON;
    while relay.counters().down.bytes < bytes {
        assert!(Instant::now() < deadline, "{:?}", relay.counters());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Two devices, an entry that both hold, and a file in it that only the laptop has.
fn with_file(length: usize, seed: u64) -> (Home, Home, String, String, Vec<u8>) {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Large", "a film");
    let phone = Home::join(&laptop);
    let bytes = Seeded::new(seed).bytes(length);
    let path = file_of(&laptop, "large.bin", &bytes);
    let attachment = text(&laptop.json(&["attach", &entry, path.to_str().unwrap()]), "attachment");
    (laptop, phone, entry, attachment, bytes)
}

/// What is on the wire for so many bytes of a file, with everything around them.
fn on_the_wire(bytes: usize) -> usize {
    bytes + bytes / 10 + (256 << 10)
}

#[test]
fn an_attachment_goes_on_where_the_path_broke() {
    const LENGTH: usize = 24 << 20;
    let (laptop, phone, entry, attachment, bytes) = with_file(LENGTH, 2);
    let (serving, address) = laptop.serve();
    let relay = long_path(&address, 3);
    let through = relay.address().to_string();
    // Of what the relay passed on, a phone that is busy with other things loses much, and it is slow: there is room below
    // the cut, and behind it, and time.
    let syncing = phone.start(&["sync", "--timeout", "15", "--peer", &through]);
    wait_for(&relay, 10 << 20);
    relay.cut(true);
    let report = syncing.wait(SOON).json();
    assert_eq!(report["wanted_blobs"], 1, "{report}");
    let shown = phone.show(&entry)["attachments"][0].clone();
    assert_eq!(shown["here"], false, "{shown}");
    let came = report["peers"][0]["received"]["bytes"].as_u64().unwrap() as usize;
    assert!(came > 4 << 20, "{report}");

    relay.cut(false);
    relay.reset_counters();
    let report = phone.json(&["sync", "--peer", &through]);
    assert_eq!((&report["equal"], &report["wanted_blobs"]), (&true.into(), &0.into()), "{report}");
    // Nothing that came comes again: what the two syncs received is the file, once.
    let again = report["peers"][0]["received"]["bytes"].as_u64().unwrap() as usize;
    let twice = (came + again).saturating_sub(LENGTH);
    assert!(twice <= (64 << 10) + (8 << 10), "{twice} bytes came twice");
    let down = relay.counters().down.bytes as usize;
    assert!(down < on_the_wire(LENGTH - came), "{down} bytes on the wire after the cut, {came} had come");
    serving.interrupt(SOON).expect_code(0);
    assert!(extracted(&phone, &entry, &attachment) == bytes);
}

#[test]
fn an_attachment_goes_on_after_kill_9_of_either_side() {
    const LENGTH: usize = 50 << 20;
    /// A slice that was being stored, one that was arriving, and what the connection held.
    const AT_RISK: usize = (8 << 20) + (8 << 20);
    let (laptop, phone, entry, attachment, bytes) = with_file(LENGTH, 4);
    let (serving, address) = laptop.serve();
    let relay = long_path(&address, 5);
    let through = relay.address().to_string();

    let syncing = phone.start(&["sync", "--peer", &through]);
    wait_for(&relay, 30 << 20);
    syncing.kill9();
    let first = relay.counters().down.bytes as usize;
    assert!(first < on_the_wire(LENGTH), "it was over before it was killed");
    assert_eq!(phone.show(&entry)["attachments"][0]["here"], false);

    relay.reset_counters();
    let syncing = phone.start(&["sync", "--timeout", "4", "--peer", &through]);
    wait_for(&relay, 4 << 20);
    serving.kill9();
    let report = syncing.wait(SOON).json();
    assert_eq!(report["wanted_blobs"], 1, "{report}");
    let second = relay.counters().down.bytes as usize;

    let (serving, address) = laptop.serve();
    let relay = long_path(&address, 6);
    let report = phone.json(&["sync", "--peer", &relay.address().to_string()]);
    assert_eq!((&report["equal"], &report["wanted_blobs"]), (&true.into(), &0.into()), "{report}");
    let all = first + second + relay.counters().down.bytes as usize;
    assert!(all < on_the_wire(LENGTH + AT_RISK), "{all} bytes for {LENGTH}: {first}, {second} and the rest");
    serving.interrupt(SOON).expect_code(0);
    assert!(extracted(&phone, &entry, &attachment) == bytes);
    assert_eq!(phone.json(&["doctor"])["ok"], true);
}

#[test]
fn memory_does_not_grow_with_a_file() {
    const LENGTH: usize = 160 << 20;
    /// What a passphrase costs, the program, and a few slices on either side.
    const MOST: u64 = 112 << 20;
    let (laptop, phone, entry, attachment, bytes) = with_file(LENGTH, 7);
    let small = file_of(&laptop, "small.bin", &bytes[..200_000]);
    let second = text(&laptop.json(&["attach", &entry, small.to_str().unwrap()]), "attachment");
    let (serving, address) = laptop.serve();
    let (output, _, received) = phone.start(&["sync", "--peer", &address]).measure(SOON);
    let report = output.json();
    assert_eq!((&report["equal"], &report["wanted_blobs"]), (&true.into(), &0.into()), "{report}");
    // Growth that is counted: a transaction for each slice of 4 MiB and a few for the rest.
    let transactions = report["peers"][0]["transactions"].as_u64().unwrap();
    assert!(transactions <= (LENGTH as u64).div_ceil(4 << 20) + 16, "{report}");
    if let (Some(received), Some(sent)) = (received, serving.peak_memory()) {
        assert!(received < MOST && sent < MOST, "{} and {} MiB", received >> 20, sent >> 20);
    }
    serving.interrupt(SOON).expect_code(0);
    assert!(extracted(&phone, &entry, &attachment) == bytes);
    assert!(extracted(&phone, &entry, &second) == bytes[..200_000]);
}

#[test]
fn an_entry_erased_while_its_file_arrives_leaves_nothing() {
    let (laptop, phone, entry, _, _) = with_file(24 << 20, 8);
    let (serving, address) = laptop.serve();
    let relay = long_path(&address, 9);
    let syncing = phone.start(&["sync", "--peer", &relay.address().to_string()]);
    wait_for(&relay, 8 << 20);
    laptop.json(&["--yes", "erase", &entry]);
    syncing.wait(SOON);
    serving.interrupt(SOON).expect_code(0);
    meet(&phone, &laptop);
    for home in [&laptop, &phone] {
        let left: Vec<_> =
            std::fs::read_dir(home.path().join("blobs")).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(home.fails(&["show", &entry]).code, "not_found");
    }
}
