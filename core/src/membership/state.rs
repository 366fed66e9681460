//! What a set of statements says: members, removed devices, and how far each log counts.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::statement::Author;
use crate::crypto::SealingPublic;
use crate::fault::{Fault, Faults};
use crate::id::{Chain, DeviceId, LogId, StatementId};
use crate::time::Timestamp;

/// A device as its add describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// What is sealed to it.
    pub sealing: SealingPublic,
    /// When it was added, as the signer's clock had it. For people only.
    pub added_at: Timestamp,
    /// Who added it.
    pub added_by: Author,
}

/// How a device was removed, as its removal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Who removed it.
    pub by: Author,
    /// When, as the signer's clock had it. For people only.
    pub at: Timestamp,
}

/// How far a log counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// Every operation: its device is a member.
    Whole,
    /// Up to the first of these that lies on the log's chain, highest first; nothing where none does.
    UpTo(Vec<(u64, Chain)>),
}

/// What a set of statements says. A function of the set alone, so two devices that hold the same agree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub(super) members: BTreeMap<DeviceId, Member>,
    pub(super) removed: BTreeMap<DeviceId, Member>,
    pub(super) removals: BTreeMap<DeviceId, Removal>,
    /// Highest first.
    pub(super) keeps: BTreeMap<LogId, Vec<(u64, Chain)>>,
}

impl State {
    /// The members, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The devices that were added once and are not members, by id.
    pub fn removed(&self) -> impl Iterator<Item = &Member> {
        self.removed.values()
    }

    /// How a device was removed. Nothing where it is a member, or where only its add does not count any more.
    pub fn removal(&self, device: &DeviceId) -> Option<&Removal> {
        self.removals.get(device)
    }

    /// The device with this id, whether or not it still belongs.
    pub fn device(&self, device: &DeviceId) -> Option<&Member> {
        self.members.get(device).or_else(|| self.removed.get(device))
    }

    /// The member with this id.
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.members.get(device)
    }

    /// Whether the device belongs.
    pub fn is_member(&self, device: &DeviceId) -> bool {
        self.members.contains_key(device)
    }

    /// Whether a chain of adds ties the device to the recovery key, whatever was removed since. Erase certificates of
    /// such a device are accepted for ever.
    pub fn ever_added(&self, device: &DeviceId) -> bool {
        self.is_member(device) || self.removed.contains_key(device)
    }

    /// Whether a keep that counts names this log.
    pub fn is_kept(&self, log: &LogId) -> bool {
        self.keeps.contains_key(log)
    }

    /// How far this log counts.
    pub fn limit(&self, log: &LogId) -> Limit {
        if self.is_member(&log.device) {
            Limit::Whole
        } else {
            Limit::UpTo(self.keeps.get(log).cloned().unwrap_or_default())
        }
    }
}

/// An add or remove, with the adds and removes among its ancestors. Its number is its place in the slice.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) id: StatementId,
    pub(super) author: Author,
    pub(super) device: DeviceId,
    pub(super) is_add: bool,
    /// Empty while an add is not complete.
    pub(super) view: Bits,
}

/// Steps 1 to 4 of the module's documentation.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) tied: BTreeSet<DeviceId>,
    /// Numbers of the adds that count, ascending.
    pub(super) adds: Vec<usize>,
    pub(super) members: BTreeSet<DeviceId>,
    /// Numbers of the removes that count, by the device that each removes.
    pub(super) removes: BTreeMap<DeviceId, Vec<usize>>,
}

/// Reads the changes numbered in `within`.
pub(super) fn read(changes: &[Change], within: &Bits, faults: Faults) -> Reading {
    let mut adds_by: BTreeMap<Author, Vec<usize>> = BTreeMap::new();
    let mut removes = Vec::new();
    for number in within.iter() {
        let Some(change) = changes.get(number) else { continue };
        if change.is_add {
            adds_by.entry(change.author).or_default().push(number);
        } else {
            removes.push(number);
        }
    }
    let reached = |counts: &dyn Fn(usize) -> bool| reach(changes, &adds_by, counts);

    let tied: BTreeSet<DeviceId> = reached(&|_| true).1;

    let by_recovery: Vec<usize> =
        removes.iter().copied().filter(|&number| changes[number].author == Author::Recovery).collect();
    let mut removes_of: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
    for number in removes {
        let counts = match changes[number].author {
            Author::Recovery => true,
            Author::Device(signer) => {
                tied.contains(&signer)
                    && by_recovery
                        .iter()
                        .all(|&above| changes[above].device != signer || changes[above].view.contains(number))
            }
        };
        if counts {
            removes_of.entry(changes[number].device).or_default().push(number);
        }
    }

    let (mut adds, added) = reached(&|number| match changes[number].author {
        Author::Recovery => true,
        Author::Device(signer) => removes_of.get(&signer).is_none_or(|removes| {
            let mut in_view = removes.iter().map(|&remove| changes[remove].view.contains(number));
            if faults.has(Fault::AddOutsideARemoversView) { in_view.any(|seen| seen) } else { in_view.all(|seen| seen) }
        }),
    });
    adds.sort_unstable();

    let members = added.into_iter().filter(|device| !removes_of.contains_key(device)).collect();
    Reading { tied, adds, members, removes: removes_of }
}

/// The adds, and the devices they add, that a chain of adds for which `counts` holds reaches from the recovery key.
fn reach(
    changes: &[Change],
    adds_by: &BTreeMap<Author, Vec<usize>>,
    counts: &dyn Fn(usize) -> bool,
) -> (Vec<usize>, BTreeSet<DeviceId>) {
    let (mut adds, mut devices) = (Vec::new(), BTreeSet::new());
    let mut signers = vec![Author::Recovery];
    while let Some(signer) = signers.pop() {
        for &number in adds_by.get(&signer).into_iter().flatten().filter(|&&number| counts(number)) {
            adds.push(number);
            let device = changes[number].device;
            if devices.insert(device) {
                signers.push(Author::Device(device));
            }
        }
    }
    (adds, devices)
}
