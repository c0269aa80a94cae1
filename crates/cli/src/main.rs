//! The command line of Mainspring: a file server on its driver, and what this machine offers.
#![forbid(unsafe_code)]

mod arguments;
mod console;
mod probe;
mod serve;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use arguments::{Arguments, Command};

/// The exit status for arguments that make no sense, by custom.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to a reader that may have gone away; see `console`.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let served = match arguments.command {
        Some(Command::Probe(probe)) => return probe::run(&probe),
        Some(Command::Serve(serve)) => serve::run(&serve),
        None => serve::run(&arguments.serve),
    };
    served.unwrap_or_else(|error| {
        console::complain(&error.to_string());
        ExitCode::FAILURE
    })
}
