//! What a registration wants to hear about.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use crate::ready::{Ready, write_flags};

/// The kinds of readiness asked of the kernel; never empty.
///
/// Errors and hang-ups are always reported and cannot be asked for.
///
/// ```
/// use mainspring::Interest;
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable() && !both.is_priority());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// assert_eq!(Interest::READABLE.remove(Interest::READABLE), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Data, a connection to accept, or the end of the stream.
    pub const READABLE: Interest = Interest(1);
    /// Room to write, or the end of a connection attempt.
    pub const WRITABLE: Interest = Interest(2);
    /// Out-of-band data or another exceptional condition (`POLLPRI`).
    ///
    /// # Platforms
    ///
    /// Linux and Android: TCP urgent data, GPIO edges, cgroup notifications.
    pub const PRIORITY: Interest = Interest(4);

    /// Both interests together.
    #[must_use]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left without `other`; `None` if that is nothing.
    #[must_use]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// What is in both; `None` if that is nothing.
    #[must_use]
    pub const fn intersection(self, other: Interest) -> Option<Interest> {
        Interest::from_bits(self.0 & other.0)
    }

    /// Whether every interest in `other` is in `self`.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether [`READABLE`](Self::READABLE) is asked for.
    #[must_use]
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether [`WRITABLE`](Self::WRITABLE) is asked for.
    #[must_use]
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Whether [`PRIORITY`](Self::PRIORITY) is asked for.
    #[must_use]
    #[inline]
    pub const fn is_priority(self) -> bool {
        self.0 & Self::PRIORITY.0 != 0
    }

    /// Every readiness that satisfies this interest: a waiter for reading is also woken by the
    /// end of the stream and by an error, because its next call will not block.
    #[must_use]
    #[inline]
    pub const fn mask(self) -> Ready {
        MASKS[(self.0 & 7) as usize]
    }

    /// The interest as bits, for packing; never zero.
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The interest packed in `bits`; `None` if that is nothing.
    pub(crate) const fn from_bits(bits: u8) -> Option<Interest> {
        match bits & 7 {
            0 => None,
            kept => Some(Interest(kept)),
        }
    }
}

/// The masks of all interests, by their bits: every call on a source asks for one.
const MASKS: [Ready; 8] = {
    let mut masks = [Ready::EMPTY; 8];
    let mut bits = 1;
    while bits < 8 {
        let interest = Interest(bits as u8);
        let mut mask = Ready::ERROR;
        if interest.is_readable() {
            mask = mask.add(Ready::READABLE).add(Ready::READ_CLOSED);
        }
        if interest.is_writable() {
            mask = mask.add(Ready::WRITABLE).add(Ready::WRITE_CLOSED);
        }
        if interest.is_priority() {
            mask = mask.add(Ready::PRIORITY).add(Ready::READ_CLOSED);
        }
        masks[bits] = mask;
        bits += 1;
    }
    masks
};

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(1, "READABLE"), (2, "WRITABLE"), (4, "PRIORITY")];
        write_flags(f, u32::from(self.0), &names)
    }
}
