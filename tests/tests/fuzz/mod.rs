//! Every decoder answers any bytes with a value or an error, in bounded time and memory. Seeds, kept files and past
//! failures are mutated for the suite's budget; what fails is kept in `fuzz/crashers/`.

mod memory;
mod mutate;

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use afterword_fuzz::{TARGETS, Target};
use afterword_tests::{Budget, Seeded, seed};

/// No decoder takes longer for any input of these sizes; slow enough for a busy machine.
const TIME: Duration = Duration::from_secs(2);
/// No decoder holds more than this at once for any input of these sizes.
const MEMORY: usize = 96 << 20;

fn folder(kind: &str, target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz").join(kind).join(target.name)
}

fn files(kind: &str, target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder(kind, target)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Runs one input; whether it was accepted, or what is wrong with how it was answered.
fn answer(run: fn(&[u8]) -> bool, input: &[u8]) -> Result<bool, String> {
    let started = Instant::now();
    let (outcome, peak) = memory::peak(|| catch_unwind(|| run(input)));
    let took = started.elapsed();
    let accepted = outcome.map_err(|_| "it panicked".to_owned())?;
    if took > TIME {
        Err(format!("it took {took:?}"))
    } else if peak > MEMORY {
        Err(format!("it held {} MiB", peak >> 20))
    } else {
        Ok(accepted)
    }
}

#[test]
fn seeds_are_accepted() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (number, seed) in seeds.iter().enumerate() {
            assert!((target.run)(seed), "seed {number} of {} is refused", target.name);
        }
    }
}

#[test]
fn targets_have_names_of_their_own_and_folders_have_targets() {
    for (at, target) in TARGETS.iter().enumerate() {
        assert!(TARGETS[..at].iter().all(|other| other.name != target.name), "{} twice", target.name);
    }
    for kind in ["crashers", "corpus-seeds"] {
        let parent = folder(kind, &TARGETS[0]).parent().unwrap().to_path_buf();
        for entry in fs::read_dir(parent).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            let name = entry.file_name().into_string().unwrap();
            assert!(
                afterword_fuzz::target(&name).is_some(),
                "fuzz/{kind}/{name} belongs to no target, so nobody runs it"
            );
        }
    }
}

#[test]
fn kept_inputs() {
    for target in TARGETS {
        for (path, input) in files("crashers", target) {
            if let Err(trouble) = answer(target.run, &input) {
                panic!("{} on {}: {trouble}", target.name, path.display());
            }
        }
    }
}

#[test]
fn mutations() {
    let seed = seed(1);
    let parts = TARGETS.len() as u32;
    for (target, stream) in TARGETS.iter().zip(1..) {
        let starts: Vec<Vec<u8>> = (target.seeds)()
            .into_iter()
            .chain(files("corpus-seeds", target).into_iter().map(|(_, bytes)| bytes))
            .chain(files("crashers", target).into_iter().map(|(_, bytes)| bytes))
            .collect();
        let mut rng = Seeded::stream(seed, stream);
        let budget = Budget::part(1, parts, 6);
        let (mut inputs, mut accepted) = (0_u64, 0_u64);
        while budget.is_left() {
            for _ in 0..64 {
                let input = mutate::mutated(&starts, &mut rng);
                match answer(target.run, &input) {
                    Ok(was_accepted) => accepted += u64::from(was_accepted),
                    Err(trouble) => {
                        let path = keep(target, &input);
                        panic!("{} on {}: {trouble} (seed {seed}, input {inputs})", target.name, path.display());
                    }
                }
                inputs += 1;
            }
        }
        println!("{:14} seed {seed}: {inputs} inputs, {accepted} accepted", target.name);
        assert!(inputs > 0, "{} was given no input", target.name);
    }
}

fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let folder = folder("crashers", target);
    fs::create_dir_all(&folder).unwrap();
    // FNV: only a name.
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let path = folder.join(format!("{hash:016x}"));
    fs::write(&path, input).unwrap();
    path
}

/// The driver itself, on decoders with planted faults.
#[test]
fn planted_faults_are_found() {
    fn panics(data: &[u8]) -> bool {
        assert!(data.first() != Some(&0xff), "planted");
        true
    }
    fn trusts_a_length(data: &[u8]) -> bool {
        let length = data.first().map_or(0, |byte| usize::from(*byte)) << 20;
        std::hint::black_box(vec![1_u8; length]).len() == length
    }
    let starts = vec![vec![1, 2, 3, 4]];
    for (run, expected) in [(panics as fn(&[u8]) -> bool, "it panicked"), (trusts_a_length, "it held")] {
        let mut rng = Seeded::new(5);
        let found = (0..20_000).find_map(|_| answer(run, &mutate::mutated(&starts, &mut rng)).err());
        assert!(found.is_some_and(|found| found.starts_with(expected)), "{expected}");
    }
}
