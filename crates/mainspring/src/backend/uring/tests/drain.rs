//! C12: the kernel lets go first.

use std::alloc::{Layout, alloc_zeroed};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::*;

fn drained(queue: &mut Queue) -> (usize, Vec<(u64, bool)>) {
    let mut events = Events::new();
    let leaked = queue.selector.drain(&mut events);
    let ends = events.completions.iter().map(|done| (done.token.0, done.result.is_ok())).collect();
    (leaked, ends)
}

/// Operations that would wait for ever: on a socket, on a pipe (at work on a thread of the
/// kernel's), for a connection; and one that the kernel never saw.
#[test]
fn c12_every_operation_has_ended_when_drain_returns() {
    for mut queue in [shared(), pinned()] {
        let (a, _b) = pair();
        let (reader, _writer) = rustix::pipe::pipe().expect("a pipe that blocks");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        queue.submit(1, recv(&a));
        let source = number(&reader);
        queue.submit(
            2,
            RawOperation::Read { source, memory: leaked(64), offset: u64::MAX, region: None },
        );
        queue.submit(3, RawOperation::Accept { source: number(&listener) });
        queue.add(&a, 9);
        queue.silence();
        queue.submit(4, recv(&a));
        let begun = Instant::now();
        let (leaked, mut ends) = drained(&mut queue);
        ends.sort_unstable();
        assert_eq!((leaked, ends), (0, vec![(1, false), (2, false), (3, false), (4, false)]));
        assert!(begun.elapsed() < DRAIN_MAX, "it was waited for, and not ended");
        assert_eq!(drained(&mut queue), (0, vec![]), "once is enough");
    }
}

/// A ring of one thread cannot be drained on another: what it has is leaked, and said so.
#[test]
fn c12_what_cannot_be_drained_is_counted() {
    let mut queue = pinned();
    let (a, _b) = pair();
    queue.submit(1, recv(&a));
    queue.silence();
    queue.submit(2, RawOperation::Nop);
    let (leaked, ends) = std::thread::spawn(move || drained(&mut queue)).join().unwrap();
    assert_eq!((leaked, ends), (1, vec![]), "the second lies in the owner's queue, untouched");
}

/// A driver that is dropped lets go of the files it watched, at once.
#[test]
fn c12_the_files_of_a_dropped_queue_are_closed() {
    for mut queue in [shared(), pinned()] {
        let (a, mut b) = pair();
        queue.add(&a, 1);
        queue.submit(2, recv(&a));
        queue.silence();
        drop(queue);
        drop(a);
        let end = std::io::Read::read(&mut b, &mut [0; 1]);
        assert_eq!(end.expect("the end of the stream"), 0);
    }
}

/// A file that is read past the page cache, on a disk: then the read is under way for a while.
struct Disk {
    file: File,
    path: PathBuf,
}

const CHUNK: usize = 1 << 20;
const CHUNKS: usize = 4;

impl Disk {
    /// `None` where no folder of this machine takes direct reads.
    fn new() -> Option<Disk> {
        let folders = [std::env::current_dir().ok()?, std::env::temp_dir(), "/var/tmp".into()];
        folders.into_iter().find_map(|folder| {
            let path = folder.join(format!("mainspring-drain-{}", std::process::id()));
            let mut file = File::create(&path).ok()?;
            let written =
                file.write_all(&vec![0xab; CHUNK * CHUNKS]).and_then(|()| file.sync_all());
            let direct = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(&path);
            match (written, direct) {
                (Ok(()), Ok(file)) => Some(Disk { file, path }),
                _ => {
                    let _ = std::fs::remove_file(&path);
                    None
                }
            }
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A thousand times: a read of a megabyte is under way when the queue is drained, and from then on
/// nothing writes to its memory. A ring that is only closed goes on writing.
#[test]
fn c12_a_direct_read_writes_nothing_after_the_drain() {
    const POISON: u8 = 0x5a;
    const ROUNDS: usize = 1000;
    let Some(disk) = Disk::new() else {
        println!("LEFT OUT: no folder here takes direct reads");
        return;
    };
    let layout = Layout::from_size_align(CHUNK, 4096).expect("a layout");
    // SAFETY: the size is not zero.
    let start = unsafe { alloc_zeroed(layout) };
    let memory = RawMemory { start, len: CHUNK };
    let mut late = 0;
    for round in 0..ROUNDS {
        let mut queue = if round % 2 == 0 { shared() } else { pinned() };
        let offset = (round % CHUNKS * CHUNK) as u64;
        queue.submit(
            1,
            RawOperation::Read { source: number(&disk.file), memory, offset, region: None },
        );
        let early = queue.select(Duration::ZERO).completions.len();
        let (leaked, ends) = drained(&mut queue);
        assert_eq!((leaked, ends.len() + early), (0, 1), "round {round}");
        drop(queue);
        late += usize::from(early == 0);
        // SAFETY: the kernel has let go of it, which is what is shown.
        unsafe { start.write_bytes(POISON, CHUNK) };
        let pause = if round % 50 == 0 { Duration::from_millis(20) } else { Duration::ZERO };
        std::thread::sleep(pause);
        let written = (0..CHUNK).step_by(4096).any(|at| {
            let byte = start.wrapping_add(at);
            // SAFETY: the same; a page each is looked at.
            unsafe { byte.read() != POISON }
        });
        assert!(!written, "round {round}: the kernel wrote after the drain");
    }
    println!("{late} of {ROUNDS} reads were under way");
    assert!(late > ROUNDS / 10, "no read was under way: nothing was shown");
}
