//! What the session does next: on an answer of the store, and whenever anything moved.

use std::sync::Arc;

use super::SessionError;
use super::message::{MAX_BROUGHT, Message, PROTOCOL, SetOf};
use super::request::{Answer, Reply, Request};
use super::session::{Close, CompareState, Event, Input, Mode, Session};
use crate::fault::Fault;
use crate::log::Tail;
use crate::replication::rules::{Claim, Comparison, Covered, Outgoing, Received, Standing, Summary};

/// Compares after which a session that gets no further stops trying.
const MAX_ROUNDS: u32 = 16;
/// How often two settled sides may find that they differ before they leave it at that.
const MAX_DISAGREEMENTS: u32 = 2;

/// A first compare leaves with what follows it at once, unless a batch is this long: then the rest is behind it anyway.
const WORTH_WAITING: usize = 16 << 10;

impl Session {
    // ---- answers ------------------------------------------------------------------------------------------------

    pub(super) fn answered(&mut self, reply: Reply) -> Result<(), SessionError> {
        let Reply { standing, answer, .. } = reply;
        let belongs = standing == Standing::Member
            || (self.config.faults.has(Fault::StandingFromTheSessionsBeginning) && self.hello.is_some());
        if !belongs {
            if self.hello.is_none() && standing == Standing::Unknown && !self.asked_who {
                self.asked_who = true;
                self.send(&Message::WhoAreYou);
            } else {
                self.close = Some(Close::Refused);
            }
            return Ok(());
        }
        match answer {
            Answer::Summary(summary, hash) => self.summarized(summary, hash),
            Answer::News(summary, hash, batch) => {
                self.summarized(summary, hash);
                self.pushed(batch);
            }
            Answer::Introduction(adds) => self.answer(&Message::Adds(adds)),
            // The adds made the peer a member: begin as if it had always been one.
            Answer::Done => {
                self.events.push_back(Event::Heard);
                self.requests.push(Request::Summary);
            }
            Answer::Sets { of, after, names, more } => self.named(of, after, names, more),
            Answer::Lacks(of, names, all) => {
                let lacking = &mut self.lacking[of as usize];
                Arc::make_mut(&mut lacking.names).extend(names);
                lacking.telling |= all;
            }
            Answer::Missing { names, statements, certificates } => self.told(names, statements, certificates),
            Answer::StoredMissing(taken) => {
                let last = self.endings.pop_front().flatten();
                let taken = taken.map_err(SessionError::Refused)?;
                self.taken += taken;
                if taken > 0 {
                    self.events.push_back(Event::Heard);
                }
                if let Some(statements) = last {
                    self.awaiting_certificates = false;
                    let any = std::mem::take(&mut self.taken) > 0;
                    if statements || any {
                        self.recompare();
                    }
                }
            }
            Answer::Plan(comparison) => self.plan(comparison),
            Answer::Chains(log, points) => {
                *self.asked_common.entry(log).or_default() += 1;
                self.send(&Message::Chains { log, points });
            }
            Answer::Common(log, seq, more) => {
                self.answer(&Message::Common { log, seq });
                if more {
                    self.send_log(Outgoing { log, after: seq });
                }
            }
            Answer::Batch(log, batch, statements) => {
                if self.waits_for_statements(statements) {
                    self.sending.reading = false;
                } else {
                    self.read(log, batch);
                }
            }
            Answer::Received(all) => {
                for (log, end, received) in all {
                    self.received(log, end, received)?;
                }
            }
            Answer::Recomputed(changed) => {
                self.events.push_back(Event::Recomputed(changed));
                self.recompare();
            }
            Answer::Unfilled(unfilled) => self.unfilled(unfilled),
            Answer::Listing(rows) => {
                if !rows.is_empty() {
                    self.send(&Message::Listing(rows));
                }
            }
            Answer::StoredListing(entries) => {
                if entries > 0 {
                    self.events.push_back(Event::Announced { entries });
                }
            }
            // Asked for again after the next compare.
            Answer::Parts { statements, .. } if self.waits_for_statements(statements) => {
                self.read_parts(Vec::new(), None, false);
            }
            Answer::Parts { parts, next, whole, .. } => self.read_parts(parts, next, whole),
            Answer::StoredParts { parts, filled, damaged } => self.stored_parts(parts, filled, damaged),
        }
        Ok(())
    }

    /// Whether what was read under these statements waits until the peer said that it holds them too: a member that has
    /// not heard of a removal would hand it on to the device that was removed. If so, this side compares anew.
    fn waits_for_statements(&mut self, statements: [u8; 16]) -> bool {
        let differ = |compare_state: &Option<CompareState>| {
            compare_state.as_ref().is_some_and(|compare_state| compare_state.statements != statements)
        };
        let waits = differ(&self.theirs) && !self.config.faults.has(Fault::EntriesBeforeTheRemoval);
        if waits && differ(&self.ours) {
            self.recompare();
        }
        waits
    }

    /// Reads the summary again and says where we stand now.
    pub(super) fn recompare(&mut self) {
        self.recompare = true;
        self.settling = false;
        self.requests.push(Request::Summary);
    }

    fn summarized(&mut self, summary: Box<Summary>, hash: [u8; 16]) {
        let first = self.hello.is_none();
        self.hello = Some(hash);
        self.summary = Some(summary);
        if first {
            self.admit();
            let leaves = self.config.mode == Mode::Once;
            self.send(&Message::Hello { version: PROTOCOL, hash, leaves });
            if self.early_news {
                self.requests.push(Request::Summary);
            }
            return self.on_hellos();
        }
        let (Some(ours), Some(summary)) = (&self.ours, &self.summary) else { return };
        // Certificates go with the operations that call for them.
        let moved = ours.statements != summary.statements;
        if std::mem::take(&mut self.recompare) || moved {
            return self.compare();
        }
        if self.planned.is_none() || self.planned != self.pair() {
            return;
        }
        if self.our_settled.is_some_and(|(_, _, said)| said != hash) {
            self.our_settled = None;
            self.reported = None;
        }
        let mut news = Vec::new();
        for (log, position) in &summary.vector {
            let theirs = self.peer_has.get(log).copied().unwrap_or(0);
            let sent = self.sending.queued.contains(log) || self.declined.contains(log);
            if position.seq > theirs && !sent {
                news.push(Outgoing { log: *log, after: theirs });
            }
        }
        // The summary may have been asked for before a plan brought more to send.
        let quiet = news.is_empty() && self.sending.outgoing.is_empty();
        news.into_iter().for_each(|log| self.send_log(log));
        if std::mem::take(&mut self.settling) && quiet {
            let answered = self.theirs.as_ref().map_or(0, |theirs| theirs.generation);
            self.our_settled = Some((answered, self.stored_batches, hash));
            self.send(&Message::Settled { answered, batches: self.stored_batches, hash });
        }
    }

    /// Both hellos are known: done, or compare.
    pub(super) fn on_hellos(&mut self) {
        let (Some(ours), Some(theirs), Some(summary)) = (self.hello, self.their_hello, &self.summary) else { return };
        if self.ours.is_some() {
            return;
        }
        if ours != theirs {
            return self.compare();
        }
        self.peer_has = summary.vector.iter().map(|(log, position)| (*log, position.seq)).collect();
        let compare_state = compare_state(summary, 0);
        self.ours = Some(compare_state.clone());
        self.theirs = Some(compare_state);
        self.planned = Some((0, 0));
        self.plan_for = Some((0, 0));
        self.sets_for = Some((0, 0));
        self.blobs.looked = true;
        // The hello said it. A blob that another peer fills moves no log, and is told because this no longer holds.
        self.our_settled = Some((0, 0, ours));
        self.report(true);
        if self.they_leave {
            // The close says it all, in one datagram, and spares them theirs.
            self.close = Some(Close::Equal);
        }
    }

    /// Says where we stand, and begins a new count of batches.
    fn compare(&mut self) {
        let Some(summary) = &self.summary else { return };
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            self.close = Some(match self.trouble {
                Some(reason) => Close::Error(SessionError::Refused(reason)),
                None => Close::Done,
            });
            return;
        }
        let compare_state = compare_state(summary, self.ours.as_ref().map_or(0, |ours| ours.generation) + 1);
        let message = Message::Compare {
            generation: compare_state.generation,
            statements: compare_state.statements,
            certificates: compare_state.certificates,
            digest: compare_state.digest,
            claims: compare_state.claims.to_vec(),
        };
        // Who answers a first compare knows what the other lacks: the first batch goes with the answer.
        self.held_back = self.theirs.is_some() && compare_state.generation == 1;
        self.settled_before = false;
        self.ours = Some(compare_state);
        self.restart_count();
        self.our_settled = None;
        self.their_settled = None;
        self.reported = None;
        self.blobs.looked = false;
        self.awaiting_certificates = false;
        self.send(&message);
    }

    fn plan(&mut self, comparison: Comparison) {
        let pair = self.pair();
        if self.plan_for != pair {
            return;
        }
        let again = self.planned.map(|(_, theirs)| theirs) == pair.map(|(_, theirs)| theirs);
        self.planned = pair;
        let Some((ours, theirs)) = self.ours.as_ref().zip(self.theirs.as_ref()) else { return };
        if !again {
            self.peer_has = theirs.claims.iter().map(|claim| (claim.log, claim.seq)).collect();
        }
        let same_logs = ours.claims == theirs.claims;
        let same_certificates = ours.certificates == theirs.certificates;
        let differ = same_logs && same_certificates && ours.digest != theirs.digest;
        if same_logs && !same_certificates && self.certificates_for != pair {
            // Nearly all went with the operations; what is left are those of entries that two devices erased.
            self.certificates_for = pair;
            self.awaiting_certificates = true;
            self.requests.push(Request::Sets(SetOf::Certificates, None));
        }
        if !comparison.declined.is_empty() {
            self.send(&Message::Declines(comparison.declined));
        }
        for log in comparison.forks {
            if let Some(position) = self.summary.as_ref().and_then(|summary| summary.vector.get(&log)) {
                // Not news to send: where to begin is known once the peer has said what is common.
                self.peer_has.insert(log, position.seq);
            }
            self.requests.push(Request::Chains(log));
        }
        let lacks: u64 = comparison.send.iter().map(|outgoing| self.behind(outgoing)).sum();
        if lacks >= self.config.listing_from && !std::mem::replace(&mut self.said_listing, true) {
            self.requests.push(Request::Listing);
        }
        for Outgoing { log, after } in comparison.send {
            // The peer's claims are from before what was sent since.
            let after = self.peer_has.get(&log).copied().unwrap_or(0).max(after);
            self.send_log(Outgoing { log, after });
        }
        if differ && self.sending.outgoing.is_empty() {
            if !std::mem::replace(&mut self.recomputed, true) {
                self.requests.push(Request::Recompute);
            } else if !std::mem::replace(&mut self.diverged, true) {
                self.events.push_back(Event::Diverged);
            }
        }
    }

    /// How many operations of a log there are to send.
    fn behind(&self, outgoing: &Outgoing) -> u64 {
        let held = self.summary.as_ref().and_then(|summary| summary.vector.get(&outgoing.log));
        held.map_or(0, |position| position.seq.saturating_sub(outgoing.after))
    }

    /// What we last said in `Settled` is no longer so: it is said again once all is quiet.
    pub(super) fn unsettle(&mut self) {
        self.our_settled = None;
        self.reported = None;
    }

    pub(super) fn send_log(&mut self, log: Outgoing) {
        if self.declined.contains(&log.log) || !self.sending.queued.insert(log.log) {
            return;
        }
        self.unsettle();
        self.sending.outgoing.push_back(log);
    }

    /// The log that is being sent has no more to send.
    fn sent_log(&mut self) {
        if let Some(sent) = self.sending.outgoing.pop_front() {
            self.sending.queued.remove(&sent.log);
        }
    }

    /// The operations that news was about were read with it: they are sent at once.
    fn pushed(&mut self, batch: Option<Box<Covered>>) {
        let planned = self.planned.is_some() && self.planned == self.pair();
        let Some(batch) = batch.filter(|_| planned && !self.sending.reading && self.close.is_none()) else { return };
        let next = self.sending.outgoing.front();
        let (log, begins, ends) = (batch.batch.log, batch.batch.previous.seq, batch.batch.head.position);
        if next.is_some_and(|next| next.log == log && next.after == begins) && self.has_room() {
            let whole = self.summary.as_ref().and_then(|summary| summary.vector.get(&log)) == Some(&ends);
            self.read(log, Some(batch));
            if whole {
                self.sent_log();
            }
        }
    }

    fn has_room(&self) -> bool {
        self.sending.in_flight.iter().sum::<usize>() < self.config.window
    }

    fn read(&mut self, log: crate::id::LogId, batch: Option<Box<Covered>>) {
        self.sending.reading = false;
        let Some(front) = self.sending.outgoing.front_mut().filter(|front| front.log == log) else { return };
        let Some(covered) = batch.filter(|covered| covered.batch.previous.seq == front.after) else {
            return self.sent_log();
        };
        let Covered { batch, certificates } = *covered;
        front.after = batch.head.position.seq;
        let known = self.peer_has.entry(log).or_default();
        *known = batch.head.position.seq.max(*known);
        self.costs.sent_operations += batch.count();
        self.costs.sent_bytes += batch.len() as u64;
        for certificates in certificates.chunks(MAX_BROUGHT) {
            self.send(&Message::Covers(certificates.to_vec()));
        }
        let generation = self.theirs.as_ref().map_or(0, |theirs| theirs.generation);
        let short = self.sending.tail.as_ref().and_then(|tail| tail.shorten(&batch));
        self.sending.tail = Tail::of(&batch);
        let (message, len) = match short {
            Some(bytes) => {
                let len = bytes.len();
                (Message::Next { generation, bytes }, len)
            }
            None => {
                let bytes = batch.encode();
                let len = bytes.len();
                (Message::Batch { generation, batch: bytes }, len)
            }
        };
        self.sending.in_flight.push_back(len);
        self.sending.sent += 1;
        self.quiet_elapsed = false;
        self.send(&message);
        self.held_back &= len < WORTH_WAITING;
    }

    pub(super) fn count_stored(&mut self, generation: u32) {
        if self.ours.as_ref().is_some_and(|ours| ours.generation == generation) && !self.untaken {
            self.stored_batches += 1;
        }
    }

    fn received(&mut self, log: crate::id::LogId, end: u64, received: Received) -> Result<(), SessionError> {
        let Input { generation, brings, .. } = self.inputs.pop_front().unwrap_or_default();
        let count = !self.config.faults.has(Fault::AcknowledgeBeforeDurable);
        self.untaken |= !matches!(received, Received::Stored { .. } | Received::Known);
        match received {
            Received::Stored { operations, mended } => {
                self.costs.received_operations += operations;
                self.events.push_back(Event::Stored { operations });
                if mended {
                    self.mended = true;
                    self.events.push_back(Event::Mended);
                }
                let known = self.peer_has.entry(log).or_default();
                *known = end.max(*known);
                self.blobs.looked &= !(brings || mended);
                self.unsettle();
            }
            // Nothing new, but one batch more than we last said.
            Received::Known => self.unsettle(),
            // It was on its way before the peer heard that it is not taken; nothing behind it can be counted.
            Received::Declined => {
                self.recompare();
                return Ok(());
            }
            Received::NeedStatements => {
                self.recompare();
                return Ok(());
            }
            Received::Gap => {
                self.trouble = Some("operations that do not fit what is held");
                self.recompare();
                return Ok(());
            }
            Received::Refused(reason) => {
                self.trouble = Some(reason);
                self.recompare();
                return Ok(());
            }
        }
        if count {
            self.count_stored(generation);
        }
        Ok(())
    }

    // ---- what is next -------------------------------------------------------------------------------------------

    fn pair(&self) -> Option<(u32, u32)> {
        Some((self.ours.as_ref()?.generation, self.theirs.as_ref()?.generation))
    }

    /// Takes every step that is possible now.
    pub(super) fn advance(&mut self) {
        if self.close.is_some() {
            return;
        }
        self.compare_step();
        let planned = self.planned.is_some() && self.planned == self.pair();
        if planned
            && !self.sending.reading
            && self.has_room()
            && let Some(next) = self.sending.outgoing.front()
        {
            self.sending.reading = true;
            self.requests.push(Request::ReadBatch(next.log, next.after));
        }
        self.answer_step();
        self.tell_step();
        if planned {
            self.settle_step();
        }
        // Nothing more is read that could go with it.
        self.held_back &= self.outstanding || !self.requests.is_empty();
    }

    fn compare_step(&mut self) {
        let Some((ours, theirs)) = self.ours.as_ref().zip(self.theirs.as_ref()) else { return };
        let pair = Some((ours.generation, theirs.generation));
        if ours.statements == theirs.statements {
            if self.plan_for != pair {
                self.plan_for = pair;
                let claims = theirs.claims.clone();
                let bytes = claims.len() * size_of::<Claim>();
                self.requests.push_for_peer(Request::Plan(claims), bytes);
            }
        } else if self.sets_for != pair {
            self.sets_for = pair;
            self.requests.push(Request::Sets(SetOf::Statements, None));
        }
    }

    /// Settles once everything is said, what is not yet acknowledged included; then sees whether the other side holds
    /// the same. A live session that was settled waits until it is quiet.
    fn settle_step(&mut self) {
        let sending = &self.sending;
        let idle =
            self.requests.is_empty() && !self.outstanding && sending.outgoing.is_empty() && !self.blobs.is_answering();
        if !idle || self.awaiting_certificates || self.lacking.iter().any(|lacking| lacking.telling) {
            return;
        }
        if !self.blobs_settled() {
            return;
        }
        if self.reported.is_some() {
            return;
        }
        if self.our_settled.is_none() {
            if self.is_restless() {
                return;
            }
            self.settling = true;
            self.requests.push(Request::Summary);
            return;
        }
        let (Some((answered, batches, theirs)), Some((_, _, ours))) = (self.their_settled, self.our_settled) else {
            return;
        };
        let current = self.ours.as_ref().is_some_and(|ours| ours.generation == answered);
        if !current || batches != self.sending.sent {
            return;
        }
        if ours == theirs {
            self.report(true);
        } else if self.diverged || self.disagreements >= MAX_DISAGREEMENTS {
            self.report(false);
        } else {
            self.disagreements += 1;
            self.recompare();
        }
    }

    fn report(&mut self, equal: bool) {
        self.reported = Some(equal);
        if equal {
            // What comes later in a session that stays is a new round with as many tries as the first.
            self.disagreements = 0;
            self.rounds = 0;
            self.settled_before = self.config.mode == Mode::Live;
        }
        self.events.push_back(Event::Settled { equal });
        if self.config.mode == Mode::Once {
            self.close = Some(if equal { Close::Equal } else { Close::Done });
        }
    }
}

fn compare_state(summary: &Summary, generation: u32) -> CompareState {
    let mut digest = [0; 16];
    digest.copy_from_slice(&summary.digest[..16]);
    let claims = summary
        .vector
        .iter()
        .map(|(log, position)| {
            let mut chain = [0; 8];
            chain.copy_from_slice(&position.chain.as_bytes()[..8]);
            Claim { log: *log, seq: position.seq, chain }
        })
        .collect();
    let claims = Arc::new(claims);
    CompareState { generation, statements: summary.statements, certificates: summary.certificates, digest, claims }
}
