//! The network types against real sockets and, with the feature `sim`, simulated ones.

mod auto_traits;
mod both_ways;
mod operations;
mod operations_on_unix;
mod support;
mod tcp;
mod tcp_limits;
mod tcp_options;
mod tcp_traits;
mod tcp_waiting;
mod udp;
#[cfg(feature = "tokio")]
mod under_tokio;
mod unix_datagram;
mod unix_descriptors;
mod unix_limits;
mod unix_stream;
