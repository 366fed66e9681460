//! What a later version says on the control stream: answered, passed over, and no reason to end.

use super::*;
use crate::log::{Envelope, Operation, OperationKind, codec};
use crate::membership::{Signer, Statement};
use crate::replication::{StorageExt, rules};
use crate::testing::sessions::{self, Side, two};

/// No part of a blob is in these stories.
fn talk(a: &mut Side, b: &mut Side) {
    sessions::talk(a, b, &mut |part| panic!("{part:?}"));
}

/// A message of a kind that only a later version knows.
fn later(number: u32, len: usize) -> Vec<u8> {
    frame(&[codec::encode(&number), vec![0xee; len]].concat())
}

/// The messages in these bytes.
fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut reader = FrameReader::new(MAX_PAYLOAD);
    reader.push(bytes);
    std::iter::from_fn(|| reader.payload().unwrap()).map(|payload| Message::decode(&payload).unwrap()).collect()
}

/// Lets `b` take in what a later version at the other end says, and answers what it says to that.
fn hears(b: &mut Side, bytes: &[u8]) -> Vec<Message> {
    b.session.receive(Stream::Control, bytes).unwrap();
    b.work(1);
    messages(&b.says())
}

#[test]
fn a_message_of_a_later_version_is_answered_once_and_both_settle() {
    let (mut a, mut b) = two();
    a.write(3);
    b.write(4);
    // In the middle of a round: both said hello, and neither has what the other wrote.
    a.work(2);
    b.work(1);
    let (to_b, to_a) = (a.says(), b.says());
    let mut answers = hears(&mut b, &[to_b, later(18, 0), later(300, 60_000), later(300, 1)].concat());
    a.session.receive(Stream::Control, &to_a).unwrap();
    let from_b: Vec<u8> = answers.iter().flat_map(|answer| frame(&answer.encode())).collect();
    a.session.receive(Stream::Control, &from_b).unwrap();
    answers.retain(|answer| matches!(answer, Message::NotUnderstood(_)));
    assert_eq!(answers, [Message::NotUnderstood(18), Message::NotUnderstood(300)]);
    talk(&mut a, &mut b);
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
    // Settled, it stays so, and what is written later crosses.
    assert_eq!(hears(&mut b, &later(19, 9)), [Message::NotUnderstood(19)]);
    assert_eq!((b.session.settled(), b.session.close()), (Some(true), None));
    a.write(5);
    a.session.news();
    talk(&mut a, &mut b);
    assert_eq!(b.store.read(|tx| tx.documents()).unwrap().len(), 3);
}

/// A person is told, once in a session, where what came is kept for a version that understands it.
#[test]
fn what_is_kept_for_a_later_version_is_said_once() {
    let (mut a, mut b) = two();
    a.write(3);
    for number in [3, 300] {
        let envelope = Envelope {
            entry: sessions::entry(3),
            kind: OperationKind::from(number),
            brings: Vec::new(),
            ends: Vec::new(),
            first_log: None,
        };
        let later = vec![Operation::new(envelope, b"later".to_vec()).unwrap()];
        a.store.write(|tx| rules::append(tx, &a.identity, &mut a.entropy, later)).unwrap();
    }
    talk(&mut a, &mut b);
    let newer = |side: &Side| side.events.iter().filter(|event| **event == Event::Newer).count();
    assert_eq!((newer(&a), newer(&b)), (0, 1));
    // And of a statement, in a session of its own.
    let (mut a, mut b) = two();
    let seen = a.store.read(|tx| rules::statements(tx)).unwrap().seen();
    let signer = Signer::Device(&a.identity.key);
    let said = Statement::unknown(signer, &a.identity.journal, &seen, 300, Vec::new()).unwrap();
    a.store.write(|tx| rules::add_statements(tx, &a.identity, vec![said])).unwrap();
    talk(&mut a, &mut b);
    assert_eq!((newer(&a), newer(&b)), (0, 1));
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
}

#[test]
fn of_any_number_of_such_messages_little_is_answered_and_nothing_kept() {
    let (mut a, mut b) = two();
    a.write(3);
    talk(&mut a, &mut b);
    let mut answers = Vec::new();
    for number in 0..2_000 {
        answers.extend(hears(&mut b, &later(18 + number % 100, 50_000)));
        assert!(b.session.wants_input(), "nothing of it waits for the store");
    }
    assert_eq!(answers, (18..34).map(Message::NotUnderstood).collect::<Vec<_>>());
    assert_eq!(b.session.close(), None);
    // One longer than any message may be is refused by its header, as ever.
    let long = [&[FRAME_VERSION][..], &[0xff, 0xff, 0xff, 0x7f]].concat();
    assert!(matches!(b.session.receive(Stream::Control, &long), Err(SessionError::FrameTooLong { .. })));
}

#[test]
fn before_this_sides_hello_it_is_out_of_turn_like_any_other() {
    let (_, mut b) = two();
    let said = b.session.receive(Stream::Control, &later(18, 0));
    assert!(matches!(said, Err(SessionError::OutOfTurn(_))), "{said:?}");
}

#[test]
fn what_a_later_version_puts_behind_its_hello_is_passed_over() {
    let (mut a, mut b) = two();
    a.write(3);
    a.work(2);
    let hello = messages(&a.says()).remove(0);
    let longer = |behind: &[u8]| [&hello.encode(), behind].concat();
    let list = codec::encode(&vec![(3_u32, &b"more"[..]), (300, &[7; 500])]);
    assert_eq!(Message::decode(&longer(&list)), Ok(hello.clone()));
    assert!(Message::decode(&longer(&list[..9])).is_err(), "it is a list, or the hello is malformed");
    b.session.receive(Stream::Control, &frame(&longer(&list))).unwrap();
    talk(&mut a, &mut b);
    assert_eq!((a.session.settled(), b.session.settled()), (Some(true), Some(true)));
    // No other message grows: what is new comes as a message of its own.
    assert!(Message::decode(&[&Message::WhoAreYou.encode()[..], &list].concat()).is_err());
    // A protocol of another version is another matter.
    let Message::Hello { hash, leaves, .. } = hello else { panic!("a hello") };
    let newer = Message::Hello { version: PROTOCOL + 1, hash, leaves };
    let (mut c, _) = two();
    assert_eq!(c.session.receive(Stream::Control, &frame(&newer.encode())), Err(SessionError::TooNew));
}

#[test]
fn a_row_of_a_kind_that_only_a_later_version_knows_costs_no_other() {
    let (mut a, _) = two();
    a.write(1);
    let row = a.store.read(|tx| tx.newest(1)).unwrap().remove(0);
    let known = codec::encode(&row);
    // The kind stands behind the id.
    let mut other = known.clone();
    other[16] = 99;
    let longer = [&known[..], b"a field of later"].concat();
    let rows = [&known, &other, &longer].into_iter().flat_map(|row| [&[row.len() as u8][..], row].concat());
    let payload: Vec<u8> = [14, 3].into_iter().chain(rows).collect();
    assert_eq!(Message::decode(&payload), Ok(Message::Listing(vec![row.clone(), row])));
}
