//! Owns runtime, store and endpoint; what a program calls.
