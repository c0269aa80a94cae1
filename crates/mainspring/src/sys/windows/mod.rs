//! Windows: sockets, the completion port, and the driver behind all sockets.

pub(crate) mod address;
pub(crate) mod afd;
pub(crate) mod affinity;
pub(crate) mod console;
pub(crate) mod console_input;
pub(crate) mod copy;
pub(crate) mod file;
pub(crate) mod file_handle;
pub(crate) mod handle;
pub(crate) mod header;
pub(crate) mod huge_pages;
pub(crate) mod inspect;
pub(crate) mod message;
pub(crate) mod notifications;
pub(crate) mod notifier;
pub(crate) mod overlapped;
pub(crate) mod path;
pub(crate) mod pieces;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod port;
pub(crate) mod reuse_port;
pub(crate) mod socket;
mod source;
pub(crate) mod stat;
pub(crate) mod wait_packet;
pub(crate) mod waitable;

pub use source::AsSource;
pub(crate) use source::{BorrowedSource, raw_source};
pub use stat::{FileType, Metadata};
