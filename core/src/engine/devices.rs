//! The journal's devices, and removing one: the statement first, then a sync with the devices that are left.

use super::Engine;
use super::entries::by_prefix;
use super::{Event, SyncOptions, SyncReport, network};
use crate::error::{Advice, Code, Error, Result};
use crate::fault::Fault;
use crate::id::DeviceId;
use crate::membership::{Signer, Statement};
use crate::replication::StorageExt;
use crate::replication::rules;
use crate::time::Timestamp;

/// Whether a device belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceStatus {
    /// It does.
    Member,
    /// It did, or its add no longer counts.
    Removed,
}

/// One device of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id.
    pub id: DeviceId,
    /// The name it was added under.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// Whether it belongs.
    pub status: DeviceStatus,
    /// When it was added, by the clock of whoever added it.
    pub added_at: Timestamp,
    /// When this device last synced with it.
    pub last_seen_at: Option<Timestamp>,
}

/// What came of removing a device.
#[derive(Debug)]
pub struct Removed {
    /// The sync with the others that followed the removal; nothing where there is no other.
    pub told: Option<Result<SyncReport>>,
}

impl Engine {
    /// Every device that was ever added: members first, then by when they were added.
    pub fn devices(&self) -> Result<Vec<DeviceRow>> {
        let set = self.shared.store.read(|tx| rules::statements(tx))?;
        let seen = self.shared.store.peers()?;
        let row = |member: &crate::membership::Member, status| DeviceRow {
            id: member.id,
            name: member.name.clone(),
            this: member.id == self.device(),
            status,
            added_at: member.added_at,
            last_seen_at: seen.iter().find(|peer| peer.device == member.id).map(|peer| peer.seen),
        };
        let state = set.state();
        let mut rows: Vec<_> = state.members().map(|member| row(member, DeviceStatus::Member)).collect();
        rows.sort_by_key(|row| row.added_at);
        let mut removed: Vec<_> = state.removed().map(|member| row(member, DeviceStatus::Removed)).collect();
        removed.sort_by_key(|row| row.added_at);
        rows.append(&mut removed);
        Ok(rows)
    }

    /// The device whose id begins with `prefix`.
    pub fn resolve_device(&self, prefix: &str) -> Result<DeviceRow> {
        by_prefix(self.devices()?, |row| row.id.to_string(), prefix, "device")
    }

    /// Removes a device for ever, and then syncs with the others, so that they hear of it. What it wrote and a member
    /// holds stays. What this device has and it lacks it never gets: nobody meets it in between.
    pub fn remove_device(&self, device: DeviceId, then: &SyncOptions) -> Result<Removed> {
        if self.shared.identity.faults.has(Fault::SyncsBeforeTheRemoval) {
            let _ = self.sync(then, |_, _| {});
        }
        self.state_removal(device)?;
        let alone = network::others(&self.shared)?.is_empty();
        Ok(Removed { told: (!alone).then(|| self.sync(then, |_, _| {})) })
    }

    fn state_removal(&self, device: DeviceId) -> Result<()> {
        if device == self.device() {
            return Err(Error::invalid(
                "a device cannot remove itself",
                "remove it from another device of this journal, or delete its folder",
            )
            .about("device"));
        }
        let (identity, now) = (&self.shared.identity, self.shared.clock.now());
        self.shared.store.write(|tx| {
            let set = rules::statements(tx)?;
            if !set.state().is_member(&identity.device()) {
                return Err(Error::new(
                    Code::Refused,
                    "this device does not belong to the journal any more, so it can remove none",
                    "use a device that does",
                )
                .about("not_a_member"));
            }
            if !set.state().is_member(&device) {
                return Err(Error::invalid("that device is not a member", Advice::SeeDevices).about("device"));
            }
            let remove = Statement::remove(Signer::Device(&identity.key), &identity.journal, &set.seen(), device, now)?;
            rules::add_statements(tx, identity, vec![remove])?;
            Ok(())
        })?;
        self.shared.changed();
        self.shared.bus().tell(Event::DevicesChanged);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
