//! A vault file from fixed randomness, byte for byte: `golden/vault.hex`. It must open for ever.

use std::fs;

use data_encoding::HEXLOWER;

use super::*;

const GOLDEN: &str = include_str!("golden/vault.hex");
const PASSPHRASE: &str = "correct horse battery staple";

#[derive(Debug)]
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

fn phrase() -> RecoveryPhrase {
    RecoveryPhrase::generate(&mut Fixed(7))
}

fn key() -> Secret {
    Secret::from_bytes([0x6b; 32])
}

/// What `create` writes.
fn made() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    let journal = JournalId::from_bytes([10; 16]);
    let costs = Costs { memory_kib: 32_768, passes: 4, lanes: 1 };
    let unlock = Unlock::NewPassphrase { passphrase: PASSPHRASE, costs };
    create(&home, journal, &key(), &RecoveryKeys::of(&phrase()), unlock, &mut Fixed(3)).unwrap();
    fs::read(home.vault()).unwrap()
}

#[test]
fn a_vault_is_these_bytes() {
    let hex = HEXLOWER.encode(&made());
    assert_eq!(hex, GOLDEN.trim_end(), "\n{hex}\n");
}

#[test]
fn these_bytes_open_with_passphrase_and_phrase() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.make().unwrap();
    fs::write(home.vault(), HEXLOWER.decode(GOLDEN.trim_end().as_bytes()).unwrap()).unwrap();
    assert_eq!(open(&home, Unlock::Passphrase(PASSPHRASE)).unwrap().expose(), key().expose());
    assert_eq!(open_with_phrase(&home, &phrase()).unwrap().expose(), key().expose());
    let seen = inspect(&home, Unlock::Passphrase(PASSPHRASE), &RecoveryKeys::of(&phrase())).unwrap();
    assert!(seen.whole && seen.recovery_wrap && seen.recovery_is_genesis);
    assert_eq!(seen.costs.unwrap().to_string(), "32 MiB and 4 passes of Argon2id");
}
