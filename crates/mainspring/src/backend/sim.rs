//! The backend of the simulator: [`sim`](crate::sim)'s queues behind the contract.
//!
//! The simulated kernel has edge, level and one-shot triggers, an initial edge and a wake of its
//! own, so nothing is emulated here: this file translates words, counts calls as if they were
//! system calls, and vouches for the memory of operations.
//!
//! A wait takes no time of the machine's: see `sim/simulation.rs`. Readiness and completions share
//! one queue, so a completion ends a wait as an event does, and is collected by it. The state of a
//! socket is said in `poll(2)`'s words and translated as on Linux: a hang-up closes both
//! directions, an error closes the writing one, and the peer's shutdown the reading one.
//!
//! The kernel reads and writes an operation's memory as late as it may and from whichever thread
//! moves the clock, so a buffer that was freed or reused too early is found out.

use std::io;
use std::time::Duration;

use super::contract::{Cancel, Caps, Completer, Config, InForce, Registrar, Selector, Support};
use crate::completion::buffer_group::Buffers;
use crate::completion::operation::{RawMemory, RawOperation};
use crate::event::{Completion, Event, Events};
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::{Counters, SystemCall};
use crate::sim::{GroupMemory, Memory, QueueId, Report, Request, Simulation};
use crate::source::RawSource;
use crate::sync::Arc;
use crate::token::Token;
use crate::trigger::Trigger;

#[cfg(test)]
mod tests;

/// The owners of a queue: a selector and a registrar.
const OWNERS: usize = 2;

/// The half that waits.
pub(crate) struct SimSelector {
    simulation: Simulation,
    queue: QueueId,
    counters: Arc<Counters>,
    reports: Vec<Report>,
}

impl SimSelector {
    /// Opens a queue on a simulation. Timeouts are measured on the simulation's clock, which
    /// `config.clock` is to be.
    ///
    /// # Errors
    ///
    /// None today.
    pub(crate) fn open_on(
        simulation: &Simulation,
        config: Config,
    ) -> io::Result<(SimSelector, SimRegistrar)> {
        let queue = simulation.open_queue(OWNERS);
        let registrar = SimRegistrar {
            simulation: simulation.clone(),
            queue,
            counters: Arc::clone(&config.counters),
        };
        let selector = SimSelector {
            simulation: simulation.clone(),
            queue,
            counters: config.counters,
            reports: Vec::with_capacity(config.event_capacity),
        };
        Ok((selector, registrar))
    }
}

impl Drop for SimSelector {
    fn drop(&mut self) {
        self.simulation.abandon(self.queue);
        self.simulation.close_queue(self.queue);
    }
}

impl Selector for SimSelector {
    const CAPS: Caps = Caps { edge: Support::Native, completion: Support::Native };
    type Registrar = SimRegistrar;

    fn probe() -> Result<(), Unavailable> {
        Ok(())
    }

    /// Opens a queue on a simulation of its own with seed 0, which moves `config.clock` if that
    /// one can be moved.
    fn open(config: Config) -> io::Result<(SimSelector, SimRegistrar)> {
        let simulation = if config.clock.is_virtual() {
            Simulation::with_clock(0, config.clock.clone())
        } else {
            Simulation::new(0)
        };
        SimSelector::open_on(&simulation, config)
    }

    fn in_force(&self) -> InForce {
        let operations =
            vec!["nop", "accept", "accept_multi", "recv", "recv_multi", "send", "send_zero_copy"];
        InForce { operations, ..InForce::default() }
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wait);
        self.reports.clear();
        self.simulation.lend_buffers(self.queue);
        let woken = self.simulation.wait(self.queue, timeout, &mut self.reports);
        events.woken |= woken;
        self.collect(events);
        events.list.extend(
            self.reports
                .iter()
                .map(|report| Event { token: report.token, ready: report.mask.ready() }),
        );
        Ok(())
    }

    fn drain(&mut self, events: &mut Events) -> usize {
        self.simulation.drain(self.queue);
        self.collect(events);
        0
    }
}

impl SimSelector {
    fn collect(&self, events: &mut Events) {
        let done = self.simulation.completions(self.queue).into_iter();
        events.completions.extend(done.map(|done| Completion {
            token: done.token,
            result: done.result,
            more: done.more,
            buffer: done.buffer,
        }));
    }
}

/// The half that is shared, and takes operations.
pub(crate) struct SimRegistrar {
    simulation: Simulation,
    queue: QueueId,
    counters: Arc<Counters>,
}

impl Drop for SimRegistrar {
    fn drop(&mut self) {
        self.simulation.close_queue(self.queue);
    }
}

impl Registrar for SimRegistrar {
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.counters.system_call(SystemCall::Add);
        self.simulation.watch(self.queue, source, token, interest, trigger)
    }

    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.counters.system_call(SystemCall::Modify);
        self.simulation.rewatch(self.queue, source, token, interest, trigger)
    }

    fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        self.counters.system_call(SystemCall::Remove);
        self.simulation.unwatch(self.queue, source, token);
        Ok(())
    }

    fn wake(&self) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wake);
        self.simulation.wake(self.queue);
        Ok(())
    }
}

/// The memory of an operation while the simulated kernel has it.
struct HeldMemory(RawMemory);

// SAFETY: whoever submitted the operation keeps the memory valid and leaves it alone until the
// operation's terminal completion was drained (`Completer::submit`), whichever thread the kernel
// runs on; the kernel itself is behind one lock, so no two threads use it at once.
unsafe impl Send for HeldMemory {}

impl Memory for HeldMemory {
    fn len(&self) -> usize {
        self.0.len
    }

    fn fill(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.0.len);
        if count != 0 {
            // SAFETY: `count` bytes from `start` are valid for writes by the contract of
            // `Completer::submit`, which holds because the kernel drops this value before it
            // queues the completion; `bytes` is the kernel's own, so the two do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.start, count) };
        }
    }

    fn copy(&self, count: usize) -> Vec<u8> {
        let count = count.min(self.0.len);
        if count == 0 {
            return Vec::new();
        }
        // SAFETY: `count` bytes from `start` are initialised, valid for reads and written by
        // nobody, by the contract of `Completer::submit`, which holds because the kernel drops
        // this value before it queues the completion.
        unsafe { std::slice::from_raw_parts(self.0.start.cast_const(), count) }.to_vec()
    }
}

/// The buffers of a group, those that are lent to the simulated kernel among them.
struct HeldGroup(Arc<Buffers>);

impl GroupMemory for HeldGroup {
    fn len(&self) -> usize {
        self.0.bytes()
    }

    fn lend(&mut self) -> Option<u16> {
        self.0.pool().lend()
    }

    fn fill(&mut self, number: u16, bytes: &[u8]) {
        let count = bytes.len().min(self.0.bytes());
        let start = self.0.address(number);
        // SAFETY: a whole buffer begins there; who has its number has its memory, and the kernel
        // has it lent, until it says so in a completion. `bytes` is the kernel's own.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, count) };
    }
}

impl Completer for SimRegistrar {
    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        let request = match operation {
            RawOperation::Nop => Request::Nop,
            RawOperation::Accept { source } => {
                Request::Accept { number: source.simulated_number() }
            }
            RawOperation::Recv { source, memory, flags: 0 } => Request::Recv {
                number: source.simulated_number(),
                memory: Box::new(HeldMemory(memory)),
            },
            RawOperation::Send { source, memory, flags: 0 } => Request::Send {
                number: source.simulated_number(),
                memory: Box::new(HeldMemory(memory)),
            },
            RawOperation::AcceptMulti { source } => {
                Request::AcceptMulti { number: source.simulated_number() }
            }
            RawOperation::RecvMulti { source, group, bundle } => {
                Request::RecvMulti { number: source.simulated_number(), group, bundle }
            }
            RawOperation::SendZeroCopy { source, memory, flags: 0, .. } => Request::SendZeroCopy {
                number: source.simulated_number(),
                memory: Box::new(HeldMemory(memory)),
                sent: false,
            },
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.simulation.submit(self.queue, token, request)
    }

    fn cancel(&self, token: Token) -> Cancel {
        self.simulation.cancel(self.queue, token);
        Cancel::Requested
    }

    fn add_group(&self, group: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        self.simulation.add_group(self.queue, group, Box::new(HeldGroup(buffers.clone())))
    }

    fn remove_group(&self, group: u16) {
        self.simulation.remove_group(self.queue, group);
    }
}
