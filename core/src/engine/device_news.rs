//! Devices that were added or removed elsewhere, until somebody has seen it.
//!
//! The statements are the source: what they say now is compared with what somebody has seen, which the journal keeps in
//! a setting. So nothing is missed that came through a third device, or while no program ran; and whatever a device adds
//! or removes itself is no news to it.

use std::collections::BTreeMap;

use super::Engine;
use super::alarms::{Alarm, AlarmCode};
use super::open_journal::OpenJournal;
use crate::error::{Error, Result};
use crate::id::DeviceId;
use crate::membership::{Author, State, Statements};
use crate::replication::rules;
use crate::replication::{Setting, StorageExt, Tx};
use crate::time::Timestamp;

/// The most changes that are told one by one: a member that turned may make hundreds.
pub const MAX_DEVICE_NEWS: usize = 20;

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceChangeKind {
    /// It was added.
    Added,
    /// It was removed, or its adding does not count any more.
    Removed,
}

/// A device that was added or removed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceChange {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub kind: DeviceChangeKind,
    /// The device that did it; nothing where it was the recovery phrase, or where only its adding does not count any more.
    pub by: Option<(DeviceId, String)>,
    /// When, by the clock of whoever did it; nothing where only its adding does not count any more.
    pub at: Option<Timestamp>,
}

impl DeviceChange {
    /// The alarm's code.
    pub fn code(&self) -> AlarmCode {
        match self.kind {
            DeviceChangeKind::Added => AlarmCode::DeviceAdded,
            DeviceChangeKind::Removed => AlarmCode::DeviceRemoved,
        }
    }
}

/// Changes that nobody has seen yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceNews {
    /// The newest of them, at most [`MAX_DEVICE_NEWS`], oldest first.
    pub changes: Vec<DeviceChange>,
    /// How many more there are.
    pub more: u64,
    /// What they bring up to: for [`Engine::device_news_seen`].
    pub seen: Seen,
}

impl DeviceNews {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// One alarm for each that is told, and one for the others.
    pub fn alarms(&self) -> Vec<Alarm> {
        let more = (self.more > 0).then_some(Alarm::MoreDevices { more: self.more });
        self.changes.iter().cloned().map(Alarm::Device).chain(more).collect()
    }
}

/// Of each device whether it was seen as a member, or as one that is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen(BTreeMap<DeviceId, bool>);

const ROW: usize = DeviceId::LEN + 1;

impl Seen {
    /// What the statements say, as if all of it were seen.
    pub(super) fn all(state: &State) -> Self {
        let members = state.members().map(|member| (member.id, true));
        Self(members.chain(state.removed().map(|member| (member.id, false))).collect())
    }

    /// The bytes that [`Seen::decode`] takes: device and 0 or 1, ascending.
    pub fn encode(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|(device, member)| device.as_bytes().iter().copied().chain([u8::from(*member)]))
            .collect()
    }

    /// Reads what [`Seen::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let unreadable = || Error::invalid("what was seen does not read", "ask for the news again").about("seen");
        let rows = bytes.chunks(ROW).map(|row| match row.split_last() {
            Some((member @ (0 | 1), device)) => DeviceId::from_slice(device).map(|device| (device, *member == 1)),
            _ => None,
        });
        rows.collect::<Option<_>>().map(Self).ok_or_else(unreadable)
    }
}

/// What was seen on this device. If it does not read, nothing was: better told twice than never.
fn seen(tx: &mut dyn Tx) -> Result<Seen> {
    let bytes = tx.setting(Setting::DevicesSeen)?.unwrap_or_default();
    Ok(Seen::decode(&bytes).unwrap_or_default())
}

/// What the statements say and nobody has seen, as `me` should hear it.
fn news(set: &Statements, seen: &Seen, me: DeviceId) -> DeviceNews {
    let state = set.state();
    let name_of = |id: DeviceId| (id, state.device(&id).map_or_else(|| id.to_string(), |device| device.name.clone()));
    let by = |author: Author| match author {
        Author::Recovery => None,
        Author::Device(id) => Some(name_of(id)),
    };
    let own = |author: Author| author == Author::Device(me);
    let mut changes = Vec::new();
    for (device, member) in &Seen::all(state).0 {
        let before = seen.0.get(device).copied();
        let (Some(about), true) = (state.device(device), before != Some(*member)) else { continue };
        let mut tell = |kind, by, at| {
            changes.push(DeviceChange { device: *device, name: about.name.clone(), kind, by, at });
        };
        let removal = state.removal(device).filter(|_| !member);
        let removed_here = removal.is_some_and(|removal| own(removal.by));
        // One that came and went meanwhile is both. Whoever removed it here has seen it.
        if before != Some(true) && !own(about.added_by) && !removed_here && (*member || before.is_none()) {
            tell(DeviceChangeKind::Added, by(about.added_by), Some(about.added_at));
        }
        if !member && !removed_here {
            let (by, at) = removal.map_or((None, None), |removal| (by(removal.by), Some(removal.at)));
            tell(DeviceChangeKind::Removed, by, at);
        }
    }
    changes.sort_by_key(|change| (change.at, change.device, change.kind));
    let more = changes.len().saturating_sub(MAX_DEVICE_NEWS);
    changes.drain(..more);
    DeviceNews { changes, more: more as u64, seen: Seen::all(state) }
}

/// The news that nobody has seen yet.
pub(super) fn unseen(shared: &OpenJournal) -> Result<DeviceNews> {
    shared.store.read(|tx| Ok(news(&*rules::statements(tx)?, &seen(tx)?, shared.identity.device())))
}

impl Engine {
    /// Devices that were added or removed elsewhere, and that nobody has seen here yet.
    pub fn device_news(&self) -> Result<DeviceNews> {
        unseen(&self.shared)
    }

    /// Somebody has seen these news: they are not told again on this device.
    pub fn device_news_seen(&self, news: &Seen) -> Result<()> {
        self.shared.store.write(|tx| {
            let mut seen = seen(tx)?;
            seen.0.extend(&news.0);
            tx.set_setting(Setting::DevicesSeen, &seen.encode())?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
