//! What a person should know: one list of codes for every surface, which words them.

use super::device_news::DeviceChange;
use crate::sync;

/// The word for each sort of alarm: the same in JSON and in the phones' events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmCode {
    /// Two devices hold the same operations and read them differently.
    Diverged,
    /// A device was put back to an earlier state; what it wrote since was kept.
    Mended,
    /// What is derived of some entries was wrong and was made again.
    Recomputed,
    /// An attachment arrived damaged and is asked for again.
    DamagedAttachment,
    /// Another device runs a newer version and wrote something that this one does not understand.
    NewerVersion,
    /// After a change of network this device can't listen any more.
    Network,
    /// A device was added on another one.
    DeviceAdded,
    /// A device was removed on another one, or its adding does not count any more.
    DeviceRemoved,
    /// The inbox's key was not this device's, and is again.
    InboxKey,
    /// Something in the inbox does not open.
    InboxUnreadable,
    /// What is in the inbox could not be taken in yet.
    InboxWaits,
    /// A bug stopped the journal.
    Broken,
}

impl AlarmCode {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diverged => "diverged",
            Self::Mended => "mended",
            Self::Recomputed => "recomputed",
            Self::DamagedAttachment => "damaged_attachment",
            Self::NewerVersion => "newer_version",
            Self::Network => "network",
            Self::DeviceAdded => "device_added",
            Self::DeviceRemoved => "device_removed",
            Self::InboxKey => "inbox_key",
            Self::InboxUnreadable => "inbox_unreadable",
            Self::InboxWaits => "inbox_waits",
            Self::Broken => "broken",
        }
    }
}

/// An alarm, with what its sentence needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// This device and another hold the same operations and read them differently.
    Diverged {
        /// The other's name.
        with: String,
    },
    /// This device or another was put back to an earlier state; what either wrote since was kept.
    Mended {
        /// The other's name.
        with: String,
    },
    /// What is derived of some entries was wrong and was made again.
    Recomputed {
        /// How many entries.
        entries: u64,
    },
    /// An attachment arrived damaged and is asked for again.
    DamagedAttachment,
    /// Another device runs a newer version and wrote something that this one does not understand.
    NewerVersion,
    /// After a change of network this device can't listen any more.
    Network,
    /// A device was added or removed on another one.
    Device(DeviceChange),
    /// More devices were added or removed than are told one by one.
    MoreDevices {
        /// How many.
        more: u64,
    },
}

impl Alarm {
    /// Its code.
    pub fn code(&self) -> AlarmCode {
        match self {
            Self::Diverged { .. } => AlarmCode::Diverged,
            Self::Mended { .. } => AlarmCode::Mended,
            Self::Recomputed { .. } => AlarmCode::Recomputed,
            Self::DamagedAttachment => AlarmCode::DamagedAttachment,
            Self::NewerVersion => AlarmCode::NewerVersion,
            Self::Network => AlarmCode::Network,
            Self::Device(change) => change.code(),
            Self::MoreDevices { .. } => AlarmCode::DeviceAdded,
        }
    }

    /// What of a session's events a person should know; `with` says the other device's name.
    pub(super) fn of(event: &sync::Event, with: impl FnOnce() -> String) -> Option<Self> {
        match event {
            sync::Event::Diverged => Some(Self::Diverged { with: with() }),
            sync::Event::Mended => Some(Self::Mended { with: with() }),
            sync::Event::Recomputed(entries) if *entries > 0 => Some(Self::Recomputed { entries: *entries }),
            sync::Event::DamagedBlob => Some(Self::DamagedAttachment),
            sync::Event::Newer => Some(Self::NewerVersion),
            _ => None,
        }
    }
}
