//! A deterministic simulator over the sans-I/O sessions: many devices, one seed, no sockets and no clock.

mod check;
mod device;
mod disk;
mod link;
mod rng;
mod vector;
mod world;

use afterword_core::sync::Mode;

use device::Writing;
use world::{Kind, World};

fn kind(seed: u64) -> Kind {
    Kind { seed, steps: 150, planted: None, factory: disk::memory }
}

#[test]
fn two_devices_pair_write_sync_and_converge() {
    let mut world = World::new(kind(1));
    world.pair(0).unwrap();
    world.write(0).unwrap();
    world.write(1).unwrap();
    world.meet(0, 1).unwrap();
    for writing in [Writing::Edit, Writing::Attach, Writing::Mark, Writing::Record, Writing::Detach] {
        for home in 0..2 {
            world.change(home, world.entry(1 - home), writing).unwrap();
        }
    }
    world.meet(0, 1).unwrap();
    world.erase(0, world.entry(1)).unwrap();
    world.open(0, 1, [Mode::Live; 2]).unwrap();
    world.settle_links().unwrap();
    world.write(0).unwrap();
    world.settle_links().unwrap();
    world.heal().unwrap();
}

#[test]
fn seeds() {
    let start = std::time::Instant::now();
    for seed in 0..std::env::var("AFTERWORD_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20) {
        let mut world = World::new(kind(seed));
        if let Err(violation) = world.run() {
            for line in &world.trace {
                println!("{line}");
            }
            println!("{}", violation.detail);
            panic!("seed {seed}: {:?}", violation.rule);
        }
    }
    println!("{:?}", start.elapsed());
}

#[test]
fn planted_probe() {
    use afterword_core::store::rules::Planted::*;
    for planted in [
        AcknowledgeBeforeDurable,
        MergeWithoutDependencies,
        VectorNotInTheTransaction,
        AddOutsideARemoversView,
        KeepNotInTheStatementsTransaction,
        HoleWithoutCertificate,
        StandingFromTheSessionsBeginning,
        RollbackIgnored,
    ] {
        let mut found = Vec::new();
        for seed in 0..std::env::var("AFTERWORD_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20) {
            let mut world = World::new(Kind { planted: Some(planted), ..kind(seed) });
            if let Err(violation) = world.run() {
                found.push((seed, violation.rule, violation.detail.chars().take(60).collect::<String>()));
                if found.len() >= 4 {
                    break;
                }
            }
        }
        println!("{planted:?}: {found:#?}");
    }
}
