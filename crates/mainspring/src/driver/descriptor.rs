//! An `Async` of something with a descriptor has one too.

use std::os::fd::{AsFd, BorrowedFd};

use super::owned::Async;

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}
