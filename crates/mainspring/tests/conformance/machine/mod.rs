//! What only a machine's kernel has: signals, urgent data, pipes, files.

pub(crate) mod changes;
pub(crate) mod kinds_of_source;
pub(crate) mod signals;
pub(crate) mod urgent;
