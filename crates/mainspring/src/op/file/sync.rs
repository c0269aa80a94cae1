//! Making what was written last.

use std::io;
use std::sync::Arc;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Slot, Subject};
use crate::sys::file::OpenFile;

use super::on::On;

/// Waits until what was written to a file is on its disk, as far as the disk says the truth.
///
/// An operation on the kernel's queue is not ordered after the writes before it, unless they were
/// awaited: await them first.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-sync-{}", std::process::id()));
/// use mainspring::fs::File;
/// mainspring::block_on(async {
///     let file = File::create(&path).await?;
///     file.write_at("kept", 0).await.0?;
///     file.sync_data().await
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Fsync {
    file: On,
    data_only: bool,
}

impl Fsync {
    /// With `data_only`, the content and what is needed to find it, but not the times.
    pub(crate) fn of(file: &Arc<OpenFile>, data_only: bool) -> Prepared<'static, Fsync> {
        Prepared::alone(Fsync { file: On::Open(Arc::clone(file)), data_only })
    }

    /// Of a direct descriptor.
    pub(crate) fn direct(slot: &Arc<Slot>, data_only: bool) -> Prepared<'static, Fsync> {
        Prepared::on_direct(slot, Fsync { file: On::Direct(slot.source()), data_only })
    }
}

impl Operation for Fsync {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Sync { source: self.file.source(), data_only: self.data_only }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Fsync {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        let file = self.file.file()?.file();
        if self.data_only { file.sync_data() } else { file.sync_all() }.map(|()| 0)
    }
}
