//! What was announced: kept until it is over, never of what is erased or heard of, and never anything improper.

use super::cases;
use crate::id::{DeviceId, EntryId, PEOPLE};
use crate::journal::{Boxed, InnerState, Kind};
use crate::replication::ListRow;
use crate::replication::rules;
use crate::replication::tx::StorageExt;
use crate::testing::journal::{Device, Doc, Journal, Make, entry};
use crate::time::{Day, Timestamp};

cases![
    what_is_announced_is_kept_until_it_is_over,
    what_is_held_or_erased_is_not_announced,
    an_erase_takes_what_was_announced,
    what_no_listing_says_is_left_out,
];

fn row(id: EntryId) -> ListRow {
    ListRow {
        kind: Kind::Loss,
        title: "The letter".to_owned(),
        day: Day::new(2026, 11, 22),
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
        states: vec![InnerState::Raw],
        words: 3,
        ..ListRow::bare(id)
    }
}

fn one(make: &Make) -> Device {
    Journal::new(&[1]).device(make, 1)
}

fn peer(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn announce(device: &Device, from: u8, rows: Vec<ListRow>) -> u64 {
    device.store.write(|tx| rules::announced(tx, &device.identity, peer(from), rows)).unwrap()
}

fn erase(device: &mut Device, n: u8) {
    device.write(|tx, identity, entropy| rules::erase(tx, identity, entropy, entry(n))).unwrap();
}

fn arriving(device: &Device) -> Vec<EntryId> {
    device.store.read(|tx| tx.arriving()).unwrap().into_iter().map(|row| row.id).collect()
}

fn what_is_announced_is_kept_until_it_is_over(make: &Make) {
    let mut device = one(make);
    assert_eq!(announce(&device, 2, vec![row(entry(1)), row(entry(2))]), 2);
    assert_eq!(announce(&device, 3, vec![row(entry(3))]), 1);
    assert_eq!(device.store.read(|tx| tx.arriving()).unwrap()[0], row(entry(1)), "as it was told");
    // The first came; the second never does; the third is another device's.
    device.change(entry(1), Doc::new(1).write("rain"));
    device.store.write(|tx| tx.end_arriving(peer(2))).unwrap();
    assert_eq!(arriving(&device), [entry(1), entry(3)]);
    device.store.write(|tx| tx.end_arriving(peer(3))).unwrap();
    assert_eq!(arriving(&device), [entry(1)]);
}

fn what_is_held_or_erased_is_not_announced(make: &Make) {
    let mut device = one(make);
    device.change(entry(1), Doc::new(1).write("rain"));
    erase(&mut device, 2);
    let rows = [entry(1), entry(2), PEOPLE, entry(3)].map(row).to_vec();
    assert_eq!(announce(&device, 2, rows), 1);
    assert_eq!(arriving(&device), [entry(3)]);
}

fn an_erase_takes_what_was_announced(make: &Make) {
    let mut device = one(make);
    announce(&device, 2, vec![row(entry(1)), row(entry(2))]);
    erase(&mut device, 1);
    assert_eq!(arriving(&device), [entry(2)]);
}

fn what_no_listing_says_is_left_out(make: &Make) {
    let device = one(make);
    let no_day: Day = postcard::from_bytes(&postcard::to_allocvec(&(2026i16, Some(13u8), Some(1u8))).unwrap()).unwrap();
    let rows = vec![
        ListRow { title: "long ".repeat(60), ..row(entry(1)) },
        ListRow { states: vec![InnerState::Raw; 9], ..row(entry(2)) },
        ListRow { day: no_day, ..row(entry(3)) },
        ListRow { boxed: Some(Boxed::Until(no_day)), ..row(entry(4)) },
        row(entry(5)),
    ];
    assert_eq!(announce(&device, 2, rows), 1);
    assert_eq!(arriving(&device), [entry(5)]);
}
