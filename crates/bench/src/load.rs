//! The load: connections that each send a message, wait for its echo, check it, and go on.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mainspring::{Events, Interest, Poller, Token, Trigger};

/// Connections and their loop.
pub(crate) struct Load {
    poller: Poller,
    streams: Vec<Stream>,
    message: Vec<u8>,
}

struct Stream {
    socket: TcpStream,
    received: usize,
}

impl Load {
    /// Connects; the connections stay for as long as the load does.
    pub(crate) fn connect(address: SocketAddr, count: usize, bytes: usize) -> io::Result<Load> {
        let poller = Poller::new()?;
        let mut streams = Vec::with_capacity(count);
        for index in 0..count {
            let socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let token = Token(index as u64);
            poller.registry().add(&socket, token, Interest::READABLE, Trigger::Edge)?;
            streams.push(Stream { socket, received: 0 });
        }
        let message = (0..bytes).map(|byte| byte as u8).collect();
        Ok(Load { poller, streams, message })
    }

    /// Runs for `duration`, lets every message come home, and returns their number.
    pub(crate) fn run(&mut self, duration: Duration) -> io::Result<u64> {
        let end = Instant::now() + duration;
        self.run_while(|_| Instant::now() < end)
    }

    /// Sends at least `count` messages and lets every one come home.
    pub(crate) fn run_messages(&mut self, count: u64) -> io::Result<u64> {
        self.run_while(|messages| messages < count)
    }

    fn run_while(&mut self, more: impl Fn(u64) -> bool) -> io::Result<u64> {
        let mut events = Events::with_capacity(1024);
        let mut messages = 0;
        let mut under_way = 0;
        for stream in &mut self.streams {
            stream.send(&self.message)?;
            under_way += 1;
        }
        while under_way > 0 {
            self.poller.wait(&mut events, Some(Duration::from_secs(10)))?;
            if events.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "an echo did not come back"));
            }
            let more = more(messages);
            for event in &events {
                let stream = &mut self.streams[event.token.0 as usize];
                while stream.receive(&self.message)? {
                    messages += 1;
                    under_way -= 1;
                    if more {
                        stream.send(&self.message)?;
                        under_way += 1;
                    }
                }
            }
        }
        Ok(messages)
    }
}

impl Stream {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sent = self.socket.write(message)?;
        if sent == message.len() {
            Ok(())
        } else {
            Err(io::Error::other("the send buffer does not hold one message"))
        }
    }

    /// Reads what is there; true when a message is complete.
    fn receive(&mut self, message: &[u8]) -> io::Result<bool> {
        let mut buffer = [0; 65536];
        let wanted = message.len() - self.received;
        match self.socket.read(&mut buffer[..wanted]) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(n) => {
                if buffer[..n] != message[self.received..self.received + n] {
                    return Err(io::Error::other("the echo differs from the message"));
                }
                self.received = (self.received + n) % message.len();
                Ok(self.received == 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
