//! The law between a backend and the driver: three traits and fourteen numbered clauses.
//!
//! Every backend implements the traits, so that a drift in shape is a compile error; none of them
//! is ever used as `dyn`: [`backend/mod.rs`](super) dispatches with an enum. Each clause has
//! conformance tests that carry its number and run on every [`Kind`](crate::Kind).
//!
//! - **C1 initial edge.** A source that is ready when it is added is reported.
//! - **C2 no lost edge.** Readiness that appears after the last `WouldBlock` or short transfer is
//!   reported, also when the user never sees `WouldBlock`.
//! - **C3 triggers.** Edge, level and one-shot per source: native where the system has them,
//!   emulated where not; an emulated edge gives no repeat, and a new one after a
//!   [rearm](Registrar::rearm).
//! - **C4 no ghost.** After [`Registrar::remove`] returns, no event of that registration is acted
//!   upon. A token is opaque here; the layer above puts a generation in it and drops what is
//!   stale. No pointer crosses the kernel boundary unless the system's interface forces it.
//! - **C5 identity.** A registration remembers what it registered. A swapped, duplicated, closed
//!   or reused descriptor can produce an error or a stale event, never another source's event or
//!   a number that is refused for ever.
//! - **C6 wake.** A wake before or during [`Selector::select`] makes it return; wakes coalesce and
//!   are never eaten by a concurrent `add` or `remove`.
//! - **C7 time.** `select` never returns early without an event or a wake, also across `EINTR` and
//!   internal completions. Timeouts are nanoseconds where the system has them and round up
//!   elsewhere; any `Duration` is accepted.
//! - **C8 isolation.** One failing source never fails, delays or hides another. `select` errs only
//!   if the queue itself is unusable.
//! - **C9 closed, error, hang-up** map to the same [`Ready`](crate::Ready) bits everywhere; a reset
//!   is distinguishable from the end of the file.
//! - **C10 one terminal completion** for each submitted operation; a multishot operation is a
//!   bounded stream that ends in one terminal completion.
//! - **C11 cancel** is never lost, also with a full queue; the outcome is typed; a late success of
//!   an operation that makes a descriptor closes it.
//! - **C12 the kernel lets go first.** [`Selector::drain`] returns when no memory is the kernel's.
//! - **C13 limits are named.** At a limit the caller gets an error or back-pressure, never a spin.
//! - **C14 shutdown is permanent.** Kept by the driver: every waiter wakes with an error that says
//!   so, and later calls fail the same way.
//!
//! # Data
//!
//! One way: kernel → backend → [`Events`] → registration → waker; operation → [`Completer`] →
//! kernel → [`Events`] → slot → result. The operating system's own structures do not leave a
//! backend's file.

use std::io;
use std::time::Duration;

use crate::completion::buffer_group::Buffers;
use crate::completion::operation::RawOperation;
use crate::event::Events;
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::Counters;
use crate::source::RawSource;
use crate::sync::{Arc, Owner};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

/// How a backend comes by a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// The kernel does it.
    Native,
    /// Made above the kernel from what it does; an edge made so is not quite the same.
    Emulated,
}

/// What a backend can do, for the layers that would otherwise have to ask its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// A short transfer may be taken for `WouldBlock`: the next byte makes a new edge.
    pub(crate) edge: Support,
    /// Operations with owned buffers.
    pub(crate) completion: Support,
}

/// The operations that the rooms `op`, `net` and `fs` offer, by name, for reports.
pub(crate) const OPERATIONS: &[&str] = &[
    "nop",
    "accept",
    "accept_multi",
    "connect",
    "recv",
    "recv_multi",
    "recv_message",
    "send",
    "send_zero_copy",
    "send_message",
    "shutdown",
    "read",
    "write",
    "read_vectored",
    "write_vectored",
    "sync",
    "open",
    "close",
    "stat",
    "unlink",
    "rename",
    "make_directory",
    "splice",
    "timeout",
    "poll",
    "wait_child",
];

/// The operations on handles that Windows alone has, by name.
pub(crate) const OF_HANDLES: &[&str] = &["listen_pipe", "wait_object"];

/// What of a mechanism is in force: found out when it was opened, and for reports only.
#[derive(Clone, Debug, Default)]
pub(crate) struct InForce {
    /// How it was set up, in words.
    pub(crate) setup: &'static str,
    /// The names of what it uses of the kernel, beyond what it cannot do without.
    pub(crate) features: Vec<&'static str>,
    /// The names of the operations it carries out itself; some of [`OPERATIONS`] and
    /// [`OF_HANDLES`].
    pub(crate) operations: Vec<&'static str>,
}

/// What a backend is opened with.
pub(crate) struct Config {
    /// The clock that timeouts are measured on.
    pub(crate) clock: Clock,
    /// Where the backend counts its system calls.
    pub(crate) counters: Arc<Counters>,
    /// Events taken in the first look; the buffer grows from here.
    pub(crate) event_capacity: usize,
    #[allow(dead_code, reason = "read by backends with a queue of their own")]
    /// The thread that will turn the driver, once it does, if the driver is pinned to one: what
    /// only that thread touches needs no lock.
    pub(crate) owner: Option<Arc<Owner>>,
}

/// The half that waits, owned by the turning thread: "one waiter" is `&mut self`, not a lock.
pub(crate) trait Selector: Sized {
    /// What it can do.
    const CAPS: Caps;
    /// The half that other threads use.
    type Registrar: Registrar;

    /// Tries the mechanism and lets go of it again.
    fn probe() -> Result<(), Unavailable>;

    /// Opens a queue.
    ///
    /// # Errors
    ///
    /// Whatever the system says: out of descriptors, out of memory, or not available here.
    fn open(config: Config) -> io::Result<(Self, Self::Registrar)>;

    /// What of the mechanism is in force, for reports; nothing if there is no choice.
    fn in_force(&self) -> InForce {
        InForce::default()
    }

    /// Waits for events, a wake, or the end of `timeout` (`None`: no end), and appends what came
    /// to `events`, which the caller has cleared.
    ///
    /// # Errors
    ///
    /// Only if the queue itself is unusable (C8); `EINTR` is not an error but a reason to go on
    /// waiting for what is left of the time (C7).
    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()>;

    /// Whether a look is likely to bring something, because operations wait to be handed over that
    /// usually have ended when the call returns. The caller then looks before it prepares to sleep.
    /// A hint: a look in vain costs a call, and nothing else.
    fn expects(&self) -> bool {
        false
    }

    /// Cancels every operation and returns when the kernel holds no memory any more, with the
    /// completions in `events` (C12). Returns how many it could not end in a bounded time: their
    /// memory must never be used again. Without operations there is nothing to do.
    ///
    /// It is the end of the queue's operations (C14). One that another thread hands over meanwhile
    /// is among those that are ended, or its submission fails, or its cancel is answered
    /// [`Cancel::Withdrawn`].
    fn drain(&mut self, events: &mut Events) -> usize {
        let _ = events;
        0
    }
}

/// The half that is shared between threads.
pub(crate) trait Registrar: Send + Sync {
    /// Starts to report `source` under `token`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if a living registration of this queue holds the same source; a sentence
    /// with the remedy for kinds of source the mechanism cannot watch; otherwise the system's.
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Changes what is reported, and looks again: a source that is ready now is reported (C1).
    ///
    /// # Errors
    ///
    /// `NotFound` if `token` is not what `source` is registered under (C5).
    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// A call on a source with an edge trigger has said `WouldBlock`: the directions of `interest`
    /// are reported again when they are ready, and what else is watched stays as it is. A backend
    /// that sees edges without being told has nothing to do.
    ///
    /// # Errors
    ///
    /// Those of [`modify`](Self::modify).
    fn rearm(&self, _source: RawSource, _token: Token, _interest: Interest) -> io::Result<()> {
        Ok(())
    }

    /// Stops reporting. A source that the kernel forgot by itself, because its descriptor was
    /// closed, is no error; one that belongs to another token by now is left alone (C5).
    ///
    /// # Errors
    ///
    /// What the system says, after the bookkeeping is done.
    fn remove(&self, source: RawSource, token: Token) -> io::Result<()>;

    /// Lets go, before it returns, of what was removed and waits to be told to the kernel. Only the
    /// thread that owns a pinned queue leaves anything waiting; on others this does nothing.
    ///
    /// # Errors
    ///
    /// If the queue itself is unusable.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Ends the present or the next `select` of this queue.
    ///
    /// # Errors
    ///
    /// What the system says; on a sound queue, none.
    fn wake(&self) -> io::Result<()>;
}

/// What became of a request to end an operation early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each backend answers one or the other")]
pub(crate) enum Cancel {
    /// The kernel never saw the operation and never will: no completion comes, and the memory is
    /// free. So a number that is closed after this names nothing that is still to be begun.
    Withdrawn,
    /// The kernel was asked, or will be with the next look. The terminal completion comes, and may
    /// still be a success (C11).
    Requested,
}

/// The shared half, as far as the backend carries out whole operations; as it stands here, it
/// carries out none. Completions come with [`Selector::select`].
pub(crate) trait Completer: Send + Sync {
    /// Makes a registered source one that operations can be on. Asked once a registration, before
    /// the first of them.
    ///
    /// # Errors
    ///
    /// If the source cannot be had, as one that is another queue's for life: the layer above then
    /// carries its operations out itself.
    fn adopt(&self, source: RawSource) -> io::Result<()> {
        let _ = source;
        Ok(())
    }

    /// Hands an operation to the kernel, with the next look at the latest.
    ///
    /// # Errors
    ///
    /// With the operation not begun: `QuotaExceeded` when the queue is full (C13), `Unsupported`
    /// when this kernel has no such operation and the layer above is to carry it out itself.
    ///
    /// # Safety
    ///
    /// The memory of `operation` is valid for it, and neither freed, moved nor touched until the
    /// terminal completion of `token` has come or its cancel was answered `Withdrawn`.
    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        let _ = (token, operation);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Hands over several operations as a chain: each begins when the one before has succeeded, and
    /// the first that fails, or moves less than it was to, ends those behind it as cancelled. All
    /// of them reach the kernel with one call, or none does.
    ///
    /// A cancel that meets one of them before the kernel has seen it ends those behind it, too: its
    /// own answer is [`Cancel::Withdrawn`], and theirs are completions, unless they are cancelled,
    /// too, before those are told.
    ///
    /// # Errors
    ///
    /// With none of them begun: those of [`submit`](Self::submit), `Unsupported` also when this
    /// kernel has no chains, and `InvalidInput` for one that is too long.
    ///
    /// # Safety
    ///
    /// That of [`submit`](Self::submit), for each.
    unsafe fn submit_chain(&self, chain: &[(Token, RawOperation)]) -> io::Result<()> {
        let _ = chain;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Ends an operation early. Never lost, also with a full queue (C11).
    fn cancel(&self, token: Token) -> Cancel {
        let _ = token;
        Cancel::Withdrawn
    }

    /// Lets the kernel fill the buffers of a group, for operations that name it. From the next look
    /// on, free numbers are [lent](crate::completion::pool::Pool::lend) to the kernel at each look,
    /// which takes them in that order; the operation notes which were
    /// [filled](crate::completion::pool::Pool::filled). One that finds none ends with
    /// [`error::no_buffers`](crate::error::no_buffers), or with the system's word for it, which the
    /// operation knows to take for that.
    ///
    /// The backend keeps the buffers until the group was removed and, if the kernel did not let go
    /// of it in a bounded time, for ever.
    ///
    /// # Errors
    ///
    /// `Unsupported` when this kernel fills no groups: the layer above takes from it instead.
    fn add_group(&self, group: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        let _ = (group, buffers);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Shows memory to the kernel beforehand, now or with the next look: operations on it need not
    /// have it looked up. The buffers are told their [region](Buffers::set_region) then, from which
    /// operations know it, and the backend keeps them until the memory was taken back. That this
    /// comes to nothing, for want of lockable memory, is no error: the memory is like any other,
    /// and its buffers are told [why](Buffers::refuse).
    ///
    /// # Errors
    ///
    /// `Unsupported` when this kernel registers none.
    fn register_memory(&self, number: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        let _ = (number, buffers);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes memory back from the kernel, as soon as none of its buffers is out: operations on it
    /// may be under way, and end as they would have. No more buffers are handed out.
    fn unregister_memory(&self, number: u16) {
        let _ = number;
    }

    /// Makes sure that there is a table of direct descriptors, with `places` at least, before the
    /// next operation that is handed over after this. It lasts until the queue is drained, and what
    /// is in it then is closed.
    ///
    /// # Errors
    ///
    /// `Unsupported` when this kernel has none: the layer above uses ordinary descriptors instead.
    /// `InvalidInput` in words if there cannot be as many places.
    fn make_direct(&self, places: usize) -> io::Result<()> {
        let _ = places;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Closes a place in that table: before any operation begins that is handed over after this.
    /// Operations on it may be under way, and none waits to be begun.
    fn close_direct(&self, slot: u32) {
        let _ = slot;
    }

    /// Takes a group back from the kernel. No operation that names it is under way, and none will
    /// be before the number is added again.
    fn remove_group(&self, group: u16) {
        let _ = group;
    }
}
