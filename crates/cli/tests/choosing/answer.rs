//! What the kernel itself answers to a program that asks for a ring.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use crate::condition::Condition;
use crate::program::Program;

/// Entries of the ring that is asked for: as many as those of the library, since locked memory is
/// counted by the page.
const ENTRIES: u32 = 32;
/// `struct io_uring_params`, in words: all zero asks for a ring without any setting.
const PARAMETERS: usize = 30;

/// What the line of the answer begins with.
const MARK: &str = "the kernel's answer: ";

/// The error of `io_uring_setup` under a condition; `None` if there is a ring to be had.
pub fn ask(program: &Program, condition: &Condition) -> Option<i32> {
    let arguments = ["--exact", "answer::is_printed", "--nocapture"];
    let output = condition.run(&program.asker, &arguments, None);
    let said = String::from_utf8_lossy(&output.stdout);
    let answer = said.lines().find_map(|line| Some(line.split_once(MARK)?.1));
    let number: i32 = answer.unwrap_or_else(|| panic!("no answer: {output:?}")).parse().unwrap();
    (number != 0).then_some(number)
}

/// The other half of [`ask`]: it has nothing to prove, and its line is read.
#[test]
fn is_printed() {
    let mut parameters = [0_u32; PARAMETERS];
    // SAFETY: the parameters are as large as the kernel's structure and outlive the call.
    let result =
        unsafe { libc::syscall(libc::SYS_io_uring_setup, ENTRIES, parameters.as_mut_ptr()) };
    let error = match RawFd::try_from(result) {
        Ok(-1) | Err(_) => io::Error::last_os_error().raw_os_error().unwrap(),
        Ok(descriptor) => {
            // SAFETY: the kernel just made it, and nobody else knows its number.
            drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
            0
        }
    };
    println!("\n{MARK}{error}");
}
