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

#[cfg(test)]
mod tests {
    use std::future::{Future, IntoFuture};
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use super::*;
    use crate::driver::timers::Timer;
    use crate::driver::{Driver, Enough, Submission, Turn};
    use crate::op::{Nop, nop};

    const OPERATIONS: usize = 10;

    /// Notes the number of its operation.
    struct Noting(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Noting {
        fn wake(self: Arc<Noting>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Operations that are under way, and the numbers of those whose wakers were called.
    struct UnderWay {
        simulation: Simulation,
        driver: Driver,
        operations: Vec<Pin<Box<Submission<'static, Nop>>>>,
        woken: Arc<Mutex<Vec<usize>>>,
    }

    impl UnderWay {
        fn begin() -> UnderWay {
            let simulation = Simulation::new(7);
            let driver = Builder::new().simulation(&simulation).build().unwrap();
            let (operations, woken) = (Vec::new(), Arc::default());
            let mut under_way = UnderWay { simulation, driver, operations, woken };
            let _entered = under_way.driver.handle().enter();
            under_way.operations = (0..OPERATIONS).map(|_| Box::pin(nop().into_future())).collect();
            assert_eq!(under_way.ended(), 0, "nothing ends before a turn");
            // What is carried out takes its time there: by now all of it has ended.
            under_way.simulation.advance(Duration::from_secs(1));
            under_way
        }

        /// Polls all that were not at their end before; returns how many are now.
        fn ended(&mut self) -> usize {
            let woken = &self.woken;
            let mut number = 0;
            self.operations.retain_mut(|operation| {
                let waker = Waker::from(Arc::new(Noting(number, woken.clone())));
                number += 1;
                match operation.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(result) => {
                        result.unwrap();
                        false
                    }
                    Poll::Pending => true,
                }
            });
            OPERATIONS - self.operations.len()
        }

        fn woken(&self) -> Vec<usize> {
            self.woken.lock().unwrap().clone()
        }

        fn turn(&mut self) -> usize {
            self.driver.turn(None).unwrap().events()
        }

        fn turn_for(&mut self, completions: usize) -> Turn {
            self.turn_with(completions, false)
        }

        fn turn_with(&mut self, completions: usize, looks: bool) -> Turn {
            let enough = Enough { events: usize::MAX, completions, looks };
            self.driver.turn_for(None, enough).unwrap()
        }
    }

    #[test]
    fn more_completions_than_are_enough_are_told_by_later_turns_in_the_same_order() {
        let mut all_at_once = UnderWay::begin();
        assert_eq!(all_at_once.turn(), OPERATIONS);
        let mut in_parts = UnderWay::begin();
        let parts = [4, 4, 4].map(|enough| in_parts.turn_for(enough).events());
        assert_eq!(parts, [4, 4, 2]);
        assert_eq!(in_parts.woken(), all_at_once.woken());
        assert_eq!(in_parts.ended(), OPERATIONS);
    }

    #[test]
    fn what_was_kept_back_is_told_at_once_to_a_caller_without_a_limit() {
        let mut under_way = UnderWay::begin();
        assert_eq!(under_way.turn_for(1).events(), 1);
        assert_eq!(under_way.turn(), OPERATIONS - 1);
        assert_eq!(under_way.ended(), OPERATIONS);
    }

    #[test]
    fn what_a_look_in_between_brings_is_told_behind_the_rest() {
        for told in 1..OPERATIONS {
            let mut under_way = UnderWay::begin();
            assert_eq!(under_way.turn_for(told).events(), told);
            let handle = under_way.driver.handle();
            let mut late = Box::pin(handle.submit(nop()));
            let waker = Waker::from(Arc::new(Noting(OPERATIONS, under_way.woken.clone())));
            assert!(late.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            let mut turns = 0;
            while under_way.woken().len() <= OPERATIONS {
                under_way.turn_with(1, true);
                under_way.simulation.advance(Duration::from_secs(1));
                turns += 1;
            }
            assert_eq!(turns, OPERATIONS + 1 - told, "one a turn, and none twice");
            assert_eq!(under_way.woken().last(), Some(&OPERATIONS));
        }
    }

    #[test]
    fn timers_fire_and_an_unpark_is_told_while_completions_wait_for_their_turn() {
        let mut under_way = UnderWay::begin();
        let handle = under_way.driver.handle();
        let mut timer = Timer::new(&handle, 1_000_000_001);
        assert!(timer.poll(Waker::noop()).is_pending());
        assert_eq!(under_way.turn_for(1).events(), 1);
        under_way.simulation.advance(Duration::from_nanos(1));
        handle.unpark();
        let turn = under_way.turn_for(1);
        assert_eq!((turn.events(), turn.timers(), turn.woken()), (1, 1, true));
    }

    #[test]
    fn c14_a_shutdown_tells_what_was_kept_back() {
        let mut under_way = UnderWay::begin();
        assert_eq!(under_way.turn_for(3).events(), 3);
        under_way.driver.shutdown();
        assert_eq!(under_way.woken().len(), OPERATIONS);
        assert_eq!(under_way.ended(), OPERATIONS, "each with its result");
    }
}
