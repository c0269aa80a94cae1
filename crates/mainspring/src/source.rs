//! What a registration names to the kernel.

/// The number a backend knows a source by: a descriptor on Unix, a socket in the simulator.
///
/// It is a number and not a borrow: the kernel checks it at each call (`EBADF`), and a
/// registration must be able to name what it registered after the owner closed it (clause C5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawSource(pub(crate) u64);

/// Where the simulator's numbers begin: above every descriptor, so that a simulated socket given to
/// a queue of the system is refused and not taken for the descriptor of the same number, nor a
/// descriptor given to a simulated queue for a socket.
const SIMULATED_FIRST: u64 = 1 << 32;

/// Where the numbers of direct descriptors begin: above all others.
const DIRECT_FIRST: u64 = 1 << 48;

#[allow(dead_code, reason = "only backends with a table of their own make such sources")]
impl RawSource {
    /// A place in the table of direct descriptors of a queue.
    pub(crate) fn direct(slot: u32) -> RawSource {
        RawSource(DIRECT_FIRST + u64::from(slot))
    }

    /// The place in the table, if it is a direct descriptor.
    #[inline]
    pub(crate) fn slot(self) -> Option<u32> {
        self.0.checked_sub(DIRECT_FIRST).map(|slot| slot as u32)
    }
}

#[allow(dead_code, reason = "only the simulator makes such sources")]
impl RawSource {
    /// A socket of the simulated kernel.
    pub(crate) fn simulated(number: u32) -> RawSource {
        RawSource(SIMULATED_FIRST + u64::from(number))
    }

    /// The number the simulated kernel knows; one that it never gave out, if this is not its own.
    pub(crate) fn simulated_number(self) -> u64 {
        self.0.wrapping_sub(SIMULATED_FIRST)
    }
}

impl RawSource {
    /// The number its own kernel knows, for reports.
    pub(crate) fn number(self) -> u64 {
        if self.0 < SIMULATED_FIRST { self.0 } else { self.0 - SIMULATED_FIRST }
    }
}
