//! Any handle, in the way that fits it.

use std::io;
use std::os::windows::io::{OwnedHandle, OwnedSocket};

use crate::driver::{Async, Handle};
use crate::sys::handle;

use super::{ConsoleInput, IoModel, OverlappedHandle, SourceKind, Waitable, classify};

/// A handle in a driver, as what [`classify`] has found it to be; made by [`register`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Registered {
    /// A socket, in non-blocking mode: readiness.
    Socket(Async<OwnedSocket>),
    /// A pipe or a file that was opened for overlapped calls.
    Overlapped(OverlappedHandle),
    /// An event, a process, a timer …
    Waitable(Waitable),
    /// A console's input.
    Console(ConsoleInput),
}

/// Registers a handle with the driver of `driver`, whatever it names.
///
/// ```
/// use mainspring::os::windows::{Registered, register};
/// let driver = mainspring::Driver::new()?;
/// let thread = std::thread::spawn(|| {});
/// assert!(matches!(register(&driver.handle(), thread.into())?, Registered::Waitable(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `InvalidInput` with what to do instead if its calls block whoever makes them; `Unsupported` if
/// no driver can wait for it, or this one's backend cannot; those of the type that it would be.
#[track_caller]
pub fn register(driver: &Handle, handle: OwnedHandle) -> io::Result<Registered> {
    let (kind, model) = classify(&handle)?;
    match model {
        IoModel::Readiness => {
            let socket = handle::into_socket(handle);
            Async::with_handle(driver, socket).map(Registered::Socket)
        }
        IoModel::Overlapped => {
            OverlappedHandle::with_handle(driver, handle).map(Registered::Overlapped)
        }
        IoModel::Waitable if kind == SourceKind::Console => {
            ConsoleInput::with_handle(driver, handle).map(Registered::Console)
        }
        IoModel::Waitable => Waitable::with_handle(driver, handle).map(Registered::Waitable),
        IoModel::Blocking => Err(blocks(kind)),
    }
}

fn blocks(kind: SourceKind) -> io::Error {
    let remedy = match kind {
        SourceKind::Console => "write to it on a pool of threads",
        _ => "open it with FILE_FLAG_OVERLAPPED, or use it on a pool of threads",
    };
    let text = format!("calls on this handle ({kind:?}) block, and no driver is told: {remedy}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
