//! Unix: descriptors, and the calls of each mechanism.

pub(crate) mod address;
pub(crate) mod affinity;
pub(crate) mod child;
pub(crate) mod copy;
pub(crate) mod credentials;
pub(crate) mod descriptor;
#[cfg(target_os = "linux")]
pub(crate) mod epoll;
pub(crate) mod file;
#[cfg(target_os = "linux")]
pub(crate) mod fork;
pub(crate) mod header;
pub(crate) mod huge_pages;
pub(crate) mod inspect;
pub(crate) mod message;
pub(crate) mod notifier;
pub(crate) mod path;
pub(crate) mod pieces;
pub(crate) mod poll;
pub(crate) mod reuse_port;
pub(crate) mod signal;
pub(crate) mod socket;
mod source;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod splice;
pub(crate) mod stat;
#[cfg(target_os = "linux")]
pub(crate) mod uring;

pub use source::AsSource;
pub(crate) use source::{BorrowedSource, raw_source};
pub use stat::{FileType, Metadata};
