//! Who is told of which device, until when.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::crypto::DeviceKey;
use crate::engine::alone::{again, environment};
use crate::engine::devices::tests::{at, devices, serving};
use crate::engine::home::Device;
use crate::engine::{ServeEvent, SyncOptions};
use crate::membership::{Signer, Statement};

/// Before anything that a clock of these engines says.
const AT: Timestamp = Timestamp(1_600_000_000_000);

/// A device that `engine` adds, as it does for a guest who knows the code.
fn add(engine: &Engine, seed: u64, name: &str) -> DeviceId {
    let identity = &engine.shared.identity;
    let newcomer = Device::generate(&mut environment(seed).entropy).newcomer(&identity.journal, name).unwrap();
    let device = newcomer.device;
    let said = |tx: &mut dyn Tx| {
        let seen = rules::statements(tx)?.seen();
        let add = Statement::add(Signer::Device(&identity.key), &identity.journal, &seen, newcomer, AT)?;
        rules::add_statements(tx, identity, vec![add])
    };
    engine.shared.store.write(said).unwrap();
    engine.shared.changed();
    device
}

fn remove(engine: &Engine, device: DeviceId) {
    engine.remove_device(device, &SyncOptions { discover: None, ..SyncOptions::default() }).unwrap();
}

fn meet(one: &Engine, other: &Arc<Engine>) {
    let up = serving(other, |_| {});
    assert!(one.sync(&at(up.at), |_, _| {}).unwrap().equal);
}

fn told(engine: &Engine) -> Vec<(DeviceChangeKind, String, Option<String>)> {
    let news = engine.device_news().unwrap();
    news.changes.into_iter().map(|change| (change.kind, change.name, change.by.map(|by| by.1))).collect()
}

use DeviceChangeKind::{Added, Removed};

fn by(kind: DeviceChangeKind, name: &str, by: &str) -> (DeviceChangeKind, String, Option<String>) {
    (kind, name.to_owned(), Some(by.to_owned()))
}

#[test]
fn a_device_that_another_one_added_is_told_until_it_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let [host, phone, third] = devices::<3>(folder.path());
    let (host, phone) = (Arc::new(host), Arc::new(phone));
    let guest = add(&host, 9, "guest");
    assert_eq!(told(&host), [], "it did so itself");
    meet(&phone, &host);
    // It comes through a second device as well as from the one that did it.
    meet(&third, &phone);
    for engine in [&*phone, &third] {
        let news = engine.device_news().unwrap();
        assert_eq!(told(engine), [by(Added, "guest", "device 0")]);
        assert_eq!((news.changes[0].device, news.changes[0].at, news.more), (guest, Some(AT), 0));
        assert_eq!(news.changes[0].by.as_ref().unwrap().0, host.device());
    }
    phone.device_news_seen(&phone.device_news().unwrap().seen).unwrap();
    assert_eq!((told(&phone), told(&again(&phone, 7))), (vec![], vec![]), "also for the next program");
    assert_eq!(told(&third), [by(Added, "guest", "device 0")], "each device is seen on its own");

    remove(&host, guest);
    meet(&phone, &host);
    meet(&third, &phone);
    assert_eq!(told(&host), []);
    assert_eq!(told(&phone), [by(Removed, "guest", "device 0")]);
    assert_eq!(told(&third), [by(Added, "guest", "device 0"), by(Removed, "guest", "device 0")]);
}

#[test]
fn news_that_came_while_others_were_shown_are_told_next() {
    let folder = tempfile::tempdir().unwrap();
    let [host, phone] = devices::<2>(folder.path());
    let host = Arc::new(host);
    add(&host, 9, "first");
    meet(&phone, &host);
    let shown = phone.device_news().unwrap();
    add(&host, 10, "second");
    meet(&phone, &host);
    phone.device_news_seen(&shown.seen).unwrap();
    assert_eq!(told(&phone), [by(Added, "second", "device 0")]);
}

/// A device whose adding does not count any more was not removed by anybody.
#[test]
fn a_device_goes_with_the_one_that_added_it() {
    let folder = tempfile::tempdir().unwrap();
    let [owner, phone, thief] = devices::<3>(folder.path());
    let (phone, thief) = (Arc::new(phone), Arc::new(thief));
    add(&thief, 9, "guest");
    meet(&phone, &thief);
    // The owner has not seen the guest.
    remove(&owner, thief.device());
    let owner = Arc::new(owner);
    meet(&phone, &owner);
    assert_eq!(
        told(&phone),
        [(Removed, "guest".into(), None), by(Added, "guest", "device 2"), by(Removed, "device 2", "device 0")]
    );
    assert_eq!(told(&owner), [(Removed, "guest".into(), None), by(Added, "guest", "device 2")]);
}

#[test]
fn hundreds_of_devices_are_a_short_list() {
    let folder = tempfile::tempdir().unwrap();
    let [host, phone] = devices::<2>(folder.path());
    for seed in 0..120 {
        add(&host, 100 + seed, "one of many");
    }
    let host = Arc::new(host);
    meet(&phone, &host);
    let news = phone.device_news().unwrap();
    assert_eq!((news.changes.len(), news.more, news.alarms().len()), (MAX_DEVICE_NEWS, 100, MAX_DEVICE_NEWS + 1));
    assert_eq!(news.alarms().last(), Some(&Alarm::MoreDevices { more: 100 }));
    phone.device_news_seen(&news.seen).unwrap();
    assert!(phone.device_news().unwrap().is_empty());
}

#[test]
fn who_serves_tells_what_is_unseen_and_what_comes_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let [host, phone] = devices::<2>(folder.path());
    let (host, phone) = (Arc::new(host), Arc::new(phone));
    add(&host, 9, "before");
    meet(&phone, &host);
    let (tell, hear) = channel();
    let up = serving(&phone, move |event| {
        if let ServeEvent::Alarm(Alarm::Device(change)) = event {
            tell.send(change.name).unwrap();
        }
    });
    let next = || hear.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(next(), "before");
    add(&host, 10, "meanwhile");
    assert!(host.sync(&at(up.at), |_, _| {}).unwrap().equal);
    assert_eq!(next(), "meanwhile");
    drop(up);
    assert!(hear.try_recv().is_err(), "each was told once");
    assert_eq!(told(&phone).len(), 2, "nobody has seen it");
}

#[test]
fn what_was_seen_is_canonical_and_refuses_what_it_is_not() {
    let seen =
        Seen(BTreeMap::from([(DeviceKey::from_seed(&[1; 32]).id(), true), (DeviceId::from_bytes([2; 32]), false)]));
    assert_eq!(Seen::decode(&seen.encode()).unwrap(), seen);
    assert_eq!(seen.encode().len(), 2 * ROW);
    assert_eq!(Seen::decode(&[]).unwrap(), Seen::default());
    for bad in [&[0; 32][..], &[2; 33], &[0; 34]] {
        assert!(Seen::decode(bad).is_err());
    }
}
