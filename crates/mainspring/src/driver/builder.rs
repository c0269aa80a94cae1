//! How a driver is made.

use std::io;

use crate::backend::{self, Opening, choose::Choice};
use crate::metrics::Counters;
use crate::sim::Simulation;
use crate::sync::{Arc, Owner};

use super::handle::Handle;
use super::turn::Driver;

/// The settings of a driver.
///
/// ```
/// use mainspring::{Builder, Choice, Kind};
/// let driver = Builder::new().choice(Choice::Exactly(Kind::Epoll)).build()?;
/// assert_eq!(driver.handle().backend().kind(), Kind::Epoll);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    choice: Choice,
    event_capacity: usize,
    pinned: bool,
    /// The world to live in, if the simulator is the kind that is chosen.
    pub(super) simulation: Option<Simulation>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            choice: Choice::Auto,
            event_capacity: backend::EVENT_CAPACITY,
            pinned: false,
            simulation: None,
        }
    }
}

impl Builder {
    /// The default settings: the best backend, a buffer that starts at 256 events.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Which backend to use.
    #[must_use]
    pub fn choice(mut self, choice: Choice) -> Builder {
        self.choice = choice;
        self
    }

    /// How many events the first looks at the queue can bring. The buffer grows by itself when a
    /// look fills it, so this is a starting size and not a limit; zero counts as one.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Builder {
        self.event_capacity = events;
        self
    }

    /// Binds the driver to the thread that first turns it: turning it on another is an error.
    ///
    /// What that thread asks of the driver then needs no lock, and io_uring may leave out what it
    /// needs for several. [`block_on`](crate::block_on) and [`per_core`](crate::rt::per_core) do
    /// so.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut driver = mainspring::Builder::new().pinned().build()?;
    /// driver.turn(Some(Duration::ZERO))?;
    /// let elsewhere = std::thread::spawn(move || driver.turn(Some(Duration::ZERO)));
    /// assert!(elsewhere.join().unwrap().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn pinned(mut self) -> Builder {
        self.pinned = true;
        self
    }

    /// Opens the driver.
    ///
    /// # Errors
    ///
    /// If no backend of the choice can be had: each with its reason and remedy. If the process is
    /// out of descriptors or memory: that.
    pub fn build(&self) -> io::Result<Driver> {
        let counters = Arc::new(Counters::default());
        let owner = Arc::new(Owner::new());
        let opened = backend::open(&Opening {
            choice: &self.choice,
            event_capacity: self.event_capacity,
            counters: &counters,
            simulation: self.simulation.clone(),
            owner: self.pinned.then(|| owner.clone()),
        })?;
        let (handle, backend) = Handle::open(opened, counters, owner, self.pinned);
        Ok(Driver::new_with(handle, backend))
    }
}
