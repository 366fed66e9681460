//! What a listener hears: first how things are, then what changes, whatever the listener does.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;

const SOON: Duration = Duration::from_secs(20);

struct Tells {
    heard: Mutex<Sender<Event>>,
    takes: bool,
}

impl Listener for Tells {
    fn on_event(&self, event: Event) -> Result<(), NotHeard> {
        lock(&self.heard).send(event).map_err(|_| NotHeard)?;
        if self.takes { Ok(()) } else { Err(NotHeard) }
    }
}

fn listening(bus: &Arc<Bus>, takes: bool) -> (Subscription, Receiver<Event>) {
    let (heard, hear) = channel();
    (bus.subscribe(Arc::new(Tells { heard: Mutex::new(heard), takes })).unwrap(), hear)
}

fn three(hear: &Receiver<Event>) -> Vec<Event> {
    (0..3).map(|_| hear.recv_timeout(SOON).unwrap()).collect()
}

#[test]
fn who_comes_late_hears_how_things_are() {
    let bus = Arc::<Bus>::default();
    bus.tell(Event::LockChanged(LockState::Open));
    bus.changed();
    bus.changed();
    bus.tell(Event::SyncChanged(SyncState::Running));
    let (_subscription, hear) = listening(&bus, true);
    let now = [
        Event::LockChanged(LockState::Open),
        Event::ListChanged { revision: 2 },
        Event::SyncChanged(SyncState::Running),
    ];
    assert_eq!(three(&hear), now);
    bus.tell(Event::DevicesChanged);
    assert_eq!(hear.recv_timeout(SOON), Ok(Event::DevicesChanged));
}

/// One that refuses each event still hears the next, and so do the others.
#[test]
fn a_listener_that_fails_is_told_the_next_event() {
    let bus = Arc::<Bus>::default();
    let (_bad, hear) = listening(&bus, false);
    let (_good, other) = listening(&bus, true);
    assert_eq!(three(&hear).len(), three(&other).len());
    for code in [AlarmCode::Mended, AlarmCode::Broken] {
        bus.tell(Event::Alarm(code));
        for hear in [&hear, &other] {
            assert_eq!(hear.recv_timeout(SOON), Ok(Event::Alarm(code)));
        }
    }
}

#[test]
fn after_cancelling_nothing_is_heard() {
    let bus = Arc::<Bus>::default();
    let (subscription, hear) = listening(&bus, true);
    three(&hear);
    subscription.cancel();
    subscription.cancel();
    bus.changed();
    assert!(hear.recv_timeout(SOON).is_err(), "its listener is gone");
    assert!(lock(&bus.queues).iter().filter_map(Weak::upgrade).all(|queue| lock(&queue.waiting).ended));
}

/// A queue holds the latest of each sort, however slow its listener.
#[test]
fn what_waits_is_bounded() {
    let queue = Queue::default();
    for revision in 0..10_000 {
        queue.push(Event::ListChanged { revision });
        queue.push(Event::SyncChanged(SyncState::Deriving { done: revision, left: 1 }));
        let step = PairingStep::Syncing { operations: revision };
        queue.push(Event::PairingStep(step));
    }
    queue.push(Event::PairingStep(PairingStep::Done));
    let waiting = lock(&queue.waiting);
    assert_eq!(waiting.events.len(), 4);
    assert_eq!(waiting.events.front(), Some(&Event::ListChanged { revision: 9_999 }));
}

#[test]
fn only_entries_that_are_watched_and_moved_are_told() {
    let bus = Arc::<Bus>::default();
    let (one, other) = (EntryId::from_bytes([1; 16]), EntryId::from_bytes([2; 16]));
    let heads = Arc::new(Mutex::new(vec![ChangeHash::from_bytes([1; 32])]));
    let asked = heads.clone();
    bus.ask_heads(Some(Arc::new(move |_| Some(lock(&asked).clone()))));
    bus.watch(one);
    bus.watch(other);
    bus.unwatch(other);
    let (_subscription, hear) = listening(&bus, true);
    let mut told = three(&hear);
    told.push(hear.recv_timeout(SOON).unwrap());
    let of = |id, heads: &Vec<ChangeHash>| Event::EntryChanged { id, heads: heads.clone() };
    assert!(told.contains(&of(one, &lock(&heads))) && !told.contains(&of(other, &lock(&heads))), "{told:?}");
    bus.changed();
    assert_eq!(hear.recv_timeout(SOON), Ok(Event::ListChanged { revision: 1 }));
    *lock(&heads) = vec![ChangeHash::from_bytes([3; 32])];
    bus.changed();
    assert_eq!(hear.recv_timeout(SOON), Ok(Event::ListChanged { revision: 2 }));
    assert_eq!(hear.recv_timeout(SOON), Ok(of(one, &lock(&heads))));
}

/// Everything that holds a key, a phrase or a code, as a log or a panic would have it.
#[test]
fn no_key_phrase_or_code_is_printed() {
    use crate::crypto::{BlobKey, ChunkKey, Derived, DeviceKey, HashKey, RecoveryPhrase, SealingKey, Secret};
    use crate::engine::HostEvent;
    use crate::id::BlobId;
    use crate::log::BlobRef;
    use crate::testing::journal::Seeded;
    use crate::time::Timestamp;
    use crate::transport::ShownCode;
    use crate::vault::{Costs, Unlock};

    const BYTES: [u8; 32] = [0xd7; 32];
    let phrase = RecoveryPhrase::generate(&mut Seeded::new(1));
    let words = phrase.words();
    let (code, qr) = ("7-crossover-clockwork".to_owned(), "AFTERWORD:QRSECRET".to_owned());
    let shown = ShownCode {
        code: code.clone(),
        qr: qr.clone(),
        nameplate: 7,
        address: "127.0.0.1:4433".parse().unwrap(),
        expires_at: Timestamp(1),
    };
    let step = PairingStep::Code { code, qr, expires_at: 1 };
    let unlock = Unlock::NewPassphrase { passphrase: "correct horse", costs: Costs::LEAST };
    let printed = [
        format!("{phrase:?} {:?} {:?}", phrase.signing_key(), phrase.sealing_key()),
        format!("{:?} {:?}", BlobKey::from_bytes(BYTES), BlobKey::from_bytes(BYTES).of(&[0; 32])),
        format!("{:?} {:?}", ChunkKey::from_bytes(BYTES), Derived::from_key(HashKey::from_bytes(BYTES))),
        format!("{:?} {:?}", DeviceKey::from_seed(&BYTES), SealingKey::from_seed(BYTES)),
        format!("{:?} {:?}", Secret::from_bytes(BYTES), HashKey::from_bytes(BYTES)),
        format!("{:?}", BlobRef { id: BlobId::from_bytes([1; 32]), key: BYTES, len: 5 }),
        format!("{shown:?} {:?}", HostEvent::Code(shown.clone())),
        format!("{step:?} {:?}", Event::PairingStep(step.clone())),
        format!("{unlock:?} {:?}", Unlock::Passphrase("correct horse")),
    ];
    let secret = ["215", "d7d7", "D7D7", "crossover", "clockwork", "QRSECRET", "correct horse"];
    let first = words.split(' ').next().unwrap();
    for text in printed {
        for word in secret.iter().chain([&first]) {
            assert!(!text.contains(word), "{text} has {word}");
        }
    }
}
