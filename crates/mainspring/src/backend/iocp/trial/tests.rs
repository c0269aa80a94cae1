//! The trial, on what stands in for the call, and on calls that do one thing otherwise.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use windows_sys::Win32::Foundation::{ERROR_NOT_SUPPORTED, ERROR_SUCCESS, HANDLE};
use windows_sys::Win32::Networking::WinSock::SOCK_NOTIFY_REGISTRATION;
use windows_sys::Win32::System::IO::{OVERLAPPED_ENTRY, PostQueuedCompletionStatus};

use super::*;
use crate::backend::iocp::stand_in::CALLS;
use crate::backend::iocp::stand_in::seen::{self, alone};

/// A call that does with a change what `$body` says.
macro_rules! call {
    (|$port:ident, $change:ident, $goes_on:ident| $body:expr) => {{
        /// # Safety
        ///
        /// That of the system's call, with one change.
        unsafe extern "system" fn process(
            $port: HANDLE,
            count: u32,
            changes: *mut SOCK_NOTIFY_REGISTRATION,
            timeout_ms: u32,
            room: u32,
            packets: *mut OVERLAPPED_ENTRY,
            received: *mut u32,
        ) -> u32 {
            assert_eq!(count, 1);
            // SAFETY: the caller lends it for the call.
            let mut own = unsafe { changes.read() };
            let $change = &mut own;
            let $goes_on = |own: &mut SOCK_NOTIFY_REGISTRATION| {
                // SAFETY: what the caller promises, with a change of our own.
                unsafe { (CALLS.process)($port, 1, own, timeout_ms, room, packets, received) }
            };
            let code = $body;
            // SAFETY: the caller lends it for the call.
            unsafe { (*changes).registrationResult = own.registrationResult };
            code
        }
        Calls { process }
    }};
}

#[test]
fn what_does_as_documented_passes() {
    let _alone = alone();
    for _ in 0..10 {
        assert_eq!(run(CALLS, Duplicates::Maybe), Ok(()));
    }
}

#[test]
fn what_does_one_thing_otherwise_does_not_pass() {
    let _alone = alone();
    let refuses = call!(|_port, change, _goes_on| {
        change.registrationResult = ERROR_NOT_SUPPORTED;
        ERROR_SUCCESS
    });
    assert_eq!(run(refuses, Duplicates::Never), Err(Flaw::Refused));
    let fails = call!(|_port, _change, _goes_on| ERROR_NOT_SUPPORTED);
    assert_eq!(run(fails, Duplicates::Never), Err(Flaw::Refused));
    let says_nothing = call!(|_port, _change, _goes_on| ERROR_SUCCESS);
    assert_eq!(run(says_nothing, Duplicates::Never), Err(Flaw::Refused));
    let is_silent = call!(|_port, change, _goes_on| {
        change.registrationResult = ERROR_SUCCESS;
        ERROR_SUCCESS
    });
    assert_eq!(run(is_silent, Duplicates::Never), Err(Flaw::NotTold));
    let has_other_keys = call!(|_port, change, goes_on| {
        change.completionKey = change.completionKey.wrapping_byte_add(100);
        goes_on(change)
    });
    assert_eq!(run(has_other_keys, Duplicates::Never), Err(Flaw::OtherKey));
    let hears_other_things = call!(|_port, change, goes_on| {
        change.eventFilter |= OUT as u16;
        goes_on(change)
    });
    assert_eq!(run(hears_other_things, Duplicates::Never), Err(Flaw::OtherEvent));
    let tells_twice = call!(|port, change, goes_on| {
        // SAFETY: a call without memory, on a port that the caller has.
        unsafe {
            PostQueuedCompletionStatus(port, OUT, change.completionKey.addr(), std::ptr::null_mut())
        };
        goes_on(change)
    });
    assert_eq!(run(tells_twice, Duplicates::Never), Err(Flaw::Unasked));
}

#[test]
fn two_duplicates_are_both_told_or_the_second_is_refused_or_there_are_none() {
    let _alone = alone();
    /// The port that the last first registration was with.
    static PORT: AtomicUsize = AtomicUsize::new(0);
    let tells_one = call!(|port, change, goes_on| {
        let key = change.completionKey.addr();
        if key == DUPLICATE && PORT.load(Relaxed) == port.addr() {
            change.registrationResult = ERROR_SUCCESS;
            ERROR_SUCCESS
        } else {
            PORT.store(if key == FIRST { port.addr() } else { 0 }, Relaxed);
            goes_on(change)
        }
    });
    assert_eq!(run(tells_one, Duplicates::Maybe), Err(Flaw::Shared));
    assert_eq!(run(tells_one, Duplicates::Never), Ok(()));
    let takes_both_for_one = call!(|port, change, goes_on| {
        let key = change.completionKey.addr();
        if key == DUPLICATE && PORT.load(Relaxed) == port.addr() {
            change.completionKey = std::ptr::without_provenance_mut(FIRST);
        } else {
            PORT.store(if key == FIRST { port.addr() } else { 0 }, Relaxed);
        }
        goes_on(change)
    });
    assert_eq!(run(takes_both_for_one, Duplicates::Maybe), Err(Flaw::Shared));
    let tells_one_port = call!(|port, change, goes_on| {
        let key = change.completionKey.addr();
        if key == DUPLICATE && PORT.load(Relaxed) != port.addr() {
            change.registrationResult = ERROR_SUCCESS;
            ERROR_SUCCESS
        } else {
            PORT.store(if key == FIRST { port.addr() } else { 0 }, Relaxed);
            goes_on(change)
        }
    });
    assert_eq!(run(tells_one_port, Duplicates::Never), Err(Flaw::OnePort));
    let refuses_one = call!(|_port, change, goes_on| {
        if change.completionKey.addr() == DUPLICATE {
            change.registrationResult = ERROR_NOT_SUPPORTED;
            ERROR_SUCCESS
        } else {
            goes_on(change)
        }
    });
    assert_eq!(run(refuses_one, Duplicates::Maybe), Ok(()));
}

#[test]
fn what_arms_nothing_anew_or_tells_of_no_removal_does_not_pass() {
    let _alone = alone();
    seen::be_strict(true);
    assert_eq!(run(CALLS, Duplicates::Maybe), Err(Flaw::Refused));
    seen::be_strict(false);
    seen::lose_removals(true);
    assert_eq!(run(CALLS, Duplicates::Maybe), Err(Flaw::NotTold));
}

#[test]
fn each_flaw_has_words_of_its_own() {
    let flaws = [
        Flaw::NothingToTry,
        Flaw::Refused,
        Flaw::NotTold,
        Flaw::OtherKey,
        Flaw::OtherEvent,
        Flaw::Unasked,
        Flaw::NoAnswer,
        Flaw::OnePort,
        Flaw::Shared,
    ];
    let texts: std::collections::HashSet<_> = flaws.map(Flaw::setup).into();
    assert_eq!(texts.len(), flaws.len());
}
