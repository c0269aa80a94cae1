//! The network types against real sockets and, with the feature `sim`, simulated ones.

mod both_ways;
mod support;
mod udp;
mod unix_datagram;
mod unix_descriptors;
mod unix_limits;
mod unix_stream;
