//! Histories worth telling by hand, and one cut or crash at every place of a session.

use afterword_core::document::MAX_CHANGE_OPERATIONS;
use afterword_core::sync::Mode;

use super::device::{Check, Rule, broken};
use super::disk::Blow;
use super::kind;
use super::world::World;
use super::writing::Writing;

/// `devices` that know each other and each hold one entry of each.
fn together(world: &mut World, devices: usize) -> Check {
    for _ in 1..devices {
        world.pair(0)?;
    }
    for home in 0..devices {
        world.write(home)?;
    }
    everybody_meets(world)
}

fn everybody_meets(world: &mut World) -> Check {
    for _ in 0..2 {
        for a in 0..world.homes.len() {
            for b in 0..a {
                world.meet(a, b)?;
            }
        }
    }
    Ok(())
}

/// 0 learns from 1 that 2 is removed, while its own live session with 2 is open; then it writes.
pub(super) fn removed_while_a_session_is_open(world: &mut World) -> Check {
    together(world, 3)?;
    world.open(0, 2, [Mode::Live; 2])?;
    world.settle_links()?;
    world.remove(1, 2)?;
    world.meet(0, 1)?;
    world.write(0)?;
    world.settle_links()
}

/// 0 goes back to what it was before it wrote; a peer tells it so; it writes on.
pub(super) fn rolled_back_and_writing_on(world: &mut World) -> Check {
    together(world, 2)?;
    let copy = world.homes[0].copy();
    world.write(0)?;
    world.meet(0, 1)?;
    world.rollback(0, &copy);
    world.meet(0, 1)?;
    world.write(0)
}

/// 0 writes a text of more operations than a change may hold over another one, and both read it.
pub(super) fn written_over_at_length(world: &mut World) -> Check {
    together(world, 2)?;
    world.write_over(0, &"a".repeat(MAX_CHANGE_OPERATIONS as usize))?;
    world.meet(0, 1)?;
    world.write_over(1, "And short again.")
}

/// 1 adds 4 and is removed by 2, which never saw that add, and by 3, which did: 4 does not belong.
pub(super) fn added_outside_one_removers_view(world: &mut World) -> Check {
    together(world, 4)?;
    world.pair(1)?;
    world.meet(1, 3)?;
    world.remove(2, 1)?;
    world.remove(3, 1)?;
    world.meet(2, 3)?;
    world.write(2)?;
    world.meet(4, 2)
}

/// 1 holds more of a device's log than the one that removes it, and loses power as it learns of that.
pub(super) fn power_cut_between_a_removal_and_its_keeps(world: &mut World) -> Check {
    together(world, 3)?;
    world.write(2)?;
    world.meet(1, 2)?;
    world.remove(0, 2)?;
    world.homes[1].power.lock().unwrap().fuse = Some((1, Blow::Before));
    world.open(1, 0, [Mode::Once; 2])?;
    world.settle_links()
}

fn world() -> World {
    World::new(kind(1))
}

fn told(history: fn(&mut World) -> Check) -> World {
    let mut world = world();
    if let Err(broken) = history(&mut world).and_then(|()| world.heal()) {
        panic!("{:?}: {}", broken.rule, broken.detail);
    }
    world
}

#[test]
fn two_devices_pair_write_sync_and_converge() {
    told(|world| {
        together(world, 2)?;
        for writing in [Writing::Edit, Writing::Attach, Writing::Mark, Writing::Record, Writing::Detach] {
            for home in 0..2 {
                world.change(home, world.entry(1 - home), writing)?;
            }
        }
        world.meet(0, 1)?;
        world.erase(0, world.entry(1))?;
        world.open(0, 1, [Mode::Live; 2])?;
        world.settle_links()?;
        world.write(0)?;
        world.settle_links()
    });
}

#[test]
fn mutual_removal_takes_both_out() {
    let world = told(|world| {
        together(world, 4)?;
        world.remove(0, 1)?;
        world.remove(1, 0)?;
        world.meet(2, 0)?;
        world.meet(3, 1)
    });
    for witness in [2, 3] {
        for out in [0, 1] {
            assert!(!world.trusts(witness, out).unwrap(), "{witness} knows that {out} is out");
        }
    }
}

#[test]
fn what_a_member_merged_of_a_removed_device_stays() {
    let world = told(|world| {
        together(world, 3)?;
        world.write(2)?;
        world.meet(1, 2)?;
        world.remove(0, 2)?;
        // Written without knowing of the removal, and met by nobody who does not know of it.
        world.write(2)?;
        everybody_meets(world)
    });
    assert_eq!(world.homes[0].held, world.homes[1].held);
    assert_eq!(world.homes[0].held.len(), 4, "the entry that 1 had merged came to 0, the later one did not");
}

#[test]
fn a_device_that_nobody_told_of_shows_its_adds() {
    told(|world| {
        together(world, 3)?;
        world.pair(2)?;
        world.write(3)?;
        world.meet(3, 0)?;
        match world.trusts(0, 3)? {
            true => Ok(()),
            false => broken(Rule::Convergence, "the dialer was not let in"),
        }
    });
}

#[test]
fn a_home_that_runs_twice_ends_as_one_journal() {
    told(|world| {
        together(world, 2)?;
        let copy = world.homes[0].copy();
        world.twin(0, &copy);
        for _ in 0..3 {
            world.write(0)?;
            world.write(2)?;
            world.change(0, world.entry(0), Writing::Edit)?;
            world.change(2, world.entry(0), Writing::Record)?;
            world.meet(0, 1)?;
            world.meet(2, 1)?;
        }
        Ok(())
    });
}

/// More than may be on its way and not acknowledged: the window closes and opens again, both ways at once.
#[test]
fn a_log_longer_than_the_window_crosses_in_slices() {
    let mut world = world();
    together(&mut world, 2).unwrap();
    for home in [0, 0, 1, 0, 0, 0, 0, 0] {
        world.record_long(home, 900_000).unwrap();
    }
    world.open(0, 1, [Mode::Once; 2]).unwrap();
    let over = world.talk(0, 60, 256 << 10).unwrap();
    assert!(!over, "a cut in the middle");
    world.crash(1);
    let before = world.homes[1].held.len();
    world.heal().unwrap();
    assert!(before < world.homes[0].held.len() && world.homes[1].held == world.homes[0].held);
}

/// A rolled back home wrote more than one transaction holds: its tail is written down again in slices.
#[test]
fn a_long_tail_that_gives_way_is_written_down_again() {
    let world = told(|world| {
        together(world, 2)?;
        let copy = world.homes[0].copy();
        for _ in 0..5 {
            world.record_long(0, 400_000)?;
        }
        world.twin(0, &copy);
        for _ in 0..5 {
            world.record_long(2, 400_000)?;
        }
        world.meet(0, 1)?;
        world.meet(2, 1)?;
        world.meet(0, 1)
    });
    assert_eq!(world.homes[1].held.len(), 12);
    assert_eq!(world.homes[0].held.len(), 12);
}

/// What the next two tests interrupt: changes, blobs, an erase and a removal, both ways.
fn busy() -> World {
    let mut world = world();
    let prepared: Check = (|world: &mut World| {
        together(world, 3)?;
        for home in 0..2 {
            world.change(home, world.entry(0), Writing::Edit)?;
            world.change(home, world.entry(1), Writing::Attach)?;
            world.write(home)?;
        }
        world.erase(0, world.entry(2))?;
        world.remove(1, 2)
    })(&mut world);
    prepared.unwrap();
    world
}

#[test]
fn a_cut_at_every_step_of_a_session_costs_nothing() {
    let mut longest = 0;
    for steps in 0.. {
        let mut world = busy();
        world.open(0, 1, [Mode::Once; 2]).unwrap();
        let over = world.talk(0, steps, 200).unwrap();
        world.links.clear();
        world.heal().unwrap_or_else(|broken| panic!("cut after {steps}: {broken:?}"));
        longest = steps;
        if over {
            break;
        }
    }
    assert!(longest > 30, "the session was cut at {longest} places");
}

#[test]
fn a_power_cut_at_every_commit_of_a_session_costs_nothing() {
    for home in 0..2 {
        for blow in [Blow::Before, Blow::After] {
            let mut commits = 0;
            loop {
                let mut world = busy();
                world.homes[home].power.lock().unwrap().fuse = Some((commits, blow));
                world.open(0, 1, [Mode::Once; 2]).unwrap();
                world.settle_links().unwrap();
                let survived = world.homes[home].power.lock().unwrap().fuse.is_some();
                world.heal().unwrap_or_else(|broken| panic!("{home} {blow:?} at {commits}: {broken:?}"));
                if survived {
                    break;
                }
                commits += 1;
            }
            assert!(commits > 3, "{home} committed {commits} times");
        }
    }
}
