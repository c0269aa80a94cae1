//! Named pipes: connections between processes of one machine, and messages with bounds.
//!
//! A *server* makes instances of a name; each serves one client at a time, and after
//! [`disconnect`](NamedPipeServer::disconnect) another. A *client* opens the name. Between two
//! clients there is a moment in which no instance waits, unless there are several: make the next
//! before the first is given away.
//!
//! In [`PipeMode::Message`] each write is a message. A read into a buffer that is too small brings
//! its first part and says that it [goes on](super::Portion::goes_on);
//! [`read_message`](NamedPipeServer::read_message) collects the whole.
//!
//! ```
//! use mainspring::os::windows::named_pipe::{ClientOptions, ServerOptions};
//! let name = format!(r"\\.\pipe\mainspring-doc-{}", std::process::id());
//! mainspring::block_on(async {
//!     let server = ServerOptions::new().create(&name)?;
//!     let client = ClientOptions::new().open(&name)?;
//!     server.connect().await?;
//!     client.write("hello").await.0?;
//!     let (read, buffer) = server.read(Vec::with_capacity(64)).await;
//!     assert_eq!((read?.len(), buffer.as_slice()), (5, b"hello".as_slice()));
//!     Ok::<(), std::io::Error>(())
//! })??;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle};

use crate::completion::buf::{IoBuf, IoBufMut};
use crate::driver::{Handle, Prepared, Subject};
use crate::op::handle::{ListenPipe, ReadHandle, WriteHandle};
use crate::sys::pipe;

use super::OverlappedHandle;

/// The most instances that [`ServerOptions::max_instances`] can name.
pub const INSTANCES_MAX: u32 = pipe::INSTANCES_MAX;
/// What the kernel is asked to keep in each direction: what the types of other systems keep.
const ROOM: u32 = 64 * 1024;
/// How long a thread of the pool waits for an instance before it looks whether it is still to.
const LOOK_MS: u32 = 100;
/// What a message's buffer grows by.
const STEP: usize = 4096;

/// What bounds a pipe keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PipeMode {
    /// None: a stream of bytes.
    #[default]
    Byte,
    /// Those of the writes.
    Message,
}

/// How an instance is made.
#[derive(Clone, Debug)]
pub struct ServerOptions(pipe::Instance);

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions::new()
    }
}

impl ServerOptions {
    /// A stream of bytes, for clients of this machine, with as many instances as are made.
    #[must_use]
    pub fn new() -> ServerOptions {
        let (messages, first, local) = (false, false, true);
        ServerOptions(pipe::Instance { messages, first, local, instances_max: None, room: ROOM })
    }

    /// Which bounds are kept. All instances of a name have the same.
    #[must_use]
    pub fn mode(self, mode: PipeMode) -> ServerOptions {
        ServerOptions(pipe::Instance { messages: mode == PipeMode::Message, ..self.0 })
    }

    /// Whether it is an error if there is an instance of the name already: a server that wants to
    /// be sure that the name is its own says yes for its first.
    #[must_use]
    pub fn first_instance(self, first: bool) -> ServerOptions {
        ServerOptions(pipe::Instance { first, ..self.0 })
    }

    /// How many instances of the name there may be, at most [`INSTANCES_MAX`]. The first decides.
    #[must_use]
    pub fn max_instances(self, count: u32) -> ServerOptions {
        let instances_max = Some(count.clamp(1, INSTANCES_MAX));
        ServerOptions(pipe::Instance { instances_max, ..self.0 })
    }

    /// Whether clients of other machines are let in.
    #[must_use]
    pub fn remote_clients(self, remote: bool) -> ServerOptions {
        ServerOptions(pipe::Instance { local: !remote, ..self.0 })
    }

    /// Makes an instance of `name` (`\\.\pipe\…`) in the current driver. Clients can open it at
    /// once.
    ///
    /// # Errors
    ///
    /// The system's (`PermissionDenied` if there is another one that was to be the first); those of
    /// [`OverlappedHandle::new`].
    #[track_caller]
    pub fn create(&self, name: impl AsRef<OsStr>) -> io::Result<NamedPipeServer> {
        let driver = Handle::try_current()?;
        let handle = pipe::create(name.as_ref(), &self.0)?;
        OverlappedHandle::with_handle(&driver, handle).map(NamedPipeServer)
    }
}

/// How a client opens a pipe.
///
/// ```
/// use mainspring::os::windows::named_pipe::ClientOptions;
/// let nobody = ClientOptions::new().open(r"\\.\pipe\mainspring-that-nobody-serves");
/// assert_eq!(nobody.unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    mode: PipeMode,
}

impl ClientOptions {
    /// Reads a stream of bytes.
    #[must_use]
    pub fn new() -> ClientOptions {
        ClientOptions::default()
    }

    /// Whether reads keep the bounds of messages, if the server does.
    #[must_use]
    pub fn mode(self, mode: PipeMode) -> ClientOptions {
        ClientOptions { mode }
    }

    /// Opens `name`, whose server need not have begun to wait for a client.
    ///
    /// # Errors
    ///
    /// `NotFound` if nobody serves the name; `ERROR_PIPE_BUSY` (231) if every instance has a client
    /// ([`open_when_free`](Self::open_when_free) waits); `InvalidInput` for messages of a server
    /// that sends none; those of [`OverlappedHandle::new`].
    #[track_caller]
    pub fn open(&self, name: impl AsRef<OsStr>) -> io::Result<NamedPipeClient> {
        self.open_in(&Handle::try_current()?, name.as_ref())
    }

    #[track_caller]
    fn open_in(&self, driver: &Handle, name: &OsStr) -> io::Result<NamedPipeClient> {
        let handle = pipe::open(name, self.mode == PipeMode::Message)?;
        OverlappedHandle::with_handle(driver, handle).map(NamedPipeClient)
    }

    /// Opens `name`, and waits while every instance has a client: on a thread of the blocking pool,
    /// since nothing else tells.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has opened nothing.
    pub async fn open_when_free(&self, name: impl AsRef<OsStr>) -> io::Result<NamedPipeClient> {
        let driver = Handle::try_current()?;
        let name: OsString = name.as_ref().to_owned();
        loop {
            match self.open_in(&driver, &name) {
                Err(error) if pipe::is_busy(&error) => {}
                opened => return opened,
            }
            let asked = name.clone();
            // Whether one is free or the time is up: it is tried again.
            blocking::unblock(move || pipe::wait_for_instance(&asked, LOOK_MS)).await?;
        }
    }
}

/// An instance of a named pipe.
#[derive(Debug)]
pub struct NamedPipeServer(OverlappedHandle);

/// The client's end of a named pipe.
#[derive(Debug)]
pub struct NamedPipeClient(OverlappedHandle);

impl NamedPipeServer {
    /// Waits for a client; one that is there already is found at once.
    ///
    /// # Errors
    ///
    /// The system's: `ERROR_NO_DATA` (232) if a client came and went, or was not
    /// [disconnected](Self::disconnect) yet.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the wait up; a client that has come is found by the next.
    pub fn connect(&self) -> Prepared<'_, ListenPipe> {
        let registration = self.0.registration();
        let operation = ListenPipe(registration.source());
        Prepared::on(registration, Subject::Nothing, operation)
    }

    /// Ends the connection to the client; the instance can [wait](Self::connect) for another. What
    /// the client has not read is lost: [`flush`](OverlappedHandle::flush) waits for that.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn disconnect(&self) -> io::Result<()> {
        pipe::disconnect(self.0.as_handle())
    }
}

/// Implements what both ends have.
macro_rules! end_of_pipe {
    ($end:ident) => {
        impl $end {
            /// The handle in its driver.
            #[must_use]
            pub fn as_overlapped(&self) -> &OverlappedHandle {
                &self.0
            }

            /// Reads what has come; see [`OverlappedHandle::read`].
            ///
            /// # Errors
            ///
            /// Those of [`OverlappedHandle::read`].
            pub fn read<B: IoBufMut>(&self, buffer: B) -> Prepared<'_, ReadHandle<B>> {
                self.0.read(buffer)
            }

            /// Writes all of the buffer; in message mode, as one message. See
            /// [`OverlappedHandle::write`].
            ///
            /// # Errors
            ///
            /// Those of [`OverlappedHandle::write`].
            pub fn write<B: IoBuf>(&self, buffer: B) -> Prepared<'_, WriteHandle<B>> {
                self.0.write(buffer)
            }

            /// Reads a whole message of at most `limit` bytes; `None` at the end.
            ///
            /// # Errors
            ///
            /// `InvalidData` for a longer one, of which the next reads bring the rest; those of
            /// [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped in the middle of a message has lost its beginning.
            pub async fn read_message(&self, limit: usize) -> io::Result<Option<Vec<u8>>> {
                whole_message(&self.0, limit).await
            }
        }

        impl AsHandle for $end {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.0.as_handle()
            }
        }
    };
}

end_of_pipe!(NamedPipeServer);
end_of_pipe!(NamedPipeClient);

async fn whole_message(pipe: &OverlappedHandle, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        // At least one: a message of exactly `limit` bytes is known by its end.
        let step = (limit - message.len()).clamp(1, STEP.max(message.len()));
        let (read, part) = pipe.read(Vec::with_capacity(step)).await;
        let read = read?;
        if read.is_end() {
            return if message.is_empty() { Ok(None) } else { Err(cut_off()) };
        }
        message.extend_from_slice(&part);
        if message.len() > limit || (message.len() == limit && read.goes_on()) {
            return Err(too_long(limit));
        }
        if !read.goes_on() {
            return Ok(Some(message));
        }
    }
}

fn too_long(limit: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a message is longer than the {limit} bytes it was to have at most"),
    )
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the pipe ended in the middle of a message")
}
