//! `mainspring serve`: the files below a directory, over HTTP/1.1.
//!
//! hyper speaks HTTP, Mainspring's drivers do the waiting, and files are read on a pool of threads.
//! Each core has a driver, a listener and connections of its own.

mod accept;
mod alarm;
mod beneath;
mod body;
mod conditions;
mod connection;
mod core;
mod drain;
mod flight;
mod limits;
mod listen;
mod listing;
mod path;
mod range;
mod reading;
mod request;
mod shelf;
mod socket;
mod statistics;
mod watch;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mainspring::rt::per_core_with;
use mainspring::{Builder, Chosen, Kind};

use crate::arguments::Serve;
use crate::console;

use self::beneath::Root;
use self::core::{Plan, Start, run_core};
use self::listen::Listeners;
use self::request::Files;
use self::statistics::Summary;
use self::watch::Patience;

/// How long a client may take to close its side of a connection after ours was shut, so that what
/// it still sends meets no reset: long enough for a few lost packets to be sent again.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// The same when the whole server waits for it to end, unless somebody has said how long: three
/// round trips to the other side of the earth, and two seconds for a client that is busy. One that
/// is given less finds its last request refused by a reset and not by a clean end.
const LAST_CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// Serves until a signal ends it.
///
/// # Errors
///
/// Why it could not begin, in words, with the remedy.
pub fn run(arguments: &Serve) -> io::Result<ExitCode> {
    limits::raise_descriptors();
    let began = Instant::now();
    let root = open_root(&arguments.directory)?;
    let addresses = listen::addresses(&arguments.addr)?;
    let builder = Builder::new().choice(arguments.backend.clone());
    // Before the address is bound: an error must not look like a server that came and went.
    let mut driver = builder.build()?;
    let chosen = driver.handle().backend().clone();
    if chosen.kind() == Kind::Sim {
        let reason = "the simulator has no network to serve on: choose another --backend";
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    let listeners = listen::bind(&addresses, arguments.cores)?;
    let greeting = greeting(&listeners, &chosen, arguments);
    let plan = Plan {
        files: Files { root: Arc::new(root), hidden: arguments.hidden },
        patience: Patience {
            header: arguments.header_timeout,
            idle: arguments.idle_timeout,
            write: arguments.write_timeout,
            close: arguments.close_timeout.unwrap_or(CLOSE_PATIENCE),
            last_close: arguments.close_timeout.unwrap_or(LAST_CLOSE_PATIENCE),
        },
        drain: arguments.drain,
        greeting,
        start: Start::of(listeners.each.len()),
    };
    let summary = if arguments.cores == 1 {
        let mut each = listeners.each.into_iter();
        let listener = each.next().ok_or_else(no_listener)?;
        driver.block_on(run_core(&plan, listener, 0))?
    } else {
        drop(driver);
        on_cores(&builder, plan, listeners)?
    };
    console::say(&summary.line(began.elapsed()));
    Ok(if summary.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs a core on a thread each, and waits for all.
fn on_cores(builder: &Builder, plan: Plan, listeners: Listeners) -> io::Result<Summary> {
    let count = listeners.each.len();
    let each = listeners.each.into_iter().map(Some).collect();
    let shared = Arc::new((plan, Mutex::<Vec<_>>::new(each)));
    let cores = per_core_with(builder, count, move |core| {
        let shared = Arc::clone(&shared);
        async move {
            let (plan, listeners) = &*shared;
            let taken = {
                let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
                listeners.get_mut(core.index()).and_then(Option::take)
            };
            Ok(run_core(plan, taken.ok_or_else(no_listener)?, core.index()).await)
        }
    })?;
    let mut sum = Summary::default();
    for result in cores.join() {
        // A core that panicked, or whose driver failed, has no counts to add.
        sum += result.map_err(io::Error::other).and_then(|summary| summary)?;
    }
    Ok(sum)
}

fn no_listener() -> io::Error {
    io::Error::other("a core has no listener; this is a mistake in the server")
}

fn open_root(path: &Path) -> io::Result<Root> {
    Root::open(path).map_err(|errno| {
        let error = io::Error::from(errno);
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "there is no such directory: check the path",
            io::ErrorKind::NotADirectory => "that is no directory: name the one it lies in",
            io::ErrorKind::PermissionDenied => "this user may not read it",
            _ => "name a directory that can be read",
        };
        io::Error::new(error.kind(), format!("cannot serve {} ({error}): {remedy}", path.display()))
    })
}

/// The line that says what is served where, and how.
fn greeting(listeners: &Listeners, chosen: &Chosen, arguments: &Serve) -> String {
    let directory = arguments.directory.canonicalize();
    let directory = directory.as_deref().unwrap_or(&arguments.directory);
    let cores = if arguments.cores == 1 { "core" } else { "cores" };
    format!(
        "serving {} on http://{}/ with {} ({}) on {} {cores}; Ctrl-C ends it",
        directory.display(),
        listeners.address,
        chosen.kind(),
        chosen.reason(),
        arguments.cores,
    )
}
