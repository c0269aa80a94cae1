//! A hand-written loop: epoll, edge-triggered, one read and one write a message, nothing else.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

const LISTENER: u64 = u64::MAX;

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(LISTENER);
    epoll::add(&queue, &listener, data, epoll::EventFlags::IN)?;
    let mut streams: Vec<Option<OwnedFd>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let mut buffer = [0; super::BUFFER];
    loop {
        events.clear();
        epoll::wait(&queue, spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data.u64();
            if data == LISTENER {
                accept(&queue, &listener, &mut streams)?;
            } else if !echo(streams[data as usize].as_ref(), &mut buffer) {
                streams[data as usize] = None;
            }
        }
    }
}

fn accept(
    queue: &OwnedFd,
    listener: &TcpListener,
    streams: &mut Vec<Option<OwnedFd>>,
) -> io::Result<()> {
    let stream = rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    rustix::net::sockopt::set_tcp_nodelay(&stream, true)?;
    let number = stream.as_raw_fd() as usize;
    let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
    epoll::add(queue, &stream, epoll::EventData::new_u64(number as u64), flags)?;
    if streams.len() <= number {
        streams.resize_with(number + 1, || None);
    }
    streams[number] = Some(stream);
    Ok(())
}

/// False when the connection has ended.
fn echo(stream: Option<&OwnedFd>, buffer: &mut [u8]) -> bool {
    let Some(stream) = stream else { return false };
    loop {
        match rustix::net::recv(stream, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return false,
            Ok((n, _)) => {
                if rustix::net::send(stream, &buffer[..n], SendFlags::NOSIGNAL) != Ok(n) {
                    return false;
                }
                if n < buffer.len() {
                    return true;
                }
            }
            Err(Errno::AGAIN) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
