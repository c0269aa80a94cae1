//! The backends, and the one enum that stands for whichever was chosen.

pub(crate) mod contract;
#[cfg(feature = "sim")]
pub(crate) mod sim;
