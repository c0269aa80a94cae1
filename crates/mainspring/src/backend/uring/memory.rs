//! Memory that the ring knows beforehand.
//!
//! For a transfer without a copy (direct I/O, a send from the buffer itself) the kernel looks up
//! the pages of the memory, keeps them where they are, and lets go of them afterwards. Memory that
//! is registered went through this once: operations name its place in a table of the ring's, and
//! the kernel compares their addresses with what lies there.
//!
//! # The table
//!
//! It is made when memory is first registered, all of its places empty, and places are changed one
//! by one (`IORING_REGISTER_BUFFERS_UPDATE`, Linux 5.13, which is as old as the ring of ours that
//! is oldest). That goes beside the ring, on whichever thread asks. A ring that one thread alone
//! submits to takes it from that thread alone (`EEXIST` says so): then the turn does it.
//!
//! # Who is when sure of what
//!
//! A group of buffers is told its place when the kernel has taken it, and an operation asks its
//! buffer, on the way into the queue: no look-up, and no lock. When the group is given up, it is
//! told first that it has no place any more. The place itself is emptied when no buffer is out: an
//! operation has its buffer until the kernel has ended it, so none that names the place is under
//! way or waits to be begun, and the place may be another group's.
//!
//! So a group that has no buffer out goes when it is given up: on the thread that does so, or, from
//! a ring of one thread, on that thread, which is roused. With a buffer that comes back later goes
//! no news to the ring, because every return of a buffer would pay for it; the next turn finds
//! that out, or the next who registers or gives up a group.
//!
//! # What it costs, and what is refused
//!
//! All the memory is touched, and counts as locked: a process without `CAP_IPC_LOCK` meets its
//! limit of that (`ENOMEM`). The buffers are then ordinary ones, and say why.
//!
//! Sources: io_uring_register(2), and `io_uring/rsrc.c`.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicU32;

use crate::completion::buffer_group::Buffers;
use crate::completion::operation::Region;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex};
use crate::sys::{fork, uring as sys};

/// Places of the table: as many groups as a driver may have at a time. 8 KiB of the kernel's
/// memory.
const PLACES: usize = 1024;
/// What one place holds at most, which is the kernel's rule.
const BYTES_MAX: usize = 1 << 30;

/// The table, and what it is to hold.
pub(super) struct Memory {
    ring: RawFd,
    /// The number of this ring among all of the process, for as long as four billion last.
    queue: NonZeroU32,
    forks: u32,
    allowed: bool,
    /// Whether something is left to the turn; looked at without the lock.
    pending: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    made: bool,
    ended: bool,
    places: Vec<Option<Entry>>,
    /// What the turn is to register.
    asked: Vec<(u16, Arc<Buffers>)>,
}

/// A group in its place.
struct Entry {
    /// What the layer above calls it.
    number: u16,
    buffers: Arc<Buffers>,
    /// It was given up, and its place is emptied when no buffer is out any more.
    leaves: bool,
}

impl Entry {
    fn is_over(&self) -> bool {
        self.leaves && self.buffers.pool().in_use() == 0
    }
}

impl Memory {
    /// A table of a ring, of which nothing is made yet.
    pub(super) fn new(ring: RawFd, allowed: bool) -> Memory {
        Memory {
            ring,
            queue: next_queue(),
            forks: fork::forks(),
            allowed,
            pending: AtomicBool::new(false),
            table: Mutex::default(),
        }
    }

    /// What regions of this ring bear.
    pub(super) fn queue(&self) -> NonZeroU32 {
        self.queue
    }

    /// Whether memory may be registered at all.
    pub(super) fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Registers the memory of a group, or lets the group say why not. True if it is left to the
    /// turn.
    pub(super) fn register(&self, number: u16, buffers: &Arc<Buffers>) -> bool {
        let mut table = self.table.lock();
        self.empty_places(&mut table);
        match self.admit(&mut table, number, buffers) {
            Err(error) if is_of_another_thread(&error) => {
                table.asked.push((number, buffers.clone()));
                self.pending.store(true, Ordering::Release);
                true
            }
            admitted => {
                say(buffers, admitted);
                false
            }
        }
    }

    /// Takes the memory of a group back, once no buffer is out. True if the turn has to.
    pub(super) fn unregister(&self, number: u16) -> bool {
        let mut table = self.table.lock();
        table.asked.retain(|(asked, _)| *asked != number);
        let mut entries = table.places.iter_mut().flatten();
        if let Some(entry) = entries.find(|entry| entry.number == number && !entry.leaves) {
            entry.leaves = true;
            entry.buffers.set_region(None);
        }
        self.empty_places(&mut table);
        let left = table.places.iter().flatten().any(Entry::is_over);
        self.note_pending(&table);
        left
    }

    /// What is the turn's to do, on its thread.
    pub(super) fn settle(&self) {
        if !self.pending.load(Ordering::Acquire) {
            return;
        }
        let mut table = self.table.lock();
        self.empty_places(&mut table);
        for (number, buffers) in std::mem::take(&mut table.asked) {
            let admitted = self.admit(&mut table, number, &buffers);
            say(&buffers, admitted);
        }
        self.note_pending(&table);
    }

    /// The end of the queue. With `ended`, no operation runs any more and this is a thread that may
    /// take the table back; else it goes with the ring.
    pub(super) fn end(&self, ended: bool) {
        let mut table = self.table.lock();
        table.ended = true;
        let asked = std::mem::take(&mut table.asked).into_iter().map(|(_, buffers)| buffers);
        let entries = std::mem::take(&mut table.places).into_iter().flatten();
        for buffers in asked.chain(entries.map(|entry| entry.buffers)) {
            buffers.set_region(None);
            say(&buffers, Err(has_ended()));
        }
        if ended && std::mem::take(&mut table.made) {
            // What it says is of no use to anybody: the ring goes next.
            let _ = sys::unregister_memory_table(self.ring);
        }
        self.pending.store(false, Ordering::Release);
    }

    /// Places that hold something.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.table.lock().places.iter().flatten().count()
    }

    fn note_pending(&self, table: &Table) {
        let leaves = table.places.iter().flatten().any(|entry| entry.leaves);
        self.pending.store(leaves || !table.asked.is_empty(), Ordering::Release);
    }

    /// Puts a group into a free place.
    fn admit(&self, table: &mut Table, number: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        if table.ended || self.forks != fork::forks() {
            return Err(has_ended());
        }
        let (start, len) = buffers.all();
        if len > BYTES_MAX {
            return Err(too_long(len));
        }
        if !table.made {
            sys::register_memory_table(self.ring, PLACES)?;
            table.made = true;
        }
        let free = table.places.iter().position(Option::is_none).unwrap_or(table.places.len());
        let place = u16::try_from(free).ok().filter(|_| free < PLACES).ok_or_else(table_full)?;
        sys::register_memory(self.ring, place, Some((start, len)))
            .map_err(|error| explain(error, len))?;
        let entry = Entry { number, buffers: buffers.clone(), leaves: false };
        if free == table.places.len() {
            table.places.push(None);
        }
        table.places[free] = Some(entry);
        buffers.set_region(Some(Region { queue: self.queue, place }));
        Ok(())
    }

    /// Empties the places of those that were given up and have no buffer out.
    fn empty_places(&self, table: &mut Table) {
        if self.forks != fork::forks() {
            return;
        }
        for (place, entry) in (0..).zip(&mut table.places) {
            // A place that this thread cannot empty is another's to empty.
            if entry.as_ref().is_some_and(Entry::is_over)
                && sys::register_memory(self.ring, place, None).is_ok()
            {
                *entry = None;
            }
        }
    }
}

fn next_queue() -> NonZeroU32 {
    static OPENED: AtomicU32 = AtomicU32::new(1);
    loop {
        if let Some(queue) = NonZeroU32::new(OPENED.fetch_add(1, Ordering::Relaxed)) {
            return queue;
        }
    }
}

/// Lets a group say why no kernel knows it.
fn say(buffers: &Buffers, admitted: io::Result<()>) {
    if let Err(error) = admitted {
        buffers.refuse(error.to_string());
    }
}

/// The ring is one that another thread alone submits to.
fn is_of_another_thread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EEXIST)
}

fn has_ended() -> io::Error {
    io::Error::other("the driver has ended: its ring knows no memory any more")
}

fn table_full() -> io::Error {
    io::Error::other(format!(
        "the ring knows {PLACES} groups of buffers, and no more: let go of the leases of those \
         that were given up"
    ))
}

fn too_long(len: usize) -> io::Error {
    io::Error::other(format!(
        "{len} bytes are more than the 1 GiB that a ring takes as one: make several groups"
    ))
}

fn explain(error: io::Error, len: usize) -> io::Error {
    if error.raw_os_error() == Some(libc::ENOMEM) {
        return io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!(
                "this process may not lock {len} bytes more, or there is no memory: raise the \
                 limit of locked memory (ulimit -l), or ask for less"
            ),
        );
    }
    error
}
