//! The filter: three numbers of system calls, each answered with the error.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use super::Errno;

/// `io_uring_setup`, `io_uring_enter` and `io_uring_register`: added after the kernel had agreed
/// on one number for all architectures.
const URING: [i64; 3] = [425, 426, 427];

pub(crate) fn install(errno: Errno) -> io::Result<()> {
    seccompiler::apply_filter(&program(errno)?).map_err(refused)
}

/// Calls of another architecture, which would have other numbers, end the process: seccompiler
/// puts that check first.
fn program(errno: Errno) -> io::Result<BpfProgram> {
    let target = TargetArch::try_from(ARCH).map_err(refused)?;
    // A number without further conditions always matches.
    let rules: BTreeMap<_, _> = URING.into_iter().map(|number| (number, Vec::new())).collect();
    let answer = SeccompAction::Errno(u32::from(errno.0));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, target);
    filter.and_then(BpfProgram::try_from).map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("io_uring cannot be hidden on this machine ({ARCH}): {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_asks_for_the_architecture_first() {
        let program = program(Errno::EPERM).unwrap();
        // It is four bytes into what the kernel shows the filter (`struct seccomp_data`).
        assert_eq!(program[0].k, 4);
    }
}
