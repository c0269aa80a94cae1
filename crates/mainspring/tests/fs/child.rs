//! What needs a process of its own: another user, another size of the pool.
//!
//! Such a test runs this binary again, for itself alone, with a variable that says so.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use mainspring::fs::{self, File};
use mainspring::{Outcome, op};

use crate::support::{on_each_kind, poll_once};

const VARIABLE: &str = "MAINSPRING_FS_CHILD";
/// A user who may do nothing, on most systems.
const NOBODY: u32 = 65534;

/// Whether this process is the child of `test`.
fn is_child(test: &str) -> bool {
    std::env::var(VARIABLE).is_ok_and(|name| name == test)
}

fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(VARIABLE, test).stdin(Stdio::null());
    command
}

#[test]
fn what_is_not_permitted_is_said_so() {
    let test = "child::what_is_not_permitted_is_said_so";
    if !is_child(test) {
        let mut command = again(test);
        if rustix::process::geteuid().is_root() {
            // The all-powerful are refused nothing.
            command.uid(NOBODY).gid(NOBODY);
        }
        match command.status() {
            Ok(status) => assert!(status.success(), "{status}"),
            Err(error) => eprintln!("skipped: another user cannot run this binary: {error}"),
        }
        return;
    }
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        let refused = |error: std::io::Error| {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("Permission denied"), "{error}");
        };
        refused(File::open(&path).await.unwrap_err());
        refused(fs::read(&path).await.unwrap_err());
        refused(fs::write(&path, "never").await.unwrap_err());
        let closed = place.join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::write(closed.join("file"), "").unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        refused(fs::metadata(closed.join("file")).await.unwrap_err());
        refused(fs::remove_file(closed.join("file")).await.unwrap_err());
        refused(fs::rename(closed.join("file"), place.join("x")).await.unwrap_err());
        refused(fs::create_dir(closed.join("x")).await.unwrap_err());
        refused(fs::read_dir(&closed).await.unwrap_err());
        assert!(fs::try_exists(closed.join("file")).await.is_err(), "nobody knows");
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    });
}

/// Clause C11: what waits for a thread of the pool and is given up is never begun.
#[test]
fn c11_what_waits_for_the_pool_can_be_cancelled() {
    let test = "child::c11_what_waits_for_the_pool_can_be_cancelled";
    if !is_child(test) {
        let status = again(test).env("BLOCKING_MAX_THREADS", "1").status().unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    on_each_kind(|kind, place| async move {
        if crate::support::is_native(kind) {
            return;
        }
        let (path, fifo) = (place.file("file", "text"), place.fifo("fifo"));
        let mut options = File::options();
        // Keeps the only thread waiting for a writer.
        let mut opening = options.read(true).prepare(&fifo).into_future();
        assert!(poll_once(&mut opening).await.is_pending());
        let mut cancelled = op::unlink(&path).into_future();
        assert!(poll_once(&mut cancelled).await.is_pending());
        let cancelled = cancelled.cancel();
        let mut dropped = op::unlink(&path).into_future();
        assert!(poll_once(&mut dropped).await.is_pending());
        drop(dropped);
        let both_ends = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
        opening.await.unwrap();
        drop(both_ends);
        match cancelled.await {
            Outcome::Cancelled(()) => {}
            Outcome::Completed(removed) => panic!("it was given up before: {removed:?}"),
        }
        // Behind both in the pool's queue.
        assert!(fs::metadata(&path).await.unwrap().is_file());
    });
}
