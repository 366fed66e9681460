//! Workspace-wide tests, in one binary: one link instead of many, and names that begin with the suite they belong to.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by a panic")]

mod simulator;
