//! A driver in a simulated world.

use crate::backend::choose::Choice;
use crate::kind::Kind;
use crate::sim::Simulation;

use super::builder::Builder;

impl Builder {
    /// Builds a driver on the deterministic simulator, in this world: its sockets, its clock.
    /// Several drivers may share a world and talk to each other.
    ///
    /// ```
    /// use mainspring::{Builder, Kind, Simulation};
    /// use std::time::Duration;
    ///
    /// let simulation = Simulation::new(7);
    /// let mut driver = Builder::new().simulation(&simulation).build()?;
    /// driver.turn(Some(Duration::from_secs(3600)))?;
    /// assert_eq!(simulation.now(), Duration::from_secs(3600));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn simulation(self, simulation: &Simulation) -> Builder {
        let mut builder = self.choice(Choice::Exactly(Kind::Sim));
        builder.simulation = Some(simulation.clone());
        builder
    }
}
