//! The one place where a panic inside Automerge is caught.
//!
//! Changes come from other devices. Automerge 0.12 checks their form, not what they refer to: a change with a valid
//! checksum that inserts after an element that never was, or writes into an object that never was, ends in an
//! `assert!` or `panic!` while it is applied (`op_set2/change/batch.rs`). Nothing short of Automerge's own index could
//! tell such a change beforehand, so applying and reading run in here. Whoever calls must drop a document that was
//! being changed when it panicked.
//!
//! The library prints nothing, and a panic's message could hold what a person wrote: while a contained call runs, the
//! process's panic hook is skipped for this thread. Every other panic reaches the hook that was there before.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Something inside panicked. Its message is gone on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs `work` and turns its panic into an error.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    HOOK.call_once(|| {
        let outer = take_hook();
        set_hook(Box::new(move |info| {
            if !CONTAINED.get() {
                outer(info);
            }
        }));
    });
    let before = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    result.map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_the_next_call_is_whole() {
        assert_eq!(contained(|| -> u8 { panic!("words of an entry") }), Err(Panicked));
        assert_eq!(contained(|| 1), Ok(1));
        assert!(!CONTAINED.get());
    }
}
