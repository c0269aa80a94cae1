//! What the kernel answers behind the filter.
#![cfg(target_os = "linux")]

use std::io;
use std::process::{Command, Output};
use std::ptr::null;
use std::thread;

use without_uring::{Errno, hide};

/// The errors of the three calls, made with arguments that are wrong for each.
fn answers() -> [Option<i32>; 3] {
    let nowhere = null::<u8>();
    [425, 426, 427].map(|number| {
        // SAFETY: `setup` is given no place to write to, and the other two a descriptor that is
        // never open; so the kernel touches no memory of ours, whatever it says.
        let answer = unsafe { libc::syscall(number, -1, nowhere, 0, 0, nowhere, 0) };
        (answer == -1).then(|| io::Error::last_os_error().raw_os_error()).flatten()
    })
}

/// On a thread of its own, which may do to itself what cannot be undone.
fn aside<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(body).join().expect("the thread's assertions hold")
}

#[test]
fn all_three_calls_answer_with_the_error_of_choice() {
    for errno in ["EPERM", "ENOSYS", "77"].map(|name| name.parse::<Errno>().expect("an error")) {
        aside(move || {
            hide(errno).expect("a kernel with filters");
            assert_eq!(answers(), [Some(errno.number()); 3]);
        });
    }
}

#[test]
fn only_the_thread_and_what_it_starts_are_concerned() {
    let before = answers();
    aside(move || {
        hide("77".parse().expect("an error")).expect("a kernel with filters");
        assert_eq!(aside(answers), [Some(77); 3]);
    });
    assert_eq!(answers(), before);
}

#[test]
fn every_other_call_passes() {
    aside(|| {
        hide(Errno::EPERM).expect("a kernel with filters");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("sockets work");
        let address = listener.local_addr().expect("an address");
        std::net::TcpStream::connect(address).expect("connections work");
        assert!(Command::new("true").status().expect("programs start").success());
    });
}

fn launch(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_without-uring")).args(args).output().expect("it starts")
}

#[test]
fn the_program_takes_the_launchers_place_behind_the_filter() {
    let output =
        launch(&["ENOSYS", "sed", "-n", "/Seccomp:/p;/NoNewPrivs:/p", "/proc/self/status"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Seccomp:\t2") && said.contains("NoNewPrivs:\t1"), "{said}");
    assert_eq!(launch(&["EPERM", "sh", "-c", "exit 7"]).status.code(), Some(7));
}

#[test]
fn what_cannot_be_done_is_said() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "ERRNO COMMAND"),
        (&["EPERM"], "ERRNO COMMAND"),
        (&["EGAD", "true"], "EGAD"),
        (&["EPERM", "/no/such/program"], "/no/such/program"),
    ];
    for (args, word) in cases {
        let output = launch(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(126), "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
    }
}
