//! Every planted bug that can show between sessions and store is caught, and by a rule, not by a panic.
//!
//! "Diff against current text" is caught in the document's own tests, and "resumption on" in the transport's: neither
//! exists down here.

use afterword_core::fault::Fault;

use super::device::{Check, Rule};
use super::directed;
use super::disk::Factory;
use super::hostile;
use super::repair;
use super::sqlite;
use super::world::{Kind, World};
use super::{disk, kind};

/// How many random runs a bug may survive.
const MOST_SEEDS: u64 = 1000;

/// Some random run breaks one of `rules` with the bug, and keeps all of them without.
fn caught_by_chance(planted: Fault, rules: &[Rule]) {
    caught_by_chance_on(disk::memory, planted, rules);
}

fn caught_by_chance_on(factory: Factory, planted: Fault, rules: &[Rule]) {
    let kind = |seed: u64| Kind { factory, ..kind(seed) };
    for seed in 0..MOST_SEEDS {
        let Err(violation) = World::new(Kind { planted: Some(planted), ..kind(seed) }).run() else { continue };
        if rules.contains(&violation.rule) {
            println!("{planted:?} is caught by seed {seed}: {:?}", violation.rule);
            let clean = World::new(kind(seed)).run();
            assert!(clean.is_ok(), "seed {seed} fails without the bug too: {clean:?}");
            return;
        }
    }
    panic!("{planted:?} was not caught in {MOST_SEEDS} seeds");
}

/// A directed history breaks `rule` with the bug, and keeps all rules without.
fn caught_by(planted: Fault, rule: Rule, history: fn(&mut World) -> Check) {
    caught_on(disk::memory, planted, rule, history);
}

fn caught_on(factory: Factory, planted: Fault, rule: Rule, history: fn(&mut World) -> Check) {
    let run = |planted: Option<Fault>| {
        let mut world = World::new(Kind { seed: 1, steps: 0, planted, factory });
        // The rule at the answering side would speak first; what a peer must never get is the rule in question.
        world.ledger.ignored = (rule == Rule::RemovedGetsNothing).then_some(Rule::OnlyMembersAreServed);
        history(&mut world).and_then(|()| world.heal())
    };
    let found = run(Some(planted)).expect_err("the bug shows");
    assert_eq!(found.rule, rule, "{}", found.detail);
    let clean = run(None);
    assert!(clean.is_ok(), "the history fails without the bug too: {clean:?}");
}

#[test]
fn acknowledge_before_durable_is_caught() {
    caught_by_chance(Fault::AcknowledgeBeforeDurable, &[Rule::AcknowledgedIsDurable]);
}

#[test]
fn merge_without_dependencies_is_caught() {
    caught_by_chance(Fault::MergeWithoutDependencies, &[Rule::ReadyIsComplete]);
}

#[test]
fn vector_not_in_the_transaction_is_caught() {
    caught_by_chance(Fault::VectorNotInTheTransaction, &[Rule::NothingIsLost]);
}

#[test]
fn hole_without_certificate_is_caught() {
    caught_by_chance(Fault::HoleWithoutCertificate, &[Rule::ErasedIsErased]);
}

#[test]
fn standing_from_the_sessions_beginning_is_caught() {
    let bug = Fault::StandingFromTheSessionsBeginning;
    caught_by_chance(bug, &[Rule::OnlyMembersAreServed, Rule::RemovedGetsNothing]);
    caught_by(bug, Rule::RemovedGetsNothing, directed::removed_while_a_session_is_open);
}

#[test]
fn entries_before_the_removal_are_caught() {
    caught_by_chance(Fault::EntriesBeforeTheRemoval, &[Rule::RemovalGoesFirst]);
}

#[test]
fn rollback_ignored_is_caught() {
    caught_by_chance(Fault::RollbackIgnored, &[Rule::NoAppendAfterRollback]);
    caught_by(Fault::RollbackIgnored, Rule::NoAppendAfterRollback, directed::rolled_back_and_writing_on);
}

#[test]
fn writing_more_than_is_read_is_caught() {
    caught_by(Fault::WritesMoreThanIsRead, Rule::WrittenIsRead, directed::written_over_at_length);
}

#[test]
fn add_outside_a_removers_view_is_caught() {
    let bug = Fault::AddOutsideARemoversView;
    caught_by(bug, Rule::OnlyMembersAreServed, directed::added_outside_one_removers_view);
    caught_by(bug, Rule::RemovedGetsNothing, directed::added_outside_one_removers_view);
}

#[test]
fn keep_not_in_the_statements_transaction_is_caught() {
    let bug = Fault::KeepNotInTheStatementsTransaction;
    caught_by_chance(bug, &[Rule::SessionsEndWell, Rule::Convergence, Rule::AcknowledgedIsDurable]);
    caught_by(bug, Rule::SessionsEndWell, directed::power_cut_between_a_removal_and_its_keeps);
}

#[test]
fn a_pack_that_drops_an_operation_is_caught() {
    caught_by_chance(Fault::PackDropsTheLast, &[Rule::NothingIsLost]);
}

#[test]
fn announcing_what_is_erased_is_caught() {
    caught_by_chance(Fault::AnnouncesTheErased, &[Rule::ErasedIsErased]);
}

#[test]
fn a_repair_that_forgets_the_rest_is_caught() {
    // In memory the repair is a model; the bug is in the one that ships.
    let bug = Fault::RepairForgetsTheRest;
    caught_on(sqlite::sqlite, bug, Rule::NothingIsLost, repair::damaged_again_and_again);
}

#[test]
fn forgetting_what_is_not_understood_is_caught() {
    caught_by_chance(Fault::ForgetsTheUnknown, &[Rule::SessionsEndWell, Rule::Convergence]);
}

#[test]
fn deriving_what_has_moved_on_is_caught() {
    // Only SQLite derives.
    caught_by_chance_on(sqlite::sqlite, Fault::DerivesWhatHasMovedOn, &[Rule::DerivedIsTheLogs]);
}

#[test]
fn deriving_what_was_erased_is_caught() {
    caught_by_chance_on(sqlite::sqlite, Fault::DerivesTheErased, &[Rule::ErasedIsErased]);
}

#[test]
fn what_a_member_that_turned_may_not_do_is_caught() {
    for (planted, rule) in hostile::PLANTED {
        let found = (0..60).find_map(|seed| Some((seed, super::hostile(seed, Some(planted)).1.err()?)));
        let Some((seed, violation)) = found else { panic!("{planted:?} was not caught") };
        assert_eq!(violation.rule, rule, "{planted:?}, seed {seed}: {}", violation.detail);
        println!("{planted:?} is caught by seed {seed}: {}", violation.detail);
        let clean = super::hostile(seed, None).1;
        assert!(clean.is_ok(), "seed {seed} fails without the bug too: {clean:?}");
    }
}
