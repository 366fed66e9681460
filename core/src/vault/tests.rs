//! The vault: what opens it, what does not, and what each refusal says.

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;

use super::*;
use crate::error::{Code, Error};
use crate::testing::journal::Seeded;

fn entropy() -> Seeded {
    Seeded::new(7)
}

/// A platform's keyring in memory.
#[derive(Debug, Default)]
pub(crate) struct Keyring(Mutex<HashMap<String, Secret>>);

impl Keyring {
    /// How many secrets it keeps.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl PlatformVault for Keyring {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        self.0.lock().unwrap().insert(name.to_owned(), secret.clone());
        Ok(())
    }
    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }
    fn delete(&self, name: &str) -> StoreResult<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

const JOURNAL: JournalId = JournalId::from_bytes([9; 16]);

struct Made {
    _folder: tempfile::TempDir,
    home: Home,
    key: Secret,
    phrase: RecoveryPhrase,
}

fn made(unlock: Unlock<'_>) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    let mut entropy = entropy();
    let (key, phrase) = (Secret::generate(&mut entropy), RecoveryPhrase::generate(&mut entropy));
    let unlock = match unlock {
        Unlock::Passphrase(passphrase) => Unlock::NewPassphrase { passphrase, costs: Costs::LEAST },
        other => other,
    };
    create(&home, JOURNAL, &key, &RecoveryKeys::of(&phrase), unlock, &mut entropy).unwrap();
    Made { _folder: folder, home, key, phrase }
}

fn code<T: fmt::Debug>(result: StoreResult<T>) -> Code {
    Error::from(result.unwrap_err()).code
}

#[test]
fn a_wrap_costs_what_was_asked_for_and_the_floor_where_nothing_was() {
    let made = made(Unlock::Passphrase("p"));
    let keys = RecoveryKeys::of(&made.phrase);
    let costs = |passphrase| inspect(&made.home, Unlock::Passphrase(passphrase), &keys).unwrap().costs;
    assert_eq!(costs("p"), Some(Costs::LEAST));
    rewrap(&made.home, &made.key, Unlock::Passphrase("q"), &mut entropy()).unwrap();
    assert_eq!(costs("q"), Some(Costs::FLOOR));
    let more = Costs::fitted(Some(std::time::Duration::from_millis(40)));
    let unlock = Unlock::NewPassphrase { passphrase: "r", costs: more };
    rewrap(&made.home, &made.key, unlock, &mut entropy()).unwrap();
    assert_eq!(costs("r"), Some(more));
    assert_eq!(format!("{unlock:?}"), "NewPassphrase(…)");
    let keyring = Keyring::default();
    rewrap(&made.home, &made.key, Unlock::Platform(&keyring), &mut entropy()).unwrap();
    assert_eq!(inspect(&made.home, Unlock::Platform(&keyring), &keys).unwrap().costs, None);
}

#[test]
fn the_passphrase_opens_and_another_says_so() {
    let made = made(Unlock::Passphrase("caf\u{e9} at noon"));
    assert_eq!(open(&made.home, Unlock::Passphrase("caf\u{e9} at noon")).unwrap(), made.key);
    // Typed on a keyboard that composes differently.
    assert_eq!(open(&made.home, Unlock::Passphrase("cafe\u{301} at noon")).unwrap(), made.key);
    let wrong = open(&made.home, Unlock::Passphrase("cafe at noon")).unwrap_err();
    assert_eq!(wrong, StoreError::WrongKey("the passphrase does not open this journal".to_owned()));
    assert_eq!(code(open(&made.home, Unlock::Platform(&Keyring::default()))), Code::WrongKey);
    assert_eq!(kind(&made.home).unwrap(), UnlockKind::Passphrase);
    let empty = create(
        &Home::new(made.home.root().join("other")),
        JOURNAL,
        &made.key,
        &RecoveryKeys::of(&made.phrase),
        Unlock::Passphrase(""),
        &mut entropy(),
    );
    assert_eq!(code(empty), Code::Invalid);
}

#[test]
fn the_platform_opens_until_it_forgets() {
    let keyring = Keyring::default();
    let made = made(Unlock::Platform(&keyring));
    assert_eq!(open(&made.home, Unlock::Platform(&keyring)).unwrap(), made.key);
    assert!(
        !keyring.0.lock().unwrap().values().any(|kept| *kept == made.key),
        "the keyring never holds the key itself"
    );
    assert_eq!(code(open(&made.home, Unlock::Passphrase("x"))), Code::WrongKey);
    let name = platform_name(&made.home).unwrap().unwrap();
    assert_eq!(code(forget_platform(&made.home, &keyring, name)), Code::Invalid);

    rewrap(&made.home, &made.key, Unlock::Passphrase("now words"), &mut entropy()).unwrap();
    forget_platform(&made.home, &keyring, name).unwrap();
    assert!(keyring.0.lock().unwrap().is_empty());
    assert_eq!(open(&made.home, Unlock::Passphrase("now words")).unwrap(), made.key);

    rewrap(&made.home, &made.key, Unlock::Platform(&keyring), &mut entropy()).unwrap();
    keyring.0.lock().unwrap().clear();
    assert_eq!(code(open(&made.home, Unlock::Platform(&keyring))), Code::KeyGone);
    assert_eq!(open_with_phrase(&made.home, &made.phrase).unwrap(), made.key);
}

#[test]
fn another_passphrase_takes_the_first_ones_place() {
    let made = made(Unlock::Passphrase("first"));
    let stranger = Secret::generate(&mut Seeded::new(8));
    assert_eq!(code(rewrap(&made.home, &stranger, Unlock::Passphrase("theirs"), &mut entropy())), Code::WrongKey);
    rewrap(&made.home, &made.key, Unlock::Passphrase("second"), &mut entropy()).unwrap();
    assert_eq!(code(open(&made.home, Unlock::Passphrase("first"))), Code::WrongKey);
    assert_eq!(open(&made.home, Unlock::Passphrase("second")).unwrap(), made.key);
    check_recovery(&made.home, &made.phrase).unwrap();
    assert!(!made.home.root().join("vault.new").exists());
}

#[test]
fn joining_another_journal_seals_to_its_phrase() {
    let made = made(Unlock::Passphrase("p"));
    let theirs = RecoveryPhrase::generate(&mut Seeded::new(9));
    assert_eq!(code(check_recovery(&made.home, &theirs)), Code::WrongKey);
    let other = JournalId::from_bytes([3; 16]);
    replace_recovery(&made.home, &made.key, other, &RecoveryKeys::of(&theirs), &mut entropy()).unwrap();
    check_recovery(&made.home, &theirs).unwrap();
    assert_eq!(code(check_recovery(&made.home, &made.phrase)), Code::WrongKey);
    let seen = inspect(&made.home, Unlock::Passphrase("p"), &RecoveryKeys::of(&theirs)).unwrap();
    assert_eq!((seen.journal, seen.whole, seen.recovery_wrap, seen.recovery_is_genesis), (other, true, true, true));
    let seen = inspect(&made.home, Unlock::Passphrase("p"), &RecoveryKeys::of(&made.phrase)).unwrap();
    assert!(!seen.recovery_is_genesis);
}

#[test]
fn a_recovery_wrap_changed_by_another_hand_is_seen_without_the_phrase() {
    let made = made(Unlock::Passphrase("p"));
    let mut file = read(&made.home).unwrap();
    let Some(Wrap::Recovery { sealed }) = file.body.wraps.get_mut(1) else { panic!("no recovery wrap") };
    sealed[40] ^= 1;
    fs::write(made.home.vault(), file.encode().unwrap()).unwrap();
    let keys = RecoveryKeys::of(&made.phrase);
    assert!(!inspect(&made.home, Unlock::Passphrase("p"), &keys).unwrap().whole);
    assert_eq!(code(check_recovery(&made.home, &made.phrase)), Code::Corrupt);
    assert_eq!(code(rewrap(&made.home, &made.key, Unlock::Passphrase("q"), &mut entropy())), Code::Corrupt);
    // The writer is not locked out by it, and sealing anew mends it.
    let key = open(&made.home, Unlock::Passphrase("p")).unwrap();
    replace_recovery(&made.home, &key, JOURNAL, &keys, &mut entropy()).unwrap();
    assert!(inspect(&made.home, Unlock::Passphrase("p"), &keys).unwrap().whole);
}

#[test]
fn a_vault_that_is_missing_cut_foreign_or_newer_is_told_apart() {
    let made = made(Unlock::Passphrase("p"));
    let whole = fs::read(made.home.vault()).unwrap();
    let unlock = Unlock::Passphrase("p");
    for (bytes, expected) in [
        (whole[..whole.len() / 2].to_vec(), Code::Corrupt),
        (Vec::new(), Code::Corrupt),
        (b"SQLite format 3\0".to_vec(), Code::Corrupt),
        (vec![0; 1 << 20], Code::Corrupt),
        ([b"AFTVAULT\x02".as_slice(), &whole[9..]].concat(), Code::TooNew),
    ] {
        fs::write(made.home.vault(), &bytes).unwrap();
        assert_eq!(code(open(&made.home, unlock)), expected, "{} bytes", bytes.len());
    }
    fs::remove_file(made.home.vault()).unwrap();
    assert_eq!(code(open(&made.home, unlock)), Code::NotFound);
    fs::write(made.home.database(), [0; 64]).unwrap();
    assert_eq!(code(open(&made.home, unlock)), Code::KeyGone);
}

#[test]
fn a_vault_is_never_replaced_by_a_new_one() {
    let made = made(Unlock::Passphrase("p"));
    let again = create(
        &made.home,
        JOURNAL,
        &made.key,
        &RecoveryKeys::of(&made.phrase),
        Unlock::Passphrase("q"),
        &mut entropy(),
    );
    assert_eq!(code(again), Code::Invalid);
    assert_eq!(open(&made.home, Unlock::Passphrase("p")).unwrap(), made.key);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let made = made(Unlock::Passphrase("p"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(made.home.root()), 0o700);
    assert_eq!(mode(&made.home.blobs()), 0o700);
    assert_eq!(mode(&made.home.vault()), 0o600);
    let bytes = fs::read(made.home.vault()).unwrap();
    assert!(!bytes.windows(32).any(|window| window == made.key.expose()));
}
