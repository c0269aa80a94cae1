//! Operations whose buffers the kernel has: who owns what, and when.
//!
//! ```text
//! Operation ─insert▶ slot ─submit▶ kernel ─Completion▶ slot ─▶ waker ─▶ result and buffer
//!                     └─ dropped future: cancel, and the slot keeps the buffer to the end
//! ```
//!
//! Pure state: nothing here makes a system call.

#[allow(unsafe_code)]
pub(crate) mod aligned_buf;
#[allow(unsafe_code)]
pub(crate) mod buf;
#[allow(unsafe_code)]
pub(crate) mod buffer_group;
pub(crate) mod foreign;
#[allow(unsafe_code)]
mod memory;
pub(crate) mod operation;
pub(crate) mod operation_set;
pub(crate) mod pool;
#[allow(unsafe_code)]
pub(crate) mod slot;
#[cfg(all(test, not(loom)))]
pub(crate) mod testing;
