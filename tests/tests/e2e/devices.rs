//! Three devices: what one has reaches another through a third, and an add made elsewhere is believed when it is shown.

use afterword_tests::home::text;
use afterword_tests::{Home, Link, Relay};
use serde_json::json;

use super::support::{SOON, assert_same, body, device, ids, meet, set_body, status};

#[test]
fn entries_reach_a_third_device_through_a_second() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let c = Home::join(&b);
    let entry = a.write("From a", "Only b ever met both.");
    meet(&a, &b);
    meet(&c, &b);
    assert_eq!(body(&c, &entry), "Only b ever met both.");
    set_body(&c, &entry, "Only b ever met both. And back.");
    meet(&c, &b);
    meet(&b, &a);
    assert_eq!(body(&a, &entry), "Only b ever met both. And back.");
    meet(&b, &c);
    assert_same(&[&a, &b, &c]);
}

#[test]
fn a_device_added_behind_ones_back_is_accepted_when_it_shows_its_add() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let entry = b.write("From b", "b has never heard of c.");
    let c = Home::join(&a);
    assert_eq!(status(&b, &device(&c)), None);
    meet(&c, &b);
    assert_eq!(status(&b, &device(&c)).as_deref(), Some("member"));
    assert_eq!(body(&c, &entry), "b has never heard of c.");
    assert_same(&[&b, &c]);
}

#[test]
fn a_device_that_the_dialer_never_heard_of_must_dial_itself() {
    let (a, _) = Home::init("a");
    let b = Home::join(&a);
    let c = Home::join(&a);
    let entry = c.write("From c", "Dialed by a device that does not know it.");
    let report = {
        let (serving, address) = c.serve();
        let report = b.run_json(&["sync", "--peer", &address]);
        serving.interrupt(SOON).expect_code(0);
        report
    };
    // A gate opens to who names its device: the one that is not known yet must dial, and introduces itself.
    let report = report.expect_code(1).json();
    let error = &report["peers"][0]["error"];
    assert_eq!(error["code"], "unreachable", "{report}");
    assert!(error["hint"].as_str().unwrap().contains("sync from the other one"), "{report}");
    meet(&c, &b);
    assert_eq!(body(&b, &entry), "Dialed by a device that does not know it.");
    assert_same(&[&b, &c]);
}

/// What `home` says on standard error when a person lists entries.
fn said(home: &Home) -> String {
    home.run(&["list"]).expect_code(0).stderr
}

#[test]
fn a_device_added_elsewhere_is_told_until_somebody_has_seen_it() {
    let (a, _) = Home::init("a");
    let (b, c) = (Home::join(&a), Home::join(&a));
    assert_eq!((said(&a), said(&c)), (String::new(), String::new()), "a did it, and c was told when it joined");
    let added = device(&c);
    let name = |home: &Home, id: &str| {
        let devices = home.json(&["devices"]);
        let rows = devices["devices"].as_array().unwrap().clone();
        text(rows.iter().find(|row| row["id"] == id).unwrap(), "name")
    };
    let (of_a, of_c) = (name(&a, &device(&a)), name(&a, &added));

    // Through whatever sync: `serve` tells it, and so does the next one's answer.
    let (mut serving, address) = b.serve();
    assert_eq!(a.json(&["sync", "--peer", &address])["alarms"], json!([]));
    let told = serving.event("alarm", SOON);
    for (key, value) in [("code", "device_added"), ("device", &added), ("name", &of_c), ("by", &of_a)] {
        assert_eq!(told[key], value, "{told}");
    }
    assert!(told["at"].is_string() && told["by_device"] == device(&a), "{told}");
    serving.interrupt(SOON).expect_code(0);
    // A command whose answer has no place for it leaves it unseen, and says the same as ever.
    assert_eq!(b.json(&["list"]), json!({"entries": [], "next": null, "unread": 0, "too_large": []}));
    let seen = said(&b);
    assert!(seen.contains(&of_c) && seen.contains(&of_a) && seen.contains(&added[..8]), "{seen}");
    assert_eq!(said(&b), "");

    a.json(&["--yes", "devices", "remove", &added]);
    let (serving, address) = a.serve();
    let report = b.json(&["sync", "--peer", &address]);
    let alarms = report["alarms"].as_array().unwrap();
    assert!(alarms.len() == 1 && alarms[0]["code"] == "device_removed" && alarms[0]["name"] == of_c, "{report}");
    assert!(alarms[0]["by"] == of_a && alarms[0]["at"].is_string(), "{report}");
    assert_eq!(b.json(&["sync", "--peer", &address])["alarms"], json!([]));
    serving.interrupt(SOON).expect_code(0);
    assert_eq!((said(&a), said(&b)), (String::new(), String::new()));
}

#[test]
fn a_stranger_learns_nothing_and_the_server_goes_on() {
    let (host, printed) = Home::init("a-telling-name");
    host.write("Private", "Not for strangers.");
    let friend = Home::join(&host);
    let (stranger, _) = Home::init("stranger");
    stranger.write("Mine", "Something of my own.");
    let before = ids(&stranger);

    let (mut serving, address) = host.serve();
    let relay = Relay::start(address.parse().unwrap(), Link::default(), 1);
    let output = stranger.run_json(&["sync", "--timeout", "5", "--peer", &relay.address().to_string()]).expect_code(1);
    let said = format!("{}{}", output.stdout, output.stderr);
    for secret in [printed["device"]["id"].as_str().unwrap(), printed["journal"].as_str().unwrap(), "a-telling-name"] {
        assert!(!said.contains(secret), "{said}");
    }
    // Without the gate nothing of a handshake comes back: no key, no certificate.
    let down = relay.counters().down.bytes;
    assert!(down < 1500, "a stranger was sent {down} bytes");
    assert_eq!(ids(&stranger), before);

    assert!(serving.is_up());
    let report = friend.json(&["sync", "--peer", &address]);
    assert_eq!(report["equal"], true);
    serving.event("synced", SOON);
    serving.interrupt(SOON).expect_code(0);
}

#[test]
fn garbage_at_the_port_costs_a_server_nothing() {
    let (host, _) = Home::init("host");
    let friend = Home::join(&host);
    let (serving, address) = host.serve();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = afterword_tests::Seeded::new(7);
    for round in 0..2000 {
        let length = random.below(1400);
        let mut bytes = random.bytes(length);
        if let (1, Some(first)) = (round % 2, bytes.first_mut()) {
            // Half of them look like a QUIC long header of version 1.
            *first |= 0xc0;
            let version = [0, 0, 0, 1];
            bytes.iter_mut().skip(1).zip(version).for_each(|(byte, version)| *byte = version);
        }
        let _ = socket.send_to(&bytes, &address);
    }
    let entry = friend.write("Through it all", "x");
    assert_eq!(friend.json(&["sync", "--peer", &address])["equal"], true);
    if let Some(peak) = serving.peak_memory() {
        assert!(peak < 200 << 20, "{peak} bytes of memory");
    }
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(body(&host, &entry), "x");
}

#[test]
fn a_bad_path_only_costs_time() {
    let (host, _) = Home::init("host");
    let friend = Home::join(&host);
    for number in 0..5 {
        friend.write(&format!("Entry {number}"), &"words and words ".repeat(200));
        host.write(&format!("Other {number}"), &"more of them ".repeat(200));
    }
    let (serving, address) = host.serve();
    let link = Link { loss: 0.1, duplicate: 0.1, reorder: 0.1, ..Link::default() };
    let relay = Relay::start(address.parse().unwrap(), link, 11);
    let report = friend.json(&["sync", "--peer", &relay.address().to_string()]);
    assert_eq!(report["equal"], true, "{report}");
    assert!(relay.counters().up.lost + relay.counters().down.lost > 0, "{:?}", relay.counters());
    serving.interrupt(SOON).expect_code(0);
    assert_same(&[&host, &friend]);
}
