//! What the workspace's tests stand on: homes that run the shipped program, a UDP relay that loses and delays, a network
//! namespace for mDNS, system-call traces, made-up text, budgets and seeds.
//!
//! The tests themselves are one program, `tests/main.rs`, with a module for each suite of `cargo xtask test`.
//!
//! Helpers panic with a sentence where a test can't go on: that is how a test fails.

#![allow(clippy::expect_used, reason = "a test that can't go on fails, and says why")]

pub mod budget;
pub mod clock;
pub mod corpus;
pub mod home;
pub mod netns;
pub mod program;
pub mod relay;
pub mod rng;
pub mod running;
pub mod terminal;
pub mod trace;

pub use budget::{Budget, not_run, seed};
pub use home::{Failure, Home, Output};
pub use relay::{Link, Relay};
pub use rng::Seeded;
pub use running::Running;
