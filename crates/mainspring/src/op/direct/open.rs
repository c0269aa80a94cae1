//! Opening a path into a table of direct descriptors.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, DirectDescriptors, Emulation, Place, Prepared, Slot, Subject};
use crate::op::file::pathname;
use crate::sys::access::Access;
use crate::sys::file::{OpenFile, Owned};
use crate::sys::path::{self, Name};

use super::{DirectFile, explain};

/// Opens a path into a table; [`OpenOptions::prepare_direct`] makes it.
///
/// [`OpenOptions::prepare_direct`]: crate::fs::OpenOptions::prepare_direct
#[derive(Debug)]
pub struct OpenDirect {
    path: Name,
    flags: i32,
    mode: u32,
    access: Access,
    /// What the pool has opened. Dropped before the place.
    opened: Option<Owned>,
    /// There until it is filled.
    place: Option<Place>,
}

impl OpenDirect {
    /// A new file gets `mode`, less what the process's mask takes away.
    pub(crate) fn path(
        table: &DirectDescriptors,
        path: &Path,
        access: Access,
        mode: u32,
    ) -> Prepared<'static, OpenDirect> {
        let (path, refused) = pathname(path);
        let (flags, contradicts) = match path::flags(&access) {
            Ok(flags) => (flags, None),
            Err(error) => (0, Some(error)),
        };
        let (place, full) = match table.reserve() {
            Ok(place) => (Some(place), None),
            Err(error) => (None, Some(error)),
        };
        Prepared::alone(OpenDirect { path, flags, mode, access, opened: None, place })
            .at_home(table.handle().clone())
            .unless(refused)
            .unless(contradicts)
            .unless(full)
    }

    /// What the kernel has put into the table; nothing if the pool has opened the file.
    fn slot(&mut self, result: &io::Result<u64>) -> Option<Slot> {
        let slot = result.as_ref().ok().filter(|_| self.opened.is_none())?;
        self.place.take().map(|place| place.filled(*slot))
    }
}

impl Operation for OpenDirect {
    type Output = io::Result<DirectFile>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::OpenDirect {
            directory: path::working_directory(),
            path: RawMemory::to_read(self.path.bytes()),
            flags: self.flags,
            mode: self.mode,
        }
    }

    fn finish(mut self, result: io::Result<u64>) -> io::Result<DirectFile> {
        if let Some(slot) = self.slot(&result) {
            return Ok(DirectFile::in_table(slot));
        }
        result.map_err(|error| explain(path::explain(error, &self.access)))?;
        let (Some(opened), Some(place)) = (self.opened, self.place) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        path::opened(&opened, &self.access)?;
        Ok(DirectFile::ordinary(OpenFile::new(File::from(opened)), place))
    }

    fn cancelled(self) {}

    fn discard(mut self, result: io::Result<u64>) {
        drop(self.slot(&result));
    }
}

impl Emulation for OpenDirect {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        self.opened = Some(path::open(&self.path, &self.access, self.flags, self.mode)?);
        Ok(0)
    }
}
