//! Children, and how they end.

use std::io::Read;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use futures::future::{join, join_all};
use mainspring::{Outcome, op};

use super::on_each_kind;
use crate::support::{block_on, poll_once};

/// To a child of these tests: the code to end with.
const CODE: &str = "MAINSPRING_TEST_CODE";

/// The child's part: it ends when its input does. As a test, there is nothing to do.
#[test]
fn the_child() {
    let Ok(code) = env::var(CODE) else { return };
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(code.parse().unwrap());
}

/// A child that lives until its input is closed.
fn child(code: i32) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "waitables::children::the_child", "--nocapture"]);
    command.env(CODE, code.to_string()).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn the_end_of_a_child_is_awaited_with_its_code() {
    on_each_kind(|mut driver| {
        let mut child = child(7);
        let number = child.id();
        let status = block_on(&mut driver, async {
            let mut ends = pin!(op::wait_child(number).into_future());
            assert!(futures::poll!(&mut ends).is_pending());
            // One that is given up, and one that is cancelled, change nothing.
            assert!(poll_once(op::wait_child(number).into_future()).is_pending());
            let mut cancelled = op::wait_child(number).into_future();
            assert!(poll_once(&mut cancelled).is_pending());
            assert!(matches!(cancelled.cancel().await, Outcome::Cancelled(())));
            drop(child.stdin.take());
            let (first, second) = join(ends, op::child_exited(number).into_future()).await;
            assert_eq!(first.unwrap(), second.unwrap());
            // It can be asked again for as long as there is a handle.
            op::wait_child(number).await
        });
        assert_eq!(status.unwrap().code(), Some(7));
        assert_eq!(child.wait().unwrap().code(), Some(7));
    });
}

#[test]
fn a_code_that_is_the_number_of_a_running_process_ends_nothing_early() {
    // GetExitCodeProcess says 259 of a process that has not ended.
    on_each_kind(|mut driver| {
        let mut child = child(259);
        let mut ends = op::wait_child(child.id()).into_future();
        let entered = driver.handle().enter();
        assert!(poll_once(&mut ends).is_pending());
        drop(entered);
        drop(child.stdin.take());
        assert_eq!(block_on(&mut driver, ends).unwrap().code(), Some(259));
        child.wait().unwrap();
    });
}

#[test]
fn a_child_that_is_killed_is_told_and_nobody_is_an_error() {
    on_each_kind(|mut driver| {
        let mut child = child(0);
        let ends = op::wait_child(child.id()).into_future();
        child.kill().unwrap();
        assert_eq!(block_on(&mut driver, ends).unwrap().code(), Some(1));
        assert_eq!(child.wait().unwrap().code(), Some(1));
        // Numbers of processes are multiples of four.
        for nobody in [0, u32::MAX] {
            assert!(block_on(&mut driver, async { op::wait_child(nobody).await }).is_err());
        }
    });
}

#[test]
fn many_children_are_waited_for_at_once() {
    on_each_kind(|mut driver| {
        let mut children: Vec<Child> = (0..6).map(child).collect();
        let inputs: Vec<_> = children.iter_mut().map(|child| child.stdin.take()).collect();
        let closes = thread::spawn(move || drop(inputs));
        let ends = children.iter().map(|child| op::wait_child(child.id()).into_future());
        let ends: Vec<_> = ends.collect();
        let codes = block_on(&mut driver, join_all(ends));
        for (at, code) in codes.into_iter().enumerate() {
            assert_eq!(code.unwrap().code(), Some(at as i32));
        }
        closes.join().unwrap();
    });
}
