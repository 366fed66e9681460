//! What every backend must do, case by case: the same tests over memory and over SQLite, and over both with every
//! operation packed as soon as it is written.
//!
//! [`primitives`] are cases over the bare transaction, [`history`] over the rules of the log with several devices, [`listing`]
//! over what is announced, [`unknown`] over what only a later version understands.

mod history;
mod listing;
mod primitives;
mod unknown;

/// Makes every listed case a test over each backend.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&crate::testing::journal::memory); })*
        }
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::testing::journal::sqlite); })*
        }
    };
    ($($name:ident),* $(,)?; packed too) => {
        crate::store::conformance::cases![$($name),*];
        mod packed_memory {
            $(#[test] fn $name() { super::$name(&crate::testing::journal::packed_memory); })*
        }
        mod packed_sqlite {
            $(#[test] fn $name() { super::$name(&crate::testing::journal::packed_sqlite); })*
        }
    };
}
use cases;
