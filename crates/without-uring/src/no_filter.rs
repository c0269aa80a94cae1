//! Systems without seccomp have no io_uring to hide, either.

use std::io;

use super::Errno;

pub(crate) fn install(errno: Errno) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("io_uring can be made to answer {errno} on Linux only"),
    ))
}
