//! `without-uring ERRNO COMMAND [ARGUMENT]…`: the command, as on a machine that refuses io_uring.
//!
//! ```text
//! cargo run --package without-uring -- ENOSYS cargo test --package mainspring
//! ```

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode};

use without_uring::{Errno, hide};

/// What shells give when a command cannot be started, so that it is not taken for its own status.
const NOT_STARTED: u8 = 126;

fn main() -> ExitCode {
    let Err(error) = run(env::args_os().skip(1).collect());
    eprintln!("without-uring: {error}");
    ExitCode::from(NOT_STARTED)
}

/// Comes back only with an error: the command takes the place of this program.
fn run(args: Vec<OsString>) -> io::Result<std::convert::Infallible> {
    let [errno, command, args @ ..] = args.as_slice() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "without-uring ERRNO COMMAND [ARGUMENT]…, where ERRNO is ENOSYS, EPERM or a number",
        ));
    };
    let errno: Errno = errno.to_string_lossy().parse()?;
    hide(errno)?;
    let error = replace(Command::new(command).args(args));
    Err(io::Error::new(error.kind(), format!("{}: {error}", command.to_string_lossy())))
}

#[cfg(unix)]
fn replace(command: &mut Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

#[cfg(not(unix))]
fn replace(_command: &mut Command) -> io::Error {
    io::Error::from(io::ErrorKind::Unsupported)
}
