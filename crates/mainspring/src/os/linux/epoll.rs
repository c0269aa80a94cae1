//! epoll's own flags, for what the portable interests cannot say.
//!
//! `EPOLLEXCLUSIVE` is why this is here: of several queues that watch one source, such as a
//! listener that several processes accept from, the kernel then wakes one or a few and not all.

use std::io;

use crate::poller::Registry;
use crate::sys::AsSource;
use crate::token::Token;

/// Flags of one epoll registration, by the kernel's bits.
///
/// ```
/// use mainspring::os::linux::EpollFlags;
/// let flags = EpollFlags::IN | EpollFlags::EXCLUSIVE;
/// assert_eq!(flags.bits(), 0x1000_0001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpollFlags(u32);

impl EpollFlags {
    /// `EPOLLIN`: readable.
    pub const IN: EpollFlags = EpollFlags(0x1);
    /// `EPOLLPRI`: an exceptional condition, such as urgent data or an edge of a GPIO line.
    pub const PRI: EpollFlags = EpollFlags(0x2);
    /// `EPOLLOUT`: writable.
    pub const OUT: EpollFlags = EpollFlags(0x4);
    /// `EPOLLRDHUP`: the peer shut down its writing half.
    pub const RDHUP: EpollFlags = EpollFlags(0x2000);
    /// `EPOLLEXCLUSIVE`: do not wake every queue that watches the source. Linux 4.5.
    pub const EXCLUSIVE: EpollFlags = EpollFlags(1 << 28);
    /// `EPOLLWAKEUP`: keep the machine from suspending while the event is handled.
    pub const WAKEUP: EpollFlags = EpollFlags(1 << 29);
    /// `EPOLLONESHOT`: one report, then silence until the source is modified.
    pub const ONESHOT: EpollFlags = EpollFlags(1 << 30);
    /// `EPOLLET`: edge-triggered.
    pub const ET: EpollFlags = EpollFlags(1 << 31);

    /// Any bits, those a later kernel may have included.
    #[must_use]
    pub const fn from_bits(bits: u32) -> EpollFlags {
        EpollFlags(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    const fn has(self, other: EpollFlags) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for EpollFlags {
    type Output = EpollFlags;

    fn bitor(self, other: EpollFlags) -> EpollFlags {
        EpollFlags(self.0 | other.0)
    }
}

/// Registration with epoll's own flags.
///
/// ```
/// use mainspring::os::linux::{EpollFlags, EpollRegistry};
/// use mainspring::{Choice, Kind, Poller, Token};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// let poller = Poller::open(&Choice::Exactly(Kind::Epoll))?;
/// let flags = EpollFlags::IN | EpollFlags::EXCLUSIVE;
/// poller.registry().add_with_epoll_flags(&listener, Token(0), flags)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait EpollRegistry {
    /// Starts to report `source` under `token`, with these flags and no others.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for `EXCLUSIVE` beside `PRI`, `RDHUP` or `ONESHOT`, which the kernel does not
    /// allow; `Unsupported` if the queue is not epoll's; otherwise those of
    /// [`Registry::add`](crate::Registry::add). A source added with `EXCLUSIVE` cannot be modified:
    /// remove it and add it again.
    fn add_with_epoll_flags(
        &self,
        source: &(impl AsSource + ?Sized),
        token: Token,
        flags: EpollFlags,
    ) -> io::Result<()>;
}

impl EpollRegistry for Registry {
    fn add_with_epoll_flags(
        &self,
        source: &(impl AsSource + ?Sized),
        token: Token,
        flags: EpollFlags,
    ) -> io::Result<()> {
        let beside = EpollFlags::PRI | EpollFlags::RDHUP | EpollFlags::ONESHOT;
        if flags.has(EpollFlags::EXCLUSIVE) && flags.has(beside) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "EPOLLEXCLUSIVE goes with IN, OUT, ET and WAKEUP only: leave out PRI, RDHUP and \
                 ONESHOT, or leave out EXCLUSIVE",
            ));
        }
        self.add_with_flags(source, token, flags.bits())
    }
}

#[cfg(test)]
mod tests;
