//! Sockets of Windows' own kernel.
//!
//! There are no pairs of sockets, so two ends of a TCP connection over the loopback stand in for
//! them; and no way to ask for a number, so a duplicate is made until it has the right one. The
//! number of a handle that was just closed is the next to be given out, as long as no other thread
//! takes it: the suite runs on one thread here.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket};
use std::time::Duration;

use mainspring::AsSource;
use socket2::{Domain, Type};

pub(crate) type Address = SocketAddr;

/// Any non-blocking socket.
#[derive(Debug)]
pub(crate) struct Socket(Option<socket2::Socket>);

/// Duplicates that are made at most in search of a number.
const ATTEMPTS_MAX: usize = 256;

/// Numbers that are freed below one that is to be given out again: more than a test and the queue
/// open in the meantime.
const FREE_BELOW: usize = 8;

impl AsSocket for Socket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.open().as_socket()
    }
}

pub(crate) fn pair() -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let a = std::net::TcpStream::connect(address).expect("a listener");
    let (b, _) = listener.accept().expect("a connection");
    for end in [&a, &b] {
        end.set_nonblocking(true).expect("non-blocking");
        end.set_nodelay(true).expect("TCP");
    }
    (Socket(Some(a.into())), Socket(Some(b.into())))
}

pub(crate) fn tcp_listener() -> (Socket, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    (Socket(Some(listener.into())), address)
}

pub(crate) fn tcp_connect(address: &SocketAddr) -> Socket {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("non-blocking");
    match socket.connect(&(*address).into()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // Loopback may know the answer at once; the socket tells it again as an event.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) => panic!("connecting: {error}"),
    }
    Socket(Some(socket))
}

impl Socket {
    fn open(&self) -> &socket2::Socket {
        self.0.as_ref().expect("only `duplicate_onto` closes it, and opens it again")
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.open().read(buffer)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.open().write(bytes)
    }

    pub(crate) fn shut(&self, how: Shutdown) {
        self.open().shutdown(how).expect("a connected socket");
    }

    pub(crate) fn reset(self) {
        self.open().set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        let (socket, _) = self.open().accept()?;
        socket.set_nonblocking(true)?;
        Ok(Socket(Some(socket)))
    }

    /// Sends one byte of urgent data.
    pub(crate) fn put_urgent(&self, byte: u8) {
        assert_eq!(self.open().send_out_of_band(&[byte]).expect("room to send"), 1);
    }

    /// Takes the urgent byte.
    pub(crate) fn receive_urgent(&self) -> Option<u8> {
        let mut byte = [MaybeUninit::new(0)];
        let count = self.open().recv_out_of_band(&mut byte).ok()?;
        // SAFETY: it was initialised above, and the call writes initialised bytes.
        (count == 1).then_some(unsafe { byte[0].assume_init() })
    }

    /// A number with free ones below it: a duplication opens two handles, closes the first, and
    /// could else never get the lowest number.
    pub(crate) fn apart(self) -> Socket {
        let below: Vec<Socket> = (0..FREE_BELOW).map(|_| self.duplicate()).collect();
        let apart = self.duplicate();
        drop(below);
        apart
    }

    pub(crate) fn duplicate(&self) -> Socket {
        Socket(Some(self.open().try_clone().expect("one more handle")))
    }

    pub(crate) fn duplicate_at(&self, number: u64) -> Socket {
        let mut others = Vec::new();
        for _ in 0..ATTEMPTS_MAX {
            let duplicate = self.duplicate();
            if duplicate.open().raw_source_number() == number {
                return duplicate;
            }
            others.push(duplicate);
        }
        let got: Vec<_> = others.iter().map(|other| other.open().as_raw_socket()).collect();
        panic!("no duplicate got the number {number}, which somebody else has: {got:?}");
    }

    pub(crate) fn duplicate_onto(&self, onto: &mut Socket) {
        let number = onto.open().raw_source_number();
        onto.0 = None;
        *onto = self.duplicate_at(number);
    }
}
