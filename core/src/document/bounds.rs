//! How much a text, a change and a document may hold: one number each, for whoever writes and whoever reads.
//!
//! A change's columns are run-length encoded, so a few hundred bytes can hold as many operations as a change may have.
//! What an operation costs is memory: about 500 bytes for each of those that Automerge takes in at once, which are
//! thrown away again, and about 30 for each that a document or its reading holds. So what is bounded is operations, and
//! they are counted in the chunks' headers before anything of them unfolds.

/// Most bytes of one text field: 170,000 words.
pub const MAX_TEXT: usize = 1 << 20;

/// Most bytes of a value that is not a text field: a prompt, a note, a caption.
pub const MAX_LINE: usize = 64 << 10;

/// Most bytes of one change that is written, sent or accepted.
pub const MAX_CHANGE: usize = 16 << 20;

/// Most changes that one change is made on: more than devices can ever make between two meetings.
pub const MAX_DEPENDENCIES: u64 = 4096;

/// Most operations of one change; 260 MB of memory while Automerge takes it in.
pub const MAX_CHANGE_OPERATIONS: u64 = 1 << 19;

/// So many operations end a change of ours: what is written beyond goes into a further one.
pub(super) const CUT_OPERATIONS: u64 = 1 << 18;

/// Most operations of all changes of one document that are read, deletions and what was deleted included. What lies
/// beyond is kept and relayed like everything, and is set aside.
pub const MAX_DOCUMENT_OPERATIONS: u64 = 10 << 20;

/// Where a writer refuses to go on with a document: half of the above, so that what two devices wrote apart still
/// fits. It is five texts of the greatest length, or one of them written over twice.
pub const MAX_WRITTEN_OPERATIONS: u64 = 5 << 20;

/// An edit of so few operations is taken beyond that too: who has a full entry can still put it away.
pub(super) const SMALL_EDIT: u64 = 1 << 10;
