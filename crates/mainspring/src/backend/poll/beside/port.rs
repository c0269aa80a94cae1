//! The ends of operations, carried from a completion port to a wait that knows nothing of it.
//!
//! ```text
//!   submit ─▶ kernel ─▶ packet ─▶ port ─▶ carrier ─▶ arrivals ─▶ look
//!                                  (thread)   └ wake, if the turn sleeps
//! ```
//!
//! # Why a thread
//!
//! `WSAPoll` waits for sockets alone. Of a port, what is documented is that
//! `GetQueuedCompletionStatusEx` waits for it: that its handle may be given to
//! `WaitForSingleObject` or `RegisterWaitForSingleObject` is not (the latter's list of objects has
//! no port in it), and a wait of that kind would be for a state that lasts until somebody took the
//! packets, so it would be told over and over. The system's pool has ports of its own
//! (`CreateThreadpoolIo`), but wants to be told before each call and after each that failed, and
//! lets go of a handle by waiting for its callbacks. So a thread of ours waits where it is meant
//! to be waited. It is begun with the first operation and ended by the drain; who uses sockets
//! through readiness alone never has it.
//!
//! # What we rely on, and what we guard against
//!
//! - **One wake a batch, and none that is lost**: arrivals are put into the queue, and the wait is
//!   interrupted, under the lock under which the turn says that it waits and takes them. Who finds
//!   the turn awake leaves it alone: it looks before it sleeps.
//! - **Packets that come to nothing** are nobody's arrivals, and wake nobody (clause C7).
//! - **The carrier does no more than carry**: no waker, no buffer's drop, nothing of the user's
//!   runs on it. It takes at most as many packets as there are operations, whose number is bounded.
//! - **The end** (clause C12): a packet of ours ends the carrier, and who drains waits for it and
//!   then takes the rest of the packets itself, as on a port alone.
//!
//! Sources:
//! - <https://learn.microsoft.com/windows/win32/fileio/getqueuedcompletionstatusex-func>
//! - <https://learn.microsoft.com/windows/win32/api/threadpoollegacyapiset/nf-threadpoollegacyapiset-registerwaitforsingleobject>

use std::io;
use std::thread::{self, JoinHandle};

use crate::backend::contract::{Cancel, InForce, Support};
use crate::backend::port::overlapped::Operations;
use crate::backend::port::{self, Packet, Packets, masks, milliseconds};
use crate::completion::operation::RawOperation;
use crate::error;
use crate::event::Events;
use crate::metrics::SystemCall;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex};
use crate::token::Token;

#[cfg(test)]
use super::super::PollRegistrar;
use super::super::Queue;

/// Packets taken in the first look; the room grows from here.
const PACKETS: usize = 64;
/// The carrier's stack: it calls little, and nothing of the user's.
const STACK_BYTES: usize = 64 * 1024;

/// A port beside the wait, its operations, and who carries their ends.
pub(in super::super) struct Beside {
    port: port::Queue,
    operations: Operations,
    /// The carrier is there.
    begun: AtomicBool,
    carrier: Mutex<Carrier>,
}

enum Carrier {
    /// There was no operation yet.
    Idle,
    Carrying(JoinHandle<()>),
    /// Nothing is begun any more.
    Ended,
}

impl Beside {
    pub(in super::super) const COMPLETION: Support = Support::Native;

    pub(in super::super) fn open() -> io::Result<Beside> {
        Ok(Beside {
            port: port::Queue::open()?,
            operations: Operations::new(masks::wait_packets()?),
            begun: AtomicBool::new(false),
            carrier: Mutex::new(Carrier::Idle),
        })
    }

    pub(in super::super) fn in_force(&self) -> InForce {
        let mut features = vec!["overlapped operations"];
        if self.operations.has_wait_packets() {
            features.push("wait packets");
        }
        InForce {
            setup: "WSAPoll, and a completion port beside it",
            features,
            operations: self.operations.names(),
        }
    }

    pub(in super::super) fn adopt(&self, source: RawSource) -> io::Result<()> {
        self.port.adopt(source)
    }

    /// # Errors
    ///
    /// Those of [`Completer::submit`](crate::backend::contract::Completer::submit), and that there
    /// can be no more threads.
    ///
    /// # Safety
    ///
    /// The same.
    pub(in super::super) unsafe fn submit(
        queue: &Arc<Queue>,
        token: Token,
        operation: RawOperation,
    ) -> io::Result<()> {
        let beside = &queue.beside;
        if !beside.begun.load(Ordering::Acquire) {
            beside.begin(queue)?;
        }
        // SAFETY: the caller keeps what is asked for.
        unsafe { beside.operations.submit(&beside.port, token, operation) }
    }

    pub(in super::super) fn cancel(&self, token: Token) -> Cancel {
        self.operations.cancel(&self.port, token)
    }

    /// Begins to carry.
    fn begin(&self, queue: &Arc<Queue>) -> io::Result<()> {
        let mut carrier = self.carrier.lock();
        match *carrier {
            Carrier::Carrying(_) => return Ok(()),
            Carrier::Ended => return Err(error::shut_down()),
            Carrier::Idle => {}
        }
        let queue = Arc::clone(queue);
        let thread = thread::Builder::new().name("mainspring-port".into()).stack_size(STACK_BYTES);
        *carrier = Carrier::Carrying(thread.spawn(move || {
            carry(&queue, |packets| queue.beside.port.wait(packets, milliseconds(None)));
        })?);
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// The carrier cannot go on: the next operation begins another, if this is not the end.
    fn lay_down(&self) {
        let mut carrier = self.carrier.lock();
        if matches!(*carrier, Carrier::Carrying(_)) {
            *carrier = Carrier::Idle;
            self.begun.store(false, Ordering::Release);
        }
    }

    /// What a packet is to the layers above.
    fn take(&self, packet: &Packet, events: &mut Events) {
        match *packet {
            Packet::Ended(tag) => events.completions.extend(self.operations.ended(tag)),
            // There is no request for readiness on this port, and no socket that it is told of.
            Packet::Answer { .. } | Packet::Notified { .. } | Packet::Wake => {}
        }
    }

    /// Ends every operation and the carrier; see
    /// [`Selector::drain`](crate::backend::contract::Selector::drain).
    pub(in super::super) fn drain(queue: &Queue, events: &mut Events) -> usize {
        let beside = &queue.beside;
        let carrier = std::mem::replace(&mut *beside.carrier.lock(), Carrier::Ended);
        if let Carrier::Carrying(thread) = carrier {
            beside.operations.end(&beside.port);
            // Without memory for one packet the carrier stays, and takes from the port as we do.
            if beside.port.wake().is_ok() {
                let _ = thread.join();
            }
        }
        let mut ended = Events::new();
        let (mut packets, operations) = (Packets::new(PACKETS), &beside.operations);
        let take = |packet| beside.take(&packet, &mut ended);
        let is_drained = || operations.missing() == 0;
        port::drain((&beside.port, operations), &mut packets, take, is_drained);
        // What is ready is nobody's to be told any more: only completions are.
        events.completions.append(&mut queue.arrivals().completions);
        events.completions.append(&mut ended.completions);
        operations.missing()
    }
}

impl Queue {
    /// Something has come: it is told with the next look, which this brings about.
    fn arrive(&self, arrivals: &mut Events, broken: Option<io::Error>) {
        let mut state = self.state.lock();
        state.arrivals.list.append(&mut arrivals.list);
        state.arrivals.completions.append(&mut arrivals.completions);
        state.broken = broken.or(state.broken.take());
        if state.has_arrivals() {
            // A connection that is broken ends the wait by itself, with words.
            let _ = self.interrupt(&mut state, SystemCall::Wake);
        }
    }

    /// Takes what has come.
    fn arrivals(&self) -> Events {
        std::mem::take(&mut self.state.lock().arrivals)
    }
}

/// Carries what each `wait` on the port brings, until it is told to end.
fn carry(queue: &Queue, wait: impl Fn(&mut Packets) -> io::Result<()>) {
    let beside = &queue.beside;
    let mut packets = Packets::new(PACKETS);
    loop {
        let mut arrivals = Events::new();
        if let Err(error) = wait(&mut packets) {
            // The next turn says so. Who submits after it has a carrier again, and that one takes
            // what lies here too.
            beside.lay_down();
            queue.arrive(&mut arrivals, Some(error));
            return;
        }
        let mut over = false;
        for packet in packets.taken() {
            over |= matches!(packet, Packet::Wake);
            beside.take(&packet, &mut arrivals);
        }
        packets.grow_if_full();
        queue.arrive(&mut arrivals, None);
        if over {
            return;
        }
    }
}

#[cfg(test)]
impl port::OnAPort for PollRegistrar {
    fn on_port(&self) -> (&port::Queue, &Operations) {
        (&self.queue.beside.port, &self.queue.beside.operations)
    }
}

#[cfg(test)]
mod tests;
