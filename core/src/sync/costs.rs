//! What a session cost, counted and not timed.

/// Counts of one session, from its first frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Costs {
    /// Operations sent.
    pub sent_operations: u64,
    /// Bytes of operations and chunks sent, before compression and encryption.
    pub sent_bytes: u64,
    /// Operations stored that were new here.
    pub received_operations: u64,
    /// Bytes of operations and chunks received.
    pub received_bytes: u64,
    /// How often this side waited for an answer to what it had said.
    pub round_trips: u64,
    /// Writing transactions.
    pub transactions: u64,
    /// Automerge documents opened: always 0, and a test holds it.
    pub documents_opened: u64,
    /// Messages of the next version that were understood here, and that the peer said it does not know.
    #[cfg(feature = "next-format")]
    pub next: [u64; 2],
}

impl Costs {
    /// Operations that came and went.
    pub fn operations(&self) -> u64 {
        self.sent_operations + self.received_operations
    }
}
