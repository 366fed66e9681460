//! Which devices belong: a grow-only set of signed statements and the pure function that reads it.
//!
//! A [`Statement`] is signed by a device or by the recovery key and names the statements its author had seen, so that
//! they form a graph without cycles. [`Statements`] is the set that a device holds; it only grows. [`State`] is what the
//! set says, and a function of nothing else: not of the order of delivery, not of any clock.
//!
//! # What is held
//!
//! A statement is *complete* when its parents are held and complete. Held are: genesis; every *add* whose signer is the
//! recovery key or has a held add; every complete statement of any other kind, known here or not, whose signer has a held
//! add (or is the recovery key). All else waits in a small room outside the set. Each condition can only become true, so
//! any order of delivery ends in the same set. An add need not be complete because nobody's view but a complete
//! statement's is ever asked for, and because a dialer may show its adds to a device that lacks what their signers had
//! seen. What a later version says is held by the same rule there and here, so both hold the same set.
//!
//! # What it means
//!
//! Four steps, none of which looks at a later one, so voiding cannot go in circles:
//!
//! 1. **Tied**: a device with an add by the recovery key or by a tied device, whatever was removed.
//! 2. **Removes that count**: every remove by the recovery key, none of which is ever voided; and every remove by a tied
//!    device, except those that a remove *of that device by the recovery key* had not seen.
//! 3. **Adds that count** (least fixpoint): every add by the recovery key; and an add by a device that has an add that
//!    counts, if every counting remove of that device had this add in view.
//! 4. **Members**: devices with an add that counts and no counting remove.
//!
//! A member's log counts whole. Any other log counts up to the highest keep on its chain, of those keeps whose signer
//! was a member by the same four steps over the keep's own ancestors; that answer never changes once a keep is held.
//!
//! Which of several statements said it, when they say a device's name or key differently: the add that no other counting
//! add of that device had seen; of several, the one with the lowest id.

mod bits;
mod set;
mod state;
mod statement;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub(crate) use set::state_with;
pub use set::{Inserted, MAX_MEMBERS, MAX_SHOWN, MAX_WAITING, Statements};
pub use state::{Limit, Member, Removal, State};
pub use statement::{
    Author, Body, FIRST_UNKNOWN, Kept, MAX_KEPT, MAX_LEN, MAX_NAME, MAX_PARENTS, Newcomer, Signer, Statement,
    StatementError, VERSION,
};
