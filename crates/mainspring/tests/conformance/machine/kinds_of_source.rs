//! C8 and C9 for sources that are not sockets.

use std::fs::File;
use std::io::{self, Read, Write};

use mainspring::{Interest, Ready, Token, Trigger};

use crate::turning::Turning;
use crate::watch::BOTH;
use crate::world::World;

#[track_caller]
fn refused_in_words<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.expect_err("a regular file is always ready and cannot be watched");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    let words = error.to_string();
    assert!(words.contains("regular files") && words.contains("pool"), "{words}");
}

pub(crate) fn c8_a_regular_file_is_refused_in_words(world: &World) {
    let file = File::open(std::env::current_exe().expect("a path")).expect("this very program");
    let poller = world.poller();
    refused_in_words(poller.registry().add(&file, Token(1), BOTH, Trigger::Level));
    assert_eq!(poller.registry().metrics().sources_now, 0);
    let mut turning = Turning::new(world);
    let registered = turning.handle().register(&file, Interest::READABLE, Trigger::Edge);
    let registration = registered.expect("the kernel was not asked yet");
    for _ in 0..2 {
        refused_in_words(turning.drive(registration.ready(Interest::READABLE)));
    }
    // And a call that need not wait works.
    let read =
        turning.drive(registration.async_io(Interest::READABLE, || (&file).read(&mut [0; 4])));
    assert_eq!(read.expect("a file that is not empty"), 4);
}

fn pipe() -> (File, File) {
    let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
    let (reader, writer) = rustix::pipe::pipe_with(flags).expect("a pipe");
    (reader.into(), writer.into())
}

pub(crate) fn c9_a_writer_hears_that_its_reader_has_gone(world: &World) {
    let (reader, writer) = pipe();
    let mut poller = world.poller();
    let mut events = mainspring::Events::new();
    poller.registry().add(&writer, Token(1), Interest::WRITABLE, Trigger::Edge).expect("a pipe");
    poller.wait(&mut events, None).expect("a queue that works");
    let ready = events.iter().next().expect("an event").ready;
    assert_eq!(ready, Ready::WRITABLE);
    drop(reader);
    poller.wait(&mut events, None).expect("a queue that works");
    let ready = events.iter().next().expect("an event").ready;
    assert!(ready.contains(Ready::WRITE_CLOSED | Ready::ERROR), "{ready:?}");
    assert!(!ready.is_read_closed(), "{ready:?}");
    let error = (&writer).write(b"x").expect_err("nobody reads it");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

pub(crate) fn c9_a_reader_hears_that_its_last_writer_has_gone(world: &World) {
    let (reader, writer) = pipe();
    let mut poller = world.poller();
    let mut events = mainspring::Events::new();
    poller.registry().add(&reader, Token(1), Interest::READABLE, Trigger::Edge).expect("a pipe");
    (&writer).write_all(b"x").expect("room");
    drop(writer);
    poller.wait(&mut events, None).expect("a queue that works");
    let ready = events.iter().next().expect("an event").ready;
    assert!(ready.contains(Ready::READABLE | Ready::READ_CLOSED) && !ready.is_error(), "{ready:?}");
}
