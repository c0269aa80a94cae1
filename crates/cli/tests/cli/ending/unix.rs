//! By signals.

use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use super::Ending;

/// Nothing has to be prepared.
pub fn prepare(_command: &mut Command) {}

/// Tells a server to end.
pub fn tell(child: &Child, ending: Ending) {
    let signal = match ending {
        Ending::Interrupt => Signal::INT,
        Ending::Terminate => Signal::TERM,
    };
    send(child, signal);
}

/// Sends any signal.
pub fn send(child: &Child, signal: Signal) {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(process, signal).unwrap();
}
