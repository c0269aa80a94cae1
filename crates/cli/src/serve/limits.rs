//! The limit that a server meets first: open descriptors.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open descriptors to the hard one, and returns what holds now; `None`
/// is no limit. The soft limit of 1024 is there for programs that use `select`, which we do not.
#[cfg(unix)]
pub fn raise_descriptors() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    // Refused at worst, and then the old limit goes on to hold: the server has fewer connections.
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

/// Windows has no limit of this kind.
#[cfg(windows)]
pub fn raise_descriptors() -> Option<u64> {
    None
}
