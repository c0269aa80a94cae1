//! What only a machine's kernel has: signals, urgent data, pipes, files.

pub(crate) mod changes;
#[cfg(unix)]
pub(crate) mod kinds_of_source;
#[cfg(unix)]
pub(crate) mod signals;
pub(crate) mod urgent;
