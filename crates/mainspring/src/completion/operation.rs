//! What an operation is: to the kernel numbers and addresses, to the program a value that owns its
//! buffer.

use std::io;
use std::num::NonZeroU32;

use crate::interest::Interest;
use crate::source::RawSource;

/// Memory an operation reads or writes, named by address. It stays valid and unmoved from
/// submission to the terminal completion: the slot that holds the operation keeps that.
#[derive(Clone, Copy, Debug)]
pub struct RawMemory {
    /// Where it begins.
    pub start: *mut u8,
    /// Bytes.
    pub len: usize,
}

impl RawMemory {
    /// Bytes that the kernel is to read, and nothing else.
    pub(crate) fn to_read(bytes: &[u8]) -> RawMemory {
        RawMemory { start: bytes.as_ptr().cast_mut(), len: bytes.len() }
    }
}

/// Where a kernel knows memory that was registered with it: the number of the queue, of all that
/// this process ever opened, and the place in that queue's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Which queue.
    pub(crate) queue: NonZeroU32,
    /// Which place.
    pub(crate) place: u16,
}

/// The offset that means the file's own position.
pub(crate) const OWN_POSITION: u64 = u64::MAX;

/// A bit beside the number of bytes that were read: the message that they began goes on.
pub(crate) const MORE_DATA: u64 = 1 << 32;

/// A bit in the place of a number of bytes: there are none, and never will be.
#[allow(dead_code, reason = "said of files and pipes, by one system")]
pub(crate) const AT_END: u64 = 1 << 33;

/// How many bytes a read has brought, of what it says with them.
pub(crate) fn bytes_read(result: u64) -> u64 {
    result & (MORE_DATA - 1)
}

/// An operation as the kernel is to see it: numbers and addresses, nothing owned.
///
/// A path ends with a zero byte, which its length counts. The length of an array is in bytes.
/// Structures of the system's (`msghdr`, `iovec`, `timespec`, `statx`) are named by address as
/// [`RawMemory`]: the operation that made them knows their type, and so does the backend.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "each backend knows some of them, and carries out what it knows")]
pub enum RawOperation {
    /// Completes by itself with 0.
    Nop,
    /// Takes a connection; the result is the new source's number.
    Accept { source: RawSource },
    /// Takes a connection into the table of direct descriptors; the result is its place there.
    AcceptDirect { source: RawSource },
    /// Takes connections until it is cancelled or fails: one completion each.
    AcceptMulti { source: RawSource },
    /// Connects to the address in memory; the result is 0.
    Connect { source: RawSource, address: RawMemory },
    /// Reads into the memory; the result is the number of bytes.
    Recv { source: RawSource, memory: RawMemory, flags: u32 },
    /// Reads into buffers of a group as data comes: one completion each, with the buffer's number.
    RecvMulti { source: RawSource, group: u16, bundle: bool },
    /// Writes from the memory; the result is the number of bytes. No send raises a signal: that
    /// flag is the backend's to add.
    Send { source: RawSource, memory: RawMemory, flags: u32 },
    /// As `Send`, without copying: a completion with the bytes, and a last one when the kernel has
    /// let go of the memory.
    SendZeroCopy { source: RawSource, memory: RawMemory, flags: u32, region: Option<Region> },
    /// Receives as the `msghdr` says.
    RecvMessage { source: RawSource, header: RawMemory, flags: u32 },
    /// Sends as the `msghdr` says.
    SendMessage { source: RawSource, header: RawMemory, flags: u32 },
    /// Reads a file; an offset of `u64::MAX` is the file's own position. Memory that lies in a
    /// registered region need not be looked up, by the queue that the region is of.
    Read { source: RawSource, memory: RawMemory, offset: u64, region: Option<Region> },
    /// Writes a file, as `Read` reads it.
    Write { source: RawSource, memory: RawMemory, offset: u64, region: Option<Region> },
    /// Reads into several pieces of memory, named by `iovec`s.
    ReadVectored { source: RawSource, pieces: RawMemory, offset: u64 },
    /// Writes from several pieces of memory, named by `iovec`s.
    WriteVectored { source: RawSource, pieces: RawMemory, offset: u64 },
    /// Makes what was written last; with `data_only`, not the times.
    Sync { source: RawSource, data_only: bool },
    /// Opens the path, relative to `directory` (`AT_FDCWD` as a descriptor); the result is the new
    /// source's number.
    Open { directory: i32, path: RawMemory, flags: i32, mode: u32 },
    /// As `Open`, into the table of direct descriptors; the result is the place there.
    OpenDirect { directory: i32, path: RawMemory, flags: i32, mode: u32 },
    /// Closes a number.
    Close { source: RawSource },
    /// Tells about a path into a `statx`.
    Stat { directory: i32, path: RawMemory, flags: i32, mask: u32, out: RawMemory },
    /// Removes a path; with `AT_REMOVEDIR`, a directory.
    Unlink { directory: i32, path: RawMemory, flags: i32 },
    /// Gives a path another name.
    Rename { from: i32, old: RawMemory, to: i32, new: RawMemory, flags: u32 },
    /// Makes a directory.
    MakeDirectory { directory: i32, path: RawMemory, mode: u32 },
    /// Ends one or both directions of a connection: `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`.
    Shutdown { source: RawSource, how: i32 },
    /// Moves bytes between a pipe and another source without copying them through the program.
    Splice {
        from: RawSource,
        from_offset: i64,
        to: RawSource,
        to_offset: i64,
        len: u32,
        flags: u32,
    },
    /// Completes at the end of the `timespec`, with 0.
    Timeout { timespec: RawMemory },
    /// Completes when the source is ready, with the `poll(2)` bits.
    Poll { source: RawSource, interest: Interest },
    /// Waits for a client of a named pipe; the result is 0.
    Listen { source: RawSource },
    /// Completes when the object is signalled, with 0: that is a wait that has succeeded.
    WaitObject { source: RawSource },
    /// Completes when a child changes state, into a `siginfo_t`.
    WaitId { which: u32, id: u32, options: u32, info: RawMemory },
}

/// The terminal result of a multishot operation whose last completion brought data as well: there
/// may be more, and whoever wants it begins anew.
pub(crate) const ENDED_EARLY: u64 = u64::MAX;

/// A part of a multishot operation, or the news that precedes the terminal one.
#[derive(Debug)]
pub struct Part {
    /// Bytes, a source's number, or the error.
    pub result: io::Result<u64>,
    /// The buffer of the group that holds the data.
    pub buffer: Option<u16>,
}

/// What is to be done after a part of an operation was taken note of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPart {
    /// Nothing: whoever waits, waits for the end.
    Nothing,
    /// Whoever waits is to be woken.
    Wake,
    /// More than this is not wanted for now: wake, and cancel what runs.
    Stop,
}

/// One operation: the numbers it is to the kernel, and the value it is to the program.
///
/// It is moved to its final address before [`raw`](Self::raw) is called, and neither moved nor
/// touched from then on until its terminal completion. So it may point into itself.
pub trait Operation: Send + 'static {
    /// What awaiting it gives: the result, and the buffer if there is one.
    type Output;
    /// What is left of it when it was cancelled in time: the buffer, or nothing.
    type Kept;

    /// What the kernel is to do.
    #[doc(hidden)]
    fn raw(&mut self) -> RawOperation;

    /// Whether [`at_once`](Self::at_once) ever does something.
    #[doc(hidden)]
    const MAY_END_AT_ONCE: bool = false;

    /// Tries to end before the kernel is told: with one short call that never waits, as the read of
    /// what is in memory already. `None`: nothing was done.
    #[doc(hidden)]
    fn at_once(&mut self) -> Option<u64> {
        None
    }

    /// It is to be one of a chain: what a send then moves is all or, if it cannot, breaks the
    /// chain. Called before everything else.
    #[doc(hidden)]
    fn join_chain(&mut self) {}

    /// Whether a success with this result is less than the operation was to do, so that those
    /// behind it in a chain are not to be begun.
    #[doc(hidden)]
    fn falls_short(&self, result: u64) -> bool {
        let _ = result;
        false
    }

    /// Memory beside the operation that a part of it will touch, if there is any: it is fetched
    /// ahead, and nothing else is done with the address.
    #[doc(hidden)]
    #[inline]
    fn beside(&self) -> *const () {
        std::ptr::null()
    }

    /// A completion that is not the last. Called where the completions are collected, while nobody
    /// else has the operation.
    #[doc(hidden)]
    fn part(&mut self, part: Part) -> AfterPart {
        drop(part);
        AfterPart::Nothing
    }

    /// What it comes to, after a last completion with `last`: that, unless the result came before.
    /// Asked once.
    #[doc(hidden)]
    fn result(&mut self, last: io::Result<u64>) -> io::Result<u64> {
        last
    }

    /// The terminal completion, for whoever awaits it.
    #[doc(hidden)]
    fn finish(self, result: io::Result<u64>) -> Self::Output;

    /// It was cancelled in time.
    #[doc(hidden)]
    fn cancelled(self) -> Self::Kept;

    /// The terminal completion of an operation whose future was dropped: closes what a late
    /// success has made (clause C11).
    #[doc(hidden)]
    fn discard(self, result: io::Result<u64>)
    where
        Self: Sized,
    {
        drop((self, result));
    }
}
