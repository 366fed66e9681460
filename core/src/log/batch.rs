//! A run of one log's operations that ends at a head: the unit in which logs are written, sent and stored.

use serde::{Deserialize, Serialize};

use super::codec::{self, DecodeError};
use super::{Envelope, Head, Operation, Position};
use crate::id::{Chain, LogId};

/// How many bytes of operations one transaction may commit under one head, unless a single operation is longer.
pub const MAX_BATCH: usize = 1 << 20;

/// A batch that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A batch of nothing.
    #[error("a batch without operations")]
    Empty,
    /// The head is another log's, or names another end.
    #[error("the head is not at the batch's end")]
    NotAtHead,
    /// Not signed by the log's device.
    #[error("the head's signature is not its author's")]
    Signature,
}

/// A run of one log's operations, from after `previous` to the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The log.
    pub log: LogId,
    /// The place before the first operation.
    pub previous: Position,
    /// The operations, in sequence.
    pub operations: Vec<Operation>,
    /// The author's word for the last one.
    pub head: Head,
}

/// How an operation is written: its envelope, and the body or only its hash.
#[derive(Serialize, Deserialize)]
enum WireBody {
    Held(Vec<u8>),
    Dropped([u8; 32]),
}

#[derive(Serialize, Deserialize)]
struct WireBatch {
    log: LogId,
    seq: u64,
    chain: Chain,
    operations: Vec<(Envelope, WireBody)>,
    head: Head,
}

impl Batch {
    /// The longest encoding: one operation of the longest kind, with its envelope.
    pub const MAX_LEN: usize = super::MAX_CHANGE + (256 << 10);

    /// The place after each operation, once the whole has been checked up to the author's signature.
    ///
    /// Does not check whether the batch fits what is held, whether the author belongs, or whether a missing body is
    /// covered by a certificate: that takes a store.
    pub fn verify(&self) -> Result<Vec<Position>, BatchError> {
        if self.operations.is_empty() {
            return Err(BatchError::Empty);
        }
        let mut position = self.previous;
        let positions: Vec<_> = self
            .operations
            .iter()
            .map(|operation| {
                position = position.after(operation);
                position
            })
            .collect();
        if self.head.log != self.log || self.head.position != position {
            return Err(BatchError::NotAtHead);
        }
        if !self.head.verifies() {
            return Err(BatchError::Signature);
        }
        Ok(positions)
    }

    /// Its bytes on the wire, before compression.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&WireBatch {
            log: self.log,
            seq: self.previous.seq,
            chain: self.previous.chain,
            operations: self
                .operations
                .iter()
                .map(|operation| {
                    let body = match operation.body.bytes() {
                        Some(bytes) => WireBody::Held(bytes.to_vec()),
                        None => WireBody::Dropped(operation.body.hash()),
                    };
                    (operation.envelope.clone(), body)
                })
                .collect(),
            head: self.head.clone(),
        })
    }

    /// The batch that `bytes` are an encoding of; every change's checksum is checked, no signature is.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let what = "batch";
        if bytes.len() > Self::MAX_LEN {
            return Err(DecodeError::TooLong { what, len: bytes.len(), max: Self::MAX_LEN });
        }
        let (wire, rest) =
            postcard::take_from_bytes::<WireBatch>(bytes).map_err(|_| DecodeError::Malformed { what })?;
        // A last sequence number that cannot be counted to is refused here, so that counting never overflows.
        if !rest.is_empty() || wire.seq > u64::MAX / 2 {
            return Err(DecodeError::Malformed { what });
        }
        let operations = wire
            .operations
            .into_iter()
            .map(|(envelope, body)| {
                // The chain runs over the envelope's one encoding, so another encoding of it changes nothing.
                let envelope = Envelope::decode(&envelope.encode())?;
                match body {
                    WireBody::Held(bytes) => Operation::new(envelope, bytes),
                    WireBody::Dropped(hash) => Ok(Operation::dropped(envelope, hash)),
                }
            })
            .collect::<Result<_, _>>()?;
        let previous = Position { seq: wire.seq, chain: wire.chain };
        Ok(Self { log: wire.log, previous, operations, head: wire.head })
    }
}
