//! Which backend is chosen where io_uring is refused, and what is said about it.
//!
//! The kernel is asked first, by the bare system call, so that what is expected is what this
//! machine really answers; only where the refusal is ours (a filter) is it known beforehand. What
//! no process may do to a machine it shares, the switch `kernel.io_uring_disabled`, is turned in
//! the emulated machines of `cargo xtask kernels`; here it is taken as it stands.
#![allow(missing_docs)]
#![cfg(target_os = "linux")]

mod answer;
mod builder;
mod condition;
mod program;
mod report;
mod switch;

use without_uring::Errno;

use crate::condition::{Condition, Nobody};
use crate::program::Program;
use crate::report::check;

#[test]
fn behind_a_filter_that_knows_no_such_call() {
    let program = Program::new();
    let condition = Condition::Filtered(Errno::ENOSYS);
    assert_eq!(check(&program, &condition), Some(Errno::ENOSYS.number()));
}

#[test]
fn behind_a_filter_that_forbids() {
    let program = Program::new();
    let condition = Condition::Filtered(Errno::EPERM);
    assert_eq!(check(&program, &condition), Some(Errno::EPERM.number()));
}

#[test]
fn behind_a_filter_with_an_answer_of_its_own() {
    let program = Program::new();
    let errno: Errno = libc::EACCES.to_string().parse().unwrap();
    assert_eq!(check(&program, &Condition::Filtered(errno)), Some(errno.number()));
}

#[test]
fn where_no_memory_may_be_locked() {
    let program = Program::readable();
    let answer = check(&program, &Condition::NoLockedMemory(Nobody::or_ourselves()));
    // Rings were counted against the limit before Linux 5.12, and are again in the newest.
    assert!(matches!(answer, None | Some(libc::ENOMEM | libc::EPERM | libc::ENOSYS)));
}

#[test]
fn as_this_machine_is() {
    let answer = check(&Program::new(), &Condition::AsItIs);
    switch::agrees(answer, rustix::process::geteuid().is_root());
}

#[test]
fn as_this_machine_is_for_somebody_without_privileges() {
    let answer = check(&Program::readable(), &Condition::Unprivileged(Nobody::or_ourselves()));
    switch::agrees(answer, false);
}
