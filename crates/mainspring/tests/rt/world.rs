//! The two worlds that time passes in.

use std::time::{Duration, Instant};

use mainspring::time::Sleep;
use mainspring::{Builder, Driver, Handle};

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where drivers come from and what time it is there.
pub(crate) enum World {
    Machine,
    #[cfg(feature = "sim")]
    Simulated(mainspring::Simulation),
}

impl World {
    pub(crate) fn driver(&self) -> Driver {
        match self {
            World::Machine => Driver::new(),
            #[cfg(feature = "sim")]
            World::Simulated(simulation) => Builder::new().simulation(simulation).build(),
        }
        .expect("a driver")
    }

    pub(crate) fn is_machine(&self) -> bool {
        matches!(self, World::Machine)
    }

    /// Lets time pass while nobody looks.
    pub(crate) fn pass(&self, time: Duration) {
        match self {
            World::Machine => std::thread::sleep(time),
            #[cfg(feature = "sim")]
            World::Simulated(simulation) => simulation.advance(time),
        }
    }

    /// That `end` is `deadline` or later; in a simulated world, the very moment.
    #[track_caller]
    pub(crate) fn assert_at(&self, end: Instant, deadline: Instant) {
        assert!(end >= deadline, "{:?} early", deadline - end);
        if !self.is_machine() {
            assert_eq!(end, deadline, "late, and nothing else happened in this world");
        }
    }
}

/// Now, by the clock of a driver.
pub(crate) fn now(handle: &Handle) -> Instant {
    Sleep::on(handle, Duration::ZERO).deadline()
}

/// Keeps `Builder` in use where there is no simulator.
#[cfg(not(feature = "sim"))]
const _: fn() -> Builder = Builder::new;

/// Makes tests of functions that take a world: one in each.
macro_rules! in_each_world {
    ($($test:ident)*) => {
        mod machine {
            $(#[test]
            fn $test() {
                let _watchdog = crate::watchdog::watch();
                super::$test(&crate::world::World::Machine);
            })*
        }
        #[cfg(feature = "sim")]
        mod simulated {
            $(#[test]
            fn $test() {
                let _watchdog = crate::watchdog::watch();
                let simulation = mainspring::Simulation::new(1);
                super::$test(&crate::world::World::Simulated(simulation));
            })*
        }
    };
}
pub(crate) use in_each_world;
