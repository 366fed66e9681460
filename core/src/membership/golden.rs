//! Statements from fixed keys, byte for byte: the format may change only with its version.

use data_encoding::HEXLOWER;

use super::tests::{Fixed, recovery};
use super::*;
use crate::crypto::{DeviceKey, RecoveryPhrase, SealingKey};
use crate::id::{Chain, Incarnation, LogId, StatementId};
use crate::time::Timestamp;

/// Genesis of the phrase of 32 bytes `07`, its device `11` added, which removes device `12`, keeps its two logs, and says
/// something that a later version understands.
fn made() -> [(&'static str, Statement); 5] {
    let recovery_seal = RecoveryPhrase::generate(&mut Fixed(7)).sealing_key().public();
    let genesis = Statement::genesis(&recovery(7), recovery_seal, [8; 16]);
    let (journal, device) = (genesis.journal(), DeviceKey::from_seed(&[0x11; 32]));
    let sealing = SealingKey::from_seed([0x21; 32]).public();
    let newcomer = Newcomer::new(&device, &journal, sealing, "Zoë's laptop").unwrap();
    let at = Timestamp(1_790_000_000_123);
    let add = Statement::add(Signer::Recovery(&recovery(7)), &journal, &[genesis.id()], newcomer, at).unwrap();
    let other = DeviceKey::from_seed(&[0x12; 32]).id();
    let at = Timestamp(1_790_000_000_456);
    let remove = Statement::remove(Signer::Device(&device), &journal, &[add.id()], other, at).unwrap();
    let log = LogId { device: other, incarnation: Incarnation::from_bytes([9; 8]) };
    let seen = [add.id(), remove.id()];
    let again = LogId { device: other, incarnation: Incarnation::from_bytes([10; 8]) };
    let kept = |log: &LogId, seq: u64, chain: u8| Kept::new(log, seq, Chain::from_bytes([chain; 32]));
    let logs = vec![kept(&again, 1, 0xdd), kept(&log, 300, 0xcc)];
    let keep = Statement::keep(&device, &journal, &seen, other, logs).unwrap();
    let later = b"what a later version says".to_vec();
    let unknown = Statement::unknown(Signer::Device(&device), &journal, &[keep.id()], 300, later).unwrap();
    [("genesis", genesis), ("add", add), ("remove", remove), ("keep", keep), ("unknown", unknown)]
}

/// `name id encoding`, a statement a line.
const GOLDEN: &str = include_str!("golden/statements.hex");

#[test]
fn statements_are_these_bytes() {
    let made = made();
    let lines: Vec<String> = made
        .iter()
        .map(|(name, statement)| format!("{name} {} {}", statement.id(), HEXLOWER.encode(statement.encode())))
        .collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>(), "\n{}\n", lines.join("\n"));
}

#[test]
fn these_bytes_are_statements() {
    let mut set: Option<Statements> = None;
    for line in GOLDEN.lines() {
        let [_, id, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("three words") };
        let statement = Statement::decode(&HEXLOWER.decode(hex.as_bytes()).unwrap()).unwrap();
        assert_eq!(statement.id(), id.parse::<StatementId>().unwrap());
        if matches!(statement.body(), Body::Unknown { .. }) {
            assert_eq!(set.as_ref().map(|set| HEXLOWER.encode(&set.set_hash())).as_deref(), Some(KNOWN_HASH));
        }
        match &mut set {
            None => set = Some(Statements::new(statement).unwrap()),
            Some(set) => assert!(matches!(set.insert(statement), Ok(Inserted::Held(_)))),
        }
    }
    let set = set.unwrap();
    assert_eq!(set.journal().as_bytes(), &set.genesis().id().as_bytes()[..16]);
    assert_eq!(set.state().members().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["Zoë's laptop"]);
    assert_eq!(HEXLOWER.encode(&set.set_hash()), SET_HASH);
}

/// Of all but the last.
const KNOWN_HASH: &str = "d6bd770667fe46d17dbf95c3c6d4c137";
const SET_HASH: &str = "01c5a1c738366d22c90d5ac3b48b0568";
