//! A socket of our own that any thread can make readable, to end a wait for others.
//!
//! `WSAPoll` waits for sockets and nothing else, so it is a connection over the loopback, from the
//! process to itself. TCP and not UDP: what was sent is not lost, and nobody else can send to it.
//! The port that it is made on belongs to it alone while it is made, and a connection that is not
//! ours is not taken.
//!
//! - <https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse>

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use windows_sys::Win32::Networking::WinSock::{
    SO_EXCLUSIVEADDRUSE, SOCKET, SOCKET_ERROR, SOL_SOCKET, setsockopt,
};

/// Readable from [`raise`](Self::raise) to [`lower`](Self::lower).
#[derive(Debug)]
pub(crate) struct Notifier {
    receiver: Socket,
    sender: Socket,
}

/// Connections of others that are turned away at most, while ours is on its way.
const STRANGERS_MAX: usize = 64;

impl Notifier {
    pub(crate) fn new() -> io::Result<Notifier> {
        // Machines may lack the one or the other.
        Notifier::over(Ipv4Addr::LOCALHOST.into())
            .or_else(|error| Notifier::over(Ipv6Addr::LOCALHOST.into()).map_err(|_| error))
    }

    fn over(loopback: IpAddr) -> io::Result<Notifier> {
        let any_port = SocketAddr::new(loopback, 0);
        let open = || Socket::new(Domain::for_address(any_port), Type::STREAM, Some(Protocol::TCP));
        let listener = open()?;
        keep_others_out(&listener)?;
        listener.bind(&any_port.into())?;
        listener.listen(1)?;
        let sender = open()?;
        // Who listens need not accept for this to succeed.
        sender.connect(&listener.local_addr()?)?;
        let ours = sender.local_addr()?;
        for _ in 0..STRANGERS_MAX {
            let (receiver, peer) = listener.accept()?;
            if peer.as_socket() != ours.as_socket() {
                continue;
            }
            for end in [&receiver, &sender] {
                end.set_nonblocking(true)?;
                // Closed without a rest that lingers: there is nobody to wait for.
                end.set_linger(Some(Duration::ZERO))?;
            }
            // A byte is sent at once, also when the one before it has not been acknowledged.
            sender.set_tcp_nodelay(true)?;
            return Ok(Notifier { receiver, sender });
        }
        Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "the connection of this process to itself is taken by others: something on this \
             machine connects to every port",
        ))
    }

    /// The end to wait on.
    pub(crate) fn receiver(&self) -> BorrowedSocket<'_> {
        self.receiver.as_socket()
    }

    /// Makes it readable.
    pub(crate) fn raise(&self) -> io::Result<()> {
        match self.sender.send(&[1]) {
            // Full, hence readable.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes it no longer readable, unless it was raised more often than is sensible, or in this
    /// moment: then some of that is left, and ends the next wait.
    ///
    /// # Errors
    ///
    /// If the connection is broken: somebody has reached into the process, or a filter has.
    pub(crate) fn lower(&self) -> io::Result<()> {
        let mut raised = [MaybeUninit::uninit(); 512];
        match self.receiver.recv(&mut raised) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the connection by which this queue is woken was closed by somebody else",
            )),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// Nobody else binds the address, whatever options they set.
fn keep_others_out(listener: &Socket) -> io::Result<()> {
    let socket = listener.as_raw_socket() as SOCKET;
    let on = 1_i32;
    let start = (&raw const on).cast();
    // SAFETY: the system reads one number where the pointer leads.
    let result = unsafe {
        setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, start, size_of::<i32>() as i32)
    };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{IN, Polled, wait_ms};

    /// A moment for the byte to come through the loopback, if there is one.
    const MOMENT: Duration = Duration::from_millis(50);

    fn is_raised(notifier: &Notifier, wait: Duration) -> bool {
        let mut lines = [Polled::own(notifier.receiver(), IN)];
        wait_ms(&mut lines, Some(wait)).unwrap() == 1
    }

    #[test]
    fn a_notifier_is_readable_between_raise_and_lower() {
        let v6 = Notifier::over(Ipv6Addr::LOCALHOST.into()).ok();
        for notifier in [Some(Notifier::new().unwrap()), v6].into_iter().flatten() {
            for _ in 0..3 {
                assert!(!is_raised(&notifier, Duration::ZERO));
                notifier.raise().unwrap();
                assert!(is_raised(&notifier, Duration::from_secs(10)));
                notifier.lower().unwrap();
            }
            notifier.lower().unwrap();
            assert!(!is_raised(&notifier, MOMENT), "lowering what is low does nothing");
        }
    }

    #[test]
    fn a_full_notifier_is_raised_without_an_error_and_without_waiting() {
        let notifier = Notifier::new().unwrap();
        while notifier.sender.send(&[0; 4096]).is_ok() {}
        notifier.raise().unwrap();
        assert!(is_raised(&notifier, Duration::from_secs(10)));
    }

    /// It would be readable for good, and whoever waits would spin.
    #[test]
    fn c13_a_broken_connection_is_an_error() {
        let notifier = Notifier::new().unwrap();
        notifier.sender.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(is_raised(&notifier, Duration::from_secs(10)));
        let error = notifier.lower().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
