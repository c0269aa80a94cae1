//! The same on virtual time, where a timer is neither early nor late.

use std::time::{Duration, Instant};

use mainspring::{Builder, Simulation};

use super::Timers;
use crate::watchdog::Watchdog;

#[test]
fn a_million_timers_of_a_day_fire_on_time() {
    let _watchdog = Watchdog::over("a million timers on a virtual clock");
    let start = Instant::now();
    let simulation = Simulation::new(1);
    let mut driver = Builder::new().simulation(&simulation).build().expect("a driver");
    // The simulation tells the time since its beginning: the end of a sleep without length.
    let beginning = mainspring::time::Sleep::on(&driver.handle(), Duration::ZERO).deadline();
    let day = Duration::from_secs(24 * 3600);
    let mut timers = Timers::set(&driver, day, Duration::from_secs(10));
    timers.drop_half();
    let latest = timers.run(&mut driver, || beginning + simulation.now());
    assert_eq!(latest, Duration::ZERO, "late on a clock that waits for them");
    assert!(simulation.now() < day);
    println!("a day of timers in {:?}", start.elapsed());
}
