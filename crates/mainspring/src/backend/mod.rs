//! The backends, and the one enum that stands for whichever was chosen.

pub(crate) mod contract;
