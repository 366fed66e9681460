//! What the tests of several modules need: journals and devices, and two sessions by hand.

pub(crate) mod journal;
pub(crate) mod sessions;
