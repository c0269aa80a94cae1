//! Sockets of the machine's own kernel.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(crate) type Address = SocketAddr;

/// Any non-blocking socket.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

/// Where the numbers that belong to one test end, at most. A table of descriptors is as long as its
/// greatest number, so it is not the limit of a machine that has none.
const APART_END: u64 = 1 << 16;

/// The number after the next that belongs to one test: each is given out once in a run, from the
/// top down, and the kernel gives out the lowest.
static APART: LazyLock<AtomicI32> = LazyLock::new(|| {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
    AtomicI32::new(limit.maximum.unwrap_or(APART_END).min(APART_END) as i32)
});

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(crate) fn pair() -> (Socket, Socket) {
    let (a, b) = UnixStream::pair().expect("a pair of sockets");
    a.set_nonblocking(true).expect("non-blocking");
    b.set_nonblocking(true).expect("non-blocking");
    (Socket(a.into()), Socket(b.into()))
}

pub(crate) fn tcp_listener() -> (Socket, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    (Socket(listener.into()), address)
}

pub(crate) fn tcp_connect(address: &SocketAddr) -> Socket {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .expect("a socket");
    match rustix::net::connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS) => Socket(socket),
        // Loopback may know the answer at once; the socket tells it again as an event.
        Err(Errno::CONNREFUSED) => Socket(socket),
        Err(error) => panic!("connecting: {error}"),
    }
}

impl Socket {
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, buffer)?)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    pub(crate) fn shut(&self, how: Shutdown) {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        rustix::net::shutdown(&self.0, how).expect("a connected socket");
    }

    pub(crate) fn reset(self) {
        sockopt::set_socket_linger(&self.0, Some(Duration::ZERO)).expect("a TCP socket");
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        Ok(Socket(rustix::net::accept_with(&self.0, flags)?))
    }

    /// Sends one byte of urgent data.
    pub(crate) fn put_urgent(&self, byte: u8) {
        let sent = rustix::net::send(&self.0, &[byte], rustix::net::SendFlags::OOB);
        assert_eq!(sent.expect("room to send"), 1);
    }

    /// Takes the byte of urgent data, if there is one.
    pub(crate) fn receive_urgent(&self) -> Option<u8> {
        let mut byte = [0; 1];
        let flags = rustix::net::RecvFlags::OOB;
        let (count, _) = rustix::net::recv(&self.0, &mut byte, flags).ok()?;
        (count == 1).then_some(byte[0])
    }

    pub(crate) fn apart(self) -> Socket {
        let number = APART.fetch_sub(1, Ordering::Relaxed) - 1;
        let apart = self.at_least(number);
        assert_eq!(apart.as_raw_fd(), number, "the other tests opened more than the limit allows");
        Socket(apart)
    }

    pub(crate) fn duplicate(&self) -> Socket {
        LazyLock::force(&APART);
        Socket(self.at_least(0))
    }

    pub(crate) fn duplicate_at(&self, number: u64) -> Socket {
        Socket(self.at_least(RawFd::try_from(number).expect("a descriptor")))
    }

    fn at_least(&self, number: RawFd) -> OwnedFd {
        rustix::io::fcntl_dupfd_cloexec(&self.0, number).unwrap_or_else(|error| {
            panic!("no descriptor from {number} on: raise the limit with ulimit -n ({error})")
        })
    }

    pub(crate) fn duplicate_onto(&self, onto: &mut Socket) {
        rustix::io::dup2(&self.0, &mut onto.0).expect("two open descriptors");
    }
}
