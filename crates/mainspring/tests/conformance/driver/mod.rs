//! The clauses through [`Driver`](mainspring::Driver): registrations, wakers, unparks, the end.

pub(crate) mod arming;
pub(crate) mod clearing;
pub(crate) mod sharing;
pub(crate) mod shutdown;
pub(crate) mod slots;
pub(crate) mod turns;
pub(crate) mod unparks;
