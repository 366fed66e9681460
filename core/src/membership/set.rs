//! The set of statements that a device holds: what is taken in, what waits, what to send, and its cached reading.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::OnceLock;

use super::bits::Bits;
use super::state::{Change, Member, Reading, Removal, State, read};
use super::statement::{Author, Body, Kept, MAX_PARENTS, Statement, StatementError};
use crate::crypto::{Domain, Hasher, RecoveryPublic, SealingPublic};
use crate::fault::{Fault, Faults};
use crate::id::{Chain, DeviceId, JournalId, LogId, StatementId};
use crate::time::Timestamp;

/// How many statements may wait. The oldest gives way: it is not held, so a peer will send it again.
pub const MAX_WAITING: usize = 512;
/// The most devices that belong at a time: none is added beyond.
pub const MAX_MEMBERS: usize = 1000;
/// The most bytes of adds that a dialer shows to a device that does not know it.
pub const MAX_SHOWN: usize = 64 * 1024;

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is held now, and with it those that had waited for it: all to be stored, in an order in which they can be
    /// inserted again.
    Held(Vec<StatementId>),
    /// It waits for a parent or for its signer's add. It is not part of the set; nothing is to be stored.
    Waits,
    /// It was held, or waiting, before.
    Known,
}

#[derive(Debug, Clone)]
struct Held {
    statement: Statement,
    /// Parents are held and complete. False for some adds only.
    complete: bool,
    /// A complete statement names it as a parent.
    has_child: bool,
    /// The adds and removes among its ancestors; meaningful once complete.
    view: Bits,
    /// Its own number among them, where it is one.
    change: Option<usize>,
    /// For a keep: whether its signer was a member in its view.
    counts: bool,
}

/// A grow-only set of verified statements of one journal.
#[derive(Clone)]
pub struct Statements {
    recovery: RecoveryPublic,
    recovery_seal: SealingPublic,
    journal: JournalId,
    held: Vec<Held>,
    index: BTreeMap<StatementId, usize>,
    changes: Vec<Change>,
    /// Devices with a held add.
    tied: BTreeSet<DeviceId>,
    /// Held adds that are not complete, each under the first parent that it lacks.
    floating: BTreeMap<StatementId, Vec<usize>>,
    waiting: VecDeque<Statement>,
    state: OnceLock<State>,
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statements({:?}: {} held, {} waiting)", self.journal, self.held.len(), self.waiting.len())
    }
}

impl Statements {
    /// The set of a journal of which only the genesis is known yet.
    pub fn new(genesis: Statement) -> Result<Self, StatementError> {
        let Body::Genesis { recovery_sign, .. } = genesis.body() else { return Err(StatementError::NotGenesis) };
        genesis.verify(recovery_sign)?;
        Self::new_verified(genesis)
    }

    /// The same from this device's own store, where the genesis came with a verified signature.
    pub(crate) fn new_verified(genesis: Statement) -> Result<Self, StatementError> {
        let &Body::Genesis { recovery_sign: recovery, recovery_seal, .. } = genesis.body() else {
            return Err(StatementError::NotGenesis);
        };
        let mut set = Self {
            recovery,
            recovery_seal,
            journal: genesis.journal(),
            held: Vec::new(),
            index: BTreeMap::new(),
            changes: Vec::new(),
            tied: BTreeSet::new(),
            floating: BTreeMap::new(),
            waiting: VecDeque::new(),
            state: OnceLock::new(),
        };
        set.hold(genesis);
        Ok(set)
    }

    /// The journal that all of them speak of.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// The recovery key for statements.
    pub fn recovery(&self) -> &RecoveryPublic {
        &self.recovery
    }

    /// The recovery key for wraps.
    pub fn recovery_seal(&self) -> &SealingPublic {
        &self.recovery_seal
    }

    /// The statement that began the journal.
    pub fn genesis(&self) -> &Statement {
        &self.held[0].statement
    }

    /// Takes a statement in once its signatures are verified.
    pub fn insert(&mut self, statement: Statement) -> Result<Inserted, StatementError> {
        if statement.journal() != self.journal {
            return Err(StatementError::OtherJournal);
        }
        if self.knows(&statement.id()) {
            return Ok(Inserted::Known);
        }
        statement.verify(&self.recovery)?;
        Ok(self.insert_verified(statement))
    }

    /// Takes in a statement of this journal whose signatures were verified before: one from this device's own store.
    pub fn insert_verified(&mut self, statement: Statement) -> Inserted {
        if self.knows(&statement.id()) {
            return Inserted::Known;
        }
        if !self.may_hold(&statement) {
            if self.waiting.len() == MAX_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(statement);
            return Inserted::Waits;
        }
        let first = self.held.len();
        self.hold(statement);
        self.settle();
        self.state = OnceLock::new();
        Inserted::Held(self.held[first..].iter().map(|held| held.statement.id()).collect())
    }

    fn knows(&self, id: &StatementId) -> bool {
        self.contains(id) || self.waiting.iter().any(|waiting| waiting.id() == *id)
    }

    fn is_complete(&self, id: &StatementId) -> bool {
        self.index.get(id).is_some_and(|&at| self.held[at].complete)
    }

    fn may_hold(&self, statement: &Statement) -> bool {
        let tied = match statement.author() {
            Author::Recovery => true,
            Author::Device(device) => self.tied.contains(&device),
        };
        tied && (matches!(statement.body(), Body::Add { .. })
            || statement.parents().iter().all(|parent| self.is_complete(parent)))
    }

    fn hold(&mut self, statement: Statement) {
        let at = self.held.len();
        let change = match *statement.body() {
            Body::Add { device, .. } => Some((device, true)),
            Body::Remove { device, .. } => Some((device, false)),
            Body::Genesis { .. } | Body::Keep { .. } | Body::Unknown { .. } => None,
        };
        let number = change.map(|(device, is_add)| {
            if is_add {
                self.tied.insert(device);
            }
            let (id, author) = (statement.id(), statement.author());
            self.changes.push(Change { id, author, device, is_add, view: Bits::default() });
            self.changes.len() - 1
        });
        self.index.insert(statement.id(), at);
        let (complete, has_child, view, counts) = (false, false, Bits::default(), false);
        self.held.push(Held { statement, complete, has_child, view, change: number, counts });
        // Each that becomes complete is looked for once, by those that lacked it.
        let mut left = vec![at];
        while let Some(at) = left.pop() {
            if self.try_complete(at) {
                left.extend(self.floating.remove(&self.held[at].statement.id()).unwrap_or_default());
            }
        }
    }

    /// Fixes the view of a statement whose parents are all complete.
    fn try_complete(&mut self, at: usize) -> bool {
        let parents = self.held[at].statement.parents();
        if let Some(lacking) = parents.iter().find(|parent| !self.is_complete(parent)).copied() {
            self.floating.entry(lacking).or_default().push(at);
            return false;
        }
        let parents: Vec<usize> = parents.iter().filter_map(|parent| self.index.get(parent).copied()).collect();
        let mut view = Bits::default();
        for parent in parents {
            let parent = &mut self.held[parent];
            parent.has_child = true;
            view.union(&parent.view);
            if let Some(number) = parent.change {
                view.insert(number);
            }
        }
        let held = &mut self.held[at];
        held.complete = true;
        if let Some(number) = held.change {
            self.changes[number].view = view.clone();
        }
        if let (Body::Keep { .. }, Author::Device(signer)) = (held.statement.body(), held.statement.author()) {
            held.counts = read(&self.changes, &view, Faults::default()).members.contains(&signer);
        }
        held.view = view;
        true
    }

    /// Holds what waited and now may be, until nothing changes.
    fn settle(&mut self) {
        loop {
            let mut settled = true;
            for statement in std::mem::take(&mut self.waiting) {
                if self.may_hold(&statement) {
                    self.hold(statement);
                    settled = false;
                } else {
                    self.waiting.push_back(statement);
                }
            }
            if settled {
                return;
            }
        }
    }

    /// How many are held.
    #[allow(clippy::len_without_is_empty, reason = "genesis is always held")]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// The ids of all that are held.
    pub fn ids(&self) -> BTreeSet<StatementId> {
        self.index.keys().copied().collect()
    }

    /// The ids of those held, ascending, from behind this one.
    pub fn ids_after(&self, after: Option<[u8; 32]>) -> impl Iterator<Item = [u8; 32]> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |id| Excluded(StatementId::from_bytes(id)));
        self.index.range((from, Unbounded)).map(|(id, _)| *id.as_bytes())
    }

    /// Whether every ancestor of every statement is held. Until then some say less than they will.
    pub fn all_complete(&self) -> bool {
        self.floating.is_empty()
    }

    /// Whether it is held.
    pub fn contains(&self, id: &StatementId) -> bool {
        self.index.contains_key(id)
    }

    /// How many pieces of memory the views of all statements take.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.held.iter().flat_map(|held| held.view.pieces()).collect::<BTreeSet<_>>().len()
    }

    /// Whether another device may be added: there are fewer than [`MAX_MEMBERS`].
    pub fn has_room(&self) -> bool {
        self.state().members().count() < MAX_MEMBERS
    }

    /// The statement with this id, if it is held.
    pub fn get(&self, id: &StatementId) -> Option<&Statement> {
        self.index.get(id).map(|&at| &self.held[at].statement)
    }

    /// The complete statements that no complete statement names as a parent, ascending.
    pub fn tips(&self) -> Vec<StatementId> {
        let mut tips: Vec<StatementId> =
            self.held.iter().filter(|held| held.complete && !held.has_child).map(|held| held.statement.id()).collect();
        tips.sort_unstable();
        tips
    }

    /// What a new statement names as its parents: the tips. Where a member has made more than a statement may name, the
    /// keeps are left out first, since no rule asks whether a keep was seen; then what only a later version asks for.
    pub fn seen(&self) -> Vec<StatementId> {
        let mut tips = self.tips();
        if tips.len() > MAX_PARENTS {
            tips.sort_by_key(|tip| match self.get(tip).map(Statement::body) {
                Some(Body::Keep { .. }) => 2,
                Some(Body::Unknown { .. }) => 1,
                _ => 0,
            });
            tips.truncate(MAX_PARENTS);
            tips.sort_unstable();
        }
        tips
    }

    /// What a statement's author had seen: its held ancestors, without itself.
    pub fn view(&self, id: &StatementId) -> BTreeSet<StatementId> {
        let mut view = BTreeSet::new();
        let mut left: Vec<StatementId> = self.get(id).map(|statement| statement.parents().to_vec()).unwrap_or_default();
        while let Some(id) = left.pop() {
            if let Some(statement) = self.get(&id)
                && view.insert(id)
            {
                left.extend_from_slice(statement.parents());
            }
        }
        view
    }

    /// All that are held, each after those of its parents that are.
    pub fn in_order(&self) -> Vec<&Statement> {
        let mut order = Vec::with_capacity(self.held.len());
        let mut done = vec![false; self.held.len()];
        for start in 0..self.held.len() {
            // Without recursion: a long chain of statements must not use up the stack.
            let mut path = vec![(start, false)];
            while let Some((at, parents_done)) = path.pop() {
                if done[at] {
                    continue;
                }
                if parents_done {
                    done[at] = true;
                    order.push(&self.held[at].statement);
                    continue;
                }
                path.push((at, true));
                let parents = self.held[at].statement.parents().iter();
                path.extend(parents.filter_map(|parent| self.index.get(parent)).map(|&parent| (parent, false)));
            }
        }
        order
    }

    /// What a peer that holds `ids` lacks, each after those of its parents that it lacks too.
    pub fn missing_from(&self, ids: &BTreeSet<StatementId>) -> Vec<&Statement> {
        self.in_order().into_iter().filter(|statement| !ids.contains(&statement.id())).collect()
    }

    /// A hash over which statements are held, whatever the order they came in.
    pub fn set_hash(&self) -> [u8; 16] {
        let mut hasher = Hasher::new(Domain::StatementSet);
        for id in self.index.keys() {
            hasher.update(id.as_bytes());
        }
        hasher.finish16()
    }

    /// The genesis and the adds that tie `device` to it, signers first, for a device that may never have heard of it:
    /// at most [`MAX_SHOWN`] bytes in all.
    pub fn adds(&self, device: &DeviceId) -> Vec<&Statement> {
        let mut adds_of: BTreeMap<DeviceId, Vec<&Change>> = BTreeMap::new();
        for &number in &read(&self.changes, &Bits::below(self.changes.len()), Faults::default()).adds {
            let change = &self.changes[number];
            adds_of.entry(change.device).or_default().push(change);
        }
        // Nearest to the device first, so that what does not fit is furthest from it; then turned around.
        let mut left = MAX_SHOWN.saturating_sub(self.genesis().encode().len());
        let (mut shown, mut devices) = (Vec::new(), BTreeSet::from([*device]));
        let mut queue = VecDeque::from([*device]);
        while let Some(device) = queue.pop_front() {
            for change in adds_of.get(&device).into_iter().flatten() {
                let Some(statement) = self.get(&change.id) else { continue };
                let Some(rest) = left.checked_sub(statement.encode().len()) else { continue };
                left = rest;
                shown.push(statement);
                if let Author::Device(signer) = change.author
                    && devices.insert(signer)
                {
                    queue.push_back(signer);
                }
            }
        }
        shown.push(self.genesis());
        shown.reverse();
        shown
    }

    /// The statements to insert and store if `dialer`, whom this set does not know as a member, is one under our own
    /// removes and the adds it shows; none if it is not. Nothing but adds is looked at, and this set does not change.
    pub fn admit(&self, shown: &[Statement], dialer: &DeviceId) -> Option<Vec<Statement>> {
        if shown.iter().map(|statement| statement.encode().len()).sum::<usize>() > MAX_SHOWN {
            return None;
        }
        let mut ours = self.clone();
        let mut fresh = Vec::new();
        for statement in shown.iter().filter(|statement| matches!(statement.body(), Body::Add { .. })) {
            if let Ok(Inserted::Held(ids)) = ours.insert(statement.clone()) {
                fresh.extend(ids);
            }
        }
        let admitted = ours.state().is_member(dialer);
        admitted.then(|| fresh.iter().filter_map(|id| ours.get(id).cloned()).collect())
    }

    /// What the set says. Computed once for each change of the set.
    pub fn state(&self) -> &State {
        self.state.get_or_init(|| state_with(self, Faults::default()))
    }

    /// What the statement's author knew: the state over its ancestors, without keeps. None while it is not complete.
    pub fn members_in_view(&self, id: &StatementId) -> Option<BTreeSet<DeviceId>> {
        let held = &self.held[*self.index.get(id)?];
        held.complete.then(|| read(&self.changes, &held.view, Faults::default()).members)
    }

    fn describe(&self, reading: &Reading) -> BTreeMap<DeviceId, Member> {
        // The adds that speak for a device: those that count, or all where none does.
        let mut adds_of: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for &number in &reading.adds {
            adds_of.entry(self.changes[number].device).or_default().push(number);
        }
        let counted: BTreeSet<DeviceId> = adds_of.keys().copied().collect();
        for (number, change) in self.changes.iter().enumerate() {
            if change.is_add && !counted.contains(&change.device) && reading.tied.contains(&change.device) {
                adds_of.entry(change.device).or_default().push(number);
            }
        }
        let mut described = BTreeMap::new();
        for (id, adds) in adds_of {
            let unseen = |number: &&usize| !adds.iter().any(|&other| self.changes[other].view.contains(**number));
            let newest = adds.iter().filter(unseen).min_by_key(|&&number| self.changes[number].id);
            let Some(statement) = newest.and_then(|&number| self.get(&self.changes[number].id)) else { continue };
            if let Body::Add { name, sealing, at, .. } = statement.body() {
                let (name, added_by) = (name.clone(), statement.author());
                described.insert(id, Member { id, name, sealing: *sealing, added_at: *at, added_by });
            }
        }
        described
    }

    /// Who removed each device, and when: of several removes that count the one that says the earliest time.
    fn removals(&self, reading: &Reading) -> BTreeMap<DeviceId, Removal> {
        let said = |number: &usize| {
            let statement = self.get(&self.changes[*number].id)?;
            let Body::Remove { at, .. } = statement.body() else { return None };
            Some((*at, statement.id(), statement.author()))
        };
        let earliest = |removes: &Vec<usize>| removes.iter().filter_map(said).min_by_key(|(at, id, _)| (*at, *id));
        let removal = |(at, _, by): (Timestamp, StatementId, Author)| Removal { by, at };
        reading.removes.iter().filter_map(|(device, removes)| Some((*device, removal(earliest(removes)?)))).collect()
    }
}

/// Computes what the set says, with a fault for tests that must catch one.
pub(crate) fn state_with(statements: &Statements, faults: Faults) -> State {
    let reading = read(&statements.changes, &Bits::below(statements.changes.len()), faults);
    let (members, removed) =
        statements.describe(&reading).into_iter().partition(|(device, _)| reading.members.contains(device));
    let mut keeps: BTreeMap<LogId, BTreeSet<(u64, Chain)>> = BTreeMap::new();
    for held in &statements.held {
        let (Body::Keep { device, logs }, Author::Device(signer)) = (held.statement.body(), held.statement.author())
        else {
            continue;
        };
        let counts = if faults.has(Fault::AddOutsideARemoversView) {
            read(&statements.changes, &held.view, faults).members.contains(&signer)
        } else {
            held.counts
        };
        if counts {
            for &Kept { incarnation, seq, chain } in logs {
                keeps.entry(LogId { device: *device, incarnation }).or_default().insert((seq, chain));
            }
        }
    }
    let keeps = keeps.into_iter().map(|(log, keeps)| (log, keeps.into_iter().rev().collect())).collect();
    State { members, removed, removals: statements.removals(&reading), keeps }
}
