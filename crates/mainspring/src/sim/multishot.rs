//! Operations of the simulated kernel that bring many results, and groups of buffers.
//!
//! A group's free buffers are the kernel's from the moment they are lent: it takes the next one
//! when data has come, or several for a bundle, and one that is lent comes back only with data. An
//! operation that finds none ends at once, as on Linux also when there was no data to receive.
//!
//! A multishot operation may end whenever it likes: here it does so now and then without a reason,
//! and when completions are not collected. Cancelled, it may bring one more result before its end.
//! A send without copying has a result first and ends when the kernel has let go of the memory,
//! some time later, whatever was asked meanwhile; now and then it is refused.
//!
//! <https://man7.org/linux/man-pages/man3/io_uring_prep_recv_multishot.3.html>
//! <https://man7.org/linux/man-pages/man3/io_uring_prep_send_zc.3.html>

use std::collections::VecDeque;
use std::fmt;
use std::io;

use super::kernel::{FileId, Kernel, Role};
use super::operation::{Memory, Step};
use super::queue::{QueueId, queue_gone};
use crate::error;

/// A multishot operation ends without a reason once in so many results.
const ENDS_ONE_IN: u64 = 8;
/// A send without copying is refused once in so many.
const REFUSED_ONE_IN: u64 = 8;

/// The buffers of a group, as the kernel sees them.
pub(crate) trait GroupMemory: Send {
    /// Bytes of a buffer.
    fn len(&self) -> usize;
    /// The number of one more buffer that the kernel may fill from now on.
    fn lend(&mut self) -> Option<u16>;
    /// Writes `bytes` to a buffer that was lent, which is the program's from then on.
    fn fill(&mut self, number: u16, bytes: &[u8]);
}

/// A group that a queue's operations may name.
pub(super) struct Group {
    memory: Box<dyn GroupMemory>,
    lent: VecDeque<u16>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("lent", &self.lent).finish_non_exhaustive()
    }
}

impl Kernel {
    pub(super) fn add_group(
        &mut self,
        queue: QueueId,
        number: u16,
        memory: Box<dyn GroupMemory>,
    ) -> io::Result<()> {
        let queue = self.queues.get_mut(&queue).ok_or_else(queue_gone)?;
        queue.groups.insert(number, Group { memory, lent: VecDeque::new() });
        Ok(())
    }

    pub(super) fn remove_group(&mut self, queue: QueueId, number: u16) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.groups.remove(&number);
        }
    }

    /// Takes the free buffers of every group of a queue.
    pub(super) fn lend_buffers(&mut self, queue: QueueId) {
        let Some(queue) = self.queues.get_mut(&queue) else { return };
        for group in queue.groups.values_mut() {
            while let Some(number) = group.memory.lend() {
                group.lent.push_back(number);
            }
        }
    }

    /// What a result means for a multishot operation: it goes on, unless it ends here.
    fn part_or_end(&mut self, queue: QueueId, value: u64, buffer: Option<u16>) -> Step {
        let crowded = self.queues.get(&queue).is_some_and(|queue| queue.is_crowded());
        if crowded || self.random.one_in(ENDS_ONE_IN) {
            Step::Ends(Ok(value), buffer)
        } else {
            Step::Part(Ok(value), buffer)
        }
    }

    pub(super) fn step_accept(&mut self, queue: QueueId, listener: FileId) -> Step {
        match self.accept(listener) {
            Ok((number, _)) => self.part_or_end(queue, number.into(), None),
            Err(error) => Step::failed(error),
        }
    }

    pub(super) fn step_receive(
        &mut self,
        queue: QueueId,
        file: FileId,
        number: u16,
        bundle: bool,
    ) -> Step {
        let has_data = self.files.get(&file).is_some_and(|file| match &file.role {
            Role::Stream(stream) => !stream.arrived.is_empty(),
            _ => false,
        });
        let Some(group) = self.group_mut(queue, number) else {
            return Step::Ends(Err(io::ErrorKind::InvalidInput.into()), None);
        };
        let (len, lent) = (group.memory.len(), group.lent.len());
        if lent == 0 && (has_data || self.random.one_in(2)) {
            return Step::Ends(Err(error::no_buffers()), None);
        }
        let buffers = if bundle { self.random.between(1, lent.max(1) as u64) as usize } else { 1 };
        let bytes = match self.receive(file, len * buffers, false) {
            // The end: no buffer is needed to say so.
            Ok(bytes) if bytes.is_empty() => return Step::Ends(Ok(0), None),
            Ok(bytes) => bytes,
            // An error, or nothing yet.
            Err(error) => return Step::failed(error),
        };
        let mut first = None;
        for piece in bytes.chunks(len) {
            let group = self.group_mut(queue, number);
            let filled = group.and_then(|group| {
                let number = group.lent.pop_front()?;
                group.memory.fill(number, piece);
                Some(number)
            });
            first = first.or(filled);
        }
        self.part_or_end(queue, bytes.len() as u64, first)
    }

    fn group_mut(&mut self, queue: QueueId, number: u16) -> Option<&mut Group> {
        self.queues.get_mut(&queue)?.groups.get_mut(&number)
    }

    pub(super) fn step_send_zero_copy(
        &mut self,
        file: FileId,
        memory: &dyn Memory,
        sent: &mut bool,
    ) -> Step {
        if *sent {
            // The memory is let go of.
            return Step::Ends(Ok(0), None);
        }
        if self.random.one_in(REFUSED_ONE_IN) {
            *sent = self.random.one_in(2);
            let refused = Err(io::ErrorKind::Unsupported.into());
            return if *sent { Step::Part(refused, None) } else { Step::Ends(refused, None) };
        }
        let wanted = memory.len();
        match self.admit(file, wanted) {
            Ok(count) => {
                self.carry(file, memory.copy(count), wanted);
                *sent = true;
                Step::Part(Ok(count as u64), None)
            }
            Err(error) => Step::failed(error),
        }
    }
}
