//! Files are read through the driver: by the kernel where it has operations, elsewhere from its
//! cache or on a pool of threads.

use mainspring::Submission;
use mainspring::op::ReadAt;

/// A file that is read on the current driver.
pub struct File(mainspring::fs::File);

/// A read under way; it ends in what came of it, and the buffer.
pub type Reading = Submission<'static, ReadAt<Vec<u8>>>;

impl File {
    /// Takes over an open file.
    pub fn from_std(file: std::fs::File) -> File {
        File(mainspring::fs::File::from_std(file))
    }

    /// Reads up to the buffer's capacity from `offset` on.
    pub fn read_at(&self, buffer: Vec<u8>, offset: u64) -> Reading {
        self.0.read_at(buffer, offset).into_future()
    }
}
