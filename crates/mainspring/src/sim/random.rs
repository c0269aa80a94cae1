//! The one source of chance in a simulation.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
//! 2014): a counter with a fixed odd step, whose every value is passed through a mixing function
//! that is a bijection. It has one word of state, a period of 2^64, passes BigCrush, and accepts
//! every seed, 0 included, so neighbouring seeds give unrelated runs.

/// A seeded generator. Not for secrets.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

/// The step of the counter: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The generator of `seed`.
    pub(crate) const fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `bound`; 0 if the bound is 0.
    ///
    /// The high word of a product: uneven by less than one part in 2^64 / `bound`, which no
    /// schedule can tell.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` if they are the wrong way round.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.saturating_sub(low).checked_add(1) {
            Some(span) => low + self.below(span),
            None => self.next(),
        }
    }

    /// True once in `n` times on average; always if `n` is 0 or 1.
    pub(crate) const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A length from 1 to `whole`, for a transfer that may be cut short; 0 if there is nothing.
    pub(crate) const fn part_of(&mut self, whole: usize) -> usize {
        match whole {
            0 => 0,
            _ => 1 + self.below(whole as u64) as usize,
        }
    }
}
