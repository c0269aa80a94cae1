//! Which kinds a run is about: `MAINSPRING_REQUIRE=epoll,poll,sim`, or all that can be had here.
//!
//! A kind that is named and cannot be had fails the run. It is never passed over in silence: a
//! suite that ran nothing would look like one that found nothing.

use mainspring::Kind;

use crate::watchdog::Watchdog;
use crate::world::{Plan, World};

const VARIABLE: &str = "MAINSPRING_REQUIRE";

/// The kinds that the environment names; `None` if it leaves the choice to us.
fn named() -> Option<Vec<Kind>> {
    let names = std::env::var(VARIABLE).ok().filter(|names| !names.trim().is_empty())?;
    let parse = |name: &str| name.parse().unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
    Some(names.split(',').map(parse).collect())
}

/// Whether `kind` can be had in this build and on this machine.
fn available(kind: Kind) -> Result<(), String> {
    let probed = mainspring::probe().into_iter().find(|(probed, _)| *probed == kind);
    let (_, answer) = probed.ok_or_else(|| format!("{kind} is not a kind of this build"))?;
    answer.map_err(|why| format!("{kind} is required and cannot be had: {why}"))
}

/// Runs one test on one kind, if the run is about that kind.
pub(crate) fn run(plan: Plan, test: &str, body: fn(&World)) {
    let kind = plan.kind();
    let wanted = match named() {
        Some(kinds) => kinds.contains(&kind),
        None => available(kind).is_ok(),
    };
    if !wanted {
        println!("{test}: this run is not about {kind}");
        return;
    }
    if let Err(why) = available(kind) {
        panic!("{why}");
    }
    let _watchdog = Watchdog::over(test);
    body(&World::open(plan));
}

/// The kinds that the suite has tests for in this build.
const COVERED: &[Kind] = &[
    #[cfg(target_os = "linux")]
    Kind::Uring,
    Kind::Epoll,
    Kind::Poll,
    Kind::Iocp,
    Kind::WsaPoll,
    #[cfg(feature = "sim")]
    Kind::Sim,
];

#[test]
fn every_required_kind_is_here_and_covered() {
    for kind in named().unwrap_or_default() {
        if let Err(why) = available(kind) {
            panic!("{why}");
        }
        assert!(COVERED.contains(&kind), "{kind} is required and this suite has no tests for it");
        let world = World::open(Plan::new(kind));
        assert_eq!(world.driver().handle().backend().kind(), kind);
        assert_eq!(world.poller().registry().backend().kind(), kind);
    }
}

#[test]
fn every_kind_that_can_be_had_is_covered() {
    for (kind, available) in mainspring::probe() {
        assert!(available.is_err() || COVERED.contains(&kind), "{kind} has no tests");
    }
}
