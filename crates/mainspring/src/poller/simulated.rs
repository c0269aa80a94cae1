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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::Interest;
    use crate::token::Token;
    use crate::trigger::Trigger;

    /// C5: the lowest descriptors and the lowest simulated sockets have the same numbers.
    #[test]
    fn c5_a_source_of_another_world_is_refused_in_words() {
        let simulation = Simulation::new(7);
        let (socket, _peer) = simulation.unix_pair().expect("a pair of sockets");
        let add = |poller: &Poller, source: &dyn AsSource| {
            let registry = poller.registry();
            let error = registry.add(source, Token(1), Interest::READABLE, Trigger::Edge);
            let error = error.expect_err("it is of another world");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("register"), "{error}");
            assert_eq!(registry.metrics().sources_now, 0);
        };
        add(&Poller::new().expect("a poller of the system"), &socket);
        let real = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        add(&Poller::simulated(&simulation).expect("a simulated poller"), &real);
    }
}
