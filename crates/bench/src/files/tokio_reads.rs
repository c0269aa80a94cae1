//! `tokio::fs::File` on the current-thread runtime: as many tasks, each with a file of its own,
//! which it reads from the beginning to the end: that is one trip to the pool of threads a read.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::{BLOCK, BLOCKS, Reader, whole};

pub(super) struct Tokio {
    runtime: Runtime,
    files: Vec<tokio::fs::File>,
}

impl Tokio {
    pub(super) fn new(path: &Path, depth: usize) -> io::Result<Tokio> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let path = PathBuf::from(path);
        let open = || runtime.block_on(tokio::fs::File::open(&path));
        let files = (0..depth).map(|_| open()).collect::<io::Result<_>>()?;
        Ok(Tokio { runtime, files })
    }
}

impl Reader for Tokio {
    fn read(&mut self, reads: usize) -> io::Result<()> {
        let each = reads / self.files.len();
        let files = std::mem::take(&mut self.files);
        let all = async {
            let mut tasks = JoinSet::new();
            for file in files {
                tasks.spawn(task(file, each));
            }
            let mut back = Vec::new();
            while let Some(joined) = tasks.join_next().await {
                back.push(joined.map_err(io::Error::other)??);
            }
            Ok::<_, io::Error>(back)
        };
        self.files = self.runtime.block_on(all)?;
        Ok(())
    }
}

async fn task(mut file: tokio::fs::File, reads: usize) -> io::Result<tokio::fs::File> {
    let mut buffer = vec![0; BLOCK];
    for at in 0..reads {
        if at % BLOCKS == 0 {
            file.seek(SeekFrom::Start(0)).await?;
        }
        whole(file.read(&mut buffer).await?)?;
    }
    Ok(file)
}
