//! Code that is not ours, run where it must not do harm.
//!
//! The drop of a buffer and the wake of a task are the program's own code. It may panic, and the
//! thread that collects completions for everybody must not lose the others' over it (clause C8).

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `act` and stops a panic of it; true if there was one. The panic hook has reported it.
pub(crate) fn contain(act: impl FnOnce()) -> bool {
    let Err(payload) = catch_unwind(AssertUnwindSafe(act)) else { return false };
    // What the panic carried is somebody else's too, and may panic in turn when it is dropped; that
    // second panic's is leaked, or there would be no end to it.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("as asked, by the drop");
        }
    }

    #[test]
    fn a_panic_is_stopped_and_told() {
        assert!(!contain(|| ()));
        assert!(contain(|| panic!("as asked")));
        assert!(contain(|| std::panic::panic_any(PanicsWhenDropped)));
    }
}
