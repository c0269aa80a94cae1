//! Ending a direction of a connection.

use std::io;
use std::net;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::source::RawSource;
use crate::sys::socket;

use super::source::Stream;

/// Ends one direction of a connection, or both.
#[derive(Debug)]
pub struct Shutdown {
    source: RawSource,
    how: net::Shutdown,
}

/// Ends one direction of a connection, or both: what was sent still arrives, and then the peer
/// reads the end.
///
/// ```
/// use mainspring::{net::UnixStream, op};
/// use std::net::Shutdown;
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     op::shutdown(&a, Shutdown::Write).await?;
///     assert_eq!(op::recv(&b, [0; 8]).await.0?, 0, "the end");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `NotConnected` if there is no connection any more; `QuotaExceeded` at the limit of operations;
/// shutdown of the driver.
///
/// # Cancel safety
///
/// A dropped future may have ended the direction.
pub fn shutdown<S: Stream + ?Sized>(of: &S, how: net::Shutdown) -> Prepared<'_, Shutdown> {
    let target = of.target();
    target.prepare(Shutdown { source: target.source(), how })
}

impl Operation for Shutdown {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Shutdown { source: self.source, how: socket::shutdown_number(self.how) }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Shutdown {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let done = match subject {
            Subject::Socket(socket) => socket.shutdown(self.how),
            _ => wrong_subject(),
        };
        Attempt::Completed(done.map(|()| 0))
    }
}
