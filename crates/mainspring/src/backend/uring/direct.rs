//! The ring's own table of descriptors.
//!
//! What an operation opens or accepts can go to a table of the ring and not to that of the process:
//! then it has no number that other calls know, and an operation on it spares the kernel the look
//! into a table that all threads share. The kernel finds the free place, and says which.
//!
//! The table is made by the thread that turns, when it is first asked for: who asks, asks before
//! the operation that needs it. A place is closed by a request too, which goes into the ring before
//! the operations of the same turn: whoever was promised a free place for having given one back
//! finds it. Operations on what is closed are in the kernel by then, and hold the file, or they
//! were withdrawn.
//!
//! With the queue the table ends, and closes what is left in it.
//!
//! Sources: io_uring_register(2) (`IORING_REGISTER_FILES2`), io_uring_enter(2) (`file_index`).

use std::io;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sys::path;

use super::ring::Ring;

/// Places of the table: 32 KiB of the kernel's memory.
const PLACES: u32 = 4096;

/// What is asked of the table.
#[derive(Default)]
pub(super) struct Direct {
    /// Whether anything is; looked at without the lock.
    asked: AtomicBool,
    asks: Mutex<Asks>,
}

#[derive(Default)]
struct Asks {
    table: bool,
    closes: Vec<u32>,
}

/// What the turn has taken over.
#[derive(Default)]
pub(super) struct Closing {
    made: bool,
    slots: Vec<u32>,
}

impl Direct {
    /// Asks for the table.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it could not have so many places.
    pub(super) fn ask_for_table(&self, places: usize) -> io::Result<()> {
        if places > size() as usize {
            return Err(too_many(places));
        }
        self.asks.lock().table = true;
        self.asked.store(true, Ordering::Release);
        Ok(())
    }

    /// Asks for a place to be closed.
    pub(super) fn close(&self, slot: u32) {
        self.asks.lock().closes.push(slot);
        self.asked.store(true, Ordering::Release);
    }
}

impl Closing {
    /// Takes over what was asked, and makes the table if it is to be. Called when the turn has
    /// taken the operations over that it is about to begin.
    #[inline]
    pub(super) fn take(&mut self, direct: &Direct, ring: &Ring) {
        if !direct.asked.load(Ordering::Acquire) {
            return;
        }
        direct.asked.swap(false, Ordering::AcqRel);
        let table = {
            let mut asks = direct.asks.lock();
            self.slots.append(&mut asks.closes);
            std::mem::take(&mut asks.table)
        };
        if table && !self.made {
            // One that could not be made has no places: what asks for one ends with an error.
            self.made = ring.make_table(size()).is_ok();
        }
    }

    /// Puts the closes into the ring; true if all found room.
    #[inline]
    pub(super) fn move_into(&mut self, ring: &mut Ring) -> bool {
        while let Some(&slot) = self.slots.last() {
            if !ring.push_close(slot) {
                return false;
            }
            self.slots.pop();
        }
        true
    }

    /// Closes everything. No operation runs any more.
    pub(super) fn end(&mut self, ring: &Ring) {
        self.slots.clear();
        if std::mem::take(&mut self.made) {
            ring.end_table();
        }
    }
}

/// The kernel makes no table with more places than the process may have open files.
fn size() -> u32 {
    path::files_max().map_or(PLACES, |limit| PLACES.min(u32::try_from(limit).unwrap_or(PLACES)))
}

fn too_many(places: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a ring's table has no room for {places} direct descriptors, only for as many as the \
             process may have open files: raise that limit (ulimit -n), or ask for fewer"
        ),
    )
}
