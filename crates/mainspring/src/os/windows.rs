//! Windows: handles of all sorts, and named pipes.
//!
//! A socket is served by readiness, like everywhere. What else a handle may name, [`classify`]
//! tells, and how it can be served: pipes and files that were opened for overlapped calls by
//! operations of the kernel's, with [`OverlappedHandle`] and [`named_pipe`]; events, processes and
//! timers by their signal, with [`Waitable`]; a console's input with [`ConsoleInput`]. [`register`]
//! takes any of them.

mod console_input;
pub mod named_pipe;
mod overlapped_handle;
mod registered;
mod waitable;

use std::io;
use std::os::windows::io::AsHandle;

pub use crate::op::handle::{FlushHandle, ListenPipe, Portion, ReadHandle, WriteHandle};
pub use crate::sys::console_input::{ConsoleEvent, KeyInput, MouseInput};
pub use crate::sys::handle::{IoModel, SourceKind};
pub use console_input::ConsoleInput;
pub use overlapped_handle::OverlappedHandle;
pub use registered::{Registered, register};
pub use waitable::Waitable;

use crate::sys::handle;

/// What a handle names, and how a driver can serve it.
///
/// ```
/// use mainspring::os::windows::{IoModel, SourceKind, classify};
/// let file = std::fs::File::open(std::env::current_exe()?)?;
/// assert_eq!(classify(&file)?, (SourceKind::File, IoModel::Blocking));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `Unsupported` if a driver can serve it in no way.
pub fn classify(handle: &impl AsHandle) -> io::Result<(SourceKind, IoModel)> {
    let handle = handle.as_handle();
    let kind = handle::kind_of(handle);
    match handle::model_of(handle, kind) {
        Some(model) => Ok((kind, model)),
        None if handle::is_mutex(handle) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a mutex belongs to the thread that has waited for it, and a driver would wait on one \
             of the system's: wait for it on the thread that is to have it",
        )),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this handle names no socket, pipe, file or console, and nothing that is signalled: no \
             driver can wait for it; use it on a thread that may block",
        )),
    }
}
