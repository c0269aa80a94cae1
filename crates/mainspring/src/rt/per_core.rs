//! One thread a core, and nothing shared between them.
//!
//! A program that serves many connections on several cores pays for every queue and every cache
//! line that two of them touch. So they touch none: each core has a thread, bound to it, with a
//! driver and a `block_on` of its own, and a connection stays where it was accepted. The kernel
//! spreads new connections over listeners that share a port ([`SharedPort`]).

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::driver::{Builder, Driver};
use crate::rt::local::{JoinError, aborted, driver_failed, panicked};
use crate::rt::wakers::Wakers;
use crate::sys::{affinity, reuse_port};

#[cfg(test)]
mod tests;

/// Connections of a listener that may wait to be accepted: what a burst brings while its core is
/// busy for a few milliseconds. The kernel lowers it to its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

/// One of the cores of [`per_core`], as its future sees it.
///
/// ```
/// use mainspring::rt::per_core;
/// let cores = per_core(2, |core| async move { (core.index(), core.count()) })?;
/// let results: Vec<_> = cores.join().into_iter().map(Result::unwrap).collect();
/// assert_eq!(results, [(0, 2), (1, 2)]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Core {
    index: usize,
    count: usize,
    processor: usize,
    stop: Arc<Stop>,
}

impl Core {
    /// Its number among the cores, from 0 on.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many cores there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of the processor that its thread was bound to.
    #[must_use]
    pub fn processor(&self) -> usize {
        self.processor
    }

    /// Whether [`PerCore::shutdown`] or [`PerCore::abort`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.lock().level != Level::Running
    }

    /// Completes when [`PerCore::shutdown`] or [`PerCore::abort`] is called: the time to accept no
    /// more and to end what was begun.
    pub fn stopping(&self) -> Stopping {
        Stopping { stop: Arc::clone(&self.stop), level: Level::Stopping, place: None }
    }
}

/// Runs `run` on `count` threads, each bound to a processor and with a driver of its own.
///
/// The processors are those that the calling thread may use, in their order; if `count` is more,
/// several threads share one. Returns when all drivers are open. A future that panics ends its own
/// core alone; [`PerCore::join`] tells.
///
/// # Errors
///
/// `InvalidInput` if `count` is zero; else those of opening a driver or starting or binding a
/// thread, and then none of the futures was run.
///
/// # Platforms
///
/// Threads are bound to processors on Linux and Android; elsewhere the system places them.
///
/// ```
/// use mainspring::rt::per_core;
/// let cores = per_core(2, |core| async move {
///     core.stopping().await;
///     core.index()
/// })?;
/// cores.shutdown();
/// let results: Vec<_> = cores.join().into_iter().map(Result::unwrap).collect();
/// assert_eq!(results, [0, 1]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn per_core<F, R>(count: usize, run: F) -> io::Result<PerCore<R::Output>>
where
    F: Fn(Core) -> R + Send + Sync + 'static,
    R: Future + 'static,
    R::Output: Send + 'static,
{
    per_core_with(&Builder::new(), count, run)
}

/// The same as [`per_core`], with drivers as `builder` says.
///
/// # Errors
///
/// Those of [`per_core`].
pub fn per_core_with<F, R>(
    builder: &Builder,
    count: usize,
    run: F,
) -> io::Result<PerCore<R::Output>>
where
    F: Fn(Core) -> R + Send + Sync + 'static,
    R: Future + 'static,
    R::Output: Send + 'static,
{
    if count == 0 {
        let reason = "zero cores run nothing: ask for at least one, or for `available_cores()`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let processors = affinity::processors()?;
    let run = Arc::new(run);
    // Those that wait to begin end when their sender is dropped, by any early return below.
    let mut waiting = Vec::with_capacity(count);
    for index in 0..count {
        let processor = processors.get(index % processors.len().max(1)).copied().unwrap_or(0);
        let core = Core { index, count, processor, stop: Arc::default() };
        waiting.push(start(core, builder.clone(), Arc::clone(&run))?);
    }
    for starting in &waiting {
        // A thread that died before it could say so has panicked; joining would tell no more.
        let opened = starting.opened.recv();
        opened.map_err(|_| io::Error::other("a core's thread ended before it began"))??;
    }
    let cores = waiting.into_iter().map(|starting| {
        // The thread waits for this, so it is there.
        let _ = starting.begin.send(());
        starting.running
    });
    Ok(PerCore { cores: cores.collect() })
}

/// A thread that waits for the others before it begins.
struct Starting<T> {
    opened: mpsc::Receiver<io::Result<()>>,
    begin: mpsc::Sender<()>,
    running: Running<T>,
}

struct Running<T> {
    stop: Arc<Stop>,
    thread: thread::JoinHandle<Result<T, JoinError>>,
}

fn start<F, R>(core: Core, builder: Builder, run: Arc<F>) -> io::Result<Starting<R::Output>>
where
    F: Fn(Core) -> R + Send + Sync + 'static,
    R: Future + 'static,
    R::Output: Send + 'static,
{
    let (tell_opened, opened) = mpsc::channel();
    let (begin, may_begin) = mpsc::channel();
    let stop = Arc::clone(&core.stop);
    let name = format!("mainspring-{}", core.index);
    let thread = thread::Builder::new().name(name).spawn(move || {
        let driver = affinity::pin(core.processor).and_then(|()| builder.pinned().build());
        let (driver, told) = match driver {
            Ok(driver) => (Some(driver), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Nobody listens if another core has failed already; then nothing begins either.
        let _ = tell_opened.send(told);
        match (driver, may_begin.recv()) {
            (Some(mut driver), Ok(())) => {
                let caught = catch_unwind(AssertUnwindSafe(|| turn_core(&mut driver, core, &*run)));
                caught.unwrap_or_else(|payload| Err(panicked(payload)))
            }
            _ => Err(aborted()),
        }
    })?;
    Ok(Starting { opened, begin, running: Running { stop, thread } })
}

/// Runs one core to its end, or to the abort.
fn turn_core<F, R>(driver: &mut Driver, core: Core, run: &F) -> Result<R::Output, JoinError>
where
    F: Fn(Core) -> R,
    R: Future,
{
    let abort = Stopping { stop: Arc::clone(&core.stop), level: Level::Aborting, place: None };
    let ended = driver.block_on(async move {
        let mut future = pin!(run(core));
        let mut abort = abort;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            Pin::new(&mut abort).poll(cx).map(|()| Err(aborted()))
        })
        .await
    });
    ended.unwrap_or_else(|error| Err(driver_failed(error)))
}

/// The threads of [`per_core`]. Dropping it lets them go on by themselves.
///
/// ```
/// use mainspring::rt::per_core;
/// let cores = per_core(2, |core| async move {
///     assert_ne!(core.index(), 1, "this core is out of luck");
/// })?;
/// let results = cores.join();
/// assert!(results[0].is_ok());
/// assert!(results[1].as_ref().unwrap_err().is_panic());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "without it nobody learns how the cores end; say `drop` if that is meant"]
pub struct PerCore<T> {
    cores: Vec<Running<T>>,
}

impl<T> PerCore<T> {
    /// Tells every core to come to an end: [`Core::stopping`] completes.
    pub fn shutdown(&self) {
        self.raise(Level::Stopping);
    }

    /// Drops the futures of all cores where they stand; their results are errors that say so.
    pub fn abort(&self) {
        self.raise(Level::Aborting);
    }

    fn raise(&self, level: Level) {
        for core in &self.cores {
            core.stop.raise(level);
        }
    }

    /// How many cores have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.cores.iter().filter(|core| !core.thread.is_finished()).count()
    }

    /// Blocks this thread until all cores have ended, and returns what each came to, by index: what
    /// its future returned, or that it panicked, was aborted, or that its driver failed.
    pub fn join(self) -> Vec<Result<T, JoinError>> {
        let joined = self.cores.into_iter().map(|core| core.thread.join());
        joined.map(|ended| ended.unwrap_or_else(|payload| Err(panicked(payload)))).collect()
    }
}

impl<T> fmt::Debug for PerCore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCore")
            .field("count", &self.cores.len())
            .field("running", &self.running())
            .finish()
    }
}

/// How many processors this thread may use: the natural number of cores to ask for.
///
/// # Errors
///
/// What the system says; it does not on the platforms we know.
///
/// ```
/// assert!(mainspring::rt::available_cores()? >= 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn available_cores() -> io::Result<usize> {
    Ok(affinity::processors()?.len())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Running,
    Stopping,
    Aborting,
}

/// Whether one core is to end, and who waits for that.
#[derive(Debug, Default)]
struct Stop(Mutex<Stops>);

#[derive(Debug, Default)]
struct Stops {
    level: Level,
    wakers: Wakers,
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, Stops> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raise(&self, level: Level) {
        let mut stops = self.lock();
        stops.level = stops.level.max(level);
        let wakers = stops.wakers.take_all();
        drop(stops);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The future of [`Core::stopping`].
///
/// ```
/// use mainspring::rt::per_core;
/// let cores = per_core(1, |core| async move { core.stopping().await })?;
/// cores.shutdown();
/// assert!(cores.join()[0].is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Stopping {
    stop: Arc<Stop>,
    level: Level,
    place: Option<usize>,
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let stop = Arc::clone(&self.stop);
        let mut stops = stop.lock();
        if stops.level >= self.level {
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| stops.wakers.take_place());
        let replaced = stops.wakers.put(place, cx.waker());
        drop(stops);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let left = self.stop.lock().wakers.release(place);
        drop(left);
    }
}

/// Listeners that share one port, one for each core.
///
/// ```
/// use mainspring::rt::SharedPort;
/// let port = SharedPort::bind("127.0.0.1:0", 2)?;
/// let first = port.take(0).expect("it was not taken yet");
/// assert_eq!(first.local_addr()?, port.address());
/// assert!(port.take(0).is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SharedPort {
    address: SocketAddr,
    listeners: Mutex<Vec<Option<TcpListener>>>,
}

impl SharedPort {
    /// Binds `count` listeners, not blocking, to the first of the addresses that can be had. Port 0
    /// is one free port for all.
    ///
    /// # Errors
    ///
    /// Those of binding, for the last address tried; `InvalidInput` if there is none or `count` is
    /// zero.
    ///
    /// # Platforms
    ///
    /// On Linux, Android and FreeBSD the kernel spreads connections over the listeners; on Windows
    /// they share one queue, and the first to accept has the connection; on other systems one of
    /// them gets them all.
    pub fn bind(addresses: impl ToSocketAddrs, count: usize) -> io::Result<SharedPort> {
        if count == 0 {
            let reason = "a port shared by no listener: ask for at least one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
        for address in addresses.to_socket_addrs()? {
            match SharedPort::bind_one(address, count) {
                Ok(port) => return Ok(port),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bind_one(address: SocketAddr, count: usize) -> io::Result<SharedPort> {
        let sockets = reuse_port::bind(address, count)?;
        let address = sockets[0].local_addr()?.as_socket().unwrap_or(address);
        // All are bound before any listens, so that none gets connections as if it were alone.
        let listeners = sockets.into_iter().map(|socket| reuse_port::listen(socket, BACKLOG));
        let listeners = listeners.map(|listener| listener.map(Some)).collect::<io::Result<_>>()?;
        Ok(SharedPort { address, listeners: Mutex::new(listeners) })
    }

    /// The address they listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener of a core; `None` if it was taken, or there are not so many. Close what is not
    /// used by dropping this: connections that the kernel gives to it wait in vain.
    pub fn take(&self, index: usize) -> Option<TcpListener> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.get_mut(index)?.take()
    }
}
