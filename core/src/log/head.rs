//! A log's signed head: what its author had written, and which statements it knew.

use serde::{Deserialize, Serialize};

use super::Position;
use super::codec;
use crate::crypto::{DeviceKey, Signature, SignedDomain};
use crate::id::{LogId, StatementId};

/// The author's signature over (log, sequence, chain, statements it knew).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The log.
    pub log: LogId,
    /// How far it goes, and the chain there.
    pub position: Position,
    /// The tips of the statements that the author held, sorted.
    #[serde(deserialize_with = "codec::at_most::<{ Head::MAX_TIPS }, _, _>")]
    pub knew: Vec<StatementId>,
    /// By the log's device.
    pub signature: Signature,
}

impl Head {
    /// The most tips that a head may name.
    pub const MAX_TIPS: usize = 256;

    /// Signs `position` of the log that `key`'s device is writing. `knew` are the tips it holds.
    pub fn sign(key: &DeviceKey, log: LogId, position: Position, mut knew: Vec<StatementId>) -> Self {
        knew.sort_unstable();
        knew.dedup();
        knew.truncate(Self::MAX_TIPS);
        let signature = key.sign(SignedDomain::Head, &message(&log, &position, &knew));
        Self { log, position, knew, signature }
    }

    /// Whether the log's own device signed this.
    pub fn verifies(&self) -> bool {
        let sorted = self.knew.windows(2).all(|pair| pair[0] < pair[1]) && self.knew.len() <= Self::MAX_TIPS;
        sorted
            && self.log.device.verifies(
                SignedDomain::Head,
                &message(&self.log, &self.position, &self.knew),
                &self.signature,
            )
    }
}

/// The signed bytes: postcard of (log, sequence, chain, tips).
fn message(log: &LogId, position: &Position, knew: &[StatementId]) -> Vec<u8> {
    codec::encode(&(log, position, knew))
}
