//! A poller in a simulated world.

use std::io;

use crate::backend::choose::Choice;
use crate::kind::Kind;
use crate::sim::{Simulation, Socket};
use crate::sys::AsSource;

use super::Poller;

impl Poller {
    /// A queue on the deterministic simulator, in this world.
    ///
    /// ```
    /// use mainspring::{Events, Interest, Poller, Simulation, Token, Trigger};
    ///
    /// let simulation = Simulation::new(7);
    /// let (a, b) = simulation.unix_pair()?;
    /// let mut poller = Poller::simulated(&simulation)?;
    /// poller.registry().add(&a, Token(1), Interest::READABLE, Trigger::Edge)?;
    /// b.send(b"!")?;
    /// let mut events = Events::new();
    /// poller.wait(&mut events, None)?;
    /// assert_eq!(events.iter().next().unwrap().token, Token(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// None today.
    pub fn simulated(simulation: &Simulation) -> io::Result<Poller> {
        Poller::open_in(&Choice::Exactly(Kind::Sim), Some(simulation.clone()))
    }
}

impl AsSource for Socket {
    fn raw_source_number(&self) -> u64 {
        self.raw_source().0
    }
}
