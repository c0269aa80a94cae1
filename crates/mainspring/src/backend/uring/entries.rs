//! Operations as entries of the ring, and which of them this kernel knows.
//!
//! What an operation names by address is read when it is submitted or later, and written until its
//! terminal completion: an entry is as unsafe to hand over as its addresses are. Lengths are cut to
//! what an entry holds; a transfer may be short at any length.

use std::io;
use std::num::NonZeroU32;

use io_uring::{Probe, opcode, squeue, types};

use crate::completion::operation::{RawMemory, RawOperation, Region};
use crate::interest::Interest;
use crate::metrics::Counters;
use crate::source::RawSource;
use crate::sync::Arc;

use super::features::Features;
use super::memory::Memory;
use super::readiness::events_of;

/// The operations that this kernel knows.
pub(super) struct Known {
    probe: Probe,
    /// Whether it knows the plain send, which is asked for with every message.
    send: bool,
    /// Whether a receive may fill several buffers of a group at once.
    bundles: bool,
    /// Whether there may be a table of direct descriptors.
    direct: bool,
    /// Whether a timer that has run to its end goes on with its chain.
    timed_links: bool,
    /// The queue whose regions of registered memory these operations may name.
    queue: Option<NonZeroU32>,
    counters: Arc<Counters>,
}

impl Known {
    /// What the kernel said.
    pub(super) fn new(probe: Probe, features: Features) -> Known {
        let Features { bundles, direct, timed_links, .. } = features;
        let send = probe.is_supported(opcode::Send::CODE);
        let (queue, counters) = (None, Arc::default());
        Known { probe, send, bundles, direct, timed_links, queue, counters }
    }

    /// The same, for operations that may name regions of this memory, and are counted then.
    pub(super) fn naming(self, memory: &Memory, counters: Arc<Counters>) -> Known {
        Known { queue: Some(memory.queue()), counters, ..self }
    }

    /// Whether the kernel finds places for direct descriptors, which it tells by what came with it.
    pub(super) fn finds_places(probe: &Probe) -> bool {
        probe.is_supported(WITH_PLACES)
    }

    /// The entry of an operation.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the kernel does not know it; `InvalidInput` for a source that is not the
    /// system's.
    #[inline]
    pub(super) fn entry(&self, operation: &RawOperation) -> io::Result<squeue::Entry> {
        match *operation {
            // What comes most often goes past the questions that are about others.
            RawOperation::Send { source, memory, flags }
                if self.send && source.slot().is_none() =>
            {
                send(source, memory, flags)
            }
            _ => self.entry_of_any(operation),
        }
    }

    fn entry_of_any(&self, operation: &RawOperation) -> io::Result<squeue::Entry> {
        let mut entry = match *operation {
            RawOperation::RecvMulti { source, group, bundle } => {
                let bundle = bundle && self.bundles;
                entry(&RawOperation::RecvMulti { source, group, bundle })?
            }
            RawOperation::Read { region: Some(_), .. }
            | RawOperation::Write { region: Some(_), .. }
            | RawOperation::SendZeroCopy { region: Some(_), .. } => entry(&self.named(*operation))?,
            // Without this, what stands behind it is cancelled, and the chain goes on from above.
            RawOperation::Timeout { timespec } if self.timed_links => {
                let timeout = opcode::Timeout::new(timespec.start.cast());
                timeout.flags(types::TimeoutFlags::ETIME_SUCCESS).build()
            }
            _ => entry(operation)?,
        };
        if on(operation).is_some_and(|source| source.slot().is_some()) {
            entry = entry.flags(squeue::Flags::FIXED_FILE);
        }
        let companion = match *operation {
            RawOperation::AcceptMulti { .. } => WITH_ACCEPT_MULTI,
            RawOperation::RecvMulti { .. } => WITH_RECV_MULTI,
            RawOperation::AcceptDirect { .. } | RawOperation::OpenDirect { .. } if !self.direct => {
                return Err(io::ErrorKind::Unsupported.into());
            }
            _ => opcode::Nop::CODE,
        };
        let codes = [entry.get_opcode() as u8, companion];
        if codes.iter().all(|&code| self.probe.is_supported(code)) {
            Ok(entry)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// An operation on memory that this ring has looked up. What another driver's ring knows is to
    /// this one like any memory.
    fn named(&self, mut operation: RawOperation) -> RawOperation {
        if let RawOperation::Read { region, .. }
        | RawOperation::Write { region, .. }
        | RawOperation::SendZeroCopy { region, .. } = &mut operation
        {
            *region = region.filter(|region| Some(region.queue) == self.queue);
            if region.is_some() {
                self.counters.registered_operation();
            }
        }
        operation
    }

    /// The names of the operations that it carries out, as the contract has them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let known = |codes: &[u8]| codes.iter().all(|&code| self.probe.is_supported(code));
        NAMES.iter().filter(|(_, codes)| known(codes)).map(|&(name, _)| name).collect()
    }
}

/// What came as a flag of an operation that was there before is told by one that came with it.
const WITH_ACCEPT_MULTI: u8 = opcode::Socket::CODE;
const WITH_RECV_MULTI: u8 = opcode::SendZc::CODE;
const WITH_PLACES: u8 = opcode::Socket::CODE;

/// The operations, and the codes that the kernel has to know for them.
const NAMES: &[(&str, &[u8])] = &[
    ("nop", &[opcode::Nop::CODE]),
    ("accept", &[opcode::Accept::CODE]),
    ("accept_multi", &[opcode::Accept::CODE, WITH_ACCEPT_MULTI]),
    ("connect", &[opcode::Connect::CODE]),
    ("recv", &[opcode::Recv::CODE]),
    ("recv_multi", &[opcode::Recv::CODE, WITH_RECV_MULTI]),
    ("recv_message", &[opcode::RecvMsg::CODE]),
    ("send", &[opcode::Send::CODE]),
    ("send_zero_copy", &[opcode::SendZc::CODE]),
    ("send_message", &[opcode::SendMsg::CODE]),
    ("shutdown", &[opcode::Shutdown::CODE]),
    ("read", &[opcode::Read::CODE]),
    ("write", &[opcode::Write::CODE]),
    ("read_vectored", &[opcode::Readv::CODE]),
    ("write_vectored", &[opcode::Writev::CODE]),
    ("sync", &[opcode::Fsync::CODE]),
    ("open", &[opcode::OpenAt::CODE]),
    ("close", &[opcode::Close::CODE]),
    ("stat", &[opcode::Statx::CODE]),
    ("unlink", &[opcode::UnlinkAt::CODE]),
    ("rename", &[opcode::RenameAt::CODE]),
    ("make_directory", &[opcode::MkDirAt::CODE]),
    ("splice", &[opcode::Splice::CODE]),
    ("timeout", &[opcode::Timeout::CODE]),
    ("poll", &[opcode::PollAdd::CODE]),
    ("wait_child", &[opcode::WaitId::CODE]),
];

fn entry(operation: &RawOperation) -> io::Result<squeue::Entry> {
    Ok(match *operation {
        RawOperation::Nop => opcode::Nop::new().build(),
        RawOperation::Accept { .. }
        | RawOperation::AcceptDirect { .. }
        | RawOperation::AcceptMulti { .. }
        | RawOperation::Connect { .. }
        | RawOperation::Shutdown { .. } => connection(operation)?,
        RawOperation::Recv { .. }
        | RawOperation::RecvMulti { .. }
        | RawOperation::Send { .. }
        | RawOperation::SendZeroCopy { .. }
        | RawOperation::RecvMessage { .. }
        | RawOperation::SendMessage { .. } => message(operation)?,
        RawOperation::Read { .. }
        | RawOperation::Write { .. }
        | RawOperation::ReadVectored { .. }
        | RawOperation::WriteVectored { .. }
        | RawOperation::Sync { .. }
        | RawOperation::Splice { .. } => transfer(operation)?,
        RawOperation::Open { .. }
        | RawOperation::OpenDirect { .. }
        | RawOperation::Close { .. }
        | RawOperation::Stat { .. }
        | RawOperation::Unlink { .. }
        | RawOperation::Rename { .. }
        | RawOperation::MakeDirectory { .. } => path(operation)?,
        RawOperation::Timeout { timespec } => opcode::Timeout::new(timespec.start.cast()).build(),
        RawOperation::Poll { source, interest } => poll(source, interest)?,
        RawOperation::WaitId { which, id, options, info } => {
            opcode::WaitId::new(which as _, id as _, options as _)
                .infop(info.start.cast_const().cast())
                .build()
        }
        #[allow(unreachable_patterns, reason = "an operation that another system has")]
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn connection(operation: &RawOperation) -> io::Result<squeue::Entry> {
    const FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    Ok(match *operation {
        RawOperation::Accept { source } => {
            let nobody = std::ptr::null_mut();
            opcode::Accept::new(fd(source)?, nobody, std::ptr::null_mut()).flags(FLAGS).build()
        }
        // What is in the table has no number that a program could inherit, and nobody tries.
        RawOperation::AcceptDirect { source } => {
            let nobody = std::ptr::null_mut();
            let accept = opcode::Accept::new(fd(source)?, nobody, std::ptr::null_mut());
            accept.file_index(Some(types::DestinationSlot::auto_target())).build()
        }
        RawOperation::AcceptMulti { source } => {
            opcode::AcceptMulti::new(fd(source)?).flags(FLAGS).build()
        }
        RawOperation::Connect { source, address } => {
            let start = address.start.cast_const().cast();
            opcode::Connect::new(fd(source)?, start, address.len as _).build()
        }
        RawOperation::Shutdown { source, how } => opcode::Shutdown::new(fd(source)?, how).build(),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// A send to a peer that has gone is an error and no signal.
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;

fn message(operation: &RawOperation) -> io::Result<squeue::Entry> {
    Ok(match *operation {
        RawOperation::Recv { source, memory, flags } => {
            let recv = opcode::Recv::new(fd(source)?, memory.start, len(memory));
            recv.flags(flags as i32).build()
        }
        RawOperation::RecvMulti { source, group, bundle: false } => {
            opcode::RecvMulti::new(fd(source)?, group).build()
        }
        RawOperation::RecvMulti { source, group, bundle: true } => {
            opcode::RecvMultiBundle::new(fd(source)?, group).build()
        }
        RawOperation::Send { source, memory, flags } => send(source, memory, flags)?,
        RawOperation::SendZeroCopy { source, memory, flags, region } => {
            let send = opcode::SendZc::new(fd(source)?, memory.start, len(memory));
            let place = region.map(|region| region.place);
            send.buf_index(place).flags(flags as i32 | NO_SIGNAL).build()
        }
        RawOperation::RecvMessage { source, header, flags } => {
            opcode::RecvMsg::new(fd(source)?, header.start.cast()).flags(flags).build()
        }
        RawOperation::SendMessage { source, header, flags } => {
            let send = opcode::SendMsg::new(fd(source)?, header.start.cast_const().cast());
            send.flags(flags | NO_SIGNAL as u32).build()
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

#[inline]
fn send(source: RawSource, memory: RawMemory, flags: u32) -> io::Result<squeue::Entry> {
    let send = opcode::Send::new(fd(source)?, memory.start, len(memory));
    Ok(send.flags(flags as i32 | NO_SIGNAL).build())
}

fn transfer(operation: &RawOperation) -> io::Result<squeue::Entry> {
    Ok(match *operation {
        RawOperation::Read { source, memory, offset, region: None } => {
            opcode::Read::new(fd(source)?, memory.start, len(memory)).offset(offset).build()
        }
        RawOperation::Write { source, memory, offset, region: None } => {
            opcode::Write::new(fd(source)?, memory.start, len(memory)).offset(offset).build()
        }
        RawOperation::Read { source, memory, offset, region: Some(Region { place, .. }) } => {
            let read = opcode::ReadFixed::new(fd(source)?, memory.start, len(memory), place);
            read.offset(offset).build()
        }
        RawOperation::Write { source, memory, offset, region: Some(Region { place, .. }) } => {
            let write = opcode::WriteFixed::new(fd(source)?, memory.start, len(memory), place);
            write.offset(offset).build()
        }
        RawOperation::ReadVectored { source, pieces, offset } => {
            let start = pieces.start.cast_const().cast();
            opcode::Readv::new(fd(source)?, start, count(pieces)).offset(offset).build()
        }
        RawOperation::WriteVectored { source, pieces, offset } => {
            let start = pieces.start.cast_const().cast();
            opcode::Writev::new(fd(source)?, start, count(pieces)).offset(offset).build()
        }
        RawOperation::Sync { source, data_only } => {
            let all = types::FsyncFlags::empty();
            let flags = if data_only { types::FsyncFlags::DATASYNC } else { all };
            opcode::Fsync::new(fd(source)?).flags(flags).build()
        }
        RawOperation::Splice { from, from_offset, to, to_offset, len, flags } => {
            if [from, to].iter().any(|source| source.slot().is_some()) {
                return Err(io::ErrorKind::Unsupported.into());
            }
            let (from, to) = (fd(from)?, fd(to)?);
            opcode::Splice::new(from, from_offset, to, to_offset, len).flags(flags).build()
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn path(operation: &RawOperation) -> io::Result<squeue::Entry> {
    let name = |path: RawMemory| path.start.cast_const().cast();
    Ok(match *operation {
        RawOperation::Open { directory, path, flags, mode } => {
            let open = opcode::OpenAt::new(types::Fd(directory), name(path));
            waiting(open.flags(flags | libc::O_CLOEXEC).mode(mode).build(), flags)
        }
        RawOperation::OpenDirect { directory, path, flags, mode } => {
            let place = Some(types::DestinationSlot::auto_target());
            let open = opcode::OpenAt::new(types::Fd(directory), name(path)).file_index(place);
            waiting(open.flags(flags & !libc::O_CLOEXEC).mode(mode).build(), flags)
        }
        RawOperation::Close { source } => match source.slot() {
            Some(slot) => close_direct(slot),
            None => opcode::Close::new(fd(source)?).build(),
        },
        RawOperation::Stat { directory, path, flags, mask, out } => {
            let out = out.start.cast();
            let stat = opcode::Statx::new(types::Fd(directory), name(path), out);
            stat.flags(flags).mask(mask).build()
        }
        RawOperation::Unlink { directory, path, flags } => {
            opcode::UnlinkAt::new(types::Fd(directory), name(path)).flags(flags).build()
        }
        RawOperation::Rename { from, old, to, new, flags } => {
            let (from, to) = (types::Fd(from), types::Fd(to));
            opcode::RenameAt::new(from, name(old), to, name(new)).flags(flags).build()
        }
        RawOperation::MakeDirectory { directory, path, mode } => {
            opcode::MkDirAt::new(types::Fd(directory), name(path)).mode(mode).build()
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// An opening that waits for whom it has to. The kernel would try it with `O_NONBLOCK` first, and
/// take what a FIFO says to that for the answer: a reader that did not wait, or a writer whom
/// nobody reads (`ENXIO`).
fn waiting(entry: squeue::Entry, flags: i32) -> squeue::Entry {
    let may_wait = flags & libc::O_NONBLOCK == 0;
    entry.flags(if may_wait { squeue::Flags::ASYNC } else { squeue::Flags::empty() })
}

fn poll(source: RawSource, interest: Interest) -> io::Result<squeue::Entry> {
    Ok(opcode::PollAdd::new(fd(source)?, events_of(interest)).build())
}

/// Closes a place of the table.
pub(super) fn close_direct(slot: u32) -> squeue::Entry {
    opcode::Close::new(types::Fixed(slot)).build()
}

/// What of an operation may be a place in the table, which a flag then says.
fn on(operation: &RawOperation) -> Option<RawSource> {
    match *operation {
        RawOperation::Recv { source, .. }
        | RawOperation::RecvMulti { source, .. }
        | RawOperation::Send { source, .. }
        | RawOperation::SendZeroCopy { source, .. }
        | RawOperation::RecvMessage { source, .. }
        | RawOperation::SendMessage { source, .. }
        | RawOperation::Read { source, .. }
        | RawOperation::Write { source, .. }
        | RawOperation::ReadVectored { source, .. }
        | RawOperation::WriteVectored { source, .. }
        | RawOperation::Sync { source, .. }
        | RawOperation::Shutdown { source, .. }
        | RawOperation::Poll { source, .. } => Some(source),
        _ => None,
    }
}

/// A descriptor, or a place in the table: both stand in the same field.
#[inline]
fn fd(source: RawSource) -> io::Result<types::Fd> {
    match source.slot() {
        Some(slot) => Ok(types::Fd(slot as i32)),
        None => super::descriptor(source).map(types::Fd),
    }
}

#[inline]
fn len(memory: RawMemory) -> u32 {
    u32::try_from(memory.len).unwrap_or(u32::MAX)
}

/// How many `iovec`s lie in the memory.
fn count(pieces: RawMemory) -> u32 {
    u32::try_from(pieces.len / size_of::<libc::iovec>()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::contract::OPERATIONS;

    #[test]
    fn every_operation_has_a_name_of_the_contract() {
        assert!(NAMES.iter().map(|(name, _)| name).eq(OPERATIONS), "the same, in the same order");
    }
}
