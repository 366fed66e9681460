//! What two members say to each other, to the byte.

use serde::{Deserialize, Serialize};

use super::SessionError;
use super::frame::frame_of;
use crate::blobs::CHUNK;
use crate::id::{BlobId, EntryId, LogId};
use crate::log::{Batch, Certificate, codec};
use crate::replication::ListRow;
use crate::replication::rules::{self, ChainPoint, Claim, MAX_ROWS, UnfilledBlob};

/// The protocol's version, in [`Message::Hello`].
pub const PROTOCOL: u16 = 1;
/// The longest payload from a peer that has not yet been shown to belong.
pub const MAX_INTRODUCTION: usize = 64 << 10;
/// The longest payload from a member: one batch, with room for what is around it.
pub const MAX_PAYLOAD: usize = Batch::MAX_LEN + 1024;
/// The longest payload on the blob stream: one part of a blob.
pub const MAX_CHUNK_PAYLOAD: usize = CHUNK as usize + 128;
/// The first number that no message has yet: whatever comes under it, or a higher one, is said by a later version.
const FIRST_UNKNOWN: u32 = 18;
/// The most claims in a compare: as many logs as a device holds.
const MAX_CLAIMS: usize = rules::MAX_LOGS;
/// The most blobs in a want.
pub(super) const MAX_WANTED: usize = 1 << 16;
/// The most names in one message of a set.
pub const MAX_NAMES: usize = 8 << 10;
/// The most statements, and the most certificates, in one message that brings them.
pub const MAX_BROUGHT: usize = 4 << 10;
/// The most adds that a stranger may show: more do not fit into an introduction.
const MAX_ADDS: usize = 512;
/// The most places along a log in one message.
const MAX_POINTS: usize = 64;

/// The name of a statement or of a certificate.
pub type Name = [u8; 32];

/// Which of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetOf {
    /// Membership statements, named by their ids.
    Statements,
    /// Erase certificates, named by their hashes.
    Certificates,
}

/// A message on the control stream. The order of the variants is the wire's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// From both at once: everything that counts, in one keyed hash.
    Hello {
        /// [`PROTOCOL`].
        version: u16,
        /// Equal on both sides: done.
        hash: [u8; 16],
        /// The sender goes once both hold the same: where they do already, closing is the whole answer.
        leaves: bool,
    },
    /// The sender has never heard of the receiver's device.
    WhoAreYou,
    /// Genesis and adds that make the sender a member, parents first.
    Adds(#[serde(deserialize_with = "codec::at_most::<MAX_ADDS, _, _>")] Vec<Vec<u8>>),
    /// Where the sender stands. Begins a round of batches numbered by `generation`.
    Compare {
        /// Counts the sender's compares.
        generation: u32,
        /// Over its statements.
        statements: [u8; 16],
        /// Over its certificates.
        certificates: [u8; 16],
        /// Over documents and heads.
        digest: [u8; 16],
        /// How far it holds each log.
        #[serde(deserialize_with = "codec::at_most::<MAX_CLAIMS, _, _>")]
        claims: Vec<Claim>,
    },
    /// The next names in one of the sender's sets, ascending: all that it holds from after a name to the last of these.
    Sets {
        /// Which set.
        of: SetOf,
        /// Where this piece begins; nothing for the first.
        after: Option<Name>,
        /// The names.
        #[serde(deserialize_with = "codec::at_most::<MAX_NAMES, _, _>")]
        names: Vec<Name>,
        /// Whether another piece follows. Behind the last one the sender has none.
        more: bool,
    },
    /// What the receiver's set lacks, a piece of it, after its last name was heard.
    Missing {
        /// Statements, parents first over all pieces.
        #[serde(deserialize_with = "codec::at_most::<MAX_BROUGHT, _, _>")]
        statements: Vec<Vec<u8>>,
        /// Certificates.
        #[serde(deserialize_with = "codec::at_most::<MAX_BROUGHT, _, _>")]
        certificates: Vec<Certificate>,
        /// Whether another piece follows.
        more: bool,
    },
    /// Places along a log whose chains part somewhere.
    Chains {
        /// The log.
        log: LogId,
        /// Dense at its end, sparse at its beginning.
        #[serde(deserialize_with = "codec::at_most::<MAX_POINTS, _, _>")]
        points: Vec<ChainPoint>,
    },
    /// The last of those places that the sender holds too.
    Common {
        /// The log.
        log: LogId,
        /// 0 where there is none.
        seq: u64,
    },
    /// Operations, answering the receiver's compare of this generation.
    Batch {
        /// The receiver's generation.
        generation: u32,
        /// [`Batch::encode`]: packed already, and looked at no further before its turn.
        #[serde(with = "codec::bytes")]
        batch: Vec<u8>,
    },
    /// How many batches of this generation of the sender's compare are durable.
    Ack {
        /// The sender's generation.
        generation: u32,
        /// The count.
        batches: u64,
    },
    /// Blobs that the sender has not all of.
    Want(#[serde(deserialize_with = "codec::at_most::<MAX_WANTED, _, _>")] Vec<UnfilledBlob>),
    /// How many parts were put on the blob stream in answer to the last `Want`.
    Sent {
        /// The count.
        chunks: u64,
    },
    /// The sender has nothing more to send, and has stored all that came.
    Settled {
        /// The generation of the receiver's last compare that the sender has answered.
        answered: u32,
        /// How many batches of the sender's current generation it has stored.
        batches: u64,
        /// Its `Hello` hash now.
        hash: [u8; 16],
    },
    /// A batch that goes on from the last one on this stream: what [`crate::log::Tail`] leaves of it.
    Next {
        /// As in [`Message::Batch`].
        generation: u32,
        /// [`crate::log::Tail::shorten`].
        bytes: Vec<u8>,
    },
    /// The sender's newest list rows, before the batches of a receiver that lacks much: once in a session. A row that
    /// does not read, since its entry is of a kind that only a later version knows, is left out.
    Listing(#[serde(with = "rows")] Vec<ListRow>),
    /// The sender does not know the message with this number.
    NotUnderstood(u32),
    /// The certificates that the next batch needs: of entries that it names without their bodies, or erases.
    Covers(#[serde(deserialize_with = "codec::at_most::<MAX_BROUGHT, _, _>")] Vec<Certificate>),
    /// Logs of the receiver's claims that the sender does not take: it holds as many of their device as may be.
    Declines(#[serde(deserialize_with = "codec::at_most::<MAX_CLAIMS, _, _>")] Vec<LogId>),
}

impl Message {
    /// The payload of its frame.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The number of the message in a frame's payload, where it is one that only a later version knows.
    pub fn unknown(payload: &[u8]) -> Option<u32> {
        let (number, _) = postcard::take_from_bytes::<u32>(payload).ok()?;
        (number >= FIRST_UNKNOWN).then_some(number)
    }

    /// The message in a frame's payload. What a later version may have put behind a `Hello` is passed over.
    pub fn decode(payload: &[u8]) -> Result<Self, SessionError> {
        let (message, rest) =
            postcard::take_from_bytes::<Self>(payload).map_err(|_| SessionError::Malformed("message"))?;
        let ends = rest.is_empty() || (matches!(message, Self::Hello { .. }) && codec::are_extensions(rest));
        if !ends {
            return Err(SessionError::Malformed("message"));
        }
        Ok(message)
    }
}

/// The rows of a listing: each as bytes of its own, so that one which does not read costs no other.
mod rows {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{ListRow, MAX_ROWS, codec};

    #[derive(Serialize, Deserialize)]
    struct Row(#[serde(with = "codec::bytes")] Vec<u8>);

    pub(super) fn serialize<S: Serializer>(rows: &[ListRow], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows.iter().map(|row| Row(codec::encode(row))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ListRow>, D::Error> {
        let rows = codec::at_most::<MAX_ROWS, Row, _>(deserializer)?;
        // Fields behind those known here are a later version's.
        let read = rows.iter().filter_map(|row| postcard::take_from_bytes::<ListRow>(&row.0).ok());
        Ok(read.map(|(row, _)| row).collect())
    }
}

/// One part of a blob on the blob stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The entry that the blob belongs to.
    pub entry: EntryId,
    /// The blob.
    pub blob: BlobId,
    /// Which part of it.
    pub index: u32,
    /// Its bytes in the clear; the connection encrypts, and each device seals at rest with its own key.
    pub bytes: Vec<u8>,
}

/// All of a [`Chunk`] before its bytes: entry, blob, index, length. Written apart so that the bytes are copied as one.
type ChunkHeader = (EntryId, BlobId, u32, u32);

impl Chunk {
    fn header(&self) -> Vec<u8> {
        let header: ChunkHeader = (self.entry, self.blob, self.index, self.bytes.len() as u32);
        codec::encode(&header)
    }

    /// The payload of its frame.
    pub fn encode(&self) -> Vec<u8> {
        [&self.header()[..], &self.bytes].concat()
    }

    /// Its frame.
    pub fn frame(&self) -> Vec<u8> {
        frame_of(&[&self.header(), &self.bytes])
    }

    /// The chunk in a frame's payload.
    pub fn decode(mut payload: Vec<u8>) -> Result<Self, SessionError> {
        let malformed = SessionError::Malformed("chunk");
        if payload.len() > MAX_CHUNK_PAYLOAD {
            return Err(malformed);
        }
        let Ok(((entry, blob, index, length), rest)) = postcard::take_from_bytes::<ChunkHeader>(&payload) else {
            return Err(malformed);
        };
        let header = payload.len() - rest.len();
        let canonical = codec::encode(&(entry, blob, index, length)).len() == header;
        if !canonical || rest.len() != length as usize || rest.len() as u64 > CHUNK {
            return Err(malformed);
        }
        payload.drain(..header);
        Ok(Self { entry, blob, index, bytes: payload })
    }
}
