//! Devices, health and what a sync came to, as plain values.

use afterword_core::engine as core;
use afterword_core::store::sqlite::Repaired as CoreRepaired;

/// A device of the journal.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is this one.
    pub is_this: bool,
    /// Whether it was removed, or its adding does not count any more.
    pub is_removed: bool,
}

/// A device that was added or removed on another one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceChange {
    /// Its id.
    pub device: String,
    /// Its name.
    pub name: String,
    /// Whether it was removed, or its adding does not count any more; else it was added.
    pub is_removal: bool,
    /// The device that did it; nothing where it was the recovery phrase, or where only its adding does not count any more.
    pub by: Option<String>,
    /// How that one is called.
    pub by_name: Option<String>,
    /// When, in milliseconds since 1970, by the clock of whoever did it.
    pub at_ms: Option<i64>,
}

/// Changes of devices that nobody has seen yet.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceNews {
    /// The newest of them, oldest first; not many.
    pub changes: Vec<DeviceChange>,
    /// How many more there are.
    pub more: u64,
    /// For `device_news_seen`.
    pub seen: Vec<u8>,
}

/// Whether everything is in order.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Health {
    /// Whether all of it is.
    pub ok: bool,
    /// What was looked at.
    pub checks: Vec<HealthCheck>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HealthCheck {
    /// A word for it.
    pub name: String,
    /// Whether it is in order.
    pub ok: bool,
    /// A sentence.
    pub detail: String,
}

/// What was made again.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Repaired {
    /// Documents whose state was made again.
    pub documents: u64,
    /// Operations that were written down again.
    pub logged_again: u64,
}

impl From<CoreRepaired> for Repaired {
    fn from(repaired: CoreRepaired) -> Self {
        Self { documents: repaired.documents, logged_again: repaired.logged_again }
    }
}

/// What one bounded sync came to.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncedOnce {
    /// Devices that were met.
    pub met: u64,
    /// Devices that were not found.
    pub missed: u64,
    /// Whether all that were met held the same at the end.
    pub equal: bool,
    /// Operations that came and went.
    pub operations: u64,
    /// Bytes of datagrams, both ways.
    pub bytes: u64,
}

impl From<core::SyncedOnce> for SyncedOnce {
    fn from(core::SyncedOnce { met, missed, equal, operations, bytes }: core::SyncedOnce) -> Self {
        Self { met, missed, equal, operations, bytes }
    }
}

impl From<core::DeviceRow> for Device {
    fn from(row: core::DeviceRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            is_this: row.this,
            is_removed: row.status == core::DeviceStatus::Removed,
        }
    }
}

impl From<core::DeviceChange> for DeviceChange {
    fn from(change: core::DeviceChange) -> Self {
        let is_removal = change.kind == core::DeviceChangeKind::Removed;
        let (by, by_name) = change.by.map(|(device, name)| (device.to_string(), name)).unzip();
        let (device, at_ms) = (change.device.to_string(), change.at.map(|at| at.0));
        Self { device, name: change.name, is_removal, by, by_name, at_ms }
    }
}

impl From<core::DeviceNews> for DeviceNews {
    fn from(news: core::DeviceNews) -> Self {
        let changes = news.changes.into_iter().map(Into::into).collect();
        Self { changes, more: news.more, seen: news.seen.encode() }
    }
}

impl From<core::Health> for Health {
    fn from(health: core::Health) -> Self {
        let check = |core::Check { name, ok, detail, advice }: core::Check| {
            let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
            HealthCheck { name, ok, detail: detail + &advice }
        };
        Self { ok: health.checks.iter().all(|check| check.ok), checks: health.checks.into_iter().map(check).collect() }
    }
}
