//! The completion queue of the simulated kernel: whole operations on memory that it holds.
//!
//! An operation is tried some time after it was submitted, and again whenever its socket changes,
//! until it succeeds, fails, or is cancelled. Times are drawn, so operations end in any order. A
//! request to cancel travels too: it may come after the operation has ended, and one that comes in
//! time may still lose to a success that was possible at that moment. Whatever the order, each
//! operation ends in exactly one completion (C10), and its memory is let go of before that
//! completion is handed out, never touched after (C12).
//!
//! Operations keep their file open, as io_uring's do: closing the number does not end them.
//!
//! <https://man7.org/linux/man-pages/man3/io_uring_prep_cancel.3.html>

use std::fmt;
use std::io;

use super::kernel::{FileId, Happening, Kernel};
use super::queue::{QueueId, queue_gone};
use super::trace::Actor;
use crate::error;
use crate::token::Token;

/// Operations of one queue that are running, or done and not collected (C13); four times the
/// submission queue that programs usually give io_uring.
pub(super) const LIMIT: usize = 4096;
/// The longest time from a submission, or from a change of the socket, to the next try.
const MAX_DELAY_NS: u64 = 50_000;
/// A cancel that could be beaten by a success is beaten once in so many times.
const SUCCESS_WINS_ONE_IN: u64 = 2;

/// The identity of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OperationId(u64);

/// The memory of an operation, as the kernel sees it. Dropping it is letting go of it.
pub(crate) trait Memory: Send {
    /// How many bytes there are.
    fn len(&self) -> usize;
    /// Writes `bytes`, at most as many as there is room for, from the start.
    fn fill(&mut self, bytes: &[u8]);
    /// A copy of the first `count` bytes, or of all if there are fewer.
    fn copy(&self, count: usize) -> Vec<u8>;
}

/// What an operation is to do.
pub(crate) enum Request {
    Nop,
    Accept {
        number: u64,
    },
    Recv {
        number: u64,
        memory: Box<dyn Memory>,
    },
    Send {
        number: u64,
        memory: Box<dyn Memory>,
    },
    AcceptMulti {
        number: u64,
    },
    RecvMulti {
        number: u64,
        group: u16,
        bundle: bool,
    },
    /// Whether the result was given, and only the end is to come.
    SendZeroCopy {
        number: u64,
        memory: Box<dyn Memory>,
        sent: bool,
    },
}

/// How far an operation came when it was tried.
pub(super) enum Step {
    /// It would block.
    Waits,
    /// A result, and more will follow.
    Part(io::Result<u64>, Option<u16>),
    /// Its last result.
    Ends(io::Result<u64>, Option<u16>),
}

impl Step {
    /// What an error means.
    pub(super) fn failed(error: io::Error) -> Step {
        if error::would_block(&error) { Step::Waits } else { Step::Ends(Err(error), None) }
    }

    /// What the result of an operation means that has but one.
    fn of(result: io::Result<u64>) -> Step {
        result.map_or_else(Step::failed, |value| Step::Ends(Ok(value), None))
    }
}

impl Request {
    fn number(&self) -> Option<u64> {
        match *self {
            Request::Nop => None,
            Request::Accept { number }
            | Request::Recv { number, .. }
            | Request::Send { number, .. }
            | Request::AcceptMulti { number }
            | Request::RecvMulti { number, .. }
            | Request::SendZeroCopy { number, .. } => Some(number),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Request::Nop => "Nop",
            Request::Accept { .. } => "Accept",
            Request::Recv { .. } => "Recv",
            Request::Send { .. } => "Send",
            Request::AcceptMulti { .. } => "AcceptMulti",
            Request::RecvMulti { .. } => "RecvMulti",
            Request::SendZeroCopy { .. } => "SendZeroCopy",
        })
    }
}

/// An operation under way.
#[derive(Debug)]
pub(super) struct Operation {
    queue: QueueId,
    token: Token,
    request: Request,
    file: Option<FileId>,
    /// Why it cannot succeed: its number named nothing when it was submitted.
    refused: Option<io::Error>,
    cancelling: bool,
}

/// The end of an operation.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) token: Token,
    pub(crate) result: io::Result<u64>,
    /// Whether more results of the operation follow.
    pub(crate) more: bool,
    /// The buffer of a group that was filled.
    pub(crate) buffer: Option<u16>,
    /// The number an accept made, which is closed if nobody collects it.
    accepted: Option<u32>,
}

impl Kernel {
    pub(super) fn submit(
        &mut self,
        queue: QueueId,
        token: Token,
        request: Request,
    ) -> io::Result<()> {
        let owner = self.queues.get_mut(&queue).ok_or_else(queue_gone)?;
        if owner.drained {
            return Err(error::shut_down());
        }
        if owner.running + owner.done.len() >= LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("{LIMIT} operations are under way or not collected: collect some first"),
            ));
        }
        owner.running += 1;
        let (file, refused) = match request.number().map(|number| self.file_of(number)) {
            None => (None, None),
            Some(Ok(file)) => (Some(file), None),
            Some(Err(error)) => (None, Some(error)),
        };
        if let Some(file) = file {
            self.hold(file);
        }
        let id = OperationId(self.next_id());
        let operation = Operation { queue, token, request, file, refused, cancelling: false };
        self.operations.insert(id, operation);
        self.note(Actor::Queue(queue.0), "submit", ("token", token.0), ("operation", id.0));
        self.attempt_later(id);
        Ok(())
    }

    /// Puts a try in the schedule.
    pub(super) fn attempt_later(&mut self, id: OperationId) {
        let at_ns = self.soon_ns();
        self.schedule(at_ns, Happening::Attempt(id));
    }

    fn soon_ns(&mut self) -> u64 {
        let delay_ns = self.random.between(1, MAX_DELAY_NS);
        self.clock.now_ns().saturating_add(delay_ns)
    }

    /// Tries an operation; if it would block, it waits for its file to change.
    pub(super) fn attempt(&mut self, id: OperationId) {
        match self.carry_out(id) {
            Some(Step::Waits) => {
                let file = self.operations.get(&id).and_then(|operation| operation.file);
                if let Some(file) = file.and_then(|file| self.files.get_mut(&file)) {
                    file.waiting.push(id);
                }
            }
            Some(Step::Part(result, buffer)) => {
                self.bring(id, result, buffer);
                self.attempt_later(id);
            }
            Some(Step::Ends(result, buffer)) => self.complete(id, result, buffer),
            None => {}
        }
    }

    /// What the operation comes to now; `None` if it has ended before.
    fn carry_out(&mut self, id: OperationId) -> Option<Step> {
        let operation = self.operations.get_mut(&id)?;
        let queue = operation.queue;
        if let Some(error) = operation.refused.take() {
            return Some(Step::Ends(Err(error), None));
        }
        // Out of the table while the kernel works on it, so that it can use both.
        let mut request = std::mem::replace(&mut operation.request, Request::Nop);
        let step = match (operation.file, &mut request) {
            (Some(file), Request::Accept { .. }) => {
                Step::of(self.accept(file).map(|(number, _)| number.into()))
            }
            (Some(file), Request::Recv { memory, .. }) => {
                Step::of(self.receive(file, memory.len(), false).map(|bytes| {
                    memory.fill(&bytes);
                    bytes.len() as u64
                }))
            }
            (Some(file), Request::Send { memory, .. }) => {
                let wanted = memory.len();
                Step::of(self.admit(file, wanted).map(|count| {
                    self.carry(file, memory.copy(count), wanted);
                    count as u64
                }))
            }
            (Some(file), Request::AcceptMulti { .. }) => self.step_accept(queue, file),
            (Some(file), Request::RecvMulti { group, bundle, .. }) => {
                self.step_receive(queue, file, *group, *bundle)
            }
            (Some(file), Request::SendZeroCopy { memory, sent, .. }) => {
                self.step_send_zero_copy(file, &**memory, sent)
            }
            _ => Step::Ends(Ok(0), None),
        };
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.request = request;
        }
        Some(step)
    }

    /// Puts a result in the queue that is not the last.
    fn bring(&mut self, id: OperationId, result: io::Result<u64>, buffer: Option<u16>) {
        let Some(operation) = self.operations.get(&id) else { return };
        let (queue, token) = (operation.queue, operation.token);
        let accepted = accepted(&operation.request, &result);
        let value = result.as_ref().copied().unwrap_or(u64::MAX);
        self.note(Actor::Queue(queue.0), "brings", ("token", token.0), ("result", value));
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.done.push_back(Done { token, result, more: true, buffer, accepted });
        }
    }

    /// Ends an operation: lets go of its memory and its file, and puts the result in the queue.
    fn complete(&mut self, id: OperationId, result: io::Result<u64>, buffer: Option<u16>) {
        let Some(operation) = self.operations.remove(&id) else { return };
        let Operation { queue, token, request, file, .. } = operation;
        let accepted = accepted(&request, &result);
        drop(request);
        if let Some(file) = file {
            if let Some(file) = self.files.get_mut(&file) {
                file.waiting.retain(|&waiting| waiting != id);
            }
            self.let_go(file);
        }
        let value = result.as_ref().copied().unwrap_or(u64::MAX);
        self.note(Actor::Queue(queue.0), "completes", ("token", token.0), ("result", value));
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.running -= 1;
            queue.done.push_back(Done { token, result, more: false, buffer, accepted });
        }
    }

    /// Sends a request to cancel the first operation under `token` that has none yet.
    pub(super) fn cancel(&mut self, queue: QueueId, token: Token) {
        let mut operations = self.operations.iter_mut();
        let found = operations.find(|(_, operation)| {
            operation.queue == queue && operation.token == token && !operation.cancelling
        });
        let Some((&id, operation)) = found else { return };
        operation.cancelling = true;
        self.note(Actor::Queue(queue.0), "cancel", ("token", token.0), ("operation", id.0));
        let at_ns = self.soon_ns();
        self.schedule(at_ns, Happening::Cancel(id));
    }

    /// A request to cancel has reached its operation, if there still is one.
    pub(super) fn cancel_arrives(&mut self, id: OperationId) {
        if !self.operations.contains_key(&id) || self.is_sent(id) {
            return;
        }
        let (mut result, mut filled) = (Err(error::cancelled()), None);
        if self.random.one_in(SUCCESS_WINS_ONE_IN) {
            match self.carry_out(id) {
                Some(Step::Ends(outcome, buffer)) => (result, filled) = (outcome, buffer),
                Some(Step::Part(part, buffer)) => self.bring(id, part, buffer),
                Some(Step::Waits) | None => {}
            }
        }
        if self.is_sent(id) {
            self.attempt_later(id);
        } else {
            self.complete(id, result, filled);
        }
    }

    /// Whether an operation has had its result, and ends in its own time.
    fn is_sent(&self, id: OperationId) -> bool {
        let operation = self.operations.get(&id);
        operation.is_some_and(|o| matches!(o.request, Request::SendZeroCopy { sent: true, .. }))
    }

    /// Collects what has ended.
    pub(super) fn completions(&mut self, queue: QueueId) -> Vec<Done> {
        let queue = self.queues.get_mut(&queue);
        queue.map(|queue| queue.done.drain(..).collect()).unwrap_or_default()
    }

    /// Ends every operation of a queue now; it takes none any more.
    pub(super) fn drain(&mut self, queue: QueueId) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.drained = true;
        }
        let operations = self.operations.iter();
        let own = operations.filter(|(_, operation)| operation.queue == queue);
        for id in own.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.cancel_arrives(id);
            if self.is_sent(id) {
                self.complete(id, Ok(0), None);
            }
        }
    }

    /// Ends every operation of a queue whose owner is gone, and closes what they made (C11).
    pub(super) fn abandon(&mut self, queue: QueueId) {
        self.drain(queue);
        for done in self.completions(queue) {
            if let Some(number) = done.accepted {
                // The number was made here and given to nobody, so it is open.
                let _ = self.close(number.into());
            }
        }
    }
}

/// The number that an accept has made.
fn accepted(request: &Request, result: &io::Result<u64>) -> Option<u32> {
    match (request, result) {
        (Request::Accept { .. } | Request::AcceptMulti { .. }, Ok(number)) => {
            u32::try_from(*number).ok()
        }
        _ => None,
    }
}
