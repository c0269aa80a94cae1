//! What the kernel said about a source, in the same words on every backend (clause C9).

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// A set of readiness bits; may be empty.
///
/// `READ_CLOSED` and `WRITE_CLOSED` are final: once reported for a registration they stay, unless
/// a call then says `WouldBlock`, because somebody opened the other end of a FIFO again. A reset
/// shows as `ERROR` together with both closed bits, a clean end of file as `READ_CLOSED`
/// alone, so the two are never confused.
///
/// ```
/// use mainspring::Ready;
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed());
/// assert!(!ready.is_writable() && !ready.is_error());
/// assert_eq!(format!("{ready:?}"), "READABLE | READ_CLOSED");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read will not block.
    pub const READABLE: Ready = Ready(1);
    /// A write will not block.
    pub const WRITABLE: Ready = Ready(2);
    /// The peer will send no more, or the read side is shut.
    pub const READ_CLOSED: Ready = Ready(4);
    /// The peer will take no more, or the write side is shut.
    pub const WRITE_CLOSED: Ready = Ready(8);
    /// Out-of-band data or another exceptional condition.
    pub const PRIORITY: Ready = Ready(16);
    /// An error is pending: the next call on the source says which.
    pub const ERROR: Ready = Ready(32);
    /// Every bit.
    pub const ALL: Ready = Ready(63);
    /// The bits that are final.
    pub(crate) const CLOSED: Ready = Ready(4 | 8);

    /// Both sets together.
    #[must_use]
    #[inline]
    pub const fn add(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every bit of `other` is in `self`.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Ready) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is in `self`.
    #[must_use]
    #[inline]
    pub const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a read will not block: data, or the end of the stream.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.intersects(Ready(1 | 4))
    }

    /// Whether a write will not block: room, or a closed peer.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.intersects(Ready(2 | 8))
    }

    /// Whether the read side has ended.
    #[must_use]
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Self::READ_CLOSED)
    }

    /// Whether the write side has ended.
    #[must_use]
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Self::WRITE_CLOSED)
    }

    /// Whether an exceptional condition was reported.
    #[must_use]
    #[inline]
    pub const fn is_priority(self) -> bool {
        self.intersects(Self::PRIORITY)
    }

    /// Whether an error is pending.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.intersects(Self::ERROR)
    }

    /// The set as bits, for packing.
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The set packed in the low six bits of `bits`.
    #[inline]
    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & 63)
    }
}

impl BitOr for Ready {
    type Output = Ready;

    #[inline]
    fn bitor(self, other: Ready) -> Ready {
        self.add(other)
    }
}

impl BitOrAssign for Ready {
    #[inline]
    fn bitor_assign(&mut self, other: Ready) {
        *self = self.add(other);
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    #[inline]
    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    #[inline]
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (1, "READABLE"),
            (2, "WRITABLE"),
            (4, "READ_CLOSED"),
            (8, "WRITE_CLOSED"),
            (16, "PRIORITY"),
            (32, "ERROR"),
        ];
        write_flags(f, u32::from(self.0), &names)
    }
}

/// Writes the names of the set bits, joined by ` | `; shared by the flag types of this crate.
pub(crate) fn write_flags(
    f: &mut fmt::Formatter<'_>,
    bits: u32,
    names: &[(u32, &str)],
) -> fmt::Result {
    let mut first = true;
    for (bit, name) in names {
        if bits & bit != 0 {
            if !first {
                f.write_str(" | ")?;
            }
            f.write_str(name)?;
            first = false;
        }
    }
    if first { f.write_str("(none)") } else { Ok(()) }
}
