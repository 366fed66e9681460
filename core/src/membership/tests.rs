//! Each rule by name, on statements that are really signed.

use super::*;
use crate::crypto::{DeviceKey, RecoveryPhrase, RecoverySigningKey, SealingPublic, Signature, SignedDomain};
use crate::error::Code;
use crate::fault::Fault;
use crate::id::{Chain, DeviceId, Incarnation, JournalId, LogId, StatementId};
use crate::time::{Entropy, Timestamp};

#[derive(Debug)]
pub(super) struct Fixed(pub(super) u8);

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub(super) fn recovery(seed: u8) -> RecoverySigningKey {
    RecoveryPhrase::generate(&mut Fixed(seed)).signing_key()
}

/// A device as a test sees it: its key and the statements it holds.
#[derive(Debug, Clone)]
struct Device {
    key: DeviceKey,
    set: Statements,
}

fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> DeviceId {
    key(seed).id()
}

fn newcomer(journal: &JournalId, seed: u8) -> Newcomer {
    Newcomer::new(&key(seed), journal, SealingPublic([seed; 32]), &format!("device {seed}")).unwrap()
}

fn log(seed: u8) -> LogId {
    LogId { device: id(seed), incarnation: Incarnation::from_bytes([1; 8]) }
}

fn held(set: &mut Statements, statement: &Statement) {
    assert!(matches!(set.insert(statement.clone()), Ok(Inserted::Held(_))), "{statement:?}");
}

/// The set of a journal whose recovery key added these devices.
fn journal(devices: &[u8]) -> Statements {
    let recovery = recovery(1);
    let genesis = Statement::genesis(&recovery, SealingPublic([2; 32]), [3; 16]);
    let mut set = Statements::new(genesis).unwrap();
    for &seed in devices {
        let newcomer = newcomer(&set.journal(), seed);
        let signer = Signer::Recovery(&recovery);
        let add = Statement::add(signer, &set.journal(), &set.seen(), newcomer, Timestamp(1)).unwrap();
        held(&mut set, &add);
    }
    set
}

fn devices<const N: usize>(seeds: [u8; N]) -> [Device; N] {
    let set = journal(&seeds);
    seeds.map(|seed| Device { key: key(seed), set: set.clone() })
}

impl Device {
    fn add(&mut self, seed: u8) -> Statement {
        let newcomer = newcomer(&self.set.journal(), seed);
        let signer = Signer::Device(&self.key);
        let add = Statement::add(signer, &self.set.journal(), &self.set.seen(), newcomer, Timestamp(2)).unwrap();
        self.say(add)
    }

    fn remove(&mut self, seed: u8) -> Statement {
        let signer = Signer::Device(&self.key);
        let remove = Statement::remove(signer, &self.set.journal(), &self.set.seen(), id(seed), Timestamp(3)).unwrap();
        self.say(remove)
    }

    fn keep(&mut self, of: u8, seq: u64) -> Statement {
        let chain = Chain::from_bytes([seq as u8; 32]);
        let keep = Statement::keep(
            &self.key,
            &self.set.journal(),
            &self.set.seen(),
            log(of).device,
            vec![Kept::new(&log(of), seq, chain)],
        )
        .unwrap();
        self.say(keep)
    }

    fn say(&mut self, statement: Statement) -> Statement {
        held(&mut self.set, &statement);
        statement
    }
}

/// The recovery key's remove, by someone who has seen what `set` holds.
fn recovery_remove(set: &mut Statements, seed: u8) {
    let recovery = recovery(1);
    let remove =
        Statement::remove(Signer::Recovery(&recovery), &set.journal(), &set.seen(), id(seed), Timestamp(3)).unwrap();
    held(set, &remove);
}

/// Brings both sets to the same, as a session does.
fn exchange(a: &mut Statements, b: &mut Statements) {
    let (from_a, from_b) = (a.clone(), b.clone());
    for statement in from_a.missing_from(&from_b.ids()) {
        held(b, statement);
    }
    for statement in from_b.missing_from(&from_a.ids()) {
        held(a, statement);
    }
    assert_eq!((a.ids(), a.set_hash(), a.tips()), (b.ids(), b.set_hash(), b.tips()));
    assert_eq!(a.state(), b.state());
}

fn members(set: &Statements) -> Vec<u8> {
    (0..=u8::MAX).filter(|&seed| seed > 9 && seed < 30 && set.state().is_member(&id(seed))).collect()
}

#[test]
fn mutual_removal_takes_both_out() {
    let [mut a, mut b, c] = devices([10, 11, 12]);
    a.remove(11);
    b.remove(10);
    exchange(&mut a.set, &mut b.set);
    assert_eq!(members(&a.set), [12]);
    assert!(a.set.state().ever_added(&id(10)) && !c.set.state().ever_added(&id(13)));
    assert_eq!(a.set.state().removed().count(), 2);
}

#[test]
fn no_key_comes_back() {
    let [mut a, mut b] = devices([10, 11]);
    a.remove(11);
    a.add(11);
    b.add(11);
    exchange(&mut a.set, &mut b.set);
    let again = newcomer(&a.set.journal(), 11);
    let signer = recovery(1);
    let add = Statement::add(Signer::Recovery(&signer), &a.set.journal(), &a.set.seen(), again, Timestamp(3)).unwrap();
    held(&mut a.set, &add);
    assert_eq!(members(&a.set), [10], "not even by the recovery key");
}

#[test]
fn a_thief_who_adds_devices_while_being_removed_gains_nothing() {
    let [mut owner, mut thief] = devices([10, 11]);
    thief.add(20);
    exchange(&mut owner.set, &mut thief.set);
    // 20 was in view of the remove: the owner saw it and left it. 21 was not, and neither was what 21 did.
    owner.remove(11);
    thief.add(21);
    let mut second = Device { key: key(21), set: thief.set.clone() };
    second.add(22);
    thief.set = second.set.clone();
    exchange(&mut owner.set, &mut thief.set);
    assert_eq!(members(&owner.set), [10, 20]);
    assert!(owner.set.state().ever_added(&id(22)), "tied, so its erase certificates count");
}

#[test]
fn an_add_must_be_in_view_of_every_remove_of_its_signer() {
    let [mut a, mut b, mut c] = devices([10, 11, 12]);
    c.add(20);
    exchange(&mut a.set, &mut c.set);
    a.remove(12);
    b.remove(12);
    exchange(&mut a.set, &mut b.set);
    assert_eq!(members(&a.set), [10, 11]);
    let planted = state_with(&a.set, Fault::AddOutsideARemoversView.into());
    assert!(planted.is_member(&id(20)), "the planted bug must show");
}

#[test]
fn the_recovery_key_voids_a_thiefs_removes_that_it_had_not_seen() {
    let [owner, mut thief, mut other] = devices([10, 11, 12]);
    thief.remove(12);
    let mut mended = thief.set.clone();
    thief.remove(10);
    recovery_remove(&mut mended, 11);
    exchange(&mut mended, &mut thief.set);
    assert_eq!(members(&mended), [10], "the remove of 12 was seen and stands, that of 10 is void");

    // What a device other than the thief did is not voided, and the thief's voided remove bars none of its adds.
    let mut owner = owner;
    other.remove(10);
    owner.add(20);
    exchange(&mut owner.set, &mut mended);
    assert_eq!(members(&mended), [10, 20]);
    exchange(&mut other.set, &mut mended);
    assert!(members(&mended).is_empty(), "12's own remove of 10 counts, whatever became of 12");
}

#[test]
fn an_add_by_the_recovery_key_counts_whatever_is_removed() {
    let [mut a, mut b] = devices([10, 11]);
    a.remove(11);
    b.remove(10);
    exchange(&mut a.set, &mut b.set);
    assert!(members(&a.set).is_empty());
    let (signer, newcomer) = (recovery(1), newcomer(&a.set.journal(), 12));
    let add =
        Statement::add(Signer::Recovery(&signer), &a.set.journal(), &[a.set.genesis().id()], newcomer, Timestamp(0));
    held(&mut a.set, &add.unwrap());
    assert_eq!(members(&a.set), [12], "the phrase mends a lock-out");
}

#[test]
fn a_keep_counts_if_its_signer_was_a_member_in_the_keeps_own_view() {
    let [mut a, mut b, mut c] = devices([10, 11, 12]);
    assert_eq!(a.set.state().limit(&log(12)), Limit::Whole);
    // b has merged c up to 7 and, apart from that, a removes both.
    b.remove(12);
    b.keep(12, 7);
    a.remove(12);
    a.keep(12, 5);
    a.remove(11);
    exchange(&mut a.set, &mut b.set);
    let keeps = |seqs: &[u64]| Limit::UpTo(seqs.iter().map(|&seq| (seq, Chain::from_bytes([seq as u8; 32]))).collect());
    assert_eq!(a.set.state().limit(&log(12)), keeps(&[7, 5]), "highest first");
    assert_eq!(a.set.state().limit(&log(11)), keeps(&[]));
    // Now b knows that it was removed, and c does not: what b keeps counts no more, what c keeps does.
    b.keep(12, 9);
    c.keep(11, 3);
    exchange(&mut a.set, &mut b.set);
    exchange(&mut a.set, &mut c.set);
    assert_eq!(a.set.state().limit(&log(12)), keeps(&[7, 5]));
    assert_eq!(a.set.state().limit(&log(11)), keeps(&[3]));
    // A stranger's log counts for nothing.
    assert_eq!(a.set.state().limit(&log(25)), keeps(&[]));
}

#[test]
fn statements_of_another_journal_are_refused() {
    let [mut a] = devices([10]);
    let other = Statement::genesis(&recovery(1), SealingPublic([2; 32]), [4; 16]);
    let mut others = Statements::new(other.clone()).unwrap();
    assert_eq!(others.insert(a.remove(10)), Err(StatementError::OtherJournal));
    assert_eq!(a.set.insert(other), Err(StatementError::OtherJournal));
    assert_eq!(Statements::new(a.remove(10)).unwrap_err(), StatementError::NotGenesis);
    // A consent given to one journal is none to another.
    let newcomer = newcomer(&a.set.journal(), 11);
    let signer = recovery(1);
    let add = Statement::add(Signer::Recovery(&signer), &others.journal(), &others.seen(), newcomer, Timestamp(0));
    assert_eq!(add.unwrap_err(), StatementError::BadConsent);
}

#[test]
fn forged_signatures_are_refused() {
    let [mut a, b] = devices([10, 11]);
    let add = a.add(12);
    for statement in [a.set.genesis().clone(), add.clone(), a.remove(11), a.keep(11, 4)] {
        for at in 0..statement.encode().len() {
            let mut bytes = statement.encode().to_vec();
            bytes[at] ^= 1;
            let Ok(forged) = Statement::decode(&bytes) else { continue };
            assert_ne!(forged.id(), statement.id());
            let taken = if forged.journal() == b.set.journal() {
                b.set.clone().insert(forged).is_ok()
            } else {
                Statements::new(forged).is_ok()
            };
            assert!(!taken, "byte {at} of {statement:?}");
        }
    }
    // A member that makes up a newcomer's consent.
    let Body::Add { device, sealing, at, name, .. } = add.body().clone() else { panic!("an add") };
    let consent = Signature([1; 64]);
    let forged = Newcomer { device, sealing, name, consent };
    let signer = Signer::Device(&a.key);
    let made = Statement::add(signer, &a.set.journal(), &a.set.seen(), forged, at);
    assert_eq!(made.unwrap_err(), StatementError::BadConsent);
    // A device that signs in the recovery key's name.
    let theirs = recovery(2);
    let remove =
        Statement::remove(Signer::Recovery(&theirs), &a.set.journal(), &a.set.seen(), id(11), Timestamp(3)).unwrap();
    assert_eq!(a.set.insert(remove), Err(StatementError::BadSignature));
}

#[test]
fn only_canonical_bytes_are_read() {
    let [mut a] = devices([10]);
    let keep = a.keep(11, 4);
    let bytes = keep.encode();
    assert_eq!(Statement::decode(bytes).as_ref(), Ok(&keep));
    for len in 0..bytes.len() {
        assert!(Statement::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    let with = |at: usize, new: &[u8]| [&bytes[..at], new, &bytes[at + 1..]].concat();
    // version 0, journal 1..17, author 17, its key 18..50, parent count 50, the parent 51..83, body number 83.
    assert_eq!((bytes[0], bytes[17], bytes[50], bytes[83]), (1, 1, 1, 3));
    assert_eq!(Statement::decode(&with(0, &[2])), Err(StatementError::TooNew));
    assert_eq!(Statement::decode(&with(0, &[0])), Err(StatementError::Malformed));
    assert_eq!(Statement::decode(&with(50, &[0x81, 0])), Err(StatementError::Malformed), "an over-long number");
    assert_eq!(Statement::decode(&with(83, &[0x83, 0])), Err(StatementError::Malformed));
    assert!(matches!(Statement::decode(&with(83, &[4])).unwrap().body(), Body::Unknown { number: 4, .. }), "epoch's");
    assert_eq!(Statement::decode(&with(83, &[0x84, 0])), Err(StatementError::Malformed));
    assert_eq!(Statement::decode(&with(83, &[0xff, 0xff, 0xff, 0xff, 0x1f])), Err(StatementError::Malformed));
    assert_eq!(Statement::decode(&[bytes, &[0]].concat()), Err(StatementError::Malformed), "something behind it");
    assert_eq!(Statement::decode(&vec![1; MAX_LEN + 1]), Err(StatementError::TooLong));
    assert!(Statement::decode(&vec![1; MAX_LEN]).is_err());
    // A count of parents far beyond the bytes that are there, and a keep that claims the recovery key's hand.
    let huge = with(50, &[0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(Statement::decode(&huge), Err(StatementError::Malformed));
    let by_recovery = [&bytes[..17], &[0], &bytes[50..]].concat();
    assert_eq!(Statement::decode(&by_recovery), Err(StatementError::Malformed));
}

/// Said by a version that knows more: whoever does not holds it, sends it on, and counts as before.
#[test]
fn what_a_later_version_says_is_held_and_means_nothing() {
    let [mut a, b, mut c] = devices([10, 11, 12]);
    let journal = a.set.journal();
    let say = |device: &Device, number: u32, bytes: &[u8]| {
        let seen = device.set.seen();
        Statement::unknown(Signer::Device(&device.key), &journal, &seen, number, bytes.to_vec())
    };
    for number in 0..FIRST_UNKNOWN {
        assert_eq!(say(&a, number, b"a kind that has a meaning").unwrap_err(), StatementError::Malformed);
    }
    let before = a.set.state().clone();
    for (number, bytes) in [(FIRST_UNKNOWN, &b""[..]), (300, b"anything"), (u32::MAX, &[0xff; 1000])] {
        let statement = say(&a, number, bytes).unwrap();
        let read = Statement::decode(statement.encode()).unwrap();
        assert_eq!((&read, read.body()), (&statement, &Body::Unknown { number, bytes: bytes.to_vec() }));
        // Every byte of it is signed.
        for at in 0..statement.encode().len() {
            let mut forged = statement.encode().to_vec();
            forged[at] ^= 1;
            let taken = Statement::decode(&forged).is_ok_and(|forged| b.set.clone().insert(forged).is_ok());
            assert!(!taken, "byte {at} of {statement:?}");
        }
        a.say(statement);
    }
    assert_eq!(*a.set.state(), before);
    // A remove that builds on it is no less one, and whoever lacks it waits for it.
    let remove = a.remove(11);
    assert_eq!(c.set.clone().insert(remove), Ok(Inserted::Waits));
    exchange(&mut a.set, &mut c.set);
    assert_eq!((members(&c.set), c.set.len()), (vec![10, 12], 8));
    // Of a stranger it waits, as a keep of one does; and the recovery key may say it too.
    let seen = c.set.seen();
    let strange = Statement::unknown(Signer::Device(&key(29)), &journal, &seen, 9, Vec::new()).unwrap();
    assert_eq!(c.set.insert(strange), Ok(Inserted::Waits));
    let signer = recovery(1);
    held(&mut c.set, &Statement::unknown(Signer::Recovery(&signer), &journal, &seen, 9, Vec::new()).unwrap());
    assert_eq!(say(&a, 9, &[0; MAX_LEN]).unwrap_err(), StatementError::TooLong);
}

#[test]
fn parents_are_some_distinct_ascending_and_few() {
    let [a] = devices([10]);
    let journal = a.set.journal();
    let parent = |n: usize| StatementId::from_bytes([(n >> 8) as u8; 32].map(|byte| byte ^ n as u8));
    let keep = |parents: &[StatementId]| {
        Statement::keep(
            &a.key,
            &journal,
            parents,
            log(10).device,
            vec![Kept::new(&log(10), 1, Chain::from_bytes([0; 32]))],
        )
    };
    assert_eq!(keep(&[]).unwrap_err(), StatementError::BadParents);
    let full: Vec<_> = (0..MAX_PARENTS).map(parent).collect();
    let statement = keep(&full).unwrap();
    assert_eq!(Statement::decode(statement.encode()).unwrap().parents().len(), MAX_PARENTS);
    let mut unsorted = keep(&[parent(1), parent(2), parent(1)]).unwrap().encode().to_vec();
    assert_eq!(unsorted[50], 2, "each once");
    let (first, second) = (unsorted[51..83].to_vec(), unsorted[83..115].to_vec());
    unsorted[51..115].copy_from_slice(&[second, first.clone()].concat());
    assert_eq!(Statement::decode(&unsorted), Err(StatementError::BadParents));
    unsorted[51..115].copy_from_slice(&[first.clone(), first].concat());
    assert_eq!(Statement::decode(&unsorted), Err(StatementError::BadParents));
    let mut too_many = statement.encode().to_vec();
    assert_eq!(too_many[50..52], [0x80, 0x02]);
    too_many[50] = 0x81;
    too_many.splice(52..52, [0; 32]);
    assert_eq!(Statement::decode(&too_many), Err(StatementError::BadParents));
}

#[test]
fn names_are_short_and_move_no_cursor() {
    let journal = JournalId::from_bytes([0; 16]);
    let name = |name: &str| Newcomer::new(&key(10), &journal, SealingPublic([0; 32]), name).map(|_| ());
    assert_eq!(name(&"ж".repeat(MAX_NAME)), Ok(()));
    assert_eq!(name("Ana's phone 📱"), Ok(()));
    for bad in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{85}b", &"ж".repeat(MAX_NAME + 1)] {
        assert_eq!(name(bad), Err(StatementError::BadName), "{bad:?}");
    }
    assert_eq!(crate::error::Error::from(StatementError::BadName).code, Code::Invalid);
}

#[test]
fn what_lacks_a_parent_or_its_signers_add_waits_and_then_counts() {
    let [mut a, b] = devices([10, 11]);
    let add = a.add(12);
    let mut late = Device { key: key(12), set: a.set.clone() };
    let keep = late.keep(10, 1);
    let remove = late.remove(11);
    let mut theirs = b.set.clone();
    assert_eq!(theirs.insert(remove.clone()), Ok(Inserted::Waits));
    assert_eq!(theirs.insert(keep.clone()), Ok(Inserted::Waits));
    assert_eq!(theirs.insert(keep.clone()), Ok(Inserted::Known));
    assert_eq!((members(&theirs), theirs.len(), theirs.set_hash()), (vec![10, 11], 3, b.set.set_hash()));
    assert_eq!(theirs.insert(add.clone()), Ok(Inserted::Held(vec![add.id(), keep.id(), remove.id()])));
    assert_eq!((theirs.ids(), theirs.state()), (late.set.ids(), late.set.state()));
    assert_eq!(theirs.insert(remove), Ok(Inserted::Known));
    assert_eq!(theirs.view(&keep.id()).len(), 4);
}

#[test]
fn the_waiting_room_is_bounded_and_the_set_unharmed() {
    let [mut a] = devices([10]);
    let stranger = key(29);
    for n in 0..MAX_WAITING as u64 + 20 {
        let seen = a.set.seen();
        let keep = Statement::keep(
            &stranger,
            &a.set.journal(),
            &seen,
            log(10).device,
            vec![Kept::new(&log(10), n, Chain::from_bytes([0; 32]))],
        );
        assert_eq!(a.set.insert(keep.unwrap()), Ok(Inserted::Waits));
    }
    assert_eq!(format!("{:?}", a.set).matches("512 waiting").count(), 1);
    a.remove(29);
    assert_eq!(members(&a.set), [10]);
    assert!(!a.set.state().ever_added(&id(29)), "a remove of a stranger ties nobody");
}

#[test]
fn a_dialer_shows_adds_and_is_admitted_under_our_own_removes() {
    let [mut host, server] = devices([10, 11]);
    // The server knows none of this: keeps come between, so the adds' parents are not all shown.
    host.keep(11, 3);
    host.add(12);
    let mut middle = Device { key: key(12), set: host.set.clone() };
    middle.keep(11, 4);
    middle.add(13);
    let shown: Vec<Statement> = middle.set.adds(&id(13)).into_iter().cloned().collect();
    assert!(shown.iter().all(|statement| matches!(statement.body(), Body::Add { .. } | Body::Genesis { .. })));
    let fresh = server.set.admit(&shown, &id(13)).unwrap();
    assert_eq!(fresh.len(), 2);
    assert!(server.set.admit(&shown, &id(14)).is_none());
    assert!(server.set.admit(&shown[..2], &id(13)).is_none());
    let mut admitted = server.set.clone();
    for statement in &fresh {
        held(&mut admitted, statement);
    }
    assert_eq!(members(&admitted), [10, 11, 12, 13]);
    assert_eq!(admitted.tips(), server.set.tips(), "nothing is signed over a view that is not whole");
    exchange(&mut admitted, &mut middle.set);
    // A server that has removed the host takes none of the host's adds that it had not seen.
    let mut wary = server.clone();
    wary.remove(10);
    assert!(wary.set.admit(&shown, &id(13)).is_none());
}

#[test]
fn what_is_shown_stays_under_its_bound() {
    let [mut host] = devices([10]);
    for seed in 30..250 {
        host.add(seed);
    }
    let shown = host.set.adds(&id(249));
    assert_eq!(shown.len(), 3, "genesis, the host, the dialer: not the whole household");
    let long: Vec<Statement> = host.set.in_order().into_iter().cloned().collect();
    assert!(long.iter().map(|statement| statement.encode().len()).sum::<usize>() > MAX_SHOWN / 2);
    let twice: Vec<Statement> = long.iter().chain(&long).cloned().collect();
    assert!(host.set.admit(&twice, &id(249)).is_none());
}

#[test]
fn a_device_is_described_by_the_newest_add_that_counts() {
    let [mut a] = devices([10]);
    a.add(11);
    let renamed = Newcomer::new(&key(11), &a.set.journal(), SealingPublic([11; 32]), "kitchen laptop").unwrap();
    let signer = Signer::Device(&a.key);
    let add = Statement::add(signer, &a.set.journal(), &a.set.seen(), renamed, Timestamp(0)).unwrap();
    held(&mut a.set, &add);
    assert_eq!(a.set.state().member(&id(11)).unwrap().name, "kitchen laptop");
    assert_eq!(a.set.members_in_view(&add.id()).unwrap().len(), 2);
}

#[test]
fn a_head_or_certificate_is_no_statement() {
    let [mut a] = devices([10]);
    let statement = a.keep(10, 1);
    let (signed, _) = statement.encode().split_last_chunk::<64>().unwrap();
    let other = a.key.sign(SignedDomain::Head, signed);
    let forged = Statement::decode(&[signed, &other.0].concat()).unwrap();
    assert_eq!(forged.verify(a.set.recovery()), Err(StatementError::BadSignature));
}
