//! What can be registered on Unix: anything with a descriptor.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::source::RawSource;

/// Anything the driver can watch: on Unix whatever implements
/// [`AsFd`](std::os::fd::AsFd).
///
/// ```
/// fn watchable(_: &impl mainspring::AsSource) {}
/// watchable(&std::io::stdin());
/// ```
pub trait AsSource {
    /// The number the kernel knows the source by.
    #[doc(hidden)]
    fn raw_source_number(&self) -> u64;
}

impl<T: AsFd + ?Sized> AsSource for T {
    fn raw_source_number(&self) -> u64 {
        // A borrowed descriptor is never negative.
        u64::from(self.as_fd().as_raw_fd().unsigned_abs())
    }
}

/// A borrowed source: on Unix a descriptor.
pub(crate) type BorrowedSource<'a> = BorrowedFd<'a>;

/// The number of a source, as the backends take it.
pub(crate) fn raw_source(source: &(impl AsSource + ?Sized)) -> RawSource {
    RawSource(source.raw_source_number())
}
