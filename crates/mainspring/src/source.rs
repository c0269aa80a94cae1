//! What a registration names to the kernel.

/// The number a backend knows a source by: a descriptor on Unix, a socket in the simulator.
///
/// It is a number and not a borrow: the kernel checks it at each call (`EBADF`), and a
/// registration must be able to name what it registered after the owner closed it (clause C5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RawSource(pub(crate) u64);
