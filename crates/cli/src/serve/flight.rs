//! One response from the head of its request to its last byte.

use std::rc::Rc;
use std::time::Instant;

use super::watch::Watch;

/// A response under way. When it is dropped, with the body that was sent or with the connection
/// that broke, the response is over; one that was not complete is cut off.
#[derive(Debug)]
pub struct Flight {
    watch: Rc<Watch>,
    complete: bool,
}

impl Flight {
    /// A request was read: its response begins.
    pub fn begin(watch: &Rc<Watch>) -> Flight {
        watch.begin(Instant::now());
        Flight { watch: Rc::clone(watch), complete: false }
    }

    /// All bytes were handed to the connection.
    pub fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.watch.finish(Instant::now(), self.complete);
    }
}
