//! What is known of one descriptor, in sixteen bytes.
//!
//! ```text
//!  31    29   28     27     26    25 24     23 22      20 19                       0
//! ┌────────┬────────┬────────┬───────┬─────────┬──────────┬──────────────────────────┐
//! │ 0      │ proven │ listed │ phase │ trigger │ interest │ arm                      │
//! └────────┴────────┴────────┴───────┴─────────┴──────────┴──────────────────────────┘
//! ```
//!
//! - **arm** counts the requests made for this number, modulo 2^20, across owners: a completion of
//!   an earlier one is told by it;
//! - **phase**: whose move it is;
//! - **listed**: the descriptor is in the list of those to be armed;
//! - **proven**: a request for it has outlived a completion, so its file can be polled.
//!
//! Beside the word stand the token, and a fingerprint of the file (0 if none was taken).

use std::os::fd::RawFd;

use crate::interest::Interest;
use crate::token::Token;
use crate::trigger::Trigger;

use super::key::{ARM_BITS, Key};

const ARM_MASK: u32 = (1 << ARM_BITS) - 1;
const INTEREST_SHIFT: u32 = 20;
const INTEREST_MASK: u32 = 7 << INTEREST_SHIFT;
const TRIGGER_SHIFT: u32 = 23;
const TRIGGER_MASK: u32 = 3 << TRIGGER_SHIFT;
const PHASE_SHIFT: u32 = 25;
const PHASE_MASK: u32 = 3 << PHASE_SHIFT;
const LISTED: u32 = 1 << 27;
const PROVEN: u32 = 1 << 28;

const _: () = assert!(ARM_BITS == INTEREST_SHIFT);
const _: () = assert!(size_of::<Watch>() == 16);

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody's: the number is not watched.
    Free = 0,
    /// The next turn's: a request is to be made.
    Waiting = 1,
    /// The kernel's: it has a request.
    Armed = 2,
    /// The owner's: a single report was given.
    Spent = 3,
}

/// One descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    token: u64,
    fingerprint: u32,
    word: u32,
}

impl Watch {
    /// A number that was never watched.
    pub(super) const FREE: Watch = Watch { token: 0, fingerprint: 0, word: 0 };

    pub(super) fn token(&self) -> Token {
        Token(self.token)
    }

    /// Whether it is watched under `token`.
    pub(super) fn is_of(&self, token: Token) -> bool {
        self.phase() != Phase::Free && self.token == token.0
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.word & PHASE_MASK) >> PHASE_SHIFT {
            0 => Phase::Free,
            1 => Phase::Waiting,
            2 => Phase::Armed,
            _ => Phase::Spent,
        }
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.word = self.word & !PHASE_MASK | (phase as u32) << PHASE_SHIFT;
    }

    /// The file it was, if `fstat` was asked.
    pub(super) fn fingerprint(&self) -> Option<u32> {
        (self.fingerprint != 0).then_some(self.fingerprint)
    }

    pub(super) fn interest(&self) -> Interest {
        let bits = (self.word & INTEREST_MASK) >> INTEREST_SHIFT;
        Interest::from_bits(bits as u8).unwrap_or(Interest::READABLE)
    }

    pub(super) fn trigger(&self) -> Trigger {
        match (self.word & TRIGGER_MASK) >> TRIGGER_SHIFT {
            0 => Trigger::Edge,
            1 => Trigger::Level,
            _ => Trigger::OneShot,
        }
    }

    /// The number of the present or last request.
    pub(super) fn arm_number(&self) -> u32 {
        self.word & ARM_MASK
    }

    /// What the present or last request is known by.
    pub(super) fn key(&self, descriptor: RawFd) -> Key {
        Key::Watch { descriptor, arm: self.arm_number() }
    }

    /// A new owner, or another wish of the present one.
    pub(super) fn begin(
        &mut self,
        token: Token,
        interest: Interest,
        trigger: Trigger,
        fingerprint: Option<u32>,
    ) {
        let trigger = match trigger {
            Trigger::Edge => 0,
            Trigger::Level => 1,
            Trigger::OneShot => 2,
        };
        let kept = self.word & (ARM_MASK | LISTED);
        let wish = u32::from(interest.bits()) << INTEREST_SHIFT | trigger << TRIGGER_SHIFT;
        self.word = kept | wish;
        self.set_phase(Phase::Waiting);
        self.token = token.0;
        self.fingerprint = fingerprint.unwrap_or(0);
    }

    /// A request is made, with the next number.
    pub(super) fn arm(&mut self) {
        self.word = self.word & !ARM_MASK | self.word.wrapping_add(1) & ARM_MASK;
        self.set_phase(Phase::Armed);
    }

    /// The request has ended, or will: nothing it says counts any more.
    pub(super) fn disarm(&mut self) {
        self.set_phase(Phase::Spent);
    }

    /// The number is not watched any more.
    pub(super) fn end(&mut self) {
        self.word &= ARM_MASK | LISTED;
        self.token = 0;
        self.fingerprint = 0;
    }

    fn has(&self, flag: u32) -> bool {
        self.word & flag != 0
    }

    fn set(&mut self, flag: u32, on: bool) {
        self.word = if on { self.word | flag } else { self.word & !flag };
    }

    pub(super) fn is_listed(&self) -> bool {
        self.has(LISTED)
    }

    pub(super) fn set_listed(&mut self, listed: bool) {
        self.set(LISTED, listed);
    }

    pub(super) fn is_proven(&self) -> bool {
        self.has(PROVEN)
    }

    pub(super) fn set_proven(&mut self, proven: bool) {
        self.set(PROVEN, proven);
    }
}
