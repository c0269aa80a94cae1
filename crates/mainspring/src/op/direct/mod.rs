//! Direct descriptors: connections and files without a number in the process.
//!
//! Each stands for a place in a [table](crate::DirectDescriptors) of the kernel's, or, where the
//! kernel has none, for an ordinary descriptor behind the same type.

mod accept;
mod accept_multi;
mod close;
mod close_file;
mod file;
mod open;
mod stream;

use std::io;

use crate::sys::socket::has_no_place;

pub use accept::AcceptDirect;
pub use accept_multi::AcceptDirectMulti;
pub use close::CloseDirect;
pub use close_file::CloseDirectFile;
pub use file::DirectFile;
pub use open::OpenDirect;
pub use stream::DirectStream;

/// What the kernel means when it finds no place although one was promised: its table could not be
/// made, because it has to be smaller than the limit of open files or there was no memory.
fn explain(error: io::Error) -> io::Error {
    if !has_no_place(&error) {
        return error;
    }
    io::Error::new(
        io::ErrorKind::QuotaExceeded,
        format!(
            "the kernel has no place for a direct descriptor ({error}): raise the limit of open \
             files (ulimit -n), to which its table is bound, or use an ordinary descriptor"
        ),
    )
}
