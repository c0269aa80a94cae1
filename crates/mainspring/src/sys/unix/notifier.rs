//! A descriptor of our own that any thread can make readable, to end a wait for others.
//!
//! An eventfd where there is one, else a pipe: sandboxes may lack the first, and most systems have
//! only the second.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

/// Readable from [`raise`](Self::raise) to [`lower`](Self::lower).
#[derive(Debug)]
pub(crate) struct Notifier {
    receiver: OwnedFd,
    /// `None` for an eventfd, which is both ends in one.
    sender: Option<OwnedFd>,
}

impl Notifier {
    pub(crate) fn new() -> io::Result<Notifier> {
        match eventfd() {
            Ok(receiver) => Ok(Notifier { receiver, sender: None }),
            // Not known here, or kept from us: a pipe does the same with two descriptors.
            Err(Errno::NOSYS | Errno::PERM) => Notifier::piped(),
            Err(error) => Err(error.into()),
        }
    }

    /// On a pipe.
    fn piped() -> io::Result<Notifier> {
        let (receiver, sender) = pipe()?;
        Ok(Notifier { receiver, sender: Some(sender) })
    }

    /// The end to wait on.
    pub(crate) fn receiver(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }

    /// Makes it readable.
    pub(crate) fn raise(&self) -> io::Result<()> {
        let sender = self.sender.as_ref().unwrap_or(&self.receiver);
        loop {
            // Eight bytes are what an eventfd takes; a pipe takes any.
            match rustix::io::write(sender, &1_u64.to_ne_bytes()) {
                // AGAIN: full, hence readable.
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes it no longer readable, unless it was raised more often than is sensible: then some of
    /// that is left, and ends the next wait.
    ///
    /// # Errors
    ///
    /// None here: both ends are ours.
    pub(crate) fn lower(&self) -> io::Result<()> {
        let mut raised = [0_u8; 512];
        // An error means that there is nothing in it, or a signal came: the next wait sees.
        let _ = rustix::io::read(&self.receiver, &mut raised);
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn eventfd() -> Result<OwnedFd, Errno> {
    use rustix::event::EventfdFlags;
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn eventfd() -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

#[cfg(not(target_vendor = "apple"))]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pipe::PipeFlags;
    Ok(rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// Apple's systems set the flags in calls of their own: a program started by another thread in
/// between inherits the pipe.
#[cfg(target_vendor = "apple")]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (receiver, sender) = rustix::pipe::pipe()?;
    for end in [&receiver, &sender] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(end, rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok((receiver, sender))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::poll::{IN, Polled, wait_ms};

    fn is_raised(notifier: &Notifier) -> bool {
        let mut lines = [Polled::own(notifier.receiver(), IN)];
        wait_ms(&mut lines, Some(Duration::ZERO)).unwrap() == 1
    }

    #[test]
    fn a_notifier_is_readable_between_raise_and_lower() {
        for notifier in [Notifier::new().unwrap(), Notifier::piped().unwrap()] {
            for times in [1, 3] {
                assert!(!is_raised(&notifier));
                for _ in 0..times {
                    notifier.raise().unwrap();
                }
                assert!(is_raised(&notifier));
                notifier.lower().unwrap();
            }
            notifier.lower().unwrap();
            assert!(!is_raised(&notifier), "lowering what is low does nothing, and at once");
        }
    }

    #[test]
    fn a_full_notifier_is_raised_without_an_error_and_without_waiting() {
        let notifier = Notifier::piped().unwrap();
        let sender = notifier.sender.as_ref().unwrap();
        while rustix::io::write(sender, &[0; 4096]).is_ok() {}
        notifier.raise().unwrap();
        let notifier = Notifier::new().unwrap();
        if notifier.sender.is_none() {
            rustix::io::write(&notifier.receiver, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        }
        notifier.raise().unwrap();
        assert!(is_raised(&notifier));
    }
}
