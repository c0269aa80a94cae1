//! Unix: descriptors, and the calls of each mechanism.

#[cfg(target_os = "linux")]
pub(crate) mod epoll;
mod source;

pub use source::AsSource;
pub(crate) use source::raw_source;
