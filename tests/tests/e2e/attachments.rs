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

#[test]
fn an_attachment_goes_on_where_the_path_broke() {
    const LENGTH: usize = 8 << 20;
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Large", "8 MB");
    let phone = Home::join(&laptop);
    let bytes = Seeded::new(2).bytes(LENGTH);
    let path = file_of(&laptop, "large.bin", &bytes);
    let attachment = text(&laptop.json(&["attach", &entry, path.to_str().unwrap()]), "attachment");

    let (serving, address) = laptop.serve();
    // A path with some length, so that there is a middle to cut it in.
    let link = Link { delay: Duration::from_millis(10), ..Link::default() };
    let relay = Relay::start(address.parse().unwrap(), link, 3);
    let through = relay.address().to_string();
    let syncing = phone.start(&["sync", "--timeout", "4", "--peer", &through]);
    let deadline = Instant::now() + SOON;
    while relay.counters().down.bytes < 5 << 20 {
        assert!(Instant::now() < deadline, "{:?}", relay.counters());
        std::thread::sleep(Duration::from_millis(1));
    }
    relay.cut(true);
    let report = syncing.wait(SOON).json();
    assert_eq!(report["wanted_blobs"], 1, "{report}");
    let shown = phone.show(&entry)["attachments"][0].clone();
    assert_eq!(shown["here"], false, "{shown}");

    relay.cut(false);
    relay.reset_counters();
    let report = phone.json(&["sync", "--peer", &through]);
    assert_eq!((&report["equal"], &report["wanted_blobs"]), (&true.into(), &0.into()), "{report}");
    let down = relay.counters().down.bytes as usize;
    assert!(down < LENGTH - (1 << 20), "{down} bytes came after the cut, of {LENGTH}");
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(extracted(&phone, &entry, &attachment), bytes);
}
