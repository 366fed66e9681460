//! One signed statement: its canonical bytes, its id, its signatures.
//!
//! `encoding = version ‖ journal ‖ author ‖ parents ‖ body ‖ signature`, where everything before the signature is what
//! the author signs: `Sign_author("afterword statement v1", …)`. `id = H_statement(encoding)`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::crypto::{
    DeviceKey, Domain, Hasher, RecoveryPublic, RecoverySigningKey, SIGNATURE_LEN, SealingPublic, Signature,
    SignedDomain, verify_recovery,
};
use crate::error::{Advice, Code, Error};
use crate::id::{Chain, DeviceId, Incarnation, JournalId, LogId, StatementId};
use crate::time::Timestamp;

/// The version that this code writes and reads.
pub const VERSION: u8 = 1;
/// The longest encoding that is looked at.
pub const MAX_LEN: usize = 64 * 1024;
/// The most parents a statement may name.
pub const MAX_PARENTS: usize = 256;
/// The most logs that one keep names: as many of a member's as are held.
pub const MAX_KEPT: usize = 128;
/// The most code points in a device's name.
pub const MAX_NAME: usize = 100;

/// Who signed a statement. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Author {
    /// The key made from the recovery phrase. Number 0.
    Recovery,
    /// A device. Number 1.
    Device(DeviceId),
}

/// What a statement says. The numbers are part of the format; 4 is reserved for *epoch*, which a later version writes.
/// Every number without a meaning here is kept as [`Body::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Number 0: the journal begins. Signed by the key that it names.
    Genesis {
        /// The recovery key for statements.
        recovery_sign: RecoveryPublic,
        /// The recovery key for wraps.
        recovery_seal: SealingPublic,
        /// Makes two journals of one phrase differ.
        nonce: [u8; 16],
    },
    /// Number 1: a device joins.
    Add {
        /// The newcomer.
        device: DeviceId,
        /// What is sealed to it.
        sealing: SealingPublic,
        /// What people call it.
        name: String,
        /// When, as the signer's clock had it. For people only.
        at: Timestamp,
        /// The newcomer's signature over journal, device, sealing key and name.
        consent: Signature,
    },
    /// Number 2: a device leaves for good.
    Remove {
        /// The one that leaves.
        device: DeviceId,
        /// When, as the signer's clock had it. For people only.
        at: Timestamp,
    },
    /// Number 3: the signer holds these logs of a device up to here, so they go on counting that far.
    Keep {
        /// The device whose logs they are.
        device: DeviceId,
        /// Its logs, by incarnation, ascending: at least one.
        logs: Vec<Kept>,
    },
    /// [`FIRST_UNKNOWN`] or any higher number: something that a later version says. It is signed, held and sent like a
    /// keep, and changes nothing here.
    #[serde(skip)]
    Unknown {
        /// Which number.
        number: u32,
        /// All that stands between the number and the signature.
        bytes: Vec<u8>,
    },
}

/// How far a keep's signer holds one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which of the device's logs.
    pub incarnation: Incarnation,
    /// The last operation held.
    pub seq: u64,
    /// The chain after it.
    pub chain: Chain,
}

impl Kept {
    /// This log, so far.
    pub fn new(log: &LogId, seq: u64, chain: Chain) -> Self {
        Self { incarnation: log.incarnation, seq, chain }
    }
}

/// The first number that no body has yet. Who gives one a meaning must hold every statement with it, whatever its body
/// says: it is held where the meaning is not known, and both must hold the same.
pub const FIRST_UNKNOWN: u32 = 4;

/// Everything before the body.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u8,
    /// Zeros in genesis, whose own hash is what names the journal.
    journal: [u8; JournalId::LEN],
    author: Author,
    parents: Vec<StatementId>,
}

/// A key that can sign statements.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// The phrase is at hand.
    Recovery(&'a RecoverySigningKey),
    /// This device.
    Device(&'a DeviceKey),
}

impl Signer<'_> {
    fn author(&self) -> Author {
        match self {
            Self::Recovery(_) => Author::Recovery,
            Self::Device(key) => Author::Device(key.id()),
        }
    }

    fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Recovery(key) => key.sign(SignedDomain::Statement, message),
            Self::Device(key) => key.sign(SignedDomain::Statement, message),
        }
    }
}

/// What a newcomer hands over to be added: made on its own device, checked by everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// The device.
    pub device: DeviceId,
    /// What is sealed to it.
    pub sealing: SealingPublic,
    /// What people call it.
    pub name: String,
    /// Its signature over journal, device, sealing key and name.
    pub consent: Signature,
}

impl Newcomer {
    /// The wish of the device behind `key` to join `journal`.
    pub fn new(
        key: &DeviceKey,
        journal: &JournalId,
        sealing: SealingPublic,
        name: &str,
    ) -> Result<Self, StatementError> {
        check_name(name)?;
        let device = key.id();
        let consent = key.sign(SignedDomain::Consent, &consent_bytes(journal, &device, &sealing, name));
        Ok(Self { device, sealing, name: name.to_owned(), consent })
    }

    /// Whether the device asks for just this, in just this journal.
    pub fn verify(&self, journal: &JournalId) -> Result<(), StatementError> {
        check_name(&self.name)?;
        verify_consent(journal, &self.device, &self.sealing, &self.name, &self.consent)
    }
}

/// A signed statement. Immutable: its bytes are kept as they came, and its id is their hash.
#[derive(Clone)]
pub struct Statement(Arc<Parts>);

struct Parts {
    bytes: Vec<u8>,
    id: StatementId,
    journal: JournalId,
    author: Author,
    parents: Vec<StatementId>,
    body: Body,
}

impl Statement {
    /// The statement that begins a journal and gives it its id.
    pub fn genesis(recovery: &RecoverySigningKey, recovery_seal: SealingPublic, nonce: [u8; 16]) -> Self {
        let body = Body::Genesis { recovery_sign: recovery.public(), recovery_seal, nonce };
        let signer = Signer::Recovery(recovery);
        Self::assemble(JournalId::from_bytes([0; JournalId::LEN]), signer.author(), Vec::new(), body, |message| {
            signer.sign(message)
        })
    }

    /// `newcomer` belongs from now on. `parents` is what the signer has seen: [`Statements::seen`](super::Statements::seen).
    pub fn add(
        signer: Signer<'_>,
        journal: &JournalId,
        parents: &[StatementId],
        newcomer: Newcomer,
        at: Timestamp,
    ) -> Result<Self, StatementError> {
        newcomer.verify(journal)?;
        let Newcomer { device, sealing, name, consent } = newcomer;
        Self::sign(signer, journal, parents, Body::Add { device, sealing, name, at, consent })
    }

    /// `device` belongs no more, and its key never will again.
    pub fn remove(
        signer: Signer<'_>,
        journal: &JournalId,
        parents: &[StatementId],
        device: DeviceId,
        at: Timestamp,
    ) -> Result<Self, StatementError> {
        Self::sign(signer, journal, parents, Body::Remove { device, at })
    }

    /// The signer holds these logs of `device` so far. Only devices hold logs.
    pub fn keep(
        key: &DeviceKey,
        journal: &JournalId,
        parents: &[StatementId],
        device: DeviceId,
        mut logs: Vec<Kept>,
    ) -> Result<Self, StatementError> {
        logs.sort_unstable_by_key(|kept| kept.incarnation);
        check_kept(&logs)?;
        Self::sign(Signer::Device(key), journal, parents, Body::Keep { device, logs })
    }

    /// What a later version would say under `number`. For tests, which play that version.
    #[doc(hidden)]
    pub fn unknown(
        signer: Signer<'_>,
        journal: &JournalId,
        parents: &[StatementId],
        number: u32,
        bytes: Vec<u8>,
    ) -> Result<Self, StatementError> {
        if number < FIRST_UNKNOWN {
            return Err(StatementError::Malformed);
        }
        let statement = Self::sign(signer, journal, parents, Body::Unknown { number, bytes })?;
        if statement.encode().len() > MAX_LEN { Err(StatementError::TooLong) } else { Ok(statement) }
    }

    fn sign(
        signer: Signer<'_>,
        journal: &JournalId,
        parents: &[StatementId],
        body: Body,
    ) -> Result<Self, StatementError> {
        let mut parents = parents.to_vec();
        parents.sort_unstable();
        parents.dedup();
        check_parents(&parents)?;
        Ok(Self::assemble(*journal, signer.author(), parents, body, |message| signer.sign(message)))
    }

    fn assemble(
        journal: JournalId,
        author: Author,
        parents: Vec<StatementId>,
        body: Body,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let header = Header { version: VERSION, journal: *journal.as_bytes(), author, parents };
        let mut bytes = signed_bytes(&header, &body);
        let signature = sign(&bytes);
        bytes.extend_from_slice(&signature.0);
        Self::from_parts(bytes, header, body)
    }

    fn from_parts(bytes: Vec<u8>, header: Header, body: Body) -> Self {
        let id = StatementId::from_bytes(Hasher::new(Domain::Statement).update(&bytes).finish());
        let journal = match body {
            Body::Genesis { .. } => {
                let mut first = [0; JournalId::LEN];
                first.copy_from_slice(&id.as_bytes()[..JournalId::LEN]);
                JournalId::from_bytes(first)
            }
            _ => JournalId::from_bytes(header.journal),
        };
        Self(Arc::new(Parts { bytes, id, journal, author: header.author, parents: header.parents, body }))
    }

    /// The statement with exactly these bytes. Shape and canonical form are checked; signatures are not
    /// ([`Statement::verify`]).
    pub fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > MAX_LEN {
            return Err(StatementError::TooLong);
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(StatementError::TooNew),
            _ => return Err(StatementError::Malformed),
        }
        let Some((signed, _signature)) = bytes.split_last_chunk::<SIGNATURE_LEN>() else {
            return Err(StatementError::Malformed);
        };
        let malformed = |_| StatementError::Malformed;
        let (header, rest) = postcard::take_from_bytes::<Header>(signed).map_err(malformed)?;
        let (number, after) = postcard::take_from_bytes::<u32>(rest).map_err(malformed)?;
        let body = if number < FIRST_UNKNOWN {
            postcard::take_from_bytes::<Body>(rest).map_err(malformed)?.0
        } else {
            Body::Unknown { number, bytes: after.to_vec() }
        };
        match &body {
            Body::Genesis { .. } => {
                if header.author != Author::Recovery || !header.parents.is_empty() || header.journal != [0; 16] {
                    return Err(StatementError::Malformed);
                }
            }
            Body::Keep { .. } if header.author == Author::Recovery => return Err(StatementError::Malformed),
            _ => check_parents(&header.parents)?,
        }
        if let Body::Keep { logs, .. } = &body {
            check_kept(logs)?;
        }
        if let Body::Add { name, .. } = &body {
            check_name(name)?;
        }
        // One value, one encoding: over-long numbers and trailing bytes end here.
        if signed_bytes(&header, &body) != signed {
            return Err(StatementError::Malformed);
        }
        Ok(Self::from_parts(bytes.to_vec(), header, body))
    }

    /// The bytes that [`Statement::decode`] takes.
    pub fn encode(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Its name: the hash of its bytes, signature and all.
    pub fn id(&self) -> StatementId {
        self.0.id
    }

    /// The journal it speaks of; genesis names the journal by being hashed.
    pub fn journal(&self) -> JournalId {
        self.0.journal
    }

    /// The newest statements that its author had seen, ascending.
    pub fn parents(&self) -> &[StatementId] {
        &self.0.parents
    }

    /// Who signed it.
    pub fn author(&self) -> Author {
        self.0.author
    }

    /// What it says.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// Whether only a later version understands it.
    pub fn is_unknown(&self) -> bool {
        matches!(self.0.body, Body::Unknown { .. })
    }

    /// Whether its signatures are those of its author and, in an add, of the newcomer.
    pub fn verify(&self, recovery: &RecoveryPublic) -> Result<(), StatementError> {
        let Some((signed, signature)) = self.0.bytes.split_last_chunk::<SIGNATURE_LEN>() else {
            return Err(StatementError::Malformed);
        };
        let signature = Signature(*signature);
        let by_author = match (&self.0.body, self.0.author) {
            (Body::Genesis { recovery_sign, .. }, _) => {
                recovery_sign == recovery && verify_recovery(recovery, SignedDomain::Statement, signed, &signature)
            }
            (_, Author::Recovery) => verify_recovery(recovery, SignedDomain::Statement, signed, &signature),
            (_, Author::Device(device)) => device.verifies(SignedDomain::Statement, signed, &signature),
        };
        if !by_author {
            return Err(StatementError::BadSignature);
        }
        match &self.0.body {
            Body::Add { device, sealing, name, consent, .. } => {
                verify_consent(&self.0.journal, device, sealing, name, consent)
            }
            _ => Ok(()),
        }
    }

    /// A statement with an empty signature, for tests that make hundreds of thousands.
    #[cfg(test)]
    pub(super) fn unsigned(journal: &JournalId, author: Author, mut parents: Vec<StatementId>, body: Body) -> Self {
        parents.sort_unstable();
        Self::assemble(*journal, author, parents, body, |_| Signature([0; SIGNATURE_LEN]))
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Statement {}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (author, parents) = (&self.0.author, &self.0.parents);
        write!(f, "{:?} by {author:?} after {parents:?}: ", self.0.id)?;
        match &self.0.body {
            Body::Genesis { .. } => f.write_str("genesis"),
            Body::Add { device, .. } => write!(f, "add {device:?}"),
            Body::Remove { device, .. } => write!(f, "remove {device:?}"),
            Body::Keep { device, logs } => write!(f, "keep {} logs of {device:?}", logs.len()),
            Body::Unknown { number, bytes } => write!(f, "number {number}, {} bytes", bytes.len()),
        }
    }
}

fn signed_bytes(header: &Header, body: &Body) -> Vec<u8> {
    // Writing plain values to memory cannot fail; were it to, the empty result matches no input and no signature.
    match body {
        Body::Unknown { number, bytes } => {
            let mut signed = postcard::to_stdvec(&(header, number)).unwrap_or_default();
            signed.extend_from_slice(bytes);
            signed
        }
        known => postcard::to_stdvec(&(header, known)).unwrap_or_default(),
    }
}

fn consent_bytes(journal: &JournalId, device: &DeviceId, sealing: &SealingPublic, name: &str) -> Vec<u8> {
    [&journal.as_bytes()[..], device.as_bytes(), &sealing.0, name.as_bytes()].concat()
}

fn verify_consent(
    journal: &JournalId,
    device: &DeviceId,
    sealing: &SealingPublic,
    name: &str,
    consent: &Signature,
) -> Result<(), StatementError> {
    let message = consent_bytes(journal, device, sealing, name);
    if device.verifies(SignedDomain::Consent, &message, consent) { Ok(()) } else { Err(StatementError::BadConsent) }
}

fn check_kept(logs: &[Kept]) -> Result<(), StatementError> {
    let proper = (1..=MAX_KEPT).contains(&logs.len()) && logs.is_sorted_by(|a, b| a.incarnation < b.incarnation);
    if proper { Ok(()) } else { Err(StatementError::Malformed) }
}

fn check_parents(parents: &[StatementId]) -> Result<(), StatementError> {
    if parents.is_empty() || parents.len() > MAX_PARENTS || !parents.is_sorted_by(|a, b| a < b) {
        return Err(StatementError::BadParents);
    }
    Ok(())
}

/// A name is shown in terminals and on other devices: it must not move the cursor, turn the line around or be nothing.
fn check_name(name: &str) -> Result<(), StatementError> {
    let unfit = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(unfit) {
        return Err(StatementError::BadName);
    }
    Ok(())
}

/// Why a statement was not made, read or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Longer than [`MAX_LEN`].
    #[error("the statement is too long")]
    TooLong,
    /// Of a later version of the statement itself.
    #[error("the statement was written by a newer version")]
    TooNew,
    /// Not a statement, or not in its one canonical form.
    #[error("the statement's bytes make no sense")]
    Malformed,
    /// None, more than [`MAX_PARENTS`], or not ascending.
    #[error("the statement does not name what its author had seen")]
    BadParents,
    /// Empty, longer than [`MAX_NAME`], or with characters that are not for names.
    #[error("a device's name has 1 to {MAX_NAME} characters and no control characters")]
    BadName,
    /// It speaks of another journal.
    #[error("the statement belongs to another journal")]
    OtherJournal,
    /// Its author did not sign it.
    #[error("the statement is not signed by its author")]
    BadSignature,
    /// The newcomer did not ask for this.
    #[error("the added device did not agree")]
    BadConsent,
    /// A journal begins with a genesis, and this is something else.
    #[error("the statement does not begin a journal")]
    NotGenesis,
}

impl From<StatementError> for Error {
    fn from(error: StatementError) -> Self {
        let (code, advice): (_, Advice) = match error {
            StatementError::TooNew => (Code::TooNew, "install the newest version of Afterword on this device".into()),
            StatementError::BadName => (Code::Invalid, "choose a shorter, plain name".into()),
            StatementError::TooLong | StatementError::Malformed | StatementError::NotGenesis => {
                (Code::Corrupt, Advice::CheckBoth)
            }
            _ => (Code::Refused, "nothing was changed; pair the devices again if this repeats".into()),
        };
        let about = match code {
            Code::Invalid => "name",
            Code::Refused => "statement",
            _ => "",
        };
        Self::new(code, error.to_string(), advice).about(about)
    }
}
