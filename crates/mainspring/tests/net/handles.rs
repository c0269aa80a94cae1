//! Handles of all sorts: what they name, and how a driver serves them.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::process::{Command, Stdio};

use mainspring::os::windows::{IoModel, OverlappedHandle, SourceKind, classify};

use mainspring::{Builder, Choice, Driver, Kind};

use crate::support::block_on;

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
