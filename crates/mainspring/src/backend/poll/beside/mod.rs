//! Operations with the kernel beside the wait: on Windows a completion port brings their ends,
//! which `WSAPoll` cannot wait for. Where poll(2) is, there are none.

#[cfg(unix)]
mod nothing;
#[cfg(windows)]
mod port;

#[cfg(unix)]
pub(super) use nothing::Beside;
#[cfg(windows)]
pub(super) use port::Beside;
