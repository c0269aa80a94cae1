//! The completion port: readiness of sockets on Windows.
//!
//! # How the mechanism behaves
//!
//! A port delivers packets: "this operation has ended". Readiness is made of an operation that
//! ends when a socket becomes ready: a request to the driver behind all sockets, whose ways
//! `sys/windows/afd.rs` tells. A request is good for one answer, so watching a socket is a cycle
//! (`afd.rs` beside this file): request, packet, event, request for what is still wanted.
//!
//! # What we rely on, and what we guard against
//!
//! - **Requests are renewed once a turn**, right before the wait, for all that has changed since:
//!   of a socket that was reported, read empty and rearmed in between, one call and one packet a
//!   message. Only what is new, or changes while the port is waited on, is asked for at once.
//! - **Edges are emulated**, a direction at a time: what was reported is not asked for again until
//!   the source is rearmed, everything else still is.
//! - **Never two requests for one socket**: they get each other's answers. Who wants another
//!   answer cancels and waits for the packet, also across a removal and a new addition.
//! - **Packets that come to nothing**, of cancelled requests above all, do not end a wait: it goes
//!   on for what is left of its time. Milliseconds are rounded up, and the port, which is known to
//!   return early, is asked again.
//! - **Notifications** (`notified.rs`), where the system has them and they pass a trial
//!   (`trial.rs`), tell what can be read and written; a socket that they refuse has requests for
//!   everything.
//! - **The kernel writes to our memory** when a request ends. It is ours again when its packet was
//!   taken; the selector's drop cancels all of them and takes all packets before it returns.
//!
//! Sources: the documents named in `sys/windows/`, and the state machine that piscisaureus
//! published with wepoll, of which this is a variant written anew.

mod afd;
mod choice;
mod groups;
mod notified;
#[cfg(any(test, feature = "stand-in"))]
mod stand_in;
mod trial;

use std::io;
use std::time::Duration;

use crate::completion::operation::RawOperation;
use crate::event::Events;
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::{Counters, SystemCall};
use crate::source::RawSource;
use crate::sync::{Arc, Mutex};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use super::contract::{Cancel, Caps, Completer, Config, InForce, Registrar, Selector, Support};
use super::port::overlapped::Operations;
use super::port::{self, Queue, masks, milliseconds};

use afd::Sockets;
use choice::Notifications;
use notified::Notifier;

/// What stands in for the call where tests run.
#[cfg(any(test, feature = "stand-in"))]
const STAND_IN: Option<crate::sys::notifications::Calls> = Some(stand_in::CALLS);
/// Nothing stands in for the call in programs.
#[cfg(not(any(test, feature = "stand-in")))]
const STAND_IN: Option<crate::sys::notifications::Calls> = None;

/// How long the end of a queue waits for the next of the last notifications, in milliseconds.
const REMOVALS_WAIT_MS: u32 = 100;
/// And how many packets or batches in a row may be of something else.
const FRUITLESS_MAX: u32 = 100;

/// The half that waits.
pub(crate) struct IocpSelector {
    shared: Arc<Shared>,
    packets: port::Packets,
    clock: Clock,
    counters: Arc<Counters>,
}

/// The half that other threads use.
pub(crate) struct IocpRegistrar {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
}

struct Shared {
    queue: Queue,
    sockets: Mutex<Sockets>,
    operations: Operations,
    notifications: Notifications,
}

impl Selector for IocpSelector {
    const CAPS: Caps = Caps { edge: Support::Emulated, completion: Support::Native };
    type Registrar = IocpRegistrar;

    fn probe() -> Result<(), Unavailable> {
        let opened = Queue::open().and_then(|queue| queue.open_afd().map(drop));
        opened.map_err(|error| {
            Unavailable::new(
                format!("the completion port or \\Device\\Afd cannot be opened: {error}"),
                "allow the process to open devices (a sandbox may forbid it); under Wine, use \
                 version 7.13 or newer",
            )
        })
    }

    fn open(config: Config) -> io::Result<(IocpSelector, IocpRegistrar)> {
        let queue = Queue::open()?;
        let notifications = choice::notifications()?;
        let notifier = match notifications.calls() {
            Some(calls) => Some(Notifier::new(calls, queue.try_clone_handle()?)),
            None => None,
        };
        let sockets = Mutex::new(Sockets::new(config.counters.clone(), notifier));
        let operations = Operations::new(masks::wait_packets()?);
        let shared = Arc::new(Shared { queue, sockets, operations, notifications });
        let selector = IocpSelector {
            shared: shared.clone(),
            packets: port::Packets::new(config.event_capacity),
            clock: config.clock,
            counters: config.counters.clone(),
        };
        Ok((selector, IocpRegistrar { shared, counters: config.counters }))
    }

    fn in_force(&self) -> InForce {
        let mut features = vec!["AFD", "overlapped operations"];
        if self.shared.operations.has_wait_packets() {
            features.push("wait packets");
        }
        if self.shared.notifications.calls().is_some() {
            features.push("ProcessSocketNotifications");
        }
        InForce {
            setup: self.shared.notifications.setup(),
            features,
            operations: self.shared.operations.names(),
        }
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let now_ns = self.clock.now_ns();
        let deadline_ns = timeout.map(|timeout| match timeout.is_zero() {
            true => now_ns,
            false => self.clock.deadline_after_ns(timeout),
        });
        let mut left = timeout;
        loop {
            self.look(events, left)?;
            if events.woken || !events.is_empty() || !events.completions.is_empty() {
                return self.look_once_more(events);
            }
            if let Some(deadline_ns) = deadline_ns {
                let now_ns = self.clock.now_ns();
                if now_ns >= deadline_ns {
                    return Ok(());
                }
                left = Some(Duration::from_nanos(deadline_ns - now_ns));
            }
        }
    }

    fn drain(&mut self, events: &mut Events) -> usize {
        // What is ready is nobody's to be told any more: only completions are.
        let mut ended = Events::new();
        self.drain_until(&mut ended, |shared| shared.operations.missing() == 0);
        events.completions.append(&mut ended.completions);
        self.shared.operations.missing()
    }
}

impl IocpSelector {
    /// Takes packets until `is_drained` or none has come for a long time.
    fn drain_until(&mut self, events: &mut Events, is_drained: impl Fn(&Shared) -> bool) {
        let shared = &self.shared;
        let take = |packet| match packet {
            port::Packet::Wake => {}
            port::Packet::Answer { tag, status } => {
                shared.sockets.lock().answered(tag, status, events);
            }
            port::Packet::Ended(tag) => events.completions.extend(shared.operations.ended(tag)),
            port::Packet::Notified { key, told } => {
                shared.sockets.lock().notified(key, told, events);
            }
        };
        let queue = (&shared.queue, &shared.operations);
        port::drain(queue, &mut self.packets, take, || is_drained(shared));
    }

    /// Takes the last notifications, so that another port may have the sockets. Nothing of ours
    /// hangs on them: they are not waited for when none has come for a moment.
    fn await_removals(&mut self) {
        let mut patience = FRUITLESS_MAX;
        let mut leaving = self.shared.sockets.lock().leaving();
        while leaving > 0 && patience > 0 {
            let waited = self.shared.queue.wait(&mut self.packets, REMOVALS_WAIT_MS);
            if waited.is_err() || self.packets.taken().next().is_none() {
                return;
            }
            let mut sockets = self.shared.sockets.lock();
            for packet in self.packets.taken() {
                if let port::Packet::Notified { key, told } = packet {
                    sockets.notified(key, told, &mut Events::new());
                }
            }
            patience = if sockets.leaving() < leaving { FRUITLESS_MAX } else { patience - 1 };
            leaving = sockets.leaving();
        }
    }

    /// Makes the requests that are due, waits once, and reads the packets that came.
    fn look(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        {
            let mut sockets = self.shared.sockets.lock();
            sockets.update(events);
            let parks = timeout != Some(Duration::ZERO) && events.is_empty();
            sockets.park(parks);
        }
        // A socket that cannot be watched is an event already.
        let timeout = if events.is_empty() { timeout } else { Some(Duration::ZERO) };
        self.counters.system_call(SystemCall::Wait);
        let waited = self.shared.queue.wait(&mut self.packets, milliseconds(timeout));
        let mut sockets = self.shared.sockets.lock();
        sockets.park(false);
        waited?;
        for packet in self.packets.taken() {
            match packet {
                port::Packet::Wake => events.woken = true,
                port::Packet::Answer { tag, status } => sockets.answered(tag, status, events),
                port::Packet::Ended(tag) => {
                    events.completions.extend(self.shared.operations.ended(tag));
                }
                port::Packet::Notified { key, told } => sockets.notified(key, told, events),
            }
        }
        Ok(())
    }

    /// A full batch means there may be more: asked for without waiting, once, with more room.
    fn look_once_more(&mut self, events: &mut Events) -> io::Result<()> {
        if self.packets.grow_if_full() {
            self.look(events, Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

impl Drop for IocpSelector {
    /// Nobody takes packets any more after this: so all are taken here (clause C12).
    fn drop(&mut self) {
        self.shared.sockets.lock().end();
        // The driver has drained the operations, and told of them; whoever has a backend alone may
        // not have.
        self.drain_until(&mut Events::new(), |shared| {
            shared.operations.missing() == 0 && shared.sockets.lock().is_drained()
        });
        self.await_removals();
        // Should a packet not have come by now, its memory stays lent for good: a request that is
        // dropped frees nothing the kernel may write to.
    }
}

impl Completer for IocpRegistrar {
    fn adopt(&self, source: RawSource) -> io::Result<()> {
        self.shared.queue.adopt(source)
    }

    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        // SAFETY: the caller keeps what the trait asks for.
        unsafe { self.shared.operations.submit(&self.shared.queue, token, operation) }
    }

    fn cancel(&self, token: Token) -> Cancel {
        self.shared.operations.cancel(&self.shared.queue, token)
    }
}

impl Registrar for IocpRegistrar {
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.shared.sockets.lock().add(&self.shared.queue, source, token, interest, trigger)
    }

    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.shared.sockets.lock().modify(source, token, interest, trigger)
    }

    fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        self.shared.sockets.lock().remove(source, token)
    }

    fn rearm(&self, source: RawSource, token: Token, interest: Interest) -> io::Result<()> {
        self.shared.sockets.lock().rearm(source, token, interest)
    }

    fn wake(&self) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wake);
        self.shared.queue.wake()
    }
}

#[cfg(test)]
impl port::OnAPort for IocpRegistrar {
    fn on_port(&self) -> (&Queue, &Operations) {
        (&self.shared.queue, &self.shared.operations)
    }
}
