//! What must be counted or limited for the whole process, hence each in one of its own: the test
//! starts this binary again, for itself alone.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream};
use mainspring::os::unix::DescriptorPassing;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::both_ways::abstract_name;
use crate::support::{block_on, driver};
use crate::tcp_limits::alone;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Leaves room for `room` descriptors; the files hold the others.
fn leave_room_for(room: usize) -> Vec<File> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(100), maximum: hard }).unwrap();
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                files.truncate(files.len() - room);
                return files;
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_rounds_leak_no_descriptor() {
    if !alone("unix_limits::a_thousand_rounds_leak_no_descriptor") {
        return;
    }
    let mut driver = driver();
    block_on(&mut driver, async {
        let (a, b) = UnixStream::pair().unwrap();
        let (c, d) = UnixDatagram::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let before = open_descriptors();
        for round in 0..1000 {
            let fds = [file.as_fd(), a.as_fd(), c.as_fd()];
            a.send_with_fds(b"taken", &fds).await.unwrap();
            let taken = b.recv_with_fds(&mut [0; 8]).await.unwrap().into_fds();
            assert_eq!(taken.len(), 3);
            a.send_with_fds(b"dropped", &fds).await.unwrap();
            drop(b.recv_with_fds(&mut [0; 8]).await.unwrap());
            a.send_with_fds(b"unwanted", &fds).await.unwrap();
            b.read(&mut [0; 8]).await.unwrap();
            c.send_with_fds(b"unwanted", &fds).await.unwrap();
            d.recv(&mut [0; 2]).await.unwrap();
            c.send_with_fds(b"cut", &fds).await.unwrap();
            assert!(d.recv_with_fds(&mut [0; 2]).await.unwrap().is_truncated());
            let listener = UnixListener::bind_addr(&abstract_name()).unwrap();
            let client = UnixStream::connect_addr(&listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            drop((listener, client, server, udp, taken));
            assert_eq!(open_descriptors(), before, "round {round}");
        }
    });
}

/// Descriptors there is no room for: those that did arrive are closed, and the error says why.
#[cfg(target_os = "linux")]
#[test]
fn descriptors_without_room_are_an_error_in_words() {
    if !alone("unix_limits::descriptors_without_room_are_an_error_in_words") {
        return;
    }
    let mut driver = driver();
    block_on(&mut driver, async {
        let (a, b) = UnixStream::pair().unwrap();
        let hoard = leave_room_for(3);
        let fds = [a.as_fd(); 5];
        a.send_with_fds(b"five", &fds).await.unwrap();
        a.write(b"behind").await.unwrap();
        let error = b.recv_with_fds(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        let words = error.to_string();
        assert!(words.contains("3 arrived") && words.contains("RLIMIT_NOFILE"), "{words}");
        // Room for three again: nothing stayed open. And the stream goes on.
        let room: Vec<File> = (0..3).map(|_| File::open("/dev/null").unwrap()).collect();
        assert!(File::open("/dev/null").is_err());
        drop(room);
        assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 6);
        a.send_with_fds(b"three", &fds[..3]).await.unwrap();
        assert_eq!(b.recv_with_fds(&mut [0; 8]).await.unwrap().fds().len(), 3);
        drop(hoard);
    });
}

/// C13: out of descriptors, a listener waits and goes on by itself, and says so once.
#[test]
fn a_listener_without_room_waits_and_goes_on() {
    if !alone("unix_limits::a_listener_without_room_waits_and_goes_on") {
        return;
    }
    let mut driver = driver();
    block_on(&mut driver, async {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let listener = UnixListener::bind_addr(&abstract_name()).unwrap();
        let listener = listener.report_shortage(move |error| {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            count.fetch_add(1, Ordering::Relaxed);
        });
        let client = UnixStream::connect_addr(&listener.local_addr().unwrap()).await.unwrap();
        let hoard = leave_room_for(0);
        let refused = listener.accept().await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
        let mut hoard = Some(hoard);
        let mut accepting = std::pin::pin!(listener.accept_steadily());
        let mut polls = 0;
        let accepted = std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 5 {
                hoard = None;
            }
            accepting.as_mut().poll(cx)
        });
        let (server, _) = accepted.await.unwrap();
        client.write(b"served").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 6);
        assert!(listener.try_accept().is_err());
        let shortages = listener.shortages();
        assert_eq!((shortages.episodes(), shortages.is_ongoing()), (1, false));
        assert!(shortages.failures() >= 2, "{shortages:?}");
        assert_eq!(told.load(Ordering::Relaxed), 1);
    });
}
