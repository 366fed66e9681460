//! What every backend must do, case by case: the same tests over memory and over SQLite.
//!
//! [`primitives`] are cases over the bare transaction, [`history`] over the rules of the log with several devices.

mod history;
mod primitives;
pub(crate) mod world;

/// Makes every listed case a test over each backend.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&crate::store::conformance::world::memory); })*
        }
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::store::conformance::world::sqlite); })*
        }
    };
}
use cases;
