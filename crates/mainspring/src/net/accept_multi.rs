//! Connections that the kernel takes without being asked each time.
//!
//! Where the kernel carries operations out, one that accepts again and again is handed to it, and
//! what it accepts waits here until it is asked for. Elsewhere a listener's connections are taken
//! as they are asked for, as by its `incoming`.
//!
//! A kernel that goes on accepting for a program that is busy only moves the queue: so at a limit
//! the operation is cancelled, and begun anew when all were taken. What was accepted before the
//! kernel heard of the cancel is not lost, and comes on top. The other end's address is asked for
//! when a connection is taken: one operation has but one place for addresses.
//!
//! A shortage of descriptors ends the operation; it is begun again after a pause, as in
//! [`acceptor`](super::acceptor).

use std::fmt;
use std::io;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use crate::driver::{Running, budget};
use crate::error;
use crate::op::accept_multi::{AcceptMulti, Connections};
use crate::sync::Arc;

use super::acceptor::{Accepted, Acceptor};
use super::deadline::Pause;

/// Connections that may wait here, unless the caller says otherwise: about as many as one turn of a
/// busy server brings.
const LIMIT: usize = 64;

/// What `AcceptMulti` of each family is made of.
pub(crate) struct Accepting<'a> {
    acceptor: &'a Acceptor,
    connections: Arc<Connections>,
    limit: usize,
    state: State,
    pause: Pause,
    location: &'static Location<'static>,
}

enum State {
    /// Nothing was asked of the kernel.
    Idle,
    /// The kernel accepts; whether it was asked since the last poll.
    Running { running: Running<AcceptMulti>, fresh: bool },
    /// The kernel is to stop.
    Stopping(Running<AcceptMulti>),
    /// Connections are taken here.
    Here,
    /// It was stopped.
    Over,
}

impl<'a> Accepting<'a> {
    pub(crate) fn new(acceptor: &'a Acceptor, location: &'static Location<'static>) -> Self {
        Accepting {
            acceptor,
            connections: Arc::new(Connections::new()),
            limit: LIMIT,
            state: State::Idle,
            pause: Pause::new(),
            location,
        }
    }

    pub(crate) fn limit(&mut self, connections: usize) {
        self.limit = connections.max(1);
    }

    pub(crate) fn stop(&mut self) {
        self.pause = Pause::new();
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Running { mut running, .. } => {
                running.cancel();
                State::Stopping(running)
            }
            State::Stopping(running) => State::Stopping(running),
            State::Idle | State::Here | State::Over => State::Over,
        };
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted>>> {
        loop {
            ready!(budget::poll(cx));
            if let Some(accepted) = self.take() {
                return Poll::Ready(Some(accepted));
            }
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Here => {
                    self.state = State::Here;
                    let next = self.acceptor.poll_next(cx, &mut self.pause, self.location);
                    return next.map(Some);
                }
                State::Idle => {
                    self.state = State::Idle;
                    ready!(self.pause.poll(cx));
                    if let Err(error) = self.begin() {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Running { mut running, fresh } => match running.poll_end(cx) {
                    Poll::Ready(result) => {
                        self.state = State::Idle;
                        if let Some(error) = self.ended(result) {
                            // What was accepted before comes first.
                            return Poll::Ready(Some(self.take().unwrap_or(Err(error))));
                        }
                    }
                    Poll::Pending => {
                        self.state = State::Running { running, fresh: false };
                        return self.poll_late(!fresh);
                    }
                },
                State::Stopping(mut running) => {
                    if running.poll_end(cx).is_pending() {
                        self.state = State::Stopping(running);
                        return self.poll_late(false);
                    }
                }
            }
        }
    }

    /// What came while the waker was being stored. If it is nothing and the kernel has had time to
    /// look (`looked`), nobody waits in the listener's queue.
    fn poll_late(&mut self, looked: bool) -> Poll<Option<io::Result<Accepted>>> {
        match self.take() {
            Some(accepted) => Poll::Ready(Some(accepted)),
            None => {
                if looked {
                    self.acceptor.found_none();
                }
                Poll::Pending
            }
        }
    }

    /// The next connection that the kernel accepted and that is still one.
    fn take(&mut self) -> Option<io::Result<Accepted>> {
        loop {
            let socket = self.connections.take()?;
            self.pause = Pause::new();
            if let Some(accepted) = self.acceptor.admit(socket, self.location) {
                return Some(accepted);
            }
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let connections = self.connections.clone();
        let operation = AcceptMulti::new(self.acceptor.socket(), connections, self.limit);
        match Running::begin(self.acceptor.registration().handle(), operation) {
            Ok(running) => self.state = State::Running { running, fresh: true },
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.state = State::Here,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The operation has ended with this; the error if it is to be told.
    fn ended(&mut self, result: io::Result<u64>) -> Option<io::Error> {
        match result {
            Err(error) if error::is_cancelled(&error) => None,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.state = State::Here;
                None
            }
            Err(error) => self.acceptor.failed(&error, &mut self.pause).then_some(error),
            Ok(_) => None,
        }
    }
}

impl fmt::Debug for Accepting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptMulti").field("listener", self.acceptor).finish_non_exhaustive()
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        // The operation first, so that as little as possible is accepted for nobody.
        self.state = State::Over;
        self.connections.close();
    }
}
