//! A device whose stored rows were damaged, what `doctor --rebuild` makes of them, and what may be gone by it.

use std::collections::BTreeMap;

use afterword_core::error::Error;
use afterword_core::id::LogId;
use afterword_core::log::Position;
use afterword_core::replication::rules::Packing;
use afterword_core::replication::{Setting, StorageExt};

use super::check::store;
use super::device::{Check, Rule, broken};
use super::disk::{self, Factory, is_power_cut};
use super::link::after_commit;
use super::world::{Kind, World};
use super::writing::Writing;
use super::{kind, sqlite};

impl World {
    /// A row of `home` is damaged while its program does not run, and repaired when it does again; it may crash before
    /// the repair, and after it. Only what stood in that row may be gone: every other body is still held, every other
    /// log as far as it was, the damaged one as far as a head before the damage vouches for it.
    pub(super) fn damage(&mut self, home: usize, crashes: [bool; 2]) -> Check {
        self.crash(home);
        after_commit(&mut self.homes[home], &mut self.ledger)?;
        let (before, logs) = (self.homes[home].held.clone(), self.logs(home)?);
        let Some(damage) = store(self.homes[home].damage())? else { return Ok(()) };
        self.note(format!("damage {home}: {}", damage.what));
        if crashes[0] {
            self.crash(home);
        }
        let own = store(self.homes[home].storage().read(|tx| tx.setting(Setting::Incarnation)))?;
        while let Err(error) = self.homes[home].repair(&damage) {
            if !is_power_cut(&error) {
                let Error { message, .. } = error;
                return broken(Rule::StoreWorks, message);
            }
            self.crash(home);
        }
        if crashes[1] {
            self.crash(home);
        }
        for (log, end) in self.cut(home, &logs)? {
            let is_damaged = damage.log.is_some_and(|(damaged, _)| damaged == log);
            if !is_damaged || end < damage.sound {
                return broken(Rule::NothingIsLost, format!("a repair of {} cut {log:?} to {end}", damage.what));
            }
            let device = &mut self.homes[home];
            if log.device == device.id() && own.as_deref() == Some(log.incarnation.as_bytes()) {
                // A peer may hold it further.
                device.told.insert(log);
            }
        }
        let crashed = after_commit(&mut self.homes[home], &mut self.ledger)?;
        self.committed(home, crashed)?;
        // A block does not say which of its operations is wrong: what reads of it is kept as it reads.
        let may_misread = damage.what.starts_with("blocks.bytes");
        match self.homes[home].held.difference(&before).next() {
            Some(made_up) if !may_misread => {
                broken(Rule::StoreWorks, format!("a repair of {} made up {made_up:?}", damage.what))
            }
            _ => Ok(()),
        }
    }

    fn logs(&self, home: usize) -> Check<BTreeMap<LogId, Position>> {
        Ok(store(self.homes[home].storage().read(|tx| tx.logs()))?.into_iter().collect())
    }

    /// The logs that are shorter than they were, and how far they are held.
    fn cut(&self, home: usize, before: &BTreeMap<LogId, Position>) -> Check<Vec<(LogId, u64)>> {
        let now = self.logs(home)?;
        let end = |log| now.get(log).map_or(0, |position| position.seq);
        Ok(before.iter().filter(|(log, was)| end(log) < was.seq).map(|(log, _)| (*log, end(log))).collect())
    }
}

/// 0 writes, packs and is damaged, and what it wrote since it met anybody is nowhere else.
pub(super) fn damaged_again_and_again(world: &mut World) -> Check {
    world.pair(0)?;
    world.pair(0)?;
    for round in 0..16 {
        for home in [0, 0, 0, 1] {
            world.write(home)?;
        }
        world.change(0, world.entry(0), Writing::Edit)?;
        if round % 3 == 1 {
            let packing = Packing { keep: 2, at_least: 0, at_most: 2000 };
            store(world.homes[0].pack(&packing))?;
        }
        world.damage(0, [round % 2 == 0, round % 4 == 1])?;
        world.write(0)?;
        world.meet(0, 1 + round % 2)?;
    }
    Ok(())
}

#[test]
fn what_was_damaged_comes_again_and_the_rest_stays() {
    for factory in [disk::memory as Factory, sqlite::sqlite] {
        for seed in 0..4 {
            let mut world = World::new(Kind { factory, ..kind(seed) });
            let told = damaged_again_and_again(&mut world).and_then(|()| world.heal());
            told.unwrap_or_else(|broken| panic!("{seed}: {broken:?}\n{}", world.trace.join("\n")));
            assert_eq!(world.homes[0].held, world.homes[1].held);
            assert!(world.homes[0].held.len() > 60, "{} of 97 bodies are left", world.homes[0].held.len());
        }
    }
}
