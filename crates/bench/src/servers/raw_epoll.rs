//! A hand-written loop: epoll, edge-triggered, one read and one write a message, nothing else.

use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: OwnedFd,
    buffer: Vec<u8>,
    /// What was read and not yet sent.
    unsent: Range<usize>,
}

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(LISTENER);
    epoll::add(&queue, &listener, data, epoll::EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&queue, spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data.u64();
            if data == LISTENER {
                accept(&queue, &listener, &mut connections)?;
                continue;
            }
            let place = &mut connections[data as usize];
            if place.as_mut().is_some_and(|connection| !echo(connection)) {
                *place = None;
            }
        }
    }
}

fn accept(
    queue: &OwnedFd,
    listener: &TcpListener,
    connections: &mut Vec<Option<Connection>>,
) -> io::Result<()> {
    let stream = rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    rustix::net::sockopt::set_tcp_nodelay(&stream, true)?;
    let number = stream.as_raw_fd() as usize;
    let edges = epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
    let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | edges;
    epoll::add(queue, &stream, epoll::EventData::new_u64(number as u64), flags)?;
    if connections.len() <= number {
        connections.resize_with(number + 1, || None);
    }
    let buffer = vec![0; super::BUFFER];
    connections[number] = Some(Connection { stream, buffer, unsent: 0..0 });
    Ok(())
}

/// Sends what is left, then reads and sends until either would block; false at the end.
fn echo(Connection { stream, buffer, unsent }: &mut Connection) -> bool {
    let mut more = true;
    loop {
        while unsent.start < unsent.end {
            match rustix::net::send(&*stream, &buffer[unsent.clone()], SendFlags::NOSIGNAL) {
                Ok(n) => unsent.start += n,
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        if !more {
            return true;
        }
        match rustix::net::recv(&*stream, &mut **buffer, RecvFlags::empty()) {
            Ok((0, _)) => return false,
            Ok((n, _)) => {
                *unsent = 0..n;
                // With edges, a short read is the last for now.
                more = n == buffer.len();
            }
            Err(Errno::AGAIN) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
