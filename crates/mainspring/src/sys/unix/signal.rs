//! Signals: a count for each, and a bell for each driver that listens.
//!
//! A handler may run on any thread, between any two instructions, also while that thread holds a
//! lock or is inside the allocator. It may do only what is async-signal-safe. Ours adds one to the
//! signal's atomic counter and writes one byte to each bell in use:
//!
//! - `fetch_add` and `load` on atomics of a word are lock-free on every platform we have;
//! - `write(2)` is on POSIX's list of async-signal-safe functions;
//! - the tables are constants in static memory, so nothing is allocated, grown or freed;
//! - `errno` is saved and restored around the handler by signal-hook-registry, which also calls
//!   the handlers that were there before us and lets others be added beside us.
//!
//! The count is written before the byte, so whoever was woken by the byte sees the count.
//!
//! A child after `fork(2)` shares the bells until it calls `exec`: a signal to it may ring one of
//! ours. Then a receiver is woken, finds no count changed, and tells nobody.
//!
//! # Bells
//!
//! A bell is a pair of connected sockets, not blocking. A full bell has bytes its owner has not
//! read: it will wake, and a byte that finds no room is not missed. Bells are made as drivers ask
//! for them, and **never closed**, only handed on to the next driver: a handler may hold the
//! number of a descriptor for as long as its thread is not scheduled, and were it closed and given
//! out again, the byte would go into somebody's file.
//!
//! - <https://man7.org/linux/man-pages/man7/signal-safety.7.html>

use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use libc::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};

/// One more than the highest number a signal can have: 127 on Linux for MIPS, 64 elsewhere.
const SIGNALS: usize = 128;
/// Drivers of a process that can listen at the same time: more than machines have cores, and a
/// signal to a process with none of them costs a handler nothing.
const BELLS_MAX: usize = 1024;
/// In the table of bells: not in use.
const SILENT: RawFd = -1;
/// Bytes taken out of a bell at once.
const CHUNK: usize = 128;

/// How often each signal arrived.
static COUNTS: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];
/// The writing ends of the bells in use.
static WRITERS: [AtomicI32; BELLS_MAX] = [const { AtomicI32::new(SILENT) }; BELLS_MAX];
/// How many places of `WRITERS` were ever used: where the handler stops looking.
static USED: AtomicUsize = AtomicUsize::new(0);
/// All bells, of which the index is the place in `WRITERS`.
static BELLS: Mutex<Vec<Pair>> = Mutex::new(Vec::new());
/// The signals that our handler is installed for, one bit each.
static INSTALLED: Mutex<u128> = Mutex::new(0);

const _: () = assert!(SIGNALS <= u128::BITS as usize, "a bit for each signal");

/// The two ends of a bell. They are never dropped.
#[derive(Debug)]
struct Pair {
    writer: &'static UnixStream,
    reader: &'static UnixStream,
    lent: bool,
}

/// What the handler does, for the signal it is installed for. See the essay for what it may do;
/// nothing in it can panic.
fn ring(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
    for writer in WRITERS.iter().take(USED.load(Ordering::SeqCst)) {
        let writer = writer.load(Ordering::SeqCst);
        if writer != SILENT {
            // SAFETY: the descriptors in the table belong to bells, which are never closed.
            let writer = unsafe { BorrowedFd::borrow_raw(writer) };
            // A bell that is full is rung already, and there is nobody to tell of anything else.
            let _ = rustix::io::write(writer, &[1]);
        }
    }
}

/// Whether there is a signal of this number.
pub(crate) fn is_valid(signal: i32) -> bool {
    (1..=highest()).contains(&signal)
}

/// The highest number of a signal.
pub(crate) fn highest() -> i32 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let highest = libc::SIGRTMAX();
    // 31 is the last of the classic ones on all of them.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let highest = 31;
    highest.min(SIGNALS as i32 - 1)
}

/// Whether no program may handle this signal, or none can in a useful way.
pub(crate) fn is_forbidden(signal: i32) -> bool {
    signal_hook_registry::FORBIDDEN.contains(&signal)
}

/// Installs the handler, for good: from here on the signal no longer has its default effect.
///
/// # Errors
///
/// `InvalidInput` for a number that is none or forbidden; what `sigaction(2)` says, which refuses
/// the numbers that the C library keeps for itself.
pub(crate) fn install(signal: i32) -> io::Result<()> {
    if !is_valid(signal) || is_forbidden(signal) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let number = signal.unsigned_abs() as usize;
    let count = &COUNTS[number];
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let bit = 1_u128 << number;
    if *installed & bit == 0 {
        // SAFETY: `ring` does only what is async-signal-safe, as the essay shows line by line.
        unsafe { signal_hook_registry::register(signal, move || ring(count)) }?;
        *installed |= bit;
    }
    Ok(())
}

/// How often a signal has arrived since its handler was installed; 0 for what is none.
pub(crate) fn count(signal: i32) -> usize {
    let count = usize::try_from(signal).ok().and_then(|number| COUNTS.get(number));
    count.map_or(0, |count| count.load(Ordering::SeqCst))
}

/// A bell lent to one driver: readable after every signal.
#[derive(Debug)]
pub(crate) struct Bell {
    place: usize,
    reader: &'static UnixStream,
}

impl Bell {
    /// Lends a bell, a new one if all are in use. It may hold bytes of the past.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if too many drivers listen, or that of making a pair of sockets.
    pub(crate) fn lend() -> io::Result<Bell> {
        let mut bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
        let place = bells.iter().position(|pair| !pair.lent).unwrap_or(bells.len());
        if place == BELLS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "{BELLS_MAX} drivers of this process listen to signals already: listen on \
                     fewer and pass the news on"
                ),
            ));
        }
        if place == bells.len() {
            bells.push(pair()?);
            USED.store(bells.len(), Ordering::SeqCst);
        }
        let bell = &mut bells[place];
        bell.lent = true;
        WRITERS[place].store(bell.writer.as_raw_fd(), Ordering::SeqCst);
        Ok(Bell { place, reader: bell.reader })
    }

    /// The end that becomes readable.
    pub(crate) fn reader(&self) -> &'static UnixStream {
        self.reader
    }

    /// Takes some bytes out.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there are none.
    pub(crate) fn silence(&self) -> io::Result<usize> {
        let mut reader = self.reader;
        reader.read(&mut [0; CHUNK])
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
        WRITERS[self.place].store(SILENT, Ordering::SeqCst);
        bells[self.place].lent = false;
    }
}

fn pair() -> io::Result<Pair> {
    let (writer, reader) = UnixStream::pair()?;
    writer.set_nonblocking(true)?;
    reader.set_nonblocking(true)?;
    Ok(Pair {
        writer: Box::leak(Box::new(writer)),
        reader: Box::leak(Box::new(reader)),
        lent: false,
    })
}
