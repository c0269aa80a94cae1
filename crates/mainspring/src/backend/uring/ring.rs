//! One ring: how it is set up, entered and read.
//!
//! # The ladder
//!
//! A ring that one thread turns can leave out what a kernel does for several. From the best rung
//! down, each where the kernel refuses (`EINVAL`) the one above:
//!
//! | rung           | flags                           | Linux | completions are worked on         |
//! |----------------|---------------------------------|-------|-----------------------------------|
//! | `Deferred`     | `SINGLE_ISSUER` `DEFER_TASKRUN` | 6.1   | in our own wait, and nowhere else |
//! | `SingleIssuer` | `SINGLE_ISSUER` `COOP_TASKRUN`  | 6.0   | at the thread's next kernel entry |
//! | `Cooperative`  | `COOP_TASKRUN`                  | 5.19  | the same                          |
//! | `Plain`        |                                 | 5.13  | at once, by an interruption       |
//!
//! A ring that several threads may turn is `Plain`. Its requests belong to the threads that
//! submitted them, and their completions are worked on there: with `COOP_TASKRUN` they would wait
//! until that thread enters the kernel, which it may not do for a long time, for it computes, while
//! another one waits for the ring.
//!
//! A ring of the first two rungs belongs to the thread that enables it: it is set up disabled
//! (`R_DISABLED`), so that a driver may be built on one thread and turned on another.
//!
//! # Entering
//!
//! One `io_uring_enter` submits, waits for a completion with a timeout in nanoseconds, and runs the
//! work that was put off. What it may say instead:
//!
//! - `ETIME`, `EINTR`: the time is up; a signal came. Only if nothing was submitted: else it tells
//!   what was, and the clock has to be looked at.
//! - `EBUSY`: the queue of completions has overflowed, and is to be read first. The kernel keeps
//!   what did not fit (`FEAT_NODROP`) and hands it over at the next entry.
//! - `EAGAIN`: no memory for a request now; what runs is to end first.
//! - `EBADR`: the kernel had no memory to keep a completion, and it is lost: the ring is unusable.
//!
//! Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2), and `io_uring/io_uring.c`.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::sync::{Arc, Mutex, OwnedCell, Owner};
use crate::sys::{fork, uring as sys};

use super::buffers;
use super::entries::{Known, close_direct};
use super::features::Features;
use super::key::Key;
use super::memory::Memory;

/// Entries of the submission queue: what one entry can hand over. 32 KiB.
const SUBMISSIONS: u32 = 512;
/// Completions for each submission: a multishot request has many. 64 KiB.
const COMPLETIONS_EACH: u32 = 8;
/// How the queues shrink where locked memory is short: kernels before 5.12 count it.
const SIZES: [u32; 3] = [SUBMISSIONS, SUBMISSIONS / 4, SUBMISSIONS / 16];
/// The longest chain of operations: what the smallest ring hands over at once.
pub(super) const CHAIN_MAX: usize = (SUBMISSIONS / 16) as usize;
/// How long the wait for the kernel to end everything may take.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Where on the ladder a ring stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rung {
    Plain,
    Cooperative,
    SingleIssuer,
    Deferred,
}

impl Rung {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Rung::Deferred => "single issuer, completions deferred to the wait",
            Rung::SingleIssuer => "single issuer",
            Rung::Cooperative => "cooperative",
            Rung::Plain => "plain",
        }
    }

    /// Whether the ring belongs to the thread that enables it.
    fn is_single(self) -> bool {
        self >= Rung::SingleIssuer
    }
}

/// How long an entry waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all.
    Look,
    /// For so many completions, or for the end of the time.
    For { completions: u32, timeout: Option<Duration> },
}

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// Something was submitted or has completed.
    Done,
    /// The time was up.
    TimedOut,
    /// A signal came.
    Interrupted,
    /// The kernel takes nothing more before something has ended and been read.
    Busy,
}

/// A completion, in our words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) key: Key,
    pub(super) result: i32,
    flags: u32,
}

impl Done {
    /// Whether more of this request follow.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The number of the buffer that was chosen.
    #[inline]
    pub(super) fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// The ring.
pub(super) struct Ring {
    ring: IoUring,
    rung: Rung,
    features: Features,
    /// The thread it belongs to, if to one.
    owner: Option<Arc<Owner>>,
    enabled: bool,
    /// Nothing is left to be done at the first entry.
    ready: bool,
    /// What the kernel knows the ring by: its descriptor, or the index beside.
    target: i32,
    index: Option<u32>,
    enter_flags: u32,
    forks: u32,
}

impl Ring {
    /// Sets a ring up, on the highest rung that is to be had: for one thread if it has an `owner`.
    ///
    /// # Errors
    ///
    /// `Unsupported` in words if the kernel is too old or too little memory may be locked;
    /// otherwise the system's: `ENOSYS`, `EPERM`, `EMFILE`.
    pub(super) fn open(owner: Option<Arc<Owner>>, allowed: Features) -> io::Result<Ring> {
        fork::watch();
        let (ring, rung, mut features) = climb(owner.is_some(), allowed)?;
        let parameters = ring.params();
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_nodrop() {
            return Err(too_old("a wait with a timeout, which Linux has from 5.11 on"));
        }
        features.no_iowait &= parameters.is_feature_no_iowait();
        let since_5_17 = parameters.is_feature_skip_cqe_on_success();
        features.skip_success &= since_5_17;
        features.timed_links &= since_5_17;
        let cancel = DirectCancel::of(&ring, features);
        features.direct_cancel = cancel.features.direct_cancel;
        features.file_match = cancel.features.file_match;
        // What came to the kernel with the one is not there without the other.
        let since_5_18 = features.submit_all || !allowed.submit_all;
        features.ring_index &= owner.is_some() && since_5_18;
        features.bundles &= parameters.is_feature_recvsend_bundle();
        let iowait = if features.no_iowait { sys::ENTER_NO_IOWAIT } else { 0 };
        let mut ring = Ring {
            target: ring.as_raw_fd(),
            ring,
            rung,
            features,
            owner,
            enabled: !rung.is_single(),
            ready: false,
            index: None,
            enter_flags: sys::ENTER_GETEVENTS | iowait,
            forks: fork::forks(),
        };
        ring.features.buffer_groups &= buffers::are_known(&ring);
        ring.features.bundles &= ring.features.buffer_groups;
        if ring.features.direct {
            let mut probe = io_uring::Probe::new();
            ring.ring.submitter().register_probe(&mut probe)?;
            ring.features.direct = Known::finds_places(&probe);
        }
        Ok(ring)
    }

    /// Makes this thread the one that turns the ring, if nobody does yet.
    ///
    /// # Errors
    ///
    /// The system's.
    fn enable(&mut self) -> io::Result<()> {
        self.enabled = true;
        if self.rung.is_single() {
            self.ring.submitter().register_enable_rings()?;
        }
        Ok(())
    }

    /// Spares the kernel the look into the table of descriptors. A thread has sixteen such places,
    /// and a ring without one is entered by its descriptor.
    fn name_by_index(&mut self) {
        if !self.features.ring_index || self.index.is_some() {
            return;
        }
        match sys::register_ring(self.ring.as_raw_fd()) {
            Ok(index) => {
                self.index = Some(index);
                self.target = index as i32;
                self.enter_flags |= sys::ENTER_REGISTERED_RING;
            }
            Err(_) => self.features.ring_index = false,
        }
    }

    /// Where on the ladder it stands.
    pub(super) fn rung(&self) -> Rung {
        self.rung
    }

    /// What of the kernel it uses.
    pub(super) fn features(&self) -> Features {
        self.features
    }

    /// The way to cancel beside the ring.
    pub(super) fn direct_cancel(&self) -> DirectCancel {
        DirectCancel { ring: self.ring.as_raw_fd(), features: self.features }
    }

    /// Submits what was pushed and waits.
    ///
    /// # Errors
    ///
    /// If the ring is unusable: in a child after `fork`, on another thread than its owner's, or
    /// because the kernel lost a completion.
    #[inline]
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<Entered> {
        if self.forks != fork::forks() {
            return Err(of_the_parent());
        }
        if self.owner.as_ref().is_some_and(|owner| !owner.is_here()) {
            return Err(crate::error::wrong_thread());
        }
        if !self.ready {
            self.make_ready()?;
        }
        let submissions = self.ring.submission().len() as u32;
        let (completions, timeout) = match wait {
            Wait::Look => (0, None),
            Wait::For { completions, timeout } => (completions, timeout),
        };
        let result = sys::enter(self.target, submissions, completions, self.enter_flags, timeout);
        match result {
            Ok(_) => Ok(Entered::Done),
            Err(error) => refused(error),
        }
    }

    /// What is done at the first entry.
    #[cold]
    fn make_ready(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.enable()?;
        }
        self.name_by_index();
        self.ready = true;
        Ok(())
    }

    /// Waits for a completion without submitting anything.
    ///
    /// # Errors
    ///
    /// Those of [`enter`](Self::enter).
    pub(super) fn rest(&mut self, timeout: Duration) -> io::Result<()> {
        match sys::enter(self.target, 0, 1, self.enter_flags, Some(timeout)) {
            Err(error) if error.raw_os_error() == Some(libc::EBADR) => Err(lost_a_completion()),
            _ => Ok(()),
        }
    }

    /// Whether one thread turns it.
    #[inline]
    pub(super) fn is_pinned(&self) -> bool {
        self.owner.is_some()
    }

    /// Requests that still find room.
    #[inline]
    pub(super) fn room(&mut self) -> usize {
        let queue = self.ring.submission();
        queue.capacity() - queue.len()
    }

    /// Requests that were pushed and not taken by the kernel.
    #[inline]
    pub(super) fn pushed(&mut self) -> usize {
        self.ring.submission().len()
    }

    /// Whether the kernel keeps completions for which there was no room.
    #[inline]
    pub(super) fn has_overflowed(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Asks to be told of a descriptor's readiness; false if there is no room.
    pub(super) fn push_poll(
        &mut self,
        key: Key,
        descriptor: RawFd,
        events: u32,
        many: bool,
    ) -> bool {
        let poll = opcode::PollAdd::new(types::Fd(descriptor), events).multi(many);
        self.push(&poll.build().user_data(key.pack()))
    }

    /// Asks for the end of a request; false if there is no room. It is told by its own completion;
    /// the cancel has one only if it found nothing, or the kernel cannot leave it out.
    pub(super) fn push_cancel(&mut self, key: Key) -> bool {
        let mut cancel = opcode::AsyncCancel::new(key.pack()).build();
        if self.features.skip_success {
            cancel = cancel.flags(squeue::Flags::SKIP_SUCCESS);
        }
        let own = match key {
            Key::Operation(token) => Key::CancelOf(token),
            _ => Key::Cancel,
        };
        self.push(&cancel.user_data(own.pack()))
    }

    /// Closes a place of the table of direct descriptors; false if there is no room.
    pub(super) fn push_close(&mut self, slot: u32) -> bool {
        let mut close = close_direct(slot);
        if self.features.skip_success {
            close = close.flags(squeue::Flags::SKIP_SUCCESS);
        }
        self.push(&close.user_data(Key::Cancel.pack()))
    }

    /// Makes a table of direct descriptors, all of its places free.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn make_table(&self, places: u32) -> io::Result<()> {
        self.ring.submitter().register_files_sparse(places)
    }

    /// Closes all that is in the table, and the table.
    pub(super) fn end_table(&self) {
        // It fails if there is none.
        let _ = self.ring.submitter().unregister_files();
    }

    /// Hands an operation over; false if there is no room.
    ///
    /// # Safety
    ///
    /// The memory that the entry names is its own until its terminal completion.
    #[inline]
    pub(super) unsafe fn push_operation(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the caller's part.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Hands operations over, as many as there is room for, and says how many.
    ///
    /// # Safety
    ///
    /// The memory that the entries name is their own until their terminal completions.
    #[inline]
    pub(super) unsafe fn push_operations<'a>(
        &mut self,
        mut entries: impl Iterator<Item = &'a squeue::Entry>,
    ) -> usize {
        let mut queue = self.ring.submission();
        // SAFETY: the caller's part.
        let push = |entry| unsafe { queue.push(entry) }.is_ok();
        entries.by_ref().map(push).take_while(|&pushed| pushed).count()
    }

    /// The operations that this kernel knows.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn known(&self) -> io::Result<Known> {
        let mut probe = io_uring::Probe::new();
        self.ring.submitter().register_probe(&mut probe)?;
        Ok(Known::new(probe, self.features))
    }

    /// The way to register memory beside the ring, which is to live as long.
    pub(super) fn memory(&self) -> Memory {
        Memory::new(self.ring.as_raw_fd(), self.features.registered_buffers)
    }

    /// Shows an array of `count` buffers to the kernel, as a group.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Safety
    ///
    /// The array has `count` places, and is valid, as what it names is, until
    /// [`remove_buffers`](Self::remove_buffers) has succeeded for the group.
    pub(super) unsafe fn add_buffers(&self, array: u64, count: u16, group: u16) -> io::Result<()> {
        let submitter = self.ring.submitter();
        // SAFETY: the caller's part.
        unsafe { submitter.register_buf_ring_with_flags(array, count, group, 0) }
    }

    /// Takes a group back from the kernel.
    ///
    /// # Errors
    ///
    /// The system's, and then the kernel still has it.
    pub(super) fn remove_buffers(&self, group: u16) -> io::Result<()> {
        self.ring.submitter().unregister_buf_ring(group)
    }

    /// For requests that name no memory of ours.
    fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the callers' requests (a poll, a cancel, a close, nothing) name no memory at all.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Shows every completion that has come to `tell`, and gives their room back.
    #[inline]
    pub(super) fn reap(&mut self, mut tell: impl FnMut(Done)) -> usize {
        let mut count = 0;
        for entry in self.ring.completion() {
            let (result, flags) = (entry.result(), entry.flags());
            tell(Done { key: Key::unpack(entry.user_data()), result, flags });
            count += 1;
        }
        count
    }

    /// Whether this thread may enter it.
    pub(super) fn is_usable_here(&self) -> bool {
        let here = self.owner.as_ref().is_none_or(|owner| owner.is_here());
        here && self.enabled && self.forks == fork::forks()
    }

    /// Cancels every request, beside the ring, and waits until they are marked; true if it could.
    pub(super) fn cancel_all(&self) -> bool {
        let flags = sys::CANCEL_ANY | sys::CANCEL_ALL;
        let usable = self.features.direct_cancel && self.is_usable_here();
        let cancelled =
            usable.then(|| sys::cancel(self.ring.as_raw_fd(), 0, -1, flags, Some(DRAIN_MAX)));
        match cancelled {
            Some(Ok(())) => true,
            Some(Err(error)) => error.raw_os_error() == Some(libc::ENOENT),
            None => false,
        }
    }

    /// Asks for nothing; false if there is no room.
    pub(super) fn push_nop(&mut self, key: Key) -> bool {
        self.push(&opcode::Nop::new().build().user_data(key.pack()))
    }
}

/// Where the ring is: with the thread it belongs to, which takes no lock, or under one.
pub(super) enum Place {
    /// A pinned driver's.
    Owned(OwnedCell<Ring>),
    /// Any thread may turn it. The lock is the turning thread's for as long as it turns, so nobody
    /// waits for it but a thread that wants to turn too.
    Shared(Mutex<Ring>),
}

impl Place {
    /// The place of a ring.
    pub(super) fn of(ring: Ring, owner: Option<Arc<Owner>>) -> Place {
        match owner {
            Some(owner) => Place::Owned(OwnedCell::new(owner, ring)),
            None => Place::Shared(Mutex::new(ring)),
        }
    }

    /// Shows the ring to `act`; `None` on another thread than its owner's.
    #[inline]
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Ring) -> R) -> Option<R> {
        match self {
            Place::Owned(cell) => cell.with(act),
            Place::Shared(lock) => Some(act(&mut lock.lock())),
        }
    }
}

/// How an entry ended that the kernel answered with an error.
#[cold]
fn refused(error: io::Error) -> io::Result<Entered> {
    match error.raw_os_error() {
        Some(libc::ETIME) => Ok(Entered::TimedOut),
        Some(libc::EINTR) => Ok(Entered::Interrupted),
        Some(libc::EBUSY | libc::EAGAIN) => Ok(Entered::Busy),
        Some(libc::EBADR) => Err(lost_a_completion()),
        _ => Err(error),
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The index is a second reference to the ring, and the owner's thread alone can end it;
        // elsewhere it lasts until that thread does.
        if let (Some(index), true) = (self.index, self.is_usable_here()) {
            let _ = sys::unregister_ring(self.ring.as_raw_fd(), index);
        }
    }
}

/// Sets up the highest rung, of the greatest size, that the kernel agrees to.
fn climb(pinned: bool, allowed: Features) -> io::Result<(IoUring, Rung, Features)> {
    let mut refused = None;
    for (rung, features) in ladder(pinned, allowed) {
        match sized(rung, features) {
            Ok(ring) => return Ok((ring, rung, features)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
}

/// The rungs from the best down, each with and without what came to the kernel apart from them.
fn ladder(pinned: bool, allowed: Features) -> impl Iterator<Item = (Rung, Features)> {
    let rungs = [
        (Rung::Deferred, pinned && allowed.deferred),
        (Rung::SingleIssuer, pinned && allowed.single_issuer),
        (Rung::Cooperative, pinned && allowed.cooperative),
        (Rung::Plain, true),
    ];
    rungs.into_iter().filter(|&(_, wanted)| wanted).flat_map(move |(rung, _)| {
        let flags = Features {
            deferred: rung == Rung::Deferred,
            single_issuer: rung.is_single(),
            cooperative: allowed.cooperative
                && matches!(rung, Rung::SingleIssuer | Rung::Cooperative),
            ..allowed
        };
        let poorer = [
            flags,
            Features { no_array: false, ..flags },
            Features { no_array: false, submit_all: false, ..flags },
        ];
        let mut last = None;
        poorer.into_iter().filter_map(move |features| {
            (last.replace(features) != Some(features)).then_some((rung, features))
        })
    })
}

/// Sets a ring up in the greatest size for which there is memory.
fn sized(rung: Rung, features: Features) -> io::Result<IoUring> {
    for entries in SIZES {
        match set_up(rung, features, entries) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {}
            result => return result,
        }
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "the kernel has no memory for the ring, or this process may lock none: raise the limit of \
         locked memory (ulimit -l), which kernels before 5.12 count it against",
    ))
}

fn set_up(rung: Rung, features: Features, entries: u32) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(entries * COMPLETIONS_EACH);
    if rung.is_single() {
        builder.setup_single_issuer().setup_r_disabled();
    }
    if features.deferred {
        builder.setup_defer_taskrun();
    }
    if features.cooperative {
        builder.setup_coop_taskrun();
    }
    if features.submit_all {
        builder.setup_submit_all();
    }
    if features.no_array {
        builder.setup_no_sqarray();
    }
    builder.build(entries)
}

/// What a cancel beside the ring found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The request; it is cancelled.
    It,
    /// The request, which a thread of the kernel's carries out; it was told to stop.
    AtWork,
    /// None that matches.
    Nothing,
    /// The descriptor is closed.
    Closed,
    /// Cannot be asked: the kernel does not know how, or the ring is another thread's.
    Unasked,
}

/// Cancels requests of a ring without touching its queues; any thread may, unless it is a ring of
/// one thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirectCancel {
    ring: RawFd,
    features: Features,
}

impl DirectCancel {
    /// Tries what of it the kernel knows, with a key that no request has.
    fn of(ring: &IoUring, allowed: Features) -> DirectCancel {
        let ring = ring.as_raw_fd();
        let mut features = allowed;
        let knows = |descriptor, flags| {
            let none = Key::Cancel.pack();
            let tried = sys::cancel(ring, none, descriptor, flags, None);
            tried.is_err_and(|error| error.raw_os_error() == Some(libc::ENOENT))
        };
        features.direct_cancel &= knows(-1, 0);
        features.file_match &=
            features.direct_cancel && knows(ring, sys::CANCEL_FD | sys::CANCEL_USERDATA);
        DirectCancel { ring, features }
    }

    /// Whether [`cancel_if_of`](Self::cancel_if_of) can be asked at all.
    pub(super) fn can_match_files(&self) -> bool {
        self.features.file_match
    }

    /// Cancels a request.
    pub(super) fn cancel(&self, key: Key) -> Found {
        self.ask(self.features.direct_cancel, key, -1, 0)
    }

    /// Cancels a request if it is of the very file that `descriptor` names now.
    pub(super) fn cancel_if_of(&self, key: Key, descriptor: RawFd) -> Found {
        let flags = sys::CANCEL_FD | sys::CANCEL_USERDATA;
        self.ask(self.features.file_match, key, descriptor, flags)
    }

    fn ask(&self, known: bool, key: Key, descriptor: RawFd, flags: u32) -> Found {
        if !known {
            return Found::Unasked;
        }
        // One that is at work would be waited for.
        match sys::cancel(self.ring, key.pack(), descriptor, flags, Some(Duration::ZERO)) {
            Ok(()) => Found::It,
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOENT) => Found::Nothing,
                Some(libc::ETIME) => Found::AtWork,
                Some(libc::EBADF) => Found::Closed,
                _ => Found::Unasked,
            },
        }
    }
}

/// A kernel without something that cannot be done without.
pub(super) fn too_old(what: &str) -> io::Error {
    let message = format!("io_uring of this kernel lacks {what}");
    io::Error::new(io::ErrorKind::Unsupported, message)
}

fn of_the_parent() -> io::Error {
    io::Error::other(
        "this ring belongs to the parent of this process: after `fork`, open a driver of one's own",
    )
}

fn lost_a_completion() -> io::Error {
    io::Error::other(
        "the kernel had no memory to keep a completion and lost it: open another driver, and free \
         memory",
    )
}

#[cfg(test)]
mod tests;
