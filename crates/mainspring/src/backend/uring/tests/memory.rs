//! Memory that the ring knows beforehand.

use std::fs::File;
use std::sync::mpsc;

use super::*;
use crate::completion::buffer_group::Lease;
use crate::completion::operation::Region;
use crate::metrics;

const PAGE: usize = 4096;
const CONTENT: &[u8] = b"what the file holds";

/// A file, open and without a name.
fn file() -> File {
    let name =
        format!("mainspring-memory-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, CONTENT).expect("a file");
    let file = File::open(&path).expect("the file");
    std::fs::remove_file(&path).expect("its name");
    file
}

fn buffers() -> Arc<Buffers> {
    Buffers::new(2, PAGE).expect("memory")
}

fn lease(buffers: &Arc<Buffers>) -> Lease {
    Buffers::lease(buffers, buffers.pool().take().expect("one is free"), 0)
}

fn read(file: &File, buffers: &Buffers, region: Option<Region>) -> RawOperation {
    let memory = RawMemory { start: buffers.address(0), len: PAGE };
    RawOperation::Read { source: number(file), memory, offset: 0, region }
}

/// Gives the memory other pages, full of zeros. What knows the old ones beforehand goes on with
/// those.
fn exchange_pages(buffers: &Buffers) {
    let (start, len) = buffers.all();
    // SAFETY: the test's own memory, whole pages of it, which nobody reads meanwhile.
    let exchanged = unsafe { libc::madvise(start.cast(), len, libc::MADV_DONTNEED) };
    assert_eq!(exchanged, 0, "{}", io::Error::last_os_error());
}

fn content(buffers: &Arc<Buffers>) -> Vec<u8> {
    let mut lease = Buffers::lease(buffers, 0, PAGE);
    let content = lease[..CONTENT.len()].to_vec();
    lease.fill(0);
    std::mem::forget(lease);
    content
}

fn counted(queue: &Queue, operations: u64) {
    if metrics::COUNTED {
        assert_eq!(queue.counters.snapshot().registered_operations, operations);
    }
}

/// The kernel goes by what it has looked up, and not by the address: that is the whole use of it.
#[test]
fn registered_memory_is_not_looked_up_again() {
    for mut queue in [shared(), pinned()] {
        let (file, buffers) = (file(), buffers());
        queue.registrar.register_memory(3, &buffers).expect("a kernel that registers memory");
        let region = buffers.region().expect("at once: no thread has the ring yet");
        queue.submit(1, read(&file, &buffers, Some(region)));
        assert_eq!(queue.completion(1), Ok(CONTENT.len() as u64));
        assert_eq!(content(&buffers), CONTENT);
        exchange_pages(&buffers);
        queue.submit(2, read(&file, &buffers, Some(region)));
        assert_eq!(queue.completion(2), Ok(CONTENT.len() as u64));
        assert_eq!(content(&buffers), [0; CONTENT.len()], "its address was looked up");
        queue.submit(3, read(&file, &buffers, None));
        assert_eq!(queue.completion(3), Ok(CONTENT.len() as u64));
        assert_eq!(content(&buffers), CONTENT);
        counted(&queue, 2);
    }
}

/// What another ring knows means nothing to this one, which may have other memory in that place.
#[test]
fn a_region_of_another_ring_is_memory_like_any() {
    let (mut queue, other) = (shared(), shared());
    let (file, mine, others) = (file(), buffers(), buffers());
    other.registrar.register_memory(0, &others).expect("a place");
    queue.registrar.register_memory(0, &mine).expect("a place");
    let (here, there) = (mine.region().expect("one"), others.region().expect("one"));
    assert_eq!(here.place, there.place);
    queue.submit(1, read(&file, &others, Some(there)));
    assert_eq!(queue.completion(1), Ok(CONTENT.len() as u64));
    assert_eq!(content(&others), CONTENT);
    counted(&queue, 0);
}

/// A ring of one thread takes memory from that thread: from others by way of its next turn.
#[test]
fn memory_that_another_thread_registers_is_known_with_the_next_turn() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (file, buffers) = (file(), buffers());
        std::thread::scope(|scope| {
            scope.spawn(|| queue.registrar.register_memory(0, &buffers).expect("a place"));
        });
        queue.silence();
        let region = buffers.region().expect("by now");
        queue.submit(1, read(&file, &buffers, Some(region)));
        assert_eq!(queue.completion(1), Ok(CONTENT.len() as u64));
        counted(&queue, 1);
        std::thread::scope(|scope| {
            scope.spawn(|| queue.registrar.unregister_memory(0));
        });
        queue.silence();
        assert_eq!((queue.selector.shared.memory.taken(), buffers.region()), (0, None));
        // Given up before the turn has seen it.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                queue.registrar.register_memory(0, &buffers).expect("a place");
                queue.registrar.unregister_memory(0);
            });
        });
        queue.silence();
        assert_eq!((queue.selector.shared.memory.taken(), buffers.region()), (0, None));
    }
}

/// An operation has its buffer until its end, so its place is not another's before.
#[test]
fn c12_a_place_stays_until_no_buffer_is_out() {
    for mut queue in [shared(), pinned()] {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let (reader, mut writer) = (File::from(reader), File::from(writer));
        let (buffers, next) = (buffers(), buffers());
        queue.registrar.register_memory(0, &buffers).expect("a place");
        let (region, lease) = (buffers.region().expect("at once"), lease(&buffers));
        let memory = RawMemory { start: buffers.address(0), len: PAGE };
        let source = number(&reader);
        let own_position = u64::MAX;
        let region = Some(region);
        // Behind a timer in a chain: the kernel looks at the place when the timer has run.
        let times = Box::leak(Box::new([0_i64, 5_000_000]));
        let timespec = RawMemory { start: times.as_mut_ptr().cast(), len: 16 };
        let read = RawOperation::Read { source, memory, offset: own_position, region };
        let chain = [(Token(1), RawOperation::Timeout { timespec }), (Token(2), read)];
        queue.silence();
        // SAFETY: the memory lives until the end of the test, and the operations end before.
        unsafe { queue.registrar.submit_chain(&chain) }.expect("a queue with room");
        queue.select(Duration::ZERO);
        queue.registrar.unregister_memory(0);
        assert_eq!(buffers.region(), None, "nothing new begins with it");
        queue.registrar.register_memory(0, &next).expect("a place");
        assert_ne!(next.region(), region, "the place is another's while an operation names it");
        assert_eq!(queue.selector.shared.memory.taken(), 2);
        writer.write_all(CONTENT).expect("room");
        let mut ended = queue.completions(2);
        ended.sort();
        // A timer that runs to its end breaks its chain on some kernels, and on others not.
        if queue.selector.shared.ring.with(|ring| ring.features().timed_links) == Some(true) {
            assert_eq!(ended[1], (2, Ok(CONTENT.len() as u64), true));
            assert_eq!(content(&buffers), CONTENT);
        } else {
            assert_eq!(ended[1], (2, cancelled(), true));
        }
        queue.select(Duration::ZERO);
        assert_eq!(queue.selector.shared.memory.taken(), 2, "its buffer is still out");
        drop(lease);
        queue.select(Duration::ZERO);
        assert_eq!(queue.selector.shared.memory.taken(), 1);
        queue.registrar.unregister_memory(0);
        assert_eq!(queue.selector.shared.memory.taken(), 0, "none was out");
    }
}

/// A group that was given up goes although the driver sleeps, and the sleep goes on.
#[test]
fn c13_memory_that_was_given_up_does_not_wait_for_the_end_of_a_sleep() {
    for mut queue in [shared(), pinned()] {
        if !metrics::COUNTED {
            return;
        }
        let buffers = buffers();
        queue.registrar.register_memory(0, &buffers).expect("a place");
        queue.silence();
        let (registrar, counters) = (queue.registrar.clone(), queue.counters.clone());
        let entries = move || counters.snapshot().system_calls(SystemCall::Wait);
        let before = entries();
        let other = std::thread::spawn(move || {
            until(|| entries() > before, "it does not sleep");
            registrar.unregister_memory(0);
            until(|| registrar.shared.memory.taken() == 0, "the memory is locked");
            registrar.wake().expect("a sound queue");
        });
        let events = queue.select(2 * SOON);
        other.join().expect("what was asserted");
        assert!(events.woken && events.list.is_empty(), "{events:?}");
    }
}

fn until(is_so: impl Fn() -> bool, otherwise: &str) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "{otherwise}");
        std::thread::yield_now();
    }
}

/// C13: a full table, and memory that is too much for one place, are told; places come back.
#[test]
fn c13_what_cannot_be_registered_says_why() {
    let queue = shared();
    let all: Vec<_> = (0..1024).map(|_| Buffers::new(1, PAGE).expect("memory")).collect();
    for (number, buffers) in (0..).zip(&all) {
        queue.registrar.register_memory(number, buffers).expect("asked");
        assert!(buffers.region().is_some(), "{number}: {:?}", buffers.refusal());
    }
    let (one_more, too_long) = (buffers(), Buffers::new(2, 1 << 30).expect("an address range"));
    queue.registrar.register_memory(1024, &one_more).expect("asked");
    queue.registrar.register_memory(1025, &too_long).expect("asked");
    assert_eq!((one_more.region(), too_long.region()), (None, None));
    assert!(one_more.refusal().expect("a reason").contains("1024 groups"));
    assert!(too_long.refusal().expect("a reason").contains("1 GiB"));
    queue.registrar.unregister_memory(7);
    let (again, before) = (buffers(), all[8].region());
    queue.registrar.register_memory(7, &again).expect("asked");
    assert_eq!(again.region().map(|region| region.place), Some(7));
    drop(queue);
    assert!(before.is_some() && all[8].region().is_none(), "the end of the ring");
}

/// The end of locked memory is no error: the buffers are ordinary ones and say so.
#[test]
fn c13_without_lockable_memory_the_buffers_are_ordinary() {
    let (tell, told) = mpsc::channel();
    let capable = std::thread::spawn(move || {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
        let Some(limit) = limit.filter(|&limit| limit < 1 << 28) else {
            println!("LEFT OUT: this process may lock as much memory as it likes");
            return;
        };
        give_up_capabilities();
        let mut queue = shared();
        let (file, much) = (file(), Buffers::new(1, limit as usize + (1 << 20)).expect("memory"));
        queue.registrar.register_memory(0, &much).expect("asked");
        assert_eq!(much.region(), None);
        let why = much.refusal().expect("a reason");
        assert!(why.contains("ulimit -l"), "{why}");
        queue.submit(1, read(&file, &much, much.region()));
        assert_eq!(queue.completion(1), Ok(CONTENT.len() as u64));
        let little = buffers();
        queue.registrar.register_memory(1, &little).expect("asked");
        tell.send(little.region().is_some()).expect("the test");
    });
    capable.join().expect("what was asserted");
    // Others of the same user may have locked all there is.
    if told.recv() == Ok(false) {
        println!("LEFT OUT: nothing was left to be locked");
    }
}

/// Makes this thread an ordinary user's as far as limits go.
fn give_up_capabilities() {
    // `struct __user_cap_header_struct`, version 3, of this thread; and two sets of nothing.
    let header: [u32; 2] = [0x2008_0522, 0];
    let nothing = [0_u32; 6];
    // SAFETY: the kernel reads the two structures of this version.
    let given_up = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), nothing.as_ptr()) };
    assert_eq!(given_up, 0, "{}", io::Error::last_os_error());
}
