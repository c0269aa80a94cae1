//! Connections over the loopback, and a loop around a driver's turn that is written by hand.

use std::future::Future;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::AsyncWriteExt;
use mainspring::Driver;
use mainspring::net;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Two connected sockets of the standard library.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let near = TcpStream::connect(address).expect("a connection");
    let (far, _) = listener.accept().expect("a connection");
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("an option");
        stream.set_nonblocking(true).expect("an option");
    }
    (near, far)
}

/// The same, registered with the current driver.
pub(crate) fn registered_pair() -> (net::TcpStream, net::TcpStream) {
    let (near, far) = pair();
    let registered = |stream| net::TcpStream::from_std(stream).expect("a driver");
    (registered(near), registered(far))
}

/// Sends back what comes, with one read and one write a message.
pub(crate) async fn echo(mut stream: net::TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Waits until there is something to read, the end too, without a driver: what was sent on the
/// loopback has not always come when the call that sent it returns.
#[track_caller]
pub(crate) fn arrived(source: &impl AsFd) {
    let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
    let mut sources = [PollFd::new(source, PollFlags::IN)];
    assert_eq!(poll(&mut sources, Some(&limit)).expect("a poll"), 1, "nothing came");
}

/// Reads one message.
#[track_caller]
pub(crate) fn read_message(mut stream: &TcpStream, expected: &[u8]) {
    arrived(stream);
    let mut buffer = [0; 256];
    let count = stream.read(&mut buffer).expect("a message that has come");
    assert_eq!(&buffer[..count], expected);
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Flag>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Turns the driver until the future is done.
#[track_caller]
pub(crate) fn drive<F: Future>(driver: &mut Driver, future: F) -> F::Output {
    let mut future = pin!(future);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !flag.0.swap(false, Ordering::Acquire) {
            driver.turn(None).expect("a queue that works");
        }
    }
}
