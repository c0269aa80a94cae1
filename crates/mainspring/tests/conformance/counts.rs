//! What the library counted, in builds that count.

use std::fmt::Debug;

/// Whether the library counts; without its feature `metrics` every counter is zero.
pub(crate) const COUNTS: bool = cfg!(feature = "metrics");

/// A counter has this value, in a build that counts.
#[track_caller]
pub(crate) fn counted<T: PartialEq + Debug>(count: T, expected: T) {
    if COUNTS {
        assert_eq!(count, expected, "counted");
    }
}
