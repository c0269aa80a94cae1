//! What is particular to operations on a port, on the backend alone; what every backend's have to
//! do is tested with the network types.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, AsRawSocket};
use std::time::Duration;

use socket2::SockRef;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OVERLAPPED, SetFileCompletionNotificationModes,
};
use windows_sys::Win32::System::WindowsProgramming::FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;

use super::*;
use crate::backend::contract::{Completer, Config, OF_HANDLES, OPERATIONS, Registrar, Selector};
use crate::backend::port::OnAPort;
use crate::event::Events;
use crate::metrics::Counters;
use crate::sync::Arc;
use crate::sys::header::{RecvHeader, SendHeader};
use crate::sys::{AsSource, raw_source};
use crate::time::Clock;

/// How long a test waits for what has to come.
const SOON: Duration = Duration::from_secs(10);

/// A kind that has a port.
trait Selecting: Selector<Registrar: Completer + OnAPort> {}

impl<S: Selector<Registrar: Completer + OnAPort>> Selecting for S {}

/// Makes every test of the list a test of each kind.
macro_rules! on_every_port {
    ($($test:ident)*) => {
        mod iocp {
            $(
                #[test]
                fn $test() {
                    super::$test::<crate::backend::iocp::IocpSelector>();
                }
            )*
        }
        mod wsapoll {
            $(
                #[test]
                fn $test() {
                    super::$test::<crate::backend::poll::PollSelector>();
                }
            )*
        }
    };
}

on_every_port! {
    c10_an_operation_that_waits_and_one_that_need_not_end_once
    c9_a_reset_is_an_error_and_the_end_is_zero_bytes
    c11_a_cancel_ends_once_and_one_that_is_late_tells_of_the_success
    c11_a_thousand_are_cancelled_while_completions_come_and_each_ends_once
    c10_connections_are_taken_and_made
    c11_a_cancelled_accept_leaves_no_socket
    c10_a_datagram_tells_its_sender_and_if_it_was_cut
    c10_a_file_is_written_and_read_at_its_offsets_and_ends
    c12_a_drain_ends_everything_and_nothing_begins_after_it
    c4_a_packet_of_somebody_elses_is_not_followed
    c5_a_source_of_another_port_is_refused
    c10_a_source_whose_successes_bring_no_packet_is_left_to_readiness
}

struct Queue<S: Selecting> {
    selector: S,
    registrar: S::Registrar,
    next: u64,
}

impl<S: Selecting> Queue<S> {
    fn new() -> Queue<S> {
        let config = Config {
            clock: Clock::real(),
            counters: Arc::new(Counters::default()),
            event_capacity: 16,
            owner: None,
        };
        let (selector, registrar) = S::open(config).expect("a port");
        Queue { selector, registrar, next: 0 }
    }

    fn submit(&mut self, operation: RawOperation) -> io::Result<Token> {
        self.next += 1;
        let token = Token(self.next);
        // SAFETY: the tests keep their buffers until the end of the queue.
        unsafe { self.registrar.submit(token, operation) }?;
        Ok(token)
    }

    fn begin(&mut self, operation: RawOperation) -> Token {
        self.submit(operation).expect("an operation that begins")
    }

    /// The next completions, which have to come.
    fn some(&mut self) -> Vec<Completion> {
        let mut events = Events::new();
        self.selector.select(&mut events, Some(SOON)).expect("a port that works");
        assert!(!events.completions.is_empty(), "nothing came");
        events.completions
    }

    fn one(&mut self) -> (Token, io::Result<u64>) {
        let mut some = self.some();
        assert_eq!(some.len(), 1, "one operation, one completion: {some:?}");
        let Completion { token, result, more, buffer } = some.remove(0);
        assert!(!more && buffer.is_none());
        (token, result)
    }

    fn result(&mut self, token: Token) -> io::Result<u64> {
        let (ended, result) = self.one();
        assert_eq!(ended, token);
        result
    }

    /// Nothing more comes: a packet that is posted now is the next.
    fn silence(&mut self) {
        let nop = self.begin(RawOperation::Nop);
        assert!(self.result(nop).is_ok());
        assert_eq!(self.with_kernel(), 0);
    }

    fn with_kernel(&self) -> usize {
        self.registrar.on_port().1.table.lock().with_kernel
    }

    fn adopt(&self, source: RawSource) -> RawSource {
        self.registrar.adopt(source).expect("a source of no other port");
        source
    }
}

fn of(socket: &impl AsSource) -> RawSource {
    raw_source(socket)
}

fn memory(buffer: &mut [u8]) -> RawMemory {
    RawMemory { start: buffer.as_mut_ptr(), len: buffer.len() }
}

fn recv(source: RawSource, buffer: &mut [u8]) -> RawOperation {
    RawOperation::Recv { source, memory: memory(buffer), flags: 0 }
}

fn send(source: RawSource, bytes: &[u8]) -> RawOperation {
    RawOperation::Send { source, memory: RawMemory::to_read(bytes), flags: 0 }
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Closes a stream so that its peer is told of a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn c10_an_operation_that_waits_and_one_that_need_not_end_once<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let (a, mut b) = pair();
    let a_source = queue.adopt(of(&a));
    let mut buffer = [0; 16];
    let waits = queue.begin(recv(a_source, &mut buffer));
    b.write_all(b"hello").unwrap();
    assert_eq!(queue.result(waits).unwrap(), 5);
    assert_eq!(&buffer[..5], b"hello");
    b.write_all(b"again").unwrap();
    a.peek(&mut [0; 1]).unwrap();
    let at_once = queue.begin(recv(a_source, &mut buffer));
    assert_eq!(queue.result(at_once).unwrap(), 5);
    let sends = queue.begin(send(a_source, b"back"));
    assert_eq!(queue.result(sends).unwrap(), 4);
    b.read_exact(&mut buffer[..4]).unwrap();
    queue.silence();
}

fn c9_a_reset_is_an_error_and_the_end_is_zero_bytes<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let mut buffer = [0; 16];
    let (a, b) = pair();
    let source = queue.adopt(of(&a));
    let waits = queue.begin(recv(source, &mut buffer));
    drop(b);
    assert_eq!(queue.result(waits).unwrap(), 0);

    let (a, b) = pair();
    let source = queue.adopt(of(&a));
    let waits = queue.begin(recv(source, &mut buffer));
    reset(b);
    assert_eq!(queue.result(waits).unwrap_err().kind(), ErrorKind::ConnectionReset);
    // And after it, at once.
    let later = queue.submit(recv(source, &mut buffer));
    let later = later.and_then(|token| queue.result(token));
    assert!(matches!(
        later.map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
    ));
    queue.silence();
}

fn c11_a_cancel_ends_once_and_one_that_is_late_tells_of_the_success<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let (a, mut b) = pair();
    let source = queue.adopt(of(&a));
    let mut buffer = [0; 16];
    let waits = queue.begin(recv(source, &mut buffer));
    assert_eq!(queue.registrar.cancel(waits), Cancel::Requested);
    assert_eq!(queue.registrar.cancel(waits), Cancel::Requested);
    assert!(error::is_cancelled(&queue.result(waits).unwrap_err()));
    assert_eq!(queue.registrar.cancel(waits), Cancel::Requested, "of one that is over: nothing");

    b.write_all(b"hello").unwrap();
    a.peek(&mut [0; 1]).unwrap();
    let over = queue.begin(recv(source, &mut buffer));
    assert_eq!(queue.registrar.cancel(over), Cancel::Requested);
    assert_eq!(queue.result(over).unwrap(), 5);
    queue.silence();
}

fn c11_a_thousand_are_cancelled_while_completions_come_and_each_ends_once<S: Selecting>() {
    const COUNT: usize = 1000;
    let mut queue = Queue::<S>::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut pairs: Vec<_> = (0..COUNT)
        .map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0))
        .collect();
    let mut buffers = vec![[0_u8; 8]; COUNT];
    let mut begun = HashMap::new();
    for (at, ((a, _), buffer)) in pairs.iter().zip(&mut buffers).enumerate() {
        let source = queue.adopt(of(a));
        begun.insert(queue.begin(recv(source, buffer)), at);
    }
    let Queue { selector, registrar, .. } = &mut queue;
    let mut received = vec![None; COUNT];
    std::thread::scope(|scope| {
        let tokens: Vec<Token> = begun.keys().copied().collect();
        scope.spawn(move || {
            for token in tokens {
                registrar.cancel(token);
            }
        });
        for (_, b) in &mut pairs {
            b.write_all(b"x").unwrap();
        }
        let mut missing = COUNT;
        while missing != 0 {
            let mut events = Events::new();
            selector.select(&mut events, Some(SOON)).unwrap();
            assert!(!events.completions.is_empty(), "{missing} did not end");
            for Completion { token, result, .. } in events.completions {
                let at = begun[&token];
                assert!(received[at].is_none(), "it ended twice");
                received[at] = Some(match result {
                    Ok(count) => count as usize,
                    Err(error) => {
                        assert!(error::is_cancelled(&error), "{error}");
                        0
                    }
                });
                missing -= 1;
            }
        }
    });
    for ((a, b), received) in pairs.into_iter().zip(received) {
        drop(b);
        let mut rest = Vec::new();
        (&a).read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len() + received.unwrap(), 1, "neither lost nor doubled");
    }
    queue.silence();
}

fn c10_connections_are_taken_and_made<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let source = queue.adopt(of(&listener));
    let accepts = queue.begin(RawOperation::Accept { source });
    let client = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let target = socket2::SockAddr::from(address);
    let start = target.as_ptr().cast_mut().cast();
    let to = RawMemory { start, len: target.len() as usize };
    let client_source = queue.adopt(of(&client));
    let connects = queue.begin(RawOperation::Connect { source: client_source, address: to });
    let mut taken = None;
    let mut connected = false;
    while taken.is_none() || !connected {
        for Completion { token, result, .. } in queue.some() {
            match result.unwrap() {
                number if token == accepts => taken = Some(number),
                zero => {
                    assert_eq!((token, zero), (connects, 0));
                    connected = true;
                }
            }
        }
    }
    let taken = crate::sys::socket::accepted(taken.unwrap()).unwrap();
    assert_eq!(taken.peer_addr().unwrap().as_socket(), client.local_addr().unwrap().as_socket());
    assert_eq!(client.peer_addr().unwrap().as_socket(), Some(address));
    let read = (&taken).read(&mut [0; 1]).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::WouldBlock, "a socket of ours does not block");

    drop(listener);
    let lonely = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let lonely_source = queue.adopt(of(&lonely));
    let refused = queue.begin(RawOperation::Connect { source: lonely_source, address: to });
    assert_eq!(queue.result(refused).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    queue.silence();
}

fn c11_a_cancelled_accept_leaves_no_socket<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = queue.adopt(of(&listener));
    let before = calls::handles_open();
    for _ in 0..100 {
        let accepts = queue.begin(RawOperation::Accept { source });
        queue.registrar.cancel(accepts);
        assert!(error::is_cancelled(&queue.result(accepts).unwrap_err()));
    }
    let after = calls::handles_open();
    assert!(after < before + 50, "{before} handles before and {after} after");
    queue.silence();
}

fn c10_a_datagram_tells_its_sender_and_if_it_was_cut<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (a_source, b_source) = (queue.adopt(of(&a)), queue.adopt(of(&b)));
    let mut buffer = [0; 4];
    let to: SocketAddr = b.local_addr().unwrap();
    for (text, waits) in [("four", true), ("fifth", true), ("four", false), ("fifth", false)] {
        let mut header = RecvHeader::new();
        let mut sending = SendHeader::new(Some(to.into()));
        let (start, len) = header.raw(buffer.as_mut_ptr(), buffer.len());
        let header_memory = RawMemory { start, len };
        let receive =
            RawOperation::RecvMessage { source: b_source, header: header_memory, flags: 0 };
        let (start, len) = sending.raw(text.as_ptr(), text.len());
        let header_memory = RawMemory { start, len };
        let send = RawOperation::SendMessage { source: a_source, header: header_memory, flags: 0 };
        let early = waits.then(|| queue.begin(receive));
        let sends = queue.begin(send);
        let mut results = HashMap::new();
        while !results.contains_key(&sends) {
            results.extend(queue.some().into_iter().map(|done| (done.token, done.result)));
        }
        assert_eq!(results.remove(&sends).unwrap().unwrap(), text.len() as u64);
        if !waits {
            // It is there: looked at, and not taken.
            let _ = b.peek(&mut [0; 8]);
        }
        let receives = early.unwrap_or_else(|| queue.begin(receive));
        let received = results.remove(&receives).unwrap_or_else(|| queue.result(receives));
        assert_eq!(received.unwrap(), 4);
        let arrived = header.arrived(4).unwrap();
        assert_eq!(arrived.sender.as_socket(), Some(a.local_addr().unwrap()));
        assert_eq!(arrived.truncated, text.len() > 4, "{text}, waited for: {waits}");
    }
    queue.silence();
}

fn c10_a_file_is_written_and_read_at_its_offsets_and_ends<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let path = std::env::temp_dir().join(format!("mainspring-iocp-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap();
    let source = queue.adopt(RawSource(file.as_raw_handle() as u64));
    let write = |offset, bytes| RawOperation::Write {
        source,
        memory: RawMemory::to_read(bytes),
        offset,
        region: None,
    };
    let first = queue.begin(write(0, b"hello, "));
    assert_eq!(queue.result(first).unwrap(), 7);
    let second = queue.begin(write(7, b"world"));
    assert_eq!(queue.result(second).unwrap(), 5);
    let mut buffer = [0; 16];
    for (offset, text) in [(0, "hello, world"), (7, "world"), (12, ""), (1 << 33, "")] {
        let read = RawOperation::Read { source, memory: memory(&mut buffer), offset, region: None };
        let reads = queue.begin(read);
        let end = if text.is_empty() { AT_END } else { 0 };
        assert_eq!(queue.result(reads).unwrap(), text.len() as u64 | end);
        assert_eq!(&buffer[..text.len()], text.as_bytes());
    }
    queue.silence();
    drop(file);
    std::fs::remove_file(path).unwrap();
}

fn c12_a_drain_ends_everything_and_nothing_begins_after_it<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let (a, _b) = pair();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (stream, listens) = (queue.adopt(of(&a)), queue.adopt(of(&listener)));
    let mut buffers = [[0; 8]; 100];
    for buffer in &mut buffers {
        queue.begin(recv(stream, buffer));
        queue.begin(RawOperation::Accept { source: listens });
    }
    let mut events = Events::new();
    assert_eq!(queue.selector.drain(&mut events), 0);
    assert_eq!(events.completions.len(), 200);
    assert!(events.completions.iter().all(|done| match &done.result {
        Err(error) => error::is_cancelled(error),
        Ok(_) => false,
    }));
    assert_eq!(queue.with_kernel(), 0);
    let late = queue.submit(recv(stream, &mut buffers[0])).unwrap_err();
    assert!(error::is_shutdown(&late));
}

fn c4_a_packet_of_somebody_elses_is_not_followed<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let nop = queue.begin(RawOperation::Nop);
    assert!(queue.result(nop).is_ok());
    let address = {
        let table = queue.registrar.on_port().1.table.lock();
        calls::name(table.lent(0)) as usize
    };
    // Ours, but not in use; beside ours; nobody's.
    for tag in [address, address + 8, 8, usize::MAX - 7] {
        queue.registrar.on_port().0.post(tag).unwrap();
    }
    queue.registrar.wake().unwrap();
    let mut events = Events::new();
    queue.selector.select(&mut events, Some(SOON)).unwrap();
    assert!(events.woken && events.completions.is_empty());
    queue.silence();
}

/// On the kind whose turns alone take packets: elsewhere they end while more are begun.
#[test]
fn c13_the_number_of_operations_is_limited_and_they_are_used_again() {
    let mut queue = Queue::<crate::backend::iocp::IocpSelector>::new();
    for _ in 0..2 {
        let mut begun = 0;
        let error = loop {
            match queue.submit(RawOperation::Nop) {
                Ok(_) => begun += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert!(begun > OPERATIONS_MAX / 2 && begun <= OPERATIONS_MAX);
        let mut ended = 0;
        while ended < begun {
            ended += queue.some().len();
        }
        assert_eq!((ended, queue.with_kernel()), (begun, 0));
    }
}

fn c5_a_source_of_another_port_is_refused<S: Selecting>() {
    let (queue, other) = (Queue::<S>::new(), Queue::<S>::new());
    let (a, _b) = pair();
    queue.adopt(of(&a));
    assert!(other.registrar.adopt(of(&a)).is_err());
    assert!(queue.registrar.adopt(RawSource(0x7fff_fff0)).is_err());
}

/// A success at once would be nobody's packet, and the operation would never end.
fn c10_a_source_whose_successes_bring_no_packet_is_left_to_readiness<S: Selecting>() {
    let mut queue = Queue::<S>::new();
    let (a, mut b) = pair();
    let mode = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS as u8;
    // SAFETY: a call without pointers on an open socket.
    let set = unsafe { SetFileCompletionNotificationModes(a.as_raw_socket() as HANDLE, mode) };
    assert_ne!(set, codes::FALSE);
    let refused = queue.registrar.adopt(of(&a)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let of_b = queue.adopt(of(&b));
    b.write_all(b"x").unwrap();
    let sends = queue.begin(send(of_b, b"y"));
    assert_eq!(queue.result(sends).unwrap(), 1);
    queue.silence();
}

/// What is said to be carried out here is, and nothing else.
#[test]
fn the_operations_in_the_report_are_those_that_are_carried_out() {
    let (source, mut bytes) = (RawSource(u64::MAX), [0; 8]);
    let (memory, offset) = (memory(&mut bytes), 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let of_each = |name: &str| match name {
        "nop" => RawOperation::Nop,
        "accept" => RawOperation::Accept { source: of(&listener) },
        "connect" => RawOperation::Connect { source, address: memory },
        "recv" => RawOperation::Recv { source, memory, flags: 0 },
        "recv_message" => RawOperation::RecvMessage { source, header: memory, flags: 0 },
        "send" => RawOperation::Send { source, memory, flags: 0 },
        "send_message" => RawOperation::SendMessage { source, header: memory, flags: 0 },
        "read" => RawOperation::Read { source, memory, offset, region: None },
        "write" => RawOperation::Write { source, memory, offset, region: None },
        "listen_pipe" => RawOperation::Listen { source },
        other => panic!("{other} is no operation of a port"),
    };
    for name in CARRIED_OUT {
        assert!(Kind::of(&of_each(name)).is_ok(), "{name}");
    }
    let known = OPERATIONS.iter().chain(OF_HANDLES);
    assert!(CARRIED_OUT.iter().all(|name| known.clone().any(|other| other == name)));
    assert!(Kind::of(&RawOperation::Sync { source, data_only: false }).is_err());
}
