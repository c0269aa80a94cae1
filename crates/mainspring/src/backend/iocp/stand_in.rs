//! What stands in for `ProcessSocketNotifications` where tests run: Wine does not have it. No
//! program has it: it is built for the library's own tests, and with the feature `stand-in`.
//!
//! It behaves as the call's documents say (`sys/windows/notifications.rs`), for real sockets: one
//! port a socket; the key of the first change until the removal; a change takes the place of the
//! former; one level-triggered answer a change; a last notification after a removal, and none after
//! the socket was closed. What the documents leave open is taken from what others have seen: a
//! socket that is not registered with this port cannot be removed from it.
//!
//! A thread asks `WSAPoll` about all that is armed, each millisecond and when something changes.
//! That a socket was closed is told by a request to the driver, as it is to the backend; a request
//! ends with its thread, so that one thread makes them all.

use std::collections::{HashMap, HashSet};
use std::io;
use std::num::NonZeroUsize;
use std::ptr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_ASSIGNED, ERROR_BUSY, ERROR_INVALID_PARAMETER, ERROR_NOT_FOUND,
    ERROR_NOT_SUPPORTED, ERROR_OUTOFMEMORY, ERROR_SUCCESS, HANDLE,
};
use windows_sys::Win32::Networking::WinSock::{
    SOCK_NOTIFY_EVENT_ERR, SOCK_NOTIFY_OP_ENABLE, SOCK_NOTIFY_OP_REMOVE,
    SOCK_NOTIFY_REGISTER_EVENT_HANGUP, SOCK_NOTIFY_REGISTRATION, SOCK_NOTIFY_TRIGGER_LEVEL,
    SOCK_NOTIFY_TRIGGER_ONESHOT, WSAENOTSOCK,
};
use windows_sys::Win32::System::IO::{OVERLAPPED_ENTRY, PostQueuedCompletionStatus};

use crate::source::RawSource;
use crate::sys::afd::{Afd, Answer, BaseSocket, LOCAL_CLOSE, Request};
use crate::sys::notifications::{Calls, IN, OUT, REMOVED};
use crate::sys::poll::{self, Polled};
use crate::sys::port::{Packet, Port};

/// The stand-in, to be used in the place of the system's call.
pub(super) const CALLS: Calls = Calls { process };

/// How long the driver may take for an answer, in milliseconds.
const ANSWER_MS: u32 = 10_000;
/// How often the thread asks.
const PERIOD: Duration = Duration::from_millis(1);

static STATE: Mutex<Option<State>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

struct State {
    registered: HashMap<u64, Entry>,
    /// Sockets of another provider, so to speak.
    refused: HashSet<u64>,
    /// The next calls fail as a whole.
    fails: bool,
    /// So do those that have more than one change.
    fails_many: bool,
    /// So do those with a removal in them.
    fails_removals: bool,
    /// What is armed cannot be armed for something else.
    is_strict: bool,
    /// No removal is told of.
    loses_removals: bool,
    /// How many changes each call has had.
    calls: Vec<usize>,
    serial: u64,
    /// The thread that asks the driver.
    asks: Sender<Ask>,
}

struct Entry {
    serial: u64,
    port: usize,
    key: usize,
    filter: u32,
    is_armed: bool,
    /// Answered when the socket is closed.
    closing: Request,
}

/// Something to be asked.
type Ask = Box<dyn FnOnce(&mut Asking) + Send>;

/// What the thread has that asks the driver.
struct Asking {
    afd: Afd,
    answers: Port,
    /// The status of each answer that was taken while another was awaited.
    taken: HashMap<usize, i32>,
}

impl Asking {
    fn submit(&self, request: &mut Request, socket: u64, tag: usize) -> io::Result<()> {
        let base = BaseSocket::presumed(RawSource(socket));
        let tag = NonZeroUsize::new(tag).unwrap_or(NonZeroUsize::MAX);
        request.submit(&self.afd, base, LOCAL_CLOSE, tag)
    }

    /// Ends a request, and awaits its answer; whether the socket is open.
    fn end(&mut self, request: &mut Request, tag: usize) -> bool {
        let _ = request.cancel(&self.afd);
        let status = loop {
            if let Some(status) = self.taken.remove(&tag) {
                break status;
            }
            let mut packets = [Packet::EMPTY; 64];
            let count = self.answers.wait(&mut packets, ANSWER_MS).unwrap_or_default();
            assert!(count > 0, "the driver does not answer");
            let taken = packets[..count].iter().map(|packet| (packet.tag(), packet.status()));
            self.taken.extend(taken);
        };
        // SAFETY: the packet with the request's tag, which no other has, was taken.
        matches!(unsafe { request.reclaim(status) }, Answer::Cancelled)
    }
}

impl Entry {
    fn has_ended(&self) -> bool {
        matches!(self.closing.glance(), Some(Answer::Ready(_)))
    }

    fn post(&self, told: u32) {
        let port = ptr::without_provenance_mut(self.port);
        // SAFETY: a call without memory; the port's owner has its sockets removed before its end.
        unsafe { PostQueuedCompletionStatus(port, told, self.key, ptr::null_mut()) };
    }
}

impl State {
    fn new() -> io::Result<State> {
        let (afd, answers) = (Afd::open()?, Port::new()?);
        answers.associate(&afd, 0)?;
        let (asks, asked) = channel::<Ask>();
        let mut asking = Asking { afd, answers, taken: HashMap::new() };
        let asks_for_all = move || asked.into_iter().for_each(|ask| ask(&mut asking));
        thread::Builder::new().name("closings".to_string()).spawn(asks_for_all)?;
        Ok(State {
            registered: HashMap::new(),
            refused: HashSet::new(),
            fails: false,
            fails_many: false,
            fails_removals: false,
            is_strict: false,
            loses_removals: false,
            calls: Vec::new(),
            serial: 0,
            asks,
        })
    }

    /// What the driver says to the thread that asks it.
    fn ask<R: Send + 'static>(&self, ask: impl FnOnce(&mut Asking) -> R + Send + 'static) -> R {
        let (answers, answer) = channel();
        let asked = self.asks.send(Box::new(move |asking| drop(answers.send(ask(asking)))));
        asked.expect("the thread lives as long as the process");
        answer.recv().expect("the thread answers")
    }

    /// A request that is answered when the socket is closed.
    fn closing(&self, socket: u64, tag: usize) -> io::Result<Request> {
        self.ask(move |asking| {
            let mut request = Request::new();
            asking.submit(&mut request, socket, tag)?;
            Ok(request)
        })
    }

    /// Forgets a socket that was closed, although its number is another's by now. The answer about
    /// it may be on its way: what ends the request knows for certain.
    fn forget_if_closed_for_certain(&mut self, socket: u64) {
        let Some(mut entry) = self.registered.remove(&socket) else { return };
        let tag = entry.serial as usize;
        let closing = entry.closing;
        let anew = self.ask(move |asking| {
            let mut closing = closing;
            let is_open = asking.end(&mut closing, tag) && {
                let submitted = asking.submit(&mut closing, socket, tag);
                submitted.is_ok()
            };
            is_open.then_some(closing)
        });
        if let Some(closing) = anew {
            entry.closing = closing;
            self.registered.insert(socket, entry);
        }
    }

    /// Ends a request about a closing. When it has ended nothing of ours holds the socket open.
    fn end(&self, mut closing: Request, serial: u64) {
        self.ask(move |asking| asking.end(&mut closing, serial as usize));
    }

    /// Closing removes a socket, and nothing tells of it.
    fn forget_if_closed(&mut self, socket: u64) {
        if self.registered.get(&socket).is_some_and(|entry| entry.has_ended()) {
            self.registered.remove(&socket);
        }
    }

    fn change(&mut self, port: usize, change: &SOCK_NOTIFY_REGISTRATION) -> u32 {
        let socket = change.socket as u64;
        self.forget_if_closed_for_certain(socket);
        let others = self.registered.get(&socket).is_some_and(|entry| entry.port != port);
        match u32::from(change.operation) {
            SOCK_NOTIFY_OP_ENABLE if others => ERROR_ALREADY_ASSIGNED,
            SOCK_NOTIFY_OP_ENABLE => self.enable(port, change),
            SOCK_NOTIFY_OP_REMOVE if others => ERROR_NOT_FOUND,
            SOCK_NOTIFY_OP_REMOVE => match self.registered.remove(&socket) {
                Some(entry) => {
                    if !self.loses_removals {
                        entry.post(REMOVED);
                    }
                    self.end(entry.closing, entry.serial);
                    ERROR_SUCCESS
                }
                None => ERROR_NOT_FOUND,
            },
            _ => ERROR_INVALID_PARAMETER,
        }
    }

    fn enable(&mut self, port: usize, change: &SOCK_NOTIFY_REGISTRATION) -> u32 {
        const ONCE: u32 = SOCK_NOTIFY_TRIGGER_ONESHOT | SOCK_NOTIFY_TRIGGER_LEVEL;
        let (socket, filter) = (change.socket as u64, u32::from(change.eventFilter));
        let is_known = filter != 0 && filter & !(IN | OUT | SOCK_NOTIFY_REGISTER_EVENT_HANGUP) == 0;
        // Other triggers are nobody's here.
        if !is_known || u32::from(change.triggerFlags) != ONCE {
            return ERROR_INVALID_PARAMETER;
        }
        if self.refused.contains(&socket) {
            return ERROR_NOT_SUPPORTED;
        }
        if let Some(entry) = self.registered.get_mut(&socket) {
            if self.is_strict && entry.is_armed {
                return ERROR_BUSY;
            }
            (entry.filter, entry.is_armed) = (filter, true);
            return ERROR_SUCCESS;
        }
        self.serial += 1;
        let Ok(closing) = self.closing(socket, self.serial as usize) else {
            return WSAENOTSOCK as u32;
        };
        let (serial, key) = (self.serial, change.completionKey.addr());
        let entry = Entry { serial, port, key, filter, is_armed: true, closing };
        self.registered.insert(socket, entry);
        ERROR_SUCCESS
    }

    /// Asks about what is armed of these, without a wait.
    fn look(&mut self, sockets: &[u64]) {
        let registered = |&socket: &u64| Some((socket, self.registered.get(&socket)?));
        let armed = sockets.iter().filter_map(registered).filter(|(_, entry)| entry.is_armed);
        let (names, mut lines): (Vec<_>, Vec<_>) = armed
            .map(|(socket, entry)| {
                let (reads, writes) = (entry.filter & IN != 0, entry.filter & OUT != 0);
                let asked = if reads { poll::IN } else { 0 } | if writes { poll::OUT } else { 0 };
                ((socket, entry.serial), Polled::new(RawSource(socket), asked))
            })
            .unzip();
        if !lines.is_empty() && poll::wait_ms(&mut lines, Some(Duration::ZERO)).is_ok() {
            for (name, line) in names.into_iter().zip(&lines) {
                self.answer(name, line.answer());
            }
        }
    }

    /// A socket has answered.
    fn answer(&mut self, (socket, serial): (u64, u64), answer: i16) {
        if answer == 0 {
            return;
        }
        self.forget_if_closed(socket);
        let Some(entry) = self.registered.get_mut(&socket) else { return };
        if entry.serial != serial || !entry.is_armed {
            return;
        }
        let mut told = 0;
        for (bits, event) in [(poll::IN, IN), (poll::OUT, OUT)] {
            told |= if answer & bits != 0 { event & entry.filter } else { 0 };
        }
        // Told unasked.
        told |= if answer & poll::ERR != 0 { SOCK_NOTIFY_EVENT_ERR } else { 0 };
        if told != 0 {
            entry.is_armed = false;
            entry.post(told);
        }
    }
}

/// # Safety
///
/// That of the system's call: `changes` are so many, and nobody else has them meanwhile.
unsafe extern "system" fn process(
    port: HANDLE,
    count: u32,
    changes: *mut SOCK_NOTIFY_REGISTRATION,
    _timeout_ms: u32,
    room: u32,
    _packets: *mut OVERLAPPED_ENTRY,
    _received: *mut u32,
) -> u32 {
    // Packets are taken in another way here, and none is waited for.
    if count == 0 || changes.is_null() || room != 0 {
        return ERROR_INVALID_PARAMETER;
    }
    let mut guard = state();
    let Some(state) = guard.as_mut() else { return ERROR_OUTOFMEMORY };
    if state.fails || (state.fails_many && count > 1) {
        return ERROR_OUTOFMEMORY;
    }
    let operation = |place| {
        // SAFETY: the caller says that there are so many.
        let change = unsafe { changes.add(place) };
        // SAFETY: the same, and nobody else has them during the call.
        u32::from(unsafe { (*change).operation })
    };
    let mut operations = (0..count as usize).map(operation);
    if state.fails_removals && operations.any(|operation| operation == SOCK_NOTIFY_OP_REMOVE) {
        return ERROR_OUTOFMEMORY;
    }
    state.calls.push(count as usize);
    let mut sockets = Vec::new();
    for place in 0..count as usize {
        // SAFETY: the caller says that there are so many.
        let change = unsafe { changes.add(place) };
        // SAFETY: the same, and nobody else has them during the call.
        let change = unsafe { &mut *change };
        change.registrationResult = state.change(port.addr(), change);
        sockets.push(change.socket as u64);
    }
    // What is ready already is told at once.
    state.look(&sockets);
    CHANGED.notify_all();
    ERROR_SUCCESS
}

/// The state, and the thread that watches it, from the first call on.
fn state() -> MutexGuard<'static, Option<State>> {
    let mut guard = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if guard.is_none() {
        *guard = State::new().ok();
        let begun = thread::Builder::new().name("notifications".to_string()).spawn(watch);
        begun.expect("a thread for what stands in for Winsock");
    }
    guard
}

fn watch() {
    let mut guard = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(state) = guard.as_mut() else { return };
        let sockets: Vec<u64> = state.registered.keys().copied().collect();
        state.look(&sockets);
        guard = if state.registered.values().any(|entry| entry.is_armed) {
            CHANGED.wait_timeout(guard, PERIOD).unwrap_or_else(PoisonError::into_inner).0
        } else {
            CHANGED.wait(guard).unwrap_or_else(PoisonError::into_inner)
        };
    }
}

#[cfg(test)]
pub(super) mod seen {
    //! What tests see of it, and do to it.

    use super::*;

    fn with<R>(look: impl FnOnce(&mut State) -> R) -> R {
        look(state().as_mut().expect("a driver and a port"))
    }

    /// Whether a port has this socket, and whether it is armed.
    pub(in crate::backend::iocp) fn registered(socket: RawSource) -> Option<bool> {
        with(|state| {
            state.forget_if_closed(socket.0);
            state.registered.get(&socket.0).map(|entry| entry.is_armed)
        })
    }

    /// The changes of each call since the last look.
    pub(in crate::backend::iocp) fn calls() -> Vec<usize> {
        with(|state| std::mem::take(&mut state.calls))
    }

    /// Refuses a socket from now on, or takes it again.
    pub(in crate::backend::iocp) fn refuse(socket: RawSource, refused: bool) {
        with(|state| {
            state.refused.remove(&socket.0);
            state.refused.extend(refused.then_some(socket.0));
        });
    }

    /// Lets calls fail as a whole from now on, or not.
    pub(in crate::backend::iocp) fn fail(fails: bool) {
        with(|state| state.fails = fails);
    }

    /// Lets calls with more than one change fail as a whole from now on.
    pub(in crate::backend::iocp) fn fail_many() {
        with(|state| state.fails_many = true);
    }

    /// Lets calls with a removal in them fail as a whole from now on, or not.
    pub(in crate::backend::iocp) fn fail_removals(fails: bool) {
        with(|state| state.fails_removals = fails);
    }

    /// Arms nothing anew that is armed already, or does.
    pub(in crate::backend::iocp) fn be_strict(strict: bool) {
        with(|state| state.is_strict = strict);
    }

    /// Tells of no removal from now on, or of each.
    pub(in crate::backend::iocp) fn lose_removals(loses: bool) {
        with(|state| state.loses_removals = loses);
    }

    /// Knows a socket no longer, as if its number were another's, and tells nobody.
    pub(in crate::backend::iocp) fn lose(socket: RawSource) {
        with(|state| state.registered.remove(&socket.0));
    }

    /// It is the process's: one test at a time, and each begins with what does as documented.
    pub(in crate::backend::iocp) fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        with(|state| {
            state.refused.clear();
            (state.fails, state.fails_many, state.fails_removals) = (false, false, false);
            (state.is_strict, state.loses_removals) = (false, false);
            state.calls.clear();
        });
        alone
    }

    /// Tells of a socket what nobody has asked for; a removal is one.
    pub(in crate::backend::iocp) fn tell(socket: RawSource, told: u32) {
        with(|state| {
            let entry = state.registered.get_mut(&socket.0).expect("a registered socket");
            entry.is_armed = false;
            entry.post(told);
            if told & REMOVED != 0 {
                state.registered.remove(&socket.0);
            }
        });
    }
}
