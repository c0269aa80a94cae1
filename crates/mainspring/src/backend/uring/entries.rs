//! Operations as entries of the ring, and which of them this kernel knows.
//!
//! What an operation names by address is read when it is submitted or later, and written until its
//! terminal completion: an entry is as unsafe to hand over as its addresses are. Lengths are cut to
//! what an entry holds; a transfer may be short at any length.

use std::io;

use io_uring::{Probe, opcode, squeue, types};

use crate::completion::operation::{RawMemory, RawOperation};
use crate::interest::Interest;
use crate::source::RawSource;

use super::readiness::events_of;

/// The operations that this kernel knows.
pub(super) struct Known {
    probe: Probe,
    /// Whether a receive may fill several buffers of a group at once.
    bundles: bool,
}

impl Known {
    /// What the kernel said.
    pub(super) fn new(probe: Probe, bundles: bool) -> Known {
        Known { probe, bundles }
    }

    /// The entry of an operation.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the kernel does not know it; `InvalidInput` for a source that is not the
    /// system's.
    pub(super) fn entry(&self, operation: &RawOperation) -> io::Result<squeue::Entry> {
        let mut operation = *operation;
        if let RawOperation::RecvMulti { bundle, .. } = &mut operation {
            *bundle &= self.bundles;
        }
        let entry = entry(&operation)?;
        // Some came as a flag of an operation that was there before; the kernel tells only those,
        // and so an operation that came with the same version answers for the flag.
        let companion = match operation {
            RawOperation::AcceptMulti { .. } => opcode::Socket::CODE,
            RawOperation::RecvMulti { .. } => opcode::SendZc::CODE,
            _ => opcode::Nop::CODE,
        };
        let codes = [entry.get_opcode() as u8, companion];
        if codes.iter().all(|&code| self.probe.is_supported(code)) {
            Ok(entry)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// The names of the operations that it knows, of those this crate submits.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let known = NAMES.iter().filter(|(code, _)| self.probe.is_supported(*code));
        known.map(|&(_, name)| name).collect()
    }
}

/// Every code this crate submits.
const NAMES: &[(u8, &str)] = &[
    (opcode::Nop::CODE, "nop"),
    (opcode::PollAdd::CODE, "poll"),
    (opcode::AsyncCancel::CODE, "cancel"),
    (opcode::Accept::CODE, "accept"),
    (opcode::Connect::CODE, "connect"),
    (opcode::Recv::CODE, "recv"),
    (opcode::Send::CODE, "send"),
    (opcode::SendZc::CODE, "send-zero-copy"),
    (opcode::RecvMsg::CODE, "recvmsg"),
    (opcode::SendMsg::CODE, "sendmsg"),
    (opcode::Read::CODE, "read"),
    (opcode::Write::CODE, "write"),
    (opcode::Readv::CODE, "readv"),
    (opcode::Writev::CODE, "writev"),
    (opcode::ReadFixed::CODE, "read-fixed"),
    (opcode::WriteFixed::CODE, "write-fixed"),
    (opcode::Fsync::CODE, "fsync"),
    (opcode::OpenAt::CODE, "openat"),
    (opcode::Close::CODE, "close"),
    (opcode::Statx::CODE, "statx"),
    (opcode::UnlinkAt::CODE, "unlinkat"),
    (opcode::RenameAt::CODE, "renameat"),
    (opcode::MkDirAt::CODE, "mkdirat"),
    (opcode::Shutdown::CODE, "shutdown"),
    (opcode::Splice::CODE, "splice"),
    (opcode::Timeout::CODE, "timeout"),
    (opcode::WaitId::CODE, "waitid"),
];

fn entry(operation: &RawOperation) -> io::Result<squeue::Entry> {
    Ok(match *operation {
        RawOperation::Nop => opcode::Nop::new().build(),
        RawOperation::Accept { .. }
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
        | RawOperation::ReadFixed { .. }
        | RawOperation::WriteFixed { .. }
        | RawOperation::Sync { .. }
        | RawOperation::Splice { .. } => transfer(operation)?,
        RawOperation::Open { .. }
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
        RawOperation::Send { source, memory, flags } => {
            let send = opcode::Send::new(fd(source)?, memory.start, len(memory));
            send.flags(flags as i32 | NO_SIGNAL).build()
        }
        RawOperation::SendZeroCopy { source, memory, flags } => {
            let send = opcode::SendZc::new(fd(source)?, memory.start, len(memory));
            send.flags(flags as i32 | NO_SIGNAL).build()
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

fn transfer(operation: &RawOperation) -> io::Result<squeue::Entry> {
    Ok(match *operation {
        RawOperation::Read { source, memory, offset } => {
            opcode::Read::new(fd(source)?, memory.start, len(memory)).offset(offset).build()
        }
        RawOperation::Write { source, memory, offset } => {
            opcode::Write::new(fd(source)?, memory.start, len(memory)).offset(offset).build()
        }
        RawOperation::ReadVectored { source, pieces, offset } => {
            let start = pieces.start.cast_const().cast();
            opcode::Readv::new(fd(source)?, start, count(pieces)).offset(offset).build()
        }
        RawOperation::WriteVectored { source, pieces, offset } => {
            let start = pieces.start.cast_const().cast();
            opcode::Writev::new(fd(source)?, start, count(pieces)).offset(offset).build()
        }
        RawOperation::ReadFixed { source, memory, offset, buffer } => {
            let read = opcode::ReadFixed::new(fd(source)?, memory.start, len(memory), buffer);
            read.offset(offset).build()
        }
        RawOperation::WriteFixed { source, memory, offset, buffer } => {
            let write = opcode::WriteFixed::new(fd(source)?, memory.start, len(memory), buffer);
            write.offset(offset).build()
        }
        RawOperation::Sync { source, data_only } => {
            let all = types::FsyncFlags::empty();
            let flags = if data_only { types::FsyncFlags::DATASYNC } else { all };
            opcode::Fsync::new(fd(source)?).flags(flags).build()
        }
        RawOperation::Splice { from, from_offset, to, to_offset, len, flags } => {
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
            let entry = open.flags(flags | libc::O_CLOEXEC).mode(mode).build();
            // The kernel would try it with `O_NONBLOCK` first, and take what a FIFO says to that
            // for the answer: a reader that did not wait, or a writer whom nobody reads (`ENXIO`).
            let may_wait = flags & libc::O_NONBLOCK == 0;
            entry.flags(if may_wait { squeue::Flags::ASYNC } else { squeue::Flags::empty() })
        }
        RawOperation::Close { source } => opcode::Close::new(fd(source)?).build(),
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

fn poll(source: RawSource, interest: Interest) -> io::Result<squeue::Entry> {
    Ok(opcode::PollAdd::new(fd(source)?, events_of(interest)).build())
}

fn fd(source: RawSource) -> io::Result<types::Fd> {
    super::descriptor(source).map(types::Fd)
}

fn len(memory: RawMemory) -> u32 {
    u32::try_from(memory.len).unwrap_or(u32::MAX)
}

/// How many `iovec`s lie in the memory.
fn count(pieces: RawMemory) -> u32 {
    u32::try_from(pieces.len / size_of::<libc::iovec>()).unwrap_or(u32::MAX)
}
