//! Taking connections until told to stop.

use std::collections::VecDeque;
use std::io;

use crate::completion::operation::{AfterPart, Operation, Part, RawOperation};
use crate::socket::{Socket, World};
use crate::source::RawSource;
use crate::sync::{Arc, Mutex};

/// Takes connections as they come.
pub(crate) struct AcceptMulti {
    source: RawSource,
    world: World,
    connections: Arc<Connections>,
    /// As many that nobody took are enough.
    limit: usize,
    stopping: bool,
}

/// Connections that were accepted and nobody took yet. Dropping it closes them.
pub(crate) struct Connections(Mutex<Queue>);

struct Queue {
    sockets: VecDeque<Socket>,
    closed: bool,
}

impl Connections {
    pub(crate) fn new() -> Connections {
        Connections(Mutex::new(Queue { sockets: VecDeque::new(), closed: false }))
    }

    /// The one that came first.
    pub(crate) fn take(&self) -> Option<Socket> {
        self.0.lock().sockets.pop_front()
    }

    /// Nobody takes any more: those that are here are closed, and those that still come.
    pub(crate) fn close(&self) {
        let left = {
            let mut queue = self.0.lock();
            queue.closed = true;
            std::mem::take(&mut queue.sockets)
        };
        // Closed outside the lock.
        drop(left);
    }

    /// The number of those that are here now; the socket comes back if nobody takes it.
    fn append(&self, socket: Socket) -> Result<usize, Socket> {
        let mut queue = self.0.lock();
        if queue.closed {
            return Err(socket);
        }
        queue.sockets.push_back(socket);
        Ok(queue.sockets.len())
    }
}

impl AcceptMulti {
    pub(crate) fn new(
        listener: &Socket,
        connections: Arc<Connections>,
        limit: usize,
    ) -> AcceptMulti {
        let (source, world) = (listener.raw_source(), listener.world());
        AcceptMulti { source, world, connections, limit, stopping: false }
    }

    /// A connection was accepted: how many are there now. One that comes too late is closed.
    fn accepted(&self, number: u64) -> usize {
        let socket = self.world.accepted(number);
        socket.map_or(0, |socket| self.connections.append(socket).unwrap_or(0))
    }
}

impl Operation for AcceptMulti {
    type Output = io::Result<u64>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::AcceptMulti { source: self.source }
    }

    fn part(&mut self, part: Part) -> AfterPart {
        let Ok(number) = part.result else { return AfterPart::Nothing };
        match self.accepted(number) {
            0 => AfterPart::Nothing,
            held if held >= self.limit && !self.stopping => {
                self.stopping = true;
                AfterPart::Stop
            }
            _ => AfterPart::Wake,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<u64> {
        if let Ok(number) = result {
            // The last completion brings a connection too, or it would be an error.
            self.accepted(number);
        }
        result
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        if let Ok(number) = result {
            // Nobody takes it, so this closes it (clause C11).
            self.accepted(number);
        }
    }
}
