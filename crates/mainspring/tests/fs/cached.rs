//! What lies in the system's cache is read at once: without a thread of the pool, and without the
//! kernel's queue.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use mainspring::fs::File;
use mainspring::rt::spawn_local;

use crate::support::{on_each_kind, pattern, poll_once};

#[test]
fn a_cached_read_is_done_at_its_first_poll() {
    on_each_kind(|_, place| async move {
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

/// Each read is ready at its first poll, and the reader never waits for anything.
#[test]
fn a_reader_of_what_is_cached_leaves_the_others_their_turn() {
    const READS_MAX: u32 = 10_000;
    on_each_kind(|_, place| async move {
        let path = place.file("file", pattern(4096, 72));
        let file = File::open(&path).await.unwrap();
        let had_a_turn = Rc::new(Cell::new(false));
        let notes = Rc::clone(&had_a_turn);
        spawn_local(async move { notes.set(true) }).detach();
        let (mut buffer, mut reads) = (Vec::with_capacity(64), 0);
        while !had_a_turn.get() {
            let read;
            (read, buffer) = file.read_at(buffer, 0).await;
            assert_eq!(read.unwrap(), 64);
            reads += 1;
            assert!(reads < READS_MAX, "nobody else had a turn");
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
