//! What the library costs, counted and not timed: allocations, bytes, system calls, and how often
//! timers are late. The figures are printed; `--nocapture` shows them.
//!
//! They run on the backend that is chosen by itself; `MAINSPRING_BACKEND` chooses another.

mod allocations;
mod allocator;
#[path = "../examples/child.rs"]
mod child;
#[path = "../conformance/counts.rs"]
mod counts;
mod iowait;
mod loopback;
mod memory;
mod system_calls;
mod timers;
mod traced;
#[path = "../conformance/watchdog.rs"]
mod watchdog;
