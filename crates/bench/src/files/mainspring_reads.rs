//! Mainspring's `File::read_at` on a pinned ring: as many tasks as reads may be under way.

use std::io;
use std::path::Path;
use std::sync::Arc;

use mainspring::fs::{File, OpenOptions};
use mainspring::rt::spawn_local;
use mainspring::{AlignedBuf, Builder, Choice, Driver, Kind};

use super::{BLOCK, Offsets, Reader, whole};

pub(super) struct Pinned {
    driver: Driver,
    file: Arc<File>,
    depth: usize,
    buffers: Vec<AlignedBuf>,
}

impl Pinned {
    pub(super) fn new(path: &Path, depth: usize, direct: bool) -> io::Result<Pinned> {
        let mut driver = Builder::new().choice(Choice::Exactly(Kind::Uring)).pinned().build()?;
        let open = async { OpenOptions::new().read(true).direct(direct).open(path).await };
        let file = Arc::new(driver.block_on(open)??);
        let buffers =
            (0..depth).map(|_| AlignedBuf::new(BLOCK, BLOCK)).collect::<io::Result<_>>()?;
        Ok(Pinned { driver, file, depth, buffers })
    }
}

impl Reader for Pinned {
    fn read(&mut self, reads: usize) -> io::Result<()> {
        let Pinned { driver, file, depth, buffers } = self;
        let each = reads / *depth;
        let all = async {
            let tasks = buffers.drain(..).enumerate().map(|(seed, buffer)| {
                spawn_local(task(file.clone(), buffer, Offsets::new(seed), each))
            });
            let tasks: Vec<_> = tasks.collect();
            let mut back = Vec::with_capacity(tasks.len());
            for task in tasks {
                back.push(task.await.map_err(io::Error::other)??);
            }
            Ok::<_, io::Error>(back)
        };
        *buffers = driver.block_on(all)??;
        Ok(())
    }
}

async fn task(
    file: Arc<File>,
    mut buffer: AlignedBuf,
    mut offsets: Offsets,
    reads: usize,
) -> io::Result<AlignedBuf> {
    for _ in 0..reads {
        let (read, filled) = file.read_at(buffer, offsets.next()).await;
        whole(read?)?;
        buffer = filled;
    }
    Ok(buffer)
}
