//! A journal's devices, the connections between them, and what chance does to both.

use std::collections::BTreeSet;

use afterword_core::crypto::Secret;
use afterword_core::error::{Error, Result};
use afterword_core::fault::Fault;
use afterword_core::id::EntryId;
use afterword_core::log::Batch;
use afterword_core::replication::rules::Packing;
use afterword_core::sync::Mode;

use super::check::{self, Ledger, summary, truth};
use super::device::{Check, Device, HomeCopy, Rule, Violation, broken};
use super::disk::{Blow, Factory, is_power_cut};
use super::link::{ACTS, Did, Link, after_commit, replay};
use super::rng::Rng;
use super::writing::Writing;

/// The most homes in one run, copies among them.
const MOST_HOMES: usize = 5;
/// Batches that are kept per device to come again or late.
const MOST_INBOX: usize = 40;

/// What a run is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) seed: u64,
    pub(super) steps: usize,
    pub(super) planted: Option<Fault>,
    pub(super) factory: Factory,
}

/// Every other device runs a version that knows more: it says and writes what the others do not understand.
pub(super) fn is_newer(home: usize) -> bool {
    home % 2 == 1
}

/// Everything there is.
pub(super) struct World {
    kind: Kind,
    pub(super) rng: Rng,
    pub(super) homes: Vec<Device>,
    pub(super) links: Vec<Link>,
    pub(super) ledger: Ledger,
    pub(super) inboxes: Vec<Vec<Batch>>,
    secret: Secret,
    entries: Vec<EntryId>,
    copies: Vec<(usize, HomeCopy)>,
    /// What happened, for whoever reads a failure.
    pub(super) trace: Vec<String>,
}

/// What chance may do. Each is as likely as its number says, beside sessions going on.
const STEPS: [(Step, usize); 27] = [
    (Step::Write, 40),
    (Step::Change(Writing::Edit), 90),
    (Step::Change(Writing::File), 20),
    (Step::Change(Writing::Mark), 25),
    (Step::Change(Writing::Attach), 20),
    (Step::Change(Writing::Detach), 8),
    (Step::Change(Writing::Record), 12),
    (Step::Change(Writing::Later), 10),
    (Step::Say, 6),
    (Step::Name, 8),
    (Step::Erase, 14),
    (Step::Pair, 14),
    (Step::Remove, 7),
    (Step::Mutual, 3),
    (Step::Open, 130),
    (Step::Talk, 420),
    (Step::Meet, 60),
    (Step::Cut, 25),
    (Step::Crash, 12),
    (Step::Fuse, 20),
    (Step::Clock, 8),
    (Step::Copy, 12),
    (Step::Rollback, 10),
    (Step::Again, 30),
    (Step::Pack, 40),
    (Step::Damage, 12),
    (Step::Derive, 120),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Write,
    Change(Writing),
    /// A device of a later version says something that the others do not understand.
    Say,
    Name,
    Erase,
    Pair,
    Remove,
    Mutual,
    Open,
    Talk,
    Meet,
    Cut,
    Crash,
    Fuse,
    Clock,
    Copy,
    Rollback,
    Again,
    Pack,
    Damage,
    Derive,
}

impl World {
    pub(super) fn new(kind: Kind) -> Self {
        let mut rng = Rng::new(kind.seed);
        let (first, _, secret) = Device::first(kind.factory, kind.planted, &mut rng);
        Self {
            kind,
            rng,
            homes: vec![first],
            links: Vec::new(),
            ledger: Ledger::default(),
            inboxes: vec![Vec::new()],
            secret,
            entries: Vec::new(),
            copies: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// One run: a few devices, many steps, and peace at the end.
    pub(super) fn run(&mut self) -> Check {
        let wanted = 2 + self.rng.below(3);
        while self.homes.len() < wanted {
            let host = self.rng.below(self.homes.len());
            self.pair(host)?;
        }
        for _ in 0..self.kind.steps {
            self.step()?;
        }
        self.heal()
    }

    fn step(&mut self) -> Check {
        let derives = self.derives();
        let possible = STEPS.iter().filter(|(step, _)| derives || *step != Step::Derive);
        let mut at = self.rng.below(possible.clone().map(|(_, weight)| weight).sum());
        for (step, weight) in possible {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return self.take(*step),
            }
        }
        Ok(())
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    /// Does one step somewhere.
    fn take(&mut self, step: Step) -> Check {
        let home = self.rng.below(self.homes.len());
        match step {
            Step::Write => self.write(home),
            Step::Change(Writing::Later) if !is_newer(home) => Ok(()),
            Step::Change(writing) => {
                let Some(entry) = self.rng.pick(&self.entries).copied() else { return Ok(()) };
                self.change(home, entry, writing)
            }
            Step::Say if is_newer(home) => self.say_later(home),
            Step::Say => Ok(()),
            Step::Name => self.name(home),
            Step::Erase => {
                let Some(entry) = self.rng.pick(&self.entries).copied() else { return Ok(()) };
                self.erase(home, entry)
            }
            Step::Pair if self.homes.len() < MOST_HOMES => self.pair(home),
            Step::Pair => Ok(()),
            Step::Remove => {
                let other = self.rng.below(self.homes.len());
                self.remove(home, other)
            }
            Step::Mutual => {
                let other = self.rng.below(self.homes.len());
                self.remove(home, other)?;
                self.remove(other, home)
            }
            Step::Open => {
                let other = self.rng.below(self.homes.len());
                let mut mode = || if self.rng.chance(50) { Mode::Live } else { Mode::Once };
                let modes = [mode(), mode()];
                self.open(home, other, modes)
            }
            Step::Talk => {
                let link = self.rng.below(self.links.len());
                let most = if self.rng.chance(30) { 400 } else { 60 };
                for _ in 0..1 + self.rng.below(most) {
                    if link < self.links.len() {
                        self.act(link)?;
                    }
                }
                Ok(())
            }
            Step::Meet => {
                let other = self.rng.below(self.homes.len());
                self.open(home, other, [Mode::Once; 2])?;
                let last = self.links.len().saturating_sub(1);
                for _ in 0..800 {
                    if last < self.links.len() {
                        self.act(last)?;
                    }
                }
                Ok(())
            }
            Step::Cut => {
                if !self.links.is_empty() {
                    let link = self.rng.below(self.links.len());
                    let link = self.links.swap_remove(link);
                    self.note(format!("cut {}-{}", link.sides[0].home, link.sides[1].home));
                }
                Ok(())
            }
            Step::Crash => {
                self.crash(home);
                self.look_derived(home)
            }
            Step::Fuse => {
                let blow = if self.rng.chance(50) { Blow::Before } else { Blow::After };
                let at = self.rng.below(6) as u32;
                self.note(format!("fuse {home} {at} {blow:?}"));
                self.homes[home].power.lock().unwrap().fuse = Some((at, blow));
                Ok(())
            }
            Step::Clock => {
                self.homes[home].clock = self.rng.below(4_000_000) as i64 - 2_000_000;
                Ok(())
            }
            Step::Copy => {
                self.note(format!("copy {home}"));
                let copy = self.homes[home].copy();
                self.copies.push((home, copy));
                Ok(())
            }
            Step::Rollback => {
                if self.copies.is_empty() {
                    return Ok(());
                }
                let at = self.rng.below(self.copies.len());
                let (home, copy) = self.copies[at].clone();
                if self.rng.chance(70) || self.homes.len() >= MOST_HOMES {
                    self.rollback(home, &copy);
                } else {
                    self.twin(home, &copy);
                }
                Ok(())
            }
            Step::Again => {
                if self.inboxes[home].is_empty() {
                    return Ok(());
                }
                let at = self.rng.below(self.inboxes[home].len());
                let batch = self.inboxes[home][at].clone();
                self.note(format!("again {home} {:?} {}", batch.log, batch.head.position.seq));
                let crashed = replay(&mut self.homes[home], batch, &mut self.ledger)?;
                self.committed(home, crashed)
            }
            Step::Derive => self.derive(home),
            Step::Damage => {
                let crashes = [self.rng.chance(30), self.rng.chance(30)];
                self.damage(home, crashes)
            }
            Step::Pack => {
                let (keep, at_most) = (self.rng.below(4) as u64, 1 + self.rng.below(4000));
                self.note(format!("pack {home} but {keep}, {at_most} bytes"));
                let packed = self.homes[home].pack(&Packing { keep, at_least: at_most / 2, at_most });
                self.commit(home, packed)
            }
        }
    }

    // ---- what a writer does -------------------------------------------------------------------------------------

    pub(super) fn write(&mut self, home: usize) -> Check {
        let written = self.homes[home].write();
        if let Ok((entry, head)) = &written {
            self.entries.push(*entry);
            self.note(format!("write {home} {entry:?} at {:?} {}", head.log, head.position.seq));
        }
        self.wrote(home, written.map(|(_, head)| Some(head)))
    }

    pub(super) fn record_long(&mut self, home: usize, length: usize) -> Check {
        let entry = self.entries[0];
        let written = self.homes[home].record_long(entry, length);
        self.wrote(home, written.map(Some))
    }

    pub(super) fn write_over(&mut self, home: usize, text: &str) -> Check {
        let entry = self.entries[0];
        let written = self.homes[home].write_over(entry, text);
        self.wrote(home, written.map(Some))
    }

    pub(super) fn change(&mut self, home: usize, entry: EntryId, writing: Writing) -> Check {
        let head = self.homes[home].change(entry, writing);
        if let Ok(Some(head)) = &head {
            self.note(format!("{writing:?} {home} {entry:?} at {:?} {}", head.log, head.position.seq));
        }
        self.wrote(home, head)
    }

    pub(super) fn name(&mut self, home: usize) -> Check {
        let head = self.homes[home].name();
        if let Ok(Some(head)) = &head {
            self.note(format!("name {home} at {:?} {}", head.log, head.position.seq));
        }
        self.wrote(home, head)
    }

    pub(super) fn say_later(&mut self, home: usize) -> Check {
        self.note(format!("say {home}"));
        let said = self.homes[home].say_later();
        self.commit(home, said)
    }

    pub(super) fn erase(&mut self, home: usize, entry: EntryId) -> Check {
        self.note(format!("erase {home} {entry:?}"));
        let erased = self.homes[home].erase(entry);
        self.wrote(home, erased.map(|()| None))
    }

    fn wrote(&mut self, home: usize, head: Result<Option<afterword_core::log::Head>>) -> Check {
        if let Ok(Some(head)) = &head
            && self.homes[home].told.contains(&head.log)
        {
            return broken(Rule::NoAppendAfterRollback, format!("home {home} appended to {:?}", head.log));
        }
        self.commit(home, head.map(drop))
    }

    // ---- membership ---------------------------------------------------------------------------------------------

    pub(super) fn pair(&mut self, host: usize) -> Check {
        if !truth(&self.homes[host])?.is_member(&self.homes[host].id()) {
            return Ok(());
        }
        let (factory, rng) = (self.kind.factory, &mut self.rng);
        let paired = self.homes[host].pair(factory, &self.secret, rng);
        self.note(format!("pair {host}"));
        let paired = match paired {
            Ok(newcomer) => {
                self.homes.push(newcomer);
                self.inboxes.push(Vec::new());
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.commit(host, paired)
    }

    pub(super) fn remove(&mut self, home: usize, other: usize) -> Check {
        let state = truth(&self.homes[home])?;
        let (me, device) = (self.homes[home].id(), self.homes[other].id());
        if me == device || !state.is_member(&me) || !state.is_member(&device) {
            return Ok(());
        }
        self.note(format!("remove {home} removes {other}"));
        let removed = self.homes[home].remove(device);
        self.commit(home, removed)
    }

    // ---- what happens to a home ---------------------------------------------------------------------------------

    /// After something that may have committed here.
    pub(super) fn commit(&mut self, home: usize, result: Result<()>) -> Check {
        match result {
            Ok(()) => {
                let crashed = after_commit(&mut self.homes[home], &mut self.ledger)?;
                self.committed(home, crashed)
            }
            Err(error) if is_power_cut(&error) => self.committed(home, true),
            Err(Error { message, .. }) => broken(Rule::StoreWorks, message),
        }
    }

    pub(super) fn committed(&mut self, home: usize, crashed: bool) -> Check {
        if crashed {
            self.crash(home);
            // The commit may have been durable though nobody heard of it.
            after_commit(&mut self.homes[home], &mut self.ledger)?;
            self.look_derived(home)?;
        }
        for side in self.links.iter_mut().flat_map(|link| &mut link.sides).filter(|side| side.home == home) {
            side.news = true;
        }
        Ok(())
    }

    pub(super) fn crash(&mut self, home: usize) {
        self.note(format!("crash {home}"));
        self.homes[home].crash();
        self.links.retain(|link| link.sides.iter().all(|side| side.home != home));
    }

    pub(super) fn rollback(&mut self, home: usize, copy: &HomeCopy) {
        self.note(format!("rollback {home}"));
        self.links.retain(|link| link.sides.iter().all(|side| side.home != home));
        self.homes[home].restore(copy);
    }

    pub(super) fn twin(&mut self, home: usize, copy: &HomeCopy) {
        self.note(format!("twin of {home} is {}", self.homes.len()));
        let twin = self.homes[home].twin(self.kind.factory, copy, &mut self.rng);
        self.homes.push(twin);
        self.inboxes.push(Vec::new());
    }

    // ---- connections --------------------------------------------------------------------------------------------

    /// Whether `home` thinks that `other` belongs.
    pub(super) fn trusts(&self, home: usize, other: usize) -> Check<bool> {
        Ok(truth(&self.homes[home])?.is_member(&self.homes[other].id()))
    }

    pub(super) fn open(&mut self, home: usize, other: usize, modes: [Mode; 2]) -> Check {
        let open = self.links.iter().any(|link| {
            let ends = [link.sides[0].home, link.sides[1].home];
            ends == [home, other] || ends == [other, home]
        });
        if open || self.homes[home].id() == self.homes[other].id() || !self.trusts(home, other)? {
            return Ok(());
        }
        self.note(format!("open {home}-{other} {modes:?}"));
        self.links.push(Link::new([home, other], modes, self.kind.planted));
        Ok(())
    }

    /// That many acts that move something on a link, bytes in pieces of `piece`. Answers whether the link ended before.
    pub(super) fn talk(&mut self, at: usize, acts: usize, piece: usize) -> Check<bool> {
        let mut left = acts;
        let mut turn = 0;
        while left > 0 {
            let Some(link) = self.links.get_mut(at) else { return Ok(true) };
            let (end, act) = (turn / ACTS.len() % 2, ACTS[turn % ACTS.len()]);
            let home = link.sides[end].home;
            let did = link.act(end, act, piece, &mut self.homes, &mut self.ledger, &mut self.inboxes)?;
            left -= usize::from(did.moved);
            turn += 1;
            if turn > 100 * (acts + 1) {
                return broken(Rule::SessionsEndWell, "a session stands still");
            }
            self.follow(at, home, end, did)?;
        }
        Ok(self.links.len() <= at)
    }

    /// One act at one end of a link, and what follows from it.
    fn act(&mut self, at: usize) -> Check {
        let (end, act) = (self.rng.below(2), ACTS[self.rng.below(ACTS.len())]);
        let piece = match self.rng.below(3) {
            0 => 1 + self.rng.below(40),
            1 => 1 + self.rng.below(2000),
            _ => usize::MAX,
        };
        let Some(link) = self.links.get_mut(at) else { return Ok(()) };
        let home = link.sides[end].home;
        let did = link.act(end, act, piece, &mut self.homes, &mut self.ledger, &mut self.inboxes)?;
        self.follow(at, home, end, did)
    }

    fn follow(&mut self, at: usize, home: usize, end: usize, did: Did) -> Check {
        for inbox in &mut self.inboxes {
            let excess = inbox.len().saturating_sub(MOST_INBOX);
            inbox.drain(..excess);
        }
        if did.committed {
            let before = self.links[at].sides[end].news;
            self.committed(home, did.crashed)?;
            if !did.crashed {
                self.links[at].sides[end].news = before;
            }
        }
        if let Some(link) = self.links.get(at)
            && link.is_over()
        {
            link.quarrel()?;
            self.links.swap_remove(at);
        }
        Ok(())
    }

    // ---- peace --------------------------------------------------------------------------------------------------

    /// Lets open sessions finish, then brings everybody together until nothing moves, and looks at the end.
    pub(super) fn heal(&mut self) -> Check {
        self.note("heal");
        for home in &self.homes {
            home.power.lock().unwrap().fuse = None;
        }
        self.settle_links()?;
        self.links.clear();
        let most = 3 * self.homes.len() + 4;
        for round in 0..most {
            let before = self.hellos()?;
            self.round()?;
            if self.hellos()? == before {
                self.note(format!("quiet after {round} rounds"));
                return self.finish();
            }
        }
        broken(Rule::Convergence, format!("not quiet after {most} rounds"))
    }

    fn hellos(&self) -> Check<Vec<[u8; 16]>> {
        self.homes.iter().map(|home| Ok(summary(home)?.1)).collect()
    }

    /// Open sessions, with nothing in their way: each ends, or is live and both ends hold the same.
    pub(super) fn settle_links(&mut self) -> Check {
        let mut idle = 0;
        let mut steps = 0;
        while idle < 2 {
            let mut moved = false;
            for at in (0..self.links.len()).rev() {
                for end in 0..2 {
                    for act in ACTS {
                        let Some(link) = self.links.get_mut(at) else { continue };
                        let home = link.sides[end].home;
                        let all = usize::MAX;
                        let did = link.act(end, act, all, &mut self.homes, &mut self.ledger, &mut self.inboxes)?;
                        moved |= did.moved;
                        self.follow(at, home, end, did)?;
                    }
                }
            }
            idle = if moved { 0 } else { idle + 1 };
            steps += 1;
            if steps > 20_000 {
                return broken(Rule::SessionsEndWell, "open sessions go on without end");
            }
        }
        for link in &self.links {
            let [a, b] = [link.sides[0].home, link.sides[1].home];
            let settled = link.sides.each_ref().map(|side| side.session.settled());
            if settled != [Some(true); 2] {
                return broken(
                    Rule::SessionsEndWell,
                    format!("session {a}-{b} stands still: {settled:?}{}", link.last_words()),
                );
            }
            if summary(&self.homes[a])?.1 != summary(&self.homes[b])?.1 {
                let what = self.differ(a, b)?;
                return broken(
                    Rule::Convergence,
                    format!("live session {a}-{b} is settled, and its ends differ: {what}"),
                );
            }
        }
        Ok(())
    }

    /// Everybody meets everybody once.
    fn round(&mut self) -> Check {
        for a in 0..self.homes.len() {
            for b in 0..self.homes.len() {
                if a != b && (a < b || !self.trusts(b, a)?) {
                    self.meet(a, b)?;
                }
            }
        }
        Ok(())
    }

    /// One session between two, to its end, where the first thinks that the other belongs.
    pub(super) fn meet(&mut self, a: usize, b: usize) -> Check {
        if self.homes[a].id() == self.homes[b].id() || !self.trusts(a, b)? {
            return Ok(());
        }
        let mut link = Link::new([a, b], [Mode::Once; 2], self.kind.planted);
        link.run(&mut self.rng, &mut self.homes, &mut self.ledger, &mut self.inboxes).map_err(|broken| Violation {
            detail: format!("{a}-{b}: {}{}", broken.detail, link.last_words()),
            ..broken
        })?;
        if !link.is_over() {
            return broken(
                Rule::SessionsEndWell,
                format!("the session of {a} and {b} stands still{}", link.last_words()),
            );
        }
        Ok(())
    }

    /// All that reach each other hold the same, and it reads the same.
    fn finish(&mut self) -> Check {
        let mut texts = Vec::new();
        let mut derived = Vec::new();
        for at in 0..self.homes.len() {
            derived.push(self.derive_all(at)?);
            let home = &self.homes[at];
            if home.repaired {
                home.sweep_strays();
            }
            texts.push(check::final_state(home)?);
        }
        let hellos = self.hellos()?;
        for a in 0..self.homes.len() {
            for b in a + 1..self.homes.len() {
                let twins = self.homes[a].id() == self.homes[b].id();
                if twins || !self.trusts(a, b)? || !self.trusts(b, a)? {
                    continue;
                }
                if hellos[a] != hellos[b] {
                    return broken(Rule::Convergence, format!("{a} and {b} met, and differ: {}", self.differ(a, b)?));
                }
                if texts[a] != texts[b] {
                    return broken(Rule::Convergence, format!("{a} and {b} read different texts"));
                }
                if derived[a] != derived[b] {
                    return broken(Rule::Convergence, format!("{a} and {b} list or find different entries"));
                }
            }
        }
        Ok(())
    }

    fn differ(&self, a: usize, b: usize) -> Check<String> {
        let (a, b) = (summary(&self.homes[a])?.0, summary(&self.homes[b])?.0);
        let parts = [
            ("statements", a.statements != b.statements),
            ("certificates", a.certificates != b.certificates),
            ("vector", a.vector != b.vector),
            ("digest", a.digest != b.digest),
            ("blobs", a.unfilled != b.unfilled),
        ];
        let different: BTreeSet<_> = parts.into_iter().filter(|(_, differ)| *differ).map(|(name, _)| name).collect();
        let more = if a.unfilled == b.unfilled { String::new() } else { format!("{:?} {:?}", a.unfilled, b.unfilled) };
        Ok(format!("{different:?} {more}"))
    }

    /// A member that leaves the honest ones: its home, which nobody looks at any more.
    pub(super) fn turns(&mut self, home: usize) -> Device {
        self.links.retain(|link| link.sides.iter().all(|side| side.home != home));
        self.inboxes.remove(home);
        let turned = self.homes.remove(home);
        self.ledger.hostile.insert(turned.id());
        turned
    }

    pub(super) fn planted(&self) -> Option<Fault> {
        self.kind.planted
    }

    pub(super) fn entry(&self, at: usize) -> EntryId {
        self.entries[at]
    }
}
