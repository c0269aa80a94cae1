//! The ARMED bit of a one-shot source against its only report (C3).

use crate::interest::Interest;
use crate::readiness::scheduled_io::Side;
use crate::ready::Ready;
use crate::sync::{Arc, Mutex};
use crate::{Future, dispatch, model, registered, spawn};

/// What the kernel knows: armed once, it reports once and is then disarmed.
#[derive(Default)]
struct Kernel {
    armed: Mutex<bool>,
}

impl Kernel {
    fn arm(&self) {
        *self.armed.lock() = true;
    }

    /// One look at the queue: the report, if there is one.
    fn select(&self) -> bool {
        std::mem::take(&mut *self.armed.lock())
    }
}

/// The report may come before the call that arms returns. The bit then says that the source has
/// to be armed again: a waiter that believes in a watch which has ended would wait for ever.
#[test]
fn a_report_that_overtakes_the_arming() {
    model(|| {
        let io = registered();
        let kernel = Arc::new(Kernel::default());
        let driver = spawn({
            let (io, kernel) = (io.clone(), kernel.clone());
            move || {
                let reported = kernel.select();
                if reported {
                    // The registration's own word says that this report was the last.
                    assert!(io.is_once());
                    assert!(dispatch(&io, 0, Ready::READABLE, io.is_once()));
                }
                reported
            }
        });
        let mut future = Future::reader();
        future.poll(&io);
        {
            let _ordered = io.facts();
            if !io.look(Interest::READABLE).is_armed() {
                io.side(Side::Read).set_armed(true);
                kernel.arm();
            }
        }
        let reported = driver.join().unwrap();

        let look = io.look(Interest::READABLE);
        assert_eq!(look.is_armed(), !reported, "the bit and the kernel disagree");
        assert!(!reported || future.task.is_woken() || look.ready().is_readable());
        future.end(&io);
    });
}
