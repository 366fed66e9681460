//! The vault: the database's random key, wrapped once for everyday use and once for the recovery phrase.
//!
//! - `k` = 32 random bytes, the database key. It is never stored bare and never changes; only its wraps do.
//! - Passphrase: `SealChunk_w("…passphrase…" ‖ costs ‖ salt, k)` with `w` = Argon2id(NFC(passphrase), salt), RFC 9106.
//! - Platform: `SealChunk_w("…platform…" ‖ name, k)` with `w` = 32 random bytes that the platform's vault keeps.
//! - Recovery: `Seal_pk("…recovery…" ‖ journal, k)`, with `pk` the X25519 key that genesis names.
//! - `check` = `H_check(k)`, by which a key is known again; `tag` = `MAC(H_tag(k), body)`, by which whoever opened one
//!   wrap sees that the others are as they were sealed, without opening them.
//!
//! A vault always holds one everyday wrap and the recovery wrap. Every change is a new file in the old one's place.

mod costs;
mod file;
mod founding;

use std::fmt;
use std::io::Read;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::costs::Costs;
pub use self::founding::{FileOperations, Founding, SystemFiles, enter, is_ready, is_unfinished, put_aside};

use self::costs::stretched;
use self::file::{Body, MAX_LEN, VaultFile, Wrap};
use crate::crypto::{ChunkKey, Domain, HashKey, Hasher, RecoveryPhrase, RecoveryPublic, SealingPublic, Secret};
use crate::files::{Home, StoreError, StoreResult, replace_file};
use crate::id::JournalId;
use crate::time::{Entropy, random};

/// Where the platform keeps secrets for programs: the OS keyring, the phone's keystore. Implemented outside this crate.
pub trait PlatformVault: Send + Sync + fmt::Debug {
    /// Keeps `secret` under `name`, replacing what was there.
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()>;
    /// The secret kept under `name`; `None` if there is none, an error if nobody can tell now.
    fn load(&self, name: &str) -> StoreResult<Option<Secret>>;
    /// Forgets the secret kept under `name`, if there is one.
    fn delete(&self, name: &str) -> StoreResult<()>;
}

/// What opens the everyday wrap.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// A passphrase that the writer types. A wrap that is made with it costs [`Costs::FLOOR`].
    Passphrase(&'a str),
    /// A passphrase that is set now: a wrap that is made with it costs this. It opens like any.
    NewPassphrase {
        /// The passphrase.
        passphrase: &'a str,
        /// What a guess at it shall cost.
        costs: Costs,
    },
    /// The platform's vault.
    Platform(&'a dyn PlatformVault),
}

impl fmt::Debug for Unlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(…)",
            Self::NewPassphrase { .. } => "NewPassphrase(…)",
            Self::Platform(_) => "Platform",
        })
    }
}

/// What a vault asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockKind {
    /// A passphrase.
    Passphrase,
    /// The platform's vault.
    Platform,
}

/// Both public keys of a recovery phrase, as genesis names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryKeys {
    /// Signs statements.
    pub sign: RecoveryPublic,
    /// Wraps are sealed to it.
    pub seal: SealingPublic,
}

impl RecoveryKeys {
    /// The public keys of `phrase`.
    pub fn of(phrase: &RecoveryPhrase) -> Self {
        Self { sign: phrase.signing_key().public(), seal: phrase.sealing_key().public() }
    }
}

/// What [`inspect`] saw; everything must be true, and the journal the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// Which journal the vault says it is for.
    pub journal: JournalId,
    /// How it opens.
    pub kind: UnlockKind,
    /// What a guess at the passphrase costs, where it opens with one.
    pub costs: Option<Costs>,
    /// Nothing in the file was changed since it was sealed by a holder of the key, the recovery wrap included.
    pub whole: bool,
    /// There is a recovery wrap, as long as one is.
    pub recovery_wrap: bool,
    /// The recovery wrap is for the keys that genesis names.
    pub recovery_is_genesis: bool,
}

/// Makes the vault of a new journal. Refuses to replace one: behind it may be the only way to a database put aside.
pub fn create(
    home: &Home,
    journal: JournalId,
    key: &Secret,
    recovery: &RecoveryKeys,
    unlock: Unlock<'_>,
    entropy: &mut dyn Entropy,
) -> StoreResult<()> {
    if home.vault().exists() {
        return Err(StoreError::Invalid("there is already a vault in this folder".to_owned()));
    }
    home.make()?;
    let body = Body {
        journal,
        recovery_sign: recovery.sign,
        recovery_seal: recovery.seal,
        check: check_of(key),
        wraps: vec![everyday_wrap(key, unlock, entropy)?, recovery_wrap(key, &journal, &recovery.seal, entropy)?],
    };
    write(home, key, body)
}

/// What the vault asks for, without opening it.
pub fn kind(home: &Home) -> StoreResult<UnlockKind> {
    kind_of(&read(home)?.body)
}

/// Which journal the vault is for.
pub fn journal(home: &Home) -> StoreResult<JournalId> {
    Ok(read(home)?.body.journal)
}

/// Opens the everyday wrap. The key is checked: a database that does not open with it is damaged.
pub fn open(home: &Home, unlock: Unlock<'_>) -> StoreResult<Secret> {
    open_everyday(&read(home)?.body, unlock)
}

/// Opens the recovery wrap with the phrase: what `recovery check` does, and the way in when the everyday one is gone.
pub fn open_with_phrase(home: &Home, phrase: &RecoveryPhrase) -> StoreResult<Secret> {
    let VaultFile { body, .. } = read(home)?;
    if RecoveryKeys::of(phrase) != (RecoveryKeys { sign: body.recovery_sign, seal: body.recovery_seal }) {
        return Err(StoreError::WrongKey("these 24 words are not this journal's recovery phrase".to_owned()));
    }
    let damaged =
        || StoreError::Corrupt("the recovery phrase is right, but the vault's recovery wrap is damaged".to_owned());
    let sealed = recovery_part(&body).ok_or_else(damaged)?;
    let opened = phrase.sealing_key().open(&recovery_info(&body.journal), sealed).map_err(|_| damaged())?;
    checked(&opened, &body, damaged)
}

/// Whether the phrase opens this device's copy; errors say how it does not.
pub fn check_recovery(home: &Home, phrase: &RecoveryPhrase) -> StoreResult<()> {
    open_with_phrase(home, phrase).map(drop)
}

/// Replaces the everyday wrap: another passphrase, or another way to unlock. `key` shows that the caller could open
/// the old one. The recovery wrap stays as it is, and must be whole.
pub fn rewrap(home: &Home, key: &Secret, unlock: Unlock<'_>, entropy: &mut dyn Entropy) -> StoreResult<()> {
    let _alone = changing(home)?;
    let mut body = read_for(home, key)?;
    body.wraps.retain(|wrap| matches!(wrap, Wrap::Recovery { .. }));
    body.wraps.insert(0, everyday_wrap(key, unlock, entropy)?);
    write(home, key, body)
}

/// Forgets what the platform's vault keeps for this home, after [`rewrap`] to a passphrase or before the folder goes.
pub fn forget_platform(home: &Home, platform: &dyn PlatformVault, name: PlatformName) -> StoreResult<()> {
    if platform_name(home)? == Some(name) {
        return Err(StoreError::Invalid("the vault still opens with what the platform keeps".to_owned()));
    }
    platform.delete(&name.to_string())
}

/// Under which name the platform keeps this vault's key, if it does. Ask before [`rewrap`], forget after it.
pub fn platform_name(home: &Home) -> StoreResult<Option<PlatformName>> {
    Ok(read(home)?.body.wraps.iter().find_map(|wrap| match wrap {
        Wrap::Platform { name, .. } => Some(PlatformName(*name)),
        _ => None,
    }))
}

/// A random name in the platform's vault: two homes never share one, and it says nothing about either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformName([u8; 16]);

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal-{}", data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// Seals the key to another journal's recovery key: this device joined it, and the old phrase no longer opens it.
pub fn replace_recovery(
    home: &Home,
    key: &Secret,
    journal: JournalId,
    recovery: &RecoveryKeys,
    entropy: &mut dyn Entropy,
) -> StoreResult<()> {
    let _alone = changing(home)?;
    let mut body = read(home)?.body;
    if body.check.ct_ne(&check_of(key)).into() {
        return Err(other_key());
    }
    body.wraps.retain(|wrap| !matches!(wrap, Wrap::Recovery { .. }));
    body.wraps.push(recovery_wrap(key, &journal, &recovery.seal, entropy)?);
    body.journal = journal;
    body.recovery_sign = recovery.sign;
    body.recovery_seal = recovery.seal;
    write(home, key, body)
}

/// Opens the everyday wrap and looks at the rest, for `doctor`. `genesis` is what the journal's statements name.
pub fn inspect(home: &Home, unlock: Unlock<'_>, genesis: &RecoveryKeys) -> StoreResult<Inspection> {
    let file = read(home)?;
    let key = open_everyday(&file.body, unlock)?;
    Ok(Inspection {
        journal: file.body.journal,
        kind: kind_of(&file.body)?,
        costs: file.body.wraps.iter().find_map(|wrap| match wrap {
            Wrap::Passphrase { costs, .. } => Some(*costs),
            _ => None,
        }),
        whole: tag_of(&key, &file.body)?.ct_eq(&file.tag).into(),
        recovery_wrap: recovery_part(&file.body).is_some_and(|sealed| sealed.len() == RECOVERY_LEN),
        recovery_is_genesis: file.body.recovery_sign == genesis.sign && file.body.recovery_seal == genesis.seal,
    })
}

/// An HPKE-sealed key: encapsulated key, the 32 bytes, tag.
const RECOVERY_LEN: usize = 32 + 32 + 16;

fn recovery_info(journal: &JournalId) -> Vec<u8> {
    [b"afterword vault recovery v1\0".as_slice(), journal.as_bytes()].concat()
}

fn passphrase_place(costs: &Costs, salt: &[u8; 16]) -> Vec<u8> {
    let mut place = b"afterword vault passphrase v1\0".to_vec();
    for cost in [costs.memory_kib, costs.passes, costs.lanes] {
        place.extend(cost.to_le_bytes());
    }
    place.extend(salt);
    place
}

fn platform_place(name: &[u8; 16]) -> Vec<u8> {
    [b"afterword vault platform v1\0".as_slice(), name].concat()
}

fn check_of(key: &Secret) -> [u8; 16] {
    Hasher::new(Domain::VaultCheck).update(key.expose()).finish16()
}

fn tag_of(key: &Secret, body: &Body) -> StoreResult<[u8; 32]> {
    let tag_key = HashKey::derive(Domain::VaultTag, key.expose());
    Ok(Hasher::keyed(&tag_key).update(&body.encode()?).finish())
}

fn other_key() -> StoreError {
    StoreError::WrongKey("the vault in this folder is for another key".to_owned())
}

fn unsealable() -> StoreError {
    StoreError::Internal("a key could not be sealed".to_owned())
}

fn recovery_part(body: &Body) -> Option<&[u8]> {
    body.wraps.iter().find_map(|wrap| match wrap {
        Wrap::Recovery { sealed } => Some(sealed.as_slice()),
        _ => None,
    })
}

fn kind_of(body: &Body) -> StoreResult<UnlockKind> {
    body.wraps
        .iter()
        .find_map(|wrap| match wrap {
            Wrap::Passphrase { .. } => Some(UnlockKind::Passphrase),
            Wrap::Platform { .. } => Some(UnlockKind::Platform),
            Wrap::Recovery { .. } => None,
        })
        .ok_or_else(|| StoreError::KeyGone("the vault opens with the recovery phrase only".to_owned()))
}

fn recovery_wrap(
    key: &Secret,
    journal: &JournalId,
    recovery: &SealingPublic,
    entropy: &mut dyn Entropy,
) -> StoreResult<Wrap> {
    let sealed = recovery.seal(&recovery_info(journal), key.expose(), entropy).map_err(|_| unsealable())?;
    Ok(Wrap::Recovery { sealed })
}

fn everyday_wrap(key: &Secret, unlock: Unlock<'_>, entropy: &mut dyn Entropy) -> StoreResult<Wrap> {
    let costs = if let Unlock::NewPassphrase { costs, .. } = unlock { costs } else { Costs::FLOOR };
    match unlock {
        Unlock::Passphrase(passphrase) | Unlock::NewPassphrase { passphrase, .. } => {
            if !costs.bearable() {
                return Err(StoreError::Internal("no reader would bear these costs".to_owned()));
            }
            if passphrase.is_empty() {
                return Err(StoreError::Invalid("a passphrase can't be empty".to_owned()));
            }
            let salt = random(entropy);
            let sealed = stretched(passphrase, &costs, &salt)?
                .seal(&passphrase_place(&costs, &salt), key.expose(), entropy)
                .map_err(|_| unsealable())?;
            Ok(Wrap::Passphrase { costs, salt, sealed })
        }
        Unlock::Platform(platform) => {
            let name = random(entropy);
            let wrapping = Secret::generate(entropy);
            let sealed = ChunkKey::from_bytes(*wrapping.expose())
                .seal(&platform_place(&name), key.expose(), entropy)
                .map_err(|_| unsealable())?;
            platform.store(&PlatformName(name).to_string(), &wrapping)?;
            Ok(Wrap::Platform { name, sealed })
        }
    }
}

fn open_everyday(body: &Body, unlock: Unlock<'_>) -> StoreResult<Secret> {
    let damaged = || StoreError::Corrupt("the vault's wrap holds another key than its check".to_owned());
    for wrap in &body.wraps {
        match (wrap, unlock) {
            (
                Wrap::Passphrase { costs, salt, sealed },
                Unlock::Passphrase(passphrase) | Unlock::NewPassphrase { passphrase, .. },
            ) => {
                let opened = stretched(passphrase, costs, salt)?
                    .open(&passphrase_place(costs, salt), sealed)
                    .map_err(|_| StoreError::WrongKey("the passphrase does not open this journal".to_owned()))?;
                return checked(&opened, body, damaged);
            }
            (Wrap::Platform { name, sealed }, Unlock::Platform(platform)) => {
                let wrapping = platform.load(&PlatformName(*name).to_string())?.ok_or_else(|| {
                    StoreError::KeyGone("the system's keyring no longer holds this journal's key".to_owned())
                })?;
                let opened = ChunkKey::from_bytes(*wrapping.expose())
                    .open(&platform_place(name), sealed)
                    .map_err(|_| StoreError::WrongKey("the system's keyring holds another key".to_owned()))?;
                return checked(&opened, body, damaged);
            }
            _ => {}
        }
    }
    Err(match kind_of(body)? {
        UnlockKind::Passphrase => StoreError::WrongKey("this journal opens with a passphrase".to_owned()),
        UnlockKind::Platform => {
            StoreError::WrongKey("this journal opens with the system's keyring, not with a passphrase".to_owned())
        }
    })
}

fn checked(opened: &[u8], body: &Body, damaged: impl Fn() -> StoreError) -> StoreResult<Secret> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(opened.try_into().map_err(|_| damaged())?);
    let key = Secret::from_bytes(*bytes);
    if body.check.ct_eq(&check_of(&key)).into() { Ok(key) } else { Err(damaged()) }
}

/// One process at a time changes the vault: of two at once, one would rename what the other has half written.
fn changing(home: &Home) -> StoreResult<std::fs::File> {
    let failed = |error: std::io::Error| StoreError::io("the vault could not be locked", &error);
    let file = home.lock_file("vault.lock").map_err(failed)?;
    match file.lock() {
        Err(error) if error.kind() != std::io::ErrorKind::Unsupported => Err(failed(error)),
        _ => Ok(file),
    }
}

fn read(home: &Home) -> StoreResult<VaultFile> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound if home.database().exists() => {
            StoreError::KeyGone("the vault file is gone, and with it the key of this journal".to_owned())
        }
        std::io::ErrorKind::NotFound => StoreError::NotFound("there is no journal in this folder".to_owned()),
        _ => StoreError::io("the vault could not be read", &error),
    };
    let file = std::fs::File::open(home.vault()).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is seen to be longer.
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    VaultFile::decode(&bytes)
}

/// The vault's body, where `key` is its key and nothing in it was changed by anyone else.
fn read_for(home: &Home, key: &Secret) -> StoreResult<Body> {
    let file = read(home)?;
    if file.body.check.ct_ne(&check_of(key)).into() {
        return Err(other_key());
    }
    if tag_of(key, &file.body)?.ct_ne(&file.tag).into() {
        return Err(StoreError::Corrupt("the vault was changed by something other than Afterword".to_owned()));
    }
    Ok(file.body)
}

fn write(home: &Home, key: &Secret, body: Body) -> StoreResult<()> {
    let tag = tag_of(key, &body)?;
    let bytes = VaultFile { body, tag }.encode()?;
    replace_file(&home.vault(), &bytes).map_err(|error| StoreError::io("the vault could not be written", &error))
}

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod tests;
