//! Who this device is, as far as the rules need it: its key, its journal, and the keys that members share.

use super::receive::MAX_DEVICE_LOGS;
use crate::crypto::{DeviceKey, Domain, HashKey, Secret};
use crate::error::{Error, Result};
use crate::id::{DeviceId, JournalId};
use crate::store::tx::{Setting, Tx, journal_of};

/// Bugs that the simulator plants to show that it would find them. Never set outside tests.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Planted {
    /// The session acknowledges a batch when it arrives, not when it is durable.
    AcknowledgeBeforeDurable,
    /// A change is ready though its dependencies are not held.
    MergeWithoutDependencies,
    /// How far a log is held is written in a transaction of its own.
    VectorNotInTheTransaction,
    /// An add counts though a remove of its signer had not seen it.
    AddOutsideARemoversView,
    /// A keep is signed in a later transaction than the statement that calls for it.
    KeepNotInTheStatementsTransaction,
    /// A missing body is accepted without an erase certificate.
    HoleWithoutCertificate,
    /// A removed device's session goes on: what was known when it began still counts.
    StandingFromTheSessionsBeginning,
    /// What is read for a member goes out though this device has heard of a removal since it compared with it.
    EntriesBeforeTheRemoval,
    /// Before a device is removed, this one syncs with everybody, the one that goes included.
    SyncsBeforeTheRemoval,
    /// A device goes on appending to an incarnation that a peer holds further.
    RollbackIgnored,
    /// A pack leaves out the last of the operations that it stands for.
    PackDropsTheLast,
    /// What a peer announces is kept, whether or not it was erased here.
    AnnouncesTheErased,
    /// A repair does not write down again what can be read behind the damage.
    RepairForgetsTheRest,
    /// Rows that were prepared are written though the log says something else since, and the mark is taken away.
    DerivesWhatHasMovedOn,
    /// A large document over which the process ended as often as it may is opened all the same.
    OpensWhatEndedTheProcess,
    /// Rows that were prepared are written though their entry was erased since.
    DerivesTheErased,
    /// What another device's statement says that this version does not understand is not stored.
    ForgetsTheUnknown,
    /// A certificate is held though no operation names its entry.
    TakesEveryCertificate,
    /// A device's logs are taken, however many they are.
    TakesEveryLog,
    /// A peer's word that it holds our log further is believed.
    BelievesClaims,
    /// What a peer sends is not counted while it waits for the store.
    WindowWithoutCount,
    /// A removed device's logs are kept by a statement for each.
    KeepForEachLog,
    /// The statements are read and checked again in every transaction.
    StatementsNotCached,
    /// A text is written over in one change, however long it is, and nobody asks whether a reader takes that.
    WritesMoreThanIsRead,
}

/// This device, in this journal.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The journal.
    pub journal: JournalId,
    /// This device's signing key.
    pub key: DeviceKey,
    /// Keys the digest over documents and heads.
    pub digest: HashKey,
    /// Keys the hash in `Hello`.
    pub hello: HashKey,
    /// The discovery secret: the gate's and mDNS tags' key.
    pub discovery: HashKey,
    /// Bytes of lines from which on a batch is stored as the pack that it came as. Shorter ones, as in a live session,
    /// are stored line by line and packed together later.
    pub pack_from: usize,
    /// The most logs of one device that are held: [`MAX_DEVICE_LOGS`], but in a simulation, where few are many.
    pub device_logs: usize,
    #[doc(hidden)]
    pub planted: Option<Planted>,
}

const PACK_FROM: usize = 32 << 10;

impl Identity {
    /// The identity made of a device key and the journal's secret.
    pub fn new(journal: JournalId, key: DeviceKey, secret: &Secret) -> Self {
        Self {
            journal,
            key,
            digest: HashKey::derive(Domain::DigestKey, secret.expose()),
            hello: HashKey::derive(Domain::HelloKey, secret.expose()),
            discovery: HashKey::derive(Domain::DiscoveryKey, secret.expose()),
            pack_from: PACK_FROM,
            device_logs: MAX_DEVICE_LOGS,
            planted: None,
        }
    }

    /// The identity that a store holds.
    pub fn load(tx: &mut dyn Tx) -> Result<Self> {
        let mut bytes = |setting: Setting| -> Result<[u8; 32]> {
            tx.setting(setting)?
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| Error::corrupt("the store holds no device key"))
        };
        let key = DeviceKey::from_seed(&bytes(Setting::DeviceSeed)?);
        let secret = Secret::from_bytes(bytes(Setting::JournalSecret)?);
        Ok(Self::new(journal_of(tx)?, key, &secret))
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.key.id()
    }
}
