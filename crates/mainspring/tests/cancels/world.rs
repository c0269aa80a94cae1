//! What the operations are on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncRead, StreamExt};
use mainspring::fs::{File, OpenOptions};
use mainspring::net::{TcpListener, TcpSocket, TcpStream};
use mainspring::op::{DirectFile, DirectStream};
use mainspring::{
    Async, BufferGroup, Chained, DirectDescriptors, Driver, Emulation, Handle, Interest, Kind,
    Prepared, RegisteredBuffers, op,
};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::doomed::{Counted, Doomed, Dropped, Flow, InChain};

const PAIRS: usize = 4;
const FILE_BYTES: usize = 1 << 16;
/// Few enough that streams wait for one at times.
const BUFFERS: usize = 16;
const BUFFER_BYTES: usize = 64;
/// Few enough that there is none at times, beside those that last.
const PLACES: usize = 16;

/// Numbers from a seed.
pub struct Lot(u64);

impl Lot {
    pub fn new(seed: u64) -> Lot {
        Lot(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }
}

/// Sources of one driver.
pub struct World {
    pub handle: Handle,
    listener: TcpListener,
    address: SocketAddr,
    streams: Vec<TcpStream>,
    /// Not in the simulated world.
    pipe: Option<(Async<OwnedFd>, Async<OwnedFd>)>,
    file: File,
    path: PathBuf,
    group: BufferGroup,
    registered: RegisteredBuffers,
    table: DirectDescriptors,
    direct: Vec<DirectStream<TcpStream>>,
    direct_file: DirectFile,
    /// Opening it waits for a reader, who never comes, on a thread of the kernel's; not where it
    /// would be a thread of the pool that waits, which nobody can end.
    fifo: Option<PathBuf>,
}

impl World {
    pub fn new(driver: &mut Driver, kind: Kind) -> World {
        let handle = driver.handle();
        let name = format!("mainspring-cancels-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, vec![1; FILE_BYTES]).expect("a file");
        let fifo = (kind == Kind::Uring).then(|| fifo(path.with_extension("fifo")));
        let made = driver.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let mut streams = Vec::new();
            for _ in 0..PAIRS {
                let connecting = TcpStream::connect(address);
                let (a, b) = futures::future::join(connecting, listener.accept()).await;
                streams.extend([a.expect("a connection"), b.expect("its other end").0]);
            }
            let file = File::open(&path).await.expect("the file");
            let pipe = (kind != Kind::Sim).then(pipe);
            let group = handle.buffer_group(BUFFERS, BUFFER_BYTES).expect("a group");
            let registered = handle.register_buffers(BUFFERS, BUFFER_BYTES).expect("buffers");
            let table = handle.direct_descriptors(PLACES).expect("a table");
            let mut direct = Vec::new();
            for _ in 0..PAIRS / 2 {
                let connecting = TcpStream::connect(address);
                let accepting = table.accept(&listener).into_future();
                let (a, b) = futures::future::join(connecting, accepting).await;
                streams.push(a.expect("a connection"));
                direct.push(b.expect("its other end"));
            }
            let direct_file = open_direct(&table, &path).await.expect("the file");
            let path = path.clone();
            World {
                handle,
                listener,
                address,
                streams,
                pipe,
                file,
                path,
                group,
                registered,
                table,
                direct,
                direct_file,
                fifo,
            }
        });
        made.expect("the queue works")
    }

    /// An operation that was not begun yet.
    pub fn operation<'a>(&'a self, lot: &mut Lot) -> Box<dyn Doomed<'a> + 'a> {
        let stream = &self.streams[lot.below(self.streams.len())];
        let len = 1 + lot.below(64);
        match lot.below(26) {
            16..=17 => {
                let incoming = stream.recv_multi(&self.group).limit(1 + lot.below(4));
                let incoming = if lot.below(2) == 0 { incoming.bundle() } else { incoming };
                Box::new(Flow(incoming, |incoming| incoming.stop()))
            }
            18 => {
                let incoming = self.listener.accept_multi().limit(1 + lot.below(4));
                Box::new(Flow(incoming, |incoming| incoming.stop()))
            }
            19..=20 => self.chain(len, lot),
            21..=25 => self.direct(len, lot),
            0..=2 => Box::new(op::recv(stream, Counted::new(len)).into_future()),
            3..=4 => Box::new(op::send(stream, Counted::new(len)).into_future()),
            5 => Box::new(stream.send_zero_copy(Counted::new(len)).into_future()),
            6..=7 => Box::new(op::accept(&self.listener).into_future()),
            8 => {
                let socket = TcpSocket::new_v4().expect("a socket");
                Box::new(op::connect(socket, &self.address).into_future())
            }
            9 => Box::new(op::timeout(Duration::from_micros(lot.below(2000) as u64)).into_future()),
            10 => Box::new(op::timeout(Duration::from_secs(3600)).into_future()),
            11 => Box::new(op::poll(stream, Interest::READABLE).into_future()),
            12 => Box::new(op::nop().into_future()),
            13 => {
                let offset = lot.below(FILE_BYTES) as u64;
                match self.registered.take() {
                    Some(lease) if lot.below(2) == 0 => {
                        Box::new(self.file.read_at(lease, offset).into_future())
                    }
                    _ => Box::new(self.file.read_at(Counted::new(len), offset).into_future()),
                }
            }
            14 => Box::new(self.opening(lot).into_future()),
            _ => self.on_the_pipe(len, lot),
        }
    }

    fn chain<'a>(&'a self, len: usize, lot: &mut Lot) -> Box<dyn Doomed<'a> + 'a> {
        let [a, b] = [(); 2].map(|()| &self.streams[lot.below(self.streams.len())]);
        let send = op::send(a, Counted::new(len));
        let recv = op::recv(b, Counted::new(len));
        let wait = op::timeout(Duration::from_micros(lot.below(2000) as u64));
        match lot.below(4) {
            0 => Box::new(in_chain((send, recv))),
            1 => Box::new(in_chain((wait, send, op::nop()))),
            2 => Box::new(in_chain((recv, wait, send))),
            _ => {
                let read = self.file.read_at(Counted::new(len), lot.below(FILE_BYTES) as u64);
                Box::new(in_chain((op::nop(), read, recv)))
            }
        }
    }

    /// An operation on a direct descriptor, or one that makes or closes one.
    fn direct<'a>(&'a self, len: usize, lot: &mut Lot) -> Box<dyn Doomed<'a> + 'a> {
        let stream = &self.direct[lot.below(self.direct.len())];
        match lot.below(8) {
            0 if lot.below(2) == 0 => {
                let incoming = stream.recv_multi(&self.group).limit(1 + lot.below(4));
                Box::new(Flow(incoming, |incoming| incoming.stop()))
            }
            0..=1 => Box::new(op::recv(stream, Counted::new(len)).into_future()),
            2 => Box::new(op::send(stream, Counted::new(len)).into_future()),
            3 => Box::new(op::poll(stream, Interest::READABLE).into_future()),
            4 if lot.below(2) == 0 => {
                let incoming = self.table.accept_multi(&self.listener).limit(1 + lot.below(3));
                Box::new(Flow(incoming, |incoming| incoming.stop()))
            }
            4 => Box::new(self.table.accept(&self.listener).into_future()),
            5 => {
                let offset = lot.below(FILE_BYTES) as u64;
                Box::new(self.direct_file.read_at(Counted::new(len), offset).into_future())
            }
            6 => Box::new(Dropped(Box::pin(open_direct(&self.table, &self.path)))),
            _ => Box::new(Dropped(Box::pin(async {
                open_direct(&self.table, &self.path).await?.close().await
            }))),
        }
    }

    /// Leases, registered buffers, and places beside those that last, which are out.
    pub fn out(&self) -> (usize, usize, usize) {
        let lasting = self.direct.len() + 1;
        (self.group.in_use(), self.registered.in_use(), self.table.in_use() - lasting)
    }

    /// Lets go of the wakers of those who waited for readiness: a source keeps the last.
    pub fn be_quiet(&self) {
        let cx = &mut Context::from_waker(Waker::noop());
        for mut stream in &self.streams {
            let mut bytes = [0; 256];
            while let Poll::Ready(read) = Pin::new(&mut stream).poll_read(cx, &mut bytes) {
                assert_ne!(read.expect("a connection"), 0, "both ends are here");
            }
        }
        for stream in &self.direct {
            let mut incoming = stream.recv_multi(&self.group);
            while incoming.poll_next_unpin(cx).is_ready() {}
        }
        let mut incoming = self.listener.accept_multi();
        while incoming.poll_next_unpin(cx).is_ready() {}
    }

    fn opening(&self, lot: &mut Lot) -> Prepared<'static, impl Emulation + use<>> {
        match &self.fifo {
            // One that may create is not tried before it is given to a thread of the kernel's.
            Some(fifo) if lot.below(2) == 0 => {
                File::options().write(true).create(true).prepare(fifo)
            }
            _ => File::options().read(true).prepare(&self.path),
        }
    }

    fn on_the_pipe<'a>(&'a self, len: usize, lot: &mut Lot) -> Box<dyn Doomed<'a> + 'a> {
        match &self.pipe {
            Some((_, writer)) if lot.below(4) == 0 => {
                Box::new(writer.write_owned(Counted::new(len)).into_future())
            }
            Some((reader, _)) => Box::new(reader.read_owned(Counted::new(len)).into_future()),
            None => Box::new(op::nop().into_future()),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for path in [Some(&self.path), self.fifo.as_ref()].into_iter().flatten() {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn open_direct(table: &DirectDescriptors, path: &Path) -> io::Result<DirectFile> {
    OpenOptions::new().read(true).open_direct(table, path).await
}

fn in_chain<T: Chained>(operations: T) -> InChain<T> {
    InChain(op::chain(operations))
}

/// A pipe whose ends do not block.
fn pipe() -> (Async<OwnedFd>, Async<OwnedFd>) {
    let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
    let (reader, writer) = pipe_with(flags).expect("a pipe");
    (Async::new(reader).expect("a source"), Async::new(writer).expect("a source"))
}

fn fifo(path: PathBuf) -> PathBuf {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
    path
}
