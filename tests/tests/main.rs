//! Workspace-wide tests, in one binary: one link instead of many, and names that begin with the suite they belong to.

mod simulator;
