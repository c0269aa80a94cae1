//! io_uring's three system calls, where the crate `io-uring` has no words for what is wanted: a
//! ring known to the kernel by an index, a cancellation that names a request *and* the file it must
//! be of, and what is registered by a thread that has not the ring at hand but its descriptor.
//!
//! - <https://man7.org/linux/man-pages/man2/io_uring_enter.2.html>
//! - <https://man7.org/linux/man-pages/man2/io_uring_register.2.html>

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Also wait, and run the work that was put off until now.
pub(crate) const ENTER_GETEVENTS: u32 = 1;
/// The argument is the structure with the timeout (Linux 5.11).
pub(crate) const ENTER_EXT_ARG: u32 = 1 << 3;
/// The ring is named by its index and not by its descriptor (5.18).
pub(crate) const ENTER_REGISTERED_RING: u32 = 1 << 4;
/// The wait is not accounted as waiting for a disk (6.15).
pub(crate) const ENTER_NO_IOWAIT: u32 = 1 << 7;

/// Every request that matches, and not the first alone (5.19).
pub(crate) const CANCEL_ALL: u32 = 1;
/// Requests of the file that a descriptor names (5.19).
pub(crate) const CANCEL_FD: u32 = 1 << 1;
/// Any request (5.19).
pub(crate) const CANCEL_ANY: u32 = 1 << 2;
/// Requests of this key, asked for beside another criterion (6.6).
pub(crate) const CANCEL_USERDATA: u32 = 1 << 4;

const REGISTER_BUFFERS: u32 = 0;
const UNREGISTER_BUFFERS: u32 = 1;
const REGISTER_BUFFERS_UPDATE: u32 = 16;
const REGISTER_RING_FDS: u32 = 20;
const UNREGISTER_RING_FDS: u32 = 21;
const REGISTER_SYNC_CANCEL: u32 = 24;

/// The kernel's `struct __kernel_timespec`.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// The kernel's `struct io_uring_getevents_arg`.
#[repr(C)]
struct WaitArgument {
    signal_mask: u64,
    signal_mask_size: u32,
    min_wait_us: u32,
    timeout: u64,
}

/// The kernel's `struct io_uring_rsrc_update`.
#[repr(C)]
struct RingIndex {
    index: u32,
    reserved: u32,
    descriptor: u64,
}

/// The kernel's `struct io_uring_sync_cancel_reg`.
#[repr(C)]
struct CancelArgument {
    key: u64,
    descriptor: i32,
    flags: u32,
    timeout: Timespec,
    opcode: u8,
    padding: [u8; 7],
    reserved: [u64; 3],
}

/// The kernel's `struct io_uring_rsrc_update2`.
#[repr(C)]
struct UpdateArgument {
    offset: u32,
    reserved: u32,
    memory: u64,
    tags: u64,
    count: u32,
    reserved_too: u32,
}

const _: () = assert!(size_of::<UpdateArgument>() == 32);
const _: () = assert!(size_of::<WaitArgument>() == 24);
const _: () = assert!(size_of::<RingIndex>() == 16);
const _: () = assert!(size_of::<CancelArgument>() == 64);

/// The longest timeout that is handed to the kernel, a year: it adds the present time to it
/// without a look at the end of its range.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// `io_uring_enter`: hands `to_submit` requests over and waits for `min_complete` completions, at
/// most as long as `timeout`, cut to a year. Returns how many requests were taken.
///
/// # Errors
///
/// `ETIME` if the time was up and nothing had been submitted, `EINTR` likewise, and what the
/// manual lists.
pub(crate) fn enter(
    ring: i32,
    to_submit: u32,
    min_complete: u32,
    flags: u32,
    timeout: Option<Duration>,
) -> io::Result<u32> {
    let Some(timeout) = timeout else {
        // Without the structure the kernel has one thing less to read.
        return enter_with(ring, to_submit, min_complete, flags, None);
    };
    let timeout = timeout.min(TIMEOUT_MAX);
    let timespec = Timespec {
        seconds: timeout.as_secs() as i64,
        nanoseconds: i64::from(timeout.subsec_nanos()),
    };
    let argument = WaitArgument {
        signal_mask: 0,
        signal_mask_size: 0,
        min_wait_us: 0,
        timeout: std::ptr::from_ref(&timespec) as u64,
    };
    enter_with(ring, to_submit, min_complete, flags | ENTER_EXT_ARG, Some(&argument))
}

/// The call. The time that the argument points to lives until it has returned: both are the
/// caller's.
#[inline]
fn enter_with(
    ring: i32,
    to_submit: u32,
    min_complete: u32,
    flags: u32,
    argument: Option<&WaitArgument>,
) -> io::Result<u32> {
    let size = argument.map_or(0, |_| size_of::<WaitArgument>());
    let argument = argument.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the kernel checks the ring's number and reads the argument, if there is one, and the
    // time it points to, which live until the call returns. What the submitted requests name is
    // the business of whoever wrote them into the ring.
    let taken = unsafe {
        libc::syscall(
            libc::SYS_io_uring_enter,
            ring,
            to_submit,
            min_complete,
            flags,
            argument,
            size,
        )
    };
    u32::try_from(taken).map_err(|_| io::Error::last_os_error())
}

/// Makes the ring known to the kernel under an index, which spares it the look into the table of
/// descriptors at each call. The index is good on this thread only.
///
/// # Errors
///
/// `EBUSY` if the thread has as many as it may; what else the manual lists.
pub(crate) fn register_ring(ring: RawFd) -> io::Result<u32> {
    let descriptor = u64::from(ring.unsigned_abs());
    let mut argument = RingIndex { index: u32::MAX, reserved: 0, descriptor };
    register(ring, REGISTER_RING_FDS, &mut argument)?;
    Ok(argument.index)
}

/// Gives the index back; the kernel keeps the ring open for as long as there is one.
///
/// # Errors
///
/// Those that the manual lists.
pub(crate) fn unregister_ring(ring: RawFd, index: u32) -> io::Result<()> {
    register(ring, UNREGISTER_RING_FDS, &mut RingIndex { index, reserved: 0, descriptor: 0 })
}

/// Cancels requests that were submitted, without going through the ring, and returns when they
/// are marked so; their completions come as always.
///
/// # Errors
///
/// `ENOENT` if none matches, `EBADF` if `descriptor` is to be matched and closed, `EINVAL` on a
/// kernel that does not know a flag.
pub(crate) fn cancel(
    ring: RawFd,
    key: u64,
    descriptor: RawFd,
    flags: u32,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let timeout = match timeout {
        Some(timeout) => Timespec {
            seconds: timeout.min(TIMEOUT_MAX).as_secs() as i64,
            nanoseconds: i64::from(timeout.subsec_nanos()),
        },
        None => Timespec { seconds: -1, nanoseconds: -1 },
    };
    let (opcode, padding, reserved) = (0, [0; 7], [0; 3]);
    let mut argument =
        CancelArgument { key, descriptor, flags, timeout, opcode, padding, reserved };
    register(ring, REGISTER_SYNC_CANCEL, &mut argument)
}

/// Makes a ring's table of registered memory, with so many empty places.
///
/// # Errors
///
/// `EEXIST` on a ring that another thread submits to alone; what else the manual lists.
pub(crate) fn register_memory_table(ring: RawFd, places: usize) -> io::Result<()> {
    // A place that names nothing stays empty, since the kernel can change places one by one (5.13).
    let nothing = || libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut table: Vec<libc::iovec> = std::iter::repeat_with(nothing).take(places).collect();
    // SAFETY: the kernel reads as many entries as the table has, which lives until the return.
    unsafe { register_raw(ring, REGISTER_BUFFERS, table.as_mut_ptr().cast(), places) }
}

/// Puts memory into a place of that table, or nothing: the kernel has it in mind and its pages do
/// not move until the place is changed again. It reads and writes none of it by this.
///
/// # Errors
///
/// `ENOMEM` if the process may not lock so much memory; `EFAULT` for memory that is not there;
/// `EEXIST` as above.
pub(crate) fn register_memory(
    ring: RawFd,
    place: u16,
    memory: Option<(*mut u8, usize)>,
) -> io::Result<()> {
    let (start, len) = memory.unwrap_or((std::ptr::null_mut(), 0));
    let entry = libc::iovec { iov_base: start.cast(), iov_len: len };
    let memory = std::ptr::from_ref(&entry) as u64;
    let offset = u32::from(place);
    let mut argument =
        UpdateArgument { offset, reserved: 0, memory, tags: 0, count: 1, reserved_too: 0 };
    let size = size_of::<UpdateArgument>();
    let start = (&raw mut argument).cast();
    // SAFETY: this operation counts bytes; the kernel reads the argument, and the one entry that it
    // points to, which both live until the return.
    unsafe { register_raw(ring, REGISTER_BUFFERS_UPDATE, start, size) }
}

/// Takes the whole table back.
///
/// # Errors
///
/// `ENXIO` if there is none; `EEXIST` as above.
pub(crate) fn unregister_memory_table(ring: RawFd) -> io::Result<()> {
    // SAFETY: this operation has no argument.
    unsafe { register_raw(ring, UNREGISTER_BUFFERS, std::ptr::null_mut(), 0) }
}

/// `io_uring_register` with one structure.
fn register<T>(ring: RawFd, operation: u32, argument: &mut T) -> io::Result<()> {
    let start = (&raw mut *argument).cast();
    // SAFETY: the kernel reads or writes no more than the one structure, of the type that the
    // operation is about, which is borrowed for the call.
    unsafe { register_raw(ring, operation, start, 1) }
}

/// `io_uring_register`.
///
/// # Safety
///
/// The argument is what the operation is about, with `count` of what it counts.
unsafe fn register_raw(
    ring: RawFd,
    operation: u32,
    argument: *mut libc::c_void,
    count: usize,
) -> io::Result<()> {
    // SAFETY: the kernel checks the ring's number; the rest is the caller's part.
    let result =
        unsafe { libc::syscall(libc::SYS_io_uring_register, ring, operation, argument, count) };
    if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
