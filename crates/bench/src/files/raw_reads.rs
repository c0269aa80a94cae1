//! A hand-written ring: reads into buffers of its own, one entry for all that is to begin.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use rustix::fs::{Mode, OFlags};

use super::{BLOCK, Offsets, Reader, whole};

/// A buffer that reads past the cache take.
#[repr(align(4096))]
struct Block([u8; BLOCK]);

pub(super) struct Ring {
    // Dropped before what it names, although nothing is under way then.
    ring: IoUring,
    file: OwnedFd,
    blocks: Vec<Block>,
    offsets: Offsets,
}

impl Ring {
    pub(super) fn new(path: &Path, depth: usize, direct: bool) -> io::Result<Ring> {
        let direct = if direct { OFlags::DIRECT } else { OFlags::empty() };
        let file =
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | direct, Mode::empty())?;
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_no_sqarray();
        let ring = builder.build((depth as u32).next_power_of_two())?;
        let blocks = (0..depth).map(|_| Block([0; BLOCK])).collect();
        Ok(Ring { ring, file, blocks, offsets: Offsets::new(depth) })
    }

    fn begin(&mut self, block: usize) {
        let start = self.blocks[block].0.as_mut_ptr();
        let read = opcode::Read::new(Fd(self.file.as_raw_fd()), start, BLOCK as u32);
        let entry = read.offset(self.offsets.next()).build().user_data(block as u64);
        // SAFETY: the block is this ring's, and one read at a time is under way into it.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the queue has room for the whole depth");
    }
}

impl Reader for Ring {
    fn read(&mut self, reads: usize) -> io::Result<()> {
        let first = self.blocks.len().min(reads);
        (0..first).for_each(|block| self.begin(block));
        let (mut begun, mut under_way) = (first, first);
        let mut done = Vec::with_capacity(self.blocks.len());
        while under_way != 0 {
            self.ring.submit_and_wait(1)?;
            done.extend(self.ring.completion().map(|entry| (entry.user_data(), entry.result())));
            for (block, result) in done.drain(..) {
                under_way -= 1;
                if result < 0 {
                    return Err(io::Error::from_raw_os_error(-result));
                }
                whole(result as usize)?;
                if begun < reads {
                    begun += 1;
                    under_way += 1;
                    self.begin(block as usize);
                }
            }
        }
        Ok(())
    }
}
