//! An `Async` of something with a socket has one too.

use std::os::windows::io::{AsSocket, BorrowedSocket};

use super::owned::Async;

impl<T: AsSocket> AsSocket for Async<T> {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.get_ref().as_socket()
    }
}
