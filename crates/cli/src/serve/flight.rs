//! One response from the head of its request to its last byte.

use std::rc::Rc;
use std::time::Instant;

use super::statistics::Statistics;
use super::watch::Watch;

/// A response under way. When it is dropped, with the body that was sent or with the connection
/// that broke, the response is over; one that was not complete counts as cut off.
#[derive(Debug)]
pub struct Flight {
    watch: Rc<Watch>,
    statistics: Rc<Statistics>,
    complete: bool,
}

impl Flight {
    /// A request was read: its response begins.
    pub fn begin(watch: &Rc<Watch>, statistics: &Rc<Statistics>) -> Flight {
        watch.begin(Instant::now());
        Statistics::count(&statistics.requests);
        Flight { watch: Rc::clone(watch), statistics: Rc::clone(statistics), complete: false }
    }

    /// All bytes were handed to the connection.
    pub fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.watch.finish(Instant::now());
        if !self.complete {
            Statistics::count(&self.statistics.cut_off);
        }
    }
}
