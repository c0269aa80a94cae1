//! What lies in the system's cache is read at once, without a thread of the pool.
#![cfg(target_os = "linux")]

use std::task::Poll;

use mainspring::fs::File;

use crate::support::{is_native, on_each_kind, pattern, poll_once};

#[test]
fn a_cached_read_is_done_at_its_first_poll() {
    on_each_kind(|kind, place| async move {
        if is_native(kind) {
            return;
        }
        let all = pattern(100_000, 71);
        let path = place.file("file", &all);
        let file = File::open(&path).await.unwrap();
        // Whole pieces, the last one, the end, and nothing at all.
        let pieces = [(0, 4096, 4096), (65_536, 65_536, 34_464), (100_000, 8, 0), (1 << 30, 8, 0)];
        for (offset, room, expected) in pieces.into_iter().chain([(0, 0, 0)]) {
            let mut reading = file.read_at(Vec::with_capacity(room), offset).into_future();
            match poll_once(&mut reading).await {
                Poll::Ready((read, buffer)) => {
                    assert_eq!(read.unwrap(), expected, "at {offset}");
                    assert!(buffer == all[all.len().min(offset as usize)..][..expected]);
                }
                Poll::Pending => {
                    let (read, _) = reading.await;
                    assert_eq!(read.unwrap(), expected);
                    if knows_nowait(&path) {
                        panic!("{room} bytes at {offset} were not read at once");
                    }
                    eprintln!("skipped: this file system reads nothing at once");
                    return;
                }
            }
        }
    });
}

/// Whether the file system answers a read that is not to wait.
fn knows_nowait(path: &std::path::Path) -> bool {
    let file = std::fs::File::open(path).unwrap();
    let mut byte = [0];
    let mut pieces = [std::io::IoSliceMut::new(&mut byte)];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    rustix::io::preadv2(&file, &mut pieces, 0, flags).is_ok()
}
