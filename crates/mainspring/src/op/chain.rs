//! Operations one after the other.

use crate::driver::{Chain, Chained, Handle};

/// Two to eight operations in order, each begun only if the one before has succeeded, and all
/// handed to the kernel at once where it can do that: nobody is woken in between.
///
/// What breaks a chain:
///
/// - an error;
/// - a send or a write that could not move the whole buffer (in a chain, a send goes on until it
///   has), and a read of a file that found less than there is room for. A receive takes what has
///   come, and breaks nothing.
///
/// The operations are on objects of one driver; those that are on none go to that one, too.
///
/// ```
/// use mainspring::{is_chain_broken, net::UnixStream, op};
/// use std::net::Shutdown;
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     let all = op::chain((op::send(&a, "the last"), op::shutdown(&a, Shutdown::Write)));
///     let ((sent, _), shut) = all.await;
///     assert_eq!((sent?, shut?), (8, ()));
///
///     let late = op::chain((op::send(&a, "too late"), op::send(&b, "not even begun")));
///     let ((failed, _), (broken, buffer)) = late.await;
///     assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
///     assert!(is_chain_broken(&broken.unwrap_err()));
///     assert_eq!(buffer, "not even begun");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Each operation's own, in its result; `InvalidInput` for one on an object of another driver.
///
/// # Cancel safety
///
/// That of the operations: see [`Chain`].
pub fn chain<T: Chained>(operations: T) -> Chain<T::Links> {
    operations.link(None)
}

impl Handle {
    /// Submits a [chain](chain) of operations to this driver, when the future is first polled.
    ///
    /// # Errors
    ///
    /// Those of [`chain`]; `InvalidInput` in the result of each operation whose object is another
    /// driver's.
    pub fn submit_chain<T: Chained>(&self, operations: T) -> Chain<T::Links> {
        operations.link(Some(self))
    }
}
