//! What is typed into a console, as something to await.

use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};

use crate::driver::Handle;
use crate::sync::{Arc, Mutex};
use crate::sys::console_input;

use super::{ConsoleEvent, SourceKind, Waitable};

/// The input of a console.
///
/// The driver waits until there is input; it is then taken on a thread of the blocking pool,
/// because a console has no call that would never block:
///
/// - *Any event is input*: a key that goes up, the mouse, the window that is chosen. [`ready`] says
///   that there is one, not that it is a character.
/// - *In line mode a read blocks after the wake*, until there is a line, because that is when the
///   system hands keys on. [`read`] has the thread of the pool that long. Who wants keys as they
///   come takes [`events`], or turns line mode off (`SetConsoleMode` without `ENABLE_LINE_INPUT`).
/// - *Others may be faster*: all processes of a console take from one queue.
/// - *The standard library's `Stdin` keeps what it has read*: whoever reads with it as well misses
///   what is in its buffer.
///
/// [`ready`]: Self::ready
/// [`read`]: Self::read
/// [`events`]: Self::events
///
/// ```no_run
/// use mainspring::os::windows::{ConsoleEvent, ConsoleInput};
/// mainspring::block_on(async {
///     let input = ConsoleInput::open()?;
///     for event in input.events().await? {
///         if let ConsoleEvent::Key(key) = event {
///             assert_ne!(key.repeats, 0);
///         }
///     }
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ConsoleInput {
    waitable: Waitable,
    handle: Arc<OwnedHandle>,
    events: UnderWay<Vec<ConsoleEvent>>,
    bytes: UnderWay<Vec<u8>>,
}

/// A read that a thread of the pool has, or has done, for nobody.
type UnderWay<T> = Mutex<Option<blocking::Task<io::Result<T>>>>;

impl ConsoleInput {
    /// The input of the console that this process is attached to, in the
    /// [current](Handle::current) driver. It is the console also if the standard input is a file or
    /// a pipe.
    ///
    /// # Errors
    ///
    /// The system's, with words, if the process has no console; those of [`Waitable::new`].
    #[track_caller]
    pub fn open() -> io::Result<ConsoleInput> {
        let driver = Handle::try_current()?;
        let handle = console_input::open().map_err(|error| {
            let text = format!(
                "{error}: this process has no console whose input could be read; start it from \
                 one, or make one (AllocConsole)"
            );
            io::Error::new(error.kind(), text)
        })?;
        ConsoleInput::with_handle(&driver, handle)
    }

    /// The input that a handle names, such as the standard input's, in the driver of `driver`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what is no console's input; those of [`Waitable::new`].
    #[track_caller]
    pub fn with_handle(driver: &Handle, handle: OwnedHandle) -> io::Result<ConsoleInput> {
        let kept = Arc::new(handle.try_clone()?);
        let waitable = Waitable::with_handle(driver, handle)?;
        if waitable.kind() != SourceKind::Console {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this handle is signalled and is no console's input: wait for it with Waitable",
            ));
        }
        let (events, bytes) = (Mutex::new(None), Mutex::new(None));
        Ok(ConsoleInput { waitable, handle: kept, events, bytes })
    }

    /// Waits until there is an event that nobody has taken yet.
    ///
    /// # Errors
    ///
    /// Those of [`Waitable::wait`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing.
    pub async fn ready(&self) -> io::Result<()> {
        self.waitable.wait().await
    }

    /// Waits for events and takes them: at least one, at most 128. One task at a time.
    ///
    /// # Errors
    ///
    /// The system's; those of [`ready`](Self::ready).
    ///
    /// # Cancel safety
    ///
    /// What a thread has taken by then is what the next call returns.
    pub async fn events(&self) -> io::Result<Vec<ConsoleEvent>> {
        loop {
            if self.events.lock().is_none() {
                self.ready().await?;
            }
            let events = self.read_with(&self.events, console_input::events).await?;
            // Whoever was faster has left nothing.
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }

    /// Waits for input and reads bytes, at most 4096, in the code page of the console's input
    /// (`GetConsoleCP`): a line and its end in line mode. None is the end, Ctrl-Z at the beginning
    /// of a line. One task at a time.
    ///
    /// # Errors
    ///
    /// Those of [`events`](Self::events).
    ///
    /// # Cancel safety
    ///
    /// A thread that has begun to read goes on, and the next call returns what it brings: nothing
    /// is lost, but what is typed meanwhile is not there for [`events`](Self::events). The thread
    /// stays until there is a line, also when this object is gone.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        if self.bytes.lock().is_none() {
            self.ready().await?;
        }
        self.read_with(&self.bytes, console_input::bytes).await
    }

    /// Reads on a thread of the pool, or takes what one reads already.
    async fn read_with<T: Send + 'static>(
        &self,
        under_way: &UnderWay<T>,
        read: fn(BorrowedHandle<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let task = under_way.lock().take();
        let task = task.unwrap_or_else(|| {
            let handle = Arc::clone(&self.handle);
            blocking::unblock(move || read(handle.as_handle()))
        });
        let mut borrowed = Borrowed { under_way, task: Some(task) };
        let read = match &mut borrowed.task {
            Some(task) => task.await,
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        borrowed.task = None;
        read
    }
}

/// Puts a read that nobody awaits any more back to where the next finds it.
struct Borrowed<'a, T> {
    under_way: &'a UnderWay<T>,
    task: Option<blocking::Task<io::Result<T>>>,
}

impl<T> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let other = self.under_way.lock().replace(task);
            // One of two tasks that read at a time; its read is not awaited by anybody.
            drop(other);
        }
    }
}

impl AsHandle for ConsoleInput {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}
