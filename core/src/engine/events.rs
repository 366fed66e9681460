//! What an app hears of its journal: that something changed, never what was written.
//!
//! Each subscriber has a queue and a thread of its own, so one that is slow keeps nobody waiting, and no lock of the
//! engine is held while it listens. Of what is still waiting the latest is enough: a queue holds at most one event of
//! each sort, one for each entry that is watched. The first events of a subscription say how things are now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use super::alarms::AlarmCode;
use super::open_journal::lock;
use crate::error::Code;
use crate::id::{ChangeHash, DeviceId, EntryId};

/// Something changed: whoever shows it asks again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Whether the journal is open.
    LockChanged(LockState),
    /// Lists may read otherwise. The number only grows, while the program runs.
    ListChanged {
        /// How often lists changed.
        revision: u64,
    },
    /// An entry that is watched reads otherwise.
    EntryChanged {
        /// The entry.
        id: EntryId,
        /// Its heads now; none once it is erased.
        heads: Vec<ChangeHash>,
    },
    /// What syncing is at.
    SyncChanged(SyncState),
    /// A device was added, removed or heard of.
    DevicesChanged,
    /// A pairing went on.
    PairingStep(PairingStep),
    /// Something a person should know. Of devices that were added or removed elsewhere, ask which: it is told to each
    /// subscriber until they are seen.
    Alarm(AlarmCode),
}

/// Whether a journal is open, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// Its key is not at hand: the vault could not say it.
    Locked,
    /// It is open.
    Open,
    /// The app sleeps.
    Paused,
    /// It was shut down.
    Ended,
    /// A bug in Afterword stopped it; what was saved is saved.
    Broken,
}

/// What syncing is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncState {
    /// Nothing goes on.
    Idle,
    /// Devices are looked for or met.
    Running,
    /// What came is read for lists and search.
    Deriving {
        /// Documents read since some waited.
        done: u64,
        /// Documents that wait.
        left: u64,
    },
    /// A device was met.
    Met {
        /// The device.
        device: DeviceId,
        /// Whether both held the same at the end.
        equal: bool,
    },
    /// It came to nothing.
    Failed {
        /// Why.
        code: Code,
    },
}

/// How far a pairing is.
#[derive(Clone, PartialEq, Eq)]
pub enum PairingStep {
    /// A code is to be shown, until then.
    Code {
        /// To be typed.
        code: String,
        /// To be scanned.
        qr: String,
        /// Milliseconds since 1970.
        expires_at: i64,
    },
    /// Somebody typed a wrong word; so many more codes are shown.
    WrongCode {
        /// How many.
        left: u8,
    },
    /// The other device belongs to the journal, and the first sync goes on.
    Added {
        /// The other device.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// So many operations came or went.
    Syncing {
        /// Sent and received.
        operations: u64,
    },
    /// Both hold the same.
    Done,
    /// It came to nothing.
    Failed {
        /// Why.
        code: Code,
    },
}

impl fmt::Debug for PairingStep {
    /// Whoever reads the code of an open window can join: it stands in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { expires_at, .. } => {
                f.debug_struct("Code").field("expires_at", expires_at).finish_non_exhaustive()
            }
            Self::WrongCode { left } => f.debug_struct("WrongCode").field("left", left).finish(),
            Self::Added { device, name } => {
                f.debug_struct("Added").field("device", device).field("name", name).finish()
            }
            Self::Syncing { operations } => f.debug_struct("Syncing").field("operations", operations).finish(),
            Self::Done => f.write_str("Done"),
            Self::Failed { code } => f.debug_struct("Failed").field("code", code).finish(),
        }
    }
}

/// The listener could not take an event. It is told the next one all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHeard;

/// Hears events, on a thread that does nothing else. Must not block for long, and must not end its own subscription.
pub trait Listener: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: Event) -> Result<(), NotHeard>;
}

/// Asks the journal for the heads that an entry has now: `None` where nobody can tell.
pub(super) type Heads = dyn Fn(EntryId) -> Option<Vec<ChangeHash>> + Send + Sync;

/// Everybody who listens.
#[derive(Default)]
pub(crate) struct Bus {
    now: Mutex<Now>,
    queues: Mutex<Vec<Weak<Queue>>>,
    heads: Mutex<Option<Arc<Heads>>>,
}

/// How things are, for who comes later.
#[derive(Debug, Default)]
struct Now {
    revision: u64,
    lock: Option<LockState>,
    sync: Option<SyncState>,
    watched: BTreeMap<EntryId, usize>,
    /// What is to be told until it is seen.
    unseen: BTreeSet<AlarmCode>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    ended: bool,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("now", &lock(&self.now)).finish_non_exhaustive()
    }
}

/// Whether the later of two events makes the earlier needless.
fn replaces(later: &Event, earlier: &Event) -> bool {
    match (later, earlier) {
        (Event::EntryChanged { id, .. }, Event::EntryChanged { id: other, .. }) => id == other,
        // Each of these is a step that somebody waits for.
        (Event::PairingStep(later), Event::PairingStep(earlier)) => {
            matches!((later, earlier), (PairingStep::Syncing { .. }, PairingStep::Syncing { .. }))
        }
        (Event::Alarm(code), Event::Alarm(other)) => code == other,
        _ => std::mem::discriminant(later) == std::mem::discriminant(earlier),
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut waiting = lock(&self.waiting);
        waiting.events.retain(|earlier| !replaces(&event, earlier));
        waiting.events.push_back(event);
        self.woken.notify_one();
    }

    fn pop(&self) -> Option<Event> {
        let waiting = lock(&self.waiting);
        let nothing = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.ended;
        let mut waiting = self.woken.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
        if waiting.ended { None } else { waiting.events.pop_front() }
    }

    fn end(&self) {
        lock(&self.waiting).ended = true;
        self.woken.notify_all();
    }
}

impl Bus {
    fn push(&self, event: &Event) {
        let queues: Vec<_> = {
            let mut queues = lock(&self.queues);
            queues.retain(|queue| queue.strong_count() > 0);
            queues.iter().filter_map(Weak::upgrade).collect()
        };
        queues.iter().for_each(|queue| queue.push(event.clone()));
    }

    pub(super) fn tell(&self, event: Event) {
        {
            let mut now = lock(&self.now);
            match &event {
                Event::LockChanged(lock) if now.lock == Some(*lock) => return,
                Event::LockChanged(lock) => now.lock = Some(*lock),
                Event::SyncChanged(sync) => now.sync = Some(sync.clone()),
                _ => {}
            }
        }
        self.push(&event);
    }

    /// Of these alarms each is told now, and to everybody who comes later, until it is not among them any more.
    pub(super) fn unseen(&self, codes: BTreeSet<AlarmCode>) {
        lock(&self.now).unseen.clone_from(&codes);
        codes.into_iter().for_each(|code| self.push(&Event::Alarm(code)));
    }

    /// Something was stored: lists, and entries that are watched.
    pub(crate) fn changed(&self) {
        let revision = {
            let mut now = lock(&self.now);
            now.revision += 1;
            now.revision
        };
        self.push(&Event::ListChanged { revision });
    }

    pub(super) fn ask_heads(&self, heads: Option<Arc<Heads>>) {
        *lock(&self.heads) = heads;
    }

    /// From now on its subscribers hear of `entry`, until it is unwatched as often.
    pub(super) fn watch(&self, entry: EntryId) {
        *lock(&self.now).watched.entry(entry).or_default() += 1;
    }

    pub(super) fn unwatch(&self, entry: EntryId) {
        let mut now = lock(&self.now);
        if let Some(count) = now.watched.get_mut(&entry) {
            *count -= 1;
            if *count == 0 {
                now.watched.remove(&entry);
            }
        }
    }

    /// `listener` hears how things are, and then what changes.
    pub(super) fn subscribe(self: &Arc<Self>, listener: Arc<dyn Listener>) -> std::io::Result<Subscription> {
        let queue = Arc::new(Queue::default());
        {
            // Nothing may change between what is told first and what is told next.
            let now = lock(&self.now);
            queue.push(Event::LockChanged(now.lock.unwrap_or(LockState::Locked)));
            queue.push(Event::ListChanged { revision: now.revision });
            queue.push(Event::SyncChanged(now.sync.clone().unwrap_or(SyncState::Idle)));
            now.unseen.iter().for_each(|code| queue.push(Event::Alarm(*code)));
            lock(&self.queues).push(Arc::downgrade(&queue));
        }
        let (hears, bus) = (queue.clone(), Arc::downgrade(self));
        let thread = std::thread::Builder::new().name("afterword-events".to_owned());
        let thread = thread.spawn(move || hear(&hears, &bus, listener.as_ref()))?;
        Ok(Subscription { queue, thread: Mutex::new(Some(thread)) })
    }

    /// The watched entries whose heads differ from `known`, which is brought up to date.
    fn moved(&self, known: &mut BTreeMap<EntryId, Vec<ChangeHash>>) -> Vec<Event> {
        let Some(heads) = lock(&self.heads).clone() else { return Vec::new() };
        let watched: Vec<EntryId> = lock(&self.now).watched.keys().copied().collect();
        known.retain(|entry, _| watched.contains(entry));
        let mut moved = Vec::new();
        for id in watched {
            let Some(now) = heads(id) else { continue };
            if known.insert(id, now.clone()).is_none_or(|before| before != now) {
                moved.push(Event::EntryChanged { id, heads: now });
            }
        }
        moved
    }
}

/// A subscriber's thread.
fn hear(queue: &Queue, bus: &Weak<Bus>, listener: &dyn Listener) {
    let mut known = BTreeMap::new();
    while let Some(event) = queue.pop() {
        let moved = match (&event, bus.upgrade()) {
            (Event::ListChanged { .. }, Some(bus)) => bus.moved(&mut known),
            _ => Vec::new(),
        };
        for event in std::iter::once(event).chain(moved) {
            if listener.on_event(event).is_err() {
                tracing::debug!("a listener could not take an event");
            }
        }
    }
}

/// Ends when it is cancelled or dropped; its listener hears nothing more once that returned.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Subscription {
    /// Ends it. Any number of times, from any thread, the listener's too (which then hears the event that it is at to
    /// its end).
    pub fn cancel(&self) {
        self.queue.end();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests;
