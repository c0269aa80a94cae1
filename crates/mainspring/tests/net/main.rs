//! The network types against real sockets and, with the feature `sim`, simulated ones.

#[cfg(unix)]
mod auto_traits;
mod both_ways;
mod datagram_operations;
#[cfg(unix)]
mod direct;
mod each_operation;
#[cfg(windows)]
mod handles;
#[cfg(unix)]
mod leaving;
mod multishot;
#[cfg(windows)]
mod named_pipes;
mod operations;
#[cfg(unix)]
mod operations_on_unix;
mod support;
#[cfg_attr(windows, allow(dead_code, unused_imports, reason = "some tests are for Unix alone"))]
mod tcp;
#[cfg(unix)]
mod tcp_limits;
#[cfg(unix)]
mod tcp_options;
mod tcp_traits;
mod tcp_waiting;
#[cfg_attr(windows, allow(dead_code, unused_imports, reason = "some tests are for Unix alone"))]
mod udp;
#[cfg(feature = "tokio")]
mod under_tokio;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_descriptors;
#[cfg(unix)]
mod unix_limits;
#[cfg(windows)]
mod unix_on_windows;
#[cfg(unix)]
mod unix_stream;
#[cfg(windows)]
mod waitables;
