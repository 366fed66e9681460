//! Every history of four statements over three devices and the recovery key, in every order of delivery.
//!
//! A history is a choice, four times over, of an author, of what it says, and of which earlier statements it had seen.
//! Left out are only: histories that differ from another in the devices' names or in the order of statements that had
//! not seen each other; and those with a statement whose signer nobody ever adds, which is never held, or with one
//! remove twice over, which is one statement: both are histories of three. Keeps name one log of a fourth device, since which log a keep names plays no part in whether it
//! counts.

use std::collections::HashSet;

use super::*;
use crate::crypto::{Domain, Hasher, RecoveryPublic, SealingPublic, Signature};
use crate::fault::Fault;
use crate::id::{Chain, DeviceId, Incarnation, JournalId, LogId, StatementId};
use crate::time::Timestamp;

const STEPS: usize = 4;
const DEVICES: usize = 3;

/// A set of steps or of devices, one bit each.
type Mask = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Add(usize),
    Remove(usize),
    Keep,
    /// What only a later version understands.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// None is the recovery key.
    author: Option<usize>,
    say: Say,
    /// All that it had seen: every step's ancestors are among its own.
    seen: Mask,
}

fn device(number: usize) -> DeviceId {
    DeviceId::from_bytes([number as u8 + 1; 32])
}

fn log() -> LogId {
    LogId { device: device(DEVICES), incarnation: Incarnation::from_bytes([0; 8]) }
}

fn genesis() -> Statement {
    let body =
        Body::Genesis { recovery_sign: RecoveryPublic([9; 32]), recovery_seal: SealingPublic([8; 32]), nonce: [7; 16] };
    Statement::unsigned(&JournalId::from_bytes([0; 16]), Author::Recovery, Vec::new(), body)
}

fn statements(genesis: &Statement, history: &[Step]) -> Vec<Statement> {
    let mut made: Vec<Statement> = Vec::with_capacity(STEPS);
    for (at, step) in history.iter().enumerate() {
        let seen = |step: &Step, other: usize| step.seen >> other & 1 == 1;
        let mut parents: Vec<_> = (0..at)
            .filter(|&p| seen(step, p) && !(0..at).any(|q| seen(step, q) && seen(&history[q], p)))
            .map(|p| made[p].id())
            .collect();
        if parents.is_empty() {
            parents.push(genesis.id());
        }
        // Of one author's equal statements after equal parents, each is told apart where its kind has room for that.
        let copy = (0..at).filter(|&p| {
            let earlier = &history[p];
            (earlier.author, earlier.say, earlier.seen) == (step.author, step.say, step.seen)
        });
        let copy = copy.count() as u64;
        let body = match step.say {
            Say::Add(number) => Body::Add {
                device: device(number),
                sealing: SealingPublic([0; 32]),
                // Different adds of one device tell different things, so that choosing among them is tested too.
                name: format!("{:?} {:?}", step.author, parents),
                at: Timestamp(copy as i64),
                consent: Signature([0; 64]),
            },
            Say::Remove(number) => Body::Remove { device: device(number), at: Timestamp(0) },
            Say::Keep => {
                let of = format!("{:?} {parents:?}", step.author);
                let chain = Chain::from_bytes(Hasher::new(Domain::Chain).update(of.as_bytes()).finish());
                Body::Keep { device: log().device, logs: vec![Kept::new(&log(), copy, chain)] }
            }
            Say::Unknown => Body::Unknown { number: FIRST_UNKNOWN + copy as u32, bytes: Vec::new() },
        };
        let author = step.author.map_or(Author::Recovery, |number| Author::Device(device(number)));
        made.push(Statement::unsigned(&genesis.journal(), author, parents, body));
    }
    made
}

/// What the rules say, written a second time from the design's words, by looking at everything again until nothing
/// changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meaning {
    tied: Mask,
    members: Mask,
    keeps: Mask,
}

fn meaning(history: &[Step], within: Mask) -> Meaning {
    let steps = || history.iter().enumerate().filter(|(at, _)| within >> at & 1 == 1);
    let has = |mask: Mask, number: usize| mask >> number & 1 == 1;
    let fixpoint = |counts: &dyn Fn(usize, &Step, Mask) -> bool| {
        let mut devices: Mask = 0;
        loop {
            let before = devices;
            for (at, step) in steps() {
                if let Say::Add(number) = step.say
                    && counts(at, step, before)
                {
                    devices |= 1 << number;
                }
            }
            if devices == before {
                return devices;
            }
        }
    };
    let tied = fixpoint(&|_, step, tied| step.author.is_none_or(|author| has(tied, author)));
    let remove_counts = |at: usize, step: &Step| match step.author {
        None => true,
        Some(author) => {
            has(tied, author)
                && !steps().any(|(_, above)| {
                    above.author.is_none() && above.say == Say::Remove(author) && !has(above.seen, at)
                })
        }
    };
    let added = fixpoint(&|at, step, added| match step.author {
        None => true,
        Some(author) => {
            has(added, author)
                && steps().all(|(other, remove)| {
                    remove.say != Say::Remove(author) || !remove_counts(other, remove) || has(remove.seen, at)
                })
        }
    });
    let mut members = added;
    for (at, step) in steps() {
        if let Say::Remove(number) = step.say
            && remove_counts(at, step)
        {
            members &= !(1 << number);
        }
    }
    let mut keeps = 0;
    for (at, step) in steps() {
        if let (Say::Keep, Some(author)) = (step.say, step.author)
            && has(meaning(history, step.seen).members, author)
        {
            keeps |= 1 << at;
        }
    }
    Meaning { tied, members, keeps }
}

fn as_meaning(state: &State, all: &[Statement]) -> Meaning {
    let mask = |has: &dyn Fn(&DeviceId) -> bool| (0..DEVICES).filter(|&n| has(&device(n))).fold(0, |m, n| m | 1 << n);
    let Limit::UpTo(keeps) = state.limit(&log()) else { panic!("a device nobody adds is no member") };
    Meaning {
        tied: mask(&|device| state.ever_added(device)),
        members: mask(&|device| state.is_member(device)),
        keeps: all.iter().enumerate().fold(0, |mask, (at, statement)| match statement.body() {
            Body::Keep { logs, .. } if logs.iter().all(|kept| keeps.contains(&(kept.seq, kept.chain))) => {
                mask | 1 << at
            }
            _ => mask,
        }),
    }
}

/// Every history, once for each naming of devices by first appearance.
fn every_history(history: &mut Vec<Step>, named: usize, visit: &mut dyn FnMut(&[Step])) {
    if history.len() == STEPS {
        return visit(history);
    }
    let known = |named: usize| 0..DEVICES.min(named + 1);
    for author in std::iter::once(None).chain(known(named).map(Some)) {
        let named = named.max(author.map_or(0, |number| number + 1));
        let mut says: Vec<(Say, usize)> = Vec::new();
        for number in known(named) {
            let named = named.max(number + 1);
            says.extend([(Say::Add(number), named), (Say::Remove(number), named)]);
        }
        if author.is_some() {
            says.push((Say::Keep, named));
        }
        // Once in a history: it takes part in nothing but being seen.
        if history.iter().all(|step| step.say != Say::Unknown) {
            says.push((Say::Unknown, named));
        }
        for (say, named) in says {
            for seen in 0..1 << history.len() {
                let closed = (0..history.len()).all(|p| seen >> p & 1 == 0 || history[p].seen & !seen == 0);
                if closed {
                    history.push(Step { author, say, seen });
                    every_history(history, named, visit);
                    history.pop();
                }
            }
        }
    }
}

/// The same for every order in which concurrent statements could have been chosen: which statements they are.
fn canonical(all: &[Statement]) -> [StatementId; STEPS] {
    let mut ids: Vec<StatementId> = all.iter().map(Statement::id).collect();
    ids.sort_unstable();
    std::array::from_fn(|at| ids[at])
}

/// Delivers what is left in every order; any two orders of the same statements must meet in one state.
fn deliver(set: &Statements, all: &[Statement], given: Mask, met: &mut [Option<(State, usize)>; 1 << STEPS]) -> usize {
    let mut orders = 0;
    for (at, statement) in all.iter().enumerate().filter(|(at, _)| given >> at & 1 == 0) {
        let mut set = set.clone();
        set.insert_verified(statement.clone());
        let given = given | 1 << at;
        match &met[given as usize] {
            Some((state, len)) => assert!(state == set.state() && *len == set.len(), "{all:#?}"),
            None => met[given as usize] = Some((set.state().clone(), set.len())),
        }
        orders += if given + 1 == 1 << STEPS { 1 } else { deliver(&set, all, given, met) };
    }
    orders
}

#[test]
fn every_history_of_four_statements_ends_in_one_state_in_every_order() {
    let genesis = genesis();
    let empty = Statements::new_verified(genesis.clone()).unwrap();
    let mut seen = HashSet::new();
    let (mut orders, mut planted_differs) = (0, 0);
    every_history(&mut Vec::new(), 0, &mut |history| {
        let meant = meaning(history, (1 << STEPS) - 1);
        if history.iter().any(|step| step.author.is_some_and(|author| meant.tied >> author & 1 == 0)) {
            return;
        }
        let all = statements(&genesis, history);
        let ids = canonical(&all);
        if !ids.is_sorted_by(|a, b| a < b) || !seen.insert(ids) {
            return;
        }
        let mut met = [const { None }; 1 << STEPS];
        orders += deliver(&empty, &all, 0, &mut met);
        let (state, len) = met[(1 << STEPS) - 1].take().unwrap();
        assert_eq!(len, STEPS + 1, "every statement is held: {all:#?}");
        assert_eq!(as_meaning(&state, &all), meant, "{all:#?}");

        let mut set = empty.clone();
        for statement in &all {
            set.insert_verified(statement.clone());
        }
        let planted = state_with(&set, Fault::AddOutsideARemoversView.into());
        planted_differs += usize::from(as_meaning(&planted, &all) != meant);
    });
    println!("{} histories, {orders} deliveries; the planted bug shows in {planted_differs}", seen.len());
    assert!(planted_differs > 0, "this test must be able to fail");
    assert!(seen.len() > 10_000 && orders == seen.len() * 24);
}

/// A deterministic stream of numbers (splitmix64), enough to vary long histories.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Up to 60 statements by up to seven signers, strangers among them, each from a random earlier set's tips.
fn long_history(numbers: &mut Numbers, genesis: &Statement) -> Vec<Statement> {
    let mut sets = vec![Statements::new_verified(genesis.clone()).unwrap(); 4];
    let mut made = Vec::new();
    for at in 0..numbers.below(60) {
        let author = match numbers.below(8) {
            0 | 1 => Author::Recovery,
            number => Author::Device(device(number)),
        };
        let body = match (numbers.below(6), author) {
            (0..2, _) => Body::Add {
                device: device(numbers.below(8)),
                sealing: SealingPublic([at as u8; 32]),
                name: String::new(),
                at: Timestamp(0),
                consent: Signature([0; 64]),
            },
            (2..4, Author::Device(_)) => {
                let logs = vec![Kept::new(&log(), at as u64, Chain::from_bytes([0; 32]))];
                Body::Keep { device: log().device, logs }
            }
            (4, _) => Body::Unknown { number: FIRST_UNKNOWN + at as u32 % 3, bytes: vec![at as u8] },
            _ => Body::Remove { device: device(numbers.below(8)), at: Timestamp(0) },
        };
        let (from, to) = (numbers.below(sets.len()), numbers.below(sets.len()));
        let statement = Statement::unsigned(&genesis.journal(), author, sets[from].seen(), body);
        sets[from].insert_verified(statement.clone());
        made.push(statement);
        if numbers.below(3) == 0 {
            for statement in sets[from].clone().missing_from(&sets[to].ids()) {
                sets[to].insert_verified(statement.clone());
            }
        }
    }
    made
}

#[test]
fn long_histories_end_in_one_state_in_any_order_with_repetition() {
    let genesis = genesis();
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let mut history = long_history(&mut numbers, &genesis);
        let mut first: Option<Statements> = None;
        for _ in 0..6 {
            let mut set = Statements::new_verified(genesis.clone()).unwrap();
            for statement in history.iter().chain(&history[history.len() / 2..]) {
                set.insert_verified(statement.clone());
            }
            let first = first.get_or_insert_with(|| set.clone());
            assert_eq!(
                (set.ids(), set.set_hash(), set.tips()),
                (first.ids(), first.set_hash(), first.tips()),
                "{seed}"
            );
            assert_eq!(set.state(), first.state(), "seed {seed}");
            // And what one such set sends to a newcomer never has to wait there for a parent.
            let mut newcomer = Statements::new_verified(genesis.clone()).unwrap();
            for statement in set.missing_from(&newcomer.ids()) {
                newcomer.insert_verified(statement.clone());
            }
            assert_eq!((newcomer.ids(), newcomer.state()), (set.ids(), set.state()), "seed {seed}");
            numbers.shuffle(&mut history);
        }
    }
}

#[test]
fn a_long_chain_is_read_without_recursion_and_quickly() {
    let genesis = genesis();
    let mut set = Statements::new_verified(genesis.clone()).unwrap();
    for at in 0..2000_u32 {
        let author = if at == 0 { Author::Recovery } else { Author::Device(chained(at - 1)) };
        let (sealing, consent) = (SealingPublic([0; 32]), Signature([0; 64]));
        let body = Body::Add { device: chained(at), sealing, name: String::new(), at: Timestamp(0), consent };
        set.insert_verified(Statement::unsigned(&genesis.journal(), author, set.seen(), body));
    }
    assert_eq!(set.state().members().count(), 2000);
    assert_eq!(set.in_order().len(), 2001);
    assert_eq!(set.view(&set.tips()[0]).len(), 2000);
    assert!(set.adds(&chained(1999)).len() < 500, "no more than a dialer may show");
}

/// Each statement's view is its parent's and one more: it takes no more memory than that one, whatever the chain's length.
#[test]
fn the_views_of_a_chain_share_their_memory() {
    const LENGTH: u32 = 6000;
    let genesis = genesis();
    let mut set = Statements::new_verified(genesis.clone()).unwrap();
    let mut tip = genesis.id();
    for at in 0..LENGTH {
        let (sealing, consent) = (SealingPublic([0; 32]), Signature([0; 64]));
        let body = Body::Add { device: chained(at), sealing, name: String::new(), at: Timestamp(0), consent };
        let add = Statement::unsigned(&genesis.journal(), Author::Recovery, vec![tip], body);
        tip = add.id();
        set.insert_verified(add);
    }
    assert!(set.all_complete());
    assert!(set.pieces() <= LENGTH as usize + 1, "{} pieces", set.pieces());
    assert_eq!(set.view(&tip).len(), LENGTH as usize);
    assert!(!set.has_room());
}

fn chained(number: u32) -> DeviceId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    DeviceId::from_bytes(bytes)
}
