//! Ways to refuse io_uring to one program, without disturbing any other.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use without_uring::{Errno, hide};

/// A user without any right, on nearly every system.
const NOBODY: u32 = 65534;

/// How a program is run.
#[derive(Clone, Debug)]
pub enum Condition {
    AsItIs,
    Filtered(Errno),
    Unprivileged(Nobody),
    NoLockedMemory(Nobody),
}

/// Who a program is run as: `nobody` if we may choose that, and else whoever we are.
#[derive(Clone, Copy, Debug)]
pub struct Nobody(Option<u32>);

impl Nobody {
    pub fn or_ourselves() -> Nobody {
        Nobody(rustix::process::geteuid().is_root().then_some(NOBODY))
    }

    fn becomes(self, command: &mut Command) {
        if let Nobody(Some(id)) = self {
            // The standard library leaves the supplementary groups, too.
            command.uid(id).gid(id);
        }
    }
}

impl Condition {
    /// Runs a program to its end. `backends` is what Auto obeys.
    pub fn run(&self, program: &Path, arguments: &[&str], backends: Option<&str>) -> Output {
        let mut command = match self {
            Condition::NoLockedMemory(_) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "ulimit -l 0 && exec \"$0\" \"$@\""]).arg(program);
                shell
            }
            _ => Command::new(program),
        };
        command.args(arguments).stdin(Stdio::null()).current_dir("/");
        command.env_remove("MAINSPRING_BACKEND").env_remove("MAINSPRING_URING_WITHOUT");
        if let Some(backends) = backends {
            command.env("MAINSPRING_BACKEND", backends);
        }
        match *self {
            Condition::AsItIs => {}
            Condition::Unprivileged(who) | Condition::NoLockedMemory(who) => {
                who.becomes(&mut command);
            }
            Condition::Filtered(errno) => {
                return filtered(errno, move || command.output().unwrap());
            }
        }
        command.output().unwrap()
    }
}

/// On a thread that has the filter, and so have the programs it starts; it ends with the thread.
pub fn filtered<T: Send + 'static>(errno: Errno, body: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        hide(errno).unwrap();
        body()
    });
    thread.join().unwrap()
}
