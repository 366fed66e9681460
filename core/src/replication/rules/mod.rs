//! The rules of the log, once, over any transaction: what counts, what waits, what gives way, what is kept.
//!
//! Every function takes a [`Tx`](super::Tx) and runs inside the caller's transaction, so that a crash between any two
//! steps leaves either all of a step or nothing of it.

mod append;
mod documents;
mod erase;
mod identity;
mod limits;
mod listing;
mod members;
mod pack;
mod receive;
mod summary;

pub use append::{append, current_log, retire_incarnation};
pub use documents::{leave_digest, link_all, recompute_all, relink};
pub use erase::{apply_certificate, erase, recount_certificates};
pub use identity::Identity;
pub use limits::{MAX_DEVICE_LOGS, MAX_LOGS};
pub use listing::{MAX_ROWS, announced, listing};
pub use members::{Standing, add_statements, sign_keeps, standing, standing_under, state, statements};
pub use pack::{Packing, pack};
pub use receive::{Received, log_again, receive};
pub use summary::{
    ChainPoint, Claim, Comparison, Covered, Outgoing, Summary, UnfilledBlob, chain_points, common_point, compare,
    next_batch, summary,
};
