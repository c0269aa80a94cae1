//! Time: the clock.

mod clock;

pub(crate) use clock::Clock;
