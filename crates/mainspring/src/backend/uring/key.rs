//! What a request is known by to the kernel, and comes back with.
//!
//! ```text
//!  63 62 61          52 51                 32 31                              0
//! ┌─────┬──────────────┬─────────────────────┬─────────────────────────────────┐
//! │ tag │ 0            │ arm                 │ descriptor                      │  a watch
//! ├─────┼──────────────┴─────────────────────┴─────────────────────────────────┤
//! │ tag │ generation and index                                                 │  an operation,
//! │     │                                                                      │  or its cancel
//! ├─────┼──────────────────────────────────────────────────────────────────────┤
//! │ tag │ which of ours                                                        │  internal
//! └─────┴──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A descriptor is watched by one request at a time, and each has the next number of its arms. So
//! what an older one still says is told from the present: 2^20 of them would have to be begun while
//! a completion of the first lies unread, and a turn begins one at the most.

use std::os::fd::RawFd;

use crate::token::Token;

const TAG_SHIFT: u32 = 62;
const TAG_OPERATION: u64 = 0;
const TAG_WATCH: u64 = 1;
const TAG_INTERNAL: u64 = 2;
const TAG_CANCEL: u64 = 3;
const PAYLOAD: u64 = (1 << TAG_SHIFT) - 1;
const ARM_SHIFT: u32 = 32;
/// Bits of the number of a watch's arms.
pub(super) const ARM_BITS: u32 = 20;
const ARM_MASK: u32 = (1 << ARM_BITS) - 1;

const _: () = assert!(ARM_SHIFT + ARM_BITS <= TAG_SHIFT);

/// Whose completion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A watch over a descriptor, in its so many-th arm.
    Watch { descriptor: RawFd, arm: u32 },
    /// An operation of the layer above.
    Operation(Token),
    /// The descriptor that wakes.
    Wake,
    /// The cancel of an operation.
    CancelOf(Token),
    /// Another cancel, or a close; that one failed is told by what it was about, or by nobody.
    Cancel,
}

impl Key {
    /// The 64 bits.
    #[inline]
    pub(super) fn pack(self) -> u64 {
        match self {
            Key::Watch { descriptor, arm } => {
                let arm = u64::from(arm & ARM_MASK) << ARM_SHIFT;
                TAG_WATCH << TAG_SHIFT | arm | u64::from(descriptor.unsigned_abs())
            }
            Key::Operation(token) => TAG_OPERATION << TAG_SHIFT | token.0 & PAYLOAD,
            Key::CancelOf(token) => TAG_CANCEL << TAG_SHIFT | token.0 & PAYLOAD,
            Key::Wake => TAG_INTERNAL << TAG_SHIFT,
            Key::Cancel => TAG_INTERNAL << TAG_SHIFT | 1,
        }
    }

    /// What [`pack`](Self::pack) made of it.
    #[inline]
    pub(super) fn unpack(bits: u64) -> Key {
        match bits >> TAG_SHIFT {
            TAG_OPERATION => Key::Operation(Token(bits & PAYLOAD)),
            TAG_CANCEL => Key::CancelOf(Token(bits & PAYLOAD)),
            TAG_WATCH => Key::Watch {
                descriptor: (bits & u64::from(u32::MAX)) as RawFd,
                arm: (bits >> ARM_SHIFT) as u32 & ARM_MASK,
            },
            _ if bits & PAYLOAD == 0 => Key::Wake,
            _ => Key::Cancel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_as_it_went() {
        let arm_max = (1 << ARM_BITS) - 1;
        for key in [
            Key::Watch { descriptor: 0, arm: 0 },
            Key::Watch { descriptor: i32::MAX, arm: arm_max },
            Key::Operation(Token(0)),
            Key::Operation(Token(PAYLOAD)),
            Key::CancelOf(Token(PAYLOAD)),
            Key::Wake,
            Key::Cancel,
        ] {
            assert_eq!(Key::unpack(key.pack()), key);
        }
        let round = Key::Watch { descriptor: 7, arm: 1 << ARM_BITS };
        assert_eq!(Key::unpack(round.pack()), Key::Watch { descriptor: 7, arm: 0 });
    }
}
