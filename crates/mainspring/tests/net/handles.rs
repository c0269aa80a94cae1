//! Handles of all sorts: what they name, and how a driver serves them.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, BorrowedHandle, FromRawHandle, IntoRawSocket, OwnedHandle};
use std::process::{Command, Stdio};
use std::ptr;

use mainspring::os::windows::{
    ConsoleInput, IoModel, OverlappedHandle, Registered, SourceKind, Waitable, classify, register,
};

use mainspring::{Builder, Choice, Driver, Kind};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::IO::CreateIoCompletionPort;

use crate::support::block_on;
use crate::waitables::objects::mutex;

const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;

/// Both kinds that have a port, whatever the environment asks for.
fn drivers() -> [Driver; 2] {
    [Kind::Iocp, Kind::WsaPoll]
        .map(|kind| Builder::new().choice(Choice::Exactly(kind)).build().expect("a driver"))
}

fn of_socket(socket: &impl std::os::windows::io::AsRawSocket) -> BorrowedHandle<'_> {
    // SAFETY: a socket is a handle, and lives as long as the borrow.
    unsafe { BorrowedHandle::borrow_raw(socket.as_raw_socket() as *mut _) }
}

#[test]
fn each_handle_is_known_by_what_it_names() {
    let readable = (SourceKind::Socket, IoModel::Readiness);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(classify(&of_socket(&listener)).unwrap(), readable);
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(classify(&of_socket(&datagrams)).unwrap(), readable);

    let path = std::env::current_exe().unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!(classify(&file).unwrap(), (SourceKind::File, IoModel::Blocking));
    let file = File::options().read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap();
    assert_eq!(classify(&file).unwrap(), (SourceKind::File, IoModel::Overlapped));

    let signalled = (SourceKind::Waitable, IoModel::Waitable);
    let thread = std::thread::spawn(|| {});
    assert_eq!(classify(&thread).unwrap(), signalled);
    thread.join().unwrap();
    let mut child = Command::new("cmd");
    let mut child = child.args(["/c", "exit"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(classify(&child).unwrap(), signalled);
    assert_eq!(classify(child.stdout.as_ref().unwrap()).unwrap().0, SourceKind::NamedPipe);
    child.wait().unwrap();
}

/// A handle of a port: it is neither read, written nor signalled.
fn port() -> OwnedHandle {
    // SAFETY: no pointer is passed.
    let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 1) };
    assert!(!port.is_null());
    // SAFETY: a handle that was made just now, and is nobody else's.
    unsafe { OwnedHandle::from_raw_handle(port) }
}

fn socket() -> OwnedHandle {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap().into_raw_socket();
    // SAFETY: a socket is a handle, and this is its only owner.
    unsafe { OwnedHandle::from_raw_handle(socket as usize as *mut _) }
}

#[test]
fn each_class_is_registered_in_the_way_that_fits_or_refused_in_words() {
    for mut driver in drivers() {
        let handle = driver.handle();
        let path = std::env::current_exe().unwrap();
        let overlapped = || {
            let mut options = File::options();
            options.read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap().into()
        };
        let registered = register(&handle, socket()).unwrap();
        let Registered::Socket(datagrams) = registered else { panic!("{registered:?}") };
        let to = UdpSocket::from(datagrams.get_ref().try_clone().unwrap()).local_addr().unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"!", to).unwrap();
        block_on(&mut driver, datagrams.readable()).unwrap();

        let registered = register(&handle, overlapped()).unwrap();
        assert!(matches!(registered, Registered::Overlapped(_)), "{registered:?}");
        let thread = std::thread::spawn(|| {});
        let registered = register(&handle, thread.into()).unwrap();
        let Registered::Waitable(thread) = registered else { panic!("{registered:?}") };
        block_on(&mut driver, thread.wait()).unwrap();

        let refused = |handle: OwnedHandle, kind: ErrorKind, words: &str| {
            let error = register(&driver.handle(), handle).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(File::open(&path).unwrap().into(), ErrorKind::InvalidInput, "FILE_FLAG_OVERLAPPED");
        refused(mutex(), ErrorKind::Unsupported, "mutex");
        refused(port(), ErrorKind::Unsupported, "no driver can wait");
    }
}

#[test]
fn what_is_never_signalled_is_refused_with_what_to_do_instead() {
    for driver in drivers() {
        let handle = driver.handle();
        let refused = |source: OwnedHandle, words: &str| {
            let error = Waitable::with_handle(&handle, source).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        let path = std::env::current_exe().unwrap();
        refused(socket(), "Async");
        refused(File::open(&path).unwrap().into(), "pool");
        let mut options = File::options();
        let overlapped = options.read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap();
        refused(overlapped.into(), "OverlappedHandle");
        refused(mutex(), "mutex");
        refused(port(), "no driver can wait");
        let thread = std::thread::spawn(|| {});
        let error = ConsoleInput::with_handle(&handle, thread.into()).unwrap_err();
        assert!(error.to_string().contains("no console's input"), "{error}");
        assert_eq!(handle.metrics().sources_now, 0, "nothing is left of the attempts");
    }
}

#[test]
fn what_takes_no_overlapped_operations_is_refused_in_words() {
    for mut driver in drivers() {
        let handle = driver.handle();
        block_on(&mut driver, async {
            let path = std::env::current_exe().unwrap();
            let refused = OverlappedHandle::new(File::open(&path).unwrap().into()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("FILE_FLAG_OVERLAPPED"), "{refused}");
            let thread = std::thread::spawn(|| {});
            let signalled: OwnedHandle = thread.into();
            assert!(
                OverlappedHandle::new(signalled).unwrap_err().to_string().contains("signalled")
            );

            let mut options = File::options();
            options.read(true).custom_flags(FILE_FLAG_OVERLAPPED);
            let file: OwnedHandle = options.open(&path).unwrap().into();
            let double = file.as_handle().try_clone_to_owned().unwrap();
            let file = OverlappedHandle::with_handle(&handle, file).unwrap();
            assert_eq!(file.kind(), SourceKind::File);
            let taken = OverlappedHandle::with_handle(&handle, double).unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::InvalidInput, "it is the port's already");
            let (read, buffer) = file.read(vec![0; 8]).await;
            assert_eq!((read.unwrap_err().kind(), buffer.len()), (ErrorKind::InvalidInput, 0));
        });
    }
}

#[test]
fn c10_a_file_is_written_and_read_by_many_at_once() {
    let path = std::env::temp_dir().join(format!("mainspring-handles-{}", std::process::id()));
    for mut driver in drivers() {
        block_on(&mut driver, async {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(true);
            let file = options.custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap();
            let file = OverlappedHandle::new(file.into()).unwrap();
            let writes =
                (0..64_u64).map(|at| file.write_at(vec![at as u8; 4096], at * 4096).into_future());
            for (written, buffer) in futures::future::join_all(writes).await {
                assert_eq!((written.unwrap(), buffer.len()), (4096, 4096));
            }
            file.flush().await.unwrap();
            let reads = (0..64_u64)
                .map(|at| file.read_at(Vec::with_capacity(4096), at * 4096).into_future());
            for (at, (read, buffer)) in
                futures::future::join_all(reads).await.into_iter().enumerate()
            {
                assert_eq!(read.unwrap().len(), 4096);
                assert!(buffer.iter().all(|&byte| byte == at as u8));
            }
            let (read, _) = file.read_at(vec![0; 8], 64 * 4096).await;
            assert!(read.unwrap().is_end());
        });
    }
    std::fs::remove_file(path).unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn a_simulated_driver_has_no_port() {
    let simulation = mainspring::Simulation::new(1);
    let driver = mainspring::Builder::new().simulation(&simulation).build().unwrap();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let refused = OverlappedHandle::with_handle(&driver.handle(), file.into()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.to_string().contains("Kind::Iocp"), "{refused}");
}
