//! Tags and beacons; mDNS itself needs a network, and is tested where there is one.

use std::sync::{Arc, Mutex};

use super::super::{Announcement, Beacon, Discovery, Service, ServiceKind, Tag, Watch};
use super::*;
use crate::error::Error;
use crate::time::{Clock, Timestamp};

const DAY: i64 = 86_400_000;

#[test]
fn tags_change_daily_and_are_known_to_members_only() {
    let (phone, laptop) = (device(1).id(), device(2).id());
    let noon = Timestamp(20_000 * DAY + DAY / 2);
    let tag = Tag::at(&secret(1), noon, &phone);
    assert_eq!(tag.to_string().len(), 16);
    assert_eq!(tag.to_string().parse(), Ok(tag));
    assert_ne!(tag, Tag::at(&secret(1), Timestamp(noon.0 + DAY), &phone));
    assert_ne!(tag, Tag::at(&secret(1), noon, &laptop));
    assert_ne!(tag, Tag::at(&secret(2), noon, &phone));
    for away in [-DAY, 0, DAY] {
        let known = Tag::known(&secret(1), Timestamp(noon.0 + away), &[phone, laptop]);
        assert_eq!((known.len(), known.get(&tag)), (6, Some(&phone)));
    }
    assert!(!Tag::known(&secret(1), Timestamp(noon.0 + 2 * DAY), &[phone, laptop]).contains_key(&tag));
    assert!(!Tag::known(&secret(2), noon, &[phone, laptop]).contains_key(&tag));
    for text in ["", "zz", "0011223344556677889900", "00112233445566GG"] {
        assert!(text.parse::<Tag>().is_err());
    }
}

#[derive(Debug, Default)]
struct Wall(Arc<Mutex<Vec<Tag>>>);

struct Removed(Arc<Mutex<Vec<Tag>>>, Tag);

impl Drop for Removed {
    fn drop(&mut self) {
        self.0.lock().unwrap().retain(|tag| *tag != self.1);
    }
}

impl Discovery for Wall {
    fn announce(&self, service: Service, _: SocketAddr) -> Result<Announcement, Error> {
        let Service::Member(tag) = service else { panic!() };
        self.0.lock().unwrap().push(tag);
        Ok(Announcement::new(Removed(self.0.clone(), tag)))
    }

    fn watch(&self, _: ServiceKind) -> Result<Watch, Error> {
        Err(Error::internal("nobody looks at this wall"))
    }
}

#[derive(Debug)]
struct Turning(Mutex<i64>);

impl Clock for Turning {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn a_beacon_takes_the_new_day_s_tag() {
    let wall = Arc::new(Wall::default());
    let clock = Arc::new(Turning(Mutex::new(20_000 * DAY)));
    let shown = wall.0.clone();
    let tag = |days: i64| Tag::at(&secret(1), Timestamp((20_000 + days) * DAY), &device(1).id());
    let beacon =
        Beacon::looking_every(Duration::from_millis(5), wall, &secret(1), device(1).id(), ANY_PORT, clock.clone())
            .unwrap();
    assert_eq!(*shown.lock().unwrap(), [tag(0)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(*shown.lock().unwrap(), [tag(0)]);
    *clock.0.lock().unwrap() += DAY;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(*shown.lock().unwrap(), [tag(1)]);
    drop(beacon);
    assert!(shown.lock().unwrap().is_empty());
}
