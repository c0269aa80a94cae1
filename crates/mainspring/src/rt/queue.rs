//! What is to be polled next, on one thread.
//!
//! A [`Local`] belongs to one running `block_on` and to its thread; what was woken waits in it, in
//! the order of the wakes, the main future like any task, so that none can starve another. A waker
//! is held anywhere. It asks the thread it is on for the `Local` that is running there: if that is
//! its own, the wake is a push; else it goes through [`Shared`], where it takes a lock, and the
//! first of a batch ends the driver's sleep.
//!
//! A wake from the own thread leaves no note with the driver. It needs none, since the queue is
//! looked at before every sleep, and a note would cost a look at the kernel in vain each time a
//! task is woken by its I/O.
//!
//! # Aborts
//!
//! Whether a task is to be aborted is looked up before it is run. Another thread may ask for it
//! between the two, and then its wake does nothing, since the task is not waiting any more. So the
//! wake of an abort is sent over and made here, between the polls of two tasks.
//!
//! # The end
//!
//! A task's future may be dropped only on its own thread, so at the end every task is woken, and
//! what comes by is dropped. One may be just being woken by another thread, which took the right to
//! queue it and has not used it yet; the end waits for that, between two instructions over there.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use async_task::Runnable;

use crate::driver::{Entered, Handle, budget};
use crate::rt::wakers::Wakers;
use crate::sync::prefetch;

#[cfg(test)]
mod tests;

/// How much of a task is fetched before its turn at most, from its [`Tag`] on: more than that is
/// not there in time, and pushes out what is needed.
const PREFETCHED_BYTES_MAX: usize = 768;

thread_local! {
    /// The innermost `block_on` that runs on this thread.
    static CURRENT: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

/// What lies in a task beside its future.
///
/// The queue is here and not in the function that schedules the task: `async-task` keeps a task
/// whose function captures something alive around each call, at the price of two more locked
/// instructions a wake.
#[derive(Debug)]
pub(super) struct Tag {
    /// Where the task is queued.
    shared: Arc<Shared>,
    /// Whether it is to be dropped instead of polled.
    abort: AtomicBool,
    /// Bytes of the task that are worth fetching before its turn.
    bytes: u16,
}

impl Tag {
    pub(super) fn new(shared: &Arc<Shared>, future_bytes: usize) -> Tag {
        // `async-task` puts the number of the task's thread behind the future.
        let bytes = (size_of::<Tag>() + future_bytes + size_of::<u64>()).min(PREFETCHED_BYTES_MAX);
        Tag { shared: Arc::clone(shared), abort: AtomicBool::new(false), bytes: bytes as u16 }
    }

    /// Asks for the end of the task that `waker` wakes.
    pub(super) fn request_abort(&self, waker: &Waker) {
        self.abort.store(true, Ordering::Release);
        self.shared.wake_to_abort(waker);
    }

    fn is_to_be_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }
}

/// Something to poll.
#[derive(Debug)]
pub(super) enum Entry {
    /// The future that `block_on` was called with.
    Main,
    Task(Runnable<Tag>),
}

/// What the wakers of one `block_on` hold.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the main future is queued.
    main_queued: AtomicBool,
    /// Whether `injected` may hold something; written under its lock.
    has_injected: AtomicBool,
    injected: Mutex<Injected>,
    arrived: Condvar,
    handle: Handle,
}

/// What other threads have for us.
#[derive(Debug, Default)]
struct Injected {
    /// What they woke.
    entries: VecDeque<Entry>,
    /// Tasks to be woken because they are to be aborted.
    aborts: Vec<Waker>,
    /// The `block_on` is over, and all its tasks are.
    closed: bool,
}

impl Injected {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.aborts.is_empty()
    }
}

/// Queues a task that was woken.
pub(super) fn schedule(task: Runnable<Tag>) {
    let mut task = Some(task);
    // A thread that is ending has no current queue any more; then the task is still here.
    let _ = CURRENT.try_with(|current| {
        if let Some(local) = &*current.borrow() {
            if let Some(task) = task.take_if(|task| local.is_of(&task.metadata().shared)) {
                local.queued.borrow_mut().push_back(Entry::Task(task));
            }
        }
    });
    if let Some(task) = task {
        send_over(task);
    }
}

/// Queues a task that was woken elsewhere than on its thread.
#[cold]
fn send_over(task: Runnable<Tag>) {
    let shared = Arc::clone(&task.metadata().shared);
    shared.inject(|injected| injected.entries.push_back(Entry::Task(task)));
}

impl Shared {
    /// Queues the main future.
    fn schedule_main(&self) {
        match Local::current() {
            Some(local) if local.is_of(self) => local.queued.borrow_mut().push_back(Entry::Main),
            _ => self.inject(|injected| injected.entries.push_back(Entry::Main)),
        }
    }

    /// Wakes a task that is to be aborted, whose [`Tag`] says so already.
    fn wake_to_abort(&self, task: &Waker) {
        if Local::current().is_some_and(|local| local.is_of(self)) {
            task.wake_by_ref();
        } else {
            self.inject(|injected| injected.aborts.push(task.clone()));
        }
    }

    fn inject(&self, put: impl FnOnce(&mut Injected)) {
        let mut injected = self.lock();
        if injected.closed {
            // What `put` holds is dropped at the end, after the lock is released.
            return;
        }
        let first = injected.is_empty();
        put(&mut injected);
        self.has_injected.store(true, Ordering::Release);
        drop(injected);
        if first {
            self.arrived.notify_one();
            self.handle.unpark();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Injected> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of the main future.
impl Wake for Shared {
    fn wake(self: Arc<Shared>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Shared>) {
        if !self.main_queued.swap(true, Ordering::AcqRel) {
            self.schedule_main();
        }
    }
}

/// The queue and the tasks of one `block_on`.
#[derive(Debug)]
pub(super) struct Local {
    shared: Arc<Shared>,
    queued: RefCell<VecDeque<Entry>>,
    /// A place for each living task, with its waker, so that all can be woken at the end.
    tasks: RefCell<Wakers>,
    /// Whether the task that is run now is to be dropped instead of polled.
    aborting: Cell<bool>,
    closing: Cell<bool>,
}

impl Local {
    fn new(handle: &Handle) -> Local {
        let shared = Shared {
            main_queued: AtomicBool::new(true),
            has_injected: AtomicBool::new(false),
            injected: Mutex::default(),
            arrived: Condvar::new(),
            handle: handle.clone(),
        };
        Local {
            shared: Arc::new(shared),
            queued: RefCell::new(VecDeque::from([Entry::Main])),
            tasks: RefCell::default(),
            aborting: Cell::new(false),
            closing: Cell::new(false),
        }
    }

    /// The one that runs on this thread.
    pub(super) fn current() -> Option<Rc<Local>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn is_of(&self, shared: &Shared) -> bool {
        std::ptr::eq(&raw const *self.shared, shared)
    }

    pub(super) fn tasks(&self) -> &RefCell<Wakers> {
        &self.tasks
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.aborting.get()
    }

    /// The next entry, those that other threads woke after all others.
    pub(super) fn pop(&self) -> Option<Entry> {
        self.pop_queued().or_else(|| {
            self.take_injected();
            self.pop_queued()
        })
    }

    fn pop_queued(&self) -> Option<Entry> {
        let mut queued = self.queued.borrow_mut();
        let next = queued.pop_front();
        if let Some(Entry::Task(task)) = queued.front() {
            // It comes into the cache while the one before it runs.
            let tag = task.metadata();
            prefetch(tag, usize::from(tag.bytes));
        }
        next
    }

    /// Whether nothing is to be polled.
    pub(super) fn is_idle(&self) -> bool {
        self.take_injected();
        self.queued.borrow().is_empty()
    }

    /// Moves what other threads woke to the end of the queue.
    #[inline]
    fn take_injected(&self) {
        if self.shared.has_injected.load(Ordering::Acquire) {
            self.append_injected();
        }
    }

    #[cold]
    fn append_injected(&self) {
        let mut injected = self.shared.lock();
        self.shared.has_injected.store(false, Ordering::Release);
        self.queued.borrow_mut().append(&mut injected.entries);
        let aborts = std::mem::take(&mut injected.aborts);
        drop(injected);
        aborts.into_iter().for_each(Waker::wake);
    }

    /// The main future is about to be polled: from here on a wake queues it again.
    pub(super) fn take_main(&self) {
        self.shared.main_queued.swap(false, Ordering::AcqRel);
    }

    /// Polls a task, or drops its future if that was asked for.
    pub(super) fn run(&self, task: Runnable<Tag>) {
        self.aborting.set(self.closing.get() || task.metadata().is_to_be_aborted());
        budget::grant();
        task.run();
        self.aborting.set(self.closing.get());
    }

    /// Drops the futures of all tasks.
    fn close(&self) {
        self.closing.set(true);
        // A wake of the main future from now on does nothing.
        self.shared.main_queued.store(true, Ordering::Release);
        loop {
            let wakers = self.tasks.borrow_mut().take_all();
            wakers.into_iter().for_each(Waker::wake);
            while let Some(entry) = self.pop() {
                if let Entry::Task(task) = entry {
                    self.run(task);
                }
            }
            if self.tasks.borrow().is_empty() {
                break;
            }
            self.wait_for_injected();
        }
        let mut injected = self.shared.lock();
        injected.closed = true;
        let left = std::mem::take(&mut injected.aborts);
        drop(injected);
        drop(left);
    }

    fn wait_for_injected(&self) {
        let mut injected = self.shared.lock();
        while injected.is_empty() {
            let woken = self.shared.arrived.wait(injected);
            injected = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A `block_on` in progress: its driver and its queue are the current ones of the thread.
#[derive(Debug)]
pub(super) struct Running {
    local: Rc<Local>,
    outer: Option<Rc<Local>>,
    _entered: Entered,
}

impl Running {
    pub(super) fn start(handle: &Handle) -> Running {
        let _entered = handle.enter();
        let local = Rc::new(Local::new(handle));
        let outer = CURRENT.replace(Some(Rc::clone(&local)));
        Running { local, outer, _entered }
    }

    pub(super) fn local(&self) -> &Local {
        &self.local
    }
}

/// Also when the main future panicked. The driver is left last: destructors may use it.
impl Drop for Running {
    fn drop(&mut self) {
        self.local.close();
        budget::end();
        CURRENT.set(self.outer.take());
    }
}
