//! Who this device is, as far as the rules need it: its key, its journal, and the keys that members share.

use super::limits::MAX_DEVICE_LOGS;
use crate::crypto::{DeviceKey, Domain, HashKey, Secret};
use crate::error::{Error, Result};
use crate::fault::Faults;
use crate::id::{DeviceId, JournalId};
use crate::replication::tx::{Setting, Tx, journal_of};

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
    /// What a test planted here.
    pub faults: Faults,
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
            faults: Faults::default(),
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
